"""How likely a model finds given continuations, through ExLlamaV2's forward pass without a cache.

    loglikelihoods(model, [(1, 403)], [(407, 261)], budget=2048)
    -> [-1.8437]

Reads and writes nothing. What is computed, and what several continuations share, is decided by
`continuations`. 0.3.2 has no place for a mask of ours (attn.py:1144 would leave its right path for
one), so every row is one plain sequence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from featherweight.engines import continuations as plan

_PLACES = 512  # positions whose logits are held in float32 at once


def dense_logits(model: Any, sequences: Sequence[Sequence[int]]) -> torch.Tensor:
    """Logits (sequences, length, vocabulary) in ExLlamaV2's float16, of sequences of one length."""
    logits: torch.Tensor = model.forward(torch.tensor(sequences, dtype=torch.long))
    return logits[:, :, : int(model.config.vocab_size)]


def loglikelihoods(
    model: Any,
    prompts: Sequence[tuple[int, ...]],
    continuations: Sequence[tuple[int, ...]],
    *,
    budget: int,
) -> list[float]:
    """The summed natural-log probability of each continuation after its prompt, as
    `continuations.loglikelihoods`.
    """

    def compute(group: plan.Group) -> Iterator[torch.Tensor]:
        logits = dense_logits(model, group.padded())
        places = torch.tensor(group.places(), device=logits.device)
        for begin in range(0, len(places), _PLACES):
            rows, at = places[begin : begin + _PLACES].T
            yield logits[rows, at]

    return plan.loglikelihoods(prompts, continuations, compute, budget=budget, widest=0)
