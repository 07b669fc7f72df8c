"""What the screens know, and the words of every state."""

from __future__ import annotations

import datetime as dt

import msgspec
import pytest

from openusage.client import Frame
from openusage.errors import PeerRefused, PeerUnreachable
from openusage.settings import DashboardProvider
from openusage.tui.board import Account, Board, Decoder, Outcome, Scope, matches
from openusage.wire.rollups import By
from openusage.wire.sections import Sections
from openusage.wire.snapshot import UsageSnapshot
from tests.tui.sample import CLAUDE, CODEX, FLEET, LOCAL, NOW, FakeSource, key_of, later, on, snapshot


def board(accounts: list[Sections] = LOCAL, *, hub: bool = False, notes: list[str] | None = None) -> Board:
    """A board after one poll."""
    found = Board(
        label="hub http://hub.lan:9190" if hub else "this machine",
        is_hub=hub,
        window="30d",
        empty_text="No coding tool found on this machine.\nmake demo",
    )
    rows = [Account(key_of(a), snapshot(a), a) for a in accounts]
    frame = Frame(
        snapshots={r.key: r.snapshot for r in rows}, fetched_at=later(seconds=-4), notes=notes or []
    )
    found.take(Outcome(window="30d", frame=frame, accounts=rows), NOW)
    return found


def test_the_status_line_of_a_hub() -> None:
    assert (
        board(FLEET, hub=True).status(NOW, dt.UTC)
        == "hub http://hub.lan:9190 · 7 machine snapshots · 4 s ago"
    )


def test_the_status_line_of_this_machine() -> None:
    assert board().status(NOW, dt.UTC) == "this machine · 4 s ago"


def test_an_unreachable_hub_keeps_the_data_and_says_their_age_and_the_next_try() -> None:
    found = board(FLEET, hub=True)
    error = PeerUnreachable("hub.lan:9190 does not answer (connection refused)")
    found.take(Outcome(window="30d", error=error, retry_in_s=10), NOW)
    assert found.status(later(seconds=2, minutes=3), dt.UTC) == (
        "hub.lan:9190 does not answer (connection refused). Showing data from 12:41, 3 minutes old. "
        "Trying again in 0 s."
    )
    assert "Trying again in 8 s." in found.status(later(seconds=2), dt.UTC)
    assert len(found.visible()) == 7


def test_a_missing_token_says_what_to_do() -> None:
    found = Board(label="hub http://hub.lan:9190", is_hub=True, window="30d", empty_text="")
    error = PeerRefused("hub.lan:9190 wants a token.", "Set OPENUSAGE_HUB_TOKEN.", status=401)
    found.take(Outcome(window="30d", error=error, retry_in_s=8), NOW)
    said = "hub.lan:9190 wants a token. Set OPENUSAGE_HUB_TOKEN. Trying again in 8 s."
    assert found.status(NOW, dt.UTC) == said
    assert found.nothing(NOW, dt.UTC) == [said]


def test_recovery_takes_the_error_away() -> None:
    found = board(hub=True)
    frame = found.frame
    found.take(Outcome(window="30d", error=PeerUnreachable("x")), NOW)
    found.take(Outcome(window="30d", frame=frame, accounts=found.accounts), NOW)
    assert found.error is None
    assert found.status(NOW, dt.UTC).endswith("4 s ago")


def test_before_the_first_answer() -> None:
    found = Board(label="this machine", is_hub=False, window="30d", empty_text="")
    assert found.nothing(NOW, dt.UTC) == ["Asking this machine …"]


def test_the_first_read_is_told_by_the_notes() -> None:
    note = "Reading history: 612 MB of 1.0 GB, Claude Code, 2 s left"
    assert board([], notes=[note]).nothing(NOW, dt.UTC) == [note]
    assert board(notes=[note]).notes(NOW) == [note]


def test_nothing_found_says_what_to_do() -> None:
    assert board([]).nothing(NOW, dt.UTC) == ["No coding tool found on this machine.", "make demo"]


