"""What plugins of OpenCode send -> records, under the keys that its database gives them later.

Ours sends a finished step or tool call with the message that it is in. The Go program's sends every event of
the bus: of these a tool call names itself, and all others only say that something happened: a message's own
counts are those of its last step alone. No text is kept, nor sent by ours.
"""

from __future__ import annotations

import msgspec

from openusage.errors import UsageError
from openusage.providers._calls import is_unique
from openusage.providers._opencode_messages import Message, Part, Session, events, tool_name
from openusage.providers._values import child, decoded, json_value, project_of, text, time_us
from openusage.providers.opencode._zen import PROVIDER
from openusage.wire.events import Account, EventKind, Outcome, Record, UsageEvent, event_key

_message = msgspec.json.Decoder(Message)
_part = msgspec.json.Decoder(Part)


def parse_hook(payload: bytes, account: str, now_us: int) -> list[Record]:
    """Records of one payload; none for what only says that something happened.

    Raises:
        UsageError: the payload is no JSON object.
    """
    found = json_value(payload)
    if not isinstance(found, dict):
        raise UsageError("the hook payload is not a JSON object")
    if found.get("hook") == "tool.execute.after":
        return _call(found, account, now_us)
    message = decoded(msgspec.json.encode(child(found, "message")), _message)
    part = decoded(msgspec.json.encode(child(found, "part")), _part)
    created_us = time_us(child(message.time).get("created")) if message is not None else None
    if message is None or part is None or created_us is None or part.type not in ("step-finish", "tool"):
        return []
    # As if it went on: its own counts are not asked for. As if it were a copy: the database, which knows of
    # sub-agents and files, comes before it wherever both tell of one event.
    message.time, message.error = {"created": created_us}, None
    session = Session(id=text(message.sessionID), created_us=created_us + 1)
    owner = Account(id=account, provider=PROVIDER)
    return list(events(owner, message, session, [part], final=False))


def _call(found: dict[str, object], account: str, now_us: int) -> list[Record]:
    given = child(found, "input")
    call, name = text(given.get("callID")), text(given.get("tool"))
    if call is None or name is None or not is_unique(call):
        return []
    return [
        UsageEvent(
            provider=PROVIDER,
            account=account,
            at_us=time_us(found.get("timestamp")) or now_us,
            kind=EventKind.TOOL,
            event_key=event_key(PROVIDER, "tool", call),
            project=project_of(found.get("cwd")),
            session=text(given.get("sessionID")),
            tool=tool_name(name),
            outcome=Outcome.OK,
        )
    ]
