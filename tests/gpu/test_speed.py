"""How fast the GPU engine is on a 1.5B-shaped model with random weights, beside
`transformers.generate`.

Prints tokens and samples per second, the share of the bound that memory bandwidth sets, and the
ratio to transformers. Needs about 4 GB of disk and 12 GB of the GPU's memory. The part `speed` of
`make gpu-check`, which gives it at most 150 seconds; by itself:

    pytest -m slow -s tests/gpu/test_speed.py
"""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from character_model import write_tokenizer

from engine_agreement import with_the_hubs_keys
from featherweight.engines import Decoding, Request, load_engine

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU"),
]
VOCABULARY = 151936
SAMPLED = Decoding(0.7, 1.0, 0)
MEAN, LONGEST = 40, 256  # tokens of an answer: each request has its own limit, as answers end
# Weight of the last norm, as benchmarks/generation has it for this shape: the next token has 1 to
# 3 bits of entropy at temperature 0.7, as in trained models. At 1 logits are flat, and the sampler
# has its worst case.
SHARPNESS = 5.5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Qwen2.5-1.5B's shape."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    made = tmp_path_factory.mktemp("qwen2.5-1.5b-shape")
    config = Qwen2Config(
        vocab_size=VOCABULARY,
        hidden_size=1536,
        intermediate_size=8960,
        num_hidden_layers=28,
        num_attention_heads=12,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
        dtype="float16",
    )
    torch.manual_seed(0)
    with torch.device("cuda"):
        model = Qwen2ForCausalLM(config).half()
    model.model.norm.weight.data.fill_(SHARPNESS)
    model.save_pretrained(made)
    write_tokenizer(made)
    return with_the_hubs_keys(made, 1e6)


def requests(count: int) -> list[Request]:
    """Prompts of 100 to 200 tokens of which the first 60 are the same, as those of one template
    are.
    """
    draw = random.Random(count)
    beginning = tuple(draw.randrange(6000, VOCABULARY) for _ in range(60))
    return [
        Request(
            prompt_ids=(
                *beginning,
                *(draw.randrange(6000, VOCABULARY) for _ in range(draw.randrange(40, 140))),
            ),
            stream=n,
            max_new_tokens=min(LONGEST, 1 + int(draw.expovariate(1 / MEAN))),
        )
        for n in range(count)
    ]


def bandwidth() -> float:
    """Bytes per second of a large copy, read and write counted."""
    source = torch.empty(1 << 30, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    seconds = measured(lambda: [target.copy_(source) for _ in range(10)])
    return 20 * source.numel() / seconds


def measured(work: Any) -> float:
    work()
    torch.cuda.synchronize()
    begun = time.perf_counter()
    work()
    torch.cuda.synchronize()
    return time.perf_counter() - begun


def test_speed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bytes_per_second = bandwidth()
    begun = time.perf_counter()
    engine: Any = load_engine("exllamav2", folder, dtype="auto", threads=None)
    loading = time.perf_counter() - begun
    engine.stops = ()
    weights = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    lines = [
        f"{engine.identity}; loaded and tested in {loading:.0f} s; {bytes_per_second / 1e12:.2f}"
        " TB/s"
    ]
    rates = {}
    for rows in (1, 16, 64, 256):
        engine.rows = rows
        work = requests(2 * rows)
        made: list[Any] = []

        def run(work: list[Request] = work, made: list[Any] = made) -> None:
            made[:] = engine.generate(work, SAMPLED, lambda count: None)

        seconds = measured(run)
        tokens = sum(c.n_tokens for c in made)
        rates[rows] = tokens / seconds
        # A step reads all weights once and the keys and values of every row (about 200 positions
        # here).
        bound = rows / ((weights + rows * 200 * engine._bytes_per_token()) / bytes_per_second)
        lines.append(
            f"{rows:4d} rows: {rates[rows]:9,.0f} tokens/s, {len(work) / seconds:7.1f} samples/s,"
            f" {rates[rows] / bound:.0%} of the bandwidth bound, peak"
            f" {torch.cuda.max_memory_allocated() / 1e9:.1f} GB"
        )
    lines += [
        f"transformers.generate, batch 64: {theirs(folder):,.0f} tokens/s (ours {rates[64]:,.0f})"
    ]
    with capsys.disabled():
        print("", *lines, sep="\n")  # noqa: T201
    assert rates[256] > rates[64] > rates[1]


def theirs(folder: Path) -> float:
    """Tokens per second of `transformers.generate` in float16: two batches of 64, padded on the
    left.
    """
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(
        str(folder), dtype=torch.float16, attn_implementation="sdpa"
    )
    model = model.to("cuda").eval()
    made = 0

    def run() -> None:
        nonlocal made
        made = 0
        for batch in (requests(128)[:64], requests(128)[64:]):
            width = max(len(r.prompt_ids) for r in batch)
            ids = torch.tensor(
                [[*[0] * (width - len(r.prompt_ids)), *r.prompt_ids] for r in batch], device="cuda"
            )
            mask = (
                (torch.arange(width) >= torch.tensor([[width - len(r.prompt_ids)] for r in batch]))
                .long()
                .cuda()
            )
            limits = [r.max_new_tokens for r in batch]
            model.generate(
                input_ids=ids,
                attention_mask=mask,
                do_sample=True,
                temperature=SAMPLED.temperature,
                top_k=0,
                top_p=1.0,
                min_new_tokens=max(limits),  # its rows are computed until the last one has ended
                max_new_tokens=max(limits),
                pad_token_id=0,
            )
            made += sum(limits)

    seconds = measured(run)
    return made / seconds
