"""What the generate stage costs around the model: start-up, one prompt, memory, and a rerun with
nothing to do.

    python benchmarks/start_and_prompt.py [--prompts 1000] [--batch 8] [--tokens 32]

A random Llama of 0.8 million parameters answers prompts greedily, so small that what is measured is
everything but the model. Ours goes through the command line, as the workflow calls it; beside it,
in the same run, a plain transformers loop over left-padded batches of the same size. Both get one
thread, the same prompts and the same weights. CPU seconds of start-up are those of the same command
on one prompt; milliseconds per prompt are what the others add to it.

Expected before the first measurement: start-up 4 CPU-s (imports 3.7 with the garbage collector at
rest), 10 ms per prompt at batch 8 (four steps of 2 to 3 ms per prompt), 440 MiB, nothing to do 1
CPU-s. To beat: 5 CPU-s, 12 ms per prompt, 450 MiB, 3 s. For comparison, lm-evaluation-harness
0.4.13 needed 13.7 CPU-s, 11.9 ms, 600 MiB and 15.6 CPU-s for nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

WORKFLOW = Path(__file__).parents[1] / "workflow"
sys.path[:0] = [str(WORKFLOW), str(WORKFLOW.parent / "tests" / "workflow")]
VOCABULARY = 2048


class Cost(NamedTuple):
    """What one command cost."""

    cpu: float  # seconds, user and system
    wall: float  # seconds
    peak: float  # MiB


PLAIN = """
import json, sys, torch
from pathlib import Path
from transformers import AutoModelForCausalLM
torch.set_num_threads(1)
folder, prompts = sys.argv[1], json.loads(Path(sys.argv[2]).read_text())
batch, tokens = int(sys.argv[3]), int(sys.argv[4])
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
for start in range(0, len(order), batch):
    rows = [prompts[i] for i in order[start : start + batch]]
    width = max(map(len, rows))
    ids = torch.tensor([[0] * (width - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    ends = {"max_new_tokens": tokens, "min_new_tokens": tokens, "pad_token_id": 0}
    model.generate(ids, attention_mask=mask, do_sample=False, **ends)
"""


def make_model(folder: Path) -> None:
    """0.8 million parameters; no stop token can come, so every answer has the same length."""
    import torch
    from character_model import write_tokenizer
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=128,
        intermediate_size=352,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        eos_token_id=None,
        bos_token_id=None,
        pad_token_id=0,
    )
    torch.manual_seed(0)
    model = LlamaForCausalLM(config)
    model.save_pretrained(folder)
    write_tokenizer(folder)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    del settings["eos_token"]
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    print(f"model: {sum(p.numel() for p in model.parameters()) / 1e6:.2f} million parameters")


def make_study(folder: Path, prompts: list[list[int]], batch: int, tokens: int) -> list[str]:
    """Items, prompts and manifest of one cell; returns the command that generates it."""
    from test_resume import an_item

    from featherweight.files import write_json, write_rows
    from featherweight.records import Item, Prompt

    items = [an_item("one", number) for number in range(len(prompts))]
    write_rows(folder / "items/pocket/one/0.parquet", items, Item)
    rows = [
        Prompt("tiny", "pocket", "one", 0, 0, item.item_id, "", tuple(ids), (0, 1, 2))
        for item, ids in zip(items, prompts, strict=True)
    ]
    write_rows(folder / "prompts/pocket/one/0.parquet", rows, Prompt)
    write_json(folder / "model.json", {"folder": str(folder.parent / "model"), "files": {}})
    spec = {
        "model": "tiny",
        "revision": None,
        "engine": "transformers",
        "control": None,
        "dtype": "float32",
        "decoding": {"temperature": 0.0, "top_p": 1.0, "top_k": 0, "max_new_tokens": tokens},
        "samples_per_prompt": 1,
        "thinking": None,
        "chunk": {"size": batch, "across_cells": False},
        "cells": [
            {"task": "pocket", "category": "one", "seed": 0, "item_seed": 0, "sample_seed": 0}
        ],
        "tasks": {"pocket": "pocket"},
    }
    places = {"manifest": "model.json", "usage": "usage.parquet"} | {
        name: name for name in ("items", "prompts", "output", "store")
    }
    command = [
        sys.executable,
        "-m",
        "featherweight",
        "generate",
        "--threads",
        "1",
        "--spec",
        json.dumps(spec),
    ]
    return [
        *command,
        *(part for name, path in places.items() for part in (f"--{name}", str(folder / path))),
    ]


def measure(command: list[str]) -> Cost:
    """Run a command; its CPU seconds and peak memory as the system counts them for a finished
    child.
    """
    environment = os.environ | {
        "PYTHONPATH": str(WORKFLOW),
        "OMP_NUM_THREADS": "1",
        "TQDM_DISABLE": "1",
    }
    start = time.perf_counter()
    process = subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    said = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"{' '.join(command[:4])} failed:\n{said.decode()}")
    peak = usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    return Cost(usage.ru_utime + usage.ru_stime, time.perf_counter() - start, peak)


def report(name: str, one: Cost, many: Cost, prompts: int) -> None:
    """One line of the table."""
    per_prompt = 1000 * (many.cpu - one.cpu) / (prompts - 1)
    print(f"{name:34} {one.cpu:8.2f} {per_prompt:13.2f} {many.peak:9.0f} {many.wall:8.1f}")


def main() -> None:
    """Measure both and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--prompts", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--make-model", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.make_model:
        make_model(args.make_model)
        return
    draw = random.Random(0)
    prompts = [
        [draw.randrange(1, VOCABULARY) for _ in range(draw.randrange(40, 120))]
        for _ in range(args.prompts)
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # In a process of its own: a child's peak memory is never less than what its parent held
        # when it was started.
        subprocess.run(
            [sys.executable, __file__, "--make-model", str(folder / "model")], check=True
        )
        print(
            f"{args.prompts} prompts of 40 to 119 tokens, {args.tokens} greedy tokens each, one"
            " thread"
        )
        print(f"{'':34} start-up CPU ms per prompt  peak MiB   wall s")
        for batch in (args.batch, 64):
            one = measure(make_study(folder / f"one-{batch}", prompts[:1], batch, args.tokens))
            command = make_study(folder / f"all-{batch}", prompts, batch, args.tokens)
            report(f"featherweight generate, batch {batch}", one, measure(command), args.prompts)
            again = measure(command)
        plainly = []
        for count in (1, args.prompts):
            (folder / "prompts.json").write_text(json.dumps(prompts[:count]))
            rest = [
                str(folder / "model"),
                str(folder / "prompts.json"),
                str(args.batch),
                str(args.tokens),
            ]
            plainly.append(measure([sys.executable, "-c", PLAIN, *rest]))
        report(f"plain transformers, batch {args.batch}", *plainly, args.prompts)
        print(
            f"featherweight, nothing to do: {again.cpu:.2f} CPU-s, {again.wall:.1f} s wall,"
            f" {again.peak:.0f} MiB"
        )
        own = resource.getrusage(resource.RUSAGE_SELF)
        print(
            f"(this script itself: {own.ru_utime + own.ru_stime:.1f} CPU-s, load"
            f" {os.getloadavg()[0]:.1f})"
        )


if __name__ == "__main__":
    main()
