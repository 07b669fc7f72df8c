"""`PriceBook`: the one question the other rooms ask, what a message cost on its day."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import msgspec

from openusage.pricing import _custom
from openusage.pricing._rates import Match, Rates, Timeline
from openusage.pricing._resolve import resolve
from openusage.pricing._table import Header, Table
from openusage.wire.events import NO_TOKENS, UsageEvent
from openusage.wire.sessions import PriceNote

MAX_KNOWN = 20_000
"""Names remembered before starting anew: a log full of invented names must not fill the memory."""


class Price(msgspec.Struct, frozen=True, gc=False):
    """What one message cost."""

    nano: int
    """Nano-dollars (10^-9 USD)."""
    version: str
    """Which edition of the prices."""
    match: Match
    """How sure the price is; see `Match.is_estimate`."""


class PriceBook:
    """Prices by model and day. Reads the shipped table when first asked."""

    def __init__(self, custom: _custom.Custom | None = None) -> None:
        self._custom = custom
        self._known: dict[tuple[str | None, str | None], Timeline | None] = {}

    @classmethod
    def load(cls, custom: Path | None = None) -> PriceBook:
        """The shipped prices, under a person's own if that file exists.

        Raises:
            SettingsError: the file exists and cannot be used.
        """
        return cls(_custom.load(custom) if custom is not None else None)

    @property
    def header(self) -> Header:
        """Where the shipped prices come from."""
        return self._table.header

    def price(self, event: UsageEvent) -> Price | None:
        """What an event cost at its time. `None`: no price is known, or nothing was reported to be priced."""
        key = (event.model, event.upstream)
        try:
            line = self._known[key]
        except KeyError:
            line = self._learn(key)
        if line is None:
            return None
        rates = line.constant or line.at(event.at_us)
        if rates is None:
            return None
        tokens = event.tokens
        nano = rates.cost_nano(tokens, event.web_searches or 0)
        if not nano and tokens == NO_TOKENS and event.web_searches is None:
            return None
        return Price(nano, rates.version, rates.match)

    def rates(self, model: str | None, upstream: str | None, at_us: int) -> Rates | None:
        """What a model costs at a moment, `None` when that is not known."""
        line = self._learn((model, upstream))
        return None if line is None else line.at(at_us)

    def note(self, event: UsageEvent) -> PriceNote | None:
        """Why an event costs what `price` says of it. `None`: no price is known now."""
        rates = self.rates(event.model, event.upstream, event.at_us)
        return None if rates is None else rates.note(event.tokens, event.web_searches or 0)

    @cached_property
    def _table(self) -> Table:
        return Table.shipped()

    def _learn(self, key: tuple[str | None, str | None]) -> Timeline | None:
        """Look a model up and remember the answer, also that there is none."""
        model, upstream = key
        if key not in self._known:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known[key] = self._look_up(model, upstream) if model else None
        return self._known[key]

    def _look_up(self, model: str, upstream: str | None) -> Timeline | None:
        own = self._custom.find(model) if self._custom is not None else None
        return own or resolve(self._table, model, upstream)
