"""What a run has to ask, cell by cell, and the portions in which an engine gets it. Reads and
writes nothing.

>>> portion_for("cuda", Decoding(0.0, 1.0, 0, 512))
Portion(size=2048, across_cells=True)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

from featherweight.engines import Decoding, Request
from featherweight.generate import options
from featherweight.records import Prompt

CHUNK = 64  # samples of a chunk on a CPU
GPU_CHUNK_TOKENS = 1 << 20  # new tokens that a chunk on a GPU can come to: a minute or two


@dataclass(frozen=True, slots=True)
class Wanted:
    """One sample that the study wants: what to ask, under which key it is stored, which row it
    becomes.
    """

    request: Request
    key: str
    prompt: Prompt
    sample_index: int


@dataclass(frozen=True, slots=True)
class CellWork:
    """All samples of one cell, in the order of the prompts."""

    path: str  # below the output folder
    wanted: tuple[Wanted, ...]


class Portion(NamedTuple):
    """How many samples an engine is given at a time, which is what a kill can lose, and whether
    cells are mixed.
    """

    size: int
    across_cells: bool


def portion_for(
    device: str, decoding: Decoding, chosen: Mapping[str, Any] | None = None
) -> Portion:
    """What suits the device that computes; `chosen` overrides it.

    Never a matter of the machine that reads the study: the same engine on the same kind of device
    cuts alike. A GPU computes 256 rows at once and is idle while the last long answers of a list
    are finished, so its lists are long.
    """
    if chosen is not None:
        return Portion(chosen["size"], chosen["across_cells"])
    if device == "cuda":
        return Portion(min(4096, max(256, GPU_CHUNK_TOKENS // decoding.max_new_tokens)), True)
    return Portion(CHUNK, False)


def chunks(work: Sequence[CellWork], portion: Portion) -> Iterator[tuple[Wanted, ...]]:
    """Cut the samples into chunks of about `portion.size`, never between samples of one prompt.

    Chunks end with their cell, or run across cells that are answered in one way: a GPU computes
    hundreds of rows at once, and a cell by itself would leave most of them idle while its longest
    answers are finished.
    """
    alike = (
        groupby(work, _way) if portion.across_cells else ((_way(cell), (cell,)) for cell in work)
    )
    for (_, samples_per_prompt), cells in alike:
        wanted = tuple(wanted for cell in cells for wanted in cell.wanted)
        step = max(1, portion.size // samples_per_prompt) * samples_per_prompt
        for start in range(0, len(wanted), step):
            yield wanted[start : start + step]


def _way(cell: CellWork) -> tuple[bool, int]:
    """How a cell is answered: whether by likelihood, and by how many samples of each prompt."""
    if not cell.wanted:
        return False, 1
    first = cell.wanted[0].prompt
    return options.chosen_by_likelihood(first), sum(
        wanted.prompt is first for wanted in cell.wanted
    )
