"""A daemon and a hub with an invented history, each made once for all tests that look at them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from openusage.client import DaemonClient, HubClient
from tests.tui import world


@pytest.fixture(scope="package")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonClient]:
    with world.daemon(tmp_path_factory.mktemp("daemon")) as client:
        yield client


@pytest.fixture(scope="package")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubClient]:
    with world.hub(tmp_path_factory.mktemp("hub")) as client:
        yield client


@pytest.fixture(scope="package")
def plain_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubClient]:
    """It keeps no history, as the Go program's."""
    with world.hub(tmp_path_factory.mktemp("plain"), with_history=False) as client:
        yield client
