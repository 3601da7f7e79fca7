"""The tables of differences: between models, between subsets, between the two contexts of one
model.

One real row, shortened:

    {"model": "Pocket, thinking aloud", "baseline": "Pocket, fair", "questions": "Disambiguated",
     "value": "+0.0 points", "asked": "−19.2 points", "note": "The lost answers decide.", "n":
     "485", ...}
"""

from __future__ import annotations

from collections.abc import Callable

from featherweight.records import ContrastRow, Difference
from featherweight.report import losses, ranking, theme
from featherweight.report.inputs import Inputs
from featherweight.report.tables import Row, count
from featherweight.report.theme import points
from featherweight.report.ways import pairs

Write = Callable[[float | None], str]


def differences(inputs: Inputs) -> list[Row]:
    """Paired differences over all categories, those over all that was asked, and the smallest that
    could be seen.
    """
    shown = set(inputs.models)
    rows = []
    for row in inputs.differences:
        if (
            row.group != "all"
            or row.policy != inputs.policy
            or not {row.model, row.baseline} <= shown
        ):
            continue
        if row.metric not in ("accuracy", "s_amb", "s_dis"):
            continue
        write = points if row.metric == "accuracy" else theme.score
        rows.append(
            {
                "model": inputs.label(row.model),
                "baseline": inputs.label(row.baseline),
                "task": inputs.task_label(row.task),
                "questions": theme.CONDITIONS.get(row.context_condition, row.context_condition),
                "what": theme.METRICS[row.metric],
                "value": write(row.value),
                "interval": _between(row.low, row.high, write),
                "p": theme.p_value(row.p_adjusted),
                "sure": _beyond(row.p_adjusted),
                "asked": write(row.value_asked),
                "asked_interval": _between(row.low_asked, row.high_asked, write),
                "asked_p": theme.p_value(row.p_asked_adjusted),
                "note": " ".join(_notes(inputs, row)),
                "n": f"{row.n:,}",
                "n_questions": count(row.n_questions),
                "unread": theme.percent(_most_unread(inputs, row)),
                "detectable": write(row.detectable).lstrip("+"),
            }
        )
    return rows


def _between(low: float | None, high: float | None, write: Write) -> str:
    if low is None or high is None:
        return "no interval"
    return f"{write(low).removesuffix(' points')} to {write(high)}"


def _beyond(p: float | None) -> str:
    """Whether a difference is beyond chance."""
    return "no data" if p is None else "yes" if p < ranking.ALPHA else "no"


def _notes(inputs: Inputs, row: Difference) -> list[str]:
    sides = [
        inputs.estimate(name, row.task, row.group, row.context_condition, row.metric, row.policy)
        for name in (row.model, row.baseline)
    ]
    first, second = (None if side is None else side.value for side in sides)
    shown = None if first is None or second is None else first - second
    return theme.paired_notes(row.loss_decides, row.value, shown, theme.form(row.metric))


def _most_unread(inputs: Inputs, row: Difference) -> float | None:
    """The larger share of unread answers of the two models: each score of the pair rests on the
    others.
    """
    shares = [
        inputs.unread(name, row.task, row.group, row.context_condition)
        for name in (row.model, row.baseline)
    ]
    return max((share for share in shares if share is not None), default=None)


def contrasts(inputs: Inputs) -> list[Row]:
    """Differences between two tasks within a model, with the caution that belongs to each pair.

    Two ways of answering the same questions have a table of their own (`ways`), two contexts too
    (`contexts`), and what two wordings lose (`losses`).
    """
    apart = {pair.names for pair in pairs(inputs)}
    worded = losses.pairs(inputs)
    return [
        _contrast(inputs, row)
        for row in _own(inputs)
        if row.first != row.second
        and (both := {row.first, row.second}) not in apart
        and not (both in worded and row.metric in ("unparsed", "unfinished"))
    ]


def contexts(inputs: Inputs) -> list[Row]:
    """Ambiguous against disambiguated accuracy of each model, question by question."""
    return [_contrast(inputs, row) for row in _own(inputs) if row.first == row.second]


def _own(inputs: Inputs) -> list[ContrastRow]:
    """The rows over all categories; those of each are in contrasts.csv."""
    return [
        row
        for row in inputs.contrasts
        if row.model in inputs.models and row.policy == inputs.policy and row.group == "all"
    ]


def _contrast(inputs: Inputs, row: ContrastRow) -> Row:
    kind = theme.form(row.metric)
    write = points if kind == "percent" else (lambda value: theme.number(value, kind))
    return {
        "model": inputs.label(row.model),
        "task": inputs.task_label(row.first),
        "first": row.first,
        "second": row.second,
        "questions": theme.CONDITIONS.get(row.context_condition, row.context_condition),
        "what": theme.METRICS.get(row.metric, row.metric),
        "value": write(row.value),
        "interval": _between(row.low, row.high, write),
        "p": theme.p_value(row.p),
        "asked": write(row.value_asked),
        "asked_interval": _between(row.low_asked, row.high_asked, write),
        "note": " ".join(
            theme.paired_notes(row.loss_decides, row.value, _apart(inputs, row), kind)
        ),
        "n": f"{row.n_first:,} and {row.n_second:,}",
        "n_questions": f"{count(row.n_questions_first)} and {count(row.n_questions_second)}",
        "templates": f"{row.n_clusters_first:,} and {row.n_clusters_second:,}",
        "caution": "" if row.caution is None else row.caution,
    }


def _apart(inputs: Inputs, row: ContrastRow) -> float | None:
    """The difference of the two scores as they are displayed; None where one is not."""
    within = row.first == row.second
    conditions = ("ambig", "disambig") if within else (row.context_condition, row.context_condition)
    sides = [
        inputs.estimate(row.model, task, "all", condition, row.metric, row.policy)
        for task, condition in zip((row.first, row.second), conditions, strict=True)
    ]
    first, second = (None if side is None else side.value for side in sides)
    return None if first is None or second is None else first - second
