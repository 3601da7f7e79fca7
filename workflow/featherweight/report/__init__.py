"""The stage `report`: one HTML file that says what was found, how sure it is, and lets a reader
check.

Reads the folders of `aggregate` and `compare`, scores, samples, prompts, items, manifests and
(where given) what generating cost and what Snakemake measured. Writes report.html, complete in
itself: no request, readable without JavaScript, the same bytes for the same inputs.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

from featherweight.files import write_atomically
from featherweight.report import contents, page
from featherweight.report.inputs import Inputs, read_inputs
from featherweight.report.sections.answers import Folders
from featherweight.specs import ReportSpec, read_spec

log = logging.getLogger(__name__)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the stage's arguments."""
    parser.add_argument("--spec", required=True, help="the study as the page describes it (JSON)")
    folders = {
        "aggregate": "estimates, differences, spread, positions",
        "compare": "verdicts, published figures, planted and control checks",
        "samples": "generated answers, one folder per model",
        "prompts": "rendered prompts, one folder per model",
        "items": "items of the tasks",
        "manifests": "what `acquire` recorded: models/ and datasets/",
    }
    for name, what in folders.items():
        parser.add_argument(f"--{name}", type=Path, required=True, metavar="DIR", help=what)
    parser.add_argument(
        "--scores", type=Path, nargs="+", required=True, metavar="FILE", help="judged answers"
    )
    parser.add_argument(
        "--usage", type=Path, nargs="*", default=[], metavar="FILE", help="what generating cost"
    )
    parser.add_argument(
        "--benchmarks", type=Path, default=None, metavar="DIR", help="what Snakemake measured"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="the page")


def main(args: argparse.Namespace) -> None:
    """Run the stage from the command line."""
    inputs = read_inputs(
        read_spec(args.spec, ReportSpec),
        args.aggregate,
        args.compare,
        args.manifests,
        args.usage,
        args.benchmarks,
    )
    run(inputs, args.scores, Folders(args.samples, args.prompts, args.items), args.output)


def run(inputs: Inputs, scores: Sequence[Path], folders: Folders, output: Path) -> None:
    """Write the page. Raises InputError for input that cannot be used."""
    composed = contents.compose(inputs, scores, folders)
    html = page.render(composed).encode()
    write_atomically(output, html)
    log.info("report: %s, %s bytes, %s figures", output, f"{len(html):,}", len(composed.figures))
    if len(html) > page.SIZE_BUDGET:
        log.warning("report: larger than the %s bytes it should have", f"{page.SIZE_BUDGET:,}")
