"""Browsers that signed in: what their cookie opens, for how long, and what it never opens."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from openusage.hub.auth import EXPIRED, MISSING, ONLY_PUSH, Gate
from openusage.hub.sessions import LIFE_S, MOST, Sessions
from openusage.hub.tokens import Role, TokenBook, TokenFile
from tests.hub.conftest import NOON, TOKEN, Clock


def request(id: str = "", method: str = "GET", path: str = "/v1/fleet", **headers: str) -> dict[str, Any]:
    sent = [(name.encode(), value.encode()) for name, value in headers.items()]
    if id:
        sent.append((b"cookie", f"theme=dark; openusage_session={id}; x=y".encode()))
    return {"method": method, "path": path, "headers": sent, "client": ("192.168.1.9", 5)}


def test_a_session_stands_for_its_token_until_its_week_is_over() -> None:
    clock = Clock()
    sessions = Sessions(clock.monotonic)
    id = sessions.open(b"t")
    assert sessions.token(request(id)) == b"t"
    clock.seconds += LIFE_S - 1
    assert sessions.token(request(id)) == b"t"
    clock.seconds += 1
    assert sessions.token(request(id)) is None


def test_ids_are_long_and_none_like_another() -> None:
    sessions = Sessions()
    ids = {sessions.open(b"t") for _ in range(100)}
    assert len(ids) == 100
    assert min(map(len, ids)) >= 43


@pytest.mark.parametrize(
    "cookie", ["", "openusage_session=", "openusage_session=x", "other=1", "=;;=", "\xff"]
)
def test_another_cookie_is_no_session(cookie: str) -> None:
    sessions = Sessions()
    sessions.open(b"t")
    assert sessions.token({"headers": [(b"cookie", cookie.encode("latin-1"))]}) is None


def test_a_session_that_was_ended_cannot_be_replayed() -> None:
    sessions = Sessions()
    id, other = sessions.open(b"t"), sessions.open(b"u")
    sessions.end(request(id))
    sessions.end(request(id))
    assert sessions.token(request(id)) is None
    assert sessions.token(request(other)) == b"u"


def test_of_very_many_the_oldest_is_forgotten() -> None:
    sessions = Sessions()
    first, *others = [sessions.open(b"t") for _ in range(MOST + 1)]
    assert sessions.token(request(first)) is None
    assert sessions.token(request(others[0])) == b"t"


def test_the_gate_lets_a_session_read_and_nothing_else() -> None:
    gate = Gate(TOKEN)
    id = gate.sessions.open(TOKEN.encode())
    for method in ("GET", "HEAD"):
        assert gate.check(request(id, method)) is None
    for method, path in (("POST", "/v1/push"), ("POST", "/v1/records"), ("DELETE", "/v1/machines/x")):
        assert gate.check(request(id, method, path)) is MISSING
    assert gate.check_shared(request(id)) is not None


def test_a_token_in_the_header_counts_before_the_session() -> None:
    gate = Gate(TOKEN)
    id = gate.sessions.open(TOKEN.encode())
    refusal = gate.check(request(id, authorization="Bearer wrong"))
    assert refusal is not None
    assert refusal.start["status"] == 401


def test_a_session_ends_with_the_token_it_was_opened_with(tmp_path: Path) -> None:
    """At once, and it is no guess that would slow its address down."""
    file = TokenFile(tmp_path / "tokens.json")
    _, secret = file.create("laptop", Role.VIEW, now=NOON)
    gate = Gate("", TokenBook(tmp_path / "tokens.json"))
    assert gate.may_view(request(), secret.encode()) is None
    id = gate.sessions.open(secret.encode())
    assert gate.check(request(id)) is None
    file.revoke(lambda token: token.machine == "laptop")
    file.create("desktop", Role.VIEW, now=NOON)  # with no token at all, everybody may everything
    assert [gate.check(request(id)) for _ in range(50)] == [MISSING] * 50


def test_a_session_does_not_outlive_its_token(tmp_path: Path) -> None:
    clock = Clock()
    ends_at = NOON + dt.timedelta(hours=1)
    _, secret = TokenFile(tmp_path / "t.json").create("laptop", Role.VIEW, now=NOON, expires_at=ends_at)
    gate = Gate("", TokenBook(tmp_path / "t.json", clock=lambda: clock.now().timestamp()))
    id = gate.sessions.open(secret.encode())
    assert gate.check(request(id)) is None
    clock.seconds += 3601
    assert gate.check(request(id)) is EXPIRED


def test_a_token_that_only_pushes_does_not_sign_in(tmp_path: Path) -> None:
    _, secret = TokenFile(tmp_path / "t.json").create("laptop", Role.PUSH, now=NOON)
    gate = Gate(TOKEN, TokenBook(tmp_path / "t.json"))
    assert gate.may_view(request(path="/signin"), secret.encode()) is ONLY_PUSH
    assert gate.may_view(request(path="/signin"), TOKEN.encode()) is None


def test_wrong_tokens_at_the_form_are_counted_and_slowed_like_others() -> None:
    gate = Gate(TOKEN)
    said = [gate.may_view(request(path="/signin"), b"guess %d" % n) for n in range(40)]
    statuses = [refusal.start["status"] for refusal in said if refusal is not None]
    assert (statuses[0], statuses[-1], len(statuses)) == (401, 429, 40)
    assert sum(gate.failures.values()) == 40
