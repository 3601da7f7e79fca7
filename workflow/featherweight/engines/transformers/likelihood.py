"""How likely a model finds given continuations: multiple-choice answers, later a reward model's
verdicts.

    loglikelihoods(model, [(1, 403)], [(407, 261)], 2048)
    -> [-1.8437]

Reads and writes nothing. What is computed, and what several continuations share, is decided by
`continuations`. Those of one prompt stand behind it in one row, under a mask that hides them from
each other. Logits are products in float32 whatever the model computes in: bfloat16 has eight bits,
so logits near 20 would lie 0.125 apart and options would tie.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from featherweight.engines import continuations as plan
from featherweight.engines.transformers.slots import logits_at

_BLOCK = 16384  # rows of the output matrix that are held in float32 at once
_WIDEST = 4096  # tokens of a row with branches: its mask has the square of that


def loglikelihoods(
    model: Any,
    prompts: Sequence[tuple[int, ...]],
    continuations: Sequence[tuple[int, ...]],
    budget: int,
) -> list[float]:
    """The summed natural-log probability of each continuation after its prompt, as
    `continuations.loglikelihoods`.
    """

    def compute(group: plan.Group) -> Iterator[torch.Tensor]:
        yield _logits(model, group)

    return plan.loglikelihoods(prompts, continuations, compute, budget=budget, widest=_WIDEST)


def _logits(model: Any, group: plan.Group) -> torch.Tensor:
    """The logits of a group's places, (places, vocabulary)."""
    rows, places = torch.tensor(group.places(), device=model.device).T
    branches: dict[str, torch.Tensor] = {}
    if group.rows[0].branches:
        branches = branched(group, model.dtype, model.device)
    with logits_at(model, rows, places), in_float32(model.get_output_embeddings()):
        logits: torch.Tensor = model(
            input_ids=torch.tensor(group.padded(), device=model.device), use_cache=False, **branches
        ).logits[0]
    return logits


@contextmanager
def in_float32(output: Any) -> Iterator[None]:
    """Within this context the output layer's products are computed and kept in float32."""

    def again(
        layer: Any, inputs: tuple[torch.Tensor, ...], rounded: torch.Tensor
    ) -> torch.Tensor | None:
        if rounded.dtype == torch.float32:
            return None
        rows = inputs[0].float()
        logits = torch.cat([rows @ block.float().T for block in layer.weight.split(_BLOCK)], dim=-1)
        return logits if layer.bias is None else logits + layer.bias.float()

    handle = output.register_forward_hook(again)
    try:
        yield
    finally:
        handle.remove()


def branched(
    group: plan.Group, dtype: torch.dtype, device: torch.device
) -> dict[str, torch.Tensor]:
    """What a model needs beside the token ids of rows with branches, so that each is computed as if
    it were alone.

    `position_ids` (rows, longest): every branch goes on where the prompt ends. `attention_mask`
    (rows, 1, longest, longest), 0 or -inf: a token sees what comes before it in the prompt and in
    its own branch.
    """
    width = len(group.rows[0].tokens)
    part, positions = [], []
    for row in group.rows:
        padding = width - len(row.tokens)
        part.append([p for p, n in enumerate((*row.parts, padding)) for _ in range(n)])
        first, *rest = row.parts
        positions.append(
            [*range(first), *(first + i for n in rest for i in range(n)), *[0] * padding]
        )
    parts = torch.tensor(part, device=device)
    seen = (parts[:, None, :] == 0) | (parts[:, None, :] == parts[:, :, None])
    seen &= torch.ones((width, width), dtype=torch.bool, device=device).tril()
    mask = torch.zeros(seen.shape, dtype=dtype, device=device).masked_fill(~seen, -torch.inf)
    return {"position_ids": torch.tensor(positions, device=device), "attention_mask": mask[:, None]}
