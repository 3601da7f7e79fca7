"""The page of studies with graded tasks: alone, beside choices, and asked of some models only.

The studies are made up (`made_up_mathematics`); the product itself scores and aggregates them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pandas as pd
import pytest

import fabricated
import made_up_mathematics as made_up
from featherweight.files import read_rows, write_rows
from featherweight.records import ALL, Graded, KnownValue, Score
from featherweight.report import (
    contents,
    frames,
    graded_charts,
    page,
    ranking,
    shown,
    theme,
)
from featherweight.report.inputs import Inputs
from featherweight.report.parts import Cell, Table
from featherweight.report.sections import (
    answers,
    differences,
    findings,
    glance,
    graded,
    graded_figures,
    instrument,
    methods,
    planted_figures,
    reading,
    verdict,
)
from featherweight.report.sections.answers import Answers
from featherweight.specs import PlantedSpec
from featherweight.tasks import words as task_words

POCKET = tuple(fabricated.pocket_models())
ALONE = {
    "sums": ("solver", "strong", "thinker", "oracle"),
    "olympiad": ("strong", "thinker", "oracle"),
}
MIXED = {
    "pocket": (*POCKET, "strong", "thinker", "oracle", "random"),
    "sums": ("solver", "strong", "oracle"),
    "olympiad": ("strong", "thinker"),
}
BIG = {name: one for name, one in made_up.models().items() if name != "solver"}


class Studies:
    """The made-up studies of this module."""

    def __init__(self, folder: Any) -> None:
        """Build all three in folders below `folder`."""
        every = fabricated.pocket_models() | made_up.models()
        self.alone = made_up.build(
            folder / "alone", made_up.models(), ALONE, controls=["oracle"], samples=4, hostile=True
        )
        self.mixed = made_up.build(
            folder / "mixed", every, MIXED, controls=["oracle", "random"], samples=2
        )
        self.single = made_up.build(
            folder / "single", BIG, {"olympiad": ("strong", "thinker")}, samples=1
        )


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studies]:
    with pytest.MonkeyPatch.context() as patch:
        fabricated.register(patch, made_up.SUMS, made_up.OLYMPIAD)
        yield Studies(tmp_path_factory.mktemp("studies"))


@pytest.fixture(scope="module")
def alone(studies: Studies) -> Inputs:
    return studies.alone.inputs(usage=True)


@pytest.fixture(scope="module")
def mixed(studies: Studies) -> Inputs:
    return studies.mixed.inputs(usage=True)


@pytest.fixture(scope="module")
def single(studies: Studies) -> Inputs:
    return studies.single.inputs(usage=True)


class Parsed(HTMLParser):
    """The text of a page, without style, scripts and figures' numbers."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.said: list[str] = []
        self.tags: list[str] = []
        self._inside: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag in ("script", "style"):
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self.said.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.said).split())


def words(study: fabricated.Study, inputs: Inputs) -> str:
    """The page without its figures."""
    drawn = answers.draw_examples(inputs, study.scores, study.folders, 1_000_000)
    return page.render(contents.describe(inputs, None, (), drawn))


def sections(html: str, *names: str) -> str:
    """What a reader sees of these sections."""
    found = [re.search(rf'<section id="{one}".*?</section>', html, re.DOTALL) for one in names]
    return Parsed("".join(one.group() for one in found if one is not None)).text


def column(table: Table, heading: str) -> list[Cell]:
    (place,) = [place for place, one in enumerate(table.columns) if one.heading == heading]
    return [row[place] for row in table.rows]


def rows_of(study: fabricated.Study, model: str, task: str) -> list[Score]:
    """The scores of one model in one task."""
    rows = read_rows(study.folder("score") / f"{model}.parquet", Score)
    return [row for row in rows if row.task == task]


# --- seven of thirty ---


def test_a_small_set_says_how_many_problems(studies: Studies, single: Inputs) -> None:
    """Every number of the first screen and the tables, against a count of the scores."""
    right = {
        model: sum(row.outcome == "right" for row in rows_of(studies.single, model, "olympiad"))
        for model in ("strong", "thinker")
    }
    assert right["strong"] > right["thinker"] > 0
    best = f"{right['strong']} of 30"
    assert f"{best} right" in verdict.answers(single, instrument.check(single))[0] or (
        f"Strong 7B {best}" in verdict.answers(single, instrument.check(single))[0]
    )
    (card,) = [
        one
        for one in findings.findings(single, instrument.check(single))
        if one.anchor == "math-olympiad"
    ]
    assert card.big == best
    assert card.detail.startswith(f"{100 * right['strong'] / 30:.1f}%, 95% interval ")
    table = graded.scores(single, "olympiad")
    assert [cell.text for cell in column(table, "Accuracy")] == [best, f"{right['thinker']} of 30"]
    assert (column(table, "Accuracy")[0].small or "").startswith(card.detail.split(",")[0])
    section = glance.section(single)
    assert section is not None
    data = section.data
    assert isinstance(data, glance.Glance)
    assert column(data.table, "Accuracy") == column(table, "Accuracy")


def test_no_share_of_a_small_set_stands_alone(studies: Studies, single: Inputs) -> None:
    """A per cent that is an accuracy of the thirty follows a count in the same cell."""
    html = words(studies.single, single)
    for name in ("findings", "scores", "math"):
        for estimate in single.estimates:
            if estimate.group == ALL and (estimate.metric, estimate.policy) == (
                "accuracy",
                "wrong",
            ):
                share = theme.percent(estimate.value)
                (section,) = re.findall(rf'<section id="{name}".*?</section>', html, re.DOTALL)
                for found in re.finditer(rf">{re.escape(share)}<", section):
                    cell = section[: found.start()].rsplit("<t", 1)[-1]
                    assert "Right of all asked" in cell or "Lenient" in cell, section[
                        found.start() - 90 : found.end()
                    ]


