from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from openusage.store import Store
from tests.exporter.receiving import ME, Clock, Hub
from tests.store.samples import Name, open_store


@pytest.fixture
def hub(httpserver: HTTPServer) -> Iterator[Hub]:
    hub = Hub(httpserver)
    yield hub
    hub.store.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(tmp_path / "usage.db", machine=Name(ME, "laptop"))
    yield store
    store.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()
