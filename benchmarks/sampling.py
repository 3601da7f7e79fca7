"""What drawing one step's tokens costs, by how flat the logits are: CPU milliseconds of `choose`.

    python benchmarks/sampling.py [--rows 16] [--vocabulary 151936] [--turns 21]

One thread; random normal logits, the settings in alternation, medians. Trained models are at the
peaked end: a standard deviation of 4.4 over 151,936 tokens leaves 2 bits at temperature 0.7. Flat
logits (0.8) come from untrained weights, and from high temperatures.

Expected before the first measurement: flat at most twice of peaked, where it had been 10 to 60
times; peaked as before.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

import torch

from featherweight.engines import Decoding
from featherweight.engines.sampling import choose

SPREADS = {"peaked": 4.4, "between": 2.0, "flat": 0.8}
SETTINGS = (
    Decoding(0.0, 1.0, 0),
    Decoding(0.7, 1.0, 0),
    Decoding(1.0, 1.0, 0),
    Decoding(0.6, 0.95, 0),
    Decoding(1.0, 0.5, 0),
    Decoding(0.7, 1.0, 50),
)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=16)
    parser.add_argument("--vocabulary", type=int, default=151_936)
    parser.add_argument("--turns", type=int, default=21)
    args = parser.parse_args()
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    logits = {
        name: torch.randn(args.rows, args.vocabulary, generator=generator) * spread
        for name, spread in SPREADS.items()
    }
    streams = list(range(args.rows))
    spent: dict[tuple[str, Decoding], list[float]] = {}
    with torch.inference_mode():
        for turn in range(args.turns):
            for setting in SETTINGS:
                for name, given in logits.items():
                    begun = time.process_time()
                    choose(given, streams, [turn] * args.rows, setting)
                    spent.setdefault((name, setting), []).append(time.process_time() - begun)
    print(
        f"{args.rows} rows, {args.vocabulary} tokens, CPU ms, median of {args.turns}; load average"
        f" {os.getloadavg()[0]:.1f}"
    )
    print(f"{'':34}" + "".join(f"{name:>9}" for name in SPREADS) + "  flat/peaked")
    for setting in SETTINGS:
        found = [1000 * statistics.median(spent[name, setting]) for name in SPREADS]
        said = f"temperature {setting.temperature}, top_p {setting.top_p}, top_k {setting.top_k}"
        print(f"{said:34}" + "".join(f"{one:9.1f}" for one in found), end="")
        print(f"{found[-1] / found[0]:13.2f}", flush=True)


if __name__ == "__main__":
    main()
