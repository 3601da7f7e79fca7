"""Whether the letter decides: how often each position is chosen, is right, and is chosen rightly.

Options are shown in rotated order, so that each letter is right about equally often and a model
without a liking for a letter chooses each about equally often. Tasks without options have no rows.
One real row, the first of three options:

    Position(model="pocket-fair", task="pocket", position=0, n=600, n_chosen=212, n_gold=198,
             accuracy=0.91, low=0.84, high=0.95, n_questions=310, n_accuracy=198)

Also `readings`: outcomes, reasons, rules and finishes, counted per model and task, answers that
take part in nothing included; reasons of answers that could not be read, and of no others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow.compute as pc

from featherweight.aggregate.load import Answered
from featherweight.records import Position
from featherweight.stats.clusters import clustered, interval
from featherweight.tasks.numbers import Rows

Readings = dict[str, dict[str, dict[str, int | dict[str, int]]]]


def positions(everything: Sequence[Answered], level: float) -> list[Position]:
    """A row for each position in which a right answer stood."""
    rows = []
    for answered in everything:
        shown = ~np.isnan(answered.gold_position) & answered.answers.inside
        for position in np.unique(answered.gold_position[shown]):
            rows.append(_row(answered, int(position), level))
    return rows


def _row(answered: Answered, position: int, level: float) -> Position:
    read = answered.answers.inside & answered.answers.read
    here = answered.answers.inside & (answered.gold_position == position)
    counts = answered.count(here).sum(axis=1)
    layout = answered.layout
    measure = layout.numbers.overall(layout.policy).measure
    accuracy = clustered(counts, measure, layout.cluster_kind)
    reach = interval(accuracy, bounds=measure.bounds, level=level)
    return Position(
        model=answered.model,
        task=answered.task,
        position=position,
        n=int(read.sum()),
        n_chosen=int((read & (answered.chosen_position == position)).sum()),
        n_gold=int((read & here).sum()),
        accuracy=accuracy.value,
        low=None if reach is None else reach.low,
        high=None if reach is None else reach.high,
        n_questions=len(np.unique(answered.item[read])),
        n_accuracy=int(measure.weight(counts).sum()),
    )


def readings(everything: Sequence[Answered], rows: Mapping[str, Rows]) -> Readings:
    """What became of the answers: {model: {task: {"outcome": {"right": 41, ...}, ...}}}.

    `left_out`: answers that take part in nothing, where there are any.
    """
    told: Readings = {}
    for answered in everything:
        left_out = int((~answered.answers.inside).sum())
        of_task: dict[str, int | dict[str, int]] = {"left_out": left_out} if left_out else {}
        told.setdefault(answered.model, {})[answered.task] = of_task
    for label, of_label in rows.items():
        for column in ("outcome", "reason", "rule", "finish"):
            scores = of_label.scores
            if column == "reason":  # one that was cut off was not finished: that is its reason
                scores = scores.filter(pc.equal(scores["outcome"], "unparsed"))
            counted = scores.group_by(["model", column]).aggregate([([], "count_all")])
            kinds: dict[str, dict[str, int]] = {}
            for row in counted.to_pylist():
                if row[column] is not None:
                    kinds.setdefault(row["model"], {})[row[column]] = row["count_all"]
            for model, of_model in kinds.items():
                told[model][label][column] = of_model
    return told
