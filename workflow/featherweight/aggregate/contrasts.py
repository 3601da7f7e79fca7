"""Two task labels of one model, compared: two subsets of BBQ's items, or the same items answered in two ways.

The clusters are common to both labels, so what a template gives to both sides cancels: where the labels ask the same
items (generated and by likelihood) the difference is paired, exactly as between two models; where the items differ
(about Chinese and about American people) it is one of two sets. A label with one template allows no clustered interval:
items are the clusters then, and the row's method says so, because such an interval cannot know how another template
would have come out. p values are not corrected. One real row:

    ContrastRow(model="pocket-fair", first="bbq-chinese", second="bbq-american", context_condition="ambig",
                metric="accuracy", policy="drop", value=0.04, low=-0.09, high=0.17, p=0.52, n_first=60, n_second=180,
                n_clusters_first=1, n_clusters_second=3, method="item jackknife, t (a label has one template)",
                caution="one template against three")
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from featherweight.aggregate.answers import Answered
from featherweight.aggregate.cells import headline, shares, under
from featherweight.aggregate.spec import Contrast, Spec
from featherweight.errors import InputError
from featherweight.records import ContrastRow
from featherweight.stats.bias import Values
from featherweight.stats.clusters import METHOD
from featherweight.stats.paired import difference

BY_ITEM = "item jackknife, t (a label has one template)"


def contrasts(found: list[Answered], spec: Spec) -> list[ContrastRow]:
    """All rows. Raises InputError for a label that no model answered."""
    labels = list(dict.fromkeys(answered.task for answered in found))
    problems = [
        f"contrasts: expected a task label of this study ({', '.join(labels)}), got {label!r}"
        for contrast in spec.contrasts
        for label in contrast.pair
        if label not in labels
    ]
    if problems:
        raise InputError(problems)
    return [row for contrast in spec.contrasts for row in _of_contrast(found, contrast, spec)]


def _of_contrast(found: list[Answered], contrast: Contrast, spec: Spec) -> Iterator[ContrastRow]:
    by_key = {(answered.model, answered.task): answered for answered in found}
    for model in dict.fromkeys(answered.model for answered in found):
        sides = [by_key[model, task] for task in contrast.pair if (model, task) in by_key]
        if len(sides) == 2:
            yield from _of_model(sides[0], sides[1], contrast, spec)


def _of_model(first: Answered, second: Answered, contrast: Contrast, spec: Spec) -> Iterator[ContrastRow]:
    has_targets = first.has_targets and second.has_targets
    asked = headline(spec.policy, has_targets=has_targets)
    asked += [one for one in under(spec.policy, has_targets=has_targets) if one.metric == "stereotyped"]
    asked += shares(spec.policy)
    by_template = _aligned(first.counts(), first.clusters, second.counts(), second.clusters)
    by_item = _aligned(first.counts_by_item(), first.items, second.counts_by_item(), second.items)
    for one in asked:
        templates = [int(np.count_nonzero(one.measure.weight(side))) for side in by_template]
        few = min(templates) < 2
        found = difference(*(by_item if few else by_template), one.measure, spec.level)
        n_first, n_second = (one.n(side.sum(axis=0)) for side in by_template)
        if not (n_first and n_second):
            continue
        yield ContrastRow(
            model=first.model,
            first=first.task,
            second=second.task,
            context_condition=one.condition,
            metric=one.metric,
            policy=one.policy,
            value=found.value,
            low=found.low,
            high=found.high,
            p=found.p,
            n_first=n_first,
            n_second=n_second,
            n_clusters_first=templates[0],
            n_clusters_second=templates[1],
            method=BY_ITEM if few else METHOD,
            caution=contrast.caution,
        )


def _aligned(
    first: Values, first_names: Sequence[str], second: Values, second_names: Sequence[str]
) -> tuple[Values, Values]:
    """Both sides' counts over the clusters of either side, groups summed. Shape of each: (clusters, 2, columns)."""
    places = {name: place for place, name in enumerate(sorted({*first_names, *second_names}))}
    aligned = []
    for counts, names in ((first, first_names), (second, second_names)):
        wide = np.zeros((len(places), *counts.shape[2:]))
        wide[[places[name] for name in names]] = counts.sum(axis=1)
        aligned.append(wide)
    return aligned[0], aligned[1]
