"""Intervals by item for a task whose items all come from one template.

A task with one template has no clustered interval: nothing says how another template would have
come out. The items of the one template still say how sure the score is *for that template*. Such
rows stand beside the others under a metric of their own, `<metric>_by_item`, so that nobody takes
them for the headline. One real row, the 20 disambiguated questions about Chinese people, asked in
three seeds:

    Estimate(model="pocket-tilted", task="bbq-chinese", group="all", stratum="disambiguated",
             metric="s_dis_by_item", policy="drop", value=-0.1, low=-0.43, high=0.26, n=60,
             n_asked=60, n_clusters=20, method="item jackknife, t (one template)")
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from featherweight.aggregate.load import Answered
from featherweight.records import ALL, Estimate
from featherweight.stats.clusters import clustered, interval
from featherweight.tasks.numbers import BY_ITEM

METHOD_BY_ITEM = "item jackknife, t (one template)"


def rows_by_item(answered: Answered, level: float) -> Iterator[Estimate]:
    """The headline numbers of a task with one template; nothing where there are more."""
    of_templates, of_items = answered.counts.sum(axis=1), answered.counts_by_item
    total, layout = of_items.sum(axis=0), answered.layout
    for metric in layout.numbers.headline(layout.policy):
        measure = metric.measure
        if np.count_nonzero(measure.weight(of_templates)) != 1:
            continue
        score = clustered(of_items, measure)
        reach = interval(score, bounds=measure.bounds, scale=measure.scale, level=level)
        if reach is None:
            continue
        yield Estimate(
            model=answered.model,
            task=answered.task,
            group=ALL,
            stratum=metric.stratum,
            metric=metric.name + BY_ITEM,
            policy=metric.policy.name,
            value=score.value,
            low=reach.low,
            high=reach.high,
            n=metric.n(total),
            n_asked=metric.n_asked(total),
            n_clusters=score.n_clusters,
            method=METHOD_BY_ITEM,
        )
