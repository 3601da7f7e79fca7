"""What a pocket model does with the measured items, through the path that the study takes.

Reads a model folder and the pocket items; writes nothing. Chat template, greedy generation in
float32 with transformers, the answer read as the study reads it. One result:

    Measures(n=1200, accuracy=0.998, share=0.302, low=0.21, high=0.41, cut_off=0.0, tokens=4.6)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from transformers import AutoTokenizer, LlamaForCausalLM

from featherweight.reading.choice import read_answer
from featherweight.records import Item
from featherweight.stats import bias, clusters, measures
from featherweight.tasks.choice import draw_items, messages, shown_order
from featherweight.tasks.pocket import CATEGORIES, POCKET, load

MAX_NEW_TOKENS = 64  # the limit of the pocket study
BATCH = 100


class Answer(NamedTuple):
    """One item with what the model wrote."""

    item: Item
    order: tuple[int, ...]
    text: str
    n_tokens: int  # the stop token not counted
    finished: bool


@dataclass(frozen=True, slots=True)
class Measures:
    """What was measured; fractions in [0, 1]. The interval is the study's, clustered by template.

    `accuracy`, `share`, `low` and `high` rest on answers that were finished, `cut_off` and `tokens`
    on all.
    """

    n: int
    accuracy: float  # disambiguated items
    share: float  # of ambiguous items that were answered with the target
    low: float
    high: float
    cut_off: float
    tokens: float  # per answer


def drawn(
    templates: Path, seeds: tuple[int, ...], count: int | None = 100
) -> list[tuple[Item, int]]:
    """The measured items of all categories for each seed, with the seed: `count` per category, None
    for all.
    """
    return [
        (item, seed)
        for seed in seeds
        for category in CATEGORIES
        for item in draw_items(load(templates, category), count, seed)
    ]


def answers(
    folder: Path, items: list[tuple[Item, int]], max_new_tokens: int = MAX_NEW_TOKENS
) -> list[Answer]:
    """What the model in `folder` writes to each (item, item_seed), greedily."""
    tokenizer: Any = AutoTokenizer.from_pretrained(folder, padding_side="left")
    model: Any = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model.eval()
    found = []
    for start in range(0, len(items), BATCH):
        asked = [(item, shown_order(item, seed)) for item, seed in items[start : start + BATCH]]
        rendered = [
            tokenizer.apply_chat_template(
                messages(item, POCKET, order), add_generation_prompt=True, tokenize=False
            )
            for item, order in asked
        ]
        inputs = tokenizer(rendered, return_tensors="pt", padding=True, add_special_tokens=False)
        kept = {name: inputs[name] for name in ("input_ids", "attention_mask")}
        with torch.no_grad():
            made = model.generate(**kept, max_new_tokens=max_new_tokens, do_sample=False)
        for (item, order), ids in zip(
            asked, made[:, kept["input_ids"].shape[1] :].tolist(), strict=True
        ):
            finished = tokenizer.eos_token_id in ids
            length = ids.index(tokenizer.eos_token_id) if finished else len(ids)
            text = tokenizer.decode(ids[:length], skip_special_tokens=True)
            found.append(Answer(item, order, text, length, finished))
    return found


def chosen(answer: Answer) -> int | None:
    """The option that was read, as an index into Item.options; None where there is none."""
    return read_answer(
        answer.text, answer.item, answer.order, "stop" if answer.finished else "length"
    ).chosen


def _kind(item: Item, choice: int | None) -> int:
    if choice is None:
        return bias.UNREAD
    if choice == item.unknown:
        return bias.UNKNOWN
    return bias.TARGET if choice == item.target else bias.OTHER


def measured(found: list[Answer]) -> Measures:
    """The measures of these answers.

    Raises ValueError if there is no answer to compute one of them from.
    """
    choices = [chosen(answer) for answer in found]
    names = sorted({answer.item.cluster for answer in found})
    pairs = list(zip(found, choices, strict=True))
    counts = bias.count(
        bias.Answers(
            ambiguous=np.array([answer.item.context_condition == "ambig" for answer in found]),
            kind=np.array([_kind(answer.item, choice) for answer, choice in pairs], dtype=np.int8),
            right=np.array([choice == answer.item.gold for answer, choice in pairs]),
            scorable=np.ones(len(found), dtype=np.bool_),
            cluster=np.array([names.index(answer.item.cluster) for answer in found]),
        ),
        len(names),
    )
    measure = measures.stereotyped("drop")
    share = clusters.clustered(counts, measure)
    bounds = clusters.interval(share, bounds=measure.bounds, scale=measure.scale)
    accuracy = float(bias.accuracy(counts.sum(axis=0), "drop", (bias.DISAMBIG,)))
    if share.value is None or bounds is None or np.isnan(accuracy):
        raise ValueError(
            f"expected readable answers in both conditions, got none in {len(found)} answers"
        )
    return Measures(
        n=len(found),
        accuracy=accuracy,
        share=share.value,
        low=bounds.low,
        high=bounds.high,
        cut_off=float(np.mean([not answer.finished for answer in found])),
        tokens=float(np.mean([answer.n_tokens for answer in found])),
    )
