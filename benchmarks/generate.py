"""Ways to generate, side by side: the same weights, prompts and forced ends; speed, time to load,
memory, and ratios.

    python benchmarks/generate.py                        # on a CPU: SmolLM2-135M's shape, float32,
        batch 1 and 16
    python benchmarks/generate.py --dtype bfloat16
    python benchmarks/generate.py                        # on a GPU: Qwen2.5-1.5B's shape, float16,
        batch 1, 64 and 256

Random weights in a folder that is made once; every way reads it in a process of its own, so that
time to load (imports included) and peak memory are its own. Prompts of 60 to 200 tokens, answers
that are made to end after 16 to 128 tokens, so that batches become ragged as they do in a study.
Temperature 0.7, no cuts. A way with batch B answers 2 B prompts, at least 8. Every way must produce
exactly the forced number of tokens.

    python benchmarks/generate.py --batches 16 --answers 72 72       # all answers of one length
    python benchmarks/generate.py --batches 8 16 32 64 --prompts 64  # each at its own best batch
    python benchmarks/generate.py --batches 64 --prompts 256 --chunks 64 256 --ways generate ours

With `--prompts` all batches answer the same prompts, and a last line compares each way at its own
best batch. `--chunks` adds rows in which ours is given its prompts in lists of that length, as a
study does: 256 is what `generate/plan.chunk_spec` makes of 64 new tokens, a list as long as the
slots is never refilled. Answers up to 4,096 and 16,384 tokens: `benchmarks/long_answers.py`.

Ways: transformers' `generate` (batches sorted by length); ours; transformers' continuous batching
(`generate_batch`'s manager; not at batch 1); on a CPU llama.cpp where `llama-cpp-python` and `gguf`
are installed (one sequence, and B sequences that are refilled through its batch interface); on a
CUDA GPU our ExLlamaV2 engine where that is installed. Ratios are to `generate` with the same batch:
of CPU seconds on a CPU, of wall seconds on a GPU: the median of the turns, each beside the turn of
`generate` in the same round, and the lowest and the highest.

`bound` is the share of what memory bandwidth allows: bytes of weights and cache that the decode
steps must read, over the measured bandwidth, over the seconds that it took, prefill included
(`generation/bound.py`). At batch 1 on a GPU the bound is the weights alone and the rest is launches
of small kernels; at 256 it is arithmetic, sampling over the vocabulary and Python between the steps
that the share leaves out. On a CPU the share is small: a core computes slower than memory delivers.

Then: prefill of 16 samples of one prompt against that of 16 prompts; on a GPU an estimate of the
study `smol-but-mighty` from the rates measured.

Expected before the first measurement. One thread of a CPU with bfloat16, SmolLM2-135M's shape,
tokens per CPU second, from figures of another day (18.7 one at a time, 62 `generate_batch`, 76
`generate` by 16, 103 a first refill loop, 113 to 118 llama.cpp with 16 sequences): bfloat16: ours
100 to 110 by 16 and 1.35 to 1.45 times `generate`, llama.cpp 1.05 to 1.15 times ours; float32: ours
63, 1.45 times `generate`, llama.cpp about level; prefill of 16 samples of one prompt 13 to 15 times
cheaper than of 16 prompts; 15% of the bound by 16 in bfloat16. On an H200 (not measured; the
figures to reach): ExLlamaV2 above 10,000 tokens a second on a 1.5B model at batch 256, 5 times
`generate` at the same batch, the study in under 15 minutes. Of the rows that came later: equal
lengths 0.95 to 1.05 times `generate`; each at its own best batch 1.2; lists of 64 prompts for 64
slots as `generate` at 64, lists of 256 1.3 times that. What came out is in docs/speed.md.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from generation import bound
from generation.work import SHAPES, Work, make_work, prompts_for

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

CPU_WAYS = ("generate", "ours", "generate_batch", "llama.cpp")
GPU_WAYS = ("generate", "ours", "generate_batch", "exllamav2")
DEFAULTS: dict[str, dict[str, Any]] = {
    "cpu": {"shape": "smollm2-135m", "dtype": "float32", "batches": [1, 16], "rounds": 2},
    "cuda": {"shape": "qwen2.5-1.5b", "dtype": "float16", "batches": [1, 64, 256], "rounds": 1},
}


def main() -> None:
    """Measure and print; or, as one of the processes that this starts, measure one way."""
    args = _arguments()
    if args.part is not None:
        print(json.dumps(_part(args)))
        return
    with tempfile.TemporaryDirectory(prefix="featherweight-benchmark-") as made:
        args.folder = args.folder or Path(made)
        machine = _start(args, "machine")
        device = machine["device"]
        for name, value in DEFAULTS[device].items():
            if getattr(args, name) is None:
                setattr(args, name, value)
        facts = _start(args, "write")
        speed = _start(args, "bandwidth")
        print(
            f"{args.shape}, {args.dtype}, {device}, {args.threads} threads, transformers"
            f" {machine['transformers']}, torch {machine['torch']}; {facts['parameters'] / 1e6:.0f}"
            f" M parameters, {facts['cache_per_token']} cache bytes per token, next token"
            f" {facts['entropy_bits']:.1f} bits\nbandwidth {speed['bytes_per_second'] / 1e9:.1f}"
            f" GB/s (copy {speed['copy'] / 1e9:.1f}, read {speed['read'] / 1e9:.1f}); load average"
            f" {os.getloadavg()[0]:.1f}",
            flush=True,
        )
        rates = compare(args, device, facts, speed["bytes_per_second"])
        _print_prefill(_start(args, "prefill"), device)
        if device == "cuda":
            print_estimate(args.shape, rates, facts)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--shape", choices=sorted(SHAPES), help="default: smollm2-135m, on a GPU qwen2.5-1.5b"
    )
    parser.add_argument(
        "--dtype",
        choices=("float32", "bfloat16", "float16"),
        help="default: float32, on a GPU float16",
    )
    parser.add_argument("--batches", type=int, nargs="+", help="default: 1 16, on a GPU 1 64 256")
    parser.add_argument(
        "--ways",
        nargs="+",
        choices=sorted({*CPU_WAYS, *GPU_WAYS}),
        help="default: all that run here",
    )
    parser.add_argument("--scale", type=float, default=1.0, help="shortens prompts and answers")
    parser.add_argument(
        "--answers", type=int, nargs=2, default=(16, 128), metavar=("SHORTEST", "LONGEST")
    )
    parser.add_argument("--prompts", type=int, help="default: twice the batch, at least 8")
    parser.add_argument(
        "--chunks", type=int, nargs="+", default=[], help="also: ours, in lists of so many prompts"
    )
    parser.add_argument(
        "--temperature", type=float, default=0.7, help="0: greedy; not llama.cpp, which has 0.7"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--rounds",
        type=int,
        help="turns of all ways, in alternation; default: 2, on a GPU 1",
    )
    parser.add_argument("--repeats", type=int, default=1, help="turns of a way within one process")
    parser.add_argument(
        "--folder", type=Path, help="keep the weights here; default: a temporary folder"
    )
    parser.add_argument(
        "--part", help=argparse.SUPPRESS
    )  # what a process that this one started does
    parser.add_argument("--batch", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--chunk", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def _start(
    args: argparse.Namespace, part: str, batch: int = 1, chunk: int | None = None
) -> dict[str, Any]:
    """What another process of this program found.

    Raises RuntimeError with its last line where it failed.
    """
    command = [
        sys.executable,
        __file__,
        "--part",
        part,
        "--batch",
        str(batch),
        "--scale",
        str(args.scale),
        "--answers",
        *map(str, args.answers),
        "--temperature",
        str(args.temperature),
        "--threads",
        str(args.threads),
        "--repeats",
        str(args.repeats),
        "--folder",
        str(args.folder),
    ]
    for name in ("shape", "dtype", "prompts"):
        given = getattr(args, name)
        command += [] if given is None else [f"--{name}", str(given)]
    command += [] if chunk is None else ["--chunk", str(chunk)]
    threads = {"OMP_NUM_THREADS": str(args.threads), "TOKENIZERS_PARALLELISM": "false"}
    ended = subprocess.run(
        command, env=os.environ | threads, capture_output=True, text=True, check=False
    )
    if ended.returncode != 0:
        raise RuntimeError((ended.stderr.strip().splitlines() or ["no output"])[-1])
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


def _part(args: argparse.Namespace) -> dict[str, Any]:
    """One process's part."""
    from generation import ways

    setting = ways.Setting(
        args.folder, args.dtype, args.threads, args.batch, args.chunk, args.temperature
    )
    if args.part in ways.WAYS:
        work = _work(args, args.batch)
        _limit_threads(args)
        return ways.measure(args.part, setting, work, args.repeats)
    if args.part == "bandwidth":
        return ways.bandwidth(args.threads)
    if args.part == "prefill":
        return ways.prefill(setting._replace(batch=16), max(2, int(200 * args.scale)))
    import torch

    if args.part == "write":
        from generation.folder import write_folder

        return write_folder(args.folder, args.shape, getattr(torch, args.dtype))
    import transformers

    return {
        "device": "cuda" if torch.cuda.is_available() else "cpu",
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }


