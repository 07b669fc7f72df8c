"""Model and vendor names taken apart: who sells, who made it, what else a model may be called. Pure.

The one place that splits a name: prices look models up by `forms`, groups of models are made with `root`.

Tools write one model in many ways: `anthropic/claude-opus-4.6`, `us.anthropic.claude-opus-4-6-v1:0`,
`claude-opus-4-6@20260205`, `claude-opus-4-6[1m]`, `claude-4.6-opus-thinking`. `forms` lists what such a
name may stand for, from the name itself to the barest form, each step dropping only what does not change
the price.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

import msgspec

_VENDOR_SIGNS: tuple[tuple[str, str], ...] = (
    ("openrouter", "openrouter"),
    ("bedrock", "aws"),
    ("amazon", "aws"),
    ("aws", "aws"),
    ("vertex", "google"),
    ("gemini", "google"),
    ("google", "google"),
    ("azure", "azure"),
    ("copilot", "github-copilot"),
    ("groq", "groq"),
    ("cerebras", "cerebras"),
    ("anthropic", "anthropic"),
    ("claude", "anthropic"),
    ("openai", "openai"),
    ("codex", "openai"),
    ("chatgpt", "openai"),
    ("x-ai", "xai"),
    ("xai", "xai"),
    ("grok", "xai"),
    ("deepseek", "deepseek"),
    ("moonshot", "moonshotai"),
    ("kimi", "moonshotai"),
    ("mistral", "mistral"),
    ("zhipu", "zhipuai"),
    ("bigmodel", "zhipuai"),
    ("z-ai", "zai"),
    ("zai", "zai"),
    ("minimax", "minimax"),
    ("meta", "meta"),
    ("cursor", "cursor"),
)
"""Sign in an upstream's or prefix's name -> vendor of the table; the first that is found counts."""

_MAKER_SIGNS: tuple[tuple[str, str], ...] = (
    (r"(?:^|[./])claude", "anthropic"),
    (r"^(?:gpt-|chatgpt|codex|o[1345](?:-|$)|computer-use)", "openai"),
    (r"^(?:gemini|gemma)", "google"),
    (r"^grok", "xai"),
    (r"^deepseek", "deepseek"),
    (r"^(?:kimi|moonshot)", "moonshotai"),
    (
        r"^(?:labs-)?(?:mistral|ministral|codestral|devstral|magistral|mixtral|pixtral|open-mistral|open-mixtral)",
        "mistral",
    ),
    (r"^glm-", "zai"),
    (r"^minimax", "minimax"),
    (r"^composer-", "cursor"),
    (r"^muse-", "meta"),
)
"""How a maker's model names begin -> vendor of the table."""
_MAKERS = tuple((re.compile(sign), vendor) for sign, vendor in _MAKER_SIGNS)

QWEN = re.compile(r"^(?:qwen|qwq|qvq|coder-model)")
"""How Qwen's model names begin: the one maker without a list in the table that tools of ours ask."""

MAKERS = frozenset(vendor for _, vendor in _MAKER_SIGNS)
"""Vendors whose list is the list price of what they make."""

SIZES_IN_WORDS = "mistral"
"""The maker whose `-medium` is a size, not how hard the model thinks."""

RESELLING_MAKERS = frozenset({"google", "cursor"})
"""Makers who also sell what others make, at prices of their own."""

LOCAL = (
    "ollama",
    "lmstudio",
    "lm-studio",
    "lm_studio",
    "llamacpp",
    "llama.cpp",
    "llama-cpp",
    "vllm",
    "mlx",
    "local",
    "oss",
)
"""Upstreams that run on one's own machine: no vendor's price is theirs."""

GENERIC = frozenset(
    "auto default unknown mini chat base large small medium pro flash max fast lite haiku sonnet opus claude"
    " gpt codex gemini grok kimi glm deepseek mistral minimax qwen composer".split()
)
"""Names that say no model: they never lead to an estimate."""

