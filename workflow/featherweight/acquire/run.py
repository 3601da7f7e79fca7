"""Acquires one model or dataset and writes its manifest; hashes again what was acquired before.

Writes `results/<study>/acquire/{models,datasets}/<name>.json`, last: downstream depends on it. One
real line of its log:

    model 'pocket-fair': 5 files, 812.3 kB in resources/pocket/models/pocket-fair (hashed here)
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path

from featherweight.acquire.lock import Lock
from featherweight.acquire.manifest import Manifest, problems, write_manifest
from featherweight.acquire.progress import size
from featherweight.acquire.settings import Settings
from featherweight.acquire.sources import acquire
from featherweight.errors import InputError
from featherweight.specs import Source

LOG = logging.getLogger("featherweight.acquire")


def run_or_note(
    source: Source, lock: Lock, output: Path, how: Settings, *, keep_going: bool
) -> None:
    """Acquire; with `keep_going` a model that cannot be had is noted instead of an error."""
    try:
        run(source, lock, output, how)
    except InputError as error:
        if not keep_going or source.what != "model":
            raise
        note_missing(source, output, error.problems)


def note_missing(source: Source, output: Path, reasons: Sequence[str]) -> None:
    """Write a manifest that says why a model could not be had; the report names it."""
    for reason in reasons:
        LOG.error("error: %s", reason)
    LOG.warning(
        "%s %r: continuing without it (--keep-going); will retry on the next run",
        source.what,
        source.name,
    )
    manifest = Manifest(
        name=source.name,
        what=source.what,
        kind=source.kind,
        repository=source.repository,
        revision=source.revision,
        licence=source.licence,
        folder=None,
        files={},
        verified="nothing to verify",
        missing=tuple(reasons),
    )
    write_manifest(output, manifest, since_ns=time.time_ns())


def run(source: Source, lock: Lock, output: Path, how: Settings) -> Manifest:
    """Acquire one model or dataset and write its manifest, last.

    Raises InputError with every problem.
    """
    since_ns = time.time_ns()
    manifest = acquire(source, lock, how)
    for line in (*manifest.disagreements, *manifest.warnings):
        LOG.warning("%s %r: %s", manifest.what, manifest.name, line)
    write_manifest(output, manifest, since_ns=since_ns)
    if manifest.folder is None:
        LOG.info("%s %r: needs no files", manifest.what, manifest.name)
    else:
        LOG.info(
            "%s %r: %d file%s, %s in %s (%s)",
            manifest.what,
            manifest.name,
            len(manifest.files),
            "" if len(manifest.files) == 1 else "s",
            size(manifest.bytes),
            manifest.folder,
            manifest.verified,
        )
    return manifest


def verify(paths: Sequence[Path]) -> None:
    """Hash every file of the manifests again.

    Raises InputError with every file that is not as it was.
    """
    if not paths:
        raise InputError(
            "acquire --verify: expected manifests, got none in results/*/acquire; name them:"
            " --manifest FILE"
        )
    changed = [problem for path in paths for problem in problems(path, hash_all=True)]
    if changed:
        raise InputError(
            [f"{problem}; run snakemake again, it fetches only what differs" for problem in changed]
        )
    LOG.info("%d manifest%s: every file is as it was", len(paths), "" if len(paths) == 1 else "s")
