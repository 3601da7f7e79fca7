r"""A process of its own that grades what the rules leave open: `python -m ...grading.worker`.

It imports math-verify once, then forks: the child grades, and when a pair ends it the next child
begins with the same memory in milliseconds. The child says which process it is, then answers a line
of JSON per pair with one of its own; the end of a child before its answer is said by its parent:

    {"ready": 4711}
    {"gold": "\\sqrt{8}", "answer": "2\\sqrt{2}", "how": "strict"}
    {"equal": true, "rule": "math-verify", "reason": null, "first": true, "last": false}
    {"died": -27}

Its limits are its own: bytes of address space (RLIMIT_AS), CPU seconds per pair by a timer whose
signal ends the process even within a long multiplication. A MemoryError or a RecursionError (the
stack is memory, too) is answered with the reason "memory" and not taken for "not equal". Nothing of
a pair is evaluated: math-verify parses by a grammar.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

from featherweight.grading import rules

_PAGE = resource.getpagesize()
_GROWN = 400 * 1024**2  # bytes: a child that holds more is followed by the next
_NEXT, _END_OF_INPUT = 3, 0  # exit codes of a child


def main(cpu_seconds: float, memory_bytes: int) -> None:
    """Grade pairs until the input ends."""
    answers = os.dup(1)
    os.dup2(2, 1)  # what a library prints is no answer
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from featherweight.grading import judge

    judge.warm_up()
    gc.collect()
    gc.freeze()
    while True:
        child = os.fork()
        if child == 0:
            os._exit(_serve(judge, answers, cpu_seconds))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code == _END_OF_INPUT:
            return
        if code != _NEXT:
            _say(answers, {"died": code})


def _serve(judge: Any, answers: int, cpu_seconds: float) -> int:
    """Grade pairs until the input ends or this process has grown; returns its exit code."""
    _say(answers, {"ready": os.getpid()})
    first = True
    with os.fdopen(os.dup(0), "rb") as pairs:
        for line in pairs:
            asked = json.loads(line)
            signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
            try:
                answer = _grade(judge, **asked)
            except (MemoryError, RecursionError):
                answer = {"equal": None, "rule": "math-verify", "reason": "memory"}
            signal.setitimer(signal.ITIMER_PROF, 0.0)
            last = answer["reason"] is not None or _resident() > _GROWN
            _say(answers, answer | {"first": first, "last": last})
            if last:
                return _NEXT
            first = False
    return _END_OF_INPUT


def _grade(judge: Any, gold: str, answer: str, how: str) -> dict[str, Any]:
    """`how`: "strict", "lenient" (a whole text), or "readable" (the gold against itself)."""
    if how == "lenient":
        return {"equal": judge.whole_text(gold, answer), "rule": "whole text", "reason": None}
    verdict = rules.expression(gold, answer, judge.equal, whole=how == "readable")
    return {"equal": verdict.equal, "rule": verdict.rule, "reason": None}


def _say(stream: int, document: dict[str, Any]) -> None:
    os.write(stream, json.dumps(document).encode() + b"\n")


def _resident() -> int:
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
