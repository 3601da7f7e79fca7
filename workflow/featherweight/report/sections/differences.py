"""The tables of differences between models and between subsets, and how far seeds move a score.

One real row, shortened:

    Pocket, thinking aloud minus Pocket, fair (The lost answers decide.) | All questions | Accuracy
    | +0.0 points | ... | −19.2 points | ... | 485 (415 unique) | ...
"""

from __future__ import annotations

from dataclasses import dataclass

from featherweight.records import ALL, ContrastRow, Difference, Spread
from featherweight.report import ranking, shown, theme
from featherweight.report.inputs import Inputs
from featherweight.report.parts import Cell, Column, Section, Table, numeric
from featherweight.report.sections import wordings
from featherweight.report.sections.two_ways import pairs

BEYOND = {True: "yes", False: "no", None: theme.NO_DATA}
SCORE = Column("Score", css="keep")


@dataclass(frozen=True, slots=True)
class Differences:
    """The tables, and what the sentences above them need."""

    table: Table
    also_counted: str | None  # how unread answers count, where they do
    over_asked: tuple[str, ...]  # what a difference over all asked is of the tasks' own numbers
    contrasts: Table | None
    contrasts_title: str
    cautions: tuple[str, ...]
    spread: Table | None


def section(inputs: Inputs) -> Section | None:
    """The section; None where no two models were compared."""
    table = differences(inputs)
    if not table.rows:
        return None
    compared = contrasts(inputs)
    own = (inputs.words(task).over_asked for task in inputs.spec.tasks)
    data = Differences(
        table=table,
        also_counted=also_counted(inputs),
        over_asked=tuple(dict.fromkeys(said for said in own if said is not None)),
        contrasts=_contrasts(inputs, compared) if compared else None,
        contrasts_title=f"Between subsets{' and wordings' if inputs.losses else ''}",
        cautions=tuple(dict.fromkeys(row.caution for row in compared if row.caution is not None)),
        spread=spread(inputs),
    )
    return Section("differences", "sections/differences.html.j2", "Differences", data)


def also_counted(inputs: Inputs) -> str | None:
    """Which unread answers take part in a difference, and as what; None: there are none."""
    tasks = [task for task in inputs.spec.tasks if inputs.policy(task) != "drop"]
    if not tasks:
        return None
    if len(tasks) == len(inputs.spec.tasks):
        return inputs.unread_in(tasks)
    return f"{inputs.unread_in(tasks)} ({', '.join(map(inputs.task_label, tasks))})"


def differences(inputs: Inputs) -> Table:
    """Paired differences over all categories, those over all that was asked, and the smallest that
    could be seen.
    """
    columns = (
        Column("Models", css="who"),
        *shown.task_column(inputs),
        *shown.summary_column(inputs),
        SCORE,
        *numeric("Difference", "p"),
        Column("Beyond chance", label="Beyond chance"),
        *numeric("Over all asked"),
        Column("p", number=True, label="p, all asked"),
        *numeric("Pairs", "Unread", "Could be seen"),
    )
    rows = (
        _difference(inputs, row)
        for row in inputs.differences
        if (row.group, row.policy) == (ALL, inputs.policy(row.task))
        and _told(inputs, row.task, row.stratum)
        and {row.model, row.baseline} <= set(inputs.models)
        and row.metric in inputs.compared(row.task)
    )
    return Table("Differences between models", columns, tuple(rows), css="stack long")


def _difference(inputs: Inputs, row: Difference) -> tuple[Cell, ...]:
    own = inputs.metric_words(row.task, row.metric)
    names = f"{inputs.label(row.model)} minus {inputs.label(row.baseline)}"
    questions = theme.count(row.n_questions)
    return (
        Cell(names, small=_note(inputs, row)),
        *shown.task_cell(inputs, row.task),
        *shown.summary_cell(inputs, row.task, row.stratum),
        Cell(own.title),
        shown.difference_cell(row.value, row.low, row.high, own.form),
        Cell(theme.p_value(row.p_adjusted)),
        Cell(BEYOND[ranking.beyond_chance(row)]),
        shown.difference_cell(row.value_asked, row.low_asked, row.high_asked, own.form),
        Cell(theme.p_value(row.p_asked_adjusted)),
        Cell(f"{row.n:,}", small=f"{questions} unique"),
        Cell(theme.percent(_most_unread(inputs, row))),
        Cell(theme.size(row.detectable, own.form)),
    )


