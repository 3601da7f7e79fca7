"""What the page says first: the answer (`verdict`), and findings computed from the estimates.

One real finding:

    Finding(anchor="reading", big="31.7%", text="most unread answers: Pocket, thinking aloud",
            detail="cut off 29.1%, of 1,368 asked")
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from featherweight.records import ALL, Difference
from featherweight.report import ranking, shown, theme
from featherweight.report.inputs import Inputs
from featherweight.report.parts import Finding, Section
from featherweight.report.sections import bias, reading, verdict
from featherweight.report.sections.instrument import Check

MOST = 6
MOST_OF_SEVERAL = 9  # where a study has several tasks


@dataclass(frozen=True, slots=True)
class Findings:
    """The answer of the study and its headlines."""

    answers: tuple[str, ...]  # one, or one for each task
    cards: tuple[Finding, ...]


def section(inputs: Inputs, check: Check) -> Section:
    """The first section of the page."""
    data = Findings(verdict.answers(inputs, check), findings(inputs, check))
    return Section("findings", "sections/findings.html.j2", "Findings", data)


def findings(inputs: Inputs, check: Check) -> tuple[Finding, ...]:
    """Headlines, at most six, or nine of several tasks; one that has no number is left out."""
    made: list[Finding | None] = [_recovered(check) if check.judged else None]
    tasks = [task for task in inputs.main_tasks if inputs.models_of(task)]
    several = len(inputs.main_tasks) > 1
    for task in tasks:
        strata = verdict.headline_strata(inputs, task)
        made += [_best(inputs, task, one) for one in (strata[:1] if several else strata)]
    made += [bias.finding(inputs, task) for task in tasks]
    if tasks:
        made.append(_most_unread(inputs, tasks))
        made.append(_largest_difference(inputs, max(tasks, key=lambda task: _size(inputs, task))))
    most = MOST_OF_SEVERAL if several else MOST
    return tuple(finding for finding in made if finding is not None)[:most]


def _named(inputs: Inputs, task: str) -> str:
    """The name of the task, where a study has several."""
    return f"{inputs.task_label(task)}, " if len(inputs.main_tasks) > 1 else ""


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
    if inputs.graded(task):
        at = shown.block(task)
    elif stratum == ALL and inputs.strata(task):
        at = shown.anchor(inputs, task, "pairs")  # the figure with all strata of a model
    where = shown.where(inputs, task, stratum)
    big = shown.right(inputs, estimate)
    if big != (share := theme.percent(first.value)):
        sure = f"{share}, {sure}"
    return Finding(at, big, f"{_named(inputs, task)}{lead}{where}: {who}{doubt}", sure)


def _worst(inputs: Inputs, task: str) -> float:
    """The largest share of answers that a model of the task lost; below 0 where it is not known."""
    most = reading.most_lost(inputs, task)
    return -1.0 if most is None else most[0]


def _most_unread(inputs: Inputs, tasks: Sequence[str]) -> Finding | None:
    """Who lost most of its answers, in the task in which most were lost."""
    task = max(tasks, key=lambda one: _worst(inputs, one))
    most = reading.most_lost(inputs, task)
    if most is None:
        return None
    share, who = most
    rows = [inputs.estimate(one, task, ALL, ALL, "unfinished") for one in who]
    cuts = sorted({row.value for row in rows if row is not None and row.value is not None})
    cut = " to ".join(dict.fromkeys(theme.percent(one) for one in (cuts[:1] + cuts[-1:])))
    each = " each" if len(who) > 1 else ""
    counts = {row.n_asked for row in rows if row is not None}
    asked = f", of {counts.pop():,} asked{each}" if len(counts) == 1 else ""
    alike = [
        inputs.task_label(one)
        for one in tasks
        if one != task and _worst(inputs, one) >= share - theme.ROUNDING
    ]
    too = f"; as many in {theme.listed(alike)}" if share and alike else ""
    text = "answers lost by any model"
    if share:
        text = f"most unread answers: {reading.named(inputs, who)}{' alike' if each else ''}"
    why = (
        "chosen by likelihood" if inputs.by_likelihood(task) else f"cut off {cut or theme.NO_DATA}"
    )
    what = f"{_named(inputs, task)}{text}"
    return Finding(reading.anchor(inputs, task), theme.share(share), what, f"{why}{asked}{too}")


def _size(inputs: Inputs, task: str) -> float:
    most = _largest(inputs, task)
    return -1.0 if most is None or most.value is None else abs(most.value)


def _largest(inputs: Inputs, task: str) -> Difference | None:
    """The largest paired difference in accuracy that is beyond chance after correction."""
    sure = {
        row: row.value
        for row in inputs.differences
        if (row.task, row.group, row.metric, row.policy)
        == (task, ALL, "accuracy", inputs.policy(task))
        and {row.model, row.baseline} <= set(inputs.models)
        and (row.stratum == ALL or not inputs.graded(task))
        and row.value is not None
        and ranking.beyond_chance(row)
    }
    return max(sure, key=lambda row: abs(sure[row])) if sure else None


def _largest_difference(inputs: Inputs, task: str) -> Finding | None:
    most = _largest(inputs, task)
    if most is None:
        return None
    questions = inputs.questions(task, most.stratum).lower()
    return Finding(
        "differences",
        theme.points(most.value),
        f"{_named(inputs, task)}largest difference in accuracy: {inputs.label(most.model)} against"
        f" {inputs.label(most.baseline)}{f', {questions}' if inputs.strata(task) else ''}",
        _difference_detail(inputs, most),
    )


def _difference_detail(inputs: Inputs, row: Difference) -> str:
    known = row.low is not None and row.high is not None
    interval = f"95% interval {theme.bounds(row.low, row.high, 'percent')}, " if known else ""
    decides = "; the lost answers decide it" if row.loss_decides else ""
    return (
        f"{interval}adjusted p {theme.p_value(row.p_adjusted)}, {row.n:,} pairs"
        f"{'' if inputs.graded(row.task) else ' that both had read'}{decides}"
    )
