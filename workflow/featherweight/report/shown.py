"""One estimate as a reader sees it: a cell of a table, a mark of a figure, a clause of a sentence.

One real clause:

    95% interval 81.2% to 93.1%, n = 300 answers to 250 questions, unread 0.0%
"""

from __future__ import annotations

import re
from typing import Any

from featherweight.records import ALL, ContrastRow, Estimate
from featherweight.report import theme
from featherweight.report.inputs import Inputs
from featherweight.report.parts import Cell, Column, numeric
from featherweight.tasks.words import Form

Row = dict[str, Any]


def anchor(inputs: Inputs, task: str, *names: str) -> str:
    """An id that stays unique where a study has several tasks."""
    own = (*names, task) if len(inputs.main_tasks) > 1 else names
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", "-".join(own))


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
    n = f"n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{estimate.n:,}"
    number = estimate.n_questions
    questions_asked = "an unknown number of" if number is None else f"{number:,}"
    return (
        f"{'95% interval ' if known else ''}{interval}, {n} answers to {questions_asked}"
        f" questions, unread {theme.percent(unread)}"
    )


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
