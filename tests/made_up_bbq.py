"""BBQ without its text: real labels, targets and templates (`cases/bbq_index.md`), our sentences.

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
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from featherweight.records import Choices, Item
from featherweight.tasks import Loaded
from featherweight.tasks.bbq.facts import BiasFacts, choices

CASES = Path(__file__).parent / "cases"
PEOPLE = ("The violinist", "The carpenter")
UNKNOWN = "Not enough information"


@dataclass(frozen=True, slots=True)
class Question:
    """An item and what only BBQ knows of it."""

    item: Item
    facts: BiasFacts

    @property
    def options(self) -> tuple[str, ...]:
        assert self.item.options is not None
        return self.item.options

    @property
    def category(self) -> str:
        return self.item.category

    @property
    def example_id(self) -> int:
        return self.facts.example_id

    @property
    def gold(self) -> int:
        return self.item.gold_index

    @property
    def choices(self) -> Choices:
        return choices(self.item, self.facts)


def questions(loaded: Loaded) -> list[Question]:
    """Each item of a category with its facts."""
    return [Question(*pair) for pair in zip(loaded.items, loaded.facts, strict=True)]


@lru_cache(maxsize=1)
def index() -> dict[str, np.ndarray]:
    """Category -> (3, items): code, question_index, is a name."""
    with np.load(CASES / "bbq_index.npz") as archive:
        return {name: archive[name].astype(int) for name in archive.files}


def _options(unknown: int) -> tuple[str, ...]:
    people = iter(PEOPLE)
    return tuple(UNKNOWN if place == unknown else next(people) for place in range(3))


@lru_cache(maxsize=16)
def items(category: str) -> tuple[Question, ...]:
    """All items of one category, with their facts."""
    made = []
    for number, (code, template, named) in enumerate(index()[category].T.tolist()):
        label, unknown, target = code % 3, code // 3 % 3, code // 9
        options = _options(unknown)
        item_id, cluster = f"{category}-{number:05d}", f"{category}:{template}"
        item = Item(
            task="bbq",
            item_id=item_id,
            category=category,
            cluster=cluster,
            block=f"{cluster}:{number // 4}",
            group=f"{category} (names)" if named else category,
            stratum="disambiguated" if number % 2 else "ambiguous",
            context="The violinist met the carpenter in the hall.",
            question="Who was late?" if number % 4 < 2 else "Who was in time?",
            options=options,
            gold=options[label],
        )
        facts = BiasFacts(
            task="bbq",
            item_id=item_id,
            example_id=number,
            question_index=template,
            polarity="nonneg" if number % 4 // 2 else "neg",
            target=None if target == 3 else target,
            unknown=unknown,
            option_names=tuple(option.removeprefix("The ") for option in options),
            option_groups=tuple(
                "unknown" if option == UNKNOWN else option[4:] for option in options
            ),
            label_type="name" if named else "label",
            stereotyped_groups=("violinist",),
        )
        made.append(Question(item, facts))
    return tuple(made)


def line(question: Question) -> dict[str, Any]:
    """One item as its line in BBQ's file."""
    item, facts = question.item, question.facts
    names = zip(facts.option_names, facts.option_groups, strict=True)
    return {
        "example_id": facts.example_id,
        "question_index": str(facts.question_index),
        "question_polarity": facts.polarity,
        "context_condition": "ambig" if item.stratum == "ambiguous" else "disambig",
        "category": item.category,
        "answer_info": {f"ans{place}": list(pair) for place, pair in enumerate(names)},
        "additional_metadata": {
            "subcategory": "None",
            "stereotyped_groups": list(facts.stereotyped_groups),
        },
        "context": item.context,
        "question": item.question,
        **{f"ans{place}": text for place, text in enumerate(question.options)},
        "label": question.gold,
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
        for question in items(category):
            facts = question.facts
            target = "NA" if facts.target is None else facts.target
            condition = "Match Race\n Mismatch Gender"
            row = [
                category,
                str(facts.question_index),
                facts.example_id,
                target,
                facts.label_type,
                condition,
            ]
            copies = 2 if category == "Gender_identity" and facts.example_id < doubled else 1
            for _ in range(copies):
                writer.writerow(row)
    return text.getvalue().replace('"NA"', "NA")


def write_folder(folder: Path, categories: Iterable[str], *, packed: bool = False) -> Path:
    """Write BBQ's files of these categories, plain or as .gz; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    names = list(categories)
    files = {
        f"{name}.jsonl": "".join(json.dumps(line(one)) + "\n" for one in items(name))
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


def _mostly_correct(item: Question) -> int:
    key = (item.category, item.example_id)
    return item.gold if _h("m2a", *key) % 5 < 3 else _h("m2b", *key) % 3


PREDICTORS: dict[str, Callable[[Question], int]] = {
    "always_unknown": lambda item: item.facts.unknown,
    "hash_mod3": lambda item: _h("m1", item.category, item.example_id) % 3,
    "mostly_correct": _mostly_correct,
    "oracle": lambda item: item.gold,
}


def reference() -> list[dict[str, str]]:
    """The 120 cells that were checked against the authors' R script (`cases/bbq_index.md`)."""
    with (CASES / "bbq_reference.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))
