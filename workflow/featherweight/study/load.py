"""Reads the YAML files of `config/` into checked objects, and says everything that is wrong with
them at once.

Reads `config/config.yaml`, `config/models.yaml`, `config/datasets.yaml`,
`config/studies/<study>.yaml`; writes nothing. One real message:

    config/studies/laptop.yaml: decoding.temprature: unknown key, got 0.7; did you mean
        'temperature'?
"""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from featherweight.errors import InputError
from featherweight.study.schema import Config, DatasetFacts, ModelFacts, Study, TaskEntry

Checked = TypeVar("Checked", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Facts about models and datasets, by name."""

    models: Mapping[str, ModelFacts]
    datasets: Mapping[str, DatasetFacts]


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint that ends a message: the known word most like this one, or all of them when none
    is."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"expected one of {', '.join(names)}" if names else "none is known"


class _UniqueKeys(yaml.SafeLoader):
    """SafeLoader that refuses a key that stands twice in one mapping (YAML keeps the last,
    silently).
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key.value!r} stands twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_document(path: Path) -> Any:
    """What a YAML file holds.

    Raises InputError with file and line for what cannot be read, or a key given twice.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeys)  # noqa: S506 (a SafeLoader)
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such file; it belongs to the repository: restore it (git checkout {path})"
        ) from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: expected UTF-8 text, got byte {error.start} that is not"
        ) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise InputError(f"{line}: not YAML: {error.problem or error.context}") from None


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file. Raises InputError with file and line for what is not one."""
    document = read_document(path)
    if not isinstance(document, dict):
        raise InputError(f"{path}: expected keys with values, got {type(document).__name__}")
    return document


def check(document: object, model: type[Checked], where: str) -> Checked:
    """The document as a checked object. Raises InputError with one line per mistake."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        found = [dict(problem) for problem in error.errors(include_url=False)]
        # A union complains once per branch: the word that stands for everything says little about a
        # wrong number.
        places = [_place(one) for one in found]
        said = [
            one for one in found if one["type"] != "literal_error" or places.count(_place(one)) == 1
        ]
        raise InputError(
            list(dict.fromkeys(_line(problem, model, where) for problem in said))
        ) from None


_WORDING = {
    "Input should be a valid list": "expected a list such as [a, b]",
    "Input should be": "expected",
    "String should match pattern": "expected text like",
    "List should have at least 1 item after validation, not 0": (
        "expected a list with at least one entry"
    ),
}


def _line(problem: dict[str, Any], model: type[BaseModel], where: str) -> str:
    location = _place(problem)
    key = ".".join(str(part) for part in location)
    got = problem.get("input")
    shown = repr(got) if not isinstance(got, dict | list) else f"{type(got).__name__} of {len(got)}"
    if problem["type"] == "extra_forbidden":
        hint = nearest(str(location[-1]), _keys_at(model, location[:-1]))
        return f"{where}: {key}: unknown key, got {shown}; {hint}"
    if problem["type"] == "missing":
        return f"{where}: {key}: this key is needed and missing"
    said = problem["msg"].removeprefix("Value error, ")
    expected = said
    for pydantic_says, we_say in _WORDING.items():
        expected = expected.replace(pydantic_says, we_say)
    hint = ""
    if problem["type"] == "literal_error" and isinstance(got, str):
        choices = [
            word.strip("'") for word in problem["ctx"]["expected"].replace(" or ", ", ").split(", ")
        ]
        hint = "; " + nearest(got, choices)
    return f"{where}: {key + ': ' if key else ''}{expected}, got {shown}{hint}"


def _place(problem: Mapping[str, Any]) -> list[Any]:
    return [part for part in problem["loc"] if not _is_type_tag(part)]


def _is_type_tag(part: object) -> bool:
    """Pydantic puts the branch of a union into the location ("literal['all']"); a person has no use
    for it.
    """
    return isinstance(part, str) and (
        "[" in part or part in {"int", "str", "float", "bool", "constrained-int"}
    )


def _keys_at(model: type[BaseModel], location: list[Any]) -> list[str]:
    """The keys that are known at this place of the model."""
    current: Any = model
    for part in location:
        if isinstance(part, str) and isinstance(current, type) and issubclass(current, BaseModel):
            if part not in current.model_fields:
                return []
            current = _inner_model(current.model_fields[part].annotation)
        if current is None:
            return []
    return (
        list(current.model_fields)
        if isinstance(current, type) and issubclass(current, BaseModel)
        else []
    )


def _inner_model(annotation: Any) -> Any:
    """The pydantic model inside list[...], dict[...], Optional[...] or Annotated[...], if there is
    one.
    """
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return annotation if issubclass(annotation, BaseModel) else None
    for inner in typing.get_args(annotation):
        found = _inner_model(inner)
        if found is not None:
            return found
    return None


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
    found = {}
    for name, document in read_yaml(path).items():
        try:
            found[str(name)] = check(document, model, f"{path}: {name}")
        except InputError as error:
            problems.extend(error.problems)
    return found


def load_config(document: Mapping[str, Any], where: str) -> Config:
    """config.yaml after Snakemake merged `--config` and `--configfile` into it."""
    return check(dict(document), Config, where)


def load_study(folder: Path, name: str, catalogue: Catalogue) -> Study:
    """The study of this name, checked against the catalogue.

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
    problems = [f"{path}: {line}" for line in _mismatches(study, catalogue)]
    if problems:
        raise InputError(problems)
    return study


