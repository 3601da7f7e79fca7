"""Draws the items of a task: whole blocks, the same for every model, a function of dataset and
`item_seed` alone.
"""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path
from typing import Any

from featherweight.errors import InputError
from featherweight.files import read_json, write_rows
from featherweight.records import Item
from featherweight.tasks import task
from featherweight.tasks.choice import cluster_count, draw_items
from featherweight.tasks.subsets import matches

log = logging.getLogger("featherweight")


def run(spec: dict[str, Any], dataset: Path, output: Path) -> None:
    """Write `<output>/<label>/<category>/<item_seed>.parquet` for every draw of the spec.

    Raises InputError for a count that whole blocks cannot reach and for a subset without items.
    """
    folder = Path(read_json(dataset)["folder"])
    loader = task(spec["task"])
    label = spec["label"]
    items: dict[str, list[Item]] = {}
    for category, item_seed in spec["draws"]:
        if category not in items:
            items[category] = _candidates(loader.load(folder, category), spec, category)
        try:
            drawn = draw_items(items[category], spec["count"], item_seed)
        except ValueError as error:
            raise InputError(f"prompts_per_category of task {label}: {error}") from None
        # The label comes after the draw: the same dataset in another wording gets the same items.
        path = output / label / category / f"{item_seed}.parquet"
        write_rows(path, [dataclasses.replace(item, task=label) for item in drawn], Item)
        log.info(
            "%s/%s seed %d: %d items from %d templates",
            label,
            category,
            item_seed,
            len(drawn),
            cluster_count(drawn),
        )


def _candidates(items: list[Item], spec: dict[str, Any], category: str) -> list[Item]:
    """The items that may be drawn."""
    subset = spec["subset"]
    kept = [
        item
        for item in items
        if subset is None or matches(item, subset["stereotyped"], subset["named"])
    ]
    if not kept:
        raise InputError(
            f"task {spec['label']}: no item of {category} is about {subset['stereotyped']!r}; "
            "the names are those of the dataset's stereotyped_groups, case included"
        )
    return kept
