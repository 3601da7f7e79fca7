r"""Verdicts of the workers on disk, so that no pair is compared twice.

Reads and writes `<folder>/<hash>.jsonl`: each process adds files of its own, whole or not at all.
One real line (a limit that ended a comparison is part of its key):

    {"answer":"2\\sqrt{2}","equal":true,"gold":"\\sqrt{8}","key":"5b…","kind":"strict",
     "reason":null,"rule":"math-verify","sha256":"c1…"}

A line that does not match its hash is counted, said, and graded again; its file is renamed to
`<hash>.damaged`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

from featherweight.canonical import canonical, digest
from featherweight.errors import InputError
from featherweight.files import write_atomically
from featherweight.fingerprint import fingerprint
from featherweight.grading.verdicts import Limits
from featherweight.grading.workers import ASLEEP, PROGRAM, Job, Judged

log = logging.getLogger("featherweight")
_SECONDS = 5.0  # between two files of one process: what a kill may lose
_LONGEST_TEXT = 1000  # characters of an answer that are shown; its key is of the whole


@cache
def _versions() -> dict[str, str]:
    """What verdicts depend on besides their pair: our code, and the code behind it."""
    names = ("math-verify", "latex2sympy2_extended", "sympy", "antlr4-python3-runtime")
    return {name: version(name) for name in names} | {"rules": fingerprint(PROGRAM)}


class Cache:
    """A folder of verdicts."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder = folder
        self._limits = {"cpu_seconds": limits.cpu_seconds, "memory_bytes": limits.memory_bytes}
        self._found: dict[str, Judged] = {}
        self._seen: set[str] = set()
        self._waiting: list[str] = []  # lines that no file holds yet
        self._written = monotonic()

    def _keys(self, job: Job) -> tuple[str, str]:
        """The key of a verdict, and that of having reached a limit."""
        pair: dict[str, Any] = job._asdict() | {"versions": _versions()}
        return digest(pair), digest(pair | {"limits": self._limits})

    def read(self) -> None:
        """Read the files that were not there before.

        A file with damaged lines is said once and set aside, and its whole lines are written anew.
        Raises InputError where a file stands in the folder's place.
        """
        place = next(one for one in (self._folder, *self._folder.parents) if one.exists())
        if not place.is_dir():
            raise InputError(f"cache of grades: {place} is a file; name a folder")
        damaged: list[str] = []
        for path in sorted(self._folder.glob("*.jsonl")):
            if path.name in self._seen or not path.is_file():
                continue
            self._seen.add(path.name)
            damaged += [path.name] * self._read(path)
        if damaged:
            log.warning(
                "%s: %d damaged lines, the first in %s; what they held is graded again",
                self._folder,
                len(damaged),
                damaged[0],
            )

    def _read(self, path: Path) -> int:
        """Read a file; returns how many of its lines are damaged."""
        try:
            lines = path.read_bytes().splitlines()
        except FileNotFoundError:  # another process set it aside: its whole lines come anew
            return 0
        found = [_unsealed(line) for line in lines]
        whole = [record for record in found if record is not None]
        self._found |= {record.key: record.verdict for record in whole}
        if len(whole) < len(found):
            with contextlib.suppress(OSError):  # gone, or nobody may write here
                path.rename(path.with_suffix(".damaged"))
                self._waiting += [record.line for record in whole]
                self.write()
        return len(found) - len(whole)

    def get(self, job: Job) -> Judged | None:
        """The verdict on a pair; None: there is none within these limits."""
        return next((self._found[key] for key in self._keys(job) if key in self._found), None)

    def add(self, judged: Mapping[Job, Judged]) -> None:
        """Keep new verdicts: at once in memory, on disk every few seconds.

        A prompt brings one or two at a time; a file for each would be thousands. A worker that
        slept says nothing about its pair: that is not kept.
        """
        for job, verdict in judged.items():
            if verdict.rule == ASLEEP:
                continue
            keys = self._keys(job)
            self._found[keys[verdict.reason is not None]] = verdict
            self._waiting.append(_lines(keys, job, verdict))
        if monotonic() - self._written >= _SECONDS:
            self.write()

    def write(self) -> None:
        """Write what waits, in a file of its own."""
        self._written = monotonic()
        if not self._waiting:
            return
        content = "".join(f"{line}\n" for line in sorted(self._waiting)).encode()
        name = f"{hashlib.sha256(content).hexdigest()[:32]}.jsonl"
        write_atomically(self._folder / name, content)
        self._seen.add(name)
        self._waiting = []


def _lines(keys: tuple[str, str], job: Job, verdict: Judged) -> str:
    shown: Iterable[tuple[str, str]] = (("gold", job.gold), ("answer", job.answer))
    record = {name: text[:_LONGEST_TEXT] for name, text in shown}
    sealed = record | {"kind": job.how, "key": keys[verdict.reason is not None]}
    return _sealed(sealed | verdict._asdict())


def _sealed(record: dict[str, Any]) -> str:
    return canonical(record | {"sha256": digest(record)})


class _Line(NamedTuple):
    """A whole line of a file."""

    key: str
    verdict: Judged
    line: str


def _unsealed(line: bytes) -> _Line | None:
    """A line's verdict; None: damaged."""
    try:
        record = json.loads(line)
        sealed = record.pop("sha256")
        if digest(record) != sealed:
            return None
        verdict = Judged(record["equal"], record["rule"], record["reason"])
        return _Line(record["key"], verdict, line.decode())
    except (ValueError, KeyError, AttributeError, TypeError, IndexError, RecursionError):
        return None
