"""`compare`: published figures and claims are checked when read, and every rule gives each of its
verdicts.
"""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import fabricated
from featherweight.__main__ import main as command_line
from featherweight.compare import run, tally
from featherweight.compare.beside import beside
from featherweight.compare.claims import Claim, read_claims
from featherweight.compare.evidence import Evidence, read_evidence
from featherweight.compare.explain import explained
from featherweight.compare.instrument import check_controls, check_planted
from featherweight.compare.published import COLUMNS, Published, read_published
from featherweight.compare.rules import decide
from featherweight.errors import InputError
from featherweight.files import read_json, read_rows
from featherweight.records import Estimate, Verdict
from made_up_evidence import contrast, difference, estimate, evidence, figure


@pytest.fixture(scope="module")
def figures(root: Path) -> list[Published]:
    return read_published(root / "config" / "published")


def claim(rule: str, unit: str = "percent", **arguments: Any) -> Claim:
    return Claim("c", "article", None, "text", "topic", unit, None, None, rule, arguments)


def select(model: str, **change: Any) -> dict[str, Any]:
    return {"model": model, "task": "bbq", "condition": "disambig", "metric": "accuracy"} | change


# --- what is read ---


def test_published_figures_are_whole(figures: list[Published]) -> None:
    """807 of the 813 collected rows are numbers, and 24 of the chess table; no sentence of a source
    came along.
    """
    assert len(figures) == 807 + 24
    gpt4o = {
        (f.condition, f.fraction)
        for f in figures
        if f.benchmark == "BBQ"
        and f.model == "GPT-4o"
        and f.seen != "article"
        and f.metric == "accuracy"
    }
    assert gpt4o == {("ambig", 0.97), ("disambig", 0.72)}
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


