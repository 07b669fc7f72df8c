"""One account: what its snapshot says as cards, and its history by model, project, session and tool.

`cards` draws a snapshot, also on an overview that has one account alone; `screen` places the tabs.
"""

from openusage.tui.detail.cards import Sheet, draw, heading

__all__ = ["Sheet", "draw", "heading"]
