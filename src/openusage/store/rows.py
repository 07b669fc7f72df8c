"""Rows of several tables, or several pieces of one, as the rows of one answer. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any, TypeAlias

from openusage.store.slots import Grain, day_name, hour_name
from openusage.wire.rollups import By, Rollup

Group: TypeAlias = tuple[Any, ...]
"""The local day or hour (0 when not told apart), then the labels asked for."""


def fold(groups: dict[Group, Sequence[int]], group: Group, figures: Sequence[int]) -> None:
    """Adds a row to those of its group."""
    known = groups.get(group)
    if known is None:
        groups[group] = figures
        return
    sums = [a + b for a, b in zip(known, figures, strict=True)]
    sums[-2] = min(known[-2], figures[-2])
    sums[-1] = max(known[-1], figures[-1])
    groups[group] = sums


def rollups(
    groups: Mapping[Group, Sequence[int]], grain: Grain, labels: Sequence[By], by: Sequence[By]
) -> list[Rollup]:
    """In the order of their keys, what is not known first. There may be tens of thousands."""
    places = [0 if name in (By.DAY, By.HOUR) else labels.index(name) + 1 for name in by]
    names = [str(name) for name in by]
    times = {group[0]: _time_names(group[0], grain) for group in groups} if 0 in places else {}
    of_time = [(n, name) for n, name in enumerate(by) if name in (By.DAY, By.HOUR)]
    rows = []
    for group in sorted(groups, key=itemgetter(*places)):
        texts = [group[place] or None for place in places]
        for n, name in of_time:
            texts[n] = times[group[0]][name]
        rows.append(Rollup(dict(zip(names, texts, strict=True)), *groups[group]))
    return rows


def _time_names(local: int, grain: Grain) -> dict[By, str]:
    """A local day or hour, counted from 1970, by name."""
    if grain is Grain.DAY:
        return {By.DAY: day_name(local)}
    hour = hour_name(local)
    return {By.HOUR: hour, By.DAY: hour[:10]}
