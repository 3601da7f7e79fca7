"""The transformers engine against transformers itself, and against its own promises about batches
and repeats.
"""

from __future__ import annotations

import copy
import json
import logging
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from character_model import CHARACTERS, SPECIAL, write_model, write_tokenizer

from featherweight.engines import Decoding, Request, engine_identity, load_engine
from featherweight.engines.transformers import TransformersEngine, likelihood
from featherweight.engines.transformers.loading import number_format
from featherweight.engines.transformers.slots import SlotLoop, prompt_groups
from featherweight.errors import InputError

GREEDY = Decoding(0.0, 1.0, 0)
SAMPLED = Decoding(0.8, 1.0, 0)


def quiet(count: int) -> None:
    pass


def request(prompt: tuple[int, ...], stream: int = 0, limit: int = 24) -> Request:
    return Request(prompt_ids=prompt, stream=stream, max_new_tokens=limit)


def ragged(count: int, seed: int = 0, limit: int = 24) -> list[Request]:
    draw = random.Random(seed)
    size = len(SPECIAL) + len(CHARACTERS)
    return [
        request(
            (1, *(draw.randrange(5, size) for _ in range(draw.randrange(1, 40)))),
            1000 + index,
            limit,
        )
        for index in range(count)
    ]


@pytest.fixture(scope="module", params=["llama", "qwen2"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope="module")
def engine(folder: Path) -> TransformersEngine:
    # Special tokens stay in the text, so that a text says which tokens it is made of.
    loaded = load_engine("transformers", folder, dtype="float32", threads=1, kept=tuple(SPECIAL))
    assert isinstance(loaded, TransformersEngine)
    return loaded


@pytest.fixture
def slots(engine: TransformersEngine, request: pytest.FixtureRequest) -> Any:
    """Sets the engine's slots for one test."""
    before = engine.rows, engine.stops, engine.context, engine._share

    def set_to(count: int | None) -> None:
        engine.rows = count

    yield set_to
    engine.rows, engine.stops, engine.context, engine._share = before


def plainly(engine: TransformersEngine, prompt: tuple[int, ...], limit: int) -> str:
    """What `model.generate` says to one prompt, greedily, without the stop token."""
    ids = torch.tensor([prompt])
    made = engine.model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        max_new_tokens=limit,
        pad_token_id=0,
    )
    said: str = engine.tokenizer.decode(made[0, len(prompt) :], skip_special_tokens=False)
    return said.removesuffix("</s>")


def tokens_of(text: str) -> tuple[int, ...]:
    """The tokens of a text that kept its special ones.

    Not by the tokenizer: Qwen2's class splits words its own way.
    """
    pieces = re.findall("|".join(map(re.escape, SPECIAL)) + "|.", text, re.DOTALL)
    return tuple([*SPECIAL, *CHARACTERS].index(piece) for piece in pieces)


@pytest.mark.parametrize(
    "count", [1, 3, None], ids=["one slot", "three slots, refilled", "default"]
)
def test_greedy_is_what_generate_says_one_at_a_time(
    engine: TransformersEngine, slots: Any, count: int | None
) -> None:
    slots(count)
    requests = ragged(12)
    made = engine.generate(requests, GREEDY, quiet)
    assert [m.text for m in made] == [plainly(engine, r.prompt_ids, 24) for r in requests]


def test_samples_of_one_prompt_cost_one_prefill(engine: TransformersEngine, slots: Any) -> None:
    slots(4)
    prompts = [r.prompt_ids for r in ragged(3)]
    requests = [request(prompt, 10 * p + s) for p, prompt in enumerate(prompts) for s in range(5)]
    fed = []
    hook = engine.model.get_input_embeddings().register_forward_hook(
        lambda m, args, out: fed.append(args[0].shape)
    )
    try:
        made = engine.generate(requests, GREEDY, quiet)
    finally:
        hook.remove()
    prefilled = [shape for shape in fed if shape[1] > 1]
    assert sum(shape[0] for shape in prefilled) == len(prompts)
    assert [m.text for m in made] == [plainly(engine, r.prompt_ids, 24) for r in requests]
    assert len({m.text for m in engine.generate(requests[:5], SAMPLED, quiet)}) > 1


