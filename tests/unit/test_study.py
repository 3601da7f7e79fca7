"""Every mistake in a study or config file is one line that says where, what, and what was meant."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from featherweight.errors import InputError
from featherweight.specs import DecodingSpec, GenerateSpec, ReportSpec, Spec, TaskFacts, read_spec
from featherweight.study import Plan, make_plan, stage_specs
from featherweight.study.json_schema import study_schema
from featherweight.tasks import catalogue

STUDIES = ["smol-but-mighty", "pocket", "laptop", "bbq-check", "wordings"]


def plan_of(config: dict[str, Any], folder: Path, **tasks: TaskFacts) -> Plan:
    """The plan, with the real tasks and those of a test."""
    return make_plan(config, folder, {**catalogue(), **tasks})


# The pocket study without chains: every model is greedy and is asked the one task.
PLAIN: dict[str, Any] = {
    "models": ["pocket-fair", "pocket-tilted", "pocket-biased", "pocket-thinker"],
    "controls": [
        *("oracle", "always-unknown", "always-stereotype", "never-stereotype"),
        *("random", "first-option"),
    ],
    "tasks": [{"task": "pocket", "categories": "all", "prompts_per_category": 100}],
    "decoding_by_model": {},
}


@pytest.fixture
def config_folder(root: Path, tmp_path: Path) -> Path:
    """The config, with a pocket study that tests take as their base."""
    folder = Path(shutil.copytree(root / "config", tmp_path / "config"))
    edit(folder / "studies" / "pocket.yaml", **PLAIN)
    return folder


def edit(path: Path, **changes: Any) -> None:
    document = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump(document | changes))


@pytest.mark.parametrize("name", STUDIES)
def test_shipped_studies_are_valid(root: Path, name: str) -> None:
    plan = plan_of({"study": name}, root / "config")
    assert plan.name == name
    assert plan.cells()


def test_the_article_is_asked_as_the_article_asked(root: Path) -> None:
    """4 models x 11 categories x 100 prompts x 3 seeds, at most 512 new tokens (reference: issue
    2).
    """
    plan = plan_of({"study": "smol-but-mighty"}, root / "config")
    cells = [cell for cell in plan.cells() if cell.task == "bbq"]
    assert len(plan.study.models) * len(cells) == 4 * 11 * 3
    assert plan.entry("bbq").prompts_per_category == 100
    assert plan.study.decoding.max_new_tokens == 512


CONFIG_CASES = [
    ({"study": "pockt"}, ["study: unknown study 'pockt'; did you mean 'pocket'?"]),
    ({"engin": "transformers"}, ["engin: unknown key", "did you mean 'engine'?"]),
    ({"engine": "exllama"}, ["engine: ", "got 'exllama'; did you mean 'exllamav2'?"]),
    (
        {"models": ["pocket-fiar"]},
        ["models: 'pocket-fiar' is not in this study; did you mean 'pocket-fair'?"],
    ),
    ({"categories": ["pet"]}, ["categories: 'pet' is not a category; did you mean 'pets'?"]),
    ({"datasets": {"bqb": "x"}}, ["datasets: 'bqb' is not a dataset; did you mean 'bbq'?"]),
    ({"datasets": {"pocket-fair": "x"}}, ["datasets: 'pocket-fair' is not a dataset"]),
    ({"model_folders": {"oracle": "x"}}, ["model_folders: 'oracle' is not a model"]),
    ({"seeds": []}, ["seeds: List should have at least 1 item after validation, not 0"]),
    (
        {"prompts_per_category": 7, "categories": ["pets"]},
        ["expected a multiple of 4 (items come in whole blocks), got 7; try 4 or 8"],
    ),
    ({"prompts_per_category": 3, "categories": ["pets"]}, ["got 3; try 4"]),
    ({"prompts_per_category": 1000}, ["expected at most the 768 items of pets, got 1000"]),
    ({"seeds": 0}, ["seeds: expected a valid list, got 0"]),
    (
        {"prompts_per_category": 0},
        ["prompts_per_category: expected greater than or equal to 1, got 0"],
    ),
    ({"seeds": [1, 0, 1]}, ["seeds: duplicate seed 1"]),
    (
        {"models": ["orcle"], "seeds": [0, 0], "categories": ["pet"]},
        ["'orcle'", "duplicate seed 0", "'pet'"],
    ),
    (
        {"study": "pockt", "engine": "exllamav2"},
        ["unknown study 'pockt'", "exllamav2 needs a CUDA GPU"],
    ),
    ({"dtype": "float61"}, ["dtype: ", "got 'float61'; did you mean 'float16'?"]),
    (
        {"engine": "exllamav2"},
        ["exllamav2 computes in float16, and dtype of this study is float32; add dtype=float16"],
    ),
    (
        {"engine": "exllamav2", "dtype": "bfloat16"},
        ["exllamav2 computes in float16", "is bfloat16"],
    ),
    (
        {"seeds": [0], "modles": ["a"], "offline": "maybe"},
        ["modles: unknown key", "offline: ", "got 'maybe'"],
    ),
]


@pytest.mark.parametrize(("changes", "expected"), CONFIG_CASES)
def test_config_mistakes(
    root: Path, changes: dict[str, Any], expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("featherweight.study.plan.cuda_devices", lambda: 0)
    with pytest.raises(InputError) as caught:
        plan_of({"study": "pocket"} | changes, root / "config")
    for words in expected:
        assert words in str(caught.value)


def test_the_number_format_of_a_study_may_be_another(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the GPU engine can run the studies that say float32; the report's banner says that it
    did.
    """
    monkeypatch.setattr("featherweight.study.plan.cuda_devices", lambda: 1)
    plan = plan_of({"study": "pocket", "engine": "exllamav2", "dtype": "float16"}, root / "config")
    assert stage_specs.generate(plan, "pocket-fair").dtype == "float16"
    assert plan.partial == "float16 where the study says float32"
    assert plan_of({"study": "pocket"}, root / "config").study.dtype == "float32"


