"""`GET /v1/snapshots`: conditional, compressed, made once."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
from typing import Any

import httpx
import pytest

from openusage.hub import Board
from openusage.hub.http import Answer, accepts_gzip
from openusage.hub.ingest import read_push
from openusage.hub.view import SnapshotsView
from tests.hub.conftest import Clock, Hub
from tests.hub.test_board import body, put

PLAIN = {"Accept-Encoding": "identity"}


def get(hub: Hub, **headers: str) -> httpx.Response:
    return hub.http.get("/v1/snapshots", headers=PLAIN | {k.replace("_", "-"): v for k, v in headers.items()})


def test_an_empty_hub_answers_an_empty_object(hub: Hub) -> None:
    assert get(hub).content == b"{}"


def test_a_known_tag_is_answered_with_304_and_nothing_else(hub: Hub) -> None:
    hub.push(body("laptop", "a"))
    tag = get(hub).headers["etag"]
    assert tag.startswith('"')
    same = get(hub, If_None_Match=tag)
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    assert "content-length" not in same.headers
    for known in (f'"other", {tag}', f"W/{tag}", "*"):
        assert get(hub, If_None_Match=known).status_code == 304
    for other in ('"other"', tag.strip('"'), tag[:-1] + '0"'):
        assert get(hub, If_None_Match=other).status_code == 200


def test_the_tag_changes_with_every_change_and_only_then(hub: Hub) -> None:
    tags = [get(hub).headers["etag"]]
    for accounts in (["a"], ["a"], ["a", "b"], [], ["a"]):
        hub.push(body("laptop", *accounts))
        tags.append(get(hub).headers["etag"])
    assert tags[1] == tags[2]
    assert len(set(tags)) == 5


def test_silence_changes_tag_and_body(hub: Hub) -> None:
    hub.push(body("laptop", "a"))
    tag = get(hub).headers["etag"]
    hub.clock.seconds += 301
    answer = get(hub, If_None_Match=tag)
    assert (answer.status_code, answer.content) == (200, b"{}")


def test_two_hubs_have_no_tag_in_common() -> None:
    """A client that meets a restarted hub must not be told that nothing changed."""
    tags = {
        asyncio.run(SnapshotsView(Board(), lambda: 0.0).respond(scope())).start["headers"][-1] for _ in "ab"
    }
    assert len(tags) == 2


def test_gzip_on_request_has_a_tag_of_its_own(hub: Hub) -> None:
    hub.push(body("laptop", *map(str, range(50))))
    plain = get(hub)
    zipped = get(hub, Accept_Encoding="gzip, br")
    assert zipped.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert zipped.json() == plain.json()
    assert int(zipped.headers["content-length"]) < len(plain.content) / 5
    assert plain.headers["vary"] == zipped.headers["vary"] == "accept-encoding"
    tag = zipped.headers["etag"]
    assert tag != plain.headers["etag"]
    assert get(hub, If_None_Match=tag, Accept_Encoding="gzip").status_code == 304


def test_head_is_get_without_the_body(hub: Hub) -> None:
    hub.push(body("laptop", "a"))
    answer = hub.http.head("/v1/snapshots", headers=PLAIN)
    whole = get(hub)
    assert answer.content == b""
    for name in ("etag", "content-length", "content-type", "vary"):
        assert answer.headers[name] == whole.headers[name]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_body_in_parts_is_sent_as_one(hub: Hub, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain and packed; and the connection is good for the next request."""
    monkeypatch.setattr("openusage.hub.board.PART_BYTES", 1)
    for machine in "abc":
        hub.push(body(machine, "x"))
    plain = hub.http.request(method, "/v1/snapshots", headers=PLAIN)
    packed = hub.http.request(method, "/v1/snapshots", headers={"Accept-Encoding": "gzip"})
    whole = get(hub).content
    assert list(json.loads(whole)) == ["a:p:x", "b:p:x", "c:p:x"]
    assert int(plain.headers["content-length"]) == len(whole)
    assert plain.content == packed.content == (whole if method == "GET" else b"")
    assert packed.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize(
    ("value", "yes"),
    [
        (b"gzip", True),
        (b"br, GZIP;q=0.5", True),
        (b"*", True),
        (b"gzip;q=0", False),
        (b"gzip; q=0.000, *", False),
        (b"identity", False),
        (b"", False),
    ],
)
def test_what_a_client_accepts(value: bytes, yes: bool) -> None:
    assert accepts_gzip(value) is yes


def scope(*headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"headers": list(headers)}


GZIP = scope((b"accept-encoding", b"gzip"))


def is_zipped(answer: Answer) -> bool:
    return (b"content-encoding", b"gzip") in answer.start["headers"]


def tag_of(answer: Answer) -> bytes:
    tags: list[bytes] = [value for name, value in answer.start["headers"] if name == b"etag"]
    return tags[0]


def large(used: int) -> bytes:
    """More than is compressed in place."""
    return body("laptop", *(os.urandom(8).hex() for _ in range(1000)), used=used)


async def test_large_bodies_are_compressed_at_most_once_a_second(clock: Clock, board: Board) -> None:
    """In between the plain body serves; it is never an old one."""
    view = SnapshotsView(board, clock.monotonic)
    board.put(read_push(large(1)))
    first, same = await asyncio.gather(view.respond(GZIP), view.respond(GZIP))
    assert is_zipped(first)
    assert first is same
    assert tag_of(first) != tag_of(await view.respond(scope()))
    assert await view.respond(GZIP) is first
    board.put(read_push(large(2)))
    between = await view.respond(GZIP)
    assert not is_zipped(between)
    assert between.body["body"] == b"".join(board.body()[1])
    clock.seconds += 1
    later = await view.respond(GZIP)
    assert gzip.decompress(later.body["body"]) == b"".join(board.body()[1])


async def test_a_push_during_compression_mixes_nothing_up(clock: Clock, board: Board) -> None:
    """Who asked before the push gets what was true then, under its own tag; who asks later the new body."""
    view = SnapshotsView(board, clock.monotonic)
    board.put(read_push(large(1)))
    old = b"".join(board.body()[1])
    asked = asyncio.create_task(view.respond(GZIP))
    await asyncio.sleep(0)
    board.put(read_push(large(2)))
    after = await view.respond(GZIP)
    before = await asked
    assert gzip.decompress(before.body["body"]) == old
    assert json.loads(after.body["body"]) == json.loads(b"".join(board.body()[1]))
    assert tag_of(before) != tag_of(after)


async def test_the_plain_answer_is_made_once(clock: Clock, board: Board) -> None:
    view = SnapshotsView(board, clock.monotonic)
    put(board, "laptop", "a")
    assert await view.respond(scope()) is await view.respond(scope())
