"""The invented logs: the same every time, and their truth is what they hold."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tools.genlogs import AGENTS, write_home
from tools.genlogs.__main__ import main
from tools.genlogs._truth import FIELDS

NOW = dt.datetime(2026, 11, 20, 15, 42, 7, tzinfo=dt.UTC)


def digest(home: Path) -> str:
    """Names, times and bytes of a tree."""
    found = hashlib.sha256()
    for path in sorted(p for p in home.rglob("*") if p.is_file()):
        found.update(f"{path.relative_to(home)} {path.stat().st_mtime_ns // 1_000_000}\n".encode())
        found.update(path.read_bytes())
    return found.hexdigest()


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    one = write_home(tmp_path / "one", seed=5, days=6, mb=1.5)
    two = write_home(tmp_path / "two", seed=5, days=6, mb=1.5)
    assert one == two
    assert digest(tmp_path / "one") == digest(tmp_path / "two")
    write_home(tmp_path / "three", seed=6, days=6, mb=1.5)
    assert digest(tmp_path / "three") != digest(tmp_path / "one")


def test_plain_logs_never_change(tmp_path: Path) -> None:
    """Measurements of other tools refer to these bytes: another digest makes them incomparable."""
    truth = write_home(tmp_path, seed=7, days=10, mb=2.0)
    assert digest(tmp_path) == PLAIN_DIGEST
    text = json.dumps(truth, indent=1, ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == PLAIN_TRUTH


PLAIN_DIGEST = "1053ed838a68a9a7794f6fa5589f63ade60c604ea7b9fc1d9b702cd5a4335ed1"
PLAIN_TRUTH = "d7880a79b277c06d3afa91b9f47b7aaebd5df3fd94d54d9a9bd7f5c450bfd0dd"


def test_plain_logs_of_gemini_never_change(tmp_path: Path) -> None:
    write_home(tmp_path, seed=7, days=10, mb=0.5, agents=["gemini"])
    assert digest(tmp_path) == PLAIN_GEMINI_DIGEST


PLAIN_GEMINI_DIGEST = "8cb72ff7b220ca93ec0ea8d9176ec7a1076190df398cff2bb0a7f6f747e5503f"


@pytest.mark.parametrize("flavour", ["plain", "rich"])
@pytest.mark.parametrize("seed", [1, 2])
def test_the_truth_is_what_a_careful_reader_counts(tmp_path: Path, flavour: Any, seed: int) -> None:
    """Every message once, with its largest usage, however often its lines were copied or replayed."""
    truth = write_home(tmp_path, seed=seed, days=20, mb=3, flavour=flavour, agents=tuple(AGENTS))
    readers = {
        "claude": claude_messages,
        "codex": codex_messages,
        "opencode": opencode_messages,
        "gemini": gemini_messages,
    }
    for agent, read in readers.items():
        messages = read(tmp_path)
        sums = {f: sum(counts[i] for counts in messages.values()) for i, f in enumerate(FIELDS)}
        told = truth["agents"][agent]["total"]
        assert sums == {f: told[f] for f in FIELDS}, agent
        assert len(messages) == told["messages"]


@pytest.mark.parametrize("flavour", ["plain", "rich"])
def test_the_parts_of_the_truth_add_up(tmp_path: Path, flavour: Any) -> None:
    truth = write_home(tmp_path, seed=3, days=15, mb=3, flavour=flavour)
    files = [p for p in tmp_path.rglob("*") if p.is_file()]
    agents = truth["agents"].values()
    assert sum(a["files"] for a in agents) == len(files)
    assert sum(a["bytes"] for a in agents) == sum(p.stat().st_size for p in files)
    for sums in agents:
        total = sums["total"]
        for f in (*FIELDS, "messages"):
            assert sum(m[f] for day in sums["days"].values() for m in day.values()) == total[f]
            assert sum(s[f] for s in sums["sessions"].values()) == total[f]
        assert total["total"] == sum(total[f] for f in FIELDS)
        assert sum(b["total"] for b in sums["blocks_5h"]) == total["total"]
        assert sums["wrong_if_every_line"]["total"] > total["total"] >= sums["wrong_if_first_kept"]["total"]
        assert all(day <= "2026-11-22" for day in sums["days"])


def test_rich_logs_hold_what_a_dashboard_shows(tmp_path: Path) -> None:
    agents = {"claude": claude_tools, "codex": codex_tools, "gemini": gemini_tools}
    truth = write_home(tmp_path, seed=4, days=10, mb=4, flavour="rich", agents=list(agents))
    account = json.loads((tmp_path / ".claude.json").read_text())
    assert account["oauthAccount"]["emailAddress"].endswith("@example.com")
    assert not (tmp_path / ".codex/auth.json").exists()
    for agent, read in agents.items():
        tools = truth["agents"][agent]["tools"]
        assert tools == read(tmp_path)
        assert any(name.startswith("mcp_") for name in tools)
        assert 0 < sum(t["errors"] for t in tools.values()) < sum(t["calls"] for t in tools.values()) / 5
    assert {"Edit", "Write", "MultiEdit", "Task"} <= set(truth["agents"]["claude"]["tools"])
    assert "apply_patch" in truth["agents"]["codex"]["tools"]


def test_edits_name_a_file_and_what_changes(tmp_path: Path) -> None:
    write_home(tmp_path, seed=4, days=10, mb=4, flavour="rich", agents=["claude"])
    suffixes = set()
    for line in lines(tmp_path / ".claude"):
        for block in _blocks(line):
            if block.get("name") == "Edit":
                assert block["input"]["old_string"] != block["input"]["new_string"]
                suffixes.add(Path(block["input"]["file_path"]).suffix)
    assert len(suffixes) >= 5


def test_codex_limits_rise_until_they_are_reset(tmp_path: Path) -> None:
    """Within one window the used share never falls as time goes on, and its reset is the window's end."""
    write_home(tmp_path, seed=4, days=10, mb=4, flavour="rich", agents=["codex"])
    seen: dict[int, list[tuple[str, float]]] = {}
    for line in lines(tmp_path / ".codex"):
        limits = line["payload"].get("rate_limits")
        if limits:
            primary = limits["primary"]
            assert primary["resets_at"] > dt.datetime.fromisoformat(line["timestamp"]).timestamp() - 60
            seen.setdefault(primary["resets_at"], []).append((line["timestamp"], primary["used_percent"]))
    assert seen
    for readings in seen.values():
        shares = [share for _, share in sorted(readings)]
        assert shares == sorted(shares)


