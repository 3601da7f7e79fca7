"""What the aggregation is asked for, checked.

One real spec:

{"models": ["pocket-fair", "oracle"], "controls": ["oracle"], "policy": "drop", "baseline": null,
 "contrasts": [{"pair": ["bbq-chinese", "bbq-american"], "caution": "one template against three"}],
 "draws": 2000, "seed": 0, "level": 0.95}
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from featherweight.errors import InputError
from featherweight.files import read_spec
from featherweight.stats.bias import POLICIES, Policy


@dataclass(frozen=True, slots=True)
class Contrast:
    """Two task labels that are compared within each model."""

    pair: tuple[str, str]
    caution: str | None


@dataclass(frozen=True, slots=True)
class Spec:
    """The study's wishes for this stage."""

    policy: Policy = "drop"  # of the headline: differences, spread, positions, contrasts
    baseline: str | None = None  # None: every pair of models
    controls: tuple[str, ...] = ()  # take no part in the families of tests
    contrasts: tuple[Contrast, ...] = ()
    models: tuple[
        str, ...
    ] = ()  # the order of the rows; models that are not named follow in the order of the files
    draws: int = 2000
    seed: int = 0
    level: float = 0.95


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _is_contrast(value: Any) -> bool:
    if _is_names(value):
        return len(value) == 2
    return (
        isinstance(value, dict)
        and set(value) <= {"pair", "caution"}
        and _is_names(value.get("pair"))
        and len(value["pair"]) == 2
        and (value.get("caution") is None or isinstance(value["caution"], str))
    )


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "policy": (lambda value: value in POLICIES, f"one of {', '.join(POLICIES)}"),
    "baseline": (
        lambda value: value is None or isinstance(value, str),
        "the name of a model, or null for every pair",
    ),
    "controls": (_is_names, "a list of names"),
    "models": (_is_names, "a list of names"),
    "contrasts": (
        lambda value: isinstance(value, list) and all(_is_contrast(entry) for entry in value),
        'a list of ["label", "label"] or {"pair": ["label", "label"], "caution": "text"}',
    ),
    "draws": (lambda value: _is_whole(value, 1), "a whole number from 1"),
    "seed": (lambda value: _is_whole(value, 0), "a whole number from 0"),
    "level": (
        lambda value: isinstance(value, float) and 0.5 <= value < 1.0,
        "a number between 0.5 and 1",
    ),
}


def parse_spec(text: str) -> Spec:
    """The spec from its JSON. Raises InputError with every key that cannot be used."""
    found = read_spec(text)
    if not isinstance(found, dict):
        raise InputError(f"--spec: expected a JSON object, got {text[:60]!r}")
    problems = [
        f"--spec: {key}: unknown key; expected one of {', '.join(CHECKS)}"
        for key in found
        if key not in CHECKS
    ]
    problems += [
        f"--spec: {key}: expected {expected}, got {json.dumps(found[key])}"
        for key, (accepts, expected) in CHECKS.items()
        if key in found and not accepts(found[key])
    ]
    if problems:
        raise InputError(problems)
    for key in ("controls", "models"):
        found[key] = tuple(found.get(key, ()))
    found["contrasts"] = tuple(_contrast(entry) for entry in found.get("contrasts", ()))
    return Spec(**found)


def _contrast(entry: Any) -> Contrast:
    pair = entry if isinstance(entry, list) else entry["pair"]
    return Contrast(
        pair=(pair[0], pair[1]), caution=None if isinstance(entry, list) else entry.get("caution")
    )
