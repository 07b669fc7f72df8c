"""A daemon and a hub with an invented history, each made once for all tests that look at them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

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


@pytest.fixture(scope="session")
def picture_folder() -> str:
    """Where the plugin puts what it compares, as it told before any test changed the environment."""
    return os.environ["TEXTUAL_SNAPSHOT_TEMPDIR"]


@pytest.fixture(autouse=True)
def _kept_folder(picture_folder: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The empty environment of every test takes the plugin's variable away too."""
    monkeypatch.setenv("TEXTUAL_SNAPSHOT_TEMPDIR", picture_folder)
