"""The fused choice of tokens in Triton's interpreter, against the package's sampling; no GPU."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from interpreted import interpreted

from featherweight.engines import Decoding
from featherweight.engines.sampling import choose, gumbel


@pytest.fixture(scope="module")
def kernel() -> Iterator[Any]:
    with interpreted("fused_choice") as module:
        yield module


def some(rows: int, size: int, spread: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits, streams and steps; streams of up to 62 bits, as a study's are."""
    generator = torch.Generator().manual_seed(size)
    logits = torch.randn(rows, size, generator=generator) * spread
    streams = torch.randint(0, 2**62, (rows,), generator=generator)
    return logits, streams, torch.arange(rows) * 7


def by_hand(
    logits: torch.Tensor, streams: torch.Tensor, steps: torch.Tensor, temperature: float
) -> torch.Tensor:
    """The largest of all noisy logits."""
    ids = torch.arange(logits.shape[1]).expand(len(logits), -1)
    return ((logits / temperature).double() + gumbel(streams, steps, ids)).argmax(dim=1)


@pytest.mark.parametrize("size", [5, 1024, 1025, 16_384, 40_000])
@pytest.mark.parametrize("spread", [0.8, 5.0])
@pytest.mark.parametrize("temperature", [0.6, 1.0])
def test_it_takes_the_largest_of_all_noisy_logits(
    kernel: Any, size: int, spread: float, temperature: float
) -> None:
    logits, streams, steps = some(6, size, spread)
    found = kernel.choose(logits, streams, steps, Decoding(temperature, 1.0, 0))
    assert torch.equal(found.tokens, by_hand(logits, streams, steps, temperature))
    wanted = logits.log_softmax(dim=1).gather(1, found.tokens[:, None])[:, 0]
    torch.testing.assert_close(found.logprobs, wanted, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("size", "spread", "temperature"), [(1024, 1.0, 1.0), (20_000, 8.0, 0.7), (20_000, 1.0, 0.0)]
)
def test_it_chooses_what_the_package_chooses_where_no_tail_is_drawn(
    kernel: Any, size: int, spread: float, temperature: float
) -> None:
    """Small vocabularies, sure models, and greedy."""
    logits, streams, steps = some(16, size, spread)
    decoding = Decoding(temperature, 1.0, 0)
    found, wanted = (way(logits, streams, steps, decoding) for way in (kernel.choose, choose))
    assert torch.equal(found.tokens, wanted.tokens)
    torch.testing.assert_close(found.logprobs, wanted.logprobs, atol=2e-5, rtol=1e-5)


def test_greedy_takes_the_lowest_id_among_equals_and_impossible_tokens_never(kernel: Any) -> None:
    logits = torch.full((2, 20_000), -torch.inf)
    logits[0, [700, 19_000]] = 1.0
    logits[1, 17_001] = -3.0
    rows = torch.arange(2)
    greedy = kernel.choose(logits, rows, rows, Decoding(0.0, 1.0, 0))
    assert greedy.tokens.tolist() == [700, 17_001]
    assert greedy.logprobs.tolist() == pytest.approx([-0.6931, 0.0], abs=1e-4)
    drawn = kernel.choose(logits, rows, rows, Decoding(1.0, 1.0, 0))
    assert drawn.tokens[0].item() in {700, 19_000}
    assert drawn.tokens[1] == 17_001


def test_cuts_are_refused(kernel: Any) -> None:
    logits, streams, steps = some(1, 5, 1.0)
    for decoding in (Decoding(1.0, 0.9, 0), Decoding(1.0, 1.0, 5)):
        with pytest.raises(ValueError, match="expected top_k 0"):
            kernel.choose(logits, streams, steps, decoding)
