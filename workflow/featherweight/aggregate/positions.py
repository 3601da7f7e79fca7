"""Whether the letter decides: how often each position is chosen, is right, and is chosen rightly.

Options are shown in rotated order, so that each letter is right about equally often and a model
without a liking for a letter chooses each about equally often. One real row, the first of three
options:

    Position(model="pocket-fair", task="pocket", position=0, n=600, n_chosen=212, n_gold=198,
             accuracy=0.91,
             low=0.84, high=0.95, n_questions=310, n_accuracy=198)

Also `readings`: outcomes, reasons, rules and finishes, counted per model and task, items without a
target included.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from featherweight.aggregate.answers import Answered
from featherweight.aggregate.cells import PLACES
from featherweight.aggregate.spec import Spec
from featherweight.files import read_table
from featherweight.records import Position, Score
from featherweight.stats import measures
from featherweight.stats.bias import UNREAD
from featherweight.stats.clusters import clustered, interval


def positions(found: list[Answered], spec: Spec) -> list[Position]:
    """A row for each position in which a right answer stood; none where the order of the options is
    not known.
    """
    rows = []
    for answered in found:
        known_order = ~np.isnan(answered.gold_position) & answered.answers.scorable
        for position in np.unique(answered.gold_position[known_order]):
            rows.append(_row(answered, int(position), spec))
    return rows


def _row(answered: Answered, position: int, spec: Spec) -> Position:
    inside = answered.answers.scorable
    read = inside & (answered.answers.kind != UNREAD)
    here = inside & (answered.gold_position == position)
    counts = answered.counts(here).sum(axis=1)
    measure = measures.accuracy(spec.policy, PLACES["both"])
    accuracy = clustered(counts, measure, answered.cluster_category)
    reach = interval(accuracy, bounds=measure.bounds, level=spec.level)
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


def readings(paths: Sequence[Path]) -> dict[str, Any]:
    """Counts of what became of the answers: {model: {task: {"outcome": {"right": 41, ...},
    ...}}}."""
    table = read_table(list(paths), Score)
    found: dict[str, Any] = {}
    for column in ("outcome", "reason", "rule", "finish"):
        counted = table.group_by(["model", "task", column]).aggregate([([], "count_all")])
        for row in counted.to_pylist():
            if row[column] is not None:
                kinds = found.setdefault(row["model"], {}).setdefault(row["task"], {})
                kinds.setdefault(column, {})[row[column]] = row["count_all"]
    untargeted = table.filter(pc.is_null(table["target"])).group_by(["model", "task"])
    for row in untargeted.aggregate([([], "count_all")]).to_pylist():
        found[row["model"]][row["task"]]["without_target"] = row["count_all"]
    return found
