"""Where the API keeps its resources: documents in SQLite, mirrored in memory.

A document is what the API answers (AWS's field names), plus private fields that begin with an underscore.
"""

import json
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Document = dict[str, Any]

#: Seconds that creating, modifying and deleting take, so that waiters have something to wait for.
SETTLE_SECONDS = 0.5


class Store:
    def __init__(self, path: Path) -> None:
        self.lock = threading.RLock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.execute("CREATE TABLE IF NOT EXISTS document (kind TEXT, id TEXT, body TEXT, PRIMARY KEY (kind, id))")
        self._documents: dict[str, dict[str, Document]] = {}
        for kind, key, body in self._database.execute("SELECT kind, id, body FROM document ORDER BY rowid"):
            self._documents.setdefault(kind, {})[key] = json.loads(body)

    def close(self) -> None:
        with self.lock:
            self._database.close()

    def put(self, kind: str, key: str, document: Document) -> None:
        with self.lock:
            self._documents.setdefault(kind, {})[key] = document
            self._database.execute(
                "INSERT INTO document VALUES (?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
                (kind, key, json.dumps(document)),
            )

    def get(self, kind: str, key: str) -> Document | None:
        with self.lock:
            document = self._documents.get(kind, {}).get(key)
            if document is not None and self._settle(kind, key, document):
                return None
            return document

    def all(self, kind: str) -> list[Document]:
        with self.lock:
            items = list(self._documents.get(kind, {}).items())
            return [d for k, d in items if not self._settle(kind, k, d)]

    def keys(self, kind: str) -> list[str]:
        with self.lock:
            return list(self._documents.get(kind, {}))

    def delete(self, kind: str, key: str) -> None:
        with self.lock:
            self._documents.get(kind, {}).pop(key, None)
            self._database.execute("DELETE FROM document WHERE kind = ? AND id = ?", (kind, key))

    def delete_where(self, kind: str, wanted: Callable[[Document], bool]) -> None:
        with self.lock:
            for key, document in list(self._documents.get(kind, {}).items()):
                if wanted(document):
                    self.delete(kind, key)

    def change_later(self, kind: str, key: str, status_field: str, status: str, then: str | None) -> None:
        """Shows `status` for a moment, then `then` (None: the document is gone)."""
        with self.lock:
            document = self._documents[kind][key]
            document[status_field] = status
            document["_later"] = {"at": time.time() + SETTLE_SECONDS, "field": status_field, "to": then}
            self.put(kind, key, document)

    def _settle(self, kind: str, key: str, document: Document) -> bool:
        """Carries out a change whose time has come; True when the document is gone."""
        later = document.get("_later")
        if later is None or time.time() < later["at"]:
            return False
        if later["to"] is None:
            self.delete(kind, key)
            self.delete("tags", key)
            return True
        del document["_later"]
        document[later["field"]] = later["to"]
        self.put(kind, key, document)
        return False
