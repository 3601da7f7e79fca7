"""The manifest: the output of an acquire job, written last, and how a later change is noticed.

Writes `results/<study>/acquire/{models,datasets}/<name>.json` and beside it the hidden file
`.<name>.json.seen`. One real manifest:

    {"name": "pocket-fair", "kind": "folder", "repository": null, "revision": null, "licence":
     "Apache-2.0",
     "folder": "/home/ada/featherweight/resources/pocket/models/pocket-fair",
     "files": {"config.json": {"bytes": 598, "sha256": "5d1c..."}, ...}, "bytes": 812345,
     "verified": "lock", ...}

`.seen` remembers size, times and inode of every file when it was hashed. The time of last status
change (ctime) cannot be set by a program, so a file that was written to, replaced or restored has
another one: equal numbers mean that nobody wrote to it, and it need not be hashed again. A file
that changed within two seconds before it was hashed is not remembered, since a clock that coarse
could hide a second write. What this cannot see is a disk that rots by itself: `acquire` and
`acquire --verify` always hash.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from featherweight import documents
from featherweight.acquire.verify import Digest, Expected, check
from featherweight.errors import InputError
from featherweight.files import read_json, write_json
from featherweight.specs import RelativePath, Spec, What

COARSEST_CLOCK_NS = 2_000_000_000
Verified = Literal["lock", "hub listing", "mirror manifest", "hashed here", "nothing to verify"]


class FileEntry(Spec):
    """One file: its length and hash.

    `stored` is its name on disk where that differs (a .gz beside the name).
    """

    bytes: int
    sha256: str
    stored: RelativePath | None = None


class Manifest(Spec):
    """What was acquired, where it lies, and what vouches for it."""

    name: str
    what: What
    kind: str
    repository: str | None
    revision: str | None
    licence: str | None
    folder: Path | None
    files: dict[RelativePath, FileEntry]
    verified: Verified
    chat: dict[str, Any] | None = None
    disagreements: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    # why the download failed, in a run that continues without it; retried on the next run
    missing: tuple[str, ...] = ()

    @property
    def bytes(self) -> int:
        """Bytes of all files together."""
        return sum(entry.bytes for entry in self.files.values())


def write_manifest(path: Path, manifest: Manifest, *, since_ns: int) -> None:
    """Write the manifest, and what was seen of its files. The same acquisition gives the same
    bytes.

    `since_ns` is when the hashing began (`time.time_ns`): what changed later than that is not
    remembered.
    """
    _remember(path, manifest, since_ns)
    write_document(path, manifest)


def write_document(path: Path, manifest: Manifest) -> None:
    """Write the manifest alone, whole or not at all."""
    write_json(path, manifest.model_dump(mode="json") | {"bytes": manifest.bytes})


def read_manifest(path: Path) -> Manifest:
    """Read a manifest back. Raises InputError if it is not there or not one."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InputError(
            f"{path}: expected a manifest, got nothing; run snakemake, its rule acquire writes it"
        ) from error
    return parse_manifest(text, str(path), "delete it and run again")


def parse_manifest(text: str, where: str, advice: str) -> Manifest:
    """A manifest from its JSON text. Raises InputError, ending in `advice`, if it is not one."""
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{where}: expected a manifest, got something else ({error}); {advice}"
        ) from None
    if isinstance(document, dict):
        document.pop("bytes", None)  # of all files together, for a person who reads it
    try:
        return documents.check(document, Manifest, f"{where}: expected a manifest")
    except InputError as error:
        raise InputError([f"{line}; {advice}" for line in error.problems]) from None


def entry_path(folder: Path, name: str, entry: FileEntry) -> Path:
    """Where a file of a manifest lies on disk."""
    return folder / (entry.stored or name)


def problems(path: Path, *, hash_all: bool = True) -> list[str]:
    """What is wrong with the files of a manifest; with `hash_all` false, files that nobody wrote to
    are not hashed.
    """
    manifest = read_manifest(path)
    if manifest.missing:
        return [f"{manifest.what} {manifest.name!r}: could not be downloaded last time"]
    if manifest.folder is None:
        return []
    seen = {} if hash_all else _recall(path)
    since_ns = time.time_ns()
    found, hashed = [], False
    for name, entry in manifest.files.items():
        on_disk = entry_path(manifest.folder, name, entry)
        if name in seen and seen[name] == _look(on_disk):
            continue
        hashed = True
        _, problem = check(on_disk, Expected(entry.bytes, entry.sha256))
        if problem is not None:
            found.append(f"{manifest.what} {manifest.name!r}: {problem}")
    if hashed and not found:
        _remember(path, manifest, since_ns)
    return found


def stale(manifests: Iterable[Path], *, hash_all: bool = False) -> list[Path]:
    """The manifests whose files are no longer what they say: changed, truncated, removed, or the
    manifest is broken.

    Cheap enough for every start of Snakemake (one stat per file). A manifest that does not exist is
    not stale: its rule runs anyway. Removing what is returned makes the rule run again, and it
    fetches only the files that differ.
    """
    return [path for path in manifests if path.exists() and _is_stale(path, hash_all)]


def forget_stale(manifests: Iterable[Path], *, hash_all: bool = False) -> list[str]:
    """Remove the stale manifests, so that their rules run again.

    Returns one sentence per file that differs.
    """
    said = []
    for path in stale(manifests, hash_all=hash_all):
        try:
            done = "looked at" if read_manifest(path).kind == "folder" else "fetched"
            said += [f"{problem}; it is {done} again" for problem in problems(path)]
        except InputError as error:
            said += error.problems
        path.unlink()
    return said


def _is_stale(path: Path, hash_all: bool) -> bool:
    try:
        return bool(problems(path, hash_all=hash_all))
    except InputError:
        return True


def _side_file(path: Path) -> Path:
    return path.with_name(f".{path.name}.seen")


def _look(path: Path) -> list[int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def _remember(path: Path, manifest: Manifest, since_ns: int) -> None:
    """Note what every file looks like; called only when all were hashed after `since_ns` and found
    right.
    """
    if manifest.folder is None:
        return
    seen = {}
    for name, entry in manifest.files.items():
        look = _look(entry_path(manifest.folder, name, entry))
        if look is not None and since_ns - look[2] > COARSEST_CLOCK_NS:
            seen[name] = look
    write_json(_side_file(path), seen)


def _recall(path: Path) -> dict[str, list[int]]:
    try:
        found = read_json(_side_file(path))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def entries(
    digests: Mapping[str, Digest], stored: Mapping[str, str] | None = None
) -> dict[str, FileEntry]:
    """Digests as manifest entries, sorted by name."""
    names = stored or {}
    return {
        name: FileEntry(
            bytes=found.bytes,
            sha256=found.sha256,
            stored=names.get(name) if names.get(name) != name else None,
        )
        for name, found in sorted(digests.items())
    }