@pytest.mark.parametrize(
    ("value", "n", "of", "says"),
    [
        (7 / 30, 30, 30, "7 of 30"),
        (0.0, 30, 30, "0 of 30"),
        (7 / 15, 15, 15, "7 of 15"),
        (None, 30, 30, None),
        (0.5, 30, None, None),
    ],
)
def test_counts_of_problems(
    single: Inputs, value: float | None, n: int, of: int | None, says: str | None
) -> None:
    assert shown.counted(single, "olympiad", value, n, of) == says


def twice(inputs: Inputs, n: int, of: int) -> Inputs:
    """The same study with the Olympiad under two seeds: `n` answers to `of` problems."""
    again = [
        cell.model_copy(update={"seed": 1, "item_seed": 1})
        for cell in inputs.spec.cells
        if cell.task == "olympiad"
    ]
    rows = [
        replace(row, n=n, n_asked=n, n_questions=of)
        if (row.task, row.group, row.stratum) == ("olympiad", ALL, ALL)
        else row
        for row in inputs.estimates
    ]
    spec = inputs.spec.model_copy(update={"cells": (*inputs.spec.cells, *again)})
    return replace(inputs, spec=spec, estimates=rows)


@pytest.mark.parametrize(
    ("n", "of", "says"),
    [
        (120, 30, "mean 7.5 of 30 problems"),  # four answers to each
        (240, 30, "mean 7.5 of 30 problems"),  # and again under the second seed
        (128, 30, None),  # two problems came up under both seeds and weigh double
        (240, 50, None),
    ],
)
def test_problems_that_weigh_double_are_not_counted(
    alone: Inputs, n: int, of: int, says: str | None
) -> None:
    seeded = twice(alone, n, of)
    assert shown.is_small(seeded, "olympiad") == (says is not None)
    assert shown.counted(seeded, "olympiad", 0.25, n, of) == says
    accuracy = column(graded.scores(seeded, "olympiad"), "Accuracy")
    assert all((" of " in cell.text) == (says is not None) for cell in accuracy)
    chart = graded_figures.figures(seeded, "olympiad")[0].chart.to_dict()
    assert ("problems right, of 30" in str(chart)) == (says is not None)
    told = graded.asked(seeded, "olympiad")[0]
    assert ("; some problems came up under more than one seed." in told) == (n != 120)


def test_a_count_of_several_answers_is_a_mean(studies: Studies, alone: Inputs) -> None:
    rows = rows_of(studies.alone, "strong", "olympiad")
    right = sum(row.outcome == "right" for row in rows)
    table = graded.scores(alone, "olympiad")
    cell = dict(zip(column(table, "Model"), column(table, "Accuracy"), strict=True))
    assert len(rows) == 120
    assert cell[Cell("Strong 7B")].text == f"mean {right / 4:.1f} of 30 problems"
    # Of those read, problems keep different numbers of answers: there is no such count.
    read = dict(zip(column(table, "Model"), column(table, "Of those read"), strict=True))
    lost = sum(row.outcome in ("unparsed", "unfinished") for row in rows)
    assert read[Cell("Strong 7B")].text == f"{100 * right / (120 - lost):.1f}%"


def test_a_published_share_of_a_small_set_is_counted_too(single: Inputs) -> None:
    assert shown.published(single, "olympiad", 0.233) == "7 of 30 (23.3%)"
    assert shown.published(single, "olympiad", None) == theme.NO_DATA
    chart = graded_figures.figures(single, "olympiad")[0]
    printed = {row["model"]: row["shown"] for row in chart.table.to_dict("records")}
    assert printed["Llama-3.1-405B-Instruct"] == "7 of 30 (23.3%)"


@pytest.mark.parametrize(
    ("fraction", "says"),
    [
        (0.233, "7 of 30 (23.3%)"),
        (0.167, "5 of 30 (16.7%)"),
        (0.1, "3 of 30 (10.0%)"),
        (1.0, "30 of 30 (100.0%)"),
        (0.798, "23.9 of 30 (79.8%)"),  # 23.94
        (0.093, "2.8 of 30 (9.3%)"),
        (0.235, "7.0 of 30 (23.5%)"),  # 7.05 is no whole number, but for one digit
    ],
)
def test_a_whole_number_of_problems_is_printed_whole(
    single: Inputs, fraction: float, says: str
) -> None:
    assert shown.published(single, "olympiad", fraction) == says


def test_what_others_averaged_is_not_called_one_answer(single: Inputs) -> None:
    drawn = frames.drawn(single, "olympiad", ALL)
    assert {row.metric for row in drawn} == {"pass@1"}
    captions = {}
    for name, changes in {
        "means": {},
        "whole": {"fraction": 0.233},
        "one": {"fraction": 0.233, "metric": "accuracy"},
    }.items():
        rows = [row.model_copy(update=changes) for row in drawn]
        figure = graded_figures.figures(replace(single, published=rows), "olympiad")[0]
        captions[name] = figure.caption
    assert "some averaged over several answers to each problem" in captions["means"]
    assert "of one answer to each problem or a mean over several" in captions["whole"]
    assert "one answer to each problem as others printed it" in captions["one"]
    assert "one answer" not in captions["means"]


