"""From charts and words to one HTML file: no request, no inline handler, the same bytes for the
same study.

Each figure is in the page twice: as a static SVG that anyone sees (also without JavaScript and in
print) and as a Vega-Lite specification that report.js draws over it. All rows lie once in one
shared block. Vega comes once, from vl-convert. The policy in the head allows exactly our own three
blocks, by hash, and nothing from anywhere else.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import vl_convert
from markupsafe import Markup

from featherweight.report import theme
from featherweight.report.bundle import vega_bundle
from featherweight.report.parts import Cell, Column, Figure, Section, Table

HERE = Path(__file__).parent
STILL_PADDING = {"left": 24, "right": 12, "top": 5, "bottom": 5}
SIZE_BUDGET = 3_000_000  # bytes of the whole page
FIXED = 1_150_000  # of these: Vega, style, script, words and tables
MOST_EXAMPLES = 1_200_000


@dataclass(frozen=True, slots=True)
class Drawn:
    """A figure ready for the page."""

    figure: Figure
    svg: Markup
    spec: Mapping[str, Any]
    datasets: Mapping[str, Any]
    csv: str  # the dataset that the figure's CSV is made of


@dataclass(frozen=True, slots=True)
class Banner:
    """What nobody may overlook."""

    kind: str  # info, warn or bad
    text: str


@dataclass(frozen=True, slots=True)
class Page:
    """The whole page: its head, and its sections in order."""

    study: str
    title: str
    question: str
    banners: tuple[Banner, ...]
    sections: tuple[Section, ...]
    figures: tuple[Drawn, ...]  # all that any section shows
    answers: Sequence[Mapping[str, Any]]  # that a reader may browse


def draw(figure: Figure) -> Drawn:
    """Render a figure's static picture and take its data apart from its specification."""
    spec: dict[str, Any] = figure.chart.to_dict() | {"config": theme.CONFIG}
    if figure.fits:
        spec["autosize"] = {"type": "fit-x", "contains": "padding"}
    # The reader's font may be wider than the one that vl-convert measures: names need some room on
    # the left.
    svg = _own_ids(
        _one_image(vl_convert.vegalite_to_svg(spec | {"padding": STILL_PADDING})), figure.id
    )
    datasets = spec.pop("datasets", {})
    spec["usermeta"] = {
        "datasets": sorted(datasets),
        "minWidth": figure.least_width,
        "fits": figure.fits,
    }
    columns, size = set(figure.table.columns), len(figure.table)
    holding = [
        name for name, rows in datasets.items() if len(rows) == size and columns <= set(rows[0])
    ]
    csv = holding[0] if holding else f"csv-{figure.id}"
    if not holding:
        datasets[csv] = records(figure.table)
    # The SVG is made by vl-convert from our own specification; texts in it are escaped by Vega.
    return Drawn(figure, Markup(svg), spec, datasets, csv)  # noqa: S704


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """A table's rows as plain JSON values; an unknown is null."""
    rows = json.loads(table.to_json(orient="records", double_precision=10))
    return [
        {name: None if value != value else value for name, value in row.items()} for row in rows
    ]


def _one_image(svg: str) -> str:
    """Drop the labels of single marks: the static picture is one image with one text (the live
    chart keeps them).
    """
    return re.sub(r' (?:role|aria-[a-z]+)="[^"]*"', "", svg)


def _own_ids(svg: str, prefix: str) -> str:
    """Number a picture's ids anew: Vega's collide with the live chart's, and count on from chart to
    chart.
    """
    for place, name in enumerate(dict.fromkeys(re.findall(r'\bid="([^"]+)"', svg)), 1):
        own = f"{prefix}-{place}"
        svg = svg.replace(f' id="{name}"', f' id="{own}"').replace(f"url(#{name})", f"url(#{own})")
    return svg


def numbers(figure: Figure) -> Table:
    """The table of a figure as a reader sees it."""
    columns = tuple(
        Column(heading, number=place > 1) for place, (_, heading) in enumerate(figure.columns)
    )
    rows = tuple(
        tuple(Cell(_text(row, column)) for column, _ in figure.columns)
        for row in figure.table.to_dict("records")
    )
    return Table(f"The numbers of the figure: {figure.title}", columns, rows)


def _text(row: Mapping[Any, Any], column: str) -> str:
    value = row[column]
    if _unknown(value):
        return theme.NO_DATA
    return f"{value:,}" if isinstance(value, int) else str(value)


def _unknown(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))


def source_hash(text: str) -> str:
    """The hash by which a content security policy allows one inline block."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def room(drawn: Sequence[Drawn]) -> int:
    """How many characters of examples fit on a page with these figures.

    Each figure's rows stand there twice.
    """
    pictures = sum(len(one.svg) for one in drawn)
    rows = sum(len(json.dumps(one.datasets)) for one in drawn)
    return max(0, min(MOST_EXAMPLES, SIZE_BUDGET - FIXED - pictures - 2 * rows))


def render(page: Page) -> str:
    """The HTML of a page. Raises jinja2.UndefinedError for anything that a template needs and its
    section lacks.
    """
    style, script = (
        (HERE / name).read_text(encoding="utf-8") for name in ("report.css", "report.js")
    )
    vega = vega_bundle() if page.figures else ""
    for name, text in (("report.css", style), ("report.js", script), ("Vega", vega)):
        if "\r" in text or re.search(r"</(script|style)", text, re.IGNORECASE):
            raise ValueError(
                f"{name}: expected text that can stand inline, found a carriage return or a"
                " closing tag"
            )
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src {source_hash(vega)} {source_hash(script)}",
            f"style-src {source_hash(style)}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    datasets: dict[str, Any] = {}
    for one in page.figures:
        datasets |= one.datasets
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            page=page,
            policy=policy,
            style=Markup(style),  # noqa: S704
            script=Markup(script),  # noqa: S704
            vega=Markup(vega),  # noqa: S704
            specs={one.figure.id: one.spec for one in page.figures},
            rows=dict(sorted(datasets.items())),
        )
    )


def environment() -> jinja2.Environment:
    """The templates. Everything in them is escaped; what they lack is an error."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["numbers"] = numbers
    return made