def test_fewer_prompts_by_the_config_are_not_those_of_a_subset(root: Path) -> None:
    """Nobody knows how large a subset is: it may hold fewer than were asked for."""
    whole = plan_of({"study": "smol-but-mighty"}, root / "config").study
    asked = {"study": "smol-but-mighty", "prompts_per_category": 8}
    narrowed = plan_of(asked, root / "config").study
    assert any(entry.subset for entry in whole.tasks)
    for was, now in zip(whole.tasks, narrowed.tasks, strict=True):
        assert now.prompts_per_category == (was.prompts_per_category if was.subset else 8)


STUDY_CASES: list[tuple[dict[str, Any], list[str]]] = [
    (
        {"models": ["pocket-fare"]},
        ["models.0: unknown model 'pocket-fare'; did you mean 'pocket-fair'?"],
    ),
    (
        {"models": ["oracle"], "controls": []},
        ["models.0: 'oracle' is of kind control; it belongs under controls"],
    ),
    (
        {"decoding": {"temprature": 0.7}},
        ["decoding.temprature: unknown key, got 0.7; did you mean 'temperature'?"],
    ),
    (
        {"decoding": {"temperature": -1}},
        ["decoding.temperature: expected greater than or equal to 0, got -1"],
    ),
    ({"tasks": [{"task": "bqb"}]}, ["tasks.0.task: unknown task 'bqb'; did you mean 'bbq'?"]),
    (
        {"tasks": [{"task": "pocket", "subset": {"levle": 3}}]},
        ["tasks.0.subset: unknown key 'levle' of pocket; expected one of named, stereotyped"],
    ),
    (
        {"tasks": [{"task": "pocket", "subset": {"stereotyped": 3, "named": "yes"}}]},
        [
            "tasks.0.subset.stereotyped: expected text, got 3",
            "tasks.0.subset.named: expected true or false, got 'yes'",
        ],
    ),
    ({"tasks": [{"task": "pocket", "subset": {}}]}, ["tasks.0.subset: Dictionary should have"]),
    (
        {"tasks": [{"task": "pocket", "categories": ["petz"]}]},
        ["tasks.0.categories: unknown category 'petz' of pocket; did you mean 'pets'?"],
    ),
    (
        {"tasks": [{"task": "pocket", "wording": "lettr"}]},
        ["unknown wording 'lettr' of pocket; did you mean 'letter'?"],
    ),
    ({"tasks": [{"task": "pocket"}, {"task": "pocket"}]}, ["duplicate label 'pocket'"]),
    ({"seeds": [1, 1]}, ["seeds: duplicate seed 1"]),
    ({"policy": "dorp"}, ["policy: pocket has no policy 'dorp'; did you mean 'drop'?"]),
    ({"same_items": True}, ["every seed gives the same answers"]),
    (
        {"tasks": [{"task": "pocket", "answers": "likelyhood"}]},
        [
            "tasks.0.answers: expected 'generated' or 'likelihood', got 'likelyhood'; did you mean"
            " 'likelihood'?"
        ],
    ),
    (
        {"tasks": [{"task": "pocket"}, {"task": "pocket", "answers": "likelihood"}]},
        ["duplicate label 'pocket'"],
    ),
    (
        {"tasks": [{"task": "pocket", "answers": "likelihood"}], "samples_per_prompt": 4},
        ["samples_per_prompt: 4 has no effect: every task is scored by likelihood"],
    ),
    (
        {"tasks": [{"task": "pocket", "answers": "likelihood"}], "decoding": {"temperature": 0.7}},
        ["decoding.temperature: 0.7 has no effect: every task is scored by likelihood"],
    ),
    (
        {
            "tasks": [
                {"task": "pocket"},
                {"task": "pocket", "label": "again", "answers": "likelihood"},
            ],
            "same_items": True,
            "decoding": {"temperature": 0.7},
        },
        ["tasks.1.answers: with same_items every seed gives the same likelihoods; use one seed"],
    ),
    (
        {"baseline": "oracel"},
        ["baseline: not a model of this study, got 'oracel'; did you mean 'oracle'?"],
    ),
    (
        {"models": 3, "seeds": ["x"], "title": 3, "polcy": "drop"},
        ["models: ", "seeds.0: ", "title: ", "polcy: unknown key"],
    ),
    (
        {"decoding_by_model": {"a b": {"temperature": 1}}},
        ["decoding_by_model.a b: String should match pattern"],
    ),
    (
        {"models": [], "controls": [], "baseline": None},
        ["models: expected at least one model or control, got neither"],
    ),
]


def test_a_dataset_without_a_task(config_folder: Path) -> None:
    edit(config_folder / "studies" / "pocket.yaml", tasks=[{"task": "trivia"}])
    facts = {"kind": "folder", "label": "T", "folder": "t", "licence": "MIT"}
    edit(config_folder / "datasets.yaml", trivia=facts)
    with pytest.raises(InputError) as caught:
        plan_of({"study": "pocket"}, config_folder)
    assert (
        "tasks.0.task: 'trivia' stands in config/datasets.yaml, but there is no file"
        " workflow/featherweight/tasks/trivia.py or workflow/featherweight/tasks/trivia/"
        "__init__.py that says how to ask it; tasks so far: aime24, bbq, "
    ) in str(caught.value)


@pytest.mark.parametrize(("changes", "expected"), STUDY_CASES)
def test_study_mistakes(config_folder: Path, changes: dict[str, Any], expected: list[str]) -> None:
    path = config_folder / "studies" / "pocket.yaml"
    edit(path, **changes)
    with pytest.raises(InputError) as caught:
        plan_of({"study": "pocket"}, config_folder)
    for words in expected:
        assert words in str(caught.value)
    assert all(line.startswith(str(path)) for line in caught.value.problems)


