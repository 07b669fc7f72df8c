"""The tables, and the numbered steps that lead from an older file to the present one.

Star schema: `event` holds figures, `series` one row per distinct combination of labels, `session` one per
session. `rollup` are sums per quarter-hour, series and session, kept for ever; `rollup_day` is the same per
UTC day and series; a hub keeps coarser ones, see `levels`. Missing labels are '' here and `None`
outside. Times are integer microseconds, money is integer nano-dollars; a NULL count was not reported.

A step and its record (`user_version`) are one transaction: a program that is killed leaves the old file.
"""

from __future__ import annotations

from collections.abc import Callable

import apsw

from openusage.errors import StoreError

APPLICATION_ID = 0x4F_55_53_47
"""`OUSG` in the file's header: tells our file from anybody else's."""

LABELS = (
    "machine",
    "provider",
    "account",
    "kind",
    "model",
    "upstream",
    "client",
    "project",
    "agent",
    "tool",
    "outcome",
    "language",
)
"""Columns of `series` after its id."""

COUNTS = (
    "input",
    "output",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "reasoning",
    "lines_added",
    "lines_removed",
    "web_searches",
    "web_fetches",
    "cost_reported_nano",
    "cost_computed_nano",
)
"""Counts that an event may leave out, and that are summed as they are."""

LARGEST_COUNT = 10**15
"""No count of one event is larger: a day of tokens of all mankind, and 9,000 of them still add up exactly."""

LATEST_US = 4_102_444_800_000_000
"""The year 2100: whatever claims to be later is a broken clock, and would cost every question its days."""


def m001_first_tables(db: apsw.Connection) -> None:
    """Everything the first version keeps."""
    _event_tables(db)
    _reading_tables(db)


def _event_tables(db: apsw.Connection) -> None:
    """What was used, and its sums."""
    counts = ",\n".join(f"{name} INTEGER CHECK ({name} BETWEEN 0 AND {LARGEST_COUNT})" for name in COUNTS)
    sums = ",\n".join(f"{name} INTEGER NOT NULL" for name in SUMS)
    labels = ",\n".join(f"{name} TEXT NOT NULL" for name in LABELS)
    db.execute(
        f"""
        CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
        CREATE TABLE machine (
            id TEXT PRIMARY KEY, name TEXT NOT NULL, first_us INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE price_version (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
        CREATE TABLE series (id INTEGER PRIMARY KEY, {labels}, UNIQUE ({", ".join(LABELS)}));
        CREATE TABLE session (
            id INTEGER PRIMARY KEY, provider TEXT NOT NULL, name TEXT NOT NULL, UNIQUE (provider, name)
        );
        CREATE TABLE event (
            id INTEGER PRIMARY KEY,
            event_key BLOB NOT NULL UNIQUE CHECK (length(event_key) = 16),
            at_us INTEGER NOT NULL CHECK (at_us BETWEEN 0 AND {LATEST_US}),
            kind_number INTEGER NOT NULL,
            series_id INTEGER NOT NULL,
            session_id INTEGER NOT NULL,
            {counts},
            file_key INTEGER,
            estimated INTEGER NOT NULL,
            carried INTEGER CHECK (carried BETWEEN 0 AND {6 * LARGEST_COUNT}),
            price_id INTEGER
        );
        CREATE INDEX event_time ON event (at_us);
        CREATE INDEX event_unpriced ON event (id) WHERE kind_number = 0 AND price_id IS NULL;
        CREATE TABLE copy (
            event_key BLOB NOT NULL, machine TEXT NOT NULL, PRIMARY KEY (event_key, machine)
        ) WITHOUT ROWID;
        CREATE TABLE pruned (key INTEGER PRIMARY KEY);
        CREATE TABLE floor (
            machine TEXT NOT NULL, provider TEXT NOT NULL, before_us INTEGER NOT NULL,
            PRIMARY KEY (machine, provider)
        ) WITHOUT ROWID;
        CREATE TABLE rollup (
            slot INTEGER NOT NULL, series_id INTEGER NOT NULL, session_id INTEGER NOT NULL,
            {sums}, first_us INTEGER NOT NULL, last_us INTEGER NOT NULL,
            PRIMARY KEY (slot, series_id, session_id)
        ) WITHOUT ROWID;
        CREATE TABLE rollup_day (
            day INTEGER NOT NULL, series_id INTEGER NOT NULL,
            {sums}, first_us INTEGER NOT NULL, last_us INTEGER NOT NULL,
            PRIMARY KEY (day, series_id)
        ) WITHOUT ROWID;
        """
    )


