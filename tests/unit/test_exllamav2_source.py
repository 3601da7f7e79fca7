"""Our engine over the real exllamav2 0.3.2, its CUDA functions replaced by torch's, in float16 on a
CPU.

What this cannot say: whether the compiled kernels do the same on a GPU (tests/gpu), and how fast
any of it is.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import real_exllamav2
import torch
from character_model import SPECIAL, write_model
from test_exllamav2_engine import GREEDY, quiet, ragged, request, words

from engine_agreement import gaps, with_the_hubs_keys
from featherweight.engines import Decoding, load_engine
from featherweight.engines import exllamav2 as module
from featherweight.engines.exllamav2 import build, install, memory
from featherweight.errors import InputError

SOURCE = real_exllamav2.source()
pytestmark = pytest.mark.skipif(
    SOURCE is None, reason="no source of exllamav2 0.3.2: install it or EXLLAMAV2_SOURCE"
)
LLAMA3 = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 512,
}  # fmt: skip


@pytest.fixture(scope="module")
def package() -> Iterator[dict[str, Any]]:
    assert SOURCE is not None
    with pytest.MonkeyPatch.context() as patch:
        found = real_exllamav2.import_on_cpu(patch, SOURCE)
        patch.setattr(install, "machine_problems", list)
        patch.setattr(build, "is_prebuilt", lambda: True)
        patch.setattr(install, "flash_attention_problem", lambda: "none installed")
        patch.setattr(module, "DEVICE", "cpu")
        patch.setattr(memory, "free_memory", lambda: 1 << 26)
        patch.setattr(memory, "room", lambda: 1 << 26)
        yield found


@pytest.fixture(scope="module", params=["llama", "qwen2"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    sizes = {"hidden_size": 64, "head_dim": 16} if request.param == "llama" else {"hidden_size": 64}
    made = write_model(
        tmp_path_factory.mktemp(request.param),
        request.param,
        max_position_embeddings=1024,
        initializer_range=0.15,
        **sizes,
    )
    return made


@pytest.fixture(scope="module")
def engine(package: dict[str, Any], folder: Path) -> Any:
    return load_engine("exllamav2", folder, dtype="auto", threads=1, kept=tuple(SPECIAL))


@pytest.fixture(scope="module")
def reference(folder: Path) -> Any:
    return load_engine("transformers", folder, dtype="float32", threads=1, kept=tuple(SPECIAL))


def agreement(engine: Any, reference: Any, requests: list[Any], decoding: Decoding) -> float:
    """Share of samples whose text is the same in both engines; greedy ones may part only at
    near-ties.
    """
    ours, theirs = (e.generate(requests, decoding, quiet) for e in (engine, reference))
    texts = [[c.text for c in made] for made in (ours, theirs)]
    if decoding.temperature == 0:
        found = gaps(reference, [r.prompt_ids for r in requests], *texts)
        assert all(gap < 0.05 for gap in found), found
    return sum(a == b for a, b in zip(*texts, strict=True)) / len(requests)


def test_loading_passed_the_self_test_through_the_real_classes(
    engine: Any, package: dict[str, Any]
) -> None:
    assert type(engine.model).__module__ == "exllamav2.model"
    assert package["exllamav2.attn"].has_flash_attn_with_paged
    assert engine.positions == 1024


def test_greedy_agrees_with_transformers_in_float32(engine: Any, reference: Any) -> None:
    """Float16 against float32: what differs parts where two tokens are within 0.05 nats, and little
    differs.
    """
    assert agreement(engine, reference, ragged(40, 60), GREEDY) >= 0.9


def test_the_same_stream_gives_the_same_tokens(engine: Any, reference: Any) -> None:
    assert agreement(engine, reference, ragged(40, 60), Decoding(0.7, 0.95, 0)) >= 0.9


def test_the_batch_changes_next_to_nothing(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = ragged(24, 60)
    made = []
    for rows in (1, 5, 256):
        monkeypatch.setattr(engine, "rows", rows)
        made.append([c.text for c in engine.generate(requests, Decoding(0.7, 1.0, 0), quiet)])
    for other in made[1:]:
        assert sum(a == b for a, b in zip(made[0], other, strict=True)) >= 22


def test_pages_are_shared_and_crossed(
    engine: Any, reference: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real page table: prompts beyond 256 tokens, common beginnings, samples that begin
    late."""
    draw = random.Random(4)
    beginning = words(draw, 290)
    prompts = [(*beginning, *words(draw, n)) for n in (1, 30, 200, 222, 223, 400)] + [
        words(draw, 250)
    ]
    requests = [request(prompt, 10 * n + s) for n, prompt in enumerate(prompts) for s in range(3)]
    monkeypatch.setattr(engine, "rows", 4)
    assert agreement(engine, reference, requests, GREEDY) >= 0.9
    generator = engine._generator
    assert not generator.pending_jobs
    held = sum(page.ref_count for page in generator.all_pages)
    assert held == sum(len(job.sequences[0].allocated_pages) for job in generator.active_jobs)
    assert (
        len(generator.active_jobs) <= 2
    )  # the spare page and the common beginning; all rows gave theirs back
    again = engine.generate(requests, GREEDY, quiet)
    assert again == engine.generate(requests, GREEDY, quiet)


