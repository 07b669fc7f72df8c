"""The program. `version`, `--help` and hooks are answered here, before anything is imported."""

from __future__ import annotations

import os
import sys

_VERSION = (["version"], ["--version"], ["-v"])
_HELP = (["help"], ["--help"], ["-h"])
_HOOK = ["telemetry", "hook"]
COMPLETE_VAR = "_OPENUSAGE_COMPLETE"
"""Set by the scripts of `openusage completion`."""


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit code. Nothing gets past it but `SystemExit`."""
    args = sys.argv[1:] if argv is None else argv
    _open_closed_streams()
    try:
        code = _run(args)
        if sys.stdout is not None:
            sys.stdout.flush()
    except SystemExit:
        raise
    except BaseException as error:  # the last one who can say what went wrong
        from openusage.cli.diagnostics import report

        code = report(error, os.environ)
    return 0 if args[:2] == _HOOK else code  # a tool must not fail because we do


def _run(args: list[str]) -> int:
    if COMPLETE_VAR not in os.environ:
        if args in _VERSION:
            from openusage import __version__

            print(f"openusage {__version__}")
            return 0
        if args in _HELP:
            from openusage.cli.catalog import help_text

            print(help_text())
            return 0
        if args[:2] == _HOOK and 3 <= len(args) <= 4 and not any(a.startswith("-") for a in args):
            from openusage.cli.hook import main as deliver

            return deliver(args[2:])
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a box rule must not stop a report on a Latin-1 terminal
    if args[:1] == ["help"]:
        args = [*args[1:], "--help"]

    from openusage.cli.root import run

    return run(args)


def _open_closed_streams() -> None:
    """Started with `2>&-`, a socket or a log would be opened as file 2, and get what is said there."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            file = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(file, True)
            setattr(sys, name, os.fdopen(file, mode, encoding="utf-8", errors="replace"))


if __name__ == "__main__":
    sys.exit(main())
