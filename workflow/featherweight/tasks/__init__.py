"""The tasks: for each benchmark its items, the ways its questions may be put, and how an answer is
read.

A task is one module with a `TASK` object; adding a dataset is adding one file and one line to
`task()`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from featherweight.records import Item
from featherweight.tasks.choice import Wording

TASK_NAMES = ("bbq", "pocket")


@dataclass(frozen=True, slots=True)
class Task:
    """A benchmark. `load` reads one category's items from the dataset's folder, checked."""

    name: str
    dataset: str  # its entry in config/datasets.yaml
    categories: tuple[str, ...]
    wordings: Mapping[str, Wording]  # the first is the default
    load: Callable[[Path, str], list[Item]]
    block_size: int


def task(name: str) -> Task:
    """The task of this name. Raises LookupError for an unknown one."""
    if name not in TASK_NAMES:
        raise LookupError(f"unknown task {name!r}: expected one of {', '.join(TASK_NAMES)}")
    found: Task = import_module(f"featherweight.tasks.{name}").TASK
    return found
