"""BBQ's two contexts against each other: each model's accuracy without the sentence that decides,
minus its accuracy with it, question by question.

One real row:

    Pocket, fair | −12.0 points (−18.8 to −6.9 points) | < 0.001 | −12.0 points (...) | 300 and 300
"""

from __future__ import annotations

from dataclasses import dataclass

from featherweight.records import ALL, ContrastRow
from featherweight.report import shown, theme
from featherweight.report.inputs import Inputs
from featherweight.report.parts import Cell, Column, Table, numeric


@dataclass(frozen=True, slots=True)
class Contexts:
    """The table of the two contexts."""

    title: str
    table: Table
    cluster: str


def contexts(inputs: Inputs) -> Contexts | None:
    """Ambiguous against disambiguated accuracy of each model; None where nothing was compared."""
    rows = [
        row
        for row in inputs.contrasts
        if row.first == row.second
        and row.model in inputs.models
        and row.policy == inputs.policy(row.first)
        and row.group == ALL
        and inputs.measures(row.first, "s_amb")
    ]
    if not rows:
        return None
    title = "Ambiguous against disambiguated"
    columns = (
        Column("Model", css="who"),
        *shown.task_column(inputs),
        *numeric("Difference", "p", "Over all asked", "Answers", "Templates"),
    )
    table = Table(title, columns, tuple(_row(inputs, row) for row in rows), css="stack")
    return Contexts(title, table, inputs.words(rows[0].first).cluster)


def _row(inputs: Inputs, row: ContrastRow) -> tuple[Cell, ...]:
    return (
        Cell(inputs.label(row.model), small=shown.contrast_note(inputs, row)),
        *shown.task_cell(inputs, row.first),
        shown.difference_cell(row.value, row.low, row.high, "percent"),
        Cell(theme.p_value(row.p)),
        shown.difference_cell(row.value_asked, row.low_asked, row.high_asked, "percent"),
        Cell(f"{row.n_first:,} and {row.n_second:,}"),
        Cell(f"{row.n_clusters_first:,} and {row.n_clusters_second:,}"),
    )
