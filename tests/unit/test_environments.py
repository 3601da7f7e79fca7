"""pyproject.toml gives ranges, constraints.txt the pins; every way to install uses both."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version


@pytest.fixture
def project(root: Path) -> dict[str, Any]:
    document = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return dict(document["project"])


@pytest.fixture
def ranges(project: dict[str, Any]) -> list[Requirement]:
    extras = project["optional-dependencies"].values()
    return [Requirement(word) for words in (project["dependencies"], *extras) for word in words]


@pytest.fixture
def pins(root: Path) -> dict[str, str]:
    lines = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    assert len({canonicalize_name(name) for name, _ in pairs}) == len(pairs)
    return {canonicalize_name(name): release for name, release in pairs}


def test_every_dependency_is_pinned_within_its_range(
    ranges: list[Requirement], pins: dict[str, str]
) -> None:
    for one in ranges:
        assert pins[canonicalize_name(one.name)] in one.specifier, one


def test_a_range_reaches_from_the_pin_to_the_next_major_release(
    ranges: list[Requirement], pins: dict[str, str]
) -> None:
    """torch alone has one release: its kernels decide the last digits."""
    for one in ranges:
        pin = pins[canonicalize_name(one.name)]
        expected = f"<{Version(pin).major + 1},>={pin}"
        assert str(one.specifier) == (f"=={pin}" if one.name == "torch" else expected), one


def test_what_dependencies_bring_is_pinned_too(
    ranges: list[Requirement], pins: dict[str, str]
) -> None:
    """On Linux PyPI's torch also brings CUDA libraries, which it pins itself."""
    unpinned = set()
    for name in pins:
        try:
            needs = [Requirement(word) for word in requires(name) or []]
        except PackageNotFoundError:  # an extra that is not installed here
            continue
        plain = [one for one in needs if one.marker is None or one.marker.evaluate({"extra": ""})]
        unpinned |= {canonicalize_name(one.name) for one in plain} - pins.keys()
    of_torch = {name for name in unpinned if name.startswith(("nvidia-", "cuda-", "triton"))}
    assert unpinned - of_torch == set()


def test_nothing_of_one_machine_is_pinned(root: Path) -> None:
    text = (root / "constraints.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        assert line.startswith("#") or re.fullmatch(r"[\w.-]+==[\w.]+", line), line


@pytest.mark.parametrize("name", ["cpu", "gpu"])
def test_conda_installs_the_same(root: Path, project: dict[str, Any], name: str) -> None:
    text = (root / "envs" / f"{name}.yaml").read_text(encoding="utf-8")
    entries = yaml.safe_load(text)["dependencies"]
    conda = {entry for entry in entries if isinstance(entry, str)}
    (pip,) = (entry["pip"] for entry in entries if isinstance(entry, dict))
    wanted = list(project["dependencies"])
    if name == "gpu":
        (engine,) = (w for w in project["optional-dependencies"]["gpu"] if "exllamav2" in w)
        wanted.append(engine)
        assert {"ninja", "cuda-nvcc", "gxx_linux-64"} <= conda  # what builds the extension
    # relative to .snakemake/conda, where Snakemake puts its copy
    assert pip == ["-c ../../constraints.txt", *wanted]


@pytest.mark.parametrize("path", ["README.md", "CONTRIBUTING.md", ".ci/run"])
def test_every_command_installs_with_the_pins(root: Path, path: str) -> None:
    text = (root / path).read_text(encoding="utf-8")
    commands = re.findall(r"pip install (?:--quiet )?-e [^\n`]*", text)
    assert commands
    assert [command for command in commands if "-c constraints.txt" not in command] == []
