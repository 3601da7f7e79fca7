"""Score rows as arrays and counts. Reads the Parquet files of the score stage, writes nothing.

Beside `<scores>/<model>.parquet` may lie `<scores>/<model>/<label>.parquet`: what only the task of
this label knows of the answers, row for row. One `Answered` holds what one model answered to one
task; its `Layout` numbers clusters, groups, items and seeds alike for every model of the task, so
that their counts can be paired. One real row as it arrives:

    Score(model="pocket-fair", task="pocket", category="school", item_seed=0, sample_seed=0,
          item_id="school-12-0003-...", ..., answer="Nobody can say", outcome="right",
          chosen_position=1, n_tokens=6)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from featherweight.errors import InputError
from featherweight.files import read_table
from featherweight.records import Score
from featherweight.specs import AggregateSpec
from featherweight.stats.clusters import WITHIN, WITHIN_STRATA
from featherweight.stats.counts import DROP, Answers, Bools, Codes, Policy, Values
from featherweight.tasks import task
from featherweight.tasks.numbers import Numbers, Rows, floats, numbers

CODED = {"group": "group", "cluster": "cluster", "item": "item_id", "block": "block"}
KEY = ("item_seed", "sample_seed", "item_id", "sample_index")  # of a model's answers to one label


@dataclass(frozen=True, slots=True)
class Layout:
    """What all models of a task have in common: its numbers, and the names behind the codes."""

    task: str  # the label
    numbers: Numbers
    policy: Policy  # of the headline
    groups: tuple[str, ...]
    clusters: tuple[str, ...]
    kinds: tuple[str, ...]
    items: tuple[str, ...]
    blocks: tuple[str, ...]
    seeds: tuple[tuple[int, int], ...]  # (item_seed, sample_seed)
    group_category: Codes  # of each group
    # Of each cluster: its category, and its stratum where a draw fixes how many there are of each.
    # The fixed strata of everything that is over several of them.
    cluster_kind: Codes
    within: str  # what an interval over several kinds is called


@dataclass(frozen=True)
class Answered:
    """What one model answered to one task, as arrays of one length."""

    model: str
    layout: Layout
    answers: Answers
    cluster: Codes
    group: Codes
    seed: Codes
    item: Codes
    block: Codes
    sample: Codes  # which sample of the prompt
    pair: Codes  # numbers (item, item_seed, sample_seed, sample_index): the same for every model
    # numbers a question, seeds and sample whatever its stratum (`Numbers.counterparts`)
    counterpart: Codes
    chosen_position: Values  # nan where nothing was chosen or no options were shown
    gold_position: Values

    @property
    def task(self) -> str:
        """The label of the task."""
        return self.layout.task

    @cached_property
    def counts(self) -> Values:
        """Of all answers. Shape: (clusters, groups, strata, columns)."""
        return self.count()

    @cached_property
    def counts_by_item(self) -> Values:
        """Of all answers. Shape: (items, strata, columns)."""
        return self.count_by_item()

    def count(self, inside: Bools | None = None, lost: Bools | None = None) -> Values:
        """The counts per cluster, group and stratum: (clusters, groups, strata, columns).

        `inside` picks answers; those marked in `lost` count as unread, whatever they say.
        """
        n_clusters, n_groups = len(self.layout.clusters), len(self.layout.groups)
        cell = self.cluster * n_groups + self.group
        flat = self.answers.count(cell, n_clusters * n_groups, inside, lost)
        return flat.reshape(n_clusters, n_groups, *flat.shape[1:])

    def count_by_item(self, inside: Bools | None = None, lost: Bools | None = None) -> Values:
        """The same per item, which belongs to one group. Shape: (items, strata, columns)."""
        return self.answers.count(self.item, len(self.layout.items), inside, lost)

    def count_by_block(self, inside: Bools | None = None, lost: Bools | None = None) -> Values:
        """The same per block. Shape: (blocks, strata, columns)."""
        return self.answers.count(self.block, len(self.layout.blocks), inside, lost)

    def of_items(self, groups: Sequence[int]) -> Values:
        """The counts of the items of these groups. Shape: (their items, strata, columns)."""
        return self.counts_by_item[np.isin(self.item_property(self.group), groups)]

    def item_property(self, codes: Codes) -> Codes:
        """What all answers to an item have in common, such as `group`, per item.

        0 where it was not answered.
        """
        of_items = np.zeros(len(self.layout.items), dtype=np.int64)
        of_items[self.item] = codes
        return of_items


def load(paths: Sequence[Path], spec: AggregateSpec) -> tuple[list[Answered], dict[str, Rows]]:
    """Everything that was answered, model by model and task by task, and the rows of each label.

    Models come in the spec's order, then in that of the files; tasks in that of the files. Raises
    InputError for files that are missing, hold other records or no rows, for answers that stand
    there twice, and for a policy that a task does not have.
    """
    rows = read(paths, spec.tasks)
    answered = [one for label, of_label in rows.items() for one in _of_task(of_label, label, spec)]
    models = list(dict.fromkeys([*spec.models, *(one.model for one in answered)]))
    return sorted(answered, key=lambda one: models.index(one.model)), rows


def read(paths: Sequence[Path], tasks: Mapping[str, str]) -> dict[str, Rows]:
    """The rows of each label: its scores, and the task's own judged rows beside them."""
    problems = [
        f"{path}: no such file; run the score stage for this model first"
        for path in paths
        if not path.is_file()
    ]
    if problems:
        raise InputError(problems)
    parts: dict[str, list[Rows]] = {}
    for path in paths:
        scores = _table(path, Score)
        for label in scores["task"].unique().to_pylist():
            if label not in tasks:
                raise InputError(f"--spec: tasks: expected the task of {label!r}, which {path} has")
            of_label = scores.filter(pc.equal(scores["task"], label))
            judged = _judged(path.with_suffix("") / f"{label}.parquet", of_label, tasks[label])
            parts.setdefault(label, []).append(Rows(of_label, judged))
    if not parts:
        raise InputError(f"{', '.join(map(str, paths))}: no scored answers; score some items first")
    return {
        label: Rows(
            pa.concat_tables([part.scores for part in of_label]),
            None
            if of_label[0].judged is None
            else pa.concat_tables([part.judged for part in of_label]),
        )
        for label, of_label in parts.items()
    }


