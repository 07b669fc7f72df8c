"""All parts, one table. Exits with 1 when a promise is not kept."""

from __future__ import annotations

import sys

from bench import fleet, fleet_screen, guard, hooks, hub, idle, providers, read, start, tiles, web
from bench.table import Row, render


def main() -> int:
    rows: list[Row] = []
    for part in (read, providers, start, hooks, hub, guard, fleet, idle, fleet_screen, tiles, web):
        rows += part.run()
    print(render(rows))
    return 0 if all(r.met is not False for r in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
