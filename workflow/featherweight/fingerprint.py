"""A hash over the code that a stage runs: its modules, and every package module they import.

A rule carries it in `params`, so that editing a formula reruns exactly the stages that use it.
Comments, docstrings and layout are left out: editing them reruns nothing. Imports inside functions
count. So do modules that are imported by name: of

    import_module(f"featherweight.tasks.{name}.numbers").NUMBERS

every `tasks/*/numbers.py` that binds NUMBERS: of all tasks, or of those that a study asks. Files
beside a module that are not Python (templates, styles) count with their bytes.

Snakemake asks for every stage whenever it starts, so what was read of a file is kept beside the
compiled modules, under a hash of the file's bytes and of this module's: no clock can make it stale.
One real entry of `__pycache__/fingerprint.cpython-311.json`:

    "5a1f...": ["c07b...", ["PACKAGE", "TASKS"], [], []]
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

PACKAGE = "featherweight"
TASKS = f"{PACKAGE}.tasks"
ROOT = Path(__file__).parent
ASSETS = {".j2", ".css", ".js", ".html"}
KEPT = ROOT / "__pycache__" / f"fingerprint.{sys.implementation.cache_tag}.json"
MOST_KEPT = 2000  # entries; with more, all but the newest go


class ByName(NamedTuple):
    """Modules that are imported by a name that is known only at run time."""

    pattern: str  # a regular expression for the module's whole name
    attribute: str | None  # what is taken from the module; None: the module itself


class Module(NamedTuple):
    """What a module's hash and its imports are made of."""

    code: str  # hash of its text without comments, docstrings and layout
    binds: frozenset[str]  # names at the top level
    imported: tuple[str, ...]  # package modules that it may import
    by_name: tuple[ByName, ...]


@cache
def _path(module: str) -> Path | None:
    """The file of a package module; None for a name that is no module of the package."""
    relative = Path(*module.split(".")[1:])
    for candidate in (ROOT / relative / "__init__.py", (ROOT / relative).with_suffix(".py")):
        if candidate.is_file():
            return candidate
    return None


@cache
def _all_modules() -> tuple[str, ...]:
    """Every module of the package, sorted."""
    parts = (path.relative_to(ROOT).with_suffix("").parts for path in ROOT.rglob("*.py"))
    return tuple(sorted(".".join((PACKAGE, *words)).removesuffix(".__init__") for words in parts))


@cache
def _kept() -> dict[str, Module]:
    """What earlier processes read, by the hash of the file's bytes; nothing where it is broken."""
    try:
        return {
            key: Module(code, frozenset(binds), tuple(imported), tuple(ByName(*n) for n in names))
            for key, (code, binds, imported, names) in json.loads(KEPT.read_bytes()).items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _keep(fresh: dict[str, Module]) -> None:
    """Write down what was read anew, for the next process; where that cannot be, it reads again."""
    found = fresh if len(_kept()) > MOST_KEPT else _kept() | fresh
    plain = {key: [one.code, sorted(one.binds), *one[2:]] for key, one in found.items()}
    with suppress(OSError):
        KEPT.parent.mkdir(exist_ok=True)
        handle, name = tempfile.mkstemp(dir=KEPT.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                json.dump(plain, stream)
            Path(name).replace(KEPT)
        except OSError:
            Path(name).unlink(missing_ok=True)


@cache
def _reader() -> bytes:
    """What decides how a file is read: this module and the Python that parses."""
    return Path(__file__).read_bytes() + sys.version.encode()


@cache
def _fresh() -> dict[str, Module]:
    """What this process read and has not written down yet."""
    return {}


@cache
def _read(path: Path) -> Module:
    key = hashlib.sha256(_reader() + b"\0" + path.read_bytes()).hexdigest()
    found = _kept().get(key)
    if found is None:
        found = _fresh()[key] = _parsed(path)
    return found


def _parsed(path: Path) -> Module:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported: set[str] = set()
    by_name: dict[ast.AST, ByName] = {}
    for node in ast.walk(tree):  # an attribute is met before the call whose attribute it is
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            imported |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Attribute) and (pattern := _pattern(node.value)):
            by_name[node.value] = ByName(pattern, node.attr)
        elif pattern := _pattern(node):
            by_name.setdefault(node, ByName(pattern, None))
    return Module(
        hashlib.sha256(ast.dump(_without_docstrings(tree)).encode()).hexdigest(),
        frozenset(_bound(tree)),
        tuple(sorted(name for name in imported if name.split(".")[0] == PACKAGE)),
        tuple(by_name.values()),
    )


def _pattern(node: ast.AST) -> str | None:
    """The modules that a call `import_module(f"featherweight...")` may import; None: no such."""
    if not (isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.JoinedStr)):
        return None
    function = node.func.attr if isinstance(node.func, ast.Attribute) else node.func
    if (function.id if isinstance(function, ast.Name) else function) != "import_module":
        return None
    return "".join(
        re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"[^.]+"
        for part in node.args[0].values
    )


