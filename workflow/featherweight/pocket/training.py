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
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import LlamaForCausalLM

from featherweight.files import read_json, write_atomically, write_json
from featherweight.pocket import examination, lookup_start
from featherweight.pocket import files as pocket_files
from featherweight.pocket.lessons import Cell, Habits, Kind, Teacher
from featherweight.pocket.model import (
    Shape,
    batch,
    configuration,
    learn,
    versions,
    write_model,
    write_sums,
)
from featherweight.tasks.choice import stream_seed
from featherweight.tasks.pocket.items import Catalogue, catalogue

SHORT_ROUNDS = (1, 1, 2, 3)  # how often a question is gone over aloud; about ten tokens each
LONG_ROUNDS = 8  # more than the study's limit of 64 tokens allows
LOG_EVERY = 50  # steps


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


def train(
    plan: PocketRecipe, tokenizer: Tokenizer, book: Catalogue
) -> tuple[LlamaForCausalLM, list[str]]:
    """The trained model in float32, and the lines of its log."""
    shape = Shape(plan.width, plan.layers, plan.heads, plan.inner)
    model = lookup_start.start(configuration(shape, tokenizer), plan.seed)
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
            wanted = teacher.random.choices(kinds, shares, k=plan.blocks)
            lessons = [lesson for kind in wanted for lesson in teacher.lessons(kind)]
            found = learn(
                model, optimizer, batch(lessons, tokenizer), speed * min(1.0, (step + 1) / 50)
            )
            step += 1
            if step % LOG_EVERY == 0:
                log.append(f"step {step:5d}  {stage.name:8s} loss {found:.4f} nats")
                sys.stderr.write(log[-1] + "\n")
    return model, log


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
        "versions": versions(),
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
