"""One measured figure a row, with the floor it is held against."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A figure. Ratios are taken inside one run, since machines differ."""

    name: str
    value: float
    unit: str
    floor: float | None = None
    """The same unit: what the job costs without us (reading the same bytes, an empty handler)."""
    target: str = ""
    """In words, as promised."""
    met: bool | None = None


def render(rows: Iterable[Row]) -> str:
    """A plain table for a terminal."""
    cells = [("", "measured", "floor", "ratio", "target", "")]
    for r in rows:
        ratio = f"{r.value / r.floor:.2f}" if r.floor else ""
        floor = f"{r.floor:.6g} {r.unit}" if r.floor is not None else ""
        met = {None: "", True: "ok", False: "MISSED"}[r.met]
        cells.append((r.name, f"{r.value:.4g} {r.unit}", floor, ratio, r.target, met))
    widths = [max(len(row[i]) for row in cells) for i in range(6)]
    lines = []
    for row in cells:
        left = row[0].ljust(widths[0])
        middle = "  ".join(row[i].rjust(widths[i]) for i in (1, 2, 3))
        lines.append(f"{left}  {middle}  {row[4].ljust(widths[4])}  {row[5]}".rstrip())
    return "\n".join(lines)
