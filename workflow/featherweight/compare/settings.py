"""The settings in which a claim must hold, and how what was seen in each adds up to one verdict.

`each: {model: [smollm2-1.7b-instruct, ...], group: [Age, ...]}` with `holds_in: every` is one
setting for each model and category. A category that is scored in several groups ("Race_ethnicity"
and "Race_ethnicity (names)") is one setting with several parts, and says something only where all
of them say it: the articles know 11 categories, not 15 scored groups. One real one:

    Setting(name="Race ethnicity",
            parts=({"group": "Race_ethnicity"}, {"group": "Race_ethnicity (names)"}))

`holds_in` says what the claim is:

    every    true of all ("across the board"): one setting that says otherwise contradicts it
    most     true of more than half ("in most categories")
    listed   several facts in one sentence: where some hold and some do not, the claim is partly
        right
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Literal, NamedTuple

from featherweight.compare.lookup import questions, spoken
from featherweight.compare.result import listed
from featherweight.compare.selection import Fills, Quantifier, StudyRule
from featherweight.records import VerdictWord
from featherweight.results import Results
from featherweight.stats.equivalence import Known

ORDER = ("group", "task", "model", "against", "stratum")  # of the values in a setting's name

State = Literal["holds", "fails", "lost", "open", "missing"]
TOO_FEW = "Too few answers to settle it."
WORDS: Mapping[State, str] = {
    "holds": "holds",
    "fails": "does not hold",
    "lost": "the lost answers decide",
    "open": "too few answers to settle it",
    "missing": "not measured",
}


class Setting(NamedTuple):
    """Where a claim is looked at: what fills the keys that selections leave open, once per part."""

    name: str  # "" where the claim has one setting only
    parts: tuple[Fills, ...]


class Outcome(NamedTuple):
    """What a rule saw in one setting."""

    state: State
    told: str  # a sentence with the numbers, or why there are none
    steps: tuple[str, ...] = ()  # what was looked up, one line each
    known: Known | None = None  # our number, where there is one


def settings(rule: StudyRule, results: Results) -> list[Setting]:
    """Every combination of the axes under `each`; one that fills nothing where there are none.

    A category that the study did not ask is a setting too: a claim about all is not shown by some.
    """
    covered = []
    for fills in rule.settings():
        options = [
            [(axis, group) for group in groups_of(value, results)]
            if axis == "group"
            else [(axis, value)]
            for axis, value in fills.items()
        ]
        parts = tuple(dict(part) for part in product(*options))
        covered.append(Setting(_name(fills, results), parts))
    return covered


def groups_of(category: str, results: Results) -> list[str]:
    """The scored groups of a category; its own name where none was measured."""
    return results.groups_of(category) or [category]


def _name(fills: Fills, results: Results) -> str:
    """The values of a setting: the first of them, and the others behind it."""
    words = {axis: _word(axis, value, results) for axis, value in fills.items()}
    first, *others = [words[axis] for axis in ORDER if axis in words] or [""]
    return f"{first} ({', '.join(others)})" if others else first


def _word(axis: str, value: str, results: Results) -> str:
    if axis in ("model", "against"):
        return results.label(value)
    return questions(value) if axis == "stratum" else spoken(value)


def together(setting: Setting, parts: Sequence[Outcome]) -> Outcome:
    """One setting from its parts: it holds, or does not, where every part says so."""
    if len(parts) == 1:
        return parts[0]
    states = {part.state for part in parts}
    state: State = "missing" if "missing" in states else "open"
    if len(states) == 1:
        state = parts[0].state
    elif states in ({"lost", "holds"}, {"lost", "fails"}):
        state = "lost"
    told = " ".join(
        f"{spoken(part['group'])}: {outcome.told}"
        for part, outcome in zip(setting.parts, parts, strict=True)
    )
    return Outcome(state, told, tuple(step for part in parts for step in part.steps))


def verdict_of(states: Sequence[State], holds_in: Quantifier) -> VerdictWord:
    """What the states of all settings add up to. Raises ValueError without any."""
    if not states:
        raise ValueError("expected at least one setting, got none")
    n, count = len(states), Counter(states)
    if count["missing"] == n:
        return "not tested"
    holds, fails = count["holds"], count["fails"]
    contradicted = {
        "every": fails > 0,
        "most": 2 * fails >= n,
        "listed": fails > 0 and fails == n - count["missing"],
    }[holds_in]
    if contradicted:
        return "contradicted"
    reproduced = 2 * holds > n if holds_in == "most" else holds == n
    return "reproduced" if reproduced else "partly"


def summary(seen: Sequence[tuple[Setting, Outcome]], holds_in: Quantifier) -> str:
    """What was seen in several settings: counted, and the settings that decide named."""
    named: dict[State, list[str]] = {state: [] for state in WORDS}
    for setting, outcome in seen:
        named[outcome.state].append(setting.name)
    told = f"Holds in {len(named['holds'])} of {len(seen)} settings"
    for state in ("fails", "lost", "open", "missing"):
        if named[state]:
            which = f"{len(named[state])} ({listed(named[state])})"
            told += f"; {WORDS[state]} in {'all' if len(named[state]) == len(seen) else which}"
    needed = {
        "every": "all are needed",
        "most": "more than half are needed",
        "listed": "each counts",
    }[holds_in]
    return f"{told}; {needed}."
