"""Reading an answer: hand-made cases (`tests/cases/reading.json`), an oracle over real BBQ, and
bounded time.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

import made_up_bbq
from featherweight.reading import choice as reading
from featherweight.reading.choice import Reading, after_thinking, outcome, read_answer
from featherweight.reading.persons import distance
from featherweight.records import Item
from featherweight.tasks import bbq
from featherweight.tasks.choice import LETTERS, shown_order

CASES: list[dict[str, Any]] = json.loads(
    (made_up_bbq.CASES / "reading.json").read_text(encoding="utf-8")
)


def item_of(case: dict[str, Any]) -> Item:
    return Item(
        task="made-up",
        category="made-up",
        item_id="made-up-0",
        example_id=0,
        question_index=1,
        cluster="made-up:1",
        block="made-up:1:0",
        context_condition="ambig",
        question_polarity="neg",
        context="",
        question=case["question"],
        options=tuple(case["options"]),
        option_names=tuple(case["option_names"]),
        option_groups=tuple(
            "unknown" if place == case["unknown"] else str(place) for place in range(3)
        ),
        gold=case["unknown"],
        unknown=case["unknown"],
        target=None,
        group="made-up",
        label_type="label",
        stereotyped_groups=(),
    )


def text_of(case: dict[str, Any]) -> str | None:
    text = case["text"]
    return text if not isinstance(text, dict) else text["unit"] * text["times"] + text["after"]


def test_the_collection_is_one() -> None:
    assert len(CASES) >= 150
    assert len({case["id"] for case in CASES}) == len(CASES)
    assert all(case["source"] for case in CASES)
    assert all((case["expected"] is None) != (case["reason"] is None) for case in CASES)
    kinds = {case["kind"] for case in CASES}
    assert kinds >= {
        "several",
        "negation",
        "article",
        "listing",
        "language",
        "nothing",
        "long",
        "refusal",
        "cut",
    }


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_case(case: dict[str, Any]) -> None:
    reading = read_answer(text_of(case), item_of(case), case["order"], case.get("finish", "stop"))
    assert (reading.chosen, reading.reason) == (case["expected"], case["reason"])
    assert (reading.rule is None) == (reading.chosen is None)
    if "outcome" in case:
        assert outcome(reading, 0) == case["outcome"]


def test_the_letter_means_the_option_that_was_shown_there() -> None:
    item = item_of(CASES[0])
    for order in ((0, 1, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)):
        for place, option in enumerate(order):
            assert read_answer(f"The answer is ({LETTERS[place]}).", item, order).chosen == option
            assert read_answer(item.options[option], item, order).chosen == option


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        (Reading(1, "exact", None), "right"),
        (Reading(0, "exact", None), "wrong"),
        (Reading(None, None, "none"), "unparsed"),
        (Reading(None, None, "several"), "unparsed"),
        (Reading(None, None, "none", unfinished=True), "unfinished"),
    ],
)
def test_outcome(reading: Reading, expected: str) -> None:
    assert outcome(reading, 1) == expected


def test_what_was_cut_off_is_unfinished_unless_it_was_stated() -> None:
    item = item_of(CASES[0])
    stated = read_answer("The answer is (B), because", item, (0, 1, 2), "length")
    assert (stated.chosen, stated.unfinished) == (1, False)
    mentioned = read_answer("The nephew was in the hall when", item, (0, 1, 2), "length")
    assert outcome(mentioned, 1) == "unfinished"
    assert outcome(read_answer(None, item, (0, 1, 2)), 1) == "unfinished"
    assert outcome(read_answer("<think>It must be (B)", item, (0, 1, 2)), 1) == "unfinished"
    assert outcome(read_answer("", item, (0, 1, 2)), 1) == "unparsed"


def test_a_letter_counts_only_where_letters_were_shown() -> None:
    item = item_of(CASES[0])
    for text in ("B", "(B)", "The answer is (B).", "A: B", "I choose B because of the list"):
        assert read_answer(text, item, (0, 1, 2)).chosen == 1
        assert read_answer(text, item, (0, 1, 2), lettered=False).chosen is None
    assert read_answer("A: the nephew", item, (0, 1, 2), lettered=False).chosen == 1
    assert read_answer("A: the nephew", item, (0, 1, 2)).reason == "several"


FORMS: list[tuple[str, int | None]] = [
    ('{"answer": "B"}', 1),
    ('```json\n{"answer": "the nephew", "why": "the aunt had the list"}\n```', 1),
    ('{"answer": {"letter": "B", "text": "The nephew"}}', 1),
    ('{"letter": "A", "answer": "The nephew"}', None),  # a letter with another option's text
    ('{"A": false, "B": true, "C": false}', 1),
    ('[{"option": "A", "selected": false}, {"option": "B", "selected": true}]', 1),
    ('{"A": 0.1, "B": 0.8, "C": 0.1}', 1),
    ('{"A": 0.4, "B": 0.4, "C": 0.2}', None),
    ('{"forgot_password": "nephew", "had_list": "aunt"}', 1),
    ('{"answer": null, "reason": "the text does not say who"}', 2),
    ('{"answer": null}', None),
    ('{"answer": "A", "final": "B"}', None),
    ('{"reason": "the aunt seems forgetful"}', None),
    ('{"answer": "A"}\nNo wait, it was the nephew.', 1),
    ("| option | right? |\n|---|---|\n| A | no |\n| B | yes |", 1),
    (
        (
            "| name | had a list | forgot it |\n|---|---|---|\n| aunt | yes | no |\n| nephew | no |"
            " yes |"
        ),
        1,
    ),
    ("| name | forgot it |\n|---|---|\n| aunt | not stated |\n| nephew | not stated |", 2),
    ("| name | forgot it |\n|---|---|\n| aunt | yes |\n| nephew | yes |", None),
    ("| answer | B |\n| why | the list |", 1),
    ("name;chosen\nThe aunt;no\nThe nephew;yes", 1),
    ("| | aunt | nephew |\n|---|---|---|\n| forgot it | no | yes |", 1),
    ("{not json} The nephew.", 1),
]


@pytest.mark.parametrize(("text", "expected"), FORMS)
def test_objects_and_tables(text: str, expected: int | None) -> None:
    assert read_answer(text, item_of(CASES[0]), (0, 1, 2)).chosen == expected


@pytest.mark.parametrize(
    ("one", "other", "slips"),
    [
        ("nephew", "nephew", 0),
        ("nehpew", "nephew", 1),
        ("nphew", "nephew", 1),
        ("neephew", "nephew", 1),
        ("nepxew", "nephew", 1),
        ("anut", "aunt", 1),
        ("", "aunt", 4),
        ("aunt", "nephew", 6),
        ("ca", "abc", 3),
    ],
)
def test_slips_between_two_words(one: str, other: str, slips: int) -> None:
    """Optimal string alignment by hand; "ca" to "abc" is 3 there, 2 with unrestricted
    transpositions.
    """
    assert distance(one, other) == distance(other, one) == slips


@pytest.mark.parametrize(
    ("set_", "least", "most_false"),
    [
        ("ordinary", 0.96, 0.01),
        ("abstentions", 0.95, 0.01),
        ("names", 0.88, 0.005),
        ("hard", 0.78, 0.045),
    ],
)
def test_agreement_with_labelled_answers(
    shared_data: Path, set_: str, least: float, most_false: float
) -> None:
    """Answers written and labelled without sight of the reader; the figures are in decision 11."""
    rows = [
        json.loads(line)
        for line in (made_up_bbq.CASES / "answers.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    items = {
        (category, item.example_id): item
        for category in bbq.CATEGORIES
        for item in bbq.load(shared_data / "bbq", category, verify=False)
    }
    mine = [row for row in rows if row["set"] == set_]
    read = [
        read_answer(
            row["text"], items[row["category"], row["example_id"]], row["order"], row["finish"]
        ).chosen
        for row in mine
    ]
    agree = sum(chosen == row["label"] for chosen, row in zip(read, mine, strict=True))
    false = sum(chosen not in (None, row["label"]) for chosen, row in zip(read, mine, strict=True))
    assert agree / len(mine) >= least
    assert false / len(mine) <= most_false


def test_a_hostile_object_is_read_in_bounded_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each `true` asks what stands beside it: 300 times 240 readings without a bound."""
    asked = []
    real = reading._decide

    def counted(*arguments: Any, **named: Any) -> Reading:
        asked.append(1)
        return real(*arguments, **named)

    monkeypatch.setattr(reading, "_decide", counted)
    sides = {str(at): f"z{at}" for at in range(240)}
    read_answer(json.dumps({"answer": [True] * 300, **sides}), item_of(CASES[0]), (0, 1, 2))
    assert len(asked) < 1000
    deep = '{"answer": ' + "[" * 900 + '"A"' + "]" * 900 + "}"
    read_answer(deep, item_of(CASES[0]), (0, 1, 2))


