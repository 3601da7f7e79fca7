"""The acquire stage: models and datasets arrive pinned, verified and only once. The one stage that
opens the network.

Reads `config/lock.yaml` and the facts in `--spec`; writes
`results/<study>/acquire/{models,datasets}/<name>.json`, the manifest, last: downstream depends on
it. The weights stay where they were downloaded. One real line of its log:

    model 'pocket-fair': 5 files, 812.3 kB in resources/pocket/models/pocket-fair (hashed here)
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from featherweight.acquire import manifest as manifests
from featherweight.acquire.bundle import write_bundle
from featherweight.acquire.lock import Lock, read_lock
from featherweight.acquire.manifest import Manifest, write_manifest
from featherweight.acquire.progress import size
from featherweight.acquire.sources import acquire
from featherweight.acquire.spec import Settings, Source, source
from featherweight.errors import InputError
from featherweight.files import read_spec

LOG = logging.getLogger("featherweight.acquire")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the acquire stage."""
    verb = parser.add_mutually_exclusive_group(required=True)
    verb.add_argument("--kind", choices=("model", "dataset"), help="acquire one model or dataset")
    verb.add_argument(
        "--preflight",
        action="store_true",
        help="check everything of a study at once, fetch nothing",
    )
    verb.add_argument(
        "--verify", action="store_true", help="hash every file of the manifests again"
    )
    verb.add_argument(
        "--bundle",
        type=Path,
        metavar="DIR",
        help="copy the files of the manifests into DIR, a mirror",
    )
    verb.add_argument(
        "--write-lock", action="store_true", help="ask the sources and write the lock file"
    )
    parser.add_argument("--spec", metavar="JSON", help="the facts, as JSON or a file that holds it")
    parser.add_argument(
        "--lock",
        type=Path,
        default=Path("config/lock.yaml"),
        help="sizes and hashes to verify against",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="the manifest (or the preflight's findings) to write",
    )
    parser.add_argument(
        "--manifest", type=Path, nargs="+", default=[], help="manifests (default: all of results/)"
    )
    parser.add_argument(
        "--mirror",
        action="append",
        default=[],
        help="a folder or address with a bundle, tried first",
    )
    parser.add_argument(
        "--downloads", type=Path, help="where downloads are kept (default: see config/config.yaml)"
    )
    parser.add_argument("--offline", action="store_true", help="never open a socket")
    parser.add_argument(
        "--keep-going",
        action="store_true",
        help="a model that cannot be had is noted, not an error",
    )
    parser.add_argument(
        "--retries",
        type=int,
        default=5,
        help="further tries after a failed one (default: %(default)s)",
    )
    parser.add_argument(
        "--backoff",
        type=float,
        default=2.0,
        metavar="SECONDS",
        help="first wait, doubled each time",
    )


def main(args: argparse.Namespace) -> None:
    """Run what the arguments ask for. Raises InputError with every problem."""
    _from_environment(args)
    how = settings(args)
    if args.verify:
        verify(args.manifest or _all_manifests())
    elif args.bundle is not None:
        write_bundle(args.bundle, args.manifest or _all_manifests())
    elif args.spec is None:
        raise InputError("acquire: expected --spec with the facts as JSON, got none")
    elif args.preflight:
        from featherweight.acquire.preflight import preflight

        # A first look need not be patient: the fetching itself tries again, longer.
        hasty = dataclasses.replace(how, retries=min(how.retries, 2))
        preflight(
            read_spec(args.spec),
            read_lock(args.lock),
            hasty,
            args.output,
            keep_going=args.keep_going,
        )
    elif args.write_lock:
        from featherweight.acquire.resolve import write_resolved

        write_resolved(_all_sources(read_spec(args.spec)), read_lock(args.lock), how)
    elif args.output is None:
        raise InputError("acquire --kind: expected --output with the manifest to write, got none")
    else:
        wanted, lock = source(args.kind, read_spec(args.spec)), read_lock(args.lock)
        try:
            run(wanted, lock, args.output, how)
        except InputError as error:
            if not args.keep_going or args.kind != "model":
                raise
            note_missing(wanted, args.output, error.problems)


