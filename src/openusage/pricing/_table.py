"""The shipped price table, `prices.json` (made by `tools/build_prices.py`, which documents its shape).

Loading decodes names only; a model's prices are decoded when it is first asked for. A vendor's list answers
to a name as the vendor does: its names first, then its patterns in order. What a pattern leaves over at the
end of a name must be a date, a version or the like: `claude-opus-4-1` must not claim `claude-opus-4-10`.
"""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from functools import lru_cache
from importlib import resources

import msgspec

from openusage.pricing._rates import (
    PICO_PER_USD,
    Dated,
    Match,
    Rates,
    Tier,
    Timeline,
    pico_per_token,
)


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """Where the table comes from."""

    source: str
    version: str
    licence: str
    unit: str
    first_change: str
    last_change: str
    models: int
    fallbacks: dict[str, list[str]]
    """Vendor -> makers whose list prices it charges for what it does not list itself."""


class Listed(msgspec.Struct, frozen=True, array_like=True):
    """One model of a vendor."""

    id: str
    names: list[str]
    patterns: list[str]
    context_window: int
    prices: msgspec.Raw
    fast: msgspec.Raw = msgspec.Raw(b"[]")


class _File(msgspec.Struct, frozen=True):
    header: Header
    vendors: dict[str, list[Listed]]


class _Entry(msgspec.Struct, frozen=True, array_like=True):
    since: str
    tiers: list[list[Decimal | None]]
    web_search_usd: Decimal = Decimal(0)


_HARMLESS = re.compile(
    r"(?:[-@:.](?:20\d\d-?[01]\d-?[0-3]\d|v\d+(?::\d+)?|\d{3,4}|latest|default|preview|exp|beta"
    r"|\d\d-\d\d(?:-20\d\d)?)|:\d+)*"
)
"""What may follow a pattern without changing what is meant: dates, versions, stages."""
_DATE_TAIL = re.compile(r"20\d{6}")


class Vendor:
    """One vendor's list of models."""

    def __init__(self, name: str, models: list[Listed]) -> None:
        self.name = name
        self.models = models
        self._by_name: dict[str, Listed] = {}
        for model in models:
            for known in model.names:
                self._by_name.setdefault(known, model)

    def listed(self, name: str) -> Listed | None:
        """The model that goes by this lower-case name."""
        found = self._by_name.get(name)
        if found is not None:
            return found
        return next((m for m in self.models if any(_claims(p, name) for p in m.patterns)), None)


def _claims(pattern: str, name: str) -> bool:
    """Whether a pattern of the table means this name."""
    kind, text = pattern[0], pattern[1:]
    if kind == "~":
        return _compiled(text).search(name) is not None
    if kind == "$":
        return name.endswith(text) and _begins_a_word(name, len(name) - len(text))
    at = name.find(text)
    if at < 0 or (kind == "^" and at > 0) or not _begins_a_word(name, at):
        return False
    rest = name[at + len(text) :]
    if text[-1] in "-@:.":
        rest = text[-1] + rest
    if _HARMLESS.fullmatch(rest) is not None:
        return True
    # A pattern may end within a date (`claude-sonnet-4-2025`) or before a build number (`…-flash-0`).
    tail = re.search(r"[0-9]*$", text)
    joined = (tail.group() if tail else "") + rest
    return bool(rest[:1].isdigit() and (_DATE_TAIL.fullmatch(joined) or re.fullmatch(r"0\d\d", joined)))


def _begins_a_word(name: str, at: int) -> bool:
    return at == 0 or name[at - 1] in "./:@~"


@lru_cache(maxsize=256)
def _compiled(text: str) -> re.Pattern[str]:
    return re.compile(text)


class Table:
    """The whole shipped table."""

    def __init__(self, data: bytes) -> None:
        file = msgspec.json.decode(data, type=_File)
        self.header = file.header
        self._models = file.vendors
        self._vendors: dict[str, Vendor] = {}

    @classmethod
    def shipped(cls) -> Table:
        return cls(resources.files("openusage.pricing").joinpath("prices.json").read_bytes())

    def names(self) -> tuple[str, ...]:
        """The vendors, makers before sellers."""
        return tuple(self._models)

    def vendor(self, name: str) -> Vendor:
        """A vendor's list. Raises `KeyError` for an unknown one."""
        found = self._vendors.get(name)
        if found is None:
            found = self._vendors[name] = Vendor(name, self._models[name])
        return found

    def timeline(self, vendor: str, model: Listed, match: Match, *, fast: bool) -> Timeline:
        """A model's rates through time."""
        entries = msgspec.json.decode(model.fast if fast else model.prices, type=list[_Entry])
        # Anthropic's documentation: a 1-hour write costs twice the input price. Some sellers leave it out.
        doubled = "claude" in model.id
        dated = tuple(
            _dated(
                entry,
                Rates(
                    model=f"{model.id} (fast)" if fast else model.id,
                    vendor=vendor,
                    match=match,
                    version=self.header.version,
                    tiers=tuple(_tier(row, doubled_1h=doubled) for row in entry.tiers),
                    web_search_pico=int(entry.web_search_usd * PICO_PER_USD),
                    context_window=model.context_window or None,
                    since=entry.since,
                ),
            )
            for entry in entries
        )
        first = dated[0]
        constant = first.rates if len(dated) == 1 and not (fast and first.rates.since) else None
        return Timeline(dated, constant, open_start=not fast)


def _tier(row: list[Decimal | None], *, doubled_1h: bool) -> Tier:
    """Where nothing is published, cached tokens cost as input, 1h writes as writes, thinking as output."""
    above, given, answer, read, write, write_1h, thought = [*row, *[None] * 7][:7]
    if above is None or given is None or answer is None:
        raise ValueError("a tier without input or output price")
    if write is not None and write_1h is None and doubled_1h:
        write_1h = 2 * given
    write = given if write is None else write
    return Tier(
        above=int(above),
        input=pico_per_token(given),
        output=pico_per_token(answer),
        cache_read=pico_per_token(given if read is None else read),
        cache_write_5m=pico_per_token(write),
        cache_write_1h=pico_per_token(write if write_1h is None else write_1h),
        reasoning=pico_per_token(answer if thought is None else thought),
    )


def _dated(entry: _Entry, rates: Rates) -> Dated:
    if not entry.since:
        return Dated(rates)
    if ":" not in entry.since:
        day = dt.date.fromisoformat(entry.since)
        return Dated(rates, from_us=(day - dt.date(1970, 1, 1)).days * 86_400_000_000)
    start, end = (_minute_us(part) for part in entry.since.split("-"))
    return Dated(rates, span_us=(start, end))


def _minute_us(text: str) -> int:
    hour, minute = text.split(":")
    return (int(hour) * 60 + int(minute)) * 60_000_000