GOOD = "BBQ,accuracy,ambig,all,M,,,72,,percent,full,paper,Table 1,source,no"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (GOOD.replace(",72,", ",many,"), "value: expected a number, got 'many'"),
        (GOOD.replace(",72,", ",172,"), "beyond 100"),
        (GOOD.replace("ambig", "ambiguous"), "condition: expected one of"),
        (GOOD.replace("paper", "nowhere"), "source: expected an id of sources.csv"),
        (GOOD.replace(",no", ",perhaps"), "drawn: expected one of yes, no"),
        (
            GOOD.replace(",source,", ",stored copy,"),
            "seen: expected one of source, transcription, article",
        ),
        (GOOD + ",more", "expected 15 fields, got 16"),
        (GOOD.replace("Table 1", ""), "locator: expected a text"),
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
CONDITIONS = claim("greater", a=select("a"), b=select("a", condition="ambig"))
FIRST = claim("rank_first", estimate=select("a"), among=["b", "c"])
AMBIGUOUS = {"context_condition": "ambig"}
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
        evidence([estimate("a", 0.54)], tasks={"pocket": "pocket"}),
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
        CONDITIONS,
        evidence([A, estimate("a", 0.5, 0.4, 0.6, **AMBIGUOUS)]),
        "reproduced",
    ),
    (
        "contexts-overlap",
        CONDITIONS,
        evidence([A, estimate("a", 0.7, 0.6, 0.8, **AMBIGUOUS)]),
        "partly",
    ),
    (
        "contexts-other-way",
        CONDITIONS,
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
    found, why = decide(case, seen)
    assert found.verdict == expected
    assert found.why.endswith(".")
    assert why.sources == ()
    assert why.steps[-1].endswith(
        "Not tested." if expected == "not tested" else f"Hence {expected}."
    )
    assert ("Too few answers" in found.why) == (expected == "partly")


def unfinished(model: str, value: float, reach: float = 0.05) -> Estimate:
    change = {"metric": "unfinished", "context_condition": "both"}
    return estimate(model, value, value - reach, value + reach, **change)


def test_what_finishes_is_one_minus_what_does_not() -> None:
    """45% (40 to 50) unfinished is 55% (50 to 60) finished."""
    near = claim(
        "value_near",
        estimate=select("a", metric="finished", condition="both"),
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
    finishes = {"metric": "finished", "condition": "both"}
    rows = [unfinished("a", half), unfinished("b", 0.3)]
    change = {"metric": "unfinished", "context_condition": "both"}
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
    found, _ = decide(zero, evidence(rows, tasks={"bbq-chinese": "bbq"}))
    assert found.verdict == verdict
    assert "The 20 questions are one template" in found.why
    without, _ = decide(zero, evidence(rows[:1], tasks={"bbq-chinese": "bbq"}))
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
        ("accuracy", "unknown", "count as the unknown option"),
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
        assert (
            decide(close, evidence([], published=figures, models={"nobody": {}}))[0].verdict
            == verdict
        )


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
    between = {"model": "a", "first": "x", "second": "y", "metric": "n_tokens", "condition": "both"}
    rule = claim("contrast_near", unit="tokens", stated=130, tolerance=60, **between)
    found, _ = decide(rule, evidence([A], contrasts=[row], tasks={"x": "bbq", "y": "bbq"}))
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
        "context_condition": "ambig-disambig",
        "metric": "accuracy",
    }
    by_block = contrast(value, 0.05, **blocks)
    assert decide(CONDITIONS, evidence(rows))[0].verdict == "partly"
    assert decide(CONDITIONS, evidence(rows, contrasts=[by_block]))[0].verdict == verdict
    other = contrast(value, 0.05, **blocks | {"first": "y", "second": "y"})
    assert decide(CONDITIONS, evidence(rows, contrasts=[other]))[0].verdict == "partly"


@pytest.mark.parametrize(("group", "verdict"), [("Age", "reproduced"), ("SES", "partly")])
def test_two_contexts_in_a_category_take_the_difference_of_that_category(
    group: str, verdict: str
) -> None:
    """Before, a claim about every category was decided by intervals end against end."""
    rows = [estimate("a", 0.6, 0.4, 0.8, group="Age", **change) for change in ({}, AMBIGUOUS)]
    blocks = {
        "first": "bbq",
        "second": "bbq",
        "context_condition": "ambig-disambig",
        "metric": "accuracy",
    }
    by_block = contrast(-0.1, 0.05, group=group, **blocks)
    sides = [select("a", group="Age", condition=condition) for condition in ("disambig", "ambig")]
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
        "context_condition": "ambig-disambig",
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
        {"task": "bbq", "metric": "accuracy", "model": "a", "condition": name}
        for name in ("disambig", "ambig")
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
    sides = [{"model": name, "condition": "disambig", "metric": "accuracy"} for name in ("a", "b")]
    both = claim("greater", a=sides[0], b=sides[1], each={"task": names}, holds_in="every")
    found, _ = decide(both, evidence(rows, differences=pairs, tasks=dict.fromkeys(names, "bbq")))
    assert found.verdict == "partly"
    assert found.why.startswith(
        "Holds in 1 of 2 settings; the lost answers decide in 1 (y); all are needed."
    )


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
            "context_condition": "ambig-disambig",
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
    sides = [
        select(one.model, policy="wrong", condition=one.context_condition)
        for one in (first, second)
    ]
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
        "condition": "both",
    }
    longer = claim("contrast_near", unit="tokens", stated=130, tolerance=60, **between)
    seen = evidence(
        [A],
        contrasts=[row],
        tasks={"bbq": "bbq", "y": "bbq"},
        answers={"bbq": how, "y": "generated"},
    )
    for one in (near, longer):
        found, _ = decide(one, seen)
        assert found.verdict == verdict
        assert ("the answers to bbq are chosen by likelihood" in found.why) is (how == "likelihood")


