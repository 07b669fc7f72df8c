"""One pass over a tool's files: whole lines, chunks with true cursors, memory that travels in them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from openusage.providers import _jsonl, _reading
from openusage.providers._contract import Chunk
from openusage.providers._loose import Bytes, reader
from openusage.providers._reading import SHOWN_PROBLEMS, Reading, Remembers
from openusage.wire.cursors import FileCursor
from openusage.wire.events import Account, AccountFact, EventKind, Record, UsageEvent

ACCOUNT = Account(id="tool", provider="tool")


class Memory(msgspec.Struct, omit_defaults=True):
    lines: int = 0


class Line(msgspec.Struct):
    n: Any = None


read_line = reader(Line)
REMEMBERS = Remembers(Memory)


class Counting:
    """Yields the number of every line or document, and how many it saw before."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory

    def feed(self, data: Bytes) -> Iterator[Record]:
        line = read_line(data)
        yield UsageEvent(
            provider="tool",
            account="tool",
            at_us=self.memory.lines + 1,
            kind=EventKind.TURN,
            event_key=b"k" * 16,
            session=str(line.n),
        )
        self.memory.lines += 1


class Machine:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.cursors: dict[str, FileCursor] = {}
        self.chunks: list[Chunk] = []

    def read(self) -> list[tuple[str, int]]:
        """(content, what the parser remembered) of all that is new."""
        reading = Reading(ACCOUNT, dict(self.cursors))
        state = _jsonl.stat(self.path)
        assert state is not None
        read = reading.log if self.path.suffix == ".jsonl" else reading.document
        self.chunks = [*read(state, REMEMBERS, Counting), *reading.rest([])]
        self.cursors.update((c.path, c) for chunk in self.chunks for c in chunk.cursors)
        return [
            (r.session or "", r.at_us) for c in self.chunks for r in c.records if isinstance(r, UsageEvent)
        ]

    @property
    def problems(self) -> list[tuple[int, str]]:
        return [(p.offset, p.what) for c in self.chunks for p in c.problems]


@pytest.fixture
def log(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "a.jsonl")


@pytest.fixture
def document(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "a.json")


def test_a_log_goes_on_where_it_ended_with_what_was_remembered(log: Machine) -> None:
    log.path.write_bytes(b'{"n":1}\n\r\n{"n":2}\n{"n":')
    assert log.read() == [("1", 1), ("2", 2)]
    assert log.read() == []
    with log.path.open("ab") as file:
        file.write(b'3}\n{"n":4}\n')
    assert log.read() == [("3", 3), ("4", 4)]
    assert log.problems == []


def test_a_log_written_anew_begins_with_nothing_remembered(log: Machine) -> None:
    log.path.write_bytes(b'{"n":1}\n{"n":2}\n')
    log.read()
    log.path.write_bytes(b'{"n":7}\n{"n":8}\n{"n":9}\n')
    assert log.read() == [("7", 1), ("8", 2), ("9", 3)]


@pytest.mark.parametrize("state", [b"", b"nonsense", b'{"memory":{"lines":"x"}}', b"[1]"])
def test_a_memory_of_another_version_means_reading_anew(log: Machine, state: bytes) -> None:
    log.path.write_bytes(b'{"n":1}\n')
    log.read()
    log.cursors = {p: msgspec.structs.replace(c, state=state) for p, c in log.cursors.items()}
    with log.path.open("ab") as file:
        file.write(b'{"n":2}\n')
    assert log.read() == [("1", 1), ("2", 2)]


def test_chunks_hold_some_records_and_the_cursor_that_is_true_with_them(
    log: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_jsonl, "BLOCK_BYTES", 20)
    monkeypatch.setattr(_reading, "CHUNK_BYTES", 1)
    log.path.write_bytes(b"".join(b'{"n":%d}\n' % n for n in range(10)))
    assert len(log.read()) == 10
    assert len(log.chunks) > 3
    offsets = [c.offset for chunk in log.chunks for c in chunk.cursors]
    assert offsets == sorted(offsets)
    assert offsets[-1] == log.path.stat().st_size


def test_lines_that_cannot_be_read_are_told_and_many_of_them_counted(log: Machine) -> None:
    log.path.write_bytes(b'{"n":1}\n' + b"junk\n" * (SHOWN_PROBLEMS + 5) + b'{"n":2}\n')
    assert log.read() == [("1", 1), ("2", 2)]
    assert log.problems[0] == (8, "not JSON")
    assert len(log.problems) == SHOWN_PROBLEMS + 1
    assert log.problems[-1] == (0, "5 more lines cannot be read")


def test_a_document_keeps_its_memory_over_looks_that_failed(document: Machine) -> None:
    document.path.write_bytes(b'{"n":1}')
    assert document.read() == [("1", 1)]
    document.path.write_bytes(b'{"n":')
    assert document.read() == []
    assert document.problems == []
    assert document.read() == []
    assert document.problems == [(4, "not JSON")]
    assert document.read() == []
    assert document.problems == []
    document.path.write_bytes(b'{"n":22}')
    assert document.read() == [("22", 2)]


def test_the_memory_of_a_document_goes_with_it_to_another_place(document: Machine, tmp_path: Path) -> None:
    document.path.write_bytes(b'{"n":1}')
    document.read()
    moved = document.path.rename(tmp_path / "b.json")
    state = _jsonl.stat(moved)
    assert state is not None
    reading = Reading(ACCOUNT, {})
    chunks = [*reading.document(state, REMEMBERS, Counting, document.cursors[str(document.path)])]
    chunks += reading.rest([])
    assert [r.at_us for c in chunks for r in c.records if isinstance(r, UsageEvent)] == [2]


def test_facts_are_told_when_their_file_changed(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"plan": "pro"}))
    os.utime(path, (1_700_000_000, 1_700_000_000))
    cursors: dict[str, FileCursor] = {}

    def told() -> list[Record]:
        reading = Reading(ACCOUNT, dict(cursors))
        reading.facts(path, lambda found: {"plan_type": str(found.get("plan")), "empty": "", "none": None})
        chunks = list(reading.rest([]))
        cursors.update((c.path, c) for chunk in chunks for c in chunk.cursors)
        return [r for c in chunks for r in c.records]

    fact = partial(AccountFact, provider="tool", account="tool", key="plan_type")
    assert told() == [fact(value="pro", at_us=1_700_000_000_000_000)]
    assert told() == []
    path.write_text(json.dumps({"plan": "team"}))
    os.utime(path, (1_700_000_001, 1_700_000_001))
    assert told() == [fact(value="team", at_us=1_700_000_001_000_000)]
    path.unlink()
    assert told() == []


def test_of_facts_and_readings_the_newest_is_kept() -> None:
    reading = Reading(ACCOUNT, {})
    reading.put(
        AccountFact(provider="tool", account="tool", key="k", value=v, at_us=at)
        for v, at in (("old", 1), ("new", 3), ("between", 2))
    )
    [chunk] = reading.rest([])
    assert [r.value for r in chunk.records if isinstance(r, AccountFact)] == ["new"]
    assert list(reading.rest([])) == []
