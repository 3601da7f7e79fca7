"""What will be run: a study with the config's selections applied, as cells and as one small spec
per stage and model.

A spec holds exactly what its stage needs, in canonical JSON. It is what a rule carries in `params`
and hands to the command line, so a change of the study reruns what it touches and nothing else. One
real cell:

    {"category": "Age", "item_seed": 1, "sample_seed": 1, "seed": 1, "task": "bbq"}
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from featherweight.cuda import cuda_devices
from featherweight.errors import InputError
from featherweight.study.load import (
    Catalogue,
    impossible_counts,
    load_catalogue,
    load_config,
    load_study,
    nearest,
)
from featherweight.study.schema import Config, ModelFacts, Study, TaskEntry

Loaded = TypeVar("Loaded")
WHERE = "config (config.yaml, --configfile or --config)"


@dataclass(frozen=True, slots=True)
class Cell:
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


@dataclass(frozen=True, slots=True)
class Plan:
    """A study ready to run."""

    name: str
    reason: str  # why this study
    study: Study
    config: Config
    catalogue: Catalogue
    engine: str
    engine_reason: str
    partial: str | None  # what the config leaves out of the study; None: it runs whole

    @property
    def models(self) -> list[str]:
        """Models and controls, in the study's order."""
        return [*self.study.models, *self.study.controls]

    @property
    def datasets(self) -> list[str]:
        """The datasets that the study's tasks read."""
        return list(dict.fromkeys(entry.task for entry in self.study.tasks))

    @property
    def results(self) -> Path:
        """The study's own folder."""
        return Path(self.config.results) / self.name

    def facts(self, model: str) -> ModelFacts:
        """The facts of a model of this study, its folder replaced by the config's if that names
        one.
        """
        facts = self.catalogue.models[model]
        folder = self.config.model_folders.get(model)
        return facts if folder is None else facts.model_copy(update={"folder": folder})

    def entry(self, label: str) -> TaskEntry:
        """The task entry with this label."""
        return next(entry for entry in self.study.tasks if entry.name == label)

    def categories(self, entry: TaskEntry) -> list[str]:
        """The categories of a task entry, in the dataset's order."""
        every = list(self.catalogue.datasets[entry.task].categories)
        wanted = every if entry.categories == "all" else entry.categories
        return [category for category in every if category in wanted]

    def cells(self) -> list[Cell]:
        """Every cell of a model; all models have the same."""
        first = self.study.seeds[0]
        return [
            Cell(entry.name, category, seed, first if self.study.same_items else seed, seed)
            for entry in self.study.tasks
            for category in self.categories(entry)
            for seed in self.study.seeds
        ]


def make_plan(document: Mapping[str, Any], config_folder: Path, where: str = WHERE) -> Plan:
    """The plan for a merged config. Raises InputError with everything that is wrong."""
    problems: list[str] = []
    config = collect(problems, lambda: load_config(document, where))
    catalogue = collect(problems, lambda: load_catalogue(config_folder))
    if config is None or catalogue is None:
        raise InputError(problems)
    name, reason = _choose_study(config)
    study = collect(problems, lambda: load_study(config_folder, name, catalogue))
    engine = collect(problems, lambda: _choose_engine(config))
    narrowed = (
        None if study is None else collect(problems, lambda: _select(study, config, catalogue))
    )
    if study is None or engine is None or narrowed is None:
        raise InputError(problems)
    partial = _partial(study, narrowed, catalogue)
    return Plan(name, reason, narrowed, config, catalogue, *engine, partial)


def collect(problems: list[str], load: Callable[[], Loaded]) -> Loaded | None:
    """What `load` returns; None where it raises InputError, whose lines are added to `problems`."""
    try:
        return load()
    except InputError as error:
        problems.extend(error.problems)
        return None


def _choose_study(config: Config) -> tuple[str, str]:
    if config.study != "auto":
        return config.study, "named in the config"
    if cuda_devices():
        return "smol-but-mighty", "study: auto, and a CUDA GPU is visible"
    return "pocket", "study: auto, and no CUDA GPU is visible"


def _choose_engine(config: Config) -> tuple[str, str]:
    gpu = cuda_devices() > 0
    if config.engine == "exllamav2" and not gpu:
        raise InputError(
            "config: engine: exllamav2 needs a CUDA GPU, and none is visible to this process"
            " (nvidia-smi shows what is there); use engine: transformers, which runs on a CPU too"
        )
    if config.engine != "auto":
        return config.engine, "named in the config"
    # docs/decisions/0005-exllamav2.md: it becomes the default on a GPU once tests/gpu have passed
    # on one.
    return "transformers", "engine: auto" + ("" if gpu else ", and no CUDA GPU is visible")


