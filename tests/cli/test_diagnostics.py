"""From an error to what a person reads and a caller gets."""

from __future__ import annotations

import click
import pytest

from openusage.cli.diagnostics import exit_code_for, explain, is_on, report
from openusage.errors import (
    ExitCode,
    ListenError,
    OpenUsageError,
    PeerRefused,
    PeerUnreachable,
    SettingsError,
    UsageError,
)

GUARD = (
    'hub: refusing to listen on ":9190" without auth_token.\n'
    "  Choose one:\n"
    "    1. export OPENUSAGE_HUB_TOKEN=<secret> to enable Bearer auth, OR\n"
    "    2. bind to loopback only:  --listen 127.0.0.1:9190, OR\n"
    "    3. pass --allow-public if you have a network-level firewall in place"
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OpenUsageError("x"), 1),
        (ListenError("x"), 1),
        (SettingsError("x"), 2),
        (UsageError("x"), 2),
        (PeerUnreachable("x"), 3),
        (PeerRefused("x", status=401), 3),
        (click.UsageError("x"), 2),
        (click.ClickException("x"), 1),
        (OSError(28, "No space left on device"), 1),
        (KeyError("x"), 1),
    ],
)
def test_every_error_has_its_exit_code(error: Exception, code: int) -> None:
    assert exit_code_for(error) == code
    assert report(error, {}) == code


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt(), click.Abort()])
def test_an_interrupt_is_quiet(interrupt: BaseException, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(interrupt, {"OPENUSAGE_DEBUG": "1"}) == ExitCode.INTERRUPTED
    assert capsys.readouterr() == ("", "")


def test_an_error_is_its_message_and_its_hint() -> None:
    assert explain(OpenUsageError("What happened.", "What to do.")) == (
        "openusage: What happened.\nWhat to do."
    )
    assert explain(OpenUsageError("What happened.")) == "openusage: What happened."


def test_a_message_of_several_lines_stands_as_it_is() -> None:
    """The hub's guard is documented word for word."""
    assert explain(ListenError(GUARD)) == GUARD


def test_what_nobody_expected_says_where_to_find_more(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise KeyError("rows")
    except KeyError as e:
        error = e
    report(error, {})
    short = capsys.readouterr().err
    assert short.startswith("openusage: KeyError: 'rows'\n")
    assert "OPENUSAGE_DEBUG=1" in short
    assert "Traceback" not in short
    report(error, {"OPENUSAGE_DEBUG": "1"})
    assert "Traceback" in capsys.readouterr().err


def test_a_file_that_cannot_be_used_is_named() -> None:
    assert explain(PermissionError(13, "Permission denied", "/x")).startswith(
        "openusage: Permission denied (/x).\n"
    )


@pytest.mark.parametrize(
    ("value", "on"), [("1", True), ("yes", True), ("", False), ("0", False), ("Off", False)]
)
def test_switches_in_the_environment(value: str, on: bool) -> None:
    assert is_on(value) is on
