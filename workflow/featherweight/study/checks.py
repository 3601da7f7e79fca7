"""What a study asks for, against what its models and tasks have: every mismatch is one line.

Reads `config/studies/<study>.yaml`; writes nothing. One real message:

    config/studies/pocket.yaml: tasks.0.subset: unknown key 'levle' of pocket; expected no subset
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from featherweight.documents import check, nearest, read_yaml
from featherweight.errors import InputError
from featherweight.records import ALL
from featherweight.specs import PlantedSpec, TaskFacts
from featherweight.study.asked import asked, mistakes, unknown_wordings, wording_of
from featherweight.study.load import Catalogue
from featherweight.study.schema import BY_MODEL, Contrast, Study, TaskEntry

Tasks = Mapping[str, TaskFacts]
One = TypeVar("One", bound=Hashable)


def load_study(folder: Path, name: str, catalogue: Catalogue, tasks: Tasks) -> Study:
    """The study of this name, checked against the catalogue and the tasks.

    Raises InputError with every mistake.
    """
    path = folder / "studies" / f"{name}.yaml"
    if not path.is_file():
        known = [file.stem for file in (folder / "studies").glob("*.yaml")]
        raise InputError(
            f"study: unknown study {name!r}; {nearest(name, [*known, 'auto'])} (a file in"
            f" {folder / 'studies'}/)"
        )
    study = check(read_yaml(path), Study, str(path))
    problems = [f"{path}: {line}" for line in _mismatches(study, catalogue, tasks)]
    of_models = [*_planted(study, catalogue, tasks), *unknown_wordings(study, catalogue, tasks)]
    problems += [f"{folder / 'models.yaml'}: {line}" for line in of_models]
    if problems:
        raise InputError(problems)
    return study


def duplicates(values: Iterable[One]) -> list[One]:
    """Each value that occurs more than once, in order of first occurrence."""
    return [value for value, times in Counter(values).items() if times > 1]


def _mismatches(study: Study, catalogue: Catalogue, tasks: Tasks) -> list[str]:
    labels = [entry.name for entry in study.tasks]
    lines = _models(study, catalogue)
    lines += [
        f"tasks: duplicate label {name!r}; give one of them another `label`"
        for name in duplicates(labels)
    ]
    for index, entry in enumerate(study.tasks):
        lines += [f"tasks.{index}.{line}" for line in _task(entry, study, catalogue, tasks)]
    for index, contrast in enumerate(study.contrasts):
        lines += [f"contrasts.{index}.pair: {line}" for line in _contrast(contrast, study, tasks)]
    lines += mistakes(study, catalogue, tasks)
    lines += _policies(study, tasks)
    lines += _likelihood(study)
    lines += _repeated(study)
    lines += _cut(study, catalogue)
    lines += [f"seeds: duplicate seed {seed}" for seed in duplicates(study.seeds)]
    greedy = study.decoding.temperature == 0 and not study.decoding_by_model
    if study.same_items and len(study.seeds) > 1 and greedy:
        lines.append(
            "seeds: with same_items and temperature 0 every seed gives the same answers; use one"
            " seed, or a temperature"
        )
    return lines


def _models(study: Study, catalogue: Catalogue) -> list[str]:
    """What is wrong with the models that a study names."""
    every = [*study.models, *study.controls]
    lines = [] if every else ["models: expected at least one model or control, got neither"]
    for key, names, home in (
        ("models", study.models, "models"),
        ("controls", study.controls, "controls"),
    ):
        for index, name in enumerate(names):
            facts = catalogue.models.get(name)
            if facts is None:
                lines.append(
                    f"{key}.{index}: unknown model {name!r}; {nearest(name, catalogue.models)}"
                )
            elif (facts.kind == "control") is not (home == "controls"):
                other = "models" if home == "controls" else "controls"
                lines.append(
                    f"{key}.{index}: {name!r} is of kind {facts.kind}; it belongs under {other}"
                )
    lines += [f"models: duplicate model {name!r}" for name in duplicates(every)]
    lines += [
        f"decoding_by_model.{name}: not a model of this study; {nearest(name, every)}"
        for name in study.decoding_by_model
        if name not in every
    ]
    if study.baseline is not None and study.baseline not in every:
        lines.append(
            f"baseline: not a model of this study, got {study.baseline!r};"
            f" {nearest(study.baseline, every)}"
        )
    return lines


def _task(entry: TaskEntry, study: Study, catalogue: Catalogue, tasks: Tasks) -> list[str]:
    """What is wrong with one task entry."""
    facts = tasks.get(entry.task)
    if facts is None:
        return [f"task: {_no_task(entry.task, catalogue, tasks)}"]
    lines = []
    if entry.task not in catalogue.datasets:
        lines.append(
            f"task: {entry.task!r} has no entry in config/datasets.yaml; add one that says where"
            " its files come from"
        )
    if entry.wording not in (None, BY_MODEL, *facts.wordings):
        lines.append(
            f"wording: unknown wording {entry.wording!r} of {entry.task};"
            f" {nearest(str(entry.wording), [*facts.wordings, BY_MODEL])}"
        )
    if not facts.has_examples:
        lines += [
            f"wording: {wording!r} shows worked examples, and {entry.task} has none; take a wording"
            " without them, or give the task `examples`"
            for wording in _wordings(entry, facts, study, catalogue)
            if wording in facts.with_shots
        ]
    if entry.answers == "likelihood" and not facts.has_options:
        lines.append(
            f"answers: likelihood chooses among options, and {entry.task} has none: its answers are"
            " written freely; use answers: generated"
        )
    categories = facts.categories if entry.categories == "all" else entry.categories
    lines += [
        f"categories: unknown category {name!r} of {entry.task}; {nearest(name, facts.categories)}"
        for name in categories
        if name not in facts.categories
    ]
    return [*lines, *_subset(entry, facts), *impossible_counts(entry, facts)]


def _wordings(entry: TaskEntry, facts: TaskFacts, study: Study, catalogue: Catalogue) -> list[str]:
    """The wordings in which an entry asks its models, each once."""
    if entry.wording != BY_MODEL:
        return [facts.wordings[0] if entry.wording is None else entry.wording]
    names = asked(entry, study, catalogue, {entry.task: facts})
    models = [catalogue.models[name] for name in names if name in catalogue.models]
    return list(dict.fromkeys(wording_of(entry, facts, model) for model in models))


def _no_task(name: str, catalogue: Catalogue, tasks: Tasks) -> str:
    """Why a name is no task: a dataset without a task's file, or nothing at all."""
    if name not in catalogue.datasets:
        return f"unknown task {name!r}; {nearest(name, tasks)}"
    file = f"workflow/featherweight/tasks/{name}"
    return (
        f"{name!r} stands in config/datasets.yaml, but there is no file {file}.py or"
        f" {file}/__init__.py that says how to ask it; tasks so far: {', '.join(sorted(tasks))}"
    )


