"""Which items are drawn and how they are put, through the stage's own functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from character_model import write_tokenizer

from featherweight.errors import InputError
from featherweight.files import read_rows, write_json
from featherweight.prompts.draw import run as draw
from featherweight.prompts.render import run as render
from featherweight.records import Item, Prompt, Reading
from featherweight.specs import AskedTask, Cell, DrawSpec, RenderSpec, Wording
from featherweight.tasks import Loaded, Task, task
from featherweight.tasks.bbq.facts import BiasFacts
from featherweight.tasks.choice import (
    LAST_LINE,
    LETTER,
    demands_last_line,
    draw_items,
    shown_order,
    user_message,
)


@pytest.fixture
def dataset(root: Path, tmp_path: Path) -> Path:
    path = tmp_path / "pocket.json"
    write_json(path, {"folder": str(root / "resources/pocket")})
    return path


def spec(**changes: Any) -> DrawSpec:
    whole = {
        "label": "pocket",
        "task": "pocket",
        "count": 100,
        "subset": None,
        "draws": [["pets", 0], ["pets", 1]],
    }
    return DrawSpec.model_validate(whole | changes)


def drawn(tmp_path: Path, dataset: Path, seed: int = 0, **changes: Any) -> list[Item]:
    draw(spec(**changes), dataset, tmp_path / "items")
    return read_rows(tmp_path / "items" / cell(spec(**changes).label, seed).items_path, Item)


def cell(label: str, seed: int = 0) -> Cell:
    return Cell(task=label, category="pets", seed=seed, item_seed=seed, sample_seed=seed)


def test_whole_blocks_are_drawn_half_of_them_ambiguous(tmp_path: Path, dataset: Path) -> None:
    items = drawn(tmp_path, dataset)
    assert len(items) == 100
    assert Counter(item.stratum for item in items) == {"ambiguous": 50, "disambiguated": 50}
    assert set(Counter(item.block for item in items).values()) == {4}


def test_the_task_s_facts_lie_row_for_row_beside_the_items(tmp_path: Path, dataset: Path) -> None:
    items = drawn(tmp_path, dataset, label="mine")
    facts = read_rows(tmp_path / "items" / cell("mine").facts_path, BiasFacts)
    assert [(one.task, one.item_id) for one in facts] == [("mine", one.item_id) for one in items]
    assert Counter(one.polarity for one in facts) == {"neg": 50, "nonneg": 50}
    for item, one in zip(items, facts, strict=True):
        assert item.options is not None
        assert (item.gold == item.options[one.unknown]) == (item.stratum == "ambiguous")
    assert not (tmp_path / "items" / cell("mine").examples_path).exists()


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


def rendered(
    tmp_path: Path,
    label: str,
    wording: str,
    name: str = "pocket",
    answers: Any = "generated",
    folder: Path | None = None,
    **model: Any,
) -> list[Prompt]:
    """The prompts of a control, or of a model in a folder."""
    manifest = tmp_path / "oracle.json"
    write_json(manifest, {"folder": folder and str(folder), "files": {}, "missing": []})
    oracle: dict[str, Any] = {"name": "oracle", "kind": "control", "system": None}
    whole = RenderSpec(
        **oracle | model,
        prefill=None,
        prompt_format=None,
        thinking=None,
        cells=(cell(label),),
        tasks={label: AskedTask(task=name, wording=wording, answers=answers)},
    )
    render(whole, manifest, tmp_path / "items", tmp_path / "prompts")
    return read_rows(tmp_path / "prompts" / cell(label).path, Prompt)


# Every stored prompt depends on these: the rotations of these items, by item seed.
ORDERS = {
    "pets-00-0000-neg-ambig": [(0, 1, 2), (0, 1, 2), (0, 1, 2)],
    "pets-00-0000-neg-disambig": [(0, 1, 2), (2, 0, 1), (1, 2, 0)],
    "pets-00-0001-neg-disambig": [(0, 1, 2), (1, 2, 0), (2, 0, 1)],
}


@pytest.mark.parametrize("item_id", ORDERS)
def test_the_shown_order_of_an_item_never_changes(root: Path, item_id: str) -> None:
    loaded = task("pocket").load(root / "resources/pocket", "pets")
    (item,) = (one for one in loaded.items if one.item_id == item_id)
    assert [shown_order(item, seed) for seed in (0, 1, 2)] == ORDERS[item_id]


def test_the_shown_order_is_a_rotation_of_any_number_of_options() -> None:
    five = replace(QUESTIONS[0], item_id="pets-00-0000-neg-ambig", options=tuple("pqrst"))
    expected = [(2, 3, 4, 0, 1), (4, 0, 1, 2, 3), (3, 4, 0, 1, 2)]
    assert [shown_order(five, seed) for seed in (0, 1, 2)] == expected
    assert shown_order(replace(five, options=None), 0) is None


# Every study's questions depend on these: the blocks drawn of nine that bear the same names in
# every category.
DRAWS = {("pets", 0): "024", ("pets", 1): "467", ("school", 0): "346", ("school", 1): "578"}


@pytest.mark.parametrize(("category", "seed"), DRAWS)
def test_the_draw_depends_on_category_and_seed_and_never_changes(category: str, seed: int) -> None:
    items = [question(n, category=category, block=str(n)) for n in range(9)]
    assert [one.block for one in draw_items(items, 3, seed)] == list(DRAWS[category, seed])


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
        shown = items[prompt.item_id].options
        assert shown is not None and prompt.shown_order is not None  # noqa: PT018
        options = [shown[index] for index in prompt.shown_order]
        lines = [f"({letter}) {text}" for letter, text in zip("ABC", options, strict=True)]
        assert "\n".join(lines) in prompt.text


def test_a_subset_that_nobody_is_in_is_refused(tmp_path: Path, dataset: Path) -> None:
    with pytest.raises(InputError, match=r"in the subset .stereotyped: Martian"):
        drawn(tmp_path, dataset, subset={"stereotyped": "Martian", "named": True})


def test_more_items_than_there_are_is_refused(tmp_path: Path, dataset: Path) -> None:
    with pytest.raises(InputError, match="expected 800 prompts in whole blocks of 4, got 768"):
        drawn(tmp_path, dataset, count=800)


# --- a task without facts, strata or context, with worked examples
# ------------------------------------------------------------------------------------------------


def question(number: int, gold: str = "right", **changes: Any) -> Item:
    whole = Item(
        task="quiz",
        item_id=f"quiz-{number}",
        category="pets",
        cluster=f"quiz:{number}",
        block=f"quiz:{number}",
        group="pets",
        stratum=None,
        context="",
        question=f"Question {number}?",
        options=("wrong", "right", "none"),
        gold=gold,
    )
    return replace(whole, **changes)


QUESTIONS = [question(number) for number in range(6)]
EXAMPLES = [
    question(number, gold, context="Read.")
    for number, gold in ((7, "none"), (8, "wrong"), (9, "right"))
]
SHOTS = LETTER.model_copy(update={"name": "two-shot", "shots": 2})
FREE = Wording(name="free", user="{question}\nAnswer:")


@pytest.fixture
def quiz(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A task of its own; returns its dataset's manifest."""
    use(monkeypatch, QUESTIONS)
    path = tmp_path / "quiz.json"
    write_json(path, {"folder": str(tmp_path)})
    return path


