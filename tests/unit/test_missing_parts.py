"""What a claim may say where some of its numbers are not there: never that it is reproduced.

Each case is a rule with everything that it looks up, in a world in which the claim is true; then
each number is taken away in turn, or loses its value or its interval.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from featherweight.compare.claims import Claim, Vocabulary
from featherweight.compare.selection import StudyRule
from featherweight.records import ContrastRow, Estimate
from made_up_evidence import Evidence, contrast, difference, estimate, evidence, model, task

MODELS = [model(name) for name in "abcd"]


def claim(rule: str, **arguments: Any) -> Claim:
    made = Vocabulary.model_validate({rule: arguments}).rule
    assert isinstance(made, StudyRule)
    tasks = dict.fromkeys(made.labels(), "bbq")
    unit = "tokens" if "contrast" in rule else "percent"
    return Claim("c", "article", None, "text", "topic", unit, None, None, made, tasks)


def of(name: str | None = None, **more: str) -> dict[str, str]:
    named = {} if name is None else {"model": name}
    return named | {"task": "bbq", "stratum": "disambiguated", "metric": "accuracy"} | more


def at(name: str, value: float, **change: Any) -> Estimate:
    return estimate(name, value, value - 0.05, value + 0.05, **change)


def grouped(values: dict[str, float]) -> list[Estimate]:
    return [at("a", value, group=group) for group, value in values.items()]


# Every rule on our numbers, with rows that make it true. All are needed, whichever is taken.
CASES: dict[str, tuple[Claim, Sequence[Estimate]]] = {
    "value_near": (
        claim("value_near", estimate=of("a"), stated=0.5, tolerance=0.1),
        [at("a", 0.5)],
    ),
    "value_between": (
        claim("value_between", estimate=of("a"), low=0.4, high=0.6),
        [at("a", 0.5)],
    ),
    "value_above": (claim("value_above", estimate=of("a"), stated=0.3), [at("a", 0.5)]),
    "value_below": (claim("value_below", estimate=of("a"), stated=0.7), [at("a", 0.5)]),
    "greater": (claim("greater", a=of("a"), b=of("b")), [at("a", 0.8), at("b", 0.5)]),
    "equal": (claim("equal", a=of("a"), b=of("b"), margin=0.2), [at("a", 0.5), at("b", 0.5)]),
    "rank_first": (
        claim("rank_first", estimate=of("a"), among=["b", "c", "d"]),
        [at("a", 0.8), at("b", 0.5), at("c", 0.4), at("d", 0.3)],
    ),
    "rank_last": (
        claim("rank_last", estimate=of("a"), among=["b", "c", "d"]),
        [at("a", 0.2), at("b", 0.5), at("c", 0.4), at("d", 0.6)],
    ),
    "lower_groups": (
        claim("lower_groups", estimate=of("a"), groups=["Age", "SES"], than=["Religion"]),
        grouped({"Age": 0.2, "SES": 0.3, "SES (names)": 0.3, "Religion": 0.8}),
    ),
    "ratio_between": (
        claim("ratio_between", a=of("a"), b=of("b"), low=1.0, high=4.0),
        [at("a", 0.8), at("b", 0.4)],
    ),
    "greater, every group": (
        claim(
            "greater",
            a=of("a"),
            b=of("b"),
            each={"group": ["Age", "SES", "Religion"]},
            holds_in="every",
        ),
        [
            at(name, value, group=group)
            for name, value in (("a", 0.8), ("b", 0.5))
            for group in ("Age", "SES", "Religion")
        ],
    ),
    "greater, each of several models": (
        claim("greater", a=of("a"), b=of(), each={"against": ["b", "c"]}, holds_in="listed"),
        [at("a", 0.8), at("b", 0.5), at("c", 0.4)],
    ),
}
# What is left where a number is gone: a rank among fewer, a claim in fewer settings.
PARTLY = {"rank_first", "rank_last", "greater, every group", "greater, each of several models"}
HALVES = (1, 2)  # of "SES": where one was never scored, the other is the category

DAMAGE: dict[str, Callable[[Estimate], list[Estimate]]] = {
    "gone": lambda row: [],
    "no value": lambda row: [replace(row, value=None, low=None, high=None)],
    "no interval": lambda row: [replace(row, low=None, high=None)],
    "no lower bound": lambda row: [replace(row, low=None)],
    "no upper bound": lambda row: [replace(row, high=None)],
}


def study(estimates: Sequence[Estimate], **rows: Any) -> Evidence:
    return evidence(estimates, models=MODELS, **rows)


@pytest.mark.parametrize("name", CASES)
def test_with_everything_the_claim_is_reproduced(name: str) -> None:
    one, rows = CASES[name]
    assert study(rows).decide(one)[0].verdict == "reproduced"


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize(
    ("name", "place"),
    [(name, place) for name, (_, rows) in CASES.items() for place in range(len(rows))],
)
def test_without_one_number_it_is_not(name: str, place: int, damage: str) -> None:
    one, rows = CASES[name]
    left = [*rows[:place], *DAMAGE[damage](rows[place]), *rows[place + 1 :]]
    found, _ = study(left).decide(one)
    # Without the model's own number nothing is known, without one rival's a part.
    whole = name not in PARTLY or (place == 0 and "every group" not in name)
    expected = "not tested" if whole else "partly"
    if name == "lower_groups" and place in HALVES and damage == "gone":
        expected = "reproduced"
    assert found.verdict == expected


def test_a_claim_about_every_category_is_not_shown_by_one() -> None:
    one, rows = CASES["greater, every group"]
    assert study([row for row in rows if row.group == "Age"]).decide(one)[0].verdict == "partly"


@pytest.mark.parametrize("rule", ["rank_first", "rank_last"])
def test_a_rank_among_missing_rivals_can_still_be_refuted(rule: str) -> None:
    one, rows = CASES[rule]
    beaten = {"rank_first": 0.95, "rank_last": 0.05}[rule]
    left = [rows[0], replace(at("b", beaten), model="b")]
    found, _ = study(left).decide(one)
    assert found.verdict == "contradicted"


# --- contrasts ---

BETWEEN = {"model": "a", "first": "x", "second": "y", "metric": "n_tokens", "stratum": "all"}
NEAR = claim("contrast_near", stated=130, tolerance=60, **BETWEEN)
BELOW = claim("contrast_below", **BETWEEN)
TASKS = [task("x"), task("y")]


@pytest.mark.parametrize(("one", "value"), [(NEAR, 130.0), (BELOW, -130.0)])
@pytest.mark.parametrize(
    "damage", [[], {"value": None, "low": None, "high": None}, {"low": None}, {"high": None}]
)
def test_a_contrast_that_is_not_whole_decides_nothing(
    one: Claim, value: float, damage: dict[str, None] | list[None]
) -> None:
    row = contrast(value, 20)
    assert study([], contrasts=[row], tasks=TASKS).decide(one)[0].verdict == "reproduced"
    left = [] if isinstance(damage, list) else [replace(row, **damage)]
    assert study([], contrasts=left, tasks=TASKS).decide(one)[0].verdict == "not tested"


@pytest.mark.parametrize(
    ("one", "value", "before"),
    [
        (NEAR, 130.0, "reproduced"),
        (NEAR, 500.0, "contradicted"),
        (BELOW, -130.0, "reproduced"),
        (BELOW, 130.0, "contradicted"),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_a_contrast_that_the_lost_answers_decide_is_partly(
    one: Claim, value: float, before: str, turned: bool
) -> None:
    """Before, both rules took the difference over what had been read, whatever was lost."""
    row = replace(
        contrast(value, 20),
        paired=True,
        **{"value_asked": 10.0, "low_asked": -5.0, "high_asked": 25.0, "p_asked": 0.3},
    )
    if turned:
        row = swapped(row)
    for decides, verdict in ((False, before), (None, before), (True, "partly")):
        rows = [replace(row, loss_decides=decides)]
        found, seen = study([], contrasts=rows, tasks=TASKS).decide(one)
        assert found.verdict == verdict
        told = "; over all asked +10 tokens, p = 0.3; the lost answers decide."
        assert (told in found.why) is (decides is True)
        assert ("-> the lost answers decide" in seen.steps) == (decides is True)


def swapped(row: ContrastRow) -> ContrastRow:
    return replace(
        row,
        first="y",
        second="x",
        value=-row.value,
        low=-row.high,
        high=-row.low,
        value_asked=-row.value_asked,
        low_asked=-row.high_asked,
        high_asked=-row.low_asked,
    )


# --- what is compared is what the claim is about ---


def test_a_label_that_asks_another_task_decides_nothing() -> None:
    """A study may call pocket items as the claims call BBQ's."""
    one, rows = CASES["value_near"]
    for asked, verdict in (("bbq", "reproduced"), ("pocket", "not tested")):
        found, _ = study(rows, tasks=[task("bbq", asked)]).decide(one)
        assert found.verdict == verdict
    assert found.why == "In this study bbq asks pocket, not bbq."


@pytest.mark.parametrize(
    "change", [{"task": "y"}, {"stratum": "ambiguous"}, {"group": "Age"}, {"policy": "wrong"}]
)
def test_two_numbers_of_different_questions_are_not_paired(change: dict[str, str]) -> None:
    """Before, the difference of both models where the first was asked stood for any second."""
    rows = [at("a", 0.8), replace(at("b", 0.78), **change)]
    one = claim("greater", a=of("a", policy="drop"), b=of("b", policy="drop") | change)
    pair = [difference(0.5, 0.001), difference(0.5, 0.001, **change)]
    tasks = [task("bbq"), task("y")]
    found, _ = study(rows, differences=pair, tasks=tasks).decide(one)
    assert found.verdict == "partly"
    assert "the intervals overlap" in found.why
