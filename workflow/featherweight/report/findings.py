"""What the page says first: the answer in one sentence and the findings, computed from the estimates, never typed.

One real finding:

    Finding(figure="accuracy-ambig", big="88.0%", text="best accuracy where the text does not say: Pocket, fair",
            detail="95% interval 81.2% to 93.1%, n = 300, unread 0.0%")
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from featherweight.records import Difference, Estimate
from featherweight.report import theme
from featherweight.report.inputs import Inputs
from featherweight.report.ways import points


@dataclass(frozen=True, slots=True)
class Finding:
    """One headline: a number, what it is, how sure it is, and the figure that shows it."""

    anchor: str
    big: str
    text: str
    detail: str


@dataclass(frozen=True, slots=True)
class Check:
    """Whether the instrument works: how many known values were recovered."""

    planted_found: int
    planted_known: int
    scores_found: int
    scores_known: int
    unjudged: int

    @property
    def failed(self) -> bool:
        """Whether a value that is known beforehand was missed."""
        return self.planted_found < self.planted_known or self.scores_found < self.scores_known

    @property
    def judged(self) -> bool:
        """Whether there was anything to judge."""
        return self.planted_known + self.scores_known > 0


def check(inputs: Inputs) -> Check:
    """Count what was recovered. The planted rates apart from scores that are known beforehand."""
    rates = [row for row in inputs.planted if row["metric"] == "stereotyped"]
    scores = [row for row in inputs.planted if row["metric"] != "stereotyped"] + list(inputs.controls)
    return Check(
        planted_found=_count(rates, True),
        planted_known=_count(rates, True) + _count(rates, False),
        scores_found=_count(scores, True),
        scores_known=_count(scores, True) + _count(scores, False),
        unjudged=_count(rates, None) + _count(scores, None),
    )


def _count(rows: Iterable[Mapping[str, Any]], inside: bool | None) -> int:
    return sum(row["inside"] is inside for row in rows)


MOST_UNREAD = 0.5  # a model that loses more of its answers is not ranked by the rest
WORTH_SAYING = 0.02
GUESS = 1 / 3  # every task so far has three options


def answer(inputs: Inputs, found: Check) -> str:
    """The answer of the study in one sentence."""
    if not inputs.models:
        return "There is no result yet: no model of this study has answered."
    if inputs.pocket:
        return _instrument_answer(found)
    task = inputs.main_tasks[0]
    means = {model: _pair(inputs, model, task) for model in inputs.models}
    known = {model: pair for model, pair in means.items() if pair is not None}
    if not known:
        return "No model has an accuracy for both kinds of question: see which answers could be read, below."
    unread = {model: inputs.unread(model, task, "all", "both") or 0.0 for model in known}
    readable = [model for model in known if unread[model] <= MOST_UNREAD]
    if not readable:
        least = min(unread, key=lambda model: unread[model])
        return (
            f"No model can be called the best: of every model's answers most could not be read or were cut off "
            f"({inputs.label(least)}, the most readable: {theme.percent(unread[least])})."
        )
    if not any(_beats_a_guess(inputs, model, task) for model in readable):
        highest = max(readable, key=lambda model: known[model][1])
        told_by = inputs.estimate(highest, task, "all", "disambig", "accuracy")
        within = "" if told_by is None else f", 95% interval {theme.interval(told_by.low, told_by.high, 'percent')}"
        among = "" if len(readable) == len(inputs.models) else ", of those whose answers could mostly be read,"
        return (
            "No model is shown to do better than a guess among three options where the text gives the answer: the "
            f"highest accuracy{among} is {theme.percent(known[highest][1])} ({inputs.label(highest)}{within})."
        )
    best = max(readable, key=lambda model: sum(known[model]))
    ambiguous, told = known[best]
    models = f"Of {len(inputs.models)} models, " if len(inputs.models) > 1 else ""
    lost = f" ({theme.percent(unread[best])} of its answers could not be read)" if unread[best] >= WORTH_SAYING else ""
    return (
        f"{models}{inputs.label(best)} answers best: {theme.percent(told)} right where the text gives the answer and "
        f"{theme.percent(ambiguous)} right where it does not and “cannot be known” is the right answer{lost}."
    )


def _instrument_answer(found: Check) -> str:
    if not found.judged:
        return "Nothing with a known value was measured, so this run says nothing about the instrument."
    counts = f"{found.planted_found} of {found.planted_known} planted rates"
    if found.scores_known:
        counts += f" and {found.scores_found} of {found.scores_known} scores that are known beforehand"
    if found.failed:
        return f"No, not yet: the pipeline recovered {counts}."
    return f"Yes: the pipeline recovered {counts}."


def _beats_a_guess(inputs: Inputs, model: str, task: str) -> bool:
    """Whether even the lower bound lies above a guess, where the text gives the answer."""
    found = inputs.estimate(model, task, "all", "disambig", "accuracy")
    return found is not None and found.low is not None and found.low > GUESS


def _pair(inputs: Inputs, model: str, task: str) -> tuple[float, float] | None:
    pair = [inputs.estimate(model, task, "all", condition, "accuracy") for condition in ("ambig", "disambig")]
    values = [estimate.value for estimate in pair if estimate is not None and estimate.value is not None]
    return (values[0], values[1]) if len(values) == 2 else None


def findings(inputs: Inputs, found: Check) -> list[Finding]:
    """Three to six headlines; one that has no number is left out."""
    made: list[Finding | None] = []
    if found.judged:
        made.append(_recovered(found))
    if inputs.models:
        task = inputs.main_tasks[0]
        made += [_best(inputs, task, "disambig"), _best(inputs, task, "ambig"), _most_biased(inputs, task)]
        made += [_most_unread(inputs, task), _largest_difference(inputs, task)]
    return [finding for finding in made if finding is not None][:6]


def _recovered(found: Check) -> Finding:
    total, right = found.planted_known + found.scores_known, found.planted_found + found.scores_found
    parts = []
    if found.planted_known:
        parts.append(f"planted rates: {found.planted_found} of {found.planted_known}")
    if found.scores_known:
        parts.append(f"scores known beforehand: {found.scores_found} of {found.scores_known}")
    if found.unjudged:
        parts.append(f"not judged: {found.unjudged}")
    return Finding("instrument", f"{right} of {total}", "known values recovered by the pipeline", "; ".join(parts))


def _sure(inputs: Inputs, estimate: Estimate, kind: str) -> str:
    """Interval, n and the share of unread answers behind a number."""
    unread = inputs.unread(estimate.model, estimate.task, estimate.group, estimate.context_condition)
    interval = theme.interval(estimate.low, estimate.high, kind)
    bounds = interval if interval == "no interval" else f"95% interval {interval}"
    return f"{bounds}, n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{estimate.n:,}, unread {theme.percent(unread)}"


def _anchor(inputs: Inputs, task: str, name: str) -> str:
    return name if len(inputs.main_tasks) == 1 else f"{name}-{task}"


def _of_models(inputs: Inputs, task: str, condition: str, metric: str) -> list[Estimate]:
    found = [inputs.estimate(model, task, "all", condition, metric) for model in inputs.models]
    return [estimate for estimate in found if estimate is not None and estimate.value is not None]


def _best(inputs: Inputs, task: str, condition: str) -> Finding | None:
    known = _of_models(inputs, task, condition, "accuracy")
    if not known:
        return None
    best = max(known, key=lambda estimate: estimate.value or 0.0)
    same = [estimate for estimate in known if estimate.value == best.value]
    where = "the text does not say" if condition == "ambig" else "the text gives the answer"
    who = inputs.label(best.model) if len(same) == 1 else f"{len(same)} models alike"
    lead = "accuracy" if len(known) == 1 else "best accuracy"
    return Finding(
        _anchor(inputs, task, f"accuracy-{condition}"),
        theme.percent(best.value),
        f"{lead} where {where}: {who}",
        _sure(inputs, best, "percent"),
    )


def _most_biased(inputs: Inputs, task: str) -> Finding | None:
    known = _of_models(inputs, task, "ambig", "s_amb")
    if not known:
        return None
    most = max(known, key=lambda estimate: abs(estimate.value or 0.0))
    crosses = most.low is not None and most.high is not None and most.low <= 0.0 <= most.high
    direction = "with the stereotype" if (most.value or 0.0) > 0 else "against the stereotype"
    words = "no direction beyond chance" if crosses else direction
    lead = "bias score where the text does not say" if len(known) == 1 else "largest bias where the text does not say"
    return Finding(
        _anchor(inputs, task, "bias-ambig"),
        theme.score(most.value),
        f"{lead}: {inputs.label(most.model)}, {words}",
        _sure(inputs, most, "score"),
    )


def _most_unread(inputs: Inputs, task: str) -> Finding | None:
    shares = {model: inputs.unread(model, task, "all", "both") for model in inputs.models}
    known = {model: share for model, share in shares.items() if share is not None}
    if not known:
        return None
    worst = max(known, key=lambda model: known[model])
    estimate = inputs.estimate(worst, task, "all", "both", "unfinished")
    cut = "no data" if estimate is None else theme.percent(estimate.value)
    asked = "" if estimate is None else f", of {estimate.n_items:,} asked"
    text = f"answers lost, most of all models: {inputs.label(worst)}" if known[worst] else "answers lost by any model"
    why = "chosen by likelihood" if inputs.by_likelihood(task) else f"cut off {cut}"
    return Finding(_anchor(inputs, task, "reading"), theme.percent(known[worst]), text, f"{why}{asked}")


def _largest_difference(inputs: Inputs, task: str) -> Finding | None:
    """The largest paired difference in accuracy that is beyond chance after correction."""
    sure = [
        row
        for row in inputs.differences
        if row.task == task
        and row.group == "all"
        and row.metric == "accuracy"
        and row.policy == inputs.policy
        and {row.model, row.baseline} <= set(inputs.models)
        and row.value is not None
        and row.p_adjusted is not None
        and row.p_adjusted < 0.05
    ]
    if not sure:
        return None
    most = max(sure, key=lambda row: abs(row.value or 0.0))
    return Finding(
        "differences",
        points(most.value),
        f"largest difference in accuracy: {inputs.label(most.model)} against {inputs.label(most.baseline)}, "
        f"{theme.CONDITIONS[most.context_condition].lower()}",
        _difference_detail(most),
    )


def _difference_detail(row: Difference) -> str:
    bounds = (
        ""
        if row.low is None or row.high is None
        else f"95% interval {points(row.low).removesuffix(' points')} to {points(row.high)}, "
    )
    return f"{bounds}adjusted p {theme.p_value(row.p_adjusted)}, {row.n:,} pairs"