def test_a_sample_is_the_same_alone_in_five_and_in_forty(
    engine: TransformersEngine, slots: Any
) -> None:
    requests = ragged(40)
    for count in (None, 7):
        slots(count)
        alone = [engine.generate([r], SAMPLED, quiet)[0] for r in requests[:5]]
        five = engine.generate(requests[:5], SAMPLED, quiet)
        forty = engine.generate(requests, SAMPLED, quiet)[:5]
        turned = engine.generate(requests[::-1], SAMPLED, quiet)[::-1][:5]
        for others in (five, forty, turned):
            assert [m.text for m in others] == [m.text for m in alone]
            assert [m.mean_logprob for m in others] == pytest.approx(
                [m.mean_logprob for m in alone], abs=1e-5
            )


def test_the_same_requests_repeat_bit_for_bit(engine: TransformersEngine, folder: Path) -> None:
    again = load_engine("transformers", folder, dtype="float32", threads=1, kept=tuple(SPECIAL))
    assert engine.generate(ragged(20), SAMPLED, quiet) == again.generate(ragged(20), SAMPLED, quiet)


def test_the_stream_decides_which_noise_a_sample_gets(engine: TransformersEngine) -> None:
    prompt = ragged(1)[0].prompt_ids
    same, other = request(prompt, 5), request(prompt, 6)
    made = engine.generate([same, other, same], SAMPLED, quiet)
    assert made[0].text == made[2].text != made[1].text


def test_counts_finish_and_logprob_are_those_of_the_tokens(engine: TransformersEngine) -> None:
    requests = ragged(12)
    heard: list[int] = []
    made = engine.generate(requests, GREEDY, heard.append)
    assert sum(heard) == sum(m.n_tokens for m in made)
    assert {m.finish for m in made} <= {"stop", "length"}
    for asked, m in zip(requests, made, strict=True):
        assert (m.finish == "length") == (m.n_tokens == 24)
        answer = tokens_of(m.text)
        assert len(answer) == m.n_tokens
        if answer:
            whole = torch.tensor([asked.prompt_ids + answer])
            logprobs = engine.model(whole).logits[0].log_softmax(-1)[len(asked.prompt_ids) - 1 : -1]
            by_hand = logprobs.gather(1, torch.tensor(answer)[:, None]).mean().item()
            assert m.mean_logprob == pytest.approx(by_hand, abs=1e-5)


def test_a_stop_token_ends_a_sample_and_is_not_counted(
    engine: TransformersEngine, slots: Any
) -> None:
    asked = ragged(2)[1:]
    (whole,) = engine.generate(asked, GREEDY, quiet)
    ids = tokens_of(whole.text)
    engine.stops = (*engine.stops, ids[3])
    (made,) = engine.generate(asked, GREEDY, quiet)
    assert (made.finish, made.n_tokens) == ("stop", ids.index(ids[3]))
    engine.stops = (*engine.stops, ids[0])
    (made,) = engine.generate(asked, GREEDY, quiet)
    assert (made.text, made.finish, made.n_tokens, made.mean_logprob) == ("", "stop", 0, None)


def test_the_context_ends_a_sample_and_refuses_a_longer_prompt(
    engine: TransformersEngine, slots: Any
) -> None:
    asked = [request((1, *[9] * 9))]
    engine.stops, engine.context = (), 16
    (made,) = engine.generate(asked, GREEDY, quiet)
    assert (made.finish, made.n_tokens) == ("length", 6)
    engine.context = 10
    with pytest.raises(InputError, match="longest: 10 tokens, the model's context: 10"):
        engine.generate(asked, GREEDY, quiet)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("alibi", True, "positions by ALiBi are not supported"),
        (
            "layer_types",
            ["full_attention", "linear_attention"],
            "layers of kind full_attention, linear_attention",
        ),
    ],
)
def test_models_that_attend_otherwise_are_refused(
    engine: TransformersEngine, field: str, value: Any, said: str
) -> None:
    model = copy.copy(engine.model)
    model.config = copy.deepcopy(engine.model.config)
    object.__setattr__(model.config, field, value)
    with pytest.raises(InputError, match=said):
        TransformersEngine(model, None, name="", stops=(), context=None, hidden=frozenset())


