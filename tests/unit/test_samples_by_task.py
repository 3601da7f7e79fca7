"""A task entry may ask for its own number of samples: in the plan, at generation, in the scores."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from featherweight.errors import InputError
from featherweight.generate.plan import samples_of
from featherweight.records import Prompt
from featherweight.specs import ScoreSpec
from featherweight.study import Plan, make_plan, stage_specs
from featherweight.tasks import catalogue

ENTRIES = [
    {"task": "pocket", "prompts_per_category": 8},
    {"task": "pocket", "label": "often", "prompts_per_category": 8, "samples_per_prompt": 3},
]
WARM = {"temperature": 0.7}


@pytest.fixture
def path(root: Path, tmp_path: Path) -> Path:
    shutil.copytree(root / "config", tmp_path / "config")
    return tmp_path / "config" / "studies" / "pocket.yaml"


def plan_of(path: Path, **changes: Any) -> Plan:
    study = {
        "title": "Samples",
        "question": "How many?",
        "models": ["pocket-fair", "pocket-biased"],
        "controls": ["oracle"],
        "tasks": ENTRIES,
        "decoding": WARM,
    }
    path.write_text(yaml.safe_dump(study | changes))
    return make_plan({"study": "pocket"}, path.parents[1], catalogue())


@pytest.mark.parametrize("name", ["pocket-fair", "oracle"])
def test_each_stage_is_told_how_many_samples_an_entry_asks(path: Path, name: str) -> None:
    plan = plan_of(path, samples_per_prompt=2)
    for spec in (stage_specs.generate(plan, name), stage_specs.score(plan, name)):
        assert (spec.samples_of("pocket"), spec.samples_of("often")) == (2, 3)
    assert stage_specs.report(plan).samples_of("often") == 3


def test_a_model_is_told_of_its_own_entries_alone(path: Path) -> None:
    """So that another entry's number makes none of its stages run again."""
    entries = [ENTRIES[0], ENTRIES[1] | {"models": ["pocket-biased"]}]
    plan = plan_of(path, tasks=entries)
    assert stage_specs.generate(plan, "pocket-fair").samples_by_task == {}
    assert stage_specs.generate(plan, "pocket-biased").samples_by_task == {"often": 3}


def test_generate_asks_each_prompt_as_often(path: Path) -> None:
    spec = stage_specs.generate(plan_of(path), "pocket-fair")
    for cell in spec.cells:
        prompt = Prompt("pocket-fair", cell.task, cell.category, 0, 0, "x", "", (1,), None)
        indices = [index for index, _ in samples_of(spec, cell, prompt)]
        assert indices == ([0, 1, 2] if cell.task == "often" else [0])


# (changes of the study, what is said; nothing: it is a plan)
SLIPS: list[tuple[dict[str, Any], list[str]]] = [
    ({}, []),
    (
        {"decoding": {"temperature": 0.0}},
        ["tasks.1.samples_per_prompt: with temperature 0 all 3 samples of a prompt are the same"],
    ),
    # Who is greedy is not asked several times.
    (
        {
            "decoding": {"temperature": 0.0},
            "decoding_by_model": {"pocket-biased": WARM},
            "tasks": [ENTRIES[0], ENTRIES[1] | {"models": ["pocket-biased", "oracle"]}],
        },
        [],
    ),
    (
        {
            "decoding_by_model": {"pocket-biased": {"temperature": 0.0}},
            "tasks": [ENTRIES[0], ENTRIES[1] | {"models": ["pocket-biased"]}],
        },
        ["decoding_by_model.pocket-biased.temperature: with temperature 0 all 3 samples"],
    ),
    # Several of every entry but the greedy one's.
    (
        {
            "samples_per_prompt": 2,
            "decoding_by_model": {"pocket-biased": {"temperature": 0.0}},
            "tasks": [
                ENTRIES[0] | {"models": ["pocket-fair", "oracle"]},
                ENTRIES[1] | {"models": ["pocket-biased"], "samples_per_prompt": 1},
            ],
        },
        [],
    ),
    (
        {"tasks": [ENTRIES[0], ENTRIES[1] | {"answers": "likelihood"}]},
        ["tasks.1.samples_per_prompt: has no effect: the task is scored by likelihood"],
    ),
    (
        {"tasks": [ENTRIES[0], ENTRIES[1] | {"samples_per_prompt": 0}]},
        ["tasks.1.samples_per_prompt: expected greater than or equal to 1, got 0"],
    ),
]


@pytest.mark.parametrize(("changes", "expected"), SLIPS)
def test_samples_that_would_repeat_each_other_are_refused(
    path: Path, changes: dict[str, Any], expected: list[str]
) -> None:
    if not expected:
        assert plan_of(path, **changes).cells()
        return
    with pytest.raises(InputError) as caught:
        plan_of(path, **changes)
    found = [one.removeprefix(f"{path}: ") for one in caught.value.problems]
    assert len(found) == len(expected)
    assert all(one.startswith(begins) for one, begins in zip(found, expected, strict=True))


def test_a_spec_without_exceptions_has_one_number() -> None:
    spec = ScoreSpec.model_validate({"model": "m", "cells": [], "tasks": {}})
    assert spec.samples_of("anything") == 1
