"""What Codex hands to its `notify` program after a turn -> records.

The payload has no tokens: those come from the rollout file. Keys are kebab-case; older and foreign wrappers
write snake or camel case, and may name a tool.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec.structs import replace

from openusage.errors import UsageError
from openusage.providers.codex._state import PROVIDER, tool_key, turn_key
from openusage.providers.codex._tools import project, tool_name
from openusage.wire.events import EventKind, Outcome, Record, UsageEvent

_OUTCOMES = {
    "ok": Outcome.OK,
    "success": Outcome.OK,
    "completed": Outcome.OK,
    "error": Outcome.ERROR,
    "failed": Outcome.ERROR,
    "aborted": Outcome.ABORTED,
    "cancelled": Outcome.ABORTED,
}


def parse_hook(payload: bytes, account: str, now_us: int) -> list[Record]:
    """Records of one notification: the turn that ended, under the key its log line has, or a named tool call.

    Raises:
        UsageError: the payload is not a JSON object.
    """
    try:
        found = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise UsageError("the hook payload is not a JSON object")
    given = {_snake(key): value for key, value in found.items()}
    session = _text(given, "thread_id", "session_id")
    turn, call = _text(given, "turn_id"), _text(given, "tool_call_id", "call_id")
    name = _text(given, "tool_name")
    event = UsageEvent(
        provider=PROVIDER,
        account=account,
        at_us=now_us,
        kind=EventKind.TURN,
        event_key=turn_key(session or "", turn or ""),
        model=_text(given, "model"),
        project=project(_text(given, "cwd") or ""),
        session=session,
    )
    if name and call:
        outcome = _OUTCOMES.get((_text(given, "status") or "").lower())
        key = tool_key(session or "", call)
        return [replace(event, kind=EventKind.TOOL, event_key=key, tool=tool_name(name), outcome=outcome)]
    return [event] if turn else []


def _snake(key: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|-", "_", key).lower()


def _text(given: dict[str, Any], *keys: str) -> str | None:
    return next((given[k] for k in keys if isinstance(given.get(k), str) and given[k]), None)
