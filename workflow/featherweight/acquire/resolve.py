"""`snakemake lock`: asks the sources for the full commit and every file's size and hash, for
`config/lock.yaml`.

Reads the facts of models and datasets; large files of the Hub come with a sha256 in its listing,
small ones are fetched and hashed. What cannot be resolved is written down with the reason; what an
earlier lock knew of it is kept.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from featherweight.acquire.folder import acquire_folder
from featherweight.acquire.hub import fetch_snapshot, listing, model_info, where
from featherweight.acquire.lock import Entry, Lock, write_lock
from featherweight.acquire.manifest import Manifest
from featherweight.acquire.settings import Settings
from featherweight.acquire.sources import acquire
from featherweight.acquire.verify import Digest, Expected
from featherweight.errors import InputError
from featherweight.specs import Source

LOG = logging.getLogger("featherweight.acquire")


def resolve_lock(sources: Sequence[Source], lock: Lock, how: Settings) -> Lock:
    """The lock with an entry for each source, resolved where that could be done. Other entries stay
    as they are.

    An entry of the same repository and commit is asked again and must come out the same. Raises
    InputError where it does not: a commit cannot change, so somebody's bytes are wrong.
    """
    models, datasets, problems = dict(lock.models), dict(lock.datasets), list[str]()
    for source in sources:
        if source.kind == "control":
            continue
        part = models if source.what == "model" else datasets
        try:
            part[source.name] = _resolved(source, lock, how)
        except InputError as error:
            entry = lock.entry(source.what, source.name)
            if entry is not None and entry.files and source.revision in (None, entry.revision):
                problems += error.problems
                continue
            LOG.warning(
                "%s %r: not resolved: %s", source.what, source.name, "; ".join(error.problems)
            )
            part[source.name] = _unresolved(source, "; ".join(error.problems))
            continue
        LOG.info("%s %r: %d files locked", source.what, source.name, len(part[source.name].files))
    if problems:
        raise InputError(problems)
    return replace(lock, models=models, datasets=datasets)


def write_resolved(sources: Sequence[Source], lock: Lock, how: Settings) -> None:
    """Resolve and write the lock."""
    found = resolve_lock(sources, lock, how)
    write_lock(lock.path, found.models, found.datasets)


def _unresolved(source: Source, why: str) -> Entry:
    return Entry(source.repository, source.revision, source.licence, source.gated, unresolved=why)


def _resolved(source: Source, lock: Lock, how: Settings) -> Entry:
    if source.kind == "hub":
        return _resolved_hub(source, lock, how)
    if (
        source.kind == "folder"
    ):  # no commit says what a folder must hold: what lies there now is what is meant
        return _entry(source, acquire_folder(source, Lock(lock.path)), None)
    return _entry(source, acquire(source, lock, how), lock.entry(source.what, source.name))


def _entry(source: Source, manifest: Manifest, known: Entry | None) -> Entry:
    """What was found; files in another form of a known entry leave its own files as they are."""
    digests = {name: Digest(one.bytes, one.sha256, None) for name, one in manifest.files.items()}
    files = {name: Expected(one.bytes, one.sha256) for name, one in digests.items()}
    if known is None:
        return Entry(source.repository, source.revision, source.licence, source.gated, files)
    kept = files if known.form(digests) is None else known.files
    return Entry(
        source.repository, source.revision, source.licence, source.gated, kept, also=known.also
    )


def _resolved_hub(source: Source, lock: Lock, how: Settings) -> Entry:
    entry = lock.entry("model", source.name)
    revision = source.revision or (entry.revision if entry is not None else None)
    if revision is None:
        revision = model_info(source, None, how).sha
        if revision is None:
            raise InputError(
                f"{where(source)}: expected the newest commit, got none from the Hub; try again"
                " later"
            )
        LOG.info("%s: pinned to its newest commit, %s", where(source), revision)
    files = listing(source, revision, how)
    small = {name: expected for name, expected in files.items() if expected.sha256 is None}
    _, digests = fetch_snapshot(source, revision, small, how)
    sums = {name: expected.sha256 or digests[name].sha256 for name, expected in files.items()}
    resolved = {name: Expected(files[name].bytes, sums[name]) for name in files}
    if (
        entry is not None
        and entry.files
        and entry.revision == revision
        and dict(entry.files) != resolved
    ):
        changed = sorted(
            name
            for name in {*entry.files, *resolved}
            if entry.files.get(name) != resolved.get(name)
        )
        raise InputError(
            f"{where(source)}: the lock and the Hub differ on commit {revision}:"
            f" {', '.join(changed)}; a commit cannot change: compare the two, and delete the entry"
            f" from {lock.path} if the Hub is right"
        )
    return Entry(source.repository, revision, source.licence, source.gated, resolved)
