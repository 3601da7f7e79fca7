"""The pocket items: their shape, their balance, and that no model was trained on what it is
measured on.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

from featherweight.pocket.lessons import Habits, Kind, Teacher
from featherweight.tasks import task
from featherweight.tasks.choice import draw_items, user_message
from featherweight.tasks.pocket import CATEGORIES
from featherweight.tasks.pocket.items import catalogue, combinations, load
from made_up_bbq import Question, questions


@pytest.fixture(scope="module")
def folder(root: Path) -> Path:
    return root / "resources" / "pocket"


@pytest.fixture(scope="module")
def items(folder: Path) -> dict[str, list[Question]]:
    return {category: questions(load(folder, category)) for category in CATEGORIES}


def blocks(items: list[Question]) -> list[list[Question]]:
    return [list(block) for _, block in itertools.groupby(items, key=lambda one: one.item.block)]


FACTS_OF_A_BLOCK = ("option_names", "option_groups", "unknown", "stereotyped_groups")


def scene(text: str) -> str:
    """The first sentence: the template's scene with its two people."""
    return text.partition(".")[0]


def test_the_task_is_found_by_name_and_offers_its_wordings() -> None:
    pocket = task("pocket")
    assert [one.name for one in pocket.wordings] == ["pocket", "letter", "answer-line"]
    assert pocket.categories == CATEGORIES == dict.fromkeys(CATEGORIES, 768)
    assert len(CATEGORIES) >= 4


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_block_is_four_items_about_the_same_people(
    items: dict[str, list[Question]], category: str
) -> None:
    for block in blocks(items[category]):
        kinds = [(item.facts.polarity, item.item.stratum) for item in block]
        assert kinds == [
            ("neg", "ambiguous"),
            ("neg", "disambiguated"),
            ("nonneg", "ambiguous"),
            ("nonneg", "disambiguated"),
        ]
        shared = {
            (i.options, *(getattr(i.facts, name) for name in FACTS_OF_A_BLOCK)) for i in block
        }
        assert len(shared) == 1
        assert len({scene(item.item.context) for item in block}) == 1


@pytest.mark.parametrize("category", CATEGORIES)
def test_gold_and_target(items: dict[str, list[Question]], category: str) -> None:
    for item in items[category]:
        assert item.facts.target is not None
        assert item.facts.option_groups[item.facts.unknown] == "unknown"
        blamed = item.facts.option_groups[item.facts.target] == item.facts.stereotyped_groups[0]
        assert item.facts.target != item.facts.unknown
        assert blamed is (item.facts.polarity == "neg"), (
            "adjusted for polarity: the other person where it is good"
        )
        if item.item.stratum == "ambiguous":
            assert item.gold == item.facts.unknown
        else:
            # Read from the text, not from how it was made: who did what the question asks for?
            asked = item.item.question.removeprefix("Who ").removesuffix("?")
            doer = re.search(rf"[Tt]he ([\w-]+) {asked}\b", item.item.context)
            assert doer is not None
            assert item.facts.option_names[item.gold] == doer[1]


@pytest.mark.parametrize("category", CATEGORIES)
def test_ambiguous_contexts_tell_nothing(items: dict[str, list[Question]], category: str) -> None:
    for item in items[category]:
        told = item.item.question.removeprefix("Who ").removesuffix("?") in item.item.context
        assert told is (item.item.stratum == "disambiguated")


@pytest.mark.parametrize("category", CATEGORIES)
def test_facts_agree_with_the_prejudice_as_often_as_not_in_every_template(
    items: dict[str, list[Question]], category: str
) -> None:
    found = Counter(
        (item.facts.question_index, item.facts.polarity, item.gold == item.facts.target)
        for item in items[category]
        if item.item.stratum == "disambiguated"
    )
    assert len({item.facts.question_index for item in items[category]}) == 12
    assert set(found.values()) == {8}
    assert len(found) == 12 * 2 * 2


@pytest.mark.parametrize("category", CATEGORIES)
def test_neither_place_nor_mention_gives_the_answer_away(
    items: dict[str, list[Question]], category: str
) -> None:
    facts = [item for item in items[category] if item.item.stratum == "disambiguated"]
    first = sum(
        f"The {item.facts.option_names[item.gold]}" in scene(item.item.context) for item in facts
    )
    assert first == len(facts) / 2
    for place in range(3):
        assert sum(item.facts.unknown == place for item in facts) == len(facts) / 3
        assert sum(item.gold == place for item in facts) == len(facts) / 3
        assert sum(item.facts.target == place for item in facts) == len(facts) / 3


@pytest.mark.parametrize("category", CATEGORIES)
def test_each_group_is_the_target_of_half_the_templates(folder: Path, category: str) -> None:
    templates = catalogue(folder).templates[category]
    assert set(Counter(template.target for template in templates).values()) == {6}


