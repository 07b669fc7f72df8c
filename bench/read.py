"""Reading a large home: first read against `cat` of the same bytes, second read, one new turn, memory."""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.table import Row, render
from openusage.cli.compose.parts import now, now_us
from openusage.daemon.collect import Collector
from openusage.machine import Machine
from openusage.pricing import PriceBook
from openusage.providers import load, names
from openusage.providers._contract import Env
from openusage.store import Store
from tools.genlogs import write_home

MB = 1000.0
RUNS = 3


def home(mb: float = MB) -> Path:
    """A generated home, kept between runs in the temporary directory."""
    made = Path(tempfile.gettempdir()) / f"openusage-bench-{os.getuid()}-{mb:g}"
    if not (made / ".done").exists():
        print(f"writing {mb:g} MB of logs to {made} …", file=sys.stderr)
        made.mkdir(exist_ok=True)
        write_home(made, seed=7, days=40, mb=mb)
        (made / ".done").touch()
    return made


def run(mb: float = MB) -> list[Row]:
    """All figures of this part. Medians of `RUNS`, floor and figure taken in turns."""
    logs = home(mb)
    floors, firsts, seconds, turns, peaks = [], [], [], [], []
    for _ in range(RUNS):
        floors.append(_cat(logs))
        with tempfile.TemporaryDirectory() as directory:
            database = Path(directory) / "bench.db"
            first = _child("pass", logs, database)
            second = _child("pass", logs, database)
            turn = _child("turn", logs, database)
        firsts.append(first["wall_s"])
        peaks.append(first["peak_mb"])
        seconds.append(second["wall_s"])
        turns.append(turn["wall_s"] * 1000)
    floor, first_s = statistics.median(floors), statistics.median(firsts)
    scale = mb / MB
    return [
        Row(
            name=f"first read of {mb:g} MB",
            value=first_s,
            unit="s",
            floor=floor,
            target=f"<= {2.5 * scale:g} s, or 5 x cat",
            met=first_s <= max(5 * floor, 2.5 * scale),
        ),
        _at_most("peak memory of the first read", statistics.median(peaks), "MB", 250),
        _at_most("second read, nothing new", statistics.median(seconds), "s", 0.15),
        _at_most("one new turn, file change to store", statistics.median(turns), "ms", 20),
    ]


def _at_most(name: str, value: float, unit: str, limit: float) -> Row:
    return Row(name=name, value=value, unit=unit, target=f"<= {limit:g} {unit}", met=value <= limit)


def _cat(logs: Path) -> float:
    files = [str(p) for p in logs.rglob("*.jsonl")]
    started = time.perf_counter()
    subprocess.run(["cat", *files], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def _child(what: str, logs: Path, database: Path) -> dict[str, float]:
    """Measured in a fresh process: memory peaks must not add up over runs."""
    command = [
        sys.executable,
        "-m",
        "bench.read",
        "--child",
        what,
        "--home",
        str(logs),
        "--db",
        str(database),
    ]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


def _measure(what: str, logs: Path, database: Path) -> dict[str, float]:
    prices = PriceBook.load()
    store = Store.open(database, machine=Machine("ab" * 16, "bench"), price=prices.price, now=now_us)
    collector = Collector(store, [load(n) for n in names()], lambda: Env(home=logs, environ={}, now=now()))
    if what == "turn":
        collector.run()
        wall_s = _turn(collector, logs)
    else:
        started = time.perf_counter()
        collector.run()
        wall_s = time.perf_counter() - started
    store.close()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"wall_s": wall_s, "peak_mb": peak_mb}


def _turn(collector: Collector, logs: Path) -> float:
    """Seconds from one more answer in a file, told by the watcher, to the store."""
    file = max(logs.glob(".claude/projects/*/*.jsonl"), key=lambda p: p.stat().st_mtime)
    size, times = file.stat().st_size, (file.stat().st_atime, file.stat().st_mtime)
    with file.open("ab") as f:
        f.write(b"\n" + _answer(file.stem) + b"\n")
    try:
        started = time.perf_counter()
        passed = collector.run({str(file.resolve())})
        wall_s = time.perf_counter() - started
    finally:
        os.truncate(file, size)
        os.utime(file, times)
    if passed.inserted < 1:
        raise SystemExit("the new turn was not seen")
    return wall_s


def _answer(session: str) -> bytes:
    """A line as Claude Code writes it."""
    unique = f"{time.time_ns():x}"
    line = {
        "type": "assistant",
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()),
        "sessionId": session,
        "uuid": f"bench-{unique}",
        "requestId": f"req_{unique}",
        "cwd": "/home/dev/work/bench",
        "message": {
            "id": f"msg_{unique}",
            "model": "claude-opus-4-6",
            "role": "assistant",
            "content": [{"type": "text", "text": "done"}],
            "usage": {"input_tokens": 4, "output_tokens": 87, "cache_read_input_tokens": 9000},
        },
    }
    return json.dumps(line).encode()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--mb", type=float, default=MB)
    parser.add_argument("--child", choices=["pass", "turn"])
    parser.add_argument("--home", type=Path)
    parser.add_argument("--db", type=Path)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(_measure(args.child, args.home, args.db)))
    else:
        print(render(run(args.mb)))


if __name__ == "__main__":
    main()
