"""The charts by model: pure functions from a small table to an Altair chart, like those by category
in `charts`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

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

STRATUM_SHAPES = ("circle", "diamond", "square", "triangle-up")


def pairs(
    table: pd.DataFrame, *, names: Sequence[str], at: float | None, description: str
) -> AnyChart:
    """The accuracies of each model on one line: ours filled and above, the published ones hollow
    and below. `names`: of the strata; `at`: chance, None: nothing can be guessed.
    """
    ours = list(dict.fromkeys(table.loc[table["whose"] == "This run", "model"]))
    others = list(dict.fromkeys(table.loc[table["whose"] != "This run", "model"]))
    order = [*ours, *([" "] if others else []), *others]  # an empty line between the two
    y = alt.Y("model:N", title=None, scale=alt.Scale(domain=order), axis=bands())
    x = alt.X("value:Q", scale=scale_of("percent"), axis=axis_of("percent", "Accuracy"))
    legend = alt.Undefined if len(names) > 1 else None
    scales = [
        alt.Scale(domain=list(names), range=list(values[: len(names)]))
        for values in (theme.SERIES, STRATUM_SHAPES)
    ]
    colour = alt.Color("questions:N", title=None, scale=scales[0], legend=legend)
    shape = alt.Shape("questions:N", title=None, scale=scales[1], legend=legend)
    tooltip = tooltips(
        ("model:N", "Model"),
        ("questions:N", "Questions"),
        ("shown:N", "Accuracy"),
        ("interval:N", "95% interval"),
        ("source:N", "Source"),
    )
    base = alt.Chart(table)
    line = base.mark_line(color=theme.INK, opacity=0.25, strokeWidth=1.5).encode(
        x=x, y=y, detail="model:N"
    )
    bar = base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q"), x2="high:Q", y=y, color=colour)
    dots = [
        base.transform_filter(f"datum.whose {sign} 'This run'")
        .mark_point(filled=filled, size=75, opacity=1, strokeWidth=1.8)
        .encode(x=x, y=y, color=colour, shape=shape, tooltip=tooltip)
        for sign, filled in (("==", True), ("!=", False))
    ]
    return alt.layer(*reference(at), line, bar, *dots).properties(
        width=theme.WIDTH, height=25 * len(order), description=description
    )


def planted(table: pd.DataFrame, *, name: str, description: str) -> AnyChart:
    """Measured against planted rates; on the diagonal they are equal."""
    models = list(dict.fromkeys(table["model"]))
    base = alt.Chart(table)
    scale = alt.Scale(domain=[-0.03, 1.03], nice=False)
    ticks = [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    x = alt.X(
        "drawn_at:Q",
        scale=scale,
        axis=alt.Axis(title=f"Planted {name}", format=".0%", values=ticks),
    )
    y = alt.Y(
        "value:Q",
        scale=scale,
        axis=alt.Axis(title=f"Measured {name}", format=".0%", values=ticks),
    )
    diagonal = equal_line()
    colour = colour_of(models) if len(models) <= theme.MANY else alt.value(theme.SERIES[0])
    bars = base.mark_rule(strokeWidth=2).encode(x=x, y=alt.Y("low:Q"), y2="high:Q", color=colour)
    dots = base.mark_point(filled=True, size=90, opacity=1).encode(
        x=x,
        y=y,
        color=colour,
        tooltip=tooltips(
            ("model:N", "Model"),
            ("planted:Q", "Planted"),
            ("shown:N", "Measured"),
            ("interval:N", "95% interval"),
            ("n:Q", "Answers"),
            ("n_questions:Q", "Unique questions"),
            ("recovered:N", "Planted rate inside"),
        ),
    )
    return alt.layer(diagonal, bars, dots).properties(
        width=theme.WIDTH, height=330, description=description
    )


def reading(table: pd.DataFrame, *, description: str) -> AnyChart:
    """Shares of answers that were read, could not be read, or were cut off."""
    models = list(dict.fromkeys(table["model"]))
    parts = ["read", "not readable", "not finished"]
    ordered = table.assign(
        order=table["answers"].map({part: place for place, part in enumerate(parts)})
    )
    base = alt.Chart(ordered)
    y = alt.Y("model:N", title=None, sort=models, axis=alt.Axis(ticks=False, domain=False))
    bar = base.mark_bar(height={"band": 0.62}).encode(
        x=alt.X(
            "value:Q",
            stack="zero",
            scale=alt.Scale(domain=[0, 1]),
            axis=axis_of("percent", "Share of answers"),
        ),
        y=y,
        order="order:O",
        color=alt.Color(
            "answers:N",
            title=None,
            sort=parts,
            scale=alt.Scale(domain=parts, range=["#9AA5B8", theme.SERIES[1], theme.SERIES[0]]),
        ),
        tooltip=tooltips(
            ("model:N", "Model"),
            ("answers:N", "Answers"),
            ("shown:N", "Share"),
            ("asked:Q", "Asked"),
        ),
    )
    return alt.layer(bar).properties(
        width=theme.WIDTH, height=34 * len(models), description=description
    )


def rules(table: pd.DataFrame, *, shapes: Mapping[str, str], description: str) -> AnyChart:
    """The same answers under every scoring rule: how far the rule alone moves the score.

    `shapes`: of the mark of each rule, by its name.
    """
    models, names = list(dict.fromkeys(table["model"])), list(shapes)
    base = alt.Chart(table)
    y = alt.Y("model:N", title=None, sort=models, axis=bands())
    offset = alt.YOffset("rule:N", sort=names)
    x = alt.X("value:Q", scale=scale_of("score"), axis=axis_of("score", "Bias score"))
    shape = alt.Shape(
        "rule:N",
        title="Scoring rule",
        sort=names,
        scale=alt.Scale(domain=names, range=list(shapes.values())),
    )
    colour = alt.Color(
        "rule:N",
        title="Scoring rule",
        sort=names,
        scale=alt.Scale(domain=names, range=[*theme.SERIES, "#6B7280"]),
    )
    bar = base.mark_rule(strokeWidth=1.5, opacity=0.7).encode(
        x=alt.X("low:Q"), x2="high:Q", y=y, yOffset=offset, color=colour
    )
    dot = base.mark_point(filled=True, size=60, opacity=1).encode(
        x=x,
        y=y,
        yOffset=offset,
        shape=shape,
        color=colour,
        tooltip=tooltips(
            ("model:N", "Model"),
            ("rule:N", "Scoring rule"),
            ("shown:N", "Bias score"),
            ("interval:N", "95% interval"),
            ("accuracy:N", "Accuracy"),
            ("n:Q", "Answers it rests on"),
            ("n_questions:Q", "Unique questions"),
        ),
    )
    return alt.layer(*reference(0.0), bar, dot).properties(
        width=theme.WIDTH, height=64 * len(models), description=description
    )


def shares_drawn(table: pd.DataFrame) -> list[float]:
    """The shares to draw, in steps of 5%: all of the table's, and enough on either side of an even
    choice (of three letters 20% to 50%) that letters stay apart.
    """
    even = 1 / table["letter"].nunique()
    known = pd.concat([table["value"], table["right here"]]).dropna().astype("float64")
    # A letter is drawn around its value and needs some room at either end.
    low, high = min([even - 0.118, *known]) - 0.015, max([even + 0.151, *known]) + 0.015
    return [max(0.0, math.floor(low * 20 + 1e-9) / 20), min(1.02, math.ceil(high * 20 - 1e-9) / 20)]


def positions(table: pd.DataFrame, *, description: str) -> AnyChart:
    """The letter chosen (as a letter) beside how often that letter is right (as a tick)."""
    models, letters = list(dict.fromkeys(table["model"])), sorted(set(table["letter"]))
    base = alt.Chart(table)
    y = alt.Y("model:N", title=None, sort=models, axis=bands())
    offset = alt.YOffset("letter:N", sort=letters)
    scale = alt.Scale(domain=shares_drawn(table), nice=False, zero=False)
    tooltip = tooltips(
        ("model:N", "Model"),
        ("letter:N", "Letter"),
        ("shown:N", "Chosen"),
        ("right here, shown:N", "Right"),
        ("n:Q", "Answers"),
        ("n_questions:Q", "Unique questions"),
    )
    tick = base.mark_tick(thickness=2, size=19, color=theme.INK, opacity=0.4).encode(
        x=alt.X("right here:Q", scale=scale), y=y, yOffset=offset, tooltip=tooltip
    )
    line = base.mark_rule(strokeWidth=1.5, opacity=0.5, color=theme.SERIES[0]).encode(
        x=alt.X("right here:Q", scale=scale), x2="value:Q", y=y, yOffset=offset, tooltip=tooltip
    )
    letter = base.mark_text(fontWeight=700, fontSize=13, fill=theme.SERIES[0]).encode(
        x=alt.X("value:Q", scale=scale, axis=axis_of("percent", "Share of answers")),
        y=y,
        yOffset=offset,
        text="letter:N",
        tooltip=tooltip,
    )
    step = max(68, 24 * len(letters))
    return alt.layer(line, tick, letter).properties(
        width=theme.WIDTH, height=step * len(models), description=description
    )
