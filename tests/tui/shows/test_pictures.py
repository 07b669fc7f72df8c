"""Every screen as a picture, from the demo's data through real stores, read model, daemon and hub.

After a wanted change: `pytest tests/tui/shows --snapshot-update`, then look at each that changed.
"""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.shows.cases import NO_COLOUR, Case, app_of, cases, come_to
from tests.tui.shows.world import World


@pytest.mark.parametrize("case", list(cases()), ids=str)
def test_screen(snap_compare: Any, invented: World, monkeypatch: pytest.MonkeyPatch, case: Case) -> None:
    if case.look == NO_COLOUR:
        monkeypatch.setenv("NO_COLOR", "1")

    async def run(pilot: Pilot[None]) -> None:
        await come_to(pilot, case)

    assert snap_compare(app_of(case, invented), terminal_size=case.size, run_before=run)
