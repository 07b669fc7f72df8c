"""Roo Code: tasks of its extension in VS Code and its kin, and of its program for the terminal.

Seen: tasks of 2024 to 2026, also at a place of one's own choice (`customStoragePath` in the editor's
settings). One event per request, with the cost that Roo recorded. Not covered: the tokens of condensing a
conversation, of which only the cost is told; a place that only a single project's settings name; editors on
the Windows side of WSL; requests that somebody took out of a task before they were read.
"""

from __future__ import annotations

from collections.abc import Iterator

from openusage.providers import _roo_places
from openusage.providers._contract import Env, Kind, ProviderSpec
from openusage.providers._roo_places import watched
from openusage.providers._roo_tasks import TASK_FILES
from openusage.providers._single import one_account
from openusage.wire.events import Account, Record

__all__ = ["SPEC", "discover", "plan", "poll", "read", "watched"]

SPEC = ProviderSpec(
    id="roocode",
    name="Roo Code",
    kind=Kind.LOCAL,
    default_account="roocode",
    docs_url="https://docs.roocode.com",
    patterns=(
        "~/.config/Code/User/globalStorage/rooveterinaryinc.roo-cline/tasks/*/ui_messages.json",
        "~/.vscode-mock/global-storage/tasks/*/ui_messages.json",
    ),
    binaries=("roo",),
    retention_hint="Roo Code keeps its tasks until they are deleted.",
)

EXTENSIONS = ("rooveterinaryinc.roo-cline", "rooveterinaryinc.roo-code-nightly")


def discover(env: Env) -> Iterator[Account]:
    """One account over all editors."""
    return one_account(SPEC, flat_roots=_roo_places.roots(env, *EXTENSIONS))


plan, read = TASK_FILES.plan, TASK_FILES.read


def poll(account: Account, env: Env) -> Iterator[Record]:
    """Nothing: what is left of a plan, the vendors behind it tell."""
    return iter(())
