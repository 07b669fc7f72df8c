"""What tools run: real shells and a real JavaScript engine write whole, private, bounded spool files."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from openusage.daemon import spool as daemon_spool
from openusage.integrations import Integration
from openusage.integrations import _files as files
from openusage.paths import Paths
from openusage.providers import load
from openusage.providers._contract import ParsesHooks
from openusage.wire.events import UsageEvent
from tests.support.processes import PATIENCE_S

SHELLS = [name for name in ("dash", "bash", "busybox", "ksh") if shutil.which(name)]
CODEX = {
    "type": "agent-turn-complete",
    "thread-id": "01990000-0000-7000-8000-000000000001",
    "turn-id": "7",
    "cwd": '/home/ann/a "b',
    "input-messages": ['hunter2 ,"input-messages":'],
    "last-assistant-message": "hunter2",
}


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> list[str]:
    return ["busybox", "sh"] if request.param == "busybox" else [request.param]


def ran(
    command: list[str],
    stdin: bytes = b"",
    environ: Mapping[str, str] = MappingProxyType({}),
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        command,
        input=stdin,
        env={"PATH": os.environ["PATH"], **environ},
        cwd=cwd,
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )


def waiting(paths: Paths) -> list[Any]:
    """What is in the spool, and that there is nothing but whole files of this user alone."""
    found = sorted(paths.hook_spool.iterdir()) if paths.hook_spool.exists() else []
    for file in found:
        assert file.suffix == ".json"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    return [json.loads(file.read_bytes()) for file in found]


def claude(known: dict[str, Integration], shell: list[str]) -> list[str]:
    known["claude_code"].install()
    return [*shell, str(known["claude_code"].status().artifact)]


def codex(known: dict[str, Integration], shell: list[str]) -> list[str]:
    known["codex"].install()
    return [*shell, str(known["codex"].status().artifact)]


def test_a_payload_is_left_as_it_came(known: dict[str, Integration], paths: Paths, shell: list[str]) -> None:
    payload = {"hook_event_name": "Stop", "x": 'é "\\ %s \\n $HOME `x`'}
    done = ran(claude(known, shell), json.dumps(payload).encode())
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert waiting(paths) == [{"source": "claude_code", "account_id": "", "payload": payload}]
    assert stat.S_IMODE(paths.hook_spool.stat().st_mode) == 0o700


def test_the_command_in_the_settings_is_one_that_a_shell_runs(
    known: dict[str, Integration], paths: Paths
) -> None:
    """The path of this home has a space and a quote in it."""
    known["claude_code"].install()
    settings = json.loads(known["claude_code"].status().config.read_text())
    commands = {h["command"] for groups in settings["hooks"].values() for g in groups for h in g["hooks"]}
    for command in commands:
        assert ran(["/bin/sh", "-c", command], b"{}").returncode == 0
    assert len(waiting(paths)) == 1


@pytest.mark.parametrize("account", ["work", 'a"b\\c', "two\nlines\t", "ä€"])
def test_an_account_is_written_as_json_has_it(
    known: dict[str, Integration], paths: Paths, shell: list[str], account: str
) -> None:
    ran(claude(known, shell), b"{}", {"OPENUSAGE_TELEMETRY_ACCOUNT_ID": account})
    expected = "".join(c for c in account if c >= " ")
    assert [w["account_id"] for w in waiting(paths)] == [expected]


@pytest.mark.parametrize("word", ["0", "false", "False", "no", "NO", "off"])
def test_it_can_be_switched_off(
    known: dict[str, Integration], paths: Paths, shell: list[str], word: str
) -> None:
    off = {"OPENUSAGE_TELEMETRY_ENABLED": word}
    assert ran(claude(known, shell), b"{}", off).returncode == 0
    assert ran([*codex(known, shell), json.dumps(CODEX)], environ=off).returncode == 0
    assert waiting(paths) == []


def test_another_folder_can_be_named(
    known: dict[str, Integration], paths: Paths, shell: list[str], tmp_path: Path
) -> None:
    other = tmp_path / "an other"
    ran(claude(known, shell), b"{}", {"OPENUSAGE_HOOK_SPOOL": str(other)})
    assert len(list(other.glob("*.json"))) == 1
    assert waiting(paths) == []
    assert Paths.from_env({"OPENUSAGE_HOOK_SPOOL": str(other)}, tmp_path).hook_spool == other


def test_a_large_payload_is_cut_and_all_of_it_is_taken_from_who_writes(
    known: dict[str, Integration], paths: Paths, shell: list[str]
) -> None:
    """A megabyte is far beyond what a pipe holds: a writer that were cut off would hear of it."""
    command = claude(known, shell)
    with subprocess.Popen(command, stdin=subprocess.PIPE, env={"PATH": os.environ["PATH"]}) as hook:
        assert hook.stdin is not None
        hook.stdin.write(b'{"x":"' + b"y" * (1 << 20) + b'"}')
        hook.stdin.close()
        assert hook.wait(PATIENCE_S) == 0
    [file] = paths.hook_spool.iterdir()
    assert daemon_spool.CUT_BYTES <= file.stat().st_size < daemon_spool.CUT_BYTES + 200
    assert files.MOST_BYTES == daemon_spool.CUT_BYTES


def test_names_differ_also_where_the_system_has_no_source_of_them(
    known: dict[str, Integration], paths: Paths, shell: list[str]
) -> None:
    """macOS has no /proc."""
    command = claude(known, shell)
    script = Path(command[-1])
    script.write_text(script.read_text().replace("/proc/", "/no-such-proc/"))
    for _ in range(3):
        done = ran(command, b"{}")
        assert (done.returncode, done.stderr) == (0, b"")
    assert len(waiting(paths)) == 3


def test_no_more_is_left_while_nobody_takes_it(
    known: dict[str, Integration], paths: Paths, shell: list[str]
) -> None:
    paths.hook_spool.mkdir(parents=True)
    for n in range(files.MOST_FILES - 1):
        (paths.hook_spool / f"{n}.json").touch()
    for _ in range(2):
        assert ran(claude(known, shell), b"{}").returncode == 0
    assert len(list(paths.hook_spool.iterdir())) == files.MOST_FILES


def test_a_spool_that_cannot_be_written_is_no_failure(
    known: dict[str, Integration], paths: Paths, shell: list[str]
) -> None:
    paths.hook_spool.parent.mkdir(parents=True)
    paths.hook_spool.touch()
    for command in (claude(known, shell), [*codex(known, shell), "{}"]):
        done = ran(command, b"{}")
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_codex_leaves_neither_what_was_asked_nor_what_was_answered(
    known: dict[str, Integration], paths: Paths, shell: list[str]
) -> None:
    text = json.dumps(CODEX, separators=(",", ":"))
    assert ran([*codex(known, shell), text]).returncode == 0
    [left] = waiting(paths)
    assert left["payload"] == {k: CODEX[k] for k in ("type", "thread-id", "turn-id", "cwd")}
    tool = load("codex")
    assert isinstance(tool, ParsesHooks)
    whole, cut = (tool.parse_hook(json.dumps(p).encode(), "codex-cli", 1) for p in (CODEX, left["payload"]))
    assert whole == cut != []


def test_the_command_that_was_there_runs_as_if_nothing_stood_before_it(
    known: dict[str, Integration], paths: Paths, shell: list[str], tmp_path: Path
) -> None:
    theirs = tmp_path / "their program"
    theirs.write_text('#!/bin/sh\nprintf "%s|" "$@" "$dir$last$id$account" "$(umask)"\nexit 7\n')
    theirs.chmod(0o755)
    payload = '{"type":"x","cwd":"a b"}'
    command = ["/bin/sh", "-c", 'umask 022; exec "$@"', "codex", *codex(known, shell), str(theirs)]
    own = dict.fromkeys(("dir", "last", "id", "account"), "x")
    done = ran([*command, "-a b", payload], environ=own)
    assert (done.returncode, done.stdout) == (7, f"-a b|{payload}|xxxx|0022|".encode())
    assert [w["payload"] for w in waiting(paths)] == [json.loads(payload)]
    paths.hook_spool.rename(tmp_path / "old")
    off = ran([*command, payload], environ={"OPENUSAGE_TELEMETRY_ENABLED": "0"})
    assert (off.returncode, off.stdout) == (7, f"{payload}||0022|".encode())
    assert waiting(paths) == []


def test_codex_without_a_payload_does_nothing(
    known: dict[str, Integration], paths: Paths, shell: list[str]
) -> None:
    assert ran(codex(known, shell)).returncode == 0
    assert waiting(paths) == []


def test_a_large_payload_of_codex_only_says_that_something_happened(
    known: dict[str, Integration], paths: Paths, shell: list[str]
) -> None:
    text = json.dumps({"cwd": "x" * (files.MOST_BYTES + 1)})
    assert ran([*codex(known, shell), text]).returncode == 0
    assert [w["payload"] for w in waiting(paths)] == [{}]


def test_scripts_know_their_version_and_run_without_what_this_test_put_around_them(
    known: dict[str, Integration], paths: Paths
) -> None:
    for one in known.values():
        one.install()
        status = one.status()
        content = status.artifact.read_text()
        assert "@" not in content.replace("._@-", "").replace('"$@"', "")
        assert status.version == files.VERSION
    script = known["claude_code"].status().artifact
    assert ran([str(script)], b"{}").returncode == 0
    assert shlex.quote(str(paths.hook_spool)) in script.read_text()


# --- the plugin ------------------------------------------------------------------------------------------

_DRIVE = """
import { OpenUsageTelemetry } from "./plugin.mjs"
const hooks = await OpenUsageTelemetry({})
for (const event of JSON.parse(process.argv[2])) await hooks.event({ event })
"""
MESSAGE = {
    "id": "msg_1",
    "sessionID": "ses_1",
    "role": "assistant",
    "providerID": "anthropic",
    "modelID": "claude-sonnet-4-5",
    "agent": "build",
    "path": {"cwd": "/home/ann/shop", "root": "/"},
    "time": {"created": 1772445600000},
    "system": "hunter2",
}


def part(**more: Any) -> dict[str, Any]:
    about = {"id": "prt_1", "sessionID": "ses_1", "messageID": "msg_1", **more}
    return {"type": "message.part.updated", "properties": {"part": about}}


EVENTS = [
    part(type="step-finish", tokens={"input": 1}, messageID="msg_of_before_the_plugin"),
    {"type": "message.updated", "properties": {"info": MESSAGE}},
    {"type": "message.updated", "properties": {"info": MESSAGE | {"id": "msg_0", "role": "user"}}},
    {"type": "session.idle", "properties": {}},
    {"type": "odd"},
    part(type="text", text="hunter2"),
    part(type="tool", tool="bash", callID="toolu_0123456789abcdef", state={"status": "running"}),
    part(
        type="tool",
        tool="bash",
        callID="toolu_0123456789abcdef",
        state={
            "status": "completed",
            "input": {"command": "hunter2"},
            "output": "hunter2",
            "time": {"start": 1772445601000, "end": 1772445602000},
        },
    ),
    part(
        type="step-finish",
        cost=0.01,
        tokens={"input": 5, "output": 7, "reasoning": 0, "cache": {"read": 11, "write": 0}},
    ),
]


@pytest.fixture
def plugin(known: dict[str, Integration], tmp_path: Path) -> Path:
    if not shutil.which("node"):
        pytest.skip("no JavaScript engine here")
    known["opencode"].install()
    shutil.copy(known["opencode"].status().artifact, tmp_path / "plugin.mjs")
    (tmp_path / "drive.mjs").write_text(_DRIVE)
    return tmp_path


def drive(plugin: Path, **environ: str) -> None:
    done = ran(["node", "drive.mjs", json.dumps(EVENTS)], environ=environ, cwd=plugin)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_the_plugin_tells_numbers_and_names_of_what_has_ended(plugin: Path, paths: Paths) -> None:
    drive(plugin, OPENUSAGE_TELEMETRY_ACCOUNT_ID='wo"rk')
    left = waiting(paths)
    assert "hunter2" not in json.dumps(left)
    assert {(w["source"], w["account_id"]) for w in left} == {("opencode", 'wo"rk')}
    tool = load("opencode")
    assert isinstance(tool, ParsesHooks)
    found = [r for w in left for r in tool.parse_hook(json.dumps(w["payload"]).encode(), "opencode", 1)]
    events = [r for r in found if isinstance(r, UsageEvent)]
    told = {(e.kind, e.tool, e.tokens.total, e.cost_reported_nano, e.project) for e in events}
    assert told == {("message", None, 23, 10_000_000, "shop"), ("tool", "bash", 0, None, "shop")}


def test_the_plugin_can_be_switched_off_and_never_fails(plugin: Path, paths: Paths) -> None:
    drive(plugin, OPENUSAGE_TELEMETRY_ENABLED="off")
    assert waiting(paths) == []
    paths.hook_spool.parent.mkdir(parents=True, exist_ok=True)
    paths.hook_spool.touch()
    drive(plugin)
    assert paths.hook_spool.read_bytes() == b""
