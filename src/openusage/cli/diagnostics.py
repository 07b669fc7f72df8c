"""Everything that is said on stderr when a command fails, and the exit code that goes with it."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Mapping

import click

from openusage.errors import ExitCode, OpenUsageError

DEBUG_ENV = "OPENUSAGE_DEBUG"
REPORT_HINT = f"This should not happen. {DEBUG_ENV}=1 shows where it did; please report it with that."


def report(error: BaseException, environ: Mapping[str, str]) -> int:
    """Say what went wrong, in as few words as help; returns the exit code."""
    if isinstance(error, BrokenPipeError):
        _discard_stdout()
        return ExitCode.OK  # the reader had enough: `openusage daily | head`
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return ExitCode.INTERRUPTED
    _flush_stdout()
    say(explain(error))
    if is_on(environ.get(DEBUG_ENV, "")) and not isinstance(error, click.UsageError):
        say("".join(traceback.format_exception(error)).rstrip())
    return exit_code_for(error)


def exit_code_for(error: BaseException) -> int:
    """The exit code an error stands for."""
    if isinstance(error, OpenUsageError):
        return error.exit_code
    if isinstance(error, click.ClickException):
        return ExitCode.USAGE if isinstance(error, click.UsageError) else ExitCode.FAILED
    return ExitCode.FAILED


def explain(error: BaseException) -> str:
    """What a person reads. A message of several lines, such as the hub's guard, stands as it is."""
    if isinstance(error, OpenUsageError):
        first = error.message if "\n" in error.message.strip() else f"openusage: {error.message}"
        return f"{first}\n{error.hint}".rstrip()
    if isinstance(error, click.exceptions.NoArgsIsHelpError) and error.ctx is not None:
        return error.ctx.get_help()
    if isinstance(error, click.UsageError):
        lines = [f"openusage: {_lower_first(error.format_message())}"]
        if error.ctx is not None:
            lines.append(f"See: {error.ctx.command_path} --help")
        return "\n".join(lines)
    if isinstance(error, click.ClickException):
        return f"openusage: {error.format_message()}"
    if isinstance(error, OSError) and error.strerror:
        where = f" ({error.filename})" if error.filename else ""
        return f"openusage: {error.strerror}{where}.\n{DEBUG_ENV}=1 shows where that happened."
    what = str(error).partition("\n")[0][:200]
    return f"openusage: {type(error).__name__}{f': {what}' if what else ''}\n{REPORT_HINT}"


def say(text: str) -> None:
    """One thing on stderr. Nobody listening there is no reason to fail."""
    with contextlib.suppress(OSError, AttributeError):
        print(text, file=sys.stderr, flush=True)


def is_on(value: str) -> bool:
    """Whether an environment variable switches something on."""
    return value.strip().lower() not in ("", "0", "false", "no", "off")


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def _flush_stdout() -> None:
    """What a command has printed comes before what went wrong."""
    try:
        sys.stdout.flush()
    except (OSError, AttributeError, ValueError):
        _discard_stdout()


def _discard_stdout() -> None:
    """Python flushes stdout once more when it exits, and would complain of the same again."""
    with contextlib.suppress(OSError, AttributeError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