def _from_environment(args: argparse.Namespace) -> None:
    """What the workflow says of how to acquire: in its jobs' environment, since it must not make a
    job run again.
    """
    said = json.loads(os.environ.get("FEATHERWEIGHT_ACQUIRE", "{}"))
    args.mirror = [*args.mirror, *said.get("mirrors", [])]
    args.downloads = args.downloads or (said.get("downloads") and Path(said["downloads"]))
    args.offline = args.offline or bool(said.get("offline"))
    args.keep_going = args.keep_going or bool(said.get("keep_going"))


def note_missing(wanted: Source, output: Path, problems: Sequence[str]) -> None:
    """Write a manifest that says why a model could not be had; the rest of the study goes on, the
    report names it.
    """
    for problem in problems:
        LOG.error("error: %s", problem)
    LOG.warning(
        "%s %r: the study goes on without it (--keep-going); the next run tries again",
        wanted.what,
        wanted.name,
    )
    facts: dict[str, Any] = {
        "repository": wanted.repository,
        "revision": wanted.revision,
        "licence": wanted.licence,
    }
    kinds: dict[str, Any] = {"name": wanted.name, "what": wanted.what, "kind": wanted.kind}
    found = Manifest(
        **kinds,
        **facts,
        folder=None,
        files={},
        verified="nothing to verify",
        missing=tuple(problems),
    )
    write_manifest(output, found, since_ns=time.time_ns())


def _all_manifests() -> list[Path]:
    return [
        path
        for part in ("models", "datasets")
        for path in sorted(Path("results").glob(f"*/acquire/{part}/*.json"))
    ]


def settings(args: argparse.Namespace) -> Settings:
    """How to acquire, from the arguments and the environment (HF_HUB_OFFLINE, HF_ENDPOINT)."""
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}
    return Settings(
        mirrors=tuple(args.mirror),
        downloads=args.downloads,
        offline=args.offline or offline,
        endpoint=(os.environ.get("HF_ENDPOINT") or "").rstrip("/") or None,
        retries=args.retries,
        backoff=args.backoff,
    )


def _all_sources(spec: dict[str, list[dict[str, object]]]) -> list[Source]:
    models = [source("model", facts) for facts in spec.get("models") or []]
    return models + [source("dataset", facts) for facts in spec.get("datasets") or []]


def run(wanted: Source, lock: Lock, output: Path, how: Settings) -> Manifest:
    """Acquire one model or dataset and write its manifest, last.

    Raises InputError with every problem.
    """
    since_ns = time.time_ns()
    found = acquire(wanted, lock, how)
    for line in (*found.disagreements, *found.warnings):
        LOG.warning("%s %r: %s", found.what, found.name, line)
    write_manifest(output, found, since_ns=since_ns)
    total = sum(entry.bytes for entry in found.files.values())
    if found.folder is None:
        LOG.info("%s %r: needs no files", found.what, found.name)
    else:
        count = f"{len(found.files)} file{'s' if len(found.files) != 1 else ''}"
        LOG.info(
            "%s %r: %s, %s in %s (%s)",
            found.what,
            found.name,
            count,
            size(total),
            found.folder,
            found.verified,
        )
    return found


def verify(paths: list[Path]) -> None:
    """Hash every file of the manifests again.

    Raises InputError with every file that is not as it was.
    """
    if not paths:
        raise InputError(
            "acquire --verify: expected manifests, got none in results/*/acquire; name them:"
            " --manifest FILE"
        )
    found = [problem for path in paths for problem in manifests.problems(path, hash_all=True)]
    if found:
        raise InputError(
            [f"{problem}; run snakemake again, it fetches only what differs" for problem in found]
        )
    LOG.info("%d manifest%s: every file is as it was", len(paths), "" if len(paths) == 1 else "s")
