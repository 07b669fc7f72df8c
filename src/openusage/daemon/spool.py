"""The hook spool: one small file a payload, left by tools' hooks while nobody waits, taken in by the daemon.

Read oldest first, turned into records at once (numbers and names; the payload goes no further), stored, and
only then deleted: killed between, the same file gives the same records, which the store knows by their keys.
What cannot be understood is set aside with the reason, for its owner alone. Blocking: runs in the writer's
thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import stat
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from openusage.errors import Defect, UsageError
from openusage.format import printable
from openusage.paths import ensure_private_dir
from openusage.providers._contract import ParsesHooks
from openusage.wire.events import Record
from openusage.wire.local import SpoolStatus

log = logging.getLogger("openusage.spool")

FILES_A_STEP = 200
"""So many files are stored in one transaction, and deleted after it."""
LARGEST_BYTES = 4 << 20
"""No hook of ours leaves more; as much as the socket takes."""
CUT_BYTES = 1 << 16
"""Hooks cut payloads of this size: such a file says that something happened, the tool's log says what."""
MOST_FILES = 10_000
MOST_BYTES = 256 << 20
MOST_AGE_S = 14 * 86_400.0
"""What waits longer, or is more than this, is dropped, the oldest first: tools' logs have it, too."""
FORGOTTEN_S = 3600.0
"""A file that nobody finished in that time will not be finished."""
KEPT_ASIDE = 20
"""Files set aside, the newest."""
ASIDE = "refused"
SWEEP_S = 30.0
"""The net below the watcher."""
RETRY_S = 2.0


class _File(msgspec.Struct, frozen=True, order=True):
    """A file that waits. In the order in which they were left."""

    at_ns: int
    name: str
    size: int


class _Spooled(NamedTuple):
    """What a spool file holds. The payload stays bytes: who knows the tool reads it."""

    source: str
    payload: bytes
    account_id: str


class Taken(msgspec.Struct, kw_only=True):
    """What a step took in."""

    files: int = 0
    more: bool = False
    """There is more to take."""
    problems: list[str] = []


