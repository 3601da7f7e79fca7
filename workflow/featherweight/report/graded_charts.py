"""The charts of graded tasks: pure functions from a small table to an Altair chart, like those in
`charts`.

What a model measured is a filled circle with its interval; what was planted in it, in closed form,
a tick of its own colour; what others printed a hollow diamond. Each has a name in the legend.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import altair as alt
import pandas as pd

from featherweight.report import theme
from featherweight.report.charts import (
    axis_of,
    bands,
    colour_of,
    equal_line,
    reference,
    scale_of,
    tooltips,
)
from featherweight.report.parts import AnyChart

MEASURED, PLANTED, PUBLISHED = "this run", "planted, closed form", "printed by others"
SHAPES = {MEASURED: "circle", PLANTED: "stroke", PUBLISHED: "diamond"}
COLOURS = {MEASURED: theme.SERIES[0], PLANTED: theme.SERIES[1], PUBLISHED: "#7C7C88"}
BELOW = "[format(datum.value * {of}, '.0f'), format(datum.value, '.0%')]"
BESIDE = "format(datum.value * {of}, '.0f') + ' (' + format(datum.value, '.0%') + ')'"


# Where a level's name begins or ends, as the table's `side` says, and how far from its point.
SIDES: tuple[tuple[Literal["left", "right"], int], ...] = (("left", 10), ("right", -10))


def share_axis(title: str, of: int | None, *, upright: bool = False) -> alt.Axis:
    """An axis of shares; of so many problems: how many of them, with the share below (`upright`:
    beside it).
    """
    if of is None:
        return axis_of("percent", title)
    step = max(1, round(of / 5))
    return alt.Axis(
        title=f"{title}: problems right, of {of}",
        values=[count / of for count in range(0, of + 1, step)],
        labelExpr=BESIDE.format(of=of) if upright else BELOW.format(of=of),
    )


def models(table: pd.DataFrame, *, at: float | None, of: int | None, description: str) -> AnyChart:
    """Each model's accuracy on a line, published ones below and as faint lines through all.

    `at`: chance, None: nothing can be guessed; `of`: problems, where a count says more.
    """
    kinds = [kind for kind in SHAPES if kind in set(table["mark"])]
    order = list(dict.fromkeys(table["model"]))
    if {MEASURED, PUBLISHED} <= set(kinds):
        first = next(r.model for r in table.itertuples() if r.mark == PUBLISHED)
        order.insert(order.index(first), " ")  # an empty line between the two
    base = alt.Chart(table)
    y = alt.Y("model:N", title=None, scale=alt.Scale(domain=order), axis=bands())
    x = alt.X("value:Q", scale=scale_of("percent"), axis=share_axis("Accuracy", of))
    legend = alt.Undefined if len(kinds) > 1 else None
    colour, shape = (
        channel("mark:N", title=None, legend=legend, scale=alt.Scale(domain=kinds, range=looks))
        for channel, looks in (
            (alt.Color, [COLOURS[kind] for kind in kinds]),
            (alt.Shape, [SHAPES[kind] for kind in kinds]),
        )
    )
    tooltip = tooltips(
        ("model:N", "Model"),
        ("mark:N", "What"),
        ("shown:N", "Accuracy"),
        ("interval:N", "95% interval"),
        ("n:Q", "Answers"),
        ("source:N", "Source"),
    )
    lines = (
        base.transform_filter(f"datum.mark == '{PUBLISHED}'")
        .mark_rule(color=theme.INK, opacity=0.22, strokeWidth=1)
        .encode(x=alt.X("value:Q"))
    )
    bar = base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q"), x2="high:Q", y=y, color=colour)
    dots = [
        base.transform_filter(f"datum.mark == '{kind}'")
        .mark_point(filled=filled, size=size, opacity=1, strokeWidth=width, angle=angle)
        .encode(x=x, y=y, color=colour, shape=shape, tooltip=tooltip)
        for kind, filled, size, width, angle in (
            (MEASURED, True, 75, 1.8, 0),
            (PLANTED, False, 320, 3.0, 90),
            (PUBLISHED, False, 70, 1.6, 0),
        )
        if kind in kinds
    ]
    return alt.layer(
        *reference(at), *([lines] if PUBLISHED in kinds else []), bar, *dots
    ).properties(width=theme.WIDTH, height=26 * len(order), description=description)


def levels(table: pd.DataFrame, *, at: float | None, of: int | None, description: str) -> AnyChart:
    """Accuracy at each level, up to four models side by side, more of them in small charts of one
    level each.
    """
    if table["model"].nunique() > theme.MANY:
        return _small(table, at=at, description=description)
    names = list(dict.fromkeys(table["model"]))
    order = list(dict.fromkeys(table["level"]))
    base = alt.Chart(table)
    y = alt.Y("level:N", title=None, sort=order, axis=bands())
    offset = alt.YOffset("model:N", sort=names)
    where = {"y": y, "yOffset": offset, "color": colour_of(names)}
    x = alt.X("value:Q", scale=scale_of("percent"), axis=share_axis("Accuracy", of))
    step = max(30, 13 * len(names) + 12)
    return alt.layer(*reference(at), *_marks(base, x, where)).properties(
        width=theme.WIDTH, height=step * len(order), description=description
    )


def _marks(base: alt.Chart, x: alt.X, where: Mapping[str, Any]) -> list[alt.Chart]:
    """Interval, value and, where there is one, the planted accuracy."""
    kinds = [MEASURED, PLANTED]
    present = set(base.data["mark"])
    ink = alt.Legend(symbolFillColor=theme.INK, symbolStrokeColor=theme.INK)
    legend = ink if PLANTED in present else None
    looks = alt.Scale(domain=kinds, range=[SHAPES[kind] for kind in kinds])
    shape = alt.Shape("mark:N", title=None, scale=looks, legend=legend)
    tooltip = tooltips(
        ("model:N", "Model"),
        ("level:N", "Level"),
        ("mark:N", "What"),
        ("shown:N", "Accuracy"),
        ("interval:N", "95% interval"),
        ("n:Q", "Answers"),
        ("n_questions:Q", "Problems"),
    )
    bar = base.mark_rule(strokeWidth=2, opacity=0.85).encode(x=alt.X("low:Q"), x2="high:Q", **where)
    made = [bar]
    for kind, filled, size, width, angle in (
        (MEASURED, True, 60, 1.5, 0),
        (PLANTED, False, 240, 3.0, 90),
    ):
        if kind in present:
            made.append(
                base.transform_filter(f"datum.mark == '{kind}'")
                .mark_point(filled=filled, size=size, opacity=1, strokeWidth=width, angle=angle)
                .encode(x=x, shape=shape, tooltip=tooltip, **where)
            )
    return made


def _small(table: pd.DataFrame, *, at: float | None, description: str) -> alt.FacetChart:
    """One small chart per level, one line per model."""
    names = list(dict.fromkeys(table["model"]))
    base = alt.Chart(table.assign(reference=at))
    y = alt.Y("model:N", title=None, sort=names, axis=bands())
    x = alt.X("value:Q", scale=scale_of("percent"), axis=axis_of("percent", None, ticks=3))
    line = base.mark_rule(color=theme.INK, opacity=0.55, strokeDash=[4, 4]).encode(
        x=alt.X("mean(reference):Q")
    )
    where = {"y": y, "color": alt.value(theme.SERIES[0])}
    layers = alt.layer(*([] if at is None else [line]), *_marks(base, x, where))
    return (
        layers.properties(width=225, height=19 * len(names))
        .facet(
            facet=alt.Facet("level:N", title=None, sort=list(dict.fromkeys(table["level"]))),
            columns=3,
            spacing=26,
        )
        .properties(description=description)
    )


def by_k(table: pd.DataFrame, *, of: int | None, description: str) -> AnyChart:
    """Accuracy against the number of answers that are drawn for a problem: solid where any of them
    may be right, dashed where their majority must be. More than four models have a small chart
    each.
    """
    names = list(dict.fromkeys(table["model"]))
    many = len(names) > theme.MANY
    base = alt.Chart(table)
    ks = sorted(set(table["k"]))
    x = alt.X(
        "k:Q",
        scale=alt.Scale(type="log", base=2, nice=False),
        axis=alt.Axis(
            title="Answers drawn (k)" if many else "Answers drawn for each problem (k)",
            values=ks,
            format="d",
        ),
    )
    axis = share_axis("Accuracy", None if many else of, upright=True)
    y = alt.Y("value:Q", scale=scale_of("percent"), axis=axis)
    kinds = ["any of k right", "majority of k right"]
    dash = alt.StrokeDash(
        "kind:N", title=None, scale=alt.Scale(domain=kinds, range=[[1, 0], [5, 4]])
    )
    colour = alt.value(theme.SERIES[0]) if many else colour_of(names)
    line = base.mark_line(strokeWidth=2).encode(
        x=x, y=y, color=colour, strokeDash=dash, detail="model:N"
    )
    bar = base.mark_rule(strokeWidth=1.5, opacity=0.5).encode(
        x=x, y=alt.Y("low:Q"), y2="high:Q", color=colour
    )
    dot = base.mark_point(filled=True, size=45, opacity=1).encode(
        x=x,
        y=y,
        color=colour,
        tooltip=tooltips(
            ("model:N", "Model"),
            ("kind:N", "What"),
            ("k:Q", "Answers drawn"),
            ("shown:N", "Accuracy"),
            ("interval:N", "95% interval"),
        ),
    )
    layers = alt.layer(bar, line, dot)
    if not many:
        return layers.properties(width=theme.WIDTH, height=260, description=description)
    facet = alt.Facet("model:N", title=None, sort=names)
    small = layers.properties(width=200, height=120).facet(facet=facet, columns=3, spacing=26)
    return small.properties(description=description)


def planted(table: pd.DataFrame, *, description: str) -> AnyChart:
    """Measured against planted accuracy of each level, which stands beside its point; on the
    diagonal they are equal.
    """
    names = list(dict.fromkeys(table["model"]))
    base = alt.Chart(table)
    scale = alt.Scale(domain=[-0.02, 1.02], nice=False)
    ticks = [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    x, y = (
        channel(f"{field}:Q", scale=scale, axis=alt.Axis(title=title, format=".0%", values=ticks))
        for channel, field, title in (
            (alt.X, "planted", "Planted accuracy"),
            (alt.Y, "value", "Measured accuracy"),
        )
    )
    diagonal = equal_line()
    colour = colour_of(names) if len(names) <= theme.MANY else alt.value(theme.SERIES[0])
    bars = base.mark_rule(strokeWidth=2).encode(x=x, y=alt.Y("low:Q"), y2="high:Q", color=colour)
    dots = base.mark_point(filled=True, size=80, opacity=1).encode(
        x=x,
        y=y,
        color=colour,
        tooltip=tooltips(
            ("model:N", "Model"),
            ("level:N", "Level"),
            ("planted shown:N", "Planted"),
            ("shown:N", "Measured"),
            ("interval:N", "95% interval"),
            ("n:Q", "Answers"),
            ("recovered:N", "Recovered"),
        ),
    )
    words = [
        base.transform_filter(f"datum.side == '{align}'")
        .mark_text(align=align, dx=shift, fontSize=11, fill=theme.INK)
        .encode(x=x, y=y, text="level:N")
        for align, shift in SIDES
    ]
    return alt.layer(diagonal, bars, dots, *words).properties(
        width=theme.WIDTH, height=330, description=description
    )
