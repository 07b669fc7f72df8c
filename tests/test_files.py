"""A file is replaced as a whole, or is as it was."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from openusage.files import replace


def test_a_file_is_replaced_with_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "file"
    replace(file, b"old", 0o644)
    replace(file, b"new")
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"new", 0o600)
    assert [*tmp_path.iterdir()] == [file]


def test_without_room_the_file_is_as_it_was_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "file"
    replace(file, b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            replace(file, b"x" * 65)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert file.read_bytes() == b"old"
    assert [*tmp_path.iterdir()] == [file]
