"""BBQ without its text: real labels, targets and templates (`cases/bbq_index.md`) under sentences
of our own.

`items` gives the items of a category, `write_folder` writes them as BBQ's files are written, with
the same traps: rows that are there twice, items without a target, a quoted line break in the
metadata.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from featherweight.records import Item

CASES = Path(__file__).parent / "cases"
PEOPLE = ("The violinist", "The carpenter")
UNKNOWN = "Not enough information"


@lru_cache(maxsize=1)
def index() -> dict[str, np.ndarray]:
    """Category -> (3, items): code, question_index, is a name."""
    with np.load(CASES / "bbq_index.npz") as archive:
        return {name: archive[name].astype(int) for name in archive.files}


def _options(unknown: int) -> tuple[str, ...]:
    people = iter(PEOPLE)
    return tuple(UNKNOWN if place == unknown else next(people) for place in range(3))


@lru_cache(maxsize=16)
def items(category: str) -> tuple[Item, ...]:
    """All items of one category."""
    found = []
    for number, (code, template, named) in enumerate(index()[category].T.tolist()):
        label, unknown, target = code % 3, code // 3 % 3, code // 9
        options = _options(unknown)
        cluster = f"{category}:{template}"
        found.append(
            Item(
                task="bbq",
                category=category,
                item_id=f"{category}-{number:05d}",
                example_id=number,
                question_index=template,
                cluster=cluster,
                block=f"{cluster}:{number // 4}",
                context_condition="disambig" if number % 2 else "ambig",
                question_polarity="nonneg" if number % 4 // 2 else "neg",
                context="The violinist met the carpenter in the hall.",
                question="Who was late?" if number % 4 < 2 else "Who was in time?",
                options=options,
                option_names=tuple(option.removeprefix("The ") for option in options),
                option_groups=tuple(
                    "unknown" if option == UNKNOWN else option[4:] for option in options
                ),
                gold=label,
                unknown=unknown,
                target=None if target == 3 else target,
                group=f"{category} (names)" if named else category,
                label_type="name" if named else "label",
                stereotyped_groups=("violinist",),
            )
        )
    return tuple(found)


def line(item: Item) -> dict[str, Any]:
    """One item as its line in BBQ's file."""
    answers = {f"ans{place}": text for place, text in enumerate(item.options)}
    info = {
        f"ans{place}": [name, group]
        for place, (name, group) in enumerate(
            zip(item.option_names, item.option_groups, strict=True)
        )
    }
    return {
        "example_id": item.example_id,
        "question_index": str(item.question_index),
        "question_polarity": item.question_polarity,
        "context_condition": item.context_condition,
        "category": item.category,
        "answer_info": info,
        "additional_metadata": {
            "subcategory": "None",
            "stereotyped_groups": list(item.stereotyped_groups),
        },
        "context": item.context,
        "question": item.question,
        **answers,
        "label": item.gold,
    }


def metadata(categories: Iterable[str], *, doubled: int = 64) -> str:
    """The metadata as CSV; the first `doubled` items of Gender_identity stand there twice, as 64 do
    in BBQ's.
    """
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(
        ["category", "question_index", "example_id", "target_loc", "label_type", "full_cond"]
    )
    for category in categories:
        for item in items(category):
            target = "NA" if item.target is None else item.target
            condition = "Match Race\n Mismatch Gender"
            row = [
                category,
                str(item.question_index),
                item.example_id,
                target,
                item.label_type,
                condition,
            ]
            copies = 2 if category == "Gender_identity" and item.example_id < doubled else 1
            for _ in range(copies):
                writer.writerow(row)
    return text.getvalue().replace('"NA"', "NA")


def write_folder(folder: Path, categories: Iterable[str], *, packed: bool = False) -> Path:
    """Write BBQ's files of these categories, plain or as .gz; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    names = list(categories)
    files = {
        f"{name}.jsonl": "".join(json.dumps(line(item)) + "\n" for item in items(name))
        for name in names
    }
    files["additional_metadata.csv"] = metadata(names)
    for name, text in files.items():
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
        else:
            (folder / name).write_text(text, encoding="utf-8")
    return folder


def _h(*key: object) -> int:
    return int(hashlib.sha256(":".join(map(str, key)).encode()).hexdigest()[:8], 16)


def _mostly_correct(item: Item) -> int:
    key = (item.category, item.example_id)
    return item.gold if _h("m2a", *key) % 5 < 3 else _h("m2b", *key) % 3


PREDICTORS: dict[str, Callable[[Item], int]] = {
    "always_unknown": lambda item: item.unknown,
    "hash_mod3": lambda item: _h("m1", item.category, item.example_id) % 3,
    "mostly_correct": _mostly_correct,
    "oracle": lambda item: item.gold,
}


def reference() -> list[dict[str, str]]:
    """The 120 cells that were checked against the authors' R script (`cases/bbq_index.md`)."""
    with (CASES / "bbq_reference.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))
