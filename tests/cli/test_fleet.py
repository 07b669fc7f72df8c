"""`openusage fleet`: the figures of the fleet screen, printed."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from openusage.cli.__main__ import main
from tests.hub.conftest import TOKEN
from tests.hub.fleet import DESKTOP, LAPTOP, Fleet, fleet
from tests.store.samples import DAY_US, HOUR_US, message
from tests.support.homes import write_settings
from tools.ports import free_port

Output = pytest.CaptureFixture[str]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    """Two machines with one message in common; one of them has an older one, too."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("OPENUSAGE_HUB_TOKEN", TOKEN)
    with fleet(tmp_path / "hub.db") as running:
        now = running.now_us
        common = message("c", now - HOUR_US, 100)
        running.send([common, message("a", now - 20 * DAY_US, 50)], LAPTOP, machine="laptop")
        running.send([common, message("b", now - 2 * HOUR_US, 70)], DESKTOP, machine="desktop")
        yield running


def printed(hub: Fleet, capsys: Output, *args: str) -> str:
    assert main(["fleet", hub.server.url, "--tz", "UTC", *args]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("window", ["1d", "3d", "7d", "30d", "all"])
@pytest.mark.parametrize(("by", "group"), [("machine", "machine"), ("lineage", "model")])
def test_the_figures_are_those_of_the_screen(
    hub: Fleet, capsys: Output, window: str, by: str, group: str
) -> None:
    report = json.loads(printed(hub, capsys, "--json", "--window", window, "--by", by))
    screen = hub.get("/v1/fleet", window=window, group=group)
    used = [row for row in screen["rows"] if row["window"]["requests"]]
    assert {row["key"]: row["total_tokens"] for row in report["rows"]} == {
        row["label"]: row["window"]["tokens"] for row in used
    }
    assert report["totals"]["total_tokens"] == screen["totals"]["window"]["tokens"] > 0


def test_what_two_machines_have_is_counted_once_and_told(hub: Fleet, capsys: Output) -> None:
    assert main(["fleet", hub.server.url]) == 0
    assert "1 event was on more than one machine and is counted once." in capsys.readouterr().err


def test_names_of_one_model_are_one_line_with_the_names_below_it(
    hub: Fleet, tmp_path: Path, capsys: Output
) -> None:
    """An alias of ours too; by model, and for programs, the names stay as the tools give them."""
    settings = tmp_path / ".config" / "openusage" / "settings.json"
    settings.parent.mkdir(parents=True)
    settings.write_text('{"models": {"lineages": {"my-alias": "claude-opus"}}}')
    records = [
        message("x", hub.now_us - HOUR_US, 7, model="gw/my-alias"),
        message("y", hub.now_us - HOUR_US, 5, model="gpt-4o-2024-08-06"),
    ]
    hub.send(records, LAPTOP, after=2, machine="laptop")
    text = printed(hub, capsys, "--window", "7d", "--by", "lineage", "--breakdown").splitlines()
    names = [line.split()[0] for line in text[1 : text.index(next(x for x in text if x.startswith("─")))]]
    assert names == ["claude-opus", "opus", "gw/my-alias", "gpt-4o", "gpt-4o-2024-08-06"]
    for args in (("--by", "model"), ("--by", "machine", "-b")):
        said = json.loads(printed(hub, capsys, "--json", "--window", "7d", *args))
        rows = said["rows"] if "model" in args else said["totals"]["model_breakdown"]
        assert {row["key"]: row["lineage"] for row in rows} == {
            "opus": "claude-opus",
            "gw/my-alias": "claude-opus",
            "gpt-4o-2024-08-06": "gpt-4o",
        }


def test_what_no_account_is_known_to_pay_for_is_told_and_counted(hub: Fleet, capsys: Output) -> None:
    owner = {"provider": "opencode", "account": "opencode"}
    hub.send(
        [message("x", hub.now_us - HOUR_US, 7, upstream="anthropic", **owner)], after=2, machine="laptop"
    )
    assert main(["fleet", hub.server.url, "--by", "provider", "--json"]) == 0
    out, err = capsys.readouterr()
    said = json.loads(out)
    assert {row["key"] for row in said["rows"]} == {"claude_code", "opencode"}
    assert [(u["provider"], u["upstream"], u["requests"], u["tokens"]) for u in said["unassigned"]] == [
        ("opencode", "anthropic", 1, 17)
    ]
    assert (
        "Unassigned: 1 request of OpenCode, answered by anthropic: no account is known to pay for that."
        ' Set telemetry.provider_links {"anthropic": "claude_code"} to count them for Claude Code,'
    ) in err


def test_csv_has_a_line_a_machine(hub: Fleet, capsys: Output) -> None:
    rows = list(csv.DictReader(io.StringIO(printed(hub, capsys, "--csv", "--window", "all"))))
    assert {next(iter(row.values())) for row in rows} >= {"laptop", "desktop"}


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--window", "7d", "--since", "2026-01-01"], "--window excludes --since and --until"),
        (["--window", "2d"], "'2d' is not one of"),
        (["--json", "--csv"], "--json and --csv exclude each other"),
    ],
)
def test_contradictions_are_refused(args: list[str], said: str, capsys: Output) -> None:
    assert main(["fleet", "127.0.0.1:1", *args]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "hint"),
    [
        (["http://127.0.0.1:{port}"], "Does the hub run, and can this machine reach it?"),
        ([], "Say which: openusage fleet URL"),
    ],
)
def test_a_hub_that_does_not_answer_is_told_with_what_to_do(
    args: list[str], hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    port = free_port()
    monkeypatch.setenv("HOME", str(tmp_path))
    write_settings(tmp_path, hub={"listen_addr": f"127.0.0.1:{port}"})
    assert main(["fleet", *(arg.format(port=port) for arg in args)]) == 3
    assert capsys.readouterr().err == (
        f"openusage: 127.0.0.1:{port} does not answer (connection refused).\n{hint}\n"
    )
