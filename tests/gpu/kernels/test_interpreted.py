"""The Triton kernel in Triton's interpreter, against attention written out by hand in float64; no
GPU.

Needs the package triton, which comes with torch for CUDA and can be installed by itself where torch
has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import torch
from interpreted import interpreted

from featherweight.engines.exllamav2 import attention
from paged_attention import PAGE, SIZE, by_hand, scattered_pages
from paged_attention import Case as Rows


class Case(NamedTuple):
    """Positions of each row with the new one, heads and key heads, and into how many parts a row
    must fall.
    """

    seen: tuple[int, ...]
    heads: int
    key_heads: int
    parts: int


CASES = {
    "both sides of a page": Case((1, 255, 256, 257), 6, 2, 1),
    "ragged, long": Case((2000, 1, 257, 512, 700), 12, 2, 7),
    "one row alone": Case((2000,), 4, 2, 7),
    "one short row": Case((3,), 4, 4, 1),
    "all query heads on one key head": Case((300, 64, 65), 20, 1, 1),
    "as many key heads as heads": Case((513, 511), 3, 3, 2),
    "more rows than programs": Case((40, 41) * 70, 2, 2, 1),
}


@pytest.fixture(scope="module")
def kernel() -> Iterator[Any]:
    """The module, its kernel interpreted."""
    with interpreted("paged_decode") as module:
        yield module


class Launched:
    """A kernel that notes its grids."""

    def __init__(self, kernel: Any) -> None:
        self.kernel = kernel
        self.grids: list[tuple[int, ...]] = []

    def __getitem__(self, grid: tuple[int, ...]) -> Any:
        self.grids.append(grid)
        return self.kernel[grid]


@pytest.mark.parametrize("name", CASES)
def test_the_kernel_is_attention(kernel: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Float32 within 1e-6; what no row may read, pages that are nobody's and slots behind its end,
    is not a number.
    """
    case = CASES[name]
    generator = torch.Generator().manual_seed(len(name))
    before = tuple(length - 1 for length in case.seen)
    table, pages = scattered_pages(Rows(before, 1, case.heads, case.key_heads), generator)
    caches = [torch.full((pages, PAGE, case.key_heads, SIZE), torch.nan) for _ in range(2)]
    own = []
    for row, length in enumerate(case.seen):
        places = [int(table[row, p // PAGE]) * PAGE + p % PAGE for p in range(length)]
        own.append(
            [torch.randn((length, case.key_heads, SIZE), generator=generator) for _ in caches]
        )
        for cache, content in zip(caches, own[-1], strict=True):
            cache.view(-1, case.key_heads, SIZE)[places] = content
    q = torch.randn((len(case.seen), 1, case.heads, SIZE), generator=generator)
    launched = Launched(kernel._attend)
    monkeypatch.setattr(kernel, "_attend", launched)

    found = kernel.decode(q, *caches, table, torch.tensor(case.seen), max(case.seen), 0.3)

    assert launched.grids == [(len(case.seen), case.key_heads, case.parts)]
    assert found.shape == q.shape
    for row, (keys, values) in enumerate(own):
        wanted = by_hand(q[row], keys, values, case.seen[row] - 1, 0.3)
        torch.testing.assert_close(found[row].double(), wanted, atol=1e-6, rtol=1e-6)


def test_half_precision_and_the_default_scale(kernel: Any) -> None:
    """Sums in float32: as near to torch's answer in float16 as that is to float64's."""
    generator = torch.Generator().manual_seed(1)
    table, pages = scattered_pages(Rows((299, 40), 1, 4, 2), generator)
    caches = [torch.randn((pages, PAGE, 2, 64), generator=generator).half() for _ in range(2)]
    q = torch.randn((2, 1, 4, 64), generator=generator).half()
    found = kernel.decode(q, *caches, table, torch.tensor([300, 41]), 300, None)
    assert found.dtype == torch.float16
    for row, length in enumerate((300, 41)):
        places = [int(table[row, p // PAGE]) * PAGE + p % PAGE for p in range(length)]
        keys, values = (cache.view(-1, 2, 64)[places] for cache in caches)
        wanted = by_hand(q[row], keys, values, length - 1, 64**-0.5)
        torch.testing.assert_close(found[row].double(), wanted, atol=2e-3, rtol=2e-3)


def test_it_serves_the_decode_steps(kernel: Any) -> None:
    """Through the function that ExLlamaV2 calls: a prefill by torch, then steps by the kernel, as
    by torch alone.
    """
    generator = torch.Generator().manual_seed(2)
    table, pages = scattered_pages(Rows((250, 3), 20, 4, 2), generator)
    caches = [[torch.zeros((pages, PAGE, 2, SIZE)) for _ in range(2)] for _ in range(2)]
    lengths = torch.tensor([250, 3], dtype=torch.int32)
    for new in (8, 1, 1):
        q = torch.randn((2, new, 4, SIZE), generator=generator)
        k, v = (torch.randn((2, new, 2, SIZE), generator=generator) for _ in range(2))
        with attention.one_pass(int(lengths.max()) + new):
            found = [
                module.flash_attn_with_kvcache(
                    q=q,
                    k=k,
                    v=v,
                    k_cache=own[0],
                    v_cache=own[1],
                    cache_seqlens=lengths,
                    block_table=table,
                    causal=True,
                    softmax_scale=0.3,
                )
                for module, own in zip((kernel, attention), caches, strict=True)
            ]
        torch.testing.assert_close(found[0], found[1], atol=1e-6, rtol=1e-6)
        lengths = lengths + new


def test_heads_that_it_cannot_compute_are_refused(kernel: Any) -> None:
    cache = torch.zeros((1, PAGE, 1, 80))
    with pytest.raises(
        ValueError, match="heads have 80 numbers, expected a power of two of at least 16"
    ):
        kernel.decode(
            torch.zeros((1, 1, 1, 80)), cache, cache, torch.zeros((1, 1)), torch.ones(1), 1, None
        )