_REGION = r"(?:(?:us|eu|apac|au|jp|in|ca|sa|us-gov|global)\.)"
BEDROCK = re.compile(
    rf"^{_REGION}?(?:anthropic|amazon|meta|cohere|mistral|deepseek|openai|qwen|moonshotai|zai|nvidia|google)\.(?=[a-z])"
)
_ARN = re.compile(r"^arn:aws[\w-]*:bedrock:.*/")
_PATH_WORDS = frozenset({"models", "publishers", "projects", "locations", "accounts", "endpoints", "routers"})


class Asked(msgspec.Struct, frozen=True):
    """A model's name, taken apart."""

    name: str
    """Lower case, without what was split off."""
    full: str
    """Lower case, with every prefix."""
    seller: str | None
    """Vendor of the table that answered, as far as it is told."""
    maker: str | None
    """Vendor of the table that made the model, as far as it is told."""
    stranger: bool
    """Somebody answered whose prices are not in the table."""


def asked(model: str, upstream: str | None) -> Asked | None:
    """A reported model and upstream, taken apart; `None` for what no vendor sells."""
    name = full = model.strip().lower()
    told = upstream.lower() if upstream else ""
    if not name or name.startswith("<") or is_local(told):
        return None
    answering = vendor_of(told) if told else None
    # A maker as upstream is often a tool's default: then a seller in the model's name tells more.
    seller = answering if answering not in MAKERS else None
    prefixed: str | None = None
    stranger = bool(told) and answering is None
    if _ARN.match(name):
        name, seller = _ARN.sub("", name), seller or "aws"
    while "/" in name:
        head, _, name = name.partition("/")
        if is_local(head):
            return None
        vendor = vendor_of(head)
        if vendor is None:
            stranger = stranger or head not in _PATH_WORDS
        elif vendor in MAKERS and "vertex" not in head:
            prefixed = vendor
        else:
            seller = seller or vendor
    if BEDROCK.match(name):
        seller = seller or "aws"
    elif "@" in name and name.startswith("claude"):
        seller = seller or "google"
    maker = maker_of(BEDROCK.sub("", name)) or prefixed
    return Asked(name, full, seller or answering or prefixed, maker, stranger) if name else None


def is_local(upstream: str) -> bool:
    return upstream in LOCAL or upstream.split("-")[0] in ("ollama", "lmstudio", "vllm")


def vendor_of(upstream: str) -> str | None:
    """The table's name of a vendor, as tools and gateways spell it in lower case."""
    if "compatible" in upstream:
        return None
    return next((vendor for sign, vendor in _VENDOR_SIGNS if sign in upstream), None)


def maker_of(name: str) -> str | None:
    """Who makes the models that are called like this."""
    return next((vendor for sign, vendor in _MAKERS if sign.search(name)), None)


@lru_cache(maxsize=512)
def upstream_by_name(model: str | None) -> str | None:
    """Whom a tool asked that does not say so, spelled as upstreams are: the vendor in front of the model's
    name, else who made it; `None` when the name does not tell.

    >>> [upstream_by_name(model) for model in ("claude-sonnet-4.5", "OpenRouter/gpt-5.2", "grok-4", "mine")]
    ['anthropic', 'openrouter', 'xai', None]
    """
    if not model:
        return None
    vendor, found, _ = model.partition("/")
    if found and vendor:
        return vendor.lower()
    name = model.lower()
    maker = next((vendor for sign, vendor in _MAKERS if sign.match(name)), None)
    return maker or ("qwen" if QWEN.match(name) else None)


BRACKETS = re.compile(r"\[[^\]]*\]$")
REVISION = re.compile(r"(?:-v\d+:\d+|(?<=\db)-1:0|:\d+)$")
"""Of a model at Bedrock: `-v1:0`, and `openai.gpt-oss-120b-1:0`."""
EDITION = re.compile(r"-v\d+$")
"""The same without its end, as gateways write it. Of others it is the version: `deepseek-v3`."""
DATE = re.compile(r"[-@]20\d\d-?[01]\d-?[0-3]\d$")
STAGE = re.compile(r"(?:[-:](?:latest|preview|exp|beta)|@default|@latest)$")
EFFORT = re.compile(r"[-:](?:none|minimal|low|medium|high|xhigh|x-high)$")
THINKING = re.compile(r"[-:]thinking$")
DOT = re.compile(r"(?<=\d)\.(?=\d)")
DASH = re.compile(r"(?<=\d)-(?=\d{1,2}(?:$|[-@:]))")
_COMPACT_DATE = re.compile(r"-(20\d\d)([01]\d)([0-3]\d)$")
_SWAPPED = re.compile(r"^claude-(\d+(?:[-.]\d+)?)-(opus|sonnet|haiku)(?=$|[-@:])")


