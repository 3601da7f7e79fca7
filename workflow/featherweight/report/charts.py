"""The charts by category, and what all charts share: pure functions from a small table to an Altair
chart.

Every chart has a fixed width (`build` makes it follow the page), ink that the page's CSS colours, a
text for those who cannot see it, and every mark's numbers in its tooltip. Up to four models are
told apart by colour; more are facets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from featherweight.report import theme
from featherweight.report.frames import categories_in_order

AnyChart = alt.LayerChart | alt.FacetChart
CHANCE = 1 / 3
SIGNED = "datum.value == 0 ? '0' : format(datum.value, '+.1f')"


def colour_of(names: Sequence[str]) -> alt.Color:
    """One colour per model, in the order of the names."""
    return alt.Color(
        "model:N",
        title=None,
        sort=list(names),
        scale=alt.Scale(domain=list(names), range=list(theme.SERIES[: len(names)])),
    )


def tooltips(*fields: tuple[str, str]) -> list[alt.Tooltip]:
    """What a tooltip shows: (field, title)."""
    return [alt.Tooltip(field, title=title) for field, title in fields]


SCORE_TOOLTIP = tooltips(
    ("model:N", "Model"),
    ("category:N", "Category"),
    ("shown:N", "Value"),
    ("interval:N", "95% interval"),
    ("n:Q", "Answers it rests on"),
    ("n_questions:Q", "Unique questions"),
    ("templates:Q", "Templates"),
)


def axis_of(kind: str, title: str | None, ticks: int = 6) -> alt.Axis:
    """An axis of percentages, or of scores with their sign."""
    if kind == "percent":
        return alt.Axis(title=title, format=".0%", tickCount=ticks)
    return alt.Axis(title=title, labelExpr=SIGNED, tickCount=ticks)


def bands() -> alt.Axis:
    """An axis of names, with a thin line between every two."""
    return alt.Axis(ticks=False, domain=False, grid=True, tickBand="extent")


def scale_of(kind: str) -> alt.Scale:
    """From 0 to 100% for shares, from -1 to +1 for scores."""
    return alt.Scale(domain=[0, 1] if kind == "percent" else [-1, 1], clamp=True, nice=False)


def reference(at: float) -> alt.Chart:
    """A dashed line: chance, or no bias."""
    rule = alt.Chart(pd.DataFrame({"at": [at]})).mark_rule(
        color=theme.INK, opacity=0.55, strokeDash=[4, 4]
    )
    line: alt.Chart = rule.encode(x=alt.X("at:Q"))
    return line


def _dots(base: alt.Chart, kind: str, axis: alt.Axis, **where: Any) -> list[alt.Chart]:
    """An interval, its value, and the words "no data" where there is none."""
    bar = base.mark_rule(strokeWidth=2, opacity=0.85).encode(
        x=alt.X("low:Q", axis=axis, scale=scale_of(kind)), x2="high:Q", **where
    )
    dot = base.mark_point(filled=True, size=55, opacity=1).encode(
        x=alt.X("value:Q"), tooltip=SCORE_TOOLTIP, **where
    )
    places = {channel: place for channel, place in where.items() if channel != "color"}
    none = (
        base.transform_filter("!isValid(datum.value)")
        .mark_text(align="left", dx=4, fontSize=10, opacity=0.7, text="no data", fill=theme.INK)
        .encode(x=alt.datum(0 if kind == "percent" else -1), **places)
    )
    return [bar, dot, none]


def scores(
    table: pd.DataFrame, published: pd.DataFrame, *, kind: str, title: str, description: str
) -> AnyChart:
    """One score per model and category as a dot with its interval; published figures as hollow
    diamonds.
    """
    models = list(dict.fromkeys(table["model"]))
    if len(models) > theme.MANY:
        return _scores_in_facets(table, kind=kind, title=title, description=description)
    order = categories_in_order(table)
    y = alt.Y("category:N", title=None, sort=order, axis=bands())
    base = alt.Chart(table)
    where = {"y": y, "yOffset": alt.YOffset("model:N", sort=models), "color": colour_of(models)}
    layers = [
        reference(CHANCE if kind == "percent" else 0.0),
        *_dots(base, kind, axis_of(kind, title), **where),
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
    step = max(26, 11 * len(models) + 10)
    return alt.layer(*layers).properties(
        width=theme.WIDTH, height=step * len(order), description=description
    )


def _scores_in_facets(
    table: pd.DataFrame, *, kind: str, title: str, description: str
) -> alt.FacetChart:
    """One small chart per category, one line per model: for more models than colours."""
    models = list(dict.fromkeys(table["model"]))
    at = CHANCE if kind == "percent" else 0.0
    marked = table.assign(reference=at)
    base = alt.Chart(marked)
    axis = axis_of(kind, None, ticks=3)
    y = alt.Y("model:N", title=None, sort=models, axis=bands())
    line = base.mark_rule(color=theme.INK, opacity=0.55, strokeDash=[4, 4]).encode(
        x=alt.X("mean(reference):Q")
    )
    layers = alt.layer(line, *_dots(base, kind, axis, y=y, color=alt.value(theme.SERIES[0])))
    return (
        layers.properties(width=225, height=17 * len(models))
        .facet(
            facet=alt.Facet("category:N", title=None, sort=list(categories_in_order(table))),
            columns=3,
            spacing=26,
        )
        .properties(description=description)
    )


def heat(table: pd.DataFrame, *, description: str) -> AnyChart:
    """Bias score of every model and category: colour for the eye, the number and its interval in
    every cell.
    """
    models, order = list(dict.fromkeys(table["model"])), categories_in_order(table)
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
    colour = alt.Color(
        "value:Q",
        title="Bias score",
        scale=alt.Scale(scheme="purpleorange", domain=[-1, 1], domainMid=0),
        legend=alt.Legend(
            direction="horizontal",
            gradientLength=200,
            labelExpr=SIGNED,
            values=[-1, -0.5, 0, 0.5, 1],
        ),
    )
    cells = (
        base.transform_filter("isValid(datum.value)")
        .mark_rect(stroke=theme.INK, strokeOpacity=0.12)
        .encode(x=x, y=y, color=colour, tooltip=SCORE_TOOLTIP)
    )
    # White reaches at least 4:1 on the dark ends of the scale, near-black everywhere else.
    ink = alt.condition(
        "datum.value < -0.6 || datum.value > 0.75", alt.value("#ffffff"), alt.value("#16161a")
    )
    value = (
        base.transform_filter("isValid(datum.value)")
        .mark_text(fontSize=13, fontWeight=600, dy=-5)
        .encode(x=x, y=y, text="shown:N", color=ink, tooltip=SCORE_TOOLTIP)
    )
    bounds = (
        base.transform_filter("isValid(datum.value) && isValid(datum.low)")
        .transform_calculate(
            bounds="format(datum.low, '+.2f') + ' to ' + format(datum.high, '+.2f')"
        )
        .mark_text(fontSize=10, dy=9)
        .encode(x=x, y=y, text="bounds:N", color=ink, tooltip=SCORE_TOOLTIP)
    )
    none = (
        base.transform_filter("!isValid(datum.value)")
        .mark_text(fontSize=11, opacity=0.7, text="no data", fill=theme.INK)
        .encode(x=x, y=y)
    )
    return alt.layer(cells, value, bounds, none).properties(
        width=theme.WIDTH, height=40 * len(order), description=description
    )
