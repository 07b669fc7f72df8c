"""A fleet of real processes: one plan on two machines, a Go program's worker among ours, cloned machines."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.support.daemons import DaemonProcess
from tests.support.homes import claude_line, write_claude, write_codex, write_settings
from tests.support.hubs import TOKEN, Hub, worker
from tests.support.processes import until

pytestmark = pytest.mark.slow

FIXTURES = Path(__file__).parent / "fixtures" / "hub"
AT = "2026-11-20T10:00:00.000Z"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with Hub(tmp_path / "hub") as hub:
        yield hub


def daemon(home: Path, *args: str) -> DaemonProcess:
    return DaemonProcess(home, *args, OPENUSAGE_HUB_TOKEN=TOKEN)


class Plan:
    """The vendor's endpoint for the limits of one plan, whoever of its machines asks."""

    def __init__(self, server: HTTPServer) -> None:
        self.url = server.url_for("")
        self.used_pct = 12.0
        self.asked_by: set[str] = set()
        self._lock = threading.Lock()
        server.expect_request("/api/oauth/usage").respond_with_handler(self._answer)

    def _answer(self, request: Request) -> Response:
        resets_at = dt.datetime.now(dt.UTC) + dt.timedelta(hours=3)
        with self._lock:
            self.asked_by.add(request.headers["Authorization"])
            limits = {"five_hour": {"utilization": self.used_pct, "resets_at": resets_at.isoformat()}}
        return Response(json.dumps(limits), 200)

    def log_in(self, home: Path, token: str) -> None:
        """A home where Claude Code is signed in to this plan."""
        expires_ms = int((dt.datetime.now(dt.UTC) + dt.timedelta(days=1)).timestamp() * 1000)
        login = {"claudeAiOauth": {"accessToken": token, "expiresAt": expires_ms}}
        (home / ".claude").mkdir(exist_ok=True)
        (home / ".claude/.credentials.json").write_text(json.dumps(login))
        (home / ".claude.json").write_text(json.dumps({"oauthAccount": {"accountUuid": "one-plan"}}))


def test_a_plan_of_two_machines_is_shown_once_with_both_names(
    hub: Hub, tmp_path: Path, httpserver: HTTPServer
) -> None:
    """The 5-hour window is the plan's: the newest reading of either machine, never a sum and never twice."""
    plan = Plan(httpserver)
    polled = {"accounts": [{"provider": "claude_code", "base_url": plan.url}]}
    homes = [worker(tmp_path, name, hub.url, **polled) for name in ("desk", "laptop")]
    with ExitStack() as stack:
        daemons = []
        for number, home in enumerate(homes):
            plan.log_in(home, f"token-{number}")
            write_claude(home, claude_line(f"own-{number}", at=AT))
            daemons.append(stack.enter_context(daemon(home, "--poll-interval", "1")))

        def shown() -> list[tuple[Any, ...]]:
            return [
                (account["machines"], quota["key"], quota["window"], quota["used"])
                for account in hub.get("/v1/accounts")["accounts"]
                if account["provider"] == "claude_code"
                for quota in account["quotas"]
                if quota["key"] == "usage_five_hour"
            ]

        both = ["desk", "laptop"]
        until(lambda: len(plan.asked_by) == 2, "both machines ask the vendor")
        until(lambda: shown() == [(both, "usage_five_hour", "5h", 12.0)], "it is there once")
        plan.used_pct = 37.5
        until(lambda: shown() == [(both, "usage_five_hour", "5h", 37.5)], "the newest reading is shown")
        daemons[1].kill()
        plan.used_pct = 55.0
        until(lambda: shown() == [(both, "usage_five_hour", "5h", 55.0)], "one machine's is the plan's")
        (quota,) = (
            q for a in hub.get("/v1/accounts")["accounts"] for q in a["quotas"] if "five_hour" in q["key"]
        )
        assert (quota["machine"], quota["scope"]) == ("desk", "account")
        assert hub.requests() == 2


def test_a_go_worker_and_two_of_ours_are_in_one_pane(hub: Hub, tmp_path: Path) -> None:
    """As it was captured: it sends no id and no records. Nothing of any of the three is lost."""
    homes = [worker(tmp_path, name, hub.url) for name in ("ours-1", "ours-2")]
    write_claude(homes[0], claude_line("1", at=AT))
    write_codex(homes[1], at=AT)
    captured = (FIXTURES / "push-latest.body.json").read_bytes()
    go = json.loads(captured)
    with ExitStack() as stack:
        assert hub.post("/v1/push", captured) == 200
        for home in homes:
            stack.enter_context(daemon(home))
        theirs = {f"peer-box:{s['provider_id']}:{s['account_id']}": s for s in go["snapshots"]}
        ours = {"ours-1:claude_code:claude-code", "ours-2:codex:codex-cli"}
        until(lambda: set(hub.keys()) == theirs.keys() | ours, "all three are in the pane")
        until(lambda: hub.requests() == 2, "our records are there")
        snapshots = hub.get("/v1/snapshots")
        for key, pushed in theirs.items():
            assert snapshots[key] == pushed | {"account_id": key}
        machines = hub.machines()
        assert set(machines) == {"peer-box", "ours-1", "ours-2"}
        assert {name: m["records"] for name, m in machines.items()} == {
            "peer-box": 0,
            "ours-1": 1,
            "ours-2": 1,
        }
        assert {name: bool(m["id"]) for name, m in machines.items()} == {
            "peer-box": False,
            "ours-1": True,
            "ours-2": True,
        }
        assert {m["state"] for m in machines.values()} == {"fresh"}
        assert {a["provider"] for a in machines["peer-box"]["accounts"]} == {
            s["provider_id"] for s in go["snapshots"]
        }
        # It pushes again, as it does every half minute: nothing of ours goes.
        assert hub.post("/v1/push", captured) == 200
        assert set(hub.keys()) == theirs.keys() | ours
        assert hub.requests() == 2


@pytest.mark.parametrize("same_name", [True, False], ids=["one name", "two names"])
def test_a_cloned_machine_loses_and_doubles_nothing(hub: Hub, tmp_path: Path, same_name: bool) -> None:
    """A home that was copied with its state: two processes with one id. What each of them uses counts."""
    home = worker(tmp_path, "box", hub.url)
    write_claude(home, *(claude_line(f"before-{n}", at=AT) for n in range(3)))
    with daemon(home) as first:
        until(lambda: hub.requests() == 3, "the machine is on the hub")
        assert first.terminate()[0] == 0
    clone = tmp_path / "clone"
    shutil.copytree(home, clone)
    if not same_name:
        export = {"target": hub.url, "interval_seconds": 1, "machine_name": "clone"}
        write_settings(clone, export=export)
    state = ".local/state/openusage/machine-id"
    assert (home / state).read_text() == (clone / state).read_text()
    with daemon(home), daemon(clone):
        for number in range(2):
            write_claude(home, claude_line(f"home-{number}", at=AT))
            write_claude(clone, claude_line(f"clone-{number}", at=AT), claude_line("both", at=AT))
        until(lambda: hub.requests() == 3 + 2 + 2 + 1, "each one's new turns count")
        write_claude(home, claude_line("both", at=AT))
        names = {"box"} if same_name else {"box", "clone"}
        until(lambda: {key.split(":")[0] for key in hub.keys()} == names, "both names are in the pane")
        assert hub.requests() == 8
        assert sum(m["records"] for m in hub.machines().values()) == 8
