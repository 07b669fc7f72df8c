"""What the store keeps about itself: single values by name, each explained where it is used."""

from __future__ import annotations

import apsw


def meta(db: apsw.Connection, name: str) -> int:
    """A number, 0 when it was never set."""
    return int(meta_text(db, name) or 0)


def meta_text(db: apsw.Connection, name: str) -> str:
    """A text, empty when it was never set."""
    row = db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return str(row[0]) if row else ""


def put_meta(db: apsw.Connection, name: str, value: int | str) -> None:
    """Sets it."""
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))
