"""A sentence before the figures: what is wrong with the account, or why its costs are not shown."""

from __future__ import annotations

from textual.strip import Strip

from openusage.tui.lines import clean, strip, wrapped
from openusage.tui.sections import header
from openusage.tui.view import Costs, View
from openusage.wire.sections import Sections

_MOST_ROWS = 2


def text(account: Sections, view: View) -> str:
    """The sentence, empty when there is nothing to say."""
    if account.status != "OK":
        return clean(account.message)
    if account.flat_plan and view.costs is Costs.AUTO:
        return f"Costs hidden: {plan_name(account)} is a flat plan. Press c to show API-equivalent cost."
    return ""


def plan_name(account: Sections) -> str:
    """`Claude Max`, or the tool's name when the plan is not told."""
    plan, name = clean(account.plan), clean(account.name) or clean(account.provider_id)
    brand = name.split()[0]
    return plan if brand.lower() in plan.lower() else f"{brand} {plan}" if plan else name


def rows(account: Sections, view: View) -> int:
    return _MOST_ROWS if text(account, view) else 0


def draw(account: Sections, width: int, rows: int, view: View) -> list[Strip]:
    bad = account.status in ("ERROR", "AUTH_REQUIRED", "LIMITED")
    style = header.sign_style(account, header.state(account, view), view.palette) if bad else view.palette.dim
    return [strip([(line, style)], width) for line in wrapped(text(account, view), width, rows)]
