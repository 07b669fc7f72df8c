"""What peers send, read leniently and turned into the strict types."""

from __future__ import annotations

import datetime as dt

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openusage.wire.envelope import PeerEnvelope, PeerSnapshot, RemoteEnvelope, aware, decode_snapshots
from openusage.wire.snapshot import ZERO_TIME, DayValue, Metric, ModelUsage, UsageSnapshot

NOON = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)


def test_null_is_empty_everywhere() -> None:
    nulls = {field: None for field in PeerSnapshot.__struct_fields__}
    found = decode_snapshots(msgspec.json.encode({"k": nulls, "dropped": None}))
    assert found == {
        "k": UsageSnapshot(provider_id="", account_id="", timestamp=ZERO_TIME, status="", metrics={})
    }


def test_null_inside_maps_and_lists_is_empty_or_skipped() -> None:
    body = (
        b'{"k":{"metrics":{"a":null,"b":{"used":null,"unit":null,"window":"1d"}},"resets":{"r":null},'
        b'"attributes":{"x":null},"model_usage":[null,{"raw_model_id":null,"dimensions":{"d":null}}],'
        b'"daily_series":{"s":null,"t":[null,{"date":"2026-11-22","value":null}]}}}'
    )
    found = decode_snapshots(body)["k"]
    assert found.metrics == {"a": Metric(unit="", window=""), "b": Metric(unit="", window="1d")}
    assert found.resets == {"r": ZERO_TIME}
    assert found.attributes == {"x": ""}
    assert found.model_usage == [ModelUsage(raw_model_id="", dimensions={"d": ""})]
    assert found.daily_series == {"s": [], "t": [DayValue("2026-11-22", 0.0)]}


def test_absent_and_zero_differ() -> None:
    found = decode_snapshots(b'{"k":{"metrics":{"a":{"used":0},"b":{}}}}')["k"].metrics
    assert (found["a"].used, found["b"].used) == (0.0, None)


@pytest.mark.parametrize(
    ("sent", "read"), [("1e18", 1e18), ("-1e18", -1e18), ("1e19", None), ("-1e308", None)]
)
def test_a_figure_that_no_tool_can_mean_is_not_known(sent: str, read: float | None) -> None:
    """Sums of such figures are infinite, and JSON has no infinity."""
    body = (
        f'{{"k":{{"metrics":{{"a":{{"used":{sent}}}}},"model_usage":[{{"cost_usd":{sent}}}],'
        f'"daily_series":{{"s":[{{"date":"2026-11-22","value":{sent}}}]}}}}}}'
    )
    found = decode_snapshots(body.encode())["k"]
    assert found.metrics["a"].used == found.model_usage[0].cost_usd == read
    assert found.daily_series["s"][0].value == (read or 0.0)


def test_a_hub_without_snapshots_may_say_null() -> None:
    assert decode_snapshots(b"null") == decode_snapshots(b"{}") == {}


def test_unknown_fields_and_words_are_borne() -> None:
    found = decode_snapshots(b'{"k":{"later":[1],"status":"WAT","metrics":{"m":{"used":1,"extra":true}}}}')[
        "k"
    ]
    assert (found.status, found.metrics["m"].used) == ("WAT", 1.0)


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("2026-11-22T12:00:00Z", NOON),
        ("2026-11-22T14:00:00+02:00", NOON),
        ("2026-11-22T12:00:00", NOON),
        ("2026-11-22T12:00:00.123456789Z", NOON.replace(microsecond=123457)),
        ("0001-01-01T00:00:00Z", ZERO_TIME),
        ("0001-01-01T00:00:00+02:00", ZERO_TIME),
        ("9999-12-31T23:59:59-02:00", dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC)),
    ],
)
def test_times_are_utc_even_at_the_ends_of_the_calendar(sent: str, read: dt.datetime) -> None:
    found = decode_snapshots(msgspec.json.encode({"k": {"timestamp": sent}}))["k"].timestamp
    assert found == read
    assert found.tzinfo is dt.UTC


def test_no_time_is_the_zero_time() -> None:
    assert aware(None) == ZERO_TIME


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b'{"k":5}', b'{"k":{"status":5}}', b'{"\xff":{}}', b'{"k":{"x":' + b"[" * 100_000],
)
def test_what_is_not_the_protocol_is_one_kind_of_error(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_snapshots(body)


TEXT = st.text(max_size=8)
NUMBER = st.none() | st.floats(-1e18, 1e18)
TIME = st.datetimes(timezones=st.just(dt.UTC))
SNAPSHOTS = st.builds(
    UsageSnapshot,
    provider_id=TEXT,
    account_id=TEXT,
    timestamp=TIME,
    status=TEXT,
    metrics=st.dictionaries(
        TEXT,
        st.builds(Metric, limit=NUMBER, remaining=NUMBER, used=NUMBER, unit=TEXT, window=TEXT),
        max_size=3,
    ),
    resets=st.dictionaries(TEXT, TIME, max_size=2),
    attributes=st.dictionaries(TEXT, TEXT, max_size=2),
    model_usage=st.lists(
        st.builds(
            ModelUsage,
            raw_model_id=TEXT,
            window=TEXT,
            input_tokens=NUMBER,
            cost_usd=NUMBER,
            dimensions=st.just({}),
        ),
        max_size=2,
    ),
    daily_series=st.dictionaries(
        TEXT, st.lists(st.builds(DayValue, TEXT, st.floats(-1e9, 1e9)), max_size=2), max_size=2
    ),
    message=TEXT,
)


@settings(max_examples=60, deadline=None)
@given(snapshot=SNAPSHOTS)
def test_what_we_write_a_peer_reads_back(snapshot: UsageSnapshot) -> None:
    assert decode_snapshots(msgspec.json.encode({"k": snapshot})) == {"k": snapshot}
    envelope = RemoteEnvelope(machine="m", sent_at=NOON, snapshots=[snapshot], machine_id="i")
    read = msgspec.json.decode(msgspec.json.encode(envelope), type=PeerEnvelope)
    assert read.snapshots is not None
    assert [s.strict() for s in read.snapshots if s is not None] == [snapshot]
    assert (read.machine, read.sent_at, read.machine_id) == ("m", NOON, "i")


def test_lenient_and_strict_types_have_the_same_fields() -> None:
    assert PeerSnapshot.__struct_fields__ == UsageSnapshot.__struct_fields__
    assert PeerEnvelope.__struct_fields__ == RemoteEnvelope.__struct_fields__


def test_empty_fields_are_not_sent() -> None:
    snapshot = UsageSnapshot(provider_id="p", account_id="a", timestamp=ZERO_TIME, status="OK", metrics={})
    envelope = RemoteEnvelope(machine="m", sent_at=NOON, snapshots=[snapshot])
    assert msgspec.json.encode(envelope) == (
        b'{"machine":"m","sent_at":"2026-11-22T12:00:00Z","snapshots":[{"provider_id":"p","account_id":"a",'
        b'"timestamp":"0001-01-01T00:00:00Z","status":"OK","metrics":{}}]}'
    )
