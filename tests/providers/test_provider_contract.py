"""What every provider promises. `tests/fixtures/<provider>/home` is a home in which its tool was used."""

from __future__ import annotations

import builtins
import datetime as dt
import io
import json
import os
import re
import shutil
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import pytest

from openusage import providers
from openusage.errors import UsageError
from openusage.providers import _jsonl, _reading
from openusage.providers._contract import Chunk, Env, Kind, ParsesHooks, Provider
from openusage.wire.cursors import FileCursor
from openusage.wire.events import Account, AccountFact, QuotaReading, Record, UsageEvent, merge
from tests.support import databases

TESTS = Path(__file__).parent
FIXTURES = TESTS.parent / "fixtures"
NOW = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)
NAMES = providers.names()
MOST_CUTS = 40

pytestmark = pytest.mark.parametrize("name", NAMES)

Stored = dict[Any, Any]


@pytest.fixture
def used(name: str, tmp_path: Path) -> Path:
    """A private copy of the home in which the tool was used. A `*.sql` in it stands for a database."""
    copy = shutil.copytree(FIXTURES / name / "home", tmp_path / "used", symlinks=True)
    databases.build(copy)
    return copy


def env_of(home: Path) -> Env:
    return Env(home=home, environ=MappingProxyType({}), now=NOW)


def read(
    provider: Provider, home: Path, cursors: dict[str, FileCursor], most: int | None = None
) -> tuple[list[Record], list[Chunk]]:
    """One read of all accounts; `cursors` move on with it. `most`: stop after so many chunks of each."""
    records: list[Record] = []
    chunks: list[Chunk] = []
    for account in provider.discover(env_of(home)):
        for n, chunk in enumerate(provider.read(account, dict(cursors), env_of(home)), 1):
            records += chunk.records
            chunks.append(chunk)
            cursors.update((c.path, c) for c in chunk.cursors)
            for path in chunk.gone:
                cursors.pop(path, None)
            if n == most:
                break
    return records, chunks


def stored(records: Sequence[Record], into: Stored | None = None) -> Stored:
    """What a store knows after these records: events merged, of figures and facts the newest."""
    known: Stored = {} if into is None else into
    for r in records:
        if isinstance(r, UsageEvent):
            old = known.get(r.event_key)
            known[r.event_key] = r if old is None else merge(old, r)
        else:
            old = known.get((type(r), r.key))
            if old is None or old.at_us <= r.at_us:
                known[type(r), r.key] = r
    return known


def told(known: Stored) -> Stored:
    """What was stored, facts by their value alone: some are dated by their file's own time."""
    return {k: v.value if isinstance(v, AccountFact) else v for k, v in known.items()}


def logs(home: Path) -> list[Path]:
    """The JSON lines of a home. Databases have a contract of their own, `test_database_contract`."""
    return sorted(p for p in home.rglob("*.jsonl") if p.is_file())


def test_spec_is_well_formed(name: str) -> None:
    spec = providers.load(name).SPEC
    assert spec.id == name
    assert spec.name.strip() == spec.name != ""
    assert isinstance(spec.kind, Kind)
    assert re.fullmatch(r"[a-z0-9]+(?:[-_][a-z0-9]+)*", spec.default_account)
    assert spec.docs_url.startswith("https://")
    assert (spec.patterns and spec.binaries) or spec.kind is Kind.REMOTE


def test_there_is_a_test_file_and_a_fixture_home_of_the_same_name(name: str) -> None:
    assert (TESTS / f"test_{name}.py").is_file()
    assert any(p.is_file() for p in (FIXTURES / name / "home").rglob("*"))


def test_a_hook_payload_that_is_none_is_refused_in_words(name: str) -> None:
    provider = providers.load(name)
    if isinstance(provider, ParsesHooks):
        for payload in (b"", b"nonsense", b"\xff\xfe", b"[1]", b'"text"', b"null"):
            with pytest.raises(UsageError) as told_why:
                provider.parse_hook(payload, provider.SPEC.default_account, 1)
            assert told_why.value.message


