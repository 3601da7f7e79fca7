"""Does the pipeline work? What was planted or is known beforehand, against what was measured.

One real row of controls.json:

    KnownValue(model="hesitant", task="pocket-letter", group="all", stratum="all",
               metric="unparsed", what="unparsed, all", at_least=False, expected=0.3, value=0.273,
               low=0.248, high=0.300, n=1200, n_questions=1028, detectable=0.055, inside=True)

`detectable` is the smallest shift from the expected value that the check of this row would have
noticed with 80% power: (1.96 + 0.84) standard errors where the 95% interval judges, (3.29 + 0.84)
where chance decides every answer, of the very number that is judged. What is known of a task's
controls, and what a model with something planted must reach, stands in the task's numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from featherweight.records import ALL, Estimate, KnownValue
from featherweight.results import Results
from featherweight.specs import PlantedSpec, StudiedTask
from featherweight.stats.counts import DROP
from featherweight.stats.equivalence import Known, widened
from featherweight.tasks import task as task_of
from featherweight.tasks.graded_numbers import ABOVE_PLANTED, PLANTED
from featherweight.tasks.numbers import ACCURACY, CHANCE, KnownScore, Numbers, numbers

ROUNDING = 1e-9
LOSSES = ("unparsed", "unfinished")  # known of a control that leaves questions open

# A control that answers by chance is judged by an interval this many times as wide as the 95% one:
# 3.29 instead of 1.96 standard errors, one false alarm in 1,000 for each score instead of one in
# 20.
CHANCE_WIDENING = 3.29 / 1.96

# And only where that interval reaches no farther than a tenth of the metric's range from the value
# (0.1 of an accuracy, 0.2 of a score between -1 and 1): a wider one would hold values that are
# plainly false. At the limit the standard error is 0.1 / 3.29 = 0.03, so that an expected accuracy
# that is wrong by 0.15 (4.93 standard errors) lies inside once in 20, and one wrong by 0.2 once in
# 2,000. 600 pocket items reach 0.08 and 0.15. Chance itself cannot be wrong by a number of options:
# it is the mean over the items that were asked.
REACH = 0.1


def planted_values(results: Results) -> Iterator[KnownValue]:
    """Each planted value beside the measured one, and what such a model must reach besides.

    What was planted shows on the items that it was planted with, in the answers that the model
    gives: one that thinks aloud has no thinking where the answer is chosen by likelihood.
    """
    for model in results.every:
        planted = results.spec.models[model].planted
        for task, entry in results.spec.tasks.items():
            here = [one for one in planted if one.task == entry.task]
            if not here or not results.asked(model, task) or results.by_likelihood(task):
                continue
            for one in here:
                yield _planted(results, model, task, one)
            for least in numbers(entry.task).at_least:
                measured = results.estimate(model, task, ALL, least.stratum, least.metric)
                value = None if measured is None else measured.value
                inside = None if value is None else value >= least.value
                what = f"{least.metric}, {least.stratum}, at least"
                where = (model, task, least.stratum, least.metric)
                yield _row(*where, what, least.value, measured, inside, at_least=True)


def _planted(results: Results, model: str, task: str, one: PlantedSpec) -> KnownValue:
    """A planted value beside the measured one; of a table the mean over the very items asked.

    That mean varies with the items as the measured one does, so whether they agree is decided on
    their difference: 0 must lie in its interval, which is widened as for chance, because chance
    decides every answer.
    """
    where = (model, task, one.stratum, one.metric)
    what = f"{one.metric}, {one.stratum}, planted"
    measured = results.estimate(model, task, ALL, one.stratum, one.metric)
    if one.value is not None:
        inside = None if measured is None else _within(measured, one.value, 1.0)
        return _row(*where, what, one.value, measured, inside)
    mean = results.estimate(model, task, ALL, one.stratum, PLANTED)
    above = results.estimate(model, task, ALL, one.stratum, ABOVE_PLANTED)
    row = _row(
        *where,
        what,
        None if mean is None else mean.value,
        measured,
        None if above is None else _within(above, 0.0, CHANCE_WIDENING, REACH),
    )
    return replace(row, detectable=None if above is None else _noticed(above, CHANCE_WIDENING))


def control_scores(results: Results) -> Iterator[KnownValue]:
    """Each control's known score beside the measured one."""
    for model in results.controls:
        entries = {
            task: entry for task, entry in results.spec.tasks.items() if results.asked(model, task)
        }
        generated = {entry.task for entry in entries.values() if entry.answers == "generated"}
        for task, entry in entries.items():
            if results.by_likelihood(task) and entry.task in generated:
                continue  # a rule answers either way: the same answers would count twice
            scores = _known(results, model, entry)
            always_answers = all(known.metric not in LOSSES for known in scores)
            for known in scores:
                measured = results.estimate(model, task, ALL, known.stratum, known.metric)
                expected = _expected(results, model, task, known)
                if expected is None:
                    continue  # nobody can guess the answer, so chance is no number
                inside = None
                if measured is not None:
                    inside = _as_known(measured, expected, known.exact, numbers(entry.task))
                    lost = known.metric == ACCURACY and measured.n < measured.n_asked
                    if lost and always_answers:
                        inside = False
                what = f"{known.metric}, {known.stratum}"
                where = (model, task, known.stratum, known.metric)
                row = _row(*where, what, expected, measured, inside)
                if measured is None or known.exact:
                    yield row
                else:
                    yield replace(row, detectable=_noticed(measured, CHANCE_WIDENING))


