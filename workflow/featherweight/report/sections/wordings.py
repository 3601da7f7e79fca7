"""What two wordings of the same questions lose, as `compare` counted it (unread.json).

One real row:

    Control: hesitant | Not readable | 27.3% (24.8% to 30.0%) | 3.9% (3.0% to 5.1%) | −23.4 points
    (−25.8 to −21.0 points) | < 0.001 | 1,200
"""

from __future__ import annotations

from dataclasses import dataclass

from featherweight.records import Share, WordingLoss, WordingLosses
from featherweight.report import shown, theme
from featherweight.report.inputs import Inputs
from featherweight.report.parts import Cell, Column, Section, Table, Titled, numeric


@dataclass(frozen=True, slots=True)
class Wordings:
    """One table per pair of wordings."""

    tables: tuple[Titled, ...]
    cluster: str


def section(inputs: Inputs) -> Section | None:
    """The section; None where no questions were put in two wordings."""
    if not inputs.losses:
        return None
    data = Wordings(tables(inputs), inputs.cluster)
    return Section("wordings", "sections/wordings.html.j2", "Two wordings", data)


def tables(inputs: Inputs) -> tuple[Titled, ...]:
    """One table per pair of wordings, with its sentences; with a title where there are several."""
    several = len(inputs.losses) > 1
    return tuple(_table(inputs, one, several) for one in inputs.losses)


def pairs(inputs: Inputs) -> list[frozenset[str]]:
    """The labels of each pair, in no order."""
    return [frozenset((one.first, one.second)) for one in inputs.losses]


def _table(inputs: Inputs, losses: WordingLosses, several: bool) -> Titled:
    name = f"{inputs.task_label(losses.first)} and {inputs.task_label(losses.second)}"
    title = name if several else None
    first, second = losses.wordings
    columns = (
        Column("Model", css="who"),
        Column("Lost", css="keep"),
        *numeric(first, second, "Difference", "p", "Answers to each"),
    )
    table = Table(
        f"What two wordings lose{'' if title is None else f': {title}'}",
        columns,
        tuple(_row(inputs, row) for row in losses.rows),
        css="stack",
    )
    return Titled(table, title, tuple(f"{line}." for line in losses.said))


def _row(inputs: Inputs, row: WordingLoss) -> tuple[Cell, ...]:
    shift = row.difference
    difference = (
        Cell(theme.NO_DATA)
        if shift is None
        else shown.difference_cell(shift.value, shift.low, shift.high, "percent")
    )
    return (
        Cell(inputs.label(row.model)),
        Cell(theme.METRICS[row.metric].title),
        _share(row.first),
        _share(row.second),
        difference,
        Cell(theme.p_value(None if shift is None else shift.p)),
        Cell(f"{row.first.n:,}"),
    )


def _share(share: Share) -> Cell:
    return Cell(theme.percent(share.value), small=theme.interval(share.low, share.high, "percent"))
