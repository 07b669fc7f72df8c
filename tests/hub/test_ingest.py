"""What a push may look like, where a refusal points to, and that bytes are handed on as they came."""

from __future__ import annotations

import gzip
import json
import os
import zlib
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openusage.hub import Board
from openusage.hub.ingest import (
    MAX_BODY,
    KeptSnapshot,
    PushRefused,
    gunzip,
    read_push,
    read_repaired,
    read_strictly,
)
from openusage.wire.snapshot import UsageSnapshot

SNAPSHOT = (
    '{"provider_id":"p","account_id":"a","timestamp":"2026-11-22T07:31:53.873990559Z","status":"OK",'
    '"metrics":{"rpm":{"limit":60,"used":12,"unit":"requests","window":"1m"}},'
    '"resets":{"rpm":"2026-11-22T09:00:00+02:00"},"raw":{"k":"v"},'
    '"model_usage":[{"raw_model_id":"m","dimensions":{"d":"x"},"input_tokens":5}],'
    '"daily_series":{"cost":[{"date":"2026-11-22","value":1.5}]},"message":"hi"}'
)

FIRST = "$.snapshots[0]"


def push(*snapshots: str, machine: str = '"m"', rest: str = "") -> bytes:
    joined = ",".join(snapshots)
    return f'{{"machine":{machine},"sent_at":"2026-11-22T07:33:43Z","snapshots":[{joined}]{rest}}}'.encode()


def kept(body: bytes) -> list[dict[str, Any]]:
    """What a hub hands on after this push."""
    board = Board()
    board.put(read_push(body))
    return list(json.loads(b"".join(board.body()[1])).values())


def refusal(body: bytes) -> tuple[int, str, str]:
    with pytest.raises(PushRefused) as raised:
        read_push(body)
    return raised.value.status, raised.value.message, raised.value.detail


def test_kept_snapshot_has_the_fields_of_the_wire_type() -> None:
    assert KeptSnapshot.__struct_fields__ == UsageSnapshot.__struct_fields__


def test_a_snapshot_is_handed_on_as_it_came() -> None:
    """Nine decimals, another zone, whole numbers, `raw`: all but the account id."""
    wanted = json.loads(SNAPSHOT) | {"account_id": "m:p:a"}
    assert kept(push(SNAPSHOT)) == [wanted]
    assert b"873990559Z" in body_after(push(SNAPSHOT))
    assert b'"limit":60,' in body_after(push(SNAPSHOT))


def body_after(body: bytes) -> bytes:
    board = Board()
    board.put(read_push(body))
    return b"".join(board.body()[1])


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_snapshots_are_cut_apart_at_their_seams(count: int) -> None:
    many = [SNAPSHOT.replace('"a"', f'"a{i}"') for i in range(count)]
    wanted = [json.loads(s) | {"account_id": f"m:p:a{i}"} for i, s in enumerate(many)]
    assert kept(push(*many)) == wanted
    assert kept(push(*many, rest=',"machine_id":"x","version":"1"')) == wanted
    assert kept(push(*many, rest=',"later_field":[{"provider_id":"no","account_id":"no"}]')) == wanted
    assert kept(json.dumps(json.loads(push(*many))).encode()) == wanted  # blanks: no seams to be found


@pytest.mark.parametrize(
    "text",
    [
        '},{"provider_id":"x',
        '}],"snapshots":[{"provider_id":"',
        "}]",
        '"snapshots":[',
        "\\",
        '{"account_id":"b"}',
    ],
)
@pytest.mark.parametrize("field", ["message", "attributes", "machine", "version", "account_id"])
def test_texts_that_look_like_seams_are_only_texts(text: str, field: str) -> None:
    quoted = json.dumps(text)
    snapshot = json.loads(SNAPSHOT)
    if field in ("message", "account_id"):
        snapshot[field] = text
    if field == "attributes":
        snapshot[field] = {text: text, "provider_id": "q", "account_id": text}
    machine = quoted if field == "machine" else '"m"'
    rest = f',"machine_id":"i","version":{quoted}' if field == "version" else ""
    raw = json.dumps(snapshot, separators=(",", ":"))
    body = push(raw, SNAPSHOT.replace('"a"', '"z"'), machine=machine, rest=rest)
    found = {k["account_id"]: k for k in kept(body)}
    key = f"{json.loads(machine)}:p:{snapshot['account_id']}"
    assert found.keys() == {key, f"{json.loads(machine)}:p:z"}
    assert found[key] == snapshot | {"account_id": key}


