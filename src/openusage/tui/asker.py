"""Questions of a screen, asked in a thread of its own: the newest wins, keys are never held up.

A question is a job that yields its answer, several times when it becomes more complete. It is dropped between
two of them when a newer question has come. The thread is a daemon thread: quitting does not wait for it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterator

import msgspec

from openusage.errors import OpenUsageError

Job = Callable[[], Iterator[object]]
"""Asks, and yields what is known; the last one is the whole answer."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What one question brought, so far."""

    key: Hashable
    """The question's."""
    value: object = None
    error: OpenUsageError | None = None
    took_s: float = 0.0
    """Since it was begun to be asked."""


class Asker:
    """One thread. `deliver` is called in it, `broken` when there is a defect of ours."""

    def __init__(self, *, deliver: Callable[[Answer], object], broken: Callable[[Exception], object]) -> None:
        self._deliver, self._broken = deliver, broken
        self._lock = threading.Condition()
        self._next: tuple[Hashable, Job] | None = None
        self._is_stopped = False
        self._thread: threading.Thread | None = None

    def ask(self, key: Hashable, job: Job) -> None:
        """Ask this next, instead of whatever waits or is under way."""
        with self._lock:
            self._next = (key, job)
            self._lock.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="openusage-asker", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """No further answer is delivered; one that is under way is not waited for."""
        with self._lock:
            self._is_stopped = True
            self._lock.notify()

    def _run(self) -> None:
        while (asked := self._taken()) is not None:
            try:
                self._answer(*asked)
            except Exception as error:
                # A defect in a thread would leave a screen that looks alive: the app ends with the traceback.
                if not self._is_stopped:  # a source that was closed meanwhile is no defect
                    self._broken(error)
                return

    def _taken(self) -> tuple[Hashable, Job] | None:
        with self._lock:
            while self._next is None and not self._is_stopped:
                self._lock.wait()
            asked, self._next = self._next, None
            return None if self._is_stopped else asked

    def _answer(self, key: Hashable, job: Job) -> None:
        began_s = time.monotonic()
        try:
            for value in job():
                if self._is_old:
                    return
                self._deliver(Answer(key=key, value=value, took_s=time.monotonic() - began_s))
        except OpenUsageError as error:
            if not self._is_old:
                self._deliver(Answer(key=key, error=error))

    @property
    def _is_old(self) -> bool:
        with self._lock:
            return self._is_stopped or self._next is not None
