"""Generation over ExLlamaV2's dynamic generator: one pass and one draw per step for the whole
batch.

The generator's own step copies the logits of the whole batch to the CPU and draws job by job
(exllamav2 0.3.2, generator/dynamic.py:1236), which caps a batch near 5,000 to 10,000 tokens a
second. Here `sampling.choose` draws for all rows where the logits are; only token ids go to the
CPU, where ExLlamaV2 keeps its embeddings anyway. A row that ends makes room for the next sample.
What happens depends on the list of requests and the number of rows alone.

Reads and writes no files. One finished row:

    Ended(tokens=[407, 261], logprob=-0.83, finish='stop')
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import torch

from featherweight.engines import Decoding, Request
from featherweight.engines.exllamav2.pages import PAGE, Limits, Pages, Row
from featherweight.engines.samples import Ended
from featherweight.engines.sampling import choose


def pages_per_row(requests: Sequence[Request], decoding: Decoding, positions: int) -> int:
    """Pages that the longest sequence of the list can come to need."""
    longest = max(len(request.prompt_ids) for request in requests) + decoding.max_new_tokens
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


class BatchLoop:
    """Generates for one list of requests."""

    def __init__(
        self,
        generator: Any,
        job_class: Any,
        requests: Sequence[Request],
        decoding: Decoding,
        stops: Sequence[int],
        limits: Limits,
    ) -> None:
        self.requests = requests
        self.decoding = decoding
        self.stops = frozenset(stops)
        self.limits = limits
        self.vocabulary = int(generator.model.config.vocab_size)
        self.generator = generator
        self.job_class = job_class
        self.rows: list[Row] = []
        self.made = 0
        self.waiting: deque[int] = deque()
        self.left: dict[tuple[int, ...], int] = {}  # samples of a prompt that have not begun
        self.kept: list[Row] = []  # finished rows from whose prompt further samples will copy

    def run(self, ended: dict[int, Ended], on_tokens: Callable[[int], None]) -> None:
        """Generate what `ended` lacks and put it there row by row; `on_tokens` hears the tokens of
        each step.

        Raises ArithmeticError if the logits are not numbers. Whatever is raised, `ended` keeps the
        finished rows.
        """
        told = 0
        with torch.inference_mode():
            self._queue(ended)
            pages = Pages(self.generator, self.job_class, self.limits, list(self.left))
            while self.waiting or self.rows:
                self._admit(pages)
                ids = [[row.token if row.tokens else row.prompt[-1]] for row in self.rows]
                logits = pages.forward(self.rows, ids, logits=True)
                assert logits is not None
                for row in self.rows:
                    row.length += 1
                # The vocabulary is padded to a multiple of 32 (linear.py:83); the padding is no
                # token.
                self._accept(pages, logits[:, 0, : self.vocabulary], ended)
                on_tokens(self.made - told)
                told = self.made

    def _queue(self, ended: dict[int, Ended]) -> None:
        """Longest prompts first, the samples of one prompt together."""
        first: dict[tuple[int, ...], int] = {}
        wanted = [index for index in range(len(self.requests)) if index not in ended]
        for index in wanted:
            prompt = self.requests[index].prompt_ids
            first.setdefault(prompt, index)
            self.left[prompt] = self.left.get(prompt, 0) + 1

        def place(index: int) -> tuple[int, int, int]:
            prompt = self.requests[index].prompt_ids
            return -len(prompt), first[prompt], index

        self.waiting.extend(sorted(wanted, key=place))

    def _admit(self, pages: Pages) -> None:
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
            request = self.requests[index]
            room = min(
                self.decoding.max_new_tokens, self.limits.positions - len(request.prompt_ids)
            )
            row = Row(prompt=request.prompt_ids, limit=room, request=index, stream=request.stream)
            fresh.append(pages.open(row))
            self.left[request.prompt_ids] -= 1
        pages.prefill(fresh)
        self.rows += fresh
        for row in self.kept:
            if not self.left[row.prompt]:
                pages.release(row)
        self.kept = [row for row in self.kept if self.left[row.prompt]]

    def _accept(self, pages: Pages, logits: torch.Tensor, ended: dict[int, Ended]) -> None:
        """Choose a token for every row, and let rows that end leave."""
        rows = self.rows
        chosen = choose(
            logits, [row.stream for row in rows], [len(row.tokens) for row in rows], self.decoding
        )
        self.rows = []
        for row, token, logprob in zip(
            rows, chosen.tokens.tolist(), chosen.logprobs.tolist(), strict=True
        ):
            end = row.take(token, logprob, self.stops)
            self.made += token not in self.stops
            if end is None:
                self.rows.append(row)
                continue
            assert row.request is not None
            ended[row.request] = end
            self._close(pages, row)

    def _close(self, pages: Pages, row: Row) -> None:
        """Give a row's pages back, unless further samples of its prompt wait to copy from them."""
        pages.leave(row)
        if self.left[row.prompt] and pages.computed.get(row.prompt) is row:
            self.kept.append(row)
        else:
            pages.release(row)
