"""The stage `acquire`: models and datasets arrive pinned, verified and only once.

The one stage that opens the network. Reads `config/lock.yaml` and the facts in `--spec`; writes
`results/<study>/acquire/{models,datasets}/<name>.json`, the manifests (`run`), a mirror (`bundle`),
the lock (`resolve`) or what a study lacks (`preflight`). Weights stay where they were downloaded.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
from pathlib import Path

from featherweight.acquire.bundle import write_bundle
from featherweight.acquire.lock import read_lock
from featherweight.acquire.settings import Settings
from featherweight.errors import InputError
from featherweight.specs import PreflightSpec, Source, read_spec


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
    from featherweight.acquire import run

    _from_environment(args)
    how = settings(args)
    if args.verify:
        run.verify(args.manifest or _all_manifests())
    elif args.bundle is not None:
        write_bundle(args.bundle, args.manifest or _all_manifests())
    elif args.spec is None:
        raise InputError("acquire: expected --spec with the facts as JSON, got none")
    elif args.preflight:
        from featherweight.acquire.preflight import preflight

        # A first look need not be patient: the fetching itself tries again, longer.
        hasty = dataclasses.replace(how, retries=min(how.retries, 2))
        spec = read_spec(args.spec, PreflightSpec)
        preflight(spec, read_lock(args.lock), hasty, args.output, keep_going=args.keep_going)
    elif args.write_lock:
        from featherweight.acquire.resolve import write_resolved

        spec = read_spec(args.spec, PreflightSpec)
        write_resolved([*spec.models, *spec.datasets], read_lock(args.lock), how)
    elif args.output is None:
        raise InputError("acquire --kind: expected --output with the manifest to write, got none")
    else:
        source = read_spec(args.spec, Source)
        if source.what != args.kind:
            raise InputError(
                f"acquire --kind {args.kind}: expected the spec of a {args.kind}, got that of a"
                f" {source.what}"
            )
        run.run_or_note(source, read_lock(args.lock), args.output, how, keep_going=args.keep_going)


def _from_environment(args: argparse.Namespace) -> None:
    """Add what the workflow says in its jobs' environment: it must not make a job run again."""
    said = json.loads(os.environ.get("FEATHERWEIGHT_ACQUIRE", "{}"))
    args.mirror = [*args.mirror, *said.get("mirrors", [])]
    args.downloads = args.downloads or (said.get("downloads") and Path(said["downloads"]))
    args.offline = args.offline or bool(said.get("offline"))
    args.keep_going = args.keep_going or bool(said.get("keep_going"))


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


def _all_manifests() -> list[Path]:
    return [
        path
        for part in ("models", "datasets")
        for path in sorted(Path("results").glob(f"*/acquire/{part}/*.json"))
    ]
