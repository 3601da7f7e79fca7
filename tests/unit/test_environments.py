"""The environment files say what pyproject.toml says."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml


def environment(root: Path, name: str) -> tuple[set[str], set[str]]:
    """What conda installs and what pip installs."""
    document: dict[str, Any] = yaml.safe_load(
        (root / "envs" / f"{name}.yaml").read_text(encoding="utf-8")
    )
    words = [entry for entry in document["dependencies"] if isinstance(entry, str)]
    (pip,) = (entry["pip"] for entry in document["dependencies"] if isinstance(entry, dict))
    return set(words), set(pip)


@pytest.mark.parametrize("name", ["cpu", "gpu"])
def test_the_pins_are_those_of_the_project(root: Path, name: str) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = set(project["dependencies"])
    conda, pip = environment(root, name)
    if name == "gpu":
        extra = set(project["optional-dependencies"]["gpu"])
        assert "exllamav2==0.3.2" in extra
        wanted |= {word for word in extra if "==" in word}
        assert {word for word in extra if "==" not in word} <= conda  # ninja
        assert {"cuda-nvcc", "gxx_linux-64"} <= conda  # what builds the extension
    assert pip == wanted
