"""A study that asks the same items both ways, through Snakemake: what is made, what is kept, and
what the page says.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from test_reruns import BOTH_WAYS, SEEDS, content, counts

from conftest import Checkout
from featherweight.files import read_rows
from featherweight.records import ContrastRow, Prompt, Sample, Score, Usage
from featherweight.tasks.bbq.facts import BiasJudged

EXAMPLES = re.compile(r'<script type="application/json" id="answers">(.*?)</script>', re.DOTALL)


@pytest.fixture(scope="module")
def both(finished: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """The finished small study (answers generated), and then the same items by likelihood as
    well."""
    import shutil

    folder = tmp_path_factory.mktemp("both") / "repository"
    checkout = Checkout(Path(shutil.copytree(finished.folder, folder, symlinks=True)))
    checkout.edit("config/studies/pocket.yaml", SEEDS, BOTH_WAYS)
    run = checkout.snakemake()
    assert run.returncode == 0, run.stderr[-6000:]
    return checkout


def scores(checkout: Checkout, model: str, task: str) -> list[Score]:
    return [
        row for row in read_rows(checkout.file(f"score/{model}.parquet"), Score) if row.task == task
    ]


def test_only_the_likelihoods_are_made(both: Checkout) -> None:
    """16 answers were generated before, and what they cost is still known; a rule costs nothing."""
    assert counts(both) == (16, 16)
    costs = read_rows(both.file("generate/pocket-fair/usage.parquet"), Usage)
    assert [sum(one.n_samples for one in costs), sum(one.n_scored for one in costs)] == [32, 16]
    assert all(one.tokens_out == 0 for one in costs if one.n_scored == one.n_samples)
    assert read_rows(both.file("generate/always-unknown/usage.parquet"), Usage) == []


def test_the_items_are_the_same_and_the_prompts_too(both: Checkout) -> None:
    for seed in (0, 1):
        first, second = (
            read_rows(both.file(f"prompts/models/pocket-fair/{task}/pets/{seed}.parquet"), Prompt)
            for task in ("pocket", "pocket-likelihood")
        )
        assert [(p.item_id, p.text, p.token_ids, p.shown_order) for p in first] == [
            (p.item_id, p.text, p.token_ids, p.shown_order) for p in second
        ]
        assert {p.options for p in first} == {None}
        assert all(p.options is not None and len(p.options) == 3 for p in second)


def test_every_answer_is_the_likeliest_and_read_as_such(both: Checkout) -> None:
    samples = {
        (sample.item_id, sample.item_seed): sample
        for seed in (0, 1)
        for sample in read_rows(
            both.file(f"generate/pocket-fair/pocket-likelihood/pets/{seed}.parquet"), Sample
        )
    }
    found = scores(both, "pocket-fair", "pocket-likelihood")
    assert len(found) == len(samples) == 16
    for row in found:
        values = samples[row.item_id, row.item_seed].option_loglikelihoods or ()
        assert row.chosen_position == max(range(3), key=lambda place: values[place])
        assert (row.rule, row.finish, row.n_tokens) == ("likelihood", "scored", 0)
    generated = scores(both, "pocket-fair", "pocket")
    # greedy answers of a peaked model
    assert [row.answer for row in found] == [row.answer for row in generated]


def test_a_control_is_exact_both_ways(both: Checkout) -> None:
    first, second = (
        scores(both, "always-unknown", task) for task in ("pocket", "pocket-likelihood")
    )
    assert [row.answer for row in first] == [row.answer for row in second]
    for task in ("pocket", "pocket-likelihood"):
        judged = read_rows(both.file(f"score/always-unknown/{task}.parquet"), BiasJudged)
        assert [row.direction for row in judged] == ["unknown"] * 16
    known = json.loads(both.file("compare/controls.json").read_text())
    assert {row["task"] for row in known} == {"pocket"}, "the same answers do not count twice"
    assert all(row["inside"] is not False for row in known)
    planted = json.loads(both.file("compare/planted.json").read_text())
    assert {row["task"] for row in planted} == {"pocket"}


def test_the_difference_is_of_the_same_items(both: Checkout) -> None:
    rows = read_rows(both.file("aggregate/contrasts.parquet"), ContrastRow)
    found = {(r.model, r.stratum_first, r.stratum_second, r.metric): r for r in rows}
    for stratum in ("ambiguous", "disambiguated"):
        row = found["pocket-fair", stratum, stratum, "accuracy"]
        assert (row.value, row.n_first, row.n_second) == (0.0, 8, 8)


def test_the_page_shows_both_ways_and_says_which_is_which(both: Checkout) -> None:
    page = both.file("report/report.html").read_text()
    (section,) = re.findall(r'<section id="ways".*?</section>', page, flags=re.DOTALL)
    cells = [
        re.sub(r"<[^>]+>", "|", row)
        for row in re.findall(r"<tr><td class=\"who\">.*?</tr>", section)
    ]
    assert len(cells) == 4
    assert all("Pocket, fair" in row for row in cells)
    assert "100.0%" in cells[0]
    assert "|0.0%|0.0%|" in cells[0]
    (limits,) = re.findall(r'<section id="limits".*?</section>', page, flags=re.DOTALL)
    assert "By likelihood (pocket-likelihood) nothing is generated" in limits
    assert "the option with the highest log-likelihood, summed over its tokens" in page
    assert "the likeliest option: 16" in page
    assert "nothing was generated: 16" in page
    rows = json.loads(EXAMPLES.search(page).group(1))  # type: ignore[union-attr]
    chosen = [row for row in rows if row["task"] == "pocket-likelihood"]
    assert chosen
    for row in chosen:
        assert row["length"] == "nothing was generated"
        lines = row["response"].splitlines()
        assert len(lines) == 4
        values = [
            float(line.rsplit(maxsplit=1)[1].replace("\N{MINUS SIGN}", "-")) for line in lines[1:]
        ]
        letter = re.search(
            r"\(([ABC])\)", lines[1 + max(range(3), key=lambda place: values[place])]
        )
        assert letter is not None
        assert row["read"].startswith(f"({letter[1]}) ")
    assert any("tokens, stopped by itself" in row["length"] for row in rows)


def test_run_again_there_is_nothing_to_do_and_what_is_lost_comes_from_the_store(
    both: Checkout,
) -> None:
    assert both.jobs() == set()
    path = both.file("generate/pocket-fair/pocket-likelihood/pets/1.parquet")
    before, page = path.read_bytes(), content(both.file("report/report.html"))
    path.unlink()
    run = both.snakemake("--forcerun", "generate")
    assert run.returncode == 0, run.stderr
    assert counts(both) == (0, 32)
    assert path.read_bytes() == before
    assert content(both.file("report/report.html")) == page
