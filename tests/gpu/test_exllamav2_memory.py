"""A card that is full, and a card that goes away, on a real one: nothing here is pretended.

The memory is taken by a tensor of ours, so that cudaMalloc itself fails. A kernel that fails makes
every later call of its process fail, as a card that fell off its bus does; so that happens in a
process of its own.
"""

from __future__ import annotations

import gc
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from gpu_cases import SAMPLED, made_model, quiet, request, share, words

from featherweight.engines import load_engine
from featherweight.errors import InputError

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU"),
]
MIB = 1 << 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_model(tmp_path_factory.mktemp("llama"), "llama")


@pytest.fixture
def engine(folder: Path) -> Any:
    return load_engine("exllamav2", folder, dtype="auto", threads=None)


@contextmanager
def full_but_for(free: int) -> Iterator[None]:
    """All memory of the card is taken but for so many bytes; for 0 also what torch keeps in
    pieces."""
    gc.collect()
    torch.cuda.empty_cache()
    ballast = []
    for size in (
        1 << 30,
        64 * MIB,
        2 * MIB,
    ):  # the last ones fill what is left between other programs' blocks
        while torch.cuda.mem_get_info()[0] > free + size or not free:
            try:
                ballast.append(torch.empty(size, dtype=torch.uint8, device="cuda"))
            except torch.OutOfMemoryError:
                break
    print(f"\n{torch.cuda.mem_get_info()[0] / MIB:,.0f} MiB of the card are left")  # noqa: T201
    try:
        yield
    finally:
        ballast.clear()
        gc.collect()
        torch.cuda.empty_cache()


@pytest.mark.parametrize("left", [1024, 256])
def test_a_full_card_is_survived(engine: Any, left: int) -> None:
    """64 samples of 1,900 tokens and a cache sized while the card was empty: fewer rows, the same
    answers.
    """
    requests = [request((1, *words(random.Random(n), 1900)), n) for n in range(64)]
    engine.rows = 256
    wanted = engine.generate(requests, SAMPLED, quiet)
    engine._generator = None
    with full_but_for(left * MIB):
        found = engine.generate(requests, SAMPLED, quiet)
    print(f"went on with {engine.rows} rows")  # noqa: T201
    assert left > 500 or engine.rows < 64
    assert share("after the back-off", found, wanted) >= 0.9


def test_a_card_without_room_for_one_sample_is_one_line(engine: Any) -> None:
    engine._generator = None
    with (
        full_but_for(0),
        pytest.raises(InputError, match="out of GPU memory with a single sample; free the GPU"),
    ):
        engine.generate([request(words(random.Random(0), 1900), 0)], SAMPLED, quiet)


def test_a_model_that_does_not_fit_is_one_line(folder: Path) -> None:
    with (
        full_but_for(4 * MIB),
        pytest.raises(InputError, match=r"the GPU's memory does not suffice for its weights \("),
    ):
        load_engine("exllamav2", folder, dtype="auto", threads=None)
    load_engine("exllamav2", folder, dtype="auto", threads=None)  # and once there is room, it loads


LOST = """
import os, sys, torch
from pathlib import Path
from gpu_cases import SAMPLED, ragged
from featherweight.engines import load_engine
from featherweight.errors import InputError

engine = load_engine(sys.argv[1], Path(sys.argv[2]), dtype="auto", threads=None)
steps = []

def after_a_step(count):
    steps.append(count)
    # An index out of bounds: the kernel fails, and the process has lost the card.
    if len(steps) == 5:
        torch.zeros(1, device="cuda")[torch.tensor([10**6], device="cuda")]

try:
    engine.generate(ragged(40), SAMPLED, after_a_step)
except InputError as error:
    print("LINE", error, flush=True)
os._exit(0)  # what is left cannot be taken apart in order: the card is gone
"""


@pytest.mark.parametrize("name", ["exllamav2", "transformers"])
def test_a_card_that_goes_away_is_one_line(folder: Path, name: str) -> None:
    path = [str(Path(__file__).parent), *filter(None, sys.path)]
    code = f"import sys; sys.path[:0] = {path!r}\n{LOST}"
    run = subprocess.run(
        [sys.executable, "-c", code, name, str(folder)],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    print(run.stdout)  # noqa: T201
    (line,) = re.findall(r"^LINE (.*)$", run.stdout, re.MULTILINE) or [run.stderr[-2000:]]
    assert "the GPU" in line
    assert "nvidia-smi" in line
