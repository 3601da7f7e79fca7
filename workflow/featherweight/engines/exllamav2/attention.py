"""Right attention for ExLlamaV2 0.3.2 without flash-attn: the two functions that it calls, in plain
torch.

Without flash-attn, 0.3.2 refuses its paged mode (attn.py:84) and its default path masks nothing
(attn.py:889 takes the block-diagonal mask, which is None, for every causal model). So `install`
puts functions of ours into flash-attn's place; where flash-attn 2.5.7 or newer works, nothing is
replaced. Reads and writes no files.

    install(import_module("exllamav2.attn"), flash_attention_works=False)
    -> 'paged torch attention 2'
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.metadata import version
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch.nn.functional import scaled_dot_product_attention

# part of the engine's identity: count up when another token could come out
OUR_ATTENTION = "paged torch attention 2"
# keys per row come in multiples of this: kernels work in such tiles, and few sizes are allocated
_ALIGNED = 64


class Plan(NamedTuple):
    """Where one pass reads and writes, the same in every layer. A slot is a position of the cache
    seen without pages.

    `seen` (rows,): how many positions each row has, the new ones counted. `write` (rows * new,):
    the slots of the new positions. `read` (rows * width,): the slots of each row's positions, its
    first slot again behind its last. `mask` (rows, 1, new, width): 0 or -inf, in the format of the
    queries.
    """

    seen: torch.Tensor
    write: torch.Tensor
    read: torch.Tensor
    mask: torch.Tensor


class _Pass:
    """The plan of the pass that is being computed, with the tensors that it was made from."""

    def __init__(self, longest: int) -> None:
        self.longest = longest
        self.made: tuple[torch.Tensor, torch.Tensor, Plan] | None = None

    def plan_of(
        self, q: torch.Tensor, table: torch.Tensor, lengths: torch.Tensor, page: int, counted: bool
    ) -> Plan:
        """The first layer makes the plan, later layers of the same tensors (another GPU has copies)
        take it.
        """
        if self.made is None or self.made[0] is not table or self.made[1] is not lengths:
            self.made = table, lengths, _plan(q, table, lengths, page, counted, self.longest)
        return self.made[2]


_pass: ContextVar[_Pass | None] = ContextVar("pass", default=None)


@contextmanager
def one_pass(longest: int) -> Iterator[None]:
    """Within this context, one forward pass: its layers share a plan, which is dropped at the end.

    `longest` is how many positions the longest row has after the pass. In a pass 0.3.2 hands every
    layer of a GPU the same two tensors, unchanged (attn.py:489, attn_params.py:266). Outside of
    this context every call plans for itself.
    """
    token = _pass.set(_Pass(longest))
    try:
        yield
    finally:
        _pass.reset(token)


def flash_attn_with_kvcache(
    q: torch.Tensor,
    k_cache: torch.Tensor,
    v_cache: torch.Tensor,
    k: torch.Tensor | None = None,
    v: torch.Tensor | None = None,
    *,
    cache_seqlens: torch.Tensor,
    block_table: torch.Tensor,
    softmax_scale: float | None = None,
    causal: bool = False,
    **unsupported: Any,
) -> torch.Tensor:
    """Attention over a paged cache, with the meaning of flash-attn 2's function of this name.

    `q` is (rows, new, heads, size); the caches are (pages, page size, key heads, size); `k` and
    `v`, where given, are (rows, new, key heads, size) and are written behind each row's
    `cache_seqlens` positions first. Without them the cache holds the new positions already and
    `cache_seqlens` counts them. `block_table` (rows, pages per row) names each row's pages in
    order. New position i of a row sees that row's positions up to itself; no other slot is read.
    Returns (rows, new, heads, size). Raises NotImplementedError for what ExLlamaV2 does not use
    with our models (windows, soft caps, ...).
    """
    if unsupported or not causal:
        raise NotImplementedError(
            f"not causal, or unknown options: {', '.join(sorted(unsupported)) or 'causal=False'}"
        )
    rows, new = q.shape[:2]
    plan, _ = written(q, k_cache, v_cache, k, v, cache_seqlens, block_table)
    keys, values = (
        slots.view(-1, *slots.shape[2:]).index_select(0, plan.read).view(rows, -1, *slots.shape[2:])
        for slots in (k_cache, v_cache)
    )
    return (_one_query if new == 1 else _many)(q, keys, values, plan.mask, softmax_scale)


def written(
    q: torch.Tensor,
    k_cache: torch.Tensor,
    v_cache: torch.Tensor,
    k: torch.Tensor | None,
    v: torch.Tensor | None,
    cache_seqlens: torch.Tensor,
    block_table: torch.Tensor,
) -> tuple[Plan, int]:
    """Write the new keys and values into the cache; the pass's plan, and its longest row."""
    now = _pass.get() or _Pass(block_table.shape[1] * k_cache.shape[1])
    plan = now.plan_of(q, block_table, cache_seqlens, k_cache.shape[1], counted=k is None)
    for cache, new in ((k_cache, k), (v_cache, v)):
        if new is not None:
            cache.view(-1, *cache.shape[2:]).index_copy_(0, plan.write, new.flatten(0, 1))
    return plan, now.longest


