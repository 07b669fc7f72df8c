"""What a Go hub was seen to answer, request by request, against ours.

Each file of fixtures/hub is one exchange: the curl command, the status line, headers, body. Differences from
the Go hub that we want are listed in `OURS` with their reason; everything else must agree.
"""

from __future__ import annotations

import gzip
import json
import shlex
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import pytest

from tests.hub.conftest import Hub

FIXTURES = Path(__file__).parent.parent / "fixtures" / "hub"
LIMIT = 4_194_304
CONTRACT_HEADERS = ("www-authenticate", "location", "connection")
"""Besides the type of JSON answers: what a client may act on."""


class Expected(NamedTuple):
    status: int
    body: Any
    headers: dict[str, str]


class Exchange(NamedTuple):
    name: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None
    expected: Expected


JSON_404 = Expected(404, {"error": "not found"}, {"content-type": "application/json"})
OURS: dict[str, Expected] = {
    # every error of ours is JSON
    "notfound": JSON_404,
    "root": JSON_404,
    "snapshots.trailing-slash": JSON_404,
    # a hub of ours has metrics, for whom it lets in
    "metrics": Expected(
        401,
        {"error": "missing bearer token"},
        {"content-type": "application/json", "www-authenticate": 'Bearer realm="openusage-hub"'},
    ),
    # RFC 9110: the scheme's name has no case
    "snapshots.401-lowercase-bearer": Expected(200, {}, {"content-type": "application/json"}),
    # HEAD is allowed
    "snapshots.head": Expected(200, None, {"content-type": "application/json"}),
    # a compressed push is accepted
    "push.gzip": Expected(200, {"ok": True}, {"content-type": "application/json"}),
    # a redirect needs no page
    "snapshots.double-slash": Expected(307, None, {"location": "/v1/snapshots"}),
}


def bodies(argument: str) -> bytes:
    """What curl was given: a text, or one of the files that were made for the capture."""
    match argument:
        case "@big.json":
            return b'{"machine":"big","pad":"' + b"x" * LIMIT + b'"}'
        case "@exact.json":
            head, tail = b'{"machine":"exact","pad":"', b'"}'
            return head + b"x" * (LIMIT - len(head) - len(tail)) + tail
        case "@/dev/fd/63":
            return gzip.compress(b'{"machine":"zipped"}')
        case _:
            return argument.encode()


def exchange(path: Path) -> Exchange:
    command, _, answer = path.read_bytes().decode().replace("\r\n", "\n").partition("\n")
    words = shlex.split(command)[2:]
    method, url = "", ""
    headers: dict[str, str] = {}
    body: bytes | None = None
    rest = iter(words)
    for word in rest:
        if word == "-H":
            name, _, value = next(rest).partition(":")
            headers |= {name: value.strip()} if value else {}
        elif word in ("-d", "--data-binary"):
            body = bodies(next(rest))
        elif word in ("-X", "-I"):
            method = next(rest) if word == "-X" else "HEAD"
        elif not word.startswith("-"):
            url = word
    method = method or ("POST" if body is not None else "GET")
    target = url.split("19190", 1)[1]
    expected = OURS.get(path.stem) or seen(answer)
    return Exchange(path.stem, method, target, headers, body, expected)


def seen(answer: str) -> Expected:
    """The last response of an answer (a 100 may come before it)."""
    head, _, body = answer.replace("HTTP/1.1 100 Continue\n\n", "").partition("\n\n")
    status, *lines = head.splitlines()
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return Expected(int(status.split()[1]), json.loads(body) if body.strip() else None, headers)


SEEN_ELSEWHERE = ("healthz.after", "snapshots.after", "metrics.auth")
"""Answered by other tests: silent machines, and `GET /metrics`."""
EXCHANGES = [
    exchange(p)
    for p in sorted(FIXTURES.glob("*.txt"))
    if p.read_text().startswith("$ curl") and not p.stem.startswith(SEEN_ELSEWHERE)
]
STATE_BEFORE = ("snapshots.ok", "snapshots.only-worker", "healthz")
"""Taken while the captured worker was in the hub."""


def test_all_captures_are_cases() -> None:
    assert len(EXCHANGES) >= 55
    assert set(OURS) <= {e.name for e in EXCHANGES}


@pytest.mark.parametrize("case", EXCHANGES, ids=lambda e: e.name)
def test_hub_answers_as_captured(case: Exchange, hub: Hub) -> None:
    if case.name.startswith(STATE_BEFORE):
        assert hub.push((FIXTURES / "push-latest.body.json").read_bytes()).status_code == 200
    answer = send(hub, case)
    assert answer.status_code == case.expected.status
    assert_same_body(answer, case)
    wanted = case.expected.headers
    if wanted.get("content-type") == "application/json":
        assert answer.headers["content-type"] == "application/json"
    for name in CONTRACT_HEADERS:
        if name in wanted:
            assert answer.headers[name] == wanted[name], name
    assert "date" in answer.headers
    assert "server" not in answer.headers


