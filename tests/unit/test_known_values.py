"""What was planted or is known beforehand: recovered, missed, or not to be judged; never passed by
an interval that would hold anything.
"""

from __future__ import annotations

from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

from featherweight.compare.known import CHANCE_WIDENING, REACH, control_scores, planted_values
from featherweight.records import Estimate, KnownValue
from featherweight.specs import PlantedSpec
from made_up_evidence import estimate, evidence, model, task

RATE = PlantedSpec(task="pocket", metric="stereotyped", stratum="ambiguous", value=0.3)
PLANTED = [model("p", planted=[RATE])]
POCKET = [task("pocket", "pocket", wording="pocket")]
SHOWN = {"metric": "stereotyped", "stratum": "ambiguous"}


def planted(*rows: Estimate, tasks: list = POCKET) -> list[KnownValue]:
    return list(planted_values(evidence(rows, models=PLANTED, tasks=tasks).results))


def rate(value: float, low: float, high: float, label: str = "pocket") -> Estimate:
    return estimate("p", value, low, high, task=label, **SHOWN)


@pytest.mark.parametrize(
    ("low", "high", "inside"),
    [(0.25, 0.35, True), (0.3, 0.35, True), (0.31, 0.4, False), (0.1, 0.29, False)],
)
def test_planted_inside(low: float, high: float, inside: bool) -> None:
    rows = planted(rate((low + high) / 2, low, high), estimate("p", 0.96, task="pocket"))
    assert [(row.expected, row.inside, row.at_least) for row in rows] == [
        (0.3, inside, False),
        (0.95, True, True),
    ]


@pytest.mark.parametrize(("value", "inside"), [(0.949, False), (0.95, True)])
def test_what_a_planted_model_must_reach(value: float, inside: bool) -> None:
    (row,) = [row for row in planted(estimate("p", value, task="pocket")) if row.at_least]
    assert (row.stratum, row.metric, row.inside) == ("disambiguated", "accuracy", inside)


def test_planted_rates_are_of_generated_answers() -> None:
    """A model that thinks aloud has no thinking where its answer is chosen, and another rate."""
    chosen = task("again", "pocket", answers="likelihood", wording="pocket")
    rows = planted(rate(0.3, 0.25, 0.35), rate(0.9, 0.8, 0.95, "again"), tasks=[*POCKET, chosen])
    assert [row.task for row in rows] == ["pocket", "pocket"]


def test_planted_without_data_is_not_judged() -> None:
    assert [(row.value, row.inside) for row in planted()] == [(None, None), (None, None)]


def test_what_is_planted_on_another_task_is_not_looked_for() -> None:
    assert planted(rate(0.3, 0.25, 0.35, "bbq"), tasks=[task("bbq")]) == []


# 80% of 2,000 studies, give or take 0.9 points: beyond 3.6 to either side six times in 100,000. The
# shift of the 95% test, 2.8 standard errors, would be found in 31%.
@pytest.mark.parametrize("kind", ["table", "random"])
def test_a_shift_of_the_size_that_is_told_is_found_four_times_in_five(kind: str) -> None:
    error, found, shift = 0.02, [], (3.29 + 0.8416) * 0.02
    for drawn in np.random.default_rng(1).normal(shift, error, 2000):
        row = known_by_chance(kind, float(drawn), error)
        assert row.detectable == pytest.approx(shift, abs=1e-4)
        found.append(row.inside is False)
    assert np.mean(found) == pytest.approx(0.8, abs=0.036)


def known_by_chance(kind: str, above: float, error: float) -> KnownValue:
    """A planted table, or a control at chance, measured so far above what is known."""
    half, noticed = 1.96 * error, (1.96 + 0.8416) * error
    at = {"task": "chains", "stratum": "level 1", "policy": "wrong", "detectable": noticed}
    shown = {"accuracy": 0.5 + above}
    known = {"planted": 0.5, "above_planted": above} if kind == "table" else {"chance": 0.5}
    rows = [
        estimate("m", value, value - half, value + half, metric=metric, **at)
        for metric, value in (shown | known).items()
    ]
    table = PlantedSpec(task="chains", metric="accuracy", stratum="level 1", table="solver")
    if kind == "table":
        # the interval of the accuracy is not what judges
        rows[0] = replace(rows[0], low=0.0, high=1.0, detectable=0.5)
    of = model("m", planted=[table]) if kind == "table" else model("m", control="random")
    tasks = [task("chains", "chains", wording="chains")]
    results = evidence(rows, models=[of], tasks=tasks, policy="wrong").results
    look = planted_values if kind == "table" else control_scores
    (row,) = [one for one in look(results) if (one.metric, one.stratum) == ("accuracy", "level 1")]
    return row


