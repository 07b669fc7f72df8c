"""What is counted while requests pass, and the line that the log has of it now and then."""

from __future__ import annotations

import logging

import pytest

from openusage.hub.http import Message
from openusage.hub.meters import LEFT, Latencies, Meters, Summary, summary
from tests.hub.conftest import Clock


async def nowhere(message: Message) -> None:
    """Where answers go that nobody reads."""


async def serve(meters: Meters, route: str, status: int | None, body: bytes = b"") -> None:
    tally = meters.begin(route, nowhere)
    if status is not None:
        await tally({"type": "http.response.start", "status": status, "headers": []})
        await tally({"type": "http.response.body", "body": body})
    meters.end(route, tally)


def test_latencies_fall_into_buckets_that_add_up() -> None:
    latencies = Latencies()
    for seconds in (0.0005, 0.001, 0.002, 0.3, 99.0):
        latencies.add(seconds)
    buckets = dict(latencies.buckets())
    assert (buckets["0.001"], buckets["0.0025"], buckets["0.25"]) == (2, 3, 3)
    assert (buckets["0.5"], buckets["10.0"], buckets["+Inf"]) == (4, 4, 5)
    assert latencies.total_s == pytest.approx(99.3035)


async def test_requests_are_counted_by_path_and_status_and_those_left_too() -> None:
    meters = Meters()
    await serve(meters, "/v1/push", 200, b"12345")
    await serve(meters, "/v1/push", 401)
    await serve(meters, "/v1/push", None)
    waiting = meters.begin("/v1/stream", nowhere)
    found = meters.traffic()
    assert found.requests == {("/v1/push", 200): 1, ("/v1/push", 401): 1, ("/v1/push", LEFT): 1}
    assert found.pushes == {"accepted": 1, "unauthorised": 1, "left": 1}
    assert found.under_way == {"/v1/push": 0, "/v1/stream": 1}
    assert found.sent_bytes == 5
    buckets, _ = found.latencies["/v1/push"]
    assert dict(buckets)["+Inf"] == 2
    meters.end("/v1/stream", waiting)
    assert meters.traffic().under_way["/v1/stream"] == 0


async def test_a_line_says_what_happened_since_the_last_one_and_nothing_says_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    meters, clock = Meters(), Clock()
    line = Summary(meters, 60.0, clock.monotonic)
    with caplog.at_level(logging.INFO, "openusage.hub"):
        await serve(meters, "/v1/push", 200)
        line.tell()
        assert caplog.records == []  # not due yet
        clock.seconds += 60
        line.tell()
        meters.records += 7
        await serve(meters, "/v1/records", 200)
        await serve(meters, "/v1/push", 413)
        clock.seconds += 60
        line.tell()
        clock.seconds += 60
        line.tell()
    fields = [record.__dict__["fields"] for record in caplog.records]
    assert fields == [
        {"requests": 1, "pushes": {"accepted": 1}, "connections": 0},
        {
            "requests": 2,
            "records": 7,
            "pushes": {"too_large": 1},
            "batches": {"accepted": 1},
            "connections": 0,
        },
    ]


def test_without_a_pace_there_is_no_line(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    line = Summary(Meters(), None, clock.monotonic)
    clock.seconds += 1e6
    line.tell()
    assert caplog.records == []


def test_of_equal_moments_there_is_nothing_to_say() -> None:
    assert summary(Meters().traffic(), Meters().traffic()) == {}
