"""The figures of accuracy: by category in each stratum, and all strata of each model on one line
beside published figures.
"""

from __future__ import annotations

import pandas as pd

from featherweight.records import ALL
from featherweight.report import charts, frames, model_charts, shown, theme
from featherweight.report.inputs import Inputs
from featherweight.report.parts import Figure

FEW = 3  # names of equal values that a sentence lists
STRATA_ON_A_LINE = 4  # as many as there are colours and shapes


def figures(inputs: Inputs, task: str) -> list[Figure]:
    """One figure per stratum; one alone where the task has none."""
    return [_accuracy(inputs, task, stratum) for stratum in inputs.shown(task)]


def extremes(inputs: Inputs, task: str, metric: str, table: pd.DataFrame) -> str:
    """The highest and the lowest value in words."""
    form = inputs.metric_words(task, metric).form
    known = table.dropna(subset=["value"])
    if not len(known):
        return "There is no data."
    if known["value"].nunique() == 1:
        alike = theme.number(float(known["value"].iloc[0]), form)
        return f"Every value is {alike}." if len(known) > 1 else f"{alike}."
    words = [
        f"{which} {_named_alike(known, value)}, {theme.number(value, form)}"
        for which, value in (
            ("Highest:", float(known["value"].max())),
            ("lowest:", float(known["value"].min())),
        )
    ]
    return "; ".join(words) + "."


def _named_alike(known: pd.DataFrame, value: float) -> str:
    """Every model and category with this value, in the order of the page; the rest is counted where
    there are many.
    """
    alike = [f"{row.model} on {row.category}" for row in known.itertuples() if row.value == value]
    if len(alike) > FEW:
        return f"{' and '.join(alike[: FEW - 1])} and {len(alike) - FEW + 1} others"
    return " and ".join(alike)


def _accuracy(inputs: Inputs, task: str, stratum: str) -> Figure:
    table = frames.scores(inputs, task, stratum, "accuracy")
    published = frames.published_by_category(inputs, task, stratum)
    said = extremes(inputs, task, "accuracy", table)
    questions = shown.questions(inputs, task, stratum)
    chart = charts.scores(
        table,
        published,
        form="percent",
        title="Accuracy",
        at=inputs.chance(task, stratum),
        clusters=frames.cluster_title(inputs, task),
        description=f"Accuracy with 95% intervals by category, {questions}. {said}",
    )
    shape = charts.shape(table)
    return Figure(
        id=shown.anchor(inputs, task, "accuracy", *(() if stratum == ALL else (stratum,))),
        title=shown.titled(inputs, task, f"Accuracy{_where(inputs, task, stratum)}"),
        lede=_lede(inputs, task, stratum) + said,
        caption=_caption(inputs, task, stratum, shape, published),
        chart=chart,
        table=table,
        columns=frames.score_columns(inputs, task),
        least_width={"rows": 340, "facets": 700, "heat": heat_width(inputs, task)}[shape],
        fits=shape != "facets",
    )


def _caption(
    inputs: Inputs, task: str, stratum: str, shape: charts.Shape, published: pd.DataFrame
) -> str:
    """What is drawn: bars and a dashed line, or numbers in cells."""
    chance = inputs.chance(task, stratum)
    cluster = inputs.words(task).cluster
    if shape == "heat":
        said = f"The small figures are 95% intervals, clustered by {cluster}."
        return said if chance is None else f"{said} Chance is {theme.one_in(chance)}."
    said = frames.clustered(inputs, task)
    if chance is not None:
        said += f" Dashed: chance, {theme.one_in(chance)}."
    if len(published) and shape == "rows":
        names = ", ".join(dict.fromkeys(f"{r.model} ({r.source})" for r in published.itertuples()))
        said += f" Hollow diamonds: {names}, the same questions in another prompt format."
    return said


def heat_width(inputs: Inputs, task: str) -> int:
    """Below this many pixels a column of the heat map cannot hold its numbers."""
    return 170 + 92 * len(inputs.models_of(task))


def _where(inputs: Inputs, task: str, stratum: str) -> str:
    return " by category" if stratum == ALL else shown.where(inputs, task, stratum)


def _lede(inputs: Inputs, task: str, stratum: str) -> str:
    if stratum == ALL:
        return ""
    own = inputs.stratum_words(task, stratum)
    explained = "" if own.explained is None else f": {own.explained}"
    return f"{own.title} questions{explained}. "


def together(inputs: Inputs, task: str) -> list[Figure]:
    """All accuracies of a model on one line; nothing where a task has more strata than shapes."""
    strata = inputs.shown(task)
    if len(strata) > STRATA_ON_A_LINE:
        return []
    table = frames.pairs(inputs, task)
    published = "Published" in set(table["whose"])
    beside = ", beside published models" if published else ""
    chance = inputs.chance(task, ALL)
    names = len(set(table["model"]))
    marks = {1: "one mark", 2: "two marks", 3: "three marks", 4: "four marks"}[len(strata)]
    where = (
        f" on {theme.listed([inputs.questions(task, one).lower() for one in strata])} questions"
        if inputs.strata(task)
        else ", all categories together"
    )
    return [
        Figure(
            id=shown.anchor(inputs, task, "pairs"),
            title=shown.titled(inputs, task, _together_title(inputs, task) + beside),
            lede=_together_lede(inputs, task),
            caption="Filled marks: this run, with 95% intervals."
            + ("" if chance is None else " Dashed: chance.")
            + (_hollow(inputs, task) if published else ""),
            chart=model_charts.pairs(
                table,
                names=[inputs.questions(task, one) for one in strata],
                at=chance,
                description=f"Accuracy{where}, {marks} on a line for {names} models.",
            ),
            table=table,
            columns=(
                ("model", "Model"),
                *((("questions", "Questions"),) if inputs.strata(task) else ()),
                ("shown", "Accuracy"),
                *frames.BEHIND,
                ("source", "Source"),
            ),
        )
    ]


def _together_title(inputs: Inputs, task: str) -> str:
    count = len(inputs.strata(task))
    if count == 0:
        return "Accuracy over all categories"
    return "Both accuracies together" if count == 2 else "All accuracies together"


def _together_lede(inputs: Inputs, task: str) -> str:
    own = inputs.words(task).together
    if own is not None:
        return own
    strata = inputs.strata(task)
    if not strata:
        return "All categories together, each model on a line of its own."
    names = theme.listed([inputs.questions(task, one).lower() for one in strata])
    return f"Each model's accuracy on {names} questions."


def _hollow(inputs: Inputs, task: str) -> str:
    """What the hollow marks are, and whether they compare."""
    rows = [row for row in inputs.published if row.task == task]
    own = inputs.words(task)
    benchmark = theme.listed(list(dict.fromkeys(row.benchmark for row in rows)))
    compares = own.published if any(row.comparable for row in rows) else own.incomparable
    return (
        f" Hollow marks: figures printed by others for {benchmark}, with sources in the table;"
        f" {compares}."
    )
