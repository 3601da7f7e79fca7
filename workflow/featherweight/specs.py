"""What each stage is asked to do: one frozen model per stage, made by `study`, read by the stage.

A spec holds exactly what its stage depends on, so that a change of the study reruns what it
touches and nothing else. It crosses the command line as canonical JSON (`--spec`, the text or a
file that holds it). One real spec, of `score`:

    {"model": "oracle", "cells": [{"task": "pocket", "category": "pets", "seed": 0, "item_seed": 0,
     "sample_seed": 0}], "tasks": {"pocket": "pocket"}, "samples_per_prompt": 1}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from featherweight.documents import check
from featherweight.errors import InputError

AnswersBy = Literal["generated", "likelihood"]
ModelKind = Literal["hub", "folder", "control"]
EngineName = Literal["transformers", "exllamav2"]
Dtype = Literal["auto", "float32", "bfloat16", "float16"]
Scalar = str | bool | int | float


def _stays_inside(name: str) -> str:
    """A file's name, which somebody else may have chosen, must stay inside its folder."""
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\\" in name:
        raise ValueError("expected a relative path without '..'")
    return name


Commit = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
RelativePath = Annotated[str, AfterValidator(_stays_inside)]


class Spec(BaseModel):
    """No unknown keys, nothing changes after reading."""

    # built when first used: a stage uses one or two of these
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Cell(Spec):
    """One (task, category, seed) of a model."""

    task: str  # the label of the study's task entry
    category: str
    seed: int
    item_seed: int
    sample_seed: int

    @property
    def path(self) -> str:
        """Where the cell's file lies below a stage's folder of the model."""
        return f"{self.task}/{self.category}/{self.seed}.parquet"

    @property
    def items_path(self) -> str:
        """Where the cell's items lie below the items folder; shared by all models."""
        return f"{self.task}/{self.category}/{self.item_seed}.parquet"

    @property
    def facts_path(self) -> str:
        """Where the task's own facts about these items lie, if it has any."""
        return f"{self.task}/{self.category}/{self.item_seed}.facts.parquet"

    @property
    def examples_path(self) -> str:
        """Where the category's worked examples lie, if the task has any."""
        return f"{self.task}/{self.category}/examples.parquet"


class Thinking(Spec):
    """The tags that frame what a model thinks aloud."""

    open: str
    close: str


class Wording(Spec):
    """How an item is put to a model: a system message (None: none is sent) and the user message.

    `user` is filled with {context}, {question} and {options}; `option` with {letter} and {text},
    once per option, and so is `answer`: the reply that names an option, in the form that the
    wording shows and asks for. `option`, `separator` and `answer` are None where answers are
    written freely. `shots`: how many worked examples come first.
    """

    name: str
    user: str
    option: str | None = None
    separator: str = "\n"
    answer: str | None = None
    system: str | None = None
    shots: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFacts:
    """What a plan must know of a task; `tasks.catalogue` makes them, so that each has one home."""

    name: str
    categories: Mapping[str, int | None]  # category -> its number of items; None: not counted
    wordings: tuple[str, ...]  # the first is the default
    with_shots: frozenset[str]  # wordings that show worked examples first
    block: int  # items that are drawn together
    strata: tuple[str, ...]
    controls: frozenset[str]
    policies: tuple[str, ...]  # for unread answers
    subset_keys: Mapping[str, type]  # of `subset` in a study
    has_options: bool  # answers are chosen from options, so they have likelihoods
    has_facts: bool  # `draw` writes a table of the task's own beside the items
    has_examples: bool  # `draw` writes worked examples
    is_graded: bool  # its answers are compared with the right one by a grader
    has_judged: bool  # `score` writes a table of the task's own beside the scores
    policy: str | None  # of the task's headline; None: the study says it
    planted_tables: tuple[str, ...]  # in models of ours whose chance of each answer is known


# --- acquire ---------------------------------------------------------------------------------


What = Literal["model", "dataset"]