def _reading_tables(db: apsw.Connection) -> None:
    """What vendors and files say of an account, and how far each file was read."""
    values = """at_us INTEGER NOT NULL, unit TEXT NOT NULL, window TEXT NOT NULL,
            used REAL, "limit" REAL, remaining REAL, resets_at_us INTEGER,
            behaviour TEXT NOT NULL, scope TEXT NOT NULL"""
    db.execute(
        f"""
        CREATE TABLE reading (
            id INTEGER PRIMARY KEY, provider TEXT NOT NULL, account TEXT NOT NULL, key TEXT NOT NULL,
            machine TEXT NOT NULL, {values}, UNIQUE (provider, account, key, machine)
        );
        CREATE TABLE reading_history (
            reading_id INTEGER NOT NULL, {values}, PRIMARY KEY (reading_id, at_us)
        ) WITHOUT ROWID;
        CREATE TABLE fact (
            provider TEXT NOT NULL, account TEXT NOT NULL, key TEXT NOT NULL, machine TEXT NOT NULL,
            value TEXT NOT NULL, at_us INTEGER NOT NULL,
            PRIMARY KEY (provider, account, key, machine)
        ) WITHOUT ROWID;
        CREATE TABLE cursor (
            provider TEXT NOT NULL, account TEXT NOT NULL, path BLOB NOT NULL,
            inode INTEGER NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
            offset INTEGER NOT NULL, state BLOB NOT NULL,
            PRIMARY KEY (provider, account, path)
        ) WITHOUT ROWID;
        """
    )


def m002_numbers(db: apsw.Connection) -> None:
    """What travels to a hub is numbered (`numbers`), and a hub keeps what it knows of each machine.

    Events have their number already: it is their id.
    """
    for table in ("reading", "reading_history", "fact"):
        db.execute(f"ALTER TABLE {table} ADD COLUMN number INTEGER NOT NULL DEFAULT 0")
    for table, keys in (
        ("reading", ("id",)),
        ("reading_history", ("reading_id", "at_us")),
        ("fact", ("provider", "account", "key", "machine")),
    ):
        same = " AND ".join(f"{table}.{name} = old.{name}" for name in keys)
        last = db.execute(
            """
            SELECT max(n) FROM (
                SELECT 0 AS n UNION ALL SELECT max(id) FROM event
                UNION ALL SELECT max(number) FROM reading UNION ALL SELECT max(number) FROM reading_history
            )
            """
        ).get
        db.execute(
            f"""
            UPDATE {table} SET number = ? + old.n FROM (
                SELECT {", ".join(keys)}, row_number() OVER (ORDER BY at_us) AS n FROM {table}
            ) AS old WHERE {same}
            """,
            (last,),
        )
        db.execute(f"CREATE INDEX {table}_number ON {table} (number)")
    db.execute(
        """
        CREATE TABLE heard (
            machine TEXT NOT NULL, store TEXT NOT NULL, upto INTEGER NOT NULL, PRIMARY KEY (machine, store)
        ) WITHOUT ROWID;
        ALTER TABLE machine ADD COLUMN version TEXT NOT NULL DEFAULT '';
        ALTER TABLE machine ADD COLUMN heard_us INTEGER;
        ALTER TABLE machine ADD COLUMN skew_us INTEGER;
        ALTER TABLE machine ADD COLUMN backlog INTEGER;
        ALTER TABLE machine ADD COLUMN copies INTEGER NOT NULL DEFAULT 0;
        CREATE TRIGGER copy_more AFTER INSERT ON copy BEGIN
            UPDATE machine SET copies = copies + 1 WHERE id = new.machine;
        END;
        CREATE TRIGGER copy_less AFTER DELETE ON copy BEGIN
            UPDATE machine SET copies = copies - 1 WHERE id = old.machine;
        END;
        """
    )
    count_copies(db)


