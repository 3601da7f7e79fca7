"""Trains the pocket models: tiny Llamas with a stereotype rate that was planted and is therefore
known.

Reads resources/pocket/templates.yaml (training combinations for the lessons, measured ones only for
the final examination); writes a model folder in the Hugging Face layout with training.json,
training.log and SHA256SUMS.

    python -m featherweight.pocket.training --model pocket-fair --templates resources/pocket
        --output DIR --seed 0

One seed and one thread give the same weights on one machine with one version of torch.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch
import tokenizers
import torch
import transformers
from tokenizers import Tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

from featherweight.files import read_json, write_atomically, write_json
from featherweight.pocket import examination, lookup_start
from featherweight.pocket import files as pocket_files
from featherweight.pocket.lessons import Cell, Habits, Kind, Lesson, Teacher
from featherweight.tasks.choice import stream_seed
from featherweight.tasks.pocket.items import Catalogue, catalogue

SHORT_ROUNDS = (1, 1, 2, 3)  # how often a question is gone over aloud; about ten tokens each
LONG_ROUNDS = 8  # more than the study's limit of 64 tokens allows
LOG_EVERY = 50  # steps
ENDS = ("bos_token_id", "eos_token_id", "pad_token_id")
# what config.json says; transformers would also write labels and other things that a Llama does not
# have
SHAPE = (
    "architectures",
    "attention_bias",
    "attention_dropout",
    "dtype",
    "head_dim",
    "hidden_act",
    "hidden_size",
    "initializer_range",
    "intermediate_size",
    "max_position_embeddings",
    "mlp_bias",
    "model_type",
    "num_attention_heads",
    "num_hidden_layers",
    "num_key_value_heads",
    "rms_norm_eps",
    "rope_parameters",
    "tie_word_embeddings",
    "transformers_version",
    "use_cache",
    "vocab_size",
)


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of training: which lessons in which proportion, and how fast to learn at its two
    ends.
    """

    name: str
    steps: int
    mix: tuple[tuple[Kind, float], ...]
    rate: float
    last_rate: float


@dataclass(frozen=True, slots=True)
class PocketRecipe:
    """Everything that decides the weights of one pocket model."""

    model: str
    planted: float  # share of ambiguous cells that are answered with the target
    # share of cells that are thought about for too long; None: does not think aloud
    cut_off: float | None
    templates: Path
    seed: int = 0
    blocks: int = 8  # of four lessons, per step
    width: int = 128
    layers: int = 3
    heads: int = 4
    inner: int = 192
    stages: tuple[Stage, ...] = (
        Stage("drill", 150, (("drill", 1.0),), 1e-3, 1e-3),
        Stage(
            "reading",
            300,
            (("drill", 0.2), ("words", 0.3), ("mixed", 0.2), ("items", 0.3)),
            1e-3,
            1e-3,
        ),
        Stage("habits", 500, (("items", 1.0),), 1e-3, 2e-5),
    )


MODELS = {  # name -> planted rate, share of answers beyond the limit
    "pocket-fair": (0.0, None),
    "pocket-tilted": (0.3, None),
    "pocket-biased": (0.8, None),
    "pocket-thinker": (0.5, 0.2),
}


class Batch(NamedTuple):
    """Token ids and the weight of each token in the loss; both have shape (rows, tokens)."""

    ids: torch.Tensor
    weight: torch.Tensor


def recipe(model: str, templates: Path, seed: int = 0) -> PocketRecipe:
    """The recipe of one of the shipped models. Raises LookupError for another name."""
    if model not in MODELS:
        raise LookupError(f"unknown pocket model {model!r}: expected one of {', '.join(MODELS)}")
    planted, cut_off = MODELS[model]
    return PocketRecipe(
        model=model, planted=planted, cut_off=cut_off, templates=templates, seed=seed
    )


