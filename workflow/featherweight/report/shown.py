"""One estimate as a reader sees it: a cell of a table, a mark of a figure, a clause of a sentence.

One real clause:

    95% interval 81.2% to 93.1%, n = 300 answers to 250 questions, unread 0.0%
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from featherweight.records import ALL, ContrastRow, Estimate
from featherweight.report import theme
from featherweight.report.inputs import Inputs
from featherweight.report.parts import Cell, Column, numeric
from featherweight.tasks import task as task_of
from featherweight.tasks.words import Form

Row = dict[str, Any]


def anchor(inputs: Inputs, task: str, *names: str) -> str:
    """An id that stays unique where a study has several tasks."""
    own = (*names, task) if len(inputs.main_tasks) > 1 else names
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", "-".join(own))


def block(task: str) -> str:
    """The id of a graded task's part of the page."""
    return f"math-{re.sub(r'[^A-Za-z0-9_.-]+', '-', task)}"


def titled(inputs: Inputs, task: str, title: str) -> str:
    """A title, with the task's name before it where a study has several."""
    if len(inputs.main_tasks) == 1:
        return title
    return f"{inputs.task_label(task)}: {title[:1].lower()}{title[1:]}"


def where(inputs: Inputs, task: str, stratum: str) -> str:
    """Said after what was measured in a stratum; nothing for all questions together."""
    if stratum == ALL:
        return ""
    own = inputs.stratum_words(task, stratum)
    return f", {own.title.lower()}" if own.where is None else f" {own.where}"


def questions(inputs: Inputs, task: str, stratum: str) -> str:
    """The questions of a stratum in a sentence: "level 1 questions"."""
    title = inputs.questions(task, stratum).lower()
    return title if stratum == ALL else f"{title} questions"


def cell(estimate: Estimate | None, form: Form) -> Cell:
    """A number with its interval."""
    if estimate is None or estimate.value is None:
        return Cell(theme.NO_DATA)
    interval = theme.interval(estimate.low, estimate.high, form)
    return Cell(theme.number(estimate.value, form), small=interval)


def clause(inputs: Inputs, estimate: Estimate, form: Form) -> str:
    """Interval, n and the share of unread answers behind a number."""
    unread = inputs.unread(estimate.model, estimate.task, estimate.group, estimate.stratum)
    interval = theme.interval(estimate.low, estimate.high, form)
    known = estimate.low is not None and estimate.high is not None
    return (
        f"{'95% interval ' if known else ''}{interval}, {rests_on([estimate])}"
        f", unread {theme.percent(unread)}"
    )


def rests_on(estimates: Sequence[Estimate]) -> str | None:
    """Of how many answers: "n = 300 answers to 250 questions", of several numbers "each"; None
    where they rest on different ones."""
    counts = {(one.n, one.n_questions) for one in estimates}
    if len(counts) != 1:
        return None
    ((n, number),) = counts
    questions_asked = "an unknown number of" if number is None else f"{number:,}"
    n_is = f"n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{n:,}"
    each = " each" if len(estimates) > 1 else ""
    return f"{n_is} answers to {questions_asked} questions{each}"


SMALL = 100  # problems of a graded task: with fewer, how many were right says more than a share


def is_small(inputs: Inputs, task: str) -> bool:
    """Whether a graded task has so few problems that a count says more than a share, and each was
    asked as often as the others: else an accuracy is no count of problems."""
    known = inputs.problems(task) if inputs.graded(task) else None
    if known is None or known > SMALL:
        return False
    rows = [inputs.estimate(one, task, ALL, ALL, "accuracy") for one in inputs.models_of(task)]
    return all(
        row.n_questions is None or is_even(inputs, task, row.n_asked, row.n_questions)
        for row in rows
        if row is not None
    )


def is_even(inputs: Inputs, task: str, n: int, of: int) -> bool:
    """Whether so many answers to so many problems are as many to each: every problem asked once, or
    under every seed. In between some problems came up under several seeds and weigh more."""
    cells = [cell.category for cell in inputs.spec.cells if cell.task == task]
    seeds = max((cells.count(category) for category in set(cells)), default=1)
    each = inputs.spec.samples_of(task)
    return n in (of * each, of * each * seeds)


def counted(inputs: Inputs, task: str, value: float | None, n: int, of: int | None) -> str | None:
    """How many problems of a small graded task: "7 of 30", over several answers to each "mean 7.3
    of 30 problems"; None for every other task, and where problems weigh differently.

    `n`: answers; `of`: unique questions behind them.
    """
    if value is None or not of or not is_small(inputs, task) or not is_even(inputs, task, n, of):
        return None
    if n == of:
        return f"{value * of:.0f} of {of}"
    return f"mean {value * of:.1f} of {of} problems"


def right(inputs: Inputs, estimate: Estimate) -> str:
    """An accuracy in a sentence: "61.2%", of a small graded task "7 of 30"."""
    if estimate.policy == "drop" and estimate.n != estimate.n_questions:
        return theme.percent(estimate.value)  # problems keep different numbers of answers
    own = (estimate.value, estimate.n, estimate.n_questions)
    return counted(inputs, estimate.task, *own) or theme.percent(estimate.value)


