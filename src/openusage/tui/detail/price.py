"""Why a turn cost what it did: tokens by kind times the price of that day, or the tool's own word. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from textual.strip import Strip

from openusage import format as fmt
from openusage.tui import table
from openusage.tui.lines import clean, strip, wrapped
from openusage.tui.view import View
from openusage.wire.events import EventKind
from openusage.wire.sessions import CostKnown, Part, PriceNote, Turn

_WORDS = {
    Part.INPUT: "input",
    Part.OUTPUT: "output",
    Part.CACHE_READ: "cache read",
    Part.CACHE_WRITE_5M: "cache write, 5 min",
    Part.CACHE_WRITE_1H: "cache write, 1 h",
    Part.REASONING: "reasoning",
    Part.WEB_SEARCH: "web search",
}
_MATCHES = {
    "exact": "",
    "normalised": "by its name without prefixes and dates",
    "custom": "your own price",
    "lineage": "the price of the same line of models",
    "fuzzy": "the price of the nearest name",
}
_MOST_WIDTH = 76


def lines(turn: Turn, width: int, view: View) -> list[Strip]:
    """Sentences, then the sum that can be gone over."""
    room = min(width, _MOST_WIDTH)
    said = sentences(turn)
    found = [strip([("WHY THIS COST", view.palette.dim)], width)]
    for text, is_warning in said:
        style = view.palette.warn if is_warning else view.palette.text
        found += [strip([(row, style)], width) for row in wrapped(text, width, 3)]
    if turn.price is not None and turn.price.parts:
        found += [line.adjust_cell_length(width) for line in _sum(turn.price, room, view)]
    return found


def sentences(turn: Turn) -> list[tuple[str, bool]]:
    """(what is to say, whether it is a doubt)."""
    if turn.kind is not EventKind.MESSAGE:
        return [("Only answers of models cost something.", False)]
    found = [_how(turn)]
    price = turn.price
    if turn.known is CostKnown.REPORTED and turn.cost_computed_nano is not None:
        made = fmt.exact_usd(turn.cost_computed_nano)
        found.append((f"Our prices make {made} of its tokens.", False))
    if price is not None:
        found.append((_price(price), price.estimated))
        if turn.is_repriced:
            was = f" ({clean(turn.price_version)})" if turn.price_version else ""
            found.append((f"It was computed with an earlier edition of the prices{was}.", True))
    if turn.estimated:
        found.append(("Its token counts are an estimate.", True))
    return found


def _how(turn: Turn) -> tuple[str, bool]:
    model = clean(turn.model or "") or "this model"
    if turn.known is CostKnown.REPORTED:
        return f"{fmt.exact_usd(turn.cost_nano)}, as the tool wrote it down.", False
    if turn.known is CostKnown.COMPUTED:
        return f"{fmt.exact_usd(turn.cost_nano)}, computed from its tokens.", False
    return f"Unpriced: no price of {model} is known. It is not part of any cost.", True


def _price(price: PriceNote) -> str:
    """`Rates of anthropic for claude-opus-4-6 since 2026-02-05, edition 2026-11-01.`"""
    said = f"Rates of {clean(price.vendor)} for {clean(price.model)}"
    if price.since:
        said += f", {clean(price.since)}" if ":" in price.since else f" since {clean(price.since)}"
    if price.tier_above:
        said += (
            f", prompts above {fmt.count(price.tier_above)} tokens ({fmt.count(price.prompt_tokens)} here)"
        )
    match = _MATCHES.get(price.match, clean(price.match))
    said += f", {match}" if match else ""
    return f"{said}; edition {clean(price.version)}{'; est.' if price.estimated else ''}."


def _sum(price: PriceNote, width: int, view: View) -> Sequence[Strip]:
    """What × rate = cost, part by part, and the sum below."""
    parts = price.parts
    names = [*(_WORDS.get(p.part, str(p.part)) for p in parts), "sum"]
    columns = [
        table.Column(title="COUNT", cells=[*(f"{p.count:,}" for p in parts), ""], priority=2),
        table.Column(title="$/1M", cells=[*(_rate(p.rate_nano) for p in parts), ""], priority=1),
        table.Column(
            title="COST",
            cells=[*(fmt.exact_usd(p.cost_nano) for p in parts), fmt.exact_usd(price.cost_nano)],
            priority=0,
            strong=True,
        ),
    ]
    return table.draw("TOKENS", names, columns, width, view.palette)


def _rate(nano: int) -> str:
    """USD for a million, without zeros that say nothing: `$15`, `$0.075`."""
    text = fmt.exact_usd(nano, 9).rstrip("0")
    return text.rstrip(".")
