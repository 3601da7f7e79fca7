"""What a task's numbers are: of one without strata, without options, with strata, and of BBQ."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from featherweight import fingerprint
from featherweight.aggregate import load as loading
from featherweight.aggregate.run import run
from featherweight.errors import InputError
from featherweight.files import read_rows, table, write_rows
from featherweight.records import ALL, ContrastRow, Difference, Estimate, Position, Score
from featherweight.specs import AggregateSpec, ContrastSpec
from featherweight.stats.counts import DROP, N_CHANCE, N_GENERAL, N_ITEMS, N_TOKENS, WRONG
from featherweight.tasks import numbers as declared
from featherweight.tasks import task, task_names
from featherweight.tasks.choice import ANSWER_LINE, LETTER
from featherweight.tasks.numbers import DEFAULT, Column, Rows, default, numbers

LEVELS = ("level 1", "level 2")


def row(number: int, outcome: str, stratum: str | None = None, **changes: Any) -> Score:
    """An answer to item `number` of a task whose answers are written freely."""
    read = outcome in ("right", "wrong")
    whole = Score(
        model="m",
        task="sums",
        category="algebra",
        item_seed=0,
        sample_seed=0,
        item_id=f"sum-{number}",
        sample_index=0,
        cluster=f"sum-{number}",
        block=f"sum-{number}",
        group="algebra",
        stratum=stratum,
        answer="4" if read else None,
        outcome=outcome,  # type: ignore[arg-type]
        reason=None if read else "none",
        rule="boxed" if read else None,
        chosen_position=None,
        gold_position=None,
        chance=None,
        n_tokens=7,
        finish="length" if outcome == "unfinished" else "stop",
    )
    return replace(whole, **changes)


OUTCOMES = ("right", "right", "wrong", "unparsed", "unfinished", "right")


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks that are known by name: sums have no strata, levels have two."""
    of = {"sums": DEFAULT, "levels": default(LEVELS)}
    free = replace(task("bbq"), judged=None)
    monkeypatch.setattr(loading, "task", lambda name: free)
    monkeypatch.setattr(loading, "numbers", lambda name: of[name])


def aggregated(folder: Path, rows: list[Score], **changes: Any) -> Path:
    path = folder / "m.parquet"
    write_rows(path, rows, Score)
    tasks = {"sums": "sums", "levels": "levels", "again": "sums"}
    run([path], AggregateSpec(**{"tasks": tasks, "draws": 50} | changes), folder / "tables")
    return folder / "tables"


def estimates(folder: Path) -> dict[tuple[str, str, str, str], Estimate]:
    rows = read_rows(folder / "estimates.parquet", Estimate)
    return {(one.group, one.stratum, one.metric, one.policy): one for one in rows}


@pytest.mark.usefixtures("made_up")
def test_a_task_without_strata_has_estimates_over_all_alone(tmp_path: Path) -> None:
    folder = aggregated(tmp_path, [row(n, outcome) for n, outcome in enumerate(OUTCOMES)])
    found = estimates(folder)
    assert {stratum for _, stratum, _, _ in found} == {ALL}
    assert {policy for *_, policy in found} == {"drop", "wrong"}
    assert {metric for _, _, metric, _ in found} <= DEFAULT.names
    assert {policy for _, _, metric, policy in found if metric == "icc"} == {"drop"}
    # One category has no mean of categories, and one item per cluster is not one template.
    ends = ("_macro", "_by_item")
    assert not [metric for _, _, metric, _ in found if metric.endswith(ends)]
    # By hand: 3 right of 4 that were read, of 6 that were asked.
    assert found[ALL, ALL, "accuracy", "drop"].value == pytest.approx(3 / 4)
    assert found[ALL, ALL, "accuracy", "wrong"].value == pytest.approx(3 / 6)
    assert found[ALL, ALL, "unparsed", "drop"].value == pytest.approx(1 / 6)
    assert found[ALL, ALL, "unfinished", "drop"].value == pytest.approx(1 / 6)
    assert found[ALL, ALL, "n_tokens", "drop"].value == 7.0
    # A free answer cannot be guessed, and nothing was shown in an order or a counterpart.
    assert found[ALL, ALL, "chance", "drop"].value is None
    assert read_rows(folder / "positions.parquet", Position) == []
    assert read_rows(folder / "contrasts.parquet", ContrastRow) == []


