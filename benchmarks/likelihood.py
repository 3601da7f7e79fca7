"""What it costs to score the options of multiple choice, and what sharing their prompt saves; CPU
seconds, one thread.

    python benchmarks/likelihood.py [--layers 30 --hidden 576] [--prompts 300] [--dtype float32]

Random weights in Llama's shape, prompts of 70 to 160 tokens that begin alike, three options each:
letters (one token), letters in brackets (three tokens, the first and the last the same), texts
(three to eight tokens). One call with all options stands beside one call per option, which shares
nothing. Values must agree within 1e-4 in float32.

Expected before the first measurement: letters 3.0 times cheaper, since their inputs are the same;
texts 2.3 to 2.7 times, since 3 x 120 tokens become 115 + 3 x 5 and a mask takes the place of plain
causal attention. Measured, float32, on 2 cores shared with other work: SmolLM2-135M's shape (30
layers, 576), letters 288 and 97 s (2.98 times), texts 317 and 109 s (2.91); default shape (3
layers, 128) 3.0, 2.2 and 1.6 times: there, the vocabulary at every scored place is most of the
work, and nothing of that is shared.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

from featherweight.engines.transformers import PREFILL_TOKENS
from featherweight.engines.transformers.likelihood import loglikelihoods

VOCABULARY = 49152
Tokens = tuple[int, ...]


def make_model(layers: int, hidden: int, dtype: torch.dtype) -> Any:
    """A Llama of heads of 64 with random weights."""
    from transformers import LlamaConfig, LlamaForCausalLM

    heads = hidden // 64
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=hidden,
        intermediate_size=hidden * 8 // 3,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=max(1, heads // 3),
        tie_word_embeddings=True,
    )
    torch.manual_seed(0)
    return LlamaForCausalLM(config).to(dtype).eval()


def work(count: int) -> Iterator[tuple[str, list[Tokens], list[list[Tokens]]]]:
    """Kinds of options: name, prompts, and for each of the three options its tokens after every
    prompt.
    """
    draw = random.Random(0)

    def words(low: int, high: int) -> Tokens:
        return tuple(draw.randrange(10, VOCABULARY) for _ in range(draw.randint(low, high)))

    beginning = words(30, 30)
    prompts = [(*beginning, *words(40, 130)) for _ in range(count)]
    yield "letters", prompts, [[(letter,)] * count for letter in (5, 6, 7)]
    yield "letters in brackets", prompts, [[(8, letter, 9)] * count for letter in (5, 6, 7)]
    yield "texts", prompts, [[words(3, 8) for _ in prompts] for _ in range(3)]


def main() -> None:
    """Print one line per kind of options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--prompts", type=int, default=300)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = make_model(args.layers, args.hidden, getattr(torch, args.dtype))
    loglikelihoods(model, [(1, 2)], [(3,)], 1)  # what is done once per process is not measured
    budget = PREFILL_TOKENS["cpu"]
    for name, prompts, options in work(args.prompts):
        start = time.process_time()
        apart = [loglikelihoods(model, prompts, option, budget) for option in options]
        middle = time.process_time()
        in_turn = [option for each in zip(*options, strict=True) for option in each]
        together = loglikelihoods(
            model, [prompt for prompt in prompts for _ in options], in_turn, budget
        )
        end = time.process_time()
        alone = [value for each in zip(*apart, strict=True) for value in each]
        differ = max(abs(a - b) for a, b in zip(alone, together, strict=True))
        print(
            f"{name}: one call per option {middle - start:.1f} s, one call {end - middle:.1f} s,"
            f" {(middle - start) / (end - middle):.2f} times cheaper; largest difference"
            f" {differ:.1e}",
            flush=True,
        )
        if args.dtype == "float32" and differ > 1e-4:
            raise SystemExit("the values differ")


if __name__ == "__main__":
    main()
