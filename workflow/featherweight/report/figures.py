"""The figures of the page in reading order: chart, words, and the table that says the same without
a picture.

A figure whose table is empty is not made: nothing is drawn from no data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from featherweight.report import charts, frames, model_charts, theme
from featherweight.report.inputs import Inputs


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure, its words, and the table behind it."""

    id: str
    title: str
    lede: str  # what to see, above the chart
    caption: str  # what is drawn and where it is from, below it
    chart: charts.AnyChart
    table: pd.DataFrame
    columns: Sequence[tuple[str, str]]  # (column, heading) of the table that is shown
    least_width: int  # below this many pixels the chart scrolls in its own box
    fits: bool = True  # whether its width follows the page

    @property
    def description(self) -> str:
        """The text for those who cannot see the chart."""
        return str(self.chart["description"])


UNREAD = ("unread shown", "Unread")
BEHIND = (
    ("interval", "95% interval"),
    ("n", "Answers"),
    ("n_questions", "Unique questions"),
    UNREAD,
)  # what stands beside every score
SCORE_COLUMNS = (
    ("model", "Model"),
    ("category", "Category"),
    ("shown", "Value"),
    ("interval", "95% interval"),
    ("n", "Answers"),
    ("n_questions", "Unique questions"),
    ("templates", "Templates"),
    UNREAD,
)
FEW = 3  # names of equal values that a sentence lists
CLUSTERED = "Bars are 95% intervals, clustered by template."


def make_figures(inputs: Inputs) -> list[Figure]:
    """Every figure that the study has data for."""
    made: list[Figure] = []
    if inputs.models:
        for task in inputs.main_tasks:
            groups = inputs.groups(task)
            if not groups:
                continue
            made += [_accuracy(inputs, task, condition) for condition in ("ambig", "disambig")]
            made += [_bias(inputs, task, condition) for condition in ("ambig", "disambig")]
            made += [
                _pairs(inputs, task),
                _reading(inputs, task),
                _policies(inputs, task),
                _positions(inputs, task),
            ]
    return [figure for figure in made if len(figure.table)]


def planted_figure(inputs: Inputs) -> Figure | None:
    """Planted against measured; None where the study has no pocket model with a result."""
    table = frames.planted(inputs)
    if not len(table) or not table["value"].notna().any():
        return None
    description = (
        "Measured stereotype rate against the rate that was planted, one point with a 95% interval"
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
            "Ambiguous questions, all categories. Models with the same planted rate are drawn side"
            " by side. "
        )
        + CLUSTERED,
        chart=model_charts.planted(table, description=description),
        table=table,
        columns=(
            ("model", "Model"),
            ("planted shown", "Planted"),
            ("shown", "Measured"),
            *BEHIND,
            ("noticed", "Smallest shift noticed"),
            ("recovered", "Planted rate inside"),
        ),
        least_width=340,
    )


def _named(inputs: Inputs, task: str, name: str) -> str:
    """An id that stays unique where a study has several tasks."""
    return name if len(inputs.main_tasks) == 1 else f"{name}-{task}"


def _titled(inputs: Inputs, task: str, title: str) -> str:
    return (
        title
        if len(inputs.main_tasks) == 1
        else f"{inputs.task_label(task)}: {title[:1].lower()}{title[1:]}"
    )


def _extremes(table: pd.DataFrame, kind: str) -> str:
    """The highest and the lowest value in words."""
    known = table.dropna(subset=["value"])
    if not len(known):
        return "There is no data."
    if known["value"].nunique() == 1:
        alike = theme.number(float(known["value"].iloc[0]), kind)
        return f"Every value is {alike}." if len(known) > 1 else f"{alike}."
    ordered = known.sort_values("value", kind="stable").to_dict("records")
    top, bottom = ordered[-1], ordered[0]
    words = [
        f"{which} {_named_alike(known, float(row['value']))},"
        f" {theme.number(float(row['value']), kind)}"
        for which, row in (("Highest:", top), ("lowest:", bottom))
    ]
    return "; ".join(words) + "."


def _named_alike(known: pd.DataFrame, value: float) -> str:
    """Every model and category with this value, in the order of the page; the rest is counted where
    there are many.
    """
    alike = [f"{row.model} on {row.category}" for row in known.itertuples() if row.value == value]
    if len(alike) > FEW:
        return f"{' and '.join(alike[: FEW - 1])} and {len(alike) - FEW + 1} others"
    return " and ".join(alike)


