"""Where each completion of a store lies: an index on disk, so that opening a store reads none.

Reads the store's files, writes `index.sqlite` beside them. One real row of its table `places`:

    key '5d2a...', file 17, offset 20480, length 341

It may be deleted at any time and is then made again from the files. It says where to look and
nothing else: whether a record is whole, and whose it is, its own hash and key decide. Where SQLite
cannot work (a file system without locks), an index in memory takes its place.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from featherweight.generate.lines import chunk_name, unsealed

_TABLES = """
CREATE TABLE IF NOT EXISTS files
    (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, size INTEGER, changed INTEGER);
CREATE TABLE IF NOT EXISTS places
    (key TEXT, file INTEGER, offset INTEGER, length INTEGER, PRIMARY KEY (key, file))
    WITHOUT ROWID;
"""
_FIND = (
    "SELECT name, offset, length FROM places JOIN files ON files.id = places.file"
    " WHERE key = ? ORDER BY name"
)
# What was read of files that were replaced or removed since. Numbers of files are never used twice,
# so `gone` only grows; `user_version` holds what it was when such rows were last removed.
_GONE = "SELECT (SELECT coalesce(max(seq), 0) FROM sqlite_sequence) - count(*) FROM files"
_STALE = "DELETE FROM places WHERE file NOT IN (SELECT id FROM files)"
_WAIT = 600.0  # seconds for another process that is reading a large store into the index
Answer = TypeVar("Answer")
log = logging.getLogger("featherweight")


class Place(NamedTuple):
    """Where a record lies."""

    file: str
    offset: int
    length: int


class Index:
    """The index of one store folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / "index.sqlite"
        self._database: sqlite3.Connection | None = None

    def close(self) -> None:
        """Let go of the file."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def refresh(self) -> None:
        """Bring the index up to the files that are there: new, changed and removed ones."""
        self._tried(self._refresh)

    def read_again(self, name: str) -> None:
        """Read one file anew, whatever the index thinks of it; nothing where it is not there."""
        if (self.folder / name).is_file():
            self._tried(lambda database: self._read(database, [name]))

    def places(self, key: str) -> list[Place]:
        """Every place where this key was seen, in the order of the files' names."""
        rows = self._tried(lambda database: database.execute(_FIND, (key,)).fetchall())
        return [Place(*row) for row in rows]

    def _tried(self, work: Callable[[sqlite3.Connection], Answer]) -> Answer:
        """Do it; with a new index if this one is damaged, in memory if none can be on disk."""
        try:
            return work(self._connected(self._path))
        except sqlite3.Error as error:
            log.warning("%s: %s; making the index again", self._path, error)
        self.close()
        for place in (self._path, ":memory:"):
            try:
                if place == self._path:
                    self._path.unlink(missing_ok=True)
                database = self._connected(place)
                self._refresh(database)
                return work(database)
            except (sqlite3.Error, OSError):
                self.close()
        raise RuntimeError("an index in memory cannot be made")

    def _connected(self, place: Path | str) -> sqlite3.Connection:
        if self._database is None:
            self._database = sqlite3.connect(place, timeout=_WAIT, isolation_level=None)
            # What a power cut takes away is made again from the files.
            self._database.execute("PRAGMA synchronous = OFF")
            self._database.executescript(_TABLES)
        return self._database

    def _refresh(self, database: sqlite3.Connection) -> None:
        known = {
            name: (size, changed)
            for name, size, changed in database.execute("SELECT name, size, changed FROM files")
        }
        here: dict[str, tuple[int, int]] = {}
        for entry in os.scandir(self.folder):
            if entry.name.endswith(".jsonl") and not entry.name.startswith("."):
                facts = entry.stat()
                here[entry.name] = facts.st_size, facts.st_mtime_ns
        removed = known.keys() - here.keys()
        if removed:
            database.executemany(
                "DELETE FROM files WHERE name = ?", [(name,) for name in sorted(removed)]
            )
        changed = sorted(name for name, facts in here.items() if known.get(name) != facts)
        if changed:
            self._read(database, changed)
        (gone,) = database.execute(_GONE).fetchone()
        if gone != database.execute("PRAGMA user_version").fetchone()[0]:
            database.execute(_STALE)
            database.execute(f"PRAGMA user_version = {gone}")

    def _read(self, database: sqlite3.Connection, names: list[str]) -> None:
        """Put what these files hold into the index, in one transaction.

        A file gets a new number, so that what the index held of it counts no more.
        """
        database.execute("BEGIN IMMEDIATE")
        try:
            for name in names:
                path = self.folder / name
                facts = path.stat()
                database.execute("DELETE FROM files WHERE name = ?", (name,))
                number = database.execute(
                    "INSERT INTO files (name, size, changed) VALUES (?, ?, ?)",
                    (name, facts.st_size, facts.st_mtime_ns),
                ).lastrowid
                database.executemany(
                    "INSERT OR REPLACE INTO places VALUES (?, ?, ?, ?)",
                    [(key, number, offset, length) for key, offset, length in _records(path)],
                )
            database.execute("COMMIT")
        except BaseException:
            database.execute("ROLLBACK")
            raise


def _records(path: Path) -> list[tuple[str, int, int]]:
    """Key, offset and length of every whole completion in a file; damaged ones are reported.

    A file that holds every completion of its chunk lacks none, whatever its other lines are.
    """
    records = []
    offset = damaged = 0
    for line in path.read_bytes().split(b"\n"):
        document = unsealed(line)
        if document is None:
            damaged += line != b""
        elif "key" in document:
            records.append((document["key"], offset, len(line)))
        offset += len(line) + 1
    if damaged and chunk_name([key for key, _, _ in records]) != path.stem:
        lines = "1 damaged line" if damaged == 1 else f"{damaged} damaged lines"
        log.warning("%s: %s; samples that stood there are generated again", path, lines)
    return records