def _plan(
    q: torch.Tensor,
    table: torch.Tensor,
    lengths: torch.Tensor,
    page: int,
    counted: bool,
    longest: int,
) -> Plan:
    """The plan of a pass with these queries. `counted`: the lengths count the new positions."""
    new = q.shape[1]
    pages, before = table.long(), lengths.long()[:, None] - (new if counted else 0)
    fresh = before + torch.arange(
        new, device=q.device
    )  # (rows, new): the last position that each query sees
    width = min(-(-longest // _ALIGNED) * _ALIGNED, pages.shape[1] * page)
    every = torch.arange(width, device=q.device)
    # A row's own first slot stands behind its end: what lies in slots that are nobody's is never
    # read.
    read = every.where(every <= fresh[:, -1:], 0)
    mask = torch.zeros((len(pages), 1, new, width), dtype=q.dtype, device=q.device)
    mask.masked_fill_((every > fresh[..., None])[:, None], -torch.inf)
    write, read = (pages.gather(1, at // page) * page + at % page for at in (fresh, read))
    return Plan(fresh[:, -1] + 1, write.flatten(), read.flatten(), mask)


def _one_query(
    q: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    mask: torch.Tensor,
    scale: float | None,
) -> torch.Tensor:
    """One new position per row: the query heads of one key head stand in one matrix, so no key is
    copied.
    """
    rows, _, heads, size = q.shape
    key_heads = keys.shape[2]
    shared = heads // key_heads
    found = scaled_dot_product_attention(
        q.view(rows, key_heads, shared, size),
        keys.transpose(1, 2),
        values.transpose(1, 2),
        attn_mask=mask.expand(-1, -1, shared, -1),
        scale=scale,
    )
    return found.reshape(rows, 1, heads, size)


def _many(
    q: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    mask: torch.Tensor | None,
    scale: float | None,
) -> torch.Tensor:
    """Several new positions per row; `mask` None: a square causal mask, which has a kernel of its
    own.
    """
    shared = q.shape[2] // keys.shape[2]
    found = scaled_dot_product_attention(
        q.transpose(1, 2),
        keys.repeat_interleave(shared, dim=2).transpose(1, 2),
        values.repeat_interleave(shared, dim=2).transpose(1, 2),
        attn_mask=mask,
        is_causal=mask is None,
        scale=scale,
    )
    return found.transpose(1, 2).contiguous()


def flash_attn_func(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    *,
    softmax_scale: float | None = None,
    causal: bool = False,
    **unsupported: Any,
) -> torch.Tensor:
    """Attention without a cache, as flash-attn's function: (rows, new, heads, size) over (rows,
    all, key heads, size).

    Fewer queries than keys are the last ones. Raises NotImplementedError as
    `flash_attn_with_kvcache`.
    """
    if unsupported or not causal:
        raise NotImplementedError(
            f"not causal, or unknown options: {', '.join(sorted(unsupported)) or 'causal=False'}"
        )
    new, width = q.shape[1], k.shape[1]
    seen = None
    if new != width:
        last = torch.arange(width - new, width, device=q.device)
        seen = torch.arange(width, device=q.device) <= last[:, None]
    return _many(q, k, v, seen, softmax_scale)


def install(attn: ModuleType, *, flash_attention_works: bool) -> str:
    """Make exllamav2.attn attend rightly; returns what it uses now, for the engine's identity.

    Line numbers are those of 0.3.2. The names are globals of the module, looked up at every call:
    `has_flash_attn_with_paged` is what assert_paged_attn demands (attn.py:84, called in
    generator/dynamic.py:355); `flash_attn_with_kvcache` is called by forward_paged (:602), which
    the generator uses; `has_flash_attn` chooses _attn_flash over the broken _attn_torch in forward
    (:1144) and forward_torch (:1488); `flash_attn_func` is called there (:970), which is what
    scoring without a cache uses; the window and soft-cap flags stay off (:594, :599), because the
    guard refuses models that need them. model.py:39 holds copies of the flags, which only set the
    length of chunks in a forward pass that we do not use.
    """
    if flash_attention_works and attn.has_flash_attn_with_paged:
        return f"flash-attn {version('flash-attn')}"
    replaced: dict[str, Any] = {
        "flash_attn_with_kvcache": flash_attn_with_kvcache,
        "flash_attn_func": flash_attn_func,
        "has_flash_attn": True,
        "has_flash_attn_with_paged": True,
        "has_flash_attn_with_window": False,
        "has_flash_attn_with_softcap": False,
    }
    for name, value in replaced.items():
        setattr(attn, name, value)
    return OUR_ATTENTION
