"""Invented homes that overlap by a third, written piece by piece, and what is true of each and of all.

A home is made of whole parts: one of its own, and one it shares with each of the other two machines, as whole
transcripts that were copied. So the truth of any set of homes is the sum over the parts in them, each once.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from tools.genlogs import write_home
from tools.genlogs._truth import FIELDS

KINDS = (*FIELDS, "messages")
"""What is compared of each day and model: tokens by kind, and how many answers of models."""
PROVIDERS = {"claude": "claude_code", "codex": "codex"}

Key: TypeAlias = tuple[str, str, str]
"""Provider, day (UTC), model."""
Sums: TypeAlias = dict[Key, tuple[int, ...]]
"""In the order of `KINDS`."""


class Part(NamedTuple):
    """Logs that are whole on each of some machines."""

    folder: Path
    machines: tuple[int, ...]
    truth: Sums


def invent(base: Path, *, seed: int, mb: float, days: int, end: dt.date) -> list[Part]:
    """Three homes of `mb` MB, in parts: two thirds of each are its own, a sixth shared with each other."""
    shares = {(0,): 4, (1,): 4, (2,): 4, (0, 1): 1, (1, 2): 1, (0, 2): 1}
    parts = []
    for number, (machines, sixths) in enumerate(shares.items()):
        folder = base / "-".join("abc"[m] for m in machines)
        truth = write_home(folder, seed=seed * 100 + number, days=days, mb=mb * sixths / 6, end=end)
        parts.append(Part(folder, machines, _sums(truth)))
    return parts


def _sums(truth: Mapping[str, Any]) -> Sums:
    return {
        (PROVIDERS[agent], day, model): tuple(sums[kind] for kind in KINDS)
        for agent, told in truth["agents"].items()
        for day, models in told["days"].items()
        for model, sums in models.items()
    }


def add_up(parts: Iterable[Part]) -> Sums:
    """What is true of these parts together."""
    total: Sums = {}
    for part in parts:
        for key, sums in part.truth.items():
            total[key] = tuple(map(sum, zip(total.get(key, (0,) * len(KINDS)), sums, strict=True)))
    return total


def differences(found: Sums, true: Sums) -> list[str]:
    """Where they differ, in words; empty: equal to the token."""
    return outside(found, true, true)


def outside(found: Sums, least: Sums, most: Sums) -> list[str]:
    """What is less than `least` or more than `most`, in words."""
    nothing = (0,) * len(KINDS)
    told = []
    for key in sorted(found.keys() | least.keys() | most.keys()):
        all_kinds = (sums.get(key, nothing) for sums in (found, least, most))
        for kind, has, low, high in zip(KINDS, *all_kinds, strict=True):
            if not low <= has <= high:
                true = f"{low}" if low == high else f"{low} to {high}"
                told.append(f"{' '.join(key)}: {kind} {has}, true {true}")
    return told


class Writing:
    """One machine's logs while its tools write them: appended in pieces that are cut anywhere."""

    def __init__(self, home: Path, parts: Sequence[Part], rng: random.Random) -> None:
        self._rng = rng
        self._left: dict[Path, bytes] = {}
        for part in parts:
            for file in sorted(p for p in part.folder.rglob("*") if p.is_file()):
                self._left.setdefault(home / file.relative_to(part.folder), file.read_bytes())
        self.size = self.left = sum(map(len, self._left.values()))
        """Bytes altogether, and those that are not written yet."""

    def write_to(self, share: float) -> None:
        """Goes on until so much of everything is written; 1: all of it."""
        while self._left and self.left > self.size * (1 - share):
            file = self._rng.choice(list(self._left))
            whole = share >= 1 or file.suffix == ".json" or self._rng.random() < 0.3
            rest = self._left[file]
            self._append(file, len(rest) if whole else self._rng.randrange(len(rest) + 1))

    def _append(self, file: Path, size: int) -> None:
        rest = self._left.pop(file)
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("ab") as f:
            f.write(rest[:size])
        self.left -= size
        if rest[size:]:
            self._left[file] = rest[size:]
