"""Counts: sums over answers that every score is a function of. Arrays in, arrays out.

The counts of a task have shape (clusters, groups, strata, columns), or any part of it that ends in
(strata, columns). The first columns are those of every task; a task's own follow them from
N_GENERAL on. One real use, three answers of one cluster, of which the second could not be read:

    answers = Answers(values, over=GENERAL, read=np.array([True, False, True]), ...)
    answers.count(np.zeros(3, dtype=np.int64), 1)[0, 0, :3]      # items 3, right 1, unread 1
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]

N_ITEMS, N_RIGHT, N_UNREAD, N_UNFINISHED, N_TOKENS, N_CHANCE = range(6)
N_GENERAL = 6  # a task's own columns begin here

Over = Literal["asked", "read", "unread"]  # which answers a column is summed over
GENERAL: tuple[Over, ...] = ("asked", "read", "unread", "asked", "asked", "asked")


@dataclass(frozen=True, slots=True)
class Policy:
    """What answers that could not be read count as: nothing where it `drops` them, else wrong.

    `right`: the column that counts those that are right nevertheless.
    """

    name: str
    drops: bool = False
    right: int | None = None


DROP, WRONG = Policy("drop", drops=True), Policy("wrong")


@dataclass(frozen=True, slots=True)
class Answers:
    """Judged answers as arrays of one length, with a value per column that counting sums.

    Raises ValueError for arrays of different lengths, and for an answer that is right though it
    could not be read.
    """

    values: Values  # shape (answers, columns); 0 in all of them: the answer takes part in nothing
    over: tuple[Over, ...]  # of each column
    read: Bools
    stratum: Codes
    n_strata: int

    def __post_init__(self) -> None:
        lengths = {len(self.values), len(self.read), len(self.stratum)}
        if len(lengths) > 1 or self.values.shape[1:] != (len(self.over),):
            raise ValueError(
                f"answers: expected arrays of one length, got values {self.values.shape} of"
                f" {len(self.over)} columns, read {len(self.read)}, stratum {len(self.stratum)}"
            )
        if np.any(self.values[~self.read, N_RIGHT] > 0):
            raise ValueError("answers: an answer that could not be read cannot be right")

    @property
    def inside(self) -> Bools:
        """The answers that take part."""
        return np.asarray(self.values[:, N_ITEMS] > 0, dtype=np.bool_)

    def part(self, inside: Bools) -> Answers:
        """These answers alone."""
        values, read, stratum = self.values[inside], self.read[inside], self.stratum[inside]
        return Answers(values, self.over, read, stratum, self.n_strata)

    def count(
        self, cell: Codes, n_cells: int, inside: Bools | None = None, lost: Bools | None = None
    ) -> Values:
        """The counts per cell, which numbers each answer's cluster, item or the like.

        `inside` picks answers; those marked in `lost` count as unread, whatever they say. Shape:
        (cells, strata, columns).
        """
        read = self.read if lost is None else self.read & ~lost
        places = cell * self.n_strata + self.stratum
        values = self.values
        if inside is not None:
            places, values, read = places[inside], values[inside], read[inside]
        among = {"read": read, "unread": ~read}
        size = n_cells * self.n_strata
        counts = np.empty((size, len(self.over)))
        for column, over in enumerate(self.over):
            weights = values[:, column]
            if over != "asked":
                weights = np.where(among[over], weights, 0.0)
            counts[:, column] = np.bincount(places, weights=weights, minlength=size)
        return counts.reshape(n_cells, self.n_strata, len(self.over))


def ratio(numerator: Values, denominator: Values) -> Values:
    """The quotient, nan where the denominator is 0. Any shape."""
    quotient = np.full(np.broadcast(numerator, denominator).shape, np.nan)
    np.divide(numerator, denominator, out=quotient, where=denominator > 0)
    return quotient


def n_scored(counts: Values, policy: Policy) -> Values:
    """How many answers the accuracy rests on. Shape: (..., strata)."""
    items: Values = counts[..., N_ITEMS]
    return items - counts[..., N_UNREAD] if policy.drops else items


def accuracy(counts: Values, policy: Policy, places: Sequence[int]) -> Values:
    """The share of right answers in these strata together, nan where none is scored."""
    right = counts[..., N_RIGHT]
    if policy.right is not None:
        right = right + counts[..., policy.right]
    inside = list(places)
    scored = n_scored(counts, policy)[..., inside].sum(axis=-1)
    return ratio(right[..., inside].sum(axis=-1), scored)


def known(value: Values | float) -> float | None:
    """A float, or None for nan: unknown has one form outside of array arithmetic."""
    number = float(value)
    return None if np.isnan(number) else number
