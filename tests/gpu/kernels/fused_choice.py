"""The choice of tokens in one Triton kernel, for steps without cuts: noise, maximum and
log-probability in one reading of the logits.

Not used by the package: it enters with a GPU's figure (tests/gpu/README.md). One program reads one
span of one row's logits; what the spans found is put together by torch. Noise is that of
`engines/sampling.py`, keyed by (stream, step, token id), for every token: there is no tail that is
drawn together, so nothing waits for the GPU. Tokens are those of `sampling.choose` wherever that
draws no tail, and follow the same distribution everywhere; so this would be another sampling
version. Reads and writes nothing.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl

from featherweight.engines import Decoding
from featherweight.engines.sampling import Chosen

BLOCK = 1024  # logits at a time
SPAN = 16 * BLOCK  # of one program


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]
def _mix(bits):  # type: ignore[no-untyped-def]
    # SplitMix64's finaliser, as sampling._mix, on unsigned numbers.
    bits = (bits ^ (bits >> 30)) * tl.full((1,), 0xBF58476D1CE4E5B9, tl.uint64)
    bits = (bits ^ (bits >> 27)) * tl.full((1,), 0x94D049BB133111EB, tl.uint64)
    return bits ^ (bits >> 31)


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]
def _look(  # type: ignore[no-untyped-def]
    logits,
    streams,
    steps,
    scores,
    tokens,
    highest,
    sums,
    vocabulary,
    temperature,
    NOISE: tl.constexpr,
    SPAN: tl.constexpr,
    BLOCK: tl.constexpr,
):
    row, part, parts = tl.program_id(0), tl.program_id(1), tl.num_programs(1)
    golden = tl.full((1,), 0x9E3779B97F4A7C15, tl.uint64)
    stream = tl.load(streams + row).to(tl.uint64)
    step = tl.load(steps + row).to(tl.uint64)
    key = _mix(_mix(stream * golden) + (step + 1) * golden)
    lane = tl.arange(0, BLOCK)
    best = tl.full((1,), float("-inf"), tl.float64)
    token = tl.full((1,), 0, tl.int64)
    top = tl.full((1,), float("-inf"), tl.float32)
    total = tl.zeros((1,), tl.float32)
    begin = part * SPAN
    for first in range(begin, tl.minimum(begin + SPAN, vocabulary), BLOCK):
        ids = first + lane
        inside = ids < vocabulary
        found = tl.load(
            logits + row.to(tl.int64) * vocabulary + ids, mask=inside, other=float("-inf")
        ).to(tl.float32)
        score = (found / temperature).to(tl.float64)
        if NOISE:
            bits = _mix(key + (ids.to(tl.uint64) + 1) * golden) >> 11
            uniform = (bits.to(tl.float64) + 0.5) * 1.1102230246251565e-16  # 2^-53
            score = score - tl.log(-tl.log(uniform))
        score = tl.where(inside, score, float("-inf"))
        here = tl.max(score, 0)
        place = first + tl.min(tl.where(score == here, lane, BLOCK), 0)
        token = tl.where(here > best, place.to(tl.int64), token)
        best = tl.maximum(best, here)
        peak = tl.maximum(top, tl.max(found, 0))
        # A span of which nothing is possible yet has a peak of -inf: no difference of two of them.
        least = tl.where(peak == float("-inf"), 0.0, peak)
        total = total * tl.exp(top - least) + tl.sum(tl.exp(found - least), 0)
        top = peak
    at = row * parts + part + tl.arange(0, 1)
    tl.store(scores + at, best)
    tl.store(tokens + at, token)
    tl.store(highest + at, top)
    tl.store(sums + at, total)


def choose(
    logits: torch.Tensor, streams: torch.Tensor, steps: torch.Tensor, decoding: Decoding
) -> Chosen:
    """As `sampling.choose`, for settings without top-k and top-p; `streams` and `steps` are int64
    (rows,) on the device of the logits.

    Raises ValueError for settings with cuts.
    """
    if decoding.top_k or decoding.top_p < 1:
        raise ValueError(f"expected top_k 0 and top_p 1, got {decoding}")
    rows, vocabulary = logits.shape
    shape = (rows, triton.cdiv(vocabulary, SPAN))

    def empty(dtype: torch.dtype) -> torch.Tensor:
        return torch.empty(shape, dtype=dtype, device=logits.device)

    scores, tokens = empty(torch.float64), empty(torch.int64)
    highest, sums = empty(torch.float32), empty(torch.float32)
    launch: Any = _look[shape]
    launch(
        logits.contiguous(),
        streams,
        steps,
        scores,
        tokens,
        highest,
        sums,
        vocabulary,
        decoding.temperature if decoding.temperature > 0 else 1.0,
        NOISE=decoding.temperature > 0,
        SPAN=SPAN,
        BLOCK=BLOCK,
    )
    chosen = tokens.gather(1, scores.argmax(dim=1, keepdim=True))
    mass = (highest + sums.log()).logsumexp(dim=1)
    return Chosen(chosen[:, 0], logits.gather(1, chosen)[:, 0].float() - mass)