def test_no_requests_no_work(engine: TransformersEngine) -> None:
    assert engine.generate([], GREEDY, quiet) == []
    assert engine.loglikelihoods([], []) == []


OUT_OF_MEMORY = {
    "torch": torch.OutOfMemoryError("CUDA out of memory"),
    "driver": RuntimeError("CUDA error: out of memory"),
    "cublas": RuntimeError(
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)"
    ),
}


@pytest.mark.parametrize("error", OUT_OF_MEMORY.values(), ids=OUT_OF_MEMORY)
def test_out_of_memory_halves_the_slots_and_changes_no_sample(
    engine: TransformersEngine,
    slots: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    expected = [m.text for m in engine.generate(ragged(16), SAMPLED, quiet)]
    real = SlotLoop.step

    def step(loop: SlotLoop) -> None:
        if loop.slots > 4:
            raise error
        real(loop)

    monkeypatch.setattr(SlotLoop, "step", step)
    slots(16)
    with caplog.at_level(logging.WARNING, "featherweight"):
        made = engine.generate(ragged(16), SAMPLED, quiet)
    assert [m.text for m in made] == expected
    assert [r.getMessage().partition(";")[0] for r in caplog.records] == [
        "out of GPU memory: continuing with 8 instead of 16 rows",
        "out of GPU memory: continuing with 4 instead of 8 rows",
    ]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), "with a single sample"),
        (
            RuntimeError("CUDA error: device lost\nmore"),
            "stopped answering .CUDA error: device lost.",
        ),
    ],
)
def test_a_gpu_that_cannot_go_on_is_one_line(
    engine: TransformersEngine,
    slots: Any,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    said: str,
) -> None:
    def step(loop: SlotLoop) -> None:
        raise error

    monkeypatch.setattr(SlotLoop, "step", step)
    engine.stops = ()
    with pytest.raises(InputError, match=said):
        engine.generate(ragged(2), GREEDY, quiet)


