"""What one graded answer costs: CPU milliseconds by our rules, by math-verify, from the cache.

    python benchmarks/grading.py ../shared/data/math500/test.jsonl.gz

Each right answer of MATH-500 is graded in two other forms, one that our rules decide where they
can and one that only math-verify does. CPU seconds are those of this process and of its workers;
the peak is the largest process's resident memory. The cache is a new folder, filled by the second
part and read by the third.
"""

from __future__ import annotations

import argparse
import gzip
import json
import resource
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from featherweight.grading import Grader
from featherweight.grading.grader import by_rules

Pairs = Sequence[tuple[str, str]]


def cpu_seconds() -> float:
    """Of this process and of its children that have ended."""
    parts = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(part.ru_utime + part.ru_stime for part in parts)


def peak_mib() -> float:
    """Of the largest process so far, this one or a worker."""
    parts = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return max(part.ru_maxrss for part in parts) / 1024


def measure(what: str, pairs: Pairs, cache: Path | None) -> None:
    """Grade pairs and say what it cost."""
    began, since = cpu_seconds(), time.perf_counter()
    with Grader("expression", cache) as grader:
        equal = sum(grade.equal is True for grade in grader.grade(pairs))
    cost = 1000 * (cpu_seconds() - began) / len(pairs)
    wall = time.perf_counter() - since
    print(
        f"{what}: {len(pairs)} pairs, {equal} equal, {cost:.2f} CPU ms each, {wall:.1f} s,"
        f" peak {peak_mib():.0f} MiB"
    )


def main() -> None:
    """Measure the three ways."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("math500", type=Path, help="MATH-500's test.jsonl.gz")
    path = parser.parse_args().math500
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        golds = [json.loads(line)["answer"] for line in lines]
    forms = [(gold, rf"x = {gold} \,") for gold in golds if "=" not in gold and r"\in" not in gold]
    by_rule = [pair for pair in forms if by_rules("expression", *pair) is not None]
    asked = [(gold, f"{gold}+0") for gold in golds if r"\text" not in gold and "," not in gold]
    asked = [pair for pair in asked if by_rules("expression", *pair) is None]
    started = cpu_seconds()
    with Grader("expression", None) as grader:
        grader.grade([(r"\sqrt{8}", r"2\sqrt{2}")])
    print(f"one worker, started and ended: {cpu_seconds() - started:.2f} CPU s")
    measure("our rules", by_rule, None)
    with tempfile.TemporaryDirectory() as folder:
        measure("math-verify", asked, Path(folder))
        measure("cached", asked, Path(folder))


if __name__ == "__main__":
    main()
