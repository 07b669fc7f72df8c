"""What the long-running programs are built of: targets, providers, sentences, sources, logs."""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from openusage.cli import process
from openusage.cli.compose import hub, parts, reports, screen
from openusage.client import Frame
from openusage.daemon.schedule import Progress
from openusage.errors import AlreadyRunning, OpenUsageError, UsageError
from openusage.paths import Paths
from openusage.settings import Settings, load
from openusage.wire.rollups import Window
from openusage.wire.snapshot import UsageSnapshot
from tests.support.homes import claude_line, write_claude, write_settings
from tests.support.processes import until

NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)
NOW_US = int(NOW.timestamp() * 1e6)
DAY_US = 86_400_000_000


@pytest.fixture
def paths(home: Path) -> Paths:
    return Paths.from_env({}, home)


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    """What a program sets up for its log is taken down again."""
    log = logging.getLogger("openusage")
    before = log.handlers[:], log.level, log.propagate
    yield
    for handler in log.handlers:
        handler.close()
    log.handlers[:], log.level, log.propagate = before


def settings_of(paths: Paths, **tree: object) -> Settings:
    return load(write_settings(paths.home, **tree), "settings.json")


@contextlib.contextmanager
def running_daemon(settings: Settings, paths: Paths) -> Iterator[None]:
    """This machine's daemon in a thread, after its first read."""
    daemon = parts.make_daemon(settings, paths)
    thread = threading.Thread(target=daemon.run)
    thread.start()
    try:
        assert daemon.wait_serving(10)
        until(lambda: daemon.status().first_read_done, "the first read is done")
        yield
    finally:
        daemon.stop()
        thread.join(10)


# -- sentences ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("collect", "what"), [(False, ""), (True, ", collecting this machine")])
def test_a_hub_without_a_screen_says_where_to_look(collect: bool, what: str) -> None:
    url = "http://127.0.0.1:9190"
    assert hub.where_to_look(url, collect=collect) == (
        f"openusage: hub listening{what}: {url}  (open it in a browser, or: openusage hub-view {url})"
    )


def test_nothing_found_says_how_many_tools_were_looked_for_and_what_to_do() -> None:
    from openusage.cli.catalog import COMMANDS
    from openusage.providers import names

    said = parts.nothing_found()
    assert said == (
        f"No coding tool found on this machine. Looked for {len(names())} tools, see `openusage detect`.\n"
        "To look around: `openusage demo`."
    )
    assert {"detect", "demo"} <= set(COMMANDS)


def test_a_tool_counts_as_found_once_it_has_left_something(home: Path) -> None:
    assert not parts.anything_found()
    write_claude(home, claude_line("1", at=NOW.isoformat()))
    assert parts.anything_found()


def test_without_a_terminal_the_dashboard_names_what_works_without_one() -> None:
    with pytest.raises(UsageError, match="needs a terminal") as caught:
        screen.need_terminal("openusage daily")
    assert caught.value.hint == "Without one: openusage daily"
    assert caught.value.exit_code == 2


# -- the daemon's parts -------------------------------------------------------------------------------------


def test_no_hub_in_the_settings_is_no_target(paths: Paths) -> None:
    assert parts.targets(Settings(), paths, "s3cret") == ()


def test_the_hub_of_the_settings_is_the_target(paths: Paths) -> None:
    """Name and interval from the settings, an id that stays."""
    export = {"target": "http://hub.lan:9190", "interval_seconds": 7, "machine_name": "box"}
    (target,) = parts.targets(settings_of(paths, export=export), paths, "s3cret")
    assert (target.url, target.token) == ("http://hub.lan:9190", "s3cret")
    assert (target.machine, target.interval_s, target.include_identity) == ("box", 7, False)
    again = parts.targets(settings_of(paths, export=export), paths, "s3cret")
    assert again[0].machine_id == target.machine_id != ""


def test_tools_by_name_when_nothing_is_to_be_detected(paths: Paths) -> None:
    every = [p.SPEC.id for p in parts.providers(Settings())]
    assert {"claude_code", "codex"} <= set(every)
    accounts = [{"id": "codex-cli", "provider": "codex"}]
    named = parts.providers(settings_of(paths, auto_detect=False, accounts=accounts))
    assert [p.SPEC.id for p in named] == ["codex"]