def _known(results: Results, model: str, entry: StudiedTask) -> list[KnownScore]:
    control = results.spec.models[model].control
    user = task_of(entry.task).wording(entry.wording_of(model)).user
    if control is None:
        return []
    return numbers(entry.task).known_scores(control, results.policy(entry.label), user)


def _expected(results: Results, model: str, task: str, known: KnownScore) -> float | None:
    """The known value; chance is that of the same answers, None where it was not measured."""
    if known.value != CHANCE:
        return float(known.value)
    chance = results.estimate(model, task, ALL, known.stratum, CHANCE)
    return None if chance is None else chance.value


def _as_known(measured: Estimate, expected: float, exact: bool, of: Numbers) -> bool | None:
    """Equal where the rule never varies; inside a wide interval where chance decides."""
    if measured.value is None:
        return None
    if exact:
        return abs(measured.value - expected) <= ROUNDING
    low, high = _bounds(measured.metric, of)
    return _within(measured, expected, CHANCE_WIDENING, REACH * (high - low))


def _bounds(metric: str, of: Numbers) -> tuple[float, float]:
    """Between which numbers a metric lies."""
    every = (*of.metrics(DROP), *of.shares(DROP))
    return next(one.measure.bounds for one in every if one.name == metric)


def _within(
    measured: Estimate, expected: float, widening: float, reach: float | None = None
) -> bool | None:
    """Whether the interval, stretched about the value, holds `expected`.

    None without an interval, and where the stretched one goes beyond `reach`.
    """
    if measured.value is None or measured.low is None or measured.high is None:
        return None
    known = Known(measured.value, measured.low, measured.high)
    value, low, high = widened(known, widening)
    if reach is not None and max(value - low, high - value) > reach + ROUNDING:
        return None
    return low - ROUNDING <= expected <= high + ROUNDING


def _noticed(measured: Estimate, widening: float) -> float | None:
    """The shift that a check by the interval, stretched about the value, notices with 80% power.

    `Estimate.detectable` is what the interval itself reaches and 0.84 standard errors; stretched,
    it reaches farther, to the longer side where its sides differ. None without an interval.
    """
    if (
        measured.value is None
        or measured.low is None
        or measured.high is None
        or measured.detectable is None
    ):
        return None
    reach = max(measured.value - measured.low, measured.high - measured.value)
    return measured.detectable + (widening - 1.0) * reach


def _row(
    model: str,
    task: str,
    stratum: str,
    metric: str,
    what: str,
    expected: float | None,
    measured: Estimate | None,
    inside: bool | None,
    *,
    at_least: bool = False,
) -> KnownValue:
    return KnownValue(
        model=model,
        task=task,
        group=ALL,
        stratum=stratum,
        metric=metric,
        what=what,
        at_least=at_least,
        expected=expected,
        value=None if measured is None else measured.value,
        low=None if measured is None else measured.low,
        high=None if measured is None else measured.high,
        n=None if measured is None else measured.n,
        n_questions=None if measured is None else measured.n_questions,
        detectable=None if measured is None else measured.detectable,
        inside=inside,
    )