class Source(Spec):
    """Where one model or dataset comes from."""

    what: What
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")
    kind: Literal["hub", "folder", "control", "https"]
    repository: str | None = None
    revision: Commit | None = None
    gated: bool = False
    folder: str | None = None
    licence: str | None = None
    prompt_format: str | None = None
    alternative: str | None = None
    url: str | None = None
    files: dict[RelativePath, str] = {}  # local name -> path in the repository (https only)

    @model_validator(mode="after")
    def _complete(self) -> Source:
        if self.kind not in _KINDS[self.what]:
            raise ValueError(
                f"kind of a {self.what}: expected one of {', '.join(_KINDS[self.what])}"
            )
        needed = {"hub": ("repository",), "https": ("url", "files")}.get(self.kind, ())
        missing = [key for key in needed if not getattr(self, key)]
        if missing:
            raise ValueError(
                f"{self.what} {self.name!r}: kind {self.kind} needs {' and '.join(missing)}; add"
                f" what is missing to config/{self.what}s.yaml"
            )
        return self


_KINDS = {"model": ("hub", "folder", "control"), "dataset": ("folder", "https")}


class PreflightSpec(Spec):
    """Everything that a study needs from outside."""

    study: str
    engine: EngineName
    models: tuple[Source, ...]
    datasets: tuple[Source, ...]


# --- prompts ---------------------------------------------------------------------------------


class DrawSpec(Spec):
    """Which items a task entry draws."""

    label: str
    task: str
    count: int | None  # per category and seed; None: all
    subset: dict[str, Scalar] | None  # checked by the task; None: every item
    draws: tuple[tuple[str, int], ...]  # (category, item_seed)


class AskedTask(Spec):
    """In which way a task entry is asked."""

    task: str
    wording: str
    answers: AnswersBy


class RenderSpec(Spec):
    """How a model's prompts are rendered."""

    name: str
    kind: ModelKind
    prefill: str | None
    system: str | None
    prompt_format: str | None
    thinking: Thinking | None
    cells: tuple[Cell, ...]
    tasks: dict[str, AskedTask]  # by label


# --- generate --------------------------------------------------------------------------------


class DecodingSpec(Spec):
    """How tokens are chosen. temperature 0 is greedy; top_k 0 and top_p 1 switch those cuts off."""

    temperature: float
    top_p: float
    top_k: int
    max_new_tokens: int


class ChunkSpec(Spec):
    """How many samples an engine is given at a time, and whether cells are mixed."""

    size: int = Field(ge=1)
    across_cells: bool


class Sampled(Spec):
    """How many answers each prompt gets."""

    samples_per_prompt: int
    samples_by_task: dict[str, int] = {}  # label -> its own number, where it has one

    def samples_of(self, label: str) -> int:
        """Samples of each prompt of a task entry, where answers are generated."""
        return self.samples_by_task.get(label, self.samples_per_prompt)


class GenerateSpec(Sampled):
    """How a model's answers are generated, or by which rule a control answers."""

    model: str
    revision: str | None
    engine: EngineName
    control: str | None  # the rule of a control; None: a model answers, with the engine
    dtype: Dtype
    decoding: DecodingSpec
    thinking: Thinking | None
    chunk: ChunkSpec | None  # None: what suits the device that computes
    shards: int = 1
    cells: tuple[Cell, ...]
    tasks: dict[str, str]  # label -> task: whose rule a control follows


# --- score, aggregate ------------------------------------------------------------------------


class ScoreSpec(Sampled):
    """Which cells of a model are scored."""

    model: str
    cells: tuple[Cell, ...]
    tasks: dict[str, str]  # label -> task
    samples_per_prompt: int = Field(default=1, ge=1)  # by likelihood a prompt has one
    planted: dict[str, str] = {}  # label -> the table that is planted in the model
    temperature: float | None = None  # of the samples; None: nothing is planted


class ContrastSpec(Spec):
    """Two task labels that are compared within each model."""

    pair: tuple[str, str]
    caution: str | None = None


class AggregateSpec(Spec):
    """What the estimates are made of."""

    models: tuple[str, ...] = ()  # the order of the rows; others follow in the order of the files
    controls: tuple[str, ...] = ()  # take no part in the families of tests
    tasks: dict[str, str]  # label -> task
    # label -> policy of the headline: differences, spread, positions, contrasts; others "drop"
    policies: dict[str, str] = {}
    baseline: str | None = None  # None: every pair of models
    contrasts: tuple[ContrastSpec, ...] = ()
    draws: int = Field(default=2000, ge=1)
    seed: int = Field(default=0, ge=0)
    level: float = Field(default=0.95, ge=0.5, lt=1.0)


