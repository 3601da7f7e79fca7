"""Scores at a glance: each model's accuracy by stratum, what was lost and what it rests on.

One real row:

    Pocket, fair | 88.0% (81.2% to 93.1%) | 88.0% | 0.0% | 300 of 300 asked | 250 | 36
"""

from __future__ import annotations

from dataclasses import dataclass

from featherweight.records import ALL
from featherweight.report import ranking, shown, theme
from featherweight.report.inputs import Inputs
from featherweight.report.parts import Cell, Column, Section, Table, numeric
from featherweight.report.ranking import Standing
from featherweight.report.sections import bias_contexts
from featherweight.report.sections.instrument import agree


@dataclass(frozen=True, slots=True)
class Glance:
    """The table, what it says of its order, and the strata against each other."""

    table: Table
    scores: str  # the scores that unread answers touch, in a sentence
    unread: str
    cluster: str
    order: tuple[str, ...]
    agree: str
    contexts: bias_contexts.Contexts | None


def section(inputs: Inputs) -> Section | None:
    """The section; None where no model has a number."""
    rows = tuple(
        row
        for task in inputs.labels
        for model in _in_order(inputs, task)
        for stratum in inputs.summed_up(task)
        if (row := _row(inputs, task, model, stratum)) is not None
    )
    if not rows:
        return None
    own = _own_columns(inputs)
    columns = (
        Column("Model", css="who"),
        *shown.task_column(inputs),
        *shown.summary_column(inputs),
        *numeric("Accuracy", "Right of all asked"),
        *numeric(*own),
        *numeric("Unread", "Answers", "Unique questions"),
        *shown.cluster_column(inputs),
    )
    data = Glance(
        table=Table("Scores at a glance", columns, rows, css="stack"),
        scores=theme.listed(["accuracy", *(title.lower() for title in own)]),
        unread=inputs.unread_policy,
        cluster=inputs.cluster,
        order=order(inputs),
        agree=agree(inputs),
        contexts=bias_contexts.contexts(inputs),
    )
    return Section("scores", "sections/glance.html.j2", "Scores at a glance", data)


def _in_order(inputs: Inputs, task: str) -> list[str]:
    """The models by accuracy over all strata, or by right answers of all asked."""
    ranked = ranking.ranking(inputs, task)
    first = [] if ranked is None else [one.model for one in ranked.standings]
    return list(dict.fromkeys([*first, *inputs.models_of(task)]))


def _own_columns(inputs: Inputs) -> tuple[str, ...]:
    """The titles of the tasks' own numbers that stand beside an accuracy."""
    return tuple(
        dict.fromkeys(
            inputs.metric_words(task, metric).title
            for task in inputs.labels
            for stratum in inputs.summed_up(task)
            if (metric := inputs.beside_accuracy(task, stratum)) is not None
        )
    )


def _row(inputs: Inputs, task: str, model: str, stratum: str) -> tuple[Cell, ...] | None:
    accuracy = inputs.estimate(model, task, ALL, stratum, "accuracy")
    metric = inputs.beside_accuracy(task, stratum)
    own = None if metric is None else inputs.estimate(model, task, ALL, stratum, metric)
    known = own if accuracy is None else accuracy
    if known is None:
        return None
    stands = ranking.standing(inputs, model, task, stratum)
    return (
        Cell(inputs.label(model)),
        *shown.task_cell(inputs, task),
        *shown.summary_cell(inputs, task, stratum),
        shown.accuracy_cell(inputs, accuracy),
        Cell(theme.NO_DATA if stands is None else _bounds(stands)),
        *(_own_cell(inputs, task, model, stratum, title) for title in _own_columns(inputs)),
        Cell(theme.percent(inputs.unread(model, task, ALL, stratum))),
        Cell(f"{known.n:,}", small=f"of {known.n_asked:,} asked"),
        Cell(theme.count(known.n_questions)),
        *shown.cluster_cell(inputs, f"{known.n_clusters:,}"),
    )


def _own_cell(inputs: Inputs, task: str, model: str, stratum: str, title: str) -> Cell:
    metric = inputs.beside_accuracy(task, stratum)
    if metric is None or inputs.metric_words(task, metric).title != title:
        return Cell("")
    estimate = inputs.estimate(model, task, ALL, stratum, metric)
    return shown.cell(estimate, inputs.metric_words(task, metric).form)


def _bounds(stands: Standing) -> str:
    """Right of all asked, had every lost answer been wrong, to had every one been right."""
    if stands.least is None or stands.most is None:
        return theme.NO_DATA
    least, most = theme.percent(stands.least), theme.percent(stands.most)
    return least if least == most else f"{least} to {most}"


def order(inputs: Inputs) -> tuple[str, ...]:
    """By what the models stand in order, for each task that has any."""
    tasks = [task for task in inputs.labels if ranking.ranking(inputs, task) is not None]
    said = {task: _ordered_by(inputs, task) for task in tasks}
    if len(set(said.values())) == 1:
        return (f"Models stand in order {said[tasks[0]]}.",)
    return tuple(
        f"{inputs.task_label(task)}: models stand in order {words}." for task, words in said.items()
    )


def _ordered_by(inputs: Inputs, task: str) -> str:
    if ranking.by_asked(inputs, task):
        return (
            "by right answers of all that was asked, since a model lost more than 5% of its answers"
        )
    return f"by accuracy{over_all(inputs, task)}"


def over_all(inputs: Inputs, task: str) -> str:
    """Said after a number over all strata of a task."""
    return f" over {inputs.kinds(task)}" if inputs.strata(task) else ""
