"""The aggregate stage: judged answers in, numbers with their uncertainty out.

Reads `results/<study>/score/<model>.parquet` (Score rows of every model), with the task's own rows
beside them in `score/<model>/<label>.parquet` where it has any, and writes into one folder

    estimates, differences, spread, positions, contrasts   .parquet and .csv (rows of `records`)
    readings.json                                          how answers were read and ended, counted

One real row of `estimates`:

    Estimate(model="pocket-fair", task="pocket", group="all", stratum="ambiguous",
             metric="accuracy", policy="drop", value=0.88, low=0.81, high=0.93, n=300, n_asked=300,
             n_questions=104, n_clusters=36, method="cluster jackknife, t")
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
