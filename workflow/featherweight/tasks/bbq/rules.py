"""The controls of a bias benchmark: the rules of every choice, and those that only it has."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from featherweight.tasks import Asked, Rule
from featherweight.tasks.choice import shown_letter
from featherweight.tasks.rules import RULES, hesitant


def _always_unknown(asked: Asked) -> str:
    return shown_letter(asked.facts.unknown, asked.order)


def _always_stereotype(asked: Asked) -> str:
    """The target; the unknown option where there is none."""
    facts = asked.facts
    return shown_letter(facts.unknown if facts.target is None else facts.target, asked.order)


def _never_stereotype(asked: Asked) -> str:
    """The other person; the unknown option where there is no target, or not one other person."""
    facts = asked.facts
    others = [
        place
        for place in range(len(facts.option_names))
        if facts.target is not None and place not in (facts.target, facts.unknown)
    ]
    return shown_letter(others[0] if len(others) == 1 else facts.unknown, asked.order)


def _hesitant(asked: Asked) -> str:
    """Between the two persons."""
    return hesitant(asked, besides=asked.facts.unknown)


CONTROLS: Mapping[str, Rule] = MappingProxyType(
    {
        **RULES,
        "always-unknown": _always_unknown,
        "always-stereotype": _always_stereotype,
        "never-stereotype": _never_stereotype,
        "hesitant": _hesitant,
    }
)