def test_until_a_moment_nothing_lies_in_the_future_and_work_goes_on(tmp_path: Path) -> None:
    truth = write_home(tmp_path, seed=8, days=7, mb=6, flavour="rich", until=NOW)
    stamps = [dt.datetime.fromisoformat(line["timestamp"]) for line in lines(tmp_path) if "timestamp" in line]
    assert max(stamps) <= NOW
    assert max(stamps) > NOW - dt.timedelta(minutes=30)
    for sums in truth["agents"].values():
        assert "2026-11-20" in sums["days"]


def test_plain_logs_cannot_end_at_a_moment(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="rich"):
        write_home(tmp_path, seed=1, days=1, mb=0.1, until=NOW)


def test_the_command_writes_the_home_and_the_truth_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    arguments = ["--home", str(home), "--seed", "9", "--days", "4", "--mb", "0.5"]
    assert main(arguments) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "home.truth.json")
    told = json.loads((tmp_path / "home.truth.json").read_text())
    assert told == write_home(tmp_path / "again", seed=9, days=4, mb=0.5)
    assert digest(home) == digest(tmp_path / "again")
    with pytest.raises(SystemExit):
        main(arguments)
    assert "is not empty" in capsys.readouterr().err
    assert main([*arguments, "--clean", "--agents", "codex"]) == 0
    assert not (home / ".claude").exists()


def lines(root: Path) -> Iterator[dict[str, Any]]:
    """Every line that is a whole JSON object, in the order of file names."""
    for path in sorted(root.rglob("*.jsonl")):
        for raw in path.read_bytes().split(b"\n"):
            try:
                line = json.loads(raw.decode("utf-8", "surrogatepass"))
            except ValueError:
                continue
            yield line


def claude_messages(home: Path) -> dict[object, tuple[int, ...]]:
    """Largest usage per message; what has no request id is known by its prompt, what has no id by uuid."""
    found: dict[object, tuple[int, ...]] = {}
    for line in lines(home / ".claude"):
        line = line.get("data", {}).get("message", line) if line["type"] == "progress" else line
        message = line.get("message", {})
        if line["type"] != "assistant" or "usage" not in message or message["model"] == "<synthetic>":
            continue
        used = message["usage"]
        writes = used.get("cache_creation", {})
        hour = writes.get("ephemeral_1h_input_tokens", 0)
        five = used["cache_creation_input_tokens"] - hour
        counts = (used["input_tokens"], used["output_tokens"], 0, used["cache_read_input_tokens"], five, hour)
        key: object = message.get("id") or line["uuid"]
        if "id" in message and "requestId" not in line:
            key = (message["id"], counts[0], counts[3], five, hour)
        found[key] = max(found.get(key, counts), counts, key=sum)
    return found


