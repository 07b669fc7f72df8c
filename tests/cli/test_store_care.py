"""`openusage telemetry backup|restore|compact|verify`, as one would use them."""

from __future__ import annotations

import json
from pathlib import Path

import apsw
import pytest

from openusage.cli.__main__ import main
from openusage.paths import Paths
from tests.store.samples import many, message, open_store
from tests.support.processes import environment

Output = pytest.CaptureFixture[str]


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    path = Paths.from_env(environment(tmp_path), tmp_path).database
    store = open_store(path)
    store.add(many(100))
    store.close()
    return path


def events(path: Path) -> int:
    store = open_store(path)
    try:
        return store.health().events
    finally:
        store.close()


def test_a_backup_is_put_back(database: Path, tmp_path: Path, capsys: Output) -> None:
    file = tmp_path / "copy.db"
    assert main(["telemetry", "backup", str(file)]) == 0
    assert f"{file}: " in capsys.readouterr().err
    store = open_store(database)
    store.add([message("later")])
    store.close()
    assert main(["telemetry", "restore", str(file), "--yes"]) == 0
    said = capsys.readouterr().err
    assert "before-restore: what was there before." in said
    assert events(database) == 100


def test_nobody_is_asked_without_a_terminal(
    database: Path, tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", (tmp_path / "in").open("w+"))
    assert main(["telemetry", "restore", str(database)]) == 2
    assert "Say --yes." in capsys.readouterr().err


def test_beside_a_daemon_it_says_what_to_do(database: Path, tmp_path: Path, capsys: Output) -> None:
    file = tmp_path / "copy.db"
    store = open_store(database)
    assert main(["telemetry", "backup", str(file)]) == 0
    assert main(["telemetry", "restore", str(file), "--yes"]) != 0
    assert "Stop the daemon first" in capsys.readouterr().err
    assert main(["telemetry", "compact"]) == 0
    assert main(["telemetry", "verify"]) == 0
    store.close()


def test_sums_that_differ_are_told_and_made_anew(database: Path, capsys: Output) -> None:
    assert main(["telemetry", "verify"]) == 0
    assert "All sums are those of their events." in capsys.readouterr().out
    db = apsw.Connection(str(database))
    db.execute("UPDATE rollup SET output = output + 1")
    db.close()
    assert main(["telemetry", "verify"]) == 1
    said = capsys.readouterr()
    assert "quarter-hours differ from their events." in said.out
    assert "openusage telemetry verify --repair" in said.err
    assert main(["telemetry", "verify", "--repair", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["faults"] == []


def test_compacting_says_what_it_gave_back(database: Path, capsys: Output) -> None:
    assert main(["telemetry", "compact", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["after"] <= told["before"]
    assert main(["telemetry", "compact"]) == 0
    assert " before, " in capsys.readouterr().out


@pytest.mark.parametrize("command", [["backup", "copy.db"], ["compact"], ["verify"]])
def test_without_a_database_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output, command: list[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert main(["telemetry", *command]) == 1
    assert "there is no database at" in capsys.readouterr().err
