"""The name of the model itself, out of any name that a tool gives it. Pure.

What is taken off says where a model was asked, when it was made or how hard it was to think, never which
model it is: gateway, region, day of the version, stage, effort, speed, size of the context. What stays is
spelled as its maker spells it: `claude-sonnet-4-5`, but `gpt-5.1`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from openusage.lineage.names import (
    BEDROCK,
    BRACKETS,
    DASH,
    DATE,
    DOT,
    EDITION,
    EFFORT,
    GENERIC,
    QWEN,
    REVISION,
    SIZES_IN_WORDS,
    STAGE,
    THINKING,
    is_local,
    maker_of,
    vendor_of,
)

_OTHER_MAKERS = tuple(
    (re.compile(sign), maker)
    for sign, maker in (
        (QWEN, "qwen"),
        (r"^(?:llama|codellama|muse-)", "meta"),
        (r"^(?:nova|titan)-", "amazon"),
        (r"^(?:phi|mai)-", "microsoft"),
        (r"^command-", "cohere"),
        (r"^sonar(?:-|$)", "perplexity"),
        (r"^nemotron-", "nvidia"),
        (r"^granite-", "ibm"),
        (r"^jamba-", "ai21"),
        (r"^mimo-", "xiaomi"),
        (r"^(?:raptor-|oswe-)", "github-copilot"),
        (r"^voxtral-", "mistral"),
        (r"^(?:davinci|babbage|text-davinci|ft:gpt)-", "openai"),
    )
)
"""Makers without a price list of their own in the table: they name a group, they price nothing."""

_ALIASES = {
    "claude-v1": "claude-1",
    "claude-v2": "claude-2",
    "claude-v2:0": "claude-2",
    "claude-v2:1": "claude-2.1",
    "gpt-4-o-preview": "gpt-4o",
    "gpt-4-1106": "gpt-4-turbo",
    "gpt-4-0125": "gpt-4-turbo",
    "opusplan": "claude-opus",
}
"""What no rule explains."""
_KEPT = frozenset({"o1-preview", "gpt-4.5-preview"})
"""Models of their own, although they are called a stage of another one or of none."""

_SHORT_DATE = re.compile(
    r"-(?:2[3-9](?:0[1-9]|1[0-2])(?:[0-3]\d)?|(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))$"
)
"""A version's year and month (`2411`), the same with the day (`250414`), its month and day (`0613`)."""
_STAGE_DATE = re.compile(r"-(?:(?:preview|exp)-)?(?:\d\d-\d\d(?:-20\d\d)?|\d\d-20\d\d)$")
_ROUTE = re.compile(r"[:](?:free|nitro|floor|online|extended|exacto|beta|thinking|cloud)$|(?<=b)-cloud$")
"""How a gateway serves a model."""
_QUANT = re.compile(r"[-:](?:q\d(?:_[a-z\d]+)*|fp8|fp16|bf16|int4|int8|nvfp4|mxfp4|gguf|awq)$")
_SIZE_TAG = re.compile(r":(?=e?\d+(?:\.\d+)?[bm](?:$|-))")
"""Of Ollama: `gpt-oss:20b`."""
_FAST = re.compile(r"-fast$")
_OF_MAKER: dict[str | None, tuple[re.Pattern[str], ...]] = {
    "anthropic": (EDITION, EFFORT, THINKING, _FAST, re.compile(r"-(?:max|thought|1m|0)$")),
    "openai": (EFFORT, _FAST),
    "cursor": (EFFORT, _FAST),
    "google": (EFFORT, re.compile(r"-(?:customtools|00\d)$")),
    "xai": (EFFORT, re.compile(r"-(?:non-)?reasoning$")),
    "moonshotai": (EFFORT, re.compile(r"(?<=\d)-instruct$")),
    "amazon": (EDITION,),
}
"""What may follow the name of a maker's model without making another one of it."""
_ALWAYS = (BRACKETS, REVISION, DATE, _SHORT_DATE, _STAGE_DATE, STAGE, _ROUTE, _QUANT)

