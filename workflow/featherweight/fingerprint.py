"""A hash over the code that a stage runs: its modules and all package modules that they import,
however deep.

A rule carries it in `params`, so that editing a formula reruns exactly the stages that use it.
Comments, docstrings and layout are left out of the hash: editing them reruns nothing. Imports
inside functions count. Files that lie beside a module and are not Python (templates, styles) count
with their bytes.
"""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path

PACKAGE = "featherweight"
ROOT = Path(__file__).parent
ASSETS = {".j2", ".css", ".js", ".html"}


def _path(module: str) -> Path | None:
    """The file of a package module; None for a name that is no module of the package."""
    relative = Path(*module.split(".")[1:])
    for candidate in (ROOT / relative / "__init__.py", (ROOT / relative).with_suffix(".py")):
        if candidate.is_file():
            return candidate
    return None


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:] or [ast.Pass()]
    return tree


@cache
def _read(path: Path) -> tuple[str, tuple[str, ...]]:
    """(canonical text of the code, names of the package modules that it may import)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            imported |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    text = ast.dump(_without_docstrings(tree))
    return text, tuple(sorted(name for name in imported if name.split(".")[0] == PACKAGE))


# Modules that are chosen by name at run time are not seen by reading imports: a stage that imports
# the package on the left counts everything below the one on the right.
_CHOSEN_BY_NAME = (f"{PACKAGE}.tasks", f"{PACKAGE}.engines")


@cache
def modules(stage: str) -> tuple[str, ...]:
    """The stage's own modules and every package module that they import, sorted."""
    waiting = [stage, *_below(stage)]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        path = _path(name)
        if name in found or path is None or name == PACKAGE:
            continue
        found.add(name)
        waiting += [*_read(path)[1], name.rpartition(".")[0]]
        if name in _CHOSEN_BY_NAME:
            waiting += _below(name)
    return tuple(sorted(found))


def _below(package: str) -> list[str]:
    """Every module below a package, however deep."""
    path = _path(package)
    if path is None or path.name != "__init__.py":
        return []
    inside = [file.relative_to(path.parent).with_suffix("") for file in path.parent.rglob("*.py")]
    names = (".".join((package, *file.parts)).removesuffix(".__init__") for file in inside)
    return sorted(name for name in names if name != package)


@cache
def fingerprint(stage: str) -> str:
    """The hash of a stage's code. Raises LookupError for a stage that does not exist."""
    if _path(stage) is None:
        raise LookupError(f"no module {stage!r} in {ROOT}")
    total = hashlib.sha256()
    for name in modules(stage):
        path = _path(name)
        assert path is not None  # modules() lists only what has a file
        total.update(name.encode() + b"\0" + _read(path)[0].encode() + b"\0")
        if path.name == "__init__.py":
            for asset in sorted(file for file in path.parent.iterdir() if file.suffix in ASSETS):
                total.update(asset.name.encode() + b"\0" + asset.read_bytes())
    return total.hexdigest()[:16]
