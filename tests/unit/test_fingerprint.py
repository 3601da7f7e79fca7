"""An edit reruns the stages that use what was edited, however deep, and none before them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from featherweight.fingerprint import KEPT, fingerprint, modules

STAGES = ["acquire", "prompts", "generate", "score", "aggregate", "compare", "report"]


@pytest.fixture
def copy(root: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(root / "workflow" / "featherweight", tmp_path / "featherweight"))


@pytest.fixture(scope="module")
def before() -> dict[str, str]:
    return {stage: fingerprint(f"featherweight.{stage}") for stage in STAGES}


def changed(copy: Path, before: dict[str, str], tasks: frozenset[str] | None = None) -> list[str]:
    """The stages whose fingerprint, computed by the copy itself, is another than before."""
    code = (
        "from featherweight.fingerprint import fingerprint\n"
        f"for stage in {STAGES}: print(stage, fingerprint('featherweight.' + stage, {tasks!r}))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(copy.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    after = dict(line.split() for line in run.stdout.splitlines())
    return [stage for stage in STAGES if before[stage] != after[stage]]


ADDED = "ADDED = 1\n"
# File, what is appended to it, the first stage that runs again (None: none does).
EDITS: list[tuple[str, str, str | None]] = [
    ("score/run.py", "# a comment\n", None),
    (
        "score/run.py",
        '"""A text where no docstring can be is code."""\n',
        "score",
    ),
    ("acquire/hub.py", ADDED, "acquire"),
    ("chat/__init__.py", ADDED, "acquire"),  # imported with what lies in its folder, not by name
    ("specs.py", ADDED, "acquire"),
    ("records/judged.py", ADDED, "prompts"),
    ("chat/templates.py", ADDED, "prompts"),
    ("chat/options.py", ADDED, "prompts"),  # imported by name from its package
    ("tasks/bbq/__init__.py", ADDED, "prompts"),
    ("tasks/bbq/files.py", ADDED, "prompts"),  # imported inside a function
    ("tasks/pocket/items.py", ADDED, "prompts"),
    ("tasks/rules.py", ADDED, "prompts"),
    ("engines/sampling.py", ADDED, "generate"),
    ("engines/exllamav2/loop.py", ADDED, "generate"),
    ("engines/transformers/slots.py", ADDED, "generate"),
    ("generate/run.py", ADDED, "generate"),
    ("reading/choice.py", ADDED, "score"),
    ("reading/words.py", ADDED, "score"),  # imported by name from its package
    ("score/run.py", ADDED, "score"),
    ("score/grade.py", ADDED, "score"),
    ("stats/__init__.py", ADDED, "aggregate"),
    ("stats/clusters.py", ADDED, "aggregate"),
    ("stats/intervals.py", ADDED, "aggregate"),
    ("tasks/numbers.py", ADDED, "aggregate"),
    ("tasks/bbq/numbers.py", ADDED, "aggregate"),
    ("tasks/bbq/bias.py", ADDED, "aggregate"),
    ("tasks/pocket/numbers.py", ADDED, "aggregate"),
    ("compare/claims.py", ADDED, "compare"),
    ("report/charts.py", ADDED, "report"),
    ("report/report.css", "/* any byte of a style counts */\n", "report"),
    ("pocket/training.py", ADDED, None),
    ("bring/table.py", ADDED, None),
]


@pytest.mark.parametrize(("file", "text", "first"), EDITS)
def test_an_edit_reruns_what_uses_it_and_nothing_before(
    copy: Path, before: dict[str, str], file: str, text: str, first: str | None
) -> None:
    with (copy / file).open("a") as stream:
        stream.write(text)
    assert next(iter(changed(copy, before)), None) == first


# A new file, what it binds, the first stage that counts it.
NEW: list[tuple[str, str, str | None]] = [
    ("tasks/chess.py", "TASK = 1\n", "prompts"),
    ("tasks/chess/__init__.py", "TASK: int = 1\n", "prompts"),
    ("tasks/notes.py", "NOTES = 1\n", None),
    ("tasks/chess/numbers.py", "NUMBERS = 1\n", "aggregate"),
    ("stats/unused.py", "ADDED = 1\n", None),
]


@pytest.mark.parametrize(("file", "text", "first"), NEW)
def test_modules_that_are_found_by_name_count_where_they_are_looked_for(
    copy: Path, before: dict[str, str], file: str, text: str, first: str | None
) -> None:
    (copy / file).parent.mkdir(exist_ok=True)
    (copy / file).write_text(text)
    assert next(iter(changed(copy, before)), None) == first


POCKET = frozenset({"pocket"})
# The same for a study that asks the pocket items alone.
OF_POCKET: list[tuple[str, str, str | None]] = [
    ("tasks/mmlu.py", ADDED, None),
    ("tasks/chess.py", "TASK = 1\n", None),
    ("tasks/chess/__init__.py", "TASK: int = 1\n", None),
    ("tasks/mmlu/numbers.py", "NUMBERS = 1\n", None),
    ("tasks/mmlu/words.py", "WORDS = 1\n", None),
    ("tasks/pocket/__init__.py", ADDED, "prompts"),
    ("tasks/pocket/items.py", ADDED, "prompts"),
    ("tasks/bbq/facts.py", ADDED, "prompts"),  # imported by the pocket task
    ("tasks/rules.py", ADDED, "prompts"),
    ("tasks/pocket/numbers.py", ADDED, "aggregate"),
    ("tasks/bbq/bias.py", ADDED, "aggregate"),
    ("tasks/pocket/words.py", ADDED, "report"),
    ("engines/exllamav2/loop.py", ADDED, "generate"),  # engines count whatever the tasks are
]


@pytest.mark.parametrize(("file", "text", "first"), OF_POCKET)
def test_a_task_that_a_study_does_not_ask_does_not_count(
    copy: Path, file: str, text: str, first: str | None
) -> None:
    before = {stage: fingerprint(f"featherweight.{stage}", POCKET) for stage in STAGES}
    (copy / file).parent.mkdir(exist_ok=True)
    with (copy / file).open("a") as stream:
        stream.write(text)
    assert next(iter(changed(copy, before, POCKET)), None) == first


def test_an_unknown_stage_or_task_is_an_error() -> None:
    with pytest.raises(LookupError, match=r"no module .featherweight\.scroe."):
        fingerprint("featherweight.scroe")
    with pytest.raises(LookupError, match=r"no module .featherweight\.tasks\.poket."):
        fingerprint("featherweight.score", frozenset({"poket"}))


def in_new_process(copy: Path, *, writes: str) -> tuple[str, int]:
    """The fingerprint of score as a process of the copy finds it, and how many files it parsed."""
    code = (
        "from featherweight import fingerprint as f\n"
        "parse, seen = f.ast.parse, []\n"
        "f.ast.parse = lambda text: seen.append(1) or parse(text)\n"
        "print(f.fingerprint('featherweight.score'), len(seen))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(copy.parent), "PYTHONDONTWRITEBYTECODE": writes},
        capture_output=True,
        text=True,
        check=True,
    )
    found, count = run.stdout.split()
    return found, int(count)


def kept(copy: Path) -> Path:
    return copy / "__pycache__" / KEPT.name


def test_a_file_is_parsed_once_until_its_bytes_change(copy: Path) -> None:
    kept(copy).unlink(missing_ok=True)
    # "" lets Python write beside its modules, whatever the tests' own environment says.
    first, parsed = in_new_process(copy, writes="")
    assert parsed > 20
    assert in_new_process(copy, writes="") == (first, 0)
    path = copy / "score" / "run.py"
    before = path.stat()
    text = path.read_text()
    path.write_text(text + "A = 1\n")
    changed_one, parsed = in_new_process(copy, writes="")
    assert (changed_one != first, parsed) == (True, 1)
    # As many bytes, and the time put back: what is kept goes by the bytes.
    path.write_text(text + "A = 2\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    changed_two, parsed = in_new_process(copy, writes="")
    assert (changed_two not in {first, changed_one}, parsed) == (True, 1)
    path.write_text(text)
    assert in_new_process(copy, writes="") == (first, 0)


@pytest.mark.parametrize("broken", [b"", b"{", b"[]", b'{"a": 1}', b'{"a": ["b"]}', b"\xff"])
def test_a_broken_memory_is_no_memory(copy: Path, broken: bytes) -> None:
    kept(copy).unlink(missing_ok=True)
    first, parsed = in_new_process(copy, writes="")
    kept(copy).write_bytes(broken)
    assert in_new_process(copy, writes="") == (first, parsed)
    assert in_new_process(copy, writes="") == (first, 0)


def test_nothing_is_written_where_python_writes_nothing_or_may_not(copy: Path) -> None:
    kept(copy).unlink(missing_ok=True)
    first, parsed = in_new_process(copy, writes="1")
    assert not kept(copy).exists()
    shutil.rmtree(copy / "__pycache__", ignore_errors=True)
    (copy / "__pycache__").write_text("a file where the folder would be")
    assert in_new_process(copy, writes="") == (first, parsed)


@pytest.mark.parametrize(("step", "grades"), [("draw", False), ("render", False), ("golds", True)])
def test_a_step_of_prompts_does_not_depend_on_the_others(step: str, grades: bool) -> None:
    """Editing a rule of grading checks right answers again, and draws and renders nothing."""
    found = modules(f"featherweight.prompts.{step}", frozenset({"chains", "math500"}))
    assert f"featherweight.prompts.{step}" in found
    assert ("featherweight.grading.rules" in found) is grades
    assert "featherweight.tasks.math500" in found or grades