def test_a_second_daemon_is_refused_and_told_who_is_there(paths: Paths) -> None:
    parts.refuse_second(paths.socket)
    with running_daemon(Settings(), paths):
        with pytest.raises(
            AlreadyRunning, match=rf"already running on .*\(process {os.getpid()}\)"
        ) as caught:
            parts.refuse_second(paths.socket)
        assert "openusage telemetry daemon status" in caught.value.hint
    parts.refuse_second(paths.socket)


def test_a_socket_that_a_dead_daemon_left_refuses_nobody(paths: Paths) -> None:
    paths.socket.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(paths.socket))
    parts.refuse_second(paths.socket)


@pytest.mark.slow
def test_a_daemon_that_does_not_start_says_why(paths: Paths) -> None:
    paths.database.mkdir(parents=True)  # a folder where the database should be
    with pytest.raises(OpenUsageError, match="The daemon does not start:\n") as caught:
        screen.start_daemon(paths, lambda: False)
    assert "openusage.db" in caught.value.message
    assert caught.value.hint == "Its log is ~/.local/state/openusage/daemon.log."
    assert paths.log_file.stat().st_mode & 0o777 == 0o600


# -- sources ------------------------------------------------------------------------------------------------

WEEK = Window("custom", NOW_US - 7 * DAY_US, NOW_US)


@pytest.mark.parametrize("with_daemon", [True, False])
def test_a_report_is_answered_with_and_without_a_daemon(paths: Paths, with_daemon: bool) -> None:
    """Without one it reads what is new itself, and once."""
    write_claude(paths.home, claude_line("1", at=NOW.replace(hour=1).isoformat()))
    with running_daemon(Settings(), paths) if with_daemon else contextlib.nullcontext():
        for _ in range(2):
            with reports.usage_source(Settings(), paths) as source:
                (total,) = source.usage(WEEK)
                assert (total.events, total.output) == (1, 100)


def test_a_report_says_how_far_its_first_read_is(paths: Paths) -> None:
    write_claude(paths.home, claude_line("1", at=NOW.replace(hour=1).isoformat()))
    said: list[str] = []
    with reports.usage_source(Settings(), paths, progress=said.append):
        pass
    assert all(text.startswith("Reading history: ") for text in said)
    assert said


class Empty:
    """A source that knows nothing yet."""

    label, is_hub = "this machine", False

    def __init__(self) -> None:
        self.closed = False

    def fetch(self, window: str) -> Frame:
        snapshots: dict[str, UsageSnapshot] = {}
        return Frame(snapshots=snapshots, fetched_at=NOW, notes=["first"])

    def close(self) -> None:
        self.closed = True


def test_what_else_there_is_to_say_goes_with_every_frame() -> None:
    source = Empty()
    said = screen.WithNotes(source, lambda is_anything: [f"anything: {is_anything}"])
    assert said.fetch("7d").notes == ["first", "anything: True"]
    assert (said.label, said.is_hub) == ("this machine", False)
    said.close()
    assert source.closed


# -- the process --------------------------------------------------------------------------------------------


def test_the_log_beside_a_screen_is_the_owners_alone(tmp_path: Path) -> None:
    """Also when it was readable by all before."""
    file = tmp_path / "state" / "daemon.log"
    for mode in (None, 0o644):
        if mode is not None:
            file.chmod(mode)
        process.log_to_file(file)
        logging.getLogger("openusage.x").info("one line")
        assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text().count("one line") == 2
    assert file.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(("verbose", "lines"), [(True, 2), (False, 1)])
def test_the_log_of_a_service_is_on_stderr(
    verbose: bool, lines: int, capsys: pytest.CaptureFixture[str]
) -> None:
    process.log_to_stderr(verbose)
    logging.getLogger("openusage.x").info("collected")
    logging.getLogger("openusage.x").warning("cannot push")
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == lines
    assert "W openusage.x: cannot push" in said.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_end_in_order_and_are_given_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    ended: list[bool] = []
    with process.on_signals(lambda: ended.append(True)):
        os.kill(os.getpid(), number)
        until(lambda: ended, "the signal arrives")
    assert signal.getsignal(number) is before


