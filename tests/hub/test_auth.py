"""Who is let in, what the others are told, and what the log says of it."""

from __future__ import annotations

import datetime as dt
import logging
from pathlib import Path
from typing import Any

import httpx
import pytest

from openusage.hub.auth import EXPIRED, INVALID, MISSING, ONLY_PUSH, ONLY_SHARED, ONLY_VIEW, Gate
from openusage.hub.http import Answer
from openusage.hub.ingest import PushRefused
from openusage.hub.tokens import Role, TokenBook, TokenFile
from tests.hub.conftest import TOKEN, Clock, Hub


def check(gate: Gate, *authorization: bytes, address: str = "192.168.1.9") -> Answer | None:
    headers = [(b"host", b"h"), *((b"authorization", a) for a in authorization)]
    return gate.check({"method": "GET", "headers": headers, "client": (address, 5)})


@pytest.mark.parametrize(
    "value",
    [
        b"Bearer s3cret",
        b"bearer s3cret",
        b"BEARER s3cret",
        b"Bearer   s3cret  ",
        b" Bearer s3cret",
        b"Bearer \ts3cret",
    ],
)
def test_the_token_opens(value: bytes) -> None:
    assert check(Gate("s3cret"), value) is None


@pytest.mark.parametrize(
    "value",
    [b"", b"Bearer", b"Bearer ", b"s3cret", b"Basic czNjcmV0", b"Bearers3cret", b"Token s3cret"],
)
def test_malformed_credentials_are_missing(value: bytes) -> None:
    assert check(Gate("s3cret"), value) is MISSING


@pytest.mark.parametrize(
    "value", [b"Bearer s3cre", b"Bearer s3cret2", b"Bearer S3CRET", b"Bearer s3 cret", b"Bearer \xff"]
)
def test_another_token_is_invalid(value: bytes) -> None:
    assert check(Gate("s3cret"), value) is INVALID


def test_no_header_is_missing_and_of_two_the_first_counts() -> None:
    assert check(Gate("s3cret")) is MISSING
    assert check(Gate("s3cret"), b"Bearer no", b"Bearer s3cret") is INVALID


@pytest.mark.parametrize("token", ["", "  ", "\n"])
def test_a_blank_token_locks_nothing(token: str) -> None:
    assert Gate(token).is_open
    assert check(Gate(token)) is None


def test_tokens_of_any_script_and_with_a_stray_newline_work() -> None:
    assert check(Gate("schlüssel\n"), "Bearer schlüssel".encode()) is None


def test_refusals_are_said_once_and_then_tenfold(caplog: pytest.LogCaptureFixture) -> None:
    """Never the token, neither theirs nor ours; one line when the address is let in again."""
    clock = Clock()
    gate = Gate("s3cret", monotonic=clock.monotonic)
    with caplog.at_level(logging.INFO, "openusage.hub"):
        for _ in range(120):
            check(gate, b"Bearer guess", address="::ffff:10.0.0.7")
        clock.seconds += 60
        check(gate, b"Bearer s3cret", address="10.0.0.7")
        check(gate, b"Bearer s3cret", address="10.0.0.7")
    assert [r.getMessage() for r in caplog.records] == [
        "refused 10.0.0.7: invalid bearer token (1 so far)",
        "refused 10.0.0.7: invalid bearer token (10 so far)",
        "refused 10.0.0.7: too many wrong tokens (100 so far)",
        "let in 10.0.0.7 again after 120 refused",
    ]
    assert gate.failures == {"invalid": 20, "throttled": 100}


def test_a_token_guessed_ten_times_a_second_is_soon_told_to_wait() -> None:
    """From then on ten guesses a minute are looked at; and other addresses notice nothing."""
    clock = Clock()
    gate = Gate("s3cret", monotonic=clock.monotonic)
    looked_at = 0
    for _ in range(600):
        looked_at += check(gate, b"Bearer guess") is INVALID
        clock.seconds += 0.1
    assert looked_at == 20 + 9
    refusal = check(gate, b"Bearer guess")
    assert refusal is not None
    assert refusal.start["status"] == 429
    assert dict(refusal.start["headers"])[b"retry-after"] in (b"1", b"2", b"3", b"4", b"5", b"6")
    assert check(gate, b"Bearer guess", address="10.9.9.9") is INVALID