class Spool:
    """One folder and its counts. Not thread-safe."""

    def __init__(
        self,
        folder: Path,
        tools: Mapping[str, ParsesHooks],
        store: Callable[[Sequence[Record]], object],
        *,
        now_s: Callable[[], float],
    ) -> None:
        """`store` raises where it cannot: the files stay, and are taken the next time."""
        self._folder = folder
        self._real = str(folder.resolve())
        self._tools = tools
        self._store = store
        self._now_s = now_s
        self._taken = self._dropped = self._set_aside = 0
        self._dropped_why = ""

    def step(self) -> Taken:
        """Take in the oldest files. O(all that wait) to look, then O(the files taken)."""
        try:
            waiting = self._waiting()
        except FileNotFoundError:
            return Taken()
        except OSError as e:
            return Taken(problems=[f"Hook spool {self._folder}: cannot be read: {e.strerror or e}"])
        problems = self._bound(waiting)
        batch = waiting[:FILES_A_STEP]
        records: list[Record] = []
        done: list[Path] = []
        for file in batch:
            path = self._folder / file.name
            try:
                records += self._records(path, file.at_ns // 1000)
                done.append(path)
            except FileNotFoundError:
                continue
            except UsageError as e:
                problems.append(self._put_aside(path, e.message))
            except OSError as e:
                problems.append(self._put_aside(path, f"it cannot be read: {e.strerror or e}"))
            except Exception as e:  # one payload's surprise must not hold up the others
                defect = Defect.of(e)
                log.error("hook spool: %s cannot be understood: %s", printable(path.name), defect)
                problems.append(self._put_aside(path, str(defect)))
        if records:
            self._store(records)
        for path in done:
            with contextlib.suppress(OSError):  # it is met again, and changes nothing
                path.unlink()
        self._taken += len(done)
        return Taken(files=len(done), more=len(waiting) > len(batch), problems=problems)

    def holds(self, path: str) -> bool:
        """Whether a path that a watcher saw is this folder or something in it."""
        return path == self._real or path.startswith(f"{self._real}/")

    def status(self) -> SpoolStatus:
        """Counts since the start, and what waits now."""
        try:
            waiting = self._waiting()
        except OSError:
            waiting = []
        return SpoolStatus(
            waiting=len(waiting),
            waiting_bytes=sum(file.size for file in waiting),
            taken=self._taken,
            dropped=self._dropped,
            dropped_why=self._dropped_why,
            set_aside=self._set_aside,
        )

    # -- steps -----------------------------------------------------------------------------------

    def _waiting(self) -> list[_File]:
        """Whole files, oldest first. What a hook that died left behind is removed."""
        found: list[_File] = []
        with os.scandir(self._folder) as entries:
            for entry in entries:
                try:
                    about = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if not stat.S_ISREG(about.st_mode):
                    continue
                if entry.name.endswith(".json") and not entry.name.startswith("."):
                    found.append(_File(about.st_mtime_ns, entry.name, about.st_size))
                elif entry.name.endswith(".tmp") and self._now_s() - about.st_mtime > FORGOTTEN_S:
                    Path(entry.path).unlink(missing_ok=True)
        return sorted(found)

    def _bound(self, waiting: list[_File]) -> list[str]:
        """Drop what is too old or too much, the oldest first; `waiting` holds the rest."""
        size = sum(file.size for file in waiting)
        dropped, why = 0, ""
        while dropped < len(waiting):
            file = waiting[dropped]
            excess = self._excess(file, len(waiting) - dropped, size)
            if not excess:
                break
            (self._folder / file.name).unlink(missing_ok=True)
            dropped, size, why = dropped + 1, size - file.size, excess
        del waiting[:dropped]
        if not dropped:
            return []
        self._dropped += dropped
        self._dropped_why = why
        return [f"Hook spool: {dropped} payloads dropped, {why}; the tools' own logs are read"]

    def _excess(self, oldest: _File, count: int, size: int) -> str:
        if count > MOST_FILES:
            return f"more than {MOST_FILES} were waiting"
        if size > MOST_BYTES:
            return f"more than {MOST_BYTES >> 20} MiB were waiting"
        if self._now_s() - oldest.at_ns / 1e9 > MOST_AGE_S:
            return f"older than {MOST_AGE_S / 86_400:.0f} days"
        return ""

    def _records(self, path: Path, at_us: int) -> list[Record]:
        """Raises `UsageError` where it says nothing that could be understood, `OSError`."""
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(fd, "rb") as file:
            data = file.read(LARGEST_BYTES + 1)
        if len(data) > LARGEST_BYTES:
            raise UsageError("it is larger than any hook leaves")
        spooled = _decoded(data)
        if spooled is None:
            if len(data) >= CUT_BYTES:
                return []
            raise UsageError("it is no payload of a hook")
        tool = self._tools.get(spooled.source)
        if tool is None:
            raise UsageError(f'unknown hook source "{printable(spooled.source)[:40]}"')
        return tool.parse_hook(spooled.payload, spooled.account_id or tool.SPEC.default_account, at_us)

    def _put_aside(self, path: Path, why: str) -> str:
        """Out of the way, readable for its owner alone, with the reason beside it."""
        self._set_aside += 1
        aside = self._folder / ASIDE
        said = f"Hook spool {printable(path.name)}: {why}"
        try:
            ensure_private_dir(aside)
            target = aside / path.name
            path.chmod(0o600)
            target.with_suffix(".reason").write_text(f"{why}\n", "utf-8")
            path.rename(target)
            for old in sorted(aside.glob("*.json"), key=_age)[:-KEPT_ASIDE]:
                old.unlink(missing_ok=True)
                old.with_suffix(".reason").unlink(missing_ok=True)
        except OSError as e:
            return f"{said}; it cannot be set aside: {e.strerror or e}"
        return f"{said}; set aside in {ASIDE}/"


def _decoded(data: bytes) -> _Spooled | None:
    """As loose as Python reads it: lone surrogates and bytes that are no UTF-8 occur in payloads."""
    try:
        found = json.loads(data.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not isinstance(found.get("source"), str) or "payload" not in found:
        return None
    account = found.get("account_id")
    payload = json.dumps(found["payload"]).encode()
    return _Spooled(found["source"], payload, account if isinstance(account, str) else "")


async def keep_taking(
    step: Callable[[], Awaitable[Taken | None]],
    took: Callable[[], None],
    woken: asyncio.Event,
    stop: asyncio.Event,
) -> None:
    """Take in what waits at the start, whenever `woken`, and by the clock; until `stop`.

    `step` gives `None` where nothing can be stored: it is tried again soon.
    """
    while not stop.is_set():
        woken.clear()
        taken = await step()
        if taken is not None and taken.files:
            took()
        if taken is not None and taken.more:
            continue
        waits = [asyncio.ensure_future(event.wait()) for event in (stop, woken)]
        pause_s = RETRY_S if taken is None else SWEEP_S
        await asyncio.wait(waits, timeout=pause_s, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
