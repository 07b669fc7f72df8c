"""The top zone: how much, how fast, what is near its limit, over all accounts on the screen. Pure.

Costs and tokens add up over accounts and machines. Limits are the vendor's figure for a whole account and are
never added: the worst one is shown.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from rich.cells import cell_len
from textual.strip import Strip

from openusage import format as fmt
from openusage import words
from openusage.tui.bars import gauge_bar
from openusage.tui.board import Account
from openusage.tui.lines import Part, cells, clean, fit, strip
from openusage.tui.sections.header import State, state
from openusage.tui.view import View
from openusage.wire.forecast import forecast
from openusage.wire.sections import Gauge, Sections

_MOST_TREND = 999.0
"""Percent: beyond it nothing is told but that there was next to nothing before."""

_BEAT_S = 5

Block = tuple[int, list[list[Part]]]
"""Its width, and its three lines."""


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over accounts. `None`: no account reports it."""

    today_usd: float | None = None
    today_tokens: float | None = None
    window: str = ""
    window_usd: float | None = None
    window_tokens: float | None = None
    burn_usd_per_h: float | None = None
    live: int = 0
    accounts: int = 0
    hidden_costs: int = 0
    """Accounts of flat plans whose cost is not in the sums."""
    unpriced: float = 0.0
    nearest: tuple[Sections, Gauge] | None = None
    trend_pct: float | None = None
    """How much more than in a window as long before it: of cost where one is shown, else of tokens."""
    today_trend_pct: float | None = None
    """The same of today against yesterday up to this time."""


def summed(accounts: Sequence[Sections], view: View) -> Overview:
    """The sums and the worst gauge."""
    priced = [a for a in accounts if view.shows_cost(a)]
    windows = sorted({a.totals.window for a in accounts if a.totals.window})
    gauges = [(a, g) for a in accounts for g in a.gauges]
    return Overview(
        today_usd=_sum([a.totals.today_cost_usd for a in priced if a.is_of(view.local_now)]),
        today_tokens=_sum([dict(a.daily_tokens).get(view.today) for a in accounts]),
        window=windows[0] if len(windows) == 1 else "",
        window_usd=_sum([a.totals.window_cost_usd for a in priced]),
        window_tokens=_sum([a.totals.window_tokens for a in accounts]),
        burn_usd_per_h=_sum([a.totals.burn_usd_per_h for a in priced]),
        live=sum(state(a, view) is State.LIVE for a in accounts),
        accounts=len(accounts),
        hidden_costs=len(accounts) - len(priced),
        unpriced=_sum([a.totals.unpriced_requests for a in priced]) or 0.0,
        nearest=max(gauges, key=lambda pair: pair[1].used_pct, default=None),
        trend_pct=_window_trend(accounts, priced) if len(windows) == 1 else None,
        today_trend_pct=_today_trend(accounts, priced, view),
    )


def _window_trend(accounts: Sequence[Sections], priced: Sequence[Sections]) -> float | None:
    totals = [a.totals for a in priced if a.totals.window_cost_usd is not None]
    if totals:
        return _trend_pct([t.window_cost_usd for t in totals], [t.window_cost_before_usd for t in totals])
    totals = [a.totals for a in accounts]
    return _trend_pct([t.window_tokens for t in totals], [t.window_tokens_before for t in totals])


def _today_trend(accounts: Sequence[Sections], priced: Sequence[Sections], view: View) -> float | None:
    totals = [a.totals for a in priced if a.is_of(view.local_now) and a.totals.today_cost_usd is not None]
    if totals:
        return _trend_pct([t.today_cost_usd for t in totals], [t.today_cost_before_usd for t in totals])
    tokens = [dict(a.daily_tokens).get(view.today) for a in accounts]
    return _trend_pct(tokens, [a.totals.today_tokens_before for a in accounts])


