"""`openusage detect`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from openusage.detection import Credential, Detection, FoundAccount, Tool
    from openusage.paths import Paths

LastUsed = dict[str, dt.datetime]
"""Provider -> time of the newest thing that our store has of it."""

_SOURCES = {"env": "environment"}
"""Where a key was found, in words, when it is no file."""


@click.command()
@click.option("--all", "show_all", is_flag=True, help="Also what was not found, and where it was looked for.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, with everything.")
def command(show_all: bool, as_json: bool) -> int:
    """Which coding tools and keys are on this machine.

    Reads files and the environment only: no network, no program is run, nothing is written. Keys are masked.
    """
    import os

    from openusage.cli.compose.parts import now
    from openusage.cli.daily import terminal_width
    from openusage.cli.surroundings import surroundings
    from openusage.detection import detect
    from openusage.providers._contract import Env

    here = surroundings()
    env = Env(home=Path.home(), environ=os.environ, now=now())
    found = detect(env, cwd=Path.cwd(), config_dir=here.paths.settings_file.parent)
    used = last_used(here.paths)
    if as_json:
        click.echo(json_of(found, used))
    else:
        text = text_of(found, used, here.paths, env.now, show_all=show_all, width=terminal_width())
        click.echo(text)
    return 0


def last_used(paths: Paths) -> LastUsed:
    """What our own store says; empty where there is none yet."""
    from openusage.errors import StoreError
    from openusage.read_model.windows import from_us
    from openusage.store import Store
    from openusage.wire.rollups import By, Window

    try:
        store = Store.open_readonly(paths.database)
    except StoreError:
        return {}
    try:
        rows = store.usage(Window("all"), (By.PROVIDER,))
    except StoreError:
        return {}
    finally:
        store.close()
    return {row.key[By.PROVIDER] or "": from_us(row.last_us) for row in rows}


def json_of(found: Detection, used: LastUsed) -> str:
    """Everything, for programs."""
    import msgspec

    document: dict[str, Any] = msgspec.to_builtins(found)
    for tool in document["tools"]:
        tool["found"] = bool(tool["accounts"])
        tool["last_used"] = msgspec.to_builtins(used.get(tool["provider"]))
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def text_of(
    found: Detection,
    used: LastUsed,
    paths: Paths,
    now: dt.datetime,
    *,
    show_all: bool,
    width: int | None = None,
) -> str:
    """For people. `width`: what the terminal has; None: no limit."""
    from openusage import format

    tools = [tool for tool in found.tools if tool.is_found]
    missing = [tool for tool in found.tools if not tool.is_found]
    rows = [
        (tool.name, account.account, _age(used.get(tool.provider), now), tool.read_as)
        for tool in tools
        for account in tool.accounts
    ]
    places = [_places(tool, account, paths) for tool in tools for account in tool.accounts]
    head = ("TOOL", "ACCOUNT", "LAST USED", "READ FROM")
    lines = ["Tools found", *_with_places(head, rows, "WHERE", places, width)]
    keys = [(c.provider, c.account, _key(c), _source(c.source, paths)) for c in found.credentials]
    lines += ["", "Keys found", *format.columns(("VENDOR", "ACCOUNT", "KEY", "SOURCE"), keys)]
    if show_all:
        looked_for = [tool.looked_for for tool in missing]
        lines += ["", "Not found"]
        lines += _with_places(("TOOL",), [(tool.name,) for tool in missing], "LOOKED FOR", looked_for, width)
    elif missing:
        more = f"{len(missing)}{' more' if tools else ''} {_tools(len(missing))}"
        lines += ["", f"{more} not here, see: openusage detect --all"]
    return "\n".join(format.printable(line) for line in lines)


def _with_places(
    head: tuple[str, ...],
    rows: Sequence[tuple[str, ...]],
    title: str,
    places: Sequence[Sequence[str]],
    width: int | None,
) -> list[str]:
    """A table with a line for each place; below their row where they do not fit beside it."""
    from openusage import format

    if not rows:
        return format.columns(head, rows)
    first, *others = format.columns((*head, title), [(*row, "") for row in rows])
    column = len(first) - len(title)
    longest = max(len(place) for of_row in places for place in of_row)
    beside = width is None or column + longest <= width
    lines = [first if beside else first[:column].rstrip()]
    for line, of_row in zip(others, places, strict=True):
        if beside:
            lines.append(f"{line:<{column}}{of_row[0]}")
            lines += [" " * column + place for place in of_row[1:]]
        else:
            lines += [line, *(f"      {place}" for place in of_row)]
    return lines


def _places(tool: Tool, account: FoundAccount, paths: Paths) -> list[str]:
    """At least one."""
    roots = list(dict.fromkeys(paths.shown(Path(root)) for root in account.roots))
    return roots or tool.looked_for[:1]


def _key(credential: Credential) -> str:
    return f"${credential.variable}={credential.masked}" if credential.variable else credential.masked


def _source(source: str, paths: Paths) -> str:
    """Of a file its path; JSON has its kind, too."""
    kind, colon, path = source.partition(":")
    return paths.shown(Path(path)) if colon else _SOURCES.get(kind, kind)


def _tools(count: int) -> str:
    return "tool is known and" if count == 1 else "tools are known and"


def _age(at: dt.datetime | None, now: dt.datetime) -> str:
    from openusage import format

    return "not read yet" if at is None else format.ago(at, now)