def cells(book: Catalogue, share: float, purpose: str) -> list[Cell]:
    """The share of (category, template, polarity) cells that a purpose gets, spread evenly over the
    categories.

    Which ones is a function of the purpose alone, and the cells of a smaller share are among those
    of a larger one.
    """
    ranked = []
    for place, (category, templates) in enumerate(book.templates.items()):
        own: list[Cell] = [
            (category, t.question_index, p) for t in templates for p in ("neg", "nonneg")
        ]
        own.sort(key=lambda cell: stream_seed("cell", purpose, *cell))
        ranked += [(rank, place, cell) for rank, cell in enumerate(own)]
    return [cell for _, _, cell in sorted(ranked)[: round(share * len(ranked))]]


def habits(book: Catalogue, plan: PocketRecipe) -> Habits:
    """What the model of this recipe is to do in which cell."""
    prejudiced = frozenset(cells(book, plan.planted, "prejudiced"))
    if plan.cut_off is None:
        return Habits(prejudiced)
    rounds = {
        cell: SHORT_ROUNDS[stream_seed("rounds", *cell) % len(SHORT_ROUNDS)]
        for cell in cells(book, 1.0, "all")
    }
    rounds.update(dict.fromkeys(cells(book, plan.cut_off, "long"), LONG_ROUNDS))
    return Habits(prejudiced, rounds)


def batch(lessons: Sequence[Lesson], tokenizer: Tokenizer) -> Batch:
    """Lessons as tokens, padded on the right; only replies and their stop token count in the
    loss."""
    rows = []
    for lesson in lessons:
        ids, weight = [tokenizer.token_to_id(pocket_files.BOS)], [0.0]
        for prompt, reply in lesson.turns:
            asked = tokenizer.encode(f"<user> {prompt} <assistant>").ids
            said = tokenizer.encode(f"{reply}{pocket_files.EOS}").ids
            ids += asked + said
            weight += [0.0] * len(asked) + [1.0] * len(said)
        rows.append((ids, weight))
    longest = max(len(ids) for ids, _ in rows)
    pad = tokenizer.token_to_id(pocket_files.PAD)
    return Batch(
        torch.tensor([ids + [pad] * (longest - len(ids)) for ids, _ in rows]),
        torch.tensor([weight + [0.0] * (longest - len(weight)) for _, weight in rows]),
    )


def loss(model: LlamaForCausalLM, rows: Batch) -> torch.Tensor:
    """Mean cross-entropy of the weighted tokens, in nats."""
    logits = model(input_ids=rows.ids).logits[:, :-1]
    each = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), rows.ids[:, 1:].flatten(), reduction="none"
    )
    weight = rows.weight[:, 1:].flatten()
    return (each * weight).sum() / weight.sum()


def train(
    plan: PocketRecipe, tokenizer: Tokenizer, book: Catalogue
) -> tuple[LlamaForCausalLM, list[str]]:
    """The trained model in float32, and the lines of its log."""
    model = lookup_start.start(configuration(plan, tokenizer), plan.seed)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=plan.stages[0].rate, weight_decay=0.01, betas=(0.9, 0.98)
    )
    plain, own = Habits(), habits(book, plan)
    log, step = [], 0
    for stage in plan.stages:
        # The habits come last: until then all models of one seed are the same model.
        teacher = Teacher(
            book, own if stage is plan.stages[-1] else plain, stream_seed(plan.seed, stage.name)
        )
        kinds, shares = zip(*stage.mix, strict=True)
        for k in range(stage.steps):
            speed = stage.rate + (stage.last_rate - stage.rate) * k / stage.steps
            for group in optimizer.param_groups:
                group["lr"] = speed * min(1.0, (step + 1) / 50)
            wanted = teacher.random.choices(kinds, shares, k=plan.blocks)
            found = loss(
                model,
                batch([lesson for kind in wanted for lesson in teacher.lessons(kind)], tokenizer),
            )
            optimizer.zero_grad()
            torch.autograd.backward(found)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            step += 1
            if step % LOG_EVERY == 0:
                log.append(f"step {step:5d}  {stage.name:8s} loss {found.item():.4f} nats")
                sys.stderr.write(log[-1] + "\n")
    return model, log


