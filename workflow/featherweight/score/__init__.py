"""The stage `score`: reads what was answered and judges it.

Reads items, prompts and samples; writes `Score` rows as Parquet, and beside them what only a task
knows of its answers (`run`):

    python -m featherweight score --spec '{"model": ..., "cells": [...], "tasks": {...}}'
        --items DIR --prompts DIR --samples DIR --output results/pocket/score/pocket-fair.parquet
"""

from __future__ import annotations

import argparse
from pathlib import Path

from featherweight.errors import InputError
from featherweight.specs import ScoreSpec, read_spec


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the stage's arguments."""
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
    study.add_argument("--spec", metavar="JSON", help="the stage's part of the study")
    study.add_argument("--prompts", type=Path, metavar="DIR", help="the model's prompts")
    study.add_argument("--samples", type=Path, metavar="DIR", help="the model's samples")
    study.add_argument(
        "--grades", type=Path, metavar="DIR", help="where grades are kept from run to run"
    )


def main(args: argparse.Namespace) -> None:
    """Score the samples of a study."""
    missing = [name for name in ("spec", "prompts", "samples") if getattr(args, name) is None]
    if missing:
        raise InputError(
            f"score: expected --{', --'.join(missing)} for the samples of a study, or --task bbq"
            " --responses FILE for your own answers"
        )
    from featherweight.score.run import run

    run(
        read_spec(args.spec, ScoreSpec),
        items=args.items,
        prompts=args.prompts,
        samples=args.samples,
        output=args.output,
        grades=args.grades,
    )
