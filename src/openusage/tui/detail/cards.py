"""One account at full width: every section in a card of its own, and everything no section claims. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec
from rich.cells import cell_len
from rich.style import Style
from textual.strip import Strip

from openusage import format as fmt
from openusage import words
from openusage.tui.lines import Part, blank, cells, clean, fit, left, packed, strip, wrapped
from openusage.tui.palette import Palette
from openusage.tui.panels import measures_note
from openusage.tui.sections import code, credits, daily, gauges, header, models, notice, ranking, tools
from openusage.tui.sections.daily import Measure
from openusage.tui.view import View
from openusage.wire.sections import Sections, Share

_CHART_HEIGHT = 11
_PAIR_WIDTH = 110
"""From this width on, small cards stand side by side."""
_LABEL = 14
_LEAST_PACE_DAYS = 3


class Card(msgspec.Struct, frozen=True):
    """A titled frame around lines."""

    title: str
    lines: list[Strip]
    note: str = ""


class Sheet(msgspec.Struct, frozen=True):
    """All cards, laid out."""

    lines: list[Strip]
    starts: list[int]
    """The line each card begins at, from the first card to the last."""


def draw(
    account: Sections,
    width: int,
    view: View,
    measure: Measure,
    chosen: int = -1,
    *,
    only: Sequence[str] = (),
    blocks: Mapping[str, Sequence[Strip]] = MappingProxyType({}),
    caveats: bool = True,
) -> Sheet:
    """All sections in the order of the settings; small cards in pairs when there is room.

    The `chosen` card is marked. `only`: these sections, whatever the settings say. `blocks`: what is drawn
    instead of a section's cards. `caveats`: say what the window's figures do not hold.
    """
    half = (width - 1) // 2 if width >= _PAIR_WIDTH else width
    pile = _Pile(width, half, view.palette, chosen)
    for id_ in only or view.detail_sections:
        if id_ in blocks:
            pile.add(blocks[id_])
            continue
        pile.small += _small(id_, account, half - 4, view)
        if id_ == "spending" and (card := _spending(account, width - 4, view, caveats=caveats)):
            pile.add(card)
        for card in _wide(id_, account, width - 4, view, measure):
            pile.add(card)
    pile.flush()
    return Sheet(pile.lines, pile.starts)


class _Pile:
    """Cards from the top down."""

    def __init__(self, width: int, half: int, palette: Palette, chosen: int) -> None:
        self._width, self._half, self._palette, self._chosen = width, half, palette, chosen
        self.lines: list[Strip] = []
        self.starts: list[int] = []
        self.small: list[Card] = []
        """Those that wait until something of the whole width comes."""

    def add(self, card: Card | Sequence[Strip]) -> None:
        """A card of the whole width, or lines without a frame."""
        self.flush()
        if isinstance(card, Card):
            self._place(card)
        else:
            self.lines += card

    def _place(self, card: Card) -> None:
        self.starts.append(len(self.lines))
        self.lines += framed(card, self._width, self._palette, marked=len(self.starts) - 1 == self._chosen)

    def flush(self) -> None:
        """The small ones: in pairs, or under each other where there is no room."""
        if self._half == self._width:
            for card in self.small:
                self._place(card)
        elif self.small:
            at = self._chosen - len(self.starts)
            pairs = _pairs(self.small, self._half, self._width, self._palette, at)
            self.starts += [len(self.lines) + start for start in pairs.starts]
            self.lines += pairs.lines
        self.small = []


def heading(account: Sections, width: int, view: View) -> list[Strip]:
    """Who this is: sign, tool, plan, machine, age; then what is wrong, if anything."""
    groups = [*header.title(account, view), *header.place(account, view)]
    lines = [strip([(" ", view.palette.text), *packed(groups, width - 2, gap=2)], width)]
    text = notice.text(account, view) or clean(account.message)
    style = view.palette.dim
    if header.state(account, view) is header.State.ERROR:
        style = view.palette.crit
    return lines + [strip([(" " + row, style)], width) for row in wrapped(text, width - 2, 2)]


def framed(card: Card, width: int, palette: Palette, *, marked: bool = False) -> list[Strip]:
    """A card with its border."""
    title = fit(card.title, max(width - 6, 1))
    note = f" {card.note} ─" if card.note and width - cell_len(title) - cell_len(card.note) > 12 else ""
    fill = "─" * max(0, width - 5 - cell_len(title) - cell_len(note))
    edge = palette.accent if marked else palette.faint
    note_parts: list[Part] = [(f" {card.note} ", palette.dim), ("─", edge)] if note else []
    top: list[Part] = [("╭─ ", edge), (title, palette.strong), (" " + fill, edge), *note_parts, ("╮", edge)]
    sides = strip([("│ ", edge)], 2), strip([(" │", edge)], 2)
    body = [Strip.join([sides[0], line, sides[1]]) for line in card.lines]
    return [strip(top, width), *body, strip([("╰" + "─" * (width - 2) + "╯", edge)], width)]


def _pairs(cards: Sequence[Card], half: int, width: int, palette: Palette, chosen: int) -> Sheet:
    """Two columns; the next card goes below the shorter one."""
    columns: tuple[list[Strip], list[Strip]] = ([], [])
    starts = []
    for index, card in enumerate(cards):
        column = min(columns, key=len)
        starts.append(len(column))
        column += framed(card, half, palette, marked=index == chosen)
    tall = max(map(len, columns), default=0)
    for column in columns:
        column += [blank(half)] * (tall - len(column))
    gap = blank(width - 2 * half)
    return Sheet([Strip.join([one, gap, two]) for one, two in zip(*columns, strict=True)], starts)


def _wide(id_: str, account: Sections, width: int, view: View, measure: Measure) -> list[Card]:
    """The cards of a section that take the whole width; none, where it has nothing to say."""
    if id_ == "usage" and account.gauges:
        return [Card("Limits", gauges.lines(account.gauges, width, view))]
    if id_ == "trends" and (possible := daily.measures(account, view)):
        shown = measure if measure in possible else possible[0]
        chart = daily.chart(account, width, _CHART_HEIGHT, view, shown)
        return [Card(f"{shown.capitalize()} by day", chart, measures_note(shown, possible))]
    if id_ == "models" and account.models:
        return [Card("Models", models.draw(account, width, len(account.models) + 1, view))]
    if id_ == "forecast" and (pace := _pace(account, view)):
        return [Card("Forecast", [strip([(pace, view.palette.text)], width)])]
    if id_ == "other_data" and account.others:
        return [Card("Other metrics", _listed(account.others, width, view))]
    if id_ != "info":
        return []
    return [
        Card(title, _listed(rows, width, view))
        for title, rows in (
            ("Attributes", sorted(account.attributes.items())),
            ("Diagnostics", sorted(account.diagnostics.items())),
        )
        if rows
    ]


def _pace(account: Sections, view: View) -> str:
    """What the window's rate makes of a day and of thirty; empty of a window that is no number of days."""
    totals = account.totals
    days = int(totals.window[:-1]) if totals.window.endswith("d") and totals.window[:-1].isdigit() else 0
    if days < _LEAST_PACE_DAYS or totals.partial_since is not None:
        return ""
    if view.shows_cost(account) and totals.window_cost_usd:
        each = totals.window_cost_usd / days
        day, month = fmt.money(each), fmt.money(30 * each)
    elif totals.window_tokens:
        each = totals.window_tokens / days
        day, month = f"{fmt.count(each)} tokens", fmt.count(30 * each)
    else:
        return ""
    return f"at the rate of the {fmt.window_words(totals.window)}: {day} a day, {month} in 30 days"


