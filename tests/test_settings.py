"""settings.json: what is accepted, the sentence for what is not, and writing that loses nothing."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openusage.errors import ExitCode, SettingsError
from openusage.settings import Dashboard, Settings, Updated, applied, hub_url, load, misspelt, update

GO_FILE = Path(__file__).parent / "fixtures" / "settings" / "go_0_24_4.json"
NAME = "~/.config/openusage/settings.json"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "settings.json"


def written(file: Path, tree: Any) -> Path:
    file.write_text(tree if isinstance(tree, str) else json.dumps(tree))
    return file


def refusal(file: Path, tree: Any) -> SettingsError:
    with pytest.raises(SettingsError) as e:
        load(written(file, tree), NAME)
    return e.value


# --- reading -------------------------------------------------------------------------------------------


def test_no_file_means_defaults(file: Path) -> None:
    found = load(file)
    assert found == Settings()
    assert found.ui.refresh_interval_seconds == 30
    assert (found.ui.warn_threshold, found.ui.crit_threshold) == (0.2, 0.05)
    assert (found.data.time_window, found.data.retention_days) == ("30d", 90)
    assert (found.export.target, found.export.interval_seconds) == ("", 60)
    assert found.export.include_identity is False
    assert (found.hub.listen_addr, found.hub.stale_timeout_seconds) == (":9190", 300)
    assert found.hub.healthz_machines is True


@pytest.mark.parametrize("text", ["", "  \n", "{}", "\ufeff{}"])
def test_an_empty_file_means_defaults(file: Path, text: str) -> None:
    assert load(written(file, text)) == Settings()


def test_a_file_of_the_go_program_is_read() -> None:
    """`null` accounts, an empty listen address and a stale time-out of 0 are how it writes "not set"."""
    found = load(GO_FILE)
    assert found.theme == "Gruvbox"
    assert found.accounts == []
    assert found.dashboard.providers == []
    assert found.export.target == "http://127.0.0.1:19191"
    assert (found.export.interval_seconds, found.export.machine_name) == (10, "peer-box")
    assert (found.hub.listen_addr, found.hub.stale_timeout_seconds) == (":9190", 300)


def test_reading_writes_nothing(file: Path) -> None:
    load(file)
    assert list(file.parent.iterdir()) == []
    written(file, {"ui": {}})
    before = file.stat()
    load(file)
    assert (file.stat().st_mtime_ns, list(file.parent.iterdir())) == (before.st_mtime_ns, [file])


def test_every_null_means_default(file: Path) -> None:
    """Whatever section or field is `null`."""
    tree = msgspec.to_builtins(Settings())
    nulls = {k: dict.fromkeys(v) if isinstance(v, dict) else None for k, v in tree.items()}
    assert load(written(file, nulls)) == Settings()
    assert load(written(file, dict.fromkeys(tree))) == Settings()


@pytest.mark.parametrize("seconds", [0, -1, 0.5, None])
def test_an_export_interval_below_1_means_the_default(file: Path, seconds: float | None) -> None:
    assert load(written(file, {"export": {"interval_seconds": seconds}})).export.interval_seconds == 60


def test_a_threshold_of_0_is_0(file: Path) -> None:
    assert load(written(file, {"ui": {"warn_threshold": 0}})).ui.warn_threshold == 0


def test_unknown_keys_are_tolerated(file: Path) -> None:
    assert load(written(file, {"ui": {"new": 1}, "tmux": {"alerts": {}}, "x": [1]})) == Settings()


def test_accounts_are_read(file: Path) -> None:
    tree = {
        "accounts": [
            None,
            {
                "id": "work",
                "provider": "codex",
                "api_key_env": "WORK_KEY",
                "paths": {"home": "/w", "x": None},
                "provider_paths": {"home": "/g", "log": "/l"},
            },
        ]
    }
    (account,) = load(written(file, tree)).accounts
    assert (account.id, account.provider, account.api_key_env) == ("work", "codex", "WORK_KEY")
    assert account.paths == {"home": "/w"}
    assert account.provider_paths == {"home": "/g", "log": "/l"}
    assert account.hide_costs is None


@pytest.mark.parametrize(
    ("tree", "sentence"),
    [
        ({"ui": {"refresh_interval_seconds": "soon"}},
         'ui.refresh_interval_seconds must be a number from 1 to 3600, found "soon"'),
        ({"ui": {"refresh_interval_seconds": 0.5}},
         "ui.refresh_interval_seconds must be a number from 1 to 3600, found 0.5"),
        ({"ui": {"warn_threshold": 20}}, "ui.warn_threshold must be a number from 0 to 1, found 20"),
        ({"ui": {"warn_threshold": True}}, "ui.warn_threshold must be a number from 0 to 1, found true"),
        ({"ui": []}, "ui must be an object {…}, found []"),
        ({"theme": 7}, "theme must be text, found 7"),
        ({"data": {"time_window": "8d"}},
         'data.time_window must be "1d", "3d", "7d", "30d" or "all", found "8d"'),
        ({"data": {"retention_days": 1.5}},
         "data.retention_days must be a whole number from 1 to 36500, found 1.5"),
        ({"data": {"retention_days": -1}},
         "data.retention_days must be a whole number from 1 to 36500, found -1"),
        ({"auto_detect": "yes"}, 'auto_detect must be true or false, found "yes"'),
        ({"auto_detect": 1}, "auto_detect must be true or false, found 1"),
        ({"accounts": {}}, "accounts must be a list […], found {}"),
        ({"accounts": ["x"]}, 'accounts[0] must be an object {…}, found "x"'),
        ({"accounts": [{"id": "x"}]}, "accounts[0].provider must be text, found nothing"),
        ({"accounts": [{"provider": ""}]}, 'accounts[0].provider must be text, found ""'),
        ({"accounts": [{"provider": "p"}, {"provider": "p", "paths": {"a": 1}}]},
         'accounts[1].paths must be an object of texts, found {"a": 1}'),
        ({"telemetry": {"provider_links": "a=b"}},
         'telemetry.provider_links must be an object of texts, found "a=b"'),
        ({"dashboard": {"hide_costs": "no"}},
         'dashboard.hide_costs must be true or false or null, found "no"'),
        ({"dashboard": {"providers": [{"enabled": True}]}},
         "dashboard.providers[0].account_id must be text, found nothing"),
        ({"export": {"target": 5}}, "export.target must be text, found 5"),
        ({"export": {"target": "ftp://hub"}},
         'export.target must be a URL such as http://hub.lan:9190, found "ftp://hub"'),
        ({"export": {"include_identity": "true"}},
         'export.include_identity must be true or false, found "true"'),
        ({"hub": {"stale_timeout_seconds": "300"}},
         'hub.stale_timeout_seconds must be a number from 1 to 604800, found "300"'),
        ({"hub": {"listen_addr": 9190}}, "hub.listen_addr must be text, found 9190"),
        ([], "must be an object {…}, found []"),
        ("null", "must be an object {…}, found null"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_what_is_allowed(file: Path, tree: Any, sentence: str) -> None:
    error = refusal(file, tree)
    assert error.message == f"{NAME}: {sentence}"
    assert error.exit_code == ExitCode.USAGE


def test_a_long_value_is_cut_in_the_message(file: Path) -> None:
    assert len(refusal(file, {"theme": ["x" * 10_000]}).message) < 200


def test_a_syntax_error_has_line_and_column(file: Path) -> None:
    assert "line 3, column 3: " in refusal(file, '{\n  "ui": {}\n  "theme": ""\n}').message


@pytest.mark.parametrize("text", ['{"ui": NaN}', "[" * 100_000, '{"theme": "\ud800"', "{} {}"])
def test_strange_json_is_a_settings_error(file: Path, text: str) -> None:
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(SettingsError):
        load(file)


def test_what_is_no_text_is_a_settings_error(file: Path) -> None:
    file.write_bytes(b'{"theme": "\xff"}')
    with pytest.raises(SettingsError, match="not UTF-8 text"):
        load(file)
    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        load(file.parent)


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from([*msgspec.to_builtins(Settings()), "providers", "target", "provider", "x"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_either_read_or_refused_in_words(tree: Any) -> None:
    """No file makes anything but `Settings` or a `SettingsError` out of `load`."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        file = written(Path(folder) / "settings.json", tree)
        refused: SettingsError | None = None
        try:
            load(file)
        except SettingsError as e:
            refused = e
        assert refused is None or refused.message.startswith(f"{file}: ")


