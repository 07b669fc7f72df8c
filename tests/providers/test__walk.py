"""Which files are there: each once, nothing that is not wanted, and nothing lost that may come back."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import pytest

from openusage.providers import _jsonl, _walk
from openusage.providers._contract import Env, Plan


def env(home: Path, **environ: str) -> Env:
    return Env(home=home, environ=environ, now=dt.datetime(2026, 3, 2, tzinfo=dt.UTC))


def made(root: Path, *names: str) -> list[str]:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}\n")
    return [os.path.realpath(root / name) for name in names]


def is_log(relative: str) -> bool:
    return relative.endswith(".jsonl")


def found(root: Path, changed: set[str] | None = None) -> list[str]:
    walked = _walk.find([os.path.realpath(root)], is_log, changed, enters=lambda d: "backup" not in d)
    assert walked.problems == []
    return [state.path for state in walked.files]


def test_wanted_files_are_found_in_the_order_of_their_paths(tmp_path: Path) -> None:
    a, b, *_ = made(tmp_path, "a.jsonl", "p/q/b.jsonl", "p/c.json", "backup/d.jsonl", "p/backup/e.jsonl")
    assert found(tmp_path) == [a, b]


def test_of_what_changed_only_the_wanted_below_a_root_is_looked_at(tmp_path: Path) -> None:
    root = tmp_path / "root"
    a, b, c, d = made(root, "a.jsonl", "p/b.jsonl", "c.json", "backup/d.jsonl")
    [outside] = made(tmp_path, "rooted.jsonl")
    assert found(root, {b, c, d, outside, a + ".gone"}) == [b]
    assert found(root, set()) == []


def test_a_file_counts_once_however_many_links_lead_to_it(tmp_path: Path) -> None:
    [a, _] = made(tmp_path, "p/a.jsonl", "other/x.json")
    (tmp_path / "again.jsonl").symlink_to(a)
    (tmp_path / "p/loop").symlink_to(tmp_path)
    (tmp_path / "same").symlink_to(tmp_path / "p")
    assert found(tmp_path) == [a]


def test_what_cannot_be_looked_at_is_told_and_costs_only_itself(tmp_path: Path) -> None:
    [a] = made(tmp_path, "a.jsonl")
    (tmp_path / "nowhere.jsonl").symlink_to(tmp_path / "missing")
    os.mkfifo(tmp_path / "pipe.jsonl")
    walked = _walk.find([os.path.realpath(tmp_path)], is_log)
    assert [s.path for s in walked.files] == [a]
    assert sorted(Path(p.path).name for p in walked.problems) == ["nowhere.jsonl", "pipe.jsonl"]


def test_a_deep_tree_ends_somewhere(tmp_path: Path) -> None:
    made(tmp_path, "/".join("d" * 40) + "/a.jsonl")
    assert found(tmp_path) == []


@pytest.mark.parametrize(
    ("environ", "paths"),
    [
        ({}, []),
        ({"A": " , "}, []),
        ({"A": "~/x, /y ,z"}, ["{home}/x", "/y", "{home}/z"]),
        ({"B": "~"}, ["{home}"]),
        ({"A": "/a", "B": "/b"}, ["/a"]),
    ],
)
def test_paths_named_by_variables(home: Path, environ: dict[str, str], paths: list[str]) -> None:
    told = [str(path) for path in _walk.named(env(home, **environ), "A", "B")]
    assert told == [path.format(home=home) for path in paths]


def test_real_directories_are_named_once(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "d")
    (tmp_path / "file").touch()
    names = ("d", "link", "file", "missing")
    assert _walk.real_dirs([tmp_path / name for name in names]) == [os.path.realpath(tmp_path / "d")]


def test_what_is_gone_is_told_but_not_while_the_whole_root_is_away(tmp_path: Path) -> None:
    root = tmp_path / "root"
    a, b = made(root, "a.jsonl", "b.jsonl")
    states = [state for path in (a, b) if (state := _jsonl.stat(path)) is not None]
    cursors = {state.path: state.cursor(0) for state in states} | {
        "/other/c": states[0].cursor(0),
    }
    Path(a).unlink()
    assert _walk.gone(cursors, states[1:], [str(root)], None) == [a]
    assert _walk.gone(cursors, [], [str(root)], {b}) == []
    assert _walk.gone(cursors, [], [str(root)], {a}) == [a]
    root.rename(tmp_path / "away")
    assert _walk.gone(cursors, [], [str(root)], None) == []


@pytest.mark.parametrize(
    ("name", "again"), [("a.jsonl", 3), ("server.log", 3), ("a.json", 8), ("a.jsonl.zst", 8)]
)
def test_of_a_log_what_was_appended_is_planned_and_of_anything_else_all(
    tmp_path: Path, name: str, again: int
) -> None:
    path = tmp_path / name
    path.write_text("12345")
    before = _jsonl.stat(path)
    assert before is not None
    assert _walk.plan([before], {}) == Plan(files=1, bytes_to_read=5)
    cursors = {str(path): before.cursor(5)}
    assert _walk.plan([before], cursors) == Plan(files=0, bytes_to_read=0)
    with path.open("a") as file:
        file.write("678")
    after = _jsonl.stat(path)
    assert after is not None
    assert _walk.plan([after], cursors) == Plan(files=1, bytes_to_read=again)
