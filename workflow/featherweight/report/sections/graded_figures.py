"""The figures of a graded task: accuracy of each model beside published ones, by level, and by the
number of answers that are drawn.

One real row of the table of levels:

    model="Pocket, solver" level="Level 3" mark="this run" value=0.41 low=0.36 high=0.46
        shown="41.0%" interval="36.0% to 46.0%" n=2400 n_questions=150
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import pandas as pd

from featherweight.records import ALL, Estimate
from featherweight.report import frames, graded_charts, ranking, shown, theme
from featherweight.report.graded_charts import MEASURED, PLANTED, PUBLISHED
from featherweight.report.inputs import Inputs, PublishedRow
from featherweight.report.parts import Figure
from featherweight.report.sections import instrument, reading

NOTHING = "\N{EN DASH}"  # of a planted accuracy, which rests on no answers
BEHIND = (
    ("interval", "95% interval"),
    ("n shown", "Answers"),
    ("n_questions shown", "Unique questions"),
    frames.UNREAD,
)  # as `frames.BEHIND`
DRAWS = re.compile(r"(pass|maj)@(\d+)")
KINDS = {"pass": "any of k right", "maj": "majority of k right"}


def figures(inputs: Inputs, task: str) -> list[Figure]:
    """Every figure of a graded task that there are numbers for."""
    made = [_models(inputs, task), _levels(inputs, task), _by_k(inputs, task)]
    return [one for one in made if one is not None] + [
        one.within("graded") for one in reading.lost(inputs, task)
    ]


def in_order(inputs: Inputs, task: str) -> list[str]:
    """The models that were asked, the most accurate first."""
    ranked = ranking.ranking(inputs, task)
    first = [] if ranked is None else [one.model for one in ranked.standings]
    return list(dict.fromkeys([*first, *inputs.models_of(task)]))


def small(inputs: Inputs, task: str, stratum: str = ALL) -> int | None:
    """How many problems, where a count says more than a share; None where there are many."""
    return inputs.problems(task, stratum) if shown.is_small(inputs, task) else None


def ks(inputs: Inputs, task: str) -> list[tuple[str, int]]:
    """("pass", 4), ("maj", 4): the numbers of drawn answers that there are estimates of."""
    named = {row.metric for row in inputs.estimates if row.task == task}
    found = [match for name in named if (match := DRAWS.fullmatch(name)) is not None]
    return sorted((one[1], int(one[2])) for one in found)


def _measured(inputs: Inputs, model: str, task: str, stratum: str) -> Iterator[shown.Row]:
    """The rows of one model in one stratum: measured, and planted where it was."""
    estimate = inputs.estimate(model, task, ALL, stratum, "accuracy")
    own = {"model": inputs.label(model), "level": inputs.questions(task, stratum)}
    row = shown.mark(estimate, "percent")
    if estimate is not None and estimate.value is not None:
        row["shown"] = shown.counted_share(inputs, estimate)
    unread = theme.percent(inputs.unread(model, task, ALL, stratum))
    yield own | {"mark": MEASURED} | row | {"source": MEASURED, "unread shown": unread}
    value = inputs.value(model, task, stratum, "planted")
    if value is not None:
        planted = shown.mark(None, "percent") | {"value": value, "shown": theme.percent(value)}
        extra = {"interval": "exact", "source": "the planted table", "unread shown": NOTHING}
        yield own | {"mark": PLANTED} | planted | extra


def _published(inputs: Inputs, task: str) -> Iterator[shown.Row]:
    """Published accuracies that are marked to be drawn, lowest last."""
    ours = {inputs.label(name) for name in inputs.models_of(task)}
    rows = [row for row in frames.drawn(inputs, task, ALL) if row.category == ALL]
    for row in sorted(rows, key=lambda row: -(row.fraction or 0.0)):
        yield (
            {
                "model": row.model + (" (published)" if row.model in ours else ""),
                "level": inputs.questions(task, ALL),
                "mark": PUBLISHED,
            }
            | shown.mark(None, "percent")
            | {
                "value": row.fraction,
                "shown": shown.published(inputs, task, row.fraction),
                "interval": theme.NO_INTERVAL,
                "source": f"{row.source}; {row.setting}",
                "unread shown": "not published",
            }
        )


def _models(inputs: Inputs, task: str) -> Figure | None:
    rows = [row for model in in_order(inputs, task) for row in _measured(inputs, model, task, ALL)]
    others = list(_published(inputs, task))
    table = _counts(frames.frame([*rows, *others]))
    if not rows or not table["value"].notna().any():
        return None
    of = small(inputs, task)
    chance = inputs.chance(task, ALL)
    said = _said(inputs, task)
    return Figure(
        id=shown.block(task) + "-accuracy",
        title=f"{inputs.task_label(task)}: accuracy of each model"
        + (", beside published ones" if others else ""),
        lede=said,
        caption=_caption(inputs, task, table, chance),
        chart=graded_charts.models(
            table, at=chance, of=of, description=f"Accuracy with 95% intervals by model. {said}"
        ),
        table=table,
        columns=(
            ("model", "Model"),
            ("mark", "What"),
            ("shown", "Accuracy"),
            *BEHIND,
            ("source", "Source"),
        ),
        section="graded",
    )


def _counts(table: pd.DataFrame) -> pd.DataFrame:
    """The table with the numbers of answers and questions in words: none where an accuracy was
    planted, as its interval says."""
    if not len(table):
        return table
    planted = table["mark"] == PLANTED
    shown_as = {
        f"{name} shown": [
            NOTHING if exact else theme.count(None if pd.isna(number) else number)
            for exact, number in zip(planted, table[name], strict=True)
        ]
        for name in ("n", "n_questions")
    }
    return table.assign(**shown_as)


def _said(inputs: Inputs, task: str) -> str:
    """The highest of ours in words, with interval and n."""
    rows = [inputs.estimate(one, task, ALL, ALL, "accuracy") for one in in_order(inputs, task)]
    values = {id(row): row.value for row in rows if row is not None and row.value is not None}
    known = [row for row in rows if row is not None and id(row) in values]
    if not known:
        return "There is no data."
    known.sort(key=lambda row: -values[id(row)])
    best, worst, count = known[0], known[-1], len(known)
    if count == 1:
        clause = shown.clause(inputs, best, "percent")
        return f"{inputs.label(best.model)}: {shown.counted_share(inputs, best)}, {clause}."
    n = shown.rests_on(known)
    each = "" if n is None else f"; {n}"
    if len(set(values.values())) == 1:
        alike = shown.counted_share(inputs, best)
        spans = {_interval(row) for row in known}
        return f"All {count} models: {alike}{spans.pop() if len(spans) == 1 else ''}{each}."
    return f"Highest: {_named(inputs, best)}; lowest: {_named(inputs, worst)}{each}."


def _named(inputs: Inputs, estimate: Estimate) -> str:
    """Whose accuracy: "Strong 7B, 61.2%, 95% interval 54.0% to 68.0%"."""
    share = shown.counted_share(inputs, estimate)
    return f"{inputs.label(estimate.model)}, {share}{_interval(estimate)}"


def _interval(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return f", {theme.NO_INTERVAL}"
    return f", 95% interval {theme.interval(estimate.low, estimate.high, 'percent')}"


def _caption(inputs: Inputs, task: str, table: pd.DataFrame, chance: float | None) -> str:
    said = [
        "Filled circles: this run; answers that could not be read or were cut off count as wrong.",
        frames.clustered(inputs, task),
    ]
    marks = set(table["mark"])
    if PLANTED in marks:
        said.append(
            "Tick: the accuracy that follows, in closed form, from what was planted in the model."
        )
    if chance is not None:
        said.append(f"Dashed: chance, {theme.one_in(chance)}.")
    if PUBLISHED in marks:
        rows = frames.drawn(inputs, task, ALL)
        kept = all(row.comparable for row in rows)
        why = "" if kept else f" Not comparable: {'; '.join(_reasons(inputs, task))}."
        said.append(
            f"Hollow diamonds and the faint lines through them: {_printed(inputs, task, rows)}, in"
            f" their prompts, with sources in the table: only large gaps mean anything.{why}"
        )
    return " ".join(said)


def _printed(inputs: Inputs, task: str, rows: Sequence[PublishedRow]) -> str:
    """What others printed, as far as it is known: a mean over several answers shows where no whole
    number of problems gives the share; pass@1 may be one or not."""
    counts = [shown.published_count(inputs, task, row.fraction) for row in rows]
    if any(not shown.is_whole(*count) for count in counts if count is not None):
        return "accuracy as others printed it, some averaged over several answers to each problem"
    if any(row.metric == "pass@1" for row in rows):
        return "accuracy as others printed it, of one answer to each problem or a mean over several"
    return "one answer to each problem as others printed it"


def _reasons(inputs: Inputs, task: str) -> list[str]:
    rows = frames.drawn(inputs, task, ALL)
    return list(dict.fromkeys(row.why for row in rows if not row.comparable))


def _levels(inputs: Inputs, task: str) -> Figure | None:
    """Accuracy by level; None where the task has none."""
    levels = inputs.strata(task)
    if not levels:
        return None
    models = in_order(inputs, task)
    table = _counts(
        frames.frame(
            row
            for level in levels
            for model in models
            for row in _measured(inputs, model, task, level)
        )
    )
    if not len(table) or not table["value"].notna().any():
        return None
    sizes = {small(inputs, task, level) for level in levels}
    of = sizes.pop() if len(sizes) == 1 else None
    chance = inputs.chance(task, ALL)
    many = len(models) > theme.MANY
    said = _fall(inputs, task, models)
    return Figure(
        id=shown.block(task) + "-levels",
        title=f"{inputs.task_label(task)}: accuracy by level",
        lede=said,
        caption=_levels_caption(inputs, task, table, chance),
        chart=graded_charts.levels(
            table,
            at=chance,
            of=of,
            description=f"Accuracy with 95% intervals by level and model. {said}",
        ),
        table=table,
        columns=(
            ("level", "Level"),
            ("model", "Model"),
            ("mark", "What"),
            ("shown", "Accuracy"),
            *BEHIND,
        ),
        least_width=700 if many else 340,
        fits=not many,
        section="graded",
    )


def _fall(inputs: Inputs, task: str, models: list[str]) -> str:
    """How far the first model falls from the first level to the last, in words."""
    levels = inputs.strata(task)
    ends = [inputs.estimate(models[0], task, ALL, one, "accuracy") for one in levels]
    known = [one for one in ends if one is not None and one.value is not None]
    if len(known) < 2:
        return "Level 1 is the easiest."
    first, last = known[0], known[-1]
    n = shown.rests_on([first, last])
    return (
        f"{inputs.label(models[0])}: {shown.counted_share(inputs, first)} right at"
        f" {inputs.questions(task, first.stratum).lower()},"
        f" {shown.counted_share(inputs, last)} at"
        f" {inputs.questions(task, last.stratum).lower()}{'' if n is None else f'; {n}'}."
    )


def _levels_caption(inputs: Inputs, task: str, table: pd.DataFrame, chance: float | None) -> str:
    said = [frames.clustered(inputs, task)]
    if PLANTED in set(table["mark"]):
        said.append(
            "Ticks: planted, the accuracy that follows in closed form from what was built into the"
            f" model{_recovers(inputs, task)}."
        )
    if chance is not None:
        said.append(f"Dashed: chance, {theme.one_in(chance)}.")
    return " ".join(said)


def _recovers(inputs: Inputs, task: str) -> str:
    """What a bar says of its tick; nothing that decides where a table was planted."""
    rates = [row for row in instrument.planted_rates(inputs) if row.task == task]
    if any(instrument.by_table(inputs, row) for row in rates):
        return "; whether a level was recovered is judged problem by problem, not by its bar"
    return "; a bar that holds its tick recovers it" if rates else ""


def _by_k(inputs: Inputs, task: str) -> Figure | None:
    """Accuracy by the number of drawn answers; None where each problem was answered once."""
    table = by_k_frame(inputs, task)
    if not len(table):
        return None
    most = int(table["k"].max())
    many = table["model"].nunique() > theme.MANY
    return Figure(
        id=shown.block(task) + "-draws",
        title=f"{inputs.task_label(task)}: what more answers bring",
        lede=(
            "Solid: a problem counts where any of k answers is right, what a perfect choice among"
            " them would reach. Dashed: where the answer that most of them agree on is right."
        ),
        caption=(
            "Without bias from the answers that were drawn: pass@k by the estimator of Chen et al."
            " 2021, maj@k with ties shared. Answers that are equal count as one; what was not read"
            f" or not finished has no vote. Up to k = {most}. {frames.clustered(inputs, task)}"
        ),
        chart=graded_charts.by_k(
            table,
            of=small(inputs, task),
            description="Accuracy against the number of answers drawn for each problem, by model.",
        ),
        table=table,
        columns=(
            ("model", "Model"),
            ("kind", "What"),
            ("k", "k"),
            ("shown", "Accuracy"),
            ("interval", "95% interval"),
            ("n_questions", "Problems"),
        ),
        least_width=700 if many else 340,
        fits=not many,
        section="graded",
    )


def by_k_frame(inputs: Inputs, task: str) -> pd.DataFrame:
    """One row per model, kind and k; with k = 1, where both are the accuracy."""
    known = ks(inputs, task)
    kinds = list(dict.fromkeys(name for name, _ in known))
    metrics = {
        kind: [("accuracy", 1), *((f"{kind}@{k}", k) for name, k in known if name == kind)]
        for kind in sorted(kinds, reverse=True)
    }
    rows: list[shown.Row] = []
    for model in in_order(inputs, task):
        for kind, named in metrics.items():
            for metric, k in named:
                estimate = inputs.estimate(model, task, ALL, ALL, metric)
                if estimate is not None and estimate.value is not None:
                    rows.append(
                        {"model": inputs.label(model), "kind": KINDS[kind], "k": k}
                        | shown.mark(estimate, "percent")
                        | {"shown": shown.counted_share(inputs, estimate)}
                    )
    return frames.frame(rows) if rows else pd.DataFrame(rows)
