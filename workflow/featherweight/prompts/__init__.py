"""The stage `prompts`: draw the items, order their options, render each model's prompts.

`draw` reads a dataset's folder (through the manifest of `acquire`) and writes Item rows, once for
all models: `<output>/<task>/<category>/<item_seed>.parquet`, and beside them what only the task
knows (`<item_seed>.facts.parquet`) and its worked examples (`examples.parquet`), where it has any.
`golds` checks that right answers to be graded can be (`<output>`, a small document). `render` reads
the items and a model's folder and writes Prompt rows:
`<output>/<task>/<category>/<seed>.parquet`. One real row:

    Prompt(model="oracle", task="bbq", category="Age", item_seed=0, sample_seed=0,
           item_id="Age-00012", text="...", token_ids=(), shown_order=(1, 2, 0),
           options=None, option_ids=None)
"""

from __future__ import annotations

import argparse
from pathlib import Path

from featherweight.specs import DrawSpec, RenderSpec, read_spec


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `prompts draw`, `prompts golds` and `prompts render`."""
    steps = parser.add_subparsers(dest="step", required=True, metavar="STEP")
    drawing = steps.add_parser("draw", help="draw the items of one task, the same for every model")
    drawing.add_argument(
        "--dataset", type=Path, required=True, metavar="FILE", help="the dataset's manifest"
    )
    rendering = steps.add_parser("render", help="render the prompts of one model")
    rendering.add_argument(
        "--model", type=Path, required=True, metavar="FILE", help="the model's manifest"
    )
    rendering.add_argument(
        "--items", type=Path, required=True, metavar="DIR", help="what `draw` wrote"
    )
    checking = steps.add_parser("golds", help="check that the right answers can be graded")
    checking.add_argument(
        "--items", type=Path, required=True, metavar="DIR", help="what `draw` wrote"
    )
    for step in (drawing, rendering, checking):
        step.add_argument(
            "--spec", required=True, metavar="JSON", help="the stage's part of the study"
        )
        step.add_argument(
            "--output", type=Path, required=True, metavar="PATH", help="folder or file to write"
        )


def main(args: argparse.Namespace) -> None:
    """Run one step."""
    if args.step == "draw":
        from featherweight.prompts.draw import run as draw

        draw(read_spec(args.spec, DrawSpec), args.dataset, args.output)
    elif args.step == "golds":
        from featherweight.prompts.golds import run as check_golds

        check_golds(read_spec(args.spec, DrawSpec), args.items, args.output)
    else:
        from featherweight.prompts.render import run as render

        render(read_spec(args.spec, RenderSpec), args.model, args.items, args.output)
