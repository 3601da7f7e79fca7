"""How the next token is chosen: cuts, then Gumbel-max with noise keyed by (stream, step, token id).

Every engine calls `choose` on its logits. The noise of a token is a hash of the sample's stream,
the step and the token id, computed in integers: it is the same on every device, at every batch size
and in every order of work. Under rounding differences it flips far fewer tokens than drawing from a
cumulative sum. Reads and writes nothing.

    >>> choose(torch.tensor([[0.0, 3.0, 1.0]]), [7], [0], Decoding(0.0, 1.0, 0))
    Chosen(tokens=tensor([1]), logprobs=tensor([-0.1698]))

The distribution is exact. Noise is drawn for the `CANDIDATES` likeliest tokens; all others together
get one Gumbel draw on their summed probability, which is distributed as the largest of their own
draws would be. Only if that one wins is a span of tokens drawn by the spans' sums, and a token
within it, so that flat logits cost little more than peaked ones. A nucleus that is wider than the
candidates is never sorted: a token is drawn from more than the nucleus, and where the tokens before
it fill the nucleus already, it and all behind it are cut off and another is drawn among the rest.
What is accepted is distributed as a draw from the nucleus, whatever was cut on the way there.
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
_SPAN = 512  # neighbouring tokens of the tail that are summed, and drawn from, together
# What is hashed in a token id's place: "all other tokens", then their spans; and what is added to
# all of these at each turn of a draw that is made again.
_TAIL = (1 << 40) + 1
_TURN = 1 << 41


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
        tokens = _draw(logits, row_streams, row_steps, decoding)
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
) -> torch.Tensor:
    """Draw one token per row at the temperature; the likeliest get noise of their own."""
    vocabulary = logits.shape[1]
    whole = vocabulary <= _WHOLE and not decoding.top_k
    count = vocabulary if whole else min(decoding.top_k or CANDIDATES, vocabulary)
    found, ids = _likeliest(logits, count, in_order=decoding.top_p < 1)
    highest = found.amax(dim=-1, keepdim=True)
    values = found / decoding.temperature
    scores = values.double() + gumbel(streams, steps, ids)
    has_tail = not decoding.top_k and count < vocabulary
    tail = _tail(logits, highest, decoding.temperature, ids) if has_tail else None
    limit = None
    if decoding.top_p < 1:
        inside = ((found - highest) / decoding.temperature).exp()
        before = inside.cumsum(dim=-1) - inside
        total = inside.sum(dim=-1)
        limit = decoding.top_p * (total if tail is None else total + tail.mass)
        scores = scores.masked_fill(before >= limit[:, None], -torch.inf)
    best, where = scores.max(dim=-1)
    tokens = ids.gather(1, where[:, None])[:, 0]
    if tail is None:
        return tokens
    if limit is not None and not bool((total < limit).any()):
        return tokens  # no nucleus is wider than the candidates
    won = tail.score(streams, steps, 0) + (highest[:, 0] / decoding.temperature) > best
    rows = (won if limit is None else won & (total < limit)).nonzero()[:, 0]
    if len(rows) == 0:
        return tokens
    drawn = tail.draw(rows, streams, steps, 0)
    if limit is not None:
        likeliest = _Likeliest(ids[rows], inside[rows], limit[rows])
        drawn = _inside(drawn, likeliest, tail.of(rows), streams[rows], steps[rows])
    return tokens.index_copy(0, rows, drawn)


class _Tail(NamedTuple):
    """The weights of the tokens that are no candidates, of which the likeliest token of all has 1.

    `weights` is (rows, spans, `_SPAN`), 0 for a candidate and behind the vocabulary's end; `sums`
    are those of the spans, `mass` of a row's all.
    """

    weights: torch.Tensor
    sums: torch.Tensor
    mass: torch.Tensor

    def of(self, rows: torch.Tensor) -> _Tail:
        """Some rows of it."""
        return self if len(rows) == len(self.mass) else _Tail(*(part[rows] for part in self))

    def score(self, streams: torch.Tensor, steps: torch.Tensor, turn: int) -> torch.Tensor:
        """The largest of all its tokens' noisy log weights, in one draw, (rows,)."""
        pseudo = torch.full_like(streams, _TAIL + turn * _TURN)[:, None]
        return self.mass.log().double() + gumbel(streams, steps, pseudo)[:, 0]

    def draw(
        self, rows: torch.Tensor, streams: torch.Tensor, steps: torch.Tensor, turn: int
    ) -> torch.Tensor:
        """One token of each of these rows: first its span, then itself."""
        device, shift = self.sums.device, turn * _TURN
        streams, steps, sums = streams[rows], steps[rows], self.sums[rows]
        spans = torch.arange(sums.shape[1], device=device).expand(len(rows), -1)
        noise = gumbel(streams, steps, spans + (_TAIL + 1 + shift))
        span = (sums.double().log() + noise).argmax(dim=-1)
        ids = span[:, None] * _SPAN + torch.arange(_SPAN, device=device)
        weights = self.weights[rows, span].double()
        place = (weights.log() + gumbel(streams, steps, ids + shift)).argmax(dim=-1)
        return ids.gather(1, place[:, None])[:, 0]

    def before(self, tokens: torch.Tensor) -> _Tail:
        """What is likelier than a token of each row, or as likely with a lower id."""
        span, place = tokens // _SPAN, tokens % _SPAN
        rows = torch.arange(len(tokens), device=tokens.device)
        own = self.weights[rows, span]
        cut = own.gather(1, place[:, None])
        # In spans before the token's an equal weight stays: there a weight must only be more than
        # the next smaller number.
        lower = torch.nextafter(cut, torch.zeros_like(cut))
        earlier = torch.arange(self.sums.shape[1], device=tokens.device) < span[:, None]
        # Ones and zeros as numbers: to fill by a mask takes four times as long.
        kept = torch.gt(
            self.weights, lower.where(earlier, cut)[..., None], out=torch.empty_like(self.weights)
        )
        members = torch.arange(_SPAN, device=tokens.device)
        kept[rows, span] = (own > lower.where(members < place[:, None], cut)).to(kept.dtype)
        return _summed(kept.mul_(self.weights))


