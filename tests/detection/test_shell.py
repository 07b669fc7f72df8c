"""Keys in shell start files: which lines tell, and which assignment wins."""

from __future__ import annotations

from pathlib import Path

import pytest

from openusage.detection.shell import assignments, in_start_files


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("export GROQ_API_KEY=gsk_made_up_1", "gsk_made_up_1"),
        ("  GROQ_API_KEY=gsk_made_up_1;", "gsk_made_up_1"),
        ("export GROQ_API_KEY='k e y'", "k e y"),
        ("export GROQ_API_KEY='k' # mine", "k"),
        ('export GROQ_API_KEY="made-up"', "made-up"),
        ('set -gx GROQ_API_KEY "made-up"', "made-up"),
        ("set -x GROQ_API_KEY made-up", "made-up"),
        ("export GROQ_API_KEY=made-up # a comment", "made-up"),
        ("export GROQ_API_KEY=a#b", "a#b"),
    ],
)
def test_a_literal_value_is_taken(line: str, value: str) -> None:
    assert assignments(line) == {"GROQ_API_KEY": value}


@pytest.mark.parametrize(
    "line",
    [
        "export GROQ_API_KEY=$(pass show x)",
        'export GROQ_API_KEY="${M}"',
        "export GROQ_API_KEY=`pass x`",
        "export GROQ_API_KEY=a'b'",
        "export GROQ_API_KEY=a MISTRAL_API_KEY=b",
        "export GROQ_API_KEY='open",
        "export GROQ_API_KEY=",
        "# export GROQ_API_KEY=old",
        "echo GROQ_API_KEY=x",
        "set -g GROQ_API_KEY not-exported",
        "export MY_OTHER_KEY=x",
        "GROQ_API_KEY =x",
    ],
)
def test_what_only_a_shell_can_tell_is_left_out(line: str) -> None:
    assert assignments(line) == {}


def test_the_last_assignment_of_a_shell_wins(tmp_path: Path) -> None:
    """As it does in that shell; a stale key at the top of an early file hides nothing."""
    (tmp_path / ".zshenv").write_text("export GROQ_API_KEY=stale-stale-1111\n")
    (tmp_path / ".zshrc").write_text(
        "export GROQ_API_KEY=older-older-2222\nexport GROQ_API_KEY=newer-newer-3333\n"
    )
    (tmp_path / ".bashrc").write_text(
        "export GROQ_API_KEY=other-other-4444\nexport XAI_API_KEY=xai-made-up-5555\n"
    )
    found = {c.account: c for c in in_start_files(tmp_path)}
    assert found["groq"].masked == "newe…3333"
    assert found["groq"].source == f"shell_rc:{tmp_path / '.zshrc'}"
    assert found["xai"].source == f"shell_rc:{tmp_path / '.bashrc'}"
