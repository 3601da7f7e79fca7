"""A small study, really run once by Snakemake, that the workflow tests copy and change."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

TRACKED = ("Snakefile", "config", "envs", "profiles", "resources", "workflow", "pyproject.toml")
NO_NETWORK = Path(__file__).parent / "no_network"  # every workflow test runs with the network shut
SMALL = {
    "study": "pocket",
    "models": "[pocket-fair, always-unknown]",
    "categories": "[pets]",
    "prompts_per_category": "8",
    "seeds": "[0, 1]",
}


@dataclass(frozen=True)
class Checkout:
    """A copy of the repository in which Snakemake can be run as a user runs it."""

    folder: Path

    def snakemake(
        self, *words: str, config: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        pairs = [f"{key}={value}" for key, value in {**SMALL, **(config or {})}.items()]
        return subprocess.run(
            [sys.executable, "-m", "snakemake", "--cores", "2", *words, "--config", *pairs],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": f"{NO_NETWORK}:{self.folder / 'workflow'}"},
            capture_output=True,
            text=True,
            timeout=300,
        )

    def jobs(self, config: dict[str, str] | None = None) -> set[str]:
        """The rules that a run would run now."""
        run = self.snakemake("--dry-run", config=config)
        assert run.returncode == 0, run.stderr + run.stdout
        table = (run.stdout + run.stderr).partition("Job stats:")[2]
        return set(re.findall(r"^(\w[\w-]*) +\d+$", table, flags=re.MULTILINE)) - {"all", "total"}

    def file(self, path: str) -> Path:
        return self.folder / "results" / "pocket" / path

    def edit(self, path: str, old: str, new: str) -> None:
        file = self.folder / path
        text = file.read_text()
        assert text.count(old) >= 1, f"{path} does not hold {old!r}: the test's edit is stale"
        file.write_text(text.replace(old, new, 1))


def copy_repository(root: Path, target: Path) -> Checkout:
    target.mkdir(parents=True)
    for name in TRACKED:
        source = root / name
        if source.is_dir():
            shutil.copytree(
                source, target / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
            )
        else:
            shutil.copy2(source, target / name)
    return Checkout(target)


@pytest.fixture(scope="session")
def finished(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """The small study, run to its end. Do not change it: take `checkout`."""
    checkout = copy_repository(root, tmp_path_factory.mktemp("finished") / "repository")
    run = checkout.snakemake()
    assert run.returncode == 0, run.stderr[-6000:]
    return checkout


@pytest.fixture
def checkout(finished: Checkout, tmp_path: Path) -> Checkout:
    """A copy of the finished study, metadata and modification times included."""
    return Checkout(Path(shutil.copytree(finished.folder, tmp_path / "repository", symlinks=True)))


@pytest.fixture
def fresh(root: Path, tmp_path: Path) -> Checkout:
    """A copy of the repository in which nothing was run."""
    return copy_repository(root, tmp_path / "repository")


@pytest.fixture
def command() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `python -m featherweight ...` as a user does."""

    def run(*words: str | Path, **options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "featherweight", *map(str, words)],
            capture_output=True,
            text=True,
            timeout=300,
            env=os.environ | options,
        )

    return run
