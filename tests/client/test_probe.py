"""Whether a machine could push to a hub: each thing that can be wrong is a sentence of its own."""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from openusage.client import Admission, HubProbe
from openusage.errors import ExitCode, PeerConfused, PeerError, PeerRefused, PeerUnreachable, UsageError
from openusage.hub import Board, HubServer, Tls, TokenBook, TokenFile
from openusage.hub.tokens import Role
from tests.hub.conftest import TOKEN as SHARED
from tests.hub.fleet import fleet
from tests.support import bad_hub
from tests.support.bad_hub import Answer, BadHub, says
from tests.support.certificates import Authority
from tools.ports import free_port

TOKEN = "a-shared-token-that-nobody-guesses"
MACHINE_ID = "e" * 32
OK = b'{"status":"ok","machines":["m"]}'


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@contextlib.contextmanager
def probe(url: str, ahead: dt.timedelta = dt.timedelta(), timeout_s: float = 30.0) -> Iterator[HubProbe]:
    with contextlib.closing(
        HubProbe(url, now=lambda: dt.datetime.now(dt.UTC) + ahead, timeout_s=timeout_s)
    ) as made:
        yield made


@contextlib.contextmanager
def told(error: type[PeerError], what: str, hint: str = "") -> Iterator[None]:
    with pytest.raises(error) as caught:
        yield
    assert what in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.hint
    assert caught.value.exit_code == ExitCode.UNREACHABLE


# -- hubs of ours ----------------------------------------------------------------------------------


def test_a_hub_of_ours_with_the_shared_token(tmp_path: Path) -> None:
    with fleet(tmp_path / "hub.db") as hub, probe(hub.server.url) as asked:
        greeting = asked.greet()
        assert greeting.needs_token
        assert greeting.clock_ahead_s is not None
        assert abs(greeting.clock_ahead_s) < 30
        admission = asked.admit(SHARED, "laptop", MACHINE_ID)
        assert admission.version
        assert admission.keeps_records
        assert hub.http.get("/v1/machines").json()["machines"] == []  # asking leaves no trace


@pytest.mark.parametrize("off_min", [5, -5])
def test_the_clocks_are_compared(off_min: int) -> None:
    with (
        HubServer(Board(), "127.0.0.1", 0, "") as hub,
        probe(hub.url, dt.timedelta(minutes=off_min)) as asked,
    ):
        ahead_s = asked.greet().clock_ahead_s
        assert ahead_s is not None
        assert abs(ahead_s - 60 * off_min) < 30


def test_an_open_hub_without_a_history() -> None:
    with HubServer(Board(), "127.0.0.1", 0, "") as hub, probe(hub.url) as asked:
        assert not asked.greet().needs_token
        assert not asked.admit("", "laptop", MACHINE_ID).keeps_records


def test_a_wrong_token_and_none() -> None:
    with HubServer(Board(), "127.0.0.1", 0, TOKEN) as hub, probe(hub.url) as asked:
        with told(PeerRefused, "does not accept this token: it is not one", "openusage hub token create"):
            asked.admit("wrong", "laptop", MACHINE_ID)
        with told(PeerRefused, "wants a token", "OPENUSAGE_HUB_TOKEN"):
            asked.admit("", "laptop", MACHINE_ID)
        for _ in range(25):
            with contextlib.suppress(PeerRefused):
                asked.admit("wrong", "laptop", MACHINE_ID)
        with told(PeerRefused, "too many wrong tokens", "in a few minutes"):
            asked.admit("wrong", "laptop", MACHINE_ID)


def test_a_machines_own_token_is_good_for_its_name_alone(tmp_path: Path) -> None:
    file = TokenFile(tmp_path / "tokens.json")
    now = dt.datetime.now(dt.UTC)
    _, push = file.create("laptop", Role.PUSH, now=now)
    _, view = file.create("phone", Role.VIEW, now=now)
    day = dt.timedelta(days=1)
    _, old = file.create("laptop", Role.PUSH, now=now - 2 * day, expires_at=now - day)
    book = TokenBook(tmp_path / "tokens.json")
    with fleet(tmp_path / "hub.db", serves={"tokens": book}) as hub, probe(hub.server.url) as asked:
        assert asked.greet().needs_token
        assert asked.admit(push, "laptop", MACHINE_ID) == Admission(keeps_records=True)
        with told(PeerRefused, "does not let desktop push: this token is another machine's", "--name"):
            asked.admit(push, "desktop", MACHINE_ID)
        with told(PeerRefused, "this token reads; it writes nothing"):
            asked.admit(view, "phone", MACHINE_ID)
        with told(PeerRefused, "does not accept this token: it has expired"):
            asked.admit(old, "laptop", MACHINE_ID)


