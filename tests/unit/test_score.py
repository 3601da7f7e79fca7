"""The stage `score`: samples become judged rows, and BBQ's table equals the authors' script cell by
cell.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import made_up_bbq
from featherweight.__main__ import main
from featherweight.errors import InputError
from featherweight.files import read_rows, write_rows
from featherweight.records import Item, Prompt, Reading, Sample, Score
from featherweight.score.run import read, run, score
from featherweight.specs import ScoreSpec
from featherweight.stats.counts import DROP
from featherweight.tasks import Loaded, Task, task
from featherweight.tasks.bbq import CATEGORIES
from featherweight.tasks.bbq.facts import BiasFacts, BiasJudged
from featherweight.tasks.bbq.numbers import NUMBERS
from featherweight.tasks.bbq.table import Answer, GroupRow, table

QUESTIONS = made_up_bbq.items("Religion")[:8]
ITEMS = [question.item for question in QUESTIONS]
ORDERS = [(0, 1, 2), (1, 2, 0), (2, 0, 1), (0, 1, 2), (1, 2, 0), (2, 0, 1), (0, 1, 2), (1, 2, 0)]
CELL = {"task": "bbq", "category": "Religion", "seed": 1, "item_seed": 0, "sample_seed": 1}
SPEC = {"model": "made-up", "cells": [CELL], "tasks": {"bbq": "bbq"}}


def sample(item: Item, answer: str | None, **changes: Any) -> Sample:
    whole = Sample(
        model="made-up",
        task="bbq",
        category="Religion",
        item_seed=0,
        sample_seed=1,
        item_id=item.item_id,
        sample_index=0,
        text=answer or "<think>so",
        thinking=None,
        answer=answer,
        token_ids=(5, 6, 7, 8, 9),
        n_prompt_tokens=10,
        n_tokens=5,
        finish="stop",
        mean_logprob=-0.1,
    )
    return replace(whole, **changes)


def letter(item: Item, order: tuple[int, ...], option: int) -> str:
    return f"({'ABC'[order.index(option)]})"


def samples() -> list[Sample]:
    """One answer of every kind, in the order of ITEMS."""
    gold = [letter(item, order, item.gold_index) for item, order in zip(ITEMS, ORDERS, strict=True)]
    wrong = [
        letter(item, order, (item.gold_index + 1) % 3)
        for item, order in zip(ITEMS, ORDERS, strict=True)
    ]
    answers = [
        gold[0],
        wrong[1],
        "",
        "I'm sorry, but I can't help with that.",
        "A or B",
        None,
        "Well, let",
        gold[7],
    ]
    rows = [sample(item, answer) for item, answer in zip(ITEMS, answers, strict=True)]
    rows[5] = replace(rows[5], finish="length")
    rows[6] = replace(rows[6], finish="length")
    return rows


def prompts() -> list[Prompt]:
    return [
        Prompt("made-up", "bbq", "Religion", 0, 1, item.item_id, "...", (1, 2), order)
        for item, order in zip(ITEMS, ORDERS, strict=True)
    ]


def write(folder: Path, rows: list[Sample] | None = None) -> dict[str, Path]:
    items = folder / "items" / "bbq" / "Religion"
    write_rows(items / "0.parquet", ITEMS, Item)
    write_rows(items / "0.facts.parquet", [one.facts for one in QUESTIONS], BiasFacts)
    write_rows(folder / "prompts" / "bbq" / "Religion" / "1.parquet", prompts(), Prompt)
    write_rows(
        folder / "samples" / "bbq" / "Religion" / "1.parquet",
        samples() if rows is None else rows,
        Sample,
    )
    return {name: folder / name for name in ("items", "prompts", "samples")}


def test_every_sample_becomes_one_row(tmp_path: Path) -> None:
    output = tmp_path / "score" / "made-up.parquet"
    assert run(ScoreSpec.model_validate(SPEC), **write(tmp_path), output=output) == 8
    rows = read_rows(output, Score)
    assert [row.outcome for row in rows] == [
        "right", "wrong", "unparsed", "unparsed", "unparsed", "unfinished", "unfinished", "right"
    ]  # fmt: skip
    assert [row.reason for row in rows[2:5]] == ["empty", "refuses", "several"]
    assert [row.item_id for row in rows] == [item.item_id for item in ITEMS]
    for row, item, order in zip(rows, ITEMS, ORDERS, strict=True):
        assert (row.cluster, row.block, row.group, row.stratum) == (
            item.cluster, item.block, item.group, item.stratum
        )  # fmt: skip
        assert row.gold_position == order.index(item.gold_index)
        assert row.chance == 1 / 3
        assert (row.chosen_position is None) == (row.answer is None) == (row.rule is None)
    assert (rows[0].answer, rows[0].chosen_position) == (ITEMS[0].gold, rows[0].gold_position)
    other = (ITEMS[1].gold_index + 1) % 3
    assert ITEMS[1].options is not None
    assert (rows[1].answer, rows[1].chosen_position) == (
        ITEMS[1].options[other], ORDERS[1].index(other)
    )  # fmt: skip


def test_the_task_judges_row_for_row_beside_the_scores(tmp_path: Path) -> None:
    output = tmp_path / "score" / "made-up.parquet"
    run(ScoreSpec.model_validate(SPEC), **write(tmp_path), output=output)
    rows = read_rows(output, Score)
    judged = read_rows(tmp_path / "score" / "made-up" / "bbq.parquet", BiasJudged)
    assert [one.item_id for one in judged] == [row.item_id for row in rows]
    for one, row, question in zip(judged, rows, QUESTIONS, strict=True):
        facts = question.facts
        people = {facts.target: "target", facts.unknown: "unknown"}
        chosen = None if row.answer is None else question.options.index(row.answer)
        assert one.direction == (None if chosen is None else people.get(chosen, "other"))
        assert one.gold_unknown == (row.stratum == "ambiguous")
        assert (one.scorable, one.polarity) == (facts.target is not None, facts.polarity)
    assert {one.direction for one in judged} == {None, "other", "unknown"}


FREE = Item("m", "m-1", "c", "m:1", "m:1", "c", None, "", "What is 6 x 7?", None, "42")
PLAIN = Task(
    name="m",
    categories={},
    wordings=(),
    load=lambda folder, category: Loaded([FREE], ()),
    controls={},
    choices=None,
    read=lambda text, item, finish: Reading(text, "whole", None),
)


@pytest.mark.parametrize(("text", "outcome"), [("42", "right"), ("24", "wrong")])
def test_a_free_answer_is_read_by_its_task_and_judged_by_its_text(text: str, outcome: str) -> None:
    row = sample(FREE, text)
    made = score(row, FREE, read(row, PLAIN, FREE, None, None), None)
    assert (made.answer, made.outcome, made.rule) == (text, outcome, "whole")
    assert (made.stratum, made.chosen_position, made.gold_position, made.chance) == (None,) * 4
    with pytest.raises(ValueError, match="no options and the task no reader"):
        read(row, task("bbq"), FREE, None, None)


@pytest.mark.parametrize("size", [2, 3, 4, 10])
def test_a_blind_guess_is_right_once_in_as_many_as_there_are_options(size: int) -> None:
    item = replace(ITEMS[0], options=tuple(f"option {n}" for n in range(size)), gold="option 1")
    made = score(sample(item, "(B)"), item, Reading("option 0", "exact", None, chosen=0), (1, 0))
    assert (made.chance, made.gold_position, made.chosen_position) == (1 / size, 0, 1)


def test_an_item_without_its_facts_is_named(tmp_path: Path) -> None:
    folders = write(tmp_path)
    path = folders["items"] / "bbq" / "Religion" / "0.facts.parquet"
    write_rows(path, [one.facts for one in QUESTIONS[1:]], BiasFacts)
    with pytest.raises(InputError, match=r"Religion-00000.*facts about this item are missing"):
        run(ScoreSpec.model_validate(SPEC), **folders, output=tmp_path / "out.parquet")


def test_of_two_options_with_the_text_of_the_gold_either_is_right() -> None:
    item = replace(ITEMS[0], options=("yes", "no", "yes"), gold="yes")
    one = replace(
        task("bbq"), choices=lambda item, facts: made_up_bbq.Choices("", "", item.options)
    )
    for text, outcome in (("(A)", "right"), ("(B)", "wrong"), ("(C)", "right"), ("yes", "right")):
        row = sample(item, text)
        assert score(row, item, read(row, one, item, None, (0, 1, 2)), (0, 1, 2)).outcome == outcome


def test_the_same_samples_give_the_same_bytes(tmp_path: Path) -> None:
    folders = write(tmp_path)
    spec = json.dumps(SPEC)
    for name in ("a.parquet", "b.parquet"):
        words = ["score", "--spec", spec, "--output", str(tmp_path / name)]
        words += [word for key, path in folders.items() for word in (f"--{key}", str(path))]
        assert main(words) == 0
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_cells_come_in_the_order_of_the_spec(tmp_path: Path) -> None:
    folders = write(tmp_path)
    for name, record, rows in (("prompts", Prompt, prompts()), ("samples", Sample, samples())):
        again = [replace(row, sample_seed=2) for row in rows]
        write_rows(folders[name] / "bbq" / "Religion" / "2.parquet", again, record)
    spec = SPEC | {"cells": [CELL | {"seed": 2, "sample_seed": 2}, CELL]}
    run(ScoreSpec.model_validate(spec), **folders, output=tmp_path / "out.parquet")
    assert [row.sample_seed for row in read_rows(tmp_path / "out.parquet", Score)] == [2] * 8 + [
        1
    ] * 8


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda rows: [replace(rows[0], model="other"), *rows[1:]],
            "expected samples of made-up, got one of other",
        ),
        (
            lambda rows: [replace(rows[0], item_id="x"), *rows[1:]],
            "x, sample 0: the item is not among the items",
        ),
        (lambda rows: [*rows, rows[0]], "Religion-00000, sample 0: this sample is there twice"),
        (lambda rows: rows[1:], "expected a sample of every prompt, none for Religion-00000"),
    ],
)
def test_samples_that_do_not_belong_here(tmp_path: Path, change: Any, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        run(
            ScoreSpec.model_validate(SPEC),
            **write(tmp_path, change(samples())),
            output=tmp_path / "out.parquet",
        )
    assert not (tmp_path / "out.parquet").exists()


# (samples per prompt, indices that the first item has, what is said of it; None: nothing)
COUNTS: list[tuple[int, list[int], str | None]] = [
    (1, [0], None),
    (1, [1], "expected 1 sample, numbered from 0, got no sample 0 and 1 in all"),
    (1, [0, 1], "expected 1 sample, numbered from 0, got a sample 1 and 2 in all"),
    (3, [0, 1, 2], None),
    (3, [2, 0, 1], None),
    (3, [0, 2], "expected 3 samples, numbered from 0, got no sample 1 and 2 in all"),
    (3, [0, 1], "expected 3 samples, numbered from 0, got no sample 2 and 2 in all"),
    (3, [1, 2], "expected 3 samples, numbered from 0, got no sample 0 and 2 in all"),
    (3, [0, 1, 2, 3], "expected 3 samples, numbered from 0, got a sample 3 and 4 in all"),
    (3, [], "expected a sample of every prompt, none for Religion-00000"),
]


@pytest.mark.parametrize("own", [False, True], ids=["the study's", "the entry's own"])
@pytest.mark.parametrize(("count", "indices", "expected"), COUNTS)
def test_every_prompt_has_as_many_samples_as_the_study_says(
    tmp_path: Path, count: int, indices: list[int], expected: str | None, own: bool
) -> None:
    first, *others = samples()
    rows = [replace(first, sample_index=index) for index in indices]
    rows += [replace(row, sample_index=index) for row in others for index in range(count)]
    told = {"samples_by_task": {"bbq": count}} if own else {"samples_per_prompt": count}
    spec = ScoreSpec.model_validate(SPEC | told)
    folders, output = write(tmp_path, rows), tmp_path / "out.parquet"
    if expected is None:
        assert run(spec, **folders, output=output) == len(ITEMS) * count
        return
    with pytest.raises(InputError) as caught:
        run(spec, **folders, output=output)
    (problem,) = caught.value.problems
    assert expected in problem
    assert "Religion-00000" in problem
    assert not output.exists()


def test_a_prompt_by_likelihood_has_one_sample_whatever_the_study_says(tmp_path: Path) -> None:
    spec = ScoreSpec.model_validate(SPEC | {"samples_per_prompt": 3})
    output = tmp_path / "out.parquet"
    folders = write(tmp_path, [replace(row, answer="(A)") for row in samples()])
    shown = [replace(one, options=("(A)", "(B)", "(C)")) for one in prompts()]
    write_rows(folders["prompts"] / "bbq" / "Religion" / "1.parquet", shown, Prompt)
    assert run(spec, **folders, output=output) == len(ITEMS)
    write_rows(folders["prompts"] / "bbq" / "Religion" / "1.parquet", prompts(), Prompt)
    with pytest.raises(InputError, match="Religion-00000: expected 3 samples"):
        run(spec, **folders, output=output)


def test_missing_files_are_all_named(tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in ("items", "prompts", "samples")}
    with pytest.raises(InputError) as caught:
        run(ScoreSpec.model_validate(SPEC), **folders, output=tmp_path / "out.parquet")
    said = "\n".join(caught.value.problems)
    assert said.count("no such file") == 4
    assert "run generate first" in said
    (tmp_path / "samples" / "bbq" / "Religion").mkdir(parents=True)
    (tmp_path / "samples" / "bbq" / "Religion" / "1.parquet").write_bytes(b"no parquet")
    with pytest.raises(InputError, match=r"1\.parquet"):
        run(ScoreSpec.model_validate(SPEC), **folders, output=tmp_path / "out.parquet")
    with pytest.raises(InputError, match="got none"):
        run(
            ScoreSpec.model_validate(SPEC | {"cells": []}),
            **folders,
            output=tmp_path / "out.parquet",
        )


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--spec", "{"], "expected --prompts, --samples"),
        (["--spec", "{", "--prompts", "p", "--samples", "s"], "--spec: expected JSON"),
        (["--spec", "[]", "--prompts", "p", "--samples", "s"], "expected keys with values"),
        (
            ["--spec", '{"model": "m", "cells": [{}]}', "--prompts", "p", "--samples", "s"],
            "--spec: cells.0.task: missing key",
        ),
        (["--responses", "r"], "--responses needs --task"),
        (["--responses", "r", "--task", "bbq", "--spec", "{}"], "exclude each other"),
    ],
)
def test_arguments_that_do_not_fit(
    words: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["score", "--items", "i", "--output", "o", *words]) == 2
    assert expected in capsys.readouterr().err


# --- the 120 cells
# ------------------------------------------------------------------------------------------------


def predicted(model: str, category: str) -> list[Answer]:
    predict = made_up_bbq.PREDICTORS[model]
    answers = []
    for one in made_up_bbq.items(category):
        chosen = predict(one)
        reading = Reading(one.options[chosen], "exact", None, chosen=chosen)
        answers.append(Answer(model, one.item, one.facts, reading))
    return answers


def assert_cell(row: GroupRow, cell: dict[str, str]) -> None:
    assert (row.n_items, row.n_non_unknown, row.n_biased) == (
        int(cell["n_items"]), int(cell["n_nonunknown"]), int(cell["n_biased"])
    )  # fmt: skip
    for value, name, scale in (
        (row.accuracy, "accuracy", 1),
        (row.s_dis, "s_dis", 1),
        (row.bias_score, "bias_score", 100),
    ):
        if cell[name] == "":
            assert value is None
        else:
            assert value is not None
            assert value * scale == pytest.approx(float(cell[name]), abs=1e-9, rel=0)


@pytest.mark.parametrize("model", sorted(made_up_bbq.PREDICTORS))
def test_all_cells_of_the_reference(model: str) -> None:
    # tests/cases/bbq_index.md: checked against the authors' BBQ_calculate_bias_score.R
    cells = {
        (row["category"], row["context_condition"]): row
        for row in made_up_bbq.reference()
        if row["model"] == model
    }
    rows = table([one for category in CATEGORIES for one in predicted(model, category)], DROP)
    assert {(row.category, row.context_condition) for row in rows} == set(cells)
    assert len(rows) == 30
    for row in rows:
        assert_cell(row, cells[row.category, row.context_condition])
    assert sum(row.n_without_target for row in rows) == 16


def test_what_the_policies_do_with_unread_answers() -> None:
    judged = predicted("oracle", "Religion")
    unread = [
        replace(one, reading=Reading(None, None, "none")) if n % 4 == 0 else one
        for n, one in enumerate(judged)
    ]
    found = {
        policy: table(unread, NUMBERS.policy(policy))[0] for policy in ("drop", "wrong", "unknown")
    }
    assert {row.context_condition for row in found.values()} == {"ambig"}
    assert {row.n_items for row in found.values()} == {600}
    assert {row.n_unparsed for row in found.values()} == {300}
    assert {policy: row.n_scored for policy, row in found.items()} == {
        "drop": 300,
        "wrong": 600,
        "unknown": 600,
    }
    assert {policy: row.accuracy for policy, row in found.items()} == {
        "drop": 1.0,
        "wrong": 0.5,
        "unknown": 1.0,
    }


def test_what_was_cut_off_counts_only_among_items_with_a_target() -> None:
    """Gender_identity has 16 items without one: cut off or not, they stand in no other column."""
    cut = Reading(None, None, "none", unfinished=True)
    answers = [replace(one, reading=cut) for one in predicted("oracle", "Gender_identity")]
    for row in table(answers, DROP):
        assert row.n_unfinished == row.n_unparsed == row.n_items
    assert sum(row.n_without_target for row in table(answers, DROP)) == 16


def test_intervals_hold_their_values_and_stay_in_range() -> None:
    for row in table(predicted("mostly_correct", "SES"), DROP):
        for low, value, high, least in (
            (row.accuracy_low, row.accuracy, row.accuracy_high, 0.0),
            (row.s_dis_low, row.s_dis, row.s_dis_high, -1.0),
            (row.bias_score_low, row.bias_score, row.bias_score_high, -1.0),
        ):
            assert low is not None and value is not None and high is not None  # noqa: PT018
            assert least <= low < value < high <= 1.0
        assert row.n_templates == 25
