"""Who is ahead, by what, and whether the data show it: the order of the models of one task.

Where any model lost more than 5% of its answers (unread or cut off), accuracy among the answers
that were read compares different questions; then all models are ranked by right answers of all that
was asked, and the bounds say where each would stand if all its lost answers had been wrong or
right. Best is only whom paired differences put above every other model beyond chance (adjusted p
below 0.05), over the answers that both had read and over all that was asked. One real standing:

    Standing(model="pocket-thinker", value=0.61, low=0.53, high=0.68, among_read=0.75, lost=0.19,
             least=0.61, most=0.80)
"""

from __future__ import annotations

from dataclasses import dataclass

from featherweight.records import ALL, Difference
from featherweight.report.inputs import Inputs

# one model that loses a larger share of its answers: all are ranked by what was asked
MOST_LOST = 0.05
ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Standing:
    """One model's accuracy in one task and stratum, as fractions. None where it is not known."""

    model: str
    value: float  # what it is ranked by
    low: float | None
    high: float | None
    among_read: float | None
    lost: float | None  # the share of answers that could not be read or were cut off
    least: float | None  # right of all asked, had every lost answer been wrong
    most: float | None  # the same, had every lost answer been right


@dataclass(frozen=True, slots=True)
class Ranking:
    """The models of a task, highest first, and what is shown of the first."""

    by_asked: bool  # by right answers of all asked, because a model lost too many
    standings: tuple[Standing, ...]
    level: tuple[Standing, ...]  # those that the first is not shown to be above
    lost_decide: tuple[str, ...]  # of these, models against which the lost answers decide
    not_compared: tuple[str, ...]  # of these, models that the study does not compare with the first

    @property
    def first(self) -> Standing:
        """The highest."""
        return self.standings[0]

    @property
    def best_is_shown(self) -> bool:
        """Whether the first is shown to be above every other model."""
        return len(self.standings) > 1 and not self.level


def by_asked(inputs: Inputs, task: str) -> bool:
    """Whether a model of the task lost more than 5% of its answers, or an unknown share."""
    if inputs.graded(task):
        return False  # ranked by its own policy: whatever was lost is wrong
    shares = [inputs.unread(model, task, ALL, ALL) for model in inputs.models_of(task)]
    return any(share is None or share > MOST_LOST for share in shares)


def policy(inputs: Inputs, task: str) -> str:
    """The policy for unread answers that the task's models are ranked under."""
    return "wrong" if by_asked(inputs, task) else inputs.policy(task)


def standing(inputs: Inputs, model: str, task: str, stratum: str) -> Standing | None:
    """Where one model stands; None without a value."""
    ranked = inputs.estimate(model, task, ALL, stratum, "accuracy", policy(inputs, task))
    if ranked is None or ranked.value is None:
        return None
    read = inputs.estimate(model, task, ALL, stratum, "accuracy", "drop")
    asked = inputs.estimate(model, task, ALL, stratum, "accuracy", "wrong")
    lost = inputs.unread(model, task, ALL, stratum)
    least = None if asked is None else asked.value
    return Standing(
        model=model,
        value=ranked.value,
        low=ranked.low,
        high=ranked.high,
        among_read=None if read is None else read.value,
        lost=lost,
        least=least,
        most=None if least is None or lost is None else min(1.0, least + lost),
    )


def ranking(inputs: Inputs, task: str, stratum: str = ALL) -> Ranking | None:
    """The order of the models in one task and stratum; None where no model has a value."""
    known = [standing(inputs, model, task, stratum) for model in inputs.models_of(task)]
    standings = sorted((one for one in known if one is not None), key=lambda one: -one.value)
    if not standings:
        return None
    first = standings[0].model
    rows = {
        one.model: inputs.difference(
            first, one.model, task, ALL, stratum, "accuracy", inputs.policy(task)
        )
        for one in standings[1:]
    }
    level = tuple(one for one in standings[1:] if not _is_ahead(rows[one.model]))
    return Ranking(
        by_asked=by_asked(inputs, task),
        standings=tuple(standings),
        level=level,
        lost_decide=tuple(one.model for one in level if _lost_decide(rows[one.model])),
        not_compared=tuple(one.model for one in level if rows[one.model] is None),
    )


def beyond_chance(row: Difference) -> bool | None:
    """Whether a difference is beyond chance after correction; None: nobody knows."""
    return None if row.p_adjusted is None else row.p_adjusted < ALPHA


def _is_ahead(row: Difference | None) -> bool:
    """Whether the difference is positive beyond chance, however lost answers are counted."""
    if row is None or row.value is None or row.loss_decides is True:
        return False
    return row.value > 0 and beyond_chance(row) is True


def _lost_decide(row: Difference | None) -> bool:
    return row is not None and row.loss_decides is True