def forms(name: str) -> Iterator[str]:
    """What a lower-case name may stand for, the nearest first; the name itself is the first."""
    seen: set[str] = set()
    for bare in _stripped(name):
        for form in _spellings(bare):
            if form not in seen:
                seen.add(form)
                yield form


def barest(name: str) -> str:
    """The form by which two spellings of one model are the same, at one price."""
    *_, bare = _stripped(name.strip().lower().rpartition("/")[2])
    return DOT.sub("-", _SWAPPED.sub(r"claude-\2-\1", bare))


def _stripped(name: str) -> Iterator[str]:
    """The name, and what is left of it step by step."""
    yield name
    for step in _steps(name):
        shorter = step.sub("", name)
        if shorter != name and shorter:
            name = shorter
            yield name


def _steps(name: str) -> Iterator[re.Pattern[str]]:
    """What may be taken off a name, in this order."""
    maker = maker_of(BEDROCK.sub("", name))
    yield from (BRACKETS, BEDROCK, REVISION)
    if maker == "anthropic" or BEDROCK.match(name):
        yield EDITION
    yield from (DATE, STAGE)
    if maker != SIZES_IN_WORDS:
        yield from (EFFORT, DATE)
    if maker == "anthropic":
        yield from (THINKING, DATE)


def _spellings(name: str) -> Iterator[str]:
    yield name
    yield _COMPACT_DATE.sub(r"-\1-\2-\3", name)
    yield DOT.sub("-", name)
    yield DASH.sub(".", name)
    swapped = _SWAPPED.sub(r"claude-\2-\1", name)
    yield swapped
    yield DOT.sub("-", swapped)
    yield name + "-preview"
    yield name + "-latest"


_OTHER_KIND = frozenset(
    "fast mini nano lite pro max flash turbo air airx ultra image audio tts realtime embed embedding vision"
    " search research deep live transcribe oss batch free highspeed flashx small medium large tiny"
    " plus".split()
)
"""Words that make another model, with another price."""
_STAGES = frozenset({"v", "preview", "latest", "exp", "beta", "default"})
_ANY_DATE = re.compile(r"[-@]20\d\d-[01]\d-[0-3]\d|[-@][01]\d-[0-3]\d(?:-20\d\d)?(?![\d])")
_WORD = re.compile(r"[a-z]+|\d+")


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The listed name of another version of the same model, or `None`.

    Both must have the same words (`opus`, `codex`, `mini`) and be at most one major version apart; of several
    the nearest older version is taken, else the nearest newer one. A listed name of the same version to which
    something was added that says no other model counts too.
    """
    words, version = _parts(name)
    if len(name) < 5 or name in GENERIC or not words or not version:
        return None
    best: tuple[bool, tuple[int, ...], str] | None = None
    for other in known:
        their_words, their_version = _parts(other)
        if not their_words or not their_version or their_words != words[: len(their_words)]:
            continue
        extra = words[len(their_words) :]
        if extra and (their_version != version or not _OTHER_KIND.isdisjoint(extra)):
            continue
        if abs(their_version[0] - version[0]) > 1:
            continue
        older = their_version <= version
        rank = their_version if older else tuple(-n for n in their_version)
        if best is None or (older, rank) > best[:2]:
            best = (older, rank, other)
    return best[2] if best else None


def _parts(name: str) -> tuple[list[str], tuple[int, ...]]:
    """The words and the version number of a name; dates, sizes and stages are neither."""
    found = _WORD.findall(_ANY_DATE.sub("", name))
    words = [w for w in found if not w.isdigit() and w not in _STAGES]
    return words, tuple(int(n) for n in found if n.isdigit() and len(n) <= 2)
