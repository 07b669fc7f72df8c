"""Which project a directory below `~/.gemini/tmp` is of: it is named by a short name or by a hash."""

from __future__ import annotations

from functools import cached_property
from hashlib import sha256
from pathlib import Path

from openusage.errors import SourceUnavailable
from openusage.providers._documents import content, object_in
from openusage.providers._values import child, project_of

MARKER = ".project_root"
MAX_PATH_BYTES = 4096


class Projects:
    """Looked up when a chat has something new, and once a pass."""

    def __init__(self, gemini_dir: Path) -> None:
        self._registry = gemini_dir / "projects.json"
        self._known: dict[str, str | None] = {}

    def of(self, directory: str) -> str | None:
        """Last part of the project's path, `None` when nothing tells it."""
        if directory not in self._known:
            self._known[directory] = self._marked(directory) or self._names.get(Path(directory).name)
        return self._known[directory]

    @staticmethod
    def _marked(directory: str) -> str | None:
        try:
            text = content(Path(directory) / MARKER)[:MAX_PATH_BYTES]
        except SourceUnavailable:
            return None
        return project_of(text.decode("utf-8", "replace").strip())

    @cached_property
    def _names(self) -> dict[str, str | None]:
        """Directory's name -> project: short names as registered, and the hashes that came before them."""
        names: dict[str, str | None] = {}
        for path, name in child(object_in(self._registry), "projects").items():
            names[sha256(path.encode("utf-8", "surrogatepass")).hexdigest()] = project_of(path)
            if isinstance(name, str):
                names[name] = project_of(path)
        return names
