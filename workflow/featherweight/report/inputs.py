"""Everything that the page is made from, read once: the study's results, and what only the report
reads (verdicts and published figures of `compare`, manifests, what generating cost, measured jobs).

A file that belongs to a model without results is simply not there: the page names the model as
missing.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from featherweight.errors import InputError
from featherweight.files import read_json, read_rows
from featherweight.records import (
    ALL,
    KnownValue,
    Usage,
    Verdict,
    VerdictDetails,
    WordingLosses,
)
from featherweight.report import theme
from featherweight.report.jobs import Job, read_jobs
from featherweight.results import Results, read_results
from featherweight.specs import ReportSpec
from featherweight.tasks import task as task_of
from featherweight.tasks.words import MetricWords, StratumWords, Words, words

DOCUMENTS = ("verdicts.parquet", "claims.json", "published.csv", "planted.json", "controls.json")


class Document(BaseModel):
    """A part of a document that an earlier stage wrote; what the page does not show is ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class PublishedRow(Document):
    """A published figure that belongs beside one of the study's tasks."""

    task: str
    benchmark: str
    metric: str
    stratum: str
    category: str
    model: str
    fraction: float | None
    setting: str
    title: str
    locator: str
    address: str | None
    drawn: bool
    comparable: bool
    why: str

    @property
    def source(self) -> str:
        """Title and place."""
        return f"{self.title}, {self.locator}"


class Readings(Document):
    """How answers were read and ended, counted by rule, by reason and by ending."""

    rule: Mapping[str, int] = {}
    reason: Mapping[str, int] = {}
    finish: Mapping[str, int] = {}


class File(Document):
    """One file of a manifest."""

    sha256: str | None = None


class Manifest(Document):
    """What `acquire` recorded of one model or dataset."""

    repository: str | None = None
    revision: str | None = None
    licence: str | None = None
    verified: str | None = None
    files: Mapping[str, File] = {}
    missing: tuple[str, ...] | None = None  # why it could not be had