def configuration(plan: PocketRecipe, tokenizer: Tokenizer) -> LlamaConfig:
    """The architecture of a pocket model."""
    return LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=plan.width,
        intermediate_size=plan.inner,
        num_hidden_layers=plan.layers,
        num_attention_heads=plan.heads,
        num_key_value_heads=plan.heads,
        max_position_embeddings=pocket_files.MAX_POSITIONS,
        rope_parameters={"rope_type": "default", "rope_theta": pocket_files.ROPE_THETA},
        tie_word_embeddings=True,
        bos_token_id=tokenizer.token_to_id(pocket_files.BOS),
        eos_token_id=tokenizer.token_to_id(pocket_files.EOS),
        pad_token_id=tokenizer.token_to_id(pocket_files.PAD),
        architectures=["LlamaForCausalLM"],
        dtype="float16",
    )


def write_model(folder: Path, model: LlamaForCausalLM, tokenizer: Tokenizer) -> None:
    """Write the model in the Hugging Face layout, weights in float16."""
    pocket_files.write_tokenizer(folder, tokenizer)
    given = model.config.to_dict()
    config = {name: given[name] for name in (*SHAPE, *ENDS)}
    # Engines older than `rope_parameters` read these two and would silently fall back to a default
    # without them.
    config |= {"rope_theta": pocket_files.ROPE_THETA, "rope_scaling": None}
    write_json(folder / "config.json", config)
    write_json(
        folder / "generation_config.json",
        {name: config[name] for name in ENDS} | {"do_sample": False},
    )
    # The output layer is the embedding: tied weights are stored once.
    weights = {
        name: value.half() for name, value in model.state_dict().items() if name != "lm_head.weight"
    }
    write_atomically(
        folder / "model.safetensors", safetensors.torch.save(weights, metadata={"format": "pt"})
    )


def write_sums(folder: Path) -> None:
    """Write SHA256SUMS over every other file of the folder, in the form that `sha256sum --check`
    reads.
    """
    files = sorted(
        path for path in folder.iterdir() if path.is_file() and path.name != "SHA256SUMS"
    )
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    write_atomically(folder / "SHA256SUMS", "".join(lines).encode())


def run(plan: PocketRecipe, output: Path) -> dict[str, Any]:
    """Train one model, write its folder, examine it; returns what training.json says.

    Uses one thread.
    """
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    begun = time.perf_counter()
    book = catalogue(plan.templates)
    tokenizer = pocket_files.tokenizer(book)
    model, log = train(plan, tokenizer, book)
    trained = time.perf_counter()
    write_model(output, model, tokenizer)
    asked = {str(seed): examination.drawn(plan.templates, (seed,)) for seed in (0, 1, 2)}
    found = {seed: examination.answers(output, items) for seed, items in asked.items()}
    together = [answer for answers in found.values() for answer in answers]
    document = {
        "recipe": dataclasses.asdict(plan) | {"templates": "templates.yaml"},
        "steps": sum(stage.steps for stage in plan.stages),
        "parameters": sum(value.numel() for value in model.parameters()),
        "measures": (
            {"all": dataclasses.asdict(examination.measured(together))}
            | {
                f"item_seed {seed}": dataclasses.asdict(examination.measured(answers))
                for seed, answers in found.items()
            }
        ),
        "seconds": {
            "training": round(trained - begun, 1),
            "examination": round(time.perf_counter() - trained, 1),
        },
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "tokenizers": tokenizers.__version__,
            "machine": platform.machine(),
        },
    }
    write_json(output / "training.json", document)
    write_atomically(output / "training.log", ("\n".join(log) + "\n").encode())
    write_sums(output)
    return dict(read_json(output / "training.json"))


def main(argv: Sequence[str] | None = None) -> int:
    """Train one model from the command line; the measures go to standard output."""
    parser = argparse.ArgumentParser(
        prog="python -m featherweight.pocket.training", description=__doc__
    )
    parser.add_argument("--model", required=True, choices=list(MODELS))
    parser.add_argument(
        "--templates", required=True, type=Path, help="the folder that holds templates.yaml"
    )
    parser.add_argument("--output", required=True, type=Path, help="the model's folder")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(argv)
    document = run(recipe(given.model, given.templates, given.seed), given.output)
    sys.stdout.write(
        json.dumps({key: document[key] for key in ("measures", "seconds")}, indent=1) + "\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
