"""What may leave the machine."""

from __future__ import annotations

import datetime as dt
import doctest
import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openusage.wire import identity
from openusage.wire.decode import decode
from openusage.wire.identity import IDENTITY, account_key, is_personal, with_projects, without_identity
from openusage.wire.sections import Share
from openusage.wire.snapshot import DayValue, Metric, ModelUsage, UsageSnapshot
from tests.wire.test_sections import go_push


@pytest.mark.parametrize(
    "text",
    [
        "dev@example.com",
        "Dev <dev.x+y@mail.example.co.uk>",
        "/home/dev/.claude/stats-cache.json",
        "/home/dev",
        "/Users/Ann Smith/x",
        "/root/.codex",
        "/var/root/x",
        "~/.claude",
        r"C:\Users\ann\x",
        "read file:///home/dev/x",
        '{"path":"/home/dev"}',
    ],
)
def test_personal(text: str) -> None:
    assert is_personal(text)


@pytest.mark.parametrize(
    "text",
    [
        "api-server",
        "a/home-page",
        "/usr/bin/claude",
        "~ 5 h",
        "user@host",
        "30 % @ 5 h",
        "/homepage",
        "gpt-5@latest",
        "",
    ],
)
def test_not_personal(text: str) -> None:
    assert not is_personal(text)


def test_the_captured_push_keeps_its_figures_and_loses_its_person() -> None:
    """Of 47 attributes five are personal."""
    before = go_push()["claude-code"]
    after = without_identity(before)
    assert set(before.attributes) - set(after.attributes) == {
        *("account_email", "account_name", "organization_uuid", "stats_candidates", "stats_path"),
    }
    assert (after.metrics, after.model_usage, after.daily_series) == (
        before.metrics,
        before.model_usage,
        before.daily_series,
    )
    sent = msgspec.json.encode(after)
    for secret in (b"dev@example.com", b"/home/dev", b'"Dev"', b"4f0bd2a9"):
        assert secret in msgspec.json.encode(before)
        assert secret not in sent


def snapshot(text: str) -> UsageSnapshot:
    return UsageSnapshot(
        provider_id="codex",
        account_id="codex-cli",
        timestamp=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        status="OK",
        metrics={"rpm": Metric(unit="requests", window="1m")},
        attributes={"note": text, "plan_type": "plus", "account_key": "ab12", **dict.fromkeys(IDENTITY, "x")},
        diagnostics={"problem": text, "count": "3", f"cannot read {text}": "1"},
        raw={"header": "x"},
        model_usage=[ModelUsage(raw_model_id="gpt-5", dimensions={"file": text, "tier": "fast"})],
        message=f"cannot read {text}: locked",
    )


@given(
    st.sampled_from(["ann@example.com", "/home/ann/x.json", "/Users/ann/x", "~/x"]),
    st.text(alphabet=" ,;:abc", max_size=10),
    st.text(alphabet=" ,;:", max_size=3),
)
@settings(deadline=None)
def test_nothing_personal_is_left_anywhere(secret: str, before: str, after: str) -> None:
    """Not in attributes, diagnostics, raw, rows of models nor the message."""
    left = without_identity(snapshot(f"{before} {secret}{after}"))
    assert left.attributes == {"plan_type": "plus", "account_key": "ab12"}
    assert left.diagnostics == {"count": "3"}
    assert left.raw == {}
    assert left.model_usage[0].dimensions == {"tier": "fast"}
    assert not is_personal(left.message)
    assert secret not in left.message
    assert left.message.startswith("cannot read")


def test_what_is_not_personal_stays_as_it_is() -> None:
    kept = msgspec.structs.replace(snapshot("all well"), attributes={"plan_type": "plus"}, raw={})
    assert without_identity(kept) == kept


def test_one_account_has_one_key_and_two_have_two() -> None:
    keys = {account_key(v, i) for v in ("openai", "anthropic") for i in ("acc-1", "acc-2")}
    assert len(keys) == 4
    assert doctest.testmod(identity).failed == 0


def projects_of(snapshot: UsageSnapshot) -> dict[str, Share]:
    return {share.name: share for share in decode(snapshot, now=snapshot.timestamp).projects}


def test_projects_under_other_names_keep_their_figures_and_their_old_names_are_nowhere() -> None:
    before = go_push()["claude-code"]
    names = {"api_server": "Project-1", "web_frontend": "project-2", "notes": "project-3"}
    after = with_projects(before, lambda name: names[name])
    old, new = projects_of(before), projects_of(after)
    assert {names[name]: share.requests for name, share in old.items()} == {
        name: share.requests for name, share in new.items()
    }
    sent = msgspec.json.encode(after)
    for name in (b"api_server", b"api-server", b"web_frontend", b"notes"):
        assert name in msgspec.json.encode(before) or name == b"api-server"
        assert name not in sent
    series = {k for k in after.daily_series if k.startswith("usage_project_")}
    assert series == {f"usage_project_project_{n}" for n in (1, 2, 3)}
    assert after.model_usage == before.model_usage


def test_projects_that_get_one_name_are_added_together() -> None:
    both = msgspec.structs.replace(
        snapshot("x"),
        metrics={
            "project_a_b_requests": Metric(used=3, unit="requests", window="7d"),
            "project_c_requests": Metric(used=4, unit="requests", window="7d"),
            "project_c_requests_today": Metric(used=1, unit="requests", window="1d"),
        },
        daily_series={
            "usage_project_a_b": [DayValue("2026-01-01", 3)],
            "usage_project_c": [DayValue("2025-12-31", 2), DayValue("2026-01-01", 1)],
        },
        attributes={"raw_names": '{"project_a_b":"a b","tool_x":"X"}'},
    )
    one = with_projects(both, {"a b": "one", "c": "one"}.__getitem__)
    assert {k: m.used for k, m in one.metrics.items()} == {
        "project_one_requests": 7,
        "project_one_requests_today": 1,
    }
    assert one.daily_series == {"usage_project_one": [DayValue("2025-12-31", 2), DayValue("2026-01-01", 4)]}
    assert json.loads(one.attributes["raw_names"]) == {"project_one": "one", "tool_x": "X"}


def test_projects_that_keep_their_names_change_nothing() -> None:
    before = go_push()["claude-code"]
    assert with_projects(before, lambda name: name) is before