# A task that BBQ is not: free answers, levels as strata, one policy, one control, no examples.
SUMS = TaskFacts(
    name="sums",
    categories={"easy": 40, "hard": None},
    wordings=("plain", "five-shot"),
    with_shots=frozenset({"five-shot"}),
    block=1,
    strata=("level 1", "level 2"),
    controls=frozenset({"oracle"}),
    policies=("wrong",),
    subset_keys={"level": int},
    has_options=False,
    has_facts=False,
    has_examples=False,
    is_graded=False,
    has_judged=False,
    policy=None,
    planted_tables=(),
)
OF_SUMS = {"task": "sums", "prompts_per_category": 8}
GOOD_SUMS: dict[str, Any] = {
    "tasks": [OF_SUMS],
    "controls": ["oracle"],
    "policy": "wrong",
    "baseline": None,
}
SUMS_CASES: list[tuple[dict[str, Any], list[str]]] = [
    ({}, []),
    (
        {"controls": ["oracle", "always-unknown"]},
        [
            "controls.1: no task of this study has a rule for the control 'always-unknown';"
            " expected one of oracle"
        ],
    ),
    ({"policy": "unknown"}, ["policy: sums has no policy 'unknown'; expected one of wrong"]),
    (
        {"tasks": [OF_SUMS | {"answers": "likelihood"}]},
        [
            "tasks.0.answers: likelihood chooses among options, and sums has none: its answers are"
            " written freely; use answers: generated"
        ],
    ),
    (
        {"tasks": [OF_SUMS | {"wording": "five-shot"}]},
        [
            "tasks.0.wording: 'five-shot' shows worked examples, and sums has none; take a wording"
            " without them, or give the task `examples`"
        ],
    ),
    # 40 items are 40 items, and nobody has counted the hard ones; a subset's size is not known
    ({"tasks": [OF_SUMS | {"prompts_per_category": 40}]}, []),
    ({"tasks": [OF_SUMS | {"prompts_per_category": 41, "subset": {"level": 1}}]}, []),
    (
        {"tasks": [OF_SUMS | {"prompts_per_category": 41}]},
        ["tasks.0.prompts_per_category of sums: expected at most the 40 items of easy, got 41"],
    ),
    (
        {"tasks": [OF_SUMS | {"subset": {"level": "1"}}]},
        ["tasks.0.subset.level: expected a whole number, got '1'; correct the value"],
    ),
    (
        {"tasks": [OF_SUMS | {"subset": {"level": True}}]},
        ["tasks.0.subset.level: expected a whole number, got True; correct the value"],
    ),
    (
        {
            "tasks": [OF_SUMS, {"task": "pocket"}],
            "contrasts": [{"pair": ["sums", "pocket"]}],
        },
        [
            "contrasts.0.pair: expected two labels with the same strata, got sums has level 1,"
            " level 2 and pocket has ambiguous, disambiguated; compare labels of one task, or leave"
            " the contrast out"
        ],
    ),
    (
        {"contrasts": [{"pair": ["sums", "sums"]}]},
        [
            "contrasts.0.pair: expected two different labels, got 'sums' twice; compare it with"
            " another label, or leave the contrast out"
        ],
    ),
]


@pytest.mark.parametrize(("changes", "expected"), SUMS_CASES)
def test_what_a_task_does_not_have(
    config_folder: Path, changes: dict[str, Any], expected: list[str]
) -> None:
    """One line for each mistake, and nothing else."""
    edit(config_folder / "datasets.yaml", sums={"kind": "folder", "label": "Sums", "licence": "-"})
    path = config_folder / "studies" / "pocket.yaml"
    edit(path, **(GOOD_SUMS | changes))
    if not expected:
        assert plan_of({"study": "pocket"}, config_folder, sums=SUMS).datasets == ["sums"]
        return
    with pytest.raises(InputError) as caught:
        plan_of({"study": "pocket"}, config_folder, sums=SUMS)
    assert len(caught.value.problems) == len(expected)
    for line, said in zip(caught.value.problems, expected, strict=True):
        assert line.startswith(f"{path}: {said}")


# Beside the pocket items, asked of everybody: sums that count unread answers as wrong.
GRADED = replace(SUMS, policy="wrong", policies=("wrong", "drop"))
MIXED: dict[str, Any] = {
    "models": ["pocket-fair", "pocket-biased"],
    "controls": ["oracle", "always-unknown"],
    "tasks": [
        {"task": "pocket", "prompts_per_category": 8, "models": ["pocket-fair", "always-unknown"]},
        OF_SUMS,
        OF_SUMS | {"label": "again", "models": ["oracle", "pocket-fair"]},
    ],
    "baseline": None,
}
POCKET_ALONE = {"task": "pocket", "models": ["pocket-fair", "pocket-biased"]}
WHOM_CASES: list[tuple[dict[str, Any], list[str]]] = [
    (
        {"tasks": [OF_SUMS, {"task": "pocket", "models": ["pocket-fare", "always-unknown"]}]},
        [
            "tasks.1.models.0: 'pocket-fare' is not in this study; did you mean 'pocket-fair'?",
        ],
    ),
    (
        {"tasks": [{"task": "pocket"}, OF_SUMS | {"models": ["pocket-fair", "always-unknown"]}]},
        [
            "tasks.1.models.1: sums has no rule for the control 'always-unknown'; expected one of"
            " oracle"
        ],
    ),
    (
        {"tasks": [{"task": "pocket"}, OF_SUMS | {"models": ["oracle", "oracle"]}]},
        ["tasks.1.models.1: duplicate model 'oracle'; name it once"],
    ),
    (
        {"tasks": [OF_SUMS]},
        [
            "controls.1: no task of this study has a rule for the control 'always-unknown';"
            " expected one of oracle"
        ],
    ),
    (
        {"tasks": [OF_SUMS | {"models": ["pocket-fair", "oracle"]}, POCKET_ALONE]},
        [
            "controls.1: no task entry asks 'always-unknown'; add it to the `models` of one, or"
            " remove it from the study"
        ],
    ),
    (
        {"tasks": [{"task": "pocket", "models": ["pocket-fair", "oracle", "always-unknown"]}]},
        [
            "models.1: no task entry asks 'pocket-biased'; add it to the `models` of one, or remove"
            " it from the study"
        ],
    ),
    (
        {"models": [], "controls": ["always-unknown"], "tasks": [{"task": "pocket"}, OF_SUMS]},
        [
            "tasks.1.models: sums asks nobody: no model of this study, and no control with a rule"
            " for sums; add one, or remove the entry"
        ],
    ),
    ({"tasks": [OF_SUMS, {"task": "pocket", "models": []}]}, ["tasks.1.models: "]),
    (
        {
            "tasks": [
                {"task": "pocket"},
                OF_SUMS | {"label": "first", "models": ["pocket-fair"]},
                OF_SUMS | {"label": "second", "models": ["pocket-biased", "oracle"]},
            ],
            "contrasts": [{"pair": ["first", "second"]}],
        },
        [
            "contrasts.0.pair: nobody is asked both first and second; let one model be asked both,"
            " or leave the contrast out"
        ],
    ),
]