def use(
    monkeypatch: pytest.MonkeyPatch,
    items: Sequence[Item],
    examples: Sequence[Item] = EXAMPLES,
    wording: Wording = LETTER,
    strata: tuple[str, ...] = (),
) -> None:
    made = Task(
        name="quiz",
        categories={"pets": len(items)},
        wordings=(wording, SHOTS, SHOTS.model_copy(update={"name": "many", "shots": 4}), FREE),
        load=lambda folder, category: Loaded(items, ()),
        strata=strata,
        controls={},
        choices=None,
        read=lambda text, item, finish: Reading(text, "whole", None),
        examples=lambda folder, category: examples,
    )
    for stage in ("draw", "render"):
        monkeypatch.setattr(f"featherweight.prompts.{stage}.task", lambda name: made)


def test_an_empty_context_leaves_no_blank_lines(tmp_path: Path, quiz: Path) -> None:
    drawn(tmp_path, quiz, label="quiz", task="quiz", count=None)
    assert not (tmp_path / "items" / cell("quiz").facts_path).exists()
    first = rendered(tmp_path, "quiz", "letter", "quiz")[0]
    assert first.text.startswith("Question 0?\n(A) ")


def test_worked_examples_come_first_in_their_order_with_their_answers(
    tmp_path: Path, quiz: Path
) -> None:
    drawn(tmp_path, quiz, label="quiz", task="quiz", count=None)
    shown = "(A) wrong\n(B) right\n(C) none\n\nAnswer with the letter of one option.\n"
    examples = f"Read.\n\nQuestion 7?\n{shown}(C)\n\nRead.\n\nQuestion 8?\n{shown}(A)\n\n"
    bare = rendered(tmp_path, "quiz", "letter", "quiz")
    for answers in ("generated", "likelihood"):
        for one, plain in zip(
            rendered(tmp_path, "quiz", "two-shot", "quiz", answers), bare, strict=True
        ):
            assert one.text == examples + plain.text
            assert one.shown_order == plain.shown_order
            assert one.options == (("(A)", "(B)", "(C)") if answers == "likelihood" else None)
    with pytest.raises(InputError, match="wording many shows 4 worked examples, got 3 of pets"):
        rendered(tmp_path, "quiz", "many", "quiz")


# (of the model, of the wording, how the chat begins)
SYSTEMS: list[tuple[str | None, str | None, str]] = [
    (None, None, "<s>u: "),
    (None, "be fair", "<s>s: be fair\nu: "),
    ("be brief", None, "<s>s: be brief\nu: "),
    ("be brief", "be fair", "<s>s: be brief\nu: "),
]


