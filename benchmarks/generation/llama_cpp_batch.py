"""llama.cpp with several sequences at once, refilled as they end, through its low-level batch
interface.

Its Python package offers one sequence at a time; the C interface under it takes any mix of tokens
and sequences, which is what its server uses. Needs llama-cpp-python; reads a GGUF file, writes
nothing.
"""

from __future__ import annotations

import ctypes
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generation.work import Work

TEMPERATURE = 0.7


@dataclass(slots=True)
class _Sequence:
    """One answer in progress."""

    request: int
    length: int  # tokens in the cache
    left: int  # tokens still to choose
    token: int = 0


class LlamaCpp:
    """A loaded model with room for `rows` sequences of `context` tokens each."""

    def __init__(self, path: Path, rows: int, context: int, threads: int) -> None:
        import llama_cpp

        self.api: Any = llama_cpp
        self._quiet = llama_cpp.llama_log_callback(lambda level, text, data: None)
        llama_cpp.llama_log_set(self._quiet, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
        model_params = llama_cpp.llama_model_default_params()
        self.model = llama_cpp.llama_model_load_from_file(str(path).encode(), model_params)
        if not self.model:
            raise SystemExit(f"{path}: llama.cpp cannot load it")
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = rows * context
        params.n_batch = params.n_ubatch = 2048
        params.n_seq_max = rows
        params.n_threads = params.n_threads_batch = threads
        self.context = llama_cpp.llama_init_from_model(self.model, params)
        self.rows = rows
        self.batch = llama_cpp.llama_batch_init(2048, 0, 1)

    def run(self, work: Work, *, greedy: bool = False) -> list[list[int]]:
        """Every answer's tokens, each exactly as long as the work says."""
        api = self.api
        memory = api.llama_get_memory(self.context)
        api.llama_memory_clear(memory, True)
        samplers = [self._sampler(seed, greedy=greedy) for seed in range(self.rows)]
        waiting = deque(range(len(work.prompts)))
        rows: list[_Sequence | None] = [None] * self.rows
        answers: list[list[int]] = [[] for _ in work.prompts]
        while waiting or any(rows):
            last = self._fill(work, rows, waiting)
            if api.llama_decode(self.context, self.batch) != 0:
                raise SystemExit("llama.cpp: the batch could not be computed")
            for slot, place in last.items():
                row = rows[slot]
                assert row is not None
                row.token = api.llama_sampler_sample(samplers[slot], self.context, place)
                answers[row.request].append(row.token)
                row.left -= 1
                if row.left == 0:
                    api.llama_memory_seq_rm(memory, slot, -1, -1)
                    rows[slot] = None
        for sampler in samplers:
            api.llama_sampler_free(sampler)
        return answers

    def _sampler(self, seed: int, *, greedy: bool) -> Any:
        api = self.api
        chain = api.llama_sampler_chain_init(api.llama_sampler_chain_default_params())
        if greedy:
            api.llama_sampler_chain_add(chain, api.llama_sampler_init_greedy())
        else:
            api.llama_sampler_chain_add(chain, api.llama_sampler_init_temp(TEMPERATURE))
            api.llama_sampler_chain_add(chain, api.llama_sampler_init_dist(seed))
        return chain

    def _fill(
        self, work: Work, rows: list[_Sequence | None], waiting: deque[int]
    ) -> dict[int, int]:
        """The next batch: a token of every row, and whole prompts for empty ones.

        Where each row's logits will be.
        """
        self.batch.n_tokens = 0
        last: dict[int, int] = {}
        for slot in range(self.rows):
            row = rows[slot]
            if row is not None:
                last[slot] = self._add(row.token, row.length, slot, wanted=True)
                row.length += 1
            elif (
                waiting and self.batch.n_tokens + len(work.prompts[waiting[0]]) + self.rows <= 2048
            ):
                request = waiting.popleft()
                prompt = work.prompts[request]
                for position, token in enumerate(prompt):
                    last[slot] = self._add(
                        token, position, slot, wanted=position == len(prompt) - 1
                    )
                rows[slot] = _Sequence(request, len(prompt), work.ends[request])
        return last

    def _add(self, token: int, position: int, sequence: int, *, wanted: bool) -> int:
        place = int(self.batch.n_tokens)
        self.batch.token[place] = token
        self.batch.pos[place] = position
        self.batch.n_seq_id[place] = 1
        self.batch.seq_id[place][0] = sequence
        self.batch.logits[place] = wanted
        self.batch.n_tokens = place + 1
        return place
