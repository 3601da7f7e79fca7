"""The numbers of graded tasks: by hand from three problems of four samples, through score,
aggregate and compare; what is planted is found, and what is not planted is not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fabricated
from featherweight.aggregate.contrasts import contrasts
from featherweight.aggregate.differences import differences
from featherweight.aggregate.estimates import estimates
from featherweight.aggregate.load import Answered, load
from featherweight.compare.known import planted_values
from featherweight.files import read_rows, write_rows
from featherweight.records import ALL, Estimate, Graded, KnownValue, Score
from featherweight.score.run import run
from featherweight.specs import AggregateSpec, ContrastSpec, PlantedSpec, ScoreSpec
from featherweight.stats.best_of import pass_at_k
from featherweight.stats.clusters import clustered, interval
from featherweight.stats.counts import WRONG
from featherweight.tasks.graded_numbers import KS, N_AT_K, PASS_AT_K
from featherweight.tasks.numbers import DEFAULT, numbers
from made_up_evidence import evidence, model, task
from made_up_sums import SPEC, SUMS, write

AGGREGATE = AggregateSpec(tasks={"sums": "sums"}, policies={"sums": "wrong"}, draws=50)


@pytest.fixture(autouse=True)
def tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    fabricated.register(monkeypatch, SUMS)
    numbers.cache_clear()


def scored(folder: Path, **changes: Any) -> list[Answered]:
    output = folder / "score" / "made-up.parquet"
    run(ScoreSpec.model_validate(SPEC | changes), **write(folder), output=output)
    return load([output], AGGREGATE)[0]


def values(rows: list[Estimate], stratum: str = ALL) -> dict[tuple[str, str], float | None]:
    """By metric and policy, over all groups."""
    return {
        (row.metric, row.policy): row.value
        for row in rows
        if (row.group, row.stratum) == (ALL, stratum)
    }


# Right answer and votes of each problem (level): R R 8 8 (1); R and three without an answer (2);
# 41 42 41 99, all wrong (1). pass@2: of the 6 pairs 5, 3 and 0 hold a right answer. maj@2: of the
# first problem RR is right, four pairs tie, 88 is wrong: 3/6; of the second 3/6, for what has no
# answer has no vote. maj@4: a tie, 1/2; 1; 0.
BY_HAND = {
    ALL: {
        ("accuracy", "wrong"): 3 / 12,
        ("accuracy", "drop"): 3 / 9,
        ("unparsed", "wrong"): 1 / 12,
        ("unfinished", "wrong"): 2 / 12,
        ("n_tokens", "wrong"): 2.0,
        ("chance", "wrong"): 0.1,
        ("pass@2", "wrong"): (5 / 6 + 3 / 6) / 3,
        ("pass@4", "wrong"): 2 / 3,
        ("maj@2", "wrong"): (3 / 6 + 3 / 6) / 3,
        ("maj@4", "wrong"): (1 / 2 + 1) / 3,
        ("planted", "wrong"): (0.05 + 0.1 + 0.1) / 3,
        ("above_planted", "wrong"): 3 / 12 - 0.25 / 3,
    },
    "level 1": {
        ("accuracy", "wrong"): 2 / 8,
        ("accuracy", "drop"): 2 / 8,
        ("pass@2", "wrong"): 5 / 12,
        ("pass@4", "wrong"): 1 / 2,
        ("maj@2", "wrong"): 1 / 4,
        ("maj@4", "wrong"): 1 / 4,
        ("planted", "wrong"): 0.075,
        ("above_planted", "wrong"): 0.25 - 0.075,
    },
    "level 2": {
        ("accuracy", "wrong"): 1 / 4,
        ("accuracy", "drop"): 1.0,
        ("pass@2", "wrong"): 1 / 2,
        ("pass@4", "wrong"): 1.0,
        ("maj@2", "wrong"): 1 / 2,
        ("maj@4", "wrong"): 1.0,
        ("planted", "wrong"): 0.1,
        ("above_planted", "wrong"): 0.15,
    },
}


@pytest.mark.parametrize("stratum", BY_HAND)
def test_three_problems_of_four_samples_by_hand(tmp_path: Path, stratum: str) -> None:
    answered = scored(tmp_path, planted={"sums": "solver"}, temperature=0.5)
    found = values(estimates(answered, AGGREGATE), stratum)
    expected = BY_HAND[stratum]
    assert {key: found[key] for key in expected} == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("block", "within"), [(1, False), (2, True)])
def test_levels_that_every_block_has_are_fixed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, within: bool
) -> None:
    """All right at level 1 and none at level 2 is no spread where the draw fixes the levels."""
    fabricated.register(monkeypatch, replace(SUMS, block=block))
    numbers.cache_clear()
    rows: list[Row] = [("m", one, 0, one % 2 == 0, one % 2, None) for one in range(12)]
    made = estimates(load(judged(tmp_path, rows), AGGREGATE)[0], AGGREGATE)
    by_stratum = {
        row.stratum: row
        for row in made
        if (row.metric, row.policy, row.group) == ("accuracy", "wrong", ALL)
    }
    overall = by_stratum.pop(ALL)
    assert overall.value == 0.5
    assert overall.low is not None
    assert overall.high is not None
    # within levels as if 12 clusters agreed, t of 10: 0.5 -+ 0.146; else a t interval of 0.15 a
    # standard error
    assert (overall.high - overall.low < 0.3) is within
    assert overall.method.endswith("within categories and strata, t") is within
    assert {row.method for row in by_stratum.values()} == {"cluster jackknife, t"}


def test_only_what_something_rests_on_is_told(tmp_path: Path) -> None:
    """No k beyond the samples, nothing planted without a table, no lenient reading of integers."""
    rows = estimates(scored(tmp_path), AGGREGATE)
    names = {row.metric for row in rows}
    assert {"pass@2", "pass@4", "maj@2", "maj@4"} <= names
    assert not names & {"pass@8", "maj@8", "planted", "above_planted", "accuracy_lenient"}
    (pairs,) = [row for row in rows if (row.metric, row.group, row.stratum) == ("maj@2", ALL, ALL)]
    assert (pairs.n, pairs.n_asked, pairs.n_questions, pairs.n_clusters) == (12, 12, 3, 3)
    (mean,) = [
        row
        for row in estimates(
            scored(tmp_path, planted={"sums": "solver"}, temperature=0.5), AGGREGATE
        )
        if (row.metric, row.group, row.stratum) == ("planted", ALL, ALL)
    ]
    assert (mean.low, mean.high, mean.method) == (None, None, "none")


def test_graded_tasks_have_these_numbers_and_no_other_task_has() -> None:
    own = numbers("sums")
    assert [policy.name for policy in own.policies] == ["wrong", "drop"]
    names = {"accuracy_lenient", "planted", "above_planted", "pass@256", "maj@2"}
    assert names <= own.names
    assert not names & DEFAULT.names


def test_known_scores_of_controls() -> None:
    def known(control: str) -> set[tuple[str, str, object, bool]]:
        scores = numbers("sums").known_scores(control, "wrong", "{question}")
        return {(one.metric, one.stratum, one.value, one.exact) for one in scores}

    levels = ("level 1", "level 2")
    assert known("oracle") == {("accuracy", one, 1.0, True) for one in levels}
    assert known("rephrased") == {("accuracy", one, 1.0, True) for one in levels}
    assert known("near-miss") == {("accuracy", one, 0.0, True) for one in levels} | {
        ("unparsed", ALL, 0.0, True)
    }
    assert known("unclosed") == {("unfinished", ALL, 1.0, True)}
    assert known("hesitant") == {
        ("accuracy", ALL, 0.7, False),
        ("unparsed", ALL, 0.3, False),
        ("unfinished", ALL, 0.0, True),
    }
    assert known("random") == {("accuracy", one, "chance", False) for one in levels}


Row = tuple[str, int, int, bool, int | None, float | None]  # model, problem, sample, right, class


def judged(folder: Path, rows: list[Row]) -> list[Path]:
    """Scores and Graded rows of several models on disk; problems take turns in the levels."""
    paths = []
    for name in dict.fromkeys(row[0] for row in rows):
        scores, beside = [], []
        for _, problem, sample, right, place, planted in (row for row in rows if row[0] == name):
            key: dict[str, Any] = {
                "model": name,
                "task": "sums",
                "category": "sums",
                "item_seed": 0,
                "sample_seed": 0,
                "item_id": f"sum-{problem}",
                "sample_index": sample,
            }
            scores.append(
                Score(
                    **key,
                    cluster=f"sum-{problem}",
                    block=f"sum-{problem}",
                    group="sums",
                    stratum=f"level {1 + problem % 2}",
                    answer=None if place is None else str(place),
                    outcome="right" if right else "unparsed" if place is None else "wrong",
                    reason="none" if place is None else None,
                    rule=None if place is None else "last number",
                    chosen_position=None,
                    gold_position=None,
                    chance=None,
                    n_tokens=1,
                    finish="stop",
                )
            )
            beside.append(Graded(**key, graded_by=None, answer_class=place, lenient=None,
                                 planted=planted))  # fmt: skip
        path = folder / f"{name}.parquet"
        write_rows(path, scores, Score)
        write_rows(folder / name / "sums.parquet", beside, Graded)
        paths.append(path)
    return paths


def two_models(folder: Path) -> list[Answered]:
    """40 problems of 4 samples: a is right twice, b up to twice and else wrong alike."""
    rows: list[Row] = []
    for problem in range(40):
        for sample in range(4):
            right = sample < 2
            rows.append(("a", problem, sample, right, 0 if right else sample, None))
            right = sample < (problem % 3)
            rows.append(("b", problem, sample, right, 0 if right else 1, None))
    return load(judged(folder, rows), AGGREGATE)[0]


def test_of_each_series_the_largest_k_is_compared_in_pairs(tmp_path: Path) -> None:
    rows = differences(two_models(tmp_path), AGGREGATE)
    over_all = {row.metric: row for row in rows if (row.group, row.stratum) == (ALL, ALL)}
    assert set(over_all) == {"accuracy", "pass@4", "maj@4"}
    # a: maj@4 1 and pass@4 1; b: with 0, 1, 2 right maj@4 is 0, 0, 1/2 and pass@4 0, 1, 1
    zero, one, two = (sum(p % 3 == right for p in range(40)) for right in range(3))
    for metric, expected in (("maj@4", two / 2 / 40), ("pass@4", (one + two) / 40)):
        row = over_all[metric]
        assert row.value == pytest.approx(expected - 1.0, abs=1e-12)
        assert row.value_asked == row.value
        assert row.p is not None
        assert row.p_adjusted is not None
        assert row.p_adjusted >= row.p
        assert (row.n, row.n_asked, row.n_questions) == (160, 160, 40)
    assert zero + one + two == 40


def test_two_labels_of_a_graded_task_can_be_contrasted_under_either_policy(tmp_path: Path) -> None:
    """`drop` has no pass@k of its own, `wrong` has; both compare what they share."""
    for policy, told in (("drop", False), ("wrong", True)):
        both = {"sums": policy, "again": policy}
        spec = AGGREGATE.model_copy(
            update={
                "tasks": {"sums": "sums", "again": "sums"},
                "policies": both,
                "contrasts": (ContrastSpec(pair=("sums", "again")),),
            }
        )
        answered = two_models(tmp_path / policy)
        one = answered[0].layout
        layout = replace(one, policy=one.numbers.policy(policy))
        here = [replace(each, layout=layout) for each in answered]
        again = [replace(each, layout=replace(layout, task="again")) for each in answered]
        names = {row.metric for row in contrasts([*here, *again], spec)}
        assert "accuracy" in names
        assert ("maj@4" in names) == ("pass@2" in names) == told
        assert not names & {f"pass@{k}" for k in KS if k > 4}


def test_a_problem_that_differs_makes_nothing_surer(tmp_path: Path) -> None:
    """29 of 30 problems always right, one in 2 of 16 samples: pass@16 is 1, pass@8 just below."""
    rows: list[Row] = [
        ("m", problem, sample, right, 0 if right else 1, None)
        for problem in range(30)
        for sample in range(16)
        for right in (problem > 0 or sample < 2,)
    ]
    made = estimates(load(judged(tmp_path, rows), AGGREGATE)[0], AGGREGATE)
    found = {(row.metric, row.stratum): row for row in made if row.group == ALL}
    for stratum in ("level 1", ALL):
        least, most = found["pass@8", stratum], found["pass@16", stratum]
        assert most.value == 1.0
        assert least.low is not None
        assert most.low is not None
        assert 0.95 < (least.value or 0.0) < 1.0
        assert least.low < most.low


def test_pass_at_k_near_1_is_covered() -> None:
    """Problems are right with chances of Beta(2, 1/2), so that 30 of them often hold none that is
    hard: the t interval covers 60%. 300 studies at 0.95 fall below 0.91 less than once in 500.
    """
    measure = next(
        one.measure
        for one in numbers("sums").metrics(WRONG)
        if (one.name, one.stratum) == ("pass@8", ALL)
    )
    generator = np.random.default_rng(11)
    n = np.full(1, 16)
    by_right = np.array([pass_at_k(n, np.full(1, right), 8)[0] for right in range(17)])
    truth = float(np.mean(1 - (1 - generator.beta(2.0, 0.5, 200_000)) ** 8))
    held = {True: 0, False: 0}
    for _ in range(300):
        counts = np.zeros((30, 2, PASS_AT_K + len(KS)))
        counts[:, 0, N_AT_K + 2] = 16.0
        right = generator.binomial(16, generator.beta(2.0, 0.5, 30))
        counts[:, 0, PASS_AT_K + 2] = 16.0 * by_right[right]
        score = clustered(counts, measure)
        for unseen in held:
            reach = interval(score, bounds=measure.bounds, unseen=unseen)
            assert reach is not None
            held[unseen] += reach.low <= truth <= reach.high
    assert measure.unseen
    assert held[True] > 273
    assert held[False] < 240


# --- what was planted is found ---------------------------------------------------------------

TABLE = [
    PlantedSpec(task="sums", metric="accuracy", stratum=stratum, table="solver")
    for stratum in ("level 1", "level 2")
]


def solver(folder: Path, shift: float, seed: int, problems: int = 300) -> list[KnownValue]:
    """What compare says of a model that is right as planted, `shift` less often."""
    generator = np.random.default_rng(seed)
    rows: list[Row] = []
    for problem in range(problems):
        planted = float(generator.uniform(0.2, 1.0))
        for sample in range(16):
            right = bool(generator.random() < planted - shift)
            rows.append(("p", problem, sample, right, 0 if right else 1, planted))
    made = estimates(load(judged(folder, rows), AGGREGATE)[0], AGGREGATE)
    models = [model("p", planted=TABLE)]
    found = evidence(made, models=models, tasks=[task("sums", "sums", wording="plain")],
                     policy="wrong")  # fmt: skip
    return list(planted_values(found.results))


def test_a_planted_table_is_recovered(tmp_path: Path) -> None:
    """Inside within 3.29 standard errors: each of these fails once in 1,000, whatever the seed."""
    rows = solver(tmp_path, 0.0, seed=1)
    assert [(row.stratum, row.inside) for row in rows] == [("level 1", True), ("level 2", True)]
    for row in rows:
        assert row.expected is not None
        assert row.value is not None
        assert row.detectable is not None
        assert 0.5 < row.expected < 0.7
        assert abs(row.value - row.expected) < 0.05
        # The problems' own spread, which both share, is not in it: 4.1 standard errors of 0.009.
        assert row.detectable < 0.05


def test_a_planted_fault_is_caught(tmp_path: Path) -> None:
    """0.06 below what was planted is more than 6 standard errors (0.009) of 150 x 16 answers: it
    lies inside fewer than once in 100 runs.
    """
    assert [row.inside for row in solver(tmp_path, 0.06, seed=2)] == [False, False]


def test_too_few_problems_decide_nothing(tmp_path: Path) -> None:
    """8 problems a level: 3.29 standard errors reach beyond 0.1, and would hold anything."""
    rows = solver(tmp_path, 0.0, seed=3, problems=16)
    assert [row.inside for row in rows] == [None, None]
    assert all(row.expected is not None for row in rows)


FAULTS: list[tuple[str, Callable[[Graded], Graded]]] = [
    (
        "a silent answer votes",
        lambda one: replace(one, answer_class=9 if one.answer_class is None else one.answer_class),
    ),
    ("no two answers are alike", lambda one: replace(one, answer_class=one.sample_index)),
]


@pytest.mark.parametrize(("name", "fault"), FAULTS, ids=[name for name, _ in FAULTS])
def test_wrong_classes_change_the_majority(
    tmp_path: Path, name: str, fault: Callable[[Graded], Graded]
) -> None:
    """So the table by hand would notice them."""
    scored(tmp_path)
    path = tmp_path / "score" / "made-up" / "sums.parquet"
    write_rows(path, [fault(one) for one in read_rows(path, Graded)], Graded)
    rows = estimates(load([tmp_path / "score" / "made-up.parquet"], AGGREGATE)[0], AGGREGATE)
    assert values(rows)["maj@4", "wrong"] != pytest.approx(BY_HAND[ALL]["maj@4", "wrong"])
