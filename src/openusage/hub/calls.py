"""Every call of the hub: what cannot be asked of the code that answers it.

Shapes are those of the types that travel, limits come from the constants that the checks use. A test compares
this table with the paths that are served, and another one holds real answers against it. Who adds a path adds
a `Call`; `openapi` turns them into a document.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from openusage.hub.details import BLOCKS_ALLOWED, MOST_OFFSET, SESSIONS_ALLOWED, TURNS_ALLOWED
from openusage.hub.ingest import MAX_BODY, MAX_NAME
from openusage.hub.pane import ALLOWED as PANE_ALLOWED
from openusage.hub.stream import LAST_ID
from openusage.hub.usage import ALLOWED, DEFAULT_WINDOW, FILTERS, MAX_ROWS, WINDOWS
from openusage.store.schema import LARGEST_COUNT, LATEST_US
from openusage.wire.envelope import RemoteEnvelope
from openusage.wire.events import EventKind, TokenCounts
from openusage.wire.fleet import AccountsReply, Capabilities, ForgetReply, MachinesReply, UsageReply
from openusage.wire.pane import GROUPS, Pane
from openusage.wire.pane import WINDOWS as PANE_WINDOWS
from openusage.wire.records import (
    MAX_PACKED_BYTES,
    MAX_RECORDS,
    MAX_TEXT,
    MAX_UNPACKED_BYTES,
    RecordBatch,
    RecordsReply,
)
from openusage.wire.rollups import By
from openusage.wire.sessions import (
    MOST_BLOCKS,
    MOST_SESSIONS,
    MOST_TURNS,
    PAGE,
    BlockList,
    SessionOrder,
    SessionPage,
    TurnPage,
)
from openusage.wire.snapshot import UsageSnapshot
from openusage.wire.stream import CONTENT_TYPE, StreamEvent

Json = dict[str, Any]
JSON = "application/json"
_OPENMETRICS = "application/openmetrics-text"


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a request was refused."""

    error: str
    detail: str = ""


class Accepted(msgspec.Struct, frozen=True):
    """A push is on the board."""

    ok: bool


