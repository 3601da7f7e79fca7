"""`compare`: published figures and claims are checked when read, and every rule gives each of its
verdicts.
"""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from featherweight.compare import tally
from featherweight.compare.claims import Claim, Vocabulary, read_claims
from featherweight.compare.published import COLUMNS, Published, read_published
from featherweight.compare.result import RuleResult
from featherweight.compare.selection import StudyRule
from featherweight.compare.settings import Outcome, Setting, State, together
from featherweight.errors import InputError
from featherweight.records import (
    Estimate,
    Verdict,
)
from made_up_evidence import (
    Evidence,
    contrast,
    difference,
    estimate,
    evidence,
    figure,
    task,
)


@pytest.fixture(scope="module")
def figures(root: Path) -> list[Published]:
    return read_published(root / "config" / "published")


def claim(rule: str, unit: str = "percent", **arguments: Any) -> Claim:
    """A claim about tasks that are all BBQ."""
    made = Vocabulary.model_validate({rule: arguments}).rule
    labels = made.labels() if isinstance(made, StudyRule) else []
    tasks = dict.fromkeys(labels, "bbq")
    return Claim("c", "article", None, "text", "topic", unit, None, None, made, tasks)


def decide(one: Claim, seen: Evidence) -> tuple[Verdict, RuleResult]:
    return seen.decide(one)


def select(model: str, **change: Any) -> dict[str, Any]:
    return {
        "model": model,
        "task": "bbq",
        "stratum": "disambiguated",
        "metric": "accuracy",
    } | change


# --- what is read ---


def test_published_figures_are_whole(figures: list[Published]) -> None:
    """807 of the 813 collected rows are numbers, and 24 of the chess table; no sentence of a source
    came along.
    """
    assert len(figures) == 807 + 24
    gpt4o = {
        (f.stratum, f.fraction)
        for f in figures
        if f.benchmark == "BBQ"
        and f.model == "GPT-4o"
        and f.seen != "article"
        and f.metric == "accuracy"
    }
    assert gpt4o == {("ambiguous", 0.97), ("disambiguated", 0.72)}
    assert {
        f.value
        for f in figures
        if f.model == "DeepSeek-R1" and f.metric == "pass@1" and f.benchmark == "MMLU"
    } == {90.8}
    assert not [f for f in figures if '"' in f.setting]
    assert "quote" not in COLUMNS


def test_published_equals_the_collection(figures: list[Published], shared_data: Path) -> None:
    """Every number of the collection that BBQ's rows hold is here with its own unit, and nothing
    else is.
    """
    with (shared_data / "published" / "published.csv").open(encoding="utf-8", newline="") as stream:
        rows = [
            r
            for r in csv.DictReader(stream)
            if r["benchmark"] == "BBQ" and r["metric"] in ("accuracy", "bias_score")
        ]
    wanted = sorted(
        (
            r["model"],
            r["source_locator"],
            float(r["value"].split("-")[0] if r["value"] == "0.7-0.9" else r["value"]),
        )
        for r in rows
    )
    found = sorted(
        (f.model, f.locator, f.value)
        for f in figures
        if f.benchmark == "BBQ" and f.metric in ("accuracy", "bias_score")
    )
    assert found == wanted


GOOD = "BBQ,accuracy,ambiguous,all,M,,,72,,percent,full,paper,Table 1,source,no"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (GOOD.replace(",72,", ",many,"), "value: expected a valid number, "),
        (GOOD.replace(",72,", ",172,"), "beyond 100"),
        (
            GOOD.replace("ambiguous", "ambig"),
            "stratum: expected one of ambiguous, disambiguated, all, unspecified, nothing, got",
        ),
        (
            GOOD.replace("BBQ", "MMLU-Pro"),  # a benchmark that no task has: no strata
            "stratum: expected one of nothing, got 'ambiguous'",
        ),
        (GOOD.replace("paper", "nowhere"), "source: expected an id of sources.csv"),
        (GOOD.replace(",no", ",perhaps"), "drawn: expected a valid boolean"),
        (
            GOOD.replace(",source,", ",stored copy,"),
            "seen: expected 'source', 'transcription' or 'article'",
        ),
        (GOOD + ",more", "expected 15 fields, got 16"),
        (GOOD.replace("Table 1", ""), "locator: expected a text, got ''"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "sources.csv").write_text(
        "source,short,title,address,address_seen\npaper,P,A paper,,no\n"
    )
    (tmp_path / "bbq.csv").write_text("\n".join([",".join(COLUMNS), GOOD, line]) + "\n")
    with pytest.raises(InputError) as caught:
        read_published(tmp_path)
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith(f"{tmp_path / 'bbq.csv'}:3: ")
    assert said in caught.value.problems[0]


