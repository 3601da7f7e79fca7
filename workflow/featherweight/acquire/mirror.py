"""Mirrors: folders or addresses with what `acquire --bundle` wrote, tried before the network, with
the same checks.

Reads `<mirror>/models/<name>/...`, `<mirror>/datasets/<name>/...` and beside each folder its
manifest, `<name>.json`. A folder is used where it lies, nothing is copied; from an address the
files are fetched into the downloads.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from huggingface_hub.errors import HfHubHTTPError

from featherweight.acquire.hub import look
from featherweight.acquire.lock import Lock, disagreements
from featherweight.acquire.manifest import Verified, parse_manifest
from featherweight.acquire.network import Remote, fetch_verified
from featherweight.acquire.settings import Settings
from featherweight.acquire.store import fetch_into
from featherweight.acquire.verify import Digest, Expected
from featherweight.errors import InputError
from featherweight.specs import Source

LOG = logging.getLogger("featherweight.acquire")


@dataclass(frozen=True, slots=True)
class Found:
    """What a mirror gave: where the files lie, what they are, and what vouches for them."""

    folder: Path
    digests: Mapping[str, Digest]
    verified: Verified
    where: str


def from_mirrors(source: Source, lock: Lock, how: Settings) -> Found | None:
    """The source's files from the first mirror that has them, verified; None where no mirror has.

    A mirror that has them wrong is named in the log and passed over.
    """
    for mirror in how.mirrors:
        remote = mirror.startswith(("https://", "http://"))
        if remote and how.offline:
            continue
        try:
            found = (
                _from_address(mirror, source, lock, how)
                if remote
                else _from_folder(Path(mirror), source, lock)
            )
        except InputError as error:
            for problem in error.problems:
                LOG.warning("mirror %s: %s; the mirror is passed over", mirror, problem)
            continue
        if found is not None:
            return found
    return None


def _from_folder(mirror: Path, source: Source, lock: Lock) -> Found | None:
    if not mirror.expanduser().is_dir():
        raise InputError(
            f"expected a folder, got {'a file' if mirror.exists() else 'nothing'}; "
            "correct mirrors in config/config.yaml"
        )
    base = mirror.expanduser().resolve() / f"{source.what}s"
    if not (base / source.name).is_dir():
        return None
    described = base / f"{source.name}.json"
    text = described.read_text(encoding="utf-8") if described.is_file() else None
    expected, verified = _promised(source, lock, text, str(described))
    digests, wrong = look(base / source.name, expected)
    if wrong:
        raise InputError(
            [f"{source.what} {source.name!r}: {problem}" for problem in wrong.values()]
        )
    return Found(base / source.name, digests, verified, str(mirror))


def _from_address(mirror: str, source: Source, lock: Lock, how: Settings) -> Found | None:
    base = f"{mirror.rstrip('/')}/{source.what}s/{quote(source.name)}"
    where = f"{source.what} {source.name!r}"
    folder = (
        (how.downloads or Path("downloads")).expanduser().resolve()
        / "mirrored"
        / f"{source.what}s"
        / source.name
    )
    described = folder.parent / f"{source.name}.json"
    absent: list[str] = []

    def explain(error: HfHubHTTPError) -> str | None:
        if error.response.status_code != 404:
            return None
        absent.append(base)
        return "got 404: it is not in this mirror"

    try:
        described.unlink(missing_ok=True)
        fetch_verified(
            Remote(f"{where}: manifest", f"{base}.json", explain=explain),
            described,
            Expected(None),
            how,
        )
    except InputError:
        if absent:
            return None
        raise
    expected, verified = _promised(
        source, lock, described.read_text(encoding="utf-8"), f"{base}.json"
    )
    remotes = {name: Remote(f"{where}: {name}", f"{base}/{quote(name)}") for name in expected}
    return Found(folder, fetch_into(remotes, expected, folder, how), verified, mirror)


def _promised(
    source: Source, lock: Lock, text: str | None, described: str
) -> tuple[dict[str, Expected], Verified]:
    """The files and their hashes: of the lock, else of the mirror's own manifest.

    Raises InputError without both.
    """
    entry = lock.entry(source.what, source.name)
    manifest = None if text is None else parse_manifest(text, described, "write the bundle again")
    revision = source.revision or (entry.revision if entry is not None else None)
    problems = disagreements(source, lock)
    if manifest is not None and revision is not None and manifest.revision != revision:
        problems.append(
            f"{source.what} {source.name!r}: expected revision {revision}, got {manifest.revision}"
            f" ({described}); write the bundle again"
        )
    if problems:
        raise InputError(problems)
    if entry is not None and entry.files:
        return dict(entry.files), "lock"
    if manifest is None:
        raise InputError(
            f"{source.what} {source.name!r}: expected hashes in {lock.path} or {described}, got"
            " neither"
        )
    return {
        name: Expected(found.bytes, found.sha256) for name, found in manifest.files.items()
    }, "mirror manifest"
