"""The generated pages in docs/ are what the program says."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from openusage.cli.catalog import COMMANDS
from openusage.providers import load, names
from openusage.settings import Settings
from tools import docs


def test_the_pages_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    """Else: `make docs`, and commit what it wrote."""
    assert docs.main(["--check"]) == 0, capsys.readouterr().err


def test_a_page_that_is_not_current_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(docs, "DOCS", tmp_path)
    assert docs.main(["--check"]) == 1
    assert "docs/cli.md, docs/settings.md, docs/providers.md" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert docs.main([]) == 0
    assert docs.main(["--check"]) == 0
    (tmp_path / "cli.md").write_text("old")
    assert docs.main(["--check"]) == 1


def test_every_command_has_a_heading() -> None:
    page = docs.cli_page()
    for name in (*COMMANDS, "telemetry daemon run", "telemetry daemon status"):
        assert f"\n## openusage {name}\n" in page


def test_every_tool_says_what_is_read_and_what_is_not_covered() -> None:
    page = docs.providers_page()
    for name in names():
        spec = load(name).SPEC
        chapter = page.partition(f"\n## {spec.name}\n")[2].partition("\n## ")[0]
        assert "Read: `" in chapter
        assert "covered" in chapter
        assert f"| `{spec.id}` |" in page


def test_every_setting_has_a_row() -> None:
    page = docs.settings_page()
    for section, value in msgspec.to_builtins(Settings()).items():
        for field in value if isinstance(value, dict) else [""]:
            assert f"| `{section}{'.' if field else ''}{field}` |" in page


def test_a_setting_without_words_is_an_error() -> None:
    class Silent(msgspec.Struct):
        spoken: int = 0
        """Said."""
        silent: int = 0

    with pytest.raises(ValueError, match=r"Silent\.silent has no text"):
        docs.field_texts(Silent)


def test_a_settings_words_are_the_string_under_it() -> None:
    class Spoken(msgspec.Struct):
        """Not of a field."""

        one: int = 0
        """Said on
        two lines."""
        two: dict[str, int] = {}  # and a comment
        "Short."

    assert docs.field_texts(Spoken) == {"one": "Said on two lines.", "two": "Short."}


def test_words_that_are_no_plain_string_are_an_error() -> None:
    class Odd(msgspec.Struct):
        one: int = 0
        """An \n escape."""

    with pytest.raises(ValueError, match="plain string"):
        docs.field_texts(Odd)