@pytest.fixture
def mixed_folder(config_folder: Path) -> Path:
    edit(config_folder / "datasets.yaml", sums={"kind": "folder", "label": "Sums", "licence": "-"})
    edit(config_folder / "studies" / "pocket.yaml", **MIXED)
    return config_folder


@pytest.mark.parametrize(("changes", "expected"), WHOM_CASES)
def test_whom_an_entry_cannot_ask(
    mixed_folder: Path, changes: dict[str, Any], expected: list[str]
) -> None:
    """One line for each mistake, and nothing else."""
    path = mixed_folder / "studies" / "pocket.yaml"
    edit(path, **changes)
    with pytest.raises(InputError) as caught:
        plan_of({"study": "pocket"}, mixed_folder, sums=GRADED)
    assert len(caught.value.problems) == len(expected)
    for line, said in zip(caught.value.problems, expected, strict=True):
        assert line.startswith(f"{path}: {said}")


# model -> the labels that it is asked, by hand from `MIXED`
LABELS_OF = {
    "pocket-fair": ["pocket", "sums", "again"],
    "pocket-biased": ["sums"],
    "oracle": ["sums", "again"],
    "always-unknown": ["pocket"],  # sums has no rule for it
}


def test_each_model_has_the_cells_of_what_it_is_asked(mixed_folder: Path) -> None:
    plan = plan_of({"study": "pocket", "seeds": [3]}, mixed_folder, sums=GRADED)
    for model, labels in LABELS_OF.items():
        assert plan.labels(model) == labels
        cells = plan.cells(model)
        assert list(dict.fromkeys(cell.task for cell in cells)) == labels
        for spec in (
            stage_specs.render(plan, model),
            stage_specs.generate(plan, model),
            stage_specs.score(plan, model),
        ):
            assert (list(spec.cells), list(spec.tasks)) == (cells, labels)
        assert {cell for cell in plan.cells() if cell.task in labels} == set(cells)
    assert plan.alike() == [[model] for model in LABELS_OF]
    known = stage_specs.compare(plan).tasks
    assert {label: entry.models for label, entry in known.items()} == {
        "pocket": ("pocket-fair", "always-unknown"),
        "sums": ("pocket-fair", "pocket-biased", "oracle"),
        "again": ("pocket-fair", "oracle"),
    }


def test_models_of_the_same_labels_are_alike(root: Path) -> None:
    for name in STUDIES:
        plan = plan_of({"study": name}, root / "config")
        groups = plan.alike()
        assert sorted(name for group in groups for name in group) == sorted(plan.models)
        for group in groups:
            assert {tuple(plan.labels(model)) for model in group} == {tuple(plan.labels(group[0]))}
            assert all(plan.cells(model) == plan.cells(group[0]) for model in group)
        # only the pocket study has tasks for some of its models
        assert (len(groups) == 1) == (name != "pocket")


def test_the_config_narrows_whom_the_entries_ask(mixed_folder: Path) -> None:
    asked = {"study": "pocket", "models": ["pocket-biased", "oracle"]}
    plan = plan_of(asked, mixed_folder, sums=GRADED)
    assert {entry.name: plan.asked(entry.name) for entry in plan.study.tasks} == {
        "sums": ["pocket-biased", "oracle"],
        "again": ["oracle"],
    }
    assert plan.entry("again").models == ["oracle"]
    assert plan.datasets == ["sums"]
    assert plan.partial is not None
    assert plan.partial.startswith("2 of 4 models and controls")


def test_a_selection_that_leaves_nothing_is_one_line(mixed_folder: Path) -> None:
    path = mixed_folder / "studies" / "pocket.yaml"
    edit(path, contrasts=[{"pair": ["sums", "again"]}])
    narrowed = {"study": "pocket", "models": ["always-unknown"]}
    assert plan_of(narrowed, mixed_folder, sums=GRADED).study.contrasts == []
    with pytest.raises(InputError) as caught:
        plan_of(narrowed | {"categories": ["easy"]}, mixed_folder, sums=GRADED)
    (line,) = caught.value.problems
    assert line == "config: models: no task of this study asks always-unknown in easy"


def test_a_selection_leaves_out_models_that_nothing_is_left_for(mixed_folder: Path) -> None:
    edit(mixed_folder / "studies" / "pocket.yaml", baseline="pocket-biased")
    plan = plan_of({"study": "pocket", "categories": ["pets"]}, mixed_folder, sums=GRADED)
    assert plan.models == ["pocket-fair", "always-unknown"]
    assert plan.study.baseline is None
    assert plan.partial is not None
    assert plan.partial.startswith("2 of 4 models and controls, 1 of ")


def test_the_policy_of_a_graded_task_is_its_own(mixed_folder: Path) -> None:
    path = mixed_folder / "studies" / "pocket.yaml"
    plan = plan_of({"study": "pocket"}, mixed_folder, sums=GRADED)
    policies = {"pocket": "drop", "sums": "wrong", "again": "wrong"}
    assert stage_specs.aggregate(plan).policies == policies
    assert stage_specs.compare(plan).policies == policies
    edit(path, policy="unkown")  # sums would not know it either, and is not asked
    with pytest.raises(InputError) as caught:
        plan_of({"study": "pocket"}, mixed_folder, sums=GRADED)
    (line,) = caught.value.problems
    assert line.startswith(f"{path}: policy: pocket has no policy 'unkown'")


