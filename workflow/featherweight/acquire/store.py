"""Where downloads lie, who may write there, and whether there is room: the disk's side of
acquiring.

Models go into the Hugging Face cache (or `<downloads>/models`, laid out the same way), datasets
into `<downloads>/datasets/<name>/<revision>`.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from huggingface_hub import constants

from featherweight.acquire.network import Remote, fetch_command, fetch_verified
from featherweight.acquire.progress import size
from featherweight.acquire.settings import Settings
from featherweight.acquire.verify import Digest, Expected, check
from featherweight.errors import InputError

LOG = logging.getLogger("featherweight.acquire")
# A download that is alive writes all the time; a file that nobody has touched for an hour was left
# by a killed process.
LEFT_BEHIND_SECONDS = 3600.0


@contextmanager
def exclusive(lock_file: Path, where: str) -> Iterator[None]:
    """Serialise downloads of one source across processes."""
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(lock_file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        LOG.info("%s: another run is fetching it; waiting for that (lock: %s)", where, lock_file)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def clean_up(folder: Path) -> None:
    """Remove parts that a killed download left and that nobody can continue (the library never
    does).
    """
    for path in folder.glob("*.incomplete"):
        age = time.time() - path.stat().st_mtime
        if (
            age > LEFT_BEHIND_SECONDS and len(path.name.split(".")) == 3
        ):  # <hash>.<process>.incomplete: the library's
            LOG.info("removing %s, %s that a killed download left", path, size(path.stat().st_size))
            path.unlink(missing_ok=True)


def require_space(where: str, folder: Path, needed: int) -> None:
    """Raise InputError if the disk of `folder` has less than `needed` bytes left."""
    if (free := free_space(folder)) < needed:
        raise InputError(
            f"{where}: expected {size(needed)} free in {folder}, got {size(free)}; free some, or"
            " keep downloads elsewhere (--config downloads=FOLDER)"
        )


def free_space(folder: Path) -> int:
    """Bytes left on the disk that `folder` is or will be on."""
    existing = next(parent for parent in (folder, *folder.resolve().parents) if parent.exists())
    return shutil.disk_usage(existing).free


def cache_folder(how: Settings) -> Path:
    """Where models are kept: the Hugging Face cache, or `downloads` of the config, laid out the
    same way.
    """
    return (
        Path(constants.HF_HUB_CACHE)
        if how.downloads is None
        else how.downloads.expanduser().resolve() / "models"
    )


def fetch_into(
    remotes: Mapping[str, Remote], expected: Mapping[str, Expected], folder: Path, how: Settings
) -> dict[str, Digest]:
    """Have every file in a plain folder: what is right stays, what is damaged or missing is
    fetched, alone.
    """
    digests, missing = {}, []
    for name in remotes:
        got, problem = check(folder / name, expected[name])
        if got is not None and problem is None:
            digests[name] = got
            continue
        missing.append(name)
        if (folder / name).exists():
            LOG.warning("%s: %s; fetching it again", remotes[name].where, problem)
    if how.offline and missing:
        raise InputError(
            [
                f"{remotes[name].where}: not here, and offline: nothing is fetched;"
                f" {fetch_command()}"
                for name in missing
            ]
        )
    if missing:
        require_space(
            remotes[missing[0]].where, folder, sum(expected[name].bytes or 0 for name in missing)
        )
        with exclusive(folder / ".lock", remotes[missing[0]].where):
            for name in missing:
                digests[name] = _one(remotes[name], folder / name, expected[name], how)
    return digests


def _one(remote: Remote, final: Path, expected: Expected, how: Settings) -> Digest:
    """Another process may have fetched it while this one waited."""
    if final.exists():
        got, problem = check(final, expected)
        if got is not None and problem is None and expected.sha256 is not None:
            return got
        final.unlink()
    return fetch_verified(remote, final, expected, how)
