"""The one command for a GPU machine: it says what is missing, and a part that hangs costs no other
part's figures.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from importlib.metadata import requires
from pathlib import Path
from types import ModuleType

import pytest
import torch
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


@pytest.fixture
def check(root: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(root / "tests" / "gpu"))
    monkeypatch.delitem(sys.modules, "check", raising=False)
    import check

    return check


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so_and_stops(root: Path, tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, root / "tests/gpu/check.py", "--output", tmp_path, "--wheels", tmp_path],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert run.returncode == 2, run.stderr
    assert (tmp_path / "figures.txt").read_text() == run.stdout
    assert "no GPU that torch can use: nothing more can be checked here" in run.stdout
    for name in (
        "nvidia-smi: ",
        "nvcc: ",
        f"torch {torch.__version__}",
        "engine exllamav2: expected",
    ):
        assert name in run.stdout


def test_a_part_that_hangs_is_stopped_with_what_it_said(check: ModuleType, tmp_path: Path) -> None:
    """Its own child too: a build's compilers, a test's worker."""
    child = (
        "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time;"
        " time.sleep(60)'])"
    )
    begun = time.monotonic()
    with (tmp_path / "figures.txt").open("w") as file:
        part = check.Part("hangs", ("-uc", f"print('a figure', flush=True); {child}"), 60)
        assert check.run(part, 2, check.Tee(file)).startswith("STOPPED at its limit, ")
    assert time.monotonic() - begun < 30
    assert (tmp_path / "figures.txt").read_text() == "a figure\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-c", "print(1)"), "passed, "),
        (("-c", "raise SystemExit(3)"), "FAILED with code 3, "),
        (("none.py",), "not run: no none.py"),
        (("-c", "print('=== 40 skipped in 3.23s ===')"), "SKIPPED, "),
        (("-c", "print('=== 3 passed, 1 skipped in 3.23s ===')"), "passed, "),
        (
            ("-c", "print('=== 1 failed, 2 skipped in 3.23s ==='); raise SystemExit(1)"),
            "FAILED with code 1, ",
        ),
    ],
)
def test_how_a_part_ends(
    check: ModuleType, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    with (tmp_path / "figures.txt").open("w") as file:
        assert check.run(check.Part("part", words, 60), 60, check.Tee(file)).startswith(said)


def test_what_it_runs_is_there(check: ModuleType, root: Path, tmp_path: Path) -> None:
    """Every test file here is a part of it, and the parts that are needed most come first."""
    parts = check.parts(tmp_path)
    assert [part.name for part in parts[:3]] == ["build", "tests", "speed"]
    rows = re.findall(
        r"^\| `([\w-]+)` \| (\d+) \|", (root / "tests/gpu/README.md").read_text(), re.MULTILINE
    )
    assert [(name, float(limit)) for name, limit in rows] == [
        (part.name, part.limit) for part in parts
    ]
    named = {
        word
        for part in parts
        for word in part.words
        if word.endswith(".py") and word.startswith("tests/")
    }
    assert all((root / name).is_file() for name in named)
    assert {
        f"tests/gpu/{path.name}" for path in (root / "tests" / "gpu").glob("test_*.py")
    } <= named


def test_the_wheels_are_our_pins(check: ModuleType, root: Path) -> None:
    """Of what pyproject.toml names, what is carried is what constraints.txt pins."""
    import tomllib

    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    named = [*project["dependencies"], *project["optional-dependencies"]["gpu"]]
    ours = {Requirement(word).name.lower() for word in named}
    pinned = check.packages((root / "constraints.txt").read_text().splitlines())
    pins = {name.lower(): wanted for name, (wanted, _) in pinned.items() if name.lower() in ours}
    carried = {
        name: wanted
        for name, (wanted, _) in check.packages(check.WHEELS.read_text().splitlines()).items()
    }
    assert all(carried[name] == pins[name] for name in carried.keys() & pins.keys())
    assert {
        "exllamav2",
        "snakemake",
        "pydantic",
        "altair",
        "vl-convert-python",
    } <= carried.keys() & pins.keys()


def test_what_must_be_there_is_what_the_readme_says(check: ModuleType, root: Path) -> None:
    said = re.sub(r"\s+", " ", (root / "tests/gpu/README.md").read_text())
    (listed,) = re.findall(r"What must be there: (.*?);", said)
    words = [word.split()[0] for word in listed.split(", ")]
    assert words[0] == "Python"
    assert sorted(words[1:]) == sorted(check.NEEDED)


# What packages that must be there bring with them: transformers, rich, torch (ninja: its program is
# looked for).
COMES_WITH = {"pyyaml", "regex", "pygments", "ninja"}
# What works for us without, said in wheels.txt.
LEFT_OUT = {"pulp", "requests", "nbformat", "docutils", "conda-inject", "fastparquet", "websockets"}


def test_the_wheels_lack_nothing(check: ModuleType) -> None:
    """Every requirement of what is carried is carried too, must be there, or is left out on
    purpose.
    """
    carried = {
        canonicalize_name(name) for name in check.packages(check.WHEELS.read_text().splitlines())
    }
    wanted = set()
    for name in carried:
        needs = map(Requirement, requires(name) or [])
        wanted |= {
            canonicalize_name(r.name)
            for r in needs
            if r.marker is None or r.marker.evaluate({"extra": ""})
        }
    assert (
        wanted - carried - {canonicalize_name(name) for name in check.NEEDED}
        == COMES_WITH | LEFT_OUT
    )
    header = re.sub(r"[\s#]+", " ", check.WHEELS.read_text().lower())
    assert all(name in header for name in LEFT_OUT)
