"""The examples in docstrings that can run, run and show what they say."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "workflow" / "featherweight"
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
MODULES = [
    ".".join(("featherweight", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(
        ".__init__"
    )
    for path in sorted(PACKAGE.rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("module", MODULES)
def test_examples_show_what_they_say(module: str) -> None:
    result = doctest.testmod(import_module(module), optionflags=FLAGS)
    assert result.attempted > 0
    assert result.failed == 0


def test_there_are_examples() -> None:
    """A pattern that matches nothing would pass in silence."""
    assert len(MODULES) >= 10