def test_a_subset_says_what_was_left_out(alone: Inputs) -> None:
    def said(subset: dict[str, Any], count: int | None = None) -> tuple[str, ...]:
        entry = alone.spec.tasks["olympiad"]
        draw = entry.draw.model_copy(update={"subset": subset, "count": count})
        tasks = dict(alone.spec.tasks)
        tasks["olympiad"] = entry.model_copy(update={"draw": draw})
        spec = alone.spec.model_copy(update={"tasks": tasks})
        rows = [
            replace(row, n_questions=28, n=112, n_asked=112)
            if (row.task, row.group, row.stratum) == ("olympiad", ALL, ALL)
            else row
            for row in alone.estimates
        ]
        return graded.asked(replace(alone, spec=spec, estimates=rows), "olympiad")[:2]

    assert said({"figure": False}) == (
        "28 of 30 problems in 2 categories, 4 answers to each.",
        "Only problems without a figure; the others were left out.",
    )
    assert said({"figure": True, "level": 5}, 14) == (
        "28 problems in 2 categories, 4 answers to each.",
        "Only problems of level 5 and with a figure; the others were left out.",
    )
    assert "left out" not in "".join(graded.asked(alone, "olympiad"))


def test_a_set_of_a_hundred_and_one_has_shares(alone: Inputs) -> None:
    rows = [
        replace(row, n_questions=101, n=404, n_asked=404) if row.task == "olympiad" else row
        for row in alone.estimates
    ]
    table = graded.scores(replace(alone, estimates=rows), "olympiad")
    assert all(cell.text.endswith("%") for cell in column(table, "Accuracy"))
    fewer = [
        replace(row, n_questions=100, n=400, n_asked=400) if row.task == "olympiad" else row
        for row in rows
    ]
    table = graded.scores(replace(alone, estimates=fewer), "olympiad")
    assert all(cell.text.endswith(" of 100 problems") for cell in column(table, "Accuracy"))


def test_a_level_of_a_large_set_has_shares(alone: Inputs) -> None:
    """A count is for sets that are small, not for the levels of one that is not."""
    rows = [
        replace(row, n_questions=500) if (row.group, row.stratum) == (ALL, ALL) else row
        for row in alone.estimates
    ]
    large = replace(alone, estimates=rows)
    table = graded_figures.figures(large, "sums")[1].table
    assert all(str(text).endswith("%") and " of " not in text for text in table["shown"])
    said = graded.asked(large, "sums")[0]
    assert said == "500 problems in 2 categories, 5 levels, 200 answers, 4 to each prompt."


# --- what the section shows ---


def test_every_number_of_the_table_is_an_estimate(alone: Inputs) -> None:
    table = graded.scores(alone, "sums")
    names = {alone.label(name): name for name in alone.models}
    for row in table.rows:
        cells = dict(zip((one.heading for one in table.columns), row, strict=True))
        model = names[cells["Model"].text]
        for heading, metric, policy in (
            ("Of those read", "accuracy", "drop"),
            ("Not readable", "unparsed", None),
            ("Not finished", "unfinished", None),
        ):
            value = alone.value(model, "sums", ALL, metric, policy)
            assert cells[heading].text == theme.percent(value), heading
        tokens = alone.value(model, "sums", ALL, "n_tokens")
        assert cells["Tokens"].text == theme.number(tokens, "tokens")
    planted = dict(zip(column(table, "Model"), column(table, "Planted"), strict=True))
    assert planted[Cell("Pocket, solver")].text == "58.0%"
    assert planted[Cell("Strong 7B")].text == "none"


def test_lenient_is_a_column_where_it_was_graded(alone: Inputs) -> None:
    rows = [row for row in alone.estimates if row.metric != "accuracy_lenient"]
    without = replace(alone, estimates=rows)
    assert "Lenient" not in {one.heading for one in graded.scores(without, "sums").columns}
    lenient = [
        replace(row, metric="accuracy_lenient", value=0.5, low=0.4, high=0.6)
        for row in rows
        if (row.metric, row.policy) == ("accuracy", "wrong")
    ]
    with_it = replace(alone, estimates=[*rows, *lenient])
    table = graded.scores(with_it, "sums")
    assert {cell.text for cell in column(table, "Lenient")} == {"mean 25.0 of 50 problems"}
    said = graded.section(with_it, ())
    assert said is not None
    assert isinstance(said.data, graded.Graded)
    assert said.data.lenient


def test_models_stand_in_order_and_level_by_level(alone: Inputs) -> None:
    made = {one.id: one for one in graded_figures.figures(alone, "sums")}
    assert list(made) == [
        "math-sums-accuracy", "math-sums-levels", "math-sums-draws", "math-sums-reading"
    ]  # fmt: skip
    levels = made["math-sums-levels"].table
    assert list(dict.fromkeys(levels["level"])) == [f"Level {number}" for number in range(1, 6)]
    planted = levels[levels["mark"] == "planted, closed form"]
    assert dict(zip(planted["level"], planted["value"], strict=True)) == pytest.approx(
        {f"Level {number}": made_up.PLANTED[f"level {number}"] for number in range(1, 6)}
    )
    assert set(planted["model"]) == {"Pocket, solver"}
    values = made["math-sums-accuracy"].table
    own = values[values["mark"] == "this run"]["value"]
    assert list(own) == sorted(own, reverse=True)


