"""Score rows as arrays and counts. Reads the Parquet files of the score stage, writes nothing.

One `Answered` holds what one model answered to one task; clusters, groups, items and seeds are
numbered alike for every model of the task, so that their counts can be paired. One real row as it
arrives:

    Score(model="pocket-fair", task="pocket", category="school", item_seed=0, sample_seed=0,
          item_id="school-12-0003-ambig-neg", ..., chosen=2, outcome="right", chosen_position=1,
          n_tokens=6,
          block="school:12:3")
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from featherweight.errors import InputError
from featherweight.files import read_table
from featherweight.records import Score
from featherweight.stats.bias import (
    OTHER,
    TARGET,
    UNKNOWN,
    UNREAD,
    Answers,
    Bools,
    Values,
    count,
    tabulate,
)

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Answered:
    """What one model answered to one task, as arrays of one length, and the names behind the
    numbers.
    """

    model: str
    task: str
    # False: no item of the task has a target; accuracy is of all items, bias is undefined
    has_targets: bool
    groups: tuple[str, ...]
    clusters: tuple[str, ...]
    categories: tuple[str, ...]
    items: tuple[str, ...]
    blocks: tuple[str, ...]
    seeds: tuple[tuple[int, int], ...]  # (item_seed, sample_seed)
    answers: Answers
    group_category: Codes  # of each group, not of each answer
    # of each cluster: the strata of everything that is over several categories
    cluster_category: Codes
    group: Codes
    seed: Codes
    item: Codes
    block: Codes
    sample: Codes  # which sample of the prompt
    pair: Codes  # numbers (item, item_seed, sample_seed, sample_index): the same for every model
    # numbers (block, polarity, item_seed, sample_seed, sample_index): one question in both contexts
    twin: Codes
    unfinished: Bools
    n_tokens: Codes
    chosen_position: Values  # nan where nothing was chosen or the order is not known
    gold_position: Values

    def counts(self, inside: Bools | None = None, lost: Bools | None = None) -> Values:
        """The counts of `measures` per cluster, group and condition. Shape: (clusters, groups, 2,
        columns).

        `inside` picks answers; those marked in `lost` count as unread, whatever they say.
        """
        n_groups = len(self.groups)
        cell = self.answers.cluster * n_groups + self.group
        found = self._counted(cell, len(self.clusters) * n_groups, inside, lost)
        together: Values = found.reshape(len(self.clusters), n_groups, *found.shape[1:])
        return together

    def counts_by_item(self, inside: Bools | None = None, lost: Bools | None = None) -> Values:
        """The same per item, which belongs to one group. Shape: (items, 2, columns)."""
        return self._counted(self.item, len(self.items), inside, lost)

    def counts_by_block(self, inside: Bools | None = None, lost: Bools | None = None) -> Values:
        """The same per block. Shape: (blocks, 2, columns)."""
        return self._counted(self.block, len(self.blocks), inside, lost)

    def item_property(self, codes: Codes) -> Codes:
        """What all answers to an item have in common, such as `group`, per item; 0 where it was not
        answered.
        """
        found = np.zeros(len(self.items), dtype=np.int64)
        found[self.item] = codes
        return found

    def _counted(
        self, cell: Codes, n_cells: int, inside: Bools | None, lost: Bools | None
    ) -> Values:
        whole, unread = self.answers, np.zeros(len(cell), dtype=np.bool_) if lost is None else lost
        chosen = np.ones(len(cell), dtype=np.bool_) if inside is None else inside
        part = Answers(
            ambiguous=whole.ambiguous[chosen],
            kind=np.where(unread, np.int8(UNREAD), whole.kind)[chosen],
            right=(whole.right & ~unread)[chosen],
            scorable=whole.scorable[chosen],
            cluster=cell[chosen],
        )
        extra = (
            np.stack([self.unfinished[chosen], self.n_tokens[chosen]], axis=-1)
            * part.scorable[:, None]
        )
        columns = [count(part, n_cells), tabulate(extra, part.cluster, part.ambiguous, n_cells)]
        together: Values = np.concatenate(columns, axis=-1)
        return together


def load(paths: Sequence[Path], order: Sequence[str] = ()) -> list[Answered]:
    """Everything that was answered, model by model and task by task.

    Models come in the given order, then in that of the files; tasks in that of the files. Raises
    InputError for files that are missing, hold other records or no rows, and for answers that stand
    there twice.
    """
    problems = [
        f"{path}: no such file; run the score stage for this model first"
        for path in paths
        if not path.is_file()
    ]
    if problems:
        raise InputError(problems)
    try:
        table = read_table(list(paths), Score)
    except ValueError as error:
        raise InputError(str(error)) from error
    if table.num_rows == 0:
        raise InputError(f"{', '.join(map(str, paths))}: no scored answers; score some items first")
    found: list[Answered] = []
    for task in table["task"].unique().to_pylist():
        found += _of_task(table.filter(pc.equal(table["task"], task)), task)
    models = list(dict.fromkeys([*order, *table["model"].unique().to_pylist()]))
    return sorted(found, key=lambda answered: models.index(answered.model))


def _coded(column: pa.ChunkedArray) -> tuple[Codes, tuple[str, ...]]:
    """Strings as numbers of the sorted distinct strings."""
    encoded = column.combine_chunks().dictionary_encode()
    names = encoded.dictionary.to_pylist()
    rank = {name: place for place, name in enumerate(sorted(names))}
    ranks = np.array([rank[name] for name in names], dtype=np.int64)
    return ranks[encoded.indices.to_numpy(zero_copy_only=False)], tuple(sorted(names))


def _numbers(table: pa.Table, name: str) -> Values:
    """A column of numbers as floats, nan for null."""
    values: Values = pc.cast(table[name], pa.float64()).to_numpy(zero_copy_only=False)
    return values.astype(np.float64)


def _whole(table: pa.Table, name: str) -> Codes:
    return np.asarray(table[name].to_numpy(zero_copy_only=False), dtype=np.int64)


def _equal(table: pa.Table, name: str, value: str) -> Bools:
    return np.asarray(pc.equal(table[name], value).to_numpy(zero_copy_only=False), dtype=np.bool_)


def _kinds(chosen: Values, target: Values, unknown: Values) -> npt.NDArray[np.int8]:
    """TARGET, OTHER, UNKNOWN or UNREAD by the chosen option."""
    cases = [np.isnan(chosen), chosen == unknown, chosen == target]
    kinds: npt.NDArray[np.int8] = np.select(cases, [UNREAD, UNKNOWN, TARGET], OTHER).astype(np.int8)
    return kinds


def _of_task(table: pa.Table, task: str) -> list[Answered]:
    group, groups = _coded(table["group"])
    cluster, clusters = _coded(table["cluster"])
    category, categories = _coded(table["category"])
    item, items = _coded(table["item_id"])
    model, models = _coded(table["model"])
    runs = np.stack([_whole(table, "item_seed"), _whole(table, "sample_seed")], axis=-1)
    seeds, seed = np.unique(runs, axis=0, return_inverse=True)
    sample = _whole(table, "sample_index")
    pair = _numbered(item, seed.ravel(), sample)
    block, blocks = _coded(table["block"])
    polarity = _coded(table["question_polarity"])[0]
    target = _numbers(table, "target")
    has_targets = not bool(np.isnan(target).all())
    answers = Answers(
        ambiguous=_equal(table, "context_condition", "ambig"),
        kind=_kinds(_numbers(table, "chosen"), target, _numbers(table, "unknown")),
        right=_equal(table, "outcome", "right"),
        scorable=~np.isnan(target) | (not has_targets),
        cluster=cluster,
    )
    whole: dict[str, Any] = {
        "group": group,
        "seed": seed.ravel().astype(np.int64),
        "item": item,
        "block": block,
        "sample": sample,
        "pair": pair,
        "twin": _numbered(block, polarity, seed.ravel(), sample),
        "unfinished": _equal(table, "outcome", "unfinished"),
        "n_tokens": _whole(table, "n_tokens"),
        "chosen_position": _numbers(table, "chosen_position"),
        "gold_position": _numbers(table, "gold_position"),
    }
    group_category = _one_category(group, groups, category, categories, f"{task}: group")
    cluster_category = _one_category(cluster, clusters, category, categories, f"{task}: cluster")
    numbered = tuple((int(first), int(second)) for first, second in seeds)
    found = []
    for code, name in enumerate(models):
        inside = model == code
        _refuse_twice(pair[inside], table, inside, name, task)
        part = Answers(*(getattr(answers, field)[inside] for field in Answers.__dataclass_fields__))
        found.append(
            Answered(
                model=name,
                task=task,
                has_targets=has_targets,
                groups=groups,
                clusters=clusters,
                categories=categories,
                items=items,
                blocks=blocks,
                seeds=numbered,
                answers=part,
                group_category=group_category,
                cluster_category=cluster_category,
                **{key: column[inside] for key, column in whole.items()},
            )
        )
    return found


def _numbered(*columns: Codes) -> Codes:
    """Rows of several columns as numbers: equal rows have equal numbers."""
    return (
        np.unique(np.stack(columns, axis=-1), axis=0, return_inverse=True)[1]
        .ravel()
        .astype(np.int64)
    )


def _one_category(
    codes: Codes, names: Sequence[str], category: Codes, categories: Sequence[str], what: str
) -> Codes:
    """The category of each group or cluster. Raises InputError for one that stands in several."""
    found = np.zeros(len(names), dtype=np.int64)
    found[codes] = category
    for place in np.unique(codes[found[codes] != category]):
        inside = ", ".join(categories[code] for code in np.unique(category[codes == place]))
        raise InputError(f"{what} {names[place]}: expected one category, got {inside}")
    return found


def _refuse_twice(pair: Codes, table: pa.Table, inside: Bools, model: str, task: str) -> None:
    counted = np.bincount(pair)
    twice = np.flatnonzero(counted[pair] > 1)
    if len(twice):
        row = int(np.flatnonzero(inside)[twice[0]])
        item_id = table["item_id"][row].as_py()
        raise InputError(
            f"{model}, {task}: expected one answer per item, seeds and sample, got {counted.max()}"
            f" for {item_id} (and {len(np.unique(pair[twice])) - 1} more items); was one file given"
            " twice?"
        )
