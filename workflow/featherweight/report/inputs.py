"""Everything that the page is made from, read once: the folders of the earlier stages, as records
and plain documents.

A file that belongs to a model without results is simply not there: the page names the model as
missing.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from featherweight.errors import InputError
from featherweight.files import read_json, read_rows
from featherweight.records import ContrastRow, Difference, Estimate, Position, Spread, Verdict
from featherweight.report import theme
from featherweight.report.jobs import Job, read_jobs

Key = tuple[str, str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Inputs:
    """The study as the report sees it."""

    spec: Mapping[str, Any]
    estimates: Mapping[Key, Estimate]  # by model, task, group, condition, metric, policy
    differences: Sequence[Difference]
    spread: Sequence[Spread]
    positions: Sequence[Position]
    contrasts: Sequence[ContrastRow]
    readings: Mapping[str, Any]  # by model and task: how answers were read and ended, counted
    verdicts: Sequence[Verdict]
    claims: Mapping[str, Mapping[str, Any]]
    published: Sequence[Mapping[str, str]]
    planted: Sequence[Mapping[str, Any]]
    controls: Sequence[Mapping[str, Any]]
    manifests: Mapping[str, Mapping[str, Any]]
    datasets: Mapping[str, Mapping[str, Any]]  # what `acquire` recorded of each dataset
    timings: Mapping[str, Mapping[str, Any]]  # by model
    jobs: Sequence[Job] = ()  # what Snakemake measured
    unread_by_wording: Sequence[
        Mapping[str, Any]
    ] = ()  # what two wordings of the same questions lose

    @property
    def policy(self) -> str:
        """What happens to answers that could not be read, by default."""
        return str(self.spec["policy"])

    @property
    def there(self) -> frozenset[str]:
        """Models with at least one estimate."""
        return frozenset(key[0] for key in self.estimates)

    @property
    def every(self) -> list[str]:
        """All models and controls, in the order in which `aggregate` wrote them (the study's),
        missing ones last.
        """
        known = self.spec["models"]
        return [
            name
            for name in dict.fromkeys([*(key[0] for key in self.estimates), *known])
            if name in known
        ]

    @property
    def models(self) -> list[str]:
        """Models with results, controls left out, in the study's order."""
        known = self.spec["models"]
        return [
            name for name in self.every if name in self.there and not known[name].get("control")
        ]

    @property
    def missing(self) -> list[str]:
        """Models of the study without any result."""
        return [name for name in self.every if name not in self.there]

    @property
    def pocket(self) -> bool:
        """Whether every model is one that the project itself made, with something planted in it."""
        real = [facts for facts in self.spec["models"].values() if not facts.get("control")]
        return bool(real) and all(facts.get("planted") for facts in real)

    @property
    def controls_alone(self) -> bool:
        """Whether the study asks no model at all: it checks the instrument, and nothing else."""
        return all(facts.get("control") for facts in self.spec["models"].values())

    @property
    def main_tasks(self) -> list[str]:
        """Tasks that ask a whole dataset; the others are subsets of one."""
        tasks = self.spec["tasks"]
        return [label for label, dataset in tasks.items() if label == dataset] or list(tasks)[:1]

    def label(self, model: str) -> str:
        """The name of a model that a reader sees."""
        return str((self.spec["models"].get(model) or {}).get("label") or model)

    def by_likelihood(self, task: str) -> bool:
        """Whether a task's answers were chosen by likelihood and not generated."""
        return bool((self.spec.get("answers") or {}).get(task) == "likelihood")

    def task_label(self, task: str) -> str:
        """The name of a task that a reader sees; how it was answered is part of it where it was not
        generated.
        """
        name = self._task_name(task)
        return (
            f"{name}, by likelihood"
            if self.by_likelihood(task) and "likelihood" not in name
            else name
        )

    def _task_name(self, task: str) -> str:
        if task in self.spec["tasks"] and self.spec["tasks"][task] == task:
            return str(
                (self.spec.get("labels") or {}).get(task)
                or {"bbq": "BBQ", "pocket": "Pocket items"}.get(task, task)
            )
        return task

    def groups(self, task: str) -> list[str]:
        """The scored groups of a task, "all" left out, by name."""
        return sorted(
            {key[2] for key in self.estimates if key[1] == task and key[2] != "all"},
            key=theme.group_label,
        )

    def estimate(
        self,
        model: str,
        task: str,
        group: str,
        condition: str,
        metric: str,
        policy: str | None = None,
    ) -> Estimate | None:
        """An estimate, or None; a metric that no policy touches is found under whichever policy it
        was written.
        """
        found = self.estimates.get((model, task, group, condition, metric, policy or self.policy))
        if found is None and policy is None:
            for other in theme.POLICIES:
                found = found or self.estimates.get((model, task, group, condition, metric, other))
        return found

    def unread(self, model: str, task: str, group: str, condition: str) -> float | None:
        """The share of answers that could not be read or were cut off."""
        shares = [
            self.estimate(model, task, group, condition, metric)
            for metric in ("unparsed", "unfinished")
        ]
        values = [share.value for share in shares if share is not None and share.value is not None]
        return sum(values) if len(values) == 2 else None


def read_inputs(
    spec: Mapping[str, Any],
    aggregate: Path,
    compare: Path,
    manifests: Path,
    timings: Sequence[Path],
    benchmarks: Path | None = None,
) -> Inputs:
    """Read what the earlier stages wrote. Raises InputError naming every file that is not there."""
    needed = [
        aggregate / f"{name}.parquet"
        for name in ("estimates", "differences", "spread", "positions")
    ]
    needed += [
        compare / name
        for name in ("verdicts.parquet", "claims.json", "published.csv", "planted.json")
    ]
    needed += [
        aggregate / "readings.json",
        compare / "controls.json",
        compare / "unread.json",
        *timings,
    ]
    problems = [
        f"{path}: expected a file of an earlier stage, found none"
        for path in needed
        if not path.is_file()
    ]
    if problems:
        raise InputError(problems)
    try:
        estimates = read_rows(aggregate / "estimates.parquet", Estimate)
        contrasts = aggregate / "contrasts.parquet"
        return Inputs(
            spec=spec,
            estimates={
                (e.model, e.task, e.group, e.context_condition, e.metric, e.policy): e
                for e in estimates
            },
            differences=read_rows(aggregate / "differences.parquet", Difference),
            spread=read_rows(aggregate / "spread.parquet", Spread),
            positions=read_rows(aggregate / "positions.parquet", Position),
            contrasts=read_rows(contrasts, ContrastRow) if contrasts.is_file() else [],
            readings=read_json(aggregate / "readings.json"),
            verdicts=read_rows(compare / "verdicts.parquet", Verdict),
            claims=read_json(compare / "claims.json"),
            published=_read_csv(compare / "published.csv"),
            planted=read_json(compare / "planted.json"),
            controls=read_json(compare / "controls.json"),
            manifests=_manifests(manifests / "models"),
            datasets=_manifests(manifests / "datasets"),
            timings={path.parent.name: read_json(path) for path in sorted(timings)},
            jobs=read_jobs(benchmarks) if benchmarks else (),
            unread_by_wording=read_json(compare / "unread.json"),
        )
    except ValueError as error:
        raise InputError(str(error)) from error


def _manifests(folder: Path) -> dict[str, Any]:
    return {
        path.stem: read_json(path)
        for path in sorted(folder.glob("*.json"))
        if not path.name.startswith(".")
    }


def _read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))
