"""Every mistake in a study or config file is one line that says where, what, and what was meant."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from featherweight.errors import InputError
from featherweight.study import make_plan, specs
from featherweight.tasks import TASK_NAMES, task

STUDIES = ["smol-but-mighty", "pocket", "laptop", "bbq-check", "wordings"]


@pytest.fixture
def config_folder(root: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(root / "config", tmp_path / "config"))


def edit(path: Path, **changes: Any) -> None:
    document = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump(document | changes))


@pytest.mark.parametrize("name", STUDIES)
def test_shipped_studies_are_valid(root: Path, name: str) -> None:
    plan = make_plan({"study": name}, root / "config")
    assert plan.name == name
    assert plan.cells()


def test_the_article_is_asked_as_the_article_asked(root: Path) -> None:
    """4 models x 11 categories x 100 prompts x 3 seeds, at most 512 new tokens (reference: issue
    2).
    """
    plan = make_plan({"study": "smol-but-mighty"}, root / "config")
    cells = [cell for cell in plan.cells() if cell.task == "bbq"]
    assert len(plan.study.models) * len(cells) == 4 * 11 * 3
    assert plan.entry("bbq").prompts_per_category == 100
    assert plan.study.decoding.max_new_tokens == 512


def test_datasets_agree_with_their_tasks(root: Path) -> None:
    catalogue = make_plan({"study": "pocket"}, root / "config").catalogue
    for name in TASK_NAMES:
        loader = task(name)
        assert list(catalogue.datasets[loader.dataset].categories) == list(loader.categories)
        assert set(catalogue.datasets[loader.dataset].wordings) <= set(loader.wordings)
        assert catalogue.datasets[loader.dataset].wordings[0] == next(iter(loader.wordings))


CONFIG_CASES = [
    ({"study": "pockt"}, ["study: unknown study 'pockt'; did you mean 'pocket'?"]),
    ({"engin": "transformers"}, ["engin: unknown key", "did you mean 'engine'?"]),
    ({"engine": "exllama"}, ["engine: ", "got 'exllama'; did you mean 'exllamav2'?"]),
    (
        {"models": ["pocket-fiar"]},
        ["models: 'pocket-fiar' is not in this study; did you mean 'pocket-fair'?"],
    ),
    ({"categories": ["pet"]}, ["categories: unknown category 'pet'; did you mean 'pets'?"]),
    ({"datasets": {"bqb": "x"}}, ["datasets: unknown name 'bqb'", "did you mean 'bbq'?"]),
    ({"datasets": {"pocket-fair": "x"}}, ["datasets: unknown name 'pocket-fair'"]),
    ({"model_folders": {"oracle": "x"}}, ["model_folders: unknown name 'oracle'"]),
    ({"seeds": []}, ["seeds: expected a list with at least one entry"]),
    (
        {"prompts_per_category": 7},
        ["expected a multiple of 4 (items come in whole blocks), got 7; try 4 or 8"],
    ),
    ({"prompts_per_category": 3}, ["got 3; try 4"]),
    ({"prompts_per_category": 1000}, ["expected at most the 768 items of pets, got 1000"]),
    ({"seeds": 0}, ["seeds: expected a list such as [a, b], got 0"]),
    (
        {"prompts_per_category": 0},
        ["prompts_per_category: expected greater than or equal to 1, got 0"],
    ),
    ({"seeds": [1, 0, 1]}, ["seeds: the seed 1 stands twice"]),
    (
        {"models": ["orcle"], "seeds": [0, 0], "categories": ["pet"]},
        ["'orcle'", "seed 0 stands twice", "'pet'"],
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
        make_plan({"study": "pocket"} | changes, root / "config")
    for words in expected:
        assert words in str(caught.value)


def test_the_number_format_of_a_study_may_be_another(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the GPU engine can run the studies that say float32; the report's banner says that it
    did.
    """
    monkeypatch.setattr("featherweight.study.plan.cuda_devices", lambda: 1)
    plan = make_plan(
        {"study": "pocket", "engine": "exllamav2", "dtype": "float16"}, root / "config"
    )
    assert specs.generate(plan, "pocket-fair")["dtype"] == "float16"
    assert plan.partial == "float16 where the study says float32"
    assert make_plan({"study": "pocket"}, root / "config").study.dtype == "float32"


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
        {"tasks": [{"task": "pocket", "categories": ["petz"]}]},
        ["tasks.0.categories: unknown category 'petz' of pocket; did you mean 'pets'?"],
    ),
    (
        {"tasks": [{"task": "pocket", "wording": "lettr"}]},
        ["unknown wording 'lettr' of pocket; did you mean 'letter'?"],
    ),
    ({"tasks": [{"task": "pocket"}, {"task": "pocket"}]}, ["the label 'pocket' stands twice"]),
    ({"seeds": [1, 1]}, ["seeds: the seed 1 stands twice"]),
    ({"policy": "dorp"}, ["policy: ", "did you mean 'drop'?"]),
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
        ["the label 'pocket' stands twice"],
    ),
    (
        {"tasks": [{"task": "pocket", "answers": "likelihood"}], "samples_per_prompt": 4},
        ["samples_per_prompt: 4 has no effect where every task's answers come from likelihood"],
    ),
    (
        {"tasks": [{"task": "pocket", "answers": "likelihood"}], "decoding": {"temperature": 0.7}},
        ["decoding.temperature: 0.7 has no effect where every task's answers come from likelihood"],
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
        {"models": [], "controls": [], "baseline": None},
        ["models: expected at least one model, or a control under"],
    ),
]


