"""What a task calls its strata and numbers where people read them: on the page, and nowhere else.

A task with words of its own is a package with a module `words` and a `WORDS` in it. Every other one
has `DEFAULT`: its strata are called by their names. Editing a word reruns `report` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from featherweight.records import ALL

Form = Literal["percent", "score", "tokens"]
FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class StratumWords:
    """One stratum in words."""

    title: str  # "Level 1": a column; "level 1 questions": in a sentence
    where: str | None = None  # after what was measured in it; None: the title says it
    explained: str | None = None  # what it asks of a model, in a clause
    right: str | None = None  # "70% right ...", where it follows another stratum in a sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricWords:
    """One number in words, and how it is written."""

    title: str
    form: Form = "percent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Everything that the page says in the words of one benchmark."""

    strata: Mapping[str, StratumWords] = field(default_factory=dict)  # in the order of the page
    headline: tuple[str, ...] = ()  # strata of the headline, in its order; (): all together
    against_chance: str = ALL  # where a model must be above chance to be called anything
    metrics: Mapping[str, MetricWords] = field(default_factory=dict)
    beside_accuracy: Mapping[str, str] = field(default_factory=dict)  # by stratum: its own metric
    policies: Mapping[str, str] = field(default_factory=dict)  # unread answers are ...
    cluster: str = "question"  # what intervals are clustered by, in the singular
    source: str | None = None  # whose the numbers are, a sentence
    together: str | None = None  # why the strata are read together, a sentence
    over_asked: str | None = None  # what a difference over all asked is of its own metrics
    published: str = "their settings stand there too"  # of figures that are comparable, a clause
    incomparable: str = "not comparable, for the reasons in the table"
    limits: tuple[str, ...] = ()
    limits_generated: tuple[str, ...] = ()  # may hold {token_limit}
    limits_likelihood: tuple[str, ...] = ()
    # What an example shows of its item: name -> an option, None: none. Of the `facts` record.
    example_facts: Callable[[Any], Mapping[str, int | None]] | None = None


DEFAULT = Words()


@cache
def words(task: str) -> Words:
    """The words of a task; `DEFAULT` where it has none of its own."""
    if not (FOLDER / task / "words.py").is_file():
        return DEFAULT
    own: Words = import_module(f"featherweight.tasks.{task}.words").WORDS
    return own
