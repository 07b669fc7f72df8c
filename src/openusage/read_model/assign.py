"""Which account an event belongs to: exactly one; and what no account is known to pay for. Pure.

An event belongs to the account of the tool that recorded it. A tool that works with other vendors' logins
(`BORROWERS`) names the vendor that answered; `telemetry.provider_links` says whose login that was, and then
the message belongs to that account instead. Without a link it stays with its tool, and is told to be
unassigned. Tool calls, turns and sessions are the tool's own: no vendor sees them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from openusage.format import count
from openusage.lineage.names import is_local
from openusage.read_model.windows import from_us
from openusage.wire.events import EventKind
from openusage.wire.keys import provider_name
from openusage.wire.local import Unassigned
from openusage.wire.rollups import ANY, By, Filter, Rollup, Window, add

Owner = tuple[str, str]
"""(provider, account)."""

BORROWERS = frozenset("opencode pi openclaw hermes mux goose zed crush kilo_code roocode".split())
"""Tools that name the vendor of each answer, because a person brings logins or keys of others to them."""
MOST_ASKED = 200
"""Machines, up to which a pane asks who pays: only the finest sums know vendors, and those of many machines
are very many. Of more machines `openusage fleet` tells it, which asks once."""
SETTING = "telemetry.provider_links"
BY = (By.PROVIDER, By.ACCOUNT, By.UPSTREAM)
MESSAGES = Filter(kinds=(EventKind.MESSAGE,))
"""How rows are asked for `unassigned`."""
_SUGGESTED = {
    "anthropic": "claude_code",
    "openai": "codex",
    "google": "gemini_cli",
    "github-copilot": "copilot",
}


class UsageSource(Protocol):
    """What is asked: a part of `wire.rollups.Questions`."""

    def usage(
        self, window: Window, by: Sequence[By] = (), where: Filter = ANY, tz: str = "UTC"
    ) -> list[Rollup]: ...


class Links:
    """`telemetry.provider_links` among the accounts that have a tile."""

    def __init__(self, links: Mapping[str, str] | None = None, accounts: Iterable[Owner] = ()) -> None:
        """`links`: a vendor (`anthropic`), or a tool and a vendor (`opencode/anthropic`), which goes first ->
        a provider, or an account by its id. `accounts` in the order of their tiles."""
        self._links = dict(links or {})
        self._accounts = tuple(accounts)

    def owner(self, provider: str, account: str, upstream: str | None) -> Owner:
        """The one account that a message belongs to."""
        return self._found((provider, account), self.target(provider, upstream)) or (provider, account)

    def target(self, provider: str, upstream: str | None) -> str:
        """Where the settings send what a vendor answered to a tool; empty: they do not say."""
        if provider not in BORROWERS or not upstream:
            return ""
        return self._links.get(f"{provider}/{upstream}") or self._links.get(upstream, "")

    def is_assigned(self, provider: str, account: str, upstream: str | None) -> bool:
        """Whether it is known which account a message belongs to."""
        if provider not in BORROWERS or not upstream or is_local(upstream.lower()):
            return True
        if _letters(provider) in _letters(upstream):
            return True  # the tool's own service: `zed.dev`
        return self._found((provider, account), self.target(provider, upstream)) is not None

    def of(self, ask: UsageSource, owner: Owner) -> UsageSource:
        """The questions of one account: with what belongs to it, without what does not."""
        sources = [a for a in self._accounts if a != owner and owner in self._reached(a)]
        return _Owned(ask, self, owner, sources) if sources or self.may_leave(owner) else ask

    def may_leave(self, owner: Owner) -> bool:
        """Whether messages of an account may belong to another one."""
        return bool(self._reached(owner) - {owner})

    def has(self, provider: str) -> bool:
        """Whether an account of a provider has a tile."""
        return any(p == provider for p, _ in self._accounts)

    def _reached(self, owner: Owner) -> set[Owner]:
        """The accounts that messages of an account may belong to by a link."""
        provider, _ = owner
        if provider not in BORROWERS:
            return set()
        named = {
            key: target
            for key, target in self._links.items()
            if "/" not in key or key.startswith(f"{provider}/")
        }
        return {found for target in named.values() if (found := self._found(owner, target))}

    def _found(self, owner: Owner, target: str) -> Owner | None:
        """The account that a link names: its own before others, then the first."""
        named = [account for account in (owner, *self._accounts) if target and target in account]
        return named[0] if named else None


class _Owned:
    """Answers for one account while links move messages. As many questions more as accounts send it some."""

    def __init__(self, ask: UsageSource, links: Links, owner: Owner, sources: Sequence[Owner]) -> None:
        self._ask, self._links, self._owner, self._sources = ask, links, owner, sources

    def usage(
        self, window: Window, by: Sequence[By] = (), where: Filter = ANY, tz: str = "UTC"
    ) -> list[Rollup]:
        finer = tuple(dict.fromkeys((*by, By.KIND, By.UPSTREAM)))
        groups: dict[tuple[str | None, ...], list[Rollup]] = {}
        for source in (self._owner, *self._sources):
            asked = msgspec.structs.replace(where, providers=(source[0],), accounts=(source[1],))
            for row in self._ask.usage(window, finer, asked, tz):
                if self._owner == self._owner_of(row, source):
                    groups.setdefault(tuple(row.key[str(b)] for b in by), []).append(row)
        if not by:
            return [add(groups.get((), ()))]
        names = [str(b) for b in by]
        return [
            msgspec.structs.replace(add(rows), key=dict(zip(names, labels, strict=True)))
            for labels, rows in groups.items()
        ]

    def _owner_of(self, row: Rollup, source: Owner) -> Owner:
        if row.key[By.KIND] != EventKind.MESSAGE:
            return source
        return self._links.owner(*source, row.key[By.UPSTREAM])


def unassigned(rows: Iterable[Rollup], links: Links) -> list[Unassigned]:
    """What of `rows`, asked by `BY`, no account is known to pay for; the most first."""
    found = []
    for row in rows:
        provider, account, upstream = (row.key[by] for by in BY)
        if provider and account and upstream and row.requests:
            if not links.is_assigned(provider, account, upstream):
                found.append(_told(provider, account, upstream, row, links))
    return sorted(found, key=lambda u: (-(u.cost_usd or 0.0), -u.tokens, u.provider, u.upstream))


def ask_unassigned(
    ask: UsageSource, window: Window, where: Filter, links: Mapping[str, str]
) -> list[Unassigned]:
    """What of a window no account is known to pay for. The second, dearer question only where there is a tool
    that borrows."""
    owners = [
        (row.key[By.PROVIDER] or "", row.key[By.ACCOUNT] or "")
        for row in ask.usage(Window("all"), (By.PROVIDER, By.ACCOUNT))
    ]
    asked = where.providers or tuple(dict.fromkeys(provider for provider, _ in owners))
    borrowers = tuple(provider for provider in asked if provider in BORROWERS)
    if not borrowers:
        return []
    where = msgspec.structs.replace(where, providers=borrowers, kinds=MESSAGES.kinds)
    return unassigned(ask.usage(window, BY, where), Links(links, owners))


def hint(provider: str, upstream: str, links: Links) -> str:
    """What to set, so that it is known which account pays for a vendor's answers to a tool."""
    target = links.target(provider, upstream)
    if target:
        return f"{SETTING} sends {upstream} to {target}, which has no tile here: name one that has."
    stay = f'{{"{provider}/{upstream}": "{provider}"}} to leave them there'
    other = _SUGGESTED.get(upstream, "")
    if other and links.has(other):
        return (
            f'Set {SETTING} {{"{upstream}": "{other}"}} to count them for {provider_name(other)}, or {stay}.'
        )
    return f'Set {SETTING} {{"{upstream}": "<provider>"}} to count them elsewhere, or {stay}.'


