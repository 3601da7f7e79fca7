"""A study that is killed with SIGKILL in the middle of generation, twice, ends in the same bytes as
one that is not.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import NO_NETWORK, Checkout, copy_repository

CONFIG = {"models": "[pocket-thinker, oracle]", "prompts_per_category": "100", "seeds": "[0, 1, 2]"}
WORDS = [
    "--config",
    "study=pocket",
    "categories=[pets, school]",
    *(f"{key}={value}" for key, value in CONFIG.items()),
]


def chunks(checkout: Checkout) -> int:
    return len(list(checkout.file("store/pocket-thinker").glob("*.jsonl")))


def kill_when_more_is_stored(checkout: Checkout) -> int:
    """Start the study, wait until one more chunk is in the store, and kill everything.

    Returns the chunks kept.
    """
    before = chunks(checkout)
    process = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "2", *WORDS],
        cwd=checkout.folder,
        env=os.environ | {"PYTHONPATH": f"{NO_NETWORK}:{checkout.folder / 'workflow'}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 240
    while chunks(checkout) == before and time.monotonic() < deadline:
        assert process.poll() is None, "the study ended before it could be killed"
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert chunks(checkout) > before
    unlock = checkout.snakemake("--unlock", config=CONFIG)
    assert unlock.returncode == 0, unlock.stderr
    return chunks(checkout)


def results(checkout: Checkout) -> dict[str, bytes]:
    """Every table of the study, and the report as it is without the seconds of this run."""
    spec = next(checkout.file("specs").glob("report-all-*.json"))
    folder = checkout.file("")
    report = folder / "plain.html"
    words = ["--spec", spec, "--aggregate", folder / "aggregate", "--compare", folder / "compare"]
    words += [
        "--scores",
        *sorted((folder / "score").glob("*.parquet")),
        "--samples",
        folder / "generate",
    ]
    words += ["--prompts", folder / "prompts/models", "--items", folder / "prompts/items"]
    words += ["--manifests", folder / "acquire", "--output", report]
    run = subprocess.run(
        [sys.executable, "-m", "featherweight", "report", *map(str, words)],
        cwd=checkout.folder,
        env=os.environ | {"PYTHONPATH": str(checkout.folder / "workflow")},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    files = [
        *(file for file in folder.glob("generate/**/*.parquet") if file.name != "usage.parquet"),
        *folder.glob("score/**/*.parquet"),
        *folder.glob("aggregate/*"),
        report,
    ]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


@pytest.mark.slow
def test_killed_twice_and_still_the_same(root: Path, tmp_path: Path) -> None:
    undisturbed = copy_repository(root, tmp_path / "undisturbed")
    killed = copy_repository(root, tmp_path / "killed")
    config = CONFIG | {"categories": "[pets, school]"}
    run = undisturbed.snakemake(config=config)
    assert run.returncode == 0, run.stderr
    first = kill_when_more_is_stored(killed)
    second = kill_when_more_is_stored(killed)
    run = killed.snakemake(config=config)
    assert run.returncode == 0, run.stderr
    assert 0 < first < second < chunks(killed)
    assert results(killed) == results(undisturbed)
