"""What a join changed on this machine, kept so that it can be undone exactly.

`joined.json` in the state folder, mode 0600: it may hold the token that was there before. A join over another
one keeps what was there before the first.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec

from openusage.errors import OpenUsageError, SettingsError
from openusage.files import locked, replace
from openusage.paths import ensure_private_dir

FILE = "joined.json"
FIELDS = ("target", "machine_name")
"""Of `export`, that a join may set."""


class Joined(msgspec.Struct, frozen=True, kw_only=True):
    """What was there before, and what stands there since."""

    target: str
    """The hub."""
    settings_before: str | None
    """The text of settings.json; `None`: there was no file."""
    settings_after: str
    """SHA-256 of its text since: while it is that, the old text can come back as it was."""
    export_before: dict[str, Any] | None
    """Its `export`; `None`: it had none."""
    token_before: str | None
    """In the daemon's environment file."""
    service_made: bool
    """The join installed the service."""


def load(path: Path) -> Joined | None:
    """`None`: this machine has not joined, or not by this program. Raises `OpenUsageError`."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Joined)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as e:
        why = (isinstance(e, OSError) and e.strerror) or "it is not what was written"
        raise OpenUsageError(
            f"{path} cannot be read: {why}.",
            "Remove it; then export.target of settings.json is yours to change.",
        ) from e


def of_now(settings: Path, token: str | None) -> Joined:
    """What there is before a join. Raises `SettingsError`."""
    text = text_of(settings)
    return Joined(
        target="",
        settings_before=text,
        settings_after="",
        export_before=_export(text),
        token_before=token,
        service_made=False,
    )


def by_hand(settings: Path) -> Joined:
    """Of a machine that was told of its hub by hand: only the target goes. Raises `SettingsError`."""
    export = _export(text_of(settings)) or {}
    kept = {field: value for field, value in export.items() if field != "target"}
    return Joined(
        target="",
        settings_before=None,
        settings_after="",
        export_before=kept or None,
        token_before=None,
        service_made=False,
    )


def _export(text: str | None) -> dict[str, Any] | None:
    """Of a file that has been read as settings before."""
    plain = (text or "").removeprefix("\ufeff").strip()
    export = json.loads(plain).get("export") if plain else None
    return export if isinstance(export, dict) else None


def save(path: Path, joined: Joined) -> None:
    """Raises `OpenUsageError`."""
    try:
        ensure_private_dir(path.parent)
        with locked(path):
            replace(path, msgspec.json.encode(joined))
    except OSError as e:
        raise OpenUsageError(f"{path} cannot be written: {e.strerror or e}.") from e


def forget(path: Path) -> None:
    """It is undone."""
    path.unlink(missing_ok=True)
    path.with_name(f".{path.name}.lock").unlink(missing_ok=True)


def text_of(settings: Path) -> str | None:
    """As it is; `None`: no file. Raises `SettingsError`."""
    try:
        return settings.read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as e:
        raise SettingsError(f"{settings} cannot be read: {e}") from e


def digest(text: str | None) -> str:
    return hashlib.sha256((text or "").encode()).hexdigest()


def restore(settings: Path, joined: Joined, shown_as: str) -> None:
    """settings.json as it was: to the byte when nobody has changed it since, else the joined fields alone.

    Raises:
        SettingsError: it cannot be read or written.
    """
    from openusage.settings import update

    now = text_of(settings)
    if now == joined.settings_before:
        return
    if now is not None and digest(now) == joined.settings_after:
        _put_back(settings.resolve(), joined.settings_before)
    elif now is not None:
        update(settings, lambda tree: _undo(tree, joined.export_before), shown_as)


def _put_back(settings: Path, before: str | None) -> None:
    try:
        with locked(settings):
            if before is None:
                settings.unlink()
            else:
                replace(settings, before.encode(), settings.stat().st_mode & 0o777)
        settings.with_name(f".{settings.name}.lock").unlink(missing_ok=True)
    except OSError as e:
        raise SettingsError(f"{settings} cannot be written: {e.strerror or e}") from e


def _undo(tree: dict[str, Any], before: dict[str, Any] | None) -> None:
    export = tree.get("export")
    if not isinstance(export, dict):
        return
    for field in FIELDS:
        if before is not None and field in before:
            export[field] = before[field]
        else:
            export.pop(field, None)
    if not export and before is None:
        del tree["export"]
