"""What `openusage doctor` found and what follows from it. Pure."""

from __future__ import annotations

import datetime as dt
import enum
import textwrap
from collections.abc import Iterator, Sequence

import msgspec

from openusage import format, words
from openusage.read_model.assign import advice, by_vendor, sentence
from openusage.wire.keys import provider_name
from openusage.wire.local import DaemonStatus, ExporterStatus, Unassigned
from openusage.wire.problems import Problem


class Level(enum.StrEnum):
    """How much a finding matters."""

    OK = "ok"
    NOTE = "note"
    """Good to know; nothing is wrong with the numbers."""
    ACT = "act"
    """Somebody has to do something: then the exit code is 1."""


PRICE_HINT = "Give it one in ~/.config/openusage/custom-pricing.json, or update openusage."
_SIGNS = {Level.OK: "✓", Level.NOTE: "·", Level.ACT: "!"}


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One sentence, and what to do about it."""

    level: Level
    about: str
    """`settings`, `daemon`, `store`, `hub`, `files`, or the tool's name."""
    what: str
    hint: str = ""


class ToolCheck(msgspec.Struct, frozen=True, kw_only=True):
    """One account of a tool that is on this machine."""

    provider: str
    name: str
    account: str
    files: int
    """That hold its records now."""
    size_bytes: int
    requests: int = 0
    """In our store."""
    tool_calls: int = 0
    last_used: dt.datetime | None = None
    is_ahead: bool = False
    """Its last use is later than this machine's clock: one of the two is wrong."""
    repeated: int = 0
    """Of the requests: those that a second session has too; they count once."""
    unpriced: dict[str, int] = {}
    """Model without a known price -> requests."""
    advice: list[str] = []
    """What the tool's own settings mean for its history."""


class HookCheck(msgspec.Struct, frozen=True, kw_only=True):
    """How our entry in a tool's own settings stands."""

    name: str
    state: str
    summary: str


