"""The stage `generate`: a model answers all its prompts in one go. It is loaded once, and only if
something is missing.

Reads Prompt rows and the model's manifest, for a control Item rows; writes
`<output>/<task>/<category>/<seed>.parquet` (Sample rows, the same bytes on every rerun) and
`--usage` (Usage rows); keeps every finished chunk in the sample store. One real row:

    Sample(model="pocket-fair", task="mmlu", category="human_aging", item_seed=0, sample_seed=0,
           item_id="human_aging-test-0008", sample_index=0, text="is is is..", thinking=None,
           answer="is is is..", token_ids=(166, 166, 166, 14, 14), n_prompt_tokens=45, n_tokens=5,
           finish="stop", mean_logprob=-0.4847, option_loglikelihoods=None)

With `--shard I/N` it generates its part of the chunks alone, and with `--collect` it writes the
samples from the store once all shards are done.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from featherweight.errors import InputError
from featherweight.specs import GenerateSpec, read_spec

if TYPE_CHECKING:
    from featherweight.generate.run import Shard


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the generate stage."""
    paths = {
        "--manifest": "the model's manifest, written by acquire",
        "--items": "folder of the drawn items",
        "--prompts": "folder of the model's rendered prompts",
        "--output": "folder for one file of samples per cell",
        "--store": "folder of the sample store; kept between runs",
        "--usage": "file for what the samples cost",
    }
    add = parser.add_argument
    add("--spec", required=True, metavar="JSON", help="the stage's part of the study")
    for name, said in paths.items():
        add(name, type=Path, required=True, metavar="PATH", help=said)
    add("--threads", type=int, metavar="N", help="CPU threads (default: what torch takes)")
    part = parser.add_mutually_exclusive_group()
    part.add_argument(
        "--shard",
        metavar="I/N",
        help="generate part I (from 0) of N into the store, write no samples",
    )
    part.add_argument(
        "--collect",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="generate nothing; write the samples of these shards from the store",
    )
    add("--done", type=Path, metavar="FILE", help="where a shard says that it is done")


def main(args: argparse.Namespace) -> None:
    """Generate what is missing and write every cell, or do one shard's part of that."""
    spec = read_spec(args.spec, GenerateSpec)
    from featherweight.generate.run import Places, collect, run, run_shard

    places = Places(args.manifest, args.items, args.prompts, args.output, args.store, args.usage)
    if args.collect is not None:
        collect(spec, places, args.collect)
    elif args.shard is None:
        run(spec, places, threads=args.threads)
    elif args.done is None:
        raise InputError("--shard: expected --done FILE beside it, got none")
    else:
        run_shard(spec, places, _shard(args.shard), args.done, threads=args.threads)


def _shard(text: str) -> Shard:
    from featherweight.generate.run import Shard

    number, _, of = text.partition("/")
    if not (number.isdecimal() and of.isdecimal() and int(number) < int(of)):
        raise InputError(f"--shard: expected I/N with I from 0 to N - 1, got {text!r}")
    return Shard(int(number), int(of))
