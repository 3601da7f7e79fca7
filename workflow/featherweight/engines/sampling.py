"""How the next token is chosen: cuts, then Gumbel-max with noise keyed by (stream, step, token id).

Every engine calls `choose` on its logits. The noise of a token is a hash of the sample's stream,
the step and the token id, computed in integers: it is the same on every device, at every batch size
and in every order of work. Under rounding differences it flips far fewer tokens than drawing from a
cumulative sum. Reads and writes nothing.

    >>> choose(torch.tensor([[0.0, 3.0, 1.0]]), [7], [0], Decoding(0.0, 1.0, 0))
    Chosen(tokens=tensor([1]), logprobs=tensor([-0.1698]))

The distribution is exact. Noise is drawn for the `CANDIDATES` likeliest tokens; all others together
get one Gumbel draw on their summed probability, which is distributed as the largest of their own
draws would be, and only if that one wins is the winner among them drawn, by noise of their own.
Gumbel-max: Gumbel (1954); the maximum of a set as one draw: Maddison, Tarlow, Minka, "A* Sampling"
(2014), section 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from featherweight.engines import Decoding

CANDIDATES = 256
_WHOLE = 1024  # vocabularies up to this size have no tail
_BLOCK = 16  # tokens whose largest logit is looked at first
_TAIL = (1 << 40) + 1  # stands for "all other tokens" where a token id is hashed


class Chosen(NamedTuple):
    """The tokens of one step, shape (rows,), and their natural-log probabilities under the
    untempered model.
    """

    tokens: torch.Tensor
    logprobs: torch.Tensor


def _signed(value: int) -> int:
    """The same 64 bits as torch's signed integer."""
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value


_GOLDEN = _signed(0x9E3779B97F4A7C15)
_MIX_1 = _signed(0xBF58476D1CE4E5B9)
_MIX_2 = _signed(0x94D049BB133111EB)


def _unsigned_shift(bits: torch.Tensor, by: int) -> torch.Tensor:
    return (bits >> by) & ((1 << (64 - by)) - 1)


def _mix(bits: torch.Tensor) -> torch.Tensor:
    """SplitMix64's finaliser on int64 tensors (Steele, Lea, Flood, "Fast Splittable PRNGs", 2014,
    figure 17).
    """
    bits = (bits ^ _unsigned_shift(bits, 30)) * _MIX_1
    bits = (bits ^ _unsigned_shift(bits, 27)) * _MIX_2
    return bits ^ _unsigned_shift(bits, 31)


def gumbel(streams: torch.Tensor, steps: torch.Tensor, token_ids: torch.Tensor) -> torch.Tensor:
    """Standard Gumbel noise, float64, shape of `token_ids` (rows, tokens); `streams` and `steps`
    are int64 (rows,).

    The uniform has 53 bits and is never 0 or 1, so every value is finite (between -3.6 and 36.7).
    """
    key = _mix(_mix(streams * _GOLDEN) + (steps + 1) * _GOLDEN)
    bits = _unsigned_shift(_mix(key[:, None] + (token_ids + 1) * _GOLDEN), 11)
    uniform = (bits.to(torch.float64) + 0.5) * 2.0**-53
    return -torch.log(-torch.log(uniform))


def choose(
    logits: torch.Tensor,
    streams: Sequence[int] | torch.Tensor,
    steps: Sequence[int] | torch.Tensor,
    decoding: Decoding,
) -> Chosen:
    """The next token of every row of `logits` (rows, vocabulary).

    Temperature is applied first, then top-k, then top-p on what top-k left (the order of
    transformers' warpers). Temperature 0 takes the likeliest token, the lowest id among equals, and
    no noise. Each row's result depends on that row alone. Raises ValueError for settings outside
    their range.
    """
    _check(decoding)
    logits = logits.float()
    if decoding.temperature == 0:
        tokens = logits.argmax(dim=-1)
    else:
        row_streams = torch.as_tensor(streams, dtype=torch.int64, device=logits.device)
        row_steps = torch.as_tensor(steps, dtype=torch.int64, device=logits.device)
        tokens = _draw(logits, row_streams, row_steps, decoding, CANDIDATES)
    return Chosen(tokens, -torch.nn.functional.cross_entropy(logits, tokens, reduction="none"))


def _check(decoding: Decoding) -> None:
    if decoding.temperature < 0:
        raise ValueError(f"temperature: expected 0 (greedy) or more, got {decoding.temperature}")
    if not 0 < decoding.top_p <= 1:
        raise ValueError(f"top_p: expected more than 0 and at most 1, got {decoding.top_p}")
    if decoding.top_k < 0:
        raise ValueError(f"top_k: expected 0 (off) or more, got {decoding.top_k}")


