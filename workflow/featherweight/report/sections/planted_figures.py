"""The figures of what was planted, against what was measured: rates of choices, levels of chains.

One real row of the table of levels:

    Pocket, solver | Level 2 | 68.0% | 67.5% | 58.5% to 75.4% | 480 | 30 | 0.0% | -0.5 points | yes
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from featherweight.records import ALL, KnownValue
from featherweight.report import frames, graded_charts, model_charts, shown, theme
from featherweight.report.inputs import Inputs
from featherweight.report.parts import Figure
from featherweight.report.sections import instrument


def levels(inputs: Inputs) -> list[Figure]:
    """Planted against measured accuracy by level, a figure for each graded task that has any."""
    made = []
    for task in inputs.graded_tasks:
        own = [row for row in instrument.planted_rates(inputs) if row.task == task]
        table = frame(inputs, own)
        if not len(table) or not table["value"].notna().any():
            continue
        known = [row for row in own if row.expected is not None]
        table["level"] = [inputs.questions(task, row.stratum) for row in known]
        table["above"] = [_above(inputs, row) for row in known]
        # Names stand left and right in turn, that of the highest left: so they keep apart.
        ranks = table["planted"].rank(method="first", ascending=False).astype(int)
        table["side"] = ["right" if rank % 2 else "left" for rank in ranks]
        kinds = {instrument.by_table(inputs, row) for row in own}
        told = "; ".join(
            f"{one['model']}, {one['level']}: {one['planted shown']} planted, {one['shown']} found"
            for one in table.to_dict("records")
        )
        made.append(
            Figure(
                id=f"{shown.block(task)}-planted",
                title=f"{inputs.task_label(task)}: what was planted, and what was measured",
                lede=(
                    "The accuracy at each level follows in closed form from what was built into"
                    f" the model. On the dashed line planted and measured are equal{_misses(kinds)}"
                ),
                caption=frames.clustered(inputs, task) + _decides(kinds),
                chart=graded_charts.planted(
                    table,
                    description=f"Measured against planted accuracy, a point per level. {told}.",
                ),
                table=table,
                columns=(
                    ("model", "Model"),
                    ("level", "Level"),
                    ("planted shown", "Planted"),
                    ("shown", "Measured"),
                    *frames.BEHIND,
                    *((("above", "Right minus planted, 95%"),) if True in kinds else ()),
                    ("noticed", "Smallest shift noticed"),
                    ("recovered", "Recovered"),
                ),
                section="instrument",
            )
        )
    return made


def _misses(kinds: set[bool]) -> str:
    """What a bar beside the line means, where bars decide; `kinds`: whether by table."""
    return "." if True in kinds else "; a bar that misses it is a level that was not recovered."


def _decides(kinds: set[bool]) -> str:
    """What decides where a table was planted; `kinds`: whether by table."""
    if True not in kinds:
        return ""
    values = " A value that was planted by itself is judged by its bar." if False in kinds else ""
    return (
        " Where a table was planted, the bars, which say how far accuracy moves with the problems"
        f" drawn, do not decide whether a level was recovered: {instrument.BY_PROBLEM}.{values}"
    )


def _above(inputs: Inputs, row: KnownValue) -> str:
    """Right minus planted with its interval, where a table was planted; the check rests on it."""
    if not instrument.by_table(inputs, row):
        return "judged by the bar"
    above = inputs.estimate(row.model, row.task, ALL, row.stratum, "above_planted")
    if above is None or above.value is None:
        return theme.NO_DATA
    return f"{theme.points(above.value)} ({theme.bounds(above.low, above.high, 'percent')})"


def rates(inputs: Inputs) -> Figure | None:
    """Planted against measured rates; None where the study has no such model with a result. What
    was planted for a graded task stands in `levels`.
    """
    own = [row for row in instrument.planted_rates(inputs) if not inputs.graded(row.task)]
    table = frame(inputs, own)
    if not len(table) or not table["value"].notna().any():
        return None
    first = own[0]
    name = inputs.metric_words(first.task, first.metric).title.lower()
    where = " and ".join(
        dict.fromkeys(shown.questions(inputs, row.task, row.stratum) for row in own)
    )
    description = (
        f"Measured {name} against the rate that was planted, one point with a 95% interval"
        " per pocket model. "
        + "; ".join(
            f"{r.model}: planted {r.planted:.0%}, measured {r.shown}" for r in table.itertuples()
        )
        + "."
    )
    return Figure(
        id="planted",
        title="What was planted, and what was measured",
        lede=(
            "On the dashed line the two are equal. A bar that misses the line is a rate that was"
            " not recovered."
        ),
        caption=(
            f"{where[:1].upper()}{where[1:]}, all categories. Models with the same planted rate"
            f" are drawn side by side. {frames.clustered(inputs, first.task)}"
        ),
        chart=model_charts.planted(table, name=name, description=description),
        table=table,
        columns=(
            ("model", "Model"),
            ("planted shown", "Planted"),
            ("shown", "Measured"),
            *frames.BEHIND,
            ("noticed", "Smallest shift noticed"),
            ("recovered", "Planted rate inside"),
        ),
    )


def frame(inputs: Inputs, rates: Sequence[KnownValue]) -> pd.DataFrame:
    """Planted against measured rates; `drawn_at` sets points with the same planted rate side by
    side.
    """
    rows: list[shown.Row] = []
    shared: dict[tuple[str, float], int] = {}
    for entry in rates:
        if entry.expected is None:
            continue
        place = shared.setdefault((entry.task, entry.expected), 0)
        shared[(entry.task, entry.expected)] += 1
        unread = inputs.unread(entry.model, entry.task, ALL, entry.stratum)
        rows.append(
            {
                "model": inputs.label(entry.model),
                "task": inputs.task_label(entry.task),
                "planted": entry.expected,
                "planted shown": theme.percent(entry.expected),
                "drawn_at": entry.expected + 0.018 * place,
                "value": entry.value,
                "low": entry.low,
                "high": entry.high,
                "shown": theme.percent(entry.value),
                "interval": theme.interval(entry.low, entry.high, "percent"),
                "n": entry.n,
                "n_questions": entry.n_questions,
                "noticed": theme.size(entry.detectable, "percent"),
                "unread shown": theme.percent(unread),
                "recovered": {True: "yes", False: "no", None: theme.NO_DATA}[entry.inside],
            }
        )
    return frames.frame(rows)
