"""Answers and logs of other tools, read and scored as a study's own. No stage imports it.

Reads JSON lines, an lm-evaluation-harness sample log or an Inspect log, and writes a table of BBQ's
scores with intervals as CSV (`responses`, `rescore`). It is a part of the verb `score`:

    python -m featherweight score --task bbq --items DIR --responses answers.jsonl --output
        scores.csv
"""

from __future__ import annotations

import argparse
from pathlib import Path

from featherweight.errors import InputError
from featherweight.tasks import task


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments for answers from elsewhere to those of `score`."""
    own = parser.add_argument_group("your own answers")
    own.add_argument("--task", choices=["bbq"], help="the benchmark that was answered")
    own.add_argument(
        "--responses",
        type=Path,
        metavar="FILE",
        help=(
            "JSON lines with category, example_id, response and optionally model; or a sample log"
            " of lm-evaluation-harness (--log_samples) or of Inspect (.json or .eval)"
        ),
    )
    own.add_argument(
        "--policy",
        choices=task("bbq").policies,
        default="drop",
        help=(
            "what an answer that cannot be read counts as: dropped as by BBQ's authors (default),"
            " wrong, or 'unknown'"
        ),
    )
    own.add_argument(
        "--skip-invalid",
        action="store_true",
        help="leave lines out that cannot be used, and name them, instead of stopping",
    )
    own.add_argument(
        "--answers", type=Path, metavar="FILE", help="also write how each answer was read (CSV)"
    )


def main(args: argparse.Namespace) -> None:
    """Score the answers of a file."""
    from featherweight.bring.rescore import rescore

    unwanted = [name for name in ("spec", "prompts", "samples") if getattr(args, name) is not None]
    problems = []
    if unwanted:
        problems.append(
            f"score: --{', --'.join(unwanted)} and --responses exclude each other: leave one out"
        )
    if args.task is None:
        problems.append("score: --responses needs --task; the only one so far is --task bbq")
    if problems:
        raise InputError(problems)
    rescore(
        args.responses,
        items=args.items,
        output=args.output,
        policy=args.policy,
        answers_output=args.answers,
        skip_invalid=args.skip_invalid,
    )
