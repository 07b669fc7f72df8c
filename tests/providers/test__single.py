"""What tools with one account on a machine do alike."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import MappingProxyType

import msgspec

from openusage.providers._contract import Chunk, Env, Kind, Plan, ProviderSpec
from openusage.providers._jsonl import FileState
from openusage.providers._reading import Reading, Remembers
from openusage.providers._single import Files, one_account
from openusage.wire.cursors import FileCursor
from openusage.wire.events import Account, AccountFact, Record

SPEC = ProviderSpec(id="tool", name="Tool", kind=Kind.LOCAL, default_account="the-tool")


class Nothing(msgspec.Struct):
    """No line needs to know of another."""


class Parser:
    """Every line is a fact, called like its file."""

    def __init__(self, name: str, memory: Nothing) -> None:
        self.name = name
        self.memory = memory

    def feed(self, data: bytes | memoryview) -> Iterator[Record]:
        value = bytes(data).decode().strip()
        yield AccountFact(provider="tool", account="the-tool", key=self.name, value=value, at_us=1)


def chunks(account: Account, reading: Reading, files: list[FileState], env: Env) -> Iterator[Chunk]:
    for state in files:
        yield from reading.log(state, Remembers(Nothing), partial(Parser, Path(state.path).stem))


FILES = Files(lambda relative: relative.endswith(".log"), chunks, enters=lambda relative: relative != "old")


def env(home: Path) -> Env:
    return Env(home=home, environ=MappingProxyType({}), now=dt.datetime(2026, 3, 10, tzinfo=dt.UTC))


def test_a_tool_without_a_place_or_another_trace_has_no_account() -> None:
    assert list(one_account(SPEC)) == []
    assert list(one_account(SPEC, is_traced=True)) == [Account(id="the-tool", provider="tool", label="Tool")]


def test_all_places_are_of_one_account_each_once() -> None:
    [account] = one_account(SPEC, ["/a", "/b", "/a"], iter(["/c", "/c"]))
    assert (account.id, account.roots, account.flat_roots) == ("the-tool", ("/a", "/b"), ("/c",))


def test_wanted_files_are_read_once_and_forgotten_when_they_go(tmp_path: Path) -> None:
    for name in ("a.log", "b.log", "c.txt", "old/d.log"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{name}\n")
    [account] = one_account(SPEC, [str(tmp_path)])
    cursors: dict[str, FileCursor] = {}
    assert FILES.plan(account, cursors, env(tmp_path)) == Plan(files=2, bytes_to_read=12)
    [chunk] = FILES.read(account, cursors, env(tmp_path))
    assert [r.value for r in chunk.records if isinstance(r, AccountFact)] == ["a.log", "b.log"]
    cursors = {cursor.path: cursor for cursor in chunk.cursors}
    assert FILES.plan(account, cursors, env(tmp_path)) == Plan(files=0, bytes_to_read=0)
    assert list(FILES.read(account, cursors, env(tmp_path))) == []
    (tmp_path / "a.log").unlink()
    assert list(FILES.read(account, cursors, env(tmp_path), {str(tmp_path / "b.log")})) == []
    assert list(FILES.read(account, cursors, env(tmp_path))) == [Chunk(gone=[str(tmp_path / "a.log")])]


def test_what_there_is_to_read_adds_up() -> None:
    assert Plan(files=1, bytes_to_read=10) + Plan(files=2, bytes_to_read=5) == Plan(files=3, bytes_to_read=15)