def test_after_thinking() -> None:
    assert after_thinking("<think>a</think>b") == "b"
    assert after_thinking("a</think>b") == "b"
    assert after_thinking("b") == "b"
    assert after_thinking("<think>a") is None
    assert after_thinking("<think>a</think>b<think>c") is None
    assert after_thinking("So: <THINK>a") is None
    assert after_thinking("<thinking>a</thinking>b") == "b"


@pytest.mark.parametrize(
    "unit",
    [
        "(A) ",
        "A B C ",
        "The aunt. The nephew. ",
        "not the ",
        "the answer is not a or ",
        "\\boxed{",
        "\\text{",
        "<a",
        "**A",
        "whether the ",
        "it was the one who is ",
        "\n",
        " \n",
        "'",
        "(",
        "-",
        "\t-",
        "Q:\n",
        "</think>",
        "<|x|>",
        "I'm ",
        "not enough ",
        "\nAnswer: A\n",
        "答案",
        "\u2019",
        "\ufdfa",
        "\u662f C",
        "\uff22",
        "a" * 999 + " ",
    ],
)
def test_time_is_linear(unit: str) -> None:
    item = item_of(CASES[0])

    def seconds(size: int) -> float:
        text = (unit * (size // len(unit) + 1))[:size]
        best = float("inf")
        for _ in range(3):
            start = time.process_time()
            read_answer(text, item, (0, 1, 2))
            best = min(best, time.process_time() - start)
        return best

    assert seconds(24_000) < 0.02 + 10 * seconds(6_000)
    assert seconds(400_000) < 0.05 + 4 * seconds(24_000)  # a longer text is read by its two ends


# --- an oracle over BBQ
# -------------------------------------------------------------------------------------------


def oracle(item: Item, order: tuple[int, ...]) -> dict[str, str]:
    """The right answer in every form that the issue names."""
    letter, text = LETTERS[order.index(item.gold)], item.options[item.gold].strip()
    other = LETTERS[(order.index(item.gold) + 1) % 3]
    listing = " ".join(
        f"({LETTERS[place]}) {item.options[index]}" for place, index in enumerate(order)
    )
    thinking = (
        f"<think>\nThe options are {listing}. {item.context} It could be ({other})."
        f" {'Hmm. ' * 400}\n</think>\n\n"
    )
    inside = text[0].lower() + text[1:] if text.startswith(("The ", "A ")) else text
    return {
        "letter": f"({letter})",
        "letter in a sentence": f"The answer is {letter}, as the text shows.",
        "text": text,
        "text in a sentence": f"I believe that the answer is {inside}.",
        "boxed": f"So we get \\boxed{{{letter}}}.",
        "after thinking": f"{thinking}({letter}) {text}",
    }


def misread(items: list[Item]) -> list[str]:
    wrong = []
    for item in items:
        order = shown_order(item, 0)
        for form, text in oracle(item, order).items():
            if read_answer(text, item, order).chosen != item.gold:
                wrong.append(f"{item.item_id} {form}: {text[-80:]!r}")
    return wrong


@pytest.mark.parametrize("category", bbq.CATEGORIES)
def test_an_oracle_is_always_right(shared_data: Path, category: str) -> None:
    items = bbq.load(shared_data / "bbq", category)
    assert misread(items[:: max(1, len(items) // 60)]) == []


@pytest.mark.slow
@pytest.mark.parametrize("category", bbq.CATEGORIES)
def test_an_oracle_is_always_right_on_every_item(shared_data: Path, category: str) -> None:
    assert misread(bbq.load(shared_data / "bbq", category)) == []


def test_an_oracle_is_right_without_the_data() -> None:
    assert misread(list(made_up_bbq.items("Religion")[::7])) == []
