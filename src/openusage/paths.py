"""Where everything lives on this machine, worked out once from the environment. Opens nothing by itself.

`Paths` is a NamedTuple and this module imports no msgspec, because commands that must answer in
milliseconds (a status line, a hook) need the socket's path and nothing else.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from openusage.errors import OpenUsageError

SOCKET_PATH_MAX_BYTES = 103 if sys.platform == "darwin" else 107
"""`sun_path` of a Unix socket's address (unix(7): 108 bytes, 104 on macOS) without its closing NUL."""


class Paths(NamedTuple):
    """Every file and folder of ours. XDG variables count only when absolute, as their standard says."""

    home: Path
    config_dir: Path
    settings_file: Path
    custom_pricing_file: Path
    themes_dir: Path
    hooks_dir: Path
    state_dir: Path
    database: Path
    """What this machine used. Not `telemetry.db`: that name belongs to the Go program."""
    hub_database: Path
    """What a hub keeps of all machines."""
    socket: Path
    """Where a daemon listens: the same place as the Go program's, so that either finds the other."""
    machine_id_file: Path
    hook_spool: Path
    """Where tools' hooks leave payloads for the daemon. Hooks hear of another place by the same variable."""
    log_file: Path

    @classmethod
    def from_env(cls, environ: Mapping[str, str], home: Path) -> Paths:
        """The paths of the person whose `environ` and `home` these are."""
        config = _xdg(environ, "XDG_CONFIG_HOME", home / ".config") / "openusage"
        state = _xdg(environ, "XDG_STATE_HOME", home / ".local" / "state") / "openusage"
        custom_pricing = environ.get("OPENUSAGE_CUSTOM_PRICING", "")
        socket = environ.get("OPENUSAGE_TELEMETRY_SOCKET", "")
        hook_spool = environ.get("OPENUSAGE_HOOK_SPOOL", "")
        return cls(
            home=home,
            config_dir=config,
            settings_file=config / "settings.json",
            custom_pricing_file=(
                expand(custom_pricing, home) if custom_pricing else config / "custom-pricing.json"
            ),
            themes_dir=config / "themes",
            hooks_dir=config / "hooks",
            state_dir=state,
            database=state / "openusage.db",
            hub_database=state / "hub.db",
            socket=socket_path(expand(socket, home) if socket else state / "telemetry.sock", environ),
            machine_id_file=state / "machine-id",
            hook_spool=expand(hook_spool, home) if hook_spool else state / "hook-spool",
            log_file=state / "daemon.log",
        )

    def shown(self, path: Path) -> str:
        """A path as people write it: `~/.config/openusage/settings.json`."""
        return f"~/{path.relative_to(self.home)}" if path.is_relative_to(self.home) else str(path)


def expand(text: str, home: Path) -> Path:
    """A path a person wrote: a leading `~/` is `home`, a relative one starts in the working directory."""
    path = home / text[2:] if text.startswith("~/") else Path(text)
    return Path(os.path.abspath(path))  # noqa: PTH100  (Path.absolute keeps `..`, resolve follows links)


def socket_path(wanted: Path, environ: Mapping[str, str], uid: int | None = None) -> Path:
    """`wanted`, or a short stand-in where it does not fit into a socket address.

    The stand-in's name depends on `wanted` alone, so that daemon and clients agree on it. Its folder is
    `$XDG_RUNTIME_DIR/openusage`, else `/tmp/openusage-<uid>`; whoever listens makes it with
    `ensure_private_dir`.
    """
    if len(os.fsencode(wanted)) <= SOCKET_PATH_MAX_BYTES:
        return wanted
    import hashlib  # two milliseconds that a hook has no need of

    name = hashlib.sha256(os.fsencode(wanted)).hexdigest()[:16] + ".sock"
    user = os.getuid() if uid is None else uid
    short = Path(f"/tmp/openusage-{user}") / name
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    if runtime.startswith("/"):
        in_runtime = Path(runtime) / "openusage" / name
        if len(os.fsencode(in_runtime)) <= SOCKET_PATH_MAX_BYTES:
            return in_runtime
    return short


def ensure_private_dir(path: Path) -> Path:
    """Make `path` and its parents for this user alone (0700); check one that is there.

    A folder of ours (its name begins with `openusage`) that others may enter is closed to them; any other
    existing folder, such as `/tmp` beside a socket named by hand, is left as it is. Raises
    `OpenUsageError` where it cannot be made, is no folder, or a folder of ours belongs to someone else.
    """
    ours = path.name.startswith("openusage")
    try:
        _make_dirs(path)
        state = path.stat()
        if ours and state.st_uid != os.geteuid():
            raise OpenUsageError(
                f"{path} belongs to another user.", "Remove it, or choose other paths with XDG_STATE_HOME."
            )
        if ours and stat.S_IMODE(state.st_mode) & 0o077:
            path.chmod(0o700)
    except FileExistsError as e:
        raise OpenUsageError(f"{path} is needed as a folder but is a file.", "Move it away.") from e
    except OSError as e:
        raise OpenUsageError(
            f"Cannot use the folder {path}: {e.strerror or e}.",
            "Make it writable for you, or name other folders: XDG_STATE_HOME, XDG_CONFIG_HOME.",
        ) from e
    return path


def _make_dirs(path: Path) -> None:
    """`mkdir -p`, each new folder 0700 (`Path.mkdir(parents=True)` gives its mode to the last one only)."""
    try:
        path.mkdir(mode=0o700)
    except FileNotFoundError:
        _make_dirs(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
    except FileExistsError:
        if not path.is_dir():
            raise


def _xdg(environ: Mapping[str, str], name: str, default: Path) -> Path:
    value = environ.get(name, "")
    return Path(value) if value.startswith("/") else default