def test_claims_are_whole(root: Path) -> None:
    claims = read_claims(root / "config" / "claims.yaml")
    assert sum("Smol but Mighty" in c.article for c in claims) >= 10
    assert len({c.id for c in claims}) == len(claims)


# --- what decides ---

NEAR = claim("value_near", estimate=select("a"), stated=0.54, tolerance=0.05)
GREATER = claim("greater", a=select("a"), b=select("b"))
EQUAL = claim("equal", a=select("a"), b=select("b"), margin=0.05)
STRATA = claim("greater", a=select("a"), b=select("a", stratum="ambiguous"))
FIRST = claim("rank_first", estimate=select("a"), among=["b", "c"])
AMBIGUOUS = {"stratum": "ambiguous"}
A, B = estimate("a", 0.8, 0.75, 0.85), estimate("b", 0.6, 0.55, 0.65)

CASES = [
    # The whole interval inside 0.49 to 0.59, both ends included; never the point alone.
    ("near", NEAR, evidence([estimate("a", 0.54, 0.5, 0.58)]), "reproduced"),
    ("near-to-the-ends", NEAR, evidence([estimate("a", 0.54, 0.49, 0.59)]), "reproduced"),
    ("near-too-few-answers", NEAR, evidence([estimate("a", 0.54, 0.48, 0.6)]), "partly"),
    ("near-point-outside", NEAR, evidence([estimate("a", 0.62, 0.55, 0.69)]), "partly"),
    ("near-just-above", NEAR, evidence([estimate("a", 0.62, 0.6, 0.64)]), "contradicted"),
    ("near-just-below", NEAR, evidence([estimate("a", 0.46, 0.44, 0.48)]), "contradicted"),
    ("near-far", NEAR, evidence([estimate("a", 0.7, 0.65, 0.75)]), "contradicted"),
    ("near-without-value", NEAR, evidence([estimate("a", None)]), "not tested"),
    ("near-without-interval", NEAR, evidence([estimate("a", 0.54)]), "not tested"),
    ("near-other-model", NEAR, evidence([estimate("b", 0.54, 0.5, 0.58)]), "not tested"),
    (
        "near-other-task",
        NEAR,
        evidence([estimate("a", 0.54)], tasks=[task("pocket", "pocket")]),
        "not tested",
    ),
    ("paired", GREATER, evidence([A, B], differences=[difference(0.2, 0.001)]), "reproduced"),
    (
        "paired-at-5-percent",
        GREATER,
        evidence([A, B], differences=[difference(0.2, 0.05)]),
        "partly",
    ),
    ("paired-not-sure", GREATER, evidence([A, B], differences=[difference(0.2, 0.2)]), "partly"),
    (
        "paired-other-way",
        GREATER,
        evidence([A, B], differences=[difference(-0.2, 0.01)]),
        "contradicted",
    ),
    (
        "paired-turned",
        GREATER,
        evidence([A, B], differences=[difference(-0.2, 0.001, model="b", baseline="a")]),
        "reproduced",
    ),
    ("unpaired", GREATER, evidence([A, B]), "reproduced"),
    ("unpaired-overlap", GREATER, evidence([estimate("a", 0.8, 0.6, 0.9), B]), "partly"),
    ("unpaired-overlap-other-way", GREATER, evidence([estimate("a", 0.5, 0.4, 0.58), B]), "partly"),
    ("one-missing", GREATER, evidence([A]), "not tested"),
    ("equal", EQUAL, evidence([A, B], differences=[difference(0.0, 0.9, 0.04)]), "reproduced"),
    (
        "equal-turned",
        EQUAL,
        evidence([A, B], differences=[difference(-0.02, 0.1, 0.03, model="b", baseline="a")]),
        "reproduced",
    ),
    (
        "equal-and-different",
        EQUAL,
        evidence([A, B], differences=[difference(0.03, 0.001, 0.01)]),
        "reproduced",
    ),
    ("equal-too-few", EQUAL, evidence([A, B], differences=[difference(0.0, 0.9, 0.06)]), "partly"),
    (
        "equal-not",
        EQUAL,
        evidence([A, B], differences=[difference(0.2, 0.001, 0.1)]),
        "contradicted",
    ),
    (
        "contexts-apart",
        STRATA,
        evidence([A, estimate("a", 0.5, 0.4, 0.6, **AMBIGUOUS)]),
        "reproduced",
    ),
    (
        "contexts-overlap",
        STRATA,
        evidence([A, estimate("a", 0.7, 0.6, 0.8, **AMBIGUOUS)]),
        "partly",
    ),
    (
        "contexts-other-way",
        STRATA,
        evidence([A, estimate("a", 0.95, 0.9, 1.0, **AMBIGUOUS)]),
        "contradicted",
    ),
    ("first", FIRST, evidence([A, B, estimate("c", 0.1, 0.0, 0.2)]), "reproduced"),
    ("first-but-one-unknown", FIRST, evidence([A, B]), "partly"),
    ("first-unsure", FIRST, evidence([A, B, estimate("c", 0.78, 0.7, 0.86)]), "partly"),
    ("first-beaten", FIRST, evidence([A, B, estimate("c", 0.95, 0.9, 1.0)]), "contradicted"),
    ("first-alone", FIRST, evidence([A]), "not tested"),
]


