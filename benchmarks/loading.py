"""What loading a model costs: peak memory and CPU seconds, ours beside transformers', each in a
process of its own.

    python benchmarks/loading.py [--shape smollm2-135m] [--stored bfloat16] [--dtype float32]

Random weights in a folder that is made once. A process imports, loads, and answers 16 prompts of 61
tokens with 16 tokens each; its peak resident memory is read after each of the three. "ours" is the
transformers engine, which packs large matrices once; "plain" is `from_pretrained` and `generate`,
which holds the weights as pages of the mapped file. The floor is what the imports took and every
weight once; a packed model holds a tied output matrix beside the embedding, too.

Expected before the first measurement, SmolLM2-135M's shape in float32 (513 MiB of weights, 108 of
them the tied matrix; imports 370 MiB): plain 960 MiB; ours 1,500 MiB while every page that was read
stays with the file's map, 1,010 to 1,100 where a weight's pages go with the weight.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from generation.work import SHAPES

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

WAYS = ("ours", "plain")
PROMPTS = [(*(3 + (7 * place) % 1990 for place in range(60)), 3 + row) for row in range(16)]
NEW_TOKENS = 16


def main() -> None:
    """Measure and print; or, as one of the processes that this starts, do one way."""
    args = _arguments()
    if args.part is not None:
        parts = {"write": _write, "ours": _ours, "plain": _plain}
        print(json.dumps(parts[args.part](args)))
        return
    with tempfile.TemporaryDirectory(prefix="featherweight-benchmark-") as made:
        args.folder = args.folder or Path(made)
        facts = _start(args, "write")
        copies = facts["weights"] / 2**20
        print(
            f"{args.shape}, stored as {args.stored}, computed in {args.dtype}: {copies:.0f} MiB of"
            f" weights in {args.dtype}; load average {os.getloadavg()[0]:.1f}"
        )
        print(f"{'':8}peak MiB: imports  loaded  answered   CPU-s to load")
        for _ in range(args.rounds):
            for way in WAYS:
                found = _start(args, way)
                print(
                    f"{way:8}{found['imports']:17.0f} {found['loaded']:7.0f}"
                    f" {found['answered']:9.0f} {found['cpu']:15.2f}",
                    flush=True,
                )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shape", choices=sorted(SHAPES), default="smollm2-135m")
    for name, default in (("--stored", "float32"), ("--dtype", "float32")):
        parser.add_argument(name, choices=("float32", "bfloat16"), default=default)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="keep the weights here")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    return parser.parse_args()


def _start(args: argparse.Namespace, part: str) -> dict[str, float]:
    """What another process of this program found. Raises CalledProcessError if it fails."""
    command = [sys.executable, __file__, "--part", part]
    for name in ("shape", "stored", "dtype", "folder"):
        command += [f"--{name}", str(getattr(args, name))]
    ended = subprocess.run(
        command,
        env=os.environ | {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
    return found


def _write(args: argparse.Namespace) -> dict[str, float]:
    import torch
    from generation.folder import write_folder

    facts = write_folder(args.folder, args.shape, getattr(torch, args.stored))
    return {"weights": facts["parameters"] * getattr(torch, args.dtype).itemsize}


def _imports() -> dict[str, float]:
    """Peak once everything is imported that either way needs."""
    import torch
    from generation.ways import peak_mib

    for name in ("generation.utils", "models.llama.modeling_llama", "models.qwen2.modeling_qwen2"):
        import_module(f"transformers.{name}")
    torch.set_num_threads(1)
    return {"imports": peak_mib()}


def _ours(args: argparse.Namespace) -> dict[str, float]:
    found = _imports()
    from generation.ways import peak_mib

    from featherweight.engines import Decoding, Request, load_engine

    begun = time.process_time()
    engine: Any = load_engine("transformers", args.folder, dtype=args.dtype, threads=1)
    found |= {"cpu": time.process_time() - begun, "loaded": peak_mib()}
    engine.stops = ()
    requests = [
        Request(prompt_ids=prompt, stream=row, max_new_tokens=NEW_TOKENS)
        for row, prompt in enumerate(PROMPTS)
    ]
    engine.generate(requests, Decoding(0.0, 1.0, 0), lambda count: None)
    return found | {"answered": peak_mib()}


def _plain(args: argparse.Namespace) -> dict[str, float]:
    found = _imports()
    import torch
    from generation.ways import peak_mib
    from transformers import AutoModelForCausalLM

    begun = time.process_time()
    load: Any = AutoModelForCausalLM.from_pretrained
    model = load(
        str(args.folder), dtype=getattr(torch, args.dtype), attn_implementation="sdpa"
    ).eval()
    found |= {"cpu": time.process_time() - begun, "loaded": peak_mib()}
    model.generate(
        torch.tensor(PROMPTS),
        max_new_tokens=NEW_TOKENS,
        min_new_tokens=NEW_TOKENS,
        do_sample=False,
        pad_token_id=0,
    )
    return found | {"answered": peak_mib()}


if __name__ == "__main__":
    main()
