"""A made-up study of graded tasks, alone or beside choices: items and answers are drawn from a
seeded generator, and the product itself reads, grades and aggregates them; nothing was measured.

`SUMS` has levels, subjects and a planted table, `OLYMPIAD` 30 problems and neither. Models may be
asked some of the tasks only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

import fabricated
from fabricated import HOSTILE, Question, Study
from featherweight.aggregate.run import run as aggregate
from featherweight.files import write_rows
from featherweight.records import Item, Prompt, Reading, Sample
from featherweight.score.run import run as score
from featherweight.specs import (
    AggregateSpec,
    Cell,
    DecodingSpec,
    DrawSpec,
    PlantedSpec,
    ReportSpec,
    ScoreSpec,
    StudiedModel,
    StudiedTask,
    Wording,
)
from featherweight.tasks import Loaded, Task, task

LEVELS = tuple(f"level {number}" for number in range(1, 6))
PLANTED = dict(zip(LEVELS, (0.9, 0.75, 0.6, 0.4, 0.25), strict=True))
SUBJECTS = ("Algebra", "Counting_and_Probability")
PER_SUBJECT = 25
HUGE = "0123456789 " * 100_000  # a text of a megabyte


def reads(text: str | None, item: Item, finish: str) -> Reading:
    """The last box; one that was opened and not closed is not finished."""
    if text is None or text.rfind(r"\boxed{") > text.rfind("}"):
        return Reading(None, None, None, unfinished=True)
    found = re.findall(r"\\boxed\{([^{}]*)\}", text)
    if found:
        return Reading(found[-1], "box", None)
    return Reading(None, None, "none" if text.strip() else "empty")


def _task(name: str, **changes: object) -> Task:
    given: dict[str, object] = {
        "name": name,
        "wordings": (Wording(name="boxed", user="{question}"), Wording(name="plain", user="?")),
        "load": lambda folder, category: Loaded((), ()),
        "policy": "wrong",
        "policies": ("wrong", "drop"),
        "controls": {"oracle": lambda asked: rf"It is \boxed{{{asked.item.gold}}}."},
        "choices": None,
        "read": reads,
        "grading": "integer",
    }
    return Task(**given | changes)  # type: ignore[arg-type]


SUMS = _task(
    "sums",
    categories=dict.fromkeys(SUBJECTS, PER_SUBJECT),
    strata=LEVELS,
    planted=lambda table, item, temperature: PLANTED[item.stratum or ""],
    planted_tables=("solver",),
)
OLYMPIAD = _task("olympiad", categories={"2024-I": 15, "2024-II": 15}, benchmark="AIME24")
NAMES = {"sums": "Sums", "olympiad": "Olympiad", "pocket": "Pocket items"}


def solver() -> StudiedModel:
    """A model in which the accuracy of each level was planted."""
    values = tuple(
        PlantedSpec(task="sums", metric="accuracy", stratum=level, value=value)
        for level, value in PLANTED.items()
    )
    made = fabricated.facts("solver", label="Pocket, solver", rate=0.0)
    return made.model_copy(update={"planted": values})


def models() -> dict[str, StudiedModel]:
    """A solver with planted levels, two larger ones, one of which thinks aloud."""
    named = {"strong": "Strong 7B", "thinker": "Thinker 1.5B"}
    return {"solver": solver()} | {
        name: fabricated.facts(name, label=label) for name, label in named.items()
    }


def build(
    root: Path,
    studied: Mapping[str, StudiedModel],
    asks: Mapping[str, Sequence[str]],
    *,
    controls: Sequence[str] = (),
    samples: int = 1,
    hostile: bool = False,
    seed: int = 0,
) -> Study:
    """Write a study; `asks` says of each task which models (and controls) it is put to."""
    generator = np.random.default_rng(seed)
    every = dict(studied) | {name: fabricated.facts(name) for name in controls}
    entries = {label: _entry(label, tuple(asked)) for label, asked in asks.items()}
    cells = {
        label: tuple(
            Cell(task=label, category=category, seed=0, item_seed=0, sample_seed=0)
            for category in entry.categories
        )
        for label, entry in entries.items()
    }
    questions = {
        cell.path: _items(task(label), cell.category, hostile)
        for label, of in cells.items()
        for cell in of
    }
    for of in cells.values():
        for cell in of:
            fabricated._write_items(root / "items", cell, questions[cell.path])
    for name, one in every.items():
        own = [cell for label, asked in asks.items() if name in asked for cell in cells[label]]
        for cell in own:
            _write_answers(root, one, cell, questions[cell.path], samples, generator)
        solves = name == "solver" and "sums" in {cell.task for cell in own}
        score(
            ScoreSpec(
                model=name,
                cells=tuple(own),
                tasks={cell.task: cell.task for cell in own},
                samples_per_prompt=samples,
                planted={"sums": "solver"} if solves else {},
                temperature=1.0 if solves else None,
            ),
            items=root / "items",
            prompts=root / "prompts" / name,
            samples=root / "generate" / name,
            output=root / "score" / f"{name}.parquet",
        )
        fabricated._write_context(root, one)
    spec = _spec(every, controls, entries, [c for of in cells.values() for c in of], samples)
    aggregate(
        [root / "score" / f"{name}.parquet" for name in every],
        AggregateSpec(
            models=tuple(every),
            controls=tuple(controls),
            tasks={label: label for label in entries},
            policies=spec.policies,
            draws=20,
        ),
        root / "aggregate",
    )
    return Study(root, spec)


def _entry(label: str, asked: tuple[str, ...]) -> StudiedTask:
    categories = tuple(task(label).categories)
    categories = tuple(c for c in categories if c in fabricated.CATEGORIES) or categories
    draws = tuple((category, 0) for category in categories)
    return StudiedTask(
        label=label,
        task=label,
        name=NAMES.get(label, label.capitalize()),
        models=asked,
        wording=task(label).wordings[0].name,
        answers="generated",
        categories=categories,
        draw=DrawSpec(label=label, task=label, count=None, subset=None, draws=draws),
    )


def _spec(
    every: Mapping[str, StudiedModel],
    controls: Sequence[str],
    entries: Mapping[str, StudiedTask],
    cells: Sequence[Cell],
    samples: int,
) -> ReportSpec:
    decoding = DecodingSpec(temperature=1.0, top_p=1.0, top_k=0, max_new_tokens=256)
    return ReportSpec(
        study="made-up",
        title="Who can add?",
        question="A made-up study: every number on this page is synthetic.",
        models=dict(every),
        controls=tuple(controls),
        tasks=dict(entries),
        wording_pairs=(),
        contrasts=(),
        policies={label: task(label).policy or "drop" for label in entries},
        baseline=None,
        max_new_tokens=256,
        engine="transformers",
        partial=None,
        dtype="float32",
        decoding=dict.fromkeys(every, decoding),
        samples_per_prompt=samples,
        seeds=(0,),
        same_items=False,
        bootstrap_draws=2000,
        examples_per_cell=2,
        thinking=("thinker",) if "thinker" in every else (),
        config_hash="c0ffee",
        cells=tuple(cells),
    )


def _items(one: Task, category: str, hostile: bool) -> list[Question]:
    if one.grading is None:
        return fabricated._items(one, category, 2)
    count = one.categories[category] or 0
    return [Question(_problem(one, category, number, hostile), None) for number in range(count)]


def _problem(one: Task, category: str, number: int, hostile: bool) -> Item:
    name = f"{one.name}-{category}-{number:03d}"
    gold = (
        HOSTILE.replace("{", "").replace("}", "") if hostile and number == 0 else f"{17 * number}"
    )
    return Item(
        task=one.name,
        item_id=name,
        category=category,
        cluster=name,
        block=name,
        group=category,
        stratum=one.strata[number % len(one.strata)] if one.strata else None,
        context="",
        question=f"What is 17 times {number}?",
        options=None,
        gold=gold,
    )


def _write_answers(
    root: Path,
    model: StudiedModel,
    cell: Cell,
    questions: Sequence[Question],
    samples: int,
    generator: np.random.Generator,
) -> None:
    free = task(cell.task).grading is not None
    prompts, answers = [], []
    for one in questions:
        if free:
            prompts.append(_prompt(model.name, one.item))
            answers += [_sample(model, one.item, index, generator) for index in range(samples)]
        else:
            prompts.append(fabricated._prompt(model.name, one.item))
            plain = fabricated._sample(model, one, generator)
            answers += [_again(plain, index) for index in range(samples)]
    write_rows(root / "prompts" / model.name / cell.path, prompts, Prompt)
    write_rows(root / "generate" / model.name / cell.path, answers, Sample)


def _again(sample: Sample, index: int) -> Sample:
    fields = {name: getattr(sample, name) for name in Sample.__slots__}
    return Sample(**fields | {"sample_index": index})


def _prompt(model: str, item: Item) -> Prompt:
    text = f"<|user|>\n{item.question}\nPut the answer in a box.\n<|assistant|>\n"
    return Prompt(model, item.task, item.category, 0, 0, item.item_id, text, (1, 2, 3), None)


RATES = {"solver": 0.0, "strong": 0.7, "thinker": 0.45}


def _sample(model: StudiedModel, item: Item, index: int, draw: np.random.Generator) -> Sample:
    """Steps and a box: right at the model's rate, sometimes cut off, sometimes without an answer;
    of the first problem a megabyte, of the second nothing but control characters.
    """
    rate = PLANTED.get(item.stratum or "", 0.5) if model.name == "solver" else RATES.get(model.name)
    fate = draw.random()
    right = draw.random() < (1.0 if rate is None else rate - _harder(model, item))
    answer = item.gold if right else str(int(draw.integers(1000)))
    steps = f"First, 17 times ten is 170.\n\nThen the rest.\n\n{HOSTILE}\n\nSo"
    text, finish = rf"{steps} \boxed{{{answer}}}.", "stop"
    if model.control is None and model.name != "solver":
        if fate < 0.12:
            text, finish = rf"{steps} \boxed{{{answer}", "length"
        elif fate < 0.16:
            text = "I cannot say \x07\x1b[2J\x00 <b>anything</b>."
        elif item.item_id.endswith("001"):
            text = rf"{HUGE}\boxed{{{answer}}}"
    thinking = "Let me see.\n\nSeventeen, again and again." if "think" in model.name else None
    return Sample(
        model=model.name,
        task=item.task,
        category=item.category,
        item_seed=0,
        sample_seed=0,
        item_id=item.item_id,
        sample_index=index,
        text=text if thinking is None else f"<think>{thinking}</think>{text}",
        thinking=thinking,
        answer=text,
        token_ids=tuple(range(20)),
        n_prompt_tokens=12,
        n_tokens=256 if finish == "length" else 40 + len(item.item_id),
        finish=finish,  # type: ignore[arg-type]
        mean_logprob=-0.2,
    )


def _harder(model: StudiedModel, item: Item) -> float:
    """How much less often a larger model is right, the higher the level."""
    if model.name == "solver" or item.stratum is None:
        return 0.0
    return 0.08 * LEVELS.index(item.stratum)