@pytest.mark.parametrize(
    ("case", "seen", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_rule(case: Claim, seen: Evidence, expected: str) -> None:
    found, why = seen.decide(case)
    assert found.verdict == expected
    assert found.why.endswith(".")
    assert why.sources == ()
    assert why.steps[-1].endswith(
        "Not tested." if expected == "not tested" else f"Hence {expected}."
    )
    assert ("Too few answers" in found.why) == (expected == "partly")


def unfinished(model: str, value: float, reach: float = 0.05) -> Estimate:
    change = {"metric": "unfinished", "stratum": "all"}
    return estimate(model, value, value - reach, value + reach, **change)


def test_what_finishes_is_one_minus_what_does_not() -> None:
    """45% (40 to 50) unfinished is 55% (50 to 60) finished."""
    near = claim(
        "value_near",
        estimate=select("a", metric="finished", stratum="all"),
        stated=0.5443,
        tolerance=0.06,
    )
    found, _ = decide(near, evidence([unfinished("a", 0.45)]))
    assert (found.our_value, found.our_low, found.our_high) == pytest.approx((0.55, 0.5, 0.6))
    assert found.verdict == "reproduced"


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("half", [0.4999, 0.5, 0.5001])
def test_one_half_is_a_number_like_any_other(half: float, paired: bool) -> None:
    """The model that leaves half unfinished finishes less often than the one that leaves 30%
    unfinished.

    An earlier version told a complement from its number by whether 1 - x and x differ, and had this
    the wrong way round at exactly 0.5.
    """
    finishes = {"metric": "finished", "stratum": "all"}
    rows = [unfinished("a", half), unfinished("b", 0.3)]
    change = {"metric": "unfinished", "stratum": "all"}
    pairs = [difference(half - 0.3, 0.001, **change)] if paired else []
    for first, second, expected in (("a", "b", "contradicted"), ("b", "a", "reproduced")):
        more = claim("greater", a=select(first, **finishes), b=select(second, **finishes))
        assert decide(more, evidence(rows, differences=pairs))[0].verdict == expected


@pytest.mark.parametrize(
    ("reach", "verdict"), [(0.03, "reproduced"), (0.3, "partly")]
)  # fmt: skip
def test_one_template_is_told_by_item_with_a_caution(reach: float, verdict: str) -> None:
    chosen = {"task": "bbq-chinese", "metric": "s_dis"}
    rows = [
        estimate("a", 0.01, **chosen, n_clusters=1),
        estimate(
            "a",
            0.01,
            0.01 - reach,
            0.01 + reach,
            task="bbq-chinese",
            metric="s_dis_by_item",
            n_clusters=20,
        ),
    ]
    zero = claim("value_near", "score", estimate=select("a", **chosen), stated=0.0, tolerance=0.05)
    found, _ = decide(zero, evidence(rows, tasks=[task("bbq-chinese")]))
    assert found.verdict == verdict
    assert "The 20 questions are one template" in found.why
    without, _ = decide(zero, evidence(rows[:1], tasks=[task("bbq-chinese")]))
    assert without.verdict == "not tested"
    assert "a value without an interval decides nothing" in without.why.lower()


def test_lost_answers_are_told_with_an_accuracy() -> None:
    """A score over 54% of the answers says so; one over 95% need not."""
    near = claim("value_near", estimate=select("a"), stated=0.8, tolerance=0.1)
    for n, told in ((162, True), (284, True), (285, False), (300, False)):
        found, _ = decide(near, evidence([estimate("a", 0.8, 0.75, 0.85, n=n)]))
        assert (f"Only {n} of 300 answers of A could be read" in found.why) == told


def lost(share: float, **change: Any) -> list[Estimate]:
    """Half of what was lost was cut off, half could not be read."""
    return [
        estimate("a", share / 2, 0.0, 1.0, metric=metric, **change)
        for metric in ("unparsed", "unfinished")
    ]


@pytest.mark.parametrize(
    ("metric", "policy", "others"),
    [
        ("s_dis", "drop", "are not in it"),
        ("stereotyped", "drop", "are not in it"),
        ("accuracy", "wrong", "count as wrong"),
        ("accuracy", "unknown", "count as 'unknown'"),
        ("n_tokens", "drop", "count with the length that they had"),
        ("unfinished", "drop", None),  # is the loss itself
        ("finished", "drop", None),
    ],
)
def test_lost_answers_are_told_with_every_score(
    metric: str, policy: str, others: str | None
) -> None:
    """n of a bias score counts the answers that name a person; what was lost is told by its own
    share.
    """
    near = claim(
        "value_near",
        "score",
        estimate=select("a", metric=metric, policy=policy),
        stated=0.1,
        tolerance=0.9,
    )
    number = (
        []
        if metric in ("unfinished", "finished")
        else [estimate("a", 0.1, 0.0, 0.2, metric=metric, policy=policy)]
    )
    for share, read in ((0.2, 240), (0.02, None)):
        found, _ = decide(near, evidence([*number, *lost(share)]))
        told = (
            None
            if read is None or others is None
            else f"Only {read} of 300 answers of A could be read; the others {others}."
        )
        assert ("could be read" in found.why) == (told is not None)
        assert told is None or told in found.why


def test_one_template_and_lost_answers_are_both_told() -> None:
    """Before, the second caution took the place of the first."""
    rows = [
        estimate("a", 0.01, metric="s_dis", n_clusters=1),
        estimate("a", 0.01, 0.0, 0.02, metric="s_dis_by_item", n_clusters=20),
        *lost(0.2),
    ]
    zero = claim(
        "value_near", "score", estimate=select("a", metric="s_dis"), stated=0.0, tolerance=0.05
    )
    found, _ = decide(zero, evidence(rows))
    assert "Only 240 of 300 answers of A could be read" in found.why
    assert "The 20 questions are one template" in found.why


def test_what_several_categories_lost_is_one_sentence() -> None:
    rows = [
        estimate("a", value, value - 0.05, value + 0.05, group=group)
        for group, value in (("x", 0.4), ("y", 0.8))
    ]
    rows += [*lost(0.2, group="x"), *lost(0.3, group="y")]
    lower = claim("lower_groups", estimate=select("a"), groups=["x"], than=["y"])
    found, _ = decide(lower, evidence(rows))
    assert "In the 2 groups that lost many: Only 450 of 600 answers of A could be read" in found.why


def every(n: int) -> Claim:
    axes = {"group": [f"g{place}" for place in range(n)]}
    return claim("value_above", estimate=select("a"), stated=0.5, each=axes, holds_in="every")


@pytest.mark.parametrize(("n", "verdict"), [(1, "contradicted"), (2, "partly"), (60, "partly")])
def test_an_exception_among_many_must_be_clear_of_chance_among_many(n: int, verdict: str) -> None:
    """Below 0.5 by 2.1 standard errors: clear of chance alone, not among two; z(1 - 0.025 / 2) =
    2.24.
    """
    value, error = 0.5 - 0.021, 0.01
    rows = [estimate("a", 0.9, 0.85, 0.95, group=f"g{place}") for place in range(1, n)]
    rows.append(estimate("a", value, value - 1.96 * error, value + 1.96 * error, group="g0"))
    assert decide(every(n), evidence(rows))[0].verdict == verdict


@pytest.mark.parametrize(("n", "verdict"), [(1, "contradicted"), (60, "partly")])
def test_an_exception_between_two_numbers_must_be_clear_of_chance_among_many(
    n: int, verdict: str
) -> None:
    """0.58 and 0.6 with 0.009 to each side do not overlap; 3.3 instead of 1.96 standard errors
    do."""
    rows = [estimate("a", 0.9, 0.85, 0.95, group=f"g{place}") for place in range(1, n)]
    rows += [estimate("b", 0.6, 0.591, 0.609, group=f"g{place}") for place in range(n)]
    rows.append(estimate("a", 0.58, 0.571, 0.589, group="g0"))
    axes = {"group": [f"g{place}" for place in range(n)]}
    many = claim("greater", a=select("a"), b=select("b"), each=axes, holds_in="every")
    assert decide(many, evidence(rows))[0].verdict == verdict


@pytest.mark.parametrize(
    ("first", "near", "near_or_above"),
    [
        (97.9, "contradicted", "contradicted"),
        (98.0, "reproduced", "reproduced"),
        (102.0, "reproduced", "reproduced"),
        (102.1, "contradicted", "reproduced"),
    ],
)
def test_near_or_above(first: float, near: str, near_or_above: str) -> None:
    """Within 2% of 100: from 98 to 102, both ends included."""
    figures = [
        figure(first, model="one", unit="rating"),
        figure(100.0, model="other", unit="rating"),
    ]
    sides = [{"benchmark": "B", "metric": "accuracy", "model": name} for name in ("one", "other")]
    for or_above, verdict in ((False, near), (True, near_or_above)):
        close = claim("published_close", a=sides[0], b=sides[1], tolerance=0.02, or_above=or_above)
        assert decide(close, evidence([], published=figures))[0].verdict == verdict


@pytest.mark.parametrize(
    ("first", "verdict"),
    [(50.1, "reproduced"), (50.0, "contradicted"), (49.9, "contradicted")],
)
def test_a_published_figure_is_not_greater_than_its_equal(first: float, verdict: str) -> None:
    figures = [figure(first, model="one"), figure(50.0, model="other")]
    sides = [{"benchmark": "B", "metric": "accuracy", "model": name} for name in ("one", "other")]
    greater = claim("published_greater", a=sides[0], b=sides[1])
    assert decide(greater, evidence([], published=figures))[0].verdict == verdict


@pytest.mark.parametrize(
    ("halves", "verdict"),
    [
        ((0.9, 0.9), "reproduced"),
        ((0.9, 0.52), "partly"),
        ((0.9, 0.1), "partly"),
        ((0.1, 0.1), "contradicted"),
        ((0.9, None), "partly"),
    ],
)
def test_a_category_in_two_halves_counts_where_both_say_so(
    halves: tuple[float | None, ...], verdict: str
) -> None:
    """`None`: the half has no value; a claim in one other category, true, keeps the study from
    lacking everything.
    """
    rows = [
        estimate(
            "a",
            half,
            None if half is None else half - 0.05,
            None if half is None else half + 0.05,
            group=group,
        )
        for half, group in zip((*halves, 0.9), ("Race", "Race (names)", "Age"), strict=True)
    ]
    axes = {"group": ["Race", "Age"]}
    both = claim("value_above", estimate=select("a"), stated=0.5, each=axes, holds_in="every")
    assert decide(both, evidence(rows))[0].verdict == verdict


@pytest.mark.parametrize(
    ("value", "verdict"), [(120.0, "reproduced"), (20.0, "contradicted"), (-130.0, "contradicted")]
)
@pytest.mark.parametrize("turned", [False, True])
def test_a_contrast_is_found_whichever_side_is_first(
    value: float, verdict: str, turned: bool
) -> None:
    pair, sign = (("y", "x"), -1) if turned else (("x", "y"), 1)
    row = contrast(sign * value, 20, first=pair[0], second=pair[1])
    between = {"model": "a", "first": "x", "second": "y", "metric": "n_tokens", "stratum": "all"}
    rule = claim("contrast_near", unit="tokens", stated=130, tolerance=60, **between)
    found, _ = decide(rule, evidence([A], contrasts=[row], tasks=[task("x"), task("y")]))
    assert (found.verdict, found.our_value) == (verdict, value)


@pytest.mark.parametrize(("value", "verdict"), [(-0.1, "reproduced"), (0.1, "contradicted")])
def test_two_contexts_of_a_model_are_compared_by_block(value: float, verdict: str) -> None:
    """Intervals that overlap say nothing, the difference by block does; another task's is not taken
    for it.
    """
    rows = [estimate("a", 0.6, 0.4, 0.8), estimate("a", 0.6, 0.4, 0.8, **AMBIGUOUS)]
    blocks = {
        "first": "bbq",
        "second": "bbq",
        "stratum_first": "ambiguous",
        "stratum_second": "disambiguated",
        "metric": "accuracy",
    }
    by_block = contrast(value, 0.05, **blocks)
    assert decide(STRATA, evidence(rows))[0].verdict == "partly"
    assert decide(STRATA, evidence(rows, contrasts=[by_block]))[0].verdict == verdict
    other = contrast(value, 0.05, **blocks | {"first": "y", "second": "y"})
    assert decide(STRATA, evidence(rows, contrasts=[other]))[0].verdict == "partly"


@pytest.mark.parametrize(("group", "verdict"), [("Age", "reproduced"), ("SES", "partly")])
def test_two_contexts_in_a_category_take_the_difference_of_that_category(
    group: str, verdict: str
) -> None:
    """Before, a claim about every category was decided by intervals end against end."""
    rows = [estimate("a", 0.6, 0.4, 0.8, group="Age", **change) for change in ({}, AMBIGUOUS)]
    blocks = {
        "first": "bbq",
        "second": "bbq",
        "stratum_first": "ambiguous",
        "stratum_second": "disambiguated",
        "metric": "accuracy",
    }
    by_block = contrast(-0.1, 0.05, group=group, **blocks)
    sides = [
        select("a", group="Age", stratum=condition) for condition in ("disambiguated", "ambiguous")
    ]
    found, _ = decide(
        claim("greater", a=sides[0], b=sides[1]), evidence(rows, contrasts=[by_block])
    )
    assert found.verdict == verdict


@pytest.mark.parametrize(("n", "verdict"), [(1, "contradicted"), (60, "partly")])
def test_an_exception_between_two_contexts_must_be_clear_of_chance_among_many(
    n: int, verdict: str
) -> None:
    """p of two contexts is not corrected: 2.1 standard errors are clear of chance alone, not among
    60 categories.
    """
    blocks = {
        "first": "bbq",
        "second": "bbq",
        "stratum_first": "ambiguous",
        "stratum_second": "disambiguated",
        "metric": "accuracy",
    }
    groups = [f"g{place}" for place in range(n)]
    rows = [
        estimate("a", 0.6, 0.4, 0.8, group=group, **change)
        for group in groups
        for change in ({}, AMBIGUOUS)
    ]
    pairs = [contrast(-0.2, 0.05, group=group, **blocks) for group in groups[1:]]
    pairs.append(contrast(0.021, 0.0196, p=0.04, group="g0", **blocks))
    a, b = (
        {"task": "bbq", "metric": "accuracy", "model": "a", "stratum": name}
        for name in ("disambiguated", "ambiguous")
    )
    many = claim("greater", a=a, b=b, each={"group": groups}, holds_in="every")
    assert decide(many, evidence(rows, contrasts=pairs))[0].verdict == verdict


# --- what was lost ---

ASKED = {
    "value_asked": -0.1,
    "low_asked": -0.15,
    "high_asked": -0.05,
    "p_asked": 0.001,
    "p_asked_adjusted": 0.002,
}
PAIR = [A, estimate("b", 0.7, 0.65, 0.75)]
SAID = "over all asked -10 points, adjusted p = 0.002; the lost answers decide."
COMPARED = {
    "greater": claim("greater", a=select("a"), b=select("b")),
    "equal": claim("equal", a=select("a"), b=select("b"), margin=0.2),
    "rank_first": claim("rank_first", estimate=select("a"), among=["b"]),
    "rank_last": claim("rank_last", estimate=select("a"), among=["b"]),
}


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("rule", COMPARED)
def test_a_claim_that_lost_answers_decide_is_partly(rule: str, turned: bool) -> None:
    """+0.1 over what both had read, -0.1 over all that was asked: before, the first alone
    decided."""
    before = "contradicted" if rule == "rank_last" else "reproduced"
    row = replace(difference(0.1, 0.001), **ASKED)
    if turned:
        sign = {name: -(getattr(row, name) or 0.0) for name in ("value", "value_asked")}
        bounds = {"low": -0.15, "high": -0.05, "low_asked": 0.05, "high_asked": 0.15}
        row = replace(row, model="b", baseline="a", **sign, **bounds)
    for decides, verdict in ((False, before), (None, before), (True, "partly")):
        found, seen = decide(
            COMPARED[rule], evidence(PAIR, differences=[replace(row, loss_decides=decides)])
        )
        assert found.verdict == verdict
        assert (SAID in found.why) == (decides is True)
        assert "Too few answers" not in found.why
        assert ("-> the lost answers decide" in seen.steps) == (decides is True)


def test_one_setting_of_many_that_lost_answers_decide() -> None:
    """It is counted by itself: it neither holds nor fails, and was not too small."""
    names = ["bbq", "y"]
    rows = [replace(row, task=task) for row in PAIR for task in names]
    pairs = [
        difference(0.1, 0.001),
        replace(difference(0.1, 0.001, task="y"), **ASKED, loss_decides=True),
    ]
    sides = [
        {"model": name, "stratum": "disambiguated", "metric": "accuracy"} for name in ("a", "b")
    ]
    both = claim("greater", a=sides[0], b=sides[1], each={"task": names}, holds_in="every")
    found, _ = decide(both, evidence(rows, differences=pairs, tasks=[task(name) for name in names]))
    assert found.verdict == "partly"
    assert found.why.startswith(
        "Holds in 1 of 2 settings; the lost answers decide in 1 (y); all are needed."
    )


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (("holds", "holds"), "holds"),
        (("fails", "fails"), "fails"),
        (("holds", "fails"), "open"),
        (("holds", "lost"), "lost"),
        (("lost", "fails"), "lost"),
        (("lost", "open"), "open"),
        (("holds", "fails", "lost"), "open"),
        (("lost", "missing"), "missing"),
    ],
)
def test_a_setting_of_several_parts(states: tuple[State, ...], expected: State) -> None:
    parts = [Outcome(state, "Said.") for state in states]
    groups = tuple({"group": f"g{place}"} for place in range(len(parts)))
    assert together(Setting("g", groups), parts).state == expected


