"""The stage `generate`: a model answers all its prompts in one go. It is loaded once, and only if
something is missing.

Reads Prompt and Item rows and the model's manifest; writes
`<output>/<task>/<category>/<seed>.parquet` (Sample rows, the same bytes on every rerun) and
`--timings`; keeps every finished chunk in the sample store. One real row:

    Sample(model="oracle", task="pocket", category="pets", item_seed=0, sample_seed=0,
           item_id="pets-1-0000",
           sample_index=0, text="(B)", thinking=None, answer="(B)", n_prompt_tokens=0, n_tokens=1,
           finish="stop",
           mean_logprob=None, option_loglikelihoods=None)
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from featherweight.files import read_spec


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the generate stage."""
    add = parser.add_argument
    add(
        "--spec",
        type=read_spec,
        required=True,
        metavar="JSON",
        help="the stage's part of the study",
    )
    add(
        "--manifest",
        type=Path,
        required=True,
        metavar="FILE",
        help="the model's manifest, written by acquire",
    )
    add("--items", type=Path, required=True, metavar="DIR", help="the drawn items")
    add("--prompts", type=Path, required=True, metavar="DIR", help="the model's rendered prompts")
    add(
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for one file of samples per cell",
    )
    add(
        "--store",
        type=Path,
        required=True,
        metavar="DIR",
        help="the sample store; kept between runs",
    )
    add(
        "--timings",
        type=Path,
        required=True,
        metavar="FILE",
        help="JSON: how much was generated, how fast",
    )
    add("--threads", type=int, metavar="N", help="CPU threads (default: what torch takes)")


def main(args: argparse.Namespace) -> None:
    """Generate what is missing and write every cell."""
    _spare_pandas()
    from featherweight.generate.run import Places, run

    places = Places(args.manifest, args.items, args.prompts, args.output, args.store, args.timings)
    run(args.spec, places, threads=args.threads)


class _NoPandas:
    """An import finder that says that there is no pandas."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        """Refuse pandas, pass everything else on."""
        if name == "pandas":
            raise ImportError("not needed here")


def _spare_pandas() -> None:
    """Keep Arrow from importing pandas, which nothing here needs (measured: 60 MiB and 0.3 CPU-s of
    this process).

    Arrow looks for it once, when it makes its first array, and remembers that it was not to be had.
    """
    import pyarrow

    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        pyarrow.array([0])
    finally:
        sys.meta_path.remove(finder)
