"""What a Codex tool call was, how it ended and which file its patch touched. Pure; keeps no text.

Outcomes come from what Codex itself puts in front of (or behind) an output, never from the tool's own words:
a compiler that prints "error" did run.
"""

from __future__ import annotations

import re

import msgspec

from openusage.wire.events import Outcome

HEAD_BYTES = 400
"""Where Codex writes its own header of an output: `Exit code: 0`, `Wall time: …`, `Output:`."""
TAIL_BYTES = 200
"""Where an older Codex ends an output: `"metadata":{"exit_code":0,"duration_seconds":0.1}}`."""

_EXIT = re.compile(rb"(?:Exit code: |Process exited with code )(-?\d+)")
_HEADERS = (b"Exit code: ", b"Chunk ID: ", b"Wall time: ", b"Process exited with code ")
_WRAPPED = (b'"{\\"output\\"', b'"{\\"metadata\\"', b'"{\\"exit_code\\"')
_EXIT_FIELD = re.compile(rb'\\?"exit_code\\?"\s*:\s*(-?\d+)')
_FIRST_TEXT = re.compile(rb'\[\s*\{[^{}]{0,200}?"text"\s*:\s*"')
_ABORTED = (
    *(b"aborted", b"Aborted", b"cancelled", b"Cancelled", b"canceled", b"Canceled", b"command aborted"),
    *(b"tool call aborted", b"exec command rejected by user", b"patch rejected by user", b"rejected by user"),
)
_ABORTED_LATER = re.compile(rb"Wall time: [\d.]+ seconds\\n(?:aborted|cancell?ed)")
_REFUSED = (
    *(b"failed to parse function arguments", b"unsupported call", b"unsupported custom tool call"),
    *(b"tool call error", b"exec_command failed", b"execution error", b"apply_patch verification failed"),
)


class _Object(msgspec.Struct, gc=False):
    """An output that is an object: some field of it says how the call ended."""

    exit_code: int | None = None
    success: bool | None = None
    metadata: _Object | None = None


_OBJECT = msgspec.json.Decoder(_Object)


def outcome(data: bytes, at: int, end: int) -> Outcome:
    """How a call ended, from its output: a JSON value that begins at `at` in a line that stops at `end`.

    Looks at a bounded head and tail, however long a text is. An object must be the whole of `data`.
    """
    if data.startswith(b"{", at):
        return _of_object(data)
    if data.startswith(b"[", at):
        found = _FIRST_TEXT.match(data, at, min(at + HEAD_BYTES, end))
        return Outcome.OK if found is None else _of_text(data, found.end(), end)
    if data.startswith(_WRAPPED, at):
        tail = _EXIT_FIELD.findall(data, max(at, end - TAIL_BYTES), end)
        codes = tail[-1:] or _EXIT_FIELD.findall(data, at, min(at + HEAD_BYTES, end))
        if codes:
            return Outcome.OK if int(codes[0]) == 0 else Outcome.ERROR
        text = data.find(b':\\"', at, min(at + HEAD_BYTES, end))
        at = text + 2 if text >= 0 else at
    return _of_text(data, at + 1, end)


def _of_object(value: bytes) -> Outcome:
    try:
        found = _OBJECT.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        codes = _EXIT_FIELD.findall(value, 0, HEAD_BYTES) or _EXIT_FIELD.findall(value[-TAIL_BYTES:])
        return Outcome.ERROR if codes and int(codes[-1]) != 0 else Outcome.OK
    code = found.exit_code
    if code is None and found.metadata is not None:
        code = found.metadata.exit_code
    return Outcome.ERROR if code or found.success is False else Outcome.OK


def _of_text(data: bytes, at: int, end: int) -> Outcome:
    if data.startswith(_HEADERS, at):
        head = data[at : min(at + HEAD_BYTES, end)]
        cut = head.find(b"\\nOutput:")
        code = _EXIT.search(head, 0, cut) if cut >= 0 else _EXIT.match(head)
        if code is not None:
            return Outcome.OK if int(code[1]) == 0 else Outcome.ERROR
        return Outcome.ABORTED if _ABORTED_LATER.match(head) else Outcome.OK
    if data.startswith(_ABORTED, at):
        return Outcome.ABORTED
    return Outcome.ERROR if data.startswith(_REFUSED, at) else Outcome.OK


def tool_name(name: str, namespace: str | None = None) -> str:
    """`mcp__<server>__<tool>` for every spelling of an MCP call, any other name as it is.

    >>> tool_name("github__search"), tool_name("search", "mcp__github__"), tool_name("shell")
    ('mcp__github__search', 'mcp__github__search', 'shell')
    """
    if namespace:
        server = namespace.removeprefix("mcp__").strip("_")
        tool = name.removeprefix("mcp__").removeprefix(f"{server}__")
        return f"mcp__{server}__{tool}" if server else name
    if "__" in name.strip("_") and not name.startswith("mcp__"):
        return f"mcp__{name}"
    return name


class WebUse(msgspec.Struct, frozen=True):
    """What one of the vendor's own web calls did."""

    searches: int | None = None
    fetches: int | None = None


def web_use(action: object) -> WebUse:
    """A search or a page fetch, by a web call's `action`; older versions write none for a search."""
    kind = action.get("type") if isinstance(action, dict) else "search"
    return WebUse(searches=1 if kind == "search" else None, fetches=1 if kind == "open_page" else None)


def project(cwd: str) -> str | None:
    """Last part of a working directory."""
    return re.split(r"[\\/]", cwd.rstrip("\\/"))[-1] or None
