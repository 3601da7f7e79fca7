"""Generation over ExLlamaV2's dynamic generator: one pass and one draw per step for the whole
batch.

The generator's own step copies the logits of the whole batch to the CPU and draws job by job
(exllamav2 0.3.2, generator/dynamic.py:1236), which caps a batch near 5,000 to 10,000 tokens a
second. Here `sampling.choose` draws for all rows where the logits are; only token ids go to the
CPU, where ExLlamaV2 keeps its embeddings anyway. A row that ends makes room for the next sample.
A row gets pages as its answer comes to need them; when there are none, the youngest row is put back
and goes on later, before all that wait, from its prompt and its tokens. What happens depends on the
list of requests and the numbers of rows and pages alone.

Reads and writes no files. One finished row:

    Finished(tokens=[407, 261], logprob=-0.83, finish='stop')
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Sequence
from typing import Any

import torch

from featherweight.engines.base import Decoding, Request
from featherweight.engines.decoding_loop import Decode, DecodingLoop, Finished
from featherweight.engines.exllamav2.pages import HELD, PAGE, Limits, Pages, Row

# of the pages: with less, rows that were put back cost more than more rows gain (docs/speed.md)
SPARED = 0.1


def pages_per_row(requests: Sequence[Request], positions: int) -> int:
    """Pages that the longest sequence of the list can come to need."""
    longest = max(len(request.prompt_ids) + request.max_new_tokens for request in requests)
    return math.ceil(min(longest, positions) / PAGE)


def first_logits(
    generator: Any, job_class: Any, limits: Limits, prompt: tuple[int, ...]
) -> torch.Tensor:
    """The logits after one prompt, (vocabulary,) in float32, through the same pages and passes as
    generation.
    """
    with torch.inference_mode():
        pages = Pages(generator, job_class, limits, [])
        row = pages.open(Row(prompt=prompt, limit=1))
        pages.prefill([row])
        logits = pages.forward([row], [[prompt[-1]]], logits=True)
    assert logits is not None
    return logits[0, 0, : int(generator.model.config.vocab_size)].float()


class BatchLoop(DecodingLoop[Row]):
    """Generates in rows that hold pages of the generator's cache."""

    def __init__(
        self,
        generator: Any,
        job_class: Any,
        requests: Sequence[Request],
        decoding: Decoding,
        finished: dict[int, Finished],
        *,
        stops: Sequence[int],
        decode: Decode,
        limits: Limits,
    ) -> None:
        super().__init__(
            requests,
            decoding,
            finished,
            stops=stops,
            decode=decode,
            context=limits.positions,
        )
        self.limits = limits
        self.vocabulary = int(generator.model.config.vocab_size)
        self.generator = generator
        self.job_class = job_class
        self.rows: list[Row] = []
        by_prompt = self.by_prompt()
        self.waiting = deque(index for indices in by_prompt for index in indices)
        # samples of a prompt that have not begun
        self.left = Counter({requests[some[0]].prompt_ids: len(some) for some in by_prompt})
        self.kept: list[Row] = []  # finished rows from whose prompt further samples will copy
        # pages that are left to rows that grow, where not all have what they can come to need
        each = pages_per_row([requests[index] for index in self.waiting], limits.positions)
        self.spared = 0 if each == 1 else math.ceil(SPARED * limits.pages)
        if (limits.rows + HELD) * each <= limits.pages:
            self.spared = 0

    def begin(self) -> None:
        """Take the generator's cache."""
        self.pages = Pages(self.generator, self.job_class, self.limits, list(self.left))

    def admit(self) -> None:
        """Let waiting samples begin, at least an eighth of the rows at a time: a prefill costs as
        much as a step.
        """
        free = self.limits.rows - len(self.rows)
        if not self.waiting or (
            self.rows and free < min(max(1, self.limits.rows // 8), len(self.waiting))
        ):
            return
        fresh: list[Row] = []
        while self.waiting and len(fresh) < free and self._room([*self.rows, *fresh]):
            index = self.waiting.popleft()
            prompt = self.ids(index)
            row = self.begin_row(index, Row, prompt=prompt)
            row.prompt, row.length = prompt, 0
            fresh.append(self.pages.open(row))
            self.left[prompt] -= 1
        if not fresh:
            return
        self.pages.prefill(fresh)
        self.rows += fresh
        for row in self.kept:
            if not self.left[row.prompt]:
                self.pages.release(row)
        self.kept = [row for row in self.kept if self.left[row.prompt]]

    def _room(self, rows: Sequence[Row]) -> bool:
        """Whether the next waiting sample may begin: one always, others while some pages are left
        to those that grow.
        """
        needed = len(self.ids(self.waiting[0])) // PAGE + 1
        while not rows and self.pages.free < needed and self.kept:
            self.pages.release(self.kept.pop())
        return not rows or self.pages.free - needed >= self.spared

    def _make_room(self) -> None:
        """Give every row that needs one another page, oldest first; where there is none, what is
        kept for others goes, then the youngest row is put back.
        """
        rows = sorted(self.rows, key=lambda row: row.begun)
        for row in rows:
            if row.job is None or not self.pages.full(row):
                continue
            while self.pages.free < 1 and self.kept:
                self.pages.release(self.kept.pop())
            while self.pages.free < 1 and rows[-1] is not row:
                self._put_back(rows.pop())
            if self.pages.free < 1 and len(rows) > 1:
                self._put_back(rows.pop())
                return
            self.pages.grow(row)

    def _put_back(self, row: Row) -> None:
        """Give a row's pages away; it is the first that goes on when there is room."""
        assert row.request is not None
        self.rows.remove(row)
        self.pages.leave(row)
        self.pages.release(row)
        row.job = None
        self.put_back[row.request] = row
        self.waiting.appendleft(row.request)
        self.left[self.ids(row.request)] += 1

    def step(self) -> None:
        """Feed every row its last token and choose the next one."""
        self._make_room()
        ids = [[row.token if row.tokens else row.prompt[-1]] for row in self.rows]
        logits = self.pages.forward(self.rows, ids, logits=True)
        assert logits is not None
        for row in self.rows:
            row.length += 1
        # The vocabulary is padded to a multiple of 32 (linear.py:83); the padding is no token.
        ended = self.accept(logits[:, 0, : self.vocabulary], self.rows)
        rows, self.rows = self.rows, []
        for row, done in zip(rows, ended, strict=True):
            if done:
                self._close(row)
            else:
                self.rows.append(row)

    def _close(self, row: Row) -> None:
        """Give a row's pages back, unless further samples of its prompt wait to copy from them."""
        self.pages.leave(row)
        if self.left[row.prompt] and self.pages.computed.get(row.prompt) is row:
            self.kept.append(row)
        else:
            self.pages.release(row)