def test_a_published_pair_with_two_settings_decides_nothing() -> None:
    """72.2 with 512 samples and 66.2 in the main row: neither is taken for the other."""
    figures = [
        figure(66.2, model="small"),
        figure(72.2, model="small", setting="N=512"),
        figure(71.4, model="large"),
    ]
    sides = {
        name: {"benchmark": "B", "metric": "accuracy", "model": name} for name in ("small", "large")
    }
    both = claim("published_greater", a=sides["small"], b=sides["large"])
    found, _ = decide(both, evidence([], published=figures, models={"nobody": {}}))
    assert (found.verdict, "found 2 in different settings" in found.why) == ("not tested", True)
    for setting, verdict in (("N=512", "reproduced"), ("", "contradicted")):
        one = claim("published_greater", a=sides["small"] | {"setting": setting}, b=sides["large"])
        assert (
            decide(one, evidence([], published=figures, models={"nobody": {}}))[0].verdict
            == verdict
        )


# --- how a verdict came about ---


def finished_study(tmp_path: Path, root: Path, name: str = "made-up") -> Path:
    study = fabricated.build(tmp_path / "study", fabricated.pocket_models(), controls=["oracle"])
    output = tmp_path / "results" / name / "compare"
    run(
        study.spec,
        study.folder("aggregate"),
        root / "config/published",
        root / "config/claims.yaml",
        output,
    )
    return tmp_path / "results"


