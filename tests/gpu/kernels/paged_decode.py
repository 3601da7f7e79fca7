"""A Triton kernel for one query per row over a paged cache: reads the pages in place, where plain
torch copies them.

Proven against attention written out by hand in Triton's interpreter (`test_interpreted`); it is no
part of the package until it was measured on a GPU and wins there. Reads and writes nothing.

One program computes one row's query heads of one key head over one span of positions, with a
running maximum as in Milakov, Gimelshein, "Online normalizer calculation for softmax" (2018). Where
rows are few, a row's positions are spread over several programs, whose results are put together by
their weights ("Flash-Decoding", Dao et al., 2023).
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl

from featherweight.engines.exllamav2 import attention

BLOCK = 64  # positions at a time; divides a page
SHORTEST = 256  # positions of a program, where a row is spread over several
PROGRAMS = 264  # as many are wanted at once: two for each multiprocessor of the largest cards
SMALLEST = 16  # rows of a matrix that tensor cores multiply: fewer query heads are padded


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]
def _attend(  # type: ignore[no-untyped-def]
    q,
    k,
    v,
    table,
    seen,
    out,
    weight,
    scale,
    columns,
    span,
    GROUP: tl.constexpr,
    PADDED: tl.constexpr,
    SIZE: tl.constexpr,
    PAGE: tl.constexpr,
    BLOCK: tl.constexpr,
):
    row, head, part = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    heads, parts = tl.num_programs(1), tl.num_programs(2)
    lane, slot, member = tl.arange(0, SIZE), tl.arange(0, BLOCK), tl.arange(0, PADDED)
    query = (row * heads + head) * GROUP + member
    real = member < GROUP
    queries = tl.load(q + query[:, None] * SIZE + lane[None, :], mask=real[:, None], other=0.0)
    highest = tl.full((PADDED,), float("-inf"), tl.float32)
    total = tl.zeros((PADDED,), tl.float32)
    sums = tl.zeros((PADDED, SIZE), tl.float32)
    begin = part * span
    end = tl.minimum(begin + span, tl.load(seen + row))
    for first in range(begin, end, BLOCK):
        page = tl.load(table + row * columns + first // PAGE).to(tl.int64)
        inside = first + slot < end
        at = ((page * PAGE + first % PAGE + slot)[:, None] * heads + head) * SIZE + lane[None, :]
        keys = tl.load(k + at, mask=inside[:, None], other=0.0)
        scores = tl.dot(queries, tl.trans(keys), input_precision="ieee") * scale
        scores = tl.where(inside[None, :], scores, float("-inf"))
        top = tl.maximum(highest, tl.max(scores, 1))
        shrink = tl.exp(highest - top)
        weights = tl.exp(scores - top[:, None])
        values = tl.load(v + at, mask=inside[:, None], other=0.0)
        sums = sums * shrink[:, None] + tl.dot(
            weights.to(values.dtype), values, input_precision="ieee"
        )
        total = total * shrink + tl.sum(weights, 1)
        highest = top
    total = tl.where(
        total > 0, total, 1.0
    )  # a row that ends before this program's span has a weight of -inf
    sums = sums / total[:, None]
    place = query * parts + part
    tl.store(
        out + place[:, None] * SIZE + lane[None, :],
        sums.to(out.dtype.element_ty),
        mask=real[:, None],
    )
    tl.store(weight + place, highest + tl.log(total), mask=real)


def decode(
    q: torch.Tensor,
    k_cache: torch.Tensor,
    v_cache: torch.Tensor,
    table: torch.Tensor,
    seen: torch.Tensor,
    longest: int,
    scale: float | None,
) -> torch.Tensor:
    """Attention of one query per row: q (rows, 1, heads, size), caches (pages, page size, key
    heads, size).

    `table` (rows, pages per row) names each row's pages, `seen` (rows,) says how many positions it
    has, `longest` how many the longest. Returns the shape of `q`. Raises ValueError for a head size
    that is no power of two.
    """
    rows, _, heads, size = q.shape
    page, key_heads = k_cache.shape[1:3]
    if size < SMALLEST or size & (size - 1):
        raise ValueError(
            f"the model's heads have {size} numbers, expected a power of two of at least {SMALLEST}"
        )
    parts = max(1, min(PROGRAMS // (rows * key_heads), longest // SHORTEST))
    span = triton.cdiv(triton.cdiv(longest, parts), BLOCK) * BLOCK
    out = torch.empty(
        (rows, heads, parts, size), dtype=q.dtype if parts == 1 else torch.float32, device=q.device
    )
    weight = torch.empty((rows, heads, parts), dtype=torch.float32, device=q.device)
    group = heads // key_heads
    _attend[(rows, key_heads, parts)](
        q.contiguous(),
        k_cache,
        v_cache,
        table.contiguous(),
        seen,
        out,
        weight,
        size**-0.5 if scale is None else scale,
        table.shape[1],
        span,
        GROUP=group,
        PADDED=max(SMALLEST, triton.next_power_of_2(group)),
        SIZE=size,
        PAGE=page,
        BLOCK=BLOCK,
    )
    if parts > 1:
        out = (out * weight.softmax(dim=-1)[..., None]).sum(dim=2)
    return out.to(q.dtype).view(q.shape)


def flash_attn_with_kvcache(
    q: torch.Tensor,
    k_cache: torch.Tensor,
    v_cache: torch.Tensor,
    k: torch.Tensor | None = None,
    v: torch.Tensor | None = None,
    **given: Any,
) -> torch.Tensor:
    """As the package's function of this name, with the kernel for one new position per row.

    In a whole run: `setattr(engine.package.attn, "flash_attn_with_kvcache", this)`.
    """
    if q.shape[1] != 1:
        return attention.flash_attn_with_kvcache(q, k_cache, v_cache, k, v, **given)
    table = given["block_table"]
    plan, longest = attention.written(q, k_cache, v_cache, k, v, given["cache_seqlens"], table)
    return decode(q, k_cache, v_cache, table, plan.seen, longest, given.get("softmax_scale"))
