"""Datasets from their authors' repositories: one file after the other over HTTPS, at a full commit,
verified.

Writes `<downloads>/datasets/<name>/<revision>/<file>` (downloads: ./downloads where the config
names none). One real address, from config/datasets.yaml's url with revision and path filled in:

    https://raw.githubusercontent.com/nyu-mll/BBQ/bea11bd97d79217245b5871acd247b9d6eb24598/data/Age.jsonl
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, urlsplit

from huggingface_hub.errors import HfHubHTTPError

from featherweight.acquire.lock import Lock
from featherweight.acquire.network import Remote
from featherweight.acquire.settings import Settings
from featherweight.acquire.verify import Expected
from featherweight.errors import InputError
from featherweight.specs import Source


def remotes(source: Source) -> dict[str, Remote]:
    """Local name to address.

    Raises InputError for an address that cannot be pinned or is not https.
    """
    where = f"dataset {source.name!r}"
    url = str(source.url)
    problems = []
    if "{revision}" in url and source.revision is None:
        problems.append(
            f"{where}: revision: expected a full commit of 40 digits, got none; a branch may move"
        )
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost"):
        problems.append(f"{where}: url: expected https://..., got {url!r}")
    if problems:
        raise InputError(problems)
    return {name: _remote(source, name, path) for name, path in source.files.items()}


def _remote(source: Source, name: str, path: str) -> Remote:
    address = (
        str(source.url).replace("{revision}", str(source.revision)).replace("{path}", quote(path))
    )

    def explain(error: HfHubHTTPError) -> str | None:
        return _explained(error, address)

    return Remote(f"dataset {source.name!r}: {name}", address, explain=explain)


def _explained(error: HfHubHTTPError, address: str) -> str | None:
    status = error.response.status_code
    if status == 404:
        return (
            f"got 404: {address} is not there: correct files, revision or url in"
            " config/datasets.yaml"
        )
    if status in (401, 403):
        return (
            f"got {status}: {address} is not open to everyone: correct url in config/datasets.yaml,"
            " or name a folder"
        )
    return None


def expected_files(source: Source, lock: Lock) -> dict[str, Expected]:
    """What the lock says of every file; a file that it does not know can only be recorded, not
    verified.
    """
    entry = lock.entry("dataset", source.name)
    locked = entry.files if entry is not None else {}
    return {name: locked.get(name, Expected(None)) for name in source.files}


def download_folder(source: Source, how: Settings) -> Path:
    """Where the dataset's files are kept."""
    base = how.downloads.expanduser() if how.downloads is not None else Path("downloads")
    return base.resolve() / "datasets" / source.name / (source.revision or "unpinned")
