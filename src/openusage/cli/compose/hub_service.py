"""The hub of this machine as a service: what it is told, whether it could serve, and whether it does."""

from __future__ import annotations

import secrets
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from openusage.cli.compose import service
from openusage.cli.compose.hub import tls_of
from openusage.errors import ListenError
from openusage.settings import HUB_TOKEN_ENV

if TYPE_CHECKING:
    from openusage.cli.surroundings import Surroundings
    from openusage.service import Keeper
    from openusage.settings import Hub, Settings

HEALTH_S = 5.0


class Wanted(NamedTuple):
    """What an install was asked for; `None`: as the settings say."""

    listen: str | None = None
    database: str | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    allow_public: bool = False
    token: str = ""
    """Empty: that of the last install, else a new one."""

    def changes(self) -> dict[str, str]:
        """Field of settings.json -> value."""
        given: dict[str, str] = {}
        if self.listen is not None:
            given["hub.listen_addr"] = self.listen
        if self.database is not None:
            given["hub.database"] = self.database
        if self.tls_cert is not None:
            given |= {"hub.tls_cert": str(self.tls_cert), "hub.tls_key": ""}
        if self.tls_key is not None:
            given["hub.tls_key"] = str(self.tls_key)
        return given


class Ready(NamedTuple):
    """An install that can be carried out."""

    keeper: Keeper
    settings: Settings
    changes: dict[str, str]
    token: str
    is_token_new: bool


def prepare(here: Surroundings, wanted: Wanted) -> Ready:
    """Everything that would keep the hub from serving is found here; nothing is changed.

    Raises:
        OpenUsageError: the address, the certificate, the token or the program is not fit for it.
    """
    from openusage.hub import guard

    changes = wanted.changes()
    fields = {field.removeprefix("hub."): value for field, value in changes.items()}
    hub = msgspec.structs.replace(here.settings.hub, **fields)
    settings = msgspec.structs.replace(here.settings, hub=hub)
    keeper = service.hub_keeper(here.paths, here.environ, allow_public=wanted.allow_public)
    kept = keeper.env.read().variables.get(HUB_TOKEN_ENV, "")
    token = wanted.token or kept
    is_new = not token and not wanted.allow_public
    if is_new:
        token = secrets.token_hex(32)
    guard(hub.listen_addr, token=token, allow_public=wanted.allow_public)
    tls_of(settings, here.paths)
    return Ready(keeper, settings, changes, token, is_new)


def install(here: Surroundings, ready: Ready) -> list[str]:
    """Carries it out; what to say of it. Raises `OpenUsageError`."""
    from openusage.service import HUB_NAMES
    from openusage.settings import update

    ready.keeper.refuse_unfit(here.environ)
    if ready.changes:
        update(here.paths.settings_file, ready.changes, here.paths.shown(here.paths.settings_file))
    names = ready.keeper.install(here.environ, HUB_NAMES, {HUB_TOKEN_ENV: ready.token or None})
    lines = [service.installed(here, ready.keeper, names)]
    if ready.is_token_new:
        where = here.paths.shown(ready.keeper.env.path)
        lines.append(f"A shared token was made: {HUB_TOKEN_ENV} in {where}.")
    return lines


def wait_serving(hub: Hub, keeper: Keeper) -> str:
    """Waits for the hub that the service has started. Empty: it serves; else what is wrong."""
    deadline = time.monotonic() + service.START_S
    while True:
        state = keeper.told().state
        if state.running and not (fault := health(hub)):
            return ""
        if not state.running and "activating" not in state.detail:
            return "it has ended"
        if time.monotonic() >= deadline:
            return fault if state.running else "it does not start"
        time.sleep(service.STEP_S)


def health(hub: Hub) -> str:
    """Why the hub that listens there is not ready to do all it is for; empty: it is."""
    import httpx

    from openusage.net import reason

    try:
        # Its certificate is for its public name, and this is only asked whether it is up.
        answer = httpx.get(f"{own_url(hub)}/readyz", verify=False, timeout=HEALTH_S)
        told = msgspec.json.decode(answer.content, type=dict[str, str])
    except httpx.HTTPError as e:
        return reason(e)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "something else answers there"
    return "" if answer.status_code == 200 else told.get("why", f"it answers {answer.status_code}")


def own_url(hub: Hub) -> str:
    """How this machine reaches it. Raises `ListenError`."""
    from openusage.hub import parse_listen

    host, port = parse_listen(hub.listen_addr)
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"{_scheme(hub)}://{_in_url(host)}:{port}"


def join_url(hub: Hub) -> str:
    """How other machines may reach it, as far as that can be told from here; empty: by a proxy alone."""
    from openusage.hub import is_loopback, parse_listen

    host, port = parse_listen(hub.listen_addr)
    if is_loopback(host):
        return f"https://{hub.hosts[0]}" if hub.hosts else ""
    if host in ("", "0.0.0.0", "::"):
        host = socket.gethostname()
    return f"{_scheme(hub)}://{_in_url(host)}:{port}"


def next_steps(hub: Hub) -> str:
    """The two commands that bring a machine in."""
    url = join_url(hub)
    where = "" if url else "   (the address that your proxy has)"
    return (
        "For each machine, here:    openusage hub token create --machine NAME\n"
        f"and there, with its token: openusage join {url or 'URL'}{where}"
    )


def address(hub: Hub) -> str:
    """For a status, also where the settings are wrong."""
    try:
        return own_url(hub)
    except ListenError:
        return hub.listen_addr


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _scheme(hub: Hub) -> str:
    return "https" if hub.tls_cert else "http"