def _work(args: argparse.Namespace, batch: int) -> Work:
    return make_work(args.prompts or prompts_for(batch), args.scale, tuple(args.answers))


def _limit_threads(args: argparse.Namespace) -> None:
    if args.part != "llama.cpp":  # which has threads of its own and no torch in its process
        import torch

        torch.set_num_threads(args.threads)


def compare(
    args: argparse.Namespace, device: str, facts: dict[str, Any], bandwidth: float
) -> dict[tuple[str, int], tuple[float, float, float]]:
    """Print one table per batch; returns (tokens per second, share of the bound, seconds to load)
    by way and batch.
    """
    from generation.ways import installed

    wanted = args.ways or (GPU_WAYS if device == "cuda" else CPU_WAYS)
    names = [name for name in wanted if installed(name)]
    absent = sorted({*wanted} - {*names})
    if absent:
        print(f"not installed, not measured: {', '.join(absent)}")
    rates = {}
    busy: dict[str, dict[int, list[float]]] = {}  # by way, batch and round
    for batch in args.batches:
        turns = _turns(
            args, [name for name in names if (name, batch) != ("generate_batch", 1)], batch
        )
        work = _work(args, batch)
        read = bound.work_bytes(work, batch, facts["weights"], facts["cache_per_token"])
        print(
            f"\nbatch {batch}: {len(work.prompts)} prompts, {work.tokens} tokens; load average"
            f" {os.getloadavg()[0]:.1f}"
        )
        card = "  GPU MiB  card MiB" if device == "cuda" else ""
        print(f"{'':18}tokens/s   /CPU-s samples/s  load s  peak MiB{card}   bound   ratio")
        for name, found in turns.items():
            seconds = [_busy(one, args, device) for one in found]
            busy.setdefault(name, {})[batch] = seconds
            turn = found[seconds.index(min(seconds))]
            share = bound.bound_share(read, bandwidth, min(seconds))
            rates[name, batch] = (work.tokens / turn["wall"], share, turn["load"])
            base = busy["generate"][batch] if "generate" in turns else None
            print(
                f"{name:18}{work.tokens / turn['wall']:8.1f} {work.tokens / turn['cpu']:8.1f} "
                f"{len(work.prompts) / turn['wall']:9.2f} {turn['load']:7.1f} {turn['memory']:9.0f}"
                + "".join(
                    f"{turn[key]:9.0f} "
                    for key in ("gpu_memory", "gpu_used")
                    if turn[key] is not None
                )
                + f" {share:6.1%}   {'' if base is None else spread(base, seconds)}",
                flush=True,
            )
    if args.prompts is not None and len(args.batches) > 1:
        _print_own_best(busy)
    return rates


