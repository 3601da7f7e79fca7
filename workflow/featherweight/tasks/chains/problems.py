"""The problems: made from constants, kept in one file, checked when they are read.

Reads `problems.csv` of the dataset's folder; `python -m featherweight.tasks.chains.problems FILE`
writes it. One real row:

    id,problem,answer
    0000-1,Step 1: - 4 Step 2: * 7 Keep the last digit. Start with 5,7

Five problems with one number, one of each level, are drawn together, so that every draw of whole
blocks has as many of each level.
"""

from __future__ import annotations

import csv
import io
import random
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from featherweight.errors import InputError
from featherweight.files import write_atomically
from featherweight.records import Item
from featherweight.tasks import Loaded
from featherweight.tasks.chains import PER_LEVEL, STEPS
from featherweight.tasks.choice import stream_seed

FILE = "problems.csv"
HEADER = ["id", "problem", "answer"]
# Factors are units modulo 10: a wrong digit never becomes the right one by multiplying.
OPERANDS = {"+": tuple(range(1, 10)), "-": tuple(range(1, 10)), "*": (3, 7, 9)}
_SHAPE = re.compile(r"((?:Step \d: [-+*] \d )+)Keep the last digit\. Start with (\d)")
_STEP = re.compile(r"Step (\d): ([-+*]) (\d) ")


class Operation(NamedTuple):
    """One step of a chain: a sign and the digit it is used with."""

    sign: str
    operand: int

    def on(self, digit: int) -> int:
        """The last digit of the result."""
        if self.sign == "*":
            return digit * self.operand % 10
        return (digit + self.operand if self.sign == "+" else digit - self.operand) % 10


OPERATIONS = tuple(
    Operation(sign, operand) for sign, operands in OPERANDS.items() for operand in operands
)


class Problem(NamedTuple):
    """A chain: where it starts, and what is done to it."""

    start: int
    operations: tuple[Operation, ...]

    @property
    def values(self) -> tuple[int, ...]:
        """The start and the right result of every step."""
        found = [self.start]
        for operation in self.operations:
            found.append(operation.on(found[-1]))
        return tuple(found)

    @property
    def text(self) -> str:
        """The problem as it is put."""
        steps = " ".join(
            f"Step {number}: {sign} {operand}"
            for number, (sign, operand) in enumerate(self.operations, start=1)
        )
        return f"{steps} Keep the last digit. Start with {self.start}"

    def reply(self, results: Sequence[int]) -> str:
        """The answer of someone who gets these results, one per step: right or not."""
        before = (self.start, *results[:-1])
        steps = [
            f"Step {number}: {value} {sign} {operand} = {result}\n\n"
            for number, (value, (sign, operand), result) in enumerate(
                zip(before, self.operations, results, strict=True), start=1
            )
        ]
        return f"{''.join(steps)}The final answer is \\boxed{{ {results[-1]} }}"


def parse(text: str) -> Problem:
    """The problem that `Problem.text` wrote. Raises ValueError for anything else."""
    found = _SHAPE.fullmatch(text)
    steps = _STEP.findall(found[1]) if found else []
    operations = tuple(Operation(sign, int(operand)) for _, sign, operand in steps)
    numbers = [int(number) for number, _, _ in steps]
    if not found or numbers != list(range(1, len(steps) + 1)) or set(operations) - {*OPERATIONS}:
        raise ValueError(
            'expected a chain like "Step 1: + 8 Step 2: * 3 Keep the last digit. Start with 7",'
            f" got {text!r:.120}"
        )
    return Problem(int(found[2]), operations)


def draw(steps: int, source: random.Random) -> Problem:
    """A chain of so many steps: each of the three signs as likely, each of its operands too."""
    signs = source.choices(tuple(OPERANDS), k=steps)
    operations = tuple(Operation(sign, source.choice(OPERANDS[sign])) for sign in signs)
    return Problem(source.randrange(10), operations)


def made() -> list[list[str]]:
    """The rows of `problems.csv`; within a level no problem stands twice."""
    levels: list[list[Problem]] = []
    for stratum, steps in STEPS.items():
        source = random.Random(stream_seed("chains", stratum))
        found: dict[Problem, None] = {}
        while len(found) < PER_LEVEL:
            found.setdefault(draw(steps, source))
        levels.append(list(found))
    return [
        [f"{number:04d}-{level}", problem.text, str(problem.values[-1])]
        for number, block in enumerate(zip(*levels, strict=True))
        for level, problem in enumerate(block, start=1)
    ]


def load(folder: Path, category: str) -> Loaded:
    """Every problem, in the file's order. Raises InputError with every row that is wrong."""
    path = folder / FILE
    if not path.is_file():
        raise InputError(f"{path}: no such file; run acquire or copy it there")
    text = path.read_text(encoding="utf-8")
    header, *rows = [*csv.reader(io.StringIO(text, newline=""))] or [[]]
    problems = [
        f"{path}: row {place}: {problem}"
        for place, row in enumerate(rows, start=1)
        if (problem := _mistake(row)) is not None
    ]
    if header != HEADER:
        problems.insert(0, f"{path}: expected the columns {', '.join(HEADER)}, got {header!r:.80}")
    twice = len(rows) - len({tuple(row[1:2]) for row in rows})
    if len(rows) != len(STEPS) * PER_LEVEL or twice:
        problems.append(
            f"{path}: expected {len(STEPS) * PER_LEVEL} different problems, got {len(rows)} rows,"
            f" {twice} of them repeated; fetch it again"
        )
    if problems:
        raise InputError(problems[:20])
    return Loaded([_item(category, *row) for row in rows], ())


def _mistake(row: Sequence[str]) -> str | None:
    """What is wrong with a row; None: nothing."""
    if len(row) != len(HEADER):
        return f"expected {len(HEADER)} fields, got {len(row)}"
    name, text, answer = row
    try:
        problem = parse(text)
    except ValueError as error:
        return str(error)
    if answer != str(problem.values[-1]):
        return f"expected the answer {problem.values[-1]} to {text!r}, got {answer!r:.40}"
    steps = STEPS.get(f"level {name.rpartition('-')[2]}")
    if steps != len(problem.operations):
        return (
            f"expected an id like 0000-1 that ends with the level, got {name!r:.40} for a problem"
            f" of {len(problem.operations)} steps"
        )
    return None


def _item(category: str, name: str, text: str, answer: str) -> Item:
    number, _, level = name.rpartition("-")
    return Item(
        task="chains",
        item_id=f"chains-{name}",
        category=category,
        cluster=f"chains:{name}",
        block=f"chains:{number}",
        group=category,
        stratum=f"level {level}",
        context="",
        question=text,
        options=None,
        gold=answer,
    )


if __name__ == "__main__":
    (out,) = sys.argv[1:]
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\n").writerows([HEADER, *made()])
    write_atomically(Path(out), buffer.getvalue().encode())
