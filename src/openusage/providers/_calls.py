"""Tool calls whose end is told elsewhere than their beginning: in a later row of the conversation. Pure."""

from __future__ import annotations

import re

import msgspec

from openusage.wire.events import Outcome, UsageEvent

KEPT_CALLS = 64
"""Calls that wait for their result. Real sessions run a handful at once."""
LONG_ID = 16
_COUNTED = re.compile(r"[:_]\d{1,4}$")


def is_unique(call_id: str) -> bool:
    """Whether a call's id is the vendor's and the only one: `toolu_…`, `call_…`.

    Others are counted anew in every session: `call_1` by local models, `functions.bash:0` by Kimi.

    >>> is_unique("toolu_01AbCdEfGhIjKlMnOp"), is_unique("functions.read_file:12"), is_unique("call_1")
    (True, False, False)
    """
    return len(call_id) >= LONG_ID and not _COUNTED.search(call_id)


def mcp_name(name: str) -> str:
    """A tool as it travels; an MCP server's tools are `mcp_<server>_<tool>`.

    >>> mcp_name("edit"), mcp_name("mcp_docker_mcp-find")
    ('edit', 'mcp__docker__mcp-find')
    """
    if not name.startswith("mcp_") or name.startswith("mcp__"):
        return name
    server, _, tool = name.removeprefix("mcp_").partition("_")
    return f"mcp__{server}__{tool}" if server and tool else name


class Calls(msgspec.Struct):
    """Calls without a result so far, the newest last. Travels in a cursor."""

    waiting: dict[str, UsageEvent] = {}

    def begin(self, call_id: str, event: UsageEvent) -> UsageEvent:
        """A call was made. Its event, for now without an outcome."""
        self.waiting.pop(call_id, None)
        self.waiting[call_id] = event
        if len(self.waiting) > KEPT_CALLS:
            del self.waiting[next(iter(self.waiting))]
        return event

    def end(self, call_id: str, outcome: Outcome) -> UsageEvent | None:
        """Its result came: the event once more, with the outcome. `None`: the call is not known."""
        event = self.waiting.pop(call_id, None)
        return None if event is None else msgspec.structs.replace(event, outcome=outcome)


def unchanged(call: UsageEvent) -> UsageEvent:
    """A call that is not over, or failed: it changed no file."""
    return msgspec.structs.replace(call, lines_added=None, lines_removed=None, file_key=None)