def _table(path: Path, record: type) -> pa.Table:
    try:
        return read_table(path, record)
    except ValueError as error:
        raise InputError(str(error)) from error


def _judged(path: Path, scores: pa.Table, task_name: str) -> pa.Table | None:
    record = task(task_name).beside_scores
    if record is None:
        return None
    if not path.is_file():
        raise InputError(f"{path}: no such file; run the score stage for this model again")
    judged = _table(path, record)
    if judged.select(KEY).combine_chunks() != scores.select(KEY).combine_chunks():
        raise InputError(
            f"{path}: expected a row for each of {scores.num_rows} scores, in their order; run the"
            " score stage for this model again"
        )
    return judged


def _coded(column: pa.ChunkedArray) -> tuple[Codes, tuple[str, ...]]:
    """Strings as numbers of the sorted distinct strings."""
    encoded = column.combine_chunks().dictionary_encode()
    names = encoded.dictionary.to_pylist()
    rank = {name: place for place, name in enumerate(sorted(names))}
    ranks = np.array([rank[name] for name in names], dtype=np.int64)
    return ranks[encoded.indices.to_numpy(zero_copy_only=False)], tuple(sorted(names))


def _whole(table: pa.Table, name: str) -> Codes:
    return np.asarray(table[name].to_numpy(), dtype=np.int64)


def _numbered(*columns: Codes) -> Codes:
    """Rows of several columns as numbers from 0: equal rows have equal numbers."""
    key = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        key = key * (int(column.max(initial=0)) + 1) + column
    return np.unique(key, return_inverse=True)[1].ravel().astype(np.int64)


