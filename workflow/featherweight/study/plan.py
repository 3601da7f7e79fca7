"""What will be run: a study with the config's selections applied, as cells of every model.

`stage_specs` makes the spec of each stage from it. One real cell:

    {"task": "bbq", "category": "Age", "seed": 1, "item_seed": 1, "sample_seed": 1}
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import lcm
from pathlib import Path
from typing import TypeVar

from featherweight.cuda import cuda_devices
from featherweight.documents import nearest
from featherweight.errors import InputError
from featherweight.specs import Cell, EngineName, TaskFacts
from featherweight.study.asked import asked, wording_of
from featherweight.study.checks import duplicates, impossible_counts, load_study
from featherweight.study.load import Catalogue, load_catalogue, load_config
from featherweight.study.schema import Config, ModelFacts, Study, TaskEntry

Loaded = TypeVar("Loaded")
WHERE = "config (config.yaml, --configfile or --config)"


@dataclass(frozen=True, slots=True)
class Plan:
    """A study ready to run."""

    name: str
    reason: str  # why this study
    study: Study
    config: Config
    catalogue: Catalogue
    tasks: Mapping[str, TaskFacts]
    engine: EngineName
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

    def task(self, label: str) -> TaskFacts:
        """What is known of the task behind a label."""
        return self.tasks[self.entry(label).task]

    def categories(self, label: str) -> list[str]:
        """The categories of a task entry, in the task's order."""
        return _categories(self.entry(label), self.tasks)

    def policy(self, label: str) -> str:
        """The policy for unread answers of a task entry: its task's own, else the study's."""
        own = self.task(label).policy
        return self.study.policy if own is None else own

    def asked(self, label: str) -> list[str]:
        """The models and controls that a task entry asks, in the study's order."""
        return asked(self.entry(label), self.study, self.catalogue, self.tasks)

    def labels(self, model: str) -> list[str]:
        """The labels of the task entries that ask a model."""
        return [entry.name for entry in self.study.tasks if model in self.asked(entry.name)]

    def alike(self) -> list[list[str]]:
        """The models in groups: those that the same task entries ask have the same cells."""
        groups: dict[tuple[str, ...], list[str]] = {}
        for model in self.models:
            groups.setdefault(tuple(self.labels(model)), []).append(model)
        return list(groups.values())

    def wording(self, label: str, model: str) -> str:
        """The wording in which a task entry asks a model."""
        return wording_of(self.entry(label), self.task(label), self.catalogue.models[model])

    def cells(self, model: str | None = None) -> list[Cell]:
        """Every cell of a model; without one every cell that any model has."""
        first = self.study.seeds[0]
        labels = None if model is None else self.labels(model)
        return [
            Cell(
                task=entry.name,
                category=category,
                seed=seed,
                item_seed=first if self.study.same_items else seed,
                sample_seed=seed,
            )
            for entry in self.study.tasks
            if labels is None or entry.name in labels
            for category in self.categories(entry.name)
            for seed in self.study.seeds
        ]

    def drawn(self, label: str) -> list[str]:
        """What `draw` writes for a task entry: items, the task's facts of them, worked examples."""
        cells, task = [cell for cell in self.cells() if cell.task == label], self.task(label)
        paths = {cell.items_path for cell in cells}
        if task.has_facts:
            paths |= {cell.facts_path for cell in cells}
        if task.has_examples:
            paths |= {cell.examples_path for cell in cells}
        return sorted(paths)


def _categories(entry: TaskEntry, tasks: Mapping[str, TaskFacts]) -> list[str]:
    every = tasks[entry.task].categories
    return [name for name in every if entry.categories == "all" or name in entry.categories]


def make_plan(
    document: Mapping[str, object],
    config_folder: Path,
    tasks: Mapping[str, TaskFacts],
    where: str = WHERE,
) -> Plan:
    """The plan for a merged config. Raises InputError with everything that is wrong."""
    problems: list[str] = []
    config = collect(problems, lambda: load_config(document, where))
    catalogue = collect(problems, lambda: load_catalogue(config_folder))
    if config is None or catalogue is None:
        raise InputError(problems)
    name, reason = _choose_study(config)
    study = collect(problems, lambda: load_study(config_folder, name, catalogue, tasks))
    engine = collect(problems, lambda: _choose_engine(config))
    narrowed = (
        None
        if study is None
        else collect(problems, lambda: _select(study, config, catalogue, tasks))
    )
    if study is None or engine is None or narrowed is None:
        raise InputError(problems)
    partial = _partial(study, narrowed, tasks)
    return Plan(name, reason, narrowed, config, catalogue, tasks, *engine, partial)


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


def _choose_engine(config: Config) -> tuple[EngineName, str]:
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


