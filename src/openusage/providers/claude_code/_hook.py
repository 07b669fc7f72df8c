"""What Claude Code's hooks send -> records. A payload is mostly a wake-up: transcripts tell more, soon after.

Hooks of real versions carry no usage; a program that speaks the same language may. Prompts and turns come
from the transcripts alone, which give them an identity. File contents and commands are not kept.
"""

from __future__ import annotations

import json

import msgspec

from openusage.errors import UsageError
from openusage.providers._loose import raw_of
from openusage.providers.claude_code._lines import Line, Message, time_of, usage_of
from openusage.providers.claude_code._tally import (
    Tally,
    Where,
    answer_of,
    call_of,
    key_of,
    microseconds,
    project_of,
)
from openusage.providers.claude_code._tools import touch_of
from openusage.wire.events import Outcome, Record


def parse_hook(payload: bytes, account: str, now_us: int) -> list[Record]:
    """Records of one payload; none for what only says that something happened.

    Raises:
        UsageError: the payload is no JSON object.
    """
    try:
        found = json.loads(payload.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        raise UsageError("the hook payload is not JSON") from None
    if not isinstance(found, dict):
        raise UsageError("the hook payload is no JSON object")
    said = _Payload(found)
    where = Where(
        said.at_us(now_us),
        said.text("session_id") or "",
        project_of(said.text("cwd")),
        said.text("agent_type"),
        "",
    )
    tally = Tally(account)
    _message(said, where, tally)
    if not len(tally) and "tool" in (said.text("hook_event_name") or "").lower():
        _tool(said, where, tally)
    return tally.records()


class _Payload:
    """Fields under any of their names."""

    def __init__(self, found: dict[str, object]) -> None:
        self.found = found
        message = found.get("message")
        self.message: dict[str, object] = message if isinstance(message, dict) else {}

    def text(self, *names: str) -> str | None:
        values = (self.found.get(name) for name in names)
        return next((v.encode("utf-8", "replace").decode() for v in values if isinstance(v, str) and v), None)

    def at_us(self, now_us: int) -> int:
        times = (time_of(self.found.get(name)) for name in ("timestamp", "occurred_at", "time"))
        return next((microseconds(time) for time in times if time is not None), now_us)


def _message(said: _Payload, where: Where, tally: Tally) -> None:
    usage = usage_of(said.found.get("usage")) or usage_of(said.message.get("usage"))
    if usage is None:
        return
    request_id = said.text("request_id", "turn_id")
    own = _Payload(said.message)
    message = Message(
        id=own.text("id") or said.text("message_id"),
        model=said.text("model", "model_id") or own.text("model"),
        usage=usage,
    )
    cost = said.found.get("cost_usd")
    line = Line(requestId=request_id, costUSD=cost if isinstance(cost, int | float) else None)
    answer = answer_of(line, message, usage, where)
    if answer is None:
        return
    if message.id:
        key = key_of(line, message, answer)
    elif request_id:
        key = ("request", request_id)
    else:
        key = ("hook", where.session, message.model, *msgspec.structs.astuple(answer.tokens))
    tally.answer(key, answer)


def _tool(said: _Payload, where: Where, tally: Tally) -> None:
    tool_use_id = said.text("tool_use_id", "tool_call_id", "toolUseID")
    if tool_use_id is None:
        return
    tool = said.text("tool_name") or "unknown"
    touch = touch_of(tool, raw_of(said.found.get("tool_input")))
    tally.call(tool_use_id, call_of(where, tool, touch, _outcome(said)))


def _outcome(said: _Payload) -> Outcome | None:
    event, answer = said.text("hook_event_name") or "", said.found.get("tool_response")
    if event.startswith("Pre"):
        return None
    failed = isinstance(answer, dict) and (answer.get("is_error") is True or answer.get("success") is False)
    return Outcome.ERROR if failed or "fail" in event.lower() else Outcome.OK