def test_a_second_list_of_snapshots_replaces_the_first() -> None:
    """Duplicate keys: the last wins, as everywhere in JSON as it is used."""
    body = push(SNAPSHOT, rest=',"snapshots":[' + SNAPSHOT.replace('"a"', '"b"') + "]")
    assert [s["account_id"] for s in kept(body)] == ["m:p:b"]
    assert kept(push(SNAPSHOT, rest=',"snapshots":[]')) == []
    assert read_push(b'{"machine":"k1","machine":"k2","snapshots":[]}').machine == "k2"


def test_a_second_account_id_cannot_take_the_place_of_the_key() -> None:
    doubled = SNAPSHOT[:-1] + ',"account\\u005fid":"a"}'
    assert kept(push(doubled))[0]["account_id"] == "m:p:a"


def test_ids_in_another_place_or_spelling_are_replaced_too() -> None:
    fields = json.loads(SNAPSHOT)
    turned = json.dumps(dict(reversed(fields.items())), separators=(",", ":"))
    escaped = SNAPSHOT.replace('"account_id":"a"', '"account_id":"\\u0061"')
    assert kept(push(turned)) == kept(push(SNAPSHOT)) == kept(push(escaped))


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"{nope", "Expecting property name enclosed in double quotes (line 1, column 2)"),
        (b"[]", "expected object, found array at $"),
        (b'"x"', "expected object, found string at $"),
        (b'{"machine":5}', "expected string, found number at $.machine"),
        (b'{"machine":"m"} x', "Extra data (line 1, column 17)"),
        (b'\xef\xbb\xbf{"machine":"m"}', "starts with a byte order mark"),
        (b'{"machine":"m","sent_at":"yesterday"}', "not an RFC 3339 time at $.sent_at"),
        (b'{"machine":"m","sent_at":""}', "not an RFC 3339 time at $.sent_at"),
        (b'{"machine":"m","sent_at":"2026-02-30T00:00:00Z"}', "not an RFC 3339 time at $.sent_at"),
        (b'{"machine":"m","snapshots":{}}', "expected array, found object at $.snapshots"),
        (b'{"machine":"m","snapshots":[null,7]}', "expected object, found number at $.snapshots[1]"),
        (
            push('{"metrics":{"rpm":{"used":"5"}}}'),
            f"expected number, found string at {FIRST}.metrics.rpm.used",
        ),
        (
            push('{"metrics":{"a":{"used":true}}}'),
            f"expected number, found boolean at {FIRST}.metrics.a.used",
        ),
        (push('{"metrics":{"a b":{"used":1e400}}}'), f'number out of range at {FIRST}.metrics["a b"].used'),
        (push('{"metrics":{"m":{"used":NaN}}}'), "NaN is no JSON number"),
        (push('{"metrics":{"m":{"used":-Infinity}}}'), "-Infinity is no JSON number"),
        (
            push('{"metrics":{"m":{"used":%s}}}' % ("9" * 400)),
            f"number out of range at {FIRST}.metrics.m.used",
        ),
        (push(SNAPSHOT, '{"resets":{"x":"25:00"}}'), "not an RFC 3339 time at $.snapshots[1].resets.x"),
        (
            push('{"daily_series":{"d":[{"value":[]}]}}'),
            f"expected number, found array at {FIRST}.daily_series.d[0].value",
        ),
        (
            push('{"model_usage":[{"dimensions":{"d":1}}]}'),
            f"expected string, found number at {FIRST}.model_usage[0].dimensions.d",
        ),
        (b'{"machine":"m","x":' + b"[" * 100_000, "nested too deeply"),
    ],
)
def test_a_refusal_names_the_place(body: bytes, detail: str) -> None:
    assert refusal(body) == (400, "invalid JSON", detail)


