"""What a long-running process needs from its surroundings: terminal, signals, logs, a line of progress."""

from __future__ import annotations

import contextlib
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from openusage.errors import OpenUsageError

if TYPE_CHECKING:
    from openusage.daemon.schedule import Progress

log = logging.getLogger("openusage.cli")

_END_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_PROGRESS_FROM_BYTES = 8 << 20
"""Less is read before a line could be."""
_PROGRESS_EVERY_S = 0.1


def screen_possible(environ: Mapping[str, str]) -> bool:
    """Whether a dashboard can be drawn: a terminal at both ends, and one that can place the cursor."""
    return sys.stdin.isatty() and sys.stdout.isatty() and environ.get("TERM") not in ("dumb", "unknown")


def log_to_stderr(verbose: bool, *, as_json: bool = False) -> None:
    """Lines for a terminal or a service's journal, or JSON lines for what collects logs."""
    _log(logging.StreamHandler(), verbose, JsonLines() if as_json else None)


def log_to_file(path: Path) -> None:
    """Beside a screen, which owns the terminal."""
    from openusage.paths import ensure_private_dir

    ensure_private_dir(path.parent)
    path.touch(mode=0o600)
    path.chmod(0o600)
    _log(logging.FileHandler(path, delay=True), verbose=True)


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and the fields that a line was given."""

    def format(self, record: logging.LogRecord) -> str:
        import datetime as dt

        import msgspec

        said: dict[str, object] = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields = getattr(record, "fields", {})
        said |= {name: value for name, value in fields.items() if name not in said}
        if record.exc_info:
            said["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(said).decode()


def _log(handler: logging.Handler, verbose: bool, formatter: logging.Formatter | None = None) -> None:
    handler.setFormatter(formatter or logging.Formatter("%(asctime)s %(levelname).1s %(name)s: %(message)s"))
    root = logging.getLogger("openusage")
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO if verbose else logging.WARNING)
    root.propagate = False


@contextlib.contextmanager
def on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """SIGTERM, SIGINT and SIGHUP end the program in order."""
    before = {s: signal.signal(s, lambda *_: stop()) for s in _END_SIGNALS}
    try:
        yield
    finally:
        for s, handler in before.items():
            signal.signal(s, handler)


def wait_for_end() -> None:
    """Until one of the signals that end a program."""
    ended = threading.Event()
    with on_signals(ended.set):
        ended.wait()


def daemon_thread(run: Callable[[], None]) -> threading.Thread:
    """A daemon beside a hub: what ends it is logged, the hub stays."""

    def logged() -> None:
        try:
            run()
        except OpenUsageError as e:
            log.error("%s", e.message)
        except Exception:
            log.exception("the daemon ended")

    return threading.Thread(target=logged, name="daemon", daemon=True)


def progress_line() -> Callable[[Progress], None]:
    """One line on stderr that is written over, at most ten times a second."""
    from openusage.daemon.schedule import progress_text

    last = 0.0

    def show(progress: Progress) -> None:
        nonlocal last
        done = progress.bytes_done >= progress.bytes_total
        small = progress.bytes_total < _PROGRESS_FROM_BYTES
        if small or (time.monotonic() - last < _PROGRESS_EVERY_S and not done):
            return
        last = time.monotonic()
        end = "\r\033[K" if done else ""
        sys.stderr.write(f"\r\033[K{progress_text(progress)}{end}")
        sys.stderr.flush()

    return show
