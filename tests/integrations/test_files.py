"""Install and uninstall on files as people have them: only our lines differ, and every byte comes back."""

from __future__ import annotations

import difflib
import json
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest

from openusage import jsonc
from openusage.errors import IntegrationError
from openusage.integrations import Integration, State, recipes
from openusage.paths import Paths

ME = "ann"
"""Stands in every file that has anything in it: what its owner changes later."""

JSON = {
    "comments": """\
// ann's settings
{
  // what I like
  "model": "ann-5", // best
  /* tried: 1 */ "limit": 1.50e3,
  "list": [
    "a", // one
    "b",
  ],
}
""",
    "odd formatting": '{"user" :"ann" ,\n\n\t\t"n":-0.0,"u": "\\u00e9\\/" , "e":{ },\n "l":[ 1,2 ,3]  }',
    "one line": '{"user": "ann", "n": 1.0}',
    "no end of line": '{\n    "user": "ann"\n}',
    "tabs": '{\n\t"user": "ann",\n\t"deep": {\n\t\t"x": null\n\t}\n}\n',
    "CRLF": '{\r\n  "user": "ann",\r\n  "x": [\r\n    1\r\n  ]\r\n}\r\n',
    "byte order mark": '\ufeff{\n  "user": "ann"\n}\n',
    "a schema first": '{\n  "$schema": "https://x",\n  "user": "ann",\n  "big": 12345678901234567890\n}\n',
    "a comment behind the brace": '{ // ann\n  "a": 1 // one\n}\n',
    "one name twice": '{\n  "user": "bob",\n  "user": "ann"\n}\n',
    "an empty object": "{}\n",
    "an object of space": "{\n\n}\n",
    "only a comment": "// ann was here\n",
    "empty": "",
}
CLAUDE = JSON | {
    "own hooks": """\
{
  "user": "ann",
  "hooks": {
    "Stop": [
      {
        "hooks": [
          { "type": "command", "command": "say done" } // mine
        ]
      }
    ],
    "PreToolUse": [{ "matcher": "Bash", "hooks": [{ "type": "command", "command": "my-claude-hook.sh" }] }],
    "PostToolUse": []
  }
}
""",
    "emptied hooks": '{\n  "hooks": {\n    "Stop": null, "SubagentStop": []\n  }, "user": "ann"\n}\n',
    "no hooks in hooks": '{\n  "user": "ann",\n  "hooks": {}\n}\n',
}
OPENCODE = JSON | {
    "own plugins": '{\n  "plugin": [\n    "opencode-x@1.2", // ann\n    ["y", {"z": 1}],\n  ],\n}\n',
    "plugins on one line": '{ "user": "ann", "plugin": ["x"] }',
    "no plugins": '{\n  "plugin": [], "user": "ann"\n}\n',
}
CODEX = {
    "comments": "# ann's\nmodel = 'gpt' # good\n\n[tools]\nweb = true # yes\n",
    "own notify": '# ann\nnotify = ["say", "done"]  # mine\n[tui]\nx = 1\n',
    "own notify on many lines": 'user = "ann"\nnotify = [\n  "python3", # it\n  \'/x y/notify.py\',\n]\n',
    "own notify, odd": '"notify"\t=[ "say",]\nuser="ann"',
    "an empty notify": 'notify = []\nuser = "ann"\n',
    "names that only look like it": 'notify_x = 1\nuser = """\nnotify = ["no"] ann\n"""\n[a]\nnotify = ["b"]',
    "odd formatting": 'a . b  =  0xF\n\n  user = "ann"\n[ t . "u v" ]\nd = 1979-05-27T07:32:00Z\n',
    "CRLF": 'user = "ann"\r\nnotify = ["say"]\r\n[t]\r\nx = 1\r\n',
    "byte order mark": '\ufeffuser = "ann"\n',
    "no end of line": 'user = "ann"',
    "only tables": "[profiles.ann]\nmodel = 'x'\n",
    "empty": "",
}
FILES = [
    pytest.param(tool, text, id=f"{tool}: {name}")
    for tool, texts in (("claude_code", CLAUDE), ("codex", CODEX), ("opencode", OPENCODE))
    for name, text in texts.items()
]
ONLY_THE_SAME_MEANING = (JSON["only a comment"], CLAUDE["emptied hooks"])
"""An object or lists had to be made in them, and stay when somebody else changed the file since."""
TOOLS = ("claude_code", "codex", "opencode")
BROKEN = {
    "claude_code": [
        '{"a": 1',
        "[]",
        '{"hooks": []}',
        '{"hooks": {"Stop": "x"}}',
        "{'a': 1}",
        '{"a" 1}',
        "{}x",
    ],
    "codex": ["a = ", 'notify = "say"', "[notify]\nx = 1", "notify = [1]", "a = 1\na = 2"],
    "opencode": ["{", '"x"', '{"plugin": {}}', '{"a": 1 "b": 2}', '{"a": "x\n"}', "[" * 300],
}


