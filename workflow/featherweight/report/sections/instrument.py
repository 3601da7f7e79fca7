"""Does the instrument work? What was planted or is known beforehand, against what was measured.

One real row of the table:

    Control: oracle | All questions | Accuracy | 100.0% | 100.0% | 92.1% to 100.0% | ... | recovered
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from featherweight.records import ALL, KnownValue
from featherweight.report import shown, theme
from featherweight.report.inputs import Inputs
from featherweight.report.page import Drawn
from featherweight.report.parts import Cell, Column, Section, Table, numeric

NOT_FOUND_FIRST = {False: 0, None: 1, True: 2}
WORDS = {True: "recovered", False: "missed"}
TOO_WIDE = "too few answers to tell"
SYMBOLS = {True: "\N{CHECK MARK}", False: "\N{BALLOT X}", None: "\N{EN DASH}"}
CSS = {True: "good", False: "bad", None: "quiet"}
COLUMNS = (
    Column("Score", css="keep"),
    *numeric("Known", "Measured"),
    Column("95% interval", number=True, css="quiet", label="95%"),
    *numeric("Answers", "Unique questions", "Unread", "Shift noticed"),
    Column("Found?", css="word", label=""),
)


@dataclass(frozen=True, slots=True)
class Check:
    """Whether the instrument works: how many known values were recovered."""

    planted_found: int
    planted_known: int
    scores_found: int
    scores_known: int
    unjudged: int

    @property
    def known(self) -> int:
        """How many values were judged."""
        return self.planted_known + self.scores_known

    @property
    def missed(self) -> int:
        """How many of them were not recovered."""
        return self.known - self.planted_found - self.scores_found

    @property
    def failed(self) -> bool:
        """Whether a value that is known beforehand was missed."""
        return self.missed > 0

    @property
    def judged(self) -> bool:
        """Whether there was anything to judge."""
        return self.known > 0


@dataclass(frozen=True, slots=True)
class Instrument:
    """Every known value, and the figure of the planted ones."""

    check: Check
    planted: str | None  # what pocket models carry, in words
    figures: tuple[Drawn, ...]
    table: Table
    judged: str  # how planted values and thresholds are judged
    cluster: str
    agree: str


def check(inputs: Inputs) -> Check:
    """Count what was recovered. The planted rates apart from scores that are known beforehand."""
    rates = planted_rates(inputs)
    scores = [row for row in known_values(inputs) if row not in rates]
    return Check(
        planted_found=_counted(rates, True),
        planted_known=_counted(rates, True) + _counted(rates, False),
        scores_found=_counted(scores, True),
        scores_known=_counted(scores, True) + _counted(scores, False),
        unjudged=_counted(rates, None) + _counted(scores, None),
    )


def known_values(inputs: Inputs) -> list[KnownValue]:
    """Every value that is known beforehand of what a model or control was asked."""
    rows = (*inputs.planted, *inputs.known)
    return [row for row in rows if inputs.asked(row.model, row.task)]


def planted_rates(inputs: Inputs) -> list[KnownValue]:
    """What was built into a model, without what such a model must merely reach."""
    return [row for row in inputs.planted if not row.at_least and inputs.asked(row.model, row.task)]


def _counted(rows: Iterable[KnownValue], inside: bool | None) -> int:
    return sum(row.inside is inside for row in rows)


def section(inputs: Inputs, checked: Check, figures: Sequence[Drawn]) -> Section | None:
    """The section; None where nothing is known beforehand."""
    rows = sorted(known_values(inputs), key=lambda row: NOT_FOUND_FIRST[row.inside])
    if not rows:
        return None
    columns = (
        Column("Model", css="who"),
        *shown.task_column(inputs),
        *shown.questions_column(inputs),
        *COLUMNS,
    )
    table = Table(
        "Known and measured values",
        columns,
        tuple(_row(inputs, row) for row in rows),
        css="stack long",
    )
    planted = theme.listed(
        list(
            dict.fromkeys(
                _with_article(inputs.metric_words(row.task, row.metric).title.lower())
                for row in planted_rates(inputs)
            )
        )
    )
    data = Instrument(
        check=checked,
        planted=planted or None,
        figures=tuple(figures),
        table=table,
        judged=judged(inputs),
        cluster=inputs.cluster,
        agree=agree(inputs),
    )
    return Section("instrument", "sections/instrument.html.j2", "The instrument", data)


def by_table(inputs: Inputs, row: KnownValue) -> bool:
    """Whether the expected value is the mean of a planted table over the very problems asked: then
    right minus planted is judged, problem by problem, and not the value by its interval."""
    return any(
        (one.task, one.metric, one.stratum)
        == (inputs.spec.tasks[row.task].task, row.metric, row.stratum)
        and one.table is not None
        for one in inputs.spec.models[row.model].planted
    )


BY_INTERVAL = (
    "Planted rates and the accuracy that a pocket model must reach are judged by the 95% interval"
    " and the threshold"
)
BY_PROBLEM = (
    "right minus planted is taken problem by problem, and its mean must lie within 3.29 standard"
    " errors of 0"
)


def judged(inputs: Inputs) -> str:
    """How planted values are judged, a clause for each kind that the study has."""
    kinds = {by_table(inputs, row) for row in planted_rates(inputs)}
    tables = (
        f"where a table of rates was planted, {BY_PROBLEM}, as of a control that answers by chance"
    )
    if kinds == {True} and not any(row.at_least for row in known_values(inputs)):
        return f"{tables[:1].upper()}{tables[1:]}"
    return f"{BY_INTERVAL}; {tables}" if True in kinds else BY_INTERVAL


def _with_article(name: str) -> str:
    return f"{'an' if name[:1] in 'aeiou' else 'a'} {name}"


def agree(inputs: Inputs) -> str:
    """What an interval allows for where nothing varies."""
    return (
        f"Where all {inputs.clusters} agree (every answer right, say), the interval allows for"
        f" {inputs.clusters} that were not drawn (docs/coverage.md); with few {inputs.clusters}"
        " that is wide."
    )


def _row(inputs: Inputs, row: KnownValue) -> tuple[Cell, ...]:
    own = inputs.metric_words(row.task, row.metric)
    unread = inputs.unread(row.model, row.task, ALL, row.stratum)
    unjudged = theme.NO_DATA if row.value is None else TOO_WIDE
    return (
        Cell(inputs.label(row.model)),
        *shown.task_cell(inputs, row.task),
        *shown.questions_cell(inputs, row.task, row.stratum),
        Cell(own.title),
        Cell(("at least " if row.at_least else "") + theme.number(row.expected, own.form)),
        Cell(theme.number(row.value, own.form), small=_count(inputs, row)),
        Cell(theme.interval(row.low, row.high, own.form)),
        Cell(theme.count(row.n)),
        Cell(theme.count(row.n_questions)),
        Cell(theme.percent(unread)),
        Cell(theme.size(row.detectable, "percent") if row in planted_rates(inputs) else ""),
        Cell(
            unjudged if row.inside is None else WORDS[row.inside],
            css=CSS[row.inside],
            symbol=SYMBOLS[row.inside],
        ),
    )


def _count(inputs: Inputs, row: KnownValue) -> str | None:
    """How many problems of a small graded task."""
    if row.n is None or row.metric != "accuracy":
        return None
    return shown.counted(inputs, row.task, row.value, row.n, row.n_questions)
