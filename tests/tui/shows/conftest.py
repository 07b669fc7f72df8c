"""The invented fleet, made once for all pictures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.tui.shows.world import World, world


@pytest.fixture(scope="package")
def invented(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("world")) as found:
        yield found