# -- TLS -------------------------------------------------------------------------------------------


def test_certificates(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    other = authority.issue("elsewhere.example.com")
    with HubServer(Board(), "127.0.0.1", 0, "", tls=Tls(*authority.issue())) as hub:
        with (
            probe(hub.url) as asked,
            told(PeerUnreachable, "of an authority that is not known here", "SSL_CERT_FILE="),
        ):
            asked.greet()
        with probe(hub.url.replace("https", "http")) as asked, told(PeerUnreachable, "", "https://127.0.0.1"):
            asked.greet()
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        with probe(hub.url) as asked:
            asked.greet()
    with (
        HubServer(Board(), "127.0.0.1", 0, "", tls=Tls(*other)) as hub,
        probe(hub.url) as asked,
        told(PeerUnreachable, "shows a TLS certificate of another name"),
    ):
        asked.greet()


def test_https_to_a_hub_without_tls() -> None:
    with (
        HubServer(Board(), "127.0.0.1", 0, "") as hub,
        probe(hub.url.replace("http", "https")) as asked,
        told(PeerUnreachable, "no TLS spoken there", "Without TLS: http://127.0.0.1"),
    ):
        asked.greet()


# -- what is no hub --------------------------------------------------------------------------------


def test_nothing_there() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with (
        probe(url) as asked,
        told(PeerUnreachable, "does not answer (connection refused)", "Does the hub run"),
    ):
        asked.greet()


def test_no_address() -> None:
    with pytest.raises(UsageError, match="is not a hub's address: it must be a URL"), probe("ftp://x"):
        pass


@pytest.mark.parametrize(
    ("answer", "error", "what"),
    [
        (says("200 OK", b"<html>It works!</html>"), PeerConfused, "answers, but it is not a hub"),
        (says("404 Not Found"), PeerConfused, "answers, but it is not a hub"),
        (says("200 OK", b'{"status":"ok","daemon_version":"1"}'), PeerConfused, "it is not a hub"),
        (says("200 OK", OK), PeerConfused, "it is not a hub"),
        (says("200 OK", b"[" * 2000), PeerConfused, "it is not a hub"),
        (says("200 OK", b"\x00", Content_Encoding="gzip"), PeerConfused, "it is not a hub"),
        (says("302 Found", Location="http://login.example"), PeerRefused, "sends us to http://login.example"),
        (says("421 Misdirected"), PeerRefused, "does not answer to the name 127.0.0.1"),
        (says("503 Busy"), PeerRefused, "answers 503"),
        (bad_hub.closes, PeerUnreachable, "without an answer"),
        (bad_hub.resets, PeerUnreachable, "does not answer"),
        (bad_hub.half_an_answer, PeerUnreachable, "broke off in the middle"),
        (bad_hub.no_http, PeerUnreachable, "does not speak HTTP"),
        (bad_hub.never_ends, PeerConfused, "it is not a hub"),
    ],
)
def test_whatever_answers_there_is_told(answer: Answer, error: type[PeerError], what: str) -> None:
    with BadHub(answer) as hub, probe(hub.url) as asked, told(error, what):
        asked.greet()


@pytest.mark.parametrize("answer", [bad_hub.hangs, bad_hub.drips])
def test_a_hub_that_hangs_is_given_up(answer: Answer) -> None:
    with BadHub(answer) as hub, probe(hub.url, timeout_s=0.5) as asked, told(PeerUnreachable, "in time"):
        asked.greet()


def test_a_go_programs_hub_has_no_history() -> None:
    """As that program answers: `tests/fixtures/hub` has the captures."""
    answers = {
        b"GET /healthz": says("200 OK", OK),
        b"POST /v1/push": says("400 Bad Request", b'{"error":"empty body"}'),
        b"GET /v1/capabilities": says("404 Not Found"),
    }
    hub: BadHub

    def answer(connection: socket.socket) -> None:
        request = hub.requests[-1].partition(b" HTTP/")[0]
        answers[request](connection)

    with BadHub(answer) as hub, probe(hub.url) as asked:
        greeting = asked.greet()
        assert (greeting.needs_token, greeting.clock_ahead_s) == (False, None)
        assert asked.admit("", "laptop", MACHINE_ID) == Admission(keeps_records=False)


def test_a_push_that_the_hub_refuses_for_another_reason_is_told() -> None:
    with (
        BadHub(says("507 Full", b'{"error":"x","detail":"512 MiB"}')) as hub,
        probe(hub.url) as asked,
        told(PeerRefused, "answers 507 to a push: 512 MiB"),
    ):
        asked.admit("t", "laptop", MACHINE_ID)
