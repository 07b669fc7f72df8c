"""Reading in a child process gives what reading here gives, errors included."""

from __future__ import annotations

import datetime as dt
import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
import pytest

from openusage.daemon import ahead
from openusage.daemon.ahead import Failed, Order, chunks_ahead
from openusage.errors import SourceUnavailable
from openusage.providers import load
from openusage.providers._contract import Chunk, Env
from openusage.wire.cursors import FileCursor
from openusage.wire.events import Account

NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)
FIXTURES = Path(__file__).parent.parent / "fixtures"


def env(provider: str) -> Env:
    return Env(home=FIXTURES / provider / "home", environ={}, now=NOW)


def account(provider: str) -> Account:
    return next(iter(load(provider).discover(env(provider))))


def order_for(provider: str) -> Order:
    """To read all of it."""
    home = str(env(provider).home)
    return Order(provider=provider, account=account(provider), cursors=[], home=home, environ={}, now=NOW)


@pytest.mark.parametrize("provider", ["claude_code", "codex"])
def test_the_child_yields_what_the_provider_yields(provider: str) -> None:
    direct = list(load(provider).read(account(provider), {}, env(provider)))
    with chunks_ahead(load(provider), account(provider), {}, env(provider)) as chunks:
        assert list(chunks) == direct
    assert any(chunk.records for chunk in direct)


def test_cursors_travel_to_the_child() -> None:
    direct = list(load("claude_code").read(account("claude_code"), {}, env("claude_code")))
    cursors: dict[str, FileCursor] = {c.path: c for chunk in direct for c in chunk.cursors}
    with chunks_ahead(load("claude_code"), account("claude_code"), cursors, env("claude_code")) as chunks:
        assert [r for chunk in chunks for r in chunk.records] == []


def test_a_child_that_dies_is_a_source_error() -> None:
    """Killed for want of memory, say: what came before stays, the rest is read by the next pass."""
    before = set(psutil.Process().children())
    with chunks_ahead(load("codex"), account("codex"), {}, env("codex")) as chunks:
        (child,) = set(psutil.Process().children()) - before
        os.kill(child.pid, signal.SIGKILL)
        with pytest.raises(SourceUnavailable, match="ended early"):
            list(chunks)


@pytest.mark.parametrize("sent", [b"", b"\x84", b"\x80\x04\x95"])
def test_a_child_whose_parent_ended_before_its_order_was_whole_ends_without_a_word(sent: bytes) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "openusage.daemon.ahead"], input=sent, capture_output=True, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")


def test_a_defect_in_the_child_is_told_without_what_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    class Surprising:
        def read(self, *_: object) -> Iterator[Chunk]:
            raise ValueError("a secret sentence")

    monkeypatch.setattr(ahead, "load", lambda _: Surprising())
    answers = io.BytesIO()
    ahead.main(io.BytesIO(msgspec.msgpack.encode(order_for("codex"))), answers)
    failed = msgspec.msgpack.decode(answers.getvalue()[4:], type=Failed)
    assert (failed.error, failed.message.partition(":")[0]) == ("", "ValueError at daemon/ahead.py")
    assert b"secret" not in answers.getvalue()


def test_leaving_early_ends_the_child() -> None:
    before = set(psutil.Process().children())
    with chunks_ahead(load("codex"), account("codex"), {}, env("codex")):
        (child,) = set(psutil.Process().children()) - before
    assert not child.is_running()


def test_the_child_ends_when_nobody_reads() -> None:
    order = order_for("claude_code")
    child = subprocess.Popen(
        [sys.executable, "-m", "openusage.daemon.ahead"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdout.close()
    _, errors = child.communicate(msgspec.msgpack.encode(order), timeout=60)
    assert b"Traceback" not in errors


def test_names_that_are_no_text_travel_both_ways(tmp_path: Path) -> None:
    """msgpack cannot hold them; a child that failed over one would never read the rest."""
    home = tmp_path / "home\udcff"
    file = home / ".claude/projects/-p\udcfe/s\udcfd.jsonl"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"no json\n")
    here = Env(home=home, environ={"ODD": "\udcfc"}, now=NOW)
    provider = load("claude_code")
    (owner,) = provider.discover(here)
    direct = list(provider.read(owner, {}, here))
    cursors = {c.path: c for chunk in direct for c in chunk.cursors}
    assert str(file) in cursors
    with chunks_ahead(provider, owner, {}, here) as chunks:
        assert list(chunks) == direct
    with chunks_ahead(provider, owner, cursors, here) as chunks:
        assert list(chunks) == []
