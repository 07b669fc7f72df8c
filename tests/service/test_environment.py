"""The environment file: what is taken, how it is written, and that others read it as we do."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openusage.errors import ServiceError
from openusage.service.environment import (
    DAEMON_NAMES,
    HUB_NAMES,
    EnvFile,
    names_taken,
    parse,
    render,
    taken,
)

SOURCE = Path(__file__).parents[2] / "src" / "openusage"
NAMES = st.from_regex(r"[A-Z_][A-Z0-9_]{0,8}", fullmatch=True)
VALUES = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"])).filter(lambda v: v and v.isprintable())


@given(st.dictionaries(NAMES, VALUES))
def test_what_is_written_is_what_is_read(variables: dict[str, str]) -> None:
    assert parse(render(variables)) == (variables, [])


def test_a_shell_reads_the_same(tmp_path: Path) -> None:
    """`set -a; . daemon.env`, as docs/operating.md has it for the hub's."""
    variables = {"A": 'a "quoted" $HOME `id` \\ end', "B": "ü; rm -rf x # no", "C": "trailing\\"}
    file = tmp_path / "daemon.env"
    file.write_text(render(variables))
    program = 'set -a; . "$1"; printf "%s\\0%s\\0%s" "$A" "$B" "$C"'
    done = subprocess.run(["sh", "-c", program, "sh", str(file)], capture_output=True, check=True)
    assert done.stdout.decode().split("\0") == [*variables.values()]


def test_lines_of_people_are_read_and_others_told_by_number() -> None:
    found = parse('# a comment\n; another\n\nA=plain\n  B="x y"  \nexport C=1\nD="open\nE=\n')
    assert found == ({"A": "plain", "B": "x y", "E": ""}, [6, 7])


def test_only_what_is_set_and_can_be_written_is_taken() -> None:
    environ = {"PATH": "/bin", "TZ": "", "OPENAI_API_KEY": "two\nlines", "STRANGE": "x"}
    assert names_taken(DAEMON_NAMES, environ) == ["PATH"]
    assert taken(["STRANGE", "no name", "PATH"], environ) == {"PATH": "/bin", "STRANGE": "x"}


def test_a_hub_takes_no_vendors_key_and_no_tools_folder() -> None:
    assert not {name for name in HUB_NAMES if "KEY" in name or "CODEX" in name or "GITHUB" in name}


def test_every_variable_that_a_provider_reads_is_taken() -> None:
    """A new provider's variables belong into `environment.py`: a service has no other."""
    known = {*DAEMON_NAMES, "APPDATA", "LOCALAPPDATA"}
    read: set[str] = set()
    for file in (SOURCE / "providers").rglob("*.py"):
        text = file.read_text()
        read |= set(re.findall(r'environ(?:\.get\(|\[)\s*"([A-Z][A-Z0-9_]+)"', text))
        read |= set(
            re.findall(r'"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*_(?:KEY|TOKEN|HOME|DIR|ROOT|DATA|PATH))"', text)
        )
    assert len(read) > 20
    assert read <= known, sorted(read - known)


def test_the_file_is_for_its_owner_alone_whatever_it_was_before(tmp_path: Path) -> None:
    file = EnvFile(tmp_path / "state" / "daemon.env")
    assert file.read() == ({}, [])
    assert file.update({"A": "1", "B": "2"}) == {"A": "1", "B": "2"}
    file.path.chmod(0o644)
    assert file.update({"B": None, "C": "3"}) == {"A": "1", "C": "3"}
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert file.path.parent.stat().st_mode & 0o777 == 0o700
    file.update({"A": None, "C": None})
    assert not file.path.exists()
    file.remove()
    assert [*file.path.parent.iterdir()] == []


def test_what_cannot_be_read_or_written_is_a_sentence_without_a_value(tmp_path: Path) -> None:
    file = EnvFile(tmp_path / "daemon.env")
    file.path.write_bytes(b'A="\xff"\n')
    with pytest.raises(ServiceError, match="cannot be read: it is not UTF-8 text"):
        file.read()
    file.path.unlink()
    file.path.mkdir()
    for act in (file.read, lambda: file.update({"A": "s3cret"}), file.remove):
        with pytest.raises(ServiceError) as caught:
            act()
        assert "s3cret" not in str(caught.value)


def test_nothing_of_this_process_is_taken_but_what_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    assert "AWS_SECRET_ACCESS_KEY" not in taken(DAEMON_NAMES, os.environ)
