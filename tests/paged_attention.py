"""Attention over pages, written out row by row in float64: what our attention and the kernels must
compute.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

PAGE = 256
SIZE = 16


class Case(NamedTuple):
    """What is in the cache before the call, in tokens per row, and how many tokens are new."""

    before: tuple[int, ...]
    new: int
    heads: int
    key_heads: int


def by_hand(
    q: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, first: int, scale: float
) -> torch.Tensor:
    """One row: q (new, heads, size) at positions first.. over keys (all, key heads, size)."""
    new, heads, _ = q.shape
    shared = heads // keys.shape[1]
    out = torch.zeros_like(q, dtype=torch.float64)
    for i in range(new):
        for head in range(heads):
            seen = keys[: first + i + 1, head // shared].double()
            weights = (seen @ q[i, head].double() * scale).softmax(dim=0)
            out[i, head] = weights @ values[: first + i + 1, head // shared].double()
    return out


def scattered_pages(case: Case, generator: torch.Generator) -> tuple[torch.Tensor, int]:
    """A block table whose rows' pages lie anywhere in a cache, the ends of short rows filled with
    page 0.
    """
    needed = [math.ceil((before + case.new) / PAGE) for before in case.before]
    order = (torch.randperm(sum(needed) + 2, generator=generator) + 1).tolist()
    table = torch.zeros((len(needed), max(needed)), dtype=torch.int32)
    for row, count in enumerate(needed):
        table[row, :count] = torch.tensor([order.pop() for _ in range(count)])
    return table, sum(needed) + 3
