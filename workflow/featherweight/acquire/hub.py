"""Models of the Hugging Face Hub: a pinned commit into the Hub's own cache, every file verified by
us.

Reads and writes the cache (`models--org--name/blobs`, `snapshots/<commit>`), laid out as
`huggingface_hub` does, so that what another program fetched is used, and the other way round.
Beside it `featherweight-<commit>.json`: the Hub's listing of the commit, which vouches for the
files where `config/lock.yaml` does not yet. One entry of a listing:

    "model.safetensors": {"bytes": 269060552, "sha256": "5af571cb...", "git_sha1": null}
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from fnmatch import fnmatch
from pathlib import Path

from huggingface_hub import HfApi, get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import ModelInfo, RepoFile
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

from featherweight.acquire.folder import MODEL_FILES, PICKLED, TOKENIZERS
from featherweight.acquire.lock import Lock
from featherweight.acquire.network import Remote, fetch_command, fetch_verified, patiently
from featherweight.acquire.settings import Settings
from featherweight.acquire.store import cache_folder, clean_up, exclusive, require_space
from featherweight.acquire.verify import Digest, Expected, check
from featherweight.errors import InputError
from featherweight.files import read_json, write_json
from featherweight.specs import Source

LOG = logging.getLogger("featherweight.acquire")


def pinned(source: Source, lock: Lock) -> str:
    """The full commit of a model: config/models.yaml, else the lock.

    Raises InputError where neither names one.
    """
    entry = lock.entry("model", source.name)
    revision = source.revision or (entry.revision if entry is not None else None)
    if revision is None:
        raise InputError(
            f"model {source.name!r}: expected a pinned revision of {source.repository} (a full"
            f" commit), got none; run `snakemake lock` on a machine with a network: it asks"
            f" the Hub and writes {lock.path}"
        )
    return revision


def repository_folder(source: Source, how: Settings) -> Path:
    """The folder of the cache that holds every commit of the source's repository."""
    return cache_folder(how) / f"models--{str(source.repository).replace('/', '--')}"


def snapshot_folder(source: Source, revision: str, how: Settings) -> Path:
    """The folder of one commit."""
    return repository_folder(source, how) / "snapshots" / revision


def fetch_snapshot(
    source: Source, revision: str, expected: Mapping[str, Expected], how: Settings
) -> tuple[Path, dict[str, Digest]]:
    """Ensure that every expected file of a commit is cached; download only what is missing or
    corrupt.
    """
    folder = snapshot_folder(source, revision, how)
    digests, missing = look(folder, expected)
    if not missing:
        return folder, digests
    if how.offline:
        raise InputError(
            [
                f"{where(source)}: {problem}; offline: nothing is fetched; {fetch_command()}"
                for problem in missing.values()
            ]
        )
    with exclusive(_lock_file(source, how), where(source)):
        clean_up(repository_folder(source, how) / "blobs")
        digests, missing = look(
            folder, expected
        )  # another process may have fetched it while this one waited
        require_space(where(source), folder, sum(expected[name].bytes or 0 for name in missing))
        for name, problem in missing.items():
            if (folder / name).is_symlink() or (folder / name).exists():
                LOG.warning("%s: %s; fetching it again", where(source), problem)
                (folder / name).unlink()  # _fetch re-checks the blob behind it
            digests[name] = _fetch(source, revision, name, expected[name], how)
    return folder, digests


def look(
    folder: Path, expected: Mapping[str, Expected]
) -> tuple[dict[str, Digest], dict[str, str]]:
    """The digests of the files that are there and right, and what is wrong with the others."""
    digests, missing = {}, {}
    for name, wanted in expected.items():
        got, problem = check(folder / name, wanted)
        if got is not None and problem is None:
            digests[name] = got
        else:
            missing[name] = str(problem)
    return digests, missing


