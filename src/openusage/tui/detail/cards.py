"""One account at full width: every section in a card of its own, and everything no section claims. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from rich.cells import cell_len
from rich.style import Style
from textual.strip import Strip

from openusage import format as fmt
from openusage.tui.lines import Part, blank, cells, clean, fit, left, packed, strip, wrapped
from openusage.tui.palette import Palette
from openusage.tui.sections import code, credits, daily, gauges, header, models, notice, ranking, tools
from openusage.tui.sections.daily import Measure
from openusage.tui.view import View
from openusage.wire.sections import Sections

_CHART_HEIGHT = 11
_PAIR_WIDTH = 110
"""From this width on, small cards stand side by side."""
_LABEL = 14


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
    only: frozenset[str] = frozenset(),
    by_day: bool = True,
) -> Sheet:
    """All cards under each other; small ones in pairs when there is room. The `chosen` one is marked.

    `only`: cards of these titles. `by_day`: with the chart of what the snapshot says of days.
    """
    palette = view.palette
    lines: list[Strip] = []
    starts: list[int] = []

    def place(card: Card) -> None:
        starts.append(len(lines))
        lines.extend(framed(card, width, palette, marked=len(starts) - 1 == chosen))

    def wanted(cards: Sequence[Card]) -> list[Card]:
        return [card for card in cards if not only or card.title in only]

    for card in wanted(_wide(account, width - 4, view, measure if by_day else None)):
        place(card)
    half = (width - 1) // 2
    if width < _PAIR_WIDTH:
        for card in wanted(_small(account, width - 4, view)):
            place(card)
    else:
        pairs = _pairs(wanted(_small(account, half - 4, view)), half, width, palette, chosen - len(starts))
        starts += [len(lines) + start for start in pairs.starts]
        lines += pairs.lines
    for card in wanted(_last(account, width - 4, view)):
        place(card)
    return Sheet(lines, starts)


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


def _wide(account: Sections, width: int, view: View, measure: Measure | None) -> list[Card]:
    cards = []
    if account.gauges:
        cards.append(Card("Limits", gauges.lines(account.gauges, width, view)))
    if spending := _spending(account, width, view):
        cards.append(Card("Spending" if view.shows_cost(account) else "Usage", spending))
    possible = daily.measures(account, view)
    if possible and measure is not None:
        shown = measure if measure in possible else possible[0]
        note = (
            f"m: {' / '.join(f'[{m}]' if m is shown else m for m in possible)}" if len(possible) > 1 else ""
        )
        chart = daily.chart(account, width, _CHART_HEIGHT, view, shown)
        cards.append(Card(f"{shown.capitalize()} by day", chart, note))
    if account.models:
        cards.append(Card("Models", models.draw(account, width, len(account.models) + 1, view)))
    return cards


def _small(account: Sections, width: int, view: View) -> list[Card]:
    cost = view.shows_cost(account)
    cards = []
    for title, heading_, shares in (
        ("Projects", "PROJECT", account.projects),
        ("Clients", "CLIENT", account.clients),
        ("Tools", "TOOL", account.tools),
        ("MCP servers", "SERVER", account.mcp),
        ("Languages", "LANGUAGE", account.languages),
        ("Upstream providers", "PROVIDER", account.upstreams),
    ):
        if shares:
            note = _calls(account) if title == "Tools" else ""
            cards.append(Card(title, ranking.rows_table(heading_, shares, width, view, cost), note))
    if figures := code.groups(account, view):
        cards.append(Card("Code", [strip(packed(figures, width), width)]))
    if account.credits:
        cards.append(Card("Credits", [credits.line(credit, width, view) for credit in account.credits]))
    return cards


def _calls(account: Sections) -> str:
    totals = account.tool_totals
    parts = [f"{fmt.count(totals.calls)} calls" if totals.calls is not None else "", tools.success(account)]
    if totals.errored:
        parts.append(f"{fmt.count(totals.errored)} failed")
    if totals.cancelled:
        parts.append(f"{fmt.count(totals.cancelled)} cancelled")
    return ", ".join(filter(None, parts))


def _spending(account: Sections, width: int, view: View) -> list[Strip]:
    """Figures by period, as many to a line as fit."""
    totals, palette = account.totals, view.palette
    window = fmt.window_short(totals.window) or "window"
    pairs: list[tuple[str, str]] = []
    if view.shows_cost(account):
        named = {"7d": totals.week_cost_usd, "30d": totals.month_cost_usd, "all": totals.all_time_cost_usd}
        if totals.window and named.get(totals.window) is None and totals.window != "1d":
            named[totals.window] = totals.window_cost_usd
        costs = [("today", totals.today_cost_usd), *((fmt.window_short(k), v) for k, v in named.items())]
        for label, value in (*costs, ("5 h block", totals.block_cost_usd)):
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
    lines = _flowed(
        [[(f"{label} ", palette.dim), (figure, palette.strong)] for label, figure in pairs], width
    )
    if totals.unpriced_requests:
        names = ", ".join(map(clean, totals.unpriced_models))
        text = f"{fmt.count(totals.unpriced_requests)} requests unpriced, not in any cost"
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


def _last(account: Sections, width: int, view: View) -> list[Card]:
    """What no section claims, as it travels."""
    cards = []
    for title, rows in (
        ("Other metrics", account.others),
        ("Attributes", sorted(account.attributes.items())),
        ("Diagnostics", sorted(account.diagnostics.items())),
    ):
        if rows:
            cards.append(Card(title, _listed(rows, width, view)))
    return cards


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
