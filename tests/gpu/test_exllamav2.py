"""The GPU engine on a GPU, against transformers in float32 on the same card. Run with `make
gpu-check`.

Models are made here, small and random, with a config as the Hub has it (old rope keys); a pocket
model too, where resources/pocket/models holds one. Every test prints the figures that the notes
want; see README.md in this folder.
"""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from character_model import SPECIAL
from gpu_cases import GREEDY, SAMPLED, made_model, quiet, ragged, request, share, unexplained, words

from featherweight.engines import Decoding, engine_identity, load_engine
from featherweight.engines.exllamav2 import install
from featherweight.engines.exllamav2.attention import flash_attn_func, flash_attn_with_kvcache

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU"),
]


@pytest.fixture(scope="module", params=["llama", "qwen2"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_model(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope="module")
def engine(folder: Path) -> Any:
    """Loading is itself a check: the self-test against transformers must pass."""
    begun = time.perf_counter()
    loaded = load_engine("exllamav2", folder, dtype="auto", threads=None, kept=tuple(SPECIAL))
    print(f"\nloaded and tested in {time.perf_counter() - begun:.1f} s: {loaded.identity}")  # noqa: T201
    return loaded


@pytest.fixture(scope="module")
def reference(folder: Path) -> Any:
    return load_engine("transformers", folder, dtype="float32", threads=None, kept=tuple(SPECIAL))


def test_the_machine_lacks_nothing() -> None:
    assert install.machine_problems() == []


def test_the_identity_is_the_one_that_was_foreseen(engine: Any, folder: Path) -> None:
    assert engine.identity == engine_identity("exllamav2", folder, dtype="auto")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("new", [1, 4, 13, 300])
def test_paged_attention_is_causal_attention_on_the_device(dtype: torch.dtype, new: int) -> None:
    """The stand-in over scattered pages against torch's own causal attention over the same keys, in
    float64.
    """
    generator = torch.Generator(device="cuda").manual_seed(new)
    before, heads, key_heads, size = (0, 3, 255, 256, 700), 12, 2, 128

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(shape, device="cuda", generator=generator).to(dtype)

    table = torch.randperm(25, generator=torch.Generator().manual_seed(0)).view(5, 5).int().cuda()
    k_cache, v_cache = draw(25, 256, key_heads, size), draw(25, 256, key_heads, size)
    q, k, v = (
        draw(5, new, heads, size),
        draw(5, new, key_heads, size),
        draw(5, new, key_heads, size),
    )
    lengths = torch.tensor(before, dtype=torch.int32, device="cuda")
    found = flash_attn_with_kvcache(
        q=q,
        k=k,
        v=v,
        k_cache=k_cache,
        v_cache=v_cache,
        cache_seqlens=lengths,
        block_table=table,
        causal=True,
    )
    for row, length in enumerate(before):
        keys, values = (
            c[table[row].long()].flatten(0, 1)[None, : length + new] for c in (k_cache, v_cache)
        )
        wanted = flash_attn_func(
            q[row : row + 1].double(), keys.double(), values.double(), causal=True
        )
        error = (found[row].double() - wanted[0]).norm() / wanted.norm()
        assert error < {torch.float32: 5e-3, torch.float16: 5e-3, torch.bfloat16: 2e-2}[dtype]


@pytest.mark.parametrize("rows", [1, 16, 256])
def test_greedy_agrees_with_transformers_in_float32(engine: Any, reference: Any, rows: int) -> None:
    """At least 95% of the answers of 32 tokens, near-ties aside: random models have many, trained
    ones few.
    """
    engine.rows = rows
    requests = ragged(60)
    ours, theirs = (
        engine.generate(requests, GREEDY, quiet),
        reference.generate(requests, GREEDY, quiet),
    )
    assert share(f"greedy, {rows} rows", ours, theirs) >= 0.8
    assert unexplained(reference, requests, ours, theirs) <= 0.05


def test_greedy_agrees_with_transformers_in_float16(
    engine: Any, reference: Any, folder: Path
) -> None:
    """Both round here: what float16 itself costs, beside the figure above."""
    engine.rows = 16
    requests = ragged(60)
    half = load_engine("transformers", folder, dtype="float16", threads=None, kept=tuple(SPECIAL))
    ours, theirs = engine.generate(requests, GREEDY, quiet), half.generate(requests, GREEDY, quiet)
    assert share("greedy, transformers in float16", ours, theirs) >= 0.8
    assert unexplained(reference, requests, ours, theirs) <= 0.05


def test_the_same_stream_gives_the_same_tokens(engine: Any, reference: Any) -> None:
    """The noise is the same to the bit; only near-ties of logit plus noise can part."""
    engine.rows = 256
    requests = ragged(100)
    theirs = reference.generate(requests, SAMPLED, quiet)
    assert share("sampled, same streams", engine.generate(requests, SAMPLED, quiet), theirs) >= 0.8


def test_a_rerun_repeats_bit_for_bit(engine: Any) -> None:
    engine.rows = 64
    requests = ragged(150)
    first = engine.generate(requests, SAMPLED, quiet)
    engine.generate(ragged(40, 600), SAMPLED, quiet)
    assert engine.generate(requests, SAMPLED, quiet) == first


def test_the_batch_changes_little(engine: Any) -> None:
    requests = ragged(150)
    made = {}
    for rows in (1, 16, 64):
        engine.rows = rows
        made[rows] = engine.generate(requests, SAMPLED, quiet)
    assert share("batch 1 against 16", made[1], made[16]) >= 0.9
    assert share("batch 1 against 64", made[1], made[64]) >= 0.9


def test_pages_are_crossed_and_beginnings_shared(engine: Any, reference: Any) -> None:
    draw = random.Random(4)
    engine.rows = 8
    requests = []
    for common in (0, 40, 256, 300, 513):
        beginning = words(draw, common)
        for length in (1, 3, 100, 255, 256, 257, 900):
            requests += [
                request((*beginning, *words(draw, length)), 10 * length + common + s)
                for s in range(2)
            ]
    ours, theirs = (
        engine.generate(requests, GREEDY, quiet),
        reference.generate(requests, GREEDY, quiet),
    )
    assert share("long prompts", ours, theirs) >= 0.8
    assert unexplained(reference, requests, ours, theirs) <= 0.05


def test_samples_of_one_prompt_cost_one_prefill(
    engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.rows = 16
    passes: list[int] = []
    forward = engine.model.forward_chunk

    def counted(*args: Any, **options: Any) -> Any:
        ids = options["input_ids"]
        passes.extend([ids.numel()] if ids.shape[1] > 1 else [])
        return forward(*args, **options)

    monkeypatch.setattr(engine.model, "forward_chunk", counted)
    prompt = words(random.Random(1), 500)
    made = engine.generate([request(prompt, stream) for stream in range(40)], SAMPLED, quiet)
    assert passes == [499]
    assert len({c.text for c in made}) > 1


def test_loglikelihoods_agree(engine: Any, reference: Any) -> None:
    draw = random.Random(3)
    prompts = [words(draw, n) for n in (1, 5, 60, 300, 900, 64, 64)]
    continuations = [words(draw, n) for n in (1, 3, 20, 2, 8, 1, 0)]
    wanted = reference.loglikelihoods(prompts, continuations)
    found = engine.loglikelihoods(prompts, continuations)
    worst = max(
        abs(f - w) / max(1, len(c)) for f, w, c in zip(found, wanted, continuations, strict=True)
    )
    print(f"\nlog-likelihoods: at most {worst:.4f} nats a token apart")  # noqa: T201
    assert worst < 0.05


def test_memory_does_not_grow(engine: Any) -> None:
    engine.rows = 64
    used = []
    for _ in range(6):
        engine.generate(ragged(100), SAMPLED, quiet)
        used.append(torch.cuda.memory_allocated())
    print(  # noqa: T201
        "\nallocated after each of six lists:"
        f" {', '.join(f'{each / 2**20:.0f}' for each in used)} MiB"
    )
    assert used[-1] <= used[1] * 1.01


def test_a_pocket_model_says_what_it_says_in_transformers(root: Path) -> None:
    folders = sorted(
        path.parent for path in (root / "resources" / "pocket" / "models").glob("*/config.json")
    )
    if not folders:
        pytest.skip("no pocket model in resources/pocket/models; run `make pocket-models`")
    ours = load_engine("exllamav2", folders[0], dtype="auto", threads=None)
    theirs = load_engine("transformers", folders[0], dtype="float32", threads=None)
    size = int(theirs.model.config.vocab_size)  # type: ignore[attr-defined]
    draw = random.Random(0)
    requests = [request(tuple(draw.randrange(9, size) for _ in range(40)), n) for n in range(60)]
    wanted = theirs.generate(requests, GREEDY, quiet)
    assert share(folders[0].name, ours.generate(requests, GREEDY, quiet), wanted) >= 0.95


def test_tokens_per_second(engine: Any) -> None:
    """No claim about a real model (this one is tiny): what the loop itself costs, which bounds
    every model.
    """
    for rows in (1, 16, 64, 256):
        engine.rows = rows
        requests = ragged(2 * rows, limit=64)
        engine.stops = ()
        for _ in range(2):  # the first round warms up
            torch.cuda.synchronize()
            begun = time.perf_counter()
            made = engine.generate(requests, Decoding(1.0, 1.0, 0), quiet)
            torch.cuda.synchronize()
            seconds = time.perf_counter() - begun
        print(f"\n{rows} rows: {sum(c.n_tokens for c in made) / seconds:,.0f} tokens a second")  # noqa: T201
    engine.stops = (2,)