_COLON = re.compile(r"^([a-z][a-z-]*):(?=[a-z])")
"""A vendor in front, as some frameworks write it: `openai:gpt-5.1`."""
_TUNED = re.compile(r"^(ft:[^:]+):.*$")
"""A model that somebody trained further: what it was made of, without whose it is."""
_BLANKS = re.compile(r"[\s()]+")
"""Of names made for people: `Gemini 3 Pro (High)`."""
_FAMILY = re.compile(r"^(?=(?:opus|sonnet|haiku)(?:$|[-.\d]))")
_JOINED = re.compile(r"^[a-z][a-z-]*-(?=claude-[a-z\d])")
"""A gateway joined with a hyphen."""
_CLAUDE = re.compile(
    r"^claude-(?:(\d+(?:-\d+)?)-(?!instant)([a-z]+)|(?!instant|v\d)([a-z]+)-(\d+(?:-\d+)?))(?=$|-)"
)
_SPELLED = tuple(
    (re.compile(found), spelled)
    for found, spelled in (
        (r"^(?:zai|z-ai)-(?=glm-)", ""),
        (r"^(?=(?:r1|v3)(?:$|[-.]))", "deepseek-"),
        (r"^deepseek-chat-(?=v\d)", "deepseek-"),
        (r"^gemini-(pro|flash)-(\d+(?:\.\d+)?)(?=$|-)", r"gemini-\2-\1"),
        (r"^llama-?(\d)(?:[-.](\d))?(?=-|$)", r"llama-\1.\2"),
        (r"^(llama-\d)\.(?=-|$)", r"\1"),
        (r"^qwen-(?=\d)", "qwen"),
    )
)


def root(name: str) -> str:
    """The model's own name, lower case. Taking the root of a root changes nothing."""
    bare = without_seller(name)
    for _ in range(len(bare) + 4):  # a round takes something off, or spells it anew, which happens once
        shorter = _spelled(_shorter(bare)).strip("-") or bare
        if shorter == bare:
            break
        bare = shorter
    return bare


def without_seller(name: str) -> str:
    """A name in lower case without who was asked for it: gateway, path, region."""
    text = _BLANKS.sub("-", name.strip().lower()).strip("-")
    *_, last = text.rstrip("/").split("/")
    text = _TUNED.sub(r"\1", last or text)
    prefix = _COLON.match(text)
    if prefix and not text.startswith("ft:") and model_maker(rest := text[prefix.end() :]):
        text = rest if vendor_of(prefix[1]) or is_local(prefix[1]) else text
    return BEDROCK.sub("", text)


def is_joined(name: str) -> bool:
    """A reseller's word stands before the model's name, without a sign between them."""
    return bool(_JOINED.match(name) or _FAMILY.match(name))


def model_maker(name: str) -> str | None:
    """Who makes the models that are called like this, priced in our table or not."""
    return maker_of(name) or next((maker for sign, maker in _OTHER_MAKERS if sign.search(name)), None)


def _shorter(name: str) -> str:
    """One thing less."""
    if name in _ALIASES:
        return _ALIASES[name]
    joined = _FAMILY.sub("claude-", _JOINED.sub("", name))
    if joined != name:
        return joined
    if name in _KEPT:
        return name
    for step in _steps(name):
        shorter = step.sub("", name)
        if shorter and shorter != name and (shorter not in GENERIC or _FAMILY.match(shorter)):
            return shorter
    return _SIZE_TAG.sub("-", name)


def _steps(name: str) -> Iterator[re.Pattern[str]]:
    yield from _ALWAYS
    maker = model_maker(name)
    yield from _OF_MAKER.get(maker, () if maker in (None, SIZES_IN_WORDS) else (EFFORT,))


def _spelled(name: str) -> str:
    """As the maker of a model spells its name."""
    if name.startswith("claude"):
        dashed = DOT.sub("-", name)
        return _CLAUDE.sub(_claude, dashed) if _CLAUDE.match(dashed) else name
    for found, spelled in _SPELLED:
        name = found.sub(spelled, name)
    return DASH.sub(".", name) if model_maker(name) else name


def _claude(found: re.Match[str]) -> str:
    """Anthropic wrote the version first up to 3.7, and last from 4 on."""
    version, family = (found[1], found[2]) if found[1] else (found[4], found[3])
    return f"claude-{version}-{family}" if int(version.split("-")[0]) < 4 else f"claude-{family}-{version}"
