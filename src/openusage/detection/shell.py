"""Keys that shell start files set, read as text: no shell is run, and what only a shell can tell is left out.

A line counts when its value is there literally: `export NAME=value`, quoted or not, and fish's
`set -gx NAME value`. The last assignment of a shell wins, as it does when that shell starts. `.env` files
have the same lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from openusage.detection.files import text_of
from openusage.detection.keys import BY_NAME, Credential, of_variable

_SHELLS = (
    (".zshenv", ".zprofile", ".zshrc", ".zshrc.d/*.zsh", ".zlogin"),
    (".profile", ".bash_profile", ".bashrc", ".bashrc.d/*.sh"),
    (".config/fish/conf.d/*.fish", ".config/fish/config.fish"),
)
"""Start files of each shell in the order it loads them."""
_MOST_LINE = 1 << 16
_POSIX = re.compile(r"(?:export\s+)?([A-Za-z_]\w*)=(.*)", re.ASCII)
_FISH = re.compile(r"set\s+((?:-\S+\s+)+)([A-Za-z_]\w*)\s+(.*)", re.ASCII)
_BARE = re.compile(r"[^\s$`'\"\\]+")


def in_start_files(home: Path) -> Iterator[Credential]:
    """Keys of all shells: of one shell the last assignment, of several shells the first shell's."""
    found: dict[str, Credential] = {}
    for patterns in _SHELLS:
        of_shell: dict[str, Credential] = {}
        for pattern in patterns:
            for path in sorted(home.glob(pattern)):
                values = assignments(text_of(path) or "")
                of_shell |= {n: of_variable(n, v, f"shell_rc:{path}") for n, v in values.items()}
        found = of_shell | found
    yield from found.values()


def assignments(text: str) -> dict[str, str]:
    """Known variable -> value, the last of each."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if len(line) <= _MOST_LINE and (pair := _assignment(line.strip())) is not None:
            found[pair[0]] = pair[1]
    return {name: value for name, value in found.items() if value and name in BY_NAME}


def _assignment(line: str) -> tuple[str, str] | None:
    if posix := _POSIX.fullmatch(line):
        value = _literal(posix[2])
        return None if value is None else (posix[1], value)
    if (fish := _FISH.fullmatch(line)) and "x" in fish[1]:
        value = _literal(fish[3])
        return None if value is None else (fish[2], value)
    return None


def _literal(text: str) -> str | None:
    """What a shell would make of a value, where that does not depend on anything else."""
    text = text.strip()
    if text[:1] in ("'", '"'):
        inner, closed, rest = text[1:].partition(text[0])
        if not closed or not _is_end(rest) or (text[0] == '"' and any(c in inner for c in "$`\\")):
            return None
        return inner
    bare = _BARE.match(text)
    if bare is None:
        return "" if _is_end(text) else None
    value = bare[0].removesuffix(";")
    return value if _is_end(text[bare.end() :]) else None


def _is_end(rest: str) -> bool:
    """Nothing more but a semicolon or a comment."""
    rest = rest.removeprefix(";")
    return not rest.strip() or (rest[0].isspace() and rest.lstrip().startswith("#"))