# --- secrets -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "tree",
    [
        {"export": {"token": "s3cret-x"}},
        {"export": {"auth_token": "s3cret-x"}},
        {"export": {"hub_token": "s3cret-x"}},
        {"export": {"Authorization": "Bearer s3cret-x"}},
        {"hub": {"auth-token": "s3cret-x"}},
        {"hub": {"api_key": "s3cret-x"}},
        {"hub": {"token": ["s3cret-x"]}},
        {"token": "s3cret-x"},
        {"OPENUSAGE_HUB_TOKEN": "s3cret-x"},
        {"export": {"target": "http://me:s3cret-x@hub.lan:9190"}},
    ],
)
def test_a_token_in_the_file_is_refused_and_never_printed(file: Path, tree: Any) -> None:
    error = refusal(file, tree)
    assert "OPENUSAGE_HUB_TOKEN" in error.message + error.hint
    assert "s3cret-x" not in error.message + error.hint
    assert "s3cret-x" not in str(error.__cause__)


def test_a_key_in_an_account_is_refused(file: Path) -> None:
    error = refusal(file, {"accounts": [{"provider": "openai", "api_key": "s3cret-x"}]})
    assert "accounts[0].api_key" in error.message
    assert "api_key_env" in error.hint
    assert "s3cret-x" not in error.message + error.hint


