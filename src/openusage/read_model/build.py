"""One UsageSnapshot per account, out of a store's answers. Pure but for the questions it asks.

A metric named for a period holds that period, whatever window is shown: `today_*` since local midnight,
`7d_*` and `30d_*` rolling, `all_time_*` everything. All days are local. Daily series cover whole local days
from the window's first on, and at least the last 7, so that a short window still has a line to draw.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from openusage.lineage import Lineages
from openusage.read_model import quota
from openusage.read_model.assign import Links, UsageSource, hint
from openusage.read_model.blocks import BLOCK_PROVIDERS, running_block
from openusage.read_model.counted import model_usage, put_counted
from openusage.read_model.draft import BEFORE, BLOCK, TODAY, WEEK, Draft
from openusage.read_model.fold import Usage, fold
from openusage.read_model.spend import PREFERENCE, spend
from openusage.read_model.windows import before, from_us, rolling, to_us, today
from openusage.wire import keys
from openusage.wire.events import Behaviour, EventKind, QuotaReading
from openusage.wire.keys import Family, metric
from openusage.wire.rollups import By, Filter, Questions, Window, add
from openusage.wire.snapshot import Status, UsageSnapshot

ELSEWHERE = "All that was used here is counted for other accounts (telemetry.provider_links)"


def build_all(
    ask: Questions,
    accounts: Iterable[tuple[str, str]],
    *,
    window: Window,
    now: dt.datetime,
    tz: str,
    links: Mapping[str, str] | None = None,
    lineages: Lineages | None = None,
) -> dict[str, UsageSnapshot]:
    """Account id -> snapshot, in the order of `accounts`, which are (provider, account id).

    Of two accounts with one id the later one is found under `provider/id`.
    """
    found: dict[str, UsageSnapshot] = {}
    tiles = list(dict.fromkeys(accounts))
    assigned = Links(links, tiles)
    for provider, account in tiles:
        snapshot = build(
            ask,
            provider,
            account,
            window=window,
            now=now,
            tz=tz,
            links=assigned,
            lineages=lineages,
        )
        found[account if account not in found else f"{provider}/{account}"] = snapshot
    return found


def build(
    ask: Questions,
    provider: str,
    account: str,
    *,
    window: Window,
    now: dt.datetime,
    tz: str,
    links: Links | None = None,
    lineages: Lineages | None = None,
) -> UsageSnapshot:
    """The state of one account at `now`, with `window` shown.

    `links` say which account an event belongs to (`telemetry.provider_links`); `lineages` group models.
    """
    where = Filter(providers=(provider,), accounts=(account,))
    readings = list(quota.newest(ask.readings(where)).values())
    facts = {f.key: f.value for f in sorted(ask.facts(where), key=lambda f: f.at_us)}
    links = links or Links()
    source = links.of(ask, (provider, account))
    usage = fold(source, where, shown=window, now=now, tz=tz)

    draft = Draft(window.name)
    draft.note(facts.items())
    resets = _fill(draft, ask, source, where, usage, readings, window, now, tz)
    snapshot = UsageSnapshot(
        provider_id=provider,
        account_id=account,
        timestamp=now,
        status=Status.UNKNOWN,
        metrics=draft.metrics,
        resets=resets,
        attributes=draft.all_attributes(),
        diagnostics=_unassigned(usage, provider, account, links),
        model_usage=model_usage(usage, window.name, lineages or Lineages()),
        daily_series=draft.series,
    )
    snapshot = quota.lay(snapshot, readings, to_us(now))
    if provider == "codex":
        aliases = quota.codex_aliases(snapshot)
        snapshot = msgspec.structs.replace(snapshot, metrics=snapshot.metrics | aliases)
    has_data = usage.last_us is not None or bool(readings)
    caps = [r.key for r in readings if r.behaviour is Behaviour.CAP]
    message = _message(provider, keys.provider_name(provider), facts, usage, readings)
    if not has_data and links.may_leave((provider, account)):
        has_data = any(row.events for row in ask.usage(Window("all"), (), where))
        message = ELSEWHERE if has_data else message
    return msgspec.structs.replace(
        snapshot, status=quota.status(snapshot.metrics, caps, has_data), message=message
    )


def _fill(
    draft: Draft,
    ask: Questions,
    source: UsageSource,
    where: Filter,
    usage: Usage,
    readings: Sequence[QuotaReading],
    window: Window,
    now: dt.datetime,
    tz: str,
) -> dict[str, dt.datetime]:
    """All figures but the vendor's own; returns what they have of resets."""
    [provider], [account], now_us = where.providers, where.accounts, to_us(now)
    if usage.last_us is not None:
        put_counted(draft, usage)
        _put_distinct(draft, ask, where, usage, window, now, tz)
        draft.note([(keys.ATTR_LAST_EVENT, _iso(usage.last_us))])
    _put_partial(draft, ask, window)
    _put_before(draft, ask, source, where, window, now, tz)
    resets: dict[str, dt.datetime] = {}
    if provider in BLOCK_PROVIDERS and usage.last_us is not None:
        resets = _put_block(draft, ask, where, readings, now_us)
    if not usage.window.requests:
        _put_credit_spend(draft, ask, provider, account, readings, window, now_us)
    if limits := [r.at_us for r in readings if r.limit is not None or r.unit == "%"]:
        draft.note([(keys.ATTR_READ_AT, _iso(max(limits)))])
    return resets


