"""Named subsets: the rule on hand-made items, and BBQ's counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from featherweight.tasks.subsets import matches

from featherweight.records import Item
from featherweight.tasks import task

# Shaped like BBQ's Nationality: the short text names the nationality, the group its continent.
ITEM = Item(
    task="bbq",
    category="Nationality",
    item_id="Nationality-02560",
    example_id=2560,
    question_index=22,
    cluster="Nationality:22",
    block="Nationality:22:640",
    context_condition="ambig",
    question_polarity="neg",
    context="A and B talked.",
    question="Who is quiet?",
    options=("The Namibian woman", "The Chinese woman", "Unknown"),
    option_names=("Namibian", "Chinese", "Unknown"),
    option_groups=("Africa", "AsiaPacific", "unknown"),
    gold=2,
    unknown=2,
    target=1,
    group="Nationality",
    label_type="label",
    stereotyped_groups=("Chinese", "Thai"),
)
OLD = replace(
    ITEM, option_names=("grandfather", "grandson", "x"), option_groups=("old", "nonOld", "unknown")
)


@pytest.mark.parametrize(
    ("item", "stereotyped", "named", "expected"),
    [
        (ITEM, "Chinese", True, True),
        (ITEM, "Thai", True, False),
        (ITEM, "Thai", False, True),
        (ITEM, "Namibian", True, False),  # named, but not stereotyped here
        (ITEM, "Namibian", False, False),
        (ITEM, "chinese", False, False),
        (replace(OLD, stereotyped_groups=("old",)), "old", True, True),  # the group names it
        (
            replace(ITEM, unknown=1, stereotyped_groups=("Chinese",)),
            "Chinese",
            True,
            False,
        ),  # not a person
        (replace(ITEM, stereotyped_groups=()), "Chinese", False, False),
    ],
)
def test_the_rule(item: Item, stereotyped: str, named: bool, expected: bool) -> None:
    assert matches(item, stereotyped, named) is expected


# Counted in nyu-mll/BBQ at bea11bd, Nationality: items by template.
COUNTS = [
    ("Chinese", True, {22: 40}),
    ("American", True, {2: 40, 17: 40, 20: 40}),
    ("Chinese", False, {11: 200, 19: 200, 22: 200}),
    ("American", False, {2: 40, 17: 40, 20: 40}),
]


@pytest.mark.parametrize(("stereotyped", "named", "expected"), COUNTS)
def test_the_counts_in_bbq(
    shared_data: Path, stereotyped: str, named: bool, expected: dict[int, int]
) -> None:
    items = [
        item
        for item in task("bbq").load(shared_data / "bbq", "Nationality")
        if matches(item, stereotyped, named)
    ]
    assert Counter(item.question_index for item in items) == expected
    assert Counter(item.context_condition for item in items).most_common()[0][1] * 2 == len(items)
