"""The hub: keeps the newest batch of every machine and serves all of them as one; and remembers.

The bytes of a push go through `ingest` (and `repair` when the sender is loose) to the `board`, from there
through `view` to `GET /v1/snapshots`. Records go through `records` to the store of `history`; `usage`,
`machines` and `accounts` say what is asked of it, `answers` keeps what was answered, `routes` are its paths.
`auth` decides who may, with the `tokens` of machines and the `sessions` of browsers, `limits` who may how
much; `web` is the hub as a page. `app` joins all as one ASGI application, `listen`, `tls`, `connection` and
`server` put it on an address. `meters` counts, and `ops` (with `metrics`) answers whoever runs it.
"""

from openusage.hub.board import Board, Change, MachineInfo
from openusage.hub.connection import Patience
from openusage.hub.history import History
from openusage.hub.limits import Limits
from openusage.hub.listen import DEFAULT_LISTEN, guard, is_loopback, parse_listen
from openusage.hub.place import database_path, tokens_path
from openusage.hub.policy import Policy
from openusage.hub.server import HubServer
from openusage.hub.tls import Tls
from openusage.hub.tokens import Role, Token, TokenBook, TokenFile
from openusage.hub.web.desk import Look
from openusage.hub.web.words import Thresholds

__all__ = [
    "DEFAULT_LISTEN",
    "Board",
    "Change",
    "History",
    "HubServer",
    "Limits",
    "Look",
    "MachineInfo",
    "Patience",
    "Policy",
    "Role",
    "Thresholds",
    "Tls",
    "Token",
    "TokenBook",
    "TokenFile",
    "database_path",
    "guard",
    "is_loopback",
    "parse_listen",
    "tokens_path",
]
