"""One module per tool: its files and APIs -> records. Found by name, imported one at a time."""

from __future__ import annotations

import importlib
import pkgutil
from typing import cast

from openusage.providers._contract import Provider


def names() -> list[str]:
    """Ids of all providers. Reads file names, imports none of them."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))


def load(name: str) -> Provider:
    """Import one provider. Raises `ImportError` for an unknown or broken one."""
    return cast(Provider, importlib.import_module(f"{__name__}.{name}"))
