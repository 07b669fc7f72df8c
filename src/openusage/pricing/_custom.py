"""`custom-pricing.json`: a person's own prices, which win over every list.

    {"models": {"my-model": {
        "input_cost_per_million_tokens": 0.2,            or "input_cost_per_token": 2e-7
        "output_cost_per_million_tokens": 0.6,           or "output_cost_per_token"
        "cache_read_input_token_cost_per_million_tokens": 0.02,       or "cache_read_input_token_cost"
        "cache_creation_input_token_cost_per_million_tokens": 0.25,   or "cache_creation_input_token_cost"
        "cache_creation_input_token_cost_above_1hr_per_million_tokens": 0.4,
                                                        or "cache_creation_input_token_cost_above_1hr"
        "reasoning_cost_per_million_tokens": 0.6,        or "reasoning_cost_per_token"
        "tiers": [{"above_tokens": 200000, "input_cost_per_million_tokens": 0.4, …}],
        "context_window": 32000, "provider": "local"}}}

Input and output must be there; 0 is a price. Left out: cache reads and writes cost what input costs, 1-hour
writes what writes cost (twice the input for `provider` anthropic), reasoning what output costs. A tier keeps
what it does not name, and holds for the whole request when its prompt is larger. A model is meant by its
name in any case, or without prefix, date and the like; never by likeness. Other fields are ignored.
"""

from __future__ import annotations

import hashlib
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from openusage.errors import SettingsError
from openusage.lineage.names import barest
from openusage.pricing._rates import Dated, Match, Rates, Tier, Timeline, pico_per_token

_RATES: dict[str, tuple[str, str]] = {
    "input": ("input_cost_per_million_tokens", "input_cost_per_token"),
    "output": ("output_cost_per_million_tokens", "output_cost_per_token"),
    "cache_read": ("cache_read_input_token_cost_per_million_tokens", "cache_read_input_token_cost"),
    "cache_write_5m": (
        "cache_creation_input_token_cost_per_million_tokens",
        "cache_creation_input_token_cost",
    ),
    "cache_write_1h": (
        "cache_creation_input_token_cost_above_1hr_per_million_tokens",
        "cache_creation_input_token_cost_above_1hr",
    ),
    "reasoning": ("reasoning_cost_per_million_tokens", "reasoning_cost_per_token"),
}
"""Field of a tier -> its names in the file, by the million and by the token; the first wins."""


class Custom:
    """The prices of one file."""

    def __init__(self, timelines: dict[str, Timeline]) -> None:
        self._exact = timelines
        self._barest = {barest(name): line for name, line in reversed(timelines.items())}

    def find(self, model: str) -> Timeline | None:
        name = model.strip().lower()
        return self._exact.get(name) or self._barest.get(barest(name))


def load(path: Path) -> Custom | None:
    """The prices in a file, `None` when there is no such file.

    Raises:
        SettingsError: it cannot be read, is not JSON, or holds something else than a price: names the file,
            the model, the field, what was found and what is allowed.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as e:
        raise SettingsError(f"{path} cannot be read: {e.strerror}.") from e
    try:
        file = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as e:
        raise SettingsError(f"{path} is not a JSON object: {e}.") from e
    models = file.get("models")
    if not isinstance(models, dict):
        raise _wrong(path, "models", models, "an object of models by name")
    version = f"custom/{hashlib.blake2b(data, digest_size=4).hexdigest()}"
    return Custom({name.strip().lower(): _timeline(path, name, m, version) for name, m in models.items()})


def _timeline(path: Path, name: str, entry: object, version: str) -> Timeline:
    where = f"models.{name}"
    if not isinstance(entry, dict):
        raise _wrong(path, where, entry, "an object with prices")
    provider = entry.get("provider", "")
    if not isinstance(provider, str):
        raise _wrong(path, f"{where}.provider", provider, "text")
    window = entry.get("context_window")
    if window is not None and (not isinstance(window, int) or isinstance(window, bool) or window <= 0):
        raise _wrong(path, f"{where}.context_window", window, "a whole number above 0")
    given = _given(path, where, entry)
    for field in ("input", "output"):
        if field not in given:
            raise _wrong(path, f"{where}.{_RATES[field][0]}", None, "a number, 0 for what costs nothing")
    doubled = provider.lower() == "anthropic"
    rates = Rates(
        model=name,
        vendor=provider or "custom",
        match=Match.CUSTOM,
        version=version,
        tiers=(_tier(0, given, doubled), *_higher(path, where, entry, given, doubled)),
        context_window=window,
    )
    return Timeline((Dated(rates),), rates)


def _higher(
    path: Path, where: str, entry: dict[str, Any], given: dict[str, Decimal], doubled: bool
) -> list[Tier]:
    """The tiers above the base one, each lying over those below."""
    rows = entry.get("tiers", [])
    if not isinstance(rows, list):
        raise _wrong(path, f"{where}.tiers", rows, "a list of objects with above_tokens and prices")
    starts: list[tuple[int, dict[str, Decimal]]] = []
    for i, row in enumerate(rows):
        place = f"{where}.tiers[{i}]"
        if not isinstance(row, dict):
            raise _wrong(path, place, row, "an object with above_tokens and prices")
        above = row.get("above_tokens")
        if not isinstance(above, int) or isinstance(above, bool) or above <= 0:
            raise _wrong(path, f"{place}.above_tokens", above, "a whole number above 0")
        starts.append((above, _given(path, place, row)))
    made = []
    for above, over in sorted(starts, key=lambda start: start[0]):
        given = given | over
        made.append(_tier(above, given, doubled))
    return made


def _given(path: Path, where: str, entry: dict[str, Any]) -> dict[str, Decimal]:
    """USD per million tokens, by field of a tier, as far as the entry says."""
    found: dict[str, Decimal] = {}
    for field, names in _RATES.items():
        for name, per_mtok in zip(names, (1, 10**6), strict=True):
            value = entry.get(name)
            if value is None:
                continue
            if not isinstance(value, int | Decimal) or isinstance(value, bool) or value < 0:
                raise _wrong(path, f"{where}.{name}", value, "a number, 0 or more (USD)")
            found.setdefault(field, Decimal(value) * per_mtok)
    return found


def _tier(above: int, given: dict[str, Decimal], doubled_1h: bool) -> Tier:
    plain, answer = given["input"], given["output"]
    write = given.get("cache_write_5m", plain)
    return Tier(
        above=above,
        input=pico_per_token(plain),
        output=pico_per_token(answer),
        cache_read=pico_per_token(given.get("cache_read", plain)),
        cache_write_5m=pico_per_token(write),
        cache_write_1h=pico_per_token(given.get("cache_write_1h", 2 * plain if doubled_1h else write)),
        reasoning=pico_per_token(given.get("reasoning", answer)),
    )


def _wrong(path: Path, where: str, found: object, allowed: str) -> SettingsError:
    shown = "nothing" if found is None else _shown(found)
    return SettingsError(f"{path}: {where} is {shown}; allowed is {allowed}.", f"Correct {path}.")


def _shown(value: object) -> str:
    text = str(value) if isinstance(value, Decimal) else msgspec.json.encode(value).decode()
    return text if len(text) <= 60 else text[:59] + "…"