@pytest.mark.parametrize("contexts", [False, True])
@pytest.mark.parametrize(
    ("value", "reach", "p", "greater", "equal"),
    [
        (0.04, 0.03, 0.002, "reproduced", "reproduced"),
        (-0.04, 0.03, 0.002, "contradicted", "reproduced"),
        (0.04, 0.08, 0.3, "partly", "partly"),
        (0.3, 0.03, 0.002, "reproduced", "contradicted"),
    ],
)
def test_all_that_was_asked_is_compared_in_pairs_too(
    value: float, reach: float, p: float, greater: str, equal: str, contexts: bool
) -> None:
    """Under the policy "wrong" the study's row holds the pairs; before, intervals went end against
    end.
    """
    change = {"policy": "wrong"}
    first = estimate("a", 0.6, 0.4, 0.8, **change)
    asked = {
        "value_asked": value,
        "low_asked": value - reach,
        "high_asked": value + reach,
        "p_asked": p,
    }
    if contexts:
        second = estimate("a", 0.6, 0.4, 0.8, **change, **AMBIGUOUS)
        blocks = {
            "first": "bbq",
            "second": "bbq",
            "stratum_first": "ambiguous",
            "stratum_second": "disambiguated",
            "metric": "accuracy",
        }
        turned = {
            "low_asked": -value - reach,
            "high_asked": reach - value,
            "value_asked": -value,
            "p_asked": p,
        }
        seen = evidence(
            [first, second], contrasts=[contrast(0.5, 0.01, **blocks, **turned, loss_decides=True)]
        )
    else:
        second = estimate("b", 0.6, 0.4, 0.8, **change)
        row = replace(
            difference(-0.5, 0.001),
            **asked | {"p_asked": p / 2},
            p_asked_adjusted=p,
            loss_decides=True,
        )
        seen = evidence([first, second], differences=[row])
    sides = [select(one.model, policy="wrong", stratum=one.stratum) for one in (first, second)]
    for rule, more, expected in (("greater", {}, greater), ("equal", {"margin": 0.1}, equal)):
        found, _ = decide(claim(rule, a=sides[0], b=sides[1], **more), seen)
        assert found.verdict == expected, found.why
        assert "lost answers" not in found.why


