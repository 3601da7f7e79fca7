"""Generation over ExLlamaV2's dynamic generator: one pass and one draw per step for the whole
batch.

The generator's own step copies the logits of the whole batch to the CPU and draws job by job
(exllamav2 0.3.2, generator/dynamic.py:1236), which caps a batch near 5,000 to 10,000 tokens a
second. Here `sampling.choose` draws for all rows where the logits are; only token ids go to the
CPU, where ExLlamaV2 keeps its embeddings anyway. A row that ends makes room for the next sample.
What happens depends on the list of requests and the number of rows alone.

Reads and writes no files. One finished row:

    Finished(tokens=[407, 261], logprob=-0.83, finish='stop')
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Any

import torch

from featherweight.engines.base import Decoding, Request
from featherweight.engines.decoding_loop import Decode, DecodingLoop, Finished
from featherweight.engines.exllamav2.pages import PAGE, Limits, Pages, Row


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
        self.left = {requests[indices[0]].prompt_ids: len(indices) for indices in by_prompt}
        self.kept: list[Row] = []  # finished rows from whose prompt further samples will copy

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
        fresh = []
        for _ in range(min(free, len(self.waiting))):
            index = self.waiting.popleft()
            prompt = self.requests[index].prompt_ids
            fresh.append(self.pages.open(Row(prompt=prompt, **self.facts(index))))
            self.left[prompt] -= 1
        self.pages.prefill(fresh)
        self.rows += fresh
        for row in self.kept:
            if not self.left[row.prompt]:
                self.pages.release(row)
        self.kept = [row for row in self.kept if self.left[row.prompt]]

    def step(self) -> None:
        """Feed every row its last token and choose the next one."""
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
