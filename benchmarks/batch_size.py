"""How much an answer depends on the number of rows that are computed together: the same requests at
batch 1 and 64.

    python benchmarks/batch_size.py [--model FOLDER] [--engine transformers] [--dtype float32]
        [--task pocket]
    python benchmarks/batch_size.py --model MODEL --engine exllamav2 --dtype float16 --task bbq
        --data FOLDER

A sample's noise is the same at every batch size; the logits are not, bit for bit, because matrix
products of another shape add in another order. This counts how often that changes a sample's
tokens, and how often the answer that the study reads from it, greedily and sampled. Batch 1: each
request by itself, prompt included. Intervals are Wilson's at 95%, over samples; with several
samples per prompt they are too narrow where changes come by prompt. Reads a model's folder and a
dataset's folder; writes nothing.

Expected before the first measurement: float32, no sample of a pocket model changes (fewer than 1 in
1000); bfloat16, up to one answer text in ten of 60 tokens, and few of the answers read.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow"))

from featherweight.chat.templates import load_tokenizer, render  # noqa: E402
from featherweight.chat.thinking import split_thinking  # noqa: E402
from featherweight.engines import (  # noqa: E402
    ENGINE_NAMES,
    Completion,
    Decoding,
    Engine,
    Request,
    load_engine,
)
from featherweight.errors import InputError  # noqa: E402
from featherweight.reading.choice import read_answer  # noqa: E402
from featherweight.records import Choices  # noqa: E402
from featherweight.specs import RenderSpec, Thinking  # noqa: E402
from featherweight.stats.intervals import wilson  # noqa: E402
from featherweight.tasks import task, task_names  # noqa: E402
from featherweight.tasks.choice import draw_items, messages, shown_order, stream_seed  # noqa: E402

TAGS = Thinking(open="<think>", close="</think>")


class Asked(NamedTuple):
    """One sample, and what is needed to read its answer."""

    request: Request
    prompt: str
    choices: Choices
    order: tuple[int, ...]


class Change(NamedTuple):
    """What differs between the two runs, in numbers of samples."""

    samples: int
    tokens: int  # samples whose tokens differ
    answers: int  # samples from which another answer is read, or an answer only once
    read: int  # samples from which an answer is read at both batch sizes
    # largest difference of the mean log-probability among samples with the same tokens
    logprob: float


def main() -> None:
    """Generate twice per temperature, and print."""
    args = _arguments()
    try:
        samples = make_samples(args)
        engine = load_engine(
            args.engine,
            args.model,
            dtype=args.dtype,
            threads=args.threads,
            kept=(TAGS.open, TAGS.close),
        )
        print(
            f"{args.model.name}: {engine.identity}\n{len(samples)} samples of {args.items} items"
            " per category"
        )
        print(
            f"{'':16}{'tokens change':>26}{'the answer changes':>28}{'answers read':>15} "
            " log-probability"
        )
        for temperature in args.temperatures:
            decoding = Decoding(temperature, args.top_p, 0)
            # greedy samples are all the same
            asked = samples[:: args.samples] if temperature == 0 else samples
            requests = [one.request for one in asked]
            alone = generate(engine, requests, decoding, 1)
            together = generate(engine, requests, decoding, args.batch)
            print(line(temperature, compare(asked, alone, together)), flush=True)
    except InputError as error:
        raise SystemExit(str(error)) from None


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--model", type=Path, default=ROOT / "resources/pocket/models/pocket-thinker"
    )
    parser.add_argument(
        "--engine",
        choices=ENGINE_NAMES,
        default="transformers",
    )
    parser.add_argument("--dtype", default="float32", help="float32, bfloat16, float16 or auto")
    parser.add_argument("--task", choices=task_names(), default="pocket")
    parser.add_argument(
        "--data", type=Path, default=ROOT / "resources/pocket", help="the dataset's folder"
    )
    parser.add_argument("--categories", nargs="+", help="default: all of the task")
    parser.add_argument("--items", type=int, default=48, help="per category, a multiple of four")
    parser.add_argument(
        "--samples", type=int, default=4, help="per item, where the temperature is not 0"
    )
    parser.add_argument("--temperatures", type=float, nargs="+", default=[0.0, 0.7])
    parser.add_argument("--top-p", type=float, default=1.0)
    parser.add_argument("--max-new-tokens", type=int, default=64)
    parser.add_argument("--batch", type=int, default=64, help="rows of the second run")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--prompt-format",
        help="for base models without a chat template, e.g. '{message}\\nAnswer:'",
    )
    return parser.parse_args()


def make_samples(args: argparse.Namespace) -> list[Asked]:
    """The samples of every category, those of one item together; questions as the study puts
    them."""
    asked = task(args.task)
    if asked.choices is None:
        raise InputError(f"--task: expected a task with options, got {args.task}")
    tokenizer = load_tokenizer(args.model)
    model = RenderSpec(
        name=args.model.name,
        kind="folder",
        prefill=None,
        system=None,
        prompt_format=args.prompt_format,
        thinking=None,
        cells=(),
        tasks={},
    )
    wording = asked.wordings[0]
    samples = []
    for category in args.categories or asked.categories:
        try:
            loaded = asked.load(args.data, category)
            items = draw_items(loaded.items, args.items, 0)
        except (LookupError, ValueError) as error:
            raise InputError(f"--categories, --items: {error}") from None
        facts = {item.item_id: fact for item, fact in zip(loaded.items, loaded.facts, strict=True)}
        for item in items:
            order = shown_order(item, 0) or ()
            prompt, ids = render(tokenizer, messages(item, wording, order), model)
            choices = asked.choices(item, facts[item.item_id])
            samples += [
                Asked(
                    Request(
                        prompt_ids=ids,
                        stream=stream_seed("sample", 0, item.item_id, index),
                        max_new_tokens=args.max_new_tokens,
                    ),
                    prompt,
                    choices,
                    order,
                )
                for index in range(args.samples)
            ]
    return samples


def generate(
    engine: Engine, requests: Sequence[Request], decoding: Decoding, batch: int
) -> list[Completion]:
    """The completions with at most `batch` rows in a step; with 1 each request is a list of its
    own.
    """
    if batch == 1:
        return [engine.generate([request], decoding, lambda count: None)[0] for request in requests]
    limited: Any = engine
    limited.rows = batch
    return engine.generate(requests, decoding, lambda count: None)


def compare(
    asked: Sequence[Asked], alone: Sequence[Completion], together: Sequence[Completion]
) -> Change:
    """Count the samples that differ. Raises ValueError where there is nothing to compare."""
    if not asked:
        raise ValueError("no samples to compare")
    tokens = answers = read = 0
    logprob = 0.0
    for sample, one, other in zip(asked, alone, together, strict=True):
        first, second = (_answer(sample, completion) for completion in (one, other))
        answers += first != second
        read += None not in (first, second)
        if (one.token_ids, one.finish) != (other.token_ids, other.finish):
            tokens += 1
        elif one.mean_logprob is not None and other.mean_logprob is not None:
            logprob = max(logprob, abs(one.mean_logprob - other.mean_logprob))
    return Change(len(asked), tokens, answers, read, logprob)


def _answer(sample: Asked, completion: Completion) -> int | None:
    """The option that the study reads; None where it reads none."""
    text = split_thinking(completion.text, TAGS, sample.prompt).answer
    return read_answer(text, sample.choices, sample.order, completion.finish).chosen


def line(temperature: float, change: Change) -> str:
    """One row of the table."""
    name = "greedy" if temperature == 0 else f"temperature {temperature:g}"
    return (
        f"{name:16}{_share(change.tokens, change.samples):>26}"
        f"{_share(change.answers, change.samples):>28}{change.read:>10}/{change.samples}"
        f"  {change.logprob:.1e}"
    )


def _share(count: int, total: int) -> str:
    interval = wilson(count, total)
    return f"{count}/{total} {count / total:.1%} [{interval.low:.1%}, {interval.high:.1%}]"


if __name__ == "__main__":
    main()
