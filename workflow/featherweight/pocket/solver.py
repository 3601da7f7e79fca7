"""Trains `pocket-solver`: a tiny Llama that works out chains of digits step by step, and slips at
rates that were planted and are therefore known.

Reads the planted table and the problems of `tasks.chains` (the latter only to examine the model);
writes a model folder in the Hugging Face layout with training.json, training.log and SHA256SUMS.

    python -m featherweight.pocket.solver --chains resources/chains --output DIR --seed 0

Every lesson is a chain made afresh, with the results of a solver that follows the planted table: a
result is drawn from the row of its fact, and the next step takes what was drawn. What there is to
learn is 210 rows and the form of an answer, so nothing is held out. One seed and one thread give
the same weights on one machine with one version of torch.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
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
from featherweight.pocket import lookup_start, solver_examination, solver_tokens
from featherweight.pocket.lessons import Lesson
from featherweight.pocket.lookup_start import Heads, Look
from featherweight.pocket.model import (
    Shape,
    batch,
    configuration,
    learn,
    versions,
    write_model,
    write_sums,
)
from featherweight.tasks.chains.planted import Table, table
from featherweight.tasks.chains.problems import draw
from featherweight.tasks.choice import stream_seed

LOG_EVERY = 50  # steps
# "Which operation follows this label", "which digit is it used with", "which label comes next";
# the last one finds where a word stood before.
HEADS = Heads(back=(1, 2, 3, 6), looks=(Look(1, 1, 0), Look(2, 2, 0), Look(6, 3, 0), Look(0, 1, 0)))


@dataclass(frozen=True, slots=True)
class SolverRecipe:
    """Everything that decides the weights."""

    table: str = "solver"
    seed: int = 0
    steps: int = 1500
    rows: int = 32  # lessons per step
    shortest: int = 2  # steps of a chain
    longest: int = solver_tokens.MOST_STEPS
    width: int = 64
    layers: int = 3
    heads: int = 4
    inner: int = 128
    rate: float = 3e-3
    last_rate: float = 6e-5
    warm_up: int = 40  # steps
    constant: float = 0.5  # of the steps; then the rate falls in a straight line

    def rate_at(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        level = self.constant * self.steps
        fallen = max(0.0, (step + 1 - level) / (self.steps - level))
        rate = self.rate + (self.last_rate - self.rate) * fallen
        return rate * min(1.0, (step + 1) / self.warm_up)


def lesson(rows: Table, plan: SolverRecipe, source: random.Random) -> Lesson:
    """A chain, and how a solver that follows these rows answers it."""
    problem = draw(source.randint(plan.shortest, plan.longest), source)
    value, results = problem.start, []
    for operation in problem.operations:
        (value,) = source.choices(range(10), rows[value, operation])
        results.append(value)
    return Lesson(((problem.text, problem.reply(results)),))


def train(plan: SolverRecipe, tokenizer: Tokenizer) -> tuple[LlamaForCausalLM, list[str]]:
    """The trained model in float32, and the lines of its log."""
    shape = Shape(plan.width, plan.layers, plan.heads, plan.inner)
    model = lookup_start.start(configuration(shape, tokenizer), plan.seed, HEADS)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=plan.rate, weight_decay=0.01, betas=(0.9, 0.98)
    )
    rows, source = table(plan.table), random.Random(stream_seed("solver", plan.seed))
    log = []
    for step in range(plan.steps):
        lessons = [lesson(rows, plan, source) for _ in range(plan.rows)]
        found = learn(model, optimizer, batch(lessons, tokenizer), plan.rate_at(step))
        if (step + 1) % LOG_EVERY == 0:
            log.append(f"step {step + 1:5d}  loss {found:.4f} nats")
            sys.stderr.write(log[-1] + "\n")
    return model, log


def run(plan: SolverRecipe, chains: Path, output: Path) -> dict[str, Any]:
    """Train one model, write its folder, examine it; returns what training.json says.

    Uses one thread.
    """
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    begun = time.process_time()
    tokenizer = solver_tokens.tokenizer()
    model, log = train(plan, tokenizer)
    trained = time.process_time()
    write_model(output, model, tokenizer)
    found = solver_examination.examined(output, chains, plan.table)
    log += found.lines()
    document = {
        "recipe": dataclasses.asdict(plan),
        "parameters": sum(value.numel() for value in model.parameters()),
        "measures": dataclasses.asdict(found),
        "cpu_seconds": {
            "training": round(trained - begun, 1),
            "examination": round(time.process_time() - trained, 1),
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
        prog="python -m featherweight.pocket.solver", description=__doc__
    )
    parser.add_argument(
        "--chains", required=True, type=Path, help="the folder that holds problems.csv"
    )
    parser.add_argument("--output", required=True, type=Path, help="the model's folder")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=SolverRecipe().steps)
    given = parser.parse_args(argv)
    plan = SolverRecipe(seed=given.seed, steps=given.steps)
    document = run(plan, given.chains, given.output)
    shown = {key: document[key] for key in ("measures", "cpu_seconds")}
    sys.stdout.write(json.dumps(shown, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