@pytest.mark.parametrize("body", [b"", b"   ", b"\r\n\t"])
def test_a_blank_body_is_said_to_be_empty(body: bytes) -> None:
    assert refusal(body) == (400, "empty body", "")


@pytest.mark.parametrize(
    "body", [b"{}", b"null", b'{"machine":" \\t "}', b'{"machine":null}', push(machine='""')]
)
def test_a_machine_needs_a_name(body: bytes) -> None:
    assert refusal(body)[:2] == (400, "machine name required")


def test_a_name_has_an_end() -> None:
    assert read_push(push(machine=json.dumps("x" * 1024))).machine == "x" * 1024
    assert refusal(push(machine=json.dumps("x" * 1025)))[:2] == (400, "machine name too long")


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        (b'{"machine":"\\ud800x"}', "\ufffdx"),
        (b'{"machine":"\xffx"}', "\ufffdx"),
        (b'{"MACHINE":"x"}', "x"),
        (b'{"machine":"x","Machine":null}', "x"),
        (b'{"machine":"\\u001b[31m\\u0000"}', "\x1b[31m\x00"),
        (b'{"machine":" x "}', " x "),
        ('{"machine":"\U0001f5a5 é"}'.encode(), "\U0001f5a5 é"),
        (b'{"machine":"\\ud83d\\udda5"}', "\U0001f5a5"),
    ],
)
def test_names_are_data(sent: bytes, name: str) -> None:
    assert read_push(sent).machine == name


def test_bad_text_anywhere_is_replaced_not_refused() -> None:
    body = push(SNAPSHOT.replace('"hi"', '"\\ud800"').replace('"k":"v"', '"k\\udfff":"\\udfff"'))
    assert kept(body)[0]["message"] == "\ufffd"
    assert kept(body)[0]["raw"] == {"k\ufffd": "\ufffd"}
    assert kept(push(SNAPSHOT).replace(b'"hi"', b'"\xff\xfe"'))[0]["message"] == "\ufffd\ufffd"
    assert kept(push(SNAPSHOT, rest=',"later":"!"').replace(b"!", b"\xff")) == kept(push(SNAPSHOT))


def test_null_is_empty_everywhere() -> None:
    fields = KeptSnapshot.__struct_fields__
    nulls = "{" + ",".join(f'"{f}":null' for f in fields) + "}"
    empty = {
        "provider_id": "",
        "account_id": "m::",
        "timestamp": "0001-01-01T00:00:00Z",
        "status": "",
        "metrics": {},
    }
    assert kept(push(nulls, "null")) == [empty]
    assert kept(push("{}")) == [empty]
    inside = (
        '{"metrics":{"a":null,"b":{"used":null,"unit":null}},"resets":{"r":null},"raw":{"k":null},'
        '"model_usage":[null,{"raw_model_id":null,"cost_usd":null,"dimensions":{"d":null}}],'
        '"daily_series":{"s":null,"t":[null,{"date":null,"value":null}]}}'
    )
    nothing = {"unit": "", "window": ""}
    assert kept(push(inside)) == [
        empty
        | {
            "metrics": {"a": nothing, "b": nothing},
            "resets": {"r": "0001-01-01T00:00:00Z"},
            "raw": {"k": ""},
            "model_usage": [{"raw_model_id": "", "dimensions": {"d": ""}}],
            "daily_series": {"s": [], "t": [{"date": "", "value": 0.0}]},
        }
    ]