@pytest.mark.parametrize(("of_model", "of_wording", "begins"), SYSTEMS)
def test_a_chat_has_one_system_message_and_the_models_comes_before_the_wordings(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    quiz: Path,
    of_model: str | None,
    of_wording: str | None,
    begins: str,
) -> None:
    use(monkeypatch, QUESTIONS, wording=LETTER.model_copy(update={"system": of_wording}))
    drawn(tmp_path, quiz, label="quiz", task="quiz", count=None)
    write_tokenizer(tmp_path / "model")
    model = {"kind": "folder", "system": of_model}
    first = rendered(tmp_path, "quiz", "letter", "quiz", folder=tmp_path / "model", **model)[0]
    assert first.text.startswith(f"{begins}Question 0?")
    assert first.text.count("s: be") == begins.count("s: be")
    assert first.token_ids


def test_a_free_answer_has_no_order_and_an_example_ends_with_its_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quiz: Path
) -> None:
    use(monkeypatch, [replace(one, options=None, gold="42") for one in QUESTIONS])
    drawn(tmp_path, quiz, label="quiz", task="quiz", count=None)
    first = rendered(tmp_path, "quiz", "free", "quiz")[0]
    assert (first.text, first.shown_order) == ("Question 0?\nAnswer:", None)
    worked = user_message(QUESTIONS[0], FREE, None, [replace(EXAMPLES[0], options=None, gold="42")])
    assert worked == "Question 7?\nAnswer: 42\n\nQuestion 0?\nAnswer:"


@pytest.mark.parametrize("gold", ["", "  ", "maybe"])
def test_an_item_without_a_right_answer_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quiz: Path, gold: str
) -> None:
    bad = question(6, gold)
    places = [([*QUESTIONS, bad], EXAMPLES), (QUESTIONS, [*EXAMPLES, bad])]
    if not gold.strip():  # where an answer is written freely, any other text may be right
        places.append(([*QUESTIONS, replace(bad, options=None)], EXAMPLES))
    for items, examples in places:
        use(monkeypatch, items, examples)
        with pytest.raises(InputError, match="item quiz-6 of pets has no right answer"):
            drawn(tmp_path, quiz, label="quiz", task="quiz", count=None)


@pytest.mark.parametrize(("count", "fits"), [(10, True), (11, False)])
def test_more_options_than_letters_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quiz: Path, count: int, fits: bool
) -> None:
    wide = question(6, options=("right", *(f"option {n}" for n in range(1, count))))
    for items, examples in (([*QUESTIONS, wide], EXAMPLES), (QUESTIONS, [*EXAMPLES, wide])):
        use(monkeypatch, items, examples)
        if fits:
            assert len(drawn(tmp_path, quiz, label="quiz", task="quiz", count=None)) == len(items)
            continue
        with pytest.raises(
            InputError, match="item quiz-6 of pets has 11 options, expected at most 10"
        ):
            drawn(tmp_path, quiz, label="quiz", task="quiz", count=None)


@pytest.mark.parametrize(
    ("strata", "stratum", "expected"),
    [
        ((), "hard", "has the stratum 'hard', expected none;"),
        (("easy", "hard"), "level 9", "has the stratum 'level 9', expected one of easy, hard;"),
        (("easy", "hard"), None, "has the stratum None, expected one of easy, hard;"),
    ],
)
def test_a_stratum_that_does_not_exist_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    quiz: Path,
    strata: tuple[str, ...],
    stratum: str | None,
    expected: str,
) -> None:
    fitting = [question(n, stratum=strata[0] if strata else None) for n in range(3)]
    use(monkeypatch, fitting, strata=strata)
    assert len(drawn(tmp_path, quiz, label="quiz", task="quiz", count=None)) == 3
    use(monkeypatch, [*fitting, question(6, stratum=stratum)], strata=strata)
    with pytest.raises(InputError, match=rf"task quiz: item quiz-6 of pets {expected}") as raised:
        drawn(tmp_path, quiz, label="quiz", task="quiz", count=None)
    assert "\n" not in str(raised.value)


def test_a_subset_of_a_task_that_has_none_is_one_line(tmp_path: Path, quiz: Path) -> None:
    with pytest.raises(InputError, match="quiz has no subsets"):
        drawn(tmp_path, quiz, label="quiz", task="quiz", subset={"level": 5})


# --- wordings
# ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bbq", "pocket"])
def test_one_wording_demands_a_last_line_and_says_which(name: str) -> None:
    wordings = {one.name: one for one in task(name).wordings}
    assert [key for key, one in wordings.items() if demands_last_line(one.user)] == ["answer-line"]
    demanding, letter = wordings["answer-line"], wordings["letter"]
    assert demanding.answer is not None
    assert demanding.answer.format(letter="X") == LAST_LINE
    same = (letter.option, letter.separator, letter.system)
    assert (demanding.option, demanding.separator, demanding.system) == same
    # they differ by the demand alone
    assert demanding.user.startswith(letter.user.removesuffix("."))