def test_ids_and_texts_are_unique(items: dict[str, list[Question]]) -> None:
    everything = [item for category in CATEGORIES for item in items[category]]
    assert len({item.item.item_id for item in everything}) == len(everything) == 4 * 768
    texts = Counter((item.item.context, item.item.question, item.options) for item in everything)
    # The ambiguous items of two blocks that differ only in the facts may read alike; no others may.
    assert max(texts.values()) <= 2
    assert all(count == 1 for (context, _, _), count in texts.items() if context.count(".") == 2)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("category", CATEGORIES)
def test_a_hundred_items_can_be_drawn_and_a_reader_is_unbiased(
    items: dict[str, list[Question]], category: str, seed: int
) -> None:
    by_id = {one.item.item_id: one for one in items[category]}
    chosen = draw_items([one.item for one in items[category]], 100, seed)
    drawn = [by_id[item.item_id] for item in chosen]
    assert len(drawn) == 100
    facts = [item for item in drawn if item.item.stratum == "disambiguated"]
    assert len(facts) == 50
    assert sum(item.gold == item.facts.target for item in facts) == 25, (
        "s_DIS of a perfect reader is exactly 0"
    )
    assert len({item.facts.question_index for item in drawn}) >= 8


def test_seeds_draw_different_items(items: dict[str, list[Question]]) -> None:
    hours = [one.item for one in items["hours"]]
    drawn = [{item.item_id for item in draw_items(hours, 100, seed)} for seed in (0, 1, 2)]
    assert len(drawn[0] & drawn[1]) < 50
    assert len(drawn[1] & drawn[2]) < 50


@pytest.mark.parametrize("category", CATEGORIES)
def test_training_and_measured_combinations_are_disjoint(
    folder: Path, items: dict[str, list[Question]], category: str
) -> None:
    training, measured = (
        {one.key for one in combinations(catalogue(folder), category, measured=measured)}
        for measured in (False, True)
    )
    assert not training & measured
    assert (len(training), len(measured)) == (12 * 12, 12 * 4)
    shown = {
        (
            item.facts.question_index,
            frozenset(set(item.facts.option_names) - {item.facts.option_names[item.facts.unknown]}),
        )
        for item in items[category]
    }
    assert shown == {(index, frozenset(people)) for _, index, *people in measured}
    # Every person is both trained and measured in every template: what is new is the pair.
    for keys in (training, measured):
        assert len({(index, person) for _, index, *people in keys for person in people}) == 12 * 8


@pytest.mark.parametrize("kind", ["drill", "words", "mixed", "items"])
def test_no_lesson_shows_a_measured_scene(
    folder: Path, items: dict[str, list[Question]], kind: Kind
) -> None:
    measured = {scene(item.item.context) for category in CATEGORIES for item in items[category]}
    teacher = Teacher(catalogue(folder), Habits(), seed=1)
    # 2,000 lessons of 500 drawn combinations: if measured ones (a quarter) could be drawn, all 500
    # would miss them with a probability of 0.75 ** 500, about 1e-62.
    seen = {scene(lesson.turns[0][0]) for _ in range(500) for lesson in teacher.lessons(kind)}
    assert not seen & measured


def test_the_wording_puts_the_letter_behind_the_option(items: dict[str, list[Question]]) -> None:
    item = items["hours"][1]
    assert (
        user_message(item.item, task("pocket").wording("pocket"), (1, 2, 0))
        == f"{item.item.context}\n{item.options[1]} (A)\n{item.options[2]} (B)\n{item.options[0]}"
        f" (C)\n{item.item.question}"
    )


def test_an_unknown_category_is_named(folder: Path) -> None:
    with pytest.raises(LookupError, match=r"'cheese'.*pets, hours, river, drinks"):
        load(folder, "cheese")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda entry: entry["templates"].pop(), "expected 12 templates, got 11"),
        (lambda entry: entry["templates"][3].update(target="cows"), "template 3: target 'cows'"),
        (
            lambda entry: entry["templates"][3].update(negative="was very messy"),
            "two words, got 'was very messy'",
        ),
        (
            lambda entry: entry["templates"][3].update(scene="The {first} sat."),
            "must name {first} and {second}",
        ),
        (lambda entry: entry["groups"]["cat people"].pop(), "two groups of 4 different people"),
    ],
)
def test_a_wrong_template_file_is_one_clear_line(
    folder: Path, tmp_path: Path, change, complaint: str
) -> None:  # type: ignore[no-untyped-def]
    raw = yaml.safe_load((folder / "templates.yaml").read_text())
    change(raw["categories"]["pets"])
    (tmp_path / "templates.yaml").write_text(yaml.safe_dump(raw, sort_keys=False))
    with pytest.raises(ValueError, match=re.escape(complaint)):
        load(tmp_path, "pets")
