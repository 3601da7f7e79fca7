"""Long answers whose lengths are spread evenly up to a limit: rows that run and tokens per CPU
second, with a cache that has room for few rows at their longest.

    python benchmarks/long_answers.py --limit 1024 --samples 48 --room 8
    python benchmarks/long_answers.py --limit 2048 --samples 12 --shape tiny
    python benchmarks/long_answers.py --limit 4096 --samples 16
    python benchmarks/long_answers.py --limit 16384 --samples 16 --shape tiny
    python benchmarks/long_answers.py --limit 1024 --samples 16 --room 8 --equal
    python benchmarks/long_answers.py --limit 4096 --engine OTHER/workflow

Shapes of 12 M and (`--shape tiny`) 0.8 M parameters with random weights, float32, one thread,
prompts of 250 tokens, temperature 0.7; answers end where they are made to. `--room` is the cache's
budget in rows of the longest kind: 2.25 is what R1-1.5B has in bfloat16 at 16,384 tokens.
`--engine` names the `workflow` folder of another checkout, so that two versions are compared: run
them in alternation, the best turn counts. `--rows` prints how many rows real shapes run at once,
without computing any.

Rows are tokens over steps, the end counted, when none waits and rows become few.

Expected before the first measurement: at 16,384 tokens 5.5 rows instead of 1.9 (a simulation of
the schedule with 64 samples: the ideal is three times the reserved rows, and the last rows run
alone), 2 to 2.5 times the tokens per CPU second, of which a tenth is lost to rows that are put
back; at 4,096 the same; at 1,024 with room for all eight rows 1.0 to 1.1; equal lengths at 1,024
1.0, as everything stands on one shelf there. What came out is in docs/speed.md.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PROMPT = 250  # tokens
# keys and values: layers, key heads, head size, bytes of a number
REAL = {
    "SmolLM2-135M, bfloat16": (30, 3, 64, 2),
    "Qwen2.5-0.5B, bfloat16": (24, 2, 64, 2),
    "R1-Distill-Qwen-1.5B, bfloat16": (28, 2, 128, 2),
    "SmolLM2-1.7B, bfloat16": (24, 32, 64, 2),
    "Llama-3.1-8B, bfloat16": (32, 8, 128, 2),
}


def main() -> None:
    """Measure one setting, or print the rows of real shapes."""
    args = _arguments()
    sys.path.insert(0, str(args.engine))
    if args.rows:
        print_rows()
        return
    with tempfile.TemporaryDirectory(prefix="featherweight-benchmark-") as made:
        print(json.dumps(measure(args, Path(made))))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--limit", type=int, default=1024, help="tokens of the longest answer")
    parser.add_argument("--samples", type=int, default=24)
    parser.add_argument("--room", type=float, default=2.25, help="rows of the longest kind")
    parser.add_argument("--slots", type=int, default=64, help="rows of one step at most")
    parser.add_argument("--shape", choices=("small", "tiny"), default="small")
    parser.add_argument("--equal", action="store_true", help="all answers reach the limit")
    parser.add_argument("--rows", action="store_true", help="rows of real shapes by simulation")
    own = Path(__file__).parents[1] / "workflow"
    parser.add_argument("--engine", type=Path, default=own, help="the folder of the package")
    return parser.parse_args()


def lengths(limit: int, samples: int) -> list[int]:
    """Spread evenly over (0, limit], in an order of no meaning."""
    spread = [max(1, limit * (index + 1) // samples) for index in range(samples)]
    random.Random(0).shuffle(spread)
    return spread


def measure(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Rows, steps, tokens per CPU second and peak memory of one run."""
    import torch
    from generation.folder import write_folder
    from generation.ways import peak_mib

    from featherweight.engines import Decoding, Request, load_engine
    from featherweight.engines import transformers as ours

    torch.set_num_threads(1)
    facts = write_folder(folder, args.shape, torch.float32)
    config = json.loads((folder / "config.json").read_text())
    config["max_position_embeddings"] = 2 * args.limit + PROMPT
    (folder / "config.json").write_text(json.dumps(config))
    engine: Any = load_engine("transformers", folder, dtype="float32", threads=1)
    engine.stops = ()
    budget = int(args.room * (PROMPT + args.limit)) * facts["cache_per_token"]
    ours.CPU_CACHE_BYTES = budget
    ours.SLOTS["cpu"] = args.slots
    ends = [args.limit] * args.samples if args.equal else lengths(args.limit, args.samples)
    draw = random.Random(1)
    requests = [
        Request(
            prompt_ids=tuple(draw.randrange(3, 2000) for _ in range(PROMPT)),
            stream=index,
            max_new_tokens=end,
        )
        for index, end in enumerate(ends)
    ]
    engine.generate(requests[:1] * 2, Decoding(0.7, 1.0, 0), lambda count: None)
    loaded, steps, start = peak_mib(), [], time.process_time()
    made = engine.generate(requests, Decoding(0.7, 1.0, 0), steps.append)
    seconds = time.process_time() - start
    tokens = sum(one.n_tokens for one in made)
    assert [one.n_tokens for one in made] == ends
    return {
        "limit": args.limit,
        "tokens": tokens,
        "rows": round(tokens / len(steps), 2),
        "tokens per CPU-s": round(tokens / seconds, 1),
        "cache MiB": round(budget / 2**20),
        "peak MiB": round(peak_mib()),
        "before MiB": round(loaded),
        "same": hash(tuple(one.token_ids for one in made)) % 10**6,
    }


def print_rows() -> None:
    """Rows that run at once, the budget a CPU's: reserved, and an estimate of those that hold what
    they have, lengths spread evenly. Their mean is then a third of the longest: the longer an
    answer, the longer it runs, and on average half of it is there. Putting back is left aside.
    """
    from featherweight.engines.transformers import CPU_CACHE_BYTES, SLOTS

    print(f"{'shape':32}" + "".join(f"{limit:>16,}" for limit in (512, 2048, 4096, 16384)))
    for name, (layers, heads, size, number) in REAL.items():
        room = CPU_CACHE_BYTES // (2 * layers * heads * size * number)
        pairs = []
        for limit in (512, 2048, 4096, 16384):
            reserved = max(1, min(SLOTS["cpu"], room // (PROMPT + limit)))
            held = max(1, min(SLOTS["cpu"], int(room / (PROMPT + limit / 3))))
            pairs.append(f"{reserved:>9} -> {held:>3}")
        print(f"{name:32}" + "".join(pairs))


if __name__ == "__main__":
    main()