@pytest.mark.parametrize(("changes", "expected"), STUDY_CASES)
def test_study_mistakes(config_folder: Path, changes: dict[str, Any], expected: list[str]) -> None:
    path = config_folder / "studies" / "pocket.yaml"
    edit(path, **changes)
    with pytest.raises(InputError) as caught:
        make_plan({"study": "pocket"}, config_folder)
    for words in expected:
        assert words in str(caught.value)
    assert all(line.startswith(str(path)) for line in caught.value.problems)


def test_each_mistake_about_likelihood_is_one_line(config_folder: Path) -> None:
    both = [{"task": "pocket"}, {"task": "pocket", "label": "again", "answers": "likelihood"}]
    path = config_folder / "studies" / "pocket.yaml"
    edit(path, tasks=both[1:], samples_per_prompt=4, decoding={"temperature": 0.7})
    with pytest.raises(InputError) as caught:
        make_plan({"study": "pocket"}, config_folder)
    assert len(caught.value.problems) == 2
    edit(path, tasks=both, samples_per_prompt=4, decoding={"temperature": 0.7})
    plan = make_plan(
        {"study": "pocket"}, config_folder
    )  # beside generated answers both keys have a meaning
    assert specs.render(plan, "oracle")["tasks"]["again"]["answers"] == "likelihood"
    assert specs.compare(plan)["answers"] == {"pocket": "generated", "again": "likelihood"}


@pytest.mark.parametrize("name", ["smol-but-mighty", "laptop", "bbq-check"])
def test_bbq_is_asked_both_ways_on_the_same_items(root: Path, name: str) -> None:
    plan = make_plan({"study": name}, root / "config")
    first, second = (specs.draw(plan, label) for label in ("bbq", "bbq-likelihood"))
    assert {key: first[key] for key in first if key != "label"} == {
        key: second[key] for key in second if key != "label"
    }
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
    plan = make_plan({"study": "pocket"}, config_folder)
    assert specs.wording_pairs(plan) == pairs
    assert specs.compare(plan)["wording_pairs"] == [list(pair) for pair in pairs]
    assert [tuple(one["pair"]) for one in specs.aggregate(plan)["contrasts"]] == estimated


def test_what_a_selection_leaves_out_counts_a_category_once(root: Path) -> None:
    plan = make_plan({"study": "bbq-check", "categories": ["Age", "Religion"]}, root / "config")
    assert plan.partial == "2 of 11 categories"


def test_broken_yaml_names_the_line(config_folder: Path) -> None:
    path = config_folder / "models.yaml"
    path.write_text("a: {kind: folder, label: x}\nb: [unclosed\n")
    with pytest.raises(InputError, match=r"models\.yaml:3:1: not YAML"):
        make_plan({"study": "pocket"}, config_folder)


def test_a_key_that_stands_twice_is_refused(config_folder: Path) -> None:
    path = config_folder / "studies" / "pocket.yaml"
    path.write_text(path.read_text() + "\npolicy: wrong\n")
    with pytest.raises(InputError, match="the key 'policy' stands twice"):
        make_plan({"study": "pocket"}, config_folder)


def test_config_lists_replace_the_studys(root: Path) -> None:
    config = {
        "study": "pocket",
        "models": ["pocket-fair", "oracle"],
        "seeds": [7],
        "prompts_per_category": 8,
    }
    plan = make_plan(config, root / "config")
    assert plan.models == ["pocket-fair", "oracle"]
    assert {cell.seed for cell in plan.cells()} == {7}
    assert specs.draw(plan, "pocket")["count"] == 8


def test_studies_never_share_a_folder(root: Path) -> None:
    folders = {make_plan({"study": name}, root / "config").results for name in STUDIES}
    assert len(folders) == len(STUDIES)


def test_one_models_temperature_changes_its_spec_alone(config_folder: Path) -> None:
    before = make_plan({"study": "pocket"}, config_folder)
    edit(
        config_folder / "studies" / "pocket.yaml",
        decoding_by_model={"pocket-fair": {"temperature": 0.5}},
    )
    after = make_plan({"study": "pocket"}, config_folder)
    changed = [
        model
        for model in before.models
        if specs.generate(before, model) != specs.generate(after, model)
    ]
    assert changed == ["pocket-fair"]
    assert specs.aggregate(before) == specs.aggregate(after)
