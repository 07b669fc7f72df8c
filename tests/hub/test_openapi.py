"""The hub's description of itself is true: of its paths, of its limits, and of whatever it answers."""

from __future__ import annotations

import gzip
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema_rs
import msgspec
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from openusage.hub.app import HubApp
from openusage.hub.calls import CALLS, LIMITS, Call, Json
from openusage.hub.openapi import document
from openusage.hub.usage import ALLOWED
from openusage.hub.web.routes import PAGES
from openusage.wire.events import Record
from openusage.wire.fleet import Capabilities
from openusage.wire.stream import EventReader
from tests.hub.conftest import TOKEN
from tests.hub.fleet import LAPTOP, STORE, Fleet, fleet
from tests.store.samples import fact, message, reading, tool

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 30
FRAMING = {"transfer-encoding", "content-length", "connection", "upgrade", "expect"}
"""Headers with which an invented request may be none at all; what is drawn depends on the modules loaded."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@pytest.fixture(scope="module")
def hub() -> Iterator[Fleet]:
    """With something of everything in it."""
    with fleet(None) as hub:
        hub.push("laptop", LAPTOP)
        records: list[Record] = [message("a"), tool("b"), reading(hub.now_us, 4.0), fact("pro")]
        assert hub.send(records).status_code == 200
        yield hub


@pytest.fixture(scope="module")
def described(hub: Fleet) -> Json:
    found: Json = hub.get("/openapi.json")
    return found


# -- the document --------------------------------------------------------------------------------


def test_it_is_an_openapi_document(described: Json) -> None:
    schemathesis.openapi.from_dict(described).validate()


def test_every_path_that_is_served_is_described_and_no_other(hub: Fleet) -> None:
    app = hub.server.app
    assert isinstance(app, HubApp)
    assert {call.path.partition("{")[0] for call in CALLS} == app.paths - PAGES
    assert app.paths > PAGES


@pytest.mark.parametrize("call", CALLS, ids=lambda c: c.path)
def test_each_path_takes_the_methods_that_are_described_and_no_other(hub: Fleet, call: Call) -> None:
    if call.path in ("/healthz", "/readyz"):
        return  # any method, as the Go hub's
    taken = {"GET", "HEAD"} if call.method == "GET" else {call.method}
    for method in METHODS:
        with hub.http.stream(method, call.path) as answer:
            assert (answer.status_code == 405) == (method not in taken)
            if answer.status_code == 405:
                assert set(answer.headers["allow"].split(", ")) == taken


@pytest.mark.parametrize("call", CALLS, ids=lambda c: c.path)
def test_the_token_is_asked_for_where_it_is_said_to_be(hub: Fleet, call: Call) -> None:
    answer = httpx.request(call.method, hub.server.url + call.path)
    assert (answer.status_code == 401) == call.needs_token


def test_all_parameters_of_usage_are_described(described: Json) -> None:
    given = described["paths"]["/v1/usage"]["get"]["parameters"]
    assert [p["name"] for p in given if p["in"] == "query"] == list(ALLOWED)


def test_times_are_said_to_be_times(described: Json) -> None:
    schemas = described["components"]["schemas"]
    time = {"type": "string", "format": "date-time"}
    assert schemas["MachineState"]["properties"]["last_seen"] == time
    assert schemas["Quota"]["properties"]["resets_at"] == {"anyOf": [time, {"type": "null"}]}
    assert schemas["UsageSnapshot"]["properties"]["resets"]["additionalProperties"] == time


def test_it_has_a_tag_and_is_made_once(hub: Fleet) -> None:
    first = hub.http.get("/openapi.json")
    assert first.headers["content-encoding"] == "gzip"
    again = hub.http.get("/openapi.json", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert document() is document()


def test_an_older_hub_has_no_stream_and_no_description() -> None:
    said = b'{"version":"1","records":true,"usage":true,"machines":true,"accounts":true,"durable":true}'
    old = msgspec.json.decode(said, type=Capabilities)
    assert (old.stream, old.openapi) == (False, False)


# -- its limits ----------------------------------------------------------------------------------


def sample(kind: str, field: str, value: Any) -> tuple[str, Json]:
    """(path, a body that is good but for this value)."""
    event = {"type": "event", "provider": "codex", "account": "codex-cli", "at_us": 1, "kind": "message"}
    event["event_key"] = "AAAAAAAAAAAAAAAAAAAAAA=="
    record: Json = {
        "UsageEvent": event,
        "TokenCounts": event,
        "QuotaReading": {"type": "reading", "provider": "codex", "account": "a", "key": "k", "at_us": 1}
        | {"unit": "%", "window": "5h"},
        "AccountFact": {"type": "fact", "provider": "codex", "account": "a", "key": "k", "at_us": 1}
        | {"value": "v"},
    }.get(kind, event)
    batch: Json = {"machine": "m", "machine_id": "d" * 32, "store_id": STORE, "after": 0, "upto": 6000}
    batch |= {"sent_at": "2026-11-22T12:00:00Z", "records": [record]}
    if kind == "RemoteEnvelope":
        return "/v1/push", {"machine": "m", "sent_at": batch["sent_at"], "snapshots": [], field: value}
    if kind == "TokenCounts":
        event["tokens"] = {field: value}
    elif kind == "RecordBatch":
        batch[field] = value
        if field in ("after", "upto"):
            batch |= {"upto": value, "records": []}
    else:
        record[field] = value
    return "/v1/records", batch


def edges(limit: Json) -> tuple[list[Any], list[Any]]:
    """(the last values that are allowed, the first that are not)."""
    good: list[Any] = []
    bad: list[Any] = []
    for word, at in limit.items():
        if word == "pattern":
            bad += ["", "A" * 24, "A" * 23 + "=", "f" * 31, "F" * 32]
            good += [text for text in ("AAAAAAAAAAAAAAAAAAAAAA==", "f" * 32) if re.search(at, text)]
        elif word in ("minimum", "maximum"):
            good.append(at)
            bad.append(at - 1 if word == "minimum" else at + 1)
        else:
            good.append("x" * at)
            bad.append("x" * (at - 1 if word == "minLength" else at + 1))
    return good, bad


@pytest.mark.parametrize("kind", LIMITS)
def test_the_hub_holds_all_to_the_limits_that_it_describes(hub: Fleet, described: Json, kind: str) -> None:
    for field in LIMITS[kind].keys() - {"records"}:
        good, bad = edges(LIMITS[kind][field])
        validator = jsonschema_rs.validator_for(
            {"$ref": f"#/components/schemas/{kind}/properties/{field}", "components": described["components"]}
        )
        for value in (*good, *bad):
            path, body = sample(kind, field, value)
            answer = hub.http.post(
                path,
                content=gzip.compress(msgspec.json.encode(body)),
                headers={"Content-Encoding": "gzip"},
            )
            assert validator.is_valid(value) == (value in good), (field, value)
            assert (answer.status_code in (200, 409)) == (value in good), (field, value, answer.text)
            assert answer.status_code in (200, 400, 409)


# -- its answers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize("call", [c for c in CALLS if c.path != "/v1/stream"], ids=lambda c: c.path)
def test_whatever_is_asked_is_answered_as_described(
    hub: Fleet, described: Json, call: Call, mode: GenerationMode
) -> None:
    """Requests that the document allows, and such that it does not; never a 5xx. The same ones each time."""
    operation = schemathesis.openapi.from_dict(described)[call.path][call.method]
    asked = (operation.query, operation.headers, operation.path_parameters, operation.body)
    if mode is GenerationMode.NEGATIVE and not any(asked):
        return  # there is nothing to ask wrongly
    statuses: Counter[int] = Counter()
    with requests.Session() as session:
        session.trust_env = False

        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(mode))
        def ask(case: Any) -> None:
            assume(FRAMING.isdisjoint(name.lower() for name in case.headers))
            headers = {"Authorization": f"Bearer {TOKEN}"}
            answer = case.call(hub.server.url, session=session, headers=headers, timeout=30)
            statuses[answer.status_code] += 1
            case.validate_response(answer, checks=CHECKS)

        ask()
    if mode is GenerationMode.POSITIVE and call.method != "DELETE":
        assert statuses[200], statuses


def test_what_forgetting_a_machine_meant_is_answered_as_described(hub: Fleet, described: Json) -> None:
    hub.push("doomed", "f" * 32)
    operation = schemathesis.openapi.from_dict(described)["/v1/machines/{machine}"]["DELETE"]
    case = operation.Case(path_parameters={"machine": "doomed"})
    answer = case.call(hub.server.url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30)
    assert answer.status_code == 200
    case.validate_response(answer, checks=CHECKS)


def test_events_of_a_stream_are_as_described(hub: Fleet, described: Json) -> None:
    answer = described["paths"]["/v1/stream"]["get"]["responses"]["200"]
    shape = answer["content"]["text/event-stream"]["x-event-data"]
    validator = jsonschema_rs.validator_for(shape | {"components": described["components"]})
    reader = EventReader()
    seen: set[str] = set()
    for last_id in ("", "other-1"):
        headers = {"Last-Event-ID": last_id} if last_id else {}
        with hub.http.stream("GET", "/v1/stream", headers=headers) as stream:
            hub.push("desktop", account=f"of {last_id}")
            hub.send([message(f"new {last_id}")], machine_id="e" * 32, store_id="7" * 32)
            for part in stream.iter_bytes():
                for told in reader.feed(part):
                    validator.validate(msgspec.json.decode(told.data))
                    seen.add(told.name)
                if {"machine", "usage", "snapshots"} <= seen:
                    break
    assert seen == {"hello", "reset", "machine", "usage", "snapshots"}
