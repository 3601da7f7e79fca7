"""How far seeds move a number, apart from how far items do.

One real row:

    Spread(model="pocket-fair", task="pocket", group="all", ..., metric="accuracy", n_seeds=3,
           seed_sd=0.012, item_se=0.031)

A seed is a pair of item_seed and sample_seed. Where every seed draws its own items, seed_sd holds
the draw of items too; item_se is then what that alone would make of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from featherweight.aggregate.load import Answered
from featherweight.aggregate.slices import GroupSlice, slices
from featherweight.records import Spread
from featherweight.stats.clusters import clustered
from featherweight.stats.counts import Values
from featherweight.tasks.numbers import Metric


def spread(everything: Sequence[Answered]) -> list[Spread]:
    """All rows, in the order of the models; strata in which nothing was asked have none."""
    rows = []
    for answered in everything:
        layout = answered.layout
        by_seed = [answered.count(answered.seed == seed) for seed in np.unique(answered.seed)]
        for part in slices(layout.groups):
            of_part = [part.counts(counts) for counts in by_seed]
            for metric in layout.numbers.headline(layout.policy):
                asked = [counts for counts in of_part if metric.n_asked(counts.sum(axis=0)) > 0]
                if asked:
                    rows.append(_row(answered, part, metric, asked))
    return rows


def _row(answered: Answered, part: GroupSlice, metric: Metric, by_seed: Sequence[Values]) -> Spread:
    strata = answered.layout.cluster_kind
    within = [clustered(counts, metric.measure, strata) for counts in by_seed]
    values = [one.value for one in within if one.value is not None]
    errors = [one.se for one in within if one.se is not None]
    return Spread(
        model=answered.model,
        task=answered.task,
        group=part.group,
        stratum=metric.stratum,
        metric=metric.name,
        n_seeds=len(by_seed),
        seed_sd=float(np.std(values, ddof=1)) if len(values) > 1 else None,
        item_se=float(np.sqrt(np.mean(np.square(errors)))) if errors else None,
    )
