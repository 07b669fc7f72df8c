"""Which manager a machine has, and which programs a service must not be made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from openusage.errors import ServiceError
from openusage.service.launchd import Launchd
from openusage.service.place import manager_of, vanishing
from openusage.service.systemd import Systemd
from openusage.service.windows import Tasks

HOME = Path("/home/ann")


@pytest.mark.parametrize(
    ("platform", "environ", "manager"),
    [
        ("linux", {}, Systemd(HOME / ".config/systemd/user", 7)),
        ("linux", {"XDG_CONFIG_HOME": "/c"}, Systemd(Path("/c/systemd/user"), 7)),
        ("linux", {"XDG_CONFIG_HOME": "c"}, Systemd(HOME / ".config/systemd/user", 7)),
        ("darwin", {}, Launchd(HOME / "Library/LaunchAgents", "gui/7")),
        ("darwin", {"SSH_CONNECTION": "x"}, Launchd(HOME / "Library/LaunchAgents", "user/7")),
        (
            "win32",
            {"USERNAME": "ann", "USERDOMAIN": "W", "LOCALAPPDATA": "/l"},
            Tasks(Path("/l/openusage"), "W\\ann"),
        ),
        ("win32", {"USERNAME": "ann"}, Tasks(HOME / "AppData/Local/openusage", "ann")),
    ],
)
def test_each_system_has_its_manager(platform: str, environ: dict[str, str], manager: object) -> None:
    assert manager_of(platform, environ, HOME, 7) == manager


def test_another_system_is_told_how_to_do_without() -> None:
    with pytest.raises(ServiceError) as caught:
        manager_of("freebsd14", {}, HOME, 7)
    assert "freebsd14" in caught.value.message
    assert "openusage telemetry daemon run" in caught.value.hint


@pytest.mark.parametrize(
    "program",
    [
        "/home/ann/.cache/uv/archive-v0/Ab3/bin/python",
        "/Users/ann/Library/Caches/uv/environments-v2/x/bin/python",
        "/home/ann/.local/share/pipx/.cache/0f2/bin/python",
        "/tmp/venv/bin/python",
        "/private/var/folders/x1/T/venv/bin/python",
        "/dev/shm/venv/bin/python",
        "/scratch/uv/archive-v0/x/bin/python",
    ],
)
def test_a_program_that_will_be_gone_is_known(program: str) -> None:
    assert vanishing(Path(program), {"UV_CACHE_DIR": "/scratch/uv"})


@pytest.mark.parametrize(
    "program",
    [
        "/usr/bin/python3",
        "/home/ann/.local/share/uv/tools/openusage/bin/python",
        "/home/ann/.local/share/pipx/venvs/openusage/bin/python",
        "/home/ann/tmp/venv/bin/python",
        "/home/ann/caches of mine/python",
        "/opt/homebrew/bin/python3",
    ],
)
def test_a_program_that_stays_is_known(program: str) -> None:
    assert vanishing(Path(program), {"UV_CACHE_DIR": "relative"}) == ""
