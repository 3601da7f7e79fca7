"""Where everything comes from: versions, commit, revisions and hashes, seeds, and what the study
deviates in.

Nothing here depends on the day, the machine's paths or how long the run took: the page of the same
samples is the same page. Seconds and hardware (`this_run`) stand in a section of their own.
"""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from featherweight import __version__
from featherweight.report import theme, ways
from featherweight.report.inputs import Inputs

PACKAGES = (
    "altair",
    "jinja2",
    "numpy",
    "pandas",
    "pyarrow",
    "safetensors",
    "scipy",
    "snakemake",
    "tokenizers",
    "torch",
    "transformers",
    "vl-convert-python",
)
UNKNOWN = "unknown"


def facts(inputs: Inputs) -> list[tuple[str, str]]:
    """The study's settings as names and values."""
    spec = inputs.spec
    commit, dirty = _commit(spec)
    seeds = spec.get("seeds") or sorted({cell["seed"] for cell in spec.get("cells") or []})
    listed = [
        ("Study", str(spec["study"])),
        (
            "Featherweight",
            (
                f"{__version__}, commit"
                f" {commit}{', with changes that are not committed' if dirty else ''}"
            ),
        ),
        ("Hash of the study's settings", str(spec.get("config_hash") or UNKNOWN)),
        ("Engine", str(spec.get("engine") or UNKNOWN)),
        ("Number format", str(spec.get("dtype") or UNKNOWN)),
        ("Seeds", ", ".join(map(str, seeds)) or UNKNOWN),
        ("Answers per prompt", _per_prompt(inputs)),
        ("Unread answers", theme.UNREAD.get(inputs.policy, inputs.policy)),
        (
            "Bootstrap draws",
            f"{spec['bootstrap_draws']:,}" if spec.get("bootstrap_draws") else UNKNOWN,
        ),
    ]
    wordings = spec.get("wordings") or {}
    listed += [
        (f"Wording, {inputs.task_label(task)}", str(name)) for task, name in wordings.items()
    ]
    listed += [
        (f"Answers, {inputs.task_label(task)}", ways.HOW) for task in ways.by_likelihood(inputs)
    ]
    return listed


def _per_prompt(inputs: Inputs) -> str:
    count = inputs.spec.get("samples_per_prompt")
    if count is None:
        return UNKNOWN
    several = count > 1 and ways.by_likelihood(inputs)
    return f"{count} where they are generated, 1 by likelihood" if several else str(count)


def _commit(spec: Mapping[str, Any]) -> tuple[str, bool]:
    """The commit of the project's code and whether it was changed; from the spec, else from git,
    else unknown.
    """
    if spec.get("commit"):
        return str(spec["commit"]), bool(spec.get("dirty"))
    here = Path(__file__).parent
    commit = _git(here, "rev-parse", "HEAD")
    if commit is None:
        return UNKNOWN, False
    return commit, bool(
        _git(here, "status", "--porcelain", "--untracked-files=no", "--", ":/workflow", ":/config")
    )


def _git(folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 and done.stdout.strip() else None


def versions() -> list[tuple[str, str]]:
    """Python and the packages that can change a number or a picture."""
    found = [("python", platform.python_version())]
    for name in PACKAGES:
        try:
            found.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            continue
    return found


def models(inputs: Inputs) -> list[dict[str, Any]]:
    """Each model with revision, licence and the hash of every file."""
    rows = []
    for name in inputs.every:
        known = inputs.spec["models"][name]
        manifest = inputs.manifests.get(name) or {}
        files = manifest.get("files") or {}
        decoding = (inputs.spec.get("decoding") or {}).get(name) or {}
        size = known.get("parameters_billion")
        rows.append(
            {
                "label": inputs.label(name),
                "name": name,
                "kind": known.get("kind") or UNKNOWN,
                "repository": manifest.get("repository") or known.get("repository") or "",
                "revision": manifest.get("revision") or known.get("revision") or "",
                "licence": known.get("licence") or "",
                "size": (
                    ""
                    if size is None
                    else f"{size * 1000:,.3g} M"
                    if size < 0.1
                    else f"{size:.3g} B"
                ),
                "decoding": ", ".join(
                    f"{key.replace('_', ' ')} {value:g}" for key, value in decoding.items()
                ),
                "files": [
                    (file, entry.get("sha256") or UNKNOWN) for file, entry in sorted(files.items())
                ],
                "missing": name in inputs.missing,
                "why_missing": "; ".join(manifest.get("missing") or []),
            }
        )
    return rows


def datasets(inputs: Inputs) -> list[dict[str, Any]]:
    """Each dataset with its revision and the hash of every file."""
    return [
        {
            "name": str((inputs.spec.get("labels") or {}).get(name) or name),
            "revision": manifest.get("revision") or "",
            "licence": manifest.get("licence") or "",
            "verified": manifest.get("verified") or "",
            "files": [
                (file, entry.get("sha256") or UNKNOWN)
                for file, entry in sorted(manifest.get("files", {}).items())
            ],
        }
        for name, manifest in inputs.datasets.items()
    ]


def command(inputs: Inputs) -> str:
    """The command that makes this page again."""
    return f"snakemake --cores all --config study={inputs.spec['study']}"
