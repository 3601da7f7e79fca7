"""Which items are drawn and how they are put, through the stage's own functions on the pocket
items.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from featherweight.errors import InputError
from featherweight.files import read_rows, write_json
from featherweight.prompts.draw import run as draw
from featherweight.prompts.render import run as render
from featherweight.records import Item, Prompt
from featherweight.study.plan import Cell, cell_spec
from featherweight.tasks import TASK_NAMES, task
from featherweight.tasks.choice import LAST_LINE, demands_last_line

CELL = Cell("pocket", "pets", 0, 0, 0)


@pytest.fixture
def dataset(root: Path, tmp_path: Path) -> Path:
    path = tmp_path / "pocket.json"
    write_json(path, {"folder": str(root / "resources/pocket")})
    return path


def spec(**changes: Any) -> dict[str, Any]:
    draws = [["pets", 0], ["pets", 1]]
    return {
        "label": "pocket",
        "task": "pocket",
        "count": 100,
        "subset": None,
        "draws": draws,
    } | changes


def drawn(tmp_path: Path, dataset: Path, seed: int = 0, **changes: Any) -> list[Item]:
    draw(spec(**changes), dataset, tmp_path / "items")
    return read_rows(
        tmp_path / "items" / changes.get("label", "pocket") / "pets" / f"{seed}.parquet", Item
    )


def test_whole_blocks_are_drawn_half_of_them_ambiguous(tmp_path: Path, dataset: Path) -> None:
    items = drawn(tmp_path, dataset)
    assert len(items) == 100
    assert Counter(item.context_condition for item in items) == {"ambig": 50, "disambig": 50}
    assert Counter(item.question_polarity for item in items) == {"neg": 50, "nonneg": 50}
    assert set(Counter(item.block for item in items).values()) == {4}


def test_another_seed_draws_other_items_and_the_same_seed_the_same(
    tmp_path: Path, dataset: Path
) -> None:
    first = drawn(tmp_path, dataset)
    assert drawn(tmp_path, dataset) == first
    assert {item.item_id for item in drawn(tmp_path, dataset, seed=1)} != {
        item.item_id for item in first
    }


def test_a_second_wording_asks_the_same_items_in_the_same_order(
    tmp_path: Path, dataset: Path
) -> None:
    first, second = drawn(tmp_path, dataset), drawn(tmp_path, dataset, label="pocket-letter")
    assert [item.item_id for item in first] == [item.item_id for item in second]
    assert {item.task for item in second} == {"pocket-letter"}
    prompts = {}
    for label, wording in (("pocket", "pocket"), ("pocket-letter", "letter")):
        prompts[label] = rendered(tmp_path, label, wording)
    assert [p.shown_order for p in prompts["pocket"]] == [
        p.shown_order for p in prompts["pocket-letter"]
    ]
    assert all(
        a.text != b.text for a, b in zip(prompts["pocket"], prompts["pocket-letter"], strict=True)
    )


def rendered(tmp_path: Path, label: str, wording: str) -> list[Prompt]:
    manifest = tmp_path / "oracle.json"
    write_json(manifest, {"folder": None, "files": {}})
    facts = {
        "name": "oracle",
        "kind": "control",
        "prefill": None,
        "system": None,
        "prompt_format": None,
    }
    cell = Cell(label, "pets", 0, 0, 0)
    document = facts | {
        "cells": [cell_spec(cell)],
        "tasks": {label: {"task": "pocket", "wording": wording}},
    }
    render(document, manifest, tmp_path / "items", tmp_path / "prompts")
    return read_rows(tmp_path / "prompts" / cell.path, Prompt)


def test_every_rotation_of_the_options_is_shown_about_as_often(
    tmp_path: Path, dataset: Path
) -> None:
    """768 items over 3 rotations.

    A fair hash leaves 256 +- 72 (5.5 sd) with a chance of error below 1 in 10^7.
    """
    drawn(tmp_path, dataset, count=None)
    counts = Counter(prompt.shown_order for prompt in rendered(tmp_path, "pocket", "pocket"))
    assert set(counts) == {(0, 1, 2), (1, 2, 0), (2, 0, 1)}
    assert all(abs(count - 256) < 72 for count in counts.values())


def test_the_prompt_shows_the_options_in_the_recorded_order(tmp_path: Path, dataset: Path) -> None:
    items = {item.item_id: item for item in drawn(tmp_path, dataset)}
    for prompt in rendered(tmp_path, "pocket", "letter"):
        options = [items[prompt.item_id].options[index] for index in prompt.shown_order]
        lines = [f"({letter}) {text}" for letter, text in zip("ABC", options, strict=True)]
        assert "\n".join(lines) in prompt.text


def test_a_subset_that_nobody_is_in_is_refused(tmp_path: Path, dataset: Path) -> None:
    with pytest.raises(InputError, match="task pocket: no item of pets is about 'Martian'"):
        drawn(tmp_path, dataset, subset={"stereotyped": "Martian", "named": True})


def test_more_items_than_there_are_is_refused(tmp_path: Path, dataset: Path) -> None:
    with pytest.raises(InputError, match="expected 800 prompts in whole blocks of 4, got 768"):
        drawn(tmp_path, dataset, count=800)


@pytest.mark.parametrize("name", TASK_NAMES)
def test_one_wording_demands_a_last_line_and_says_which(name: str) -> None:
    wordings = task(name).wordings
    assert [key for key, wording in wordings.items() if demands_last_line(wording.user)] == [
        "answer-line"
    ]
    assert wordings["answer-line"].answer.format(letter="X") == LAST_LINE
    same = (wordings["letter"].option, wordings["letter"].separator, wordings["letter"].system)
    assert (
        wordings["answer-line"].option,
        wordings["answer-line"].separator,
        wordings["answer-line"].system,
    ) == same
    before = wordings["letter"].user.removesuffix(".")
    assert wordings["answer-line"].user.startswith(before)  # they differ by the demand alone
