"""The GPU engine over a fake of the package's narrow surface: batches, seeds, stops, pages,
back-off, messages.

The fake computes with a tiny model's real weights through the engine's own attention, so its
answers must be those of the transformers engine, token by token.
"""

from __future__ import annotations

import json
import logging
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fake_exllamav2
import pytest
import torch
from character_model import CHARACTERS, SPECIAL, write_model

from featherweight.engines import (
    Completion,
    Decoding,
    Request,
    Unfinished,
    engine_device,
    engine_identity,
    load_engine,
)
from featherweight.engines import exllamav2 as module
from featherweight.engines.exllamav2 import attention, guard, install, memory
from featherweight.engines.exllamav2.loop import BatchLoop
from featherweight.engines.exllamav2.pages import HELD, PAGE, Pages, Row, common_beginning
from featherweight.errors import InputError

GREEDY = Decoding(0.0, 1.0, 0)
SAMPLED = Decoding(0.9, 0.95, 0)
ROOM = 1 << 33


def quiet(count: int) -> None:
    pass


def request(prompt: tuple[int, ...], stream: int = 0, limit: int = 20) -> Request:
    return Request(prompt_ids=prompt, stream=stream, max_new_tokens=limit)


def words(draw: random.Random, count: int) -> tuple[int, ...]:
    return tuple(draw.randrange(5, len(SPECIAL) + len(CHARACTERS)) for _ in range(count))


def ragged(count: int, longest: int = 40, limit: int = 20) -> list[Request]:
    draw = random.Random(count)
    return [
        request((1, *words(draw, draw.randrange(1, longest))), 1000 + index, limit)
        for index in range(count)
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("llama"), "llama", max_position_embeddings=2048)


@pytest.fixture(scope="module")
def reference(folder: Path) -> Any:
    return load_engine("transformers", folder, dtype="float32", threads=1, kept=tuple(SPECIAL))