def _mismatches(study: Study, catalogue: Catalogue) -> list[str]:
    """What a study says that its catalogue does not bear out."""
    labels = [entry.name for entry in study.tasks]
    lines = _model_mismatches(study, catalogue)
    lines += [
        f"tasks: the label {name!r} stands twice; give one of them another `label`"
        for name in _twice(labels)
    ]
    for index, entry in enumerate(study.tasks):
        lines += [f"tasks.{index}.{line}" for line in _task_mismatches(entry, catalogue)]
    for index, contrast in enumerate(study.contrasts):
        unknown = [name for name in contrast.pair if name not in labels]
        lines += [
            f"contrasts.{index}.pair: unknown task label {name!r}; {nearest(name, labels)}"
            for name in unknown
        ]
    lines += _likelihood_mismatches(study)
    lines += [f"seeds: the seed {seed} stands twice" for seed in _twice(study.seeds)]
    if (
        study.same_items
        and len(study.seeds) > 1
        and study.decoding.temperature == 0
        and not study.decoding_by_model
    ):
        lines.append(
            "seeds: with same_items and temperature 0 every seed gives the same answers; use one"
            " seed, or a temperature"
        )
    return lines


def _likelihood_mismatches(study: Study) -> list[str]:
    """What a study asks of answers that come from likelihood and cannot have: nothing of them is
    drawn.
    """
    by_likelihood = [
        index for index, entry in enumerate(study.tasks) if entry.answers == "likelihood"
    ]
    lines = []
    if study.same_items and len(study.seeds) > 1:
        lines += [
            f"tasks.{index}.answers: with same_items every seed gives the same likelihoods; use one"
            " seed, or leave same_items out"
            for index in by_likelihood
        ]
    if len(by_likelihood) == len(study.tasks):
        nothing = (
            "has no effect where every task's answers come from likelihood: nothing is drawn; leave"
            " it out"
        )
        if study.samples_per_prompt > 1:
            lines.append(f"samples_per_prompt: {study.samples_per_prompt} {nothing}")
        if study.decoding.temperature > 0:
            lines.append(f"decoding.temperature: {study.decoding.temperature:g} {nothing}")
        lines += [f"decoding_by_model.{name}: {nothing}" for name in study.decoding_by_model]
    return lines


def _model_mismatches(study: Study, catalogue: Catalogue) -> list[str]:
    """What is wrong with the models that a study names."""
    every = [*study.models, *study.controls]
    lines = []
    for key, names, wanted in (("models", study.models, False), ("controls", study.controls, True)):
        for index, name in enumerate(names):
            facts = catalogue.models.get(name)
            if facts is None:
                lines.append(
                    f"{key}.{index}: unknown model {name!r}; {nearest(name, catalogue.models)}"
                )
            elif (facts.kind == "control") is not wanted:
                home = "models" if wanted else "controls"
                lines.append(
                    f"{key}.{index}: {name!r} is of kind {facts.kind}; it belongs under {home}"
                )
    lines += (
        []
        if every
        else ["models: expected at least one model, or a control under controls, got neither"]
    )
    lines += [f"models: {name!r} stands twice" for name in _twice(every)]
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


def _twice(names: Sequence[Any]) -> list[Any]:
    return sorted({name for name in names if names.count(name) > 1})


def _task_mismatches(entry: TaskEntry, catalogue: Catalogue) -> list[str]:
    facts = catalogue.datasets.get(entry.task)
    if facts is None or not facts.wordings:
        known = [name for name, one in catalogue.datasets.items() if one.wordings]
        return [f"task: unknown task {entry.task!r}; {nearest(entry.task, known)}"]
    lines = []
    if entry.wording is not None and entry.wording not in facts.wordings:
        lines.append(
            f"wording: unknown wording {entry.wording!r} of {entry.task};"
            f" {nearest(entry.wording, facts.wordings)}"
        )
    wanted = facts.categories if entry.categories == "all" else entry.categories
    lines += [
        f"categories: unknown category {name!r} of {entry.task}; {nearest(name, facts.categories)}"
        for name in wanted
        if name not in facts.categories
    ]
    return lines + impossible_counts(entry, facts)


def impossible_counts(entry: TaskEntry, facts: DatasetFacts) -> list[str]:
    """Why a number of prompts cannot be drawn: items come in whole blocks, and a category has only
    so many.
    """
    count = entry.prompts_per_category
    if count == "all":
        return []
    where = f"prompts_per_category of {entry.name}"
    if facts.block is not None and count % facts.block:
        below = count - count % facts.block
        near = f"{below} or {below + facts.block}" if below else str(facts.block)
        return [
            f"{where}: expected a multiple of {facts.block} (items come in whole blocks), got"
            f" {count}; try {near}"
        ]
    wanted = facts.categories if entry.categories == "all" else entry.categories
    return [
        f"{where}: expected at most the {size} items of {name}, got {count}"
        for name in wanted
        if entry.subset is None
        and (size := facts.categories.get(name)) is not None
        and size < count
    ]