def test_loglikelihoods_agree(engine: Any, reference: Any) -> None:
    draw = random.Random(3)
    prompts = [words(draw, n) for n in (1, 5, 60, 300)]
    continuations = [words(draw, n) for n in (1, 3, 20, 2)]
    wanted = reference.loglikelihoods(prompts, continuations)
    for found, value, continuation in zip(
        engine.loglikelihoods(prompts, continuations), wanted, continuations, strict=True
    ):
        assert found == pytest.approx(value, abs=0.02 * len(continuation))


def test_without_our_attention_it_attends_to_what_comes_later(
    engine: Any, package: dict[str, Any]
) -> None:
    """The defect of 0.3.2 (attn.py:889), and that the self-test sees it."""
    attn = package["exllamav2.attn"]
    prompt = words(random.Random(8), 290)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attn, "has_flash_attn", False)
        engine._generator = None
        with pytest.raises(InputError, match="scoring without the last token: relative error 0"):
            engine.test(prompt, None)
    engine._generator = None
    engine.test(prompt, None)


def test_the_hubs_rope_keys_are_read_and_applied(package: dict[str, Any], tmp_path: Path) -> None:
    """llama3 scaling with base 500000, as on the Hub: through the self-test, over more tokens than
    the original 512.
    """
    made = write_model(
        tmp_path / "m", max_position_embeddings=2048, hidden_size=64, initializer_range=0.15
    )
    with_the_hubs_keys(made, 500000.0, LLAMA3)
    ours = load_engine("exllamav2", made, dtype="auto", threads=1)
    theirs = load_engine("transformers", made, dtype="float32", threads=1)
    prompt, continuation = words(random.Random(0), 700), words(random.Random(1), 4)
    assert ours.loglikelihoods([prompt], [continuation]) == pytest.approx(
        theirs.loglikelihoods([prompt], [continuation]), abs=0.1
    )


def test_an_architecture_that_the_real_package_does_not_know(
    package: dict[str, Any], tmp_path: Path
) -> None:
    made = write_model(tmp_path / "m")
    config = (made / "config.json").read_text().replace("LlamaForCausalLM", "SmolLM3ForCausalLM")
    (made / "config.json").write_text(config)
    with pytest.raises(InputError, match="does not know the architecture SmolLM3ForCausalLM"):
        load_engine("exllamav2", made, dtype="auto", threads=1)


def test_our_step_draws_where_the_logits_are(engine: Any) -> None:
    """No job's own sampler is asked: the generator made no threads and its jobs hold no logits."""
    engine.generate(ragged(3), GREEDY, quiet)
    assert not hasattr(engine._generator, "sampling_pool")
    assert all(job.held_logits is None for job in engine._generator.active_jobs)
    assert torch.is_inference_mode_enabled() is False