def _subset(entry: TaskEntry, facts: TaskFacts) -> list[str]:
    lines = []
    for key, value in (entry.subset or {}).items():
        known = facts.subset_keys
        if key not in known:
            hint = nearest(key, known) if known else "this task has no subsets: leave it out"
            lines.append(f"subset: unknown key {key!r} of {entry.task}; {hint}")
        elif type(value) is not known[key]:
            lines.append(
                f"subset.{key}: expected {_KINDS[known[key]]}, got {value!r}; correct the value"
            )
    return lines


_KINDS = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}


def _contrast(contrast: Contrast, study: Study, tasks: Tasks) -> list[str]:
    """What is wrong with a contrast: labels that do not exist, are one, or differ in strata."""
    by_label = {entry.name: entry.task for entry in study.tasks}
    lines = [
        f"unknown task label {name!r}; {nearest(name, by_label)}"
        for name in dict.fromkeys(contrast.pair)
        if name not in by_label
    ]
    lines += [
        f"expected two different labels, got {name!r} twice; compare it with another label, or"
        " leave the contrast out"
        for name in duplicates(contrast.pair)
    ]
    first, second = (tasks.get(by_label.get(name, "")) for name in contrast.pair)
    if first is not None and second is not None and first.strata != second.strata:
        strata = " and ".join(
            f"{facts.name} has {', '.join(facts.strata) or 'none'}" for facts in (first, second)
        )
        lines.append(
            f"expected two labels with the same strata, got {strata}; compare labels of one task,"
            " or leave the contrast out"
        )
    return lines


def _policies(study: Study, tasks: Tasks) -> list[str]:
    """The policy for unread answers that a task without one of its own does not have."""
    return [
        f"policy: {facts.name} has no policy {study.policy!r};"
        f" {nearest(study.policy, facts.policies)}"
        for facts in _tasks_of(study, tasks)
        if facts.policy is None and study.policy not in facts.policies
    ]


def _tasks_of(study: Study, tasks: Tasks) -> list[TaskFacts]:
    names = dict.fromkeys(entry.task for entry in study.tasks)
    return [tasks[name] for name in names if name in tasks]


def _planted(study: Study, catalogue: Catalogue, tasks: Tasks) -> list[str]:
    """What models.yaml says is planted in a model of the study, where no task can show it."""
    lines = []
    for name in study.models:
        planted = catalogue.models[name].planted if name in catalogue.models else []
        for index, one in enumerate(planted):
            where = f"{name}: planted.{index}"
            if one.task not in tasks:
                lines.append(f"{where}.task: unknown task {one.task!r}; {nearest(one.task, tasks)}")
            elif one.stratum not in (known := [*tasks[one.task].strata, ALL]):
                lines.append(
                    f"{where}.stratum: unknown stratum {one.stratum!r} of {one.task};"
                    f" {nearest(one.stratum, known)}"
                )
            elif one.table is not None:
                lines += [f"{where}.{line}" for line in _table(one, tasks[one.task])]
        tables: dict[str, set[str]] = {}
        for one in planted:
            if one.table is not None:
                tables.setdefault(one.task, set()).add(one.table)
        lines += [
            f"{name}: planted: expected one table of {task}, got {' and '.join(sorted(several))}"
            for task, several in tables.items()
            if len(several) > 1
        ]
    return lines


