"""How an answer was read and judged.

One real row:

    Score(model="oracle", task="mmlu", category="abstract_algebra", item_seed=0, sample_seed=0,
          item_id="abstract_algebra-test-0000", sample_index=0, cluster="abstract_algebra:0",
          block="abstract_algebra:0", group="abstract_algebra", stratum=None, answer="4",
          outcome="right", reason=None, rule="exact", chosen_position=2, gold_position=2,
          chance=0.25, n_tokens=1, finish="stop")

What only one benchmark knows of an answer (BBQ: its direction) stands in the task's own table, row
for row beside this one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from featherweight.records.answered import Finish

Outcome = Literal["right", "wrong", "unparsed", "unfinished"]
# How a free answer is read. boxed: its last box; expression: a box or a stated phrase; number: for
# word problems, also the last number.
FreeReader = Literal["boxed", "expression", "number"]
# How a free answer is compared with the right one. integer: 025 is 25 (AIME); number: decimals,
# thousands, units of money (GSM8K); expression: LaTeX.
Grading = Literal["integer", "number", "expression"]
# time out, memory: an answer was read, and grading it took more than its limit
Reason = Literal["empty", "refuses", "several", "none", "time out", "memory"]


class Reading(NamedTuple):
    """What an answer states, or why nothing could be read. Of a choice, also which option."""

    answer: str | None  # as text; of a choice the option's
    rule: str | None  # which reading rule found it
    reason: Reason | None  # why there is none
    unfinished: bool = False  # cut off, or thinking never ended, before an answer
    chosen: int | None = None  # index into the options, rotation undone; None: no choice


@dataclass(frozen=True, slots=True)
class Score:
    """One sample, read and judged, with what the aggregation needs of its item. Key: Sample's."""

    model: str
    task: str
    category: str
    item_seed: int
    sample_seed: int
    item_id: str
    sample_index: int
    cluster: str
    block: str
    group: str
    stratum: str | None
    answer: str | None  # what was read, as text; None: nothing could be
    outcome: Outcome
    reason: Reason | None  # why there is no answer; None where there is one
    rule: str | None  # which reading rule found the answer
    chosen_position: int | None  # 0 = shown as (A); None: nothing chosen, or no options
    gold_position: int | None  # None: no options were shown
    chance: float | None  # probability that a blind guess is right; None: cannot be guessed
    n_tokens: int
    finish: Finish


@dataclass(frozen=True, slots=True)
class Graded:
    """What grading adds to the `Score` of a free answer; row for row beside it. Key: Sample's."""

    model: str
    task: str
    category: str
    item_seed: int
    sample_seed: int
    item_id: str
    sample_index: int
    graded_by: str | None  # which rule of grading decided; None: there was nothing to grade
    # Answers to one prompt that are equal share a number, counted from 0 in the order of their
    # first appearance; None: no answer. Only an answer of the right one's class is right.
    answer_class: int | None
    # Whether a lenient reading of the whole text would call it right; None: it came to no verdict.
    lenient: bool | None
    # Probability that this model answers this question rightly, known because it was planted.
    planted: float | None
