"""The commands by name, and the help that lists them. Imports nothing, so that `--help` is instant."""

from __future__ import annotations

COMMANDS: dict[str, tuple[str, str]] = {
    "daily": ("openusage.cli.daily", "Tokens and cost by day."),
    "fleet": ("openusage.cli.fleet", "Tokens and cost of all machines, from their hub."),
    "hub": ("openusage.cli.hub", "Gather the usage of many machines, and show it."),
    "join": ("openusage.cli.join", "Have this machine push to the hub at URL."),
    "leave": ("openusage.cli.leave", "Undo a join: this machine pushes nowhere."),
    "hub-view": ("openusage.cli.hub_view", "Show a hub's machines; needs no daemon here."),
    "detect": ("openusage.cli.detect", "Which coding tools and keys are on this machine."),
    "doctor": ("openusage.cli.doctor", "Check that every tool is read, priced and sent."),
    "integrations": ("openusage.cli.integrations", "Have tools tell the daemon at once what they did."),
    "demo": ("openusage.cli.demo", "Look around with invented data."),
    "telemetry": (
        "openusage.cli.telemetry",
        "The daemon that reads this machine's tools, and what their hooks hand to it.",
    ),
    "completion": ("openusage.cli.completion", "Print a script that completes commands in your shell."),
    "version": ("openusage.cli.version", "Print the version."),
}
"""Name -> module whose `command` it is, and one line of help."""

WINDOWS = ("1d", "3d", "7d", "30d", "all")

ROOT_OPTIONS = (
    (f"--window [{'|'.join(WINDOWS)}]", "Time window to open with."),
    ("-v, --version", "Print the version."),
    ("-h, --help", "Print this help; openusage COMMAND --help that of a command."),
)

ABOUT = """\
What your AI coding tools used, what it cost and which limit is near, on all your machines.
Without a command: the dashboard of this machine."""


def help_text() -> str:
    """What `openusage --help` prints."""
    commands = tuple((name, line) for name, (_, line) in COMMANDS.items())
    width = max(len(term) for term, _ in (*ROOT_OPTIONS, *commands))
    return (
        f"Usage: openusage [OPTIONS] [COMMAND]\n\n{_indented(ABOUT)}\n\n"
        f"Options:\n{_definitions(ROOT_OPTIONS, width)}\n\n"
        f"Commands:\n{_definitions(commands, width)}"
    )


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def _definitions(rows: tuple[tuple[str, str], ...], width: int) -> str:
    return "\n".join(f"  {term:<{width}}  {line}" for term, line in rows)
