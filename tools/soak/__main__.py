"""`python -m tools.soak --minutes M --seed N`: exit status 0 when all totals are true, else 1.

The homes are made below the temporary directory; they are kept, and named, only when something is wrong.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from openusage.errors import ExitCode
from tools.soak import Ended, Plan, soak


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Kill three machines and a hub again and again; compare.")
    parser.add_argument("--minutes", type=float, default=5.0, help="how long (default 5)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mb", type=float, default=20.0, help="of logs, a machine (default 20)")
    parser.add_argument("--kill-every", type=float, default=1.0, metavar="S", help="seconds, in the mean")
    args = parser.parse_args(argv)
    plan = Plan(args.minutes * 60, args.seed, args.mb, kill_every_s=args.kill_every)
    ended = threading.Event()
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda *_: ended.set())
    base = Path(tempfile.mkdtemp(prefix="openusage-soak-"))
    began_s = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began_s:6.1f} s  {text}", flush=True)

    try:
        wrong = soak(plan, base, say, lambda: not ended.is_set())
    except Ended:
        shutil.rmtree(base)
        return ExitCode.INTERRUPTED
    if not wrong:
        shutil.rmtree(base)
    for text in wrong:
        print(f"          {text}")
    print(f"verdict:  {'equal to the token' if not wrong else f'WRONG; the homes are kept in {base}'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
