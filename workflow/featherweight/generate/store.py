"""The sample store: every completion under a key made of all that determines it, so that nothing is
generated twice.

Reads and writes `<store>/<model>/<chunk>.jsonl`, one file per finished chunk; the name is a hash of
the chunk's keys. One real line:

    {"finish": "stop", "key": "5d2a...", "mean_logprob": -0.0132, "n_tokens": 6, "text": "Nobody can
        say (C)."}

A line whose answer was chosen by likelihood has `option_loglikelihoods` as well; the others are
what they always were.

A file is written under a temporary name and renamed, so whatever bears a final name is whole; what
a damaged disk or an editor did to it is found when it is read, said in one line, and generated
again.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from featherweight.canonical import canonical, digest
from featherweight.engines import Completion
from featherweight.errors import InputError
from featherweight.files import write_atomically

__all__ = ["GENERATION_VERSION", "SampleStore", "digest", "weights_digest"]

GENERATION_VERSION = 1  # raise it when stored samples must not be used any more
_FIELDS = {"key", "text", "n_tokens", "finish", "mean_logprob"}
_SCORED = (  # stands in the lines of answers that were chosen by likelihood, and only there
    "option_loglikelihoods"
)
log = logging.getLogger("featherweight")


def weights_digest(files: Mapping[str, Mapping[str, Any]]) -> str:
    """One hash for a model's files as its manifest lists them: name and content hash of each,
    nothing else.
    """
    return digest({name: entry["sha256"] for name, entry in files.items()})


class SampleStore:
    """The completions of one model."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._found: dict[str, Completion] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._found

    def __getitem__(self, key: str) -> Completion:
        return self._found[key]

    def __len__(self) -> int:
        return len(self._found)

    def index(self) -> None:
        """Read what is there. A line that cannot be used is reported and left out."""
        for path in sorted(self.folder.glob("*.jsonl")):
            damaged = 0
            for line in path.read_bytes().splitlines():
                entry = _read_line(line)
                if entry is None:
                    damaged += 1
                else:
                    self._found[entry[0]] = entry[1]
            if damaged:
                log.warning(
                    "%s: %d damaged lines; these samples are generated again", path, damaged
                )

    def add(self, keys: Sequence[str], completions: Sequence[Completion]) -> None:
        """Write one finished chunk, whole or not at all."""
        lines = [canonical(_line(key, made)) for key, made in zip(keys, completions, strict=True)]
        write_atomically(
            self.folder / f"{digest(list(keys))[:32]}.jsonl", ("\n".join(lines) + "\n").encode()
        )
        self._found.update(zip(keys, completions, strict=True))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the model's lock; wait, and say so, while another process holds it."""
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
        lock = FileLock(self.folder / "lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            log.info(
                "%s: another process is generating for this model; waiting for it", self.folder
            )
            lock.acquire()
        try:
            yield
        finally:
            lock.release()


def _line(key: str, made: Completion) -> dict[str, Any]:
    entry = {
        "key": key,
        "text": made.text,
        "n_tokens": made.n_tokens,
        "finish": made.finish,
        "mean_logprob": made.mean_logprob,
    }
    return (
        entry
        if made.option_loglikelihoods is None
        else entry | {_SCORED: list(made.option_loglikelihoods)}
    )


def _read_line(line: bytes) -> tuple[str, Completion] | None:
    """One stored completion with its key; None for a line that is not one."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    if not isinstance(entry, dict) or set(entry) - {_SCORED} != _FIELDS or not _typed(entry):
        return None
    scored = tuple(entry[_SCORED]) if _SCORED in entry else None
    made = Completion(
        entry["text"], entry["n_tokens"], entry["finish"], entry["mean_logprob"], scored
    )
    return entry["key"], made


def _typed(entry: Mapping[str, Any]) -> bool:
    return (
        isinstance(entry["key"], str)
        and isinstance(entry["text"], str)
        and type(entry["n_tokens"]) is int
        and entry["finish"] in ("stop", "length", "forced", "scored")
        and (entry["mean_logprob"] is None or isinstance(entry["mean_logprob"], float))
        and (entry["finish"] == "scored") == (_SCORED in entry)
        and (_SCORED not in entry or _are_loglikelihoods(entry[_SCORED]))
    )


def _are_loglikelihoods(values: Any) -> bool:
    return isinstance(values, list) and all(
        value is None or isinstance(value, float) for value in values
    )
