"""A sentence before the figures: what is wrong with the account, or why its costs are not shown."""

from __future__ import annotations

from rich.cells import cell_len
from textual.strip import Strip

from openusage.tui.lines import clean, strip, wrapped
from openusage.tui.sections import header
from openusage.tui.view import Costs, View
from openusage.wire.sections import Sections

_MOST_ROWS = 2


_VENDORS = {"claude_code": "Claude", "codex": "ChatGPT", "copilot": "Copilot"}
"""Whose plan it is, where the tool has another name."""


_SHORT = {
    "Costs hidden": "Costs hidden: flat plan (press c)",
    "Unassigned": "Unassigned: set provider_links",
}
"""What is said where there is no room for the sentence."""


def urgent(account: Sections) -> bool:
    """Whether the sentence goes before all figures: something is wrong with the account."""
    return account.status != "OK" and bool(account.message)


def text(account: Sections, view: View) -> str:
    """The sentence, empty when there is nothing to say."""
    if urgent(account):
        return clean(account.message)
    if account.flat_plan and view.costs_of(account) is Costs.AUTO:
        return f"Costs hidden: {plan_name(account)} is a flat plan. Press c to show API-equivalent cost."
    if account.unassigned:
        vendors = ", ".join(map(clean, account.unassigned))
        return f"Unassigned: {vendors}. telemetry.provider_links says whose they are."
    return ""


def plan_name(account: Sections) -> str:
    """`Claude Max`, or the tool's name when the plan is not told."""
    plan, name = clean(account.plan), clean(account.name) or clean(account.provider_id)
    vendor = _VENDORS.get(account.provider_id, name)
    if not plan or vendor.lower() in plan.lower():
        return plan or name
    return f"{vendor} {plan[:1].upper()}{plan[1:]}"


def rows(account: Sections, view: View) -> int:
    return (_MOST_ROWS if urgent(account) else 1) if text(account, view) else 0


def draw(account: Sections, width: int, rows: int, view: View) -> list[Strip]:
    said = text(account, view)
    if not urgent(account) and cell_len(said) > width * rows:
        said = _SHORT[said.partition(":")[0]]
    bad = account.status in ("ERROR", "AUTH_REQUIRED", "LIMITED")
    style = header.sign_style(account, header.state(account, view), view.palette) if bad else view.palette.dim
    return [strip([(line, style)], width) for line in wrapped(said, width, rows)]