# --- compare, report -------------------------------------------------------------------------


class PlantedSpec(Spec):
    """A number that the project built into a model of its own, so that it can be looked for.

    It is a value, or follows from a table that the task knows: the mean over the items asked.
    """

    task: str
    metric: str
    stratum: str
    value: float | None = None
    table: str | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> PlantedSpec:
        if (self.value is None) == (self.table is None):
            found = "neither" if self.value is None else "both"
            raise ValueError(f"expected a value or the name of a table, got {found}")
        return self


class StudiedModel(Spec):
    """What compare and report must know about a model or control."""

    name: str
    kind: ModelKind
    label: str
    control: str | None
    planted: tuple[PlantedSpec, ...]
    parameters_billion: float | None
    repository: str | None
    revision: str | None
    licence: str | None


class StudiedTask(Spec):
    """What compare and report must know about a task entry."""

    label: str
    task: str
    name: str  # what a reader calls the dataset
    models: tuple[str, ...]  # the models and controls that are asked
    wording: str | None  # None: each model has its own
    wordings: dict[str, str] = {}  # model -> wording, where each has its own
    answers: AnswersBy
    categories: tuple[str, ...]
    draw: DrawSpec

    def wording_of(self, model: str) -> str:
        """The wording in which a model is asked."""
        return self.wordings[model] if self.wording is None else self.wording


class CompareSpec(Spec):
    """What the comparison must know about models and tasks."""

    study: str
    title: str
    question: str
    models: dict[str, StudiedModel]  # by name, in the study's order, controls last
    controls: tuple[str, ...]
    tasks: dict[str, StudiedTask]  # by label
    wording_pairs: tuple[tuple[str, str], ...]
    contrasts: tuple[ContrastSpec, ...]
    policies: dict[str, str]  # for unread answers, by label
    baseline: str | None
    max_new_tokens: int


class ReportSpec(CompareSpec, Sampled):
    """What the report says about the study itself."""

    engine: EngineName
    partial: str | None
    dtype: Dtype
    decoding: dict[str, DecodingSpec]  # by model
    seeds: tuple[int, ...]
    same_items: bool
    bootstrap_draws: int
    examples_per_cell: int
    thinking: tuple[str, ...]  # the models that think aloud
    config_hash: str
    cells: tuple[Cell, ...]  # every cell that any model has


Read = TypeVar("Read", bound=Spec)


def read_spec(text: str, model: type[Read]) -> Read:
    """The spec behind `--spec`: JSON, or the path of a file that holds it.

    Raises InputError with one line per mistake; where another stage's spec was given, first a line
    that says so and at most three mistakes.
    """
    stripped = text.strip()
    if not stripped.startswith(("{", "[")):
        try:
            stripped = Path(stripped).read_text(encoding="utf-8")
        except OSError as error:
            raise InputError(
                f"--spec: expected JSON or a file that holds it, got {text!r} ({error.strerror})"
            ) from error
    try:
        document: Any = json.loads(stripped)
    except json.JSONDecodeError as error:
        raise InputError(
            f"--spec: expected JSON, got a text that breaks off at character {error.pos}:"
            f" {error.msg}"
        ) from error
    try:
        return check(document, model, "--spec")
    except InputError as error:
        if not isinstance(document, dict) or (line := _of_another_stage(document, model)) is None:
            raise
        raise InputError([line, *error.problems[:3]]) from None


def _of_another_stage(document: Mapping[str, object], model: type[Spec]) -> str | None:
    """The line for a document whose keys are those of another spec; None for keys that fit."""
    known = model.model_fields
    unknown = document.keys() - known.keys()
    missing = {key for key, field in known.items() if field.is_required()} - document.keys()
    if len(unknown) + len(missing) <= min(len(document.keys() & known.keys()), 3):
        return None
    stage = "acquire" if model is Source else model.__name__.removesuffix("Spec").lower()
    return (
        f"--spec: expected the spec of {stage}, got one with {len(unknown)} unknown and"
        f" {len(missing)} missing keys; take one of results/<study>/specs/{stage}*.json"
    )
