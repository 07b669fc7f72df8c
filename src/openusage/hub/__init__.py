"""The hub: keeps the newest batch of every machine and serves all of them as one; and remembers.

The bytes of a push go through `ingest` (and `repair` when the sender is loose) to the `board`, from there
through `view` to `GET /v1/snapshots`. Records go through `records` to the store of `history`; `usage`,
`machines` and `accounts` say what is asked of it, `answers` keeps what was answered, `routes` are its paths.
`auth` decides who may, `app` joins all as one ASGI application, `listen` and `server` put it on an address.
"""

from openusage.hub.board import Board, Change, MachineInfo
from openusage.hub.history import History
from openusage.hub.listen import DEFAULT_LISTEN, guard, is_loopback, parse_listen
from openusage.hub.place import database_path
from openusage.hub.server import HubServer, Patience

__all__ = [
    "DEFAULT_LISTEN",
    "Board",
    "Change",
    "History",
    "HubServer",
    "MachineInfo",
    "Patience",
    "database_path",
    "guard",
    "is_loopback",
    "parse_listen",
]
