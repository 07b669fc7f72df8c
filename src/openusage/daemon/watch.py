"""Wakes the daemon when a tool writes. A sweep by the clock is the net below it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import watchfiles

log = logging.getLogger("openusage.watch")

DEBOUNCE_MS = 100
"""Wait this long for more changes of one burst."""
STEP_MS = 25
"""A burst ends when nothing changed for this long."""
FIRST_RETRY_S = 1.0
"""Pause after watching failed; doubles up to `RETRY_S`."""
RETRY_S = 30.0


def existing(roots: Sequence[str], *, recursive: bool = True) -> list[str]:
    """The directories that are there now; with what is below them, none inside another."""
    found = sorted({str(Path(r).resolve()) for r in roots if Path(r).is_dir()})
    if not recursive:
        return found
    return [r for r in found if not any(r != o and r.startswith(o + "/") for o in found)]


async def watch(
    roots: Callable[[], Sequence[str]],
    changed: Callable[[set[str]], None],
    stop: asyncio.Event,
    moved: asyncio.Event,
    *,
    recursive: bool = True,
) -> None:
    """Call `changed` with the paths after each burst of writes below `roots()`, until `stop`.

    Not `recursive`: only of writes directly in them.

    The roots themselves are among the paths when more may have changed than was seen. `moved` is set by the
    owner when the roots may be others now. Where watching is not possible (limit of watches, odd file
    system, a name that is no UTF-8) it is tried again, and looking is all there is meanwhile; that is said
    once.
    """
    told = False
    pause_s = FIRST_RETRY_S
    while not stop.is_set():
        moved.clear()
        watched = existing(roots(), recursive=recursive)
        again = asyncio.Event()
        waits = [asyncio.create_task(link(e, again)) for e in (stop, moved)]
        try:
            if not watched:
                await asyncio.wait_for(again.wait(), RETRY_S)
                continue
            unseen = set(watched)  # nobody saw what was written before the watch stood
            async for burst in watchfiles.awatch(
                *watched,
                debounce=DEBOUNCE_MS,
                step=STEP_MS,
                stop_event=again,
                rust_timeout=1000,
                yield_on_timeout=True,
                recursive=recursive,
            ):
                if burst or unseen:
                    changed({path for _, path in burst} | unseen)
                unseen, pause_s = set(), FIRST_RETRY_S
        except TimeoutError:
            continue
        except (OSError, RuntimeError, ExceptionGroup) as e:
            if not told:
                why = e.exceptions[0] if isinstance(e, ExceptionGroup) else e
                log.warning("cannot watch for changes (%s); looking instead, and trying again", why)
                told = True
            changed(set(watched))
            await _pause(again, pause_s)
            pause_s = min(2 * pause_s, RETRY_S)
        finally:
            for wait in waits:
                wait.cancel()


async def link(source: asyncio.Event, target: asyncio.Event) -> None:
    """Set `target` once `source` is set."""
    await source.wait()
    target.set()


async def _pause(again: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(again.wait(), seconds)
    except TimeoutError:
        return
