"""The figures of how answers were read: what was lost, and whether option position matters."""

from __future__ import annotations

from collections.abc import Sequence

from featherweight.records import ALL
from featherweight.report import frames, model_charts, shown, theme
from featherweight.report.inputs import Inputs
from featherweight.report.parts import Figure

FEW = 3  # names of equal shares that a sentence lists


def anchor(inputs: Inputs, task: str) -> str:
    """The id of the figure of what was lost."""
    if inputs.graded(task):
        return f"{shown.block(task)}-reading"
    return shown.anchor(inputs, task, "reading")


def lost(inputs: Inputs, task: str) -> list[Figure]:
    """Shares of answers that were read, could not be read, or were cut off."""
    table = frames.reading(inputs, task)
    said = _most_lost(inputs, task)
    return [
        Figure(
            id=anchor(inputs, task),
            title=shown.titled(inputs, task, "Answers that could not be read or were cut off"),
            lede=said,
            caption=_caption(inputs, task),
            chart=model_charts.reading(
                table, description=f"Shares of answers read, not readable, not finished. {said}"
            ),
            table=table,
            columns=(
                ("model", "Model"),
                ("answers", "Answers"),
                ("shown", "Share"),
                ("asked", "Asked"),
            ),
        )
    ]


def most_lost(inputs: Inputs, task: str) -> tuple[float, tuple[str, ...]] | None:
    """The largest share of answers that a model of the task lost, and every model that lost as
    much; None where it is not known of any."""
    unread = {model: inputs.unread(model, task, ALL, ALL) for model in inputs.models_of(task)}
    known = {model: share for model, share in unread.items() if share is not None}
    if not known:
        return None
    most = max(known.values())
    return most, tuple(one for one, share in known.items() if share >= most - theme.ROUNDING)


def named(inputs: Inputs, models: Sequence[str]) -> str:
    """The models of one share; where they are many, the first and how many others."""
    labels = [inputs.label(one) for one in models]
    if len(labels) <= FEW:
        return theme.listed(labels)
    return f"{', '.join(labels[: FEW - 1])} and {len(labels) - FEW + 1} others"


def _most_lost(inputs: Inputs, task: str) -> str:
    most = most_lost(inputs, task)
    if most is None:
        return "There is no data."
    share, who = most
    if share == 0:
        return "Every answer was finished and could be read."
    each = "" if len(who) == 1 else " of each"
    return f"Most answers lost: {named(inputs, who)}, {theme.share(share)}{each}."


def _caption(inputs: Inputs, task: str) -> str:
    if inputs.by_likelihood(task):
        return (
            "All questions. Not readable: two options were equally likely, or a log-likelihood was"
            " not finite."
        )
    if inputs.graded(task):
        return (
            f"All problems. Not finished: after {inputs.token_limit(task)}, or where the"
            " text ends, a thought or the box of the answer is still open. Not readable: no answer"
            " was found, or grading it took more than its limits. Both count as wrong."
        )
    return f"All questions. Not finished: no answer within {inputs.token_limit(task)}."


def positions(inputs: Inputs, task: str) -> list[Figure]:
    """How often each letter is chosen beside how often it is right; nothing without letters."""
    table = frames.positions(inputs, task)
    if not len(table):
        return []
    chart = model_charts.positions(
        table,
        description=(
            "Share of answers by letter chosen, beside the share in which that letter is right,"
            " by model."
        ),
    )
    return [
        Figure(
            id=shown.anchor(inputs, task, "positions"),
            title=shown.titled(inputs, task, "Does option position matter?"),
            lede=(
                "Options are rotated: a model that reads them chooses a letter about as often as"
                " that letter is right."
            ),
            caption=(
                "Letter: how often it was chosen. Tick: how often it was right. Among answers that"
                " could be read; the axis shows only the part where they lie."
            ),
            chart=chart,
            table=table,
            columns=(
                ("model", "Model"),
                ("letter", "Letter"),
                ("shown", "Chosen"),
                ("right here, shown", "Right"),
                ("n", "Answers"),
                ("n_questions", "Unique questions"),
                frames.UNREAD,
                ("accuracy", "Accuracy where right"),
                ("interval", "Its 95% interval"),
                ("n accuracy", "Its answers"),
            ),
        )
    ]