def codex_messages(home: Path) -> dict[object, tuple[int, ...]]:
    """One message per state of the cumulative counters: replays and refreshes repeat a known state."""
    found: dict[object, tuple[int, ...]] = {}
    for line in lines(home / ".codex"):
        info = line["payload"].get("info") if line["payload"].get("type") == "token_count" else None
        if info:
            last = info["last_token_usage"]
            cached, thought = last["cached_input_tokens"], last["reasoning_output_tokens"]
            counts = (last["input_tokens"] - cached, last["output_tokens"] - thought, thought, cached, 0, 0)
            found[(*info["total_token_usage"].values(), *counts)] = counts
    return found


def opencode_messages(home: Path) -> dict[object, tuple[int, ...]]:
    """One message per time, model and counts: forks have them under other ids, JSON files once more."""
    found: dict[object, tuple[int, ...]] = {}
    root = home / ".local/share/opencode"
    db = sqlite3.connect(root / "opencode.db")
    texts = [data for (data,) in db.execute("SELECT data FROM message")]
    db.close()
    texts += [path.read_text() for path in (root / "storage/message").rglob("*.json")]
    for message in map(json.loads, texts):
        if message["role"] == "assistant" and "error" not in message:
            used, cache = message["tokens"], message["tokens"]["cache"]
            counts = (used["input"], used["output"], used["reasoning"], cache["read"], cache["write"], 0)
            found[(*message["time"].values(), message["modelID"], *counts)] = counts
    return found


def gemini_chats(home: Path) -> Iterator[dict[str, Any]]:
    """Every message of every chat."""
    for path in sorted((home / ".gemini/tmp").rglob("session-*")):
        text = path.read_text()
        whole = path.suffix == ".json"
        for found in [json.loads(text)] if whole else map(json.loads, text.rstrip("\n").split("\n")):
            yield from found.get("messages", [found])


def gemini_messages(home: Path) -> dict[object, tuple[int, ...]]:
    """Every id once, with its tokens."""
    found: dict[object, tuple[int, ...]] = {}
    for message in gemini_chats(home):
        if used := message.get("tokens"):
            cached = used["cached"]
            fresh = used["input"] - cached + used["tool"]
            found[message["id"]] = (fresh, used["output"], used["thoughts"], cached, 0, 0)
    return found


def gemini_tools(home: Path) -> dict[str, dict[str, int]]:
    calls = {c["id"]: c for message in gemini_chats(home) for c in message.get("toolCalls", [])}
    failed = {call_id for call_id, call in calls.items() if call["status"] == "error"}
    return _by_tool({call_id: call["name"] for call_id, call in calls.items()}, failed)


def _blocks(line: dict[str, Any]) -> list[dict[str, Any]]:
    content = line.get("message", {}).get("content", [])
    return [b for b in content if isinstance(b, dict)] if isinstance(content, list) else []


def claude_tools(home: Path) -> dict[str, dict[str, int]]:
    names: dict[str, str] = {}
    failed: set[str] = set()
    for line in lines(home / ".claude"):
        for block in _blocks(line):
            if block["type"] == "tool_use":
                names[block["id"]] = block["name"]
            elif block["type"] == "tool_result" and block.get("is_error"):
                failed.add(block["tool_use_id"])
    return _by_tool(names, failed)


def codex_tools(home: Path) -> dict[str, dict[str, int]]:
    names: dict[str, str] = {}
    failed: set[str] = set()
    for line in lines(home / ".codex"):
        payload = line["payload"]
        kind = payload.get("type", "")
        if kind in ("function_call", "custom_tool_call"):
            names[payload["call_id"]] = payload["name"]
        elif kind == "custom_tool_call_output":
            if json.loads(payload["output"])["metadata"]["exit_code"]:
                failed.add(payload["call_id"])
        elif kind == "function_call_output" and names[payload["call_id"]] == "exec_command":
            if "exited with code 0\n" not in payload["output"]:
                failed.add(payload["call_id"])
    return _by_tool(names, failed)


def _by_tool(names: dict[str, str], failed: set[str]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for call, name in names.items():
        sums = found.setdefault(name, {"calls": 0, "errors": 0})
        sums["calls"] += 1
        sums["errors"] += call in failed
    return dict(sorted(found.items()))