def send(hub: Hub, case: Exchange) -> httpx.Response:
    with httpx.Client(base_url=hub.server.url, timeout=10.0) as client:
        request = client.build_request(case.method, "/", headers=case.headers, content=case.body)
        request.url = request.url.copy_with(raw_path=case.path.encode())
        return client.send(request)


def assert_same_body(answer: httpx.Response, case: Exchange) -> None:
    if case.expected.body is None:
        assert answer.content == b""
        return
    found = json.loads(answer.content, parse_int=float)
    if isinstance(found, dict) and answer.status_code >= 400:
        found.pop("detail", None)
    assert found == json.loads(json.dumps(case.expected.body), parse_int=float)


def test_the_captured_go_push_comes_back_whole(hub: Hub) -> None:
    """Every field of both snapshots, with nanoseconds, under the display keys of the Go hub."""
    assert hub.push((FIXTURES / "push-latest.body.json").read_bytes()).json() == {"ok": True}
    assert hub.snapshots() == exchange(FIXTURES / "snapshots.ok.txt").expected.body


def test_all_captured_pushes_leave_the_captured_state(hub: Hub) -> None:
    """The state of a Go hub after the same pushes, but: no snapshot of a null item, no null metrics, both of
    two snapshots whose names join to one key, machines listed in order and the compressed push among them."""
    hub.push((FIXTURES / "push-latest.body.json").read_bytes())
    for case in EXCHANGES:
        if case.name.startswith("push."):
            send(hub, case)
    wanted = exchange(FIXTURES / "snapshots.after.txt").expected.body
    del wanted["nullitem::"]
    for snapshot in wanted.values():
        snapshot["metrics"] = snapshot["metrics"] or {}
    colons = hub.snapshots()
    first, second = colons.pop("a:b:c:d"), colons.pop("a:b:c:d~2")
    del wanted["a:b:c:d"]
    assert floats(colons) == floats(wanted)
    assert [first["provider_id"], second["provider_id"]] == ["c", "b:c"]
    assert [first["metrics"]["m"]["used"], second["metrics"]["m"]["used"]] == [1, 2]
    assert [first["account_id"], second["account_id"]] == ["a:b:c:d", "a:b:c:d~2"]
    machines = exchange(FIXTURES / "healthz.after.txt").expected.body["machines"]
    assert hub.http.get("/healthz").json()["machines"] == sorted([*machines, "zipped"])


def floats(value: Any) -> Any:
    """Numbers as a Go or JavaScript program reads them."""
    return json.loads(json.dumps(value), parse_int=float)


def test_a_go_exporter_head_for_head(hub: Hub) -> None:
    """The captured request as it left the Go daemon's socket."""
    head = (
        (FIXTURES / "push-latest.head.txt")
        .read_bytes()
        .strip()
        .replace(b"\r\n", b"\n")
        .replace(b"\n", b"\r\n")
    )
    body = (FIXTURES / "push-latest.body.json").read_bytes().rstrip(b"\n")
    head = b"\r\n".join(
        b"Content-Length: %d" % len(body) if line.startswith(b"Content-Length") else line
        for line in head.split(b"\r\n")
    )
    answer = hub.raw(head + b"\r\nConnection: close\r\n\r\n" + body)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b'{"ok":true}')
    assert list(hub.snapshots()) == ["peer-box:claude_code:claude-code", "peer-box:codex:codex-cli"]


def test_silent_machines_leave_as_captured(hub: Hub) -> None:
    """stale-2s.txt: a push, the list with it, and after the stale time without it."""
    pushed, with_it, without, snapshots = map(
        json.loads, (FIXTURES / "stale-2s.txt").read_text().splitlines()
    )
    assert hub.push('{"machine":"m1","snapshots":[{"provider_id":"p","account_id":"a"}]}').json() == pushed
    assert hub.http.get("/healthz").json() == with_it
    hub.clock.seconds += 301
    assert hub.http.get("/healthz").json() == without
    assert hub.snapshots() == snapshots


def test_urls_in_captures_are_all_of_one_hub() -> None:
    """Guards the parser above: a request it misread would be sent to a path of its own making."""
    for path in FIXTURES.glob("*.txt"):
        words = path.read_text().partition("\n")[0].split()
        if words[:2] == ["$", "curl"]:
            assert urlsplit(words[-1]).port == 19190
