"""Keys and values of beginnings that a session keeps, found by their token ids.

Nothing here changes once it is made, and a beginning is found by what it says, not by who made it:
it cannot be stale, and forks share it without a copy. It is held in pieces, one for each step by
which it grew; branches of one answer have their first pieces in common. Above the budget the least
recently used beginnings go, and whoever needs one computes it again. Reads and writes nothing.

    prefixes.find((1, 511, 38, 31, 8))
    -> Prefix(ids=(1, 511, 38), pieces=(Piece(n=3, ...),))  # the longest that is held
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import torch

MOST = 16  # pieces of one beginning: then all but the first become one


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Keys and values of `n` positions, by layer, each (heads, n, head size)."""

    n: int
    layers: tuple[tuple[torch.Tensor, torch.Tensor], ...]

    @staticmethod
    def of(tensors: Sequence[Sequence[torch.Tensor]], row: int, first: int, end: int) -> Piece:
        """A copy of a row's positions, from tensors (rows, heads, positions, head size)."""
        layers = tuple(
            (pair[0][row, :, first:end].clone(), pair[1][row, :, first:end].clone())
            for pair in tensors
        )
        return Piece(end - first, layers)

    @staticmethod
    def joined(pieces: Sequence[Piece]) -> Piece:
        """One piece in place of several that follow each other."""
        layers = tuple(
            (
                torch.cat([one[0] for one in layer], dim=1),
                torch.cat([one[1] for one in layer], dim=1),
            )
            for layer in zip(*(piece.layers for piece in pieces), strict=True)
        )
        return Piece(sum(piece.n for piece in pieces), layers)


@dataclass(frozen=True, slots=True, eq=False)
class Prefix:
    """A beginning whose keys and values are held."""

    ids: tuple[int, ...]
    pieces: tuple[Piece, ...] = ()

    def longer(self, ids: tuple[int, ...], piece: Piece) -> Prefix:
        """This beginning and what came after it."""
        if piece.n == 0:
            return self
        pieces = (*self.pieces, piece)
        if len(pieces) > MOST:
            pieces = (pieces[0], Piece.joined(pieces[1:]))
        return Prefix(ids, pieces)

    def copy_into(self, tensors: Sequence[Sequence[torch.Tensor]], row: int) -> None:
        """Fill the first positions of a row of these tensors."""
        first = 0
        for piece in self.pieces:
            for pair, (keys, values) in zip(tensors, piece.layers, strict=True):
                pair[0][row, :, first : first + piece.n] = keys
                pair[1][row, :, first : first + piece.n] = values
            first += piece.n


NOTHING = Prefix(())


class Prefixes:
    """What a session keeps: at most `budget` tokens, pieces that several share counted once."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.tokens = 0
        self._held: OrderedDict[tuple[int, ...], Prefix] = OrderedDict()  # the next to go first
        self._holders: Counter[Piece] = Counter()

    def find(self, ids: tuple[int, ...]) -> Prefix:
        """The longest beginning of these ids that is held; it counts as used."""
        whole = self._held.get(ids)
        if whole is None:
            fitting = [one for one in self._held if ids[: len(one)] == one]
            if not fitting:
                return NOTHING
            whole = self._held[max(fitting, key=len)]
        self._held.move_to_end(whole.ids)
        return whole

    def keep(self, prefix: Prefix) -> None:
        """Hold a beginning, and let the least recently used ones go that are then too many."""
        self.forget(prefix.ids)
        if not 0 < len(prefix.ids) <= self.budget:
            return
        self._held[prefix.ids] = prefix
        for piece in prefix.pieces:
            self.tokens += 0 if self._holders[piece] else piece.n
            self._holders[piece] += 1
        while self.tokens > self.budget:
            self.forget(next(iter(self._held)))

    def forget(self, ids: tuple[int, ...]) -> None:
        """Give back what only this beginning held; nothing if it is not there."""
        prefix = self._held.pop(ids, None)
        for piece in () if prefix is None else prefix.pieces:
            self._holders[piece] -= 1
            if not self._holders[piece]:
                del self._holders[piece]
                self.tokens -= piece.n

    def clear(self) -> None:
        """Forget everything."""
        for ids in list(self._held):
            self.forget(ids)
