"""Logs as JSON lines: what is always there, what a line adds, and what went wrong."""

from __future__ import annotations

import json
import logging
import sys

from openusage.cli.process import JsonLines


def line(message: str, *args: object, **more: object) -> dict[str, object]:
    record = logging.LogRecord("openusage.hub", logging.WARNING, "f.py", 1, message, args, None)
    record.__dict__.update(more)
    found: dict[str, object] = json.loads(JsonLines().format(record))
    return found


def test_a_line_has_its_time_level_logger_and_message() -> None:
    found = line("machine %s appeared", "a\nb")
    assert found.keys() == {"time", "level", "logger", "message"}
    assert (found["level"], found["logger"], found["message"]) == (
        "warning",
        "openusage.hub",
        "machine a\nb appeared",
    )
    assert str(found["time"]).endswith("Z")


def test_fields_stand_beside_it_and_replace_nothing() -> None:
    found = line("served", fields={"requests": 3, "pushes": {"accepted": 2}, "level": "mine"})
    assert (found["requests"], found["pushes"], found["level"]) == (3, {"accepted": 2}, "warning")


def test_an_exception_is_one_line_as_well() -> None:
    try:
        raise ValueError("no")
    except ValueError:
        found = line("failed", exc_info=sys.exc_info())
    assert str(found["exception"]).endswith("ValueError: no")