def _select(study: Study, config: Config, catalogue: Catalogue) -> Study:
    """The study, narrowed to what the config selects."""
    changes: dict[str, Any] = {}
    problems: list[str] = []
    if config.models is not None:
        every = [*study.models, *study.controls]
        problems += [
            f"config: models: {name!r} is not in this study; {nearest(name, every)}"
            for name in config.models
            if name not in every
        ]
        changes["models"] = [name for name in study.models if name in config.models]
        changes["controls"] = [name for name in study.controls if name in config.models]
        if study.baseline is not None and study.baseline not in config.models:
            changes["baseline"] = None
    if config.seeds is not None:
        changes["seeds"] = config.seeds
        twice = sorted({seed for seed in config.seeds if config.seeds.count(seed) > 1})
        problems += [f"config: seeds: the seed {seed} stands twice" for seed in twice]
    changes["dtype"] = config.dtype or study.dtype
    if config.engine == "exllamav2" and changes["dtype"] not in ("auto", "float16"):
        problems.append(
            "config: engine: exllamav2 computes in float16, and dtype of this study is"
            f" {changes['dtype']}; add dtype=float16, or use engine: transformers"
        )
    problems += _select_tasks(study, config, catalogue, changes)
    models = [name for name, facts in catalogue.models.items() if facts.kind != "control"]
    for key, folders, known in (
        ("datasets", config.datasets, list(catalogue.datasets)),
        ("model_folders", config.model_folders, models),
    ):
        problems += [
            f"config: {key}: unknown name {name!r} for folder {folder!r}; {nearest(name, known)}"
            for name, folder in folders.items()
            if name not in known
        ]
    if problems:
        raise InputError(problems)
    return study.model_copy(update=changes)


def _select_tasks(
    study: Study, config: Config, catalogue: Catalogue, changes: dict[str, Any]
) -> list[str]:
    """Narrow the tasks by category and by number of prompts; returns what is wrong."""
    tasks = list(study.tasks)
    problems = []
    if config.categories is not None:
        known = {name for entry in tasks for name in catalogue.datasets[entry.task].categories}
        problems = [
            f"config: categories: unknown category {name!r}; {nearest(name, known)}"
            for name in config.categories
            if name not in known
        ]
        narrowed = []
        for entry in tasks:
            own = (
                catalogue.datasets[entry.task].categories
                if entry.categories == "all"
                else entry.categories
            )
            kept = [name for name in own if name in config.categories]
            if kept:
                narrowed.append(entry.model_copy(update={"categories": kept}))
        if not narrowed and not problems:
            problems.append(
                f"config: categories: no task of this study asks {', '.join(config.categories)}"
            )
        tasks = narrowed
    if config.prompts_per_category is not None:
        tasks = [
            (
                entry
                if entry.subset
                else entry.model_copy(update={"prompts_per_category": config.prompts_per_category})
            )
            for entry in tasks
        ]
    for entry in tasks:
        problems += [
            f"config: {line}" for line in impossible_counts(entry, catalogue.datasets[entry.task])
        ]
    labels = {entry.name for entry in tasks}
    changes["tasks"] = tasks
    changes["contrasts"] = [
        contrast for contrast in study.contrasts if set(contrast.pair) <= labels
    ]
    return problems


def _partial(whole: Study, narrowed: Study, catalogue: Catalogue) -> str | None:
    """What a selection leaves out, in words for the report's banner."""

    def models(study: Study) -> int:
        return len(study.models) + len(study.controls)

    def categories(study: Study) -> int:
        every = {name: list(facts.categories) for name, facts in catalogue.datasets.items()}
        asked = {
            (e.task, c)
            for e in study.tasks
            for c in (every[e.task] if e.categories == "all" else e.categories)
        }
        return len(asked)  # each once, also where several entries ask it

    counts = (
        (models(narrowed), models(whole), "models and controls"),
        (categories(narrowed), categories(whole), "categories"),
        (len(narrowed.seeds), len(whole.seeds), "seeds"),
    )
    said = [f"{now} of {all_} {what}" for now, all_, what in counts if now < all_]
    before, after = whole.tasks[0].prompts_per_category, narrowed.tasks[0].prompts_per_category
    if after != before:
        said.append(f"{after} prompts per category where the study asks {before}")
    if narrowed.dtype != whole.dtype:
        said.append(f"{narrowed.dtype} where the study says {whole.dtype}")
    return ", ".join(said) or None


def cell_spec(cell: Cell) -> dict[str, Any]:
    """A cell as it stands in specs."""
    return dataclasses.asdict(cell)
