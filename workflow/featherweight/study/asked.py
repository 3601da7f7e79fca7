"""Whom a task entry asks, and in which wording: models and controls of the study, by name.

An entry that names no models asks every model, and every control that has a rule for its task. One
real message of what may be wrong with that:

    controls.6: no task of this study has a rule for the control 'hesitant'; did you mean 'oracle'?
"""

from __future__ import annotations

from collections.abc import Mapping

from featherweight.documents import nearest
from featherweight.specs import TaskFacts
from featherweight.study.load import Catalogue
from featherweight.study.schema import BY_MODEL, ModelFacts, Study, TaskEntry


def asked(
    entry: TaskEntry, study: Study, catalogue: Catalogue, tasks: Mapping[str, TaskFacts]
) -> list[str]:
    """The models and controls that an entry asks, in the study's order."""
    every = [*study.models, *study.controls]
    if entry.models is not None:
        return [name for name in every if name in entry.models]
    facts = tasks[entry.task]
    return [name for name in every if _can_answer(name, facts, catalogue)]


def _can_answer(name: str, facts: TaskFacts, catalogue: Catalogue) -> bool:
    """Whether a control has a rule for a task; a model answers whatever it is asked."""
    rule = _rule(name, catalogue)
    return rule is None or rule in facts.controls


def _rule(name: str, catalogue: Catalogue) -> str | None:
    return catalogue.models[name].control if name in catalogue.models else None


def wording_of(entry: TaskEntry, facts: TaskFacts, model: ModelFacts) -> str:
    """The wording in which an entry asks a model: the entry's, the model's own, or the first."""
    if entry.wording is None:
        return facts.wordings[0]
    if entry.wording != BY_MODEL:
        return entry.wording
    return model.wordings.get(entry.task, facts.wordings[0])


def mistakes(study: Study, catalogue: Catalogue, tasks: Mapping[str, TaskFacts]) -> list[str]:
    """What is wrong with whom the entries ask, one line each."""
    known = [entry for entry in study.tasks if entry.task in tasks]
    lines = [
        f"tasks.{index}.models{line}"
        for index, entry in enumerate(study.tasks)
        if entry.task in tasks
        for line in _of_entry(entry, study, catalogue, tasks)
    ]
    if len(known) < len(study.tasks):
        return lines  # who is asked by a task that does not exist, nobody can say
    names_of = {entry.name: asked(entry, study, catalogue, tasks) for entry in known}
    lines += [
        f"contrasts.{index}.pair: nobody is asked both {' and '.join(contrast.pair)}; let one model"
        " be asked both, or leave the contrast out"
        for index, contrast in enumerate(study.contrasts)
        if set(contrast.pair) <= names_of.keys()
        and set.isdisjoint(*(set(names_of[label]) for label in contrast.pair))
    ]
    reached = {name for names in names_of.values() for name in names}
    facts = [tasks[entry.task] for entry in known]
    for key, names in (("models", study.models), ("controls", study.controls)):
        for index, name in enumerate(names):
            rule = _rule(name, catalogue)
            if rule is not None and not any(rule in one.controls for one in facts):
                rules = {rule for one in facts for rule in one.controls}
                lines.append(
                    f"{key}.{index}: no task of this study has a rule for the control {rule!r};"
                    f" {nearest(rule, rules)}"
                )
            elif name not in reached:
                lines.append(
                    f"{key}.{index}: no task entry asks {name!r}; add it to the `models` of one, or"
                    " remove it from the study"
                )
    return lines


def _of_entry(
    entry: TaskEntry, study: Study, catalogue: Catalogue, tasks: Mapping[str, TaskFacts]
) -> list[str]:
    """What is wrong with the models of one entry, each line after its key."""
    every, facts = [*study.models, *study.controls], tasks[entry.task]
    lines = []
    for index, name in enumerate([] if entry.models is None else entry.models):
        if name not in every:
            lines.append(f".{index}: {name!r} is not in this study; {nearest(name, every)}")
        elif not _can_answer(name, facts, catalogue):
            rule = _rule(name, catalogue)
            lines.append(
                f".{index}: {entry.task} has no rule for the control {rule!r};"
                f" {nearest(str(rule), facts.controls)}"
            )
        elif entry.models is not None and name in entry.models[:index]:
            lines.append(f".{index}: duplicate model {name!r}; name it once")
    if every and not lines and not asked(entry, study, catalogue, tasks):
        lines.append(
            f": {entry.name} asks nobody: no model of this study, and no control with a rule for"
            f" {entry.task}; add one, or remove the entry"
        )
    return lines


def unknown_wordings(
    study: Study, catalogue: Catalogue, tasks: Mapping[str, TaskFacts]
) -> list[str]:
    """What models.yaml says of the wordings of the study's models, where no task has them."""
    lines = []
    for name in (*study.models, *study.controls):
        if name not in catalogue.models:
            continue
        for task, wording in catalogue.models[name].wordings.items():
            where = f"{name}: wordings.{task}"
            if task not in tasks:
                lines.append(f"{where}: unknown task {task!r}; {nearest(task, tasks)}")
            elif wording not in tasks[task].wordings:
                lines.append(
                    f"{where}: unknown wording {wording!r} of {task};"
                    f" {nearest(wording, tasks[task].wordings)}"
                )
    return lines
