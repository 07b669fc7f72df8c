"""How the dashboard looks on this terminal, and where it leaves what a person saves from it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openusage.paths import Paths
    from openusage.tui.scheme import Schemes

THEMES_ENV = "OPENUSAGE_THEME_DIR"
"""More folders with themes, between the system's separators."""


def schemes_of(paths: Paths, environ: Mapping[str, str]) -> tuple[Schemes, str]:
    """All themes there are, and a sentence about the first file that is none; empty: all are."""
    from openusage.tui.scheme import Schemes
    from openusage.tui.theme_file import ThemeFault, built_in, read_theme

    folders = [paths.themes_dir, *map(Path, filter(None, environ.get(THEMES_ENV, "").split(os.pathsep)))]
    own, unusable = [], ""
    for file in (file for folder in folders for file in sorted(folder.glob("*.json"))):
        try:
            own.append(read_theme(file.read_bytes()))
        except (ThemeFault, OSError) as error:
            unusable = unusable or f"{paths.shown(file)} is no theme: {error}"
    return Schemes([*built_in(), *own], few_colours=has_few_colours(environ)), unusable


def keep(paths: Paths, name: str, data: bytes) -> str:
    """A new file in the working folder, or at home where that cannot be written; where it is."""
    try:
        return paths.shown(_written(Path.cwd() / name, data))
    except PermissionError:
        return paths.shown(_written(paths.home / name, data))


def _written(file: Path, data: bytes) -> Path:
    with file.open("xb") as new:
        new.write(data)
    return file


def has_few_colours(environ: Mapping[str, str]) -> bool:
    """Whether the terminal has 16 colours, as far as its name tells."""
    from rich.console import Console

    return Console(force_terminal=True, _environ=environ).color_system == "standard"


def is_plain(characters: str, environ: Mapping[str, str]) -> bool:
    """Whether the screen is drawn in ASCII: as the settings say, else by the language of the terminal."""
    if characters != "auto":
        return characters == "ascii"
    language = next(filter(None, map(environ.get, ("LC_ALL", "LC_CTYPE", "LANG"))), "")
    return "utf" not in language.casefold().replace("-", "") and bool(language)