def test_a_planted_accuracy_rests_on_no_answers(alone: Inputs) -> None:
    """It is exact: a dash, where an unknown number would have no data."""
    for figure in graded_figures.figures(alone, "sums")[:2]:
        table = page.numbers(figure)
        headings = [one.heading for one in table.columns]
        places = [headings.index(one) for one in ("Answers", "Unique questions", "Unread")]
        kinds = {row[headings.index("What")].text: row for row in table.rows}
        planted = kinds["planted, closed form"]
        assert [planted[place].text for place in places] == ["\N{EN DASH}"] * 3
        assert planted[headings.index("95% interval")].text == "exact"
        assert kinds["this run"][places[0]].text == theme.count(
            figure.table[figure.table["mark"] == "this run"]["n"].iloc[-1]
        )


def test_a_task_without_levels_has_no_figure_of_them(single: Inputs) -> None:
    made = [one.id for one in graded_figures.figures(single, "olympiad")]
    assert made == ["math-olympiad-accuracy", "math-olympiad-reading"]
    assert graded_figures.ks(single, "olympiad") == []


def test_more_answers_start_at_the_accuracy(alone: Inputs) -> None:
    table = graded_figures.by_k_frame(alone, "sums")
    assert sorted(set(table["k"])) == [1, 2, 4]
    for kind in ("any of k right", "majority of k right"):
        own = table[(table["model"] == "Strong 7B") & (table["kind"] == kind)]
        value = alone.value("strong", "sums", ALL, "accuracy")
        assert own["value"].iloc[0] == pytest.approx(value)
    any_right = table[(table["model"] == "Strong 7B") & (table["kind"] == "any of k right")]
    assert list(any_right["value"]) == sorted(any_right["value"])


def test_subjects_are_words(alone: Inputs) -> None:
    table = graded.by_group(alone, "sums")
    assert table is not None
    assert [row[0].text for row in table.rows] == ["Algebra", "Counting and Probability"]
    one_group = [
        replace(row, group="Algebra") if row.group not in (ALL, "Algebra") else row
        for row in alone.estimates
    ]
    assert graded.by_group(replace(alone, estimates=one_group), "sums") is None


def test_what_was_asked(alone: Inputs) -> None:
    assert graded.asked(alone, "sums") == (
        "50 problems in 2 categories, 5 levels, 4 answers to each.",
        "Wording: boxed.",
    )
    assert graded.asked(alone, "olympiad") == (
        "30 problems in 2 categories, 4 answers to each.",
        "Wording: boxed.",
        "Asked of Strong 7B and Thinker 1.5B alone.",
    )


def test_wordings_by_model_are_told(alone: Inputs) -> None:
    entry = alone.spec.tasks["olympiad"]
    by_model = {"strong": "plain", "thinker": "boxed", "oracle": "boxed"}
    own = entry.model_copy(update={"wording": None, "wordings": by_model})
    tasks = dict(alone.spec.tasks) | {"olympiad": own}
    told = replace(alone, spec=alone.spec.model_copy(update={"tasks": tasks}))
    assert "Wordings: plain (Strong 7B); boxed (Thinker 1.5B)." in graded.asked(told, "olympiad")


def test_many_models_are_small_charts(alone: Inputs) -> None:
    """Five models have no colours of their own."""
    table = graded_figures.figures(alone, "sums")[1].table
    more = [table.assign(model=table["model"] + f" {number}") for number in range(2)]
    every = frames.frame(row for one in more for row in one.to_dict("records"))
    chart = graded_charts.levels(every, at=0.1, of=None, description="made up").to_dict()
    assert chart["facet"]["field"] == "level"
    assert "facet" not in graded_charts.levels(table, at=0.1, of=10, description="made").to_dict()
    draws = graded_figures.by_k_frame(alone, "sums")
    several = pd.concat([draws.assign(model=draws["model"] + f" {n}") for n in range(2)])
    by_model = graded_charts.by_k(several, of=50, description="made up").to_dict()
    assert by_model["facet"]["field"] == "model"
    assert "facet" not in graded_charts.by_k(draws, of=50, description="made up").to_dict()


# --- the rest of the page ---


def test_a_study_of_mathematics_speaks_of_nothing_else(studies: Studies, alone: Inputs) -> None:
    html = words(studies.alone, alone)
    said = sections(html, "findings", "scores", "math", "differences", "limits", "instrument")
    assert not re.search(r"\bbias|ambiguous|stereotyp|chance \(|a guess|likelihood", said, re.I)
    assert "no data" not in sections(html, "findings", "scores", "math")
    first = sections(html, "findings")
    assert re.search(r"Sums: of 3 models, ", first)
    assert re.search(r"Olympiad: of 2 models, ", first)


def test_graded_alone_ranks_by_its_own_policy(alone: Inputs) -> None:
    assert not ranking.by_asked(alone, "sums")
    assert ranking.policy(alone, "sums") == "wrong"
    order = ranking.ranking(alone, "sums")
    assert order is not None
    assert [one.value for one in order.standings] == sorted(
        (alone.value(name, "sums", ALL, "accuracy", "wrong") or 0.0 for name in alone.models),
        reverse=True,
    )


def test_a_task_that_a_model_was_not_asked_does_not_name_it(
    studies: Studies, mixed: Inputs
) -> None:
    html = words(studies.mixed, mixed)
    assert "Not complete" not in html
    for task, block in re.findall(
        r'<div class="graded" id="math-([a-z]+)">(.*?)</div>\s*(?=<div class="graded"|</section>)',
        html,
        re.DOTALL,
    ):
        named = {name for name in mixed.models if f">{mixed.label(name)}<" in block}
        assert named == set(mixed.models_of(task)), task
        assert "no data" not in block
    figures = [
        one for one in contents.figures(mixed) if one.section == "figures" and "model" in one.table
    ]
    assert figures
    solver = mixed.label("solver")
    assert all(solver not in set(one.table["model"]) for one in figures)
    pocket = verdict.of_task(mixed, "pocket")
    assert "Of 6 models" in pocket
    assert solver not in pocket


