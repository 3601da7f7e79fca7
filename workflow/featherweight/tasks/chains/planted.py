"""How often a model that slips on single facts answers a chain rightly: exact, per problem.

Reads and writes nothing. A planted table says of each fact (a digit and an operation: 210 in all)
how likely each of the ten results is. In most facts the right one is likeliest and every other one
a slip; in a few, the misconceptions, one wrong result is likeliest, so that greedy decoding and
majorities fail there. A chain answered step by step is then a Markov chain over digits: the
probabilities of its final digit are the start's row times one 10 x 10 matrix per step.

    planted("solver", item, temperature=0.8) -> 0.7634
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

from featherweight.records import Item
from featherweight.tasks.chains.problems import OPERANDS, OPERATIONS, Operation, Problem, parse
from featherweight.tasks.choice import stream_seed

Row = tuple[float, ...]  # the probabilities of the ten results of one fact
Table = Mapping[tuple[int, Operation], Row]  # (digit, operation) -> row

MISTAKEN, STILL_RIGHT = 0.55, 0.35  # the wrong and the right result of a misconception


class Rates(NamedTuple):
    """Of the facts of one sign: how often one is missed, and which share is misconceived."""

    slips: float
    misconceptions: float


TABLES: Mapping[str, Mapping[str, Rates]] = MappingProxyType(
    {
        "solver": {
            "+": Rates(slips=0.12, misconceptions=0.03),
            "-": Rates(slips=0.18, misconceptions=0.06),
            "*": Rates(slips=0.30, misconceptions=0.14),
        }
    }
)


def table(name: str) -> Table:
    """The planted table of this name. Raises LookupError where there is none."""
    if name not in TABLES:
        raise LookupError(
            f"chains has no planted table {name!r}: expected one of {', '.join(TABLES)}"
        )
    return _table(name)


@cache
def _table(name: str) -> Table:
    found: dict[tuple[int, Operation], Row] = {}
    for sign, rates in TABLES[name].items():
        facts = [
            (digit, Operation(sign, operand)) for digit in range(10) for operand in OPERANDS[sign]
        ]
        # Ranked by name alone: the misconceptions of a smaller share are among those of a larger.
        facts.sort(key=lambda fact: stream_seed("misconception", fact[0], *fact[1]))
        mistaken = round(rates.misconceptions * len(facts))
        for place, fact in enumerate(facts):
            found[fact] = _misconception(*fact) if place < mistaken else _slips(*fact, rates.slips)
    return MappingProxyType(found)


def _slips(digit: int, operation: Operation, rate: float) -> Row:
    right = operation.on(digit)
    return tuple(1 - rate if result == right else rate / 9 for result in range(10))


def _misconception(digit: int, operation: Operation) -> Row:
    right = operation.on(digit)
    wrong = (right + 1 + stream_seed("mistaken for", digit, *operation) % 9) % 10
    rest = (1 - MISTAKEN - STILL_RIGHT) / 8
    known = {right: STILL_RIGHT, wrong: MISTAKEN}
    return tuple(known.get(result, rest) for result in range(10))


def tempered(row: Row, temperature: float) -> Row:
    """The row at this sampling temperature, p^(1/T) made to sum to 1; at 0 only the likeliest."""
    highest = max(row)
    if temperature == 0:
        raised = [float(one == highest) for one in row]
    else:
        raised = [math.exp(math.log(one / highest) / temperature) if one else 0.0 for one in row]
    total = sum(raised)
    return tuple(one / total for one in raised)


def through(rows: Table, problem: Problem) -> Row:
    """How likely each final digit is where every step follows these rows."""
    reached: Sequence[float] = [float(digit == problem.start) for digit in range(10)]
    for operation in problem.operations:
        each = [rows[digit, operation] for digit in range(10)]
        reached = [
            sum(weight * row[result] for weight, row in zip(reached, each, strict=True))
            for result in range(10)
        ]
    return tuple(reached)


@cache
def _at(name: str, temperature: float) -> Table:
    return {fact: tempered(row, temperature) for fact, row in table(name).items()}


def distribution(name: str, item: Item, temperature: float) -> Row:
    """How likely each final digit is for a model with this table, sampled at this temperature.

    Nothing else is assumed of the sampling: no cut of the distribution (top_p 1, top_k 0). Raises
    LookupError for an unknown table and ValueError for an item that is no chain.
    """
    table(name)
    return through(_at(name, temperature), parse(item.question))


def planted(name: str, item: Item, temperature: float) -> float:
    """The probability that such a model answers rightly; raises as `distribution`."""
    return distribution(name, item, temperature)[int(item.gold)]


def misconceptions(name: str) -> list[tuple[int, Operation]]:
    """The facts whose likeliest result is wrong, in the order of the operations."""
    rows = table(name)
    return [
        (digit, operation)
        for operation in OPERATIONS
        for digit in range(10)
        if (row := rows[digit, operation]).index(max(row)) != operation.on(digit)
    ]