def pretend(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The fake in the package's place, on a machine that lacks nothing."""
    for name in ("EXLLAMA_NO_FLASH_ATTN", "EXLLAMA_NO_XFORMERS"):
        monkeypatch.setenv(name, "")  # so that what the engine sets is undone
    found = fake_exllamav2.modules()
    for name, value in found.items():
        monkeypatch.setitem(sys.modules, name, value)
    monkeypatch.setattr(install, "installed_version", lambda: install.VERSION)
    monkeypatch.setattr(install, "_torch_problems", list)
    monkeypatch.setattr("featherweight.engines.exllamav2.build.is_prebuilt", lambda: True)
    monkeypatch.setattr(install, "flash_attention_problem", lambda: "none installed")
    monkeypatch.setattr(module, "DEVICE", "cpu")
    monkeypatch.setattr(memory, "free_memory", lambda: ROOM)
    monkeypatch.setattr(memory, "room", lambda: ROOM)
    return found


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return pretend(monkeypatch)


@pytest.fixture(scope="module")
def loaded(folder: Path) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        pretend(patch)
        yield load_engine("exllamav2", folder, dtype="auto", threads=1, kept=tuple(SPECIAL))


@pytest.fixture
def engine(loaded: Any) -> Iterator[Any]:
    """The loaded engine as if it were new."""
    before = loaded.rows, loaded.stops, loaded._budget
    loaded._generator = None
    loaded.model.passes.clear()
    loaded.model.fail_at.clear()
    yield loaded
    loaded.rows, loaded.stops, loaded._budget = before


def same(found: list[Completion], wanted: list[Completion]) -> None:
    assert [(c.text, c.n_tokens, c.finish) for c in found] == [
        (c.text, c.n_tokens, c.finish) for c in wanted
    ]
    for ours, theirs in zip(found, wanted, strict=True):
        assert ours.mean_logprob == pytest.approx(theirs.mean_logprob, abs=1e-4)


@pytest.mark.parametrize("rows", [1, 3, 256])
@pytest.mark.parametrize("decoding", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
def test_answers_are_those_of_the_transformers_engine(
    engine: Any, reference: Any, rows: int, decoding: Decoding
) -> None:
    """The same stream gives the same tokens in both engines, whatever the batch."""
    engine.rows = rows
    requests = ragged(11)
    same(engine.generate(requests, decoding, quiet), reference.generate(requests, decoding, quiet))


def test_qwen2_with_its_biases(package: dict[str, Any], tmp_path: Path) -> None:
    made = write_model(tmp_path / "qwen2", "qwen2", max_position_embeddings=1024)
    ours, theirs = (
        load_engine(name, made, dtype=dtype, threads=1, kept=tuple(SPECIAL))
        for name, dtype in (("exllamav2", "auto"), ("transformers", "float32"))
    )
    requests = ragged(8, 400)
    same(ours.generate(requests, SAMPLED, quiet), theirs.generate(requests, SAMPLED, quiet))


def test_long_prompts_cross_pages_and_share_what_they_have_in_common(
    engine: Any, reference: Any
) -> None:
    """Prompts around and beyond pages of 256, with beginnings of 0, 40, 256, 300 and 513 tokens in
    common.
    """
    draw = random.Random(5)
    requests = []
    for common in (0, 40, 256, 300, 513):
        beginning = words(draw, common)
        lengths = (1, 2, 3, 100, 254, 255, 256, 257, 258, 512)
        requests += [request((*beginning, *words(draw, n)), 7 * n + common) for n in lengths]
    for some in (requests[:10], requests[10:20], requests[20:30], requests[30:]):
        engine.rows = 5
        same(engine.generate(some, SAMPLED, quiet), reference.generate(some, SAMPLED, quiet))


@pytest.mark.parametrize("length", [5, 256, 257, 300, 513])
def test_samples_of_one_prompt_cost_one_prefill(engine: Any, reference: Any, length: int) -> None:
    prompt = words(random.Random(length), length)
    requests = [request(prompt, stream) for stream in range(12)]
    engine.rows = 4  # later samples begin when the first have ended
    engine.model.passes.clear()
    found = engine.generate(requests, SAMPLED, quiet)
    prefills = [rows * new for rows, new in engine.model.passes if new > 1]
    assert prefills == [length - 1]
    same(found, reference.generate(requests, SAMPLED, quiet))


def test_a_pass_is_planned_once_for_all_its_layers(
    engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    plan = attention._plan
    monkeypatch.setattr(
        attention, "_plan", lambda *args: made.append(args[0].shape[:2]) or plan(*args)
    )
    engine.model.passes.clear()
    engine.generate(ragged(9), SAMPLED, quiet)
    assert len(engine.model.layers) == 2
    assert made == engine.model.passes


def test_a_common_beginning_is_computed_once(engine: Any) -> None:
    draw = random.Random(1)
    beginning = words(draw, 100)
    requests = [request((*beginning, *words(draw, 20)), stream) for stream in range(8)]
    engine.model.passes.clear()
    engine.generate(requests, GREEDY, quiet)
    assert [shape for shape in engine.model.passes if shape[1] > 1] == [(1, 100), (8, 19)]


@pytest.mark.parametrize(
    ("prompts", "expected"),
    [
        (["abcx", "abcy", "abd"], "ab"),
        (["abc", "abc"], ""),  # one prompt: its samples share all of it anyway
        (["ab", "abcd"], "a"),  # the last token of a prompt is always fed by a step
        (["x", "abc"], ""),
    ],
)
def test_common_beginning(prompts: list[str], expected: str) -> None:
    found = common_beginning([tuple(map(ord, prompt)) for prompt in prompts])
    assert "".join(map(chr, found)) == expected


def test_prefill_keeps_to_the_tokens_of_a_pass_and_the_positions(
    engine: Any, reference: Any
) -> None:
    """A ragged list whose padding would run over the model's 2048 positions (the fake asserts that
    it does not).
    """
    draw = random.Random(2)
    requests = [request(words(draw, n), n) for n in (2047, 2040, 1800, 300, 3)]
    found = engine.generate(requests, SAMPLED, quiet)
    assert found[0].n_tokens <= 1
    same(found, reference.generate(requests, SAMPLED, quiet))


def test_the_schedule_is_a_function_of_the_requests(engine: Any) -> None:
    engine.rows = 6
    runs = []
    for _ in range(2):
        engine.model.passes.clear()
        made = engine.generate(ragged(30), SAMPLED, quiet)
        runs.append((list(engine.model.passes), made))
        engine.generate(
            ragged(7, 600), SAMPLED, quiet
        )  # other work in between, with a larger cache
    assert runs[0] == runs[1]


def test_rows_are_refilled_in_bunches(engine: Any) -> None:
    """Steps with rows free are few, and so are prefills: at least an eighth of the rows begins at a
    time.
    """
    engine.rows = 16
    engine.model.passes.clear()
    engine.generate(ragged(200), SAMPLED, quiet)
    steps = [rows for rows, new in engine.model.passes if new == 1]
    prefills = [rows for rows, new in engine.model.passes if new > 1]
    assert (
        min(steps[: len(steps) // 2]) >= 14
    )  # less than an eighth of 16 rows waits while samples do
    assert sum(prefills) <= 200
    assert len(prefills) <= 100


def test_tokens_are_counted_as_they_are_made(engine: Any) -> None:
    heard: list[int] = []
    made = engine.generate(ragged(9), SAMPLED, heard.append)
    assert sum(heard) == sum(c.n_tokens for c in made)


def test_stop_tokens_length_and_context(engine: Any, reference: Any) -> None:
    requests = ragged(12)
    unstopped = [(c.text, c.n_tokens) for c in engine.generate(ragged(12, limit=3), SAMPLED, quiet)]
    assert max(count for _, count in unstopped) == 3
    first = reference.tokenizer.encode(engine.generate(requests[:1], GREEDY, quiet)[0].text)[0]
    engine.stops = (first,)
    made = engine.generate(requests[:1], GREEDY, quiet)[0]
    assert (made.text, made.n_tokens, made.finish, made.mean_logprob) == ("", 0, "stop", None)
    engine.stops = ()
    made = engine.generate([request(words(random.Random(0), 2040))], GREEDY, quiet)[0]
    assert (made.n_tokens, made.finish) == (8, "length")


def test_prompts_that_do_not_fit_are_refused(engine: Any) -> None:
    with pytest.raises(
        InputError,
        match=r"1 of 2 prompts exceed the context \(longest: 2048 tokens, the model's context: 20",
    ):
        engine.generate([request((1, 2)), request((7,) * 2048)], GREEDY, quiet)
    with pytest.raises(ValueError, match="at least one token"):
        engine.generate([request(())], GREEDY, quiet)
    assert engine.generate([], GREEDY, quiet) == []


@pytest.mark.parametrize("when", [1, 2, 9, 40])
@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)"),
    ],
    ids=["torch", "extension", "cublas"],
)
def test_too_little_memory_halves_the_rows_and_changes_no_sample(
    engine: Any, reference: Any, caplog: pytest.LogCaptureFixture, when: int, error: Exception
) -> None:
    requests = ragged(30)
    engine.rows = 12
    heard: list[int] = []
    engine.model.passes.clear()
    engine.model.fail_at[when] = error
    with caplog.at_level(logging.WARNING, logger="featherweight"):
        found = engine.generate(requests, SAMPLED, heard.append)
    same(found, reference.generate(requests, SAMPLED, quiet))
    assert engine.rows == 6
    assert "continuing with 6 instead of 12 rows" in caplog.text
    assert max(rows for rows, new in engine.model.passes[when:] if new == 1) <= 6


def test_finished_samples_are_not_made_again_after_a_back_off(engine: Any) -> None:
    requests = ragged(30)
    engine.rows = 4
    engine.model.passes.clear()
    engine.generate(requests, SAMPLED, quiet)
    whole = sum(rows for rows, new in engine.model.passes if new == 1)
    late = len(engine.model.passes) - 1
    engine.model.passes.clear()
    engine.model.fail_at[late] = torch.OutOfMemoryError("CUDA out of memory.")
    engine.generate(requests, SAMPLED, quiet)
    again = sum(rows for rows, new in engine.model.passes if new == 1)
    assert again - whole <= 4 * 21  # the rows that were at work, at most 20 tokens and a stop each


def test_a_cache_that_does_not_fit_is_tried_smaller(
    engine: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(engine.package.ExLlamaV2Cache, "largest", (10 + HELD) * PAGE)
    assert len(engine.generate(ragged(64), GREEDY, quiet)) == 64
    assert engine.rows == 8
    assert "instead of 64 rows" in caplog.text
    monkeypatch.setattr(engine.package.ExLlamaV2Cache, "largest", 3 * PAGE)
    engine._generator = None
    with pytest.raises(
        InputError, match=r"out of GPU memory with a single sample.*engine: transformers"
    ):
        engine.generate(ragged(64), GREEDY, quiet)


def test_the_cache_is_a_share_of_the_card(
    package: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2 layers x 2 key heads x 8 values, keys and values, two bytes: 128 bytes a token, 32 KiB a
    page.
    """
    monkeypatch.setattr(memory, "room", lambda: int((26 + HELD) * 32768 / module.CACHE_SHARE) + 100)
    engine: Any = load_engine("exllamav2", folder, dtype="auto", threads=1)
    engine.model.passes.clear()
    engine.generate(ragged(64), GREEDY, quiet)
    # 29 pages, one of them spare; a row of up to 60 tokens needs one and never more
    assert max(rows for rows, new in engine.model.passes if new == 1) == 28
    with pytest.raises(
        InputError, match=r"a sample of up to 2048 tokens needs 32 pages.*room for 2[89]"
    ):
        engine.generate([request((5,) * 2000, 0, 400)], GREEDY, quiet)


def long_answers() -> list[Request]:
    """Prompts of 3 to 300 tokens, answers of 40 to 600; every third prompt is asked twice,
    and the first two begin with the same 260 tokens.
    """
    draw = random.Random(11)
    beginning = words(draw, 260)
    prompts = [(*beginning, *words(draw, 4)), (*beginning, *words(draw, 40))]
    prompts += [words(draw, n) for n in (3, 255, 256, 80)]
    prompts += prompts[::3]
    limits = (600, 580, 600, 40, 560, 600, 120, 590)
    return [
        request(prompt, 60 + n, limit)
        for n, (prompt, limit) in enumerate(zip(prompts, limits, strict=True))
    ]


@pytest.fixture(scope="module")
def unbounded(loaded: Any) -> list[Completion]:
    """Long answers with pages for every row at its longest."""
    before, loaded.stops = loaded.stops, ()
    found: list[Completion] = loaded.generate(long_answers(), SAMPLED, quiet)
    loaded.stops = before
    return found


def in_few_pages(
    engine: Any, monkeypatch: pytest.MonkeyPatch, budget: int
) -> tuple[list[Completion], list[int], list[int]]:
    """The long answers, the requests that were put back and the pages in use at each step."""
    back, used = [], []
    put_back, forward = BatchLoop._put_back, Pages.forward

    def watched(loop: BatchLoop, row: Row) -> None:
        assert row.begun == max(one.begun for one in loop.rows)
        assert row.request is not None
        back.append(row.request)
        put_back(loop, row)

    def counted(pages: Pages, *args: Any, **options: Any) -> Any:
        used.append(sum(page.ref_count > 0 for page in pages.generator.all_pages))
        return forward(pages, *args, **options)

    monkeypatch.setattr(BatchLoop, "_put_back", watched)
    monkeypatch.setattr(Pages, "forward", counted)
    engine._budget, engine.stops = budget, ()
    return engine.generate(long_answers(), SAMPLED, quiet), back, used


@pytest.mark.parametrize("budget", [16, 20, 100])  # pages; 16: four rows' of the longest kind
def test_put_back_or_not_the_tokens_are_the_same(
    engine: Any, unbounded: list[Completion], monkeypatch: pytest.MonkeyPatch, budget: int
) -> None:
    found, back, used = in_few_pages(engine, monkeypatch, budget)
    same(found, unbounded)
    assert [one.token_ids for one in found] == [one.token_ids for one in unbounded]
    assert [one.n_tokens for one in found] == [r.max_new_tokens for r in long_answers()]
    assert bool(back) == (budget < 100)
    assert max(used) <= budget
    held = [page for page in engine._generator.all_pages if page.ref_count]
    jobs = engine._generator.active_jobs
    assert len(held) == sum(len(job.sequences[0].allocated_pages) for job in jobs) <= 2


def test_pages_come_as_tokens_do(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight rows would reserve 8 x 4 pages; with 18 all eight run at first."""
    _, back, used = in_few_pages(engine, monkeypatch, 18)
    assert max(rows for rows, new in engine.model.passes if new == 1) >= 6
    assert used[-1] < max(used)
    assert sorted(set(back)) != list(range(8))  # the oldest is never put back


def late_noise(patch: pytest.MonkeyPatch) -> None:
    begin = BatchLoop.begin_row

    def late(self: Any, index: int, row: Any, **facts: Any) -> Any:
        again = index in self.put_back
        made = begin(self, index, row, **facts)
        made.first_step += again
        return made

    patch.setattr(BatchLoop, "begin_row", late)


def forgotten_tokens(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(BatchLoop, "ids", lambda self, index: self.requests[index].prompt_ids)


def one_page_for_two(patch: pytest.MonkeyPatch) -> None:
    def grow(pages: Pages, row: Row) -> None:
        row.pages.append(row.pages[0])

    patch.setattr(Pages, "grow", grow)


def late_page(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Pages, "full", staticmethod(lambda row: row.length == len(row.pages) * PAGE + 1))


@pytest.mark.parametrize("plant", [late_noise, forgotten_tokens, one_page_for_two, late_page])
def test_planted_faults_of_growing_rows_are_seen(
    engine: Any,
    unbounded: list[Completion],
    monkeypatch: pytest.MonkeyPatch,
    plant: Callable[[pytest.MonkeyPatch], None],
) -> None:
    plant(monkeypatch)
    try:
        found, _, _ = in_few_pages(engine, monkeypatch, 16)
    except (AssertionError, IndexError, RuntimeError):
        return
    assert [one.token_ids for one in found] != [one.token_ids for one in unbounded]


@pytest.mark.parametrize(
    "call",
    [
        lambda engine: engine.generate(ragged(3), GREEDY, quiet),
        lambda engine: engine.loglikelihoods([(1, 2)], [(3,)]),
    ],
    ids=["generate", "loglikelihoods"],
)
def test_a_gpu_that_disappears_is_one_clear_line(engine: Any, call: Callable[[Any], Any]) -> None:
    engine.model.fail_at[1] = RuntimeError(
        "CUDA error: unspecified launch failure\nCompile with TORCH_USE_CUDA_DSA"
    )
    with pytest.raises(
        InputError, match=r"the GPU stopped answering .*nvidia-smi.*engine: transformers"
    ) as raised:
        call(engine)
    assert "\n" not in str(raised.value)


def test_a_gpu_that_disappears_leaves_what_is_finished(engine: Any, reference: Any) -> None:
    engine.rows = 4
    engine.model.passes.clear()
    engine.model.fail_at[30] = RuntimeError("CUDA error: unspecified launch failure")
    with pytest.raises(Unfinished) as raised:
        engine.generate(ragged(30), SAMPLED, quiet)
    finished = raised.value.finished
    assert 4 <= len(finished) < 30
    whole = reference.generate(ragged(30), SAMPLED, quiet)
    same(list(finished.values()), [whole[index] for index in finished])


def test_likelihoods_take_fewer_tokens_at_a_time_when_memory_runs_out(
    engine: Any, caplog: pytest.LogCaptureFixture
) -> None:
    asked = [(1, 2 + n) for n in range(9)], [(3, 4)] * 9
    expected = engine.loglikelihoods(*asked)
    engine.model.passes.clear()
    engine.model.fail_at[1] = torch.OutOfMemoryError("CUDA out of memory.")
    with caplog.at_level(logging.WARNING, logger="featherweight"):
        assert engine.loglikelihoods(*asked) == pytest.approx(expected, abs=1e-3)
    assert "continuing with likelihoods of 1024 tokens at a time" in caplog.text
    assert engine._generator is None


def test_other_errors_are_not_hidden(engine: Any) -> None:
    engine.model.passes.clear()
    engine.model.fail_at[1] = RuntimeError("shape mismatch")
    with pytest.raises(RuntimeError, match="shape mismatch"):
        engine.generate(ragged(3), GREEDY, quiet)


def test_logits_that_are_no_numbers(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    weight = engine.model.hf.model.norm.weight
    monkeypatch.setattr(weight, "data", torch.full_like(weight, float("nan")))
    with pytest.raises(
        InputError, match="not numbers in float16; choose engine: transformers with dtype bfloat16"
    ):
        engine.generate(ragged(3), SAMPLED, quiet)


def test_loglikelihoods_agree_with_the_transformers_engine(engine: Any, reference: Any) -> None:
    draw = random.Random(3)
    prompts = [words(draw, n) for n in (1, 5, 60, 300, 900, 12)]
    continuations = [words(draw, n) for n in (1, 3, 20, 600, 2, 0)]
    found = engine.loglikelihoods(prompts, continuations)
    assert found == pytest.approx(reference.loglikelihoods(prompts, continuations), abs=1e-3)
    assert found[-1] == 0.0
    assert engine.loglikelihoods([], []) == []
    with pytest.raises(InputError, match="at most 2048 can be scored"):
        engine.loglikelihoods([(5,) * 2000], [(6,) * 100])
    with pytest.raises(ValueError, match="one continuation per prompt"):
        engine.loglikelihoods([(5,)], [])


def test_identity_is_known_before_anything_is_loaded(engine: Any, folder: Path) -> None:
    assert engine.identity == engine_identity("exllamav2", folder, dtype="auto")
    assert engine.identity.startswith("exllamav2 0.3.2, torch ")
    assert ", cuda, float16, paged torch attention 2, sampling " in engine.identity


def test_it_computes_on_cuda_in_float16_alone(folder: Path) -> None:
    assert engine_device("exllamav2") == "cuda"
    with pytest.raises(
        InputError, match="computes in float16, got 'float32'; set dtype to auto, or choose engine"
    ):
        engine_identity("exllamav2", folder, dtype="float32")


def unmasked(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, **options: Any) -> torch.Tensor:
    """The attention of 0.3.2 without flash-attn: every position sees every other."""
    moved = [t.transpose(1, 2) for t in (q, k, v)]
    return torch.nn.functional.scaled_dot_product_attention(*moved, enable_gqa=True).transpose(1, 2)


def test_attention_that_looks_ahead_is_refused_at_the_start(
    package: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("featherweight.engines.exllamav2.attention.flash_attn_func", unmasked)
    with pytest.raises(
        InputError, match="self-test failed: scoring against transformers: relative error 0"
    ):
        load_engine("exllamav2", folder, dtype="auto", threads=1)


def test_a_quantised_model_is_tested_against_itself(
    engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt = words(random.Random(9), 290)
    engine.test(prompt, None)
    monkeypatch.setattr(engine.model.attn, "flash_attn_func", unmasked)
    with pytest.raises(InputError) as raised:
        engine.test(prompt, None)
    assert len(raised.value.problems) == 2
    assert "scoring without the last token" in raised.value.problems[1]


def test_wrong_pages_are_refused_at_the_start(
    package: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A paged attention that forgets the cache: scoring is right, generation is not."""

    def forgetful(q: Any, k: Any, v: Any, **options: Any) -> torch.Tensor:
        from featherweight.engines.exllamav2.attention import flash_attn_func

        return flash_attn_func(q, k, v, causal=True, softmax_scale=options["softmax_scale"])

    monkeypatch.setattr(
        "featherweight.engines.exllamav2.attention.flash_attn_with_kvcache", forgetful
    )
    with pytest.raises(
        InputError, match="self-test failed: generation against transformers"
    ) as raised:
        load_engine("exllamav2", folder, dtype="auto", threads=1)
    assert len(raised.value.problems) == 1


def test_importing_our_package_imports_no_exllamav2_and_no_torch() -> None:
    code = (
        "import sys, featherweight.engines.exllamav2 as m; assert m.ExLlamaV2Engine;assert not"
        " {'exllamav2', 'torch', 'transformers'} & set(sys.modules), 'imported';from"
        " featherweight.engines.exllamav2 import loop, score;assert 'torch' in"
        " sys.modules and not {'exllamav2', 'transformers'} & set(sys.modules), 'the other engine'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


def rewritten(folder: Path, target: Path, **changes: Any) -> Path:
    """A copy of a model folder with other values in config.json."""
    target.mkdir()
    for path in folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    config = json.loads((target / "config.json").read_text()) | changes
    (target / "config.json").write_text(json.dumps(config))
    return target


LLAMA3 = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 512,
}  # fmt: skip


def test_a_config_without_the_old_rope_keys_is_refused(
    package: dict[str, Any], folder: Path, tmp_path: Path
) -> None:
    """What transformers 5 saves: ExLlamaV2 reads base 10000 and no scaling.

    Then the Hub's way, which both read.
    """
    changed = rewritten(
        folder, tmp_path / "new", rope_parameters={**LLAMA3, "rope_theta": 500000.0}
    )
    with pytest.raises(InputError) as raised:
        load_engine("exllamav2", changed, dtype="auto", threads=1)
    theta, kind = raised.value.problems
    assert (
        "config.json: rope_theta: ExLlamaV2 read 10000.0, transformers reads 500000.0; write"
        " rope_theta" in theta
    )
    assert "rope_scaling.rope_type: ExLlamaV2 read 'default', transformers reads 'llama3'" in kind
    assert theta.endswith("or choose engine: transformers")
    both = rewritten(changed, tmp_path / "both", rope_theta=500000.0, rope_scaling=LLAMA3)
    assert load_engine("exllamav2", both, dtype="auto", threads=1)
    read = guard.read_config(fake_exllamav2.ExLlamaV2Config, both)
    assert guard.config_problems(read, both, (2,)) == []
    read.l3_rope_factor = 4.0
    (problem,) = guard.config_problems(read, both, (2,))
    assert "rope_scaling.factor: ExLlamaV2 read 4.0, transformers reads 8.0" in problem


def test_an_unknown_architecture_is_refused(
    package: dict[str, Any], folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = rewritten(folder, tmp_path / "m", architectures=["SmolLM3ForCausalLM"])
    with pytest.raises(
        InputError, match="does not know the architecture SmolLM3ForCausalLM; choose engine: transf"
    ):
        load_engine("exllamav2", changed, dtype="auto", threads=1)
    assert capsys.readouterr().out == ""


def test_sizes_that_are_read_differently_are_refused(
    package: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = fake_exllamav2.ExLlamaV2Config.prepare

    def wrong(self: Any, no_tensors: bool = False) -> None:
        read(self, no_tensors)
        self.vocab_size, self.num_key_value_heads, self.eos_token_id = 40, 4, 3

    monkeypatch.setattr(fake_exllamav2.ExLlamaV2Config, "prepare", wrong)
    with pytest.raises(InputError) as raised:
        load_engine("exllamav2", folder, dtype="auto", threads=1)
    said = " | ".join(raised.value.problems)
    for part in (
        "vocab_size: ExLlamaV2 read 40, transformers reads 39",
        "num_key_value_heads: ExLlamaV2 read 4, transformers reads 2",
        "eos_token_id (the first): ExLlamaV2 read 3, transformers reads 2",
        "our stop tokens are (2,)",
    ):
        assert part in said


def test_weights_that_do_not_fit_are_one_clear_line(
    package: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(self: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3.00 GiB.")

    monkeypatch.setattr(package["exllamav2"].ExLlamaV2, "load", load)
    with pytest.raises(
        InputError, match=r"memory does not suffice for its weights .*smaller or a quantised model"
    ):
        load_engine("exllamav2", folder, dtype="auto", threads=1)
