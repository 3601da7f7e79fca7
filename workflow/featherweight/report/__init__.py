"""The stage `report`: one HTML file that says what was found, how sure it is, and lets a reader
check.

Reads the folders of `aggregate` and `compare`, scores, samples, prompts, items, manifests and
(where given) timings and benchmarks. Writes report.html, complete in itself: no request, readable
without JavaScript, the same bytes for the same inputs.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from featherweight.files import read_spec, write_atomically
from featherweight.report import (
    build,
    compared,
    examples,
    figures,
    findings,
    headline,
    losses,
    provenance,
    tables,
    theme,
    this_run,
    ways,
)
from featherweight.report.inputs import Inputs, read_inputs
from featherweight.report.limits import AGREE, limits

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
        "--timings", type=Path, nargs="*", default=[], metavar="FILE", help="what `generate` timed"
    )
    parser.add_argument(
        "--benchmarks", type=Path, default=None, metavar="DIR", help="what Snakemake measured"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="the page")


def main(args: argparse.Namespace) -> None:
    """Run the stage from the command line."""
    inputs = read_inputs(
        read_spec(args.spec),
        args.aggregate,
        args.compare,
        args.manifests,
        args.timings,
        args.benchmarks,
    )
    run(inputs, args.scores, examples.Folders(args.samples, args.prompts, args.items), args.output)


def run(inputs: Inputs, scores: Sequence[Path], folders: examples.Folders, output: Path) -> None:
    """Write the page. Raises InputError for input that cannot be used."""
    planted = figures.planted_figure(inputs)
    made = figures.make_figures(inputs)
    drawn = {figure.id: build.draw(figure) for figure in ([planted] if planted else []) + made}
    context = describe(inputs) | {
        "planted": drawn.get("planted"),
        "figures": [drawn[figure.id] for figure in made],
        "examples": examples.draw_examples(
            inputs, scores, folders, build.room(list(drawn.values()))
        ),
    }
    html = build.page(context, list(drawn.values()))
    size = len(html.encode())
    write_atomically(output, html.encode())
    log.info("report: %s, %s bytes, %s figures", output, f"{size:,}", len(drawn))
    if size > build.SIZE_BUDGET:
        log.warning("report: larger than the %s bytes it should have", f"{build.SIZE_BUDGET:,}")


def describe(inputs: Inputs) -> dict[str, Any]:
    """Everything in words and tables that the template needs."""
    found = findings.check(inputs)
    return {
        "inputs": inputs,
        "title": inputs.spec["title"],
        "question": inputs.spec["question"],
        "banners": _banners(inputs, found),
        "answer": headline.answer(inputs, found),
        "findings": findings.findings(inputs, found),
        "check": found,
        "instrument_first": inputs.pocket or inputs.controls_alone or found.failed,
        "known": tables.known_values(inputs),
        "claims": tables.claims(inputs),
        "glance": tables.glance(inputs),
        "glance_order": tables.order(inputs),
        "several_tasks": len(inputs.spec["tasks"]) > 1,
        "ways": ways.tables(inputs),
        "ways_notes": ways.notes(inputs),
        "losses": losses.tables(inputs),
        "differences": compared.differences(inputs),
        "contrasts": compared.contrasts(inputs),
        "contexts": compared.contexts(inputs),
        "spread": tables.spread(inputs),
        "published": tables.published(inputs),
        "read": tables.readings(inputs),
        "limits": limits(inputs),
        "facts": provenance.facts(inputs),
        "versions": provenance.versions(),
        "models": provenance.models(inputs),
        "datasets": provenance.datasets(inputs),
        "unread": theme.UNREAD.get(inputs.policy, inputs.policy),
        "agree": AGREE,
        "machine": this_run.machine(inputs),
        "runs": this_run.models(inputs),
        "run_by_likelihood": this_run.by_likelihood(inputs),
        "stages": this_run.stages(inputs),
        "command": provenance.command(inputs),
    }


def _banners(inputs: Inputs, found: findings.Check) -> list[tuple[str, str]]:
    """What nobody may overlook: (kind, text)."""
    banners = []
    if found.failed:
        lost = found.planted_known - found.planted_found + found.scores_known - found.scores_found
        values = "a value that is" if lost == 1 else f"{lost} values that are"
        banners.append(
            (
                "bad",
                (
                    f"The pipeline did not recover {values} known beforehand. "
                    "Do not trust the numbers below before the reason is found."
                ),
            )
        )
    if inputs.missing:
        names = ", ".join(inputs.label(name) for name in inputs.missing)
        banners.append(("warn", f"Not complete: this run has no results for {names}."))
    partial = inputs.spec.get("partial")
    if partial:
        banners.append(("warn", f"A partial run: {partial}."))
    if inputs.pocket or inputs.controls_alone:
        banners.append(
            ("info", "These are controls, not language models: this run checks the instrument.")
        )
    return banners
