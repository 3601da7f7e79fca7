"""The study that asks the same questions in two wordings, through Snakemake, and a fault that it
must notice.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from conftest import Checkout, copy_repository
from featherweight.files import read_rows
from featherweight.records import Prompt, Score

CONFIG = {
    "study": "wordings",
    "models": "[oracle, hesitant]",
    "categories": "[pets, hours, river, drinks]",
    "prompts_per_category": "40",
    "seeds": "[0, 1]",
}
LABELS = ("pocket-letter", "pocket-answer-line")


@pytest.fixture(scope="module")
def asked(root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Checkout, str]:
    """The study, run, and what stood on the terminal."""
    checkout = copy_repository(root, tmp_path_factory.mktemp("wordings") / "repository")
    run = checkout.snakemake(config=CONFIG)
    assert run.returncode == 0, run.stderr[-6000:]
    return checkout, run.stdout + run.stderr


def made(checkout: Checkout, path: str) -> Path:
    return checkout.folder / "results" / "wordings" / path


def test_the_same_questions_stand_in_two_wordings(asked: tuple[Checkout, str]) -> None:
    first, second = (
        read_rows(made(asked[0], f"prompts/models/hesitant/{label}/pets/0.parquet"), Prompt)
        for label in LABELS
    )
    assert [(p.item_id, p.shown_order) for p in first] == [
        (p.item_id, p.shown_order) for p in second
    ]
    assert not any("ANSWER: X" in p.text for p in first)
    assert all("ANSWER: X" in p.text for p in second)


def test_the_planted_shares_are_found_and_the_difference_is_that_of_the_answers(
    asked: tuple[Checkout, str],
) -> None:
    checkout, terminal = asked
    known = json.loads(made(checkout, "compare/controls.json").read_text())
    assert {row["inside"] for row in known} == {True}
    planted = {row["task"]: row["expected"] for row in known if row["metric"] == "unparsed"}
    assert planted == {"pocket-letter": 0.30, "pocket-answer-line": 0.05}
    scores = read_rows(made(checkout, "score/hesitant.parquet"), Score)
    unread = {
        label: [row.outcome == "unparsed" for row in scores if row.task == label]
        for label in LABELS
    }
    assert {len(rows) for rows in unread.values()} == {320}
    (table,) = json.loads(made(checkout, "compare/unread.json").read_text())
    rows = {(row["model"], row["metric"]): row for row in table["rows"]}
    found = rows["hesitant", "unparsed"]
    counted = [sum(unread[label]) / 320 for label in LABELS]
    assert [found["first"]["value"], found["second"]["value"]] == pytest.approx(counted)
    assert found["difference"]["value"] == pytest.approx(counted[1] - counted[0])
    assert found["difference"]["low"] < -0.25 < found["difference"]["high"]
    assert (found["difference"]["n"], rows["oracle", "unparsed"]["difference"]["value"]) == (
        320,
        0.0,
    )
    assert (
        "Answers that could not be read: fewer in answer-line than in letter (Control: hesitant)"
        in terminal
    )
    shares = re.findall(
        r"hesitant, unparsed: letter ([0-9.]+)% .*?, answer-line ([0-9.]+)% ", terminal
    )
    assert shares == [tuple(f"{100 * share:.1f}" for share in counted)]


def test_the_page_shows_both_shares_and_the_difference(asked: tuple[Checkout, str]) -> None:
    page = made(asked[0], "report/report.html").read_text()
    (section,) = re.findall(r'<section id="wordings".*?</section>', page, flags=re.DOTALL)
    assert (
        "fewer in answer-line than in letter (Control: hesitant); none in either wording (Control:"
        " oracle)." in section
    )
    rows = [
        re.sub(r"<[^>]+>", "|", row)
        for row in re.findall(r"<tr><td class=\"who\">.*?</tr>", section)
    ]
    assert [re.split(r"\|+", row)[1:3] for row in rows] == [
        ["Control: oracle", "Not readable"],
        ["Control: oracle", "Not finished"],
        ["Control: hesitant", "Not readable"],
        ["Control: hesitant", "Not finished"],
    ]
    assert re.search(r"−\d+\.\d points", rows[2])
    assert "Yes: the pipeline recovered 12 of 12 scores that are known beforehand." in page
    assert asked[0].jobs(config=CONFIG) == set()


def test_a_wording_that_never_reaches_the_model_is_noticed(
    asked: tuple[Checkout, str], tmp_path: Path
) -> None:
    """Planted fault: every task is rendered in the wording of the first one."""
    checkout = copy_repository(asked[0].folder, tmp_path / "repository")
    checkout.edit(
        "workflow/featherweight/prompts/render.py",
        ".wording(asked.wording)",
        '.wording("letter")',
    )
    run = checkout.snakemake(config=CONFIG)
    assert run.returncode == 0, run.stderr[-6000:]
    assert (
        "not recovered: hesitant unparsed, all, expected 0.05, measured" in run.stdout + run.stderr
    )
    page = made(checkout, "report/report.html").read_text()
    assert "The pipeline did not recover a value that is known beforehand." in page
    assert "no difference is shown (Control: hesitant)" in page