def m003_coarser_sums(db: apsw.Connection) -> None:
    """The tables of `levels`: sums with fewer labels, that a hub keeps. Empty until it asks for them."""
    sums = ", ".join(
        f"{name} INTEGER NOT NULL" for name in (*SUMS, "tool_calls", "turns", "first_us", "last_us")
    )
    db.execute(
        """
        CREATE TABLE coarse (
            id INTEGER PRIMARY KEY, level INTEGER NOT NULL,
            machine TEXT NOT NULL, provider TEXT NOT NULL, account TEXT NOT NULL,
            model TEXT NOT NULL, client TEXT NOT NULL, project TEXT NOT NULL,
            by_machine INTEGER, by_project INTEGER,
            model_id INTEGER, project_id INTEGER, shared_id INTEGER, ever_id INTEGER,
            UNIQUE (level, machine, provider, account, model, client, project)
        );
        CREATE INDEX coarse_level ON coarse (level);
        CREATE INDEX coarse_model ON coarse (model_id) WHERE model_id IS NOT NULL;
        CREATE INDEX coarse_project ON coarse (project_id) WHERE project_id IS NOT NULL;
        CREATE INDEX coarse_shared ON coarse (shared_id) WHERE shared_id IS NOT NULL;
        CREATE TABLE coarse_of (
            series_id INTEGER PRIMARY KEY, kind_number INTEGER NOT NULL,
            hour_id INTEGER NOT NULL, slot_id INTEGER NOT NULL, project_id INTEGER NOT NULL
        );
        CREATE INDEX coarse_of_hour ON coarse_of (hour_id);
        """
    )
    for table, key in (
        ("sum_slot", ("at", "series_id")),
        ("sum_hour", ("owner", "at", "series_id")),
        ("sum_model", ("series_id", "at")),
        ("sum_project", ("owner", "at", "series_id")),
        ("sum_shared", ("owner", "at", "series_id")),
        ("sum_ever", ("series_id", "at")),
    ):
        columns = ", ".join(f"{name} INTEGER NOT NULL" for name in key)
        db.execute(f"CREATE TABLE {table} ({columns}, {sums}, PRIMARY KEY ({', '.join(key)})) WITHOUT ROWID")
    db.execute(
        """
        CREATE TABLE session_day (
            day INTEGER NOT NULL, session_id INTEGER NOT NULL, series_id INTEGER NOT NULL,
            events INTEGER NOT NULL, first_us INTEGER NOT NULL, last_us INTEGER NOT NULL,
            PRIMARY KEY (day, session_id, series_id)
        ) WITHOUT ROWID
        """
    )


def m004_sessions(db: apsw.Connection) -> None:
    """Where the sums of one session are: a list of sessions and the turns of one are found by it."""
    db.execute("CREATE INDEX rollup_session ON rollup (session_id)")


def m005_repeated(db: apsw.Connection) -> None:
    """Which messages a second session of their machine has too: a resumed or forked conversation."""
    db.execute(
        """
        ALTER TABLE event ADD COLUMN repeated INTEGER;
        CREATE INDEX event_repeated ON event (series_id) WHERE repeated;
        """
    )


def count_copies(db: apsw.Connection) -> None:
    """Counts anew what the triggers on `copy` keep up to date. O(copies)."""
    db.execute(
        """
        UPDATE machine SET copies = 0;
        UPDATE machine SET copies = c.n
            FROM (SELECT machine, count(*) AS n FROM copy GROUP BY 1) AS c WHERE c.machine = machine.id;
        """
    )


SUMS = (
    "events",
    *COUNTS,
    "cost_nano",
    "unpriced_events",
    "unpriced_tokens",
    "estimated_events",
)
"""Columns of a rollup, after its key and before `first_us`, `last_us`."""

STEPS: tuple[Callable[[apsw.Connection], None], ...] = (
    m001_first_tables,
    m002_numbers,
    m003_coarser_sums,
    m004_sessions,
    m005_repeated,
)
VERSION = len(STEPS)


def version_of(db: apsw.Connection, name: str) -> int:
    """The file's version, 0 for an empty one.

    Raises:
        StoreError: the file is a newer program's, or another program's.
    """
    version = int(db.pragma("user_version"))
    ours = db.pragma("application_id") == APPLICATION_ID
    empty = version == 0 and not db.execute("SELECT 1 FROM sqlite_schema").fetchall()
    if not ours and not empty:
        raise StoreError(f"{name} is a database of another program", "Name another file.")
    if version > VERSION:
        raise StoreError(
            f"{name} was written by a newer openusage (version {version}, this one knows {VERSION})",
            "Update openusage on this machine.",
        )
    return version


def migrate(db: apsw.Connection, name: str) -> None:
    """Brings the file to the present version, one step and its record at a time."""
    version = version_of(db, name)
    for number, step in enumerate(STEPS[version:], version + 1):
        db.execute("BEGIN IMMEDIATE")
        try:
            step(db)
            db.pragma("application_id", APPLICATION_ID)
            db.pragma("user_version", number)
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")
