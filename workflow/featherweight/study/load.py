"""Reads the YAML files of `config/` into checked objects.

Reads `config/config.yaml`, `config/models.yaml` and `config/datasets.yaml`; writes nothing. The
study file is read by `checks`, beside what it says against its models and tasks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from featherweight.documents import Checked, check, nearest, read_document, read_yaml
from featherweight.errors import InputError
from featherweight.study.schema import Config, DatasetFacts, ModelFacts

__all__ = ["Catalogue", "check", "load_catalogue", "load_config", "nearest", "read_document"]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Facts about models and datasets, by name."""

    models: Mapping[str, ModelFacts]
    datasets: Mapping[str, DatasetFacts]


def load_catalogue(folder: Path) -> Catalogue:
    """Models and datasets of a config folder.

    Raises InputError with every mistake of both files.
    """
    problems: list[str] = []
    models = _entries(folder / "models.yaml", ModelFacts, problems)
    datasets = _entries(folder / "datasets.yaml", DatasetFacts, problems)
    for name, facts in models.items():
        if facts.alternative is not None and facts.alternative not in models:
            problems.append(
                f"{folder / 'models.yaml'}: {name}.alternative: unknown model"
                f" {facts.alternative!r}; {nearest(facts.alternative, models)}"
            )
    if problems:
        raise InputError(problems)
    return Catalogue(models, datasets)


def _entries(path: Path, model: type[Checked], problems: list[str]) -> dict[str, Checked]:
    entries = {}
    for name, document in read_yaml(path).items():
        try:
            entries[str(name)] = check(document, model, f"{path}: {name}")
        except InputError as error:
            problems.extend(error.problems)
    return entries


def load_config(document: Mapping[str, object], where: str) -> Config:
    """config.yaml after Snakemake merged `--config` and `--configfile` into it."""
    return check(dict(document), Config, where)
