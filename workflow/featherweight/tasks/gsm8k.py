r"""GSM8K (Cobbe et al. 2021): the 1,319 word problems of the test split; every answer is a number.

Reads `test.jsonl`, plain or .gz, in the authors' shape (`question`, and `answer`: a solution that
ends with `#### 18`) or in that of the project's copies (`problems`). One real item:

    Item(task="gsm8k", item_id="gsm8k-test-0001", category="test", cluster="gsm8k-test-0001", ...,
         question="A robe takes 2 bolts of blue fiber and half that much white fiber.  How ...",
         options=None, gold="3")

What a reader of this file must know:

- The authors' rows have no ids: an item is named by its place, counted from 0.
- Two answers are negative; 70,000 is written with a comma in some solutions, which is left out.
"""

from __future__ import annotations

import re
from pathlib import Path

from featherweight.tasks import Loaded, Task, graded
from featherweight.tasks.problems import Problem, Row, Shape, item_of, read_problems, text_of

SIZE = 1319  # Cobbe et al. 2021, "Training Verifiers to Solve Math Word Problems", section 2
SPLIT = "test"
_MARK = "####"
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")


def load(folder: Path, category: str) -> Loaded:
    """The problems in the file's order. Raises InputError."""
    items = [item_of("gsm8k", one) for one in read_problems(folder, SHAPES, SIZE)]
    return Loaded(items, ())


def _of_authors(row: Row, place: int) -> Problem:
    solution = text_of(row, "answer")
    _, mark, last = solution.rpartition(_MARK)
    if not mark:
        raise ValueError(f"answer: expected a solution that ends with {_MARK} and a number")
    return Problem(f"gsm8k-test-{place:04d}", text_of(row, "question"), _gold(last), SPLIT)


def _of_copy(row: Row, place: int) -> Problem:
    return Problem(
        text_of(row, "id"), text_of(row, "problem"), _gold(text_of(row, "answer")), SPLIT
    )


def _gold(written: str) -> str:
    number = written.strip().replace(",", "")
    if _NUMBER.fullmatch(number) is None:
        raise ValueError(f"answer: expected a number, got {written.strip()!r:.60}")
    return number


SHAPES = (
    Shape(frozenset({"id", "problem", "answer"}), _of_copy),
    Shape(frozenset({"question", "answer"}), _of_authors),
)

TASK = Task(
    name="gsm8k",
    categories={SPLIT: SIZE},
    wordings=(*graded.WORDINGS, graded.HASHES),
    load=load,
    benchmark="GSM8K",
    policies=graded.POLICIES,
    policy=graded.POLICY,
    controls=graded.CONTROLS,
    choices=None,
    read="number",
    grading="number",
)
