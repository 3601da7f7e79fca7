"""The Triton kernel for decode steps, compiled: against our attention in plain torch, and how fast
each of them is.

    pytest -m gpu -s tests/gpu/kernels
    pytest -m slow -s tests/gpu/kernels

The second prints microseconds per layer of a decode step.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch

from featherweight.engines.exllamav2 import attention
from featherweight.engines.exllamav2.attention import one_pass

PAGE = 256
DEVICE = "cuda"
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


class Shape(NamedTuple):
    """A model's attention."""

    heads: int
    key_heads: int
    size: int


SHAPES = {
    "qwen2.5-1.5b": Shape(12, 2, 128),
    "smollm2-135m": Shape(9, 3, 64),
    "llama-3.2-1b": Shape(32, 8, 64),
    "smollm2-1.7b": Shape(32, 32, 64),
}
LENGTHS = {
    "one row": [700],
    "alike": [random.Random(i).randrange(150, 330) for i in range(256)],
    "ragged": [random.Random(i).choice((40, 90, 300, 2000)) for i in range(64)],
}


def step(shape: Shape, lengths: list[int], attend: Any) -> Callable[[int], torch.Tensor]:
    """A function that computes the attention of so many layers of one decode step."""
    torch.manual_seed(0)
    needed = [length // PAGE + 1 for length in lengths]
    order = torch.randperm(sum(needed)).tolist()
    table = torch.zeros((len(lengths), max(needed)), dtype=torch.int32)
    for row, count in enumerate(needed):
        table[row, :count] = torch.tensor([order.pop() for _ in range(count)])
    options: dict[str, Any] = {"dtype": torch.float16, "device": DEVICE}
    caches = [
        torch.randn((sum(needed), PAGE, shape.key_heads, shape.size), **options) for _ in range(2)
    ]
    q = torch.randn((len(lengths), 1, shape.heads, shape.size), **options)
    k, v = (
        torch.randn((len(lengths), 1, shape.key_heads, shape.size), **options) for _ in range(2)
    )
    table, before = table.to(DEVICE), torch.tensor(lengths, dtype=torch.int32, device=DEVICE)

    def layers(count: int) -> torch.Tensor:
        with torch.inference_mode(), one_pass(max(lengths) + 1):
            for _ in range(count):
                found = attend(
                    q=q,
                    k=k,
                    v=v,
                    k_cache=caches[0],
                    v_cache=caches[1],
                    cache_seqlens=before,
                    block_table=table,
                    causal=True,
                )
        return found

    return layers


@pytest.mark.gpu
@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_compiled_kernel_agrees_with_torch(shape: str, lengths: str) -> None:
    import paged_decode

    ours, torchs = (
        step(SHAPES[shape], LENGTHS[lengths], module.flash_attn_with_kvcache)(1)
        for module in (paged_decode, attention)
    )
    torch.testing.assert_close(ours, torchs, atol=4e-3, rtol=4e-3)  # two roundings to float16


def microseconds(work: Callable[[int], torch.Tensor], count: int = 200) -> float:
    """Per layer, launches included, as a decode step pays them."""
    work(count)
    torch.cuda.synchronize()
    begun = time.perf_counter()
    work(count)
    torch.cuda.synchronize()
    return (time.perf_counter() - begun) / count * 1e6


@pytest.mark.slow
def test_speed_of_a_layer(capsys: pytest.CaptureFixture[str]) -> None:
    import paged_decode

    with capsys.disabled():
        for name, shape in SHAPES.items():
            for kind, lengths in LENGTHS.items():
                torchs, tritons = (
                    microseconds(step(shape, lengths, module.flash_attn_with_kvcache))
                    for module in (attention, paged_decode)
                )
                print(f"{name}, {kind}: torch {torchs:.0f} us, triton {tritons:.0f} us")  # noqa: T201
