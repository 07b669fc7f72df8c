"""The hub of this machine as a service: what it is told, whether it could serve, and whether it does."""

from __future__ import annotations

import os
import secrets
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from openusage.cli.compose import service
from openusage.cli.compose.hub import tls_of
from openusage.errors import ListenError, ServiceError
from openusage.settings import HUB_TOKEN_ENV

if TYPE_CHECKING:
    from openusage.cli.surroundings import Surroundings
    from openusage.service import Keeper
    from openusage.settings import Hub, Settings

HEALTH_S = 5.0


class Place(NamedTuple):
    """Where a hub is kept: this user's, or the system's."""

    here: Surroundings
    keeper: Keeper
    names: tuple[str, ...]
    """Variables that it takes with it."""
    is_system: bool

    def shown(self, path: Path) -> str:
        return self.here.paths.shown(path)


def place(*, system: bool = False, allow_public: bool = False, root: Path = Path("/")) -> Place:
    """The hub that is meant. `root` is where `etc` and `var` of the system are.

    Raises:
        OpenUsageError: the settings cannot be used, or this machine has no such place.
    """
    from openusage.cli.surroundings import surroundings
    from openusage.service import HUB_NAMES, SYSTEM_NAMES

    if not system:
        here = surroundings()
        return Place(
            here, service.hub_keeper(here.paths, here.environ, allow_public=allow_public), HUB_NAMES, False
        )
    here = _system_surroundings(root)
    units = root / service.SYSTEM_UNITS.relative_to("/")
    keeper = service.system_hub_keeper(here.paths, here.environ, allow_public=allow_public, units=units)
    return Place(here, keeper, SYSTEM_NAMES, True)


def _system_surroundings(root: Path) -> Surroundings:
    """Settings in `/etc/openusage`, history in `/var/lib/openusage`. Raises `OpenUsageError`."""
    from openusage.cli.surroundings import Surroundings
    from openusage.paths import Paths
    from openusage.settings import load

    folders = {"XDG_CONFIG_HOME": str(root / "etc"), "XDG_STATE_HOME": str(root / "var/lib")}
    paths = Paths.from_env(folders, root / "var/lib/openusage")
    token = os.environ.get(HUB_TOKEN_ENV, "").strip()
    return Surroundings(os.environ, paths, load(paths.settings_file, str(paths.settings_file)), token)


def refuse_system(platform: str, uid: int) -> None:
    """Raises `ServiceError` where no service of the system can be made by whoever asks."""
    import pwd

    if platform != "linux":
        raise ServiceError("--system is for systemd, and this machine has none.", "Leave it out.")
    if uid != 0:
        raise ServiceError("A service of the whole system is root's to change.", "Say it with sudo.")
    try:
        pwd.getpwnam(service.SYSTEM_USER)
    except KeyError as e:
        raise ServiceError(
            f"There is no user {service.SYSTEM_USER}, whose rights the hub would have.",
            "Make it: useradd --system --home-dir /var/lib/openusage --shell /usr/sbin/nologin "
            f"{service.SYSTEM_USER}",
        ) from e


class Wanted(NamedTuple):
    """What an install was asked for; `None`: as the settings say."""

    listen: str | None = None
    database: str | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
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

    place: Place
    settings: Settings
    changes: dict[str, str]
    token: str
    is_token_new: bool


def prepare(place: Place, wanted: Wanted, *, allow_public: bool) -> Ready:
    """Everything that would keep the hub from serving is found here; nothing is changed.

    Raises:
        OpenUsageError: the address, the certificate, the token or the program is not fit for it.
    """
    from openusage.hub import guard

    changes = wanted.changes()
    fields = {field.removeprefix("hub."): value for field, value in changes.items()}
    here = place.here
    hub = msgspec.structs.replace(here.settings.hub, **fields)
    settings = msgspec.structs.replace(here.settings, hub=hub)
    kept = place.keeper.env.read().variables.get(HUB_TOKEN_ENV, "")
    token = service.checked_token(wanted.token or kept)
    is_new = not token and not allow_public
    if is_new:
        token = secrets.token_hex(32)
    guard(hub.listen_addr, token=token, allow_public=allow_public)
    tls_of(settings, here.paths)
    return Ready(place, settings, changes, token, is_new)


def install(ready: Ready) -> list[str]:
    """Carries it out; what to say of it. Raises `OpenUsageError`."""
    here, keeper = ready.place.here, ready.place.keeper
    keeper.refuse_unfit(here.environ)
    if ready.changes:
        _write_settings(ready)
    if ready.place.is_system:
        here.paths.config_dir.mkdir(mode=0o755, parents=True, exist_ok=True)
    names = keeper.install(here.environ, ready.place.names, {HUB_TOKEN_ENV: ready.token or None})
    lines = [service.installed(here, keeper, names)]
    if ready.is_token_new:
        lines.append(f"A shared token was made: {HUB_TOKEN_ENV} in {ready.place.shown(keeper.env.path)}.")
    return lines


def _write_settings(ready: Ready) -> None:
    """Those of the system are read by the hub's user, and written by root."""
    from openusage.settings import update

    file = ready.place.here.paths.settings_file
    if ready.place.is_system:
        file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    update(file, ready.changes, ready.place.shown(file))
    if ready.place.is_system:
        file.chmod(0o644)


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