def _kind(condition: str) -> str:
    return theme.CONDITIONS[condition].lower()


def _accuracy(inputs: Inputs, task: str, condition: str) -> Figure:
    table = frames.scores(inputs, task, condition, "accuracy")
    table["unread shown"] = [
        theme.percent(None if pd.isna(v) else float(v)) for v in table["unread"]
    ]
    published = frames.published_by_category(inputs, task, condition)
    many = len(inputs.models) > theme.MANY
    says = (
        "does not say: the right answer is that one cannot know"
        if condition == "ambig"
        else "gives the answer"
    )
    caption = f"{CLUSTERED} Dashed: chance, one in three."
    if len(published) and not many:
        names = ", ".join(dict.fromkeys(f"{r.model} ({r.source})" for r in published.itertuples()))
        caption += f" Hollow diamonds: {names}, the same questions in another prompt format."
    extremes = _extremes(table, "percent")
    return Figure(
        id=_named(inputs, task, f"accuracy-{condition}"),
        title=_titled(inputs, task, f"Accuracy where the text {says.split(':')[0]}"),
        lede=f"{theme.CONDITIONS[condition]} questions: the text {says}. {extremes}",
        caption=caption,
        chart=charts.scores(
            table,
            published,
            kind="percent",
            title="Accuracy",
            description=(
                f"Accuracy with 95% intervals by category, {_kind(condition)} questions. {extremes}"
            ),
        ),
        table=table,
        columns=SCORE_COLUMNS,
        least_width=700 if many else 340,
        fits=not many,
    )


def _bias(inputs: Inputs, task: str, condition: str) -> Figure:
    table = frames.scores(inputs, task, condition, theme.BIAS_METRIC[condition])
    table["unread shown"] = [
        theme.percent(None if pd.isna(v) else float(v)) for v in table["unread"]
    ]
    extremes = _extremes(table, "score")
    if not table["value"].notna().any():
        extremes = "Here no answer named a person, so there is nothing to score."
    where = "the text does not say" if condition == "ambig" else "the text gives the answer"
    formula = "2 × biased answers ÷ answers that name a person − 1"
    formula = f"(1 − accuracy) × ({formula})" if condition == "ambig" else formula
    return Figure(
        id=_named(inputs, task, f"bias-{condition}"),
        title=_titled(inputs, task, f"Bias where {where}"),
        lede=f"+1 is always with the stereotype, −1 always against it, 0 neither. {extremes}",
        caption=(
            f"{formula}, {_kind(condition)} questions (Parrish et al. 2022). The small figures are"
            " 95% intervals. “No data”: no answer named a person."
        ),
        chart=charts.heat(
            table,
            description=(
                f"Bias score from −1 to +1 by category and model, {_kind(condition)} questions."
                f" {extremes}"
            ),
        ),
        table=table,
        columns=SCORE_COLUMNS,
        least_width=170 + 92 * len(inputs.models),
    )


def _pairs(inputs: Inputs, task: str) -> Figure:
    table = frames.pairs(inputs, task)
    comparable = any(row["comparable"] == "yes" for row in inputs.published if row["task"] == task)
    published = "Published" in set(table["whose"])
    lede = (
        "A model that abstains too readily is right on ambiguous questions and wrong on"
        " disambiguated ones: read the two together."
    )
    caption = "Filled marks: this run, with 95% intervals. Dashed: chance."
    if published:
        caption += " Hollow marks: figures printed by others for BBQ, with sources in the table"
        caption += (
            "; prompts, which nobody published, move this benchmark by tens of points: only large"
            " gaps mean anything."
            if comparable
            else (
                "; they answer BBQ's questions, this run answers other ones: shown for scale, not"
                " comparable."
            )
        )
    names = len(set(table["model"]))
    return Figure(
        id=_named(inputs, task, "pairs"),
        title=_titled(
            inputs,
            task,
            "Both accuracies together" + (", beside published models" if published else ""),
        ),
        lede=lede,
        caption=caption,
        chart=model_charts.pairs(
            table,
            description=(
                "Accuracy on ambiguous and disambiguated questions, two marks on a line for"
                f" {names} models."
            ),
        ),
        table=table,
        columns=(
            ("model", "Model"),
            ("questions", "Questions"),
            ("shown", "Accuracy"),
            *BEHIND,
            ("source", "Source"),
        ),
        least_width=340,
    )


