"""What every provider that reads databases promises, beyond `test_provider_contract`."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import apsw
import msgspec
import pytest

from openusage import providers
from openusage.errors import SourceChanged, SourceError, SourceUnavailable
from openusage.providers import _sqlite
from openusage.providers._contract import Chunk, Provider
from openusage.wire.cursors import FileCursor
from openusage.wire.events import Record, UsageEvent
from tests.providers.test_provider_contract import FIXTURES, Stored, env_of, read, stored
from tests.support import databases

NAMES = [n for n in providers.names() if any((FIXTURES / n / "home").rglob("*.sql"))]
PARTS = 8

pytestmark = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sqlite, "BUSY_TIMEOUT_MS", 1)


@pytest.fixture
def used(name: str, tmp_path: Path) -> Path:
    """The home in which the tool was used, its databases still as scripts."""
    return shutil.copytree(FIXTURES / name / "home", tmp_path / "used", symlinks=True)


def figures(known: Stored) -> dict[bytes, UsageEvent]:
    """The events without their time and what was true at that time: growth is dated as it is seen."""
    return {
        key: msgspec.structs.replace(
            e, at_us=1, model=None, upstream=None, agent=None, carried=None, project=None, session=None
        )
        for key, e in known.items()
        if isinstance(e, UsageEvent)
    }


def whole_of(provider: Provider, home: Path) -> Stored:
    return stored(read(provider, home, {})[0])


def told_errors(
    provider: Provider, home: Path, cursors: dict[str, FileCursor]
) -> tuple[list[Record], str, list[SourceError]]:
    """Records of a read that may fail, and every word that it said of problems."""
    records: list[Record] = []
    words: list[str] = []
    errors: list[SourceError] = []
    for account in provider.discover(env_of(home)):
        try:
            for chunk in provider.read(account, dict(cursors), env_of(home)):
                records += chunk.records
                words += [f"{p.path} {p.what}" for p in chunk.problems]
                cursors.update((c.path, c) for c in chunk.cursors)
        except SourceError as e:
            errors.append(e)
            words.append(e.message)
    return records, "\n".join(words), errors


def test_a_database_that_grows_ends_at_the_same(name: str, used: Path, tmp_path: Path) -> None:
    """As a daemon meets it: some statements between two reads, with a restart each time."""
    provider = providers.load(name)
    at_once = shutil.copytree(used, tmp_path / "whole", symlinks=True)
    databases.build(at_once)
    whole = figures(whole_of(provider, at_once))
    scripts = databases.take_scripts(used)
    cursors: dict[str, FileCursor] = {}
    known: Stored = {}
    for part in range(1, PARTS + 1):
        for path, todo in scripts.items():
            schema = next((i for i, s in enumerate(todo) if s.startswith("INSERT")), len(todo))
            first, last = (schema + (len(todo) - schema) * n // PARTS for n in (part - 1, part))
            databases.apply(path, todo[:last] if part == 1 else todo[first:last])
        stored(read(provider, used, cursors)[0], known)
    assert figures(known) == whole
    again = stored(read(provider, used, {})[0], dict(known))
    assert figures(again) == whole


def test_a_read_by_single_rows_is_the_same_read(
    name: str, used: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = providers.load(name)
    databases.build(used)
    whole = figures(whole_of(provider, used))
    monkeypatch.setattr(_sqlite, "BATCH_ROWS", 1)
    cursors: dict[str, FileCursor] = {}
    known: Stored = {}
    for _ in range(500):
        records, chunks = read(provider, used, cursors, most=1)
        stored(records, known)
        if not chunks:
            break
    assert figures(known) == whole


def test_the_owner_may_keep_it_open_and_finds_it_as_it_was(name: str, used: Path) -> None:
    """Rows that only the log has are seen, and no file is made, changed or left."""
    provider = providers.load(name)
    scripts = databases.take_scripts(used)
    owners = []
    for path, todo in scripts.items():
        owner = apsw.Connection(str(path))
        owner.pragma("wal_autocheckpoint", 0)
        for statement in todo:
            owner.execute(statement)
        owners.append(owner)
    live = figures(whole_of(provider, used))
    for owner in owners:
        owner.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        owner.close()
    before = {p: p.read_bytes() for p in used.rglob("*") if p.is_file()}
    assert live == figures(whole_of(provider, used)) != {}
    assert before == {p: p.read_bytes() for p in used.rglob("*") if p.is_file()}


@pytest.mark.parametrize("harm", ["foreign file", "other tables", "half written", "locked"])
def test_a_database_that_cannot_be_read_is_told_and_stops_nothing(name: str, used: Path, harm: str) -> None:
    provider = providers.load(name)
    found = databases.build(used)
    whole = figures(whole_of(provider, used))
    for path in found:
        data = path.read_bytes()
        blocker = _harm(path, harm)
        cursors: dict[str, FileCursor] = {}
        records, words, errors = told_errors(provider, used, cursors)
        assert str(path) in words
        assert all(isinstance(e, SourceUnavailable | SourceChanged) for e in errors)
        known = stored(records)
        assert figures(known).items() <= whole.items()
        if blocker is not None:
            blocker.close()
        for extra in path.parent.glob(f"{path.name}-*"):
            extra.unlink()
        path.write_bytes(data)
        stored(read(provider, used, cursors)[0], known)
        assert figures(known) == whole, f"{path.name} was not read once it could be"


def _harm(path: Path, harm: str) -> apsw.Connection | None:
    data = path.read_bytes()
    if harm == "foreign file":
        path.write_bytes(b"this is a text and no database\n" * 500)
    elif harm == "half written":
        path.write_bytes(data[: max(4096, len(data) // 3) - 100])
    elif harm == "other tables":
        path.unlink()
        databases.apply(path, ["CREATE TABLE other (id TEXT)", "INSERT INTO other VALUES ('x')"])
    else:
        blocker = apsw.Connection(str(path))
        blocker.pragma("locking_mode", "exclusive")
        blocker.execute("BEGIN EXCLUSIVE")
        return blocker
    return None


def test_a_woken_read_looks_at_nothing_else(name: str, used: Path) -> None:
    provider = providers.load(name)
    found = databases.build(used)
    linked = used.with_name("linked")
    linked.symlink_to(used)
    for account in provider.discover(env_of(linked)):
        assert list(provider.read(account, {}, env_of(linked), changed=())) == []
    for path in found:
        looked_at = {c.path for c in _cursors(provider, linked, [f"{path}-wal"])}
        assert {Path(p).resolve() for p in looked_at} == {path.resolve()}


def _cursors(provider: Provider, home: Path, changed: Sequence[str]) -> list[FileCursor]:
    chunks: list[Chunk] = []
    for account in provider.discover(env_of(home)):
        chunks += provider.read(account, {}, env_of(home), changed=changed)
    return [c for chunk in chunks for c in chunk.cursors]


def test_a_deleted_database_is_forgotten_and_takes_nothing_with_it(name: str, used: Path) -> None:
    provider = providers.load(name)
    found = databases.build(used)
    cursors: dict[str, FileCursor] = {}
    known = stored(read(provider, used, cursors)[0])
    whole = figures(known)
    for path in found[:-1] or found:
        path.unlink()
        stored(read(provider, used, cursors)[0], known)
        if any(True for _ in provider.discover(env_of(used))):
            assert str(path) not in cursors
    assert figures(known) == whole