def test_unknown_fields_are_dropped_at_every_level() -> None:
    body = push(
        SNAPSHOT.replace('"used":12', '"used":12,"x":1').replace('"value":1.5', '"value":1.5,"x":{}')[:-1]
        + ',"new_field":[1,2]}'
    )
    assert kept(body) == kept(push(SNAPSHOT))


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("2026-11-22T07:00:00.123456789Z", "2026-11-22T07:00:00.123456789Z"),
        ("1999-01-01T00:00:00+02:00", "1999-01-01T00:00:00+02:00"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("2026-11-22 07:00:00Z", "2026-11-22T07:00:00Z"),
        ("2026-11-22T07:00:00", "2026-11-22T07:00:00Z"),
        ("2026-11-22t07:00:00z", "2026-11-22T07:00:00Z"),
    ],
)
def test_times_go_out_in_the_form_that_every_peer_reads(sent: str, read: str) -> None:
    assert kept(push(f'{{"timestamp":"{sent}"}}'))[0]["timestamp"] == read


def test_numbers_beyond_64_bits_are_numbers() -> None:
    metrics = (
        '{"m":{"used":12345678901234567890,"limit":1e21,"remaining":0.000000123,"unit":"x","window":"y"}}'
    )
    for body in (push(SNAPSHOT[:-1] + f',"metrics":{metrics}}}'), push(f'{{"metrics":{metrics}}}')):
        metric = kept(body)[0]["metrics"]["m"]
        assert (float(metric["used"]), metric["limit"], metric["remaining"]) == (
            1.2345678901234567e19,
            1e21,
            1.23e-7,
        )


JSONISH = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(
    value=JSONISH,
    name=st.sampled_from(["metrics", "resets", "raw", "model_usage", "daily_series", "x", "status"]),
)
def test_whatever_comes_is_either_read_or_refused(value: Any, name: str) -> None:
    """And what is read can be handed on: the body stays JSON that our own strict type accepts."""
    body = json.dumps({"machine": "m", "snapshots": [{name: value}]}).encode()
    try:
        batch = read_push(body)
    except PushRefused:
        return
    board = Board()
    board.put(batch)
    assert len(msgspec.json.decode(b"".join(board.body()[1]), type=dict[str, UsageSnapshot])) == 1


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(st.text(max_size=20), min_size=4, max_size=4),
    used=st.floats(allow_nan=False, allow_infinity=False),
)
def test_both_ways_to_read_agree(texts: list[str], used: float) -> None:
    """A strict push read strictly, and the same through the repair."""
    snapshot = {
        "provider_id": texts[0],
        "account_id": texts[1],
        "timestamp": "2026-11-22T07:00:00Z",
        "status": "OK",
        "metrics": {texts[2]: {"used": used, "unit": "x", "window": texts[3]}},
    }
    body = msgspec.json.encode({"machine": "m", "sent_at": "2026-11-22T07:00:00Z", "snapshots": [snapshot]})
    strict = read_strictly(body)
    assert strict is not None
    repaired = read_repaired(body)
    boards = Board(), Board()
    for board, batch in zip(boards, (strict, repaired), strict=True):
        board.put(batch)
    assert json.loads(b"".join(boards[0].body()[1])) == json.loads(b"".join(boards[1].body()[1]))


def test_gzip_is_undone_member_by_member() -> None:
    assert gunzip(gzip.compress(b"one") + gzip.compress(b" two")) == b"one two"
    assert gunzip(b"") == b""
    noise = os.urandom(MAX_BODY)
    assert gunzip(gzip.compress(noise, 1)) == noise


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"{}", 400, "not a gzip stream"),
        (gzip.compress(b"x" * 1000)[:-4], 400, "cut off"),
        (gzip.compress(b"{}") + b"trailing", 400, "not a gzip stream"),
        (gzip.compress(b"") * 9, 400, "more than 8 gzip members"),
        (gzip.compress(b" " * (MAX_BODY + 1)), 413, "more than 4194304 bytes decompressed"),
        (gzip.compress(b" " * MAX_BODY), 413, "compressed more than 200:1"),
        (zlib.compress(b"{}"), 400, "not a gzip stream"),
    ],
    # A packed body holds the time it was packed at: as a name it would differ from worker to worker.
    ids=["plain", "cut", "trailing", "members", "large", "bomb", "zlib"],
)
def test_gzip_has_limits(body: bytes, status: int, detail: str) -> None:
    with pytest.raises(PushRefused) as refused:
        gunzip(body)
    assert refused.value.status == status
    assert detail in refused.value.detail