def test_a_short_token_could_be_the_guess_that_hits_a_long_one_never() -> None:
    """So machines behind a guesser's address are not locked out when the token is a good one."""
    for token, status in (("s3cret", 429), ("a-token-of-24-characters", None)):
        gate = Gate(token, monotonic=Clock().monotonic)
        for _ in range(30):
            check(gate, b"Bearer guess")
        answer = check(gate, f"Bearer {token}".encode())
        assert (answer.start["status"] if answer else None) == status


def test_an_ipv6_guesser_is_its_network() -> None:
    gate = Gate("s3cret", monotonic=Clock().monotonic)
    answers = [check(gate, b"Bearer guess", address=f"2001:db8:1:2::{n:x}") for n in range(30)]
    assert [a is INVALID for a in answers] == [True] * 20 + [False] * 10


def test_a_flood_of_addresses_is_forgotten_again() -> None:
    gate = Gate("s3cret")
    for i in range(3000):
        check(gate, address=f"10.0.{i // 256}.{i % 256}")
    assert len(gate._refused) <= 1000


# -- tokens of machines ----------------------------------------------------------------------------


class Keys:
    """A file of tokens, and a gate that knows it."""

    def __init__(self, folder: Path, shared: str = TOKEN) -> None:
        self.clock = Clock()
        self.path = folder / "hub-tokens.json"
        self.file = TokenFile(self.path)
        self.book = TokenBook(self.path, clock=lambda: self.clock.now().timestamp())
        self.gate = Gate(shared, self.book, monotonic=self.clock.monotonic)

    def make(self, machine: str = "laptop", role: Role = Role.PUSH, **more: Any) -> str:
        return self.file.create(machine, role, now=self.clock.now(), **more)[1]

    def ask(self, token: str, method: str, path: str) -> tuple[Answer | None, dict[str, Any]]:
        scope = {
            "headers": [(b"authorization", f"Bearer {token}".encode())],
            "client": ("10.0.0.1", 1),
            "method": method,
            "path": path,
        }
        return self.gate.check(scope), scope

    def pushes(self, token: str, machine: str, machine_id: str = "") -> str:
        """Why not; empty: it may."""
        answer, scope = self.ask(token, "POST", "/v1/push")
        assert answer is None
        try:
            self.gate.may_write(scope, machine, machine_id)
        except PushRefused as e:
            return f"{e.status} {e.detail}"
        self.gate.note_owner(machine, machine_id)
        return ""


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path)


READS = [("GET", "/v1/snapshots"), ("HEAD", "/v1/snapshots"), ("GET", "/v1/usage"), ("GET", "/metrics")]
WRITES = [("POST", "/v1/push"), ("POST", "/v1/records")]


def test_what_each_role_may(keys: Keys) -> None:
    push, view = keys.make(), keys.make("phone", Role.VIEW)
    for method, path in READS:
        assert keys.ask(push, method, path)[0] is ONLY_PUSH
        assert keys.ask(view, method, path)[0] is None
    for method, path in WRITES:
        assert keys.ask(push, method, path)[0] is None
        assert keys.ask(view, method, path)[0] is ONLY_VIEW
    assert keys.ask(view, "DELETE", "/v1/machines/x")[0] is ONLY_VIEW
    assert keys.ask(push, "DELETE", "/v1/machines/x")[0] is ONLY_PUSH
    for method, path in (*READS, *WRITES):
        assert keys.ask(TOKEN, method, path)[0] is None


def test_only_the_shared_token_may_forget(keys: Keys) -> None:
    for token, expected in ((keys.make(role=Role.VIEW), 403), (keys.make(), 403), ("no", 401), (TOKEN, None)):
        _, scope = keys.ask(token, "GET", "/healthz")
        answer = keys.gate.check_shared(scope)
        assert (answer.start["status"] if answer else None) == expected


def test_a_push_token_writes_its_own_machine_and_no_other(keys: Keys) -> None:
    mine, other = "1" * 32, "2" * 32
    token = keys.make("laptop")
    keys.gate.note_owner("desktop", other)
    assert keys.pushes(token, "laptop") == ""
    assert keys.pushes(token, "laptop", mine) == ""
    assert "another machine's" in keys.pushes(token, "desktop", other)
    assert "another machine's" in keys.pushes(token, "Laptop")
    assert "another name" in keys.pushes(token, "laptop", other)
    assert "32 hex digits" in keys.pushes(token, "laptop", "name:desktop")
    assert keys.pushes(TOKEN, "desktop", mine) == ""  # the shared one may: the machine was renamed
    assert "another name" in keys.pushes(token, "laptop", mine)


