"""Make `openusage/pricing/prices.json` out of genai-prices: `python -m tools.build_prices [--check]`.

genai-prices is right but takes 0.5 s and 100 MB to import, so that we take the facts we need at build time:
which names a vendor's model goes by, and what it costs from which day on. The result is deterministic; it
has one model a line, so that a price change is one line of a diff. `--check` writes nothing and fails when
the file is not what this script would make of the installed genai-prices.

Shape: `{"header": {…}, "vendors": {vendor: [model, …]}}`, a model being
`[id, names, patterns, context window, prices, fast prices]` (trailing empty parts left out):

- names: lower case, the id only if it is one; patterns: `^starts`, `*contains`, `$ends`, `~regex`, in order;
- prices: `[[since, tiers, USD per web search], …]`; `since` is "" (always), a UTC day, or a UTC time span
  `HH:MM-HH:MM`; the last that applies counts; what a fast request costs is listed alike;
- a tier is `[above, input, output, cache read, cache write, 1-hour cache write, reasoning]`: USD per million
  tokens for the whole request when its prompt has more than `above` tokens; missing means "not published".
"""

from __future__ import annotations

import argparse
import datetime as dt
import importlib.metadata
import re
import sys
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from genai_prices import types as gp
from genai_prices.data import providers

TARGET = Path(__file__).resolve().parent.parent / "src/openusage/pricing/prices.json"

VENDORS = (
    "anthropic",
    "openai",
    "google",
    "x-ai",
    "deepseek",
    "moonshotai",
    "mistral",
    "zai",
    "zhipuai",
    "minimax",
    "meta",
    "cursor",
    "github-copilot",
    "aws",
    "azure",
    "groq",
    "cerebras",
    "openrouter",
)
"""Whose models coding tools use, as genai-prices calls them. Makers first, then those who sell what others
make. Qwen is sold through many; its list price is OpenRouter's."""

OURS = {"x-ai": "xai"}
"""Those that tools, and so we, call otherwise."""

KEYS = (
    "input_mtok",
    "output_mtok",
    "cache_read_mtok",
    "cache_write_mtok",
    "cache_write_1h_mtok",
    "output_reasoning_mtok",
)
"""Order of a tier's figures."""
NOT_TEXT = ("output_audio_mtok", "output_image_mtok", "output_video_mtok")
"""A model that answers with sound or pictures: what it costs cannot be told from token counts alone."""

FAST_BY_HAND: dict[str, list[list[object]]] = {
    # Opus 4.6 fast mode, 6 times the standard price (12 times the input, 9 times the output above 200k until
    # long context lost its premium). Sources: platform.claude.com/docs/en/build-with-claude/fast-mode as
    # published in February and March 2026; openrouter.ai/anthropic/claude-opus-4.6-fast. Cache prices by the
    # documented multipliers: read 0.1, write 1.25, 1-hour write 2 times the input price. Retired since.
    "claude-opus-4-6": [
        ["", [[0, 30, 150, 3, Decimal("37.5"), 60], [200_000, 60, 225, 6, 75, 120]], Decimal("0.01")],
        ["2026-03-13", [[0, 30, 150, 3, Decimal("37.5"), 60]], Decimal("0.01")],
    ],
    # Opus 4.7 fast mode (May to 24 July 2026): openrouter.ai/anthropic/claude-opus-4.7-fast.
    "claude-opus-4-7": [["", [[0, 30, 150, 3, Decimal("37.5"), 60]], Decimal("0.01")]],
}
"""Fast prices that genai-prices does not carry (any more), of Anthropic's own API."""


def clauses(match: Any) -> Iterator[tuple[str, str]]:
    """A matcher as (kind, text) pairs of which any may match; kinds `=`, `^`, `*`, `$`, `~`."""
    if isinstance(match, gp.ClauseOr):
        for part in match.or_:
            yield from clauses(part)
    elif isinstance(match, gp.ClauseEquals):
        yield "=", match.equals.lower()
    elif isinstance(match, gp.ClauseStartsWith):
        yield "^", match.starts_with.lower()
    elif isinstance(match, gp.ClauseContains):
        yield "*", match.contains.lower()
    elif isinstance(match, gp.ClauseEndsWith):
        yield "$", match.ends_with.lower()
    elif isinstance(match, gp.ClauseRegex):
        yield "~", match.regex
    elif isinstance(match, gp.ClauseAnd):
        yield "~", "^" + "".join(f"(?={_from_start(p)})" for part in match.and_ for p in clauses(part))
    else:
        raise TypeError(f"genai-prices has a new kind of matcher: {match!r}")


