"""A task's file that cannot work is one line, not a traceback in the middle of a study."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from featherweight import tasks
from featherweight.errors import InputError

HEAD = """
from featherweight.records import Choices, Reading
from featherweight.specs import Wording
from featherweight.tasks import Loaded, Task
from featherweight.tasks.choice import LETTER

FREE = Wording(name="free", user="{question}")
MUTE = Wording(name="mute", user="{question} {options}", option="{letter}")


def choices(item, facts):
    return Choices("", item.question, item.options)


def read(text, item, finish):
    return Reading(text, "whole", None)


def load(folder, category):
    return Loaded((), ())

"""
KEYS = 'name="made_up", categories={}, wordings=(LETTER,), load=load, controls={}'

# (what the file ends with, what is said of it; nothing: it is a task)
SLIPS = [
    (f"TASK = Task({KEYS}, choices=choices)", []),
    (f"TASK = Task({KEYS.replace('LETTER', 'FREE')}, choices=None, read=read)", []),
    (
        f"TASK = Task({KEYS.replace('made_up', 'made-up')}, choices=choices)",
        ["expected the TASK of this file to have the name 'made_up', got 'made-up'"],
    ),
    (
        f"TASK = Task({KEYS}, choices=None)",
        ["task made_up: expected `choices`, or `read` where answers are written freely"],
    ),
    (
        f"TASK = Task({KEYS.replace('LETTER', 'LETTER, FREE, MUTE')}, choices=choices)",
        [
            "wording 'free' has no `option`",
            "wording 'free' has no `answer`",
            "wording 'mute' has no `answer`",
        ],
    ),
    ("", ["featherweight.tasks.made_up: expected a TASK, got none"]),
    ("TASK = 3", ["featherweight.tasks.made_up: expected a TASK, got 3"]),
    (
        f"TASK = Task({KEYS})",
        ["featherweight.tasks.made_up: Task missing 1 required keyword-only argument: 'choices'"],
    ),
    (
        f"TASK = Task({KEYS}, choices=choices, sratta=())",
        ["featherweight.tasks.made_up: Task got an unexpected keyword argument 'sratta'"],
    ),
]


@pytest.fixture
def tasks_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A second folder in which tasks are found."""
    monkeypatch.setattr(tasks, "__path__", [*tasks.__path__, str(tmp_path)])
    monkeypatch.setattr(tasks, "task_names", lambda: ("made_up",))
    importlib.invalidate_caches()
    yield tmp_path
    sys.modules.pop("featherweight.tasks.made_up", None)


@pytest.mark.parametrize(("ending", "expected"), SLIPS)
def test_a_slip_of_a_tasks_author_is_one_line_each(
    tasks_folder: Path, ending: str, expected: list[str]
) -> None:
    (tasks_folder / "made_up.py").write_text(HEAD + ending + "\n", encoding="utf-8")
    if not expected:
        assert tasks.task("made_up").name == "made_up"
        return
    with pytest.raises(InputError) as caught:
        tasks.task("made_up")
    assert len(caught.value.problems) == len(expected)
    for problem, words in zip(caught.value.problems, expected, strict=True):
        assert words in problem
        assert "\n" not in problem


def test_a_fault_of_pythons_own_keeps_its_traceback(tasks_folder: Path) -> None:
    (tasks_folder / "made_up.py").write_text(HEAD + "len(3)\n", encoding="utf-8")
    with pytest.raises(TypeError, match="has no len"):
        tasks.task("made_up")