def _unassigned(usage: Usage, provider: str, account: str, links: Links) -> dict[str, str]:
    """The vendors of the window whose answers no account is known to pay for, and what to set."""
    vendors = sorted(v for v in usage.upstreams if not links.is_assigned(provider, account, v))
    if not vendors:
        return {}
    said = " ".join(hint(provider, vendor, links) for vendor in vendors)
    return {keys.DIAG_UNASSIGNED: ",".join(vendors), keys.DIAG_LINK_HINT: said}


def _put_distinct(
    draft: Draft, ask: Questions, where: Filter, usage: Usage, window: Window, now: dt.datetime, tz: str
) -> None:
    """What cannot be added up over days: sessions and files."""
    counts: dict[tuple[int | None, int | None], int] = {}

    def sessions(span: Window) -> int:
        bounds = (span.from_us, span.to_us)
        if bounds not in counts:
            counts[bounds] = ask.sessions(span, where)
        return counts[bounds]

    if usage.today.requests:
        draft.put_some(keys.SESSIONS_TODAY, sessions(today(now, tz)), "sessions", TODAY)
    if usage.week.requests:
        draft.put_some(keys.WEEK_SESSIONS, sessions(rolling("7d", 7, now, tz)), "sessions", WEEK)
    if usage.window.requests:
        draft.put_some(keys.WINDOW_SESSIONS, sessions(window), "sessions")
        for client, count in _client_sessions(ask, where, usage, window, sessions(window)).items():
            draft.put_some(metric(Family.CLIENT, client, "sessions"), count, "sessions")
    if usage.tools.lines_added or usage.tools.lines_removed:
        draft.put_some(keys.FILES_CHANGED, ask.files_changed(window, where), "files")


def _client_sessions(
    ask: Questions, where: Filter, usage: Usage, window: Window, sessions: int
) -> dict[str, int]:
    whole = sum(s.requests for s in usage.clients.values()) == usage.window.requests
    if len(usage.clients) == 1 and whole:
        return dict.fromkeys(usage.clients, sessions)
    if not usage.clients:
        return {}
    counts: dict[str, int] = {}
    messages = msgspec.structs.replace(where, kinds=(EventKind.MESSAGE,))
    for row in ask.usage(window, (By.CLIENT, By.SESSION), messages):
        client = row.key[By.CLIENT]
        if client and row.key[By.SESSION]:
            counts[client] = counts.get(client, 0) + 1
    return counts


def _put_partial(draft: Draft, ask: Questions, window: Window) -> None:
    oldest_us = None if window.from_us is None else ask.oldest_us()
    if oldest_us is not None and window.from_us is not None and oldest_us > window.from_us:
        draft.note([(keys.ATTR_PARTIAL, _iso(oldest_us))])


