"""`openusage demo`: real machines with invented numbers, and nothing left behind."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from openusage.demo.cast import MACHINES
from tests.support.processes import PATIENCE_S, Process, environment, until


def demo(home: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "openusage.cli", "demo", "--listen", "127.0.0.1:0", *args],
        env=environment(home, TMPDIR=str(home)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        cwd=home,
    )


def left_in(home: Path) -> list[str]:
    return [path.name for path in home.iterdir() if path.name.startswith("openusage-demo-")]


def test_reports_are_of_the_invented_fleet(tmp_path: Path) -> None:
    done = demo(tmp_path, "fleet", "--json", "--window", "all")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert {row["key"] for row in told["rows"]} == {m.name for m in MACHINES}
    assert sum(row["total_tokens"] for row in told["rows"]) == told["totals"]["total_tokens"] > 100_000_000
    assert "were on more than one machine and are counted once" in done.stderr
    assert left_in(tmp_path) == []


def test_a_report_of_one_machine(tmp_path: Path) -> None:
    done = demo(tmp_path, "daily", "--csv")
    assert done.returncode == 0, done.stderr
    rows = list(csv.reader(io.StringIO(done.stdout)))
    assert len(rows) > 60
    assert left_in(tmp_path) == []


def test_headless_it_serves_page_and_hub_until_it_is_ended(tmp_path: Path) -> None:
    with Process(tmp_path, "demo", "--headless", "--listen", "127.0.0.1:0", TMPDIR=str(tmp_path)) as process:
        until(lambda: "five invented machines" in process.said, "it says where it is")
        (url,) = re.findall(r"http://[\d.:]+", process.said.split("(")[0])

        def machines() -> dict[str, str]:
            found = httpx.get(f"{url}/v1/machines").json()["machines"]
            return {m["name"]: m["state"] for m in found}

        until(lambda: len(machines()) == len(MACHINES), "all machines are there")
        assert machines()["build-1"] == "stale"
        assert machines()["ci"] == "gone"
        assert "work-laptop" in httpx.get(url).text
        code, _ = process.terminate()
    assert code == 0, process.said
    assert left_in(tmp_path) == []


def test_without_a_terminal_it_says_what_works(tmp_path: Path) -> None:
    done = demo(tmp_path)
    assert done.returncode == 2
    assert "openusage demo --headless" in done.stderr
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("args", [("--headless", "daily"), ("--window", "7d", "fleet")])
def test_options_of_the_dashboard_are_not_for_commands(tmp_path: Path, args: tuple[str, ...]) -> None:
    done = demo(tmp_path, *args)
    assert done.returncode == 2
    assert "are of the dashboard, not of a COMMAND" in done.stderr


def test_an_address_that_is_taken_is_said_when_it_was_asked_for(tmp_path: Path) -> None:
    with Process(tmp_path, "demo", "--headless", "--listen", "127.0.0.1:0", TMPDIR=str(tmp_path)) as process:
        until(lambda: "five invented machines" in process.said, "it says where it is")
        (port,) = re.findall(r"http://127.0.0.1:(\d+)", process.said.split("(")[0])
        done = subprocess.run(
            [
                sys.executable,
                "-P",
                "-m",
                "openusage.cli",
                "demo",
                "--headless",
                "--listen",
                f"127.0.0.1:{port}",
            ],
            env=environment(tmp_path, TMPDIR=str(tmp_path)),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        assert done.returncode != 0
        assert port in done.stderr
        process.terminate()
    assert left_in(tmp_path) == []
