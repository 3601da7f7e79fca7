r"""Verdicts of the workers on disk, so that no pair is compared twice.

Reads and writes `<folder>/<hash>.jsonl`: each process adds files of its own, whole or not at all.
One real line (a limit that ended a comparison is part of its key):

    {"answer":"2\\sqrt{2}","equal":true,"gold":"\\sqrt{8}","key":"5b…","kind":"strict",
     "reason":null,"rule":"math-verify","sha256":"c1…"}

A line that does not match its hash is counted, said, and graded again.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from typing import Any

from featherweight.canonical import canonical, digest
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
        """Read the files that were not there before."""
        damaged = []
        for path in sorted(self._folder.glob("*.jsonl")):
            if path.name in self._seen:
                continue
            self._seen.add(path.name)
            for line in path.read_bytes().splitlines():
                record = _unsealed(line)
                if record is None:
                    damaged.append(path.name)
                    continue
                verdict = Judged(record["equal"], record["rule"], record["reason"])
                self._found[record["key"]] = verdict
        if damaged:
            log.warning(
                "%s: %d damaged lines, the first in %s; what they held is graded again",
                self._folder,
                len(damaged),
                damaged[0],
            )

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


def _unsealed(line: bytes) -> dict[str, Any] | None:
    """A line's record; None: damaged."""
    try:
        record = json.loads(line)
        sealed = record.pop("sha256")
        return record if digest(record) == sealed else None
    except (ValueError, KeyError, AttributeError, RecursionError):
        return None
