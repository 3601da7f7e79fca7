"""What memory bandwidth would allow, and an estimate of a whole study from a measured rate. Pure
functions.

A decode step must read every weight once and the keys and values of every row. No engine can be
faster than the memory delivers those bytes, so the share of that bound says how much is left to
gain, on any machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from generation.work import Work


def step_bytes(weights: int, cache_per_token: int, positions: int) -> int:
    """Bytes that one step reads: all weights, and the cache of all rows, `positions` tokens
    together.
    """
    return weights + cache_per_token * positions


def work_bytes(work: Work, batch: int, weights: int, cache_per_token: int) -> int:
    """Bytes that all decode steps of this work read where every step computes as many rows as there
    can be.

    An answer's token k (from 1) attends to its prompt and k tokens. No schedule has fewer steps
    than the tokens divided by the rows, nor than the longest answer. Prefill is left out: it is
    bounded by arithmetic, not by memory.
    """
    if batch < 1:
        raise ValueError(f"batch: expected at least 1 row, got {batch}")
    steps = max(math.ceil(work.tokens / batch), max(work.ends))
    positions = sum(
        end * len(prompt) + end * (end + 1) // 2
        for prompt, end in zip(work.prompts, work.ends, strict=True)
    )
    return step_bytes(steps * weights, cache_per_token, positions)


def bound_share(read: int, bandwidth: float, seconds: float) -> float:
    """Share of the bound: the seconds that `read` bytes take at `bandwidth` (bytes per second) over
    those it took.
    """
    return read / bandwidth / seconds


@dataclass(frozen=True, slots=True)
class Study:
    """A study by its size.

    The lengths of the answers are assumptions; nothing here was counted on real models.
    """

    models: int
    samples_per_model: int
    thinking_models: int
    prompt_tokens: int
    answer_tokens: int  # mean, of a model that answers at once
    thinking_tokens: int  # mean, of a model that thinks aloud until it is done or cut off

    @property
    def samples(self) -> int:
        """Of all models."""
        return self.models * self.samples_per_model

    @property
    def tokens(self) -> int:
        """Generated tokens of all models."""
        plain = (self.models - self.thinking_models) * self.samples_per_model
        return (
            plain * self.answer_tokens
            + self.thinking_models * self.samples_per_model * self.thinking_tokens
        )


# The main task of config/studies/smol-but-mighty.yaml: 11 categories x 100 prompts x 3 seeds; at
# most 512 tokens per answer. The study's subsets (840 samples a model) and its pass by likelihood
# (prompts alone) are not in it.
SMOL_BUT_MIGHTY = Study(
    models=4,
    samples_per_model=3300,
    thinking_models=1,
    prompt_tokens=150,
    answer_tokens=60,
    thinking_tokens=450,
)


def study_seconds(study: Study, tokens_per_second: float, load_seconds: float) -> float:
    """Seconds to generate the study at one rate, each model loaded once."""
    return study.tokens / tokens_per_second + study.models * load_seconds


@dataclass(frozen=True, slots=True)
class Card:
    """A graphics card, by what its maker states."""

    name: str
    memory: float  # bytes
    bandwidth: float  # bytes per second


SMALL_CARD = Card("a 12 GB card with 360 GB/s", 12e9, 360e9)
USABLE = 0.9  # of a card's memory; the rest is the driver's and the desktop's
WORKSPACE = 1.5e9  # bytes of logits and passing results


def rows_that_fit(card: Card, weights: int, cache_per_token: int, positions: int, most: int) -> int:
    """Rows of `positions` tokens whose cache fits beside the weights, at most `most`; 0 where the
    weights do not.
    """
    room = USABLE * card.memory - WORKSPACE - weights
    return max(0, min(most, int(room // (cache_per_token * positions))))


def card_rate(
    card: Card, share: float, rows: int, weights: int, cache_per_token: int, positions: int
) -> float:
    """Tokens per second on that card, were it to reach the same share of its bandwidth as the card
    measured here.

    Its arithmetic is not considered, and a smaller card has less of that too: an upper estimate at
    many rows.
    """
    return share * rows * card.bandwidth / step_bytes(weights, cache_per_token, rows * positions)
