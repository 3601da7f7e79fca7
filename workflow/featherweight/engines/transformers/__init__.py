"""The engine that runs anywhere: models in the Hugging Face layout, through transformers, on a CPU
or a CUDA GPU.

Reads a model's folder (safetensors, config.json, tokenizer.json), writes nothing. transformers
computes the forward passes; batching, the cache, sampling and stopping are ours (`slots`,
`sampling`). The same requests in the same order on the same machine and versions give the same
tokens bit for bit; a sample's noise depends on its stream alone.

    >>> load(Path("resources/pocket/models/pocket-fair"), dtype="float32", threads=1).identity
    'transformers 5.23.0, torch 2.13.0+cpu, cpu, float32, sampling 3, loop 3'
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featherweight.chat.facts import context_limit
from featherweight.chat.templates import load_tokenizer
from featherweight.chat.tokens import hidden_ids, stop_ids
from featherweight.engines.back_off import BatchEngine
from featherweight.engines.base import Decoding, OnTokens, Request
from featherweight.engines.decoding_loop import Finished
from featherweight.engines.sessions import Session
from featherweight.engines.transformers.loading import (
    device_kind,
    gc_paused,
    load_model,
    number_format,
    placed,
)
from featherweight.engines.versions import SAMPLING_VERSION
from featherweight.errors import InputError

if TYPE_CHECKING:
    from featherweight.engines.transformers.prefixes import Prefixes

__all__ = ["TransformersEngine", "device_kind", "identity", "load"]

LOOP_VERSION = 3  # raise it when the schedule changes, and with it the rounding
SLOTS = {"cpu": 64, "cuda": 256}
PREFILL_TOKENS = {"cpu": 2048, "cuda": 16384}
# a constant, not the free memory: the schedule must not depend on the hour
CPU_CACHE_BYTES = 1 << 30
CUDA_CACHE_SHARE = 0.6  # of the card's whole memory, less the weights


def identity(folder: Path, *, dtype: str) -> str:
    """Whatever of this engine may change a token. Cheap: nothing is loaded."""
    device = device_kind()
    return (
        f"transformers {version('transformers')}, torch {version('torch')}, {device},"
        f" {number_format(_present(folder), dtype, device)}, sampling {SAMPLING_VERSION}, loop"
        f" {LOOP_VERSION}"
    )


def _present(folder: Path) -> Path:
    if not (folder / "config.json").is_file():
        raise InputError(
            f"{folder}: expected a model folder with config.json; run acquire again or correct the"
            " path"
        )
    return folder


def load(
    folder: Path, *, dtype: str, threads: int | None, kept: tuple[str, ...] = ()
) -> TransformersEngine:
    """Load a model. Raises InputError for a folder that holds none that can be loaded safely."""
    where = _present(folder)
    if not any(where.glob("*.safetensors")):
        raise InputError(
            f"{where}: no *.safetensors file; pickled weights are never loaded, convert them first"
        )
    with gc_paused():
        import torch

        from featherweight.engines.transformers.packing import pack

        if threads is not None:
            torch.set_num_threads(threads)
        tokenizer = load_tokenizer(where)
        device = device_kind()
        model = placed(
            load_model(where, getattr(torch, number_format(where, dtype, device))), device
        )
        pack(model)
    return TransformersEngine(
        model,
        tokenizer,
        name=identity(where, dtype=dtype),
        stops=stop_ids(where, tokenizer),
        context=context_limit(where),
        hidden=hidden_ids(tokenizer, kept),
    )


class TransformersEngine(BatchEngine):
    """A loaded model."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        name: str,
        stops: Sequence[int],
        context: int | None,
        hidden: frozenset[int],
        rows: int | None = None,
    ) -> None:
        where = model.name_or_path
        super().__init__(
            tokenizer,
            name=name,
            where=where,
            stops=stops,
            context=context,
            hidden=hidden,
            rows=rows,
        )
        self.model = model
        self._prefixes: Prefixes | None = None  # where rows begin from and what they leave behind
        self._share = 1.0  # of the cache's budget; less where memory ran out
        self._refuse_other_kinds()
        self.number_formats = f" in {model.dtype}; choose dtype bfloat16 or float32"

    def _refuse_other_kinds(self) -> None:
        """The loop shows every row all that came before; a model with narrower attention must not
        notice.
        """
        if self.model.get_output_embeddings() is None:
            raise InputError(
                f"{self.where}: not a language model that transformers can generate with"
            )
        config = self.model.config.get_text_config()
        if getattr(config, "alibi", False):
            raise InputError(
                f"{self.where}: positions by ALiBi are not supported; choose a model"
                " with rotary positions"
            )
        kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
        if not kinds <= {"full_attention", "sliding_attention"}:
            raise InputError(
                f"{self.where}: layers of kind {', '.join(sorted(kinds))} are not"
                " supported; choose a model whose layers all attend"
            )
        if "sliding_attention" in kinds:
            window = int(config.sliding_window)
            self.context = window if self.context is None else min(self.context, window)

    def _attempt(
        self,
        rows: int,
        requests: Sequence[Request],
        decoding: Decoding,
        finished: dict[int, Finished],
        on_tokens: OnTokens,
    ) -> None:
        from featherweight.engines.transformers.keeping import KeepingLoop
        from featherweight.engines.transformers.slots import SlotLoop

        given = (self.model, requests, decoding, finished)
        settings: dict[str, Any] = {
            "stops": self.stops,
            "decode": self.decode,
            "context": self.context,
            "slots": rows,
            "positions": self._positions_that_fit(requests),
            "prefill_tokens": self.prefill_tokens,
        }
        loop = (
            SlotLoop(*given, **settings)
            if self._prefixes is None
            else KeepingLoop(*given, prefixes=self._prefixes, **settings)
        )
        loop.run(on_tokens)

    def session(self, decoding: Decoding, budget: int) -> Session:
        """A session that keeps the keys and values of up to `budget` tokens beside the running
        rows'.
        """
        from featherweight.engines.transformers.keeping import KeepingSession

        return KeepingSession(self, decoding, budget)

    @contextmanager
    def keeping(self, prefixes: Prefixes) -> Iterator[None]:
        """Within this context what is generated begins from what is kept and adds to it."""
        self._prefixes = prefixes
        try:
            yield
        finally:
            self._prefixes = None

    def _release(self) -> None:
        """Give back what torch keeps in reserve on the GPU."""
        import torch

        if self._prefixes is not None:
            self._prefixes.clear()
        torch.cuda.empty_cache()

    def _rows_that_fit(self, requests: Sequence[Request]) -> int:
        most = SLOTS[self.model.device.type] if self.rows is None else self.rows
        return min(most, len(requests))

    def _positions_that_fit(self, requests: Sequence[Request]) -> int:
        """Tokens of all rows together that the cache may hold: the stated budget, or what the
        longest sample alone can come to.
        """
        longest = max(len(request.prompt_ids) + request.max_new_tokens for request in requests)
        budget = int(self._share * self._cache_budget(self.model.device.type))
        return max(longest, budget // self._bytes_per_token())

    def _take_fewer(self, rows: int) -> None:
        super()._take_fewer(rows)
        self._share /= 2

    def _cache_budget(self, kind: str) -> int:
        if kind == "cpu":
            return CPU_CACHE_BYTES
        import torch

        total = torch.cuda.get_device_properties(self.model.device).total_memory
        weights = sum(tensor.numel() * tensor.element_size() for tensor in self.model.parameters())
        return max(0, int(CUDA_CACHE_SHARE * (total - weights)))

    def _bytes_per_token(self) -> int:
        """Of keys and values over all layers."""
        config = self.model.config.get_text_config()
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        return int(2 * config.num_hidden_layers * heads * size * self.model.dtype.itemsize)

    def _score(
        self,
        prompt_ids: Sequence[tuple[int, ...]],
        continuations: Sequence[tuple[int, ...]],
        budget: int,
    ) -> list[float]:
        from featherweight.engines.transformers.likelihood import loglikelihoods

        return loglikelihoods(self.model, prompt_ids, continuations, budget)

    @property
    def prefill_tokens(self) -> int:
        """Tokens of prompts that one pass computes."""
        return PREFILL_TOKENS[self.model.device.type]

    def _scored_at_once(self) -> int:
        return self.prefill_tokens
