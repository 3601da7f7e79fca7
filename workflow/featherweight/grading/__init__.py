r"""Whether a free answer equals the right one: our rules first, math-verify behind them.

Reads and writes the cache of grades (`Grader`); nothing of a model's text is evaluated.
`integer` and `number` are decided here by rules alone, `expression` asks math-verify in worker
processes that can be killed. One real pair:

    with Grader("expression", cache=None) as grader:
        grader.grade([(r"\frac{1}{2}", "0.5")])  -> [Grade(equal=True, rule="number", reason=None)]
"""

from __future__ import annotations

from featherweight.grading.classes import classes, unreadable
from featherweight.grading.grader import Grader
from featherweight.grading.verdicts import LIMITS, Grade, Limits
from featherweight.records import Grading

__all__ = ["LIMITS", "Grade", "Grader", "Grading", "Limits", "classes", "unreadable"]