def _fetch(source: Source, revision: str, name: str, expected: Expected, how: Settings) -> Digest:
    """One file into the cache: ask what it is, compare with what was promised, fetch, verify,
    link."""
    about = f"{where(source)}: {name}"
    url = hf_hub_url(str(source.repository), name, revision=revision, endpoint=how.endpoint)

    def explain(error: HfHubHTTPError) -> str | None:
        return explained(error, source, revision)

    def ask() -> tuple[str | None, str | None]:
        found = get_hf_file_metadata(url, timeout=how.timeout, endpoint=how.endpoint)
        return found.commit_hash, found.etag

    commit, etag = patiently(ask, about, how, explain)
    if commit != revision:
        raise InputError(
            f"{about}: asked for commit {revision}, the server answered with {commit}: nothing of"
            " it is used; a mirror or proxy in between may be stale: go around it (HF_ENDPOINT),"
            " or try again later"
        )
    if (
        expected.sha256 is not None
        and etag is not None
        and len(etag) == 64
        and etag != expected.sha256
    ):
        raise InputError(
            f"{about}: expected sha256 {expected.sha256}, the server promises {etag}: nothing is"
            " fetched; correct the revision in config/models.yaml, or run `snakemake lock` if the"
            " other file is meant"
        )
    blob_name = (
        etag if etag is not None and etag.isalnum() else expected.sha256 or expected.git_sha1
    )
    blob = repository_folder(source, how) / "blobs" / str(blob_name)
    got, problem = check(blob, expected)
    if got is None or problem is not None:
        blob.unlink(missing_ok=True)
        got = fetch_verified(Remote(about, url, build_hf_headers(), explain), blob, expected, how)
    _link(blob, snapshot_folder(source, revision, how) / name)
    return got


def _link(blob: Path, pointer: Path) -> None:
    """A relative link, as the Hub's cache has it; a copy where the disk knows no links."""
    pointer.parent.mkdir(parents=True, exist_ok=True)
    try:
        pointer.symlink_to(os.path.relpath(blob, pointer.parent))
    except OSError:
        shutil.copyfile(blob, pointer)


def listing(source: Source, revision: str, how: Settings) -> dict[str, Expected]:
    """What the Hub says of the needed files of a commit: size and sha256, or git sha1 of small
    ones. Kept on disk.
    """
    kept = repository_folder(source, how) / f"featherweight-{revision}.json"
    if kept.is_file():
        try:
            return {name: Expected(**facts) for name, facts in read_json(kept).items()}
        except (ValueError, TypeError, AttributeError):
            LOG.warning("%s: %s is damaged; asking the Hub again", where(source), kept)
    if how.offline:
        raise InputError(
            f"{where(source)}: commit {revision} is not in {cache_folder(how)}, and offline:"
            f" nothing is fetched; {fetch_command()}"
        )
    model_info(source, revision, how)
    api = HfApi(endpoint=how.endpoint)

    def ask() -> list[RepoFile]:
        tree = api.list_repo_tree(str(source.repository), recursive=False, revision=revision)
        return [entry for entry in tree if isinstance(entry, RepoFile)]

    found = patiently(ask, where(source), how, lambda error: explained(error, source, revision))
    files = needed(source, {file.path: _expected(file) for file in found})
    write_json(kept, {name: asdict(expected) for name, expected in files.items()})
    return files


def _expected(file: RepoFile) -> Expected:
    if file.lfs is not None:
        return Expected(file.lfs.size, sha256=file.lfs.sha256)
    return Expected(file.size, git_sha1=file.blob_id)