def test_a_filter_that_matches_nothing_says_so() -> None:
    found = board()
    found.filter = "nope\x1b[31m"
    assert found.nothing(NOW, dt.UTC) == ["No account matches “nope”.", "Esc clears the filter."]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", True),
        ("claude", True),
        ("CLAUDE", True),
        ("lap", True),
        ("claude work", True),
        ("ok", True),
        ("codex", False),
        ("claude home", False),
    ],
)
def test_the_filter_looks_at_account_tool_machine_and_status(text: str, found: bool) -> None:
    assert matches(on(CLAUDE, "work-laptop"), text) is found


def test_the_filter_knows_more_than_latin() -> None:
    assert matches(on(CLAUDE, "ビルド機"), "ビルド")


def test_the_selection_survives_a_refresh_and_a_filter() -> None:
    found = board()
    found.selected = key_of(CODEX)
    found.take(Outcome(window="30d", frame=found.frame, accounts=list(reversed(found.accounts))), NOW)
    chosen = found.chosen()
    assert chosen is not None
    assert chosen.key == key_of(CODEX)
    found.filter = "gemini"
    chosen = found.chosen()
    assert chosen is not None
    assert chosen.sections.provider_id == "gemini_cli"


@pytest.mark.parametrize(
    ("scope", "found"),
    [
        (Scope(by=By.MACHINE, label="build-1", key="build-1"), {"codex", "openrouter"}),
        (Scope(by=By.PROVIDER, label="Claude Code", key="claude_code"), {"claude_code"}),
        (Scope(by=By.ACCOUNT, label="personal", key="personal"), {"claude_code"}),
        (Scope(by=By.MODEL, label="gemini-3-pro", key="gemini-3-pro"), {"gemini_cli"}),
        (
            Scope(by=By.MODEL, label="gemini-3", key="gemini-3", models=("gemini-3-pro", "x")),
            {"gemini_cli"},
        ),
        (Scope(by=By.PROJECT, label="api", key="api"), {"codex"}),
        (Scope(by=By.CLIENT, label="vscode", key="vscode"), {"claude_code"}),
        (
            Scope(by=By.ACCOUNT, label="Codex", key="x", provider="codex", machines=("build-1",)),
            {"codex"},
        ),
        (Scope(by=By.MACHINE, label="nobody", key="nobody"), set()),
    ],
)
def test_a_scope_holds_the_tiles_of_its_row(scope: Scope, found: set[str]) -> None:
    assert {a.provider_id for a in FLEET if scope.holds(a)} == found


def test_tiles_of_a_scope_are_filtered_within_it() -> None:
    found = board(FLEET, hub=True)
    found.scope = Scope(by=By.MACHINE, label="build-1", key="build-1")
    found.filter = "codex"
    assert [a.key for a in found.visible()] == ["build-1:codex:codex-cli"]
    found.filter = "claude"
    assert found.nothing(NOW, dt.UTC) == ["No account matches “claude”.", "Esc clears the filter."]
    found.scope = Scope(by=By.PROJECT, label="thesis\x1b[2J", key="other")
    assert found.nothing(NOW, dt.UTC) == [
        "No tile that the hub has now tells of thesis.",
        "Esc goes back to the fleet.",
    ]


def test_windows_go_round() -> None:
    found = board()
    seen = []
    for _ in range(5):
        found.window = found.next_window()
        seen.append(found.window)
    assert seen == ["all", "1d", "3d", "7d", "30d"]
    found.window = "custom"
    assert found.next_window() == "all"


def test_a_hub_shows_the_window_that_the_machines_chose() -> None:
    found = board(FLEET, hub=True)
    assert found.shown_window() == "30d"
    other = msgspec.structs.replace(CLAUDE.totals, window="7d")
    mixed = board([*FLEET, on(CLAUDE, "m9", totals=other)], hub=True)
    assert mixed.shown_window() == ""


