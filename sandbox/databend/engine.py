"""The embedded engine: PyPI ``databend``, the real query engine in this process.

One engine per process; each session context on it is a session of its own with its own settings and transaction
(docs/facts/databend.md, "The embedded engine itself").
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from sandbox.databend.errors import from_engine


class EngineSession:
    """One session of the engine: one statement at a time."""

    def __init__(self, context: Any) -> None:
        self._context = context
        self._lock = threading.Lock()

    def run(self, sql: str) -> Any:
        """Runs one statement and returns its result as an arrow table.

        Every look at the result runs the statement again, so there is exactly one.
        """
        try:
            with self._lock:
                return self._context.sql(sql).arrow()
        except BaseException as error:  # pyo3's PanicException is no Exception
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            raise from_engine(error) from None

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Rows as Python values, for the sandbox's own questions."""
        return self.run(sql).to_pylist()


class Engine:
    """The engine on one data folder."""

    def __init__(self, folder: Path) -> None:
        import databend  # noqa: PLC0415  it starts threads; only when asked for

        self._connect = databend.connect
        self._folder = folder
        self.session().run("SELECT 1")

    def session(self) -> EngineSession:
        return EngineSession(self._connect(data_path=str(self._folder)))


def quote_text(text: str) -> str:
    """A string literal; the engine reads a backslash as an escape."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def quote_name(name: str) -> str:
    """An identifier, taken as it is."""
    return '"' + name.replace('"', '""') + '"'
