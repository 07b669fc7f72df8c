"""Blocks of a page of docs/, so that tests run what people copy."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of this language, in order."""
    text = (DOCS / page).read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def block(page: str, language: str, holding: str = "") -> str:
    """The one block of this language that holds a text."""
    found = [b for b in blocks(page, language) if holding in b]
    assert len(found) == 1, (page, language, holding, len(found))
    return found[0]
