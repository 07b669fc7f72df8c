"""Jobs that nothing waits for."""

from __future__ import annotations

import asyncio
import threading

import pytest

from openusage.daemon.aside import aside


async def test_results_and_errors_come_back() -> None:
    assert await aside(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await aside(lambda: 1 // 0)


def test_the_loop_ends_while_the_job_still_runs() -> None:
    go = threading.Event()

    async def main() -> None:
        task = asyncio.create_task(aside(go.wait))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(main())  # returns, though the job does not
    assert not go.is_set()
    go.set()
