"""The fused choice of tokens, compiled: against the package's sampling, and how long each takes.

    pytest -m gpu -s tests/gpu/kernels
    pytest -m slow -s tests/gpu/kernels

The second prints microseconds per step.
"""

from __future__ import annotations

import time
from typing import Any

import pytest
import torch

from featherweight.engines import Decoding
from featherweight.engines.sampling import choose, gumbel

DEVICE = "cuda"
VOCABULARY = 151_936
SAMPLED = Decoding(0.7, 1.0, 0)
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


def some(rows: int, spread: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits in float16, streams and steps."""
    generator = torch.Generator(DEVICE).manual_seed(rows)
    logits = torch.randn(rows, VOCABULARY, generator=generator, device=DEVICE) * spread
    streams = torch.randint(0, 2**62, (rows,), generator=generator, device=DEVICE)
    return logits.half(), streams, torch.arange(rows, device=DEVICE)


@pytest.mark.gpu
@pytest.mark.parametrize("rows", [1, 64, 256])
@pytest.mark.parametrize("spread", [0.8, 4.4])
def test_the_compiled_choice_is_the_largest_of_all_noisy_logits(rows: int, spread: float) -> None:
    """But for logarithms that differ in the last bit: one row in a thousand would be many."""
    import fused_choice

    logits, streams, steps = some(rows, spread)
    found = fused_choice.choose(logits, streams, steps, SAMPLED)
    wanted = []
    for row in range(rows):
        noise = gumbel(
            streams[row : row + 1],
            steps[row : row + 1],
            torch.arange(VOCABULARY, device=DEVICE)[None],
        )
        wanted.append((logits[row].float() / 0.7).double().add(noise[0]).argmax())
    assert (found.tokens == torch.stack(wanted)).float().mean() >= 0.999
    logs = logits.float().log_softmax(dim=1).gather(1, found.tokens[:, None])[:, 0]
    torch.testing.assert_close(found.logprobs, logs, atol=1e-3, rtol=1e-4)


def microseconds(work: Any, count: int = 50) -> float:
    """Per step, launches and waits included."""
    work()
    torch.cuda.synchronize()
    begun = time.perf_counter()
    for _ in range(count):
        work()
    torch.cuda.synchronize()
    return (time.perf_counter() - begun) / count * 1e6


@pytest.mark.slow
def test_speed_of_a_choice(capsys: pytest.CaptureFixture[str]) -> None:
    import fused_choice

    with capsys.disabled():
        for rows in (1, 64, 256):
            for spread in (0.8, 4.4):
                given = some(rows, spread)
                ours, fused = (
                    microseconds(lambda way=way, given=given: way(*given, SAMPLED))
                    for way in (choose, fused_choice.choose)
                )
                print(f"{rows} rows, spread {spread}: torch {ours:.0f} us, fused {fused:.0f} us")  # noqa: T201
