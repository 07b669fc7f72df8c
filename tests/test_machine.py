"""Who a machine says it is."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from openusage.errors import OpenUsageError
from openusage.machine import host_name, identify


def test_the_id_stays_when_the_name_changes(tmp_path: Path) -> None:
    first = identify(tmp_path / "state" / "machine-id", "laptop")
    second = identify(tmp_path / "state" / "machine-id", "desk")
    assert first.id == second.id
    assert (first.name, second.name) == ("laptop", "desk")


def test_without_a_name_it_is_the_hosts(tmp_path: Path) -> None:
    assert identify(tmp_path / "id").name == host_name() == identify(tmp_path / "id", "  ").name


def test_the_file_is_private(tmp_path: Path) -> None:
    identify(tmp_path / "id")
    assert stat.S_IMODE((tmp_path / "id").stat().st_mode) == 0o600


def test_a_broken_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "id").write_text("half an i")
    made = identify(tmp_path / "id").id
    assert len(made) == 32
    assert identify(tmp_path / "id").id == made


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = {m.id for m in pool.map(lambda _: identify(tmp_path / "id"), range(8))}
    assert len(ids) == 1


def test_a_state_directory_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OpenUsageError, match=r"needed as a folder but is a file|Cannot use the folder"):
        identify(tmp_path / "file" / "id")
