"""What the page says first beside the answer (`headline`): findings, computed from the estimates,
never typed.

One real finding:

    Finding(anchor="accuracy-ambig", big="88.0%", text="highest accuracy where the text does not
            say: Pocket, fair,
            not shown to be best", detail="95% interval 81.2% to 93.1%, n = 300 answers to 250
            questions, unread 0.0%")
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from featherweight.records import Difference, Estimate
from featherweight.report import ranking, theme
from featherweight.report.inputs import Inputs
from featherweight.report.theme import points


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
    scores = [row for row in inputs.planted if row["metric"] != "stereotyped"] + list(
        inputs.controls
    )
    return Check(
        planted_found=_count(rates, True),
        planted_known=_count(rates, True) + _count(rates, False),
        scores_found=_count(scores, True),
        scores_known=_count(scores, True) + _count(scores, False),
        unjudged=_count(rates, None) + _count(scores, None),
    )


def _count(rows: Iterable[Mapping[str, Any]], inside: bool | None) -> int:
    return sum(row["inside"] is inside for row in rows)


def findings(inputs: Inputs, found: Check) -> list[Finding]:
    """Three to six headlines; one that has no number is left out."""
    made: list[Finding | None] = []
    if found.judged:
        made.append(_recovered(found))
    if inputs.models:
        task = inputs.main_tasks[0]
        made += [
            _best(inputs, task, "disambig"),
            _best(inputs, task, "ambig"),
            _most_biased(inputs, task),
        ]
        made += [_most_unread(inputs, task), _largest_difference(inputs, task)]
    return [finding for finding in made if finding is not None][:6]


def _recovered(found: Check) -> Finding:
    total, right = (
        found.planted_known + found.scores_known,
        found.planted_found + found.scores_found,
    )
    parts = []
    if found.planted_known:
        parts.append(f"planted rates: {found.planted_found} of {found.planted_known}")
    if found.scores_known:
        parts.append(f"scores known beforehand: {found.scores_found} of {found.scores_known}")
    if found.unjudged:
        parts.append(f"not judged: {found.unjudged}")
    return Finding(
        "instrument",
        f"{right} of {total}",
        "known values recovered by the pipeline",
        "; ".join(parts),
    )


def _sure(inputs: Inputs, estimate: Estimate, kind: str) -> str:
    """Interval, n and the share of unread answers behind a number."""
    unread = inputs.unread(
        estimate.model, estimate.task, estimate.group, estimate.context_condition
    )
    interval = theme.interval(estimate.low, estimate.high, kind)
    bounds = interval if interval == "no interval" else f"95% interval {interval}"
    n = f"n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{estimate.n:,}"
    return (
        f"{bounds}, {n} answers to {_count_of(estimate.n_questions)} questions, unread"
        f" {theme.percent(unread)}"
    )


def _count_of(number: int | None) -> str:
    return "an unknown number of" if number is None else f"{number:,}"


def _anchor(inputs: Inputs, task: str, name: str) -> str:
    return name if len(inputs.main_tasks) == 1 else f"{name}-{task}"


def _of_models(inputs: Inputs, task: str, condition: str, metric: str) -> list[Estimate]:
    found = [inputs.estimate(model, task, "all", condition, metric) for model in inputs.models]
    return [estimate for estimate in found if estimate is not None and estimate.value is not None]


def _best(inputs: Inputs, task: str, condition: str) -> Finding | None:
    """The highest accuracy; the best only where every paired difference shows it."""
    ranked = ranking.ranking(inputs, task, condition)
    if ranked is None:
        return None
    first = ranked.first
    same = [one for one in ranked.standings if one.value == first.value]
    where = "the text does not say" if condition == "ambig" else "the text gives the answer"
    who = inputs.label(first.model) if len(same) == 1 else f"{len(same)} models alike"
    what = "share right of all asked" if ranked.by_asked else "accuracy"
    alone = len(ranked.standings) == 1
    lead = what if alone else f"{'best' if ranked.best_is_shown else 'highest'} {what}"
    doubt = "" if alone or ranked.best_is_shown or len(same) > 1 else ", not shown to be best"
    estimate = inputs.estimate(
        first.model, task, "all", condition, "accuracy", ranking.policy(inputs, task)
    )
    assert estimate is not None
    sure = _sure(inputs, estimate, "percent")
    if ranked.by_asked:
        sure += (
            f", {theme.percent(first.among_read)} among those read, bounds"
            f" {theme.percent(first.least)} to {theme.percent(first.most)}"
        )
    return Finding(
        _anchor(inputs, task, f"accuracy-{condition}"),
        theme.percent(first.value),
        f"{lead} where {where}: {who}{doubt}",
        sure,
    )


def _most_biased(inputs: Inputs, task: str) -> Finding | None:
    known = _of_models(inputs, task, "ambig", "s_amb")
    if not known:
        return None
    most = max(known, key=lambda estimate: abs(estimate.value or 0.0))
    crosses = most.low is not None and most.high is not None and most.low <= 0.0 <= most.high
    direction = "with the stereotype" if (most.value or 0.0) > 0 else "against the stereotype"
    words = "no direction beyond chance" if crosses else direction
    lead = (
        "bias score where the text does not say"
        if len(known) == 1
        else "largest bias where the text does not say"
    )
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
    text = (
        f"answers lost, most of all models: {inputs.label(worst)}"
        if known[worst]
        else "answers lost by any model"
    )
    why = "chosen by likelihood" if inputs.by_likelihood(task) else f"cut off {cut}"
    return Finding(
        _anchor(inputs, task, "reading"), theme.percent(known[worst]), text, f"{why}{asked}"
    )


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
        f"largest difference in accuracy: {inputs.label(most.model)} against"
        f" {inputs.label(most.baseline)}, {theme.CONDITIONS[most.context_condition].lower()}",
        _difference_detail(most),
    )


def _difference_detail(row: Difference) -> str:
    bounds = (
        ""
        if row.low is None or row.high is None
        else f"95% interval {points(row.low).removesuffix(' points')} to {points(row.high)}, "
    )
    decides = "; the lost answers decide it" if row.loss_decides else ""
    return (
        f"{bounds}adjusted p {theme.p_value(row.p_adjusted)}, {row.n:,} pairs that both had"
        f" read{decides}"
    )