@pytest.mark.parametrize(
    "tree",
    [
        {"export": {"token": ""}},
        {"hub": {"auth_token": None}},
        {"token": False},
        {"accounts": [{"provider": "openai", "api_key_env": "OPENAI_API_KEY", "auth": "token"}]},
        {"max_tokens": 5},
    ],
)
def test_what_is_no_secret_is_not_taken_for_one(file: Path, tree: Any) -> None:
    load(written(file, tree))


# --- hub URLs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://hub.lan:9190", "http://hub.lan:9190"),
        ("http://hub.lan:9190//", "http://hub.lan:9190"),
        ("hub.lan:9190", "http://hub.lan:9190"),
        (" https://x.example/openusage/ ", "https://x.example/openusage"),
        ("http://[::1]:9190", "http://[::1]:9190"),
    ],
)
def test_hub_urls(text: str, url: str) -> None:
    assert hub_url(text) == url


@pytest.mark.parametrize(
    "text",
    ["", "http://", "ftp://x", "http://x:99999", "http://x:port", "http://a b", "http://x/?q=1", "http://u@x",
     "http://[::1", "file:///etc/passwd"],
)  # fmt: skip
def test_what_is_no_hub_url(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        hub_url(text)


# --- writing -------------------------------------------------------------------------------------------


def test_a_new_file_is_private(tmp_path: Path) -> None:
    file = tmp_path / "config" / "openusage" / "settings.json"
    found = update(file, {"data.time_window": "7d"})
    assert found == Updated(load(file))
    assert found.settings.data.time_window == "7d"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_everything_else_in_the_file_stays_in_its_order(file: Path) -> None:
    before = json.loads(GO_FILE.read_text())
    written(file, before)
    update(file, {"data.time_window": "7d", "dashboard.hide_costs": True})
    after = json.loads(file.read_text())
    assert (after["data"].pop("time_window"), after["dashboard"].pop("hide_costs")) == ("7d", True)
    before["data"].pop("time_window")
    assert json.dumps(after) == json.dumps(before)


def test_a_function_may_change_the_tree(file: Path) -> None:
    written(file, {"mine": {"ü": "é"}})

    def change(tree: dict[str, Any]) -> None:
        tree["theme"] = "Nord"

    assert update(file, change).settings.theme == "Nord"
    assert json.loads(file.read_text()) == {"mine": {"ü": "é"}, "theme": "Nord"}


def test_a_link_is_followed(tmp_path: Path) -> None:
    """Dotfiles are often linked into a repository."""
    real = written(tmp_path / "dotfiles.json", {"x": 1})
    link = tmp_path / "settings.json"
    link.symlink_to(real)
    update(link, {"theme": "Nord"})
    assert link.is_symlink()
    assert json.loads(real.read_text()) == {"x": 1, "theme": "Nord"}


def test_a_link_to_nothing_is_followed(tmp_path: Path) -> None:
    link = tmp_path / "settings.json"
    link.symlink_to(tmp_path / "later" / "real.json")
    update(link, {"theme": "Nord"})
    assert link.is_symlink()
    assert load(tmp_path / "later" / "real.json").theme == "Nord"


def test_the_mode_is_kept(file: Path) -> None:
    written(file, {}).chmod(0o640)
    update(file, {"theme": "Nord"})
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_a_file_that_would_not_change_is_not_touched(file: Path) -> None:
    update(file, {"theme": "Nord"})
    before = file.stat()
    update(file, {"theme": "Nord"})
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("change", [{"data.time_window": "8d"}, {"hub.token": "x"}, {"theme.name": "x"}])
def test_a_value_that_is_not_allowed_is_not_written(file: Path, change: dict[str, Any]) -> None:
    written(file, {"theme": "Nord"})
    with pytest.raises(SettingsError):
        update(file, change)
    assert json.loads(file.read_text()) == {"theme": "Nord"}


def test_a_file_that_is_no_json_is_kept_beside(file: Path) -> None:
    written(file, "{oops")
    first = update(file, {"theme": "Nord"})
    assert first.backup == file.with_name("settings.json.bak")
    assert first.backup.read_text() == "{oops"
    assert load(file).theme == "Nord"
    written(file, "{again")
    second = update(file, {"theme": "Nord"})
    assert second.backup is not None
    assert (first.backup.read_text(), second.backup.read_text()) == ("{oops", "{again")


def test_where_it_cannot_be_written_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"cannot be written: (Not a directory|File exists)"):
        update(tmp_path / "file" / "settings.json", {"theme": "Nord"}, NAME)


def child(code: str, *args: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code, *map(str, args)])


