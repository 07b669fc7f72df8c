"""The hub: keeps the newest batch of every machine and serves all of them as one.

The bytes of a push go through `ingest` (and `repair` when the sender is loose) to the `board`, from there
through `view` to `GET /v1/snapshots`. `auth` decides who may, `app` joins them as one ASGI application,
`listen` and `server` put it on an address.
"""

from openusage.hub.board import Board, Change, MachineInfo
from openusage.hub.listen import DEFAULT_LISTEN, guard, is_loopback, parse_listen
from openusage.hub.server import HubServer, Patience

__all__ = [
    "DEFAULT_LISTEN",
    "Board",
    "Change",
    "HubServer",
    "MachineInfo",
    "Patience",
    "guard",
    "is_loopback",
    "parse_listen",
]