def _from_start(clause: tuple[str, str]) -> str:
    """A clause as a regular expression that is matched from the start of the text."""
    kind, text = clause
    if kind == "~":
        return text[1:] if text.startswith("^") else ".*" + text
    ahead, behind = {"=": ("", "$"), "^": ("", ""), "*": (".*", ""), "$": (".*", "$")}[kind]
    return ahead + re.escape(text) + behind


def names_and_patterns(model: gp.ModelInfo, vendor: gp.Provider) -> tuple[list[str], list[str]]:
    """How the vendor's list refers to a model; a name that an earlier model of the list takes is left out."""
    names = {model.id.lower()}
    patterns = []
    for kind, text in clauses(model.match):
        if kind == "=":
            names.add(text)
        else:
            patterns.append(kind + text)
    return sorted(n for n in names if vendor.find_model(n) is model), patterns


def number(value: Decimal) -> int | Decimal:
    """A price as it is written: exact, but a division's endless tail is cut to a millionth of a dollar."""
    short = round(value, 6).normalize()
    return int(short) if short == short.to_integral_value() else short


def tiers(price: gp.ModelPrice) -> list[list[int | Decimal | None]]:
    """The base tier and those above it, each with all its figures."""
    values = [getattr(price, key) for key in KEYS]
    starts = {0, *(t.start for v in values if isinstance(v, gp.TieredPrices) for t in v.tiers)}
    return [_tier(values, start) for start in sorted(starts)]


def _tier(values: Sequence[Decimal | gp.TieredPrices | None], start: int) -> list[int | Decimal | None]:
    row: list[int | Decimal | None] = [start]
    for value in values:
        if isinstance(value, gp.TieredPrices):
            below = [t.price for t in value.tiers if t.start <= start]
            row.append(number(below[-1] if below else value.base))
        else:
            row.append(None if value is None else number(value))
    while row[-1] is None:
        row.pop()
    return row


def since(constraint: object) -> str:
    """When a price applies, as it is written."""
    if constraint is None:
        return ""
    if isinstance(constraint, gp.StartDateConstraint):
        return constraint.start_date.isoformat()
    if isinstance(constraint, gp.TimeOfDateConstraint):
        ends = (constraint.start_time, constraint.end_time)
        if any(t.utcoffset() or t.second or t.microsecond for t in ends):
            raise ValueError(f"a price by time of day that is not UTC minutes: {constraint!r}")
        return "-".join(t.strftime("%H:%M") for t in ends)
    raise TypeError(f"genai-prices has a new kind of constraint: {constraint!r}")


def dated(constraint: object, price: gp.ModelPrice) -> list[object]:
    """One entry of a price list."""
    entry: list[object] = [since(constraint), tiers(price)]
    if isinstance(price.web_searches_kcount, Decimal):
        entry.append(number(price.web_searches_kcount / 1000))
    return entry


def standard_prices(model: gp.ModelInfo) -> list[tuple[object, gp.ModelPrice]]:
    """(constraint, price) pairs, the last that applies counts."""
    if isinstance(model.prices, gp.ModelPrice):
        return [(None, model.prices)]
    return [(c.constraint, c.prices) for c in model.prices]


def fast_prices(model: gp.ModelInfo) -> list[list[object]]:
    """What the vendor charges for its fast mode, oldest first; of the days before, nothing is known."""
    found: list[tuple[object, gp.ModelPrice]] = []
    for variant in model.price_variants or ():
        if variant.when in ({"speed": "fast"}, {"service_tier": "fast"}):
            start = (
                variant.constraint.start_date
                if isinstance(variant.constraint, gp.StartDateConstraint)
                else None
            )
            moment = dt.datetime.combine(start or dt.date(2000, 1, 1), dt.time(), dt.UTC)
            found.append((variant.constraint, model.get_prices(moment, variant.when)))
    # genai-prices takes the first variant that applies, our lists the last.
    return [dated(constraint, price) for constraint, price in reversed(found)]


