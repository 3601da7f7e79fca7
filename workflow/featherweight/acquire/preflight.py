"""Preflight: check that every model and dataset is present or downloadable, permitted, and fits on
disk.

Reads the study's facts and the lock; asks the network one or two small questions per missing model
or dataset. Writes `results/<study>/acquire/preflight.json`. One real row of it:

    {"what": "model", "name": "pocket-fair", "state": "here", "missing_bytes": 0, "problems": []}
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from featherweight.acquire.folder import acquire_folder
from featherweight.acquire.lock import Lock, disagreements
from featherweight.acquire.progress import size
from featherweight.acquire.settings import Settings
from featherweight.acquire.verify import Expected
from featherweight.cuda import cuda_devices, release_problem
from featherweight.errors import InputError
from featherweight.files import write_json
from featherweight.specs import EngineName, PreflightSpec, Source, What

State = Literal["here", "within reach", "missing"]
LOG = logging.getLogger("featherweight.acquire")
PACKAGES = {"transformers": ("torch", "transformers"), "exllamav2": ("torch", "exllamav2")}


@dataclass(frozen=True, slots=True)
class Status:
    """Preflight status of one model or dataset."""

    what: What
    name: str
    state: State
    missing_bytes: int | None  # to fetch; None where nobody knows
    folder: str | None  # where it will lie; None for what needs no files
    problems: tuple[str, ...] = ()


def preflight(
    spec: PreflightSpec, lock: Lock, how: Settings, output: Path | None, *, keep_going: bool
) -> None:
    """Check everything of a study at once.

    Raises InputError with all problems; with `keep_going` those of single models are only logged,
    and what concerns the whole run (the engine, the disk) still stops it.
    """
    rows = [_check(source, lock, how) for source in (*spec.models, *spec.datasets)]
    general = [*engine_problems(spec.engine), *_space_problems(rows)]
    if output is not None:
        document = {"study": spec.study, "engine": spec.engine, "rows": [asdict(r) for r in rows]}
        write_json(output, document)
    for row in rows:
        room = "" if not row.missing_bytes else f", {size(row.missing_bytes)} to fetch"
        LOG.info("%s %r: %s%s", row.what, row.name, row.state, room)
    single = [problem for row in rows for problem in row.problems]
    if keep_going and len(rows) > sum(bool(row.problems) for row in rows):
        for problem in single:
            LOG.warning("%s; the rest of the study goes on", problem)
        single = []
    if general or single:
        if output is not None:
            output.unlink(missing_ok=True)
        models = [row for row in rows if row.what == "model"]
        if (
            not general
            and any(not row.problems for row in models)
            and any(row.problems for row in models)
        ):
            single.append(
                "the other models can run without those: the same command with --keep-going"
            )
        raise InputError([*general, *single])


def _check(source: Source, lock: Lock, how: Settings) -> Status:
    try:
        if source.kind == "control":
            return Status(source.what, source.name, "here", 0, None)
        if source.folder is not None:
            acquire_folder(source, lock)
            return Status(source.what, source.name, "here", 0, str(source.folder))
        if problems := disagreements(source, lock):
            raise InputError(problems)
        return _check_remote(source, lock, how)
    except InputError as error:
        return Status(source.what, source.name, "missing", None, None, error.problems)


def _check_remote(source: Source, lock: Lock, how: Settings) -> Status:
    from featherweight.acquire.mirror import from_mirrors

    folder_mirrors = tuple(mirror for mirror in how.mirrors if "://" not in mirror)
    if (
        folder_mirrors
        and from_mirrors(source, lock, Settings(mirrors=folder_mirrors, offline=True)) is not None
    ):
        return Status(source.what, source.name, "here", 0, None)
    if source.kind == "folder":
        acquire_folder(source, lock)  # raises: no folder is named
    return (
        _check_hub(source, lock, how)
        if source.what == "model"
        else _check_authors(source, lock, how)
    )


def _check_hub(source: Source, lock: Lock, how: Settings) -> Status:
    from featherweight.acquire.hub import (
        listing,
        may_read,
        model_info,
        pinned,
        snapshot_folder,
        where,
    )
    from featherweight.acquire.network import refuse_offline

    revision = pinned(source, lock)
    entry = lock.entry("model", source.name)
    expected = (
        dict(entry.files) if entry is not None and entry.files else listing(source, revision, how)
    )
    folder = snapshot_folder(source, revision, how)
    missing = _missing_bytes(folder, expected)
    if missing:
        refuse_offline(where(source), how)
        model_info(source, revision, how)
        may_read(source, revision, how)
    return _remote_status(source, missing, folder, complete=not missing)


def _remote_status(source: Source, missing: int, folder: Path, *, complete: bool) -> Status:
    state: State = "here" if complete else "within reach"
    return Status(source.what, source.name, state, missing, str(folder))


def _check_authors(source: Source, lock: Lock, how: Settings) -> Status:
    from featherweight.acquire.https import download_folder, expected_files, remotes
    from featherweight.acquire.network import reachable, refuse_offline

    addresses, expected = remotes(source), expected_files(source, lock)
    folder = download_folder(source, how)
    missing = [name for name in expected if not _right_length(folder / name, expected[name])]
    if missing:
        refuse_offline(f"dataset {source.name!r}", how)
        reachable(addresses[missing[0]], how)
    size_missing = _missing_bytes(folder, expected)
    return _remote_status(source, size_missing, folder, complete=not missing)


def _missing_bytes(folder: Path, expected: Mapping[str, Expected]) -> int:
    """By length alone: acquire itself hashes, here it is a question of room."""
    return sum(
        file.bytes or 0 for name, file in expected.items() if not _right_length(folder / name, file)
    )


def _right_length(path: Path, expected: Expected) -> bool:
    return path.is_file() and (expected.bytes is None or path.stat().st_size == expected.bytes)


def engine_problems(engine: EngineName) -> list[str]:
    """What the engine needs and this machine lacks. Nothing is imported: that takes seconds."""
    problems = [
        f"engine {engine!r}: expected the package {package}, got none; install it (see README), or"
        " choose another engine (--config engine=transformers)"
        for package in PACKAGES.get(engine, ())
        if find_spec(package) is None
    ]
    if engine == "exllamav2":
        problems += _release_problems()
    if engine == "exllamav2" and not cuda_devices():
        problems.append(
            "engine 'exllamav2': expected a CUDA GPU, got none that the driver shows to this"
            " process (nvidia-smi, CUDA_VISIBLE_DEVICES); choose --config engine=transformers"
        )
    return problems


def _release_problems() -> list[str]:
    """Releases that ExLlamaV2 cannot run with, of the packages that are there; read from their
    metadata.
    """
    problems = []
    for package in PACKAGES["exllamav2"]:
        try:
            wrong = release_problem(package, version(package))
        except PackageNotFoundError:
            continue  # said above, or a folder of source without metadata: the engine looks again
        if wrong:
            problems.append(
                f"engine 'exllamav2': {wrong}; install that (see README), or choose another engine"
                " (--config engine=transformers)"
            )
    return problems


def _space_problems(rows: Sequence[Status]) -> list[str]:
    """Together the missing files may need more room than each alone."""
    from featherweight.acquire.store import free_space

    needs: dict[int, list[Status]] = {}
    for row in rows:
        if row.folder is not None and row.missing_bytes:
            needs.setdefault(_disk(Path(row.folder)), []).append(row)
    problems = []
    for together in needs.values():
        folder = Path(str(together[0].folder))
        needed, free = sum(row.missing_bytes or 0 for row in together), free_space(folder)
        if needed > free:
            names = ", ".join(row.name for row in together)
            problems.append(
                f"disk of {folder}: expected {size(needed)} free for {names}, got {size(free)};"
                " free some, or keep downloads elsewhere (--config downloads=FOLDER)"
            )
    return problems


def _disk(folder: Path) -> int:
    existing = next(parent for parent in (folder, *folder.resolve().parents) if parent.exists())
    return existing.stat().st_dev
