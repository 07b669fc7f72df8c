"""Integrations of a temporary home, whose path has a space and a quote in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from openusage.integrations import Integration, integrations
from openusage.paths import Paths


@pytest.fixture
def person(tmp_path: Path) -> Path:
    """A home that shells and URLs have to be careful with."""
    home = tmp_path / "ann's home"
    home.mkdir()
    return home


@pytest.fixture
def paths(person: Path) -> Paths:
    return Paths.from_env({}, person)


@pytest.fixture
def known(paths: Paths) -> dict[str, Integration]:
    """By id."""
    return {i.id: i for i in integrations(paths, {})}
