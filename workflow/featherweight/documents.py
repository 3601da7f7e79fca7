"""YAML and JSON documents, checked against pydantic models: every mistake is one line.

Reads what it is given, writes nothing. One real message:

    config/studies/laptop.yaml: decoding.temprature: unknown key, got 0.7; did you mean
        'temperature'?
"""

from __future__ import annotations

import difflib
import re
import typing
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from featherweight.errors import InputError

Checked = TypeVar("Checked", bound=BaseModel)


def nearest(word: str, known: Iterable[str]) -> str:
    """The hint that ends a message: the known word most like this one, or all known words."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"expected one of {', '.join(names)}" if names else "none is known"


# libyaml reads ten times as fast; PyYAML's own parser stands in where it was built without.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _UniqueKeys(_SafeLoader):  # type: ignore[misc]
    """SafeLoader that refuses duplicate keys, of which YAML silently keeps the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                raise yaml.MarkedYAMLError(
                    problem=f"duplicate key {key.value!r}", problem_mark=key.start_mark
                )
            seen.add(key.value)
        made: dict[Any, Any] = super().construct_mapping(node, deep)
        return made


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
        # A union complains once per branch; the last one says more than the word before it.
        by_place = {
            _place(document, problem["loc"]): problem
            for problem in error.errors(include_url=False, include_context=True)
        }
    raise InputError([_line(place, said, model, where) for place, said in by_place.items()])


def _line(
    place: tuple[int | str, ...], problem: ErrorDetails, model: type[BaseModel], where: str
) -> str:
    key, got = ".".join(map(str, place)), problem["input"]
    where = f"{where}: {key}" if key else where
    if problem["type"] == "missing":
        return f"{where}: missing key"
    shown = f"{type(got).__name__} of {len(got)}" if isinstance(got, dict | list) else repr(got)
    if problem["type"] == "extra_forbidden":
        known = _model_at(model, place[:-1]).model_fields
        return f"{where}: unknown key, got {shown}; {nearest(str(place[-1]), known)}"
    said = problem["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
    if problem["type"] == "model_type":
        said = "expected keys with values"
    hint = ""
    if problem["type"] == "literal_error" and isinstance(got, str):
        hint = "; " + nearest(got, re.findall(r"'([^']*)'", problem["ctx"]["expected"]))
    return f"{where}: {said}, got {shown}{hint}"


def _place(document: object, location: Sequence[int | str]) -> tuple[int | str, ...]:
    """The keys of a location, without pydantic's notes (`[key]`, the `list[str]` of a union)."""
    place: list[int | str] = []
    for part in location:
        if part == "[key]":
            continue
        if isinstance(document, Mapping):
            document = document.get(part)
        elif isinstance(document, list) and isinstance(part, int):
            document = document[part]
        else:
            continue
        place.append(part)
    return tuple(place)


def _model_at(model: type[BaseModel], place: Iterable[int | str]) -> type[BaseModel]:
    """The model that stands at this place of a document."""
    for part in place:
        if part in model.model_fields:
            inner = _models_in(model.model_fields[str(part)].annotation)
            model = inner[0] if inner else model
    return model


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in typing.get_args(annotation) for model in _models_in(inner)]