class Sums:
    """The same, worked out once for the same accounts: what is live now is looked at every few seconds."""

    def __init__(self) -> None:
        self._made_of: tuple[object, ...] = ()
        self._accounts: Sequence[Account] = ()
        self._found = Overview()

    def of(self, accounts: Sequence[Account], view: View) -> Overview:
        """Of a list of accounts that is not altered."""
        made_of = (int(view.now.timestamp() // _BEAT_S), view.today, view.costs, view.own_costs)
        if accounts is not self._accounts or made_of != self._made_of:
            self._accounts, self._made_of = accounts, made_of
            self._found = summed([a.sections for a in accounts], view)
        return self._found


def _trend_pct(now: Sequence[float | None], then: Sequence[float | None]) -> float | None:
    """How much more than before; `None` when that is not known of any account, or there was nothing."""
    known = [(new, old) for new, old in zip(now, then, strict=True) if new is not None]
    if not known or any(old is None for _, old in known):
        return None
    return words.change_pct(sum(new for new, _ in known), sum(old or 0.0 for _, old in known))


def _sum(values: Sequence[float | None]) -> float | None:
    found = [value for value in values if value is not None]
    return sum(found) if found else None


def rows(width: int, height: int) -> int:
    """How many lines the zone takes on a screen of this size."""
    if height < 14 or width < 40:
        return 0
    return 4 if height >= 30 and width >= 100 else 3


def draw(found: Overview, width: int, rows: int, view: View) -> list[Strip]:
    """Heading, figures, explanations; with a fourth line what the sums do not hold."""
    return laid(_blocks(found, width, view), _missing(found), width, rows, view) if rows >= 3 else []


def laid(blocks: Sequence[Block], note: str, width: int, rows: int, view: View) -> list[Strip]:
    """Blocks beside each other, and a note below them when there are four rows."""
    lines: list[list[Part]] = [[], [], []]
    for block_width, parts in blocks:
        for line, part in zip(lines, parts, strict=True):
            line.append(("  ", view.palette.text))
            line += part
            line.append((" " * max(0, block_width - cells(part)), view.palette.text))
    if rows > 3:
        lines.append([(f"  {note}", view.palette.dim)])
    return [strip(line, width) for line in lines]


def _missing(found: Overview) -> str:
    """What the sums above do not hold."""
    parts = []
    if found.hidden_costs and found.hidden_costs < found.accounts:
        noun = "flat plan" if found.hidden_costs == 1 else "flat plans"
        parts.append(f"{found.hidden_costs} {noun} not in the costs, c on a tile shows it")
    if found.unpriced:
        parts.append(f"{fmt.count(found.unpriced)} requests unpriced")
    return " · ".join(parts)


def _blocks(found: Overview, width: int, view: View) -> list[Block]:
    """(width, three lines) of TODAY, the window, BURN NOW and NEAREST LIMIT; BURN NOW goes first."""
    palette, narrow = view.palette, width < 100
    shown = view.costs is not view.costs.HIDE
    column = 13 if narrow else 19
    blocks = []
    if found.window != "1d":
        today = money_block("TODAY", found.today_usd, found.today_tokens, shown, view)
        with_trend(today, found.today_trend_pct, column, view)
        blocks.append((column, today))
    heading = fmt.window_words(found.window).upper() if found.window else "WINDOW"
    block = money_block(heading, found.window_usd, found.window_tokens, shown, view)
    with_trend(block, found.trend_pct, column + 1, view)
    blocks.append((column + 1, block))
    live = f"{found.live} of {found.accounts} live"
    burn: list[list[Part]] = [
        [("BURN NOW", palette.dim)],
        [(fmt.rate(found.burn_usd_per_h), palette.strong)],
        [(live, palette.dim)],
    ]
    if found.burn_usd_per_h is not None and width >= 76:
        blocks.append((max(12, column - 3), burn))
    room = width - sum(size + 2 for size, _ in blocks) - 4
    if found.nearest and room >= 20:
        blocks.append((room, _limit(found.nearest, room, view)))
    elif found.hidden_costs and room >= 24:
        blocks.append((room, _flat(found, palette_room=room, view=view)))
    return blocks


def with_trend(block: list[list[Part]], pct: float | None, width: int, view: View) -> None:
    """`▲ 12 %` or `▼ 6 %` behind the block's figure, when it is known and fits."""
    if pct is None:
        return
    size = fmt.percent(abs(pct)) if abs(pct) < _MOST_TREND else f">{fmt.percent(_MOST_TREND)}"
    tendency = f"{'▲' if pct >= 0 else '▼'} {size}"
    if cells(block[1]) + 2 + len(tendency) <= width:
        block[1] += [("  ", view.palette.dim), (tendency, view.palette.dim)]


def money_block(
    heading: str, usd: float | None, tokens: float | None, shown: bool, view: View
) -> list[list[Part]]:
    """Money over tokens; tokens alone when money is not shown."""
    palette = view.palette
    spoken = "" if tokens is None else f"{fmt.count(tokens)} tokens"
    if usd is None or not shown:
        return [[(heading, palette.dim)], [(fmt.count(tokens), palette.strong), (" tokens", palette.dim)], []]
    return [[(heading, palette.dim)], [(fmt.money(usd), palette.strong)], [(spoken, palette.dim)]]


def _limit(nearest: tuple[Sections, Gauge], room: int, view: View) -> list[list[Part]]:
    account, gauge = nearest
    name = clean(account.name) or clean(account.provider_id)
    where = f"{name}, {clean(gauge.label)}"
    longer = f"{where}, {clean(account.machine)}"
    if account.machine and len("NEAREST  ") + cell_len(longer) <= room:
        where = longer
    return limit_block(where, gauge, room, view)


def limit_block(
    where: str, gauge: Gauge, room: int, view: View, more: Sequence[str] = ()
) -> list[list[Part]]:
    """The nearest limit: whose, how full, and when it is full or starts anew; `more` as far as it fits."""
    palette = view.palette
    expected = forecast(gauge, view.now)
    level = palette.level(gauge.used_pct, view.warn_pct, view.crit_pct)
    title = "NEAREST LIMIT  "
    if len(title) + cell_len(where) > room:
        title = "NEAREST  "
    figure = fmt.percent(gauge.used_pct)
    bar = max(6, min(40, room - len(figure) - 2))
    notes = [fmt.resets(gauge.resets_at, view.now), *more]
    if expected and expected.full_in_s is not None:
        notes.insert(0, f"full in {fmt.duration(expected.full_in_s)}")
    notes = list(filter(None, notes))
    while len(notes) > 1 and cell_len(", ".join(notes)) > room:
        notes.pop()
    return [
        [(title, palette.dim), (fit(where, max(room - len(title), 0)), palette.text)],
        [
            *gauge_bar(gauge, bar, expected, palette, (view.warn_pct, view.crit_pct)),
            ("  " + figure, palette.strong if level is palette.fill else level),
        ],
        [(fit(", ".join(notes), room), palette.dim)],
    ]


def _flat(found: Overview, palette_room: int, view: View) -> list[list[Part]]:
    noun = "account" if found.hidden_costs == 1 else "accounts"
    text = fit(f"{found.hidden_costs} {noun} without cost: flat plan", palette_room)
    return [
        [("COSTS", view.palette.dim)],
        [(text, view.palette.text)],
        [("c on a tile shows it", view.palette.dim)],
    ]
