"""`session-usage.json` of a workspace of Mux: running totals by model -> records. Pure.

They count only where there never were messages: what a deleted or cut history used is in them alone, but so
is all that its messages told. A deleted sub-agent's totals are added to its parent's, which is no new use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from openusage.providers._loose import NOTHING, Bytes, loosely, reader
from openusage.providers._totals import Totals
from openusage.providers._values import count, json_object, nano_usd, time_us
from openusage.providers.mux._messages import AGENT, CLIENT, PROVIDER, Place, split_model
from openusage.wire.events import EventKind, Record, TokenCounts, UsageEvent

HISTORICAL = "historical"
"""In the place of a model: sums of old compactions."""


class Bucket(msgspec.Struct, gc=False):
    tokens: Any = None
    cost_usd: Any = None


class Sums(msgspec.Struct, gc=False):
    """Of one model, each token in one bucket."""

    input: Bucket | None = None
    cached: Bucket | None = None
    cacheCreate: Bucket | None = None
    output: Bucket | None = None
    reasoning: Bucket | None = None


class Request(msgspec.Struct, gc=False):
    timestamp: Any = None


class Usage(msgspec.Struct, gc=False):
    byModel: msgspec.Raw = NOTHING
    lastRequest: Request | None = None
    rolledUpFrom: msgspec.Raw = NOTHING


Figures = tuple[int, int, int, int, int, int]
"""input, output, cache read, cache write, reasoning, cost in nano-dollars."""
NO_FIGURES: Figures = (0, 0, 0, 0, 0, 0)

_read = reader(Usage)


class Memory(msgspec.Struct, omit_defaults=True):
    """What was seen last."""

    has_messages: bool = False
    """There were messages at some time: they tell all that is in here."""
    totals: Totals = msgspec.field(default_factory=Totals)
    last: dict[str, Figures] = {}
    children: list[str] = []
    """Deleted sub-agents whose totals are inside."""
    theirs: dict[str, Figures] = {}
    """How much of the totals is theirs, as far as it was seen to come."""


class Parser:
    """Parses the totals of one workspace."""

    def __init__(
        self, place: Place, workspace: str, written_us: int, has_messages: bool, memory: Memory
    ) -> None:
        self._place = place
        self._workspace = workspace
        self._written_us = written_us
        memory.has_messages = memory.has_messages or has_messages
        self.memory = memory

    def feed(self, data: Bytes) -> Iterator[Record]:
        usage, memory = _read(data), self.memory
        sums = {
            model: loosely(told, Sums)
            for model, told in json_object(bytes(usage.byModel)).items()
            if isinstance(told, dict)
        }
        self._see_children(sums, list(json_object(bytes(usage.rolledUpFrom))))
        memory.last = {model: figures_of(told) for model, told in sums.items()}
        if memory.has_messages:
            return
        at_us = None if usage.lastRequest is None else time_us(usage.lastRequest.timestamp)
        for model, told in sums.items():
            yield from self._grown(model, told, at_us or self._written_us)

    def _see_children(self, sums: Mapping[str, Sums], children: list[str]) -> None:
        """Growth that came with a sub-agent's end is what that used, and told itself."""
        memory = self.memory
        if memory.last and set(children) - set(memory.children):
            for model, told in sums.items():
                then, before = memory.last.get(model, NO_FIGURES), memory.theirs.get(model, NO_FIGURES)
                grown = zip(figures_of(told), then, before, strict=True)
                memory.theirs[model] = _six([own + max(0, new - old) for new, old, own in grown])
        memory.children = children

    def _grown(self, model: str, told: Sums, at_us: int) -> Iterator[Record]:
        theirs = self.memory.theirs.get(model, NO_FIGURES)
        given, output, read, written, reasoning, cost = (
            max(0, own - other) for own, other in zip(figures_of(told), theirs, strict=True)
        )
        vendor, name = split_model(model)
        about = UsageEvent(
            provider=PROVIDER,
            account=self._place.account,
            at_us=at_us,
            kind=EventKind.MESSAGE,
            event_key=b"",
            tokens=TokenCounts(given, output, read, written, None, reasoning),
            model=None if model == HISTORICAL else name,
            upstream=vendor,
            client=CLIENT,
            project=self._place.project,
            session=self._place.session,
            agent=AGENT if self._place.is_agent else None,
            cost_reported_nano=cost or None,
        )
        yield from self.memory.totals.events(about, (self._workspace, model))


def figures_of(told: Sums) -> Figures:
    """A model's totals. Its cost is known only if that of each bucket is: once Mux met an unknown price it
    tells none."""
    buckets = [told.input, told.output, told.cached, told.cacheCreate, told.reasoning]
    tokens = [0 if bucket is None else count(bucket.tokens) or 0 for bucket in buckets]
    costs = [
        0 if not n or bucket is None else nano_usd(bucket.cost_usd)
        for n, bucket in zip(tokens, buckets, strict=True)
    ]
    cost = 0 if None in costs else sum(c for c in costs if c is not None)
    return _six([*tokens, cost])


def _six(figures: list[int]) -> Figures:
    a, b, c, d, e, f = figures
    return (a, b, c, d, e, f)
