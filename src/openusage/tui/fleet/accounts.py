"""The accounts of a fleet: limits and credits, once a real account, with the machines that share it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual.strip import Strip

from openusage import format as fmt
from openusage.tui.bars import thin_gauge
from openusage.tui.lines import Part, cells, clean, fit, left, right, shortened, strip
from openusage.tui.view import Costs, View
from openusage.wire.forecast import forecast
from openusage.wire.pane import PaneAccount
from openusage.wire.sections import Credit, Gauge

_BAR, _SHORT_BAR = 16, 8
_LONGEST_NAME = 24
_OLD_S = 900
"""A reading older than this is said to be."""


def draw(accounts: Sequence[PaneAccount], width: int, rows: int, view: View) -> list[Strip]:
    """A heading and one line an account, at most `rows` in all; nothing when there is none or no room."""
    if not accounts or rows < 2:
        return []
    palette = view.palette
    shown = list(accounts[: rows - 1])
    if len(accounts) > len(shown):
        shown = shown[:-1]
    names = [_name(account) for account in shown]
    wide = min(max(map(cell_len, names), default=0), _LONGEST_NAME)
    labels = max((cell_len(clean(g.label)) for a in shown for g in a.gauges[:2]), default=0)
    lines = [strip([("  ACCOUNTS", palette.dim)], width)]
    for account, name in zip(shown, names, strict=True):
        lines.append(_line(account, left(shortened(name, wide), wide), labels, width, view))
    if left_out := len(accounts) - len(shown):
        lines.append(strip([(f"  {left_out} more accounts", palette.dim)], width))
    return lines


def _name(account: PaneAccount) -> str:
    plan = clean(account.plan)
    name = clean(account.name)
    return f"{name} {plan}" if plan and plan.casefold() not in name.casefold() else name


def _line(account: PaneAccount, name: str, labels: int, width: int, view: View) -> Strip:
    palette = view.palette
    parts: list[Part] = [("  " + name, palette.text)]
    room = width - cells(parts)
    bar = _BAR if width >= 100 else _SHORT_BAR
    for gauge in account.gauges[:2]:
        block = _gauge(gauge, labels, bar, view)
        if cells(block) + 3 > room:
            break
        parts += [("   ", palette.text), *block]
        room -= cells(block) + 3
    for credit in account.credits:
        text = _credit(credit, view)
        if text and cell_len(text) + 3 <= room:
            parts.append(("   " + text, palette.text))
            room -= cell_len(text) + 3
    said = ", ".join(map(clean, account.machines))
    if account.read_at is not None and (view.now - account.read_at).total_seconds() > _OLD_S:
        said += f", read {fmt.age((view.now - account.read_at).total_seconds())} ago"
    if room > 8:
        parts.append(("   " + fit(said, room - 4), palette.dim))
    return strip(parts, width)


def _gauge(gauge: Gauge, labels: int, bar: int, view: View) -> list[Part]:
    """`5 h  ██████░░░░  61 %  2 d 3 h`: what is used, and when it starts anew."""
    palette = view.palette
    expected = forecast(gauge, view.now)
    level = palette.level(gauge.used_pct, view.warn_pct, view.crit_pct)
    left_s = None if gauge.resets_at is None else (gauge.resets_at - view.now).total_seconds()
    return [
        (left(clean(gauge.label), labels) + " ", palette.dim),
        *thin_gauge(gauge, bar, expected, palette, (view.warn_pct, view.crit_pct)),
        (right(fmt.percent(gauge.used_pct), 6), palette.text if level is palette.fill else level),
        (" " + left(fmt.duration(left_s) if left_s and left_s > 0 else "", 9), palette.dim),
    ]


def _credit(credit: Credit, view: View) -> str:
    """`credit balance $7.02`, in the vendor's own unit."""
    is_money = credit.unit == "USD"
    if is_money and view.costs is Costs.HIDE:
        return ""
    figure = fmt.money if is_money else fmt.amount
    unit = "" if is_money else f" {clean(credit.unit)}"
    if credit.remaining is not None:
        return f"{clean(credit.label)} {figure(credit.remaining)}{unit} left"
    if credit.used is not None and credit.limit is not None:
        return f"{clean(credit.label)} {figure(credit.used)} of {figure(credit.limit)}{unit}"
    return f"{clean(credit.label)} {figure(credit.used)}{unit}" if credit.used is not None else ""
