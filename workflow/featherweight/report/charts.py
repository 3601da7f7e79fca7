"""The charts by category, and what all charts share: pure functions from a small table to an Altair
chart.

Every chart has a fixed width (`build` makes it follow the page), ink that the page's CSS colours, a
text for those who cannot see it, and every mark's numbers in its tooltip. Up to four models are
told apart by colour; more are facets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import altair as alt
import pandas as pd

from featherweight.report import theme
from featherweight.report.frames import categories_in_order
from featherweight.report.parts import AnyChart
from featherweight.tasks.words import Form

MANY_CATEGORIES = 24  # with more of them, rows stand closer
SIGNED = "datum.value == 0 ? '0' : format(datum.value, '+.1f')"


def colour_of(names: Sequence[str]) -> alt.Color:
    """One colour per model, in the order of the names."""
    return alt.Color(
        "model:N",
        title=None,
        sort=list(names),
        scale=alt.Scale(domain=list(names), range=list(theme.SERIES[: len(names)])),
    )


def equal_line() -> alt.Chart:
    """The diagonal on which two shares are equal."""
    line: alt.Chart = (
        alt.Chart(pd.DataFrame({"x": [0.0, 1.0], "y": [0.0, 1.0]}))
        .mark_line(color=theme.INK, opacity=0.5, strokeDash=[4, 4])
        .encode(x="x:Q", y="y:Q")
    )
    return line


def tooltips(*fields: tuple[str, str]) -> list[alt.Tooltip]:
    """What a tooltip shows: (field, title)."""
    return [alt.Tooltip(field, title=title) for field, title in fields]


def score_tooltips(clusters: str | None) -> list[alt.Tooltip]:
    """What the tooltip of a score shows. `clusters`: what they are called; None: nothing."""
    return tooltips(
        ("model:N", "Model"),
        ("category:N", "Category"),
        ("shown:N", "Value"),
        ("interval:N", "95% interval"),
        ("n:Q", "Answers it rests on"),
        ("n_questions:Q", "Unique questions"),
        *(() if clusters is None else (("clusters:Q", clusters),)),
    )


def axis_of(form: Form, title: str | None, ticks: int = 6) -> alt.Axis:
    """An axis of percentages, or of scores with their sign."""
    if form == "percent":
        return alt.Axis(title=title, format=".0%", tickCount=ticks)
    return alt.Axis(title=title, labelExpr=SIGNED, tickCount=ticks)


def bands() -> alt.Axis:
    """An axis of names, with a thin line between every two."""
    return alt.Axis(ticks=False, domain=False, grid=True, tickBand="extent")


def scale_of(form: Form) -> alt.Scale:
    """From 0 to 100% for shares, from -1 to +1 for scores."""
    return alt.Scale(domain=[0, 1] if form == "percent" else [-1, 1], clamp=True, nice=False)


def reference(at: float | None) -> list[alt.Chart]:
    """A dashed line: chance, or no bias; nothing where there is no such thing."""
    if at is None:
        return []
    rule = alt.Chart(pd.DataFrame({"at": [at]})).mark_rule(
        color=theme.INK, opacity=0.55, strokeDash=[4, 4]
    )
    return [rule.encode(x=alt.X("at:Q"))]


def _dots(
    base: alt.Chart, form: Form, axis: alt.Axis, tooltip: list[alt.Tooltip], **where: Any
) -> list[alt.Chart]:
    """An interval, its value, and the words "no data" where there is none."""
    bar = base.mark_rule(strokeWidth=2, opacity=0.85).encode(
        x=alt.X("low:Q", axis=axis, scale=scale_of(form)), x2="high:Q", **where
    )
    dot = base.mark_point(filled=True, size=55, opacity=1).encode(
        x=alt.X("value:Q"), tooltip=tooltip, **where
    )
    places = {channel: place for channel, place in where.items() if channel != "color"}
    none = (
        base.transform_filter("!isValid(datum.value)")
        .mark_text(align="left", dx=4, fontSize=10, opacity=0.7, text="no data", fill=theme.INK)
        .encode(x=alt.datum(0 if form == "percent" else -1), **places)
    )
    return [bar, dot, none]


Shape = Literal["rows", "facets", "heat"]


def shape(table: pd.DataFrame) -> Shape:
    """How scores by model and category are drawn: up to four models in one chart with a row for
    each category; more in facets; more of both as a heat map.
    """
    if table["model"].nunique() <= theme.MANY:
        return "rows"
    return "facets" if table["category"].nunique() <= MANY_CATEGORIES else "heat"


def scores(
    table: pd.DataFrame,
    published: pd.DataFrame,
    *,
    form: Form,
    title: str,
    at: float | None,
    clusters: str | None,
    description: str,
) -> AnyChart:
    """One score per model and category as a dot with its interval; published figures as hollow
    diamonds. `at`: where the dashed line stands; `clusters`: what they are called; None: none.
    """
    if shape(table) == "heat":
        return heat(table, form=form, title=title, clusters=clusters, description=description)
    if shape(table) == "facets":
        return _facets(table, form=form, at=at, clusters=clusters, description=description)
    models = list(dict.fromkeys(table["model"]))
    order = categories_in_order(table)
    y = alt.Y("category:N", title=None, sort=order, axis=bands())
    base = alt.Chart(table)
    where = {"y": y, "yOffset": alt.YOffset("model:N", sort=models), "color": colour_of(models)}
    layers = [
        *reference(at),
        *_dots(base, form, axis_of(form, title), score_tooltips(clusters), **where),
    ]
    if len(published):
        layers.append(
            alt.Chart(published)
            .mark_point(
                shape="diamond",
                filled=False,
                size=70,
                color=theme.INK,
                opacity=0.8,
                strokeWidth=1.5,
            )
            .encode(
                x=alt.X("value:Q"),
                y=y,
                tooltip=tooltips(
                    ("model:N", "Published"),
                    ("category:N", "Category"),
                    ("shown:N", "Value"),
                    ("source:N", "Source"),
                ),
            )
        )
    many = len(order) > MANY_CATEGORIES
    step = max(18, 8 * len(models) + 6) if many else max(26, 11 * len(models) + 10)
    return alt.layer(*layers).properties(
        width=theme.WIDTH, height=step * len(order), description=description
    )


def _facets(
    table: pd.DataFrame, *, form: Form, at: float | None, clusters: str | None, description: str
) -> alt.FacetChart:
    """One small chart per category, one line per model: for more models than colours."""
    models = list(dict.fromkeys(table["model"]))
    base = alt.Chart(table.assign(reference=at))
    y = alt.Y("model:N", title=None, sort=models, axis=bands())
    line = base.mark_rule(color=theme.INK, opacity=0.55, strokeDash=[4, 4]).encode(
        x=alt.X("mean(reference):Q")
    )
    dots = _dots(
        base,
        form,
        axis_of(form, None, ticks=3),
        score_tooltips(clusters),
        y=y,
        color=alt.value(theme.SERIES[0]),
    )
    layers = alt.layer(*([] if at is None else [line]), *dots)
    return (
        layers.properties(width=225, height=17 * len(models))
        .facet(
            facet=alt.Facet("category:N", title=None, sort=list(categories_in_order(table))),
            columns=3,
            spacing=26,
        )
        .properties(description=description)
    )


class Heat(NamedTuple):
    """How a heat map is coloured."""

    scale: alt.Scale
    legend: alt.Legend
    dark: str  # where the ends are too dark for dark ink
    digits: str


ENDS = ("low", "high")
HEAT = {
    "score": Heat(
        alt.Scale(scheme="purpleorange", domain=[-1, 1], domainMid=0),
        alt.Legend(
            direction="horizontal",
            gradientLength=200,
            labelExpr=SIGNED,
            values=[-1, -0.5, 0, 0.5, 1],
        ),
        "datum.value < -0.6 || datum.value > 0.75",
        "+.2f",
    ),
    "percent": Heat(
        alt.Scale(scheme="blues", domain=[0, 1]),
        alt.Legend(direction="horizontal", gradientLength=200, format=".0%"),
        "datum.value > 0.7",
        ".0%",
    ),
}


def heat(
    table: pd.DataFrame, *, form: Form, title: str, clusters: str | None, description: str
) -> AnyChart:
    """A score of every model and category: colour for the eye, the number and its interval in
    every cell.
    """
    models, order = list(dict.fromkeys(table["model"])), categories_in_order(table)
    look, tooltip = HEAT[form], score_tooltips(clusters)
    base = alt.Chart(table)
    x = alt.X(
        "model:N",
        title=None,
        sort=models,
        axis=alt.Axis(
            orient="top",
            labelAngle=0 if len(models) <= theme.MANY else -40,
            ticks=False,
            domain=False,
        ),
    )
    y = alt.Y("category:N", title=None, sort=order, axis=alt.Axis(ticks=False, domain=False))
    colour = alt.Color("value:Q", title=title, scale=look.scale, legend=look.legend)
    known = base.transform_filter("isValid(datum.value)")
    cells = known.mark_rect(stroke=theme.INK, strokeOpacity=0.12).encode(
        x=x, y=y, color=colour, tooltip=tooltip
    )
    # White reaches at least 4:1 on the dark ends of the scale, near-black everywhere else.
    ink = alt.condition(look.dark, alt.value("#ffffff"), alt.value("#16161a"))
    value = known.mark_text(fontSize=13, fontWeight=600, dy=-5).encode(
        x=x, y=y, text="shown:N", color=ink, tooltip=tooltip
    )
    bounds = (
        base.transform_filter("isValid(datum.value) && isValid(datum.low)")
        .transform_calculate(
            bounds=" + ' to ' + ".join(f"format(datum.{one}, '{look.digits}')" for one in ENDS)
        )
        .mark_text(fontSize=10, dy=9)
        .encode(x=x, y=y, text="bounds:N", color=ink, tooltip=tooltip)
    )
    none = (
        base.transform_filter("!isValid(datum.value)")
        .mark_text(fontSize=11, opacity=0.7, text="no data", fill=theme.INK)
        .encode(x=x, y=y)
    )
    return alt.layer(cells, value, bounds, none).properties(
        width=theme.WIDTH, height=40 * len(order), description=description
    )