def config_of(one: Integration, content: str | bytes) -> Path:
    path = one.status().config
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def values(path: Path) -> Any:
    text = path.read_text("utf-8-sig")
    if path.suffix == ".toml":
        return tomllib.loads(text)
    return jsonc.parse("{}" if jsonc.is_blank(text) else text).plain()


def without_ours(tool: str, found: dict[str, Any]) -> dict[str, Any]:
    """What the file says beside our entry; the empty things that it may leave count as not there."""
    if tool == "codex":
        found["notify"] = [w for w in found.get("notify", []) if "openusage" not in w]
        return found if found["notify"] else {k: v for k, v in found.items() if k != "notify"}
    if tool == "opencode":
        found["plugin"] = [p for p in found.get("plugin", []) if "openusage" not in str(p)]
        known = {k: v for k, v in found.items() if v != "https://opencode.ai/config.json"}
        return known if found["plugin"] else {k: v for k, v in known.items() if k != "plugin"}
    hooks = {
        event: [g for g in groups or [] if "openusage" not in json.dumps(g)]
        for event, groups in found.get("hooks", {}).items()
    }
    found["hooks"] = {event: groups for event, groups in hooks.items() if groups}
    return found if found["hooks"] else {k: v for k, v in found.items() if k != "hooks"}


@pytest.mark.parametrize(("tool", "text"), FILES)
def test_only_our_lines_differ_and_undoing_gives_back_every_byte(
    known: dict[str, Integration], tool: str, text: str
) -> None:
    one = known[tool]
    path = config_of(one, text)
    path.chmod(0o640)
    before = values(path)
    assert one.status().state is State.MISSING
    one.install()
    installed = path.read_bytes()
    assert one.status().state is State.READY
    assert without_ours(tool, values(path)) == without_ours(tool, before)
    assert installed.startswith(b"\xef\xbb\xbf") == text.startswith("\ufeff")
    assert (b"\r\n" in installed) == ("\r\n" in text)
    assert b"\n" not in installed.replace(b"\r\n", b"") or "\r\n" not in text
    assert one.install() == []
    one.uninstall()
    assert path.read_bytes() == text.encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert one.status().state is State.MISSING


@pytest.mark.parametrize(("tool", "text"), FILES)
def test_lines_that_stand_alone_stay_as_they_are(known: dict[str, Integration], tool: str, text: str) -> None:
    """A line is touched only where our entry has to stand on it: between brackets of the same line."""
    one = known[tool]
    path = config_of(one, text)
    one.install()
    installed = path.read_bytes().decode()
    changes = difflib.ndiff(
        text.removeprefix("\ufeff").splitlines(), installed.removeprefix("\ufeff").splitlines()
    )
    removed = [line[2:] for line in changes if line.startswith("- ")]
    assert all("[" in line or "{" in line or "null" in line for line in removed), removed
    assert len(removed) <= 2


@pytest.mark.parametrize(("tool", "text"), [p for p in FILES if ME in str(p.values[1])])
def test_what_its_owner_changed_since_is_kept_when_our_entry_goes(
    known: dict[str, Integration], tool: str, text: str
) -> None:
    one = known[tool]
    path = config_of(one, text)
    one.install()
    path.write_bytes(path.read_bytes().replace(b"ann", b"bob").replace(b"bob's home", b"ann's home"))
    one.uninstall()
    left = path.read_bytes().decode()
    changed = text.replace("ann", "bob")
    if text in ONLY_THE_SAME_MEANING:
        path.write_bytes(changed.encode())
        assert without_ours(tool, jsonc.parse(left).plain()) == without_ours(tool, values(path))
    else:
        assert left == changed


@pytest.mark.parametrize("tool", TOOLS)
def test_a_missing_file_is_made_and_removed_with_its_folders(
    known: dict[str, Integration], person: Path, tool: str
) -> None:
    one = known[tool]
    changes = one.install()
    status = one.status()
    assert {c.path for c in changes} == {status.config, status.artifact}
    assert stat.S_IMODE(status.config.stat().st_mode) == 0o600
    assert status.state is State.READY
    one.uninstall()
    assert not status.config.exists()
    assert not status.config.parent.exists()
    assert not status.artifact.exists()


