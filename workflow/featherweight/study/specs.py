"""The spec of every stage: the part of a plan that the stage may depend on, and nothing more.

Each function returns plain JSON types. A key that is not in a spec cannot make its stage run again.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

from featherweight.canonical import digest
from featherweight.study.plan import Plan, cell_spec
from featherweight.study.schema import Contrast, TaskEntry


def _facts(plan: Plan, model: str, *keys: str) -> dict[str, Any]:
    facts = plan.facts(model).model_dump(mode="json")
    return {"name": model} | {key: facts[key] for key in keys}


def acquire_model(plan: Plan, model: str) -> dict[str, Any]:
    """What `acquire` must know of a model."""
    return _facts(
        plan,
        model,
        "kind",
        "repository",
        "revision",
        "folder",
        "licence",
        "gated",
        "alternative",
        "prompt_format",
    )


def acquire_dataset(plan: Plan, dataset: str) -> dict[str, Any]:
    """What `acquire` must know of a dataset."""
    facts = plan.catalogue.datasets[dataset].model_dump(mode="json")
    own = plan.config.datasets.get(dataset)
    wanted = ("kind", "url", "revision", "files", "repository", "licence")
    return {"name": dataset, "folder": own or facts["folder"], "own": own is not None} | {
        key: facts[key] for key in wanted
    }


def preflight(plan: Plan) -> dict[str, Any]:
    """Everything that a study needs from outside."""
    return {
        "study": plan.name,
        "engine": plan.engine,
        "models": [acquire_model(plan, model) for model in plan.models],
        "datasets": [acquire_dataset(plan, dataset) for dataset in plan.datasets],
    }


def draw(plan: Plan, label: str) -> dict[str, Any]:
    """Which items a task entry draws."""
    entry = plan.entry(label)
    cells = [cell for cell in plan.cells() if cell.task == label]
    return {
        "label": label,
        "task": entry.task,
        "count": None if entry.prompts_per_category == "all" else entry.prompts_per_category,
        "subset": None if entry.subset is None else entry.subset.model_dump(mode="json"),
        "draws": sorted({(cell.category, cell.item_seed) for cell in cells}),
    }


def _wording(plan: Plan, label: str) -> str:
    entry = plan.entry(label)
    return entry.wording or plan.catalogue.datasets[entry.task].wordings[0]


def wording_pairs(plan: Plan) -> list[tuple[str, str]]:
    """The labels of each two entries that ask the same questions in two wordings, and let the
    answers be generated.
    """

    def questions(entry: TaskEntry) -> dict[str, Any]:
        return {key: value for key, value in draw(plan, entry.name).items() if key != "label"}

    written = [entry for entry in plan.study.tasks if entry.answers == "generated"]
    return [
        (first.name, second.name)
        for first, second in combinations(written, 2)
        if _wording(plan, first.name) != _wording(plan, second.name)
        and questions(first) == questions(second)
    ]


def _contrasts(plan: Plan) -> list[dict[str, Any]]:
    """The contrasts that the study names, and one for each two wordings that it does not name."""
    named = [set(contrast.pair) for contrast in plan.study.contrasts]
    unnamed = [
        Contrast(pair=(second, first))
        for first, second in wording_pairs(plan)
        if {first, second} not in named
    ]
    return [contrast.model_dump(mode="json") for contrast in [*plan.study.contrasts, *unnamed]]


def render(plan: Plan, model: str) -> dict[str, Any]:
    """How a model's prompts are rendered."""
    facts = _facts(plan, model, "kind", "prefill", "system", "prompt_format", "thinking")
    return facts | {
        "cells": [cell_spec(cell) for cell in plan.cells()],
        "tasks": {
            entry.name: {
                "task": entry.task,
                "wording": _wording(plan, entry.name),
                "answers": entry.answers,
            }
            for entry in plan.study.tasks
        },
    }


def generate(plan: Plan, model: str) -> dict[str, Any]:
    """How a model's answers are generated."""
    facts = plan.facts(model)
    change = plan.study.decoding_by_model.get(model)
    decoding = plan.study.decoding.model_dump()
    if change is not None:
        decoding |= {key: value for key, value in change.model_dump().items() if value is not None}
    control = facts.kind == "control"
    return {
        "model": model,
        "revision": facts.revision,
        "engine": "controls" if control else plan.engine,
        "control": facts.control,
        "dtype": facts.control if control else plan.study.dtype,
        "decoding": decoding,
        "samples_per_prompt": plan.study.samples_per_prompt,
        "thinking": None if facts.thinking is None else facts.thinking.model_dump(),
        "chunk": None,  # what suits the device that computes: generate/work.py
        "cells": [cell_spec(cell) for cell in plan.cells()],
    }


def score(plan: Plan, model: str) -> dict[str, Any]:
    """Which cells of a model are scored."""
    return {"model": model, "cells": [cell_spec(cell) for cell in plan.cells()]}


def aggregate(plan: Plan) -> dict[str, Any]:
    """What the estimates are made of."""
    study = plan.study
    return {
        "models": plan.models,
        "controls": study.controls,
        "policy": study.policy,
        "baseline": study.baseline,
        "contrasts": _contrasts(plan),
        "draws": study.bootstrap_draws,
        "seed": 0,
        "level": 0.95,
    }


def compare(plan: Plan) -> dict[str, Any]:
    """What the comparison must know about models and tasks."""
    study = plan.study
    keys = (
        "kind",
        "label",
        "planted",
        "control",
        "parameters_billion",
        "repository",
        "revision",
        "licence",
    )
    return {
        "study": plan.name,
        "title": study.title,
        "question": study.question,
        "models": {model: _facts(plan, model, *keys) for model in plan.models},
        "controls": study.controls,
        "tasks": {entry.name: entry.task for entry in study.tasks},
        "answers": {entry.name: entry.answers for entry in study.tasks},
        "wordings": {entry.name: _wording(plan, entry.name) for entry in study.tasks},
        "wording_pairs": [list(pair) for pair in wording_pairs(plan)],
        "contrasts": _contrasts(plan),
        "policy": study.policy,
        "baseline": study.baseline,
        "max_new_tokens": study.decoding.max_new_tokens,
    }


def report(plan: Plan) -> dict[str, Any]:
    """What the report says about the study itself."""
    study = plan.study
    return compare(plan) | {
        "engine": plan.engine,
        "partial": plan.partial,
        "dtype": study.dtype,
        "decoding": {model: generate(plan, model)["decoding"] for model in plan.models},
        "samples_per_prompt": study.samples_per_prompt,
        "seeds": study.seeds,
        "same_items": study.same_items,
        "draws": {entry.name: draw(plan, entry.name) for entry in study.tasks},
        "labels": {name: facts.label for name, facts in plan.catalogue.datasets.items()},
        "categories": {entry.name: plan.categories(entry) for entry in study.tasks},
        "bootstrap_draws": study.bootstrap_draws,
        "examples_per_cell": plan.config.examples_per_cell,
        "thinking": [model for model in plan.models if plan.facts(model).thinking is not None],
        "config_hash": digest(study.model_dump(mode="json"))[:16],
        "cells": [cell_spec(cell) for cell in plan.cells()],
    }
