"""Search step by step against one uninterrupted call: 16 beams, 10 steps of 60 tokens.

    python benchmarks/sessions.py                 # 12 M parameters, float32, one thread
    python benchmarks/sessions.py --kept 4        # every step goes on from 4 of the 16 beams
    python benchmarks/sessions.py --budget 4000   # tokens that a session keeps: fewer than 16 beams

Random weights, one prompt of 150 tokens, temperature 0.7, no stops: 9,600 tokens in each way. One
call: 16 answers of 600 tokens. Then the same by steps, once over a session that keeps the keys and
values of its branches, once over one that computes every beginning again. CPU seconds of this
process, the ways in alternation, the best turn of each; ratios are to one call. With all 16 kept
the tokens of the three ways are compared, too.

Expected before the first measurement: keeping 1.02 to 1.08 with 16 distinct beams (copies of up to
750 positions to and fro for each step, and pages of memory that are touched again), the same with
4; recomputing 2.0 with 16 and 1.4 with 4. With a budget that holds half of the beams, in between.
What came out is in docs/speed.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

BEAMS, STEPS, TOKENS, PROMPT = 16, 10, 60, 150
MUCH = 10**6  # tokens


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--shape", default="small")
    parser.add_argument("--kept", type=int, default=BEAMS, help="beams that a step goes on from")
    parser.add_argument("--budget", type=int, default=MUCH, help="tokens that a session keeps")
    parser.add_argument("--ways", nargs="+", default=["kept", "recomputed"], help="beside one call")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="featherweight-benchmark-") as made:
        compare(args, Path(made))


def compare(args: argparse.Namespace, folder: Path) -> None:
    """Print the best turn of each way."""
    import torch
    from generation.folder import write_folder

    from featherweight.engines import Decoding, Request, load_engine
    from featherweight.engines.sessions import RecomputingSession, session

    torch.set_num_threads(1)
    write_folder(folder, args.shape, torch.float32)
    engine: Any = load_engine("transformers", folder, dtype="float32", threads=1)
    engine.stops = ()
    decoding = Decoding(0.7, 1.0, 0)
    prompt = tuple(3 + (7 * place) % 1990 for place in range(PROMPT))
    limit = STEPS * TOKENS

    def one_call() -> list[tuple[int, ...]]:
        requests = [
            Request(prompt_ids=prompt, stream=beam, max_new_tokens=limit) for beam in range(BEAMS)
        ]
        made = engine.generate(requests, decoding, lambda count: None)
        return [one.token_ids for one in made]

    def by_steps(held: Any) -> list[tuple[int, ...]]:
        beams = held.open([prompt] * BEAMS, range(BEAMS), max_new_tokens=limit)
        for step in range(STEPS):
            longer = held.extend(beams, until=(), max_step_tokens=TOKENS)
            held.release(beams)
            beams = longer
            if args.kept < BEAMS and step < STEPS - 1:
                chosen = beams[: args.kept]
                forked = [
                    held.fork(chosen[beam % args.kept], [1000 * step + beam])[0]
                    for beam in range(BEAMS)
                ]
                held.release(beams)
                beams = forked
        return [beam.token_ids for beam in beams]

    ways = {
        "one call": one_call,
        "kept": lambda: by_steps(session(engine, decoding, budget=args.budget)),
        "recomputed": lambda: by_steps(RecomputingSession(engine, decoding)),
    }
    engine.generate(
        [Request(prompt_ids=prompt, stream=0, max_new_tokens=2)], decoding, lambda count: None
    )
    best: dict[str, float] = {}
    said: dict[str, list[tuple[int, ...]]] = {}
    for _ in range(args.rounds):
        for name in ("one call", *args.ways):
            start = time.process_time()
            said[name] = ways[name]()
            seconds = time.process_time() - start
            best[name] = min(best.get(name, seconds), seconds)
    print(f"{args.kept} beams kept, budget {args.budget} tokens, {BEAMS * limit} tokens")
    for name, seconds in best.items():
        ratio = seconds / best["one call"]
        print(f"{name:12}{seconds:8.1f} CPU-s {ratio:6.2f}")
    same = [said[name] for name in args.ways] + [said["one call"]] * (args.kept == BEAMS)
    assert all(one == same[0] for one in same)


if __name__ == "__main__":
    main()