# --- controls ---


def scores(control: str, *rows: Estimate, of: str = "bbq", wording: str = "letter", **more: str):
    """The known scores of a control beside these rows, by metric and stratum."""
    label = rows[0].task if rows else of
    study = evidence(
        rows, models=[model("c", control=control)], tasks=[task(label, of, wording=wording)], **more
    )
    return {(row.metric, row.stratum): row for row in control_scores(study.results)}


def chance(value: float, stratum: str = "disambiguated", label: str = "bbq") -> Estimate:
    return estimate("c", value, task=label, stratum=stratum, metric="chance")


ACCURACY = ("accuracy", "disambiguated")


@pytest.mark.parametrize(
    ("control", "value", "inside"),
    [
        ("oracle", 1.0, True),
        ("oracle", 0.999, False),
        ("random", 1 / 3 + 0.04, True),  # inside the 95% interval
        ("random", 1 / 3 + 0.08, True),  # outside it, inside 3.29 standard errors
        ("random", 1 / 3 + 0.09, False),
    ],
)
def test_controls(control: str, value: float, inside: bool) -> None:
    rows = scores(control, estimate("c", value, value - 0.05, value + 0.05), chance(1 / 3))
    assert rows[ACCURACY].inside is inside
    assert {row.inside for row in rows.values() if row.value is None} <= {None}


@pytest.mark.parametrize(
    ("measured", "expected", "inside"),
    [(1 / 3, 1 / 3, True), (0.2, 0.2, False)],
)
def test_chance_is_that_of_the_items_that_were_asked(
    measured: float, expected: float, inside: bool
) -> None:
    """A constant 1/3 would pass for three options and for any other number of them alike."""
    row = scores("random", estimate("c", 0.34, 0.30, 0.38), chance(measured))[ACCURACY]
    assert (row.expected, row.inside) == (expected, inside)


def test_where_nobody_can_guess_chance_is_no_known_value() -> None:
    assert ACCURACY not in scores("random", estimate("c", 0.34, 0.30, 0.38))


@pytest.mark.parametrize(("control", "value"), [("oracle", 1.0), ("random", 1 / 3)])
@pytest.mark.parametrize("lost", [0, 1, 100])
def test_a_lost_answer_of_a_rule_that_always_answers_is_missed(
    control: str, value: float, lost: int
) -> None:
    """Under the policy drop its accuracy would stay what it must be, however many were lost."""
    row = estimate("c", value, value - 0.05, value + 0.05)
    kept = replace(row, n=100 - lost, n_asked=100, value=None if lost == 100 else value)
    assert scores(control, kept, chance(1 / 3))[ACCURACY].inside is (lost == 0)


@pytest.mark.parametrize(
    ("metric", "stratum", "half", "inside"),
    [
        ("accuracy", "disambiguated", 0.0595, True),  # 0.0595 * 3.29 / 1.96 = 0.09988
        ("accuracy", "disambiguated", 0.0600, None),
        ("s_dis", "disambiguated", 0.119, True),  # twice the range, twice the reach
        ("s_dis", "disambiguated", 0.120, None),
    ],
)
def test_too_wide_an_interval_tells_nothing(
    metric: str, stratum: str, half: float, inside: bool | None
) -> None:
    value = 1 / 3 if metric == "accuracy" else 0.0
    row = estimate("c", value, value - half, value + half, metric=metric, stratum=stratum)
    assert scores("random", row, chance(1 / 3))[metric, stratum].inside is inside


@pytest.mark.parametrize(("below", "above"), [(0.02, 0.06), (0.06, 0.02)])
def test_an_interval_that_reaches_farther_to_one_side_is_judged_by_that_side(
    below: float, above: float
) -> None:
    rows = [estimate("c", 1 / 3, 1 / 3 - below, 1 / 3 + above), chance(1 / 3)]
    assert scores("random", *rows)[ACCURACY].inside is None


def test_a_false_value_passes_as_rarely_as_is_said() -> None:
    """At the limit an accuracy that is wrong by 0.15 is inside once in 20, by 0.2 in 2,000."""
    error = REACH / (CHANCE_WIDENING * 1.96)
    for wrong, odds in ((0.15, 0.05), (0.2, 0.0005)):
        passes = NormalDist(wrong, error).cdf(REACH) - NormalDist(wrong, error).cdf(-REACH)
        assert 0.8 * odds < passes < 1.1 * odds


@pytest.mark.parametrize(
    ("control", "value", "inside"),
    [("oracle", 1.0, True), ("oracle", 0.9, False), ("random", 1 / 3, None)],
)
def test_without_an_interval_only_exact_scores_are_judged(
    control: str, value: float, inside: bool | None
) -> None:
    """A subset with one template has no clustered interval."""
    rows = scores(control, estimate("c", value), chance(1 / 3))
    assert rows[ACCURACY].inside is inside


