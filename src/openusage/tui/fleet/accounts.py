"""The accounts of a fleet: limits and credits, once a real account, with the machines that share it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from rich.cells import cell_len
from textual.strip import Strip

from openusage import format as fmt
from openusage.tui.bars import thin_gauge
from openusage.tui.lines import Part, cells, clean, fit, left, right, shortened, strip
from openusage.tui.sections.gauges import level_sign
from openusage.tui.view import View
from openusage.wire.forecast import forecast
from openusage.wire.pane import PaneAccount
from openusage.wire.sections import Credit, Gauge

_BAR, _SHORT_BAR = 16, 8
_WIDE, _NARROW = 100, 50
_LONGEST_NAME = 24
_LEAST_WHERE, _MOST_WHERE = 12, 30
"""Cells kept for the machines that share an account."""
_GAP = 3
_OLD_S = 900
"""A reading older than this is said to be."""


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """The accounts, ready to be drawn; what stands in a column is as wide in all of them."""

    accounts: list[PaneAccount]
    names: list[str]
    labels: list[int]
    """Widths of the labels of the first gauges, and of the second ones."""
    gauges: int
    """How many gauges there is room for."""
    bar: int
    """Cells of a gauge; 0: its figures alone."""
    width: int

    def __len__(self) -> int:
        return len(self.accounts)

    def key(self, index: int) -> str:
        """What tells an account from the others, over refreshes."""
        account = self.accounts[index]
        return "\0".join((account.provider, account.account, *account.machines[:1]))

    def head(self, view: View) -> Strip:
        """The title."""
        return strip([("  ACCOUNTS", view.palette.dim)], self.width)

    def line(self, index: int, view: View, *, selected: bool, focused: bool) -> Strip:
        """One account; what does not fit is left out whole."""
        palette, account = view.palette, self.accounts[index]
        shown = selected and focused
        wide = max(map(cell_len, self.names))
        parts: list[Part] = [("▌ " if shown else "  ", palette.accent)]
        parts.append((left(self.names[index], wide), palette.strong if shown else palette.text))
        where, room = self._where(account, view), self.width - cells(parts)
        middle = self._middle(account, room, view)
        parts += middle
        # The machines stand under each other, whatever stands before them.
        usual = sum(_GAP + label + _gauge_width(self.bar) for label in self.labels)
        parts.append((" " * min(max(usual - cells(middle), 0), room), palette.text))
        room = self.width - cells(parts)
        if room >= _GAP + _LEAST_WHERE or cell_len(where) + _GAP <= room:
            parts.append((" " * _GAP + fit(where, room - _GAP), palette.dim))
        return strip(parts, self.width)

    def _middle(self, account: PaneAccount, room: int, view: View) -> list[Part]:
        """Gauges and credits, as many as fit whole."""
        parts: list[Part] = []
        blocks = [
            _gauge(gauge, label, self.bar, view)
            for gauge, label in zip(account.gauges, self.labels, strict=False)
        ]
        texts = filter(None, (_credit(credit, view) for credit in account.credits))
        for block in (*blocks, *([(text, view.palette.text)] for text in texts)):
            if cells(parts) + _GAP + cells(block) <= room:
                parts += [(" " * _GAP, view.palette.text), *block]
        return parts

    @staticmethod
    def _where(account: PaneAccount, view: View) -> str:
        """`work-laptop, home`, and how old what they said is."""
        said = ", ".join(map(clean, account.machines))
        if account.read_at is not None and (view.now - account.read_at).total_seconds() > _OLD_S:
            said += f", read {fmt.age((view.now - account.read_at).total_seconds())} ago"
        return said


def sheet(accounts: Sequence[PaneAccount], width: int) -> Sheet:
    """All accounts, the nearest limit first."""
    names = [shortened(_name(account), _LONGEST_NAME) for account in accounts]
    bar = _BAR if width >= _WIDE else _SHORT_BAR if width >= _NARROW else 0
    labels = [
        max((cell_len(clean(a.gauges[at].label)) for a in accounts if len(a.gauges) > at), default=0)
        for at in range(2)
    ]
    where = max((cell_len(", ".join(map(clean, a.machines))) for a in accounts), default=0)
    room = (
        width - 2 - max(map(cell_len, names), default=0) - min(max(where, _LEAST_WHERE), _MOST_WHERE) - _GAP
    )
    gauges = 1
    if labels[1] and room >= sum(_GAP + label + _gauge_width(bar) for label in labels):
        gauges = 2
    return Sheet(
        accounts=list(accounts), names=names, labels=labels[:gauges], gauges=gauges, bar=bar, width=width
    )


def _name(account: PaneAccount) -> str:
    plan = clean(account.plan)
    name = clean(account.name)
    return f"{name} {plan}" if plan and plan.casefold() not in name.casefold() else name


_PERCENT, _RESET = 8, 10


def _gauge_width(bar: int) -> int:
    """Without its label."""
    return 1 + bar + _PERCENT + _RESET


def _gauge(gauge: Gauge, label: int, bar: int, view: View) -> list[Part]:
    """`5 h ━━━━━━━╸──┤─  83 % ▲ 1 h 18 m`: what is used, where it will be, and when it starts anew."""
    palette = view.palette
    expected = forecast(gauge, view.now)
    level = palette.level(gauge.used_pct, view.warn_pct, view.crit_pct)
    left_s = fmt.seconds_until(gauge.resets_at, view.now)
    figure = f"{right(fmt.percent(gauge.used_pct), _PERCENT - 2)} {level_sign(gauge.used_pct, view)}"
    return [
        (left(clean(gauge.label), label) + " ", palette.dim),
        *(thin_gauge(gauge, bar, expected, palette, (view.warn_pct, view.crit_pct)) if bar else ()),
        (figure, palette.text if level is palette.fill else level),
        (" " + left(fmt.duration(left_s) if left_s and left_s > 0 else "", _RESET - 1), palette.dim),
    ]


def _credit(credit: Credit, view: View) -> str:
    """`credit balance $7.02 left`, in the vendor's own unit."""
    is_money = credit.unit == "USD"
    if is_money and not view.shows_money:
        return ""
    figure = fmt.money if is_money else fmt.amount
    unit = "" if is_money else f" {clean(credit.unit)}"
    if credit.remaining is not None:
        return f"{clean(credit.label)} {figure(credit.remaining)}{unit} left"
    if credit.used is not None and credit.limit is not None:
        return f"{clean(credit.label)} {figure(credit.used)} of {figure(credit.limit)}{unit}"
    return f"{clean(credit.label)} {figure(credit.used)}{unit}" if credit.used is not None else ""
