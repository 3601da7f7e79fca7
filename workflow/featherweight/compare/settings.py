"""The settings in which a claim must hold, and how what was seen in each adds up to one verdict.

`each: {group: [Age, ...], condition: [ambig, disambig]}` with `holds_in: every` is one setting for
each category and context. A category that is scored in two halves (people named by a label, people
named by a name) is one setting with two parts, and says something only where both halves say it:
the articles know 11 categories, not 15 scored groups. One real one:

    Setting(name="Race ethnicity (ambiguous)", parts=({"condition": "ambig", "group":
    "Race_ethnicity"},
            {"condition": "ambig", "group": "Race_ethnicity (names)"}))

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
from typing import Any, Literal, NamedTuple

from featherweight.compare.evidence import Evidence
from featherweight.compare.lookup import CONDITIONS, spoken
from featherweight.compare.seen import listed
from featherweight.records import VerdictWord
from featherweight.stats.equivalence import Known

QUANTIFIERS = ("every", "most", "listed")
HALF = " (names)"  # ends the name of the half of a category in which people have names

ORDER = (
    "group",
    "task",
    "model",
    "against",
    "condition",
)  # in which a setting's name has its values

State = Literal["holds", "fails", "lost", "open", "missing"]
TOO_FEW = "Too few answers to settle it."
WORDS: Mapping[str, str] = {
    "holds": "holds",
    "fails": "does not hold",
    "lost": "the lost answers decide",
    "open": "too few answers to settle it",
    "missing": "not measured",
}


class Setting(NamedTuple):
    """Where a claim is looked at: what fills the keys that selections leave open, once per part."""

    name: str  # "" where the claim has one setting only
    parts: tuple[Mapping[str, str], ...]


class Outcome(NamedTuple):
    """What a rule saw in one setting."""

    state: State
    told: str  # a sentence with the numbers, or why there are none
    steps: tuple[str, ...] = ()  # what was looked up, one line each
    known: Known | None = None  # our number, where there is one


def settings(arguments: Mapping[str, Any], evidence: Evidence) -> list[Setting]:
    """Every combination of the axes under `each`; one that fills nothing where there are none.

    A category that the study did not ask is a setting too: a claim about all is not shown by some.
    """
    axes = arguments.get("each", {})
    found = []
    for values in product(*axes.values()):
        chosen = list(zip(axes, values, strict=True))
        parts = product(*(_halves(axis, value, evidence) for axis, value in chosen))
        found.append(Setting(_name(dict(chosen), evidence), tuple(dict(part) for part in parts)))
    return found


def _halves(axis: str, value: str, evidence: Evidence) -> list[tuple[str, str]]:
    """The scored groups of a category: both halves where it has two."""
    if axis != "group":
        return [(axis, value)]
    return [(axis, group) for group in groups_of(value, evidence)]


def groups_of(category: str, evidence: Evidence) -> list[str]:
    """The scored groups of a category; its own name where none was measured."""
    measured = {key[2] for key in evidence.estimates}
    return [group for group in (category, category + HALF) if group in measured] or [category]


def _name(chosen: Mapping[str, str], evidence: Evidence) -> str:
    """The values of a setting: the first of them, and the others behind it."""
    words = {axis: _word(axis, value, evidence) for axis, value in chosen.items()}
    ordered = [words[axis] for axis in ORDER if axis in words]
    return (
        ordered[0] + (f" ({', '.join(ordered[1:])})" if len(ordered) > 1 else "") if ordered else ""
    )


def _word(axis: str, value: str, evidence: Evidence) -> str:
    if axis in ("model", "against"):
        return evidence.label(value)
    return CONDITIONS[value] if axis == "condition" else spoken(value)


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


def verdict_of(states: Sequence[State], holds_in: str) -> VerdictWord:
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


def summary(seen: Sequence[tuple[Setting, Outcome]], holds_in: str) -> str:
    """What was seen in several settings: counted, and the settings that decide named."""
    named: dict[str, list[str]] = {state: [] for state in WORDS}
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