def test_an_empty_home_has_no_account_and_nothing_is_opened(
    name: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = providers.load(name)
    _refuse_opening(monkeypatch, lambda path: True)
    assert list(provider.discover(env_of(home))) == []


def test_a_used_home_has_accounts_and_finding_them_opens_nothing(
    name: str, used: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = providers.load(name)
    _refuse_opening(monkeypatch, lambda path: True)
    accounts = list(provider.discover(env_of(used)))
    assert accounts
    assert len({a.id for a in accounts}) == len(accounts)
    for account in accounts:
        assert account.provider == name
        assert all(Path(root).is_dir() for root in account.roots)


def test_reading_finds_usage_and_names_the_account(name: str, used: Path) -> None:
    provider = providers.load(name)
    accounts = {a.id for a in provider.discover(env_of(used))}
    records, chunks = read(provider, used, {})
    events = [r for r in records if isinstance(r, UsageEvent)]
    assert any(e.tokens.total or e.cost_reported_nano for e in events)
    assert {r.account for r in records} <= accounts
    assert {r.provider for r in records} == {name}
    assert all(len(e.event_key) == 16 for e in events)
    assert all(0 < r.at_us < 4_000_000_000_000_000 for r in records)
    _check_problems(chunks)


def test_the_plan_is_what_a_read_does_and_nothing_afterwards(name: str, used: Path) -> None:
    provider = providers.load(name)
    cursors: dict[str, FileCursor] = {}
    before = [provider.plan(a, cursors, env_of(used)) for a in provider.discover(env_of(used))]
    assert sum(p.files for p in before) > 0
    _, chunks = read(provider, used, cursors)
    done = sum(c.bytes_read for c in chunks)
    assert done == pytest.approx(sum(p.bytes_to_read for p in before), rel=0.05)
    after = [provider.plan(a, cursors, env_of(used)) for a in provider.discover(env_of(used))]
    assert [(p.files, p.bytes_to_read) for p in after] == [(0, 0)] * len(after)


def test_a_second_read_finds_nothing_new(name: str, used: Path) -> None:
    provider = providers.load(name)
    cursors: dict[str, FileCursor] = {}
    first, _ = read(provider, used, cursors)
    assert first
    again, chunks = read(provider, used, cursors)
    assert again == []
    assert [c.gone for c in chunks if c.gone] == []


def test_reading_twice_from_nothing_changes_nothing(name: str, used: Path) -> None:
    provider = providers.load(name)
    once = stored(read(provider, used, {})[0])
    twice = stored(read(provider, used, {})[0], dict(once))
    assert told(once) == told(twice)


def test_stopping_after_every_chunk_loses_and_doubles_nothing(
    name: str, used: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = providers.load(name)
    whole = stored(read(provider, used, {})[0])
    monkeypatch.setattr(_jsonl, "BLOCK_BYTES", 600)
    monkeypatch.setattr(_reading, "CHUNK_BYTES", 1)
    if hasattr(provider, "CHUNK_BYTES"):
        monkeypatch.setattr(provider, "CHUNK_BYTES", 1)
    cursors: dict[str, FileCursor] = {}
    known: Stored = {}
    for _ in range(2000):
        records, chunks = read(provider, used, cursors, most=1)
        stored(records, known)
        if not chunks:
            break
    assert told(known) == told(whole)


def test_reading_goes_on_at_every_cut(name: str, used: Path) -> None:
    """Each log is cut at line ends and inside lines, read, then completed and read on from the cursors."""
    provider = providers.load(name)
    whole = told(stored(read(provider, used, {})[0]))
    for path in logs(used):
        data = path.read_bytes()
        for cut in _cuts(data):
            cursors: dict[str, FileCursor] = {}
            with path.open("r+b") as file:
                file.truncate(cut)
            known = stored(read(provider, used, cursors)[0])
            with path.open("ab") as file:
                file.write(data[cut:])
            stored(read(provider, used, cursors)[0], known)
            assert told(known) == whole, f"{path.name} cut at {cut}"


def test_all_logs_growing_together_end_at_the_same(name: str, used: Path) -> None:
    """As a daemon meets them: every file grows a little between two reads, with a restart each time."""
    provider = providers.load(name)
    whole = told(stored(read(provider, used, {})[0]))
    contents = {path: path.read_bytes() for path in logs(used)}
    for path in contents:
        path.write_bytes(b"")
    cursors: dict[str, FileCursor] = {}
    known: Stored = {}
    parts = 12
    for part in range(1, parts + 1):
        for path, data in contents.items():
            with path.open("ab") as file:
                file.write(data[len(data) * (part - 1) // parts : len(data) * part // parts])
        stored(read(provider, used, cursors)[0], known)
    assert told(known) == whole


def test_a_woken_pass_looks_only_at_what_changed(name: str, used: Path) -> None:
    """The watcher tells real paths; the home may be reached through a link."""
    provider = providers.load(name)
    linked = used.with_name("linked")
    linked.symlink_to(used)
    whole = told(stored(read(provider, linked, {})[0]))
    contents = {path: path.read_bytes() for path in logs(used)}
    if not contents:
        pytest.skip("keeps no JSON lines")
    for path, data in contents.items():
        path.write_bytes(data[: data.rfind(b"\n", 0, len(data) - 1) + 1])
    cursors: dict[str, FileCursor] = {}
    known = stored(read(provider, linked, cursors)[0])
    for path, data in contents.items():
        path.write_bytes(data)
    first = next(iter(contents))
    for account in provider.discover(env_of(linked)):
        assert list(provider.read(account, cursors, env_of(linked), changed=())) == []
        looked_at = {
            Path(cursor.path).name
            for chunk in provider.read(account, dict(cursors), env_of(linked), changed={str(first)})
            for cursor in chunk.cursors
        }
        assert looked_at == {first.name}
    stored(read(provider, linked, cursors)[0], known)
    assert told(known) == whole


def test_a_half_written_tail_is_left_for_later(name: str, used: Path) -> None:
    provider = providers.load(name)
    before, first = read(provider, used, {})
    for path in logs(used):
        last = path.read_bytes().rstrip(b"\n").rpartition(b"\n")[2]
        with path.open("ab") as file:
            file.write(last[: len(last) * 2 // 3])
    records, chunks = read(provider, used, {})
    assert told(stored(records)) == told(stored(before))
    assert _problems(chunks) == _problems(first)


def test_garbage_between_lines_costs_only_itself(name: str, used: Path) -> None:
    provider = providers.load(name)
    whole = told(stored(read(provider, used, {})[0]))
    junk = (
        b'\x00\xff\xfe{"\n{"timestamp":"2026-03-02T10:00:00.000Z","type":\n[1,2\n"text"\nnull\n12\n\n{}\n[]\n'
    )
    for path in logs(used):
        path.write_bytes(b"".join(line + junk for line in path.read_bytes().splitlines(keepends=True)))
    records, chunks = read(provider, used, {})
    assert told(stored(records)) == whole
    _check_problems(chunks)


def test_an_unreadable_file_is_told_and_stops_no_other(
    name: str, used: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = providers.load(name)
    whole = stored(read(provider, used, {})[0])
    for path in logs(used):
        cursors: dict[str, FileCursor] = {}
        with monkeypatch.context() as patched:
            _refuse_opening(patched, str(path).__eq__)
            records, chunks = read(provider, used, cursors)
        assert str(path) in {p.path for c in chunks for p in c.problems}
        assert records or len(logs(used)) == 1
        known = stored(records)
        stored(read(provider, used, cursors)[0], known)
        assert told(known) == told(whole), f"{path.name} was not read once it could be"


def test_deleted_logs_are_forgotten_and_take_nothing_with_them(name: str, used: Path) -> None:
    provider = providers.load(name)
    cursors: dict[str, FileCursor] = {}
    known = stored(read(provider, used, cursors)[0])
    whole = told(dict(known))
    gone = logs(used)[::2]
    for path in gone:
        path.unlink()
    records, _ = read(provider, used, cursors)
    assert told(stored(records, known)) == whole
    assert not {str(p) for p in gone} & cursors.keys()


def test_a_log_written_anew_is_read_from_its_beginning(name: str, used: Path) -> None:
    provider = providers.load(name)
    cursors: dict[str, FileCursor] = {}
    known = stored(read(provider, used, cursors)[0])
    whole = told(dict(known))
    for path in logs(used):
        data = path.read_bytes()
        path.write_bytes(data[: data.find(b"\n") + 1])
        read(provider, used, cursors)
        path.write_bytes(data)
    assert told(stored(read(provider, used, cursors)[0], known)) == whole


def test_without_a_client_nothing_is_asked_of_the_network(
    name: str, used: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    provider = providers.load(name)
    for account in provider.discover(env_of(used)):
        assert list(provider.poll(account, env_of(used))) == []
        assert list(provider.read(account, {}, env_of(used)))


def test_no_text_of_the_person_and_no_path_is_in_any_record(name: str, used: Path) -> None:
    """Nothing of three words or more that a log holds leaves the provider, in records, problems or cursors.
    Nor does a directory, but in cursors, which stay on the machine."""
    provider = providers.load(name)
    records, chunks = read(provider, used, {})
    problems = [p.what for c in chunks for p in c.problems]
    said = msgspec.json.encode([records, problems]).decode()
    stored_texts = [t for path in logs(used) for t in _texts(path)]
    stored_texts += [t for path in used.rglob("*.json") for t in _strings(path.read_text("utf-8", "replace"))]
    stored_texts += [t for text in databases.texts(used) for t in _strings(text)]
    texts = {t for t in stored_texts if t.count(" ") >= 2 or t.count("/") >= 2}
    assert texts
    assert [t for t in texts if json.dumps(t)[1:-1] in said or t in said] == []
    remembered = b"".join(c.state for chunk in chunks for c in chunk.cursors).decode("utf-8", "replace")
    sentences = {t for t in texts if t.count(" ") >= 2}
    assert [t for t in sentences if json.dumps(t)[1:-1] in remembered or t in remembered] == []


def test_records_survive_the_wire(name: str, used: Path) -> None:
    """What a provider yields can be sent to a hub and read there: no lone surrogate, no odd number."""
    records, _ = read(providers.load(name), used, {})
    for record in records:
        data = msgspec.json.encode(record)
        assert msgspec.json.decode(data, type=type(record)) == record
        if isinstance(record, QuotaReading):
            assert record.used is not None or record.limit is not None or record.remaining is not None


def _problems(chunks: Sequence[Chunk]) -> set[tuple[str, int, str]]:
    return {(p.path, p.offset, p.what) for c in chunks for p in c.problems}


def _check_problems(chunks: Sequence[Chunk]) -> None:
    """Every problem names a place that can be looked at."""
    for problem in (p for c in chunks for p in c.problems):
        assert problem.what
        assert 0 <= problem.offset < Path(problem.path).stat().st_size


def _cuts(data: bytes) -> list[int]:
    ends = [m.end() for m in re.finditer(b"\n", data)]
    cuts = sorted({0, *ends[:-1], *(e + 7 for e in ends[:-1]), *(e - 1 for e in ends)})
    step = max(1, len(cuts) // MOST_CUTS)
    return cuts[::step]


def _texts(path: Path) -> Iterator[str]:
    for line in path.read_bytes().splitlines():
        try:
            yield from _strings(json.loads(line))
        except ValueError:
            continue


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        if value.lstrip().startswith(("{", "[")):
            try:
                yield from _strings(json.loads(value))
            except ValueError:
                return
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _strings(part)


def _refuse_opening(monkeypatch: pytest.MonkeyPatch, refused: Callable[[str], bool]) -> None:
    """Make some files unreadable, also for root, who may read everything."""
    plain, raw = io.open, os.open

    def refusing(opener: Callable[..., Any]) -> Callable[..., Any]:
        def opened(file: Any, *args: Any, **kwargs: Any) -> Any:
            if not isinstance(file, int) and refused(os.fspath(file)):
                raise PermissionError(13, "Permission denied", os.fspath(file))
            return opener(file, *args, **kwargs)

        return opened

    monkeypatch.setattr(io, "open", refusing(plain))
    monkeypatch.setattr(builtins, "open", refusing(plain))
    monkeypatch.setattr(os, "open", refusing(raw))


def _account(name: str, roots: tuple[str, ...]) -> Account:
    return Account(id=providers.load(name).SPEC.default_account, provider=name, roots=roots)


def test_a_home_that_vanished_is_no_error(name: str, used: Path) -> None:
    """A disk that is not mounted: nothing to read, and nothing is forgotten that may come back."""
    provider = providers.load(name)
    accounts = list(provider.discover(env_of(used)))
    cursors: dict[str, FileCursor] = {}
    known = stored(read(provider, used, cursors)[0])
    whole = told(dict(known))
    away = used.rename(used.with_name("away"))
    for account in accounts:
        chunks = list(provider.read(_account(name, account.roots), cursors, env_of(used)))
        assert [r for c in chunks for r in c.records] == []
    away.rename(used)
    assert told(stored(read(provider, used, cursors)[0], known)) == whole
