"""UsageSnapshot exactly as it travels: the state of one account at a moment. The public contract.

Keys are snake case; absent and 0 differ. These are the types we build and write: fields without a default
always travel, the others are left out when empty. What a peer may leave out or send as `null` is read by
the lenient twins in `envelope.py`.
"""

from __future__ import annotations

import datetime as dt
import enum

import msgspec

ZERO_TIME = dt.datetime(1, 1, 1, tzinfo=dt.UTC)
"""How an absent time travels."""


class Status(enum.StrEnum):
    """The states of the contract. A snapshot's `status` is text: an unknown word is kept."""

    OK = "OK"
    NEAR_LIMIT = "NEAR_LIMIT"
    LIMITED = "LIMITED"
    AUTH_REQUIRED = "AUTH_REQUIRED"
    UNSUPPORTED = "UNSUPPORTED"
    ERROR = "ERROR"
    UNKNOWN = "UNKNOWN"


class Metric(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One figure. `None` means not known, which is not 0."""

    limit: float | None = None
    remaining: float | None = None
    used: float | None = None
    unit: str
    window: str


class DayValue(msgspec.Struct, frozen=True):
    """One point of a daily series."""

    date: str
    """`YYYY-MM-DD`, a local day of the machine that made it."""
    value: float


class ModelUsage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one model used, under its raw name."""

    raw_model_id: str
    raw_source: str = ""
    canonical_lineage_id: str = ""
    canonical_release_id: str = ""
    canonical_vendor: str = ""
    canonical_family: str = ""
    canonical_variant: str = ""
    canonical: str = ""
    confidence: float | None = None
    reason: str = ""
    window: str = ""
    dimensions: dict[str, str] = {}
    input_tokens: float | None = None
    output_tokens: float | None = None
    cached_tokens: float | None = None
    reasoning_tokens: float | None = None
    total_tokens: float | None = None
    cost_usd: float | None = None
    requests: float | None = None


class UsageSnapshot(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The state of one account at a moment."""

    provider_id: str
    account_id: str
    timestamp: dt.datetime
    status: str
    metrics: dict[str, Metric]
    resets: dict[str, dt.datetime] = {}
    attributes: dict[str, str] = {}
    diagnostics: dict[str, str] = {}
    raw: dict[str, str] = {}
    model_usage: list[ModelUsage] = []
    daily_series: dict[str, list[DayValue]] = {}
    message: str = ""
