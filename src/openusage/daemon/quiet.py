"""When a daemon keeps quiet: it was asked to pause, or the machine runs on its battery.

A pause stops reading and asking; what was read is still served and sent, what hooks tell is still taken in.
It ends by itself, by `resume`, or with the process. On battery nothing stops: sweeps and polls grow apart,
and a file that changes is read at once.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable

BATTERY_FACTOR = 4.0
"""Sweeps and polls are so much rarer then."""


def on_battery() -> bool:
    """Whether this machine runs on its battery now; False also where that cannot be told."""
    import psutil

    try:
        battery = psutil.sensors_battery()
    except (OSError, RuntimeError, AttributeError):  # no such thing on this system
        return False
    return battery is not None and battery.power_plugged is False


class Quiet:
    """Of one daemon. Asked and told in its loop; what reads it from other threads sees whole values."""

    def __init__(self, now: Callable[[], dt.datetime], battery: Callable[[], bool] = on_battery) -> None:
        self._now = now
        self._battery = battery
        self._changed = asyncio.Event()
        self.until: dt.datetime | None = None
        """When the pause ends; `None`: nobody asked for one, or it has no end."""
        self._endless = False
        self.is_on_battery = False
        """When that was looked at last."""

    @property
    def is_paused(self) -> bool:
        return self._endless or (self.until is not None and self._now() < self.until)

    def pause(self, seconds: float | None) -> None:
        """From now on; `None`: until `resume`."""
        self._endless = seconds is None
        self.until = None if seconds is None else self._now() + dt.timedelta(seconds=seconds)
        self._changed.set()

    def resume(self) -> None:
        self._endless, self.until = False, None
        self._changed.set()

    def factor(self) -> float:
        """By how much regular work is to be rarer now."""
        self.is_on_battery = self._battery()
        return BATTERY_FACTOR if self.is_on_battery else 1.0

    async def over(self, stop: asyncio.Event) -> bool:
        """Waits for the end of a pause, or of the daemon; whether there was one."""
        was = self.is_paused
        while self.is_paused and not stop.is_set():
            self._changed.clear()
            waits = [asyncio.ensure_future(event.wait()) for event in (stop, self._changed)]
            left_s = None if self.until is None else max(0.0, (self.until - self._now()).total_seconds())
            await asyncio.wait(waits, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
        return was

    def note(self) -> str:
        """What a status line should say; empty: nothing."""
        if not self.is_paused:
            return ""
        end = "" if self.until is None else f" until {self.until.astimezone():%H:%M}"
        return f"Reading is paused{end}. To go on: openusage telemetry daemon resume"