@pytest.mark.parametrize("error", OUT_OF_MEMORY.values(), ids=OUT_OF_MEMORY)
def test_likelihoods_take_fewer_tokens_at_a_time_when_memory_runs_out(
    engine: TransformersEngine,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    asked = [r.prompt_ids for r in ragged(12)], [(6, 7)] * 12
    expected = engine.loglikelihoods(*asked)
    real = likelihood.loglikelihoods
    fits = 128

    def limited(model: Any, prompts: Any, continuations: Any, budget: int) -> list[float]:
        if budget > fits:
            raise error
        return real(model, prompts, continuations, budget)

    monkeypatch.setattr(likelihood, "loglikelihoods", limited)
    with caplog.at_level(logging.WARNING, "featherweight"):
        assert engine.loglikelihoods(*asked) == pytest.approx(expected, abs=1e-5)
    assert "continuing with likelihoods of 128 tokens at a time" in caplog.text
    fits = 0
    with pytest.raises(
        InputError, match="out of GPU memory while likelihoods of 64 tokens at a time"
    ):
        engine.loglikelihoods(*asked)


def test_likelihoods_on_a_gpu_that_disappears_are_one_line(
    engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*args: Any) -> list[float]:
        raise RuntimeError("CUDA error: device lost\nmore")

    monkeypatch.setattr(likelihood, "loglikelihoods", gone)
    with pytest.raises(InputError, match=r"stopped answering .CUDA error: device lost."):
        engine.loglikelihoods([(5,)], [(6,)])


def test_logits_that_are_not_numbers_are_refused(folder: Path) -> None:
    broken = load_engine("transformers", folder, dtype="float32", threads=1)
    assert isinstance(broken, TransformersEngine)
    broken.model.model.norm.weight.data.fill_(float("nan"))
    with pytest.raises(InputError, match="not numbers"):
        broken.generate(ragged(2), GREEDY, quiet)


def test_loglikelihoods_agree_with_a_plain_computation(engine: TransformersEngine) -> None:
    prompts = [r.prompt_ids for r in ragged(12)]
    continuations = [r.prompt_ids[1 : 2 + index % 5] for index, r in enumerate(ragged(12, seed=1))]
    continuations[3] = ()
    by_hand = []
    for prompt, continuation in zip(prompts, continuations, strict=True):
        logprobs = (
            engine.model(torch.tensor([prompt + continuation])).logits[0].float().log_softmax(-1)
        )
        by_hand.append(
            sum(logprobs[len(prompt) - 1 + i, token].item() for i, token in enumerate(continuation))
        )
    assert engine.loglikelihoods(prompts, continuations) == pytest.approx(by_hand, abs=1e-4)
    with pytest.raises(ValueError, match="one continuation per prompt"):
        engine.loglikelihoods(prompts, continuations[1:])


def test_loglikelihood_of_a_greedy_answer_is_its_mean_logprob(engine: TransformersEngine) -> None:
    asked = ragged(6, limit=5)
    made = engine.generate(asked, GREEDY, quiet)
    found = engine.loglikelihoods([r.prompt_ids for r in asked], [tokens_of(m.text) for m in made])
    expected = [(m.mean_logprob or 0.0) * m.n_tokens for m in made]
    assert found == pytest.approx(expected, abs=1e-4)


def test_prompt_groups_are_sorted_share_prompts_and_stay_within_budget_and_padding() -> None:
    requests = [request((1,) * length) for length in (3, 9, 3, 7, 9, 1, 6)]
    by_prompt = [[1, 4], [3], [6], [0, 2], [5]]
    assert prompt_groups(requests, by_prompt, 18) == [[[1, 4], [3]], [[6]], [[0, 2]], [[5]]]
    assert prompt_groups(requests, by_prompt, 1) == [[[1, 4]], [[3]], [[6]], [[0, 2]], [[5]]]


def test_tags_of_thinking_survive_where_they_are_special_tokens(folder: Path) -> None:
    made = []
    for kept in ((), ("<think>", "</think>")):
        engine = load_engine("transformers", folder, dtype="float32", threads=1, kept=kept)
        assert isinstance(engine, TransformersEngine)
        head = torch.nn.Linear(32, len(SPECIAL) + len(CHARACTERS), bias=True)
        torch.nn.init.zeros_(head.weight)
        head.bias.data[SPECIAL.index("</think>")] = 1.0
        engine.model.set_output_embeddings(head)
        made.append(engine.generate(ragged(1, limit=2), GREEDY, quiet)[0].text)
    assert made == ["", "</think></think>"]


def copied(folder: Path, target: Path, **changes: Any) -> Path:
    """The model folder with its config changed; None removes a key."""
    target.mkdir()
    for path in folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    config = json.loads((target / "config.json").read_text()) | changes
    (target / "config.json").write_text(
        json.dumps({key: v for key, v in config.items() if v is not None})
    )
    return target


def refused(folder: Path, match: str) -> None:
    with pytest.raises(InputError, match=match) as caught:
        load_engine("transformers", folder, dtype="float32", threads=1)
    assert len(caught.value.problems) == 1
    assert "\n" not in str(caught.value)


def test_folders_that_hold_no_model_are_one_line(folder: Path, tmp_path: Path) -> None:
    refused(tmp_path / "absent", "expected a model folder with config.json")
    refused(copied(folder, tmp_path / "unknown", model_type="perpetuum"), "cannot be loaded")
    own_code = copied(
        folder, tmp_path / "own", model_type="own", auto_map={"AutoModelForCausalLM": "evil.Evil"}
    )
    (own_code / "evil.py").write_text("raise SystemExit('code of a model folder ran')")
    refused(own_code, "cannot be loaded")
    torn = copied(folder, tmp_path / "torn")
    (torn / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:-100])
    refused(torn, "cannot be loaded")
    refused(
        copied(folder, tmp_path / "lacking", num_hidden_layers=3, layer_types=None),
        "tensors are not in its",
    )
    pickled = copied(folder, tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    refused(pickled, "pickled weights are never loaded")


def test_a_narrow_attention_window_narrows_the_context(tmp_path: Path) -> None:
    write_model(tmp_path, "qwen2", use_sliding_window=True, sliding_window=20, max_window_layers=0)
    engine = load_engine("transformers", tmp_path, dtype="float32", threads=1)
    assert isinstance(engine, TransformersEngine)
    assert engine.context == 20
    asked = [request((1, *[9] * 9))]
    engine.stops = ()
    (made,) = engine.generate(asked, GREEDY, quiet)
    assert made.text == plainly(engine, asked[0].prompt_ids, 24)[: made.n_tokens]
    with pytest.raises(InputError, match="context: 20"):
        engine.generate([request((1, *[9] * 19))], GREEDY, quiet)


@pytest.mark.parametrize(
    ("stored", "asked", "device", "expected"),
    [
        ("float32", "auto", "cpu", {"float32"}),
        ("bfloat16", "auto", "cpu", {"float32", "bfloat16"}),
        ("float16", "auto", "cpu", {"float32"}),
        ("bfloat16", "auto", "cuda", {"bfloat16"}),
        (None, "auto", "cuda", {"float32"}),
        ("float32", "bfloat16", "cpu", {"bfloat16"}),
    ],
)
def test_number_formats(
    tmp_path: Path, stored: str | None, asked: str, device: str, expected: set[str]
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({} if stored is None else {"dtype": stored}))
    assert number_format(tmp_path, asked, device) in expected
    with pytest.raises(InputError, match="expected auto"):
        number_format(tmp_path, "int3", device)


def test_bfloat16_generates(folder: Path) -> None:
    engine = load_engine("transformers", folder, dtype="bfloat16", threads=1)
    made = engine.generate(ragged(5), SAMPLED, quiet)
    assert "bfloat16" in engine.identity
    assert engine.generate(ragged(5), SAMPLED, quiet) == made


def test_identity_is_known_without_importing_a_framework(
    folder: Path, engine: TransformersEngine
) -> None:
    program = (
        "import sys; from pathlib import Path; from featherweight.engines import engine_identity\n"
        f"print(engine_identity('transformers', Path({str(folder)!r}), dtype='float32'))\n"
        "print({'torch', 'transformers'} & set(sys.modules))"
    )
    workflow = Path(sys.modules["featherweight"].__file__ or "").parents[1]
    said = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(workflow)},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = said.stdout.splitlines()
    assert lines[0] == engine.identity == engine_identity("transformers", folder, dtype="float32")
    if "+cpu" in torch.__version__:
        assert lines[1] == "set()"


def test_a_real_trained_model_says_what_generate_says(shared_data: Path) -> None:
    loaded = load_engine(
        "transformers",
        shared_data / "models" / "stories260k",
        dtype="float32",
        threads=1,
        kept=("</s>",),
    )
    assert isinstance(loaded, TransformersEngine)
    texts = [
        "Once upon a time",
        "Lily had a red ball. One day",
        "The dog",
        "Tom and his mom went to the park to",
    ]
    ids = [tuple(loaded.tokenizer.encode(text)) for text in texts]
    made = loaded.generate([request(one, limit=40) for one in ids], GREEDY, quiet)
    assert [m.text for m in made] == [plainly(loaded, one, 40) for one in ids]


def test_a_tokenizer_alone_is_no_model(tmp_path: Path) -> None:
    write_tokenizer(tmp_path)
    refused(tmp_path, "expected a model folder with config.json")