def needed(source: Source, files: Mapping[str, Expected]) -> dict[str, Expected]:
    """The files of a repository that a study needs: weights as safetensors once, JSON, tokenizer,
    template.
    """
    wanted = {
        name
        for name in files
        if "/" not in name and any(fnmatch(name, pattern) for pattern in MODEL_FILES)
    }
    weights = {name for name in wanted if name.endswith(".safetensors")}
    usual = {name for name in weights if fnmatch(name, "model*.safetensors")}
    pickles = sorted(name for name in files if any(fnmatch(name, pattern) for pattern in PICKLED))
    problems = []
    if not weights:
        got = (
            f"{', '.join(pickles)}: a pickle can run code, so it is not fetched"
            if pickles
            else "none"
        )
        problems.append(
            f"{where(source)}: expected weights as .safetensors, got {got}; choose another model"
        )
    if "config.json" not in wanted:
        problems.append(
            f"{where(source)}: expected config.json, got none: it is not in the layout of"
            " transformers"
        )
    if not wanted & set(TOKENIZERS):
        problems.append(
            f"{where(source)}: expected a tokenizer ({', '.join(TOKENIZERS)}), got none"
        )
    if problems:
        raise InputError(problems)
    return {name: files[name] for name in sorted(wanted - weights | (usual or weights))}


def model_info(source: Source, revision: str | None, how: Settings) -> ModelInfo:
    """What the Hub says of a repository at a commit (None: its newest).

    Raises InputError for another commit.
    """
    api = HfApi(endpoint=how.endpoint)

    def ask() -> ModelInfo:
        return api.model_info(str(source.repository), revision=revision, timeout=how.timeout)

    found = patiently(ask, where(source), how, lambda error: explained(error, source, revision))
    if revision is not None and found.sha != revision:
        raise InputError(
            f"{where(source)}: asked for commit {revision}, the server answered with {found.sha}:"
            " nothing of it is used; a mirror or proxy in between may be stale: go around it"
            " (HF_ENDPOINT), or try again later"
        )
    return found


def may_read(source: Source, revision: str, how: Settings) -> None:
    """Raise InputError unless the files may be fetched: a gated repository shows its facts to
    anyone, its files not.
    """
    url = hf_hub_url(
        str(source.repository), "config.json", revision=revision, endpoint=how.endpoint
    )
    patiently(
        lambda: get_hf_file_metadata(url, timeout=how.timeout, endpoint=how.endpoint),
        where(source),
        how,
        lambda error: explained(error, source, revision),
    )


def explained(error: HfHubHTTPError, source: Source, revision: str | None) -> str | None:
    """Advice for an HTTP status from the Hub; None if a retry may help or the status is unknown."""
    status = error.response.status_code
    page = f"https://huggingface.co/{source.repository}"
    other = (
        ""
        if source.alternative is None
        else f"; or take the ungated {source.alternative!r} in its place"
    )
    if isinstance(error, GatedRepoError) and status == 401:
        return (
            f"gated, and nobody is logged in (401): accept the licence at {page}, then set HF_TOKEN"
            f" to a token of that account{other}"
        )
    if isinstance(error, GatedRepoError):
        return (
            f"gated, and the account of HF_TOKEN has no access ({status}): accept the licence at"
            f" {page} with that account and wait for its approval{other}"
        )
    if isinstance(error, RepositoryNotFoundError):
        return (
            f"expected a repository, got {status}: {source.repository} does not exist or is private"
            " (the Hub does not say which): correct repository in config/models.yaml, or set"
            " HF_TOKEN to a token that may read it"
        )
    if isinstance(error, RevisionNotFoundError):
        return (
            f"expected commit {revision}, got {status}: it is not in {source.repository}: correct"
            " revision in config/models.yaml, or run `snakemake lock`"
        )
    if isinstance(error, RemoteEntryNotFoundError):
        return (
            f"not in commit {revision} ({status}), though the lock names it: run `snakemake lock`"
        )
    if status == 401:
        return (
            "got 401: HF_TOKEN is not (or no longer) valid: make a new one at"
            " https://huggingface.co/settings/tokens"
        )
    if status == 403:
        return (
            f"got 403: HF_TOKEN may not read {source.repository}: give the token that right, or"
            f" visit {page}"
        )
    return None


def where(source: Source) -> str:
    """How messages name a model."""
    return f"model {source.name!r} ({source.repository})"


def _lock_file(source: Source, how: Settings) -> Path:
    return (
        cache_folder(how)
        / ".locks"
        / "featherweight"
        / f"{repository_folder(source, how).name}.lock"
    )