@pytest.mark.parametrize("tool", TOOLS)
def test_a_link_stays_a_link_and_what_it_names_is_changed(
    known: dict[str, Integration], person: Path, tool: str
) -> None:
    one = known[tool]
    path = config_of(one, "")
    path.unlink()
    real = person / "dotfiles" / path.name
    real.parent.mkdir()
    text = "user = 'ann'\n" if tool == "codex" else '{"user": "ann"}\n'
    real.write_text(text)
    path.symlink_to("../" * len(path.parent.relative_to(person).parts) + f"dotfiles/{path.name}")
    one.install()
    assert path.is_symlink()
    assert "openusage" in real.read_text()
    assert one.status().state is State.READY
    one.uninstall()
    assert path.is_symlink()
    assert real.read_text() == text
    assert [p.name for p in real.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("tool", TOOLS)
def test_a_read_only_file_is_left_alone_and_that_is_said(known: dict[str, Integration], tool: str) -> None:
    """Also where the folder would let us replace it: whoever made it read-only, or writes it, meant that."""
    one = known[tool]
    path = config_of(one, "")
    path.chmod(0o444)
    with pytest.raises(IntegrationError, match="is read-only") as refused:
        one.install()
    assert "chmod u+w '" in refused.value.hint
    assert path.read_bytes() == b""
    assert not one.status().artifact.exists()
    assert one.status().state is State.MISSING


@pytest.mark.parametrize(("tool", "text"), [(tool, text) for tool in TOOLS for text in BROKEN[tool]])
def test_a_broken_file_is_left_alone_and_the_place_is_named(
    known: dict[str, Integration], tool: str, text: str
) -> None:
    one = known[tool]
    path = config_of(one, text)
    assert one.status().state is State.BROKEN
    assert str(path) in one.status().summary
    for act in (one.install, one.uninstall):
        with pytest.raises(IntegrationError, match="is not what its tool can read"):
            act()
    assert path.read_bytes() == text.encode()
    assert not one.status().artifact.exists()


@pytest.mark.parametrize("tool", TOOLS)
def test_what_is_no_text_or_no_file_is_left_alone(known: dict[str, Integration], tool: str) -> None:
    one = known[tool]
    path = config_of(one, b"\xff\xfe{\x00}\x00")
    with pytest.raises(IntegrationError, match="UTF-8"):
        one.install()
    path.unlink()
    path.mkdir()
    with pytest.raises(IntegrationError, match="cannot be read"):
        one.install()
    path.rmdir()
    path.symlink_to(path.name)
    with pytest.raises(IntegrationError, match="cannot be read"):
        one.install()
    assert one.status().state is State.BROKEN


def test_a_users_notify_is_chained_and_comes_back(known: dict[str, Integration]) -> None:
    one = known["codex"]
    path = config_of(one, CODEX["own notify on many lines"])
    one.install()
    assert values(path)["notify"] == [str(one.status().artifact), "python3", "/x y/notify.py"]
    text = path.read_text().replace("python3", "python4")
    path.write_text(text)
    one.uninstall()
    assert path.read_text() == CODEX["own notify on many lines"].replace("python3", "python4")


def test_notify_that_another_program_took_over_is_not_broken(known: dict[str, Integration]) -> None:
    """Some programs put themselves in front and are told of us: that works, and only they can undo it."""
    one = known["codex"]
    path = config_of(one, "")
    one.install()
    ours = str(one.status().artifact)
    text = f"notify = ['other', '--previous', {json.dumps(json.dumps([ours]))}]\n"
    path.write_text(text)
    assert one.status().state is State.READY
    assert one.install() == []
    with pytest.raises(IntegrationError, match="another program stands before"):
        one.uninstall()
    assert path.read_text() == text
    assert one.status().artifact.exists()


def test_only_our_handler_leaves_a_group_that_its_owner_added_to(known: dict[str, Integration]) -> None:
    one = known["claude_code"]
    path = config_of(one, "")
    one.install()
    mine = '{"type": "command", "command": "say hi"}'
    path.write_text(
        path.read_text().replace('"async": true\n          }', f'"async": true\n          }}, {mine}')
    )
    one.uninstall()
    assert values(path) == {
        "hooks": {"PostToolUse": [{"matcher": "*", "hooks": [{"type": "command", "command": "say hi"}]}]}
    }


def test_the_places_are_those_that_the_tools_look_at(paths: Paths, person: Path) -> None:
    named = {"CLAUDE_CONFIG_DIR": "~/c, /other", "CODEX_HOME": "/x/codex"}
    claude, codex, _ = recipes(paths, named)
    assert (claude.config, codex.config) == (person / "c/settings.json", Path("/x/codex/config.toml"))
    named |= {"CLAUDE_SETTINGS_FILE": "/s/one.json", "CODEX_CONFIG_DIR": "/y"}
    claude, codex, _ = recipes(paths, named)
    assert (claude.config, codex.config) == (Path("/s/one.json"), Path("/y/config.toml"))
    folder = person / ".config/opencode"
    folder.mkdir(parents=True)
    (folder / "opencode.jsonc").touch()
    assert recipes(paths, {})[2].config == folder / "opencode.jsonc"
    (folder / "opencode.json").touch()
    assert recipes(paths, {})[2].config == folder / "opencode.json"
    (folder / "opencode.jsonc").write_text('{"plugin": ["file:///x/openusage-telemetry.ts"]}')
    assert recipes(paths, {})[2].config == folder / "opencode.jsonc"