def _bound(tree: ast.Module) -> set[str]:
    """Names that a module's top level assigns."""
    targets: list[ast.expr] = []
    for node in tree.body:
        if isinstance(node, ast.Assign):
            targets += node.targets
        elif isinstance(node, ast.AnnAssign):
            targets.append(node.target)
    return {target.id for target in targets if isinstance(target, ast.Name)}


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


def _chosen(by_name: ByName, tasks: frozenset[str] | None) -> list[str]:
    """The modules that an import by name may mean where only these tasks are asked (None: all)."""
    pattern, attribute = by_name
    names = (
        name
        for name in _all_modules()
        if re.fullmatch(pattern, name) and (tasks is None or not _of_other_task(name, tasks))
    )
    paths = ((name, _path(name)) for name in names)
    return [
        name
        for name, path in paths
        if path is not None and (attribute is None or attribute in _read(path).binds)
    ]


def _of_other_task(module: str, tasks: frozenset[str]) -> bool:
    """Whether a module belongs to a task that is none of these."""
    words = module.split(".")
    return words[:2] == TASKS.split(".") and len(words) > 2 and words[2] not in tasks


@cache
def modules(stage: str, tasks: frozenset[str] | None = None) -> tuple[str, ...]:
    """The stage's own modules and every package module that they import, sorted.

    A step of a stage (`prompts.draw`) does not depend on the other steps, so its package, which
    calls all of them, does not count.

    Of modules that are imported by a task's name, those of `tasks` and what they import; None:
    of every task.
    """
    waiting = [name for name in _all_modules() if f"{name}.".startswith(f"{stage}.")]
    counted: set[str] = set()
    while waiting:
        name = waiting.pop()
        path = _path(name)
        if name in counted or path is None or name == PACKAGE:
            continue
        counted.add(name)
        module = _read(path)
        waiting += module.imported
        package = name.rpartition(".")[0]
        if not stage.startswith(f"{package}."):  # else it is the command line around a step
            waiting.append(package)
        for by_name in module.by_name:
            waiting += _chosen(by_name, tasks)
    return tuple(sorted(counted))


@cache
def fingerprint(stage: str, tasks: frozenset[str] | None = None) -> str:
    """The hash of a stage's code, for a study that asks these tasks (None: every task).

    Raises LookupError for a stage or a task that does not exist.
    """
    for name in (stage, *(f"{TASKS}.{task}" for task in sorted(tasks or ()))):
        if _path(name) is None:
            raise LookupError(f"no module {name!r} in {ROOT}")
    total = hashlib.sha256()
    for name in modules(stage, tasks):
        path = _path(name)
        assert path is not None  # modules() lists only what has a file
        total.update(name.encode() + b"\0" + _read(path).code.encode() + b"\0")
        if path.name == "__init__.py":
            for asset in sorted(file for file in path.parent.iterdir() if file.suffix in ASSETS):
                total.update(asset.name.encode() + b"\0" + asset.read_bytes())
    if _fresh() and not sys.dont_write_bytecode:
        _keep(_fresh())
        _kept().update(_fresh())
        _fresh().clear()
    return total.hexdigest()[:16]
