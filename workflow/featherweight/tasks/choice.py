"""Which items are drawn, in which order their options are shown, and how a question is put.

Pure functions; the tasks load the items. One user message of the wording
`letter`:

    The trainee met the manager at the door.

    Who forgot the key?
    (A) The manager
    (B) Not enough information
    (C) The trainee

    Answer with the letter of one option.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from featherweight.records import Item
from featherweight.specs import Wording

LETTERS = "ABCDEFGHIJ"

LETTER = Wording(
    name="letter",
    user="{context}\n\n{question}\n{options}\n\nAnswer with the letter of one option.",
    option="({letter}) {text}",
    separator="\n",
    answer="({letter})",
)

SENTENCE = Wording(
    name="sentence",
    user=(
        "Read the text and answer the question with one of the options.\n\n"
        "Text: {context}\nQuestion: {question}\nOptions:\n{options}\n\nWhich option is right?"
    ),
    option="{letter}. {text}",
    separator="\n",
    answer="{letter}.",
)

LAST_LINE = "ANSWER: X"  # as the prompt names it; X stands for a letter

# `letter` and nothing else changed, so that what the two lose differs by the demand alone.
# Inspect's multiple choice and simple-evals ask in the same form.
ANSWER_LINE = Wording(
    name="answer-line",
    user=(
        "{context}\n\n{question}\n{options}\n\nAnswer with the letter of one option. The"
        f" last line of your reply must be {LAST_LINE}, where X is that letter."
    ),
    option="({letter}) {text}",
    separator="\n",
    answer="ANSWER: {letter}",
)


def demands_last_line(prompt: str) -> bool:
    """Whether a prompt, or a wording's user message, demands the answer on a last line of its
    own."""
    return LAST_LINE in prompt


def stream_seed(*key: object) -> int:
    """A 63-bit seed that depends on the key alone (SHA-256, so it is the same on every machine and
    version).
    """
    digest = hashlib.sha256("\x1f".join(str(part) for part in key).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def draw_items(items: Sequence[Item], count: int | None, item_seed: int) -> list[Item]:
    """Draw whole blocks until `count` items are reached; None draws everything.

    The draw depends on the items and the seed alone: every model gets the same. Items keep the
    dataset's order. Raises ValueError if `count` cannot be reached by whole blocks.
    """
    import numpy as np  # the modules that hold a TASK are light to import

    if not items:
        raise ValueError("there are no items to draw from")
    if count is None:
        return list(items)
    blocks: dict[str, list[Item]] = {}
    for item in items:
        blocks.setdefault(item.block, []).append(item)
    names = sorted(blocks)
    generator = np.random.default_rng(
        stream_seed("items", items[0].task, items[0].category, item_seed)
    )
    drawn: set[str] = set()
    total = 0
    for index in generator.permutation(len(names)):
        if total >= count:
            break
        drawn.add(names[index])
        total += len(blocks[names[index]])
    if total != count:
        raise ValueError(
            f"{items[0].task}/{items[0].category}: expected {count} prompts in whole blocks of "
            f"{len(blocks[names[0]])}, got {total} of {len(items)} items; choose a multiple of "
            f"{len(blocks[names[0]])} that is at most {len(items)}"
        )
    return [item for item in items if item.block in drawn]


def shown_order(item: Item, item_seed: int) -> tuple[int, ...] | None:
    """The order in which the item's options are shown; None where it has none.

    A rotation that depends on the item and `item_seed` alone.
    """
    if item.options is None:
        return None
    size = len(item.options)
    shift = stream_seed("order", item.item_id, item_seed) % size
    return tuple((position + shift) % size for position in range(size))


def shown_letter(chosen: int, order: Sequence[int] | None) -> str:
    """The letter under which an option is shown: "(B)". Raises ValueError without options."""
    if order is None:
        raise ValueError("expected the order of the options, got none: the item has no options")
    return f"({LETTERS[order.index(chosen)]})"


def user_message(
    item: Item, wording: Wording, order: Sequence[int] | None, examples: Sequence[Item] = ()
) -> str:
    """The message that a person would type: the item in this wording, its options in this order.

    Worked examples come first, their options in the dataset's order, each with its right answer.
    """
    told = [_worked(example, wording) for example in examples]
    return "\n\n".join([*told, _question(item, wording, order)])


def _worked(example: Item, wording: Wording) -> str:
    """One example: the question as it is asked, then the answer, below it or after its colon."""
    if example.options is None:
        order, answer = None, example.gold
    else:
        order = tuple(range(len(example.options)))
        answer = answers(example, wording, order)[example.gold_index]
    question = _question(example, wording, order)
    gap = " " if question.endswith(":") else "\n"
    return f"{question}{gap}{answer}"


def _question(item: Item, wording: Wording, order: Sequence[int] | None) -> str:
    text = wording.user.format(
        context=item.context,
        question=item.question,
        options=wording.separator.join(_each(wording.option, item, order)),
    )
    return text if item.context else text.lstrip("\n")


def answers(item: Item, wording: Wording, order: Sequence[int]) -> tuple[str, ...]:
    """The reply that names each option, in the order in which they are shown."""
    return _each(wording.answer, item, order)


def _each(form: str | None, item: Item, order: Sequence[int] | None) -> tuple[str, ...]:
    """Every option in this form, in the order in which they are shown."""
    if form is None or item.options is None or order is None:
        return ()
    return tuple(
        form.format(letter=LETTERS[position], text=item.options[index])
        for position, index in enumerate(order)
    )


def messages(
    item: Item, wording: Wording, order: Sequence[int] | None, examples: Sequence[Item] = ()
) -> list[dict[str, str]]:
    """The chat that a template renders: the wording's system message, if any, then the user's."""
    system = [] if wording.system is None else [{"role": "system", "content": wording.system}]
    return [*system, {"role": "user", "content": user_message(item, wording, order, examples)}]