@pytest.mark.parametrize(
    ("how", "verdict"), [("generated", "reproduced"), ("likelihood", "not tested")]
)
def test_a_claim_about_generated_answers_is_not_decided_by_likelihoods(
    how: str, verdict: str
) -> None:
    row = contrast(120.0, 20, first="bbq")
    near = claim("value_near", estimate=select("a"), stated=0.8, tolerance=0.06)
    between = {
        "model": "a",
        "first": "bbq",
        "second": "y",
        "metric": "n_tokens",
        "stratum": "all",
    }
    longer = claim("contrast_near", unit="tokens", stated=130, tolerance=60, **between)
    seen = evidence(
        [A],
        contrasts=[row],
        tasks=[task("bbq", answers=how), task("y")],
    )
    for one in (near, longer):
        found, _ = seen.decide(one)
        assert found.verdict == verdict
        assert ("the answers to bbq are chosen by likelihood" in found.why) is (how == "likelihood")


def test_a_published_pair_with_two_settings_decides_nothing() -> None:
    """72.2 with 512 samples and 66.2 in the main row: neither is taken for the other."""
    figures = [
        figure(66.2, model="small", setting="main"),
        figure(72.2, model="small", setting="N=512"),
        figure(71.4, model="large"),
    ]
    sides = {
        name: {"benchmark": "B", "metric": "accuracy", "model": name} for name in ("small", "large")
    }
    both = claim("published_greater", a=sides["small"], b=sides["large"])
    found, _ = decide(both, evidence([], published=figures))
    assert (found.verdict, "found 2 in different settings" in found.why) == ("not tested", True)
    for setting, verdict in (("N=512", "reproduced"), ("main", "contradicted")):
        one = claim("published_greater", a=sides["small"] | {"setting": setting}, b=sides["large"])
        assert decide(one, evidence([], published=figures))[0].verdict == verdict


