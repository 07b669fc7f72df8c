"""Rules of the house that no linter holds: short files, short functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src"
MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 50
"""Without its docstring."""


def functions(text: str) -> Iterator[tuple[str, int]]:
    """Name and lines of each function, its decorators and its docstring left out."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            has_docstring = ast.get_docstring(node, clean=False) is not None
            told = (first.end_lineno or 0) - first.lineno + 1 if has_docstring else 0
            yield node.name, (node.end_lineno or 0) - node.lineno + 1 - told


def test_lines_are_counted_without_decorators_and_docstrings() -> None:
    text = (
        '@cache\ndef one(\n    a: int,\n) -> int:\n    """Says\n    it."""\n    return a\n'
        "async def two(): pass\n"
    )
    assert sorted(functions(text)) == [("one", 4), ("two", 1)]


def test_no_file_and_no_function_is_long() -> None:
    long = []
    for file in sorted(SOURCE.rglob("*.py")):
        text, name = file.read_text("utf-8"), file.relative_to(SOURCE)
        if (lines := text.count("\n")) > MOST_LINES_OF_A_FILE:
            long.append(f"{name}: {lines} lines")
        long += [f"{name}: {f} has {n}" for f, n in functions(text) if n > MOST_LINES_OF_A_FUNCTION]
    assert not long