class Ready(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether it can do all it is for; `why` it cannot."""

    status: str
    why: str = ""


class Health(msgspec.Struct, frozen=True, omit_defaults=True):
    """The hub is up. `machines`: their names, unless the hub keeps them to itself."""

    status: str
    machines: list[str] = []


class Says(NamedTuple):
    """One answer a call may get."""

    status: int
    what: str
    body: Any = None
    """Its type; `None`: no body."""
    headers: tuple[str, ...] = ()
    """Those it always has."""
    media: tuple[str, ...] = (JSON,)


class Parameter(NamedTuple):
    name: str
    what: str
    schema: Json
    where: str = "query"
    is_list: bool = False
    """May be repeated; each value may be a list with commas where `commas`."""
    commas: bool = False
    required: bool = False


class Call(NamedTuple):
    """What can be asked. HEAD is GET without the body."""

    method: str
    path: str
    what: str
    answers: tuple[Says, ...]
    parameters: tuple[Parameter, ...] = ()
    body: Any = None
    needs_token: bool = True

    def all_answers(self) -> tuple[Says, ...]:
        """One a status, with those that any call may get."""
        generic = (*_ANY, *(_REFUSED if self.needs_token else ()))
        return tuple({a.status: a for a in (*generic, *self.answers)}.values())


def _number(least: int, most: int, default: int) -> Json:
    return {"type": "integer", "minimum": least, "maximum": most, "default": default}


_TEXT: Json = {"type": "string"}
_TIME: Json = {"type": "string", "format": "date-time"}
_USAGE: dict[str, Parameter] = {
    "window": Parameter(
        "window",
        "How far back. `1d` begins at midnight in `tz`; the others roll. Not with `from` or `to`.",
        {"type": "string", "enum": list(WINDOWS), "default": DEFAULT_WINDOW},
    ),
    "from": Parameter("from", "Not before this time.", _TIME),
    "to": Parameter("to", "Before this time.", _TIME),
    "tz": Parameter("tz", "Zone of days, hours and `1d`, by its IANA name.", _TEXT | {"default": "UTC"}),
    "by": Parameter(
        "by",
        "What to group by. Without it there are totals only.",
        {"type": "string", "enum": list(By)},
        is_list=True,
        commas=True,
    ),
    **{name: Parameter(name, f"Only this {name}; may be repeated.", _TEXT, is_list=True) for name in FILTERS},
    "kind": Parameter(
        "kind", "Only events of this kind.", {"type": "string", "enum": list(EventKind)}, is_list=True
    ),
}
_PANE: dict[str, Parameter] = _USAGE | {
    "window": Parameter(
        "window", "How far back.", {"type": "string", "enum": list(PANE_WINDOWS), "default": "7d"}
    ),
    "group": Parameter(
        "group", "What a row stands for.", {"type": "string", "enum": list(GROUPS), "default": By.MACHINE}
    ),
}
_SESSIONS: dict[str, Parameter] = _USAGE | {
    "search": Parameter("search", "Only those whose name, or a project's, contains this.", _TEXT),
    "order": Parameter(
        "order",
        "Which come first.",
        {"type": "string", "enum": list(SessionOrder), "default": SessionOrder.NEWEST},
    ),
    "limit": Parameter("limit", "How many rows at most.", _number(1, MOST_SESSIONS, PAGE)),
    "offset": Parameter("offset", "How many rows to pass over.", _number(0, MOST_OFFSET, 0)),
}
_TURNS: dict[str, Parameter] = {
    "provider": Parameter("provider", "The provider of the session.", _TEXT, required=True),
    "session": Parameter("session", "Its name.", _TEXT, required=True),
    "limit": Parameter("limit", "How many turns at most.", _number(1, MOST_TURNS, PAGE)),
    "before": Parameter("before", "`next` of the page before; without it, from the newest on.", _TEXT),
}
_KNOWN = Parameter("If-None-Match", "Tags of answers that the client has.", _TEXT, "header")
_CODING = Parameter(
    "Content-Encoding", "How the body is packed.", {"type": "string", "enum": ["identity", "gzip"]}, "header"
)
_HEARD = "The id of the event that was heard last: what came after it is told."

_ANY = (
    Says(400, "No name of a host, or two.", Fault),
    Says(421, "A hub for its own machine, asked under another one's name.", Fault),
    Says(429, "Too much from one address.", Fault, ("Retry-After",)),
)
_REFUSED = (
    Says(401, "No token, or not a good one.", Fault, ("WWW-Authenticate",)),
    Says(403, "The token is not good for this; `detail` says what it is for.", Fault),
)
_KNOWN_ALREADY = Says(304, "The client has it.", None, ("ETag",))
_NOT_NOW = Says(503, "Too much at once, or the history cannot be used now.", Fault, ("Retry-After",))
_NO_SPACE = Says(507, "No space is left.", Fault, ("Retry-After",))
_BAD_QUERY = Says(400, "A parameter is wrong; `detail` names it and what is allowed.", Fault)
_BAD_BODY = Says(400, "The body cannot be used; `detail` names the place.", Fault)
_BAD_CODING = Says(415, "Packed in another way than gzip.", Fault, ("Accept-Encoding",))


def _found(what: str, body: Any) -> Says:
    return Says(200, what, body, ("ETag",))


CALLS: tuple[Call, ...] = (
    Call(
        "POST",
        "/v1/push",
        "The newest state of every account of a machine. It replaces what the machine pushed before.",
        (
            Says(200, "It is on the board.", Accepted, ("Accept-Encoding",)),
            _BAD_BODY,
            Says(413, f"More than {MAX_BODY} bytes, as it comes or unpacked.", Fault),
            _BAD_CODING,
            _NOT_NOW,
            Says(507, "The hub holds all it can.", Fault),
        ),
        (_CODING,),
        RemoteEnvelope,
    ),
    Call(
        "GET",
        "/v1/snapshots",
        "The newest state of all machines: `machine:provider:account` -> snapshot.",
        (_found("All that is fresh.", dict[str, UsageSnapshot]), _KNOWN_ALREADY),
        (_KNOWN,),
    ),
    Call("GET", "/healthz", "Whether it is up.", (Says(200, "It is.", Health),), needs_token=False),
    Call(
        "GET",
        "/readyz",
        "Whether it can do all it is for.",
        (Says(200, "It can.", Ready), Says(503, "It cannot; `why`.", Ready)),
        needs_token=False,
    ),
    Call(
        "GET",
        "/metrics",
        "How it is, for Prometheus; `hub.metrics_public` serves it without a token.",
        (Says(200, "In the format that is asked for.", str, media=("text/plain", _OPENMETRICS)),),
    ),
    Call(
        "POST",
        "/v1/records",
        f"What a machine's store has in `(after, upto]`, at most {MAX_RECORDS} records.",
        (
            Says(200, "Stored, now or before.", RecordsReply, ("Accept-Encoding",)),
            _BAD_BODY,
            Says(409, "It begins after what is stored; nothing was.", RecordsReply),
            Says(413, f"More than {MAX_PACKED_BYTES} bytes packed or {MAX_UNPACKED_BYTES} unpacked.", Fault),
            _BAD_CODING,
            _NOT_NOW,
            _NO_SPACE,
        ),
        (_CODING,),
        RecordBatch,
    ),
    Call(
        "GET",
        "/v1/machines",
        "Every machine the hub knows, live or not.",
        (Says(200, "By name.", MachinesReply), _NOT_NOW),
    ),
    Call(
        "DELETE",
        "/v1/machines/{machine}",
        "Forgets a machine and what it alone had. With the hub's own token only.",
        (
            Says(200, "What that meant.", ForgetReply),
            Says(404, "There is none of this name or id.", Fault),
            _NOT_NOW,
            _NO_SPACE,
        ),
        (Parameter("machine", "Its name, as `/v1/machines` has it, or its id.", _TEXT, "path"),),
    ),
    Call(
        "GET",
        "/v1/accounts",
        "Every real account once, with the machines that share it and its limits.",
        (_found("By provider and name.", AccountsReply), _KNOWN_ALREADY, _NOT_NOW),
        (_KNOWN,),
    ),
    Call(
        "GET",
        "/v1/usage",
        f"Tokens, cost and requests of all machines, each event once; at most {MAX_ROWS} rows.",
        (
            _found("The sums.", UsageReply),
            _KNOWN_ALREADY,
            _BAD_QUERY,
            _NOT_NOW,
        ),
        (*(_USAGE[name] for name in ALLOWED), _KNOWN),
    ),
    Call(
        "GET",
        "/v1/fleet",
        "What a screen draws of all machines: sums, rows, limits and what a chart is made of.",
        (
            _found("The pane.", Pane),
            _KNOWN_ALREADY,
            _BAD_QUERY,
            _NOT_NOW,
        ),
        (*(_PANE[name] for name in PANE_ALLOWED), _KNOWN),
    ),
    Call(
        "GET",
        "/v1/sessions",
        f"Sessions with a message in a window, each with its sums; at most {MOST_SESSIONS} rows.",
        (_found("Some of them, and how many there are.", SessionPage), _KNOWN_ALREADY, _BAD_QUERY, _NOT_NOW),
        (*(_SESSIONS[name] for name in SESSIONS_ALLOWED), _KNOWN),
    ),
    Call(
        "GET",
        "/v1/turns",
        f"Events of one session, the newest first, and why each cost what it did; at most {MOST_TURNS} rows.",
        (_found("Some of them.", TurnPage), _KNOWN_ALREADY, _BAD_QUERY, _NOT_NOW),
        (*(_TURNS[name] for name in TURNS_ALLOWED), _KNOWN),
    ),
    Call(
        "GET",
        "/v1/blocks",
        f"5-hour blocks of each account, the newest first, at most {MOST_BLOCKS}; its limits over time.",
        (_found("The blocks.", BlockList), _KNOWN_ALREADY, _BAD_QUERY, _NOT_NOW),
        (*(_USAGE[name] for name in BLOCKS_ALLOWED), _KNOWN),
    ),
    Call("GET", "/v1/capabilities", "What this hub does.", (Says(200, "This.", Capabilities),)),
    Call(
        "GET",
        "/v1/stream",
        "Changes as they happen, as Server-Sent Events; each names what to ask anew.",
        (
            Says(200, "Until either end leaves.", StreamEvent, media=(CONTENT_TYPE,)),
            Says(503, "Too many listeners.", Fault, ("Retry-After",)),
        ),
        (
            Parameter("Last-Event-ID", _HEARD, _TEXT, "header"),
            Parameter(LAST_ID, _HEARD + " The header is believed first.", _TEXT),
        ),
    ),
    Call(
        "GET",
        "/openapi.json",
        "This document.",
        (_found("OpenAPI 3.1.", dict[str, Any]), _KNOWN_ALREADY),
        (_KNOWN,),
    ),
)

_COUNT: Json = {"minimum": 0, "maximum": LARGEST_COUNT}
_AT: Json = {"minimum": 0, "maximum": LATEST_US}
_NAME: Json = {"maxLength": MAX_NAME}
_ID: Json = {"pattern": "^[0-9a-f]{32}$"}
_NUMBER: Json = {"minimum": 0, "maximum": 1 << 62}
_LONG: Json = {"maxLength": MAX_TEXT}
_EVENT_TEXTS = "provider account model upstream client project session agent tool language".split()
LIMITS: Mapping[str, Mapping[str, Json]] = {
    "RemoteEnvelope": {"machine": _NAME | {"minLength": 1}, "machine_id": _NAME, "version": _NAME},
    "RecordBatch": {
        "machine": _NAME | {"minLength": 1},
        "version": _NAME,
        "machine_id": _ID,
        "store_id": _ID,
        "after": _NUMBER,
        "upto": _NUMBER,
        "backlog": _NUMBER,
        "records": {"maxItems": MAX_RECORDS},
    },
    "UsageEvent": {
        "at_us": _AT,
        "event_key": {"pattern": "^[A-Za-z0-9+/]{21}[AQgw]==$"},
        "lines_added": _COUNT,
        "lines_removed": _COUNT,
        "web_searches": _COUNT,
        "web_fetches": _COUNT,
        "cost_reported_nano": _COUNT,
        "carried": {"minimum": 0, "maximum": 6 * LARGEST_COUNT},
        "file_key": {"minimum": 0, "maximum": (1 << 63) - 1},
    }
    | dict.fromkeys(_EVENT_TEXTS, _LONG),
    "TokenCounts": dict.fromkeys(TokenCounts.__struct_fields__, _COUNT),
    "QuotaReading": {"at_us": _AT, "resets_at_us": _AT}
    | dict.fromkeys(("provider", "account", "key", "unit", "window"), _LONG),
    "AccountFact": {"at_us": _AT} | dict.fromkeys(("provider", "account", "key", "value"), _LONG),
}
"""What a type alone does not say: type -> field -> limits that `checked` and `ingest` hold it to."""
