"""`python -m tools.genlogs --home DIR --seed N --days D --mb M`; the truth goes beside DIR, never inside."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tools.genlogs import AGENTS, DEFAULT_AGENTS, DEFAULT_END, write_home


def main(argv: Sequence[str] | None = None) -> int:
    parser = _parser()
    args = parser.parse_args(argv)
    home: Path = args.home.absolute()
    agents = [name for name in args.agents.split(",") if name]
    for name in agents:
        if name not in AGENTS:
            parser.error(f"unknown agent {name!r}: there are {', '.join(AGENTS)}")
    if home.is_dir() and any(home.iterdir()):
        if not args.clean:
            parser.error(f"{home} is not empty (use --clean)")
        shutil.rmtree(home)
    home.mkdir(parents=True, exist_ok=True)
    now = dt.datetime.now(dt.UTC)
    end = (
        None if args.end == "now" else now.date() if args.end == "today" else dt.date.fromisoformat(args.end)
    )
    until = now if args.end == "now" else None
    if until is not None and args.flavour != "rich":
        parser.error("--end now is for --flavour rich")
    truth = write_home(
        home,
        seed=args.seed,
        days=args.days,
        mb=args.mb,
        agents=agents,
        end=end,
        flavour=args.flavour,
        until=until,
    )
    target: Path = args.truth or home.with_name(home.name + ".truth.json")
    target.write_text(json.dumps(truth, indent=1, ensure_ascii=False) + "\n")
    _report(truth)
    print(target)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Write an invented home of coding tool logs, and its true sums."
    )
    parser.add_argument("--home", required=True, type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--mb", type=float, default=50)
    parser.add_argument("--agents", default=",".join(DEFAULT_AGENTS), help=f"of {','.join(AGENTS)}")
    parser.add_argument("--end", default=str(DEFAULT_END), help="last day, 'today', or 'now' (rich only)")
    parser.add_argument("--flavour", choices=("plain", "rich"), default="plain")
    parser.add_argument("--truth", type=Path, help="default: HOME.truth.json")
    parser.add_argument("--clean", action="store_true", help="remove HOME first")
    return parser


def _report(truth: dict[str, Any]) -> None:
    for name, sums in truth["agents"].items():
        total = sums["total"]
        print(
            f"{name:9s} {sums['files']:6d} files {sums['bytes'] / 1e6:8.1f} MB {sums['lines']:8d} lines",
            f"{sums['usage_lines']:7d} usage lines {total['messages']:7d} messages",
            f"{total['total']:>15,d} tokens",
            file=sys.stderr,
        )


if __name__ == "__main__":
    sys.exit(main())