class Counting:
    """A decode that counts."""

    def __init__(self) -> None:
        self.decoded: list[str] = []
        self.source = FakeSource(LOCAL)

    def __call__(self, snapshot: UsageSnapshot, *, display_key: str, now: dt.datetime) -> Sections:
        self.decoded.append(display_key)
        return self.source.decode(snapshot, display_key=display_key, now=now)


def test_what_did_not_change_is_not_decoded_again() -> None:
    decode = Counting()
    decoder = Decoder(decode, lambda: NOW)
    first = decoder.accounts(decode.source.fetch("30d"))
    again = decoder.accounts(decode.source.fetch("30d"))
    assert len(decode.decoded) == len(LOCAL)
    assert [a is b for a, b in zip(first, again, strict=True)] == [True] * len(LOCAL)


def test_a_limit_that_started_anew_is_decoded_again() -> None:
    """The same snapshot means something else after the reset."""
    decode = Counting()
    moment = [NOW]
    decoder = Decoder(decode, lambda: moment[0])
    decoder.accounts(decode.source.fetch("30d"))
    moment[0] = later(hours=1, minutes=20)
    decoder.accounts(decode.source.fetch("30d"))
    assert decode.decoded[len(LOCAL) :] == [key_of(CLAUDE)]


def test_the_answer_to_a_key_goes_away_by_itself() -> None:
    found = board()
    found.say("Each machine chose its own window.", NOW)
    assert found.notes(later(seconds=7)) == ["Each machine chose its own window."]
    assert found.notes(later(seconds=9)) == []


def shown(found: Board) -> list[str]:
    return [a.key for a in found.visible()]


def test_accounts_stand_in_the_order_of_the_settings_and_the_others_behind_them() -> None:
    found = board()
    found.arrange([DashboardProvider(account_id="openrouter"), DashboardProvider(account_id="nobody")])
    keys = [key_of(a) for a in LOCAL]
    assert shown(found) == [keys[3], *keys[:3]]
    found.arrange([])
    assert shown(found) == keys


def test_accounts_that_are_switched_off_are_not_shown_and_stay_known() -> None:
    found = board()
    found.arrange([DashboardProvider(account_id=a.account_id, enabled=False) for a in LOCAL[:3]])
    assert shown(found) == [key_of(LOCAL[3])]
    assert len(found.accounts) == 4
    found.arrange([DashboardProvider(account_id=a.account_id, enabled=False) for a in LOCAL])
    assert found.nothing(NOW, dt.UTC) == [
        "All accounts are switched off.",
        "Press , to switch them on in the settings.",
    ]


def test_an_answer_that_says_nothing_new_is_told_apart() -> None:
    found = board()
    again = Outcome(window="30d", frame=found.frame, accounts=list(found.accounts))
    assert not found.take(again, NOW)
    assert found.take(Outcome(window="30d", error=PeerUnreachable("x")), NOW)
    assert found.take(again, NOW)  # the error is gone
    assert not found.take(again, NOW)
    assert found.frame is not None
    noted = msgspec.structs.replace(again, frame=msgspec.structs.replace(found.frame, notes=["new"]))
    assert found.take(noted, NOW)
    assert not found.take(noted, NOW)
    fewer = msgspec.structs.replace(again, accounts=again.accounts[:2])
    assert found.take(fewer, NOW)
    nobody = msgspec.structs.replace(again, accounts=[])
    assert found.take(nobody, NOW)
    assert found.take(nobody, NOW)  # what stands there instead of tiles may be another sentence


def test_what_is_waited_for_can_be_said() -> None:
    found = Board(label="this machine", is_hub=False, window="30d", empty_text="")
    found.waiting = "Starting the daemon …"
    assert found.nothing(NOW, dt.UTC) == found.nothing_of_fleet(NOW, dt.UTC) == ["Starting the daemon …"]


def test_a_brief_status_leaves_out_how_many() -> None:
    assert board(FLEET, hub=True).status(NOW, dt.UTC, brief=True) == "hub http://hub.lan:9190 · 4 s ago"