def test_a_daemon_that_dies_beside_a_hub_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise OpenUsageError("the disk is full")

    logging.getLogger("openusage").propagate = True
    thread = process.daemon_thread(fail)
    thread.start()
    thread.join(5)
    assert "the disk is full" in caplog.text


def test_the_line_of_progress_is_written_over_and_taken_away(capsys: pytest.CaptureFixture[str]) -> None:
    show = process.progress_line()
    whole = 100 << 20
    for done in (0, whole // 2, whole):
        show(Progress(provider="Claude Code", bytes_done=done, bytes_total=whole, elapsed_s=1.0))
    said = capsys.readouterr().err
    assert "Reading history: 0 B of 105 MB" in said
    assert said.endswith("\r\033[K")
    assert "\n" not in said


def test_a_short_read_needs_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    process.progress_line()(Progress(provider="Codex", bytes_done=1, bytes_total=2, elapsed_s=0.1))
    assert capsys.readouterr().err == ""


# -- the dashboard of this machine --------------------------------------------------------------------------


class _Quiet:
    """A source that answers with nothing."""

    label, is_hub = "this machine", False

    def fetch(self, window: str) -> Frame:
        return Frame(snapshots={}, fetched_at=NOW)

    def close(self) -> None:
        """Nothing to close."""


def test_a_daemon_that_runs_is_not_started() -> None:
    def start() -> None:
        raise AssertionError("it runs")

    source = screen.Started(_Quiet(), lambda _: ["a note"], is_up=True, start=start)
    assert source.fetch("7d").notes == ["a note"]


def test_a_daemon_is_started_once_before_the_first_question() -> None:
    starts: list[int] = []
    source = screen.Started(_Quiet(), lambda _: [], is_up=False, start=lambda: starts.append(1))
    source.fetch("7d")
    source.fetch("7d")
    assert starts == [1]


def test_a_daemon_that_does_not_start_is_tried_again_after_a_while() -> None:
    clock, starts = [100.0], []

    def start() -> None:
        starts.append(clock[0])
        if len(starts) < 3:
            raise OpenUsageError(f"The daemon does not start: {len(starts)}")

    source = screen.Started(_Quiet(), lambda _: [], is_up=False, start=start, clock_s=lambda: clock[0])
    for at, said in ((100.0, "1"), (100.0 + screen.DAEMON_AGAIN_S - 1, "1"), (131.0, "2"), (160.0, "2")):
        clock[0] = at
        with pytest.raises(OpenUsageError, match=f"does not start: {said}"):
            source.fetch("7d")
    clock[0] = 161.0
    assert source.fetch("7d").snapshots == {}
    assert starts == [100.0, 131.0, 161.0]


def test_keys_are_told_by_their_place_and_those_that_are_missing_too(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "sk-proj-0123456789abcdefghij"
    monkeypatch.setenv("OPENAI_API_KEY", secret)
    accounts = [{"provider": "mistral", "api_key_env": "MY_MISTRAL_KEY"}]
    found = screen.key_states(settings_of(paths, accounts=accounts), paths)
    by_variable = {key.variable: key for key in found}
    there = by_variable["OPENAI_API_KEY"]
    assert (there.provider, there.source, there.masked) == ("openai", "env", "sk-p…ghij")
    assert by_variable["MY_MISTRAL_KEY"].masked == ""
    assert by_variable["OPENCODE_API_KEY"].masked == ""
    assert secret not in str(found)


def test_integrations_of_tools_that_are_here_are_put_in_and_taken_out(paths: Paths) -> None:
    assert screen.switches(paths, {}) == []
    config = paths.home / ".claude" / "settings.json"
    config.parent.mkdir()
    config.write_text('{"theirs": 1}')
    (row,) = screen.switches(paths, {})
    assert (row.name, row.state()) == ("Claude Code hooks", "not installed")
    assert row.install() == "Installed: Claude Code hooks."
    assert row.state() == "installed"
    assert row.install() == "Claude Code hooks: nothing to change."
    assert "hooks" in config.read_text()
    assert row.uninstall() == "Removed: Claude Code hooks."
    assert (row.state(), config.read_text()) == ("not installed", '{"theirs": 1}')