def _reading(inputs: Inputs, task: str) -> Figure:
    table = frames.reading(inputs, task)
    unread = {model: inputs.unread(model, task, "all", "both") for model in inputs.models}
    known = {model: share for model, share in unread.items() if share is not None}
    if not known:
        lede = "There is no data."
    else:
        worst = max(known, key=lambda model: known[model])
        lede = f"Most answers lost: {inputs.label(worst)}, {theme.percent(known[worst])}."
        if known[worst] == 0:
            lede = "Every answer was finished and could be read."
    return Figure(
        id=_named(inputs, task, "reading"),
        title=_titled(inputs, task, "Answers that could not be read or were cut off"),
        lede=lede,
        caption=_unread_caption(inputs, task),
        chart=model_charts.reading(
            table, description=f"Shares of answers read, not readable, not finished. {lede}"
        ),
        table=table,
        columns=(
            ("model", "Model"),
            ("answers", "Answers"),
            ("shown", "Share"),
            ("asked", "Asked"),
        ),
        least_width=340,
    )


def _unread_caption(inputs: Inputs, task: str) -> str:
    if inputs.by_likelihood(task):
        return (
            "All questions. Not readable: two options were equally likely, or a log-likelihood was"
            " not finite."
        )
    return (
        "All questions. Not finished: no answer within"
        f" {inputs.spec.get('max_new_tokens', 'the limit of')} tokens."
    )


def _policies(inputs: Inputs, task: str) -> Figure:
    table = frames.policies(inputs, task, "ambig")
    known = table.dropna(subset=["value"])
    spans = known.groupby("model", sort=False)["value"].agg(lambda v: v.max() - v.min())
    lede = "There is no data."
    if len(spans):
        lede = (
            f"Over all five rules the score of the same answers moves by up to {spans.max():.2f}"
            f" ({spans.idxmax()})."
        )
        if spans.max() < 0.005:
            lede = "Here the rule makes no difference."
    return Figure(
        id=_named(inputs, task, "policies"),
        title=_titled(inputs, task, "The same answers under other scoring rules"),
        lede=(
            "Tools differ in what they do with unread answers and in how they define the bias"
            f" score. {lede}"
        ),
        caption=(
            "Bias score on ambiguous questions, all categories. This page uses:"
            f" {theme.POLICIES[inputs.policy]}. The first three differ only in what is done with"
            " unread answers. HELM and lm-evaluation-harness also define the score differently"
            " (HELM scales it with the accuracy on all questions; lm-evaluation-harness gives 0"
            " where no answer is biased); here by their definitions, not their code."
        ),
        chart=model_charts.policies(
            table, description=f"Ambiguous bias score of each model under five rules. {lede}"
        ),
        table=table,
        columns=(
            ("model", "Model"),
            ("rule", "Scoring rule"),
            ("shown", "Bias score"),
            ("interval", "95% interval"),
            ("accuracy", "Accuracy"),
            ("n", "Answers"),
            ("n_questions", "Unique questions"),
            UNREAD,
        ),
        least_width=340,
    )


def _positions(inputs: Inputs, task: str) -> Figure:
    table = frames.positions(inputs, task)
    return Figure(
        id=_named(inputs, task, "positions"),
        title=_titled(inputs, task, "Does the place of an answer matter?"),
        lede=(
            "Options are rotated: a model that reads them chooses a letter about as often as that"
            " letter is right."
        ),
        caption=(
            "Letter: how often it was chosen. Tick: how often it was right. Among answers that"
            " could be read; the axis shows only the part where they lie."
        ),
        chart=model_charts.positions(
            table,
            description=(
                "Share of answers by letter chosen, beside the share in which that letter is right,"
                " by model."
            ),
        ),
        table=table,
        columns=(
            ("model", "Model"),
            ("letter", "Letter"),
            ("shown", "Chosen"),
            ("right here, shown", "Right"),
            ("n", "Answers"),
            ("n_questions", "Unique questions"),
            UNREAD,
            ("accuracy", "Accuracy where right"),
            ("interval", "Its 95% interval"),
            ("n accuracy", "Its answers"),
        ),
        least_width=340,
    )