def _cut(study: Study, catalogue: Catalogue) -> list[str]:
    """Models with a planted table whose sampling is cut: what is known of them holds without."""
    asked, lines = {entry.task for entry in study.tasks}, []
    for name in study.models:
        planted = catalogue.models[name].planted if name in catalogue.models else []
        change = study.decoding_by_model.get(name)
        for key, off in (("top_p", 1.0), ("top_k", 0)):
            own = None if change is None else getattr(change, key)
            value = getattr(study.decoding, key) if own is None else own
            if value != off and any(one.table is not None and one.task in asked for one in planted):
                lines.append(
                    f"decoding.{key}: expected {off:g} for {name}, got {value:g}: how often it is"
                    f" right is known without cuts; add {name}: {{{key}: {off:g}}} to"
                    " decoding_by_model"
                )
    return lines


def _table(one: PlantedSpec, facts: TaskFacts) -> list[str]:
    """What is wrong with a planted table: only what it says of accuracy is known."""
    lines = []
    if not facts.planted_tables:
        lines.append(f"table: {facts.name} has no planted tables; give a value")
    elif one.table not in facts.planted_tables:
        lines.append(
            f"table: unknown table {one.table!r} of {facts.name};"
            f" {nearest(str(one.table), facts.planted_tables)}"
        )
    if one.metric != "accuracy":
        lines.append(f"metric: a table is known to give the accuracy, got {one.metric!r}")
    return lines


def _likelihood(study: Study) -> list[str]:
    """Keys that mean nothing where answers are chosen by likelihood: nothing is sampled."""
    chosen = [index for index, entry in enumerate(study.tasks) if entry.answers == "likelihood"]
    lines = [
        f"tasks.{index}.samples_per_prompt: has no effect: the task is scored by likelihood, so"
        " nothing is sampled; remove it"
        for index in chosen
        if study.tasks[index].samples_per_prompt is not None
    ]
    if study.same_items and len(study.seeds) > 1:
        lines += [
            f"tasks.{index}.answers: with same_items every seed gives the same likelihoods; use one"
            " seed, or leave same_items out"
            for index in chosen
        ]
    if len(chosen) == len(study.tasks):
        no_effect = (
            "has no effect: every task is scored by likelihood, so nothing is sampled; remove it"
        )
        if study.samples_per_prompt > 1:
            lines.append(f"samples_per_prompt: {study.samples_per_prompt} {no_effect}")
        if study.decoding.temperature > 0:
            lines.append(f"decoding.temperature: {study.decoding.temperature:g} {no_effect}")
        lines += [f"decoding_by_model.{name}: {no_effect}" for name in study.decoding_by_model]
    return lines


def _repeated(study: Study) -> list[str]:
    """Samples of one prompt that would all be the same answer, each counted: greedy decoding.

    Controls answer by rules, whatever the temperature.
    """
    written = [(index, one) for index, one in enumerate(study.tasks) if one.answers == "generated"]
    lines = _repeated_by(
        study,
        "samples_per_prompt",
        study.samples_per_prompt,
        [entry for _, entry in written if entry.samples_per_prompt is None],
    )
    for index, entry in written:
        if entry.samples_per_prompt is not None:
            where = f"tasks.{index}.samples_per_prompt"
            lines += _repeated_by(study, where, entry.samples_per_prompt, [entry])
    return list(dict.fromkeys(lines))


def _repeated_by(study: Study, where: str, count: int, entries: Sequence[TaskEntry]) -> list[str]:
    """The same, of the entries that get this many samples, as the key `where` says."""
    if count == 1:
        return []
    every = (
        f"all {count} samples of a prompt are the same answer; use samples_per_prompt: 1, or a"
        " temperature"
    )
    changes = study.decoding_by_model
    own = {
        name: changes[name].temperature if name in changes else None
        for name in study.models
        if any(entry.models is None or name in entry.models for entry in entries)
    }
    lines = [
        f"decoding_by_model.{name}.temperature: with temperature 0 {every}"
        for name, temperature in own.items()
        if temperature == 0
    ]
    if study.decoding.temperature == 0 and None in own.values():
        lines.append(f"{where}: with temperature 0 {every}")
    return lines


def impossible_counts(entry: TaskEntry, facts: TaskFacts, whole: int | None = None) -> list[str]:
    """Why a number of prompts cannot be drawn: not whole blocks, or more than a category has.

    `whole`: multiples of it are what is proposed; None: of the task's own blocks.
    """
    count = entry.prompts_per_category
    if count == "all":
        return []
    where = f"prompts_per_category of {entry.name}"
    if count % facts.block:
        step = whole or facts.block
        below = count - count % step
        near = f"{below} or {below + step}" if below else str(step)
        return [
            f"{where}: expected a multiple of {facts.block} (items come in whole blocks), got"
            f" {count}; try {near}"
        ]
    categories: Sequence[str] = (
        list(facts.categories) if entry.categories == "all" else entry.categories
    )
    return [
        f"{where}: expected at most the {size} items of {name}, got {count}"
        for name in categories
        if entry.subset is None
        and (size := facts.categories.get(name)) is not None
        and size < count
    ]
