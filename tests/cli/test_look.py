"""Where themes come from, what is left where, and which terminals are plain."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.color import ColorSystem

from openusage.cli.compose.look import has_few_colours, is_plain, keep, schemes_of
from openusage.paths import Paths

COLOURS = {name: "#808080" for name in ("text", "accent", "green", "yellow", "red")} | {"base": "#101018"}


def paths(home: Path) -> Paths:
    return Paths.from_env({}, home)


def write_theme(folder: Path, name: str, **more: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name.lower()}.json").write_text(json.dumps({"name": name} | COLOURS | more))


def test_a_persons_themes_stand_beside_the_built_in_ones(tmp_path: Path) -> None:
    here = paths(tmp_path)
    write_theme(here.themes_dir, "Mine")
    write_theme(tmp_path / "one", "Shared")
    write_theme(tmp_path / "two", "Nord", base="#ffffff")
    environ = {"OPENUSAGE_THEME_DIR": f"{tmp_path / 'one'}:{tmp_path / 'two'}:{tmp_path / 'none'}"}
    schemes, unusable = schemes_of(here, environ)
    assert unusable == ""
    assert {"Mine", "Shared", "Nord", "Gruvbox"} <= set(schemes.names)
    assert not schemes.get("nord").palette.dark


def test_a_file_that_is_none_is_left_out_and_said(tmp_path: Path) -> None:
    here = paths(tmp_path)
    write_theme(here.themes_dir, "Good")
    write_theme(here.themes_dir, "Bad", base="midnight")
    schemes, unusable = schemes_of(here, {})
    assert "Good" in schemes.names
    assert "Bad" not in schemes.names
    assert unusable.startswith('~/.config/openusage/themes/bad.json is no theme: `base` is "midnight"')


@pytest.mark.parametrize(
    ("environ", "few"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, False),
        ({"TERM": "screen-256color"}, False),
        ({"TERM": "linux"}, True),
    ],
)
def test_a_terminal_of_16_colours_has_themes_whose_charts_can_be_read(
    environ: dict[str, str], few: bool, tmp_path: Path
) -> None:
    assert has_few_colours(environ) is few
    schemes, _ = schemes_of(paths(tmp_path), environ)
    colours = [style.color for style in schemes.get("").palette.series if style.color]
    seen = [colour.downgrade(ColorSystem.STANDARD).number for colour in colours]
    assert (len(set(seen)) == len(seen)) is few


def test_what_is_saved_lies_in_the_working_folder_and_never_over_another_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert keep(paths(tmp_path), "a.csv", b"x") == "~/work/a.csv"
    with pytest.raises(FileExistsError):
        keep(paths(tmp_path), "a.csv", b"y")
    assert (folder / "a.csv").read_bytes() == b"x"


@pytest.mark.parametrize(
    ("characters", "environ", "plain"),
    [
        ("auto", {"LANG": "C.UTF-8"}, False),
        ("auto", {"LANG": "de_DE.utf8"}, False),
        ("auto", {"LANG": "C"}, True),
        ("auto", {"LANG": "C.UTF-8", "LC_ALL": "POSIX"}, True),
        ("auto", {}, False),
        ("ascii", {"LANG": "C.UTF-8"}, True),
        ("unicode", {"LANG": "C"}, False),
    ],
)
def test_which_terminals_are_plain(characters: str, environ: dict[str, str], plain: bool) -> None:
    assert is_plain(characters, environ) is plain