def counted_share(inputs: Inputs, estimate: Estimate) -> str:
    """An accuracy where there is room: "61.2%", of a small graded task "7 of 30 (23.3%)"."""
    count, share = right(inputs, estimate), theme.percent(estimate.value)
    return share if count == share else f"{count} ({share})"


PRINTED = 0.001  # shares are printed to a tenth of a percent


def published(inputs: Inputs, task: str, fraction: float | None) -> str:
    """An accuracy that others printed: "23.3%", of a small graded task "7 of 30 (23.3%)", where
    that is no whole number of problems "23.9 of 30 (79.8%)".
    """
    share, count = theme.percent(fraction), published_count(inputs, task, fraction)
    if count is None:
        return share
    right, of = count
    return f"{right:.{0 if is_whole(right, of) else 1}f} of {of} ({share})"


def published_count(inputs: Inputs, task: str, fraction: float | None) -> tuple[float, int] | None:
    """How many problems of a small graded task's whole benchmark a share is, and of how many."""
    sizes = task_of(inputs.spec.tasks[task].task).categories.values()
    known = [size for size in sizes if size is not None]
    if fraction is None or not inputs.graded(task) or not known or len(known) < len(sizes):
        return None
    of = sum(known)
    return (fraction * of, of) if of <= SMALL else None


def is_whole(right: float, of: int) -> bool:
    """Whether a printed share may be a whole number of problems, but for its rounding."""
    return abs(right - round(right)) <= of * PRINTED / 2 + 1e-9


def accuracy_cell(inputs: Inputs, estimate: Estimate | None) -> Cell:
    """An accuracy with its interval; of a small graded task the count before the share."""
    plain = cell(estimate, "percent")
    if estimate is None or (count := right(inputs, estimate)) == plain.text:
        return plain
    return Cell(count, small=f"{plain.text}, {plain.small}")


def mark(estimate: Estimate | None, form: Form) -> Row:
    """What a mark of a figure shows; every number null where there is none."""
    if estimate is None:
        empty = dict.fromkeys(("value", "low", "high", "n", "n_questions", "asked", "clusters"))
        return empty | {"shown": theme.NO_DATA, "interval": theme.NO_INTERVAL}
    return {
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "shown": theme.number(estimate.value, form),
        "interval": theme.interval(estimate.low, estimate.high, form),
        "n": estimate.n,
        "n_questions": estimate.n_questions,
        "asked": estimate.n_asked,
        "clusters": estimate.n_clusters,
    }


def task_column(inputs: Inputs) -> tuple[Column, ...]:
    """The column that names the task, where a study has several."""
    return (Column("Task", css="keep task"),) if inputs.several_tasks else ()


def task_cell(inputs: Inputs, task: str) -> tuple[Cell, ...]:
    """Its cell."""
    return (Cell(inputs.task_label(task)),) if inputs.several_tasks else ()


def questions_column(inputs: Inputs) -> tuple[Column, ...]:
    """The column that names the stratum, where any task has strata."""
    return (Column("Questions"),) if inputs.stratified else ()


def questions_cell(inputs: Inputs, task: str, stratum: str) -> tuple[Cell, ...]:
    """Its cell."""
    return (Cell(inputs.questions(task, stratum)),) if inputs.stratified else ()


def summary_column(inputs: Inputs) -> tuple[Column, ...]:
    """The same in a table that sums graded tasks up."""
    return questions_column(inputs) if inputs.summed_up_by_strata else ()


def summary_cell(inputs: Inputs, task: str, stratum: str) -> tuple[Cell, ...]:
    """Its cell."""
    return questions_cell(inputs, task, stratum) if inputs.summed_up_by_strata else ()


def cluster_column(inputs: Inputs) -> tuple[Column, ...]:
    """How many templates; nothing where each question is a cluster of its own."""
    title = inputs.cluster_title
    return () if title is None else numeric(title)


def cluster_cell(inputs: Inputs, text: str) -> tuple[Cell, ...]:
    """Its cell."""
    return () if inputs.cluster_title is None else (Cell(text),)


def difference_cell(value: float | None, low: float | None, high: float | None, form: Form) -> Cell:
    """A difference with its interval."""
    return Cell(theme.difference(value, form), small=theme.bounds(low, high, form))


def contrast_note(inputs: Inputs, row: ContrastRow) -> str | None:
    """Where lost answers decide, and where the displayed scores differ by something else."""
    sides = ((row.first, row.stratum_first), (row.second, row.stratum_second))
    first, second = (
        inputs.value(row.model, task, stratum, row.metric, row.policy) for task, stratum in sides
    )
    apart = None if first is None or second is None else first - second
    form = inputs.metric_words(row.first, row.metric).form
    return theme.paired_notes(row.loss_decides, row.value, apart, form)