def _select(
    study: Study, config: Config, catalogue: Catalogue, tasks: Mapping[str, TaskFacts]
) -> Study:
    """The study, narrowed to what the config selects."""
    changes: dict[str, object] = {"dtype": config.dtype or study.dtype}
    problems: list[str] = []
    if config.models is not None:
        every = [*study.models, *study.controls]
        problems += _unknown("models", config.models, every, "is not in this study")
        changes["models"] = [name for name in study.models if name in config.models]
        changes["controls"] = [name for name in study.controls if name in config.models]
    if config.seeds is not None:
        changes["seeds"] = config.seeds
        problems += [f"config: seeds: duplicate seed {seed}" for seed in duplicates(config.seeds)]
    if config.engine == "exllamav2" and changes["dtype"] not in ("auto", "float16"):
        problems.append(
            "config: engine: exllamav2 computes in float16, and dtype of this study is"
            f" {changes['dtype']}; add dtype=float16, or use engine: transformers"
        )
    entries, lines = _select_entries(study, config, tasks)
    if not problems and not lines:
        of_models = study.model_copy(update=changes)
        entries = _with_models(entries, of_models, catalogue, tasks)
        reached = {name for one in entries for name in asked(one, of_models, catalogue, tasks)}
        lines = [*_out_of_reach(reached, config), *_impossible_counts(entries, tasks)]
        changes["models"] = [name for name in of_models.models if name in reached]
        changes["controls"] = [name for name in of_models.controls if name in reached]
        if study.baseline not in reached:
            changes["baseline"] = None
    labels = {entry.name for entry in entries}
    changes["tasks"] = entries
    changes["contrasts"] = [one for one in study.contrasts if set(one.pair) <= labels]
    models = [name for name, facts in catalogue.models.items() if facts.kind != "control"]
    problems += lines
    problems += _unknown("datasets", config.datasets, catalogue.datasets, "is not a dataset")
    problems += _unknown("model_folders", config.model_folders, models, "is not a model")
    if problems:
        raise InputError(problems)
    return study.model_copy(update=changes)


def _unknown(key: str, names: Iterable[str], known: Iterable[str], why: str) -> list[str]:
    every = list(known)
    return [
        f"config: {key}: {name!r} {why}; {nearest(name, every)}"
        for name in names
        if name not in every
    ]


def _select_entries(
    study: Study, config: Config, tasks: Mapping[str, TaskFacts]
) -> tuple[list[TaskEntry], list[str]]:
    """The task entries, narrowed by category and number of prompts, and what is wrong with that."""
    entries, problems = list(study.tasks), []
    if config.categories is not None:
        known = {name for entry in entries for name in tasks[entry.task].categories}
        problems = _unknown("categories", config.categories, known, "is not a category")
        narrowed = []
        for entry in entries:
            kept = [name for name in _categories(entry, tasks) if name in config.categories]
            if kept:
                narrowed.append(entry.model_copy(update={"categories": kept}))
        if not narrowed and not problems:
            problems.append(
                f"config: categories: no task of this study asks {', '.join(config.categories)}"
            )
        entries = narrowed
    if (count := config.prompts_per_category) is not None:
        entries = [
            entry if entry.subset else entry.model_copy(update={"prompts_per_category": count})
            for entry in entries
        ]
    return entries, problems


def _impossible_counts(entries: Sequence[TaskEntry], tasks: Mapping[str, TaskFacts]) -> list[str]:
    """Which of these entries, narrowed, cannot draw so many prompts; numbers that all can."""
    whole = lcm(*(tasks[entry.task].block for entry in entries if not entry.subset))
    return [
        f"config: {line}"
        for entry in entries
        for line in impossible_counts(
            entry, tasks[entry.task], whole=None if entry.subset else whole
        )
    ]


def _with_models(
    entries: Iterable[TaskEntry],
    study: Study,
    catalogue: Catalogue,
    tasks: Mapping[str, TaskFacts],
) -> list[TaskEntry]:
    """The entries that ask a model of a narrowed study; what they name is narrowed, too."""
    kept = []
    for entry in entries:
        names = asked(entry, study, catalogue, tasks)
        if names:
            named = None if entry.models is None else names
            kept.append(entry.model_copy(update={"models": named}))
    return kept


def _out_of_reach(reached: Collection[str], config: Config) -> list[str]:
    """Each model that the config names and no entry that is left asks."""
    within = "" if config.categories is None else f" in {', '.join(config.categories)}"
    return [
        f"config: models: no task of this study asks {name}{within}"
        for name in ([] if config.models is None else config.models)
        if name not in reached
    ]


def _partial(whole: Study, narrowed: Study, tasks: Mapping[str, TaskFacts]) -> str | None:
    """What a selection leaves out, in words for the report's banner."""

    def models(study: Study) -> int:
        return len(study.models) + len(study.controls)

    def categories(study: Study) -> int:
        """Each once, also where several entries ask it."""
        return len({(e.task, name) for e in study.tasks for name in _categories(e, tasks)})

    counts = (
        (models(narrowed), models(whole), "models and controls"),
        (categories(narrowed), categories(whole), "categories"),
        (len(narrowed.seeds), len(whole.seeds), "seeds"),
    )
    said = [f"{now} of {all_} {what}" for now, all_, what in counts if now < all_]
    entry = narrowed.tasks[0]
    after = entry.prompts_per_category
    before = next(one.prompts_per_category for one in whole.tasks if one.name == entry.name)
    if after != before:
        said.append(f"{after} prompts per category where the study asks {before}")
    if narrowed.dtype != whole.dtype:
        said.append(f"{narrowed.dtype} where the study says {whole.dtype}")
    return ", ".join(said) or None