def _tail(
    logits: torch.Tensor, highest: torch.Tensor, temperature: float, ids: torch.Tensor
) -> _Tail:
    """The weights of all tokens but these, summed without them: no cancellation."""
    rows, vocabulary = logits.shape
    weights = logits.new_empty((rows, -(-vocabulary // _SPAN) * _SPAN))
    weights[:, vocabulary:] = -torch.inf
    torch.sub(logits, highest, out=weights[:, :vocabulary])
    # In place: a new tensor of this size costs as much as a pass.
    weights.div_(temperature).exp_().scatter_(1, ids, 0.0)
    return _summed(weights.view(rows, -1, _SPAN))


def _summed(weights: torch.Tensor) -> _Tail:
    sums = weights.sum(dim=-1)
    return _Tail(weights, sums, sums.sum(dim=-1))


class _Likeliest(NamedTuple):
    """The candidates of rows whose nucleus holds them all: ids and weights (rows, candidates), and
    the nucleus's size in weights (rows,).
    """

    ids: torch.Tensor
    weights: torch.Tensor
    limit: torch.Tensor


def _inside(
    tokens: torch.Tensor,
    likeliest: _Likeliest,
    tail: _Tail,
    streams: torch.Tensor,
    steps: torch.Tensor,
    turn: int = 1,
) -> torch.Tensor:
    """The tokens, drawn from the tail, where they lie in the nucleus; elsewhere others that do.

    A token outside halves what is left to draw from, on average, so that turns are few.
    """
    left = tail.before(tokens)
    outside = likeliest.weights.sum(dim=-1) + left.mass >= likeliest.limit
    rows = outside.nonzero()[:, 0]
    if len(rows) == 0:
        return tokens
    likeliest, left = _Likeliest(*(part[rows] for part in likeliest)), left.of(rows)
    streams, steps = streams[rows], steps[rows]
    scores = likeliest.weights.double().log()
    best, where = (scores + gumbel(streams, steps, likeliest.ids + turn * _TURN)).max(dim=-1)
    again = likeliest.ids.gather(1, where[:, None])[:, 0]
    won = (left.score(streams, steps, turn) > best).nonzero()[:, 0]
    if len(won):
        drawn = left.draw(won, streams, steps, turn)
        part = _Likeliest(*(part[won] for part in likeliest))
        drawn = _inside(drawn, part, left.of(won), streams[won], steps[won], turn + 1)
        again = again.index_copy(0, won, drawn)
    return tokens.index_copy(0, rows, again)


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
