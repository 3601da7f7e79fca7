"""Comments and docstrings do not change a stage's hash; code that it uses, however deep, does."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

STAGES = ["acquire", "prompts", "generate", "score", "aggregate", "compare", "report"]


@pytest.fixture
def copy(root: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(root / "workflow" / "featherweight", tmp_path / "featherweight"))


def hashes(copy: Path) -> dict[str, str]:
    """Each stage's fingerprint, computed by the copy itself."""
    code = (
        "from featherweight.fingerprint import fingerprint\n"
        f"for stage in {STAGES}: print(stage, fingerprint('featherweight.' + stage))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(copy.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(line.split() for line in run.stdout.splitlines())


EDITS = [
    ("score/run.py", "# a comment\n", set()),
    (
        "score/run.py",
        '"""A string that stands alone where no docstring can be is code."""\n',
        {"score"},
    ),
    ("score/run.py", "ADDED = 1\n", {"score"}),
    ("stats/clusters.py", "ADDED = 1\n", {"score", "aggregate"}),
    ("report/charts.py", "ADDED = 1\n", {"report"}),
    ("report/report.css", "/* any byte of a style counts */\n", {"report"}),
    ("tasks/pocket.py", "ADDED = 1\n", {"prompts", "generate", "score"}),
    ("engines/sampling.py", "ADDED = 1\n", {"generate"}),
    ("pocket/training.py", "ADDED = 1\n", set()),
    ("records.py", "ADDED = 1\n", set(STAGES) - {"acquire"}),
]


@pytest.mark.parametrize(("file", "text", "expected"), EDITS)
def test_an_edit_changes_what_uses_it(copy: Path, file: str, text: str, expected: set[str]) -> None:
    before = hashes(copy)
    with (copy / file).open("a") as stream:
        stream.write(text)
    after = hashes(copy)
    changed = {stage for stage in STAGES if before[stage] != after[stage]}
    assert expected <= changed
    assert changed <= expected | {"compare"} or expected == set()
    if not expected:
        assert changed == set()


def test_an_unknown_stage_is_an_error() -> None:
    from featherweight.fingerprint import fingerprint

    with pytest.raises(LookupError, match=r"no module .featherweight\.scroe."):
        fingerprint("featherweight.scroe")
