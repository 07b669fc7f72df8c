"""Which manager a machine has, and whether a program will still be there tomorrow. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from openusage.errors import ServiceError
from openusage.service.contract import Manager
from openusage.service.launchd import Launchd
from openusage.service.systemd import Systemd
from openusage.service.windows import Tasks

_CACHES = frozenset((".cache", "caches", "__pypackages__"))
_EMPTIED = ("/tmp", "/var/tmp", "/dev/shm", "/run", "/private/tmp", "/private/var/folders", "/var/folders")


def manager_of(platform: str, environ: Mapping[str, str], home: Path, uid: int) -> Manager:
    """The service manager of this platform (`sys.platform`). Raises `ServiceError` where there is none."""
    if platform == "linux":
        config = environ.get("XDG_CONFIG_HOME", "")
        return Systemd(
            (Path(config) if config.startswith("/") else home / ".config") / "systemd" / "user", uid
        )
    if platform == "darwin":
        # Over ssh there is no session at the screen, and `gui/…` cannot be reached.
        domain = "user" if environ.get("SSH_CONNECTION") else "gui"
        return Launchd(home / "Library" / "LaunchAgents", f"{domain}/{uid}")
    if platform == "win32":
        user = environ.get("USERNAME", "")
        domain = environ.get("USERDOMAIN", "")
        data = environ.get("LOCALAPPDATA", "")
        folder = Path(data) if data else home / "AppData" / "Local"
        return Tasks(folder / "openusage", f"{domain}\\{user}" if domain else user)
    raise ServiceError(
        f"openusage knows no service manager of this system ({platform}).",
        "Start it with your system's own: openusage telemetry daemon run",
    )


def hidden(program: Path) -> str:
    """Why a service of the whole system cannot see a program (`ProtectHome`); empty: it can."""
    for folder in ("/home", "/root", "/run/user"):
        if any(path.is_relative_to(folder) for path in (program, program.resolve())):
            return f"it is in {folder}, which is closed to a service of the system"
    return ""


def vanishing(program: Path, environ: Mapping[str, str]) -> str:
    """Why a program will not be there for long, in a few words; empty: it stays.

    One is a program that another tool unpacked into a cache to run it once (`uvx`, `pipx run`).
    """
    for name in ("XDG_CACHE_HOME", "UV_CACHE_DIR", "PIP_CACHE_DIR"):
        folder = environ.get(name, "")
        if folder.startswith("/") and program.is_relative_to(folder):
            return f"{folder} is a cache"
    if cached := next((part for part in program.parts if part.lower() in _CACHES), ""):
        return f"{program.as_posix().partition(f'/{cached}/')[0]}/{cached} is a cache"
    for emptied in _EMPTIED:
        if program.is_relative_to(emptied):
            return f"{emptied} is emptied now and then"
    return ""
