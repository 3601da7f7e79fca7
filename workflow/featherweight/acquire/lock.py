"""The lock file: which bytes a study rests on. A run verifies against it, `snakemake lock` writes
it.

Reads and writes `config/lock.yaml`. One real entry:

    datasets:
      bbq:
        repository: nyu-mll/BBQ
        revision: bea11bd97d79217245b5871acd247b9d6eb24598
        licence: CC-BY-4.0
        gated: false
        files:
          Age.jsonl: {bytes: 3091834, sha256: 46e805b3fc2d8cbd26eeb8e8430d98cf7b2dc9c8...}

An entry that nobody could resolve yet has `unresolved: <why>` and no hash. `bytes: null`: only the
hash is known. `also` names other files that hold the same items in another form, by the form: a
folder that the user names may be in any of them, each as whole as `files`; only `files` are
fetched.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, model_validator

from featherweight.acquire.verify import Digest, Expected, difference
from featherweight.documents import check, read_document
from featherweight.errors import InputError
from featherweight.files import write_atomically
from featherweight.specs import Commit, RelativePath, Source, Spec, What

HEADER = """\
# Which bytes a study rests on. `snakemake lock` asks the sources and writes this file; a run
# verifies against it. An entry with `unresolved` says why nobody has seen its hashes yet; none is
# invented.
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is locked of one model or dataset. `unresolved` is None where the files are known."""

    repository: str | None
    revision: str | None
    licence: str | None
    gated: bool
    files: Mapping[str, Expected] = field(default_factory=dict)
    unresolved: str | None = None
    # The same items in other forms, by the form's name; {}: there is only one.
    also: Mapping[str, Mapping[str, Expected]] = field(default_factory=dict)

    def form(self, digests: Mapping[str, Digest]) -> str | None:
        """The other form that these files are in, all of them and no others; None: in none."""
        for name, files in self.also.items():
            if files.keys() == digests.keys() and all(
                difference(file, files[file], got) is None for file, got in digests.items()
            ):
                return name
        return None


@dataclass(frozen=True, slots=True)
class Lock:
    """The whole lock file."""

    path: Path
    models: Mapping[str, Entry] = field(default_factory=dict)
    datasets: Mapping[str, Entry] = field(default_factory=dict)

    def entry(self, what: What, name: str) -> Entry | None:
        """The entry of a model or dataset; None where the lock has none."""
        return (self.models if what == "model" else self.datasets).get(name)


class _LockedFile(Spec):
    bytes: int | None = Field(default=None, ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class _LockedEntry(Spec):
    repository: str | None = None
    revision: Commit | None = None
    licence: str | None = None
    gated: bool = False
    files: dict[RelativePath, _LockedFile] = Field(default_factory=dict)
    also: dict[str, dict[RelativePath, _LockedFile]] = Field(default_factory=dict)
    unresolved: str | None = None

    @model_validator(mode="after")
    def _known_or_unresolved(self) -> _LockedEntry:
        if not self.files and not self.unresolved:
            raise ValueError("expected files with their sha256, or unresolved with the reason")
        return self

    def entry(self) -> Entry:
        return Entry(
            self.repository,
            self.revision,
            self.licence,
            self.gated,
            _expected(self.files),
            self.unresolved,
            {form: _expected(files) for form, files in self.also.items()},
        )


def _expected(files: Mapping[str, _LockedFile]) -> dict[str, Expected]:
    return {name: Expected(one.bytes, one.sha256) for name, one in files.items()}


class _LockFile(Spec):
    models: dict[str, _LockedEntry] = Field(default_factory=dict)
    datasets: dict[str, _LockedEntry] = Field(default_factory=dict)


def read_lock(path: Path) -> Lock:
    """Read the lock.

    A file that is not there locks nothing. Raises InputError with every problem of a broken one.
    """
    if not path.is_file():
        return Lock(path)
    try:
        locked = check(read_document(path), _LockFile, str(path))
    except InputError as error:
        raise InputError([f"{line}; run snakemake lock" for line in error.problems]) from None
    return Lock(
        path,
        {name: one.entry() for name, one in locked.models.items()},
        {name: one.entry() for name, one in locked.datasets.items()},
    )


def write_lock(path: Path, models: Mapping[str, Entry], datasets: Mapping[str, Entry]) -> None:
    """Write the lock, sorted, whole or not at all: the same entries give the same bytes."""
    parts = {"models": models, "datasets": datasets}
    document = {
        part: {name: _plain(found[name]) for name in sorted(found)} for part, found in parts.items()
    }
    text = yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=200, allow_unicode=True)
    write_atomically(path, (HEADER + text).encode())


class _Dumper(yaml.SafeDumper):
    """One line per file: a hash that changed is one line of a diff."""


class _Line(dict[str, Any]):
    pass


_Dumper.add_representer(
    _Line,
    lambda dumper, line: dumper.represent_mapping(
        "tag:yaml.org,2002:map", line.items(), flow_style=True
    ),
)


def _plain(entry: Entry) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "repository": entry.repository,
        "revision": entry.revision,
        "licence": entry.licence,
        "gated": entry.gated,
    }
    if entry.unresolved is not None:
        plain["unresolved"] = entry.unresolved
    if entry.files:
        plain["files"] = _lines(entry.files)
    if entry.also:
        plain["also"] = {form: _lines(files) for form, files in sorted(entry.also.items())}
    return plain


def _lines(files: Mapping[str, Expected]) -> dict[str, _Line]:
    return {
        name: _Line(bytes=expected.bytes, sha256=expected.sha256)
        for name, expected in sorted(files.items())
    }


def locked_facts(lock: Lock, what: What, name: str) -> str:
    """What the lock says of one model or dataset, as one text: for `params`, so that only its own
    entry reruns it.
    """
    entry = lock.entry(what, name)
    return "" if entry is None else json.dumps(_plain(entry), sort_keys=True)


def disagreements(source: Source, lock: Lock) -> list[str]:
    """Where the config and the lock name different things: a run must not verify one against the
    other.
    """
    entry = lock.entry(source.what, source.name)
    if entry is None:
        return []
    where = f"{source.what} {source.name!r}"
    pairs = (
        ("repository", source.repository, entry.repository),
        ("revision", source.revision, entry.revision),
    )
    return [
        f"{where}: {key}: config/{source.what}s.yaml says {ours!r}, {lock.path} says {locked!r}; "
        "correct the one that is wrong, or run snakemake lock"
        for key, ours, locked in pairs
        if ours is not None and locked is not None and ours != locked
    ]


def differences(source: Source, lock: Lock, digests: Mapping[str, Digest]) -> list[str]:
    """What differs between the files that are there and the lock.

    Nothing where the lock does not know the files, and where they are one of its other forms.
    """
    entry = lock.entry(source.what, source.name)
    if entry is None or not entry.files or entry.form(digests) is not None:
        return []
    where = f"{source.what} {source.name!r}"
    found = [
        f"{where}: {name}: expected a file ({expected.bytes:,} bytes, sha256 {expected.sha256}),"
        " got nothing"
        for name, expected in entry.files.items()
        if name not in digests
    ]
    for name, got in digests.items():
        if name not in entry.files:
            found.append(
                f"{where}: {name}: got a file that {lock.path} does not know; remove it or run"
                " snakemake lock"
            )
        elif (problem := difference(f"{where}: {name}", _meant(entry, name, got), got)) is not None:
            found.append(
                f"{problem}; {lock.path} decides: fetch the right file, or run snakemake lock if"
                " this one is meant"
            )
    return found


def _meant(entry: Entry, name: str, got: Digest) -> Expected:
    """What a file was meant to be: of the form whose length it has, else as it is fetched."""
    forms = (files[name] for files in entry.also.values() if name in files)
    return next((file for file in forms if file.bytes == got.bytes), entry.files[name])
