"""A job in a thread that nothing waits for at the end of the process: for vendors that are slow to answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


async def aside(job: Callable[[], T]) -> T:
    """Like `asyncio.to_thread`, in a thread that does not hold up the end of the process."""
    result: Future[T] = Future()

    def run() -> None:
        try:
            value = job()
        except BaseException as e:
            result.set_exception(e)
        else:
            result.set_result(value)

    threading.Thread(target=run, name="vendor", daemon=True).start()
    # Shielded: a cancelled wait must not cancel the future that the thread will settle.
    return await asyncio.shield(asyncio.wrap_future(result))