def _of_task(rows: Rows, label: str, spec: AggregateSpec) -> list[Answered]:
    of_task, scores = numbers(spec.tasks[label]), rows.scores
    try:
        policy = of_task.policy(spec.policies.get(label, DROP.name))
    except LookupError as error:
        raise InputError(f"--spec: policy of {label}: {error.args[0]}") from error
    try:
        answers = of_task.answers(rows)
    except ValueError as error:
        raise InputError(f"{label}: {error}") from error
    model, models = _coded(scores["model"])
    category, categories = _coded(scores["category"])
    codes, names = {}, {}
    for name, column in CODED.items():
        codes[name], names[name] = _coded(scores[column])
    runs = np.stack([_whole(scores, "item_seed"), _whole(scores, "sample_seed")], axis=-1)
    seeds, seed = np.unique(runs, axis=0, return_inverse=True)
    codes["seed"], codes["sample"] = seed.ravel().astype(np.int64), _whole(scores, "sample_index")
    codes["pair"] = _numbered(codes["item"], codes["seed"], codes["sample"])
    codes["counterpart"] = _counterparts(of_task, rows, codes)
    of_cluster = _one_category("cluster", label, codes, names, category, categories)
    kinds, cluster_kind, within = _kinds(of_task, answers, codes["cluster"], of_cluster, categories)
    layout = Layout(
        task=label,
        numbers=of_task,
        policy=policy,
        groups=names["group"],
        clusters=names["cluster"],
        kinds=kinds,
        items=names["item"],
        blocks=names["block"],
        seeds=tuple((int(first), int(second)) for first, second in seeds),
        group_category=_one_category("group", label, codes, names, category, categories),
        cluster_kind=cluster_kind,
        within=within,
    )
    positions = {name: floats(scores, name) for name in ("chosen_position", "gold_position")}
    answered = []
    for code, name in enumerate(models):
        inside = model == code
        _refuse_twice(codes["pair"][inside], scores, inside, name, label)
        arrays = {key: column[inside] for key, column in (codes | positions).items()}
        answered.append(Answered(name, layout, answers.part(inside), **arrays))
    return answered


def _counterparts(of_task: Numbers, rows: Rows, codes: Mapping[str, Codes]) -> Codes:
    if of_task.counterparts is None or rows.judged is None:
        return codes["pair"]
    by = [_coded(rows.judged[name])[0] for name in of_task.counterparts.by]
    return _numbered(codes["block"], *by, codes["seed"], codes["sample"])


def _kinds(
    of_task: Numbers, answers: Answers, cluster: Codes, category: Codes, categories: Sequence[str]
) -> tuple[tuple[str, ...], Codes, str]:
    """The names of the kinds of clusters, the kind of each cluster, and the method within kinds.

    Strata make kinds where a draw fixes their mix and every cluster lies in one.
    """
    stratum = np.zeros(len(category), dtype=np.int64)
    stratum[cluster] = answers.stratum
    nested = bool(np.all(stratum[cluster] == answers.stratum))
    if not (of_task.fixed_mix and nested and len(np.unique(stratum)) > 1):
        return tuple(categories), category, WITHIN
    names = tuple(f"{one}, {other}" for one in categories for other in of_task.strata)
    return names, category * len(of_task.strata) + stratum, WITHIN_STRATA


def _one_category(
    what: str,
    label: str,
    codes: Mapping[str, Codes],
    names: Mapping[str, tuple[str, ...]],
    category: Codes,
    categories: Sequence[str],
) -> Codes:
    """The category of each group or cluster. Raises InputError for one that stands in several."""
    of_names = np.zeros(len(names[what]), dtype=np.int64)
    of_names[codes[what]] = category
    for place in np.unique(codes[what][of_names[codes[what]] != category]):
        inside = [categories[code] for code in np.unique(category[codes[what] == place])]
        raise InputError(
            f"{label}: {what} {names[what][place]}: expected one category, got {', '.join(inside)}"
        )
    return of_names


def _refuse_twice(pair: Codes, scores: pa.Table, inside: Bools, model: str, label: str) -> None:
    counted = np.bincount(pair)
    twice = np.flatnonzero(counted[pair] > 1)
    if len(twice):
        item_id = scores["item_id"][int(np.flatnonzero(inside)[twice[0]])].as_py()
        raise InputError(
            f"{model}, {label}: expected one answer per item, seeds and sample, got"
            f" {counted.max()} for {item_id} (and {len(np.unique(pair[twice])) - 1} more items);"
            " was one file given twice?"
        )
