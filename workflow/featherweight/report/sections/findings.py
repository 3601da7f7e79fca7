"""What the page says first: the answer (`verdict`), and findings computed from the estimates.

One real finding:

    Finding(anchor="reading", big="31.7%", text="most unread answers: Pocket, thinking aloud",
            detail="cut off 29.1%, of 1,368 asked")
"""

from __future__ import annotations

from dataclasses import dataclass

from featherweight.records import ALL, Difference
from featherweight.report import ranking, shown, theme
from featherweight.report.inputs import Inputs
from featherweight.report.parts import Finding, Section
from featherweight.report.sections import bias, verdict
from featherweight.report.sections.instrument import Check

MOST = 6


@dataclass(frozen=True, slots=True)
class Findings:
    """The answer of the study and its headlines."""

    answer: str
    cards: tuple[Finding, ...]


def section(inputs: Inputs, check: Check) -> Section:
    """The first section of the page."""
    data = Findings(verdict.answer(inputs, check), findings(inputs, check))
    return Section("findings", "sections/findings.html.j2", "Findings", data)


def findings(inputs: Inputs, check: Check) -> tuple[Finding, ...]:
    """Headlines, at most six; one that has no number is left out."""
    made: list[Finding | None] = [_recovered(check) if check.judged else None]
    if inputs.models:
        task = inputs.main_tasks[0]
        made += [_best(inputs, task, one) for one in verdict.headline_strata(inputs, task)]
        made += [
            bias.finding(inputs, task),
            _most_unread(inputs, task),
            _largest_difference(inputs, task),
        ]
    return tuple(finding for finding in made if finding is not None)[:MOST]


def _recovered(check: Check) -> Finding:
    total = check.planted_known + check.scores_known
    right = check.planted_found + check.scores_found
    parts = []
    if check.planted_known:
        parts.append(f"planted rates: {check.planted_found} of {check.planted_known}")
    if check.scores_known:
        parts.append(f"scores known beforehand: {check.scores_found} of {check.scores_known}")
    if check.unjudged:
        parts.append(f"not judged: {check.unjudged}")
    return Finding(
        "instrument",
        f"{right} of {total}",
        "known values recovered by the pipeline",
        "; ".join(parts),
    )


def _best(inputs: Inputs, task: str, stratum: str) -> Finding | None:
    """The highest accuracy; the best only where every paired difference shows it."""
    ranked = ranking.ranking(inputs, task, stratum)
    if ranked is None:
        return None
    first = ranked.first
    policy = ranking.policy(inputs, task)
    estimate = inputs.estimate(first.model, task, ALL, stratum, "accuracy", policy)
    if estimate is None:
        return None
    same = [one for one in ranked.standings if one.value == first.value]
    who = inputs.label(first.model) if len(same) == 1 else f"{len(same)} models alike"
    what = "share right of all asked" if ranked.by_asked else "accuracy"
    alone = len(ranked.standings) == 1
    lead = what if alone else f"{'best' if ranked.best_is_shown else 'highest'} {what}"
    doubt = "" if alone or ranked.best_is_shown or len(same) > 1 else ", not shown to be best"
    sure = shown.clause(inputs, estimate, "percent")
    if ranked.by_asked:
        sure += (
            f", {theme.percent(first.among_read)} among those read, bounds"
            f" {theme.percent(first.least)} to {theme.percent(first.most)}"
        )
    own = ("accuracy",) if stratum == ALL else ("accuracy", stratum)
    at = shown.anchor(inputs, task, *own)
    if stratum == ALL and inputs.strata(task):
        at = shown.anchor(inputs, task, "pairs")  # the figure with all strata of a model
    where = shown.where(inputs, task, stratum)
    return Finding(at, theme.percent(first.value), f"{lead}{where}: {who}{doubt}", sure)


def _most_unread(inputs: Inputs, task: str) -> Finding | None:
    shares = {model: inputs.unread(model, task, ALL, ALL) for model in inputs.models_of(task)}
    known = {model: share for model, share in shares.items() if share is not None}
    if not known:
        return None
    worst = max(known, key=lambda model: known[model])
    estimate = inputs.estimate(worst, task, ALL, ALL, "unfinished")
    cut = theme.percent(None if estimate is None else estimate.value)
    asked = "" if estimate is None else f", of {estimate.n_asked:,} asked"
    text = (
        f"most unread answers: {inputs.label(worst)}"
        if known[worst]
        else "answers lost by any model"
    )
    why = "chosen by likelihood" if inputs.by_likelihood(task) else f"cut off {cut}"
    at = shown.anchor(inputs, task, "reading")
    return Finding(at, theme.percent(known[worst]), text, f"{why}{asked}")


def _largest_difference(inputs: Inputs, task: str) -> Finding | None:
    """The largest paired difference in accuracy that is beyond chance after correction."""
    sure = {
        row: row.value
        for row in inputs.differences
        if (row.task, row.group, row.metric, row.policy)
        == (task, ALL, "accuracy", inputs.policy(task))
        and {row.model, row.baseline} <= set(inputs.models)
        and row.value is not None
        and ranking.beyond_chance(row)
    }
    if not sure:
        return None
    most = max(sure, key=lambda row: abs(sure[row]))
    questions = inputs.questions(task, most.stratum).lower()
    return Finding(
        "differences",
        theme.points(most.value),
        f"largest difference in accuracy: {inputs.label(most.model)} against"
        f" {inputs.label(most.baseline)}{f', {questions}' if inputs.strata(task) else ''}",
        _difference_detail(most),
    )


def _difference_detail(row: Difference) -> str:
    known = row.low is not None and row.high is not None
    interval = f"95% interval {theme.bounds(row.low, row.high, 'percent')}, " if known else ""
    decides = "; the lost answers decide it" if row.loss_decides else ""
    return (
        f"{interval}adjusted p {theme.p_value(row.p_adjusted)}, {row.n:,} pairs that both had"
        f" read{decides}"
    )