def _told(inputs: Inputs, task: str, stratum: str) -> bool:
    """Whether a table has a row for a stratum; those of levels are in the files of `aggregate`."""
    return stratum == ALL or not inputs.graded(task)


def _note(inputs: Inputs, row: Difference) -> str | None:
    first, second = (
        inputs.value(name, row.task, row.stratum, row.metric, row.policy)
        for name in (row.model, row.baseline)
    )
    apart = None if first is None or second is None else first - second
    form = inputs.metric_words(row.task, row.metric).form
    return theme.paired_notes(row.loss_decides, row.value, apart, form)


def _most_unread(inputs: Inputs, row: Difference) -> float | None:
    """The larger share of unread answers of the two models: each score of the pair rests on the
    others.
    """
    shares = [
        inputs.unread(name, row.task, row.group, row.stratum) for name in (row.model, row.baseline)
    ]
    return max((share for share in shares if share is not None), default=None)


def contrasts(inputs: Inputs) -> list[ContrastRow]:
    """Differences between two tasks within a model, over all categories; those of each category
    are in contrasts.csv.

    Two ways of answering the same questions have a table of their own (`two_ways`), two strata too
    (`bias_contexts`), and what two wordings lose (`wordings`).
    """
    apart = {pair.names for pair in pairs(inputs)}
    worded = wordings.pairs(inputs)
    return [
        row
        for row in inputs.contrasts
        if row.model in inputs.models
        and (row.policy, row.group) == (inputs.policy(row.first), ALL)
        and _told(inputs, row.first, row.stratum_first)
        and _told(inputs, row.second, row.stratum_second)
        and row.first != row.second
        and (both := frozenset((row.first, row.second))) not in apart
        and not (both in worded and row.metric in ("unparsed", "unfinished"))
    ]


def _contrasts(inputs: Inputs, rows: list[ContrastRow]) -> Table:
    columns = (
        Column("Model"),
        Column("Subsets"),
        *shown.summary_column(inputs),
        SCORE,
        Column("Difference", number=True),
        Column("p, not adjusted", number=True),
        Column("Answers", number=True),
        Column("Unique questions", number=True),
        *shown.cluster_column(inputs),
    )
    made = tuple(_contrast(inputs, row) for row in rows)
    return Table("Differences between subsets", columns, made)


def _contrast(inputs: Inputs, row: ContrastRow) -> tuple[Cell, ...]:
    own = inputs.metric_words(row.first, row.metric)
    asked = f"{theme.count(row.n_questions_first)} and {theme.count(row.n_questions_second)}"
    return (
        Cell(inputs.label(row.model), small=shown.contrast_note(inputs, row)),
        Cell(f"{row.first} minus {row.second}"),
        *shown.summary_cell(inputs, row.first, row.stratum_first),
        Cell(own.title),
        shown.difference_cell(row.value, row.low, row.high, own.form),
        Cell(theme.p_value(row.p)),
        Cell(f"{row.n_first:,} and {row.n_second:,}"),
        Cell(asked),
        *shown.cluster_cell(inputs, f"{row.n_clusters_first:,} and {row.n_clusters_second:,}"),
    )


def spread(inputs: Inputs) -> Table | None:
    """How far seeds and how far items move each score; None where there is one seed.

    `aggregate` measures it level by level where a task has levels, and for all together only where
    it has none: here a graded task's levels are told too.
    """
    columns = (
        Column("Model"),
        Column("Task"),
        *shown.questions_column(inputs),
        Column("Score"),
        Column("Seeds", number=True),
        Column("Between seeds", number=True),
        Column("Between items", number=True),
        Column("Unread", number=True),
    )
    rows = tuple(
        _spread(inputs, row)
        for row in inputs.spread
        if row.group == ALL
        and row.model in inputs.models
        and row.metric in inputs.compared(row.task)
    )
    return Table("Spread between seeds and items", columns, rows) if rows else None


def _spread(inputs: Inputs, row: Spread) -> tuple[Cell, ...]:
    own = inputs.metric_words(row.task, row.metric)
    unread = inputs.unread(row.model, row.task, row.group, row.stratum)
    return (
        Cell(inputs.label(row.model)),
        Cell(inputs.task_label(row.task)),
        *shown.questions_cell(inputs, row.task, row.stratum),
        Cell(own.title),
        Cell(f"{row.n_seeds}"),
        Cell(theme.size(row.seed_sd, own.form)),
        Cell(theme.size(row.item_se, own.form)),
        Cell(theme.percent(unread)),
    )
