"""Prompts into ExLlamaV2's paged cache: many at once, each distinct one once, common beginnings
once.

The dynamic generator (exllamav2 0.3.2, generator/dynamic.py; line numbers below are of that file)
keeps the queue and the page table: a cache of pages of 256 tokens, full pages of equal prompts
shared by hash. Its own prefill computes one prompt at a time (:2330), so the computing is done
here. Reads and writes no files. A pass's input:

    ids (rows, new), block_table (rows, pages) naming each row's pages in order, cache_seqlens
        (rows,)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch

from featherweight.engines.decoding_loop import InFlight
from featherweight.engines.exllamav2.attention import one_pass

PAGE = 256  # PAGED_PAGE_SIZE (:33)
# jobs beside the rows: the spare page, the shared beginning, one finished row whose prompt is still
# needed
HELD = 3
SHORTEST_SHARED = 32  # tokens; a shorter common beginning is not worth a forward pass of its own


class Limits(NamedTuple):
    """How much is computed at once, and how far a sequence may go."""

    rows: int
    prefill_tokens: int  # of one forward pass, padding counted; at least a page
    positions: int  # tokens of prompt and answer that the model was built for
    pages: int  # of the cache that may be in use, however large it is


@dataclass(slots=True, eq=False, kw_only=True)
class Row(InFlight):
    """One sequence and the jobs that hold its pages: one for the prompt and the token after it, and
    one for each page that its answer came to need.
    """

    prompt: tuple[int, ...]  # of a row that was put back: with the tokens that it had
    job: Any = None
    more: list[Any] = field(default_factory=list)
    pages: list[Any] = field(default_factory=list)

    @property
    def last(self) -> int:
        """The position of the prompt's last token, which the first decode step feeds."""
        return len(self.prompt) - 1


