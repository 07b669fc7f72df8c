"""`openusage telemetry hook`: to whoever answers well, else into the spool; never a failure, never a wait."""

from __future__ import annotations

import json
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from openusage.cli import hook
from openusage.cli.hook import NotDelivered, deliver
from openusage.paths import Paths
from tests.support.processes import PATIENCE_S, environment, run

PAYLOAD = b'{"hook_event_name":"PostToolUse","tool_use_id":"toolu_1","tool_name":"Edit"}'
GOOD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n"
    b'{"source":"claude_code","enqueued":1,"processed":1,"ingested":1,"deduped":0,"failed":0}'
)


@contextmanager
def answering(path: Path, answer: bytes | None) -> Iterator[list[bytes]]:
    """Somebody at a socket who reads a request and says `answer`; `None`: who never says anything."""
    heard: list[bytes] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(path))
        listening.listen(1)
        listening.settimeout(PATIENCE_S)
        done = threading.Event()

        def serve() -> None:
            with listening.accept()[0] as peer:
                request = peer.recv(1 << 16)
                while PAYLOAD not in request:
                    request += peer.recv(1 << 16)
                heard.append(request)
                if answer is None:
                    done.wait(PATIENCE_S)
                else:
                    peer.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield heard
        finally:
            done.set()
            thread.join(PATIENCE_S)


def spooled(folder: Path) -> list[object]:
    files = sorted(folder.iterdir()) if folder.exists() else []
    return [json.loads(file.read_bytes()) for file in files]


def test_a_daemon_that_has_it_stored_is_all_that_is_needed(tmp_path: Path) -> None:
    with answering(tmp_path / "s", GOOD) as heard:
        where = deliver(
            "claude_code", PAYLOAD, account="a b/ü", socket_path=tmp_path / "s", spool_dir=tmp_path / "spool"
        )
    assert where == "daemon"
    assert not (tmp_path / "spool").exists()
    assert heard[0].startswith(b"POST /v1/hook/claude_code?account_id=a%20b%2F%C3%BC HTTP/1.1\r\nHost: ")
    assert heard[0].endswith(b"\r\n\r\n" + PAYLOAD)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(None, id="hangs"),
        pytest.param(b"", id="hangs up"),
        pytest.param(b"\x00\xff", id="no HTTP"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", id="nothing said"),
        pytest.param(GOOD[:-10], id="half an answer"),
        pytest.param(GOOD.replace(b"200 OK", b"500 Oops"), id="an error"),
        pytest.param(GOOD.replace(b'"failed":0', b'"failed":1'), id="not stored"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n[]", id="another program"),
    ],
)
def test_without_a_good_answer_it_is_left_in_the_spool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes | None
) -> None:
    monkeypatch.setattr(hook, "TIMEOUT_S", 0.05 if answer is None else PATIENCE_S)
    spool = tmp_path / "spool"
    with answering(tmp_path / "s", answer):
        assert deliver("codex", PAYLOAD, socket_path=tmp_path / "s", spool_dir=spool) == "spool"
    expected = {"source": "codex", "account_id": "", "payload": json.loads(PAYLOAD)}
    assert spooled(spool) == [expected]
    [file] = spool.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(spool.stat().st_mode) == 0o700


def test_a_socket_that_nobody_listens_at_is_no_hindrance(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(tmp_path / "s"))
    for path in (tmp_path / "s", tmp_path / "none", Path("/" + "x" * 300)):
        assert deliver("codex", PAYLOAD, socket_path=path, spool_dir=tmp_path / "spool") == "spool"
    assert len(spooled(tmp_path / "spool")) == 3


def test_it_is_switched_off_and_named_by_the_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENUSAGE_TELEMETRY_ACCOUNT_ID", 'wo"rk')
    monkeypatch.setenv("OPENUSAGE_HOOK_SPOOL", str(home / "my spool"))
    assert deliver("codex", PAYLOAD, spool_only=True) == "spool"
    assert [w["account_id"] for w in spooled(home / "my spool") if isinstance(w, dict)] == ['wo"rk']
    monkeypatch.setenv("OPENUSAGE_TELEMETRY_ENABLED", " False ")
    assert deliver("codex", PAYLOAD) == "off"
    assert len(spooled(home / "my spool")) == 1


def test_what_cannot_be_kept_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotDelivered, match="is needed as a folder but is a file"):
        deliver("codex", PAYLOAD, spool_dir=tmp_path / "file", spool_only=True)
    with pytest.raises(NotDelivered, match="no payload"):
        deliver("codex", b" \n", spool_dir=tmp_path / "spool", spool_only=True)
    monkeypatch.setattr(hook, "MOST_FILES", 1)
    deliver("codex", PAYLOAD, spool_dir=tmp_path / "spool", spool_only=True)
    with pytest.raises(NotDelivered, match="does a daemon run"):
        deliver("codex", PAYLOAD, spool_dir=tmp_path / "spool", spool_only=True)


def test_a_payload_beyond_all_measure_only_wakes_the_daemon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hook, "LARGEST_BYTES", 10)
    deliver("codex", PAYLOAD, spool_dir=tmp_path / "spool", spool_only=True)
    assert spooled(tmp_path / "spool") == [{"source": "codex", "account_id": "", "payload": {}}]


def test_the_command_takes_an_argument_or_stdin_and_says_nothing(home: Path) -> None:
    spool = Paths.from_env(environment(home), home).hook_spool
    for args in (("codex", '{"a":1}'), ("codex", '{"a":1}', "--spool-only", "--account-id", "x")):
        done = run(home, "telemetry", "hook", *args)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted(str(w) for w in spooled(spool)) == [
        "{'source': 'codex', 'account_id': '', 'payload': {'a': 1}}",
        "{'source': 'codex', 'account_id': 'x', 'payload': {'a': 1}}",
    ]
    told = run(home, "telemetry", "hook", "codex", "{}", "--verbose")
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "To the spool.\n")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["codex"], "there is no payload"),  # stdin is empty
        (["codex", "{}", "--nonsense"], "No such option"),
        ([], "Missing argument"),
        (["codex", "{}", "--spool-dir", "/dev/null"], "is needed as a folder but is a file"),
    ],
)
def test_whatever_goes_wrong_the_tool_is_told_that_all_is_well(
    home: Path, args: list[str], said: str
) -> None:
    done = run(home, "telemetry", "hook", *args)
    assert (done.returncode, done.stdout) == (0, "")
    assert said.lower() in done.stderr.lower()
    assert "Traceback" not in done.stderr
