"""Fills the store: takes chunks that nobody else generates, asks the engine, keeps what it cost.

Writes to the sample store. One real row of what a chunk cost:

    Usage(model="pocket-fair", chunk="5d2a...", n_requests=64, n_samples=64, n_scored=0,
          tokens_in=2624, tokens_out=384, seconds=0.41, seconds_load=3.2, peak_rss_mib=431.2,
          device="cpu", engine="transformers 5.23.0, ...", threads=1, hardware="AMD EPYC ...")

`n_requests` counts different prompts, and `tokens_in` their tokens, each computed once; of answers
that are chosen by likelihood also the options' tokens.
"""

from __future__ import annotations

import logging
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from featherweight.engines import (
    Completion,
    Decoding,
    Engine,
    Unfinished,
    engine_device,
    load_engine,
)
from featherweight.engines.machine import hardware
from featherweight.generate import options
from featherweight.generate.plan import SampleRequest
from featherweight.generate.progress import Progress
from featherweight.generate.store import SampleStore
from featherweight.records import Usage
from featherweight.specs import GenerateSpec

POLL = 0.2  # seconds between looks at chunks that other processes generate
log = logging.getLogger("featherweight")


class Answers:
    """Makes the answers of chunks, with an engine that is loaded for the first one."""

    def __init__(
        self,
        spec: GenerateSpec,
        folder: Path | None,
        engine: str,
        threads: int | None,
        store: SampleStore,
    ) -> None:
        self.spec = spec
        self.folder = folder
        self.engine = engine  # its identity
        self.threads = threads
        self.store = store
        self._loaded: Engine | None = None
        self._seconds_load = 0.0

    def make(self, chunk: Sequence[SampleRequest], progress: Progress) -> None:
        """Generate or choose the answers of one chunk, and store them with what they cost."""
        engine = self._engine(progress)
        start = time.monotonic()
        if options.chosen_by_likelihood(chunk[0].prompt):
            made = options.choose(engine, [sample.prompt for sample in chunk])
            progress.without_tokens(time.monotonic() - start)
        else:
            how = self.spec.decoding
            requests = [sample.request(how.max_new_tokens) for sample in chunk]
            decoding = Decoding(how.temperature, how.top_p, how.top_k)
            try:
                made = engine.generate(requests, decoding, progress.on_tokens)
            except Unfinished as error:  # a GPU that went away takes no finished sample with it
                kept = sorted(error.finished)
                if kept:
                    done = [error.finished[index] for index in kept]
                    self._keep([chunk[index] for index in kept], done, time.monotonic() - start)
                raise
        self._keep(chunk, made, time.monotonic() - start)
        progress.on_samples(len(made))

    def _engine(self, progress: Progress) -> Engine:
        if self._loaded is None:
            assert self.folder is not None  # else there is nothing to generate
            start = time.monotonic()
            tags = self.spec.thinking
            self._loaded = load_engine(
                self.spec.engine,
                self.folder,
                dtype=self.spec.dtype,
                threads=self.threads,
                kept=() if tags is None else (tags.open, tags.close),
            )
            self._seconds_load = time.monotonic() - start
            progress.restart_clock()
        return self._loaded

    def _keep(
        self, chunk: Sequence[SampleRequest], made: Sequence[Completion], seconds: float
    ) -> None:
        prompts = {sample.prompt.token_ids: sample.prompt for sample in chunk}.values()
        scored = made[0].finish == "scored"
        tokens = [
            len(prompt.token_ids) + (sum(map(len, prompt.option_ids or ())) if scored else 0)
            for prompt in prompts
        ]

        def usage(name: str) -> Usage:
            # Linux counts in KiB, macOS in bytes
            per_mib = 1 << 20 if sys.platform == "darwin" else 1 << 10
            return Usage(
                model=self.spec.model,
                chunk=name,
                n_requests=len(prompts),
                n_samples=len(made),
                n_scored=len(made) if scored else 0,
                tokens_in=sum(tokens),
                tokens_out=sum(one.n_tokens for one in made),
                seconds=seconds,
                seconds_load=self._seconds_load,
                peak_rss_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / per_mib,
                device=engine_device(self.spec.engine),
                engine=self.engine,
                threads=self.threads,
                hardware=hardware(),
            )

        self.store.add([sample.key for sample in chunk], made, usage)
        self._seconds_load = 0.0  # it is counted once


def fill(
    work: Sequence[tuple[SampleRequest, ...]],
    missing: set[str],
    answers: Answers,
    progress: Progress,
) -> int:
    """Generate every chunk that nobody else does; returns how many samples that were."""
    store = answers.store
    generated = 0
    told = False
    while work:
        taken = []  # by other processes
        for chunk in work:
            lacking = [sample for sample in chunk if sample.key in missing]
            if not lacking:
                continue
            with store.claimed([sample.key for sample in chunk]) as mine:
                if not mine:
                    taken.append(chunk)
                    continue
                # Another process may have finished it a moment ago.
                store.notice([sample.key for sample in lacking])
                keys = [sample.key for sample in lacking]
                still = store.missing(keys)
                progress.from_others(len(keys) - len(still))
                missing -= set(keys)
                lacking = [sample for sample in lacking if sample.key in still]
                if lacking:
                    answers.make(lacking, progress)
                    generated += len(lacking)
        work = taken
        if work:
            if not told:
                log.info(
                    "%s: another process is generating %d chunks; waiting for it",
                    *(store.folder, len(work)),
                )
                told = True
            time.sleep(POLL)
            store.index.refresh()
    return generated
