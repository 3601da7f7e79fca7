"""What both engines compute for log-likelihoods: every sequence once, and the same values as one
sequence at a time.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from character_model import write_model
from test_exllamav2_engine import pretend, words

from featherweight.engines import continuations, load_engine
from featherweight.engines.continuations import Readout, Row
from featherweight.engines.transformers import likelihood as ours
from featherweight.engines.transformers.packing import PackedLinear, can_pack
from featherweight.errors import InputError

DRAW = random.Random(11)
PROMPT, OTHER = words(DRAW, 30), words(DRAW, 17)
Asked = list[tuple[tuple[int, ...], tuple[int, ...]]]
CASES: dict[str, Asked] = {
    "three letters": [(PROMPT, (7,)), (PROMPT, (8,)), (PROMPT, (9,))],
    "letters in brackets": [(PROMPT, (5, letter, 6)) for letter in (7, 8, 9)],
    "mixed lengths, one of them empty": [(PROMPT, words(DRAW, n)) for n in (0, 1, 2, 9, 40, 3)],
    "one begins with another": [(PROMPT, (7, 8, 9, 10)[:n]) for n in (3, 1, 4, 2)],
    "the same twice": [(PROMPT, (7, 8)), (OTHER, (7, 8)), (PROMPT, (7, 8))],
    "prompts in turns": [
        (prompt, words(DRAW, n)) for n in (1, 5, 2) for prompt in (OTHER, PROMPT, OTHER[:1])
    ],
    "a prompt that begins with a prompt": [
        (PROMPT, (7, 8, 9)),
        ((*PROMPT, 7), (8, 10)),
        ((*PROMPT, 7, 8), (9, 9, 9)),
    ],
    "only empty ones": [(PROMPT, ()), (OTHER, ())],
    "many of many": [
        (words(random.Random(n % 7), 12 + n % 7), words(DRAW, n % 5)) for n in range(60)
    ],
}


@pytest.fixture(scope="module", params=["llama", "qwen2"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope="module")
def engine(folder: Path) -> Any:
    return load_engine("transformers", folder, dtype="float32", threads=1)


@pytest.fixture(scope="module")
def exllamav2(folder: Path) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        pretend(patch)
        yield load_engine("exllamav2", folder, dtype="auto", threads=1)


def plainly(model: Any, asked: Asked) -> list[float]:
    """One sequence at a time, all of it, in a plain causal pass."""
    found = []
    with torch.inference_mode():
        for prompt, continuation in asked:
            logprobs = (
                model(torch.tensor([prompt + continuation])).logits[0].double().log_softmax(-1)
            )
            found.append(
                sum(
                    logprobs[len(prompt) - 1 + i, token].item()
                    for i, token in enumerate(continuation)
                )
            )
    return found


def split(asked: Asked) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    return [prompt for prompt, _ in asked], [continuation for _, continuation in asked]


@pytest.mark.parametrize("widest", [0, 45, 4096])
@pytest.mark.parametrize("budget", [1, 100, 2048])
@pytest.mark.parametrize("case", CASES)
def test_values_are_those_of_one_sequence_at_a_time(
    engine: Any, monkeypatch: pytest.MonkeyPatch, case: str, budget: int, widest: int
) -> None:
    monkeypatch.setattr(ours, "_WIDEST", widest)
    found = ours.loglikelihoods(engine.model, *split(CASES[case]), budget)
    assert found == pytest.approx(plainly(engine.model, CASES[case]), rel=1e-6, abs=2e-5)


@pytest.mark.parametrize("case", CASES)
def test_the_gpu_engine_finds_the_same(engine: Any, exllamav2: Any, case: str) -> None:
    found = exllamav2.loglikelihoods(*split(CASES[case]))
    assert found == pytest.approx(plainly(engine.model, CASES[case]), abs=1e-4)


def test_a_continuation_is_as_likely_alone_as_beside_others(engine: Any) -> None:
    """Branches do not see each other: a sum over 9 tokens would move by whole nats."""
    asked = CASES["mixed lengths, one of them empty"]
    together = engine.loglikelihoods(*split(asked))
    turned = engine.loglikelihoods(*split(asked[::-1]))[::-1]
    alone = [engine.loglikelihoods([prompt], [continuation])[0] for prompt, continuation in asked]
    assert together == pytest.approx(alone, abs=2e-5)
    assert turned == pytest.approx(alone, abs=2e-5)


@pytest.mark.parametrize(
    ("case", "branched", "plain"),
    [
        ("three letters", 30, 30),
        ("letters in brackets", 30 + 3 * 2, 3 * 32),
        ("one begins with another", 33, 33),
        ("the same twice", 31 + 18, 31 + 18),
        ("only empty ones", 0, 0),
    ],
)
def test_what_is_the_same_is_computed_once(
    engine: Any,
    exllamav2: Any,
    monkeypatch: pytest.MonkeyPatch,
    case: str,
    branched: int,
    plain: int,
) -> None:
    """Tokens shown to the model, padding left out; the GPU engine has no branches."""
    shown = []
    groups = continuations.groups

    def noted(rows: list[Row], budget: int) -> Any:
        shown.append(sum(len(row.tokens) for row in rows))
        return groups(rows, budget)

    monkeypatch.setattr(continuations, "groups", noted)
    for each in (engine, exllamav2):
        each.loglikelihoods(*split(CASES[case]))
    assert shown == [branched, plain]


def test_rows_of_one_prompt() -> None:
    prompts, asked = [(1, 403)] * 4, [(407, 9, 4), (261, 8), (), (407,)]
    row = Row((1, 403, 407, 9, 261), (2, 2, 1), readouts=())
    (found,) = continuations.rows(prompts, asked, widest=5)
    assert (found.tokens, found.parts, found.branches) == (row.tokens, row.parts, True)
    assert sorted(found.readouts, key=lambda one: (one.continuation, one.place)) == [
        Readout(1, 407, 0),
        Readout(2, 9, 0),
        Readout(3, 4, 0),
        Readout(1, 261, 1),
        Readout(4, 8, 1),
        Readout(1, 407, 3),
    ]
    two = continuations.rows(prompts, asked, widest=4)
    assert [(each.tokens, each.branches) for each in two] == [
        ((1, 403, 407, 9), False),
        ((1, 403, 261), False),
    ]


def test_groups_keep_to_the_budget_the_places_and_the_kind() -> None:
    def row(length: int, places: int = 1, parts: int = 2) -> Row:
        return Row(
            (5,) * length,
            (length,) + (0,) * (parts - 1),
            tuple(Readout(p, 5, 0) for p in range(places)),
        )

    found = continuations.groups(
        [row(3), row(9), row(6, parts=3), row(4), row(2, parts=3), row(8)], budget=18
    )
    assert [[len(each.tokens) for each in group.rows] for group in found] == [
        [9, 8],
        [4, 3],
        [6, 2],
    ]
    found = continuations.groups(
        [row(600, 600), row(300, 300), row(290, 200), row(280, 13)], budget=10_000
    )
    assert [len(group.rows) for group in found] == [
        1,
        2,
        1,
    ]  # 512 places, a longer continuation by itself


def test_options_that_bfloat16_would_tie_are_told_apart(folder: Path) -> None:
    """Its logits near 30 lie 0.125 apart, so that of 30 options that are about as likely some have
    an equal.
    """
    engine = load_engine("transformers", folder, dtype="bfloat16", threads=1)
    options = range(5, 35)
    weight = engine.model.get_output_embeddings().weight
    with torch.inference_mode():
        hidden = engine.model.model(torch.tensor([PROMPT])).last_hidden_state[0, -1].double()
        weight.copy_(weight * 0.3 + 30 * hidden / (hidden @ hidden))
        hidden = engine.model.model(torch.tensor([PROMPT])).last_hidden_state[0, -1].double()
        rounded = engine.model(torch.tensor([PROMPT])).logits[0, -1]
        wanted = (weight.double() @ hidden).log_softmax(-1)
    assert rounded.dtype == torch.bfloat16
    assert len({rounded[option].item() for option in options}) < 30
    found = engine.loglikelihoods([PROMPT] * 30, [(option,) for option in options])
    assert len(set(found)) == 30
    torch.testing.assert_close(
        torch.tensor(found).double(), wanted[list(options)], atol=1e-3, rtol=1e-5
    )


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_an_output_layer_in_float32(
    packed: bool, bias: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if packed and not can_pack(torch.bfloat16):
        pytest.skip("this machine's torch packs no bfloat16 matrices")
    monkeypatch.setattr(ours, "_BLOCK", 300)  # of 1000 rows
    torch.manual_seed(0)
    plain = torch.nn.Linear(96, 1000, bias=bias).bfloat16().requires_grad_(False)
    layer = PackedLinear(plain) if packed else plain
    rows = torch.randn(7, 96).bfloat16()
    wanted = rows.double() @ plain.weight.double().T + (plain.bias.double() if bias else 0)
    with ours.in_float32(layer):
        torch.testing.assert_close(layer(rows).double(), wanted, atol=1e-5, rtol=1e-5)
    assert layer(rows).dtype == torch.bfloat16


def test_what_cannot_be_asked_is_refused(engine: Any) -> None:
    with pytest.raises(ValueError, match="one continuation per prompt, got 1 and 2"):
        continuations.loglikelihoods([(5,)], [(6,), (7,)], lambda group: [], budget=1, widest=0)
    with pytest.raises(ValueError, match="a prompt of at least one token"):
        continuations.loglikelihoods([()], [(6,)], lambda group: [], budget=1, widest=0)
    assert len(engine.loglikelihoods([(5,) * 200], [(6,) * 57])) == 1  # the last token is never fed
    with pytest.raises(
        InputError, match="ends 258 tokens after its prompt's beginning, at most 256 can be scored"
    ):
        engine.loglikelihoods([(5,) * 200], [(6,) * 58])
