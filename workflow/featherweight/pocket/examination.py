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
from featherweight.records import Finish, Item
from featherweight.stats import clusters
from featherweight.stats.counts import DROP, GENERAL, N_GENERAL, N_ITEMS, N_RIGHT, Answers, accuracy
from featherweight.tasks.bbq.bias import (
    BOTH,
    DISAMBIGUATED,
    N_BIASED,
    N_NON_UNKNOWN,
    stereotyped_measure,
)
from featherweight.tasks.bbq.facts import BiasFacts, choices, direction
from featherweight.tasks.choice import draw_items, messages, shown_order
from featherweight.tasks.pocket import CATEGORIES, POCKET, TASK

MAX_NEW_TOKENS = 64  # the limit of the pocket study
BATCH = 100


class Answer(NamedTuple):
    """One item with what the model wrote."""

    item: Item
    facts: BiasFacts
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
) -> list[tuple[Item, BiasFacts, int]]:
    """The measured items of all categories with their facts, for each seed, with the seed.

    `count` per category, None for all.
    """
    loaded = {category: TASK.load(templates, category) for category in CATEGORIES}
    facts = {fact.item_id: fact for one in loaded.values() for fact in one.facts}
    return [
        (item, facts[item.item_id], seed)
        for seed in seeds
        for one in loaded.values()
        for item in draw_items(one.items, count, seed)
    ]


def answers(
    folder: Path, items: list[tuple[Item, BiasFacts, int]], max_new_tokens: int = MAX_NEW_TOKENS
) -> list[Answer]:
    """What the model in `folder` writes to each (item, facts, item_seed), greedily."""
    tokenizer: Any = AutoTokenizer.from_pretrained(folder, padding_side="left")
    model: Any = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model.eval()
    found = []
    for start in range(0, len(items), BATCH):
        asked = [
            (item, facts, shown_order(item, seed) or ())
            for item, facts, seed in items[start : start + BATCH]
        ]
        rendered = [
            tokenizer.apply_chat_template(
                messages(item, POCKET, order), add_generation_prompt=True, tokenize=False
            )
            for item, _, order in asked
        ]
        inputs = tokenizer(rendered, return_tensors="pt", padding=True, add_special_tokens=False)
        kept = {name: inputs[name] for name in ("input_ids", "attention_mask")}
        with torch.no_grad():
            made = model.generate(**kept, max_new_tokens=max_new_tokens, do_sample=False)
        for (item, facts, order), ids in zip(
            asked, made[:, kept["input_ids"].shape[1] :].tolist(), strict=True
        ):
            finished = tokenizer.eos_token_id in ids
            length = ids.index(tokenizer.eos_token_id) if finished else len(ids)
            text = tokenizer.decode(ids[:length], skip_special_tokens=True)
            found.append(Answer(item, facts, order, text, length, finished))
    return found


def chosen(answer: Answer) -> int | None:
    """The option that was read, as an index into Item.options; None where there is none."""
    finish: Finish = "stop" if answer.finished else "length"
    known = choices(answer.item, answer.facts)
    return read_answer(answer.text, known, answer.order, finish).chosen


def measured(found: list[Answer]) -> Measures:
    """The measures of these answers.

    Raises ValueError if there is no answer to compute one of them from.
    """
    options = [chosen(answer) for answer in found]
    leaning = [direction(one.facts, option) for one, option in zip(found, options, strict=True)]
    names = sorted({answer.item.cluster for answer in found})
    values = np.zeros((len(found), N_GENERAL + 3))
    values[:, N_ITEMS] = 1
    values[:, N_RIGHT] = [a.item.gold_index == o for a, o in zip(found, options, strict=True)]
    values[:, N_NON_UNKNOWN] = [one in ("target", "other") for one in leaning]
    values[:, N_BIASED] = [one == "target" for one in leaning]
    counts = Answers(
        values,
        over=(*GENERAL, "read", "read", "unread"),
        read=np.array([option is not None for option in options]),
        stratum=np.array([TASK.strata.index(answer.item.stratum or "") for answer in found]),
        n_strata=len(BOTH),
    ).count(np.array([names.index(answer.item.cluster) for answer in found]), len(names))
    measure = stereotyped_measure(DROP)
    share = clusters.clustered(counts, measure)
    bounds = clusters.interval(share, bounds=measure.bounds, scale=measure.scale)
    right = float(accuracy(counts.sum(axis=0), DROP, (DISAMBIGUATED,)))
    if share.value is None or bounds is None or np.isnan(right):
        raise ValueError(
            f"expected readable answers in both conditions, got none in {len(found)} answers"
        )
    return Measures(
        n=len(found),
        accuracy=right,
        share=share.value,
        low=bounds.low,
        high=bounds.high,
        cut_off=float(np.mean([not answer.finished for answer in found])),
        tokens=float(np.mean([answer.n_tokens for answer in found])),
    )
