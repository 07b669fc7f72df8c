"""What an address of the page says: which window, grouping, order, filter and zone. Pure.

Everything that decides what is drawn stands in the address, so a view can be kept, shared and opened anew.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import quote, unquote, urlencode

import msgspec

from openusage.hub.usage import BadQuestion, filter_of, read_query, single, zone_name
from openusage.read_model.pane import Wanted
from openusage.wire.pane import GROUPS, WINDOWS
from openusage.wire.rollups import By

FILTERS = ("machine", "provider", "account", "model", "project")
_ONCE = ("window", "group", "show", "sort", "dir", "q", "tz", "on")
_ALLOWED = (*_ONCE, *FILTERS)
DEFAULT_WINDOW = "7d"
MOST_FILTER_CHARS = 100
_E = TypeVar("_E", bound=enum.StrEnum)


class Show(enum.StrEnum):
    """What figures and chart are of."""

    COST = "cost"
    TOKENS = "tokens"


class Sort(enum.StrEnum):
    """Columns that rows can be ordered by."""

    NAME = "name"
    STATE = "state"
    TODAY = "today"
    WINDOW = "window"
    TOP = "top"
    LIMIT = "limit"
    SEEN = "seen"


_WORDS_FIRST = (Sort.NAME, Sort.TOP, Sort.STATE, Sort.SEEN)
"""Ascending at the first click; figures begin with the greatest."""


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """One view. What is not said has the page's default, and stays out of the address."""

    parts: tuple[str, ...] = ()
    """Of the path, without escapes: `("machines", "work-laptop")`."""
    window: str = DEFAULT_WINDOW
    group: By | None = None
    show: Show | None = None
    """`None`: cost where there is any."""
    sort: Sort = Sort.WINDOW
    descends: bool = True
    q: str = ""
    """Only rows with this text in them."""
    tz: str = ""
    """Empty: the viewer's own zone, as far as it is known."""
    on: str = ""
    """Of an account's page: a machine that has it, where several accounts go by one name."""
    where: tuple[tuple[str, str], ...] = ()
    """(parameter, value) of filters, in their order."""

    @property
    def machine(self) -> str:
        """Of a machine's page."""
        return self.parts[1] if self.parts[:1] == ("machines",) else ""

    @property
    def account(self) -> tuple[str, str] | None:
        """(provider, account) of an account's page."""
        return (self.parts[1], self.parts[2]) if self.parts[:1] == ("accounts",) else None

    @property
    def grouped_by(self) -> By:
        """What rows stand for."""
        return self.group or self._usual_group

    @property
    def _usual_group(self) -> By:
        return By.MODEL if self.machine else By.MACHINE

    @property
    def groups(self) -> tuple[By, ...]:
        """What rows can stand for here."""
        return tuple(g for g in GROUPS if not (self.machine and g is By.MACHINE))

    @property
    def path(self) -> str:
        return "/" + "/".join(quote(part, safe="") for part in self.parts)

    @property
    def query(self) -> str:
        return urlencode(self.pairs, quote_via=quote)

    @property
    def href(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path

    def to(self, **changes: Any) -> str:
        """The address of this view with something else in it: `to(window="30d")`."""
        return msgspec.structs.replace(self, **changes).href

    def without(self, name: str, value: str) -> str:
        """The same without one filter."""
        return self.to(where=tuple(pair for pair in self.where if pair != (name, value)))

    def narrowed(self, name: str, value: str) -> str:
        """The whole fleet's view of one label, by machine."""
        kept = tuple(pair for pair in self._everything() if pair[0] != name)
        return self.to(parts=(), on="", q="", group=None, where=(*kept, (name, value)))

    def page(self, *parts: str, on: str = "") -> str:
        """Another page over the same window in the same zone."""
        return Address(parts=parts, window=self.window, show=self.show, tz=self.tz, on=on).href

    def sorted_by(self, sort: Sort) -> str:
        """The same by another column; by the same one, the other way round."""
        descends = not self.descends if sort is self.sort else sort not in _WORDS_FIRST
        return self.to(sort=sort, descends=descends)

    def wanted(self, tz: str, where: Mapping[str, list[str]] | None = None) -> Wanted:
        """The question to the hub; `where`: what the page's own filters are, beside those of the address."""
        given: dict[str, list[str]] = {}
        for name, value in self._everything():
            given.setdefault(name, []).append(value)
        return Wanted(
            window=self.window, group=self.grouped_by, tz=tz, where=filter_of({**given, **(where or {})})
        )

    def _everything(self) -> tuple[tuple[str, str], ...]:
        """Its filters and that of its page."""
        return (*self.where, ("machine", self.machine)) if self.machine else self.where

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """(parameter, value) of the query."""
        descends = self.sort not in _WORDS_FIRST
        said = [
            ("window", self.window if self.window != DEFAULT_WINDOW else ""),
            ("group", "" if self.grouped_by is self._usual_group else self.grouped_by),
            ("show", self.show or ""),
            ("sort", self.sort if self.sort is not Sort.WINDOW else ""),
            ("dir", "" if self.descends is descends else "desc" if self.descends else "asc"),
            *self.where,
            ("q", self.q),
            ("on", self.on),
            ("tz", self.tz),
        ]
        return [(name, str(value)) for name, value in said if value]


def read(raw_path: bytes, query: bytes) -> Address:
    """The view that is asked for. Raises `BadQuestion` that names the parameter and what is allowed."""
    given = read_query(query, _ALLOWED)
    once = {name: single(name, given[name]) for name in _ONCE if name in given}
    sort = _one_of("sort", once, Sort) or Sort.WINDOW
    direction = once.get("dir", "asc" if sort in _WORDS_FIRST else "desc")
    for name, value, allowed in (
        ("window", once.get("window", DEFAULT_WINDOW), WINDOWS),
        ("dir", direction, ("asc", "desc")),
    ):
        if value not in allowed:
            raise BadQuestion(f'{name}: "{value[:80]}" is none of: {", ".join(allowed)}')
    group = _one_of("group", once, By)
    if group is not None and group not in GROUPS:
        raise BadQuestion(f'group: "{group}" is none of: {", ".join(GROUPS)}')
    return Address(
        parts=_parts(raw_path),
        window=once.get("window", DEFAULT_WINDOW),
        group=group,
        show=_one_of("show", once, Show),
        sort=sort,
        descends=direction == "desc",
        q=once.get("q", "").strip()[:MOST_FILTER_CHARS],
        tz=zone_name(once["tz"]) if once.get("tz") else "",
        on=once.get("on", ""),
        where=tuple((name, value) for name in FILTERS for value in given.get(name, ())),
    )


def _parts(raw_path: bytes) -> tuple[str, ...]:
    """A `%2F` inside of a name stays in it."""
    try:
        path = raw_path.decode("ascii").strip("/")
        return tuple(unquote(part, errors="strict") for part in path.split("/")) if path else ()
    except ValueError:
        raise BadQuestion("the address cannot be read: its names are UTF-8, with % escapes") from None


def _one_of(name: str, once: Mapping[str, str], kind: type[_E]) -> _E | None:
    if not once.get(name):
        return None
    try:
        return kind(once[name])
    except ValueError:
        raise BadQuestion(f'{name}: "{once[name][:80]}" is none of: {", ".join(kind)}') from None
