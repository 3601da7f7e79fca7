"""What the engines are given to do: shapes of models, prompts, and the length at which each answer
is made to end.

Pure functions and no framework, so that the process that only starts the others stays small. One
piece of work:

    Work(prompts=((812, 1401, ...), ...), ends=(37, 112, ...))
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import NamedTuple


class Shape(NamedTuple):
    """A model's sizes.

    `sharpness` is the weight of the last norm: it decides how flat the next token's logits are.
    """

    kind: str  # "llama" or "qwen2"
    vocabulary: int
    hidden: int
    inner: int
    layers: int
    heads: int
    kv_heads: int
    rope_theta: float
    sharpness: float

    @property
    def cache_numbers(self) -> int:
        """Numbers in the cache per token, keys and values of all layers."""
        return 2 * self.layers * self.kv_heads * (self.hidden // self.heads)


# Random weights of the usual scale give logits so flat that all tokens are about equally likely,
# which no trained model does; with these the next token has 1 to 3 bits of entropy at temperature
# 0.7 (printed by every run).
SHAPES = {
    "smollm2-135m": Shape("llama", 49152, 576, 1536, 30, 9, 3, 100_000.0, 8.0),
    "qwen2.5-1.5b": Shape("qwen2", 151936, 1536, 8960, 28, 12, 2, 1_000_000.0, 5.5),
    "small": Shape("llama", 8192, 320, 864, 8, 5, 5, 10_000.0, 10.0),
    "tiny": Shape("llama", 2048, 128, 352, 3, 4, 2, 10_000.0, 14.0),
}
LARGEST_PROMPT_TOKEN = 2000  # prompts use the ids 3 to this


@dataclass(frozen=True, slots=True)
class Work:
    """Prompts and how many tokens each answer is made to have."""

    prompts: tuple[tuple[int, ...], ...]
    ends: tuple[int, ...]

    @property
    def tokens(self) -> int:
        """Tokens of all answers."""
        return sum(self.ends)


def make_work(count: int, scale: float, answers: tuple[int, int]) -> Work:
    """Ragged prompts of 60 to 200 tokens and answers between these two lengths; `scale` shortens
    both.
    """
    draw = random.Random(0)
    prompts, ends = [], []
    for _ in range(count):
        length = max(2, int(scale * draw.randint(60, 200)))
        prompts.append(tuple(draw.randrange(3, LARGEST_PROMPT_TOKEN) for _ in range(length)))
        ends.append(max(1, int(scale * draw.randint(*answers))))
    return Work(tuple(prompts), tuple(ends))


def prompts_for(batch: int) -> int:
    """How many prompts a batch of this size is measured on: twice its rows, so that slots are
    refilled; at least 8.
    """
    return max(8, 2 * batch)
