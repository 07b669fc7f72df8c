"""The family of errors: one tree, one exit code each, a message that can be printed."""

from __future__ import annotations

import inspect

import pytest

from openusage import errors
from openusage.errors import ExitCode, OpenUsageError


def family() -> list[type[OpenUsageError]]:
    found = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, OpenUsageError)]
    assert len(found) > 10
    return found


@pytest.mark.parametrize("error", family(), ids=lambda e: e.__name__)
def test_every_error_is_in_the_drawing(error: type[OpenUsageError]) -> None:
    """The module's docstring shows the tree; an error beside it has been forgotten there."""
    assert error.__name__ in (errors.__doc__ or "")


@pytest.mark.parametrize("error", family(), ids=lambda e: e.__name__)
def test_every_error_carries_message_hint_and_exit_code(error: type[OpenUsageError]) -> None:
    e = error("what happened", "what to do")
    assert (str(e), e.message, e.hint) == ("what happened", "what happened", "what to do")
    assert e.exit_code in set(ExitCode) - {ExitCode.OK}


def test_exit_codes_are_a_contract() -> None:
    """Scripts and service managers branch on these numbers; none may change."""
    assert {c.name: c.value for c in ExitCode} == {
        "OK": 0,
        "FAILED": 1,
        "USAGE": 2,
        "UNREACHABLE": 3,
        "INTERRUPTED": 130,
    }


def test_a_listening_hub_that_is_refused_exits_with_1() -> None:
    assert errors.ListenError("x").exit_code == 1
