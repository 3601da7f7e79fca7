"""MMLU (Hendrycks et al. 2021): 14,042 questions with four options, in 57 subjects.

Reads `test/<subject>.csv` and, for the worked examples, `dev/<subject>.csv` (five each), plain or
.gz. One real row, of `dev/anatomy.csv`:

    question,choice0,choice1,choice2,choice3,answer
    The pleura,have no sensory innervation.,are separated by a 2 mm space.,extend into the neck.,\
    are composed of respiratory epithelium.,2

What a reader of these files must know:

- 105 questions stand twice in their subject (78 of them in clinical_knowledge), with the same
  answer; they stay, as in the source, and form one cluster.
- In 4 questions another option has the text of the right one; either counts as right.
- Subjects differ in size (100 to 1,534): accuracy over all questions and the mean over subjects
  (`accuracy_macro`) are two numbers.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from featherweight.errors import InputError
from featherweight.records import Choices, Item
from featherweight.specs import Wording
from featherweight.tasks import Loaded, Task
from featherweight.tasks.rules import RULES

# Questions of the test split by subject; Hendrycks et al. 2021, "Measuring Massive Multitask
# Language Understanding", ICLR, print 14,042 in all.
# fmt: off
CATEGORIES = {
    "abstract_algebra": 100, "anatomy": 135, "astronomy": 152, "business_ethics": 100,
    "clinical_knowledge": 265, "college_biology": 144, "college_chemistry": 100,
    "college_computer_science": 100, "college_mathematics": 100, "college_medicine": 173,
    "college_physics": 102, "computer_security": 100, "conceptual_physics": 235,
    "econometrics": 114, "electrical_engineering": 145, "elementary_mathematics": 378,
    "formal_logic": 126, "global_facts": 100, "high_school_biology": 310,
    "high_school_chemistry": 203, "high_school_computer_science": 100,
    "high_school_european_history": 165, "high_school_geography": 198,
    "high_school_government_and_politics": 193, "high_school_macroeconomics": 390,
    "high_school_mathematics": 270, "high_school_microeconomics": 238, "high_school_physics": 151,
    "high_school_psychology": 545, "high_school_statistics": 216, "high_school_us_history": 204,
    "high_school_world_history": 237, "human_aging": 223, "human_sexuality": 131,
    "international_law": 121, "jurisprudence": 108, "logical_fallacies": 163,
    "machine_learning": 112, "management": 103, "marketing": 234, "medical_genetics": 100,
    "miscellaneous": 783, "moral_disputes": 346, "moral_scenarios": 895, "nutrition": 306,
    "philosophy": 311, "prehistory": 324, "professional_accounting": 282, "professional_law": 1534,
    "professional_medicine": 272, "professional_psychology": 612, "public_relations": 110,
    "security_studies": 245, "sociology": 201, "us_foreign_policy": 100, "virology": 166,
    "world_religions": 171,
}
# fmt: on
HEADER = ["question", "choice0", "choice1", "choice2", "choice3", "answer"]
EXAMPLES = 5

# The form in which the authors' code asks (hendrycks/test, evaluate.py), without its heading.
ZERO_SHOT = Wording(
    name="zero-shot",
    user="{context}\n\n{question}\n{options}\nAnswer:",
    option="{letter}. {text}",
    answer="{letter}",
)
FIVE_SHOT = ZERO_SHOT.model_copy(update={"name": "five-shot", "shots": EXAMPLES})


def load(folder: Path, category: str) -> Loaded:
    """The test questions of one subject, in the file's order. Raises InputError."""
    items = _items(folder, "test", category)
    if len(items) != CATEGORIES[category]:
        raise InputError(
            f"{folder / 'test' / category}.csv: expected {CATEGORIES[category]} questions, got"
            f" {len(items)}; fetch it again"
        )
    return Loaded(items, ())


def examples(folder: Path, category: str) -> Sequence[Item]:
    """The worked examples of one subject, in the file's order. Raises InputError."""
    items = _items(folder, "dev", category)
    if len(items) < EXAMPLES:
        raise InputError(
            f"{folder / 'dev' / category}.csv: expected {EXAMPLES} worked examples, got"
            f" {len(items)}; fetch it again"
        )
    return items[:EXAMPLES]


def _items(folder: Path, split: str, category: str) -> list[Item]:
    path = folder / split / f"{category}.csv"
    packed = path.with_name(f"{path.name}.gz")
    if not (path.is_file() or packed.is_file()):
        raise InputError(f"{path}: no such file, nor {packed.name}; run acquire or copy it there")
    raw = path.read_bytes() if path.is_file() else gzip.decompress(packed.read_bytes())
    header, *rows = csv.reader(io.StringIO(raw.decode("utf-8"), newline="")) or [[]]
    problems = [
        f"{path}: question {number}: expected a question, four options and an answer 0 to 3, got"
        f" {row!r:.80}"
        for number, row in enumerate(rows, start=1)
        if len(row) != len(HEADER) or row[-1] not in {"0", "1", "2", "3"} or not all(row)
    ]
    if header != HEADER:
        problems.insert(0, f"{path}: expected the columns {', '.join(HEADER)}, got {header!r:.80}")
    if problems:
        raise InputError(problems[:20])
    first: dict[str, int] = {}
    return [
        Item(
            task="mmlu",
            item_id=f"{category}-{split}-{number:04d}",
            category=category,
            cluster=f"{category}:{first.setdefault(row[0], number)}",
            block=f"{category}:{number}",
            group=category,
            stratum=None,
            context="",
            question=row[0],
            options=tuple(row[1:5]),
            gold=row[1:5][int(row[5])],
        )
        for number, row in enumerate(rows)
    ]


def choices(item: Item, facts: Any) -> Choices:
    """What the reader may know: the question and its options."""
    assert item.options is not None
    return Choices(item.context, item.question, item.options)


TASK = Task(
    name="mmlu",
    categories=CATEGORIES,
    wordings=(ZERO_SHOT, FIVE_SHOT),
    load=load,
    benchmark="MMLU",
    controls=RULES,
    choices=choices,
    examples=examples,
)
