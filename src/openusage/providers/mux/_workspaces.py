"""Which workspace of Mux a directory below `sessions` is of: its project, and who started it."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from openusage.providers._documents import object_in
from openusage.providers._values import child, project_of, text

CONFIG, METADATA = "config.json", "metadata.json"


class Workspace(msgspec.Struct, frozen=True):
    """A working copy of a project."""

    project: str | None = None
    parent: str | None = None
    """The workspace that started this one, for a sub-agent."""


class Workspaces:
    """Of one root directory. Looked up when there is something new, and once a pass."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[str, Workspace] = {}

    def of(self, name: str) -> Workspace:
        if name not in self._known:
            own = _workspace(object_in(self._root / "sessions" / name / METADATA))
            listed = self._listed.get(name, Workspace())
            self._known[name] = Workspace(own.project or listed.project, own.parent or listed.parent)
        return self._known[name]

    @cached_property
    def _listed(self) -> dict[str, Workspace]:
        """Workspace -> what the settings say of it: `projects` is a list of (path, project)."""
        found: dict[str, Workspace] = {}
        projects = object_in(self._root / CONFIG).get("projects")
        for pair in projects if isinstance(projects, list) else ():
            path, project = pair if isinstance(pair, list) and len(pair) == 2 else (None, None)
            workspaces = child({"project": project}, "project").get("workspaces")
            for told in workspaces if isinstance(workspaces, list) else ():
                if isinstance(told, dict) and (name := text(told.get("id"))) is not None:
                    found[name] = Workspace(project_of(path), _workspace(told).parent)
        return found


def _workspace(told: dict[str, Any]) -> Workspace:
    project = text(told.get("projectName")) or project_of(told.get("projectPath"))
    return Workspace(project, text(told.get("parentWorkspaceId")))
