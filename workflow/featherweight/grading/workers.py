"""Worker processes (`worker`) that grade pairs, and are replaced when they die or sleep.

A verdict depends on its pair alone: a pair that ran out of memory in a process that had graded
others is graded once more by a new one before that is believed. A worker that was
killed by somebody else (SIGKILL: the kernel, when the machine's memory is used up, or a person) is
replaced, and its pair tried again, `TRIES` times in all.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, NoReturn

from featherweight.errors import InputError
from featherweight.grading.verdicts import Limits
from featherweight.records import Reason

if TYPE_CHECKING:  # by name only: the fingerprint of a stage follows this import
    from featherweight.grading import worker  # noqa: F401

PROGRAM = "featherweight.grading.worker"
How = Literal["strict", "lenient", "readable"]
TRIES = 3
ASLEEP = "wall clock"  # the rule of a pair whose worker slept; that says nothing about the pair
_START_SECONDS = 120.0  # to be ready; a machine under load takes long to import sympy
_END_SECONDS = 0.5  # for a worker that is idle; one that computes is ended by force
_MEMORY_SIGNALS = {signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS}
_ROOT = Path(__file__).parents[2]


class Job(NamedTuple):
    """One pair for a worker."""

    gold: str
    answer: str
    how: How


class Judged(NamedTuple):
    """What came of one pair."""

    equal: bool | None
    rule: str
    reason: Reason | None


class Died(Exception):
    """A worker ended before it answered."""

    def __init__(self, code: int, *, slept: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.slept = slept


class Worker:
    """One worker. It is started with the first pair."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.is_new = True  # the process has graded nothing yet
        self._process: subprocess.Popen[bytes] | None = None
        self._child: int | None = None  # the process that grades; None: it has not said yet
        self._read = b""  # what was read beyond the last line: a child's end and the next's start

    def _start(self) -> None:
        environment = os.environ | {
            "PYTHONHASHSEED": "0",  # the order of sympy's sets
            "PYTHONPATH": os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")]),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        words = [str(self.limits.cpu_seconds), str(self.limits.memory_bytes)]
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", PROGRAM, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,  # Ctrl-C is the parent's, and the whole group ends as one
        )
        try:
            self._child = json.loads(self._line(_START_SECONDS))["ready"]
        except Died as died:
            if died.code == -signal.SIGKILL and not died.slept:
                raise
            raise InputError(
                f"grading: its worker does not start (exit {died.code}); to see why, run python -m"
                f" {PROGRAM} {' '.join(words)} < /dev/null"
            ) from died

    def ask(self, job: Job) -> Judged:
        """Grade one pair. Raises Died; the next pair is asked of a new process."""
        if self._process is None:
            self._start()
        elif self._child is None:
            self._child = json.loads(self._line(_START_SECONDS))["ready"]
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(job._asdict()).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            self._died()
        answer = json.loads(self._line(self.limits.wall_seconds))
        if "died" in answer:
            self._child = None
            raise Died(answer["died"])
        self.is_new = answer["first"]
        if answer["last"]:
            self._child = None
        return Judged(answer["equal"], answer["rule"], answer["reason"])

    def _line(self, seconds: float) -> bytes:
        """The next line; a process that neither answers nor computes for `seconds` is ended."""
        assert self._process is not None
        assert self._process.stdout is not None
        stream = self._process.stdout
        used, since = self._cpu(), time.monotonic()
        while b"\n" not in self._read:
            if select.select([stream], [], [], min(seconds, 1.0))[0]:
                piece = os.read(stream.fileno(), 1 << 16)
                if not piece:
                    self._died()
                self._read += piece
            elif (now := self._cpu()) != used:
                used, since = now, time.monotonic()
            elif time.monotonic() - since >= seconds:
                self._died(slept=True)
        line, _, self._read = self._read.partition(b"\n")
        return line

    def _cpu(self) -> str | None:
        """What the process has computed so far, in ticks; None: it is gone."""
        assert self._process is not None
        try:
            text = Path(f"/proc/{self._child or self._process.pid}/stat").read_text(
                encoding="utf-8"
            )
        except OSError:
            return None
        return " ".join(text.rpartition(")")[2].split()[11:13])

    def _died(self, *, slept: bool = False) -> NoReturn:
        assert self._process is not None
        if slept:
            self._kill()
        code = self._process.wait()
        self.end()
        raise Died(code, slept=slept)

    def _kill(self) -> None:
        """End the process and its child."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def end(self) -> None:
        """End the worker, if there is one: by the end of its input, or else by force."""
        if self._process is None:
            return
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._kill()  # a child may have outlived it
            process.wait()
            process.stdout.close()
            self._process = self._child = None
            self._read = b""


class Pool:
    """Several workers; pairs are handed out in order to whichever is free."""

    def __init__(self, limits: Limits, workers: int) -> None:
        self._limits = limits
        self._free: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        self._all = [Worker(limits) for _ in range(max(1, workers))]
        for worker in self._all:
            self._free.put(worker)

    def judge(self, jobs: Sequence[Job]) -> Iterator[Judged]:
        """What comes of each pair, in order. Raises InputError for one that nobody can grade."""
        executor = ThreadPoolExecutor(len(self._all))
        try:
            yield from executor.map(self._one, jobs)
        finally:
            executor.shutdown(wait=True, cancel_futures=True)

    def _one(self, job: Job) -> Judged:
        worker = self._free.get()
        try:
            return _settled(worker, job)
        finally:
            self._free.put(worker)

    def end(self) -> None:
        """End all processes."""
        for worker in self._all:
            worker.end()


def _settled(worker: Worker, job: Job) -> Judged:
    """One pair, again where somebody ended its worker or what it graded before may have decided."""
    for attempt in range(1, TRIES + 1):
        try:
            judged = worker.ask(job)
            if judged.reason is None or worker.is_new:
                return judged
        except Died as died:
            reason = _reason(died)
            if died.slept:
                return Judged(None, ASLEEP, reason)
            if reason == "time out" or (reason == "memory" and attempt > 1):
                return Judged(None, "math-verify", reason)
            if reason is None and attempt == TRIES:
                raise InputError(_killed(job, died)) from died
    return judged


def _reason(died: Died) -> Reason | None:
    """What a worker's end says about its pair; None: nothing, somebody else ended it."""
    if died.slept or died.code == -signal.SIGPROF:
        return "time out"
    if died.code == 1 or -died.code in _MEMORY_SIGNALS:
        return "memory"
    return None


def _killed(job: Job, died: Died) -> str:
    gold, answer = (text if len(text) <= 60 else f"{text[:57]}..." for text in job[:2])
    return (
        f"grading: the worker that compared {gold!r} with {answer!r} was ended from outside"
        f" {TRIES} times (exit {died.code}); give the machine more memory or grade with fewer"
        " workers, and run the same command again: what was graded stays in the cache"
    )
