"""What it costs to open a large sample store for a small study.

    python benchmarks/store.py --completions 1000000 --needed 1000

Writes a store of made-up completions (in chunks of 64, texts of 200 characters), then, each in a
process of its own: makes the index, opens the store and looks up what is needed, and looks up all.
Prints CPU seconds and the largest resident memory of each process beside those of the same study
over a store of its own size; it must not take much more.
"""

from __future__ import annotations

import argparse
import random
import resource
import shutil
import string
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow"))

from featherweight.canonical import digest  # noqa: E402
from featherweight.engines import Completion  # noqa: E402
from featherweight.generate.lines import chunk_name, completion_line  # noqa: E402
from featherweight.generate.store import SampleStore  # noqa: E402

CHUNK = 64


def key(number: int) -> str:
    return digest(["made up", number])


def fill(folder: Path, count: int) -> None:
    """Write the chunks of a store, without an index."""
    folder.mkdir(parents=True)
    draw = random.Random(0)
    for start in range(0, count, CHUNK):
        keys = [key(number) for number in range(start, min(start + CHUNK, count))]
        lines = [
            completion_line(
                one,
                Completion(
                    text="".join(draw.choices(string.ascii_lowercase + " ", k=200)),
                    token_ids=tuple(range(40)),
                    finish="stop",
                    mean_logprob=-draw.random(),
                ),
            )
            for one in keys
        ]
        (folder / f"{chunk_name(keys)}.jsonl").write_bytes(b"\n".join(lines) + b"\n")


def look_up(folder: Path, count: int, needed: int) -> None:
    """Open the store and look up some of its completions, spread over all chunks."""
    asked = [key(number) for number in range(0, count, max(1, count // needed))][:needed]
    begun = time.process_time()
    store = SampleStore(folder)
    store.open()
    opened = time.process_time()
    missing = store.missing(asked)
    done = time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"open {opened - begun:6.3f} CPU-s, look up {len(asked):7d} {done - opened:6.3f} CPU-s,"
        f" peak {peak:6.1f} MiB, {len(missing)} missing",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--completions", type=int, default=1_000_000)
    parser.add_argument("--needed", type=int, default=1000)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.folder is not None:
        look_up(args.folder, args.completions, args.needed)
        return
    folder = Path(tempfile.mkdtemp())

    def measure(name: str, count: int, needed: int) -> None:
        print(f"{name:34}", end="", flush=True)
        words = [sys.executable, __file__, "--folder", str(folder / str(count))]
        subprocess.run([*words, "--completions", str(count), "--needed", str(needed)], check=True)

    try:
        for count in (args.needed, args.completions):
            fill(folder / str(count), count)
            files = len(list((folder / str(count)).iterdir()))
            print(f"a store of {count} completions in {files} files")
            measure("  the index is made", count, args.needed)
            measure("  the index is there", count, args.needed)
            size = (folder / str(count) / "index.sqlite").stat().st_size
            print(f"  the index: {size / 2**20:.1f} MiB")
        measure("  everything is needed", args.completions, args.completions)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