def test_each_model_in_its_makers_wording(config_folder: Path) -> None:
    models = config_folder / "models.yaml"
    tilted = yaml.safe_load(models.read_text())["pocket-tilted"]
    edit(models, **{"pocket-tilted": tilted | {"wordings": {"pocket": "answer-line"}}})
    path = config_folder / "studies" / "pocket.yaml"
    entry = {"task": "pocket", "prompts_per_category": 8}
    own = entry | {"label": "own", "wording": "by-model"}
    edit(path, tasks=[entry | {"wording": "letter"}, own])
    plan = plan_of({"study": "pocket"}, config_folder)
    first = catalogue()["pocket"].wordings[0]
    for model in plan.models:
        wording = "answer-line" if model == "pocket-tilted" else first
        assert stage_specs.render(plan, model).tasks["own"].wording == wording
        assert stage_specs.compare(plan).tasks["own"].wording_of(model) == wording
        assert stage_specs.compare(plan).tasks["pocket"].wording_of(model) == "letter"
    assert stage_specs.wording_pairs(plan) == (("pocket", "own"),)
    others = [name for name in plan.models if name != "pocket-tilted"]
    if first == "letter":
        without = plan_of({"study": "pocket", "models": others}, config_folder)
        assert stage_specs.wording_pairs(without) == ()


WORDINGS_CASES = [
    ({"pockt": "letter"}, "wordings.pockt: unknown task 'pockt'; did you mean 'pocket'?"),
    (
        {"pocket": "leter"},
        "wordings.pocket: unknown wording 'leter' of pocket; did you mean 'letter'?",
    ),
]


@pytest.mark.parametrize(("wordings", "expected"), WORDINGS_CASES)
def test_wordings_of_a_model_that_no_task_has(
    config_folder: Path, wordings: dict[str, str], expected: str
) -> None:
    path = config_folder / "models.yaml"
    model = yaml.safe_load(path.read_text())["pocket-fair"]
    edit(path, **{"pocket-fair": model | {"wordings": wordings}})
    with pytest.raises(InputError) as caught:
        plan_of({"study": "pocket"}, config_folder)
    (line,) = caught.value.problems
    assert line == f"{path}: pocket-fair: {expected}"
    plan_of({"study": "wordings"}, config_folder)  # another study, which does not ask the model


def test_a_models_own_wording_may_need_examples(mixed_folder: Path) -> None:
    models = mixed_folder / "models.yaml"
    fair = yaml.safe_load(models.read_text())["pocket-fair"]
    edit(models, **{"pocket-fair": fair | {"wordings": {"sums": "five-shot"}}})
    plan_of({"study": "pocket"}, mixed_folder, sums=GRADED)  # named, and nobody takes it
    path = mixed_folder / "studies" / "pocket.yaml"
    edit(path, tasks=[*MIXED["tasks"][:2], MIXED["tasks"][2] | {"wording": "by-model"}])
    with pytest.raises(InputError) as caught:
        plan_of({"study": "pocket"}, mixed_folder, sums=GRADED)
    (line,) = caught.value.problems
    assert line.startswith(f"{path}: tasks.2.wording: 'five-shot' shows worked examples")


def test_the_default_wording_counts_too(config_folder: Path) -> None:
    edit(config_folder / "datasets.yaml", sums={"kind": "folder", "label": "Sums", "licence": "-"})
    edit(config_folder / "studies" / "pocket.yaml", **GOOD_SUMS)
    shots_first = replace(SUMS, wordings=SUMS.wordings[::-1])
    with pytest.raises(InputError, match="'five-shot' shows worked examples, and sums has none"):
        plan_of({"study": "pocket"}, config_folder, sums=shots_first)
    plan_of({"study": "pocket"}, config_folder, sums=replace(shots_first, has_examples=True))


def test_a_task_that_no_dataset_feeds(config_folder: Path) -> None:
    edit(config_folder / "studies" / "pocket.yaml", **GOOD_SUMS)
    with pytest.raises(InputError) as caught:
        plan_of({"study": "pocket"}, config_folder, sums=SUMS)
    (line,) = caught.value.problems
    assert "tasks.0.task: 'sums' has no entry in config/datasets.yaml; add one" in line


PLANTED = {"task": "pocket", "metric": "stereotyped", "stratum": "ambiguous", "value": 0.3}
PLANTED_CASES = [
    ({"stratum": "ambig"}, "stratum: unknown stratum 'ambig' of pocket; did you mean 'ambiguous'?"),
    ({"task": "pockt"}, "task: unknown task 'pockt'; did you mean 'pocket'?"),
    ({"vale": 1}, "vale: unknown key, got 1; did you mean 'value'?"),
    ({"value": None}, "expected a value or the name of a table, got neither"),
    ({"table": "solver"}, "expected a value or the name of a table, got both"),
    ({"value": None, "table": "x", "metric": "accuracy"}, "table: pocket has no planted tables;"),
]


@pytest.mark.parametrize(("change", "expected"), PLANTED_CASES)
def test_planted_where_no_task_can_show_it(
    config_folder: Path, change: dict[str, Any], expected: str
) -> None:
    path = config_folder / "models.yaml"
    model = yaml.safe_load(path.read_text())["pocket-fair"]
    edit(path, **{"pocket-fair": model | {"planted": [PLANTED, PLANTED | change]}})
    with pytest.raises(InputError) as caught:
        plan_of({"study": "pocket"}, config_folder)
    (line,) = caught.value.problems
    assert line.startswith(f"{path}: pocket-fair: planted.1")
    assert expected in line


OF_TABLE = {"task": "sums", "metric": "accuracy", "stratum": "level 1", "table": "solver"}
TABLE_CASES: list[tuple[list[dict[str, str]], list[str]]] = [
    ([OF_TABLE, OF_TABLE | {"stratum": "level 2"}], []),
    (
        [OF_TABLE | {"table": "solvr"}],
        ["planted.0.table: unknown table 'solvr' of sums; did you mean 'solver'?"],
    ),
    (
        [OF_TABLE | {"metric": "unparsed"}],
        ["planted.0.metric: a table is known to give the accuracy, got 'unparsed'"],
    ),
    (
        [OF_TABLE, OF_TABLE | {"table": "large"}],
        ["planted: expected one table of sums, got large and solver"],
    ),
]


