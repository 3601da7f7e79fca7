"""Intervals by item for a task whose items all come from one template.

A task with one template has no clustered interval: nothing says how another template would have
come out. The items of the one template still say how sure the score is *for that template*. Such
rows stand beside the others under a metric of their own, `<metric>_by_item`, so that nobody takes
them for the headline. One real row, the 20 disambiguated questions about Chinese people, asked in
three seeds:

    Estimate(model="pocket-tilted", task="bbq-chinese", group="all", context_condition="disambig",
             metric="s_dis_by_item", policy="drop", value=-0.1, low=-0.43, high=0.26, n=60,
             n_items=60, n_clusters=20, method="item jackknife, t (one template)")
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from featherweight.aggregate.answers import Answered
from featherweight.aggregate.cells import ALL, headline
from featherweight.aggregate.spec import Spec
from featherweight.records import Estimate
from featherweight.stats.clusters import clustered, interval

BY_ITEM = "_by_item"  # ends the metric's name
METHOD_BY_ITEM = "item jackknife, t (one template)"


def rows_by_item(answered: Answered, spec: Spec) -> Iterator[Estimate]:
    """The headline numbers of a task with one template; nothing where there are more."""
    of_templates = answered.counts().sum(axis=1)
    by_item = answered.counts_by_item()
    of_items = by_item.reshape(len(by_item), -1, *by_item.shape[-2:]).sum(axis=1)  # groups together
    total = of_items.sum(axis=0)
    for one in headline(spec.policy, has_targets=answered.has_targets):
        if np.count_nonzero(one.measure.weight(of_templates)) != 1:
            continue
        found = clustered(of_items, one.measure)
        reach = interval(
            found, bounds=one.measure.bounds, scale=one.measure.scale, level=spec.level
        )
        if reach is None:
            continue
        yield Estimate(
            model=answered.model,
            task=answered.task,
            group=ALL,
            context_condition=one.condition,
            metric=one.metric + BY_ITEM,
            policy=one.policy,
            value=found.value,
            low=reach.low,
            high=reach.high,
            n=one.n(total),
            n_items=one.n_items(total),
            n_clusters=found.n_clusters,
            method=METHOD_BY_ITEM,
        )
