"""How far seeds move a number, apart from how far items do.

One real row:

    Spread(model="pocket-fair", task="pocket", group="all", context_condition="ambig",
           metric="accuracy", n_seeds=3,
           seed_sd=0.012, item_se=0.031)

A seed is a pair of item_seed and sample_seed. Where every seed draws its own items, seed_sd holds
the draw of items too; item_se is then what that alone would make of it.
"""

from __future__ import annotations

import numpy as np

from featherweight.aggregate.answers import Answered
from featherweight.aggregate.cells import Asked, Cell, cells, headline
from featherweight.aggregate.spec import Spec
from featherweight.records import Spread
from featherweight.stats.bias import Values
from featherweight.stats.clusters import Clustered, clustered


def spread(found: list[Answered], spec: Spec) -> list[Spread]:
    """All rows, in the order of the models; conditions in which nothing was asked have none."""
    rows = []
    for answered in found:
        of_seeds = [answered.counts(answered.seed == seed) for seed in np.unique(answered.seed)]
        for cell in cells(answered.groups):
            of_cell = [cell.counts(counts) for counts in of_seeds]
            for one in headline(spec.policy, has_targets=answered.has_targets):
                asked = [counts for counts in of_cell if one.n_items(counts.sum(axis=0)) > 0]
                if asked:
                    rows.append(_row(answered, cell, one, asked))
    return rows


def _row(answered: Answered, cell: Cell, one: Asked, of_seeds: list[Values]) -> Spread:
    within: list[Clustered] = [
        clustered(counts, one.measure, answered.cluster_category) for counts in of_seeds
    ]
    values = [found.value for found in within if found.value is not None]
    errors = [found.se for found in within if found.se is not None]
    return Spread(
        model=answered.model,
        task=answered.task,
        group=cell.group,
        context_condition=one.condition,
        metric=one.metric,
        n_seeds=len(of_seeds),
        seed_sd=float(np.std(values, ddof=1)) if len(values) > 1 else None,
        item_se=float(np.sqrt(np.mean(np.square(errors)))) if errors else None,
    )
