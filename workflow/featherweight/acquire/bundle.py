"""A folder that can be carried to a machine without internet and named there in `mirrors`.

Writes `DIR/{models,datasets}/<name>/<file>` and, last, `DIR/{models,datasets}/<name>.json`, the
manifest with the folder left out. Every file is hashed while it is copied; what is there already
and right is not copied again.
"""

from __future__ import annotations

import gzip
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

from featherweight.acquire.manifest import Manifest, entry_path, read_manifest, write_document
from featherweight.acquire.progress import size
from featherweight.acquire.verify import Expected, check
from featherweight.errors import InputError

LOG = logging.getLogger("featherweight.acquire")


def write_bundle(folder: Path, manifests: Sequence[Path]) -> None:
    """Copy every file of the manifests.

    Raises InputError with every file that is no longer what its manifest says.
    """
    if not manifests:
        raise InputError(
            "acquire --bundle: expected manifests, got none in results/*/acquire: run `snakemake"
            " acquire` first, or name them: --manifest results/STUDY/acquire/*/*.json"
        )
    problems: list[str] = []
    copied = count = 0
    for path in manifests:
        manifest = read_manifest(path)
        if manifest.missing:
            LOG.warning(
                "%s %r: could not be downloaded, so it is not in the bundle",
                manifest.what,
                manifest.name,
            )
        if manifest.folder is not None:
            copied += _copy(folder.expanduser(), manifest, problems)
            count += 1
    if problems:
        raise InputError(
            [
                f"{problem}; run snakemake again, it fetches only what differs"
                for problem in problems
            ]
        )
    LOG.info(
        "bundle %s: %d models and datasets, %s copied; there: "
        "snakemake --config offline=true 'mirrors=[\"%s\"]'",
        folder,
        count,
        size(copied),
        folder,
    )


def _copy(folder: Path, manifest: Manifest, problems: list[str]) -> int:
    assert manifest.folder is not None
    base = folder / f"{manifest.what}s"
    copied, before = 0, len(problems)
    for name, entry in manifest.files.items():
        expected = Expected(entry.bytes, entry.sha256)
        target = base / manifest.name / name
        if target.exists() and check(target, expected)[1] is None:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.incomplete")
        origin = entry_path(manifest.folder, name, entry)
        try:
            _copy_plain(origin, part)
        except FileNotFoundError:
            problems.append(
                f"{manifest.what} {manifest.name!r}: {origin}: expected a file, got nothing: it was"
                " removed"
            )
            continue
        _, problem = check(part, expected)
        if problem is not None:
            part.unlink()
            problems.append(f"{manifest.what} {manifest.name!r}: {problem} ({origin})")
            continue
        part.replace(target)
        copied += entry.bytes
    if len(problems) == before:
        plain = {
            name: entry.model_copy(update={"stored": None})
            for name, entry in manifest.files.items()
        }
        moved = manifest.model_copy(update={"folder": None, "files": plain})
        write_document(base / f"{manifest.name}.json", moved)
    return copied


def _copy_plain(origin: Path, part: Path) -> None:
    """Bundled files are stored uncompressed, so that they match the lock's hashes."""
    if origin.suffix == ".gz":
        with gzip.open(origin, "rb") as stream, part.open("wb") as target:
            shutil.copyfileobj(stream, target, 1 << 20)
    else:
        shutil.copyfile(origin, part)
