"""`compare` as a stage: what it reads, writes and explains, and what belongs beside its numbers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from featherweight.__main__ import main as command_line
from featherweight.compare import run
from featherweight.compare.claims import read_claims
from featherweight.compare.comparable import published_rows
from featherweight.compare.explain import explained
from featherweight.compare.published import Published, read_published
from featherweight.errors import InputError
from featherweight.files import read_json, read_rows, write_rows
from featherweight.records import (
    ContrastRow,
    Difference,
    Estimate,
    KnownValue,
    Position,
    Spread,
    Verdict,
    VerdictDetails,
)
from made_up_evidence import (
    Evidence,
    contrast,
    difference,
    estimate,
    evidence,
    figure,
    model,
    spec,
    task,
)

STUDY = evidence(
    [
        estimate("oracle", 1.0, 0.98, 1.0, task="pocket"),
        estimate("oracle", 1.0, 0.98, 1.0, task="pocket", stratum="ambiguous"),
        estimate("pocket-fair", 0.9, 0.85, 0.95, task="pocket"),
    ],
    differences=[difference(0.1, 0.01, task="pocket", model="oracle", baseline="pocket-fair")],
    contrasts=[contrast(0.1, 0.05, model="oracle")],
    models=[model("pocket-fair"), model("oracle", control="oracle")],
    tasks=[task("pocket", "pocket", wording="pocket")],
)


@pytest.fixture(scope="module")
def figures(root: Path) -> list[Published]:
    return read_published(root / "config" / "published")


def written(folder: Path, study: Evidence = STUDY) -> Path:
    """What `aggregate` would have written."""
    results = study.results
    write_rows(folder / "estimates.parquet", results.estimates, Estimate)
    write_rows(folder / "differences.parquet", results.differences, Difference)
    write_rows(folder / "contrasts.parquet", results.contrasts, ContrastRow)
    write_rows(folder / "spread.parquet", results.spread, Spread)
    write_rows(folder / "positions.parquet", results.positions, Position)
    return folder


def finished_study(tmp_path: Path, root: Path, name: str = "made-up") -> Path:
    config = (root / "config/published", root / "config/claims.yaml")
    output = tmp_path / "results" / name / "compare"
    run(STUDY.results.spec, written(tmp_path / "study"), *config, output)
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


# --- published figures beside ours ---


def test_pocket_items_are_beside_bbq_but_not_comparable(figures: list[Published]) -> None:
    rows = published_rows(figures, spec([], [task("pocket", "pocket")]))
    assert {row.figure.benchmark for row in rows} == {"BBQ"}
    assert {(row.comparable, row.why) for row in rows} == {
        (False, "the project's own items, not BBQ's: shown for scale only")
    }


def test_comparable_says_why(figures: list[Published]) -> None:
    rows = published_rows(figures, spec([], [task("bbq"), task("bbq-chinese")]))
    assert all(row.why for row in rows)
    assert not any(row.comparable for row in rows if row.task == "bbq-chinese")
    yes = {row.figure.model for row in rows if row.comparable}
    assert {"GPT-4o", "Claude 3 Opus", "UnifiedQA-11B (RACE format)"} <= yes
    assert not {"Mixtral 8x7B (base)", "gpt-5-nano"} & yes


BBQ = figure(72.0, benchmark="BBQ")


@pytest.mark.parametrize(
    ("change", "label", "answers", "why"),
    [
        ({}, "bbq", "generated", None),
        ({"category": "Age"}, "bbq", "generated", None),
        ({}, "bbq", "likelihood", "answers chosen by likelihood"),
        ({}, "bbq-chinese", "generated", "this task is a subset"),
        ({"stratum": "unspecified"}, "bbq", "generated", "does not say which strata"),
        ({"seen": "article"}, "bbq", "generated", "an article repeats it"),
        ({"setting": "third party harness"}, "bbq", "generated", "a third party's prompt"),
    ],
)
def test_what_may_not_be_compared(
    change: dict[str, str], label: str, answers: str, why: str | None
) -> None:
    study = spec([], [task(label, answers=answers)])
    (row,) = published_rows([BBQ.model_copy(update=change)], study)
    assert row.comparable is (why is None)
    assert why is None or why in row.why


def test_a_subset_is_not_compared_under_whatever_label() -> None:
    whole = task("bbq")
    part = whole.draw.model_copy(update={"subset": {"stereotyped": "Chinese"}})
    (row,) = published_rows([BBQ], spec([], [whole.model_copy(update={"draw": part})]))
    assert (row.comparable, row.why) == (False, "this task is a subset of the benchmark")


@pytest.mark.parametrize(
    ("category", "why"),
    [
        ("Age", "same items and formula"),
        ("all", "only large gaps mean anything"),
        ("", "only large gaps mean anything"),  # a benchmark without categories
    ],
)
def test_how_far_a_comparison_goes(category: str, why: str) -> None:
    (row,) = published_rows(
        [BBQ.model_copy(update={"category": category})], spec([], [task("bbq")])
    )
    assert why in row.why


@pytest.mark.parametrize("change", [{"benchmark": "MMLU"}, {"metric": "ECE"}])
def test_what_does_not_belong_beside_a_task(change: dict[str, str]) -> None:
    assert published_rows([BBQ.model_copy(update=change)], spec([], [task("bbq")])) == []


# --- the stage ---


def test_the_stage_writes_the_same_bytes_twice(tmp_path: Path, root: Path) -> None:
    outputs = [tmp_path / "one", tmp_path / "two"]
    config = (root / "config/published", root / "config/claims.yaml")
    for output in outputs:
        run(STUDY.results.spec, written(tmp_path / "study"), *config, output)
    names = ["claims.json", "controls.json", "planted.json", "published.csv", "unread.json"]
    names += ["verdicts.csv", "verdicts.parquet"]
    assert sorted(path.name for path in outputs[0].iterdir()) == names
    for name in names:
        assert (outputs[0] / name).read_bytes() == (outputs[1] / name).read_bytes()
    controls = [KnownValue(**row) for row in read_json(outputs[0] / "controls.json")]
    assert [(row.stratum, row.inside) for row in controls] == [
        ("ambiguous", True),
        ("disambiguated", True),
    ]
    verdicts = read_rows(outputs[0] / "verdicts.parquet", Verdict)
    assert {row.verdict for row in verdicts} == {
        "reproduced",
        "partly",
        "contradicted",
        "seen elsewhere",
        "not tested",
    }
    claims = {claim.id: claim for claim in read_claims(root / "config/claims.yaml")}
    assert {row.claim: row.note for row in verdicts} == {
        name: claim.note for name, claim in claims.items()
    }
    details = {
        name: VerdictDetails(**known)
        for name, known in read_json(outputs[0] / "claims.json").items()
    }
    assert (
        details["r1-mmlu"].sources
        == [
            {"title": figure.title, "address": figure.address}
            for figure in read_published(root / "config/published")
            if figure.source == "r1-paper"
        ][:1]
    )
    assert all(details[name].unit == claim.unit for name, claim in claims.items())


def test_the_stage_tells_everything_that_is_missing(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("aggregate", "published", "claims.yaml", "out")]
    with pytest.raises(InputError) as caught:
        run(spec([]), *paths)
    assert len(caught.value.problems) == 6
    assert not (tmp_path / "out").exists()


def test_a_spec_of_another_kind_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = STUDY.results.spec.model_dump(mode="json") | {"polcy": "drop"}
    paths = [f"--{name}={tmp_path}" for name in ("aggregate", "published", "claims", "output")]
    assert command_line(["compare", "--spec", json.dumps(document), *paths]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--spec: polcy: " in line
