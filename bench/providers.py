"""All tools together: reading four of them against one, looking for all of them, watching very many files.

python -m bench.providers
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.idle import idle
from bench.table import Row, render
from openusage.cli.compose.parts import now, now_us
from openusage.daemon.collect import Collector
from openusage.detection import detect
from openusage.machine import Machine
from openusage.pricing import PriceBook
from openusage.providers import load, names
from openusage.providers._contract import Env
from openusage.store import Store
from tools.genlogs import AGENTS, write_home

MB = 200.0
RUNS = 5
CYCLES = 50
FILES = 20_000
WATCHED_S = 60.0
ONE = ("claude",)


def run(mb: float = MB) -> list[Row]:
    """All figures of this part."""
    return [*_first_read(mb), _cycle(), _detection(), *_watching()]


def _first_read(mb: float) -> list[Row]:
    """Times per byte of both homes, read in turns. The fastest counts: what else runs makes it slower."""
    homes = _home(mb, tuple(AGENTS)), _home(mb, ONE)
    times: list[list[list[float]]] = [[], []]
    for _ in range(RUNS):
        for home, taken in zip(homes, times, strict=True):
            taken.append([seconds / _size(home) * 1e9 for seconds in _child("read", home)])
    rows = []
    for nth, what in enumerate(("", ", processor time")):
        every, one = (min(figures[nth] for figures in taken) for taken in times)
        rows.append(
            Row(
                name=f"first read of {mb:g} MB of four tools{what}, per MB",
                value=every,
                unit="ms",
                floor=one,
                target="<= 1.3 x that of Claude Code alone",
                met=every <= 1.3 * one,
            )
        )
    return rows


def _cycle() -> Row:
    with tempfile.TemporaryDirectory() as empty:
        [cycle_ms] = _child("cycle", Path(empty))
    what = f"looking for {len(names())} tools where there is none, CPU"
    return Row(name=what, value=cycle_ms, unit="ms", target="< 30 ms", met=cycle_ms < 30)


def _detection() -> Row:
    """`openusage detect` without the start of the program: tools, keys, start files."""
    with tempfile.TemporaryDirectory() as empty:
        [detect_ms] = _child("detect", Path(empty))
    return Row(
        name="detecting tools and keys, CPU", value=detect_ms, unit="ms", target="< 20 ms", met=detect_ms < 20
    )


def _watching() -> list[Row]:
    """A daemon on very many small logs, against one on the same lines in few."""
    _, few_mb = idle(_sessions(20), WATCHED_S)
    busy_pct, many_mb = idle(_sessions(FILES), WATCHED_S)
    more = many_mb - few_mb
    name = f"watching {FILES:,} files"
    return [
        Row(name=f"{name}, one core", value=busy_pct, unit="%", target="< 0.5 %", met=busy_pct < 0.5),
        Row(name=f"{name}, memory for it", value=more, unit="MB", target="< 30 MB", met=more < 30),
    ]


def _home(mb: float, agents: Sequence[str]) -> Path:
    """A generated home, kept between runs in the temporary directory."""
    made = _made(f"{'-'.join(agents)}-{mb:g}")
    if not (made / ".done").exists():
        print(f"writing {mb:g} MB of logs to {made} …", file=sys.stderr)
        write_home(made, seed=7, days=40, mb=mb, agents=agents)
        (made / ".done").touch()
    return made


def _sessions(files: int) -> Path:
    """A home of as many short sessions as there are files to watch, in so many files."""
    made = _made(f"sessions-{files}")
    if not (made / ".done").exists():
        for nth in range(files):
            path = made / f".claude/projects/-home-dev-p{nth % 400}/s{nth}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(_answer(n) for n in range(nth, FILES, files)))
        (made / ".done").touch()
    return made


def _answer(nth: int) -> str:
    at = dt.datetime(2026, 11, 1, tzinfo=dt.UTC) + dt.timedelta(minutes=nth)
    usage = {"input_tokens": 4, "output_tokens": 87, "cache_read_input_tokens": 9000}
    message = {"id": f"msg_{nth}", "model": "claude-opus-4-6", "role": "assistant", "usage": usage}
    line = {"type": "assistant", "timestamp": at.isoformat(), "sessionId": f"s{nth}", "requestId": f"r{nth}"}
    return json.dumps(line | {"cwd": f"/home/dev/p{nth % 400}", "message": message}) + "\n"


def _made(name: str) -> Path:
    made = Path(tempfile.gettempdir()) / f"openusage-bench-{os.getuid()}-{name}"
    made.mkdir(exist_ok=True)
    return made


def _size(home: Path) -> int:
    return sum(path.stat().st_size for path in home.rglob("*") if path.is_file())


def _child(what: str, home: Path) -> list[float]:
    """Measured in a fresh process: what one run loaded must not help the next one."""
    command = [sys.executable, "-m", "bench.providers", "--child", what, "--home", str(home)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    figures: list[float] = json.loads(done.stdout)
    return figures


def _read_s(home: Path) -> list[float]:
    """Seconds of a first read into an empty store: by the clock, and of all its processes."""
    with tempfile.TemporaryDirectory() as directory:
        machine, price = Machine("ab" * 16, "bench"), PriceBook.load().price
        store = Store.open(Path(directory) / "bench.db", machine=machine, price=price, now=now_us)
        collector = Collector(store, [load(n) for n in names()], lambda: _env(home))
        started, used = time.perf_counter(), _processor_s()
        collector.run()
        taken = [time.perf_counter() - started, _processor_s() - used]
        store.close()
    return taken


def _processor_s() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _cycle_ms(home: Path) -> list[float]:
    """Milliseconds of processor time to look for every tool and to plan what was found."""
    providers = [load(n) for n in names()]
    taken = []
    for _ in range(CYCLES):
        started, env = time.process_time(), _env(home)
        for provider in providers:
            for account in provider.discover(env):
                provider.plan(account, {}, env)
        taken.append((time.process_time() - started) * 1000)
    return [statistics.median(taken)]


def _detect_ms(home: Path) -> list[float]:
    """Milliseconds of processor time for all that `openusage detect` looks at."""
    taken = []
    for _ in range(CYCLES):
        started = time.process_time()
        detect(_env(home), cwd=home, config_dir=home / ".config/openusage")
        taken.append((time.process_time() - started) * 1000)
    return [statistics.median(taken)]


def _env(home: Path) -> Env:
    return Env(home=home, environ={}, now=now())


_CHILDREN = {"read": _read_s, "cycle": _cycle_ms, "detect": _detect_ms}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--mb", type=float, default=MB)
    parser.add_argument("--child", choices=list(_CHILDREN))
    parser.add_argument("--home", type=Path)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(_CHILDREN[args.child](args.home)))
    else:
        print(render(run(args.mb)))


if __name__ == "__main__":
    main()
