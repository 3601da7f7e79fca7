"""The order of imports that the design promises, read from the source."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "workflow" / "featherweight"
STAGES = {"acquire", "prompts", "generate", "score", "aggregate", "compare", "report"}
# A module may import from its own room, and from every level above it in this list.
LEVELS: list[set[str]] = [
    {"errors", "records", "stats", "canonical", "cuda", "fingerprint"},
    {"documents"},
    {"files", "specs"},
    {"study"},
    {"chat", "reading", "grading"},
    {"tasks"},
    {"engines"},
    {"results"},
    {"search"},
    STAGES,
    {"bring", "grade", "pocket"},
    {"__main__"},
]
# These import modules of other packages by a name that they work out.
IMPORT_OTHERS_BY_NAME = {"acquire/network.py", "engines/exllamav2/install.py"}
ONLY_IN = {
    "torch": {"engines", "pocket"},
    "transformers": {"engines", "pocket", "chat"},
    "math_verify": {"grading"},
    "sympy": {"grading"},
    "altair": {"report"},
    "vl_convert": {"report"},
    "httpx": {"acquire"},
    "httpx2": {"acquire"},
    "requests": {"acquire"},
    "urllib": {"acquire"},
    "socket": {"acquire"},
    "huggingface_hub": {"acquire"},
}


def parts(path: Path) -> str:
    """The part of the house that a file belongs to: the first folder or the module's own name."""
    relative = path.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


FILES = sorted(
    path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py" or path.parent != PACKAGE
)


def level(part: str) -> int:
    return next(index for index, names in enumerate(LEVELS) if part in names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down_only(path: Path) -> None:
    own = parts(path)
    for name in imports(path):
        words = name.split(".")
        if words[0] == "featherweight" and len(words) > 1 and words[1] not in {own, "__version__"}:
            assert level(words[1]) < level(own), f"{path.name} ({own}) imports {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_frameworks_and_the_network_stay_in_their_rooms(path: Path) -> None:
    for name in imports(path):
        allowed = ONLY_IN.get(name.split(".")[0])
        assert allowed is None or parts(path) in allowed, f"{path.name} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_evaluation_of_text(path: Path) -> None:
    """No eval, exec or pickle anywhere: a model's output and its weights are data."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"eval", "exec"}, f"{path.name}:{node.lineno}"
        if isinstance(node, ast.keyword) and node.arg == "trust_remote_code":
            assert isinstance(node.value, ast.Constant), f"{path.name}:{node.value.lineno}"
            assert node.value.value is False, f"{path.name}:{node.value.lineno}"
    assert not {"pickle", "marshal", "dill"} & {name.split(".")[0] for name in imports(path)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_fingerprint_sees_every_import_by_name(path: Path) -> None:
    """It follows f-strings that begin with the package's name, and would overlook anything else."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        if ast.unparse(node.func).rpartition(".")[2] != "import_module":
            continue
        (name,) = node.args
        if isinstance(name, ast.JoinedStr):
            assert ast.unparse(name)[2:].startswith("featherweight."), f"{path.name}:{node.lineno}"
        elif isinstance(name, ast.Constant):  # no stage runs what __main__ imports
            other = not str(name.value).startswith((".", "featherweight"))
            assert other or path.name == "__main__.py", f"{path.name}:{node.lineno}"
        else:
            assert str(path.relative_to(PACKAGE)) in IMPORT_OTHERS_BY_NAME
