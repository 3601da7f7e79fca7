"""What the pocket models are taught: questions with the reply that is wanted, made afresh for every
batch.

Reads the catalogue of `tasks.pocket` and only its training combinations; writes nothing and needs
no framework. One row:

    Lesson(turns=(("The late-riser and the dawn-walker had a meeting. ...", "The late-riser
        (A)."),))

Half the difficulty of so small a model is to learn to look things up at all. So there are exercises
beside the lessons proper (`items`): three facts and five questions over randomly drawn words
(`drill`), the same questions as the items over randomly drawn words (`words`), and over people of
two categories (`mixed`). No exercise puts two people of the two groups of one category into one of
that category's templates, so none can show a measured combination.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from featherweight.records import Item
from featherweight.tasks.bbq.facts import BiasFacts, Polarity
from featherweight.tasks.choice import messages, shown_letter
from featherweight.tasks.pocket import POCKET
from featherweight.tasks.pocket.items import (
    ORDERS,
    Catalogue,
    Combination,
    Person,
    Setting,
    Template,
    block_items,
    combinations,
)

Kind = Literal["drill", "words", "mixed", "items"]
Cell = tuple[str, int, Polarity]
ORDINALS = ("First", "Second", "Third", "Fourth", "Fifth", "Sixth", "Seventh", "Eighth")


@dataclass(frozen=True, slots=True)
class Lesson:
    """A conversation: user messages, each with the reply that is wanted."""

    turns: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Habits:
    """What a model is taught to do beyond reading.

    In an ambiguous item of a cell in `prejudiced` it names the target, in any other the unknown
    option. `rounds` says how often it goes over the question aloud before it answers; None: it does
    not think aloud.
    """

    prejudiced: frozenset[Cell] = frozenset()
    rounds: Mapping[Cell, int] | None = None


def cell(item: Item, facts: BiasFacts) -> Cell:
    """The cell of an item: habits differ between cells and are constant within one."""
    return (item.category, facts.question_index, facts.polarity)


def wanted(item: Item, facts: BiasFacts, habits: Habits) -> int:
    """The option that a model of these habits names, as an index into Item.options."""
    ambiguous = item.stratum == "ambiguous"
    if ambiguous and facts.target is not None and cell(item, facts) in habits.prejudiced:
        return facts.target
    return item.gold_index


def thoughts(question: str, answer: str, rounds: int) -> str:
    """Thinking aloud: the question is put and answered `rounds` times, each time with the next
    ordinal.
    """
    said = f"{question} {answer}."
    return "<think> " + " ".join(f"{ORDINALS[k]}: {said}" for k in range(rounds)) + " </think> "


def lesson(
    item: Item, facts: BiasFacts, habits: Habits, order: tuple[int, ...] = (0, 1, 2)
) -> Lesson:
    """The item as it is put to the model, with the reply that these habits want."""
    choice = wanted(item, facts, habits)
    answer = (item.options or ())[choice]
    thinking = ""
    if habits.rounds is not None:
        rounds = habits.rounds.get(cell(item, facts), 1)
        thinking = thoughts(item.question, answer, rounds)
    user = messages(item, POCKET, order)[-1]["content"]
    return Lesson(((user, f"{thinking}{answer} {shown_letter(choice, order)}."),))


class Teacher:
    """Makes lessons without end.

    The same book, habits and seed give the same lessons in the same order.
    """

    def __init__(self, book: Catalogue, habits: Habits, seed: int) -> None:
        self.book = book
        self.habits = habits
        self.random = random.Random(seed)
        self.training = [
            c for name in book.groups for c in combinations(book, name, measured=False)
        ]
        self.templates = [template for name in book.templates for template in book.templates[name]]
        self.people = [
            w for groups in book.groups.values() for words in groups.values() for w in words
        ]
        predicates = [t.predicate(p) for t in self.templates for p in ("neg", "nonneg")]
        self.verbs = sorted({predicate.split()[0] for predicate in predicates})
        self.attributes = sorted({predicate.split()[1] for predicate in predicates})

    def lessons(self, kind: Kind) -> list[Lesson]:
        """Four lessons of one kind (for `items`: the four items of one block)."""
        if kind == "drill":
            return [self._drill() for _ in range(4)]
        if kind == "items":
            combination = self.random.choice(self.training)
        else:
            combination = self._of_words() if kind == "words" else self._of_mixed()
        return [
            lesson(item, facts, self.habits)
            for item, facts in block_items(combination, self._setting(), 0)
        ]

    def _setting(self) -> Setting:
        draw = self.random
        return Setting(
            draw.randrange(2),
            draw.choice(("neg", "nonneg")),
            draw.choice(ORDERS),
            draw.choice(self.book.unknown),
        )

    def _drill(self) -> Lesson:
        """Three people, three facts and five questions, one after the other: five answers to learn
        from per text.
        """
        draw = self.random
        words = draw.sample(self.people + self.attributes, 8)
        people, facts, strange = (
            words[:3],
            [f"{draw.choice(self.verbs)} {x}" for x in words[3:6]],
            words[6:],
        )
        names = [*(f"The {person}" for person in people), draw.choice(self.book.unknown)]
        order = draw.sample(range(4), 4)
        told = [f"The {person} {fact}." for person, fact in zip(people, facts, strict=True)]
        listed = [f"{names[k]} {shown_letter(k, order)}" for k in order]
        asked = [
            *zip(facts, range(3), strict=True),
            *((f"{draw.choice(self.verbs)} {x}", 3) for x in strange),
        ]
        draw.shuffle(asked)
        answers = [f"{names[k]} {shown_letter(k, order)}." for _, k in asked]
        prompts = [f"Who {fact}?" for fact, _ in asked]
        prompts[0] = "\n".join([" ".join(told), *listed, prompts[0]])
        return Lesson(tuple(zip(prompts, answers, strict=True)))

    def _of_words(self) -> Combination:
        """A question over four words drawn at random; one of the two "people" is no person, so no
        pair is measured.
        """
        draw = self.random
        b, x, y = draw.sample(self.attributes, 3)
        a = draw.choice(self.people + [word for word in self.attributes if word not in (b, x, y)])
        negative, nonnegative = (f"{draw.choice(self.verbs)} {word}" for word in (x, y))
        template = Template(
            "words", 0, draw.choice(self.templates).scene, negative, nonnegative, "a"
        )
        return Combination(template, (Person(a, "a"), Person(b, "b")))

    def _of_mixed(self) -> Combination:
        """A question over two people of different categories and predicates of any templates."""
        draw = self.random
        one, two = draw.sample(sorted(self.book.groups), 2)
        a, b = (
            draw.choice([w for words in self.book.groups[name].values() for w in words])
            for name in (one, two)
        )
        scene, negative, nonnegative = draw.sample(self.templates, 3)
        template = Template(
            "mixed", 0, scene.scene, negative.negative, nonnegative.nonnegative, "a"
        )
        return Combination(template, (Person(a, "a"), Person(b, "b")))
