"""The family of errors: one tree, one exit code each, a message that can be printed."""

from __future__ import annotations

import inspect
import re

import pytest

from openusage import errors
from openusage.cli.params import duration_s
from openusage.errors import Defect, ExitCode, OpenUsageError


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


def test_a_defect_says_its_kind_and_places_of_ours_and_none_of_its_words() -> None:
    """What a parser stumbles over is a person's text, and stands in the words of the error."""
    with pytest.raises(ValueError, match="a secret sentence") as raised:
        duration_s("a secret sentence")
    defect = Defect.of(raised.value)
    assert re.fullmatch(r"ValueError at cli/params\.py:\d+", str(defect))
    assert Defect.of(defect) is defect