def common_beginning(prompts: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The tokens that all these prompts begin with, short of each prompt's last; empty for one and
    the same prompt.
    """
    low, high = min(prompts), max(prompts)
    if low == high:
        return ()
    same = next(
        (i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b),
        min(len(low), len(high)),
    )
    return low[: min(same, min(map(len, prompts)) - 1)]


class Pages:
    """The generator's cache while one list of requests is worked on.

    Empties the page table when it is made.
    """

    def __init__(
        self, generator: Any, job_class: Any, limits: Limits, prompts: Sequence[tuple[int, ...]]
    ) -> None:
        self.generator = generator
        self.job_class = job_class
        self.limits = limits
        self.computed: dict[
            tuple[int, ...], Row
        ] = {}  # a row of each prompt that is wholly in the cache
        self.shared: Row | None = None
        self._copies: list[
            tuple[int, int]
        ] = []  # pages to copy, source and target, before the next pass
        generator.pending_jobs.clear()
        generator.active_jobs.clear()
        generator.reset_page_table()
        generator.max_batch_size = limits.rows + HELD
        # Padding of a ragged prefill is written behind a row's own pages; it goes to a page that
        # nobody reads.
        self._spare: int = self.open(Row(prompt=(0,), limit=1)).pages[0].page_index
        beginning = common_beginning(prompts) if prompts else ()
        if len(beginning) >= SHORTEST_SHARED:
            shared = self.open(Row(prompt=(*beginning, 0), limit=1))
            self.prefill([shared])
            self.shared = shared

    def open(self, row: Row) -> Row:
        """Give a row its pages: the generator finds those that equal prompts have in common
        (:2551).
        """
        ids = torch.tensor([row.prompt], dtype=torch.long)
        row.job = self._started(ids)
        row.pages = list(row.job.sequences[0].allocated_pages)
        return row

    def _started(self, ids: torch.Tensor) -> Any:
        """A job with pages for these tokens and one more."""
        job = self.job_class(input_ids=ids, max_new_tokens=1)
        self.generator.enqueue(job)
        job.held_logits = None  # room for 256 rows of logits that our step never uses (:2300)
        self.generator.iterate_start_jobs([])
        if self.generator.pending_jobs:
            raise RuntimeError(
                f"the cache of {self.generator.max_pages} pages is too small for its rows"
            )
        for page in job.sequences[0].allocated_pages:
            page.can_revert = False  # we write into it, so its former content is gone (:139)
        return job

    @property
    def free(self) -> int:
        """Pages that may still be taken."""
        used = [page for page in self.generator.all_pages if page.ref_count > 0]
        return self.limits.pages - len(used)

    @staticmethod
    def full(row: Row) -> bool:
        """Whether the row's next token needs another page."""
        return row.length == len(row.pages) * PAGE

    def grow(self, row: Row) -> None:
        """Give a row another page: that of a job of one token, which leaves the queue at once."""
        job = self._started(torch.zeros((1, 1), dtype=torch.long))
        self.generator.active_jobs.remove(job)
        row.more.append(job)
        row.pages += job.sequences[0].allocated_pages

    def leave(self, row: Row) -> None:
        """Take a finished row out of the queue; its pages stay until `release`."""
        self.generator.active_jobs.remove(row.job)

    def release(self, row: Row) -> None:
        """Give a row's pages back."""
        if self.computed.get(row.prompt) is row:
            del self.computed[row.prompt]
        for job in (row.job, *row.more):
            job.deallocate_pages()
        row.more, row.pages = [], []

    def prefill(self, rows: Sequence[Row]) -> None:
        """Bring the prompts of these rows, but for their last tokens, into the cache, each distinct
        one once.
        """
        todo = list(rows)
        while todo:
            now: list[Row] = []
            claimed: set[int] = set()  # shared pages that a row of this round computes
            prompts: set[tuple[int, ...]] = set()
            for row in todo:
                self._take_over(row)
                own = {page.page_index for page in row.pages[row.length // PAGE : row.last // PAGE]}
                if row.length < row.last and row.prompt not in prompts and not claimed & own:
                    now.append(row)
                    claimed |= own
                    prompts.add(row.prompt)
            self._copy_pages()
            for group in self._groups(now):
                self._compute(group)
            for row in todo:
                if row.length == row.last and row.request is not None:
                    self.computed.setdefault(row.prompt, row)
            todo = [row for row in todo if row.length < row.last]

    def _take_over(self, row: Row) -> None:
        """Let a row skip what is in the cache: full shared pages, the prompt of an equal row, the
        common beginning.
        """
        page = row.length // PAGE
        while page < row.last // PAGE and row.pages[page].kv_position == PAGE:
            page += 1
        row.length = max(row.length, page * PAGE)
        source, reach = self.shared, 0 if self.shared is None else min(self.shared.last, row.last)
        if row.prompt in self.computed:
            source, reach = self.computed[row.prompt], row.last
        if source is not None and row.length < reach and row.length // PAGE == reach // PAGE:
            at = row.length // PAGE
            self._copies.append((source.pages[at].page_index, row.pages[at].page_index))
            row.length = reach

    def _copy_pages(self) -> None:
        if not self._copies:
            return
        for tensor in self.generator.cache.all_tensors():  # (1, tokens, key heads, size)
            paged = tensor.view(-1, PAGE, *tensor.shape[2:])
            sources, targets = torch.tensor(self._copies, device=tensor.device).T
            paged[targets] = paged[sources]
        self._copies.clear()

    def _groups(self, rows: Sequence[Row]) -> list[list[Row]]:
        """Rows to compute in one pass: of similar length, within the tokens of a pass and the
        model's positions.
        """
        groups: list[list[Row]] = []
        width = 0
        for row in sorted(rows, key=self._span, reverse=True):
            crowded = not groups or (len(groups[-1]) + 1) * width > self.limits.prefill_tokens
            if crowded or row.length + width > self.limits.positions:
                groups.append([])
                width = self._span(row)
            groups[-1].append(row)
        return groups

    def _span(self, row: Row) -> int:
        """How many tokens of a row the next pass computes; a long prompt takes several passes that
        end with a page.
        """
        end = (row.length + self.limits.prefill_tokens) // PAGE * PAGE
        return min(end, row.last) - row.length

    def _compute(self, rows: list[Row]) -> None:
        """One pass over the next tokens of these rows' prompts, padded on the right."""
        spans = [self._span(row) for row in rows]
        width = max(spans)
        ids = [
            [*row.prompt[row.length : row.length + span], *[0] * (width - span)]
            for row, span in zip(rows, spans, strict=True)
        ]
        self.forward(rows, ids, logits=False)
        for row, span in zip(rows, spans, strict=True):
            for page in range(row.length // PAGE, (row.length + span) // PAGE):
                row.pages[page].kv_position = PAGE  # later jobs with this hash find it done (:2615)
            row.length += span

    def forward(
        self, rows: Sequence[Row], ids: list[list[int]], *, logits: bool
    ) -> torch.Tensor | None:
        """One pass over the rows' next tokens (rows, new), all at their own positions; logits
        (rows, new, padded).
        """
        width = len(ids[0])
        longest = max(row.length for row in rows) + width
        columns = math.ceil(longest / PAGE)
        table = [[page.page_index for page in row.pages[:columns]] for row in rows]
        params = self.generator.get_paged_params(
            len(rows),
            torch.tensor(
                [[*line, *[self._spare] * (columns - len(line))] for line in table],
                dtype=torch.int32,
            ),
            torch.tensor([row.length for row in rows], dtype=torch.int32),
            width,
        )
        with one_pass(longest):
            output = self.generator.model.forward_chunk(
                input_ids=torch.tensor(ids, dtype=torch.long),
                attn_params=params,
                cache=self.generator.cache,
                preprocess_only=not logits,
            )
        return output["logits"] if logits else None
