"""The papers name tests as their proof: each of them exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("paper", ["docs/multi-machine.md"])
def test_every_test_that_is_named_as_proof_exists(paper: str) -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / paper).read_text()))
    text = "\n".join(file.read_text() for file in (ROOT / "tests").rglob("test_*.py"))
    written = set(re.findall(r"def (test_\w+)\(", text))
    assert named
    assert named <= written, sorted(named - written)
