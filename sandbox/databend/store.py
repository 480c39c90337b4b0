"""What the sandbox itself has to remember: an SQLite file beside the engine's folder.

Offsets of streams are not here: they belong into the engine's own commit (see ``streams``).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS streams (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    database TEXT NOT NULL,
    name TEXT NOT NULL,
    table_id INTEGER NOT NULL,
    table_label TEXT NOT NULL,
    mode TEXT NOT NULL,
    comment TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    owner TEXT NOT NULL DEFAULT 'account_admin',
    UNIQUE (database, name)
);
CREATE TABLE IF NOT EXISTS stage_masks (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    parameter TEXT NOT NULL,
    suffix TEXT NOT NULL,
    edges TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS jumps (
    at_us INTEGER NOT NULL,
    by_us INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS users (
    name TEXT PRIMARY KEY,
    salt TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS tasks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    fields TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL,
    task_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    root_task_id TEXT NOT NULL,
    state TEXT NOT NULL,
    scheduled_us INTEGER NOT NULL,
    completed_us INTEGER,
    query_id TEXT NOT NULL,
    exception_code INTEGER NOT NULL,
    exception_text TEXT,
    task_fields TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS runs_by_time ON runs (scheduled_us);
"""


class Store:
    """A small database that several threads may use."""

    def __init__(self, file: Path) -> None:
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        # A killed process loses nothing in WAL mode; only a crash of the machine could.
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(_SCHEMA)
        if not any(row["name"] == "owner" for row in self.rows("PRAGMA table_info(streams)")):
            # Made before streams had owners.
            self._connection.execute("ALTER TABLE streams ADD COLUMN owner TEXT NOT NULL DEFAULT 'account_admin'")

    def rows(self, sql: str, parameters: Iterable[Any] = ()) -> list[sqlite3.Row]:
        with self._lock:
            return self._connection.execute(sql, tuple(parameters)).fetchall()

    def write(self, sql: str, parameters: Iterable[Any] = ()) -> int:
        """Runs one statement by itself; returns the id of the row it inserted."""
        with self._lock:
            return int(self._connection.execute(sql, tuple(parameters)).lastrowid or 0)

    def close(self) -> None:
        with self._lock:
            self._connection.close()
