"""What one acquire job is asked for: the facts of one model or dataset, and of a whole study, read
from `--spec` JSON.

One real spec of a model:

    {"name": "pocket-fair", "kind": "folder", "folder": "resources/pocket/models/pocket-fair",
        "licence": "Apache-2.0"}
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from featherweight.errors import InputError

What = Literal["model", "dataset"]
KINDS: dict[What, tuple[str, ...]] = {
    "model": ("hub", "folder", "control"),
    "dataset": ("folder", "https"),
}
COMMIT = re.compile(r"[0-9a-f]{40}")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


@dataclass(frozen=True, slots=True)
class Source:
    """Where one model or dataset comes from.

    `files` maps a local name to the path in its repository (https only).
    """

    what: What
    name: str
    kind: str
    repository: str | None = None
    revision: str | None = None
    gated: bool = False
    folder: Path | None = None
    licence: str | None = None
    prompt_format: str | None = None
    alternative: str | None = None
    url: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Settings:
    """How a run acquires: what is tried first, where things are kept, how patient it is.

    `retries` counts further tries after the first; `backoff` is the wait before the first of them
    in seconds, doubled each time; a server's Retry-After is obeyed up to `longest_wait` seconds.
    """

    mirrors: tuple[str, ...] = ()
    downloads: Path | None = None
    offline: bool = False
    endpoint: str | None = None
    retries: int = 5
    backoff: float = 2.0
    longest_wait: float = 120.0
    timeout: float = 30.0


def source(what: What, facts: Any) -> Source:
    """One model or dataset from its facts; keys that acquire has no use for are left alone.

    Raises InputError.
    """
    if not isinstance(facts, dict):
        raise InputError(
            f"--spec: expected an object with the facts of a {what}, got {type(facts).__name__}"
        )
    name, kind = facts.get("name"), facts.get("kind")
    where = f"{what} {name!r}"
    problems = []
    if not (isinstance(name, str) and NAME.fullmatch(name)):
        problems.append(
            f"--spec: name of a {what}: expected letters, digits and . _ + -, got {name!r}"
        )
    if kind not in KINDS[what]:
        problems.append(f"{where}: kind: expected one of {', '.join(KINDS[what])}, got {kind!r}")
    for key in (
        "repository",
        "revision",
        "folder",
        "licence",
        "prompt_format",
        "alternative",
        "url",
    ):
        if not isinstance(facts.get(key), str | None):
            problems.append(f"{where}: {key}: expected a text or null, got {facts[key]!r}")
    for key in ("repository",) if kind == "hub" else ("url", "files") if kind == "https" else ():
        if not facts.get(key):
            problems.append(
                f"{where}: {key}: expected a value for kind {kind}, got nothing; add it to"
                f" config/{what}s.yaml"
            )
    problems += _file_problems(where, facts.get("files"))
    if problems:
        raise InputError(problems)
    texts = {
        key: facts.get(key)
        for key in ("repository", "revision", "licence", "prompt_format", "alternative", "url")
    }
    folder = facts.get("folder")
    return Source(
        what=what,
        name=str(name),
        kind=str(kind),
        gated=bool(facts.get("gated", False)),
        folder=None if folder is None else Path(folder).expanduser(),
        files=dict(facts.get("files") or {}),
        **texts,
    )


def _file_problems(where: str, files: Any) -> list[str]:
    """A local name must stay inside its folder: what a config says becomes a path on this disk."""
    if files is None:
        return []
    if not isinstance(files, dict):
        return [
            f"{where}: files: expected a map from local name to path in the repository, got"
            f" {type(files).__name__}"
        ]
    return [
        f"{where}: files: expected a relative path without '..', got {name!r}"
        for name in files
        if not stays_inside(name)
    ]


def stays_inside(name: str) -> bool:
    """Whether a file's name, which somebody else may have chosen, stays inside the folder that it
    is put into.
    """
    path = PurePosixPath(name)
    return (
        bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\\" not in name
    )
