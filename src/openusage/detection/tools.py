"""Which coding tools are here: what each provider finds, and where its program is."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from openusage.providers import load, names
from openusage.providers._contract import Env, Kind

_BIN_DIRS = ("~/.local/bin", "~/bin", "/opt/homebrew/bin", "/usr/local/bin", "/usr/bin", "/bin")
BIN_DIRS_ENV = "OPENUSAGE_DETECT_BIN_DIRS"
"""Replaces the fixed folders above, even when empty."""

_READ_AS = {
    Kind.LOCAL: "files",
    Kind.REMOTE: "vendor's API",
    Kind.BOTH: "files and vendor's API",
}


class FoundAccount(msgspec.Struct, frozen=True, kw_only=True):
    """One account of a tool."""

    account: str
    roots: list[str]
    """Folders that are read and watched."""


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """One tool, found or not."""

    provider: str
    name: str
    read_as: str
    """How we get its figures, in words."""
    accounts: list[FoundAccount]
    """Empty: no trace of it."""
    binary: str | None
    """Its program; a tool may be uninstalled and its files still be there."""
    looked_for: list[str]
    """Where its traces would be."""
    retention: str
    """When it deletes its own files, in a sentence."""

    @property
    def is_found(self) -> bool:
        return bool(self.accounts)


def find_tools(env: Env) -> list[Tool]:
    """Every tool we know, by name. Looks which paths exist; opens nothing."""
    return sorted((_tool(name, env) for name in names()), key=lambda tool: tool.name.lower())


def _tool(name: str, env: Env) -> Tool:
    provider = load(name)
    spec = provider.SPEC
    return Tool(
        provider=spec.id,
        name=spec.name,
        read_as=_READ_AS[spec.kind],
        accounts=[
            FoundAccount(account=a.id, roots=[*a.roots, *a.flat_roots]) for a in provider.discover(env)
        ],
        binary=next(find_binaries(spec.binaries, env.environ, env.home), None),
        looked_for=list(spec.patterns),
        retention=spec.retention_hint,
    )


def find_binaries(programs: tuple[str, ...], environ: Mapping[str, str], home: Path) -> Iterator[str]:
    """Where a tool's programs are, on the PATH first. A file with any execute bit counts."""
    fixed = environ.get(BIN_DIRS_ENV)
    others = _BIN_DIRS if fixed is None else tuple(fixed.split(os.pathsep))
    folders = [f for f in (*environ.get("PATH", "").split(os.pathsep), *others) if f]
    for folder in dict.fromkeys(folders):
        place = home / folder[2:] if folder.startswith("~/") else Path(folder)
        for program in programs:
            path = place / program
            if path.is_file() and path.stat().st_mode & 0o111:
                yield str(path)