@pytest.mark.usefixtures("made_up")
def test_every_level_has_its_estimates_and_all_together(tmp_path: Path) -> None:
    rows = [
        row(n, outcome, LEVELS[n % 2], task="levels", chance=(0.25, 0.5)[n % 2])
        for n, outcome in enumerate(OUTCOMES)
    ]
    folder = aggregated(tmp_path, rows)
    found = estimates(folder)
    accuracies = [found[ALL, stratum, "accuracy", "wrong"].value for stratum in (*LEVELS, ALL)]
    assert accuracies == pytest.approx([1 / 3, 2 / 3, 3 / 6])  # right: 0, then 1 and 5
    chances = [found[ALL, stratum, "chance", "drop"] for stratum in (*LEVELS, ALL)]
    assert [one.value for one in chances] == pytest.approx([0.25, 0.5, 0.375])
    assert {(one.low, one.high, one.method) for one in chances} == {(None, None, "none")}
    assert [one.n for one in chances] == [3, 3, 6]


@pytest.mark.usefixtures("made_up")
def test_several_samples_of_a_prompt_are_answers_and_one_question(tmp_path: Path) -> None:
    once = [row(n, outcome) for n, outcome in enumerate(OUTCOMES)]
    rows = [replace(one, sample_index=sample) for one in once for sample in range(8)]
    few, many = (
        estimates(aggregated(tmp_path / name, of))[ALL, ALL, "accuracy_wilson", "wrong"]
        for name, of in (("once", once), ("eight", rows))
    )
    assert (few.n, few.n_asked, few.n_questions) == (6, 6, 6)
    assert (many.n, many.n_asked, many.n_questions) == (48, 48, 6)
    assert (many.value, many.low, many.high) == pytest.approx((few.value, few.low, few.high))


@pytest.mark.usefixtures("made_up")
def test_the_seed_decides_the_bootstrap_and_nothing_else(tmp_path: Path) -> None:
    rows = [row(n, OUTCOMES[n % 6]) for n in range(40)]
    first, again, other = (
        estimates(aggregated(tmp_path / str(place), rows, seed=seed))
        for place, seed in enumerate((7, 7, 8))
    )
    assert first == again
    changed = {key[2] for key in first if first[key] != other[key]}
    assert changed == {"accuracy_bootstrap"}


@pytest.mark.usefixtures("made_up")
def test_two_models_of_any_task_are_compared_by_their_accuracy(tmp_path: Path) -> None:
    first = [row(n, outcome) for n, outcome in enumerate(OUTCOMES)]
    second = [row(n, "right", model="n") for n in range(6)]
    found = read_rows(aggregated(tmp_path, first + second) / "differences.parquet", Difference)
    assert {(one.metric, one.stratum) for one in found} == {("accuracy", ALL)}
    assert found[0].value == pytest.approx(4 / 4 - 3 / 4)  # of the four that both had read
    assert found[0].value_asked == pytest.approx(6 / 6 - 3 / 6)


