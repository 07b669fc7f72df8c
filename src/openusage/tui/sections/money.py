"""The first figures of a tile: spent today, in the window, an hour; tokens when money is not shown."""

from __future__ import annotations

from textual.strip import Strip

from openusage import format as fmt
from openusage.tui.lines import Part, packed, strip
from openusage.tui.view import View
from openusage.wire.sections import Sections


def groups(account: Sections, view: View) -> list[list[Part]]:
    """Figures with their unit, the most important first."""
    totals, palette = account.totals, view.palette
    window = fmt.window_short(totals.window) if totals.window else "the window"
    inside = window if window in ("all time", "today") else f"in {window}"
    found: list[list[Part]] = []

    def add(figure: str, unit: str, strong: bool = False) -> None:
        found.append([(figure, palette.strong if strong else palette.text), (f" {unit}", palette.dim)])

    if view.shows_cost(account):
        if totals.today_cost_usd is not None:
            day = view.own_day(account)
            add(fmt.money(totals.today_cost_usd), day if day == "today" else f"on {day}", strong=True)
        if totals.window_cost_usd is not None and totals.window != "1d":
            add(fmt.money(totals.window_cost_usd), inside, strong=totals.today_cost_usd is None)
        if totals.burn_usd_per_h:
            add(fmt.rate(totals.burn_usd_per_h), "now")
    today = dict(account.daily_tokens).get(view.today)
    if not found and today is not None and totals.window != "1d":
        add(fmt.count(today), "tokens today", strong=True)
    if totals.window_tokens is not None:
        add(fmt.count(totals.window_tokens), "tokens" if found else f"tokens {inside}", strong=not found)
    if totals.window_requests is not None:
        add(fmt.count(totals.window_requests), "requests")
    if totals.unpriced_requests:
        found.append([(f"{fmt.count(totals.unpriced_requests)} unpriced", palette.warn)])
    if totals.partial_since is not None:
        since = totals.partial_since.astimezone(view.tz).date().isoformat()
        found.append([(f"partial, since {fmt.day_label(since)}", palette.dim)])
    return found


def rows(account: Sections, view: View) -> int:
    return 1 if groups(account, view) else 0


def draw(account: Sections, width: int, rows: int, view: View) -> list[Strip]:
    return [strip(packed(groups(account, view), width), width)][:rows]
