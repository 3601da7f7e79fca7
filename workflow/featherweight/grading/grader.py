r"""Grades pairs of a right answer and an answer: by rules, from the cache, by workers.

Reads and writes the cache of grades, a folder. One real pair:

    with Grader("expression", cache=None) as grader:
        grader.grade([(r"\sqrt{8}", r"2\sqrt2")])  -> [Grade(True, "math-verify", None)]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from featherweight.grading import rules
from featherweight.grading.cache import Cache
from featherweight.grading.verdicts import LIMITS, Grade, Limits
from featherweight.grading.workers import Job, Judged, Pool
from featherweight.records import Grading


@dataclass
class Grader:
    """Grades pairs (right answer, answer). A context manager: leaving it ends the workers.

    `cache` is a folder of earlier grades, None for none; several processes may use one folder.
    `lenient` grades whole texts as math-verify reads them by itself; never for a scored number.
    """

    kind: Grading
    cache: Path | None
    limits: Limits = LIMITS
    workers: int = 1
    lenient: bool = False
    _pool: Pool | None = field(default=None, init=False, repr=False)
    _known: Cache | None = field(default=None, init=False, repr=False)

    def __enter__(self) -> Self:
        """Nothing is started before the first pair that needs a worker."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the workers, and write what the cache holds and no file does."""
        if self._pool is not None:
            self._pool.end()
            self._pool = None
        if self._known is not None:
            self._known.write()

    def grade(self, pairs: Sequence[tuple[str, str]]) -> list[Grade]:
        """A grade for each pair, in order; equal pairs are graded once.

        Raises InputError for a pair whose worker is ended from outside again and again.
        """
        graded: dict[tuple[str, str], Grade] = {}
        waiting: dict[tuple[str, str], Job] = {}
        for pair in dict.fromkeys(pairs):
            grade = None if self.lenient else by_rules(self.kind, *pair)
            if grade is not None:
                graded[pair] = grade
            else:
                waiting[pair] = Job(*pair, "lenient" if self.lenient else "strict")
        judged = self._judge(list(waiting.values()))
        graded |= {pair: Grade(*judged[job]) for pair, job in waiting.items()}
        return [graded[pair] for pair in pairs]

    def unreadable(self, golds: Sequence[str]) -> list[str]:
        """Those right answers that are not equal to themselves, by all rules and by math-verify."""
        grades = self.of_themselves(golds)
        return [gold for gold in golds if grades[gold].equal is not True]

    def of_themselves(self, golds: Sequence[str]) -> dict[str, Grade]:
        """Each right answer's grade against itself, by all rules and by math-verify."""
        if self.kind != "expression":
            return {gold: by_rules_alone(self.kind, gold, gold) for gold in golds}
        jobs = {gold: Job(gold, gold, "readable") for gold in dict.fromkeys(golds)}
        judged = self._judge(list(jobs.values()))
        return {gold: Grade(*judged[job]) for gold, job in jobs.items()}

    def _judge(self, jobs: Sequence[Job]) -> dict[Job, Judged]:
        """Verdicts from the cache, and from workers; what was found is kept, come what may."""
        if not jobs:
            return {}
        if self.cache is not None and self._known is None:
            self._known = Cache(self.cache, self.limits)
            self._known.read()
        known = {} if self._known is None else {job: self._known.get(job) for job in jobs}
        judged = {job: verdict for job, verdict in known.items() if verdict is not None}
        missing = [job for job in dict.fromkeys(jobs) if job not in judged]
        if not missing:
            return judged
        if self._pool is None:
            self._pool = Pool(self.limits, self.workers)
        new: dict[Job, Judged] = {}
        try:
            for job, verdict in zip(missing, self._pool.judge(missing), strict=True):
                new[job] = verdict
        finally:
            if self._known is not None:
                self._known.add(new)
        return judged | new


def by_rules_alone(kind: Grading, gold: str, answer: str) -> Grade:
    """The grade of two numbers, which no worker is needed for."""
    verdict = rules.integer(gold, answer) if kind == "integer" else rules.number(gold, answer)
    return Grade(verdict.equal, verdict.rule, None)


def by_rules(kind: Grading, gold: str, answer: str) -> Grade | None:
    """The grade of a pair as far as our rules decide it; None: math-verify must be asked."""
    if kind != "expression":
        return by_rules_alone(kind, gold, answer)
    try:
        return Grade(*rules.expression(gold, answer), None)
    except rules.Open:
        return None
