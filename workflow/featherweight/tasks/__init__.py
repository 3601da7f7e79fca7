"""The tasks: for each benchmark its items, the ways its questions may be put, its controls.

A task is one module (or package) of this folder with a `TASK`, found by its file: adding a dataset
is adding one file here and one entry to config/datasets.yaml. What its numbers are is said beside
it (`numbers`), so that editing a formula asks no model again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from featherweight.errors import InputError
from featherweight.records import Choices, FreeReader, Graded, Grading, Item, Reading, Score
from featherweight.specs import Scalar, TaskFacts, Wording

FOLDER = Path(__file__).parent
# Modules here that are no task.
NOT_TASKS = frozenset(
    {"choice", "graded", "graded_numbers", "numbers", "problems", "rules", "words"}
)


class Loaded(NamedTuple):
    """One category: its items in the dataset's order, and the task's facts about each, beside."""

    items: Sequence[Item]
    facts: Sequence[Any]  # of the task's `facts` record, one per item; () where it has none


class Asked(NamedTuple):
    """What a control may look at: the item as it was shown."""

    item: Item
    facts: Any  # of the task's `facts` record; None where it has none
    order: tuple[int, ...] | None  # order[position] = index into options
    prompt: str  # its text as it was rendered: what a rule obeys must have reached it
    stream: int  # seeds this sample's noise, as for an engine


Rule = Callable[[Asked], str]  # the text that a control answers with


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A benchmark: everything of it that is not a number."""

    name: str  # also of its module, and of its entry in config/datasets.yaml
    categories: Mapping[str, int | None]  # category -> its number of items; None: not counted
    wordings: tuple[Wording, ...]  # the first is the default
    # Reads one category's items from the dataset's folder, checked. Raises InputError.
    load: Callable[[Path, str], Loaded]
    # Items that are drawn together. Of several, with `strata`: every block has as many of each.
    block: int = 1
    benchmark: str | None = None  # whose published figures belong beside it (config/published)
    own_items: bool = False  # the project's own items in that benchmark's shape: never compared
    strata: tuple[str, ...] = ()  # every `Item.stratum` there is, in order; (): there are none
    policies: tuple[str, ...] = ("drop", "wrong")  # for unread answers
    controls: Mapping[str, Rule]  # by name; known scores stand in `numbers`
    # What the reader of a choice may know of an item; None: the answer is written freely.
    choices: Callable[[Item, Any], Choices] | None
    # Reads a free answer; None for a choice. One of our readers (`reading.free`) by name, or the
    # task's own: (text, item, finish) -> reading
    read: FreeReader | Callable[[str | None, Item, str], Reading] | None = None
    # How a free answer is compared with the right one; None: as text. A task that says it keeps
    # `Graded` rows beside its scores.
    grading: Grading | None = None
    # The headline's policy for unread answers; None: the study says it.
    policy: str | None = None
    # (name of a planted table, item, temperature) -> probability that a model with this table
    # answers rightly; None: no model of ours is built for this task.
    planted: Callable[[str, Item, float], float] | None = None
    planted_tables: tuple[str, ...] = ()  # the names that `planted` knows
    chance: float | None = None  # that a blind guess of a free answer is right; None: no guessing
    facts: type | None = None  # record of what only this task knows of an item; key task, item_id
    judged: type | None = None  # record of what only this task knows of an answer
    judge: Callable[[Score, Item, Any, Reading], Any] | None = None  # makes a `judged` row
    # Worked examples of a category, in the dataset's order, for wordings with `shots`; None: none.
    examples: Callable[[Path, str], Sequence[Item]] | None = None
    # Keys of `subset` in a study -> type; and whether an item belongs to such a subset.
    subset_keys: Mapping[str, type] = field(default_factory=dict)
    matches: Callable[[Item, Any, Mapping[str, Scalar]], bool] | None = None

    def __post_init__(self) -> None:
        """Raise InputError for what no stage could use."""
        problems = []
        if self.choices is None and self.read is None:
            problems.append(
                f"task {self.name}: expected `choices`, or `read` where answers are written"
                " freely, got neither; give it one of them"
            )
        if self.grading is not None and (self.judged is not None or self.read is None):
            problems.append(
                f"task {self.name}: expected `read` beside `grading`, and no `judged`: grading has"
                " rows of its own; add the one or remove the other"
            )
        if (self.planted is None) != (not self.planted_tables):
            problems.append(
                f"task {self.name}: expected `planted` and `planted_tables`, or neither; add the"
                " one or remove the other"
            )
        if self.policy is not None and self.policy not in self.policies:
            problems.append(
                f"task {self.name}: policy: expected one of {', '.join(self.policies)}, got"
                f" {self.policy!r}"
            )
        if self.choices is not None:
            problems += [
                f"task {self.name}: its answers are chosen from options, but wording"
                f" {wording.name!r} has no `{key}`; add it"
                for wording in self.wordings
                for key, form in (("option", wording.option), ("answer", wording.answer))
                if form is None
            ]
        if problems:
            raise InputError(problems)

    @property
    def beside_scores(self) -> type | None:
        """The record of the rows that lie beside its scores; None: there are none."""
        return self.judged if self.grading is None else Graded

    def wording(self, name: str) -> Wording:
        """The wording of this name. Raises LookupError."""
        for one in self.wordings:
            if one.name == name:
                return one
        raise LookupError(f"{self.name} has no wording {name!r}")


@cache
def task_names() -> tuple[str, ...]:
    """Every task that has a file here, sorted."""
    names = {path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__"}
    names |= {path.parent.name for path in FOLDER.glob("*/__init__.py")}
    return tuple(sorted(names - NOT_TASKS))


def task(name: str) -> Task:
    """The task of this name. Raises LookupError where there is none, InputError for a wrong one."""
    if name not in task_names():
        raise LookupError(f"no task {name!r}: expected one of {', '.join(task_names())}")
    where = f"featherweight.tasks.{name}"
    try:
        # in one expression: that is how the fingerprint knows which modules it may mean
        loaded: object = import_module(f"featherweight.tasks.{name}").TASK
    except AttributeError as error:
        if error.name != "TASK" or getattr(error.obj, "__name__", None) != where:
            raise
        loaded = None
    except TypeError as error:
        if not str(error).startswith("Task.__init__()"):
            raise
        raise InputError(f"{where}: {str(error).replace('.__init__()', '')}") from error
    if not isinstance(loaded, Task):
        found = "none" if loaded is None else repr(loaded)
        raise InputError(
            f"{where}: expected a TASK, got {found}; add it, or move the file to another folder:"
            " every file here is a task"
        )
    if loaded.name != name:
        raise InputError(
            f"{where}: expected the TASK of this file to have the name {name!r}, got"
            f" {loaded.name!r}; rename one of them"
        )
    return loaded


@cache
def catalogue() -> Mapping[str, TaskFacts]:
    """What a plan must know of every task, by name."""
    return {name: _facts(task(name)) for name in task_names()}


def _facts(one: Task) -> TaskFacts:
    return TaskFacts(
        name=one.name,
        categories=one.categories,
        wordings=tuple(wording.name for wording in one.wordings),
        with_shots=frozenset(wording.name for wording in one.wordings if wording.shots),
        block=one.block,
        strata=one.strata,
        controls=frozenset(one.controls),
        policies=one.policies,
        subset_keys=one.subset_keys,
        has_options=one.choices is not None,
        has_facts=one.facts is not None,
        has_examples=one.examples is not None,
        is_graded=one.grading is not None,
        has_judged=one.beside_scores is not None,
        policy=one.policy,
        planted_tables=one.planted_tables,
    )
