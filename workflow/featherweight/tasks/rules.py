"""Controls of tasks with options: rules from a shown item to a text, with scores that are known.

A pipeline that does not give each control its known scores is broken. They answer in the order
that was shown, as a model would, so reading and undoing the order are tested too; what they score
stands in `numbers`. One real answer, of `oracle` to an item whose right option stands second:

    (B)
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from featherweight.tasks import Asked, Rule
from featherweight.tasks.choice import LAST_LINE, demands_last_line, shown_letter


class UnreadRates(NamedTuple):
    """How often a control gives no answer that anybody could read, by what its prompt demands."""

    free: float  # the form of the answer is free
    last_line: float  # the answer is demanded as the last line

    def under(self, prompt: str) -> float:
        """The rate under this prompt, or under a wording's user message."""
        return self.last_line if demands_last_line(prompt) else self.free


# What is planted in the study `wordings`. One random number per question decides in every wording,
# so that what is left open under the smaller rate is left open under the larger one too.
UNREAD: Mapping[str, UnreadRates] = MappingProxyType(
    {"hesitant": UnreadRates(free=0.30, last_line=0.05)}
)


def oracle(asked: Asked) -> str:
    """The right option's letter."""
    return shown_letter(asked.item.gold_index, asked.order)


def random(asked: Asked) -> str:
    """Any option's letter, each as likely."""
    import numpy as np

    chosen = int(np.random.default_rng(asked.stream).integers(len(asked.item.options or ())))
    return shown_letter(chosen, asked.order)


def first_option(asked: Asked) -> str:
    """The letter that is shown first."""
    return "(A)"


def hesitant(asked: Asked, *, besides: int | None = None) -> str:
    """The right letter in the form that the prompt demands; at the planted rate no choice at all.

    It then looks at every option but the one at `besides`.
    """
    import numpy as np

    demanded = demands_last_line(asked.prompt)
    rate = UNREAD["hesitant"].under(asked.prompt)
    if np.random.default_rng(asked.stream).random() < rate:
        options = asked.item.options or ()
        looked_at = [text for place, text in enumerate(options) if place != besides]
        return f"First I look at {'. Then I look at '.join(looked_at)}."
    letter = shown_letter(asked.item.gold_index, asked.order)
    return LAST_LINE.replace("X", letter.strip("()")) if demanded else letter


RULES: Mapping[str, Rule] = MappingProxyType(
    {"oracle": oracle, "random": random, "first-option": first_option, "hesitant": hesitant}
)
