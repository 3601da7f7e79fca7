"""The choice of tokens: its distribution, its cuts, and that noise depends on (stream, step, token
id) alone.
"""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats

from featherweight.engines import Decoding
from featherweight.engines.sampling import _SPAN, CANDIDATES, _likeliest, choose, gumbel

DRAWS = 4_000


def draw(
    logits: torch.Tensor, decoding: Decoding, draws: int = DRAWS, step: int = 3
) -> torch.Tensor:
    """Tokens drawn from one row of logits with streams 0, 1, 2, ..."""
    parts = [
        choose(logits.expand(len(block), -1), block, torch.full_like(block, step), decoding).tokens
        for block in torch.arange(draws).split(500)
    ]
    return torch.cat(parts)


def some_logits(size: int, spread: float) -> torch.Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(5)) * spread


def p_value(tokens: torch.Tensor, probabilities: torch.Tensor) -> float:
    """Of Pearson's chi-square; tokens with fewer than 10 expected draws are put together."""
    expected = probabilities.double() * len(tokens)
    seen = torch.bincount(tokens, minlength=len(expected)).double()
    common = expected >= 10
    expected_bins = torch.cat([expected[common], expected[~common].sum()[None]])
    seen_bins = torch.cat([seen[common], seen[~common].sum()[None]])
    kept = expected_bins > 0
    assert seen_bins[~kept].sum() == 0
    if kept.sum() == 1:
        return 1.0  # one possible token, and it was drawn
    scale = seen_bins.sum() / expected_bins.sum()  # rounding of the float32 softmax
    return float(
        stats.chisquare(seen_bins[kept].numpy(), (expected_bins[kept] * scale).numpy()).pvalue
    )


@pytest.mark.parametrize(
    ("size", "spread", "temperature"),
    [
        (40, 1.5, 1.0),
        (40, 1.5, 0.6),
        (1200, 1.0, 1.0),
        (1200, 3.0, 0.7),
        (9003, 3.0, 0.8),
        (20_000, 1.0, 1.0),
    ],
    ids=[
        "small",
        "small, cooler",
        "with a tail of 60% of the mass",
        "with a thin tail",
        "by blocks, with a tail",
        "nearly all of the mass in the tail",
    ],
)
def test_draws_follow_the_tempered_softmax(size: int, spread: float, temperature: float) -> None:
    # False alarm: the streams are fixed, so none on a rerun; for a new hash, one in a million per
    # case.
    logits = some_logits(size, spread)
    tokens = draw(logits, Decoding(temperature, 1.0, 0))
    assert p_value(tokens, (logits / temperature).softmax(0)) > 1e-6


def test_the_test_sees_a_wrong_temperature() -> None:
    logits = some_logits(40, 1.5)
    assert p_value(draw(logits, Decoding(1.0, 1.0, 0)), (logits / 0.9).softmax(0)) < 1e-6


def test_tail_is_drawn_as_often_as_it_weighs_and_evenly_inside() -> None:
    logits = torch.zeros(1500)
    tokens = draw(logits, Decoding(1.0, 1.0, 0))
    in_tail = 1 - CANDIDATES / 1500
    # One in a million for each: 5 standard deviations of a binomial share, and a chi-square over
    # ten equal bins.
    share = float((~torch.isin(tokens, logits.topk(CANDIDATES).indices)).float().mean())
    assert abs(share - in_tail) < 5 * math.sqrt(in_tail * (1 - in_tail) / DRAWS)
    assert (
        stats.chisquare(torch.histc(tokens.float(), bins=10, min=0, max=1500).numpy()).pvalue > 1e-6
    )


