"""Draws a task's items: whole blocks, a function of dataset and `item_seed` alone."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path

from featherweight.errors import InputError
from featherweight.files import read_json, write_rows
from featherweight.records import Item
from featherweight.specs import DrawSpec
from featherweight.tasks import Loaded, Task, task
from featherweight.tasks.choice import LETTERS, draw_items

log = logging.getLogger("featherweight")


def run(spec: DrawSpec, dataset: Path, output: Path) -> None:
    """Write the items of every draw, the task's facts beside them, and its worked examples.

    Raises InputError for a count that whole blocks cannot reach, a subset without items, items
    without a right answer or with too many options, and a stratum that the task does not have.
    """
    folder = Path(read_json(dataset)["folder"])
    one = task(spec.task)
    loaded: dict[str, Loaded] = {}
    for category, item_seed in spec.draws:
        here = output / spec.label / category
        if category not in loaded:
            loaded[category] = _candidates(one, one.load(folder, category), spec, category)
            if one.examples is not None:
                examples = one.examples(folder, category)
                _check_answers(examples, spec.label, category)
                write_rows(here / "examples.parquet", _labelled(examples, spec.label), Item)
        try:
            drawn = draw_items(loaded[category].items, spec.count, item_seed)
        except ValueError as error:
            raise InputError(f"prompts_per_category of task {spec.label}: {error}") from None
        # The label comes after the draw: the same dataset in another wording gets the same items.
        write_rows(here / f"{item_seed}.parquet", _labelled(drawn, spec.label), Item)
        if one.facts is not None:
            by_id = {facts.item_id: facts for facts in loaded[category].facts}
            facts = [dataclasses.replace(by_id[item.item_id], task=spec.label) for item in drawn]
            write_rows(here / f"{item_seed}.facts.parquet", facts, one.facts)
        n_clusters = len({item.cluster for item in drawn})
        log.info(
            "%s/%s seed %d: %d items from %d templates",
            spec.label,
            category,
            item_seed,
            len(drawn),
            n_clusters,
        )


def _labelled(items: Sequence[Item], label: str) -> list[Item]:
    return [dataclasses.replace(item, task=label) for item in items]


def _candidates(one: Task, loaded: Loaded, spec: DrawSpec, category: str) -> Loaded:
    """The items that may be drawn, with their facts."""
    _check_answers(loaded.items, spec.label, category)
    _check_stratum(loaded.items, one, spec.label, category)
    if spec.subset is None:
        return loaded
    if one.matches is None:
        raise InputError(f"task {spec.label}: {one.name} has no subsets, got {spec.subset}")
    facts = loaded.facts if one.facts is not None else [None] * len(loaded.items)
    kept = [
        pair for pair in zip(loaded.items, facts, strict=True) if one.matches(*pair, spec.subset)
    ]
    if not kept:
        said = ", ".join(f"{key}: {value}" for key, value in spec.subset.items())
        strata = f"; its items are of {', '.join(_strata(loaded.items))}" if one.strata else ""
        raise InputError(
            f"task {spec.label}: no item of {category} is in the subset {{{said}}}{strata}; names"
            " are compared as the dataset writes them, case included"
        )
    return Loaded([item for item, _ in kept], [facts for _, facts in kept])


def _strata(items: Sequence[Item]) -> list[str]:
    return sorted({item.stratum for item in items if item.stratum is not None})


def _check_answers(items: Sequence[Item], label: str, category: str) -> None:
    """Raise InputError where an item has no right answer, or one that is none of its options.

    And where it has more options than there are letters.
    """
    for item in items:
        if item.options is not None and len(item.options) > len(LETTERS):
            raise InputError(
                f"task {label}: item {item.item_id} of {category} has {len(item.options)} options,"
                f" expected at most {len(LETTERS)}: there are no more letters; leave some out"
            )
        if not item.gold.strip() or (item.options is not None and item.gold not in item.options):
            raise InputError(
                f"task {label}: item {item.item_id} of {category} has no right answer: got"
                f" {item.gold!r}; correct the dataset"
            )


def _check_stratum(items: Sequence[Item], one: Task, label: str, category: str) -> None:
    """Raise InputError where an item has a stratum that its task does not have, or lacks one."""
    strata: tuple[str | None, ...] = one.strata or (None,)
    for item in items:
        if item.stratum not in strata:
            expected = f"one of {', '.join(one.strata)}" if one.strata else "none"
            raise InputError(
                f"task {label}: item {item.item_id} of {category} has the stratum"
                f" {item.stratum!r}, expected {expected}; correct the dataset, or the task's strata"
            )
