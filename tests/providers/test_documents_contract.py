"""What every provider promises of whole JSON documents, which their tool writes anew as a session goes on."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from openusage import providers
from openusage.providers import _documents
from openusage.wire.cursors import FileCursor
from openusage.wire.problems import Problem
from tests.providers.test_provider_contract import (
    FIXTURES,
    NAMES,
    Stored,
    _refuse_opening,
    env_of,
    read,
    stored,
    told,
)
from tests.support import databases


def documents(name: str, home: Path) -> list[Path]:
    """The documents with usage in them that a provider reads in a home."""
    provider = providers.load(name)
    cursors: dict[str, FileCursor] = {}
    read(provider, home, cursors)
    accounts = list(provider.discover(env_of(home)))
    roots = [Path(root) for a in accounts for root in a.roots]
    # Of a flat root, what lies in it are the tool's settings; a document has a folder of its own.
    flat = [Path(root) for a in accounts for root in a.flat_roots]
    return sorted(
        path
        for path in map(Path, cursors)
        if path.suffix == ".json"
        and (any(path.is_relative_to(r) for r in roots) or path.parent.parent in flat)
    )


WITH_DOCUMENTS = [name for name in NAMES if documents(name, FIXTURES / name / "home")]
pytestmark = pytest.mark.parametrize("name", WITH_DOCUMENTS)


@pytest.fixture
def used(name: str, tmp_path: Path) -> Path:
    copy = shutil.copytree(FIXTURES / name / "home", tmp_path / "used", symlinks=True)
    databases.build(copy)
    return copy


class Machine:
    """Reads a home again and again, as a daemon does."""

    def __init__(self, name: str, home: Path) -> None:
        self.provider = providers.load(name)
        self.home = home
        self.cursors: dict[str, FileCursor] = {}
        self.known: Stored = {}

    def read(self) -> list[Problem]:
        """One pass; returns what could not be read."""
        records, chunks = read(self.provider, self.home, self.cursors)
        stored(records, self.known)
        return [p for c in chunks for p in c.problems]

    @property
    def told(self) -> Stored:
        return told(self.known)


def written(path: Path, data: bytes, like: os.stat_result, later_s: int = 0) -> None:
    """Other content; the time stays, for what is dated by it."""
    path.write_bytes(data)
    os.utime(path, ns=(like.st_atime_ns, like.st_mtime_ns + later_s * 1_000_000_000))


def whole(name: str, home: Path) -> Stored:
    machine = Machine(name, home)
    machine.read()
    return machine.told


def test_where_nothing_changed_nothing_is_opened(
    name: str, used: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No document, and no small file beside it that tells of which project it is."""
    machine = Machine(name, used)
    machine.read()
    opened: list[str] = []

    def noted(path: str) -> bool:
        opened.append(path)
        return False

    _refuse_opening(monkeypatch, noted)
    assert machine.read() == []
    assert opened == []


def test_a_half_written_document_is_tried_again_without_a_word(name: str, used: Path) -> None:
    expected = whole(name, used)
    for path in documents(name, used):
        data, like = path.read_bytes(), path.stat()
        for cut in (0, 1, len(data) // 3, len(data) - 2):
            machine = Machine(name, used)
            written(path, data[:cut], like)
            assert machine.read() == [], f"{path.name} cut at {cut}"
            written(path, data, like)
            assert machine.read() == []
            assert machine.told == expected


def test_a_document_that_stays_broken_is_told_once_with_its_place(name: str, used: Path) -> None:
    expected = whole(name, used)
    for path in documents(name, used):
        data, like = path.read_bytes(), path.stat()
        written(path, data[: len(data) // 2], like)
        machine = Machine(name, used)
        assert machine.read() == []
        (problem,) = machine.read()
        assert (problem.path, bool(problem.what)) == (str(path), True)
        assert 0 < problem.offset < len(data) // 2
        assert machine.read() == []
        written(path, data, like)
        assert machine.read() == []
        assert machine.told == expected


def test_a_foreign_document_stops_no_other(name: str, used: Path) -> None:
    expected = whole(name, used)
    for path in documents(name, used):
        data, like = path.read_bytes(), path.stat()
        for foreign in (b"[]", b'"text"', b"12", b"{}", b"null", b"[1, null]", b'{"a": 1}', b"\xff\xfe\x00"):
            machine = Machine(name, used)
            written(path, foreign, like)
            machine.read()
            assert {p.path for p in machine.read()} <= {str(path)}
            written(path, data, like)
            machine.read()
            assert machine.told == expected, foreign


def test_a_document_that_is_too_large_is_told_and_not_read(
    name: str, used: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = {str(path) for path in documents(name, used)}
    monkeypatch.setattr(_documents, "MAX_DOCUMENT_BYTES", 9)
    _refuse_opening(monkeypatch, paths.__contains__)
    machine = Machine(name, used)
    problems = machine.read()
    assert {p.path for p in problems} == paths
    assert all("too large" in p.what for p in problems)
    assert machine.read() == []


def test_a_document_that_cannot_be_opened_is_read_once_it_can(
    name: str, used: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = whole(name, used)
    for path in documents(name, used):
        machine = Machine(name, used)
        with monkeypatch.context() as patched:
            _refuse_opening(patched, str(path).__eq__)
            assert {p.path for p in machine.read()} == {str(path)}
        assert machine.read() == []
        assert machine.told == expected


def test_a_document_written_anew_counts_once(name: str, used: Path) -> None:
    expected = whole(name, used)
    machine = Machine(name, used)
    machine.read()
    for path in documents(name, used):
        written(path, path.read_bytes(), path.stat(), later_s=60)
        machine.read()
    assert machine.told == expected


def test_a_deleted_document_takes_nothing_with_it_and_may_come_back(name: str, used: Path) -> None:
    machine = Machine(name, used)
    machine.read()
    expected = machine.told
    kept = {path: (path.read_bytes(), path.stat()) for path in documents(name, used)}
    for path in kept:
        path.unlink()
    assert machine.read() == []
    assert machine.told == expected
    for path, (data, like) in kept.items():
        written(path, data, like)
    assert machine.read() == []
    assert machine.told == expected
