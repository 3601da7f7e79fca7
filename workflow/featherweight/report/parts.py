"""What a section is made of: tables, figures, and the section itself, each a frozen dataclass.

A section's numbers are looked up and worded in Python; its template only sets them. One real cell
of a table, a number with its interval in small below it:

    Cell("88.0%", small="81.2% to 93.1%")
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import altair as alt
import pandas as pd

AnyChart = alt.LayerChart | alt.FacetChart


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in one place of a table."""

    text: str
    small: str | None = None  # in small below it
    css: str = ""  # classes of its own
    symbol: str | None = None  # before the text, for the eye only


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    heading: str
    number: bool = False
    css: str = ""  # classes of every cell
    label: str | None = None  # beside the value where a phone shows rows as cards; None: no label


def numeric(*headings: str) -> tuple[Column, ...]:
    """Columns of numbers, each labelled by its heading on a phone."""
    return tuple(Column(heading, number=True, label=heading) for heading in headings)


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the page."""

    label: str  # for those who cannot see it
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    css: str = ""  # "stack": a phone shows each row as a card; "long": with more lines


@dataclass(frozen=True, slots=True)
class Titled:
    """A table under a heading, with sentences before it. `title` None: no heading."""

    table: Table
    title: str | None = None
    sentences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure, its words, and the table behind it."""

    id: str
    title: str
    lede: str  # what to see, above the chart
    caption: str  # what is drawn and where it is from, below it
    chart: AnyChart
    table: pd.DataFrame
    columns: tuple[tuple[str, str], ...]  # (column, heading) of the table that is shown
    least_width: int = 340  # below this many pixels the chart scrolls in its own box
    fits: bool = True  # whether its width follows the page
    section: str = "figures"  # the id of the section that shows it

    def within(self, section: str) -> Figure:
        """The same figure in another section."""
        return replace(self, section=section)

    @property
    def description(self) -> str:
        """The text for those who cannot see the chart."""
        return str(self.chart["description"])


@dataclass(frozen=True, slots=True)
class Section:
    """One section of the page: where it stands, and what its template sets."""

    id: str
    template: str  # its file below report/
    nav: str  # what the table of contents calls it
    data: object  # what its template sets, a dataclass of the section's own module
    links: tuple[tuple[str, str], ...] = ()  # (id, title) of what the contents name below it


@dataclass(frozen=True, slots=True)
class Finding:
    """One headline: a number, what it is, how sure it is, and the figure that shows it."""

    anchor: str
    big: str
    text: str
    detail: str
