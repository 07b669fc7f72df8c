"""OpenTelemetry files of Copilot (`exporterType: file`) -> calls. Pure: bytes in, records out.

One call may be told as a chat span, as a log of the inference and once more in the sums of the agent's turn
and of the whole agent. The first two carry the vendor's id of the answer, which makes them one event; a sum
counts only when nothing of its trace was told call by call. Metrics are aggregates, and no calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from openusage.providers._loose import NOTHING, Bytes, reader
from openusage.providers._values import count, disjoint, json_object, text, time_us
from openusage.providers.copilot._places import PROVIDER
from openusage.providers.copilot._store import CLI, upstream_of
from openusage.wire.events import EventKind, Record, TokenCounts, UsageEvent, event_key

IDE = "IDE"
KEPT = 500
"""Sessions and traces that are remembered."""

_SUMS = ("invoke_agent", "agent_turn", "agent.turn")
_AUTO = ("auto", "copilot/auto")


class Span(msgspec.Struct, gc=False):
    """A span or a log record."""

    type: Any = None
    traceId: Any = None
    spanId: Any = None
    spanContext: Any = None
    name: Any = None
    endTime: Any = None
    hrTime: Any = None
    timestamp: Any = None
    attributes: msgspec.Raw = NOTHING
    resource: Any = None


_read = reader(Span)


class Memory(msgspec.Struct, omit_defaults=True):
    """What is known of a file from its earlier lines. Newest last."""

    sessions: list[str] = []
    traces: list[str] = []
    """Of which single calls were told."""


class Telemetry:
    """Parses one file. `is_covered`: whether a session's calls are counted from elsewhere."""

    def __init__(self, account: str, is_covered: Callable[[str], bool], memory: Memory) -> None:
        self._account = account
        self._is_covered = is_covered
        self.memory = memory

    def feed(self, data: Bytes) -> Iterator[Record]:
        span = _read(data)
        told = json_object(bytes(span.attributes))
        at_us = _time_us(span.endTime) or _time_us(span.hrTime) or _time_us(span.timestamp)
        tokens = _tokens(told)
        if span.type == "metric" or at_us is None or tokens is None or not tokens.total:
            return
        context = span.spanContext if isinstance(span.spanContext, dict) else {}
        trace = text(span.traceId) or text(context.get("traceId")) or ""
        operation = (
            f"{text(told.get('gen_ai.operation.name'))} {text(span.name)} {text(told.get('event.name'))}"
        )
        is_sum = any(sign in operation for sign in _SUMS)
        if is_sum and trace in self.memory.traces:
            return
        session = text(told.get("gen_ai.conversation.id"))
        if session is not None:
            if self._is_covered(session):
                return
            _remember(self.memory.sessions, session)
        if trace and not is_sum:
            _remember(self.memory.traces, trace)
        answer = None if is_sum else text(told.get("gen_ai.response.id"))
        place = text(span.spanId) or text(context.get("spanId")) or at_us
        model = _model(told)
        yield UsageEvent(
            provider=PROVIDER,
            account=self._account,
            at_us=at_us,
            kind=EventKind.MESSAGE,
            event_key=event_key(
                PROVIDER, "answer", *((answer,) if answer and not is_sum else (trace, place))
            ),
            tokens=tokens,
            model=model,
            upstream=upstream_of(model),
            client=_client(span.resource),
            session=session,
        )


def _model(told: dict[str, Any]) -> str | None:
    names = (text(told.get(f"gen_ai.{of}.model")) for of in ("response", "request"))
    return next((name for name in names if name and name not in _AUTO), None)


def _tokens(told: dict[str, Any]) -> TokenCounts | None:
    """Caches are inside input, and reasoning inside output."""
    given, output = (count(told.get(f"gen_ai.usage.{kind}_tokens")) for kind in ("input", "output"))
    if given is None and output is None:
        return None
    written = ("cache_write", "cache_creation")
    return disjoint(
        input=given,
        output=output,
        cache_read=count(told.get("gen_ai.usage.cache_read.input_tokens")),
        cache_write=next(
            (n for w in written if (n := count(told.get(f"gen_ai.usage.{w}.input_tokens"))) is not None), None
        ),
        reasoning=count(told.get("gen_ai.usage.reasoning.output_tokens")),
        cache_inside=True,
        reasoning_inside=True,
    )


def _client(resource: object) -> str:
    """Which program wrote the file, by what it calls itself."""
    attributes = resource.get("attributes") if isinstance(resource, dict) else None
    name = attributes.get("service.name") if isinstance(attributes, dict) else None
    return IDE if isinstance(name, str) and ("chat" in name or "vscode" in name) else CLI


def _time_us(value: object) -> int | None:
    """`[seconds, nanoseconds]`, or a time as others write it."""
    if isinstance(value, list):
        seconds, nanos = (count(part) for part in (*value[:2], 0, 0)[:2])
        return None if not seconds else seconds * 1_000_000 + (nanos or 0) // 1000
    return time_us(value)


def _remember(kept: list[str], name: str) -> None:
    if name not in kept:
        kept.append(name)
        del kept[:-KEPT]
