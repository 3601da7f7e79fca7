"""Imports a module of Triton kernels for Triton's interpreter, for tests; no GPU."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import pytest


@contextmanager
def interpreted(name: str) -> Iterator[Any]:
    """The module, its kernels interpreted: Triton looks at the variable when it and the kernel are
    imported. Skips the test where Triton is not installed.
    """
    if find_spec("triton") is None:
        pytest.skip("triton is not installed")

    def reloaded(module: str) -> bool:
        """The kernels and Triton, but for its compiled part, which cannot be imported twice."""
        words = module.split(".")
        return module == name or (words[0] == "triton" and not module.startswith("triton._C"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRITON_INTERPRET", "1")
        before = {found: module for found, module in sys.modules.items() if reloaded(found)}
        for found in before:
            del sys.modules[found]
        yield importlib.import_module(name)
        for found in filter(reloaded, list(sys.modules)):
            del sys.modules[found]
        sys.modules.update(before)