@dataclass(frozen=True)
class Inputs(Results):
    """The study as the report sees it."""

    spec: ReportSpec
    readings: Mapping[str, Mapping[str, Readings]] = field(default_factory=dict)  # model, task
    verdicts: Sequence[Verdict] = ()
    claims: Mapping[str, VerdictDetails] = field(default_factory=dict)
    published: Sequence[PublishedRow] = ()
    planted: Sequence[KnownValue] = ()
    known: Sequence[KnownValue] = ()  # of controls, and of models for what their task asks of them
    manifests: Mapping[str, Manifest] = field(default_factory=dict)
    datasets: Mapping[str, Manifest] = field(default_factory=dict)
    usage: Sequence[Usage] = ()
    jobs: Sequence[Job] = ()  # what Snakemake measured
    losses: Sequence[WordingLosses] = ()

    @property
    def pocket(self) -> bool:
        """Whether every model is one that the project itself made, with something planted in it."""
        real = [facts for facts in self.spec.models.values() if facts.control is None]
        return bool(real) and all(facts.planted for facts in real)

    @property
    def controls_alone(self) -> bool:
        """Whether the study asks no model at all: it checks the instrument, and nothing else."""
        return all(facts.control is not None for facts in self.spec.models.values())

    @property
    def main_tasks(self) -> list[str]:
        """Tasks that ask a whole dataset; the others are subsets of one."""
        whole = [label for label in self.labels if label == self.spec.tasks[label].task]
        return whole if whole else list(self.spec.tasks)[:1]

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The tasks in the order of the study; a spec's keys are sorted, its cells are not."""
        named = dict.fromkeys([*(cell.task for cell in self.spec.cells), *self.spec.tasks])
        return tuple(label for label in named if label in self.spec.tasks)

    def graded(self, task: str) -> bool:
        """Whether a task's answers are written freely and graded."""
        entry = self.spec.tasks.get(task)
        return entry is not None and task_of(entry.task).grading is not None

    @cached_property
    def graded_tasks(self) -> tuple[str, ...]:
        """The labels of the tasks whose answers are graded."""
        return tuple(label for label in self.labels if self.graded(label))

    def problems(self, task: str, stratum: str = ALL, group: str = ALL) -> int | None:
        """How many different questions a task put to a model; None where it is not known."""
        rows = [
            self.estimate(one, task, group, stratum, "accuracy") for one in self.models_of(task)
        ]
        known = [row.n_questions for row in rows if row is not None and row.n_questions]
        return max(known, default=None)

    def token_limit(self, task: str) -> str:
        """After how many tokens the models that are asked a task are cut off: "512 tokens", "32
        tokens (Pocket, solver: 96)" where a model has a limit of its own."""
        limits = {name: self.spec.decoding[name].max_new_tokens for name in self.models_of(task)}
        usual = self.spec.max_new_tokens
        if limits and usual not in limits.values():
            usual = max(limits.values(), key=list(limits.values()).count)
        own = [f"{self.label(name)}: {limit:,}" for name, limit in limits.items() if limit != usual]
        return f"{usual:,} tokens" + (f" ({'; '.join(own)})" if own else "")

    def wordings(self, task: str) -> Mapping[str, tuple[str, ...]]:
        """The wordings of a task, each with the models that it was put to in these words."""
        named: dict[str, tuple[str, ...]] = {}
        for model in self.models_of(task):
            wording = self.spec.tasks[task].wording_of(model)
            named[wording] = (*named.get(wording, ()), model)
        return named

    @property
    def several_tasks(self) -> bool:
        """Whether a row must say of which task it is."""
        return len(self.spec.tasks) > 1

    def words(self, task: str) -> Words:
        """What the task calls its strata and numbers."""
        return words(self.spec.tasks[task].task)

    def strata(self, task: str) -> tuple[str, ...]:
        """The strata of a task that there are numbers of, in the order of the page; (): none."""
        measured = self._strata.get(task, ())
        named = [stratum for stratum in self.words(task).strata if stratum in measured]
        return (*named, *(stratum for stratum in measured if stratum not in named))

    def shown(self, task: str) -> tuple[str, ...]:
        """The strata that a table or figure shows: the task's, or all questions together."""
        return self.strata(task) or (ALL,)

    def summed_up(self, task: str) -> tuple[str, ...]:
        """The strata of a summary: of a graded task all together, since its levels have a figure
        of their own."""
        return (ALL,) if self.graded(task) else self.shown(task)

    @property
    def stratified(self) -> bool:
        """Whether any task has strata."""
        return any(self.strata(task) for task in self.spec.tasks)

    @property
    def summed_up_by_strata(self) -> bool:
        """Whether a summary of all tasks has a row for each stratum of any."""
        return any(self.summed_up(task) != (ALL,) for task in self.spec.tasks)

    def stratum_words(self, task: str, stratum: str) -> StratumWords:
        """A stratum in words; by its name where the task has none for it."""
        if stratum == ALL:
            return StratumWords(title="All questions")
        own = self.words(task).strata.get(stratum)
        return StratumWords(title=stratum[:1].upper() + stratum[1:]) if own is None else own

    def questions(self, task: str, stratum: str) -> str:
        """What a table calls a stratum: "Level 1", "All questions"."""
        return self.stratum_words(task, stratum).title

    def metric_words(self, task: str, metric: str) -> MetricWords:
        """A number in words: the page's own for what every task has, else the task's."""
        known = {**self.words(task).metrics, **theme.METRICS}
        return known.get(metric, MetricWords(title=metric))

    def compared(self, task: str) -> tuple[str, ...]:
        """The metrics that models are compared in."""
        return ("accuracy", *dict.fromkeys(self.words(task).beside_accuracy.values()))

    def beside_accuracy(self, task: str, stratum: str) -> str | None:
        """The task's own metric that stands beside the accuracy of a stratum; None: there is none,
        or nothing of it was measured."""
        metric = self.words(task).beside_accuracy.get(stratum)
        return metric if metric is not None and self.measures(task, metric) else None

    def measures(self, task: str, metric: str) -> bool:
        """Whether the task has numbers of this metric."""
        return (task, metric) in self._measured

    def chance(self, task: str, stratum: str) -> float | None:
        """How often a blind guess is right, over the answers of all models; None: no guessing."""
        rows = [
            self.estimate(model, task, ALL, stratum, "chance") for model in self.models_of(task)
        ]
        known = [row.value for row in rows if row is not None and row.value is not None]
        return sum(known) / len(known) if known else None

    def unread_words(self, task: str) -> str:
        """What becomes of unread answers under the task's policy."""
        policy = self.policy(task)
        own = self.words(task).policies.get(policy)
        return theme.UNREAD.get(policy, policy) if own is None else own

    @property
    def unread_policy(self) -> str:
        """The same for all tasks of the study, named where it is not the same for each."""
        return self.unread_in(list(self.spec.tasks))

    def unread_in(self, tasks: Sequence[str]) -> str:
        """The same for these tasks: "left out", "left out (BBQ), counted as wrong (GSM8K)"."""
        by_policy: dict[str, list[str]] = {}
        for task in tasks:
            by_policy.setdefault(self.policy(task), []).append(task)
        if len(by_policy) == 1:
            return self.unread_words(tasks[0])
        return ", ".join(
            f"{self.unread_words(own[0])} ({', '.join(map(self.task_label, own))})"
            for own in by_policy.values()
        )

    @property
    def cluster(self) -> str:
        """What intervals are clustered by: "template", "template or question"."""
        return " or ".join(dict.fromkeys(self.words(task).cluster for task in self.spec.tasks))

    @property
    def clusters(self) -> str:
        """The same in the plural."""
        named = dict.fromkeys(self.words(task).cluster for task in self.spec.tasks)
        return " or ".join(f"{name}s" for name in named)

    @property
    def cluster_title(self) -> str | None:
        """The heading of the clusters' column; None where each question is one of its own."""
        named = {self.words(task).cluster for task in self.spec.tasks}
        if named == {"question"}:
            return None
        return f"{self.clusters[:1].upper()}{self.clusters[1:]}"

    def kinds(self, task: str) -> str:
        """All strata of a task in words."""
        if self.graded(task):
            return "all levels"
        several = len(self.strata(task)) > 2
        return "all kinds of question" if several else "both kinds of question"

    def value(
        self, model: str, task: str, stratum: str, metric: str, policy: str | None = None
    ) -> float | None:
        """A number over all groups; None where there is none."""
        row = self.estimate(model, task, ALL, stratum, metric, policy)
        return None if row is None else row.value

    def why_unread(self, task: str) -> Mapping[str, str]:
        """The reasons for an unread answer, in words that fit how the task is answered."""
        if self.by_likelihood(task):
            return theme.NOT_CHOSEN
        free = task_of(self.spec.tasks[task].task).choices is None
        return theme.NOT_GIVEN if free else theme.NOT_READ

    def read_by(self, task: str) -> Mapping[str, str]:
        """The rules by which an answer is read, in words that fit how the task is answered."""
        return theme.READ_FREE if self.graded(task) else theme.READ_BY

    @cached_property
    def _measured(self) -> frozenset[tuple[str, str]]:
        return frozenset((row.task, row.metric) for row in self.estimates if row.value is not None)

    @cached_property
    def _strata(self) -> Mapping[str, tuple[str, ...]]:
        present = {(row.task, row.stratum) for row in self.estimates}
        return {
            label: tuple(name for name in task_of(one.task).strata if (label, name) in present)
            for label, one in self.spec.tasks.items()
        }