def test_a_verdict_is_explained_number_by_number(tmp_path: Path, root: Path) -> None:
    results = finished_study(tmp_path, root)
    told = " ".join(explained("llama1b-405b-512", results, "made-up").split())
    for part in (
        "claim llama1b-405b-512: Llama 3.2 (1B), searching with 512 samples",
        "rule in every published pair of figures the first is greater",
        "compute-optimal search paper, Table 3",
        "MATH-500 72.2% against 71.4% -> greater",
        "AIME24 10.0% against 23.3% -> not greater",
        "Holds for 1 of 2. Hence partly.",
        "verdict partly.",
        "note On MATH-500 by 4 problems of 500",
        "source Can 1B LLM Surpass 405B LLM?",
    ):
        assert part in told
    assert explained("llama1b-405b-512", results, None) == explained(
        "llama1b-405b-512", results, "made-up"
    )
    assert max(map(len, explained("r1-finishes", results, None).splitlines())) <= 100


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--explain", "lama-race"], "--explain: no claim 'lama-race'; did you mean 'llama-race'?"),
        (["--explain", "llama-race", "--study", "made-upp"], "did you mean 'made-up'?"),
        (
            ["--explain", "llama-race", "--results", "nowhere"],
            "found none; run snakemake --cores all first",
        ),
        ([], "expected --spec, --aggregate, --published, --claims, --output; or --explain CLAIM"),
    ],
)
def test_what_cannot_be_explained_is_one_line(
    tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    results = [] if "--results" in arguments else ["--results", str(finished_study(tmp_path, root))]
    capsys.readouterr()
    assert command_line(["compare", *results, *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert said in line


def test_of_several_studies_one_must_be_named(tmp_path: Path, root: Path) -> None:
    results = finished_study(tmp_path, root)
    shutil.copytree(results / "made-up", results / "another")
    with pytest.raises(InputError, match="--study: expected one of another, made-up, got nothing"):
        explained("llama-race", results, None)


def test_verdicts_of_an_earlier_version_are_not_explained(tmp_path: Path, root: Path) -> None:
    results = finished_study(tmp_path, root)
    path = results / "made-up" / "compare" / "claims.json"
    old = {
        name: {k: v for k, v in more.items() if k != "steps"}
        for name, more in read_json(path).items()
    }
    path.write_text(json.dumps(old))
    with pytest.raises(InputError, match="comes from another version; run the study again"):
        explained("llama-race", results, None)


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
    decided = [decide(one, seen) for one in (GREATER, below, elsewhere, NEAR, CONDITIONS)]
    assert (
        tally(decided)
        == "5 claims; decided by this run: 1 contradicted, 1 reproduced; looked up in published"
        " figures: 1 borne out, 1 seen elsewhere; 1 not tested"
    )


# --- beside, planted, controls ---


def test_pocket_items_are_beside_bbq_but_not_comparable(figures: list[Published]) -> None:
    rows = beside(figures, {"pocket": "pocket"})
    assert rows
    assert not any(row.comparable for row in rows)


def test_comparable_says_why(figures: list[Published]) -> None:
    rows = beside(figures, {"bbq": "bbq", "bbq-chinese": "bbq"})
    assert all(row.why for row in rows)
    assert not any(row.comparable for row in rows if row.task == "bbq-chinese")
    yes = {row.figure.model for row in rows if row.comparable}
    assert {"GPT-4o", "Claude 3 Opus", "UnifiedQA-11B (RACE format)"} <= yes
    assert not {"Mixtral 8x7B (base)", "gpt-5-nano"} & yes


def test_what_others_generated_is_not_compared_with_likelihoods(figures: list[Published]) -> None:
    rows = beside(
        figures, {"bbq": "bbq", "again": "bbq"}, {"bbq": "likelihood", "again": "generated"}
    )
    assert {(row.comparable, row.why) for row in rows if row.task == "bbq"} == {
        (False, "answers chosen by likelihood; how the published ones were is another way")
    }
    assert {row.why for row in rows if row.task == "again"} != {"answers chosen by likelihood"}


PLANTED = {"p": {"planted": {"task": "bbq", "stereotype_rate": 0.3}}}


@pytest.mark.parametrize(
    ("low", "high", "inside"),
    [(0.25, 0.35, True), (0.3, 0.35, True), (0.31, 0.4, False), (0.1, 0.29, False)],
)
def test_planted_inside(low: float, high: float, inside: bool) -> None:
    middle = (low + high) / 2
    rate = estimate("p", middle, low, high, metric="stereotyped", context_condition="ambig")
    rows = check_planted(evidence([rate, estimate("p", 0.96)], models=PLANTED))
    assert [(row["expected"], row["inside"]) for row in rows] == [(0.3, inside), (0.95, True)]


def test_planted_rates_are_of_generated_answers() -> None:
    """A model that thinks aloud has no thinking where its answer is chosen, and another rate with
    it.
    """
    rate = estimate("p", 0.3, 0.25, 0.35, metric="stereotyped", context_condition="ambig")
    chosen = estimate(
        "p", 0.9, 0.8, 0.95, metric="stereotyped", context_condition="ambig", task="again"
    )
    tasks = {"bbq": "bbq", "again": "bbq"}
    seen = evidence([rate, chosen], models=PLANTED, tasks=tasks, answers={"again": "likelihood"})
    assert [row["task"] for row in check_planted(seen)] == ["bbq", "bbq"]


def test_planted_without_data_is_not_judged() -> None:
    rows = check_planted(evidence([], models=PLANTED))
    assert [(row["value"], row["inside"]) for row in rows] == [(None, None), (None, None)]


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
    found = estimate("c", value, value - 0.05, value + 0.05)
    rows = check_controls(evidence([found], models={"c": {"control": control}}))
    judged = [
        row["inside"]
        for row in rows
        if (row["metric"], row["condition"]) == ("accuracy", "disambig")
    ]
    assert judged == [inside]
    assert {row["inside"] for row in rows if row["value"] is None} <= {None}


@pytest.mark.parametrize(
    ("control", "value", "inside"),
    [("oracle", 1.0, True), ("oracle", 0.9, False), ("random", 0.9, None)],
)
def test_without_an_interval_only_exact_scores_are_judged(
    control: str, value: float, inside: bool | None
) -> None:
    """A subset with one template has no clustered interval: its score by chance says nothing about
    the instrument.
    """
    rows = check_controls(evidence([estimate("c", value)], models={"c": {"control": control}}))
    assert [
        row["inside"]
        for row in rows
        if (row["metric"], row["condition"]) == ("accuracy", "disambig")
    ] == [inside]


WORDINGS = {"free": "letter", "line": "answer-line"}


def hesitant(
    task: str, share: float, low: float, high: float, **changes: Any
) -> list[dict[str, Any]]:
    """What is known of the control beside what was found: accuracy 1 of what it answers, and this
    unread share.
    """
    rows = [
        replace(
            estimate("c", value, *bounds), task=task, context_condition=condition, metric=metric
        )
        for metric, condition, value, bounds in (
            ("accuracy", "ambig", 1.0, (0.99, 1.0)),
            ("accuracy", "disambig", 1.0, (0.99, 1.0)),
            ("unparsed", "both", share, (low, high)),
            ("unfinished", "both", 0.0, (0.0, 0.01)),
        )
    ]
    facts = {"tasks": {task: "pocket"}, "wordings": WORDINGS, "policy": "drop"} | changes
    found = evidence(rows, models={"c": {"control": "hesitant"}})
    return check_controls(replace(found, spec=dict(found.spec) | facts))


@pytest.mark.parametrize(
    ("task", "share", "expected", "inside"),
    [
        ("free", 0.30, 0.30, True),
        ("free", 0.33, 0.30, True),  # outside 1.96 standard errors of 0.01, inside 3.29
        ("free", 0.34, 0.30, False),
        ("free", 0.05, 0.30, False),  # the free wording was asked with the demand of the other one
        ("free", 0.0, 0.30, False),  # somebody read what nobody can read
        ("line", 0.05, 0.05, True),
        ("line", 0.30, 0.05, False),  # the demand never reached the control
    ],
)
def test_the_planted_unread_share_is_that_of_the_wording(
    task: str, share: float, expected: float, inside: bool
) -> None:
    rows = hesitant(task, share, share - 0.0196, share + 0.0196)
    found = {(row["metric"], row["condition"]): (row["expected"], row["inside"]) for row in rows}
    assert found.pop(("unparsed", "both")) == (expected, inside)
    assert found == {
        ("accuracy", "ambig"): (1.0, True),
        ("accuracy", "disambig"): (1.0, True),
        ("unfinished", "both"): (0.0, True),
    }


def test_what_is_left_open_is_right_only_where_it_is_left_out() -> None:
    rows = hesitant("free", 0.3, 0.28, 0.32, policy="wrong")
    assert {row["metric"] for row in rows} == {"unparsed", "unfinished"}


# --- the stage ---


def test_the_stage_writes_the_same_bytes_twice(tmp_path: Path, root: Path) -> None:
    study = fabricated.build(
        tmp_path / "study", fabricated.pocket_models(), controls=["oracle", "always-stereotype"]
    )
    outputs = [tmp_path / "one", tmp_path / "two"]
    for output in outputs:
        run(
            study.spec,
            study.folder("aggregate"),
            root / "config/published",
            root / "config/claims.yaml",
            output,
        )
    names = ["claims.json", "controls.json", "planted.json", "published.csv", "unread.json"]
    names += ["verdicts.csv", "verdicts.parquet"]
    assert sorted(path.name for path in outputs[0].iterdir()) == names
    for name in names:
        assert (outputs[0] / name).read_bytes() == (outputs[1] / name).read_bytes()
    assert {row["inside"] for row in read_json(outputs[0] / "controls.json")} == {True}
    assert {v.verdict for v in read_rows(outputs[0] / "verdicts.parquet", Verdict)} == {
        "reproduced",
        "partly",
        "contradicted",
        "seen elsewhere",
        "not tested",
    }


def test_the_stage_tells_everything_that_is_missing(tmp_path: Path) -> None:
    spec = json.loads('{"models": {}, "tasks": {}, "policy": "drop"}')
    with pytest.raises(InputError) as caught:
        run(spec, tmp_path / "a", tmp_path / "p", tmp_path / "c.yaml", tmp_path / "out")
    assert len(caught.value.problems) == 4
    assert not (tmp_path / "out").exists()


def test_evidence_of_another_version(tmp_path: Path) -> None:
    study = fabricated.build(
        tmp_path, {"a": fabricated.facts("a")}, categories=["school"], templates=1
    )
    aggregate = study.folder("aggregate")
    (aggregate / "estimates.parquet").write_bytes((aggregate / "spread.parquet").read_bytes())
    with pytest.raises(InputError, match="another version"):
        read_evidence(aggregate, study.spec, [])
