"""The groups of a task as slices of its counts.

A task's counts have shape (clusters, groups, strata, columns). A `GroupSlice` cuts groups out:

    GroupSlice(group="Age", parts=((0,),), macro=False)             one scored group
    GroupSlice(group="all", parts=((0,), ..., (14,)), macro=False)  headline: every item weighs the
                                                                    same
    GroupSlice(group="all", parts=((0,), (2, 3), ...), macro=True)  every category weighs the same:
                                                                    "<metric>_macro"

The first kind of "all" is the headline because it is what papers and harnesses print as overall
accuracy; in a study that asks the same number of every category the two are close. The second
weighs the categories of the task, not its scored groups: several groups of one category are one
part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from featherweight.records import ALL
from featherweight.stats.counts import Values
from featherweight.stats.measures import Measure, mean_of_parts
from featherweight.tasks.numbers import MACRO, Metric


class GroupSlice(NamedTuple):
    """One group's share of a task's counts."""

    group: str
    parts: tuple[tuple[int, ...], ...]  # the groups of each part, by number
    macro: bool

    @property
    def groups(self) -> list[int]:
        """The groups of all parts, by number."""
        return [place for part in self.parts for place in part]

    def counts(self, task_counts: Values) -> Values:
        """(clusters, strata, columns) of all parts; of their mean (.., parts, strata, ..)."""
        if not self.macro:
            together: Values = task_counts[:, self.groups].sum(axis=1)
            return together
        return np.stack([task_counts[:, list(part)].sum(axis=1) for part in self.parts], axis=1)

    def measure(self, metric: Metric) -> Measure:
        """The measure of a metric, for the counts of this slice."""
        return mean_of_parts(metric.measure) if self.macro else metric.measure

    def name(self, metric: Metric) -> str:
        """What rows call a metric of this slice."""
        return metric.name + MACRO if self.macro else metric.name


def slices(groups: Sequence[str]) -> list[GroupSlice]:
    """The groups of a task: "all" first, then each of them."""
    single = [GroupSlice(group, ((place,),), macro=False) for place, group in enumerate(groups)]
    return [GroupSlice(ALL, tuple((place,) for place in range(len(groups))), macro=False), *single]


def macro_slices(group_category: Sequence[int]) -> list[GroupSlice]:
    """The mean of a task's categories, where there are several, from each group's category."""
    members: dict[int, list[int]] = {}
    for place, category in enumerate(group_category):
        members.setdefault(int(category), []).append(place)
    parts = tuple(tuple(members[category]) for category in sorted(members))
    return [GroupSlice(ALL, parts, macro=True)] if len(parts) > 1 else []