@pytest.mark.parametrize("size", [1025, 20_011])
def test_every_part_of_flat_logits_is_drawn_as_often_as_another(size: int) -> None:
    """Spans of the tail, places in a span, and the cut end of the last span: each its own test.

    False alarm: the streams are fixed, so none on a rerun; for a new hash 3 in a million per size.
    """
    tokens = draw(torch.zeros(size), Decoding(1.0, 1.0, 0))
    spans = torch.bincount(tokens // _SPAN, minlength=-(-size // _SPAN)).double()
    whole = torch.full_like(spans, _SPAN)
    whole[-1] -= len(spans) * _SPAN - size
    assert p_value(tokens // _SPAN, whole / size) > 1e-6
    places = torch.bincount(torch.arange(size) % _SPAN // 4, minlength=_SPAN // 4)
    assert p_value(tokens % _SPAN // 4, places / size) > 1e-6
    half = tokens[tokens < size // 2 * 2] % 2  # neighbours
    assert stats.binomtest(int(half.sum()), len(half)).pvalue > 1e-6


def test_the_parts_of_the_tail_are_drawn_by_their_weights() -> None:
    """Three spans of different weight, and in one of them a token that stands out.

    False alarm as above, one in a million. A temperature 20% off is seen.
    """
    logits = torch.cat([torch.full((_SPAN,), float(weight)) for weight in (-1, 0, 1)])
    logits[-CANDIDATES:] = 1.001  # the candidates, surely
    logits[700] = 1.0
    tokens = draw(logits, Decoding(0.5, 1.0, 0))
    weights = (logits / 0.5).softmax(0)
    groups = torch.bucketize(torch.arange(len(logits)), torch.tensor([511, 699, 700, 1023, 1279]))
    share = torch.zeros(6).index_add(0, groups, weights)
    assert p_value(groups[tokens], share) > 1e-6
    wrong = torch.zeros(6).index_add(0, groups, (logits / 0.6).softmax(0))
    assert p_value(groups[tokens], wrong) < 1e-6


def test_a_wide_nucleus_ends_where_it_is_full_even_among_equals() -> None:
    """1,100 equally likely tokens: half of the mass is 550 of them, the candidates and those of
    the lowest ids; each is drawn as often as another.

    8,000 draws miss one of 550 tokens with odds of 550 (1 - 1/550)^8000 = 3 in 10,000, were the
    streams not fixed; one in a million for the chi-square.
    """
    tokens = draw(torch.zeros(1100), Decoding(1.0, 0.5, 0), draws=8000)
    candidates = set(_likeliest(torch.zeros(1, 1100), CANDIDATES, in_order=True)[1][0].tolist())
    others = [token for token in range(1100) if token not in candidates]
    allowed = candidates | set(others[: 550 - CANDIDATES])
    assert set(tokens.tolist()) == allowed
    kept = torch.zeros(1100).index_fill(0, torch.tensor(sorted(allowed)), 1 / 550)
    assert p_value(tokens, kept) > 1e-6


@pytest.mark.parametrize("top_p", [0.3, 0.6, 0.95])
def test_many_equal_logits_are_cut_as_a_sort_would(top_p: float) -> None:
    """Logits of a coarse number format: the nucleus ends inside a group of equals.

    False alarm as above, one in a million per case.
    """
    logits = (some_logits(6000, 1.0) * 4).round() / 4
    order = logits.argsort(descending=True, stable=True)
    weights = logits.softmax(0).double()
    before = weights[order].cumsum(0) - weights[order]
    nucleus = order[before < top_p]
    tokens = draw(logits, Decoding(1.0, top_p, 0), draws=4000)
    last = logits[nucleus[-1]]
    inside = logits[tokens] > last
    assert torch.isin(logits[tokens[~inside]], last).all()
    # By the value of the logit: which of the last equals are kept is the sampler's choice.
    values = logits[nucleus].unique()
    share = torch.stack([weights[nucleus[logits[nucleus] == value]].sum() for value in values])
    drawn = torch.searchsorted(values, logits[tokens])
    assert p_value(drawn, share / share.sum()) > 1e-6
    assert len(tokens[~inside].unique()) <= int((logits[nucleus] == last).sum())


@pytest.mark.parametrize("size", [40, 1200, 9003])
@pytest.mark.parametrize("top_p", [0.05, 0.5, 0.9, 0.999])
def test_top_p_keeps_the_smallest_nucleus(size: int, top_p: float) -> None:
    logits = some_logits(size, 1.0)
    order = logits.argsort(descending=True)
    before = logits.softmax(0)[order].double().cumsum(0) - logits.softmax(0)[order].double()
    nucleus = order[before < top_p]
    tokens = draw(logits, Decoding(1.0, top_p, 0), draws=1000)
    assert torch.isin(tokens, nucleus).all()
    kept = torch.zeros(size).index_copy(0, nucleus, logits.softmax(0)[nucleus])
    assert p_value(tokens, kept / kept.sum()) > 1e-6


@pytest.mark.parametrize(("top_p", "kept"), [(0.25, 1), (0.5, 2), (0.500001, 3), (0.75, 3)])
def test_a_nucleus_that_is_reached_exactly_takes_no_more(top_p: float, kept: int) -> None:
    """Four equally likely tokens, as transformers' TopPLogitsWarper cuts them: 0.5 is two of them.

    500 draws miss one of three tokens with odds of 3 (2/3)^500, below 1e-87.
    """
    tokens = draw(torch.zeros(4), Decoding(1.0, top_p, 0), draws=500)
    assert len(tokens.unique()) == kept


@pytest.mark.parametrize("top_k", [1, 5, 300])
def test_top_k_keeps_exactly_the_k_likeliest(top_k: int) -> None:
    logits = some_logits(1200, 1.0)
    tokens = draw(logits, Decoding(1.0, 1.0, top_k))
    best = logits.topk(top_k).indices
    assert torch.isin(tokens, best).all()
    assert len(tokens.unique()) == top_k
    kept = torch.zeros(1200).index_copy(0, best, logits.softmax(0)[best])
    assert p_value(tokens, kept / kept.sum()) > 1e-6


def test_top_p_is_taken_of_what_top_k_left() -> None:
    logits = torch.tensor([0.4, 0.3, 0.2, 0.1]).log()
    # Of the two likeliest, 4/7 and 3/7, the first alone reaches 0.5; of all four it would not.
    assert set(draw(logits, Decoding(1.0, 0.5, 2), draws=500).tolist()) == {0}
    assert set(draw(logits, Decoding(1.0, 0.5, 0), draws=500).tolist()) == {0, 1}


@pytest.mark.parametrize(
    ("size", "count"), [(1200, 256), (9000, 256), (9001, 256), (40_000, 50), (40_000, 1)]
)
def test_the_likeliest_are_those_of_a_whole_sort(size: int, count: int) -> None:
    logits = torch.randn(5, size, generator=torch.Generator().manual_seed(size))
    # all of the largest in one stretch, the last block cut short
    logits[0] = logits[0].sort().values
    logits[1] = logits[1].bfloat16().float()  # many equal ones
    logits[2] = 0.0
    logits[3, : size // 2] = -torch.inf
    values, ids = _likeliest(logits, count, in_order=True)
    assert torch.equal(values, logits.sort(descending=True).values[:, :count])
    assert torch.equal(logits.gather(1, ids), values)
    assert all(len(row.unique()) == count for row in ids)


def test_temperature_zero_is_argmax_without_noise_lowest_id_among_equals() -> None:
    logits = torch.tensor([[1.0, 5.0, 5.0, 0.0], [3.0, 2.0, 1.0, 0.0]])
    chosen = choose(logits, [1, 2], [0, 9], Decoding(0.0, 1.0, 0))
    assert chosen.tokens.tolist() == [1, 0]


def test_logprob_is_that_of_the_untempered_uncut_model() -> None:
    logits = torch.tensor([[2.0, 1.0, 0.0]])
    by_hand = math.log(math.exp(2) / (math.exp(2) + math.exp(1) + 1))
    for decoding in (Decoding(0.0, 1.0, 0), Decoding(0.01, 1.0, 0), Decoding(5.0, 1.0, 1)):
        chosen = choose(logits, [4], [0], decoding)
        assert chosen.tokens.tolist() == [0]
        assert chosen.logprobs.item() == pytest.approx(by_hand, abs=1e-6)


@pytest.mark.parametrize(
    "decoding",
    [Decoding(1.0, 1.0, 0), Decoding(0.7, 0.9, 0), Decoding(1.0, 1.0, 20)],
    ids=["all", "top-p", "top-k"],
)
def test_a_row_gets_the_same_token_wherever_it_stands(decoding: Decoding) -> None:
    logits = torch.randn(64, 1200, generator=torch.Generator().manual_seed(1))
    streams, steps = list(range(100, 164)), [row % 7 for row in range(64)]
    together = choose(logits, streams, steps, decoding).tokens.tolist()
    alone = [
        choose(logits[i : i + 1], [streams[i]], [steps[i]], decoding).tokens.item()
        for i in range(64)
    ]
    backwards = choose(logits.flip(0), streams[::-1], steps[::-1], decoding).tokens.tolist()[::-1]
    assert together == alone == backwards
    assert (
        together != choose(logits, streams, [step + 1 for step in steps], decoding).tokens.tolist()
    )
    assert (
        together
        != choose(logits, [stream + 1 for stream in streams], steps, decoding).tokens.tolist()
    )


def test_noise_is_gumbel_and_unrelated_along_every_axis() -> None:
    streams, steps = torch.arange(20_000), torch.zeros(20_000, dtype=torch.long)
    tokens = torch.tensor([0, 1]).expand(20_000, 2)
    here = gumbel(streams, steps, tokens)
    # Kolmogorov-Smirnov, one in a million.
    assert stats.kstest(here[:, 0].numpy(), "gumbel_r").pvalue > 1e-6
    later = gumbel(streams, steps + 1, tokens)
    pairs = [
        (here[:, 0], here[:, 1]),
        (here[:, 0], later[:, 0]),
        (here[:-1, 0], here[1:, 0]),
        (here[:, 1], later[:, 0]),
    ]
    for left, right in pairs:
        # Correlation of independent values: standard deviation 1/sqrt(n); 5 of them, one in 1.7
        # million.
        assert abs(float(torch.corrcoef(torch.stack([left, right]))[0, 1])) < 5 / math.sqrt(19_999)


def by_hand(stream: int, step: int, token: int) -> float:
    """The noise in Python's whole numbers: SplitMix64's finaliser, 53 bits, two logarithms."""
    golden, mask = 0x9E3779B97F4A7C15, (1 << 64) - 1

    def mix(bits: int) -> int:
        bits = ((bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9) & mask
        bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) & mask
        return bits ^ (bits >> 31)

    key = mix((mix(stream * golden & mask) + (step + 1) * golden) & mask)
    uniform = ((mix((key + (token + 1) * golden) & mask) >> 11) + 0.5) * 2.0**-53
    return -math.log(-math.log(uniform))


def test_noise_is_the_hash_that_it_says_it_is() -> None:
    # Known once and for all: if these move, SAMPLING_VERSION must be raised.
    cases = [(0, 0, 0), (2**62, 511, 151_935), (2**63 - 1, 1, 7)]
    assert [by_hand(*case) for case in cases[:2]] == pytest.approx(
        [0.8509171899612388, 0.5695083455966167], abs=1e-12
    )
    for stream, step, token in cases:
        found = gumbel(torch.tensor([stream]), torch.tensor([step]), torch.tensor([[token]]))
        assert found.item() == pytest.approx(by_hand(stream, step, token), abs=1e-12)


@pytest.mark.parametrize(
    ("decoding", "what"),
    [
        (Decoding(-1.0, 1.0, 0), "temperature"),
        (Decoding(1.0, 0.0, 0), "top_p"),
        (Decoding(1.0, 1.0, -1), "top_k"),
    ],
)
def test_settings_outside_their_range_raise(decoding: Decoding, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        choose(torch.zeros(1, 3), [0], [0], decoding)
