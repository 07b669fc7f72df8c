"""The pages that are made from the program itself: docs/cli.md, docs/settings.md and docs/providers.md.

python -m tools.docs            write them
python -m tools.docs --check    exit 1 when one of them is not what the program says
"""

from __future__ import annotations

import inspect
import io
import sys
import textwrap
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import click
import msgspec

from openusage.cli.catalog import COMMANDS
from openusage.cli.root import root
from openusage.providers import load, names
from openusage.providers._contract import Kind, Provider
from openusage.settings import HUB_TOKEN_ENV, Settings
from openusage.settings import describe as allowed_values

DOCS = Path(__file__).parent.parent / "docs"
_MADE = "<!-- Made by `make docs` from the program itself; `make test` compares. Change it there. -->"


def pages() -> dict[str, str]:
    """File name -> text, as it must be."""
    return {"cli.md": cli_page(), "settings.md": settings_page(), "providers.md": providers_page()}


def main(argv: list[str]) -> int:
    """Write the pages, or with `--check` compare them."""
    stale = []
    for name, text in pages().items():
        path = DOCS / name
        if path.exists() and path.read_text("utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in argv:
            path.write_text(text, "utf-8")
            print(f"wrote docs/{name}")
    if stale and "--check" in argv:
        print(f"docs/{', docs/'.join(stale)}: not what the program says; run: make docs", file=sys.stderr)
        return 1
    return 0


# --- commands ------------------------------------------------------------------------------------------


def cli_page() -> str:
    """Every command with its own `--help`."""
    parts = [
        "# Commands",
        _MADE,
        "Data is printed on stdout, everything else on stderr. `NO_COLOR` switches colours off, "
        "`OPENUSAGE_DEBUG=1` shows where an error came from.",
        "| exit status | |\n|--:|---|\n" + "\n".join(f"| {code} | {what} |" for code, what in _EXIT_CODES),
    ]
    for path, command, ctx in _commands():
        parts.append(f"## {path}\n\n```text\n{command.get_help(ctx)}\n```")
    return "\n\n".join(parts) + "\n"


_EXIT_CODES = (
    (0, "done"),
    (1, "failed; the hub's refusal to listen without a token is one of these"),
    (2, "the command line or settings.json is wrong"),
    (3, "a daemon or hub cannot be reached, or refuses"),
    (130, "interrupted (Ctrl-C)"),
)


def _commands() -> Iterator[tuple[str, click.Command, click.Context]]:
    with click.Context(root, info_name="openusage", **root.context_settings) as ctx:
        yield "openusage", root, ctx
        for name in COMMANDS:
            command = root.get_command(ctx, name)
            if command is not None:
                yield from _below(command, name, ctx)


def _below(
    command: click.Command, name: str, parent: click.Context
) -> Iterator[tuple[str, click.Command, click.Context]]:
    with click.Context(
        command, info_name=name, parent=parent, terminal_width=100, **command.context_settings
    ) as ctx:
        yield ctx.command_path, command, ctx
        if isinstance(command, click.Group):
            for child in command.list_commands(ctx):
                sub = command.get_command(ctx, child)
                if sub is not None:
                    yield from _below(sub, child, ctx)


# --- providers -----------------------------------------------------------------------------------------


def providers_page() -> str:
    """Every tool: what is read, where, how exact, and what its figures do not cover."""
    tools = sorted((load(name) for name in names()), key=lambda tool: tool.SPEC.name.lower())
    rows = [
        f"| [{t.SPEC.name}](#{_anchor(t.SPEC.name)}) | `{t.SPEC.id}` | {_READ_FROM[t.SPEC.kind]} |"
        for t in tools
    ]
    parts = [
        "# Tools that are read",
        _MADE,
        "Which of them are on a machine: `openusage detect`. Whether each is read well: `openusage doctor`. "
        "Every figure is read where the tool keeps it; nothing here needs a change to the tool.",
        "| tool | id | read from |\n|---|---|---|\n" + "\n".join(rows),
        *(_provider(tool) for tool in tools),
    ]
    return "\n\n".join(parts) + "\n"


_READ_FROM = {
    Kind.LOCAL: "its files",
    Kind.REMOTE: "its vendor's API",
    Kind.BOTH: "its files and its vendor's API",
}


def _provider(tool: Provider) -> str:
    spec = tool.SPEC
    where = ", ".join(f"`{pattern}`" for pattern in spec.patterns)
    words = inspect.getdoc(tool) or ""
    said = [f"## {spec.name}", words, f"Read: {where}."]
    said += [spec.retention_hint] if spec.retention_hint else []
    said += [f"The tool's own documentation: <{spec.docs_url}>"] if spec.docs_url else []
    return "\n\n".join(said)


def _anchor(heading: str) -> str:
    return "".join(c for c in heading.lower().replace(" ", "-") if c.isalnum() or c in "-_")


# --- settings ------------------------------------------------------------------------------------------


def settings_page() -> str:
    """Every field with what it may be, its default and what it does."""
    parts = [
        "# Settings",
        _MADE,
        "`$XDG_CONFIG_HOME/openusage/settings.json`, by default `~/.config/openusage/settings.json`. "
        'A file that is not there means all defaults. `null`, and `""` or 0 where they are not allowed, '
        "mean the default. Keys not listed here are ignored, and kept when the program writes the file, "
        "which only a command that changes a setting does; `openusage doctor` names those "
        "that are nearly one of these.",
        f"Tokens and keys never stand in it: a hub's token comes from `{HUB_TOKEN_ENV}`, a vendor's key from "
        "the variable that `api_key_env` names. A file that holds one is refused.",
        "A daemon that runs takes a change up by itself, but for `auto_detect`, `accounts`, `export.target` "
        "and `export.machine_name`: these wait for its next start, and `openusage telemetry daemon status` "
        "says so. A file that cannot be used changes nothing, and is told there. A hub reads it at its start "
        "alone.",
        *_tables(Settings, ""),
    ]
    return "\n\n".join(parts) + "\n"


def _tables(type_: type[msgspec.Struct], place: str) -> Iterator[str]:
    hints = inspect.get_annotations(type_, eval_str=True)
    texts = field_texts(type_)
    rows, below = [], []
    for field in msgspec.structs.fields(type_):
        hint = hints[field.name]
        where = f"{place}.{field.name}" if place else field.name
        inner = _struct_in(hint)
        if inner is not None:
            is_list = not isinstance(hint, type)
            below.append((inner, f"{where}[]" if is_list else where))
            if not is_list:
                continue
        allowed = (
            f"a list of [`{where}[]`](#{where.replace('.', '').lower()})" if inner else allowed_values(hint)
        )
        rows.append(f"| `{where}` | {_cell(allowed)} | {_default(field)} | {_cell(texts[field.name])} |")
    if rows:
        heading = f"## {place}\n\n{inspect.getdoc(type_)}\n\n" if place else ""
        yield f"{heading}| field | may be | default | |\n|---|---|---|---|\n" + "\n".join(rows)
    for inner, where in below:
        yield from _tables(inner, where)


def field_texts(type_: type[msgspec.Struct]) -> dict[str, str]:
    """Field -> the string under it in the source. A field without one is an error.

    Read token by token: `ast.parse` of Python 3.11 fails now and then beside other threads, when the garbage
    collector runs callbacks in the middle of it (hypothesis has one).
    """
    source = textwrap.dedent(inspect.getsource(type_))
    texts: dict[str, str] = {}
    field = ""
    for line in _logical_lines(source):
        if [t.type for t in line] == [tokenize.STRING] and field:
            texts[field] = _string(line[0].string)
        begins_field = len(line) > 1 and line[0].type == tokenize.NAME and line[1].string == ":"
        field = line[0].string if begins_field else ""
    for known in msgspec.structs.fields(type_):
        if _struct_in(known.type) is None and known.name not in texts:
            raise ValueError(f"{type_.__name__}.{known.name} has no text under it")
    return {f: " ".join(t.split()) for f, t in texts.items()}


def _logical_lines(source: str) -> Iterator[list[tokenize.TokenInfo]]:
    line: list[tokenize.TokenInfo] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NEWLINE:
            yield line
            line = []
        elif token.type not in (tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT):
            line.append(token)


def _string(literal: str) -> str:
    text = literal.strip('"')
    if not literal.startswith('"') or "\\" in text:
        raise ValueError(f"a text for the docs is a plain string in double quotes, not {literal[:60]}")
    return text


def _struct_in(hint: Any) -> type[msgspec.Struct] | None:
    """The Struct that a field is, or is a list of."""
    inner = get_args(hint)[0] if get_origin(hint) is list else hint
    return inner if isinstance(inner, type) and issubclass(inner, msgspec.Struct) else None


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    value = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return f"`{msgspec.json.encode(value).decode()}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