def by_vendor(found: Iterable[Unassigned]) -> list[list[Unassigned]]:
    """What each vendor answered, together, as one link can assign it. In the order of the first ones."""
    groups: dict[str, list[Unassigned]] = {}
    for one in found:
        groups.setdefault(one.upstream, []).append(one)
    return list(groups.values())


def sentence(*found: Unassigned) -> str:
    """What of one vendor is unassigned, in words."""
    number = sum(one.requests for one in found)
    requests = "1 request" if number == 1 else f"{count(number)} requests"
    tools = provider_name(found[0].provider)
    if len(found) > 1:
        most_first = sorted(found, key=lambda one: -one.requests)
        each = ", ".join(f"{provider_name(one.provider)} {count(one.requests)}" for one in most_first)
        tools = f"{len(found)} tools ({each})"
    return f"{requests} of {tools}, answered by {found[0].upstream}: no account is known to pay for that."


def advice(*found: Unassigned) -> str:
    """What to set for what is unassigned of one vendor."""
    return found[0].hint if len(found) == 1 else f"{found[0].hint} Likewise for the other tools."


def _told(provider: str, account: str, upstream: str, row: Rollup, links: Links) -> Unassigned:
    is_priced = row.unpriced_events < row.requests
    return Unassigned(
        provider=provider,
        account=account,
        upstream=upstream,
        requests=row.requests,
        tokens=row.total_tokens,
        cost_usd=row.cost_nano / 1e9 if is_priced else None,
        last_at=from_us(row.last_us) if row.last_us else None,
        hint=hint(provider, upstream, links),
    )


def _letters(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum())
