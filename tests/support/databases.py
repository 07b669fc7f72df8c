"""Databases of tools as text: `<name>.sql` in a fixture's home stands for the database `<name>`.

`@HOME@` in a fixture's JSON file stands for the home: some tools keep lists of absolute paths.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import apsw


def statements(script: str) -> Iterator[str]:
    """The statements of a script, one by one. A statement ends at the end of a line."""
    part: list[str] = []
    for line in script.splitlines():
        if part or (line.strip() and not line.startswith("--")):
            part.append(line)
        if part and sqlite3.complete_statement("\n".join(part)):
            yield "\n".join(part)
            part.clear()
    assert not part, "the script ends inside a statement"


def apply(database: Path, todo: Sequence[str]) -> None:
    """Run statements as the tool itself would, and close the database."""
    database.parent.mkdir(parents=True, exist_ok=True)
    db = apsw.Connection(str(database))
    db.pragma("synchronous", 0)
    for statement in todo:
        db.execute(statement)
    db.close()


def without_rows(database: Path, script: Path) -> apsw.Connection:
    """An open database with the tables of a script, as its tool has it before anything happened."""
    db = apsw.Connection(str(database))
    db.pragma("synchronous", 0)
    for statement in statements(script.read_text()):
        if not statement.startswith(("INSERT", "UPDATE")):
            db.execute(statement)
    return db


def insert(db: apsw.Connection, table: str, row: Mapping[str, Any], *, replacing: bool = False) -> None:
    """A row by the names of its columns."""
    names, marks = ", ".join(row), ", ".join("?" for _ in row)
    verb = "INSERT OR REPLACE" if replacing else "INSERT"
    db.execute(f"{verb} INTO {table} ({names}) VALUES ({marks})", list(row.values()))


def take_scripts(home: Path) -> dict[Path, list[str]]:
    """The scripts of a home by the database that they make; they are removed from the home."""
    for path in home.rglob("*.json"):
        if b"@HOME@" in (content := path.read_bytes()):
            path.write_bytes(content.replace(b"@HOME@", str(home).encode()))
    found: dict[Path, list[str]] = {}
    for script in sorted(home.rglob("*.sql")):
        found[script.with_suffix("")] = list(statements(script.read_text()))
        script.unlink()
    return found


def build(home: Path) -> list[Path]:
    """Make the databases of a home; returns them."""
    scripts = take_scripts(home)
    for database, todo in scripts.items():
        apply(database, todo)
    return list(scripts)


def rows(db: apsw.Connection, sql: str) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = db.execute(sql).fetchall()
    return found


def texts(home: Path) -> Iterator[str]:
    """Every text in every database of a home."""
    for path in sorted(home.rglob("*")):
        if not path.is_file() or not path.read_bytes().startswith(b"SQLite format 3"):
            continue
        db = apsw.Connection(str(path))
        for (table,) in rows(db, "SELECT name FROM sqlite_schema WHERE type = 'table'"):
            for row in rows(db, f'SELECT * FROM "{table}"'):
                yield from (value for value in row if isinstance(value, str))
        db.close()


class Growing:
    """A copy of a database that gets its rows little by little, in their order."""

    def __init__(self, source: Path, copy: Path, first: str) -> None:
        """`first`: the table that is whole from the beginning, because the others' rows name its rows."""
        copy.parent.mkdir(parents=True, exist_ok=True)
        self._db = apsw.Connection(str(copy))
        self._db.pragma("journal_mode", "wal")
        self._db.pragma("synchronous", 0)
        self._db.execute("ATTACH ? AS source", (str(source),))
        self._done: dict[str, int] = {}
        schema = "SELECT name, sql FROM source.sqlite_schema WHERE sql IS NOT NULL"
        for name, sql in rows(self._db, schema):
            self._db.execute(sql)
            if sql.startswith("CREATE TABLE"):
                self._done[name] = 0
        self._share = 0.0
        self._db.execute(f"INSERT INTO main.{first} SELECT * FROM source.{first}")
        del self._done[first]

    def grow(self, by: float) -> None:
        """Copy this share of the rows that are left."""
        self._share += (1.0 - self._share) * by
        for table, done in self._done.items():
            ((last,),) = rows(self._db, f"SELECT ifnull(max(rowid), 0) FROM source.{table}")
            until = round(last * self._share)
            self._db.execute(
                f"INSERT INTO main.{table} SELECT * FROM source.{table} WHERE rowid > ? AND rowid <= ?",
                (done, until),
            )
            self._done[table] = until
