"""Grades answers from elsewhere to mathematics problems, without a study. No stage imports it.

Reads JSON lines with a right answer and a response each (`responses`), writes one row for each as
CSV (`run`):

    python -m featherweight grade --task math500 --responses answers.jsonl --output grades.csv
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from featherweight.tasks import task, task_names


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    graded = [name for name in task_names() if task(name).grading is not None]
    parser.add_argument(
        "--task",
        choices=graded,
        required=True,
        help="the benchmark: it says how responses are read and how answers are compared",
    )
    parser.add_argument(
        "--responses",
        type=Path,
        required=True,
        metavar="FILE",
        help=(
            "JSON lines with id, gold, and response (a text to be read) or answer (already read);"
            " optionally model and sample_index; no control characters in id and model"
        ),
    )
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="FILE",
        help="CSV, a line for each response; line breaks within an answer are written as \\n",
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=os.cpu_count() or 1,
        metavar="N",
        help="processes that compare expressions (default: one per core)",
    )
    parser.add_argument(
        "--cache", type=Path, metavar="DIR", help="keep verdicts here, and use those that are there"
    )
    parser.add_argument(
        "--lenient",
        action="store_true",
        help="a second column: what math-verify makes of the whole response; never the score",
    )


def main(args: argparse.Namespace) -> None:
    """Grade the responses of a file."""
    from featherweight.errors import InputError
    from featherweight.grade.run import grade_file

    if args.workers < 1:
        raise InputError(f"grade: --workers: expected 1 or more, got {args.workers}")
    grade_file(
        task(args.task),
        args.responses,
        args.output,
        workers=args.workers,
        cache=args.cache,
        lenient=args.lenient,
    )