def test_the_tally_sets_what_was_looked_up_apart() -> None:
    """What others' figures bear out was not reproduced by this run."""
    figures = [figure(50.0, model="small"), figure(60.0, model="large")]
    sides = {
        name: {"benchmark": "B", "metric": "accuracy", "model": name} for name in ("small", "large")
    }
    below = claim("published_greater", a=sides["large"], b=sides["small"])
    elsewhere = claim(
        "published_greater", a=sides["large"], b=sides["small"], other_study="Another one."
    )
    seen = evidence([A, B], published=figures)
    decided = [decide(one, seen) for one in (GREATER, below, elsewhere, NEAR, STRATA)]
    assert (
        tally(decided)
        == "5 claims; decided by this run: 1 contradicted, 1 reproduced; looked up in published"
        " figures: 1 borne out, 1 seen elsewhere; 1 not tested"
    )


def test_a_model_that_is_not_asked_the_task_of_a_claim() -> None:
    """It stands in the study, and the verdict says why there is no number."""
    one = claim("greater", a=select("a"), b=select("b"))
    tasks = [task("bbq", models=["a"]), task("other", models=["b"])]
    seen = evidence([estimate("a", 0.5, 0.4, 0.6), estimate("b", 0.5, task="other")], tasks=tasks)
    verdict, _ = decide(one, seen)
    assert verdict.verdict == "not tested"
    assert "the study does not ask B the task bbq." in verdict.why.replace("The study", "the study")
