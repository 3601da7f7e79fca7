"""The stage `score`: reads what was answered and judges it; also rescores answers that you bring.

In the workflow it reads items, prompts and samples and writes `Score` rows as Parquet (`run`):

    python -m featherweight score --spec '{"model": ..., "cells": [...]}' --items DIR --prompts DIR
        --samples DIR
        --output results/pocket/score/pocket-fair.parquet

With your own answers it reads JSON lines, an lm-evaluation-harness sample log or an Inspect log,
and writes a table of BBQ's scores with intervals as CSV (`responses`, `rescore`):

    python -m featherweight score --task bbq --items DIR --responses answers.jsonl --output
        scores.csv
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from featherweight.errors import InputError
from featherweight.files import read_spec
from featherweight.stats.bias import POLICIES


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of both uses."""
    parser.add_argument(
        "--items",
        type=Path,
        required=True,
        metavar="DIR",
        help="items; with --responses: BBQ's files",
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FILE", help="where the result is written"
    )
    study = parser.add_argument_group("samples of a study")
    study.add_argument("--spec", metavar="JSON", help='{"model": ..., "cells": [...]}')
    study.add_argument("--prompts", type=Path, metavar="DIR", help="the model's prompts")
    study.add_argument("--samples", type=Path, metavar="DIR", help="the model's samples")
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
        choices=POLICIES,
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
    """Score the samples of a study, or the answers of a file."""
    if args.responses is not None:
        _own_answers(args)
        return
    missing = [name for name in ("spec", "prompts", "samples") if getattr(args, name) is None]
    if missing:
        raise InputError(
            f"score: expected --{', --'.join(missing)} for the samples of a study, or --task bbq"
            " --responses FILE for your own answers"
        )
    from featherweight.score.run import run

    run(
        _spec(args.spec),
        items=args.items,
        prompts=args.prompts,
        samples=args.samples,
        output=args.output,
    )


def _own_answers(args: argparse.Namespace) -> None:
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


def _spec(text: str) -> dict[str, Any]:
    spec = read_spec(text)
    if (
        not isinstance(spec, dict)
        or not isinstance(spec.get("model"), str)
        or not isinstance(spec.get("cells"), list)
    ):
        raise InputError('--spec: expected {"model": ..., "cells": [...]}, got ' + repr(text[:60]))
    wanted = {"task", "category", "seed", "item_seed"}
    bad = [cell for cell in spec["cells"] if not isinstance(cell, dict) or not wanted <= set(cell)]
    if bad:
        raise InputError(f"--spec: expected cells with {', '.join(sorted(wanted))}, got {bad[0]!r}")
    return spec
