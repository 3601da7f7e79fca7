"""The aggregate stage: judged answers in, numbers with their uncertainty out.

Reads `results/<study>/score/<model>.parquet` (Score rows of every model), with the task's own rows
beside them in `score/<model>/<label>.parquet` where it has any, and writes into one folder

    estimates, differences, spread, positions, contrasts   .parquet and .csv (rows of `records`)
    readings.json                                          how answers were read and ended, counted

One real row of `estimates`:

    Estimate(model="pocket-fair", task="bbq", group="all", stratum="all", metric="accuracy",
             policy="drop", value=0.337, low=0.305, high=0.370, n=1092, n_asked=3296,
             n_questions=1054, n_clusters=213, method="cluster jackknife within categories, t",
             detectable=0.046)
"""

from __future__ import annotations

import argparse
from pathlib import Path

from featherweight.aggregate.run import run
from featherweight.specs import AggregateSpec, read_spec


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the stage's arguments."""
    parser.add_argument(
        "--spec",
        required=True,
        help="canonical JSON: tasks, policy, baseline, draws, seed, contrasts, ...",
    )
    parser.add_argument(
        "--scores",
        required=True,
        nargs="+",
        type=Path,
        help="Score rows, one Parquet file per model",
    )
    parser.add_argument("--output", required=True, type=Path, help="folder for the tables")


def main(args: argparse.Namespace) -> None:
    """Run the stage from its arguments."""
    run(args.scores, read_spec(args.spec, AggregateSpec), args.output)