def test_each_task_has_a_sentence_that_names_it(mixed: Inputs) -> None:
    said = verdict.answers(mixed, instrument.check(mixed))
    assert [one.split(":")[0] for one in said] == ["Pocket items", "Sums", "Olympiad"]
    keys = {"tasks": dict(sorted(mixed.spec.tasks.items()))}  # as a spec crosses the command line
    by_name = replace(mixed, spec=mixed.spec.model_copy(update=keys))
    assert verdict.answers(by_name, instrument.check(by_name)) == said
    cards = findings.findings(mixed, instrument.check(mixed))
    assert len(cards) <= findings.MOST_OF_SEVERAL
    for task in ("Pocket items", "Sums", "Olympiad"):
        assert [one for one in cards if one.text.startswith(f"{task}, ")], task


def test_no_problem_right_is_said_plainly(single: Inputs) -> None:
    rows = [
        replace(row, value=0.0, low=0.0, high=0.1) if row.metric == "accuracy" else row
        for row in single.estimates
    ]
    none = replace(single, estimates=rows)
    least = min(none.unread(name, "olympiad", ALL, ALL) or 0.0 for name in none.models)
    assert verdict.answers(none, instrument.check(none)) == (
        f"None of 2 models had one of 30 problems right; {100 * least:.1f}% or more of the answers"
        " of each could not be read or were cut off.",
    )


def losing(inputs: Inputs, **shares: tuple[float, float]) -> Inputs:
    """The same study, of whose models so many answers to the Olympiad were not readable and not
    finished."""
    rows = [
        replace(row, value=shares[row.model][row.metric == "unfinished"])
        if row.task == "olympiad"
        and row.model in shares
        and row.metric in ("unparsed", "unfinished")
        else row
        for row in inputs.estimates
    ]
    return replace(inputs, estimates=rows)


@pytest.mark.parametrize(
    ("strong", "thinker", "lede", "big", "text"),
    [
        ((0.0, 0.0), (0.0, 0.0), "Every answer was finished and could be read.", "0.0%",
         "answers lost by any model"),
        ((0.0, 0.0002), (0.0, 0.0), "Most answers lost: Strong 7B, less than 0.1%.",
         "less than 0.1%", "most unread answers: Strong 7B"),
        ((0.9, 0.1), (0.3, 0.7), "Most answers lost: Strong 7B and Thinker 1.5B, 100.0% of each.",
         "100.0%", "most unread answers: Strong 7B and Thinker 1.5B alike"),
        ((0.9, 0.0998), (0.0, 0.5), "Most answers lost: Strong 7B, more than 99.9%.",
         "more than 99.9%", "most unread answers: Strong 7B"),
        ((0.2, 0.1), (0.1, 0.1), "Most answers lost: Strong 7B, 30.0%.", "30.0%",
         "most unread answers: Strong 7B"),
    ],
)  # fmt: skip
def test_who_lost_most_is_told_with_all_that_lost_as_much(
    single: Inputs,
    strong: tuple[float, float],
    thinker: tuple[float, float],
    lede: str,
    big: str,
    text: str,
) -> None:
    lost = losing(single, strong=strong, thinker=thinker)
    (figure,) = reading.lost(lost, "olympiad")
    assert figure.lede == lede
    cards = findings.findings(lost, instrument.check(lost))
    (card,) = [one for one in cards if one.anchor == "math-olympiad-reading"]
    assert (card.big, card.text) == (big, text)
    if (strong, thinker) == ((0.9, 0.1), (0.3, 0.7)):
        assert card.detail == "cut off 10.0% to 70.0%, of 30 asked each"


@pytest.mark.parametrize(
    ("lost", "says"),
    [
        (1.0, "; each of their answers was cut off or could not be read."),
        (0.9997, "; more than 99.9% of the answers of each could not be read or were cut off."),
        (0.5, "; 50.0% or more of the answers of each could not be read or were cut off."),
        (0.0, "."),
    ],
)
def test_all_answers_lost_are_all(single: Inputs, lost: float, says: str) -> None:
    none = losing(single, strong=(lost, 0.0), thinker=(lost, 0.0))
    rows = [
        replace(row, value=0.0, low=0.0, high=0.1) if row.metric == "accuracy" else row
        for row in none.estimates
    ]
    (said,) = verdict.answers(replace(none, estimates=rows), instrument.check(none))
    assert said == f"None of 2 models had one of 30 problems right{says}"


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


