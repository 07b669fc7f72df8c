"""A state of the settings for their tests, and integrations that a test can look at."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from openusage.errors import OpenUsageError
from openusage.settings import Change, Settings, update
from openusage.tui.board import Account
from openusage.tui.palette import DARK
from openusage.tui.scheme import Schemes
from openusage.tui.settings.tab import Act, Integration, KeyState, State
from openusage.wire.sections import Sections
from tests.tui.sample import LOCAL, key_of, snapshot

KEYS = [
    KeyState(provider="openai", variable="OPENAI_API_KEY", masked="sk-p…9xyz", source="env"),
    KeyState(
        provider="openrouter", variable="OPENROUTER_API_KEY", masked="sk-o…1abc", source="shell_rc:~/.bashrc"
    ),
    KeyState(provider="zai", variable="ZAI_API_KEY"),
]


class Hook:
    """An integration that remembers."""

    def __init__(self, name: str, word: str, *, fails: str = "") -> None:
        self.name, self._word, self._fails = name, word, fails

    def state(self) -> str:
        return self._word

    def install(self) -> str:
        if self._fails:
            raise OpenUsageError(self._fails, "Close the tool first.")
        self._word = "installed"
        return f"{self.name} is installed."

    def uninstall(self) -> str:
        self._word = "not installed"
        return f"{self.name} is gone."


def state(
    settings: Settings = Settings(),  # noqa: B008  (frozen)
    *,
    accounts: Sequence[Sections] = LOCAL,
    integrations: Sequence[Integration] = (),
    keys: Sequence[KeyState] | None = tuple(KEYS),
) -> State:
    found = [Account(key_of(a), snapshot(a), a) for a in accounts]
    named = [p.account_id for p in settings.dashboard.providers]
    return State(
        settings=settings,
        accounts=found,
        ids=list(dict.fromkeys([*named, *(a.account_id for a in accounts)])),
        window=settings.data.time_window,
        schemes=Schemes(),
        theme=DARK,
        keys=keys,
        integrations=integrations,
    )


def changed(act: Act) -> Change:
    """The act, which is a change."""
    assert act is not None
    assert callable(act) or isinstance(act, dict)
    return act


def written(path: Path, act: Act, *, before: dict[str, Any] | None = None) -> dict[str, Any]:
    """What stands in the file after the act."""
    if before is not None:
        path.write_text(json.dumps(before))
    update(path, changed(act))
    tree: dict[str, Any] = json.loads(path.read_text())
    return tree