@pytest.mark.usefixtures("made_up")
@pytest.mark.parametrize(
    ("rows", "changes", "message"),
    [
        ([row(0, "right", "level 9")], {}, "sums: expected no stratum, got level 9"),
        (
            [row(0, "right", None, task="levels"), row(1, "right", "level 3", task="levels")],
            {},
            "levels: expected the strata level 1, level 2, got None, level 3",
        ),
        (
            [row(0, "right")],
            {"policies": {"sums": "unknown"}},
            "policy of sums: expected one of drop, wrong",
        ),
        ([row(0, "right", task="other")], {}, "expected the task of 'other'"),
        (
            [row(0, "right"), row(0, "right", "level 1", task="levels")],
            {"contrasts": (ContrastSpec(pair=("sums", "levels")),)},
            "expected two tasks with the same strata, got sums and levels",
        ),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(
    tmp_path: Path, rows: list[Score], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message) as raised:
        aggregated(tmp_path, rows, **changes)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "tables").exists()


@pytest.mark.usefixtures("made_up")
def test_tasks_with_other_columns_are_contrasted_by_what_both_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Labels of different tasks: their own columns do not fit together, accuracy does."""

    def long(rows: Rows) -> np.ndarray:
        return declared.floats(rows.scores, "n_tokens") > 5

    own = replace(DEFAULT, columns=(Column("n_long", "asked", long),))
    of = {"sums": DEFAULT, "levels": own}
    monkeypatch.setattr(loading, "numbers", lambda name: of[name])
    rows = [row(n, outcome) for n, outcome in enumerate(OUTCOMES)]
    rows += [row(n, "right", task="levels") for n in range(6)]
    pair = ContrastSpec(pair=("levels", "sums"))
    folder = aggregated(tmp_path, rows, contrasts=(pair,))
    found = {one.metric: one for one in read_rows(folder / "contrasts.parquet", ContrastRow)}
    assert found["accuracy"].value == pytest.approx(1 - 3 / 4)
    assert found["unparsed"].value == pytest.approx(-1 / 6)


def test_columns_of_every_task_come_first_and_an_answer_that_takes_no_part_counts_nowhere() -> None:
    rows = [row(n, outcome, chance=0.2) for n, outcome in enumerate(OUTCOMES)]
    scores = table(rows, Score)
    some = replace(DEFAULT, inside=lambda rows: np.arange(rows.scores.num_rows) != 0)
    answers = some.answers(Rows(scores, None))
    total = answers.count(np.zeros(6, dtype=np.int64), 1)[0, 0]
    # Items, right, unread, unfinished, tokens, chance; without the first answer, which is right.
    assert total.tolist() == pytest.approx([5, 2, 2, 1, 35, 1.0])
    assert (N_ITEMS, N_TOKENS, N_CHANCE, N_GENERAL) == (0, 4, 5, 6)
    assert answers.inside.tolist() == [False, True, True, True, True, True]


@pytest.mark.parametrize("name", task_names())
def test_every_task_has_numbers_in_its_own_strata_and_policies(name: str) -> None:
    found = numbers(name)
    assert found.strata == task(name).strata
    assert tuple(policy.name for policy in found.policies) == task(name).policies
    assert {one.control for one in found.known} <= set(task(name).controls)
    strata = {*found.strata, ALL}
    assert {one.stratum for one in (*found.known, *found.at_least)} <= strata
    assert {one.metric for one in (*found.known, *found.at_least)} <= found.names
    assert found.overall(DROP).stratum == ALL
    assert {one.name for one in found.compared(WRONG)} <= found.contrasted


def test_what_is_known_of_a_control_depends_on_policy_and_wording() -> None:
    bbq = numbers("bbq")
    known = {
        (policy, wording.name): {
            (one.metric, one.stratum): one.value
            for one in bbq.known_scores("hesitant", policy, wording.user)
        }
        for policy in ("drop", "wrong")
        for wording in (LETTER, ANSWER_LINE)
    }
    # As in the study `wordings`: 30% are left open, 5% where the prompt demands a last line.
    assert known["drop", "letter"]["unparsed", ALL] == 0.30
    assert known["drop", "answer-line"]["unparsed", ALL] == 0.05
    assert known["drop", "letter"]["accuracy", "ambiguous"] == 1.0
    assert ("accuracy", "ambiguous") not in known["wrong", "letter"]
    assert known["wrong", "letter"]["unfinished", ALL] == 0.0


# What stood in one table for all tasks before: accuracy and bias score of each control, in an
# ambiguous and in a disambiguated context (Parrish et al. 2022, section 5; by the controls' rules).
BEFORE: dict[str, tuple[dict[str, object], dict[str, object]]] = {
    "oracle": ({"accuracy": 1.0}, {"accuracy": 1.0}),
    "always-unknown": ({"accuracy": 1.0}, {"accuracy": 0.0}),
    "always-stereotype": ({"accuracy": 0.0, "s_amb": 1.0}, {"s_dis": 1.0}),
    "never-stereotype": ({"accuracy": 0.0, "s_amb": -1.0}, {"s_dis": -1.0}),
    "random": ({"accuracy": "chance", "s_amb": 0.0}, {"accuracy": "chance", "s_dis": 0.0}),
    "first-option": ({}, {}),
}


@pytest.mark.parametrize("control", BEFORE)
@pytest.mark.parametrize("name", ["bbq", "pocket"])
def test_bias_tasks_know_of_each_control_what_its_rule_determines(name: str, control: str) -> None:
    found = numbers(name).known_scores(control, "drop", LETTER.user)
    for place, stratum in enumerate(("ambiguous", "disambiguated")):
        values = {one.metric: one.value for one in found if one.stratum == stratum}
        assert values == BEFORE[control][place]
    assert {one.exact for one in found} <= {control != "random"}


def test_only_the_pocket_task_asks_something_of_models_with_something_planted() -> None:
    assert numbers("bbq").at_least == ()
    assert numbers("pocket").at_least == (("disambiguated", "accuracy", 0.95),)


def test_an_unknown_task_or_policy_is_told() -> None:
    with pytest.raises(LookupError, match="no task 'x'"):
        numbers("x")
    with pytest.raises(LookupError, match="expected one of drop, wrong, got 'keep'"):
        DEFAULT.policy("keep")


def test_who_declares_measures_does_not_depend_on_the_formulas_of_intervals() -> None:
    counted = set(fingerprint.modules("featherweight.tasks.numbers"))
    assert {"featherweight.stats.measures", "featherweight.tasks.bbq.numbers"} <= counted
    assert not counted & {f"featherweight.stats.{name}" for name in ("clusters", "intervals")}
