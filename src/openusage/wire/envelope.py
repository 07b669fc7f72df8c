"""RemoteEnvelope: what an exporter pushes; and how a peer's JSON is read, whoever wrote it.

Peers are not all ours (WIRE: `null` means empty everywhere, a `null` list item is skipped, unknown fields
are ignored, a missing time is the zero time). So what comes in is decoded into lenient twins of the
snapshot types, then turned into the strict ones.
"""

from __future__ import annotations

import datetime as dt

import msgspec

from openusage.wire.snapshot import ZERO_TIME, DayValue, Metric, ModelUsage, UsageSnapshot

_LARGEST = 1e18


class RemoteEnvelope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The newest state of every account of one machine; replaces the machine's earlier batch as a whole."""

    machine: str
    """Display name."""
    sent_at: dt.datetime
    """The sender's clock: shows skew and lag, never decides eviction."""
    snapshots: list[UsageSnapshot]
    machine_id: str = ""
    """Stable random id; a Go exporter sends none and is known by its name."""
    version: str = ""
    """Version of the sender's program."""


class _Metric(msgspec.Struct, frozen=True):
    limit: float | None = None
    remaining: float | None = None
    used: float | None = None
    unit: str | None = None
    window: str | None = None


class _DayValue(msgspec.Struct, frozen=True):
    date: str | None = None
    value: float | None = None


class _ModelUsage(msgspec.Struct, frozen=True):
    raw_model_id: str | None = None
    raw_source: str | None = None
    canonical_lineage_id: str | None = None
    canonical_release_id: str | None = None
    canonical_vendor: str | None = None
    canonical_family: str | None = None
    canonical_variant: str | None = None
    canonical: str | None = None
    confidence: float | None = None
    reason: str | None = None
    window: str | None = None
    dimensions: dict[str, str | None] | None = None
    input_tokens: float | None = None
    output_tokens: float | None = None
    cached_tokens: float | None = None
    reasoning_tokens: float | None = None
    total_tokens: float | None = None
    cost_usd: float | None = None
    requests: float | None = None


class PeerSnapshot(msgspec.Struct, frozen=True):
    """A UsageSnapshot as any peer may send it."""

    provider_id: str | None = None
    account_id: str | None = None
    timestamp: dt.datetime | None = None
    status: str | None = None
    metrics: dict[str, _Metric | None] | None = None
    resets: dict[str, dt.datetime | None] | None = None
    attributes: dict[str, str | None] | None = None
    diagnostics: dict[str, str | None] | None = None
    raw: dict[str, str | None] | None = None
    model_usage: list[_ModelUsage | None] | None = None
    daily_series: dict[str, list[_DayValue | None] | None] | None = None
    message: str | None = None

    def strict(self) -> UsageSnapshot:
        """The same as the type we work with: every `null` empty."""
        return UsageSnapshot(
            provider_id=self.provider_id or "",
            account_id=self.account_id or "",
            timestamp=aware(self.timestamp),
            status=self.status or "",
            metrics={k: _metric(m) for k, m in (self.metrics or {}).items()},
            resets={k: aware(v) for k, v in (self.resets or {}).items()},
            attributes=_texts(self.attributes),
            diagnostics=_texts(self.diagnostics),
            raw=_texts(self.raw),
            model_usage=[_model(m) for m in self.model_usage or () if m is not None],
            daily_series={k: _days(v) for k, v in (self.daily_series or {}).items()},
            message=self.message or "",
        )


class PeerEnvelope(msgspec.Struct, frozen=True):
    """A RemoteEnvelope as any peer may send it."""

    machine: str | None = None
    sent_at: dt.datetime | None = None
    snapshots: list[PeerSnapshot | None] | None = None
    machine_id: str | None = None
    version: str | None = None


def aware(time: dt.datetime | None) -> dt.datetime:
    """A time in UTC; absent is the zero time, a zone-less one is taken as UTC."""
    if time is None:
        return ZERO_TIME
    if time.tzinfo is None:
        return time.replace(tzinfo=dt.UTC)
    try:
        return time.astimezone(dt.UTC)
    except OverflowError:  # within a day of year 1 or 9999, where UTC would fall outside the calendar
        return time.replace(tzinfo=dt.UTC)


def _metric(m: _Metric | None) -> Metric:
    if m is None:
        return Metric(unit="", window="")
    return Metric(
        limit=_figure(m.limit),
        remaining=_figure(m.remaining),
        used=_figure(m.used),
        unit=m.unit or "",
        window=m.window or "",
    )


def _figure(value: float | None) -> float | None:
    """Beyond what any tool can mean it is not known: sums and shares of such figures are none."""
    return value if value is not None and -_LARGEST <= value <= _LARGEST else None


def _texts(texts: dict[str, str | None] | None) -> dict[str, str]:
    return {k: v or "" for k, v in (texts or {}).items()}


def _days(days: list[_DayValue | None] | None) -> list[DayValue]:
    return [DayValue(d.date or "", _figure(d.value) or 0.0) for d in days or () if d is not None]


def _model(m: _ModelUsage) -> ModelUsage:
    return ModelUsage(
        raw_model_id=m.raw_model_id or "",
        raw_source=m.raw_source or "",
        canonical_lineage_id=m.canonical_lineage_id or "",
        canonical_release_id=m.canonical_release_id or "",
        canonical_vendor=m.canonical_vendor or "",
        canonical_family=m.canonical_family or "",
        canonical_variant=m.canonical_variant or "",
        canonical=m.canonical or "",
        confidence=m.confidence,
        reason=m.reason or "",
        window=m.window or "",
        dimensions=_texts(m.dimensions),
        input_tokens=_figure(m.input_tokens),
        output_tokens=_figure(m.output_tokens),
        cached_tokens=_figure(m.cached_tokens),
        reasoning_tokens=_figure(m.reasoning_tokens),
        total_tokens=_figure(m.total_tokens),
        cost_usd=_figure(m.cost_usd),
        requests=_figure(m.requests),
    )


def decode_snapshots(body: bytes) -> dict[str, UsageSnapshot]:
    """`GET /v1/snapshots` of any hub: display key -> snapshot. Raises `msgspec.DecodeError`."""
    try:
        peers = _decode_map(body)
    except UnicodeDecodeError as e:
        raise msgspec.DecodeError(f"not UTF-8: {e.reason} at byte {e.start} of a text") from None
    except RecursionError:
        raise msgspec.DecodeError("nested too deeply") from None
    return {k: s.strict() for k, s in (peers or {}).items() if s is not None}


_decode_map = msgspec.json.Decoder(dict[str, PeerSnapshot | None] | None).decode
