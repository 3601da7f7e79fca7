"""The one lookup of results: keys, policies, and differences the way round that they are asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from featherweight.errors import InputError
from featherweight.files import write_rows
from featherweight.records import ContrastRow, Difference, Estimate, Position, Spread
from featherweight.results import Results, read_results
from featherweight.specs import CompareSpec, DrawSpec, StudiedModel, StudiedTask


def model(name: str, control: str | None = None) -> StudiedModel:
    return StudiedModel(
        name=name,
        kind="folder" if control is None else "control",
        label=name.upper(),
        control=control,
        planted=(),
        parameters_billion=None,
        repository=None,
        revision=None,
        licence=None,
    )


def task(label: str, dataset: str, answers: str = "generated") -> StudiedTask:
    draw = DrawSpec(label=label, task=dataset, count=None, subset=None, draws=())
    return StudiedTask(
        label=label,
        task=dataset,
        name="Quiz",
        models=("b", "a", "none", "c"),
        wording="plain",
        answers=answers,
        categories=("x",),
        draw=draw,
    )


SPEC = CompareSpec(
    study="made-up",
    title="",
    question="",
    models={one.name: one for one in (model("b"), model("a"), model("none"), model("c", "random"))},
    controls=("c",),
    tasks={
        one.label: one
        for one in (task("quiz", "quiz"), task("hard", "quiz"), task("pick", "pick", "likelihood"))
    },
    wording_pairs=(),
    contrasts=(),
    policies={"quiz": "drop", "hard": "drop", "pick": "drop"},
    baseline=None,
    max_new_tokens=8,
)


def estimate(name: str = "a", value: float | None = 0.5, **change: object) -> Estimate:
    row = Estimate(name, "quiz", "all", "all", "accuracy", "drop", value, 0.4, 0.6, 9, 9, 3, "")
    return replace(row, **change)


DIFFERENCE = Difference(
    *("a", "b", "quiz", "all", "all", "accuracy", "drop"),
    *(0.2, 0.1, 0.4, 0.01, 0.02, "holm", 9, 3, 0.1),
    **{"value_asked": 0.0, "low_asked": -0.3, "high_asked": None},
)
CONTRAST = ContrastRow(
    *("a", "quiz", "hard", "easy", "all", "accuracy", "drop"),
    *(0.2, 0.1, 0.4, 0.01, 1, 2, 3, 4, "", None, True, 5, 6),
    **{"value_asked": 0.1, "low_asked": 0.0, "high_asked": 0.3, "group": "g"},
)


def test_models_in_the_order_of_the_rows_and_what_has_none_last() -> None:
    found = Results(SPEC, [estimate("c"), estimate("b"), estimate("a"), estimate("stranger")])
    assert found.every == ("c", "b", "a", "none")
    assert found.models == ("b", "a")
    assert (found.controls, found.missing) == (("c",), ("none",))


def test_words_and_groups() -> None:
    rows = [estimate(group=group) for group in ("law_x", "all", "law", "art")]
    found = Results(SPEC, [*rows, estimate(task="hard", group="other")])
    assert found.groups("quiz") == ["art", "law", "law_x"]
    assert (found.label("a"), found.label("stranger")) == ("A", "stranger")
    assert found.task_label("quiz") == "Quiz"
    assert found.task_label("hard") == "hard"  # a part of the dataset, by its own label
    assert found.task_label("pick") == "Quiz, by likelihood"
    assert (found.by_likelihood("pick"), found.by_likelihood("stranger")) == (True, False)


def test_without_a_policy_the_studys_else_the_only_one() -> None:
    rows = [estimate(value=0.1, policy="wrong"), estimate(value=0.2)]
    found = Results(SPEC, [*rows, estimate(metric="chance", policy="wrong", value=0.3)])
    where = ("a", "quiz", "all", "all")
    assert found.estimate(*where, "accuracy") == rows[1]
    assert found.estimate(*where, "accuracy", "wrong") == rows[0]
    assert found.estimate(*where, "chance").value == 0.3
    assert found.estimate(*where, "chance", "drop") is None
    assert found.estimate(*where, "other") is None
    two = [estimate(policy="wrong"), estimate(policy="another")]
    assert Results(SPEC, two).estimate(*where, "accuracy") is None


def test_unread_is_none_where_a_share_is_not_known() -> None:
    shares = [estimate(value=0.1, metric="unparsed"), estimate(value=0.2, metric="unfinished")]
    where = ("a", "quiz", "all", "all")
    assert Results(SPEC, shares).unread(*where) == pytest.approx(0.3)
    assert Results(SPEC, shares[:1]).unread(*where) is None
    assert Results(SPEC, [shares[0], replace(shares[1], value=None)]).unread(*where) is None


def test_a_difference_comes_as_it_is_asked_for() -> None:
    found = Results(SPEC, differences=[DIFFERENCE])
    where = ("quiz", "all", "all", "accuracy")
    assert found.difference("a", "b", *where) == DIFFERENCE
    turned = found.difference("b", "a", *where)
    assert turned == replace(
        DIFFERENCE,
        model="b",
        baseline="a",
        **{"value": -0.2, "low": -0.4, "high": -0.1},
        **{"value_asked": 0.0, "low_asked": None, "high_asked": 0.3},
    )
    assert str(turned.value_asked) == "0.0"  # -0.0 would be printed with its sign
    assert found.difference("a", "none", *where) is None


def test_a_contrast_comes_as_it_is_asked_for() -> None:
    found = Results(SPEC, contrasts=[CONTRAST])
    assert found.contrast("a", "quiz", "hard", "accuracy", ("easy", "all"), "g") == CONTRAST
    turned = found.contrast("a", "hard", "quiz", "accuracy", ("all", "easy"), "g")
    assert turned == replace(
        CONTRAST,
        **{"first": "hard", "second": "quiz", "stratum_first": "all", "stratum_second": "easy"},
        **{"value": -0.2, "low": -0.4, "high": -0.1},
        **{"value_asked": -0.1, "low_asked": -0.3, "high_asked": 0.0},
        **{"n_first": 2, "n_second": 1, "n_clusters_first": 4, "n_clusters_second": 3},
        **{"n_questions_first": 6, "n_questions_second": 5},
    )
    assert found.contrast("a", "hard", "quiz", "accuracy", ("easy", "all"), "g") is None
    assert found.contrast("a", "quiz", "hard", "accuracy", ("easy", "all")) is None


def test_reading_the_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_results(tmp_path, SPEC)
    assert [line.split(":")[0].rsplit("/")[-1] for line in caught.value.problems] == [
        "estimates.parquet",
        "differences.parquet",
        "spread.parquet",
        "positions.parquet",
    ]
    write_rows(tmp_path / "estimates.parquet", [estimate()], Estimate)
    write_rows(tmp_path / "differences.parquet", [DIFFERENCE], Difference)
    write_rows(tmp_path / "spread.parquet", [], Spread)
    write_rows(tmp_path / "positions.parquet", [], Position)
    found = read_results(tmp_path, SPEC)
    assert (found.estimates, found.differences, list(found.contrasts)) == (
        [estimate()],
        [DIFFERENCE],
        [],
    )
    write_rows(tmp_path / "contrasts.parquet", [CONTRAST], ContrastRow)
    assert read_results(tmp_path, SPEC).contrasts == [CONTRAST]
    write_rows(tmp_path / "spread.parquet", [estimate()], Estimate)
    with pytest.raises(InputError, match="another version"):
        read_results(tmp_path, SPEC)


def test_who_is_asked_what() -> None:
    hard = SPEC.tasks["hard"].model_copy(update={"models": ("a", "none", "c")})
    spec = SPEC.model_copy(update={"tasks": SPEC.tasks | {"hard": hard}})
    found = Results(spec, [estimate("c"), estimate("b"), estimate("a")])
    assert (found.asked("a", "hard"), found.asked("b", "hard")) == (True, False)
    assert (found.asked("none", "hard"), found.asked("a", "stranger")) == (True, False)
    assert (found.models_of("quiz"), found.models_of("hard")) == (("b", "a"), ("a",))


def test_each_task_has_its_policy() -> None:
    spec = SPEC.model_copy(update={"policies": {"quiz": "drop", "hard": "wrong"}})
    both = [
        replace(row, policy=policy, value=value)
        for row in (estimate(), estimate(task="hard"))
        for policy, value in (("drop", 0.8), ("wrong", 0.6))
    ]
    turned = replace(CONTRAST, first="hard", second="quiz", policy="wrong")
    other = replace(turned, policy="drop", value=0.9)
    found = Results(spec, both, contrasts=[turned, other])
    assert (found.policy("quiz"), found.policy("hard")) == ("drop", "wrong")
    where = ("all", "all", "accuracy")
    assert found.estimate("a", "quiz", *where).value == 0.8
    assert found.estimate("a", "hard", *where).value == 0.6
    # the rows are of `hard` minus `quiz`, under the policy of `hard`, whichever is asked for first
    strata = ("easy", "all")
    assert found.contrast("a", "hard", "quiz", "accuracy", strata, "g").value == 0.2
    assert found.contrast("a", "quiz", "hard", "accuracy", strata[::-1], "g").value == -0.2
