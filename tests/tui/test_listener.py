"""A hub that says it has changed is asked at once; one that says nothing at its usual pace."""

from __future__ import annotations

import queue
from collections.abc import Iterator

from openusage.tui.poller import HINT_GAP_S
from openusage.wire.stream import StreamEvent, UsageChanged
from tests.tui.fleet.sample import FakeFleet, pane, row
from tests.tui.fleet.test_screen import until
from tests.tui.pilots import app_for, screen_text


class FakeChanges:
    """A stream whose events a test sends."""

    def __init__(self) -> None:
        self._events: queue.SimpleQueue[StreamEvent | None] = queue.SimpleQueue()
        self.is_closed = False

    def tell(self) -> None:
        self._events.put(UsageChanged())

    def changes(self) -> Iterator[StreamEvent]:
        while (event := self._events.get()) is not None:
            yield event

    def close(self) -> None:
        self.is_closed = True
        self._events.put(None)


async def test_a_change_is_on_the_screen_without_waiting_for_the_interval() -> None:
    hub, changes = FakeFleet(pane()), FakeChanges()
    app = app_for(hub, refresh_s=3600, changes=changes)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.board.pane is not None)
        hub.said = pane(rows=[row("just-come", 1.0, 2.0)])
        changes.tell()
        await until(pilot, lambda: "just-come" in screen_text(app))
    assert changes.is_closed


async def test_a_hub_that_changes_all_the_time_is_not_asked_all_the_time() -> None:
    hub, changes = FakeFleet(pane()), FakeChanges()
    app = app_for(hub, refresh_s=3600, changes=changes)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.board.pane is not None)
        for _ in range(200):
            changes.tell()
            await pilot.pause(0.001)
        assert len(hub.asked) < 200 * 0.1 / HINT_GAP_S
        # A person does not wait for the pause to end.
        hub.said = pane(rows=[row("asked-for", 1.0, 2.0)])
        await pilot.press("r")
        await until(pilot, lambda: "asked-for" in screen_text(app))
