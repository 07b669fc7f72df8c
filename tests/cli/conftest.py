"""Commands in this process, with what they call recorded instead of run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from openusage.cli import compose

Calls = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """What a command asked `compose` to run: name and arguments, with settings and paths among them."""
    recorded: Calls = []

    def recorder(name: str) -> Callable[..., int]:
        def record(settings: object, paths: object, **arguments: Any) -> int:
            recorded.append((name, {"settings": settings, "paths": paths} | arguments))
            return 0

        return record

    for name in ("run_dashboard", "run_hub", "run_hub_view", "run_daemon"):
        monkeypatch.setattr(compose, name, recorder(name))
    return recorded