def test_a_token_for_a_machine_id_is_for_that_one_also_after_a_new_name(keys: Keys) -> None:
    mine = "1" * 32
    keys.gate.note_owner("old-name", mine)
    token = keys.make("new-name", machine_id=mine)
    assert keys.pushes(token, "new-name", mine) == ""
    assert "403 this token is for another machine id" == keys.pushes(token, "new-name", "3" * 32)
    assert "403 this token is for another machine id" == keys.pushes(token, "new-name")


def test_a_revoked_token_is_refused_with_the_next_request_and_with_the_same_one(keys: Keys) -> None:
    """The scope of a stream under way is asked about again at its heartbeats."""
    token, other = keys.make("phone", Role.VIEW), keys.make("tv", Role.VIEW)
    answer, scope = keys.ask(token, "GET", "/v1/stream")
    assert answer is None
    assert keys.gate.check(scope) is None
    keys.file.revoke(lambda t: t.machine == "phone")
    assert keys.gate.check(scope) is INVALID
    assert keys.ask(token, "GET", "/v1/snapshots")[0] is INVALID
    assert keys.ask(other, "GET", "/v1/snapshots")[0] is None


def test_a_token_ends_when_it_expires(keys: Keys) -> None:
    token = keys.make(expires_at=keys.clock.now() + dt.timedelta(days=1))
    assert keys.ask(token, "POST", "/v1/push")[0] is None
    keys.clock.seconds += 86_400
    assert keys.ask(token, "POST", "/v1/push")[0] is EXPIRED


def test_with_tokens_of_machines_alone_nobody_comes_in_without_and_revoking_the_last_opens_nothing(
    tmp_path: Path,
) -> None:
    keys = Keys(tmp_path, shared="")
    assert keys.gate.is_open
    assert keys.ask("", "GET", "/v1/snapshots")[0] is None
    token = keys.make(role=Role.VIEW)
    assert keys.ask("", "GET", "/v1/snapshots")[0] is MISSING
    assert keys.ask(token, "GET", "/v1/snapshots")[0] is None
    keys.file.revoke(lambda t: True)
    assert keys.ask(token, "GET", "/v1/snapshots")[0] is INVALID
    keys.path.unlink()
    assert keys.ask("", "GET", "/v1/snapshots")[0] is MISSING
    assert keys.ask(keys.gate.own, "POST", "/v1/push")[0] is None


def test_an_unguessable_token_of_a_machine_is_let_in_beside_a_guesser(keys: Keys) -> None:
    token = keys.make()
    for _ in range(30):
        keys.ask("guess", "GET", "/v1/snapshots")
    assert keys.ask("guess", "GET", "/v1/snapshots")[0] is not INVALID
    assert keys.ask(token, "POST", "/v1/push")[0] is None


def test_an_open_hub_forgets_for_this_machine_only() -> None:
    gate = Gate()
    scope: dict[str, Any] = {"headers": [], "method": "DELETE", "path": "/v1/machines/x"}
    assert gate.check_shared({**scope, "client": ("127.0.0.1", 1)}) is None
    assert gate.check_shared({**scope, "client": ("::1", 1)}) is None
    assert gate.check_shared({**scope, "client": ("10.0.0.1", 1)}) is ONLY_SHARED


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/push"), ("GET", "/v1/snapshots"), ("HEAD", "/v1/snapshots")]
)
def test_pushing_and_reading_need_the_token(hub: Hub, method: str, path: str) -> None:
    plain = httpx.request(method, hub.server.url + path, content=b'{"machine":"m"}')
    assert plain.status_code == 401
    assert plain.headers["www-authenticate"] == 'Bearer realm="openusage-hub"'
    wrong = httpx.request(method, hub.server.url + path, headers={"Authorization": f"Bearer {TOKEN}x"})
    assert wrong.headers["www-authenticate"] == 'Bearer realm="openusage-hub", error="invalid_token"'
    assert hub.http.get("/healthz").json()["machines"] == []


def test_healthz_never_needs_it(hub: Hub) -> None:
    assert httpx.get(hub.server.url + "/healthz").status_code == 200
