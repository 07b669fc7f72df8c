"""What is on a machine: tools by their files, keys by their places, and nothing shown whole."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import msgspec
import pytest

from openusage.detection import Detection, detect
from openusage.detection.aider import keys_in_yaml
from openusage.detection.keys import VARIABLES, KeyVariable, masked
from openusage.providers import names
from openusage.providers._contract import Env
from tests.support.homes import claude_line, write_claude

NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)


def look(home: Path, cwd: Path | None = None, /, **environ: str) -> Detection:
    env = Env(home=home, environ={"PATH": "", "OPENUSAGE_DETECT_BIN_DIRS": "", **environ}, now=NOW)
    return detect(env, cwd=cwd or home, config_dir=home / ".config/openusage")


def keys(found: Detection) -> list[tuple[str, str, str]]:
    return [(c.account, c.masked, c.source.partition(":")[0]) for c in found.credentials]


def test_an_empty_home_has_nothing_and_says_where_it_was_looked_for(tmp_path: Path) -> None:
    found = look(tmp_path)
    assert sorted(t.provider for t in found.tools) == names()
    assert not any(t.is_found for t in found.tools)
    assert all(t.looked_for for t in found.tools)
    assert found.credentials == []


def test_a_tool_is_found_by_its_files_without_its_program(tmp_path: Path) -> None:
    write_claude(tmp_path, claude_line("a", at="2026-11-22T10:00:00Z"))
    [tool] = [t for t in look(tmp_path).tools if t.is_found]
    assert (tool.provider, tool.binary) == ("claude_code", None)
    assert tool.accounts[0].roots == [str((tmp_path / ".claude/projects").resolve())]
    program = tmp_path / "bin" / "claude"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    assert look(tmp_path, PATH=str(program.parent)).tools[0].binary is None
    program.chmod(0o755)
    by_id = {t.provider: t for t in look(tmp_path, PATH=str(program.parent)).tools}
    assert by_id["claude_code"].binary == str(program)


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda v: v.name)
def test_each_variable_of_the_environment_is_its_vendors(tmp_path: Path, variable: KeyVariable) -> None:
    [key] = look(tmp_path, None, **{variable.name: "made-up-key-0123456789"}).credentials
    assert (key.provider, key.account) == (variable.provider, variable.account)
    assert (key.masked, key.source) == ("made…6789", "env")


def test_the_environment_comes_before_files(tmp_path: Path) -> None:
    (tmp_path / ".bashrc").write_text("export GROQ_API_KEY=from-a-file-0000\n")
    assert keys(look(tmp_path, GROQ_API_KEY="from-the-env-1111")) == [("groq", "from…1111", "env")]


def test_keys_of_other_tools_are_found_and_logins_are_none(tmp_path: Path) -> None:
    opencode = tmp_path / ".local/share/opencode/auth.json"
    opencode.parent.mkdir(parents=True)
    opencode.write_text(
        json.dumps(
            {
                "moonshotai": {"type": "api", "key": "made-up-moon-0001"},
                "opencode-go": {"type": "api", "key": "made-up-go-000002"},
                "opencode": {"type": "api", "key": "made-up-zen-00003"},
                "anthropic": {"type": "oauth", "access": "secret-secret-secret"},
                "zai": "odd",
            }
        )
    )
    (tmp_path / ".codex").mkdir()
    (tmp_path / ".codex/auth.json").write_text('{"OPENAI_API_KEY": "made-up-openai-004", "tokens": null}')
    assert keys(look(tmp_path)) == [
        ("moonshot-ai", "made…0001", "opencode_auth_json"),
        ("openai", "made…-004", "codex_auth_json"),
        ("opencode", "made…0003", "opencode_auth_json"),
    ]


@pytest.mark.parametrize("text", ["", "[]", "{", "\x00\xff", '{"openai": 3}', "[" * 100_000])
def test_a_file_of_another_form_is_no_key_and_no_failure(tmp_path: Path, text: str) -> None:
    for name in (".local/share/opencode/auth.json", ".codex/auth.json", ".aider.conf.yml", ".zshrc"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert look(tmp_path).credentials == []


def test_aiders_files_count_from_the_nearest_folder_out(tmp_path: Path) -> None:
    work = tmp_path / "work"
    inner = work / "src" / "deep"
    inner.mkdir(parents=True)
    (work / ".git").mkdir()
    (inner / ".env").write_text("OPENAI_API_KEY=from-inner-env-01\n")
    assert look(tmp_path, inner).credentials == []
    (work / ".aider.conf.yml").write_text(
        "openai-api-key: from-the-repo-02\napi-key:\n  - gemini=from-the-repo-03\n  - odd\n  - xai=\n"
    )
    (tmp_path / ".aider.conf.yml").write_text(
        "anthropic-api-key: from-the-home-04\nopenai-api-key: hidden-00005\n"
    )
    assert keys(look(tmp_path, inner)) == [
        ("anthropic", "from…e-04", "aider_yaml"),
        ("gemini-api", "from…o-03", "aider_yaml"),
        ("openai", "from…v-01", "aider_dotenv"),
    ]


def test_one_odd_value_does_not_cost_the_others() -> None:
    assert keys_in_yaml("api-key: openrouter=k1\nopenai-api-key: [1]\nanthropic-api-key: k2\n") == {
        "ANTHROPIC_API_KEY": "k2",
        "OPENROUTER_API_KEY": "k1",
    }


def test_no_secret_leaves_whole(tmp_path: Path) -> None:
    secret = "sk-proj-abcdefghijklmnop"
    said = msgspec.json.encode(look(tmp_path, OPENAI_API_KEY=secret, GROQ_API_KEY="short")).decode()
    assert secret not in said
    assert secret[4:-4] not in said
    assert (masked(secret), masked("short"), masked(" twelve-chars")) == ("sk-p…mnop", "****", "****")
