"""The sample store: every completion under a key made of all that determines it, so that nothing is
generated twice.

Reads and writes `<store>/<model>/<chunk>.jsonl`, one file per finished chunk, the completions in
order and last what the chunk cost (`lines`); the name is a hash of the chunk's keys. A file is
written under a temporary name and renamed, so whatever bears a final name is whole; what a damaged
disk or an editor did to it is found by its hashes, said in one line, and generated again.

Opening a store reads none of its completions (`index`), and what it keeps in memory grows with what
was asked for, not with the store. Several processes may fill one store: each takes chunks by a
claim, a lock that ends with its process, and finds what the others have added.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from featherweight.engines import Completion
from featherweight.errors import InputError
from featherweight.files import write_atomically
from featherweight.generate.index import Index, Place
from featherweight.generate.lines import (
    chunk_name,
    completion_line,
    completion_of,
    unsealed,
    usage_line,
    usage_of,
)
from featherweight.records import Usage

_LONGEST_USAGE = 1 << 13  # bytes of a chunk's last line
log = logging.getLogger("featherweight")


class Stored(NamedTuple):
    """One completion, and the chunk that brought it."""

    completion: Completion
    chunk: str


class SampleStore:
    """The completions of one model."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.index = Index(folder)
        self._last: tuple[str, bytes] = "", b""  # the file that was read last: neighbours follow

    def open(self) -> None:
        """Find out what is there. Raises InputError where nothing can be written."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except (PermissionError, FileExistsError, NotADirectoryError) as error:
            raise InputError(
                f"{self.folder}: the sample store cannot be made here ({error.strerror})"
            ) from error
        if not os.access(self.folder, os.W_OK):
            raise InputError(
                f"{self.folder}: the sample store cannot be written to; correct its permissions"
            )
        self.index.refresh()

    def get(self, key: str) -> Stored | None:
        """The completion under this key; None where it is missing or damaged."""
        places = self.index.places(key)
        found = self._first_whole(key, places)
        if (
            found is None and places
        ):  # a file changed behind the index: look where its lines are now
            self._last = "", b""
            for place in places:
                self.index.read_again(place.file)
            found = self._first_whole(key, self.index.places(key))
        return found

    def _first_whole(self, key: str, places: Iterable[Place]) -> Stored | None:
        for place in places:
            document = unsealed(self._bytes(place))
            if document is not None and document.get("key") == key:
                return Stored(completion_of(document), place.file.removesuffix(".jsonl"))
        return None

    def _bytes(self, place: Place) -> bytes:
        if self._last[0] != place.file:
            try:
                self._last = place.file, (self.folder / place.file).read_bytes()
            except OSError:
                return b""
        return self._last[1][place.offset : place.offset + place.length]

    def missing(self, keys: Iterable[str]) -> set[str]:
        """Those keys whose completion is not there, or not as it was written."""
        return {key for key in keys if self.get(key) is None}

    def add(
        self, keys: Sequence[str], completions: Sequence[Completion], cost: Callable[[str], Usage]
    ) -> None:
        """Write one finished chunk, whole or not at all; `cost` makes its usage from its name."""
        name = chunk_name(keys)
        lines = [completion_line(*pair) for pair in zip(keys, completions, strict=True)]
        content = b"".join(line + b"\n" for line in [*lines, usage_line(cost(name))])
        write_atomically(self.folder / f"{name}.jsonl", content)
        self.index.read_again(f"{name}.jsonl")

    def notice(self, keys: Sequence[str]) -> None:
        """Look whether another process has finished the chunk of these keys."""
        self.index.read_again(f"{chunk_name(keys)}.jsonl")

    def usage(self, chunks: Iterable[str]) -> list[Usage]:
        """What these chunks cost, in order; a chunk whose last line is damaged is left out, with a
        word.
        """
        found = (self._usage(self.folder / f"{chunk}.jsonl") for chunk in chunks)
        return [usage for usage in found if usage is not None]

    def _usage(self, path: Path) -> Usage | None:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _LONGEST_USAGE))
            usage = usage_of(file.read().rstrip(b"\n").rpartition(b"\n")[2])
        if usage is None:
            log.warning(
                "%s: the last line is damaged or missing; what the chunk cost is lost, its samples"
                " are not",
                path,
            )
        return usage

    @contextmanager
    def claimed(self, keys: Sequence[str]) -> Iterator[bool]:
        """Whether this process may generate the chunk of these keys, for as long as it is held.

        A claim is a lock of the operating system on a file in `claims/`: that of a process that
        dies is free at once. The file goes only after the chunk is there, so whoever still gets a
        lock on it finds the chunk.
        """
        folder = self.folder / "claims"
        folder.mkdir(exist_ok=True)
        path = folder / chunk_name(keys)
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            with contextlib.suppress(OSError):
                path.unlink()
            lock.release()

    def drop_claims(self, chunks: Iterable[Sequence[str]]) -> None:
        """Remove what killed processes left of claims on chunks that are all in the store."""
        folder = self.folder / "claims"
        left = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        for name in left and left & {chunk_name(keys) for keys in chunks}:
            with contextlib.suppress(OSError):
                (folder / name).unlink()
