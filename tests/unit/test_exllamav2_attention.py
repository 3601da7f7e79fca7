"""The stand-in for flash-attn against attention written out row by row, in float64 and without any
of its tricks.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from featherweight.engines.exllamav2.attention import (
    OUR_ATTENTION,
    flash_attn_func,
    flash_attn_with_kvcache,
    install,
    one_pass,
)
from paged_attention import PAGE, SIZE, Case, by_hand, scattered_pages

CASES = {
    "one row, first token": Case((0,), 1, 4, 4),
    "ragged, decode": Case((3, 250, 70, 1), 1, 8, 2),
    "decode on both sides of a page": Case((255, 256, 257, 511), 1, 6, 2),
    "a few new tokens": Case((0, 7, 100), 4, 4, 1),
    "new tokens across a page": Case((253, 255, 256, 250), 13, 8, 8),
    "prefill of three pages": Case((0,), 600, 4, 2),
    "a second chunk": Case((512, 256), 256, 4, 2),
    "many rows of one length": Case((40,) * 9, 1, 12, 2),
}


@pytest.mark.parametrize("scale", [None, 0.3])
@pytest.mark.parametrize("name", CASES)
def test_paged_attention_is_attention(name: str, scale: float | None) -> None:
    case = CASES[name]
    generator = torch.Generator().manual_seed(len(name))
    table, pages = scattered_pages(case, generator)
    shape = (pages, PAGE, case.key_heads, SIZE)
    k_cache, v_cache = (torch.randn(shape, generator=generator) for _ in range(2))
    before = torch.tensor(case.before, dtype=torch.int32)
    rows = len(case.before)
    q = torch.randn((rows, case.new, case.heads, SIZE), generator=generator)
    k, v = (
        torch.randn((rows, case.new, case.key_heads, SIZE), generator=generator) for _ in range(2)
    )
    old_keys, old_values = k_cache.clone(), v_cache.clone()

    def attend() -> torch.Tensor:
        return flash_attn_with_kvcache(
            q=q,
            k=k,
            v=v,
            k_cache=k_cache,
            v_cache=v_cache,
            cache_seqlens=before,
            block_table=table,
            causal=True,
            softmax_scale=scale,
        )

    found = attend()
    with one_pass(max(case.before) + case.new):  # as many positions as are in use, not whole pages
        torch.testing.assert_close(attend(), found, atol=1e-6, rtol=1e-6)

    assert found.shape == q.shape
    assert found.is_contiguous()  # attn.py:615 calls view on it
    written = torch.zeros(pages * PAGE, dtype=torch.bool)
    for row, length in enumerate(case.before):
        places = [int(table[row, p // PAGE]) * PAGE + p % PAGE for p in range(length + case.new)]
        keys, values = (
            cache.view(-1, case.key_heads, SIZE)[places] for cache in (k_cache, v_cache)
        )
        assert torch.equal(keys[length:], k[row])
        assert torch.equal(values[length:], v[row])
        wanted = by_hand(q[row], keys, values, length, SIZE**-0.5 if scale is None else scale)
        torch.testing.assert_close(found[row].double(), wanted, atol=1e-6, rtol=1e-6)
        written[places[length:]] = True
    for cache, old in ((k_cache, old_keys), (v_cache, old_values)):
        same = (cache == old).view(pages * PAGE, -1).all(dim=1)
        assert torch.equal(same, ~written)  # every new slot changed, no other one did

    # Without new keys the cache holds them already and the lengths count them (attn.py:565:
    # sequential pages).
    again = flash_attn_with_kvcache(
        q=q,
        k=None,
        v=None,
        k_cache=k_cache,
        v_cache=v_cache,
        cache_seqlens=before + case.new,
        block_table=table,
        causal=True,
        softmax_scale=scale,
    )
    assert torch.equal(again, found)


class Decode:
    """A decode step over two ragged rows, with pages for `room` tokens: all that
    flash_attn_with_kvcache takes.
    """

    def __init__(self, before: tuple[int, int] = (5, 300), room: int = 1) -> None:
        generator = torch.Generator().manual_seed(0)
        self.table, pages = scattered_pages(Case(before, room, 4, 2), generator)
        self.caches = [torch.randn((pages, PAGE, 2, SIZE), generator=generator) for _ in range(2)]
        self.q = torch.randn((2, 1, 4, SIZE), generator=generator)
        self.k, self.v = (torch.randn((2, 1, 2, SIZE), generator=generator) for _ in range(2))
        self.lengths = torch.tensor(before, dtype=torch.int32)

    def attend(self) -> torch.Tensor:
        return flash_attn_with_kvcache(
            q=self.q,
            k=self.k,
            v=self.v,
            k_cache=self.caches[0],
            v_cache=self.caches[1],
            block_table=self.table,
            causal=True,
            cache_seqlens=self.lengths,
        )

    def by_hand(self) -> torch.Tensor:
        """After `attend`: the new keys are in the cache."""
        rows = []
        for row, length in enumerate(self.lengths.tolist()):
            places = [int(self.table[row, p // PAGE]) * PAGE + p % PAGE for p in range(length + 1)]
            keys, values = (cache.view(-1, 2, SIZE)[places] for cache in self.caches)
            rows.append(by_hand(self.q[row], keys, values, length, SIZE**-0.5))
        return torch.stack(rows).float()


@pytest.mark.parametrize("behind", [1e4, math.nan], ids=str)
def test_what_lies_behind_a_row_changes_nothing(behind: float) -> None:
    """Other rows' pages, page 0 behind a short row, and slots after its end: huge values there
    leave no trace.
    """
    step = Decode()
    before = step.attend()[0]
    own = int(step.table[0, 0])
    for cache in step.caches:
        kept = cache[own, :5].clone()
        cache.fill_(behind)
        cache[own, :5] = kept
    assert torch.equal(step.attend()[0], before)


def test_a_pass_never_works_with_the_plan_of_another() -> None:
    """The same tensors, changed in place between passes as a loop may do; and passes that were
    broken off.
    """
    step = Decode((5, 254), room=5)

    def broken_off() -> None:
        with one_pass(int(step.lengths.max()) + 1):
            step.attend()
            raise RuntimeError("in the middle of a pass")

    for _ in range(5):  # the second row crosses into its next page
        with one_pass(int(step.lengths.max()) + 1):
            first = step.attend()
            assert torch.equal(step.attend(), first)  # the next layer, by the same plan
        torch.testing.assert_close(first, step.by_hand(), atol=1e-6, rtol=1e-6)
        step.lengths += 1
        with pytest.raises(RuntimeError, match="in the middle"):
            broken_off()
        step.table[0, 0], step.table[1, 0] = int(step.table[1, 0]), int(step.table[0, 0])
    step.attend()  # no pass is open: nothing is kept from before
    step.lengths -= 3
    torch.testing.assert_close(step.attend(), step.by_hand(), atol=1e-6, rtol=1e-6)


def test_another_gpus_copies_of_the_tensors_get_a_plan_of_their_own() -> None:
    step, other = Decode((5, 254)), Decode((7, 30))
    with one_pass(255):
        for each in (step, other, step):
            torch.testing.assert_close(each.attend(), each.by_hand(), atol=1e-6, rtol=1e-6)


class Counted(TorchDispatchMode):
    """Counts operations that compute or copy; each is at least one kernel on a GPU."""

    count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += not func.is_view and func.overloadpacket.__name__ not in ("view", "reshape")
        return func(*args, **(kwargs or {}))


def test_a_layer_of_a_decode_step_is_five_operations() -> None:
    """Two writes, two gathers, the attention itself; what all layers have in common is computed
    once, in under 30.
    """
    step = Decode()
    counts = []
    for layers in (1, 2, 28):
        with torch.inference_mode(), one_pass(301), Counted() as counted:
            for _ in range(layers):
                step.attend()
        counts.append(counted.count)
    assert counts[1] - counts[0] <= 6
    assert counts[2] - counts[1] == 26 * (counts[1] - counts[0])
    assert counts[0] < 30


@pytest.mark.parametrize("new", [1, 4, 13])
@pytest.mark.parametrize("heads", [(4, 4), (8, 2), (4, 1)])
def test_attention_without_a_cache_is_causal(new: int, heads: tuple[int, int]) -> None:
    """All of a sequence at once, and only its last tokens over all keys."""
    generator = torch.Generator().manual_seed(new)
    q = torch.randn((2, 13, heads[0], SIZE), generator=generator)
    k, v = (torch.randn((2, 13, heads[1], SIZE), generator=generator) for _ in range(2))
    found = flash_attn_func(q[:, 13 - new :], k, v, causal=True, softmax_scale=0.25)
    for row in range(2):
        wanted = by_hand(q[row], k[row], v[row], 0, 0.25)[13 - new :]
        torch.testing.assert_close(found[row].double(), wanted, atol=1e-6, rtol=1e-6)


def test_half_precision_stays_half_precision() -> None:
    q = torch.randn((1, 3, 2, SIZE)).half()
    assert flash_attn_func(q, q, q, causal=True).dtype == torch.float16


@pytest.mark.parametrize(
    "options", [{"window_size": (64, 64)}, {"softcap": 30.0}, {"alibi_slopes": None}]
)
def test_options_that_it_does_not_know_are_refused(options: dict[str, object]) -> None:
    q = torch.randn((1, 1, 2, SIZE))
    cache = torch.zeros((2, PAGE, 2, SIZE))
    lengths, table = torch.zeros(1, dtype=torch.int32), torch.ones((1, 1), dtype=torch.int32)
    with pytest.raises(NotImplementedError, match=next(iter(options))):
        flash_attn_func(q, q, q, causal=True, **options)
    with pytest.raises(NotImplementedError, match=next(iter(options))):
        flash_attn_with_kvcache(
            q=q,
            k=q,
            v=q,
            k_cache=cache,
            v_cache=cache,
            cache_seqlens=lengths,
            block_table=table,
            causal=True,
            **options,
        )
    with pytest.raises(NotImplementedError, match="not causal"):
        flash_attn_func(q, q, q, causal=False)


def test_install_replaces_what_the_generator_calls() -> None:
    attn = SimpleNamespace(
        has_flash_attn=False, has_flash_attn_with_paged=False, has_flash_attn_with_window=True
    )
    assert install(attn, flash_attention_works=False) == OUR_ATTENTION
    assert attn.flash_attn_with_kvcache is flash_attn_with_kvcache
    assert attn.flash_attn_func is flash_attn_func
    assert attn.has_flash_attn
    assert attn.has_flash_attn_with_paged
    assert not attn.has_flash_attn_with_window


def test_install_leaves_a_working_flash_attention_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "featherweight.engines.exllamav2.attention.version",
        lambda name: {"flash-attn": "2.8.3"}[name],
    )
    attn = SimpleNamespace(has_flash_attn=True, has_flash_attn_with_paged=True)
    assert install(attn, flash_attention_works=True) == "flash-attn 2.8.3"
    assert not hasattr(attn, "flash_attn_func")
