"""The file of tokens: what is in it, who may read it, and how a running hub follows it."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
import stat
import threading
from pathlib import Path

import pytest

from openusage.errors import OpenUsageError, UsageError
from openusage.hub.tokens import PREFIX, USED_EVERY_S, Role, TokenBook, TokenFile, used_path
from tests.hub.conftest import NOON


class Seconds:
    def __init__(self) -> None:
        self.now = NOON.timestamp()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "hub-tokens.json"


def test_the_token_itself_is_nowhere_kept(path: Path) -> None:
    kept, secret = TokenFile(path).create("laptop", Role.PUSH, now=NOON)
    assert secret.startswith(PREFIX)
    assert len(secret) == len(PREFIX) + 43  # 256 bits
    assert kept.hash == hashlib.sha256(secret.encode()).hexdigest()
    for file in path.parent.iterdir():
        assert secret.encode() not in file.read_bytes()
        assert secret[len(PREFIX) :].encode() not in file.read_bytes()


def test_only_its_owner_reads_the_file(path: Path) -> None:
    TokenFile(path).create("laptop", Role.PUSH, now=NOON)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_what_was_made_is_listed_by_machine_and_age(path: Path) -> None:
    file = TokenFile(path)
    assert file.tokens() == []
    ends_at = NOON + dt.timedelta(days=90)
    file.create("work", Role.PUSH, now=NOON)
    file.create("laptop", Role.VIEW, now=NOON + dt.timedelta(hours=1), expires_at=ends_at)
    file.create("laptop", Role.PUSH, now=NOON, machine_id="1" * 32)
    found = [(t.machine, t.role, t.machine_id, t.expires_at) for t in file.tokens()]
    assert found == [
        ("laptop", Role.PUSH, "1" * 32, None),
        ("laptop", Role.VIEW, "", ends_at),
        ("work", Role.PUSH, "", None),
    ]


@pytest.mark.parametrize("name", ["", "  ", "x" * 1025])
def test_a_name_that_no_machine_can_have_is_refused(path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        TokenFile(path).create(name, Role.PUSH, now=NOON)


def test_a_token_that_has_expired_already_is_refused(path: Path) -> None:
    with pytest.raises(UsageError, match="expired already"):
        TokenFile(path).create("laptop", Role.PUSH, now=NOON, expires_at=NOON)


def test_makers_at_the_same_time_lose_no_token(path: Path) -> None:
    def make(number: int) -> None:
        for _ in range(5):
            TokenFile(path).create(f"m{number}", Role.PUSH, now=NOON)

    makers = [threading.Thread(target=make, args=(n,)) for n in range(6)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert len(TokenFile(path).tokens()) == 30


def test_a_running_hub_follows_the_file(path: Path) -> None:
    book = TokenBook(path)
    assert not book.exists
    assert book.find(b"x") is None
    file = TokenFile(path)
    kept, secret = file.create("laptop", Role.PUSH, now=NOON)
    assert book.find(secret.encode()) == kept
    assert file.revoke(lambda t: t.id == kept.id) == [kept]
    assert book.find(secret.encode()) is None
    assert book.exists


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"version":1,"tokens":[{"id":"x"}]}', "\xff", '{"version":1,"tokens":null}']
)
def test_a_damaged_file_lets_nobody_in_and_is_a_sentence(
    path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = TokenFile(path)
    _, secret = file.create("laptop", Role.PUSH, now=NOON)
    book = TokenBook(path)
    whole = path.read_bytes()
    path.write_bytes(damage.encode("latin-1"))
    with caplog.at_level(logging.ERROR):
        assert book.find(secret.encode()) is None
        assert book.find(secret.encode()) is None
    assert len(caplog.records) == 1
    assert "is damaged" in caplog.text
    with pytest.raises(OpenUsageError, match="is damaged"):
        file.create("other", Role.PUSH, now=NOON)
    path.write_bytes(whole)
    assert book.find(secret.encode()) is not None


@pytest.mark.parametrize("field", ["hash", "created_at"])
def test_a_hash_or_time_by_hand_that_is_none_is_damage(path: Path, field: str) -> None:
    TokenFile(path).create("laptop", Role.PUSH, now=NOON)
    tree = json.loads(path.read_text())
    tree["tokens"][0][field] = {"hash": "zz", "created_at": "2026-01-01T00:00:00"}[field]
    path.write_text(json.dumps(tree))
    with pytest.raises(OpenUsageError, match="is damaged"):
        TokenFile(path).tokens()


def test_last_use_is_kept_coarsely_and_seldom(path: Path) -> None:
    file = TokenFile(path)
    used, _ = file.create("laptop", Role.PUSH, now=NOON)
    unused, _ = file.create("work", Role.PUSH, now=NOON)
    clock = Seconds()
    book = TokenBook(path, clock=clock)
    book.write_used()
    assert not used_path(path).exists()
    book.note_used(used)
    book.write_used()
    assert file.last_used() == {used.id: NOON}  # a first use is told soon
    clock.now += USED_EVERY_S - 1
    book.note_used(used)
    book.write_used()
    assert file.last_used() == {used.id: NOON}
    clock.now += 1
    before = used_path(path).stat().st_mtime_ns
    book.write_used()
    assert used_path(path).stat().st_mtime_ns == before  # nothing new
    book.note_used(used)
    book.note_used(unused)
    book.write_used(at_once=True)
    assert set(file.last_used().values()) == {NOON + dt.timedelta(seconds=USED_EVERY_S)}
    assert stat.S_IMODE(used_path(path).stat().st_mode) == 0o600


def test_last_use_outlives_a_restart_and_goes_with_its_token(path: Path) -> None:
    file = TokenFile(path)
    old, _ = file.create("laptop", Role.PUSH, now=NOON)
    clock = Seconds()
    book = TokenBook(path, clock=clock)
    book.note_used(old)
    book.write_used(at_once=True)
    again = TokenBook(path, clock=clock)
    again.write_used(at_once=True)
    assert list(file.last_used()) == [old.id]
    file.revoke(lambda t: True)
    again.refresh()
    again.write_used(at_once=True)
    assert file.last_used() == {}


def test_without_tokens_nothing_is_written(path: Path) -> None:
    TokenBook(path).write_used(at_once=True)
    assert not path.parent.exists()


def test_ten_thousand_tokens_are_found_by_hash(path: Path) -> None:
    """A dict look-up: what it costs is in the bench; here only that it finds the right one."""
    tokens = [
        {"id": f"{n}", "hash": hashlib.sha256(b"%d" % n).hexdigest(), "machine": f"m{n}", "role": "push",
         "created_at": "2026-01-01T00:00:00Z"}
        for n in range(10_000)
    ]  # fmt: skip
    path.parent.mkdir()
    path.write_text(json.dumps({"version": 1, "tokens": tokens}))
    book = TokenBook(path)
    found = book.find(b"7321")
    assert found is not None
    assert found.machine == "m7321"