@pytest.mark.parametrize(("planted", "expected"), TABLE_CASES)
def test_planted_tables(
    config_folder: Path, planted: list[dict[str, str]], expected: list[str]
) -> None:
    edit(config_folder / "datasets.yaml", sums={"kind": "folder", "label": "Sums", "licence": "-"})
    edit(config_folder / "studies" / "pocket.yaml", **GOOD_SUMS)
    path = config_folder / "models.yaml"
    model = yaml.safe_load(path.read_text())["pocket-fair"]
    edit(path, **{"pocket-fair": model | {"planted": planted}})
    tables = replace(SUMS, planted_tables=("solver", "large"))
    if expected:
        with pytest.raises(InputError) as caught:
            plan_of({"study": "pocket"}, config_folder, sums=tables)
        assert list(caught.value.problems) == [f"{path}: pocket-fair: {line}" for line in expected]
        return
    plan = plan_of({"study": "pocket"}, config_folder, sums=tables)
    scores = {model: stage_specs.score(plan, model) for model in plan.models}
    assert scores["pocket-fair"].planted == {"sums": "solver"}
    assert (
        scores["pocket-fair"].temperature
        == stage_specs.generate(plan, "pocket-fair").decoding.temperature
    )
    others = [one for name, one in scores.items() if name != "pocket-fair"]
    assert {(len(one.planted), one.temperature) for one in others} == {(0, None)}


def test_planted_in_all_strata_together(config_folder: Path) -> None:
    path = config_folder / "models.yaml"
    model = yaml.safe_load(path.read_text())["pocket-fair"]
    edit(path, **{"pocket-fair": model | {"planted": [PLANTED | {"stratum": "all"}]}})
    plan = plan_of({"study": "pocket"}, config_folder)
    (planted,) = stage_specs.compare(plan).models["pocket-fair"].planted
    assert (planted.stratum, planted.value) == ("all", 0.3)


def test_each_mistake_in_a_union_is_one_line(config_folder: Path) -> None:
    """`all` or a list, `all` or a number: pydantic complains once per branch."""
    path = config_folder / "studies" / "pocket.yaml"
    edit(path, tasks=[{"task": "pocket", "categories": 3, "prompts_per_category": 0}])
    with pytest.raises(InputError) as caught:
        plan_of({"study": "pocket"}, config_folder)
    assert [line.removeprefix(f"{path}: ") for line in caught.value.problems] == [
        "tasks.0.categories: expected a valid list, got 3",
        "tasks.0.prompts_per_category: expected greater than or equal to 1, got 0",
    ]


@pytest.mark.parametrize("name", STUDIES)
def test_every_spec_is_read_back_as_it_was_made(root: Path, name: str) -> None:
    plan = plan_of({"study": name}, root / "config")
    made: list[Spec] = [make(plan) for make in stage_specs.OF_STUDY.values()]
    labels = [entry.name for entry in plan.study.tasks]
    for stage, make in stage_specs.OF_JOB.items():
        jobs = {"draw": labels, "acquire_dataset": plan.datasets}.get(stage, plan.models)
        made += [make(plan, job) for job in jobs]
    for spec in made:
        assert read_spec(spec.model_dump_json(indent=1), type(spec)) == spec


def test_the_spec_of_another_stage_is_said_first_and_in_few_lines(root: Path) -> None:
    plan = plan_of({"study": "pocket"}, root / "config")
    made: dict[str, Spec] = {stage: make(plan) for stage, make in stage_specs.OF_STUDY.items()}
    for stage, make in stage_specs.OF_JOB.items():
        job = {"draw": "pocket", "acquire_dataset": "pocket"}.get(stage, plan.models[0])
        made[stage.partition("_")[0]] = make(plan, job)
    for given, spec in made.items():
        for stage in made.keys() - {given}:
            with pytest.raises(InputError) as caught:
                read_spec(spec.model_dump_json(), type(made[stage]))
            first, *rest = caught.value.problems
            assert first.startswith(f"--spec: expected the spec of {stage}, got one with ")
            assert first.endswith(f"; take one of results/<study>/specs/{stage}*.json")
            assert 1 <= len(rest) <= 3
            assert all(line.startswith("--spec: ") for line in rest)


def test_a_slip_in_a_spec_is_told_as_it_is(root: Path) -> None:
    plan = plan_of({"study": "pocket"}, root / "config")
    document = stage_specs.generate(plan, plan.models[0]).model_dump(mode="json")
    document |= {"shards": 0.5, "chunk": 3, "dtyp": "auto"}
    del document["dtype"], document["engine"]
    with pytest.raises(InputError) as caught:
        read_spec(json.dumps(document), GenerateSpec)
    assert sorted(line.split(":")[1] for line in caught.value.problems) == [
        " chunk",
        " dtyp",
        " dtype",
        " engine",
        " shards",
    ]


def test_a_spec_keeps_the_order_of_the_study(root: Path) -> None:
    plan = plan_of({"study": "wordings"}, root / "config")
    read = read_spec(stage_specs.report(plan).model_dump_json(), ReportSpec)
    assert list(read.models) == plan.models == ["oracle", "hesitant"]
    assert list(read.tasks) == ["pocket-answer-line", "pocket-letter"]  # by label
    assert read.decoding["oracle"] == DecodingSpec(
        temperature=0.0, top_p=1.0, top_k=0, max_new_tokens=64
    )


def test_seeds_draw_their_own_items_unless_told_otherwise(config_folder: Path) -> None:
    def seeds() -> set[tuple[int, int, int]]:
        cells = plan_of({"study": "pocket"}, config_folder).cells()
        return {(cell.seed, cell.item_seed, cell.sample_seed) for cell in cells}

    assert seeds() == {(0, 0, 0), (1, 1, 1), (2, 2, 2)}
    warm = {"temperature": 0.7}
    edit(config_folder / "studies" / "pocket.yaml", same_items=True, decoding=warm, seeds=[3, 1])
    assert seeds() == {(3, 3, 3), (1, 3, 1)}


def test_the_config_says_how_many_shards(root: Path) -> None:
    for config, expected in (({}, 1), ({"shards": 4}, 4)):
        plan = plan_of({"study": "pocket"} | config, root / "config")
        assert stage_specs.generate(plan, "pocket-fair").shards == expected
    with pytest.raises(InputError, match="shards: expected greater than or equal to 1, got 0"):
        plan_of({"study": "pocket", "shards": 0}, root / "config")