_RANKINGS = {
    "projects": ("Projects", "PROJECT"),
    "clients": ("Clients", "CLIENT"),
    "tools": ("Tools", "TOOL"),
    "mcp": ("MCP servers", "SERVER"),
    "languages": ("Languages", "LANGUAGE"),
    "upstream": ("Upstream providers", "PROVIDER"),
}


def _small(id_: str, account: Sections, width: int, view: View) -> list[Card]:
    """The cards of a section that may stand beside others."""
    if id_ in _RANKINGS:
        title, head = _RANKINGS[id_]
        shares: Sequence[Share] = account.upstreams if id_ == "upstream" else getattr(account, id_)
        note = _calls(account) if id_ == "tools" else ""
        counted = "CALLS" if id_ in ("tools", "mcp") else "REQ"
        lines = ranking.rows_table(head, shares, width, view, view.shows_cost(account), counted=counted)
        return [Card(title, lines, note)] if shares else []
    if id_ == "code_stats" and (figures := code.groups(account, view)):
        return [Card("Code", [strip(packed(figures, width), width)])]
    if id_ == "other_data" and account.credits:
        return [Card("Credits", [credits.line(credit, width, view) for credit in account.credits])]
    return []


def _calls(account: Sections) -> str:
    totals = account.tool_totals
    parts = [f"{fmt.count(totals.calls)} calls" if totals.calls is not None else "", tools.success(account)]
    if totals.errored:
        parts.append(f"{fmt.count(totals.errored)} failed")
    if totals.cancelled:
        parts.append(f"{fmt.count(totals.cancelled)} cancelled")
    return ", ".join(filter(None, parts))