def test_a_crash_before_the_replacement_leaves_the_old_file(file: Path) -> None:
    """The process dies when the new text is written but not yet in place; the next writer cleans up."""
    written(file, {"theme": "Nord"})
    code = (
        "import os, sys, pathlib; from openusage.settings import update\n"
        "os.replace = lambda *_: os._exit(9)\n"
        "update(pathlib.Path(sys.argv[1]), {'theme': 'Dracula'})"
    )
    assert child(code, file).wait(30) == 9
    assert load(file).theme == "Nord"
    update(file, {"theme": "Monokai"})
    assert load(file).theme == "Monokai"
    assert not list(file.parent.glob("*tmp")) + list(file.parent.glob(".*tmp"))


WRITER = """
import sys, pathlib
from openusage.settings import update
def more(tree):
    tree["count"] = tree.get("count", 0) + 1
    tree["long"] = "x" * 20_000
for _ in range(int(sys.argv[2])):
    update(pathlib.Path(sys.argv[1]), more)
"""


def test_a_writer_killed_at_any_time_leaves_a_whole_file(file: Path) -> None:
    update(file, {"theme": "Nord"})
    for attempt in range(3):
        writer = child(WRITER, file, 100_000)
        count = json.loads(file.read_text()).get("count", 0)
        while json.loads(file.read_text()).get("count", 0) < count + 3 + attempt:
            assert writer.poll() is None
            time.sleep(0.001)
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait(30)
        assert load(file).theme == "Nord"


def test_writers_at_the_same_time_lose_nothing(file: Path) -> None:
    writers = [child(WRITER, file, 15) for _ in range(3)]
    assert [w.wait(60) for w in writers] == [0, 0, 0]
    assert json.loads(file.read_text())["count"] == 45


def test_a_change_can_be_tried_without_a_file() -> None:
    before = Settings(dashboard=Dashboard(view="tabs"))
    after = applied(before, {"data.time_window": "7d"})
    assert (after.dashboard.view, after.data.time_window) == ("tabs", "7d")
    assert before.data.time_window == "30d"
    with pytest.raises(SettingsError, match=r"dashboard\.view must be"):
        applied(before, {"dashboard.view": "spiral"})


def test_sections_are_read_in_their_order(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text(
        '{"dashboard": {"widget_sections": [{"id": "model_burn"}, {"id": "header", "enabled": false}],'
        ' "detail_sections": null}}'
    )
    dashboard = load(file).dashboard
    assert [(s.id, s.enabled) for s in dashboard.widget_sections] == [("model_burn", True), ("header", False)]
    assert dashboard.detail_sections == []
    file.write_text('{"dashboard": {"widget_sections": [{"enabled": true}]}}')
    with pytest.raises(SettingsError, match=r"widget_sections\[0\]\.id must be text, found nothing"):
        load(file)


@pytest.mark.parametrize("version", [2, 2.5, 999_999_999])
def test_a_file_of_a_newer_form_is_refused_and_not_touched(version: float, file: Path) -> None:
    """Before its fields are looked at, which may be of any kind."""
    text = json.dumps({"settings_version": version, "ui": "of another kind"})
    error = refusal(file, text)
    assert error.message == (
        f"{NAME}: was written by a newer openusage (settings version {version:g}, this one knows 1)"
    )
    assert error.hint == "Update openusage on this machine."
    with pytest.raises(SettingsError, match="by a newer openusage"):
        update(file, {"data.time_window": "7d"}, NAME)
    assert file.read_text() == text


def test_a_file_of_this_form_is_read_and_kept(file: Path) -> None:
    assert load(written(file, {"settings_version": 1})).settings_version == 1
    assert load(written(file, {"settings_version": None})).settings_version == 1
    assert "settings_version must be a whole number" in refusal(file, {"settings_version": "1"}).message


def test_keys_that_are_nearly_ours_are_found_with_the_one_that_is_meant() -> None:
    tree = {
        "exporter": {"target": "http://hub"},
        "ui": {"refresh_interval": 5, "Warn-Threshold": 0.1, "crit_threshold": 0.1},
        "dashboard": {"providers": [{"account_id": "a"}, {"acount_id": "b"}], "hide_costs": None},
        "telemetry": {"provider_links": {"anthropc": "claude_code"}},
    }
    assert misspelt(tree) == [
        ("exporter", "export"),
        ("ui.refresh_interval", "ui.refresh_interval_seconds"),
        ("ui.Warn-Threshold", "ui.warn_threshold"),
        ("dashboard.providers[1].acount_id", "dashboard.providers[1].account_id"),
    ]


def test_keys_of_others_are_no_typos() -> None:
    assert misspelt(json.loads(GO_FILE.read_text())) == []
    assert misspelt({"ui": {"warn_threshold": 0.1, "warn_thresholds": 3}, "mine": {"export": 1}}) == []