def test_what_draw_writes(root: Path) -> None:
    """Items, the task's facts of them, and worked examples, each where the task has them."""
    plan = plan_of({"study": "pocket", "seeds": [0], "categories": ["pets"]}, root / "config")
    assert plan.drawn("pocket") == ["pocket/pets/0.facts.parquet", "pocket/pets/0.parquet"]
    tasks = {"pocket": replace(plan.tasks["pocket"], has_facts=False, has_examples=True)}
    other = replace(plan, tasks=tasks)
    assert other.drawn("pocket") == ["pocket/pets/0.parquet", "pocket/pets/examples.parquet"]


# (temperature of the study, of each model that has its own, lines that begin so)
REPEATED: list[tuple[float, dict[str, float | None], list[str]]] = [
    (0.0, {}, ["samples_per_prompt: with temperature 0 all 3 samples of a prompt are the same"]),
    (0.7, {}, []),
    (0.0, {"pocket-fair": 0.7}, ["samples_per_prompt: with"]),  # the other one is still greedy
    (0.0, {"pocket-fair": 0.7, "pocket-biased": 0.1}, []),
    (0.0, {"pocket-fair": None, "pocket-biased": 0.1}, ["samples_per_prompt: with"]),
    (0.7, {"pocket-fair": 0.0}, ["decoding_by_model.pocket-fair.temperature: with temperature 0"]),
    (0.7, {"pocket-fair": None}, []),
    (0.7, {"oracle": 0.0}, []),  # a control answers by its rule
    (
        0.0,
        {"pocket-fair": 0.0},
        ["decoding_by_model.pocket-fair.temperature: with", "samples_per_prompt: with"],
    ),
]


@pytest.mark.parametrize(("temperature", "own", "expected"), REPEATED)
def test_several_samples_without_a_temperature_are_refused(
    config_folder: Path, temperature: float, own: dict[str, float | None], expected: list[str]
) -> None:
    path = config_folder / "studies" / "pocket.yaml"
    changes = {
        name: {"top_k": 0} if value is None else {"temperature": value}
        for name, value in own.items()
    }
    warm = {"decoding": {"temperature": temperature}, "decoding_by_model": changes}
    edit(path, models=["pocket-fair", "pocket-biased"], baseline=None, **warm)
    plan_of({"study": "pocket"}, config_folder)  # one sample each: nothing is repeated
    edit(path, samples_per_prompt=3)
    if not expected:
        assert plan_of({"study": "pocket"}, config_folder).study.samples_per_prompt == 3
        return
    with pytest.raises(InputError) as caught:
        plan_of({"study": "pocket"}, config_folder)
    found = [one.removeprefix(f"{path}: ") for one in caught.value.problems]
    assert len(found) == len(expected)
    assert all(one.startswith(begins) for one, begins in zip(found, expected, strict=True))


def test_each_mistake_about_likelihood_is_one_line(config_folder: Path) -> None:
    both = [{"task": "pocket"}, {"task": "pocket", "label": "again", "answers": "likelihood"}]
    path = config_folder / "studies" / "pocket.yaml"
    edit(path, tasks=both[1:], samples_per_prompt=4, decoding={"temperature": 0.7})
    with pytest.raises(InputError) as caught:
        plan_of({"study": "pocket"}, config_folder)
    assert len(caught.value.problems) == 2
    edit(path, tasks=both, samples_per_prompt=4, decoding={"temperature": 0.7})
    plan = plan_of(
        {"study": "pocket"}, config_folder
    )  # beside generated answers both keys have a meaning
    assert stage_specs.score(plan, "oracle").samples_per_prompt == 4
    assert stage_specs.render(plan, "oracle").tasks["again"].answers == "likelihood"
    answers = {label: task.answers for label, task in stage_specs.compare(plan).tasks.items()}
    assert answers == {"pocket": "generated", "again": "likelihood"}


@pytest.mark.parametrize("name", ["smol-but-mighty", "laptop", "bbq-check"])
def test_bbq_is_asked_both_ways_on_the_same_items(root: Path, name: str) -> None:
    plan = plan_of({"study": name}, root / "config")
    first, second = (stage_specs.draw(plan, label) for label in ("bbq", "bbq-likelihood"))
    assert first == second.model_copy(update={"label": "bbq"})
    assert plan.entry("bbq-likelihood").answers == "likelihood"
    assert ("bbq-likelihood", "bbq") in [contrast.pair for contrast in plan.study.contrasts]


def entry(label: str, **more: Any) -> dict[str, Any]:
    return {
        "task": "pocket",
        "label": label,
        "wording": "letter",
        "prompts_per_category": 40,
    } | more


PAIRED_CASES: list[
    tuple[list[dict[str, Any]], list[dict[str, Any]], list[tuple[str, str]], list[tuple[str, str]]]
] = [
    # entries, contrasts that the study names -> pairs of wordings, contrasts that are estimated
    ([entry("a"), entry("b", wording="answer-line")], [], [("a", "b")], [("b", "a")]),
    (
        [entry("a"), entry("b", wording="answer-line")],
        [{"pair": ["a", "b"]}],
        [("a", "b")],
        [("a", "b")],
    ),
    ([entry("a"), entry("b")], [], [], []),  # one wording twice
    # other questions
    ([entry("a"), entry("b", wording="answer-line", prompts_per_category=80)], [], [], []),
    # nothing can be unread
    ([entry("a"), entry("b", wording="answer-line", answers="likelihood")], [], [], []),
    ([entry("a"), entry("b", wording="pocket", categories=["pets"])], [], [], []),
    (
        [entry("a"), entry("b", wording="answer-line"), entry("c", wording="pocket")],
        [],
        [("a", "b"), ("a", "c"), ("b", "c")],
        [("b", "a"), ("c", "a"), ("c", "b")],
    ),
]


@pytest.mark.parametrize(("tasks", "named", "pairs", "estimated"), PAIRED_CASES)
def test_two_wordings_of_the_same_questions_are_compared(
    config_folder: Path,
    tasks: list[dict[str, Any]],
    named: list[dict[str, Any]],
    pairs: list[tuple[str, str]],
    estimated: list[tuple[str, str]],
) -> None:
    edit(config_folder / "studies" / "pocket.yaml", tasks=tasks, contrasts=named)
    plan = plan_of({"study": "pocket"}, config_folder)
    assert stage_specs.compare(plan).wording_pairs == tuple(pairs)
    assert [one.pair for one in stage_specs.aggregate(plan).contrasts] == estimated


