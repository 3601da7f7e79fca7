"""The small table behind each figure: one row per mark, numbers with interval, answers, questions
and unread share.

One real row of `scores(...)`:

    model="Pocket, tilted" category="Village" value=0.71 low=0.64 high=0.77 shown="71.0%"
        interval="64.0% to 77.0%" n=148 n_questions=50 asked=150 clusters=12 "unread shown"="1.3%"
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from featherweight.records import ALL
from featherweight.report import theme
from featherweight.report.inputs import Inputs, PublishedRow
from featherweight.report.shown import Row, mark
from featherweight.tasks.choice import LETTERS

UNREAD = ("unread shown", "Unread")
BEHIND = (
    ("interval", "95% interval"),
    ("n", "Answers"),
    ("n_questions", "Unique questions"),
    UNREAD,
)  # what stands beside every score
COUNTS = ("n", "n_questions", "n accuracy", "asked", "clusters")
NUMBERS = ("value", "low", "high", "unread")


def frame(rows: Iterable[Row]) -> pd.DataFrame:
    """Rows as a table in which an unknown is null and a count stays a whole number."""
    table = pd.DataFrame(list(rows))
    kinds = dict.fromkeys(COUNTS, "Int64") | dict.fromkeys(NUMBERS, "float64")
    return table.astype({name: kind for name, kind in kinds.items() if name in table})


def clustered(inputs: Inputs, task: str) -> str:
    """What the bars of a figure are."""
    return f"Bars are 95% intervals, clustered by {inputs.words(task).cluster}."


def score_columns(inputs: Inputs, task: str) -> tuple[tuple[str, str], ...]:
    """The columns that a figure of one score per model and category shows as a table."""
    title = cluster_title(inputs, task)
    return (
        ("model", "Model"),
        ("category", "Category"),
        ("shown", "Value"),
        *BEHIND[:-1],
        *(() if title is None else (("clusters", title),)),
        UNREAD,
    )


def cluster_title(inputs: Inputs, task: str) -> str | None:
    """What the task's clusters are called; None where each question is one of its own."""
    cluster = inputs.words(task).cluster
    return None if cluster == "question" else f"{cluster[:1].upper()}{cluster[1:]}s"


def scores(inputs: Inputs, task: str, stratum: str, metric: str) -> pd.DataFrame:
    """One score per model and category."""
    form = inputs.metric_words(task, metric).form
    return frame(
        {"model": inputs.label(model), "category": theme.group_label(group)}
        | mark(inputs.estimate(model, task, group, stratum, metric), form)
        | {
            "unread": (unread := inputs.unread(model, task, group, stratum)),
            "unread shown": theme.percent(unread),
        }
        for group in inputs.groups(task)
        for model in inputs.models_of(task)
    )


def published_by_category(inputs: Inputs, task: str, stratum: str) -> pd.DataFrame:
    """Published accuracies of single categories that are marked to be drawn."""
    asked = set(inputs.groups(task))
    rows = [
        {
            "model": row.model,
            "category": theme.group_label(row.category),
            "value": row.fraction,
            "shown": theme.percent(row.fraction),
            "source": row.source,
        }
        for row in drawn(inputs, task, stratum)
        if row.category in asked and row.comparable
    ]
    return pd.DataFrame(rows, columns=["model", "category", "value", "shown", "source"])


# What others call the share of problems that one answer to each gets right.
ONE_ANSWER = ("accuracy", "pass@1", "em_maj1@1")


def drawn(inputs: Inputs, task: str, stratum: str) -> list[PublishedRow]:
    """Published accuracies that figures of this task and stratum draw."""
    metrics = ONE_ANSWER if inputs.graded(task) else ("accuracy",)
    return [
        row
        for row in inputs.published
        if row.drawn
        and (row.task, row.stratum) == (task, stratum)
        and row.metric in metrics
        and row.fraction is not None
    ]


def pairs(inputs: Inputs, task: str) -> pd.DataFrame:
    """The accuracies of every model, ours and published: always all strata, never one alone."""
    rows: list[Row] = []
    for model in inputs.models_of(task):
        for stratum in inputs.shown(task):
            unread = theme.percent(inputs.unread(model, task, ALL, stratum))
            rows.append(
                {
                    "model": inputs.label(model),
                    "whose": "This run",
                    "questions": inputs.questions(task, stratum),
                }
                | mark(inputs.estimate(model, task, ALL, stratum, "accuracy"), "percent")
                | {"source": "this run", "unread shown": unread}
            )
    ours = {inputs.label(name) for name in inputs.models_of(task)}
    for stratum in inputs.shown(task):
        for row in drawn(inputs, task, stratum):
            if row.category == ALL:
                rows.append(
                    {
                        # Marked where one of ours has the same name.
                        "model": row.model + (" (published)" if row.model in ours else ""),
                        "whose": "Published",
                        "questions": inputs.questions(task, stratum),
                    }
                    | mark(None, "percent")
                    | {"value": row.fraction, "shown": theme.percent(row.fraction)}
                    | {"source": row.source, "unread shown": "not published"}
                )
    return frame(rows)


def reading(inputs: Inputs, task: str) -> pd.DataFrame:
    """What became of each model's answers: read, not readable, not finished."""
    rows: list[Row] = []
    for model in inputs.models_of(task):
        lost = {
            "not readable": inputs.estimate(model, task, ALL, ALL, "unparsed"),
            "not finished": inputs.estimate(model, task, ALL, ALL, "unfinished"),
        }
        asked = next((one.n_asked for one in lost.values() if one is not None), None)
        unread = inputs.unread(model, task, ALL, ALL)
        read = None if unread is None else 1 - unread
        marks = {"read": mark(None, "percent") | {"value": read, "shown": theme.percent(read)}}
        marks |= {part: mark(estimate, "percent") for part, estimate in lost.items()}
        rows += [
            {"model": inputs.label(model), "answers": part} | shown | {"asked": asked}
            for part, shown in marks.items()
        ]
    return frame(rows)[["model", "answers", "value", "shown", "low", "high", "asked"]]


def positions(inputs: Inputs, task: str) -> pd.DataFrame:
    """How often each letter is chosen beside how often it is right."""
    rows: list[Row] = []
    for model in inputs.models_of(task):
        own = [row for row in inputs.positions if (row.model, row.task) == (model, task)]
        for row in sorted(own, key=lambda row: row.position):
            chosen = row.n_chosen / row.n if row.n else None
            gold = row.n_gold / row.n if row.n else None
            rows.append(
                {
                    "model": inputs.label(model),
                    "letter": LETTERS[row.position],
                    "value": chosen,
                    "shown": theme.percent(chosen),
                    "right here": gold,
                    "right here, shown": theme.percent(gold),
                    "accuracy": theme.percent(row.accuracy),
                    "interval": theme.interval(row.low, row.high, "percent"),
                    "n": row.n,
                    "n_questions": row.n_questions,
                    "n accuracy": row.n_accuracy,
                    "unread shown": theme.percent(inputs.unread(model, task, ALL, ALL)),
                }
            )
    return frame(rows)


def categories_in_order(table: pd.DataFrame) -> Sequence[str]:
    """Categories in the order in which the table names them."""
    return list(dict.fromkeys(table["category"]))
