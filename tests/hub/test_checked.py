"""The limits that records are read with are those that the protocol's description promises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from openusage.hub.calls import LIMITS
from openusage.hub.checked import RECORDS
from openusage.wire.events import AccountFact, QuotaReading, UsageEvent

WIRE: dict[str, type[msgspec.Struct]] = {"event": UsageEvent, "reading": QuotaReading, "fact": AccountFact}
_BASE64_OF_16_BYTES = {"pattern": "^[A-Za-z0-9+/]{21}[AQgw]==$"}
_KEYWORDS = ("minimum", "maximum", "maxLength")


def schema_of(kind: type[msgspec.Struct]) -> Mapping[str, Any]:
    _, components = msgspec.json.schema_components([kind])
    return components


def limits_of(properties: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Field -> what its type limits it to."""
    found: dict[str, dict[str, Any]] = {}
    for name, said in properties.items():
        for one in (said, *said.get("anyOf", ())):
            limits = {word: one[word] for word in _KEYWORDS if word in one}
            if one.get("contentEncoding") == "base64":
                limits = _BASE64_OF_16_BYTES
            if limits:
                found[name] = limits
    return found


@pytest.mark.parametrize("kind", RECORDS)
def test_what_is_read_is_what_is_described(kind: type[msgspec.Struct]) -> None:
    components = schema_of(kind)
    described = {name: dict(limits) for name, limits in LIMITS[WIRE[tag_of(kind)].__name__].items()}
    assert limits_of(components[kind.__name__]["properties"]) == described
    if "_Tokens" in components:
        assert limits_of(components["_Tokens"]["properties"]) == dict(LIMITS["TokenCounts"])


@pytest.mark.parametrize("kind", RECORDS)
def test_fields_are_those_of_the_wire_in_their_order(kind: type[msgspec.Struct]) -> None:
    wire = WIRE[tag_of(kind)]
    assert [f.name for f in msgspec.structs.fields(kind)] == [f.name for f in msgspec.structs.fields(wire)]
    assert [f.default for f in msgspec.structs.fields(kind) if f.name != "tokens"] == [
        f.default for f in msgspec.structs.fields(wire) if f.name != "tokens"
    ]


def tag_of(kind: type[msgspec.Struct]) -> str:
    return str(kind.__struct_config__.tag)