def _draw(
    logits: torch.Tensor,
    streams: torch.Tensor,
    steps: torch.Tensor,
    decoding: Decoding,
    candidates: int,
) -> torch.Tensor:
    """Draw one token per row at the temperature; the `candidates` likeliest get noise of their
    own."""
    vocabulary = logits.shape[1]
    count = decoding.top_k or candidates
    count = vocabulary if vocabulary <= _WHOLE and not decoding.top_k else min(count, vocabulary)
    found, ids = _likeliest(logits, count, in_order=decoding.top_p < 1)
    highest = found.amax(dim=-1, keepdim=True)
    values = found / decoding.temperature
    tail = torch.zeros_like(values[:, 0])
    if not decoding.top_k and count < vocabulary:
        # Summed without the candidates: no cancellation. In place: a new tensor of this size costs
        # as much as a pass.
        weights = (logits - highest).div_(decoding.temperature).exp_()
        tail = weights.scatter_(1, ids, 0.0).sum(dim=-1)
    scores = values.double() + gumbel(streams, steps, ids)
    if decoding.top_p < 1:
        inside = ((found - highest) / decoding.temperature).exp()
        before = inside.cumsum(dim=-1) - inside
        total = inside.sum(dim=-1) + tail
        scores = scores.masked_fill(before >= decoding.top_p * total[:, None], -torch.inf)
        open_rows = (inside.sum(dim=-1) < decoding.top_p * total).nonzero()[:, 0]
    else:
        open_rows = tail.nonzero()[:, 0]
    best, where = scores.max(dim=-1)
    tokens = ids.gather(1, where[:, None])[:, 0]
    if len(open_rows) == 0:
        return tokens
    if decoding.top_p < 1:  # the nucleus is wider than the candidates: more of these rows is sorted
        part = _draw(
            logits[open_rows], streams[open_rows], steps[open_rows], decoding, candidates * 16
        )
        return tokens.index_copy(0, open_rows, part)
    tail = tail.log().double() + (highest[:, 0] / decoding.temperature).double()
    return _with_tail(logits, decoding.temperature, streams, steps, tokens, best, ids, tail)


def _likeliest(
    logits: torch.Tensor, count: int, *, in_order: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """The `count` largest logits of every row and their token ids, both (rows, count).

    A large vocabulary is cut into blocks: the `count` largest lie in the `count` blocks with the
    largest maxima, so only those are searched. Among equal logits it may be another token that just
    gets in.
    """
    vocabulary = logits.shape[1]
    blocks = vocabulary // _BLOCK
    if 2 * count > blocks:
        found = logits.topk(count, dim=-1, sorted=in_order)
        return found.values, found.indices
    whole = logits[:, : blocks * _BLOCK].view(
        len(logits), _BLOCK, blocks
    )  # block b: the tokens b, b + blocks, ...
    chosen = whole.amax(dim=1).topk(count, dim=-1, sorted=False).indices
    members = (torch.arange(_BLOCK, device=logits.device) * blocks)[None, :, None] + chosen[
        :, None, :
    ]
    rest = torch.arange(blocks * _BLOCK, vocabulary, device=logits.device).expand(len(logits), -1)
    places = torch.cat([members.flatten(1), rest], dim=1)
    values, where = logits.gather(1, places).topk(count, dim=-1, sorted=in_order)
    return values, places.gather(1, where)


def _with_tail(
    logits: torch.Tensor,
    temperature: float,
    streams: torch.Tensor,
    steps: torch.Tensor,
    tokens: torch.Tensor,
    best: torch.Tensor,
    ids: torch.Tensor,
    tail: torch.Tensor,
) -> torch.Tensor:
    """Let the tokens outside the candidates, whose log weight is `tail`, win the rows that they
    win.
    """
    pseudo = torch.full_like(streams, _TAIL)[:, None]
    rows = (tail + gumbel(streams, steps, pseudo)[:, 0] > best).nonzero()[:, 0]
    if len(rows) == 0:
        return tokens
    everything = torch.arange(logits.shape[1], device=logits.device)[None, :].expand(len(rows), -1)
    scores = (logits[rows] / temperature).double() + gumbel(streams[rows], steps[rows], everything)
    return tokens.index_copy(0, rows, scores.scatter(1, ids[rows], -torch.inf).argmax(dim=-1))
