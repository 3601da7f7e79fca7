"""`compare`: published figures and claims are checked when read, and every rule gives each of its verdicts."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import fabricated
from featherweight.compare import run
from featherweight.compare.beside import beside
from featherweight.compare.claims import RULES, Claim, read_claims
from featherweight.compare.evidence import Evidence, read_evidence
from featherweight.compare.instrument import check_controls, check_planted
from featherweight.compare.published import COLUMNS, Published, read_published
from featherweight.compare.rules import decide
from featherweight.errors import InputError
from featherweight.files import read_json, read_rows
from featherweight.records import ContrastRow, Difference, Estimate, Verdict


@pytest.fixture(scope="module")
def figures(root: Path) -> list[Published]:
    return read_published(root / "config" / "published")


def estimate(
    model: str, value: float | None, low: float | None = None, high: float | None = None, **change: Any
) -> Estimate:
    known = {
        "task": "bbq",
        "group": "all",
        "context_condition": "disambig",
        "metric": "accuracy",
        "policy": "drop",
    } | change
    return Estimate(
        model=model, value=value, low=low, high=high, n=300, n_items=300, n_clusters=50, method="made up", **known
    )


def evidence(
    estimates: Sequence[Estimate],
    *,
    differences: Sequence[Difference] = (),
    contrasts: Sequence[ContrastRow] = (),
    published: Sequence[Published] = (),
    models: dict[str, Any] | None = None,
    tasks: dict[str, str] | None = None,
    answers: dict[str, str] | None = None,
) -> Evidence:
    names = list(dict.fromkeys(e.model for e in estimates))
    return Evidence(
        spec={
            "policy": "drop",
            "models": models or {name: {"label": name.upper()} for name in names},
            "tasks": tasks or {"bbq": "bbq"},
            "answers": answers or {},
        },
        estimates={(e.model, e.task, e.group, e.context_condition, e.metric, e.policy): e for e in estimates},
        differences={
            (d.model, d.baseline, d.task, d.group, d.context_condition, d.metric, d.policy): d for d in differences
        },
        contrasts=contrasts,
        published=published,
    )


def claim(rule: str, unit: str = "percent", **arguments: Any) -> Claim:
    return Claim("c", "article", None, "text", "topic", unit, None, None, rule, arguments)


def difference(value: float, p: float, group: str = "all", model: str = "a", baseline: str = "b") -> Difference:
    return Difference(
        model, baseline, "bbq", group, "disambig", "accuracy", "drop", value, value - 0.05, value + 0.05, p / 2, p,
        "holm", 300, 50, 0.08,
    )  # fmt: skip


def select(model: str, **change: Any) -> dict[str, Any]:
    return {"model": model, "task": "bbq", "condition": "disambig", "metric": "accuracy"} | change


# --- what is read ---


def test_published_figures_are_whole(figures: list[Published]) -> None:
    """807 of the 813 collected rows are numbers, and 24 of the chess table; no sentence of a source came along."""
    assert len(figures) == 807 + 24
    gpt4o = {
        (f.condition, f.fraction)
        for f in figures
        if f.benchmark == "BBQ" and f.model == "GPT-4o" and f.seen != "article" and f.metric == "accuracy"
    }
    assert gpt4o == {("ambig", 0.97), ("disambig", 0.72)}
    assert {
        f.value for f in figures if f.model == "DeepSeek-R1" and f.metric == "pass@1" and f.benchmark == "MMLU"
    } == {90.8}
    assert not [f for f in figures if '"' in f.setting]
    assert "quote" not in COLUMNS


def test_published_equals_the_collection(figures: list[Published], shared_data: Path) -> None:
    """Every number of the collection that BBQ's rows hold is here with its own unit, and nothing else is."""
    with (shared_data / "published" / "published.csv").open(encoding="utf-8", newline="") as stream:
        rows = [
            r for r in csv.DictReader(stream) if r["benchmark"] == "BBQ" and r["metric"] in ("accuracy", "bias_score")
        ]
    wanted = sorted(
        (r["model"], r["source_locator"], float(r["value"].split("-")[0] if r["value"] == "0.7-0.9" else r["value"]))
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
        (GOOD.replace(",source,", ",stored copy,"), "seen: expected one of source, transcription, article"),
        (GOOD + ",more", "expected 15 fields, got 16"),
        (GOOD.replace("Table 1", ""), "locator: expected a text"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "sources.csv").write_text("source,short,title,address,address_seen\npaper,P,A paper,,no\n")
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


def test_every_mistake_in_claims_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "claims.yaml"
    path.write_text(
        """
- {id: one, article: article-9, topic: t, text: x, rule: {value_near: {estimate: {model: a}, stated: much,
   tolerance: 1}}}
- {id: two, article: article-0, topic: t, text: x, colour: red, rule: {eval: "1 + 1"}}
- {id: two, article: article-0, topic: t, text: x, rule: {greater: {a: {model: a, task: b, metric: c, condition: d}}}}
"""
    )
    with pytest.raises(InputError) as caught:
        read_claims(path)
    told = "\n".join(caught.value.problems)
    for part in (
        "article-9",
        "stated: expected a number",
        "estimate: condition",
        "colour: unknown key",
        "got 'eval'",
        "b: expected",
        "got it twice",
    ):
        assert part in told
    assert str(path) in told


@pytest.mark.parametrize("text", ["", "just words", "a: [", "[]"])
def test_a_claims_file_that_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "claims.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match="claims"):
        read_claims(path)


# --- rules: (claim, evidence, verdict) ---

NEAR = claim("value_near", estimate=select("a"), stated=0.54, tolerance=0.05)
ABOVE = claim("interval_above", estimate=select("a"), stated=0.72)
HOLDS = claim("interval_contains", estimate=select("a"), stated=0.5)
GREATER = claim("greater", a=select("a"), b=select("b"))
CONDITIONS = claim("greater", a=select("a"), b=select("a", condition="ambig"))
FIRST = claim("rank_first", estimate=select("a"), among=["b"])
ALWAYS = claim("always_greater", a=select("a"), b=select("b"), groups="all")
REVERSED = difference(-0.2, 0.001, model="b", baseline="a")
WORSE, AMBIGUOUS = estimate("a", 0.4), {"context_condition": "ambig"}
A, B = estimate("a", 0.8, 0.75, 0.85), estimate("b", 0.6, 0.55, 0.65)


def grid(*values: tuple[float, float]) -> list[Estimate]:
    """Two models in as many categories, every interval one point to each side."""
    return [
        estimate(name, value, value - 0.01, value + 0.01, group=f"g{place}")
        for place, pair in enumerate(values)
        for name, value in zip("ab", pair, strict=True)
    ]


CASES = [
    ("near", NEAR, evidence([estimate("a", 0.57, 0.5, 0.64)]), "reproduced"),
    ("near-at-the-edge", NEAR, evidence([estimate("a", 0.49, 0.4, 0.5)]), "reproduced"),
    ("near-interval-reaches", NEAR, evidence([estimate("a", 0.62, 0.55, 0.69)]), "partly"),
    ("near-far", NEAR, evidence([estimate("a", 0.7, 0.65, 0.75)]), "contradicted"),
    ("near-null", NEAR, evidence([estimate("a", None)]), "not tested"),
    ("near-no-interval", NEAR, evidence([estimate("a", 0.54)]), "partly"),
    ("near-other-model", NEAR, evidence([estimate("b", 0.54, 0.5, 0.6)]), "not tested"),
    ("near-other-task", NEAR, evidence([estimate("a", 0.54)], tasks={"pocket": "pocket"}), "not tested"),
    ("above", ABOVE, evidence([A]), "reproduced"),
    ("above-reaches", ABOVE, evidence([estimate("a", 0.75, 0.7, 0.8)]), "partly"),
    ("above-below", ABOVE, evidence([B, estimate("a", 0.6, 0.55, 0.65)]), "contradicted"),
    ("above-no-interval", ABOVE, evidence([estimate("a", 0.9)]), "not tested"),
    ("holds", HOLDS, evidence([estimate("a", 0.55, 0.5, 0.6)]), "reproduced"),
    ("holds-not", HOLDS, evidence([estimate("a", 0.55, 0.51, 0.6)]), "contradicted"),
    ("greater-paired", GREATER, evidence([A, B], differences=[difference(0.2, 0.001)]), "reproduced"),
    ("greater-paired-reversed", GREATER, evidence([A, B], differences=[REVERSED]), "reproduced"),
    ("greater-not-sure", GREATER, evidence([A, B], differences=[difference(0.2, 0.2)]), "partly"),
    ("greater-other-way", GREATER, evidence([B, WORSE], differences=[difference(-0.2, 0.01)]), "contradicted"),
    ("greater-one-missing", GREATER, evidence([A]), "not tested"),
    ("contexts-apart", CONDITIONS, evidence([A, estimate("a", 0.5, 0.4, 0.6, **AMBIGUOUS)]), "reproduced"),
    ("contexts-overlap", CONDITIONS, evidence([A, estimate("a", 0.7, 0.6, 0.8, **AMBIGUOUS)]), "partly"),
    ("contexts-other-way", CONDITIONS, evidence([A, estimate("a", 0.95, 0.9, 1.0, **AMBIGUOUS)]), "contradicted"),
    ("first", FIRST, evidence([A, B]), "reproduced"),
    ("first-unsure", FIRST, evidence([A, estimate("b", 0.78, 0.7, 0.86)]), "partly"),
    ("first-beaten", FIRST, evidence([A, estimate("b", 0.95, 0.9, 1.0)]), "contradicted"),
    ("first-alone", FIRST, evidence([A]), "not tested"),
    ("always", ALWAYS, evidence(grid((0.9, 0.5), (0.8, 0.6))), "reproduced"),
    ("always-mostly", ALWAYS, evidence(grid((0.9, 0.5), (0.605, 0.6))), "partly"),
    ("always-once-worse", ALWAYS, evidence(grid((0.9, 0.5), (0.5, 0.8))), "contradicted"),
    ("always-nothing", ALWAYS, evidence([A, B]), "not tested"),
]  # fmt: skip


@pytest.mark.parametrize(("case", "seen", "verdict"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_rule(case: Claim, seen: Evidence, verdict: str) -> None:
    found, sources = decide(case, seen)
    assert found.verdict == verdict
    assert found.why.endswith(".")
    assert (found.our_value is None) == (verdict == "not tested" or case.rule == "always_greater")
    assert sources == ()


def test_a_complement_turns_the_interval_round() -> None:
    """54% finished is 46% unfinished, with the bounds exchanged: [0.4, 0.5] becomes [0.5, 0.6]."""
    selected = select("a", metric="unfinished", condition="both", complement=True)
    unfinished = estimate("a", 0.45, 0.4, 0.5, metric="unfinished", context_condition="both")
    found, _ = decide(claim("value_near", estimate=selected, stated=0.5443, tolerance=0.02), evidence([unfinished]))
    assert (found.our_value, found.our_low, found.our_high) == pytest.approx((0.55, 0.5, 0.6))
    assert found.verdict == "reproduced"


@pytest.mark.parametrize(
    ("value", "verdict"), [(120.0, "reproduced"), (20.0, "contradicted"), (-130.0, "contradicted")]
)
@pytest.mark.parametrize("turned", [False, True])
def test_a_contrast_is_found_whichever_side_is_first(value: float, verdict: str, turned: bool) -> None:
    pair, sign = (("y", "x"), -1) if turned else (("x", "y"), 1)
    row = ContrastRow(
        "a",
        *pair,
        "both",
        "n_tokens",
        "drop",
        sign * value,
        sign * value - 20,
        sign * value + 20,
        0.01,
        40,
        40,
        1,
        3,
        "",
        None,
    )
    rule = claim(
        "contrast_near", unit="tokens", model="a", first="x", second="y", metric="n_tokens", stated=130, tolerance=60
    )
    found, _ = decide(rule, evidence([A], contrasts=[row]))
    assert (found.verdict, found.our_value) == (verdict, value)


@pytest.mark.parametrize(("how", "verdict"), [("generated", "reproduced"), ("likelihood", "not tested")])
def test_a_claim_about_generated_answers_is_not_decided_by_likelihoods(how: str, verdict: str) -> None:
    row = ContrastRow(
        "a", "bbq", "y", "both", "n_tokens", "drop", 120.0, 100.0, 140.0, 0.01, 40, 40, 3, 3, "", None
    )  # fmt: skip
    near = claim("value_near", estimate=select("a"), stated=0.8, tolerance=0.05)
    between = {"model": "a", "first": "bbq", "second": "y", "metric": "n_tokens"}
    longer = claim("contrast_near", unit="tokens", stated=130, tolerance=60, **between)
    seen = evidence([A], contrasts=[row], tasks={"bbq": "bbq", "y": "bbq"}, answers={"bbq": how, "y": "generated"})
    for one in (near, longer):
        found, _ = decide(one, seen)
        assert found.verdict == verdict
        assert ("the answers to bbq are chosen by likelihood" in found.why) is (how == "likelihood")


def test_published_claims_are_decided_by_published_figures_alone(root: Path, figures: list[Published]) -> None:
    """R1's MMLU is 90.8, not 84.4; 1 - 0.55/15 = 96.33%; nobody prints GSM8K for the distilled models."""
    claims = {c.id: c for c in read_claims(root / "config" / "claims.yaml")}
    nothing = evidence([], published=figures, models={"pocket-fair": {}}, tasks={"pocket": "pocket"})
    found = {name: decide(one, nothing) for name, one in claims.items()}
    assert {name: v.verdict for name, (v, sources) in found.items() if sources} == {
        "gpt4o-072": "reproduced",
        "claude3-range": "reproduced",
        "llama3b-405b": "reproduced",
        "llama3b-70b": "reproduced",
        "r1-mmlu": "contradicted",
        "r1-cheaper": "reproduced",
    }
    assert "90.8%" in found["r1-mmlu"][0].why
    assert found["r1-cheaper"][0].our_value == pytest.approx(1 - 0.55 / 15)
    untested = [v for v, sources in found.values() if not sources]
    assert {v.verdict for v in untested} == {"not tested"}
    assert all(v.why for v in untested)


def test_every_rule_is_decided_somewhere() -> None:
    """No rule of the vocabulary is without an implementation."""
    for name, (required, _) in RULES.items():
        arguments: dict[str, Any] = dict.fromkeys(required, 0.5) | {
            key: select("nobody") for key in ("estimate", "a", "b") if key in required
        }
        if "published" in required:
            arguments["published"] = {"benchmark": "B", "metric": "m", "model": "nobody"}
        if "pairs" in required:
            arguments["pairs"] = [[{"benchmark": "B", "metric": "m", "model": "nobody"}] * 2]
        arguments |= {key: "x" for key in ("model", "first", "second", "metric", "why") if key in required}
        arguments |= {"among": ["x"]} if "among" in required else {}
        arguments |= {"groups": "all"} if "groups" in required else {}
        assert decide(claim(name, **arguments), evidence([]))[0].verdict == "not tested"


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
    rows = beside(figures, {"bbq": "bbq", "again": "bbq"}, {"bbq": "likelihood", "again": "generated"})
    assert {(row.comparable, row.why) for row in rows if row.task == "bbq"} == {
        (False, "answers chosen by likelihood; how the published ones were is another way")
    }
    assert {row.why for row in rows if row.task == "again"} != {"answers chosen by likelihood"}


PLANTED = {"p": {"planted": {"task": "bbq", "stereotype_rate": 0.3}}}


@pytest.mark.parametrize(
    ("low", "high", "inside"), [(0.25, 0.35, True), (0.3, 0.35, True), (0.31, 0.4, False), (0.1, 0.29, False)]
)
def test_planted_inside(low: float, high: float, inside: bool) -> None:
    middle = (low + high) / 2
    rate = estimate("p", middle, low, high, metric="stereotyped", context_condition="ambig")
    rows = check_planted(evidence([rate, estimate("p", 0.96)], models=PLANTED))
    assert [(row["expected"], row["inside"]) for row in rows] == [(0.3, inside), (0.95, True)]


def test_planted_rates_are_of_generated_answers() -> None:
    """A model that thinks aloud has no thinking where its answer is chosen, and another rate with it."""
    rate = estimate("p", 0.3, 0.25, 0.35, metric="stereotyped", context_condition="ambig")
    chosen = estimate("p", 0.9, 0.8, 0.95, metric="stereotyped", context_condition="ambig", task="again")
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
    judged = [row["inside"] for row in rows if (row["metric"], row["condition"]) == ("accuracy", "disambig")]
    assert judged == [inside]
    assert {row["inside"] for row in rows if row["value"] is None} <= {None}


@pytest.mark.parametrize(
    ("control", "value", "inside"), [("oracle", 1.0, True), ("oracle", 0.9, False), ("random", 0.9, None)]
)
def test_without_an_interval_only_exact_scores_are_judged(control: str, value: float, inside: bool | None) -> None:
    """A subset with one template has no clustered interval: its score by chance says nothing about the instrument."""
    rows = check_controls(evidence([estimate("c", value)], models={"c": {"control": control}}))
    assert [row["inside"] for row in rows if (row["metric"], row["condition"]) == ("accuracy", "disambig")] == [inside]


# --- the stage ---


def test_the_stage_writes_the_same_bytes_twice(tmp_path: Path, root: Path) -> None:
    study = fabricated.build(tmp_path / "study", fabricated.pocket_models(), controls=["oracle", "always-stereotype"])
    outputs = [tmp_path / "one", tmp_path / "two"]
    for output in outputs:
        run(study.spec, study.folder("aggregate"), root / "config/published", root / "config/claims.yaml", output)
    names = ["claims.json", "controls.json", "planted.json", "published.csv", "verdicts.csv", "verdicts.parquet"]
    assert sorted(path.name for path in outputs[0].iterdir()) == names
    for name in names:
        assert (outputs[0] / name).read_bytes() == (outputs[1] / name).read_bytes()
    assert {row["inside"] for row in read_json(outputs[0] / "controls.json")} == {True}
    assert {v.verdict for v in read_rows(outputs[0] / "verdicts.parquet", Verdict)} == {
        "reproduced",
        "contradicted",
        "not tested",
    }


def test_the_stage_tells_everything_that_is_missing(tmp_path: Path) -> None:
    spec = json.loads('{"models": {}, "tasks": {}, "policy": "drop"}')
    with pytest.raises(InputError) as caught:
        run(spec, tmp_path / "a", tmp_path / "p", tmp_path / "c.yaml", tmp_path / "out")
    assert len(caught.value.problems) == 4
    assert not (tmp_path / "out").exists()


def test_evidence_of_another_version(tmp_path: Path) -> None:
    study = fabricated.build(tmp_path, {"a": fabricated.facts("a")}, categories=["school"], templates=1)
    aggregate = study.folder("aggregate")
    (aggregate / "estimates.parquet").write_bytes((aggregate / "spread.parquet").read_bytes())
    with pytest.raises(InputError, match="another version"):
        read_evidence(aggregate, study.spec, [])
