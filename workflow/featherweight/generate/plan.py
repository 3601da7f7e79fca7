"""What a run has to ask, cell by cell, and the chunks in which an engine gets it. No I/O.

>>> chunk_spec("cuda", max_new_tokens=512)
ChunkSpec(size=2048, across_cells=True)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from featherweight.engines import Request
from featherweight.generate import options
from featherweight.generate.keys import Keys
from featherweight.records import Prompt
from featherweight.specs import Cell, ChunkSpec, GenerateSpec
from featherweight.tasks.choice import stream_seed

SLOTS = 64  # answers that a CPU computes at once
# New tokens that a chunk on a CPU can come to, where it is more than one filling of the slots:
# four fillings of a pocket study's. A chunk that fills the slots once is never refilled.
CPU_CHUNK_TOKENS = 1 << 14
GPU_CHUNK_TOKENS = 1 << 20  # new tokens that a chunk on a GPU can come to: a minute or two


@dataclass(frozen=True, slots=True)
class SampleRequest:
    """One sample of the study: what to ask, under which key it is stored, which row it becomes."""

    prompt: Prompt
    sample_index: int
    stream: int
    key: str

    def request(self, max_new_tokens: int) -> Request:
        """What an engine is asked."""
        return Request(
            prompt_ids=self.prompt.token_ids, stream=self.stream, max_new_tokens=max_new_tokens
        )


@dataclass(frozen=True, slots=True)
class CellPlan:
    """All samples of one cell, in the order of the prompts."""

    path: str  # below the output folder
    samples: tuple[SampleRequest, ...]


def samples_of(spec: GenerateSpec, cell: Cell, prompt: Prompt) -> Iterator[tuple[int, int]]:
    """Index and stream of each answer that a prompt gets: one where nothing is drawn."""
    count = 1 if prompt.options is not None else spec.samples_of(cell.task)
    for index in range(count):
        yield index, stream_seed("sample", cell.sample_seed, prompt.item_id, index)


def plan_cells(
    spec: GenerateSpec, prompts: Mapping[Cell, Sequence[Prompt]], keys: Keys
) -> list[CellPlan]:
    """Every sample of the study's cells."""
    return [
        CellPlan(
            cell.path,
            tuple(
                SampleRequest(prompt, index, stream, keys.of(prompt, stream))
                for prompt in prompts[cell]
                for index, stream in samples_of(spec, cell, prompt)
            ),
        )
        for cell in spec.cells
    ]


def chunk_spec(device: str, *, max_new_tokens: int) -> ChunkSpec:
    """How many samples at a time suit the device that computes; that is what a kill can lose.

    Never a matter of the machine that reads the study: the same engine on the same kind of device
    cuts alike. A GPU computes 256 rows at once and is idle while the last long answers of a list
    are finished, so its lists are long.
    """
    if device == "cuda":
        size = min(4096, max(256, GPU_CHUNK_TOKENS // max_new_tokens))
        return ChunkSpec(size=size, across_cells=True)
    size = min(8 * SLOTS, max(SLOTS, CPU_CHUNK_TOKENS // max_new_tokens))
    return ChunkSpec(size=size, across_cells=True)


def chunks(cells: Sequence[CellPlan], cut: ChunkSpec) -> list[tuple[SampleRequest, ...]]:
    """Cut the samples into chunks of about `cut.size`, never between samples of one prompt.

    Chunks end with their cell, or run across cells that are answered in one way. Each key stands in
    the first chunk that has it: two cells may ask the same item in the same words, and without
    noise two items may be one and the same to a model that does not know their words.
    """
    alike = groupby(cells, _way) if cut.across_cells else ((_way(cell), (cell,)) for cell in cells)
    seen: set[str] = set()
    made = []
    for (_, samples_per_prompt), group in alike:
        samples = [sample for cell in group for sample in cell.samples]
        step = max(1, cut.size // samples_per_prompt) * samples_per_prompt
        for start in range(0, len(samples), step):
            chunk = {
                sample.key: sample
                for sample in samples[start : start + step]
                if sample.key not in seen
            }
            seen |= chunk.keys()
            if chunk:
                made.append(tuple(chunk.values()))
    return made


def _way(cell: CellPlan) -> tuple[bool, int]:
    """How a cell is answered: whether by likelihood, and by how many samples of each prompt."""
    if not cell.samples:
        return False, 1
    first = cell.samples[0].prompt
    same = sum(sample.prompt is first for sample in cell.samples)
    return options.chosen_by_likelihood(first), same
