"""The same answers under other scoring rules: what other tools would print as BBQ's bias score.

One real mark, shortened:

    model="Pocket, tilted" rule="HELM" value=0.24 low=0.19 high=0.29 accuracy="84.2%" n=1200
"""

from __future__ import annotations

import pandas as pd

from featherweight.records import ALL
from featherweight.report import frames, model_charts, shown, theme
from featherweight.report.inputs import Inputs
from featherweight.report.parts import Figure
from featherweight.report.sections.bias import scored

RULES = {
    "drop": "BBQ's authors, unread left out",
    "wrong": "the same, unread wrong",
    "unknown": "the same, unread “unknown”",
    "lm_eval": "lm-evaluation-harness",
    "helm": "HELM",
}
SHAPES = ("circle", "square", "diamond", "triangle-up", "cross")


def figures(inputs: Inputs, task: str) -> list[Figure]:
    """The ambiguous bias score of each model under every rule."""
    if not scored(inputs, task):
        return []
    table = frame(inputs, task)
    said = _widest(table)
    return [
        Figure(
            id=shown.anchor(inputs, task, "policies"),
            title=shown.titled(inputs, task, "The same answers under other scoring rules"),
            lede=(
                "Tools differ in what they do with unread answers and in how they define the bias"
                f" score. {said}"
            ),
            caption=(
                "Bias score on ambiguous questions, all categories. This page uses:"
                f" {RULES[inputs.policy(task)]}. The first three differ only in what is done with"
                " unread answers. HELM and lm-evaluation-harness also define the score differently"
                " (HELM scales it with the accuracy on all questions; lm-evaluation-harness gives"
                " 0 where no answer is biased); here by their definitions, not their code."
            ),
            chart=model_charts.rules(
                table,
                shapes=dict(zip(RULES.values(), SHAPES, strict=True)),
                description=f"Ambiguous bias score of each model under five rules. {said}",
            ),
            table=table,
            columns=(
                ("model", "Model"),
                ("rule", "Scoring rule"),
                ("shown", "Bias score"),
                ("interval", "95% interval"),
                ("accuracy", "Accuracy"),
                *frames.BEHIND[1:],
            ),
        )
    ]


def _widest(table: pd.DataFrame) -> str:
    known = table.dropna(subset=["value"])
    spans = known.groupby("model", sort=False)["value"].agg(lambda v: v.max() - v.min())
    if not len(spans):
        return "There is no data."
    if spans.max() < 0.005:
        return "Here the rule makes no difference."
    return (
        f"Over all five rules the score of the same answers moves by up to {spans.max():.2f}"
        f" ({spans.idxmax()})."
    )


def frame(inputs: Inputs, task: str) -> pd.DataFrame:
    """The bias score of each model under every policy for unread answers and under the definitions
    of other tools.
    """
    rows = []
    for model in inputs.models_of(task):
        unread = theme.percent(inputs.unread(model, task, ALL, "ambiguous"))
        for policy, words in RULES.items():
            score = inputs.estimate(model, task, ALL, "ambiguous", "s_amb", policy)
            accuracy = inputs.value(model, task, "ambiguous", "accuracy", policy)
            rows.append(
                {"model": inputs.label(model), "rule": words}
                | shown.mark(score, "score")
                | {"accuracy": theme.percent(accuracy), "unread shown": unread}
            )
    return frames.frame(rows)


def limit(inputs: Inputs) -> str:
    """Said after what becomes of unread answers, where the figure stands."""
    if not any(scored(inputs, task) for task in inputs.main_tasks):
        return ""
    return ", and the figure on other rules shows how much the choice matters"
