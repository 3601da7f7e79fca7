"""One model or dataset, from wherever it is: a folder, a mirror, the cache, the network. Returns
its manifest.

The order is always the same: a folder that the user names, the mirrors, what an earlier run left,
the network.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from featherweight.acquire.folder import acquire_folder, model_paths
from featherweight.acquire.lock import Lock, disagreements
from featherweight.acquire.manifest import Manifest, Verified, entries
from featherweight.acquire.settings import Settings
from featherweight.acquire.verify import Digest, Expected
from featherweight.chat.facts import read_chat
from featherweight.errors import InputError
from featherweight.specs import Source

LOG = logging.getLogger("featherweight.acquire")


def acquire(source: Source, lock: Lock, how: Settings) -> Manifest:
    """Have every file of a model or dataset here and verified.

    Raises InputError with every problem.
    """
    if source.kind == "control":
        return _manifest(source, None, {}, "nothing to verify", None)
    if source.folder is not None:
        return acquire_folder(source, lock)
    if problems := disagreements(source, lock):
        raise InputError(problems)
    if how.mirrors:
        # Imported here, like the rest of the network: a run from folders needs no network library.
        from featherweight.acquire.mirror import from_mirrors

        found = from_mirrors(source, lock, how)
        if found is not None:
            LOG.info("%s %r: from the mirror %s", source.what, source.name, found.where)
            return _manifest(
                source, found.folder, found.digests, found.verified, _revision(source, lock)
            )
    if source.kind == "folder":
        return acquire_folder(source, lock)
    return (
        _from_hub(source, lock, how) if source.what == "model" else _from_authors(source, lock, how)
    )


def _from_hub(source: Source, lock: Lock, how: Settings) -> Manifest:
    from featherweight.acquire.hub import fetch_snapshot, listing, pinned

    revision = pinned(source, lock)
    entry = lock.entry("model", source.name)
    locked = entry is not None and bool(entry.files)
    expected = dict(entry.files) if entry is not None and locked else listing(source, revision, how)
    folder, digests = fetch_snapshot(source, revision, expected, how)
    return _manifest(source, folder, digests, "lock" if locked else "hub listing", revision)


def _from_authors(source: Source, lock: Lock, how: Settings) -> Manifest:
    from featherweight.acquire.https import download_folder, expected_files, remotes
    from featherweight.acquire.store import fetch_into

    expected = expected_files(source, lock)
    folder = download_folder(source, how)
    digests = fetch_into(remotes(source), expected, folder, how)
    return _manifest(source, folder, digests, _vouched(expected), source.revision)


def _vouched(expected: Mapping[str, Expected]) -> Verified:
    return "lock" if all(file.sha256 is not None for file in expected.values()) else "hashed here"


def _revision(source: Source, lock: Lock) -> str | None:
    entry = lock.entry(source.what, source.name)
    return source.revision or (entry.revision if entry is not None else None)


def _manifest(
    source: Source,
    folder: Path | None,
    digests: Mapping[str, Digest],
    verified: Verified,
    revision: str | None,
) -> Manifest:
    chat: dict[str, Any] | None = None
    shown: list[str] = []
    if source.what == "model" and folder is not None:
        model_paths(
            source, folder
        )  # whole: tokenizer, every shard, weights as long as their header says
        chat, shown = read_chat(folder)
    return Manifest(
        name=source.name,
        what=source.what,
        kind=source.kind,
        repository=source.repository,
        revision=revision,
        licence=source.licence,
        folder=folder,
        files=entries(digests),
        verified=verified,
        chat=chat,
        disagreements=tuple(shown),
        warnings=_warnings(source, verified),
    )


def _warnings(source: Source, verified: Verified) -> tuple[str, ...]:
    """Who vouches for the files, where it is not the lock."""
    said: dict[str, str] = {
        "hub listing": "verified against the Hub's own listing, not against config/lock.yaml",
        "mirror manifest": (
            "verified against the mirror's own manifest, not against config/lock.yaml"
        ),
        "hashed here": "config/lock.yaml knows no hash of it: recorded, not verified",
    }
    if verified not in said or source.kind == "folder":
        return ()
    return (
        (
            f"{said[verified]}; `snakemake lock` writes down what it found, so that every later run"
            " is held to it"
        ),
    )