def _spending(account: Sections, width: int, view: View, *, caveats: bool) -> Card | None:
    """Figures by period, as many to a line as fit; and what they do not hold."""
    lines = [*_figures(account, width, view), *(_caveats(account, width, view) if caveats else ())]
    return Card("Spending" if view.shows_cost(account) else "Usage", lines) if lines else None


def _figures(account: Sections, width: int, view: View) -> list[Strip]:
    totals, palette = account.totals, view.palette
    window = fmt.window_short(totals.window) or "window"
    pairs: list[tuple[str, str]] = []
    if view.shows_cost(account):
        named = {"7d": totals.week_cost_usd, "30d": totals.month_cost_usd, "all": totals.all_time_cost_usd}
        if totals.window and named.get(totals.window) is None and totals.window != "1d":
            named[totals.window] = totals.window_cost_usd
        periods = [(fmt.window_short(key), value) for key, value in named.items()]
        today = (view.own_day(account), totals.today_cost_usd)
        for label, value in (today, *periods, ("5 h block", totals.block_cost_usd)):
            if value is not None:
                pairs.append((label, fmt.money(value)))
        if totals.burn_usd_per_h is not None:
            pairs.append(("now", fmt.rate(totals.burn_usd_per_h)))
    for label, value in (
        (f"tokens {window}", totals.window_tokens),
        (f"requests {window}", totals.window_requests),
        (f"sessions {window}", totals.sessions),
    ):
        if value is not None:
            pairs.append((label, fmt.count(value)))
    if totals.cache_hit_pct is not None:
        pairs.append(("cache hit", fmt.percent(totals.cache_hit_pct, 1)))
    return _flowed([[(f"{label} ", palette.dim), (figure, palette.strong)] for label, figure in pairs], width)


def _caveats(account: Sections, width: int, view: View) -> list[Strip]:
    totals, palette = account.totals, view.palette
    lines: list[Strip] = []
    if totals.unpriced_requests:
        names = ", ".join(map(clean, totals.unpriced_models))
        text = words.unpriced(totals.unpriced_requests)
        lines += [
            strip([(row, palette.warn)], width)
            for row in wrapped(f"{text}: {names}" if names else text, width, 3)
        ]
    if totals.partial_since is not None:
        since = totals.partial_since.astimezone(view.tz).date().isoformat()
        lines.append(
            strip(
                [(f"partial: the window began before our data, since {fmt.day_label(since)}", palette.dim)],
                width,
            )
        )
    return lines


def _flowed(groups: Sequence[list[Part]], width: int) -> list[Strip]:
    """Groups of one width, row by row, so that they stand under each other."""
    if not groups:
        return []
    size = min(max(map(cells, groups)) + 3, width)
    per_row = max(1, width // size)
    lines = []
    for start in range(0, len(groups), per_row):
        row: list[Part] = []
        for group in groups[start : start + per_row]:
            row += [*group, (" " * (size - cells(group)), Style.null())]
        lines.append(strip(row, width))
    return lines


def _listed(rows: Sequence[tuple[str, str]], width: int, view: View) -> list[Strip]:
    """Name and value; long values run over lines."""
    label = min(max(cell_len(clean(name)) for name, _ in rows), max(width // 3, _LABEL))
    lines = []
    for name, value in rows:
        texts = wrapped(clean(value), max(width - label - 2, 1), 6) or [fmt.MISSING]
        for index, text in enumerate(texts):
            first = left(fit(clean(name), label), label) if index == 0 else " " * label
            lines.append(strip([(first + "  ", view.palette.dim), (text, view.palette.text)], width))
    return lines