def test_sentences_of_accuracy_carry_interval_and_n(single: Inputs, mixed: Inputs) -> None:
    """Of each number how far it may move, and of how many answers all are."""
    first, second = (
        single.estimate(model, "olympiad", ALL, ALL, "accuracy") for model in ("strong", "thinker")
    )
    assert first is not None
    assert second is not None
    spans = [theme.interval(one.low, one.high, "percent") for one in (first, second)]
    figure = graded_figures.figures(single, "olympiad")[0]
    counts = [shown.counted_share(single, one) for one in (first, second)]
    assert plain(figure.lede) == (
        f"Highest: Strong 7B, {counts[0]}, 95% interval {spans[0]}; lowest: Thinker 1.5B,"
        f" {counts[1]}, 95% interval {spans[1]}; n = 30 answers to 30 questions each."
    )
    alike = [
        replace(row, value=0.1, low=0.05, high=0.2) if row.metric == "accuracy" else row
        for row in single.estimates
    ]
    same = graded_figures.figures(replace(single, estimates=alike), "olympiad")[0]
    assert plain(same.lede) == (
        "All 2 models: 3 of 30 (10.0%), 95% interval 5.0% to 20.0%; n = 30 answers to 30 questions"
        " each."
    )
    # The levels' sentence, and the answer of a task that one model alone was asked.
    levels = graded_figures.figures(mixed, "sums")[1]
    assert plain(levels.lede).endswith("; n = 20 answers to 10 questions each.")
    alone = replace(mixed, estimates=[row for row in mixed.estimates if row.model != "strong"])
    one = mixed.spec.tasks["sums"].model_copy(update={"models": ("solver",)})
    spec = mixed.spec.model_copy(update={"tasks": dict(mixed.spec.tasks) | {"sums": one}})
    alone = replace(alone, spec=spec)
    solver = alone.estimate("solver", "sums", ALL, ALL, "accuracy")
    assert solver is not None
    said = verdict.of_task(alone, "sums")
    assert said.startswith("Pocket, solver was asked alone: ")
    assert said.endswith(f", {shown.clause(alone, solver, 'percent')}.")
    assert "n = 100 answers to 50 questions" in plain(said)
    assert graded_figures.figures(alone, "sums")[0].lede.endswith(
        f", {shown.clause(alone, solver, 'percent')}."
    )


def test_models_that_are_level_say_n(single: Inputs) -> None:
    near = [replace(row, p_adjusted=0.9, p_asked_adjusted=0.9) for row in single.differences]
    said = plain(verdict.of_task(replace(single, differences=near), "olympiad"))
    assert "no model is shown to be best" in said
    assert "; n = 30 answers to 30 questions each)" in said


def test_unread_answers_are_told_by_task(mixed: Inputs) -> None:
    assert mixed.unread_policy == ("left out (Pocket items), counted as wrong (Sums, Olympiad)")
    assert mixed.unread_in(["sums", "olympiad"]) == "counted as wrong"
    assert differences.also_counted(mixed) == "counted as wrong (Sums, Olympiad)"


def test_levels_are_not_rows_of_summaries(alone: Inputs) -> None:
    section = glance.section(alone)
    assert section is not None
    data = section.data
    assert isinstance(data, glance.Glance)
    assert "Questions" not in {one.heading for one in data.table.columns}
    assert len(data.table.rows) == 5  # three models of sums, two of the olympiad
    assert len(differences.differences(alone).rows) == 4  # three pairs and one


def test_levels_are_rows_of_the_spread(alone: Inputs, mixed: Inputs) -> None:
    """aggregate has no spread of a task with levels but theirs: each stands in the table."""
    for inputs in (alone, mixed):
        table = differences.spread(inputs)
        assert table is not None
        names = [one.heading for one in table.columns]
        told = {tuple(cell.text for cell in row[:3]) for row in table.rows}
        assert names[:3] == ["Model", "Task", "Questions"]
        assert told >= {
            (inputs.label(model), "Sums", f"Level {number}")
            for model in inputs.models_of("sums")
            for number in range(1, 6)
        }
        assert ("Strong 7B", "Olympiad", "All questions") in told
        assert {len(row) for row in table.rows} == {len(names)}


# --- the instrument ---


def test_planted_levels_have_a_figure(alone: Inputs) -> None:
    (figure,) = planted_figures.levels(alone)
    assert figure.section == "instrument"
    told = dict(zip(figure.table["level"], figure.table["planted"], strict=True))
    assert told == {f"Level {n}": made_up.PLANTED[f"level {n}"] for n in range(1, 6)}
    for row in figure.table.to_dict("records"):
        level = row["level"].lower()
        assert row["value"] == pytest.approx(alone.value("solver", "sums", level, "accuracy"))
    assert planted_figures.rates(alone) is None


def of_a_table(inputs: Inputs) -> Inputs:
    """The same study, its solver's levels planted as a table instead of as values."""
    solver = inputs.spec.models["solver"]
    planted = tuple(
        PlantedSpec(task=one.task, metric=one.metric, stratum=one.stratum, table="solver")
        for one in solver.planted
    )
    models = dict(inputs.spec.models) | {"solver": solver.model_copy(update={"planted": planted})}
    return replace(inputs, spec=inputs.spec.model_copy(update={"models": models}))


def test_planted_values_are_judged_by_their_bars(alone: Inputs) -> None:
    (figure,) = planted_figures.levels(alone)
    assert "a bar that misses it is a level that was not recovered" in figure.lede
    assert "3.29" not in figure.caption
    assert (
        "a bar that holds its tick recovers it" in graded_figures.figures(alone, "sums")[1].caption
    )
    assert instrument.judged(alone) == instrument.BY_INTERVAL


def test_a_planted_table_is_judged_problem_by_problem(studies: Studies, alone: Inputs) -> None:
    """No word on the page lets the bar decide; the number that does stands beside it."""
    table = of_a_table(alone)
    (figure,) = planted_figures.levels(table)
    level = graded_figures.figures(table, "sums")[1]
    html = words(studies.alone, table)
    for said in (figure.lede, figure.caption, level.caption, sections(html, "instrument")):
        assert "misses" not in said
        assert "holds its tick" not in said
    assert "within 3.29 standard errors of 0" in figure.caption
    assert "problem by problem, not by its bar" in level.caption
    note = sections(html, "instrument")
    assert (
        "Where a table of rates was planted, right minus planted is taken problem by problem"
        in note
    )
    assert "Planted rates and the accuracy" not in note
    for row, number in zip(figure.table.to_dict("records"), range(1, 6), strict=True):
        above = table.estimate("solver", "sums", ALL, f"level {number}", "above_planted")
        assert above is not None
        assert str(row["above"]).startswith(theme.points(above.value))
    assert ("above", "Right minus planted, 95%") in figure.columns