@pytest.mark.parametrize("answers", ["generated", "likelihood"])
def test_a_control_counts_once_where_it_also_answered_in_text(answers: str) -> None:
    rows = [estimate("c", 1.0, task=label) for label in ("bbq", "again")]
    tasks = [task("bbq", answers=answers), task("again", answers="likelihood")]
    found = evidence(rows, models=[model("c", control="oracle")], tasks=tasks).results
    judged = {row.task for row in control_scores(found)}
    assert judged == ({"bbq"} if answers == "generated" else {"bbq", "again"})


def hesitant(wording: str, share: float, low: float, high: float, policy: str = "drop"):
    """Accuracy 1 of what it answers, and this unread share."""
    rows = [
        replace(estimate("c", value, *bounds), task="pocket-x", stratum=stratum, metric=metric)
        for metric, stratum, value, bounds in (
            ("accuracy", "ambiguous", 1.0, (0.99, 1.0)),
            ("accuracy", "disambiguated", 1.0, (0.99, 1.0)),
            ("unparsed", "all", share, (low, high)),
            ("unfinished", "all", 0.0, (0.0, 0.01)),
        )
    ]
    return scores("hesitant", *rows, of="pocket", wording=wording, policy=policy)


@pytest.mark.parametrize(
    ("wording", "share", "expected", "inside"),
    [
        ("letter", 0.30, 0.30, True),
        ("letter", 0.33, 0.30, True),  # outside 1.96 standard errors of 0.01, inside 3.29
        ("letter", 0.34, 0.30, False),
        ("letter", 0.05, 0.30, False),  # asked with the demand of the other wording
        ("letter", 0.0, 0.30, False),  # somebody read what nobody can read
        ("answer-line", 0.05, 0.05, True),
        ("answer-line", 0.30, 0.05, False),  # the demand never reached the control
    ],
)
def test_the_planted_unread_share_is_that_of_the_wording(
    wording: str, share: float, expected: float, inside: bool
) -> None:
    rows = hesitant(wording, share, share - 0.0196, share + 0.0196)
    found = {key: (row.expected, row.inside) for key, row in rows.items()}
    assert found.pop(("unparsed", "all")) == (expected, inside)
    assert found == {
        ("accuracy", "ambiguous"): (1.0, True),
        ("accuracy", "disambiguated"): (1.0, True),
        ("unfinished", "all"): (0.0, True),
    }


def test_what_is_left_open_is_right_only_where_it_is_left_out() -> None:
    rows = hesitant("letter", 0.3, 0.28, 0.32, policy="wrong")
    assert {metric for metric, _ in rows} == {"unparsed", "unfinished"}


def test_a_control_is_judged_where_it_is_asked_and_in_its_own_wording() -> None:
    """`hesitant` leaves 30% open asked for a letter, 5% where the last line is demanded."""
    rows = [
        replace(estimate(name, 0.3, 0.28, 0.32), task=label, stratum="all", metric="unparsed")
        for name in ("c", "d")
        for label in ("one", "two")
    ]
    controls = [model(name, control="hesitant") for name in ("c", "d")]
    wordings = {"c": "letter", "d": "answer-line"}
    tasks = [
        task("one", "pocket", wording=None, models=["c", "d"], wordings=wordings),
        task("two", "pocket", models=["c"]),
    ]
    found = control_scores(evidence(rows, models=controls, tasks=tasks).results)
    assert {
        (row.model, row.task): (row.expected, row.inside)
        for row in found
        if row.metric == "unparsed"
    } == {("c", "one"): (0.3, True), ("d", "one"): (0.05, False), ("c", "two"): (0.3, True)}


def test_a_control_asked_only_by_likelihood_is_judged_there() -> None:
    """Its answers in text are another control's."""
    rows = [estimate(name, 1.0, task=label) for name, label in (("c", "bbq"), ("d", "again"))]
    tasks = [task("bbq", models=["c"]), task("again", answers="likelihood", models=["c", "d"])]
    controls = [model(name, control="oracle") for name in ("c", "d")]
    found = control_scores(evidence(rows, models=controls, tasks=tasks).results)
    assert {(row.model, row.task) for row in found} == {("c", "bbq"), ("d", "again")}


def test_nothing_planted_is_looked_for_where_its_model_is_not_asked() -> None:
    tilted = model("m", planted=[RATE])
    other = [task("pocket", "pocket", models=["n"]), task("own", "pocket", models=["m"])]
    found = evidence([], models=[tilted, model("n")], tasks=other).results
    assert {row.task for row in planted_values(found)} == {"own"}
