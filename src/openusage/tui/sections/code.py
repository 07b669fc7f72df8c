"""What was changed in the window: lines, files, commits, prompts."""

from __future__ import annotations

from textual.strip import Strip

from openusage import format as fmt
from openusage.tui.lines import Part, left, packed, strip
from openusage.tui.sections.ranking import LABEL_WIDTH
from openusage.tui.view import View
from openusage.wire.sections import Sections


def groups(account: Sections, view: View) -> list[list[Part]]:
    """Figures with their unit; what is not reported is left out."""
    code, palette = account.code, view.palette
    found: list[list[Part]] = []
    if code.lines_added is not None or code.lines_removed is not None:
        added, removed = fmt.count(code.lines_added), fmt.count(code.lines_removed)
        found.append([(f"+{added} −{removed}", palette.text), (" lines", palette.dim)])
    for value, unit in ((code.files_changed, "files"), (code.commits, "commits"), (code.prompts, "prompts")):
        if value is not None:
            found.append([(fmt.count(value), palette.text), (f" {unit}", palette.dim)])
    return found


def rows(account: Sections, view: View) -> int:
    return 1 if groups(account, view) else 0


def draw(account: Sections, width: int, rows: int, view: View) -> list[Strip]:
    label: Part = (left("CODE", LABEL_WIDTH), view.palette.dim)
    figures = packed(groups(account, view), width - LABEL_WIDTH, gap=2)
    return [strip([label, *figures], width)][:rows]
