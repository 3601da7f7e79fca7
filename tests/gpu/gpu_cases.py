"""What the checks on a GPU have in common: models made on the spot, requests, and shares of equal
answers.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from character_model import CHARACTERS, SPECIAL, write_model

from engine_agreement import gaps, with_the_hubs_keys
from featherweight.engines import Completion, Decoding, Request

GREEDY = Decoding(0.0, 1.0, 0)
SAMPLED = Decoding(0.7, 0.95, 0)
LLAMA3 = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 512,
}  # fmt: skip


def quiet(count: int) -> None:
    pass


def words(draw: random.Random, count: int) -> tuple[int, ...]:
    return tuple(draw.randrange(5, len(SPECIAL) + len(CHARACTERS)) for _ in range(count))


def request(prompt: tuple[int, ...], stream: int, limit: int = 32) -> Request:
    return Request(prompt_ids=prompt, stream=stream, max_new_tokens=limit)


def ragged(count: int, longest: int = 200, limit: int = 32) -> list[Request]:
    draw = random.Random(count)
    return [
        request((1, *words(draw, draw.randrange(1, longest))), 1000 + index, limit)
        for index in range(count)
    ]


def made_model(folder: Path, kind: str) -> Path:
    """A random model with four layers and a config as the Hub has it: Llama 3's scaled rope, or
    Qwen2 with biases.
    """
    made = write_model(
        folder,
        kind,
        layers=4,
        hidden_size=512,
        intermediate_size=1024,
        num_attention_heads=8,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        initializer_range=0.06,
    )
    return (
        with_the_hubs_keys(made, 500000.0, LLAMA3)
        if kind == "llama"
        else with_the_hubs_keys(made, 1e6)
    )


def share(what: str, ours: list[Completion], theirs: list[Completion]) -> float:
    """Share of answers that are the same, printed."""
    found = sum(a.text == b.text for a, b in zip(ours, theirs, strict=True)) / len(ours)
    print(f"\n{what}: {found:.1%} of {len(ours)} answers are the same")  # noqa: T201
    return found


def unexplained(
    reference: Any, requests: list[Request], ours: list[Completion], theirs: list[Completion]
) -> float:
    """Share of answers that differ although the two tokens where they part are not close in
    float32.
    """
    prompts = [r.prompt_ids for r in requests]
    found = gaps(reference, prompts, [c.text for c in ours], [c.text for c in theirs])
    print(  # noqa: T201
        f"gaps where answers part: {', '.join(f'{gap:.4f}' for gap in sorted(found)) or 'none'}"
        " nats"
    )
    return sum(gap > 0.05 for gap in found) / len(requests)