def test_what_a_selection_leaves_out_counts_a_category_once(root: Path) -> None:
    plan = plan_of({"study": "bbq-check", "categories": ["Age", "Religion"]}, root / "config")
    assert plan.partial == "2 of 11 categories"


def test_broken_yaml_names_the_line(config_folder: Path) -> None:
    path = config_folder / "models.yaml"
    path.write_text("a: {kind: folder, label: x}\nb: [unclosed\n")
    with pytest.raises(InputError, match=r"models\.yaml:3:1: not YAML"):
        plan_of({"study": "pocket"}, config_folder)


def test_a_key_that_stands_twice_is_refused(config_folder: Path) -> None:
    path = config_folder / "studies" / "pocket.yaml"
    path.write_text(path.read_text() + "\npolicy: wrong\n")
    with pytest.raises(InputError, match="duplicate key 'policy'"):
        plan_of({"study": "pocket"}, config_folder)


def test_config_lists_replace_the_studys(root: Path) -> None:
    config = {
        "study": "pocket",
        "models": ["pocket-fair", "always-unknown"],
        "seeds": [7],
        "prompts_per_category": 8,
    }
    plan = plan_of(config, root / "config")
    assert plan.models == ["pocket-fair", "always-unknown"]
    assert {cell.seed for cell in plan.cells()} == {7}
    assert stage_specs.draw(plan, "pocket").count == 8


def test_one_number_of_prompts_for_tasks_of_different_blocks(root: Path) -> None:
    """Pocket items come in fours, chains in fives; who is asked one of them alone need not care."""
    asked = {"study": "pocket", "prompts_per_category": 8}
    with pytest.raises(InputError) as caught:
        plan_of(asked, root / "config")
    (line,) = caught.value.problems
    assert "chains: expected a multiple of 5" in line
    assert line.endswith("got 8; try 20")
    with pytest.raises(InputError, match=r"multiple of 4 .* got 25; try 20 or 40"):
        plan_of(asked | {"prompts_per_category": 25}, root / "config")
    plan = plan_of(asked | {"prompts_per_category": 40}, root / "config")
    assert {stage_specs.draw(plan, entry.name).count for entry in plan.study.tasks} == {40}
    assert plan_of(asked | {"models": ["pocket-fair"]}, root / "config").datasets == ["pocket"]
    assert plan_of(asked | {"categories": ["pets"]}, root / "config").datasets == ["pocket"]
    only = asked | {"models": ["pocket-solver"], "prompts_per_category": 5}
    assert plan_of(only, root / "config").datasets == ["chains"]


def test_studies_never_share_a_folder(root: Path) -> None:
    folders = {plan_of({"study": name}, root / "config").results for name in STUDIES}
    assert len(folders) == len(STUDIES)


def test_one_models_temperature_changes_its_spec_alone(config_folder: Path) -> None:
    before = plan_of({"study": "pocket"}, config_folder)
    edit(
        config_folder / "studies" / "pocket.yaml",
        decoding_by_model={"pocket-fair": {"temperature": 0.5}},
    )
    after = plan_of({"study": "pocket"}, config_folder)
    changed = [
        model
        for model in before.models
        if stage_specs.generate(before, model) != stage_specs.generate(after, model)
    ]
    assert changed == ["pocket-fair"]
    assert stage_specs.aggregate(before) == stage_specs.aggregate(after)


def test_the_schema_for_editors_is_that_of_the_model(root: Path) -> None:
    written = json.loads((root / "config" / "study.schema.json").read_text())
    assert written == study_schema(), "run `make study-schema`"


@pytest.mark.parametrize("name", STUDIES)
def test_an_editor_finds_nothing_wrong_in_a_shipped_study(root: Path, name: str) -> None:
    text = (root / "config" / "studies" / f"{name}.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=../study.schema.json\n")
    jsonschema.validate(yaml.safe_load(text), study_schema())


MARKED: list[tuple[dict[str, Any], str]] = [
    ({"decoding": {"temprature": 0.7}}, "'temprature' was unexpected"),
    ({"decoding": {"temperature": 11}}, "11 is greater than the maximum of 10.0"),
    ({"decoding_by_model": {"oracle": {"temperature": -1}}}, "-1 is less than the minimum"),
    ({"seeds": []}, "[] should be non-empty"),
    ({"tasks": [{"task": "pocket", "answers": "likely"}]}, "'likely' is not one of"),
]


@pytest.mark.parametrize(("change", "message"), MARKED)
def test_an_editor_marks_mistakes(root: Path, change: dict[str, Any], message: str) -> None:
    study = yaml.safe_load((root / "config" / "studies" / "pocket.yaml").read_text())
    with pytest.raises(jsonschema.ValidationError) as caught:
        jsonschema.validate(study | change, study_schema())
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("decoding", "change", "expected"),
    [
        ({}, {}, []),
        ({"top_p": 0.9}, {}, ["decoding.top_p: expected 1 for pocket-solver, got 0.9"]),
        ({"top_k": 5}, {"top_k": 0}, []),
        ({}, {"top_k": 5}, ["decoding.top_k: expected 0 for pocket-solver, got 5"]),
    ],
)
def test_what_is_planted_in_a_table_is_known_without_cuts(
    config_folder: Path, decoding: dict[str, Any], change: dict[str, Any], expected: list[str]
) -> None:
    path = config_folder / "studies" / "pocket.yaml"
    edit(
        path,
        models=["pocket-solver"],
        controls=[],
        baseline=None,
        tasks=[{"task": "chains", "prompts_per_category": 5}],
        decoding={"temperature": 0.8, **decoding},
        decoding_by_model={"pocket-solver": change} if change else {},
    )
    if not expected:
        assert plan_of({"study": "pocket"}, config_folder).cells()
        return
    with pytest.raises(InputError) as caught:
        plan_of({"study": "pocket"}, config_folder)
    (line,) = caught.value.problems
    assert expected[0] in line