def wanted(model: gp.ModelInfo, vendor: str) -> bool:
    """Whether its cost can be told from text token counts."""
    prices = [price for _, price in standard_prices(model)]
    if model.id.endswith(":batch") or (vendor == "openrouter" and "/" not in model.id):
        return False
    if vendor == "openrouter" and model.id.endswith(":free"):
        return True
    return all(
        p.input_mtok is not None
        and p.output_mtok is not None
        and not any(getattr(p, key) is not None for key in NOT_TEXT)
        for p in prices
    )


def free(model: gp.ModelInfo) -> bool:
    """OpenRouter's `:free` models: no price at all in genai-prices, which means 0."""
    return model.id.endswith(":free") and all(not p._comparable_values() for _, p in standard_prices(model))


def model_row(model: gp.ModelInfo, vendor: gp.Provider) -> list[object] | None:
    """One line of the table, `None` when no name leads to the model."""
    names, patterns = names_and_patterns(model, vendor)
    if not names and not patterns:
        return None
    prices: list[Any] = (
        [["", [[0, 0, 0]]]] if free(model) else [dated(c, p) for c, p in standard_prices(model)]
    )
    row: list[object] = [model.id, names, patterns, model.context_window or 0, prices]
    fast = fast_prices(model)
    if vendor.id == "anthropic" and model.id in FAST_BY_HAND:
        if fast:
            raise ValueError(f"genai-prices now has the fast price of {model.id}: drop ours")
        fast = FAST_BY_HAND[model.id]
    if fast:
        row.append(fast)
    return row


def ours(vendor: str) -> str:
    """Our name of a vendor of genai-prices."""
    return OURS.get(vendor, vendor)


def build() -> bytes:
    """The whole file."""
    by_id = {p.id: p for p in providers}
    vendors: dict[str, list[list[object]]] = {}
    for name in VENDORS:
        vendor = by_id[name]
        rows = [model_row(m, vendor) for m in vendor.models if wanted(m, name)]
        vendors[ours(name)] = [row for row in rows if row]
    days = sorted(
        str(entry[0])
        for rows in vendors.values()
        for row in rows
        for part in row[4:]
        if isinstance(part, list)
        for entry in part
        if str(entry[0]).startswith("20")
    )
    version = importlib.metadata.version("genai-prices")
    header = {
        "source": f"genai-prices {version}",
        "version": f"genai-prices/{version}",
        "url": "https://github.com/pydantic/genai-prices",
        "licence": "Prices are facts taken from genai-prices (MIT, Copyright (c) Pydantic Services Inc.); "
        "fast prices of two retired modes by hand, see tools/build_prices.py",
        "made_by": "python -m tools.build_prices",
        "unit": "USD per million tokens",
        "first_change": days[0],
        "last_change": days[-1],
        "models": sum(map(len, vendors.values())),
        "fallbacks": {ours(v): [*map(ours, by_id[v].fallback_model_providers or ())] for v in VENDORS},
    }
    return _encode(header, vendors)


def _encode(header: dict[str, object], vendors: dict[str, list[list[object]]]) -> bytes:
    """JSON with one model a line and prices as plain numbers."""
    encoder = msgspec.json.Encoder(decimal_format="number", order="deterministic")
    parts = [b'{"header":' + encoder.encode(header) + b',\n"vendors":{\n']
    blocks = []
    for name, rows in vendors.items():
        lines = b",\n".join(encoder.encode(row) for row in rows)
        blocks.append(encoder.encode(name) + b":[\n" + lines + b"]")
    parts.append(b",\n".join(blocks) + b"}}\n")
    return b"".join(parts)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Make the shipped price table out of genai-prices.")
    parser.add_argument(
        "--check", action="store_true", help="write nothing, fail when the table is out of date"
    )
    args = parser.parse_args(argv)
    made = build()
    if args.check:
        if TARGET.exists() and TARGET.read_bytes() == made:
            return 0
        print(f"{TARGET} is out of date: python -m tools.build_prices", file=sys.stderr)
        return 1
    TARGET.write_bytes(made)
    print(f"{TARGET}: {len(made):,} bytes", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