def read_inputs(
    spec: ReportSpec,
    aggregate: Path,
    compare: Path,
    manifests: Path,
    usage: Sequence[Path],
    benchmarks: Path | None = None,
) -> Inputs:
    """Read what the earlier stages wrote. Raises InputError naming every file that is not there."""
    problems: list[str] = []
    try:
        results: Results | None = read_results(aggregate, spec)
    except InputError as error:
        results, problems = None, list(error.problems)
    needed = [*(compare / name for name in DOCUMENTS), compare / "unread.json"]
    needed += [aggregate / "readings.json", *usage]
    problems += [
        f"{path}: expected a file of an earlier stage, found none"
        for path in needed
        if not path.is_file()
    ]
    if problems or results is None:
        raise InputError(problems)
    try:
        return Inputs(
            **{one.name: getattr(results, one.name) for one in fields(results)},
            readings=_read(aggregate / "readings.json", dict[str, dict[str, Readings]]),
            verdicts=read_rows(compare / "verdicts.parquet", Verdict),
            claims=_read(compare / "claims.json", dict[str, VerdictDetails]),
            published=_read_published(compare / "published.csv"),
            planted=_read(compare / "planted.json", list[KnownValue]),
            known=_read(compare / "controls.json", list[KnownValue]),
            manifests=_manifests(manifests / "models"),
            datasets=_manifests(manifests / "datasets"),
            usage=[row for path in sorted(usage) for row in read_rows(path, Usage)],
            jobs=read_jobs(benchmarks) if benchmarks else (),
            losses=_read(compare / "unread.json", list[WordingLosses]),
        )
    except ValueError as error:
        raise InputError(str(error)) from error


Read = TypeVar("Read")


def _read(path: Path, kind: type[Read]) -> Read:
    return _checked(path, read_json(path), kind)


def _checked(path: Path, document: object, kind: type[Read]) -> Read:
    try:
        return TypeAdapter(kind).validate_python(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(f"{path}: {place}: {first['msg']}, got {first['input']!r:.60}") from error


def _manifests(folder: Path) -> dict[str, Manifest]:
    return {
        path.stem: _read(path, Manifest)
        for path in sorted(folder.glob("*.json"))
        if not path.name.startswith(".")
    }


def _read_published(path: Path) -> list[PublishedRow]:
    """Published figures; an empty field is unknown, an empty stratum all questions together."""
    empty = {"fraction": None, "address": None, "stratum": ALL}
    with path.open(encoding="utf-8", newline="") as stream:
        rows = [
            {
                name: empty[name] if not value and name in empty else value
                for name, value in row.items()
            }
            for row in csv.DictReader(stream)
        ]
    return _checked(path, rows, list[PublishedRow])