def spread(base: Sequence[float], seconds: Sequence[float]) -> str:
    """How many times less than `base`, round by round: median, lowest and highest."""
    ratios = sorted(one / two for one, two in zip(base, seconds, strict=False))
    return f"{statistics.median(ratios):.2f} [{ratios[0]:.2f}, {ratios[-1]:.2f}]"


def _print_own_best(busy: dict[str, dict[int, list[float]]]) -> None:
    """Each way at the batch at which its median is the lowest, all on the same prompts."""
    print("\neach way at its own best batch:")
    best = {
        name: min(by_batch.items(), key=lambda one: statistics.median(one[1]))
        for name, by_batch in busy.items()
    }
    for name, (batch, seconds) in best.items():
        ratio = spread(best["generate"][1], seconds) if "generate" in best else ""
        print(f"{name:18}batch {batch:4d} {statistics.median(seconds):9.2f} s  {ratio}")


def _turns(
    args: argparse.Namespace, names: list[str], batch: int
) -> dict[str, list[dict[str, Any]]]:
    """The turns of each way, all of them in alternation; a way that cannot go here is said once and
    left out.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    asked: list[tuple[str, int | None]] = [(name, None) for name in names]
    asked += [("ours", chunk) for chunk in args.chunks]
    for turn in range(args.rounds):
        for name, chunk in asked:
            shown = name if chunk is None else f"{name}, by {chunk}"
            try:
                found.setdefault(shown, []).append(_start(args, name, batch, chunk))
            except RuntimeError as error:
                if turn == 0:
                    print(f"{shown}, batch {batch}: does not run here ({error})")
    return {shown: turns for shown, turns in found.items() if turns}


def _busy(turn: dict[str, Any], args: argparse.Namespace, device: str) -> float:
    """Seconds that the way itself took: on a CPU what others took of the machine is left out."""
    return float(turn["wall"] if device == "cuda" else turn["cpu"] / args.threads)


def _print_prefill(found: dict[str, Any], device: str) -> None:
    print(
        f"\nprefill of {found['tokens']} tokens, ours,"
        f" {'seconds' if device == 'cuda' else 'CPU seconds'}: {found['samples']} samples of one"
        f" prompt {found['shared']:.3f}, {found['samples']} prompts {found['alone']:.3f}:"
        f" {found['ratio']:.1f} times cheaper"
    )


def print_estimate(
    shape: str, rates: dict[tuple[str, int], tuple[float, float, float]], facts: dict[str, Any]
) -> None:
    """Print what the study would take at the best rate of an engine of ours, here and on a smaller
    card.
    """
    ours = {key: value for key, value in rates.items() if key[0] in ("ours", "exllamav2")}
    if not ours:
        return
    (name, batch), (rate, share, load) = max(ours.items(), key=lambda entry: entry[1][0])
    study, card = bound.SMOL_BUT_MIGHTY, bound.SMALL_CARD
    positions = study.prompt_tokens + study.thinking_tokens
    rows = bound.rows_that_fit(card, facts["weights"], facts["cache_per_token"], positions, batch)
    print(
        f"\nESTIMATE, not a measurement: the main task of smol-but-mighty, {study.samples} samples,"
        f" without its subsets and the pass by likelihood; assumed: {study.answer_tokens} tokens an"
        f" answer, {study.thinking_tokens} of the model that thinks, {study.tokens / 1e6:.2f} M in"
        f" all, and all four models of the shape {shape}\n  here, {name} at batch {batch}:"
        f" {bound.study_seconds(study, rate, load) / 60:.1f} minutes"
    )
    if rows == 0:
        print(f"  {card.name}: the weights do not fit")
        return
    there = bound.card_rate(
        card, share, rows, facts["weights"], facts["cache_per_token"], positions
    )
    print(
        f"  {card.name}: {rows} rows fit; at the same share of its bandwidth ({share:.0%})"
        f" {there:,.0f} tokens/s, {bound.study_seconds(study, there, load) / 60:.0f} minutes; its"
        " lower arithmetic is not considered"
    )


if __name__ == "__main__":
    main()