def _put_before(
    draft: Draft,
    ask: Questions,
    source: UsageSource,
    where: Filter,
    shown: Window,
    now: dt.datetime,
    tz: str,
) -> None:
    """What window and today are compared with, as far as our data reach back so far."""
    oldest_us = ask.oldest_us()
    messages = msgspec.structs.replace(where, kinds=(EventKind.MESSAGE,))
    for span, cost_key, tokens_key in (
        (before(shown, now, tz), keys.WINDOW_COST_BEFORE, keys.WINDOW_TOKENS_BEFORE),
        (before(today(now, tz), now, tz), keys.TODAY_COST_BEFORE, keys.TODAY_TOKENS_BEFORE),
    ):
        if span is None or oldest_us is None or span.from_us is None or oldest_us > span.from_us:
            continue
        used = add(source.usage(span, (), messages, tz))
        if used.cost_nano or not used.unpriced_events:
            draft.put(cost_key, used.cost_nano / 1e9, "USD", BEFORE)
        draft.put(tokens_key, used.total_tokens, "tokens", BEFORE)


def _put_block(
    draft: Draft, ask: Questions, where: Filter, readings: Sequence[QuotaReading], now_us: int
) -> dict[str, dt.datetime]:
    """The running 5-hour block; returns its end as a reset."""
    resets_at_us = next((r.resets_at_us for r in readings if r.key == keys.FIVE_HOUR), None)
    messages = msgspec.structs.replace(where, kinds=(EventKind.MESSAGE,))
    block = running_block(ask, messages, now_us, resets_at_us)
    if block is None:
        return {}
    used = block.used
    if used.cost_nano:
        draft.put(keys.BLOCK_COST, used.cost_nano / 1e9, "USD", BLOCK)
    for field, count, unit in (
        ("input", used.input, "tokens"),
        ("output", used.output, "tokens"),
        ("msgs", used.events, "messages"),
        ("cache_read_tokens", used.cache_read, "tokens"),
        ("cache_create_tokens", used.cache_write, "tokens"),
    ):
        draft.put_some(keys.BLOCK + field, count, unit, BLOCK)
    draft.put(keys.BURN_RATE, block.burn_usd_per_h(now_us), "USD/h", BLOCK)
    draft.note(
        [
            ("block_start", _iso(block.start_us)),
            ("block_end", _iso(block.end_us)),
            ("block_progress_pct", f"{block.progress_pct(now_us):.0f}"),
        ]
    )
    return {keys.BILLING_BLOCK: from_us(block.end_us)}


def _put_credit_spend(
    draft: Draft,
    ask: Questions,
    provider: str,
    account: str,
    readings: Sequence[QuotaReading],
    window: Window,
    now_us: int,
) -> None:
    """Spent by the vendor's own balance or counter, where no message tells what was spent."""
    if window.from_us is None:
        return
    counted = {r.key: r for r in readings if r.behaviour in (Behaviour.BALANCE, Behaviour.COUNTER)}
    source = next((counted[k] for k in PREFERENCE if k in counted), None)
    if source is None:
        return
    history = ask.reading_history(provider, account, source.key, window.from_us)
    found = spend(history, window.from_us, now_us)
    if found is None:
        return
    draft.put(keys.WINDOW_CREDIT_SPEND, found.amount, source.unit)
    draft.note([(keys.ATTR_SPEND_SINCE, _iso(found.since_us))])
    if found.partial:
        draft.note([(keys.ATTR_SPEND_PARTIAL, "true")])


def _message(
    provider: str, name: str, facts: Mapping[str, str], usage: Usage, readings: Sequence[QuotaReading]
) -> str:
    if usage.last_us is None and not readings:
        return f"No {name} usage data found"
    if provider == "claude_code":
        return "Claude Code CLI · costs are API-equivalent estimates, not subscription charges"
    if provider == "codex":
        live = facts.get("rate_limit_source") == "live"
        if live:
            return (
                "Codex live usage data" if usage.last_us is None else "Codex live usage + local session data"
            )
        return "Codex CLI session data"
    return f"{name} usage data"


def _iso(at_us: int) -> str:
    return from_us(at_us).isoformat().replace("+00:00", "Z")
