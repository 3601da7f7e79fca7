"""Named subsets: the rule on hand-made items, and BBQ's counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

import made_up_bbq
from featherweight.errors import InputError
from featherweight.tasks import task
from featherweight.tasks.bbq.facts import BiasFacts, matches

# Shaped like BBQ's Nationality: the short text names the nationality, the group its continent.
ITEM = made_up_bbq.items("Nationality")[0].item
FACTS = BiasFacts(
    task="bbq",
    item_id=ITEM.item_id,
    example_id=2560,
    question_index=22,
    polarity="neg",
    target=1,
    unknown=2,
    option_names=("Namibian", "Chinese", "Unknown"),
    option_groups=("Africa", "AsiaPacific", "unknown"),
    label_type="label",
    stereotyped_groups=("Chinese", "Thai"),
)
OLD = replace(
    FACTS, option_names=("grandfather", "grandson", "x"), option_groups=("old", "nonOld", "unknown")
)


@pytest.mark.parametrize(
    ("facts", "stereotyped", "named", "expected"),
    [
        (FACTS, "Chinese", True, True),
        (FACTS, "Thai", True, False),
        (FACTS, "Thai", False, True),
        (FACTS, "Namibian", True, False),  # named, but not stereotyped here
        (FACTS, "Namibian", False, False),
        (FACTS, "chinese", False, False),
        (replace(OLD, stereotyped_groups=("old",)), "old", True, True),  # the group names it
        (
            replace(FACTS, unknown=1, stereotyped_groups=("Chinese",)),
            "Chinese",
            True,
            False,
        ),  # not a person
        (replace(FACTS, stereotyped_groups=()), "Chinese", False, False),
    ],
)
def test_the_rule(facts: BiasFacts, stereotyped: str, named: bool, expected: bool) -> None:
    subset = {"stereotyped": stereotyped, "named": named}
    assert matches(ITEM, facts, subset) is expected
    if named:  # unless said otherwise
        assert matches(ITEM, facts, {"stereotyped": stereotyped}) is expected


def test_a_subset_without_its_group_is_one_line() -> None:
    with pytest.raises(InputError, match="subset: expected `stereotyped`"):
        matches(ITEM, FACTS, {"named": True})


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
    found = [
        one
        for one in made_up_bbq.questions(task("bbq").load(shared_data / "bbq", "Nationality"))
        if matches(one.item, one.facts, {"stereotyped": stereotyped, "named": named})
    ]
    assert Counter(one.facts.question_index for one in found) == expected
    assert Counter(one.item.stratum for one in found).most_common()[0][1] * 2 == len(found)
