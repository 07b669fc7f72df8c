"""Every message belongs to one account: that of its tool, or that which a link names."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openusage.read_model import build_all, window
from openusage.read_model.assign import BY, Links, advice, by_vendor, sentence, unassigned
from openusage.read_model.windows import series_window
from openusage.wire.events import EventKind, TokenCounts, UsageEvent
from openusage.wire.local import Unassigned
from openusage.wire.rollups import By, Filter, Rollup, Window, add
from openusage.wire.snapshot import UsageSnapshot
from tests.read_model.fake import FakeStore
from tests.read_model.records import BERLIN, NOW, message, tool, used

OPENCODE, CLAUDE, CODEX = ("opencode", "opencode"), ("claude_code", "claude-code"), ("codex", "codex-cli")
TILES = [OPENCODE, CLAUDE, CODEX]
MESSAGES = Filter(kinds=(EventKind.MESSAGE,))


def tiles(store: FakeStore, links: dict[str, str], shown: str = "7d") -> dict[str, UsageSnapshot]:
    return build_all(store, TILES, window=window(shown, NOW, BERLIN), now=NOW, tz=BERLIN, links=links)


def borrowed(upstream: str | None, tokens: int, time: str = "2026-11-22T07:00", **more: object) -> UsageEvent:
    owner = {"provider": "opencode", "account": "opencode"}
    return message(time, TokenCounts(tokens), upstream=upstream, **(owner | more))


EVENTS = [
    borrowed("anthropic", 1),
    borrowed("openai", 20),
    borrowed("opencode", 300),
    borrowed(None, 4000),
    borrowed("lmstudio", 50000),
    tool("2026-11-22T07:00", "Bash", provider="opencode", account="opencode", upstream="anthropic"),
    message("2026-11-22T07:00", TokenCounts(600000), upstream="anthropic"),
]


def test_without_a_link_everything_is_the_tools_and_what_others_answered_is_unassigned() -> None:
    found = tiles(FakeStore(EVENTS), {})
    assert [used(s, "window_tokens")[0] for s in found.values()] == [54321, 600000, None]
    told = found["opencode"].diagnostics
    assert told["telemetry_unmapped_providers"] == "anthropic,openai"
    assert told["telemetry_provider_link_hint"] == (
        'Set telemetry.provider_links {"anthropic": "claude_code"} to count them for Claude Code,'
        ' or {"opencode/anthropic": "opencode"} to leave them there.'
        ' Set telemetry.provider_links {"openai": "codex"} to count them for Codex,'
        ' or {"opencode/openai": "opencode"} to leave them there.'
    )
    assert found["claude-code"].diagnostics == {}


@pytest.mark.parametrize("target", ["claude_code", "claude-code"])
def test_a_link_moves_messages_and_nothing_else(target: str) -> None:
    """By the provider's name or the account's; tool calls and sessions stay with the tool."""
    found = tiles(FakeStore(EVENTS), {"anthropic": target})
    assert [used(s, "window_tokens")[0] for s in found.values()] == [54320, 600001, None]
    assert used(found["opencode"], "tool_bash", "window_requests") == [1, 4]
    assert used(found["claude-code"], "tool_bash", "all_time_input_tokens", "window_sessions") == [
        None,
        600001,
        1,
    ]
    assert found["opencode"].diagnostics["telemetry_unmapped_providers"] == "openai"
    assert [m.requests for m in found["claude-code"].model_usage] == [2]


def test_a_link_may_fill_a_tile_that_has_nothing_of_its_own() -> None:
    found = tiles(FakeStore(EVENTS), {"openai": "codex"})
    assert [used(s, "window_tokens")[0] for s in found.values()] == [54301, 600000, 20]
    assert found["codex-cli"].status == "OK"


def test_a_link_of_one_tool_goes_before_that_of_a_vendor() -> None:
    found = tiles(FakeStore(EVENTS), {"anthropic": "claude_code", "opencode/anthropic": "opencode"})
    assert [used(s, "window_tokens")[0] for s in found.values()] == [54321, 600000, None]
    assert found["opencode"].diagnostics["telemetry_unmapped_providers"] == "openai"


def test_a_link_to_what_is_not_here_moves_nothing_and_says_so() -> None:
    found = tiles(FakeStore(EVENTS), {"anthropic": "gemini_api"})
    assert [used(s, "window_tokens")[0] for s in found.values()] == [54321, 600000, None]
    said = found["opencode"].diagnostics["telemetry_provider_link_hint"]
    assert said.startswith("telemetry.provider_links sends anthropic to gemini_api, which has no tile here")


def test_tools_with_their_own_login_keep_what_is_theirs_whatever_is_linked() -> None:
    found = tiles(FakeStore(EVENTS), {"anthropic": "codex"})
    assert [used(s, "window_tokens")[0] for s in found.values()] == [54320, 600000, 1]


def test_of_several_accounts_the_tools_own_then_the_first_is_meant() -> None:
    links = Links({"anthropic": "claude_code", "openai": "second"}, [*TILES, ("claude_code", "second")])
    assert links.owner(*OPENCODE, "anthropic") == CLAUDE
    assert links.owner(*OPENCODE, "openai") == ("claude_code", "second")
    assert links.owner(*OPENCODE, "mistral") == OPENCODE
    assert Links({"x": "opencode"}, [("opencode", "a"), OPENCODE]).owner(*OPENCODE, "x") == OPENCODE


def test_what_is_unassigned_is_told_with_what_it_used() -> None:
    store = FakeStore([*EVENTS, borrowed("anthropic", 9, "2026-11-20T07:00", model="no-price-1")])
    links = Links({}, TILES)
    first, second = unassigned(store.usage(Window("all"), BY, MESSAGES), links)
    assert (second.provider, second.upstream, second.requests, second.tokens) == (
        "opencode",
        "anthropic",
        2,
        10,
    )
    assert second.cost_usd == pytest.approx(1e-6)
    assert second.last_at is not None
    assert (
        sentence(first) == "1 request of OpenCode, answered by openai: no account is known to pay for that."
    )
    assert sentence(second).startswith("2 requests of OpenCode, answered by anthropic")
    assert unassigned([Rollup({"provider": "pi", "account": "pi", "upstream": "x"})], links) == []


def test_of_one_vendor_it_is_told_in_one_sentence_for_all_tools() -> None:
    def told(provider: str, upstream: str, requests: int) -> Unassigned:
        return Unassigned(
            provider=provider,
            account=provider,
            upstream=upstream,
            requests=requests,
            tokens=9,
            cost_usd=None,
            last_at=None,
            hint=f"Set {upstream}.",
        )

    many = [told("pi", "anthropic", 2), told("mux", "openai", 1), told("opencode", "anthropic", 1200)]
    anthropic, openai = by_vendor(many)
    assert sentence(*anthropic) == (
        "1.2k requests of 2 tools (OpenCode 1.2k, Pi 2), answered by anthropic: "
        "no account is known to pay for that."
    )
    assert advice(*anthropic) == "Set anthropic. Likewise for the other tools."
    assert (sentence(*openai), advice(*openai)) == (sentence(many[1]), "Set openai.")


_events = st.lists(
    st.builds(
        borrowed,
        st.none() | st.sampled_from(["anthropic", "openai", "opencode", "mistral", "ollama"]),
        st.integers(0, 10**6),
        st.sampled_from(["2026-11-22T07:00", "2026-11-21T22:30", "2026-11-01T09:00", "2026-09-01T09:00"]),
    )
    | st.builds(
        message,
        st.just("2026-11-20T07:00"),
        st.builds(TokenCounts, st.integers(0, 10**6)),
        upstream=st.sampled_from(["anthropic", None]),
        provider=st.just("codex"),
        account=st.just("codex-cli"),
    ),
    max_size=12,
)
_links = st.dictionaries(
    st.sampled_from(["anthropic", "openai", "mistral", "opencode/anthropic", "codex/anthropic"]),
    st.sampled_from(["claude_code", "codex", "opencode", "claude-code", "nowhere"]),
)


@settings(deadline=None)
@given(_events, _links, st.sampled_from(["1d", "7d", "30d", "all"]))
def test_whatever_is_linked_tiles_add_up_to_all_there_is(
    events: list[UsageEvent], links: dict[str, str], shown: str
) -> None:
    store = FakeStore(events)
    found = tiles(store, links, shown)
    drawn = series_window(window(shown, NOW, BERLIN), NOW, BERLIN)
    whole = add(store.usage(window(shown, NOW, BERLIN), (By.PROVIDER,), MESSAGES, BERLIN))
    ever = add(store.usage(Window("all"), (), MESSAGES, BERLIN))
    for key, true in (
        ("window_requests", whole.events),
        ("window_tokens", whole.total_tokens),
        ("all_time_input_tokens", ever.input),
    ):
        assert sum(used(s, key)[0] or 0 for s in found.values()) == true
    assert sum(
        sum(d.value for d in s.daily_series.get("analytics_tokens", ())) for s in found.values()
    ) == sum(r.total_tokens for r in store.usage(drawn, (), MESSAGES, BERLIN))
