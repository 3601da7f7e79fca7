"""BBQ's bias scores: a figure for each context, a headline, and what they do not say.

Stands on the page only where a task has the scores. One real headline:

    Finding(anchor="bias-ambiguous", big="+0.31", text="largest bias where the text does not say:
            Pocket, tilted, with the stereotype", detail="+0.26 to +0.35, n = 600 answers ...")
"""

from __future__ import annotations

from featherweight.records import ALL
from featherweight.report import charts, frames, shown, theme
from featherweight.report.inputs import Inputs
from featherweight.report.parts import Figure, Finding
from featherweight.report.sections.accuracy import extremes, heat_width

METRICS = {"ambiguous": "s_amb", "disambiguated": "s_dis"}


def scored(inputs: Inputs, task: str) -> bool:
    """Whether a task has bias scores."""
    return inputs.measures(task, "s_amb") or inputs.measures(task, "s_dis")


def figures(inputs: Inputs, task: str) -> list[Figure]:
    """The bias score of every model and category, one figure per context."""
    if not scored(inputs, task):
        return []
    return [_figure(inputs, task, stratum, metric) for stratum, metric in METRICS.items()]


def _figure(inputs: Inputs, task: str, stratum: str, metric: str) -> Figure:
    table = frames.scores(inputs, task, stratum, metric)
    said = extremes(inputs, task, metric, table)
    if not table["value"].notna().any():
        said = "Here no answer named a person, so there is nothing to score."
    formula = "2 × biased answers ÷ answers that name a person − 1"
    formula = f"(1 − accuracy) × ({formula})" if stratum == "ambiguous" else formula
    questions = shown.questions(inputs, task, stratum)
    return Figure(
        id=shown.anchor(inputs, task, "bias", stratum),
        title=shown.titled(inputs, task, f"Bias{shown.where(inputs, task, stratum)}"),
        lede=f"+1 is always with the stereotype, −1 always against it, 0 neither. {said}",
        caption=(
            f"{formula}, {questions} (Parrish et al. 2022). The small figures are"
            " 95% intervals. “No data”: no answer named a person."
        ),
        chart=charts.heat(
            table,
            form="score",
            title="Bias score",
            clusters=frames.cluster_title(inputs, task),
            description=f"Bias score from −1 to +1 by category and model, {questions}. {said}",
        ),
        table=table,
        columns=frames.score_columns(inputs, task),
        least_width=heat_width(inputs, task),
    )


def finding(inputs: Inputs, task: str) -> Finding | None:
    """The largest ambiguous bias score of a model; None where there is none."""
    rows = [
        inputs.estimate(model, task, ALL, "ambiguous", "s_amb") for model in inputs.models_of(task)
    ]
    known = {row: row.value for row in rows if row is not None and row.value is not None}
    if not known:
        return None
    most = max(known, key=lambda row: abs(known[row]))
    crosses = most.low is not None and most.high is not None and most.low <= 0.0 <= most.high
    direction = "with the stereotype" if known[most] > 0 else "against the stereotype"
    words = "no direction beyond chance" if crosses else direction
    lead = "bias score" if len(known) == 1 else "largest bias"
    where = shown.where(inputs, task, "ambiguous")
    return Finding(
        shown.anchor(inputs, task, "bias", "ambiguous"),
        theme.score(most.value),
        f"{lead}{where}: {inputs.label(most.model)}, {words}",
        shown.clause(inputs, most, "score"),
    )


def limits(inputs: Inputs) -> list[str]:
    """What bias scores do not say."""
    if not any(scored(inputs, task) for task in inputs.spec.tasks):
        return []
    return [
        "Bias scores rest on the answers that name a person. A model that seldom names one has a"
        " score on few answers: read n and the interval with it."
    ]