def test_a_study_with_both_kinds_tells_both(mixed: Inputs) -> None:
    assert instrument.judged(mixed) == instrument.BY_INTERVAL
    both = instrument.judged(of_a_table(mixed))
    assert both.startswith(f"{instrument.BY_INTERVAL}; where a table of rates was planted")


def test_both_kinds_of_planted_values_have_their_figure(mixed: Inputs) -> None:
    rates = planted_figures.rates(mixed)
    assert rates is not None
    assert mixed.label("solver") not in set(rates.table["model"])
    (levels,) = planted_figures.levels(mixed)
    assert set(levels.table["model"]) == {mixed.label("solver")}


def test_a_control_that_was_not_asked_is_no_missing_value(mixed: Inputs) -> None:
    row = KnownValue(
        model="random", task="olympiad", group=ALL, stratum=ALL, metric="accuracy",
        what="accuracy, all", at_least=False, expected=0.0, value=None, low=None, high=None,
        n=None, n_questions=None, detectable=None, inside=None,
    )  # fmt: skip
    before = instrument.check(mixed)
    assert instrument.check(replace(mixed, known=[*mixed.known, row])) == before
    asked = replace(row, task="pocket")
    after = instrument.check(replace(mixed, known=[*mixed.known, asked]))
    assert after.unjudged == before.unjudged + 1


def test_known_scores_of_graded_controls_stand_in_the_table(alone: Inputs) -> None:
    section = instrument.section(alone, instrument.check(alone), ())
    assert section is not None
    data = section.data
    assert isinstance(data, instrument.Instrument)
    named = {(row[0].text, row[1].text, row[2].text) for row in data.table.rows}
    assert ("Control: oracle", "Sums", "Level 3") in named
    assert ("Pocket, solver", "Sums", "Level 5") in named


# --- answers to browse ---


@pytest.fixture(scope="module")
def browsed(studies: Studies, alone: Inputs) -> Answers:
    return answers.draw_examples(alone, studies.alone.scores, studies.alone.folders, 4_000_000)


def test_an_answer_shows_how_it_was_read_and_graded(browsed: Answers) -> None:
    right = next(row for row in browsed.rows if row.outcome == "right")
    facts = dict(right.facts)
    assert facts["Grading rule"] == theme.GRADED_BY["integer"]
    assert right.rule == theme.READ_FREE["box"]
    assert right.read == right.right
    assert "\n\nThen the rest.\n\n" in right.response  # steps keep their paragraphs
    lost = next(row for row in browsed.rows if row.outcome == "not finished")
    assert dict(lost.facts)["Grading rule"] == "nothing to grade"
    assert lost.read == "nothing"
    solved = next(row for row in browsed.rows if row.model == "Pocket, solver")
    assert dict(solved.facts)["Planted: right in"].endswith("%")


def test_thinking_stands_apart(browsed: Answers) -> None:
    thought = [row for row in browsed.rows if row.thinking is not None]
    assert {row.model for row in thought} == {"Thinker 1.5B"}
    for row in thought:
        assert row.thinking == "Let me see.\n\nSeventeen, again and again."
        assert "<think>" not in row.response
    plain = next(row for row in browsed.rows if row.thinking is None)
    assert "thinking" not in plain.document


def test_a_grade_without_a_verdict_says_why(studies: Studies, alone: Inputs) -> None:
    """Grading took too long: what was read is shown, and why it has no grade."""
    score = next(row for row in rows_of(studies.alone, "strong", "sums") if row.answer)
    late = replace(score, outcome="unparsed", reason="time out")
    key = answers._key(late)
    grade = Graded(
        late.model, late.task, late.category, late.item_seed, late.sample_seed, late.item_id,
        late.sample_index, None, None, None, None,
    )  # fmt: skip
    texts = answers.Texts(grades={(key, late.sample_index): grade})
    facts = dict(answers._example(alone, late, texts).facts)
    assert facts["No grade"] == "grading the answer took too long"
    assert "A lenient grader" not in facts  # no lenient grader is asked of whole numbers
    sums = made_up.SUMS
    with pytest.MonkeyPatch.context() as patch:
        fabricated.register(patch, replace(sums, grading="expression"), made_up.OLYMPIAD)
        facts = dict(answers._example(alone, late, texts).facts)
    assert facts["A lenient grader"] == "no verdict"
    assert answers._how(alone, replace(late, answer=None, rule=None)) == (
        "none (grading the answer took too long)"
    )


def test_hostile_and_huge_texts_stay_texts(studies: Studies, alone: Inputs) -> None:
    """A closing script tag in gold and answer, control characters, a megabyte: text, cut, shown."""
    html = words(studies.alone, alone)
    parsed = Parsed(html)
    assert parsed.tags.count("script") == words_scripts(html)
    assert "img" not in parsed.tags
    drawn = answers.draw_examples(alone, studies.alone.scores, studies.alone.folders, 4_000_000)
    assert [row for row in drawn.rows if "pwned" in row.right]
    assert [row for row in drawn.rows if "\x1b[2J\x00" in row.response]
    long = [row for row in drawn.rows if "more characters are in the samples file" in row.response]
    assert long
    for row in long:
        assert len(row.response) < answers.LONGEST + 100
        assert re.search(r"\\boxed\{\d+\}$", row.response)  # its end is there
    assert len(html) < page.SIZE_BUDGET