class Checkup(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was looked at."""

    version: str
    daemon: DaemonStatus | None
    """`None`: none runs."""
    tools: list[ToolCheck]
    store_error: str = ""
    """Why our own store could not be read."""
    hub_error: str = ""
    """Why the hub of the settings does not answer; empty: it does, or there is none."""
    hub: str = ""
    hub_clock: str = ""
    """How far this machine's clock is from the hub's; empty: not far, or it cannot be told."""
    misspelt: list[tuple[str, str]] = []
    """Keys of settings.json that nobody reads, each with the one that is likely meant."""
    unassigned: list[Unassigned] = []
    """What vendors answered to tools, while no account is known to pay for it."""
    hooks: list[HookCheck] = []
    """Those that are installed, wholly or in part."""
    problems: list[Problem] = []
    """Places that cannot be read, found by `doctor` itself; a daemon that runs tells its own."""


def findings(checkup: Checkup) -> list[Finding]:
    """In the order of a record's way, after the settings: tools, store, daemon, hub."""
    return [
        *(_of_typo(key, meant) for key, meant in checkup.misspelt),
        *_of_tools(checkup.tools),
        *(_of_clock(tool) for tool in checkup.tools if tool.is_ahead),
        *(_of_unpriced(tool) for tool in checkup.tools if tool.unpriced),
        *(f for tool in checkup.tools for f in _of_tool(tool, checkup.daemon)),
        *(_of_unassigned(found) for found in by_vendor(checkup.unassigned)),
        *(_of_problem(problem) for problem in _problems(checkup)),
        *_of_store(checkup),
        *_of_daemon(checkup.daemon),
        *_of_hooks(checkup.hooks),
        *_of_hub(checkup),
    ]


def needs_somebody(found: Sequence[Finding]) -> bool:
    """Whether any finding has to be acted on."""
    return any(f.level is Level.ACT for f in found)


def as_text(
    checkup: Checkup, found: Sequence[Finding], now: dt.datetime, *, width: int | None = None, home: str = ""
) -> str:
    """For people: what is read, then what was found.

    `width`: what the terminal has, None: no limit. Paths below `home` are shown as `~/…`.
    """
    head: tuple[str, ...] = ("TOOL", "ACCOUNT", "FILES", "SIZE", "REQUESTS", "TOOL CALLS", "LAST USED")
    rows = [head, *(_row(tool, now) for tool in checkup.tools)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    lines = [f"openusage {checkup.version}", ""]
    if checkup.tools:
        lines += ["  ".join(_cells(row, widths)).rstrip() for row in rows] + [""]
    for n, finding in enumerate(found):
        lines += _wrapped(
            f"{_SIGNS[finding.level]} {finding.about}: {_at_home(finding.what, home)}", width, "  "
        )
        is_told_next = n + 1 < len(found) and found[n + 1].hint == finding.hint
        if finding.hint and not is_told_next:
            lines += _wrapped(f"    {finding.hint}", width, "    ")
    return "\n".join(format.printable(line) for line in lines)


def _wrapped(text: str, width: int | None, indent: str) -> list[str]:
    """At words; what has none in it, such as a path, stays whole."""
    if width is None or len(text) <= width:
        return [text]
    return textwrap.wrap(
        text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _at_home(text: str, home: str) -> str:
    return text.replace(f"{home}/", "~/") if home.strip("/") else text


def as_json(checkup: Checkup, found: Sequence[Finding]) -> str:
    """For programs."""
    document = msgspec.to_builtins(checkup) | {
        "ok": not needs_somebody(found),
        "findings": msgspec.to_builtins(found),
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def _row(tool: ToolCheck, now: dt.datetime) -> tuple[str, ...]:
    used = tool.last_used
    return (
        tool.name,
        tool.account,
        format.count(tool.files),
        format.size_bytes(tool.size_bytes),
        format.count(tool.requests),
        format.count(tool.tool_calls),
        format.MISSING if used is None else format.ago(used, now),
    )


def _cells(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    for n, (cell, width) in enumerate(zip(row, widths, strict=True)):
        yield f"{cell:<{width}}" if n < 2 else f"{cell:>{width}}"


def _of_tools(tools: Sequence[ToolCheck]) -> Iterator[Finding]:
    if not tools:
        yield Finding(
            level=Level.NOTE,
            about="tools",
            what="no coding tool is found on this machine",
            hint="See where it was looked: openusage detect --all",
        )


def _of_typo(key: str, meant: str) -> Finding:
    """Not for somebody to act on at once: the key may be another program's."""
    what = f"nobody reads {key} of settings.json: is {meant} meant?"
    return Finding(level=Level.NOTE, about="settings", what=what)


def _of_clock(tool: ToolCheck) -> Finding:
    day = "" if tool.last_used is None else f", {tool.last_used:%Y-%m-%d}"
    return Finding(
        level=Level.ACT,
        about=tool.name,
        what=f"its newest record is of the future{day}: it counts on that day",
        hint="Is this machine's clock right, or was it wrong when the tool was used?",
    )


def _of_unpriced(tool: ToolCheck) -> Finding:
    """The models without a price, those with the most requests first."""
    models = sorted(tool.unpriced.items(), key=lambda item: (-item[1], item[0]))
    number = sum(tool.unpriced.values())
    if len(models) == 1:
        what = f"{number:,} {_requests(number)} of {models[0][0]} without a price: in no cost"
    else:
        each = ", ".join(f"{model} {requests:,}" for model, requests in models)
        what = f"{number:,} requests of {len(models)} models without a price: in no cost ({each})"
    return Finding(level=Level.ACT, about=tool.name, what=what, hint=PRICE_HINT)


def _of_tool(tool: ToolCheck, daemon: DaemonStatus | None) -> Iterator[Finding]:
    if (
        daemon is not None
        and daemon.first_read_done
        and tool.files
        and not (tool.requests or tool.tool_calls)
    ):
        files = (
            "1 file, but nothing in it" if tool.files == 1 else f"{tool.files:,} files, but nothing in them"
        )
        yield Finding(level=Level.NOTE, about=tool.name, what=f"{files} was counted")
    if tool.repeated:
        yield Finding(level=Level.NOTE, about=tool.name, what=_repeated(tool.repeated))
    for told in tool.advice:
        yield Finding(level=Level.NOTE, about=tool.name, what=told)


def _repeated(count: int) -> str:
    if count == 1:
        return "1 request stands in two sessions (resumed or forked): it counts once"
    return f"{count:,} requests stand in two sessions (resumed or forked): each counts once"


def _requests(count: int) -> str:
    return "request" if count == 1 else "requests"


def _of_unassigned(found: Sequence[Unassigned]) -> Finding:
    """The numbers are whole: it counts for the tools."""
    about = provider_name(found[0].provider) if len(found) == 1 else found[0].upstream
    return Finding(level=Level.NOTE, about=about, what=f"unassigned: {sentence(*found)}", hint=advice(*found))


def _problems(checkup: Checkup) -> list[Problem]:
    """The daemon's, or, where none runs, our own."""
    return checkup.problems if checkup.daemon is None else checkup.daemon.problems


def _of_problem(problem: Problem) -> Finding:
    level = Level.ACT if problem.hint else Level.NOTE
    about = provider_name(problem.provider) if problem.provider else "files"
    return Finding(level=level, about=about, what=problem.sentence, hint=problem.hint)


def _of_store(checkup: Checkup) -> Iterator[Finding]:
    if checkup.store_error:
        yield Finding(level=Level.ACT, about="store", what=checkup.store_error)
    for note in checkup.daemon.notes if checkup.daemon is not None else ():
        yield Finding(level=Level.ACT, about="store", what=note)


def _of_daemon(daemon: DaemonStatus | None) -> Iterator[Finding]:
    if daemon is None:
        yield Finding(
            level=Level.ACT,
            about="daemon",
            what="none runs: what is used now is read at the next report only",
            hint="Start one: openusage telemetry daemon",
        )
        return
    reading = daemon.collecting or "up to date"
    yield Finding(level=Level.OK, about="daemon", what=f"runs as process {daemon.pid}, {reading}")


def _of_hooks(hooks: Sequence[HookCheck]) -> Iterator[Finding]:
    """Numbers are right without them: none of this needs anybody."""
    for hook in hooks:
        if hook.state == "ready":
            continue
        hint = "" if hook.state == "broken" else "Put it right: openusage integrations upgrade"
        yield Finding(level=Level.NOTE, about=hook.name, what=hook.summary, hint=hint)


def _of_hub(checkup: Checkup) -> Iterator[Finding]:
    if checkup.hub_error:
        yield Finding(level=Level.ACT, about="hub", what=checkup.hub_error)
    elif checkup.hub:
        yield Finding(level=Level.OK, about="hub", what=f"{checkup.hub} answers")
    if checkup.hub_clock:
        yield Finding(level=Level.ACT, about="hub", what=checkup.hub_clock, hint=words.SKEW_HINT)
    for exporter in checkup.daemon.exporters if checkup.daemon is not None else ():
        yield from _of_exporter(exporter)


def _of_exporter(exporter: ExporterStatus) -> Iterator[Finding]:
    if exporter.state == "failing":
        yield Finding(level=Level.ACT, about="hub", what=f"{exporter.target}: {exporter.last_error}")
    if exporter.records_state == "failing":
        yield Finding(
            level=Level.ACT, about="hub", what=f"{exporter.target}: records: {exporter.records_error}"
        )
    elif exporter.records_waiting:
        waiting = format.count(exporter.records_waiting)
        yield Finding(level=Level.NOTE, about="hub", what=f"{exporter.target}: {waiting} records still wait")
