"""Where files live: XDG, overrides, sockets that fit, folders that are private."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openusage.errors import OpenUsageError
from openusage.paths import SOCKET_PATH_MAX_BYTES, Paths, ensure_private_dir, expand, socket_path

HOME = Path("/home/demo")


def test_defaults_are_below_the_home_folder() -> None:
    paths = Paths.from_env({}, HOME)
    assert paths.settings_file == HOME / ".config/openusage/settings.json"
    assert paths.custom_pricing_file == HOME / ".config/openusage/custom-pricing.json"
    assert paths.database == HOME / ".local/state/openusage/openusage.db"
    assert paths.socket == HOME / ".local/state/openusage/telemetry.sock"


def test_the_go_programs_database_is_not_ours() -> None:
    """`telemetry.db` is written by the Go program with another schema: no path of ours may be it."""
    assert all(Path(p).name != "telemetry.db" for p in Paths.from_env({}, HOME))


def test_xdg_variables_move_everything() -> None:
    environ = {"XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "/s"}
    paths = Paths.from_env(environ, HOME)
    assert paths.settings_file == Path("/c/openusage/settings.json")
    assert paths.socket == Path("/s/openusage/telemetry.sock")
    assert paths.hook_spool == Path("/s/openusage/hook-spool")


@pytest.mark.parametrize("value", ["", "relative/config", "."])
def test_an_xdg_variable_that_is_not_absolute_is_ignored(value: str) -> None:
    """https://specifications.freedesktop.org/basedir-spec: relative paths must be ignored."""
    assert Paths.from_env({"XDG_CONFIG_HOME": value}, HOME) == Paths.from_env({}, HOME)


def test_socket_and_prices_can_be_put_elsewhere() -> None:
    environ = {"OPENUSAGE_TELEMETRY_SOCKET": "/run/x.sock", "OPENUSAGE_CUSTOM_PRICING": "~/prices.json"}
    paths = Paths.from_env(environ, HOME)
    assert paths.socket == Path("/run/x.sock")
    assert paths.custom_pricing_file == HOME / "prices.json"


def test_a_relative_path_starts_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert expand("a/../b.sock", HOME) == tmp_path / "b.sock"


def test_paths_are_shown_as_people_write_them() -> None:
    paths = Paths.from_env({}, HOME)
    assert paths.shown(paths.settings_file) == "~/.config/openusage/settings.json"
    assert paths.shown(Path("/etc/x")) == "/etc/x"


@given(st.text("abü/", min_size=1, max_size=200), st.sampled_from(["", "/run/user/7", "/r" * 60]))
def test_every_socket_path_fits_into_an_address(tail: str, runtime: str) -> None:
    """Whatever the home folder is called; and the same question always has the same answer."""
    wanted = Path("/home") / tail.strip("/") / "telemetry.sock"
    environ = {"XDG_RUNTIME_DIR": runtime}
    found = socket_path(wanted, environ, uid=7)
    assert len(os.fsencode(found)) <= SOCKET_PATH_MAX_BYTES
    assert found == socket_path(wanted, environ, uid=7)
    assert found == wanted or len(os.fsencode(wanted)) > SOCKET_PATH_MAX_BYTES


def test_a_socket_path_that_is_too_long_has_a_short_stand_in(tmp_path: Path) -> None:
    first, second = (Path("/x") / ("long" * 40) / name for name in ("a.sock", "b.sock"))
    assert socket_path(first, {}, uid=7).parent == Path("/tmp/openusage-7")
    assert socket_path(first, {"XDG_RUNTIME_DIR": "/run/user/7"}).parent == Path("/run/user/7/openusage")
    assert socket_path(first, {}, uid=7) != socket_path(second, {}, uid=7)


def test_the_longest_path_left_alone_can_be_listened_on(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("s")
    path = folder / ("n" * (SOCKET_PATH_MAX_BYTES - len(os.fsencode(folder)) - 1))
    assert socket_path(path, {}) == path
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
    assert socket_path(path.with_name(path.name + "n"), {}) != path.with_name(path.name + "n")


def test_private_folders_are_made_with_their_parents(tmp_path: Path) -> None:
    made = ensure_private_dir(tmp_path / "state" / "openusage")
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert stat.S_IMODE(made.parent.stat().st_mode) == 0o700


def test_a_folder_of_ours_that_others_may_enter_is_closed(tmp_path: Path) -> None:
    """The Go program makes its state folder 0755."""
    ours = tmp_path / "openusage"
    ours.mkdir(mode=0o755)
    ensure_private_dir(ours)
    assert stat.S_IMODE(ours.stat().st_mode) == 0o700


def test_a_folder_that_is_not_ours_alone_is_left_as_it_is(tmp_path: Path) -> None:
    """A socket named by hand may stand in a shared folder."""
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    ensure_private_dir(shared)
    assert stat.S_IMODE(shared.stat().st_mode) == 0o755


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "openusage").write_text("")
    with pytest.raises(OpenUsageError, match="needed as a folder but is a file"):
        ensure_private_dir(tmp_path / "openusage")


def test_a_folder_that_cannot_be_made_is_told_with_what_to_do() -> None:
    """/proc is a file system in which nobody, root included, makes a folder."""
    with pytest.raises(OpenUsageError, match="Cannot use the folder /proc/openusage") as caught:
        ensure_private_dir(Path("/proc/openusage"))
    assert caught.value.hint.startswith("Make it writable for you")


def test_a_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else may have made /tmp/openusage-<uid> before us."""
    (tmp_path / "openusage-7").mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: (tmp_path.stat().st_uid) + 1)
    with pytest.raises(OpenUsageError, match="belongs to another user"):
        ensure_private_dir(tmp_path / "openusage-7")