def words_scripts(html: str) -> int:
    """The script blocks that the page itself opens."""
    return html.count('<script type="application/json"') + html.count("<script>")


def test_grades_that_are_not_on_disk_are_said(
    studies: Studies, alone: Inputs, tmp_path: Any
) -> None:
    score = rows_of(studies.alone, "strong", "sums")
    write_rows(tmp_path / "strong.parquet", score, Score)
    drawn = answers.draw_examples(
        alone, [tmp_path / "strong.parquet"], studies.alone.folders, 10**6
    )
    assert {dict(row.facts)["Grading rule"] for row in drawn.rows} == {answers.NOT_HERE}


def test_a_mixed_study_filters_by_task(studies: Studies, mixed: Inputs, single: Inputs) -> None:
    assert 'data-filter="task"' in words(studies.mixed, mixed)
    assert 'data-filter="task"' not in words(studies.single, single)


# --- methods ---


def test_methods_say_how_answers_are_graded(studies: Studies, mixed: Inputs) -> None:
    said = sections(words(studies.mixed, mixed), "methods")
    assert "Sums and Olympiad: an answer is first read out of the text" in said
    assert "math-verify" in said
    assert "2 seconds of processor time and 2 GiB" in said
    plain = replace(
        mixed,
        spec=mixed.spec.model_copy(update={"tasks": {"pocket": mixed.spec.tasks["pocket"]}}),
    )
    assert methods._grading(plain) is None


def test_what_was_lost_is_told_in_the_words_of_the_task(alone: Inputs) -> None:
    (figure,) = reading.lost(alone, "sums")
    assert figure.id == "math-sums-reading"
    assert "the box of the answer is still open" in figure.caption
    assert "more than its limits" in figure.caption
    assert alone.why_unread("sums")["time out"] == "grading the answer took too long"


def test_published_figures_name_their_task_and_say_only_what_they_have(
    studies: Studies, mixed: Inputs, single: Inputs
) -> None:
    """A row of mathematics has no word of another task's strata, and which test it is of."""
    one = next(row for row in mixed.published if row.task == "olympiad" and row.drawn)
    more = [
        one.model_copy(update={"task": task, "stratum": stratum, "metric": "accuracy"})
        for task, stratum in (("sums", ALL), ("pocket", "ambiguous"), ("pocket", "disambiguated"))
    ]
    both = replace(mixed, published=[*mixed.published, *more])
    rows = methods.published(both, methods.published_columns(both))
    assert methods.published_columns(both) == ("Ambiguous", "Disambiguated", "Accuracy")
    by_task = {row.task: row.values for row in rows if row.model == one.model}
    assert by_task["Olympiad"] == ("", "", shown.published(both, "olympiad", one.fraction))
    assert by_task["Sums"] == ("", "", shown.published(both, "sums", one.fraction))
    assert by_task["Pocket items"] == (*[theme.percent(one.fraction)] * 2, "")
    said = words(studies.mixed, both).split("<h3>Published figures that are drawn</h3>")[1]
    table = said[: said.index("</table>")]
    assert '<th scope="col">Task</th>' in table
    assert "no data" not in table
    # Of one task alone nothing but its own column.
    alone = words(studies.single, single).split("<h3>Published figures that are drawn</h3>")[1]
    assert re.findall(r'<th scope="col"[^>]*>(.*?)</th>', alone[: alone.index("</table>")]) == [
        "Model", "Accuracy", "Source", "Setting", "Comparable?"
    ]  # fmt: skip


def test_token_limits_are_those_of_the_models_asked(studies: Studies, mixed: Inputs) -> None:
    """Each model has a limit of its own; one of a model that was not asked is not told."""
    limits = {"solver": 96, "strong": 2048, "pocket-fair": 128}
    decoding = dict(mixed.spec.decoding) | {
        name: mixed.spec.decoding[name].model_copy(update={"max_new_tokens": limit})
        for name, limit in limits.items()
    }
    own = replace(mixed, spec=mixed.spec.model_copy(update={"decoding": decoding}))
    told = {task: own.token_limit(task) for task in own.spec.tasks}
    assert told["olympiad"] == "256 tokens (Strong 7B: 2,048)"
    assert told["pocket"] == "256 tokens (Pocket, fair: 128; Strong 7B: 2,048)"
    assert told["sums"] == "96 tokens (Strong 7B: 2,048)"  # nobody has the study's
    for task in ("sums", "olympiad", "pocket"):
        (figure,) = reading.lost(own, task)
        assert told[task] in figure.caption
    assert mixed.token_limit("sums") == "256 tokens"
    said = task_words.words("bbq").limits_generated
    assert said[0].format(token_limit="512 tokens").startswith("Answers end after 512 tokens. ")


def test_the_page_is_whole(studies: Studies, mixed: Inputs) -> None:
    """With its figures: ids are unique, every anchor leads somewhere, each figure stands once."""
    planted = planted_figures.rates(mixed)
    assert planted is not None
    drawn = tuple(page.draw(one) for one in contents.figures(mixed))
    examples = answers.draw_examples(mixed, studies.mixed.scores, studies.mixed.folders, 200_000)
    html = page.render(contents.describe(mixed, page.draw(planted), drawn, examples))
    body = html[: html.index('<script type="application/json"')]
    ids = re.findall(r'\bid="([^"]+)"', body)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', body)) <= set(ids)
    assert sorted(re.findall(r'<figure id="([^"]+)"', body)) == sorted(
        ["planted", *(one.figure.id for one in drawn)]
    )
    again = page.render(contents.describe(mixed, page.draw(planted), drawn, examples))
    assert again == html
