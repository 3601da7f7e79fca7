"""The engine that runs anywhere: models in the Hugging Face layout, through transformers, on a CPU
or a CUDA GPU.

Reads a model's folder (safetensors, config.json, tokenizer.json), writes nothing. transformers
computes the forward passes; batching, the cache, sampling and stopping are ours (`slots`,
`sampling`). The same requests in the same order on the same machine and versions give the same
tokens bit for bit; a sample's noise depends on its stream alone.

    >>> load(Path("resources/pocket/models/pocket-fair"), dtype="float32", threads=1).identity
    'transformers 5.23.0, torch 2.13.0+cpu, cpu, float32, sampling 2, loop 2'
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featherweight.chat import templates as chat
from featherweight.engines import (
    Completion,
    Decoding,
    Request,
    Unfinished,
    gpu_errors,
    samples,
)
from featherweight.engines.transformers.loading import (
    collector_at_rest,
    device_kind,
    load_model,
    number_format,
    placed,
)
from featherweight.engines.versions import SAMPLING_VERSION
from featherweight.errors import InputError

if TYPE_CHECKING:
    from featherweight.engines.samples import Ended
    from featherweight.engines.transformers.slots import Limits

__all__ = ["TransformersEngine", "device_kind", "identity", "load"]

LOOP_VERSION = 2  # raise it when the schedule changes, and with it the rounding
SLOTS = {"cpu": 64, "cuda": 256}
PREFILL_TOKENS = {"cpu": 2048, "cuda": 16384}
# a constant, not the free memory: the schedule must not depend on the hour
CPU_CACHE_BYTES = 1 << 30
CUDA_CACHE_SHARE = 0.6  # of the card's whole memory, less the weights
log = logging.getLogger("featherweight")


def identity(folder: Path | None, *, dtype: str) -> str:
    """Whatever of this engine may change a token. Cheap: nothing is loaded."""
    device = device_kind()
    return (
        f"transformers {version('transformers')}, torch {version('torch')}, {device},"
        f" {number_format(_present(folder), dtype, device)}, sampling {SAMPLING_VERSION}, loop"
        f" {LOOP_VERSION}"
    )


def _present(folder: Path | None) -> Path:
    if folder is None or not (folder / "config.json").is_file():
        raise InputError(
            f"{folder}: expected a model folder with config.json; run acquire again or correct the"
            " path"
        )
    return folder


def load(
    folder: Path | None, *, dtype: str, threads: int | None, kept: tuple[str, ...] = ()
) -> TransformersEngine:
    """Load a model. Raises InputError for a folder that holds none that can be loaded safely."""
    where = _present(folder)
    if not any(where.glob("*.safetensors")):
        raise InputError(
            f"{where}: no *.safetensors file; pickled weights are never loaded, convert them first"
        )
    with collector_at_rest():
        import torch

        from featherweight.engines.transformers.packing import pack

        if threads is not None:
            torch.set_num_threads(threads)
        tokenizer = chat.load_tokenizer(where)
        device = device_kind()
        model = placed(
            load_model(where, getattr(torch, number_format(where, dtype, device))), device
        )
        pack(model)
    return TransformersEngine(
        model,
        tokenizer,
        name=identity(where, dtype=dtype),
        stops=chat.stop_ids(where, tokenizer),
        context=chat.context_limit(where),
        hidden=chat.hidden_ids(tokenizer, kept),
    )


class TransformersEngine:
    """A loaded model. `slots` overrides how many rows one step computes."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        name: str,
        stops: Sequence[int],
        context: int | None,
        hidden: frozenset[int],
        slots: int | None = None,
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.stops = tuple(stops)
        self.context = context
        self.hidden = hidden
        self.slots = slots
        self._name = name
        self._refuse_other_kinds()

    @property
    def identity(self) -> str:
        """Name, versions, device and number format."""
        return self._name

    def _refuse_other_kinds(self) -> None:
        """The loop shows every row all that came before; a model with narrower attention must not
        notice.
        """
        if self.model.get_output_embeddings() is None:
            raise InputError(
                f"{self.model.name_or_path}: not a language model that transformers can generate"
                " with"
            )
        config = self.model.config.get_text_config()
        if getattr(config, "alibi", False):
            raise InputError(
                f"{self.model.name_or_path}: positions by ALiBi are not supported; choose a model"
                " with rotary positions"
            )
        kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
        if not kinds <= {"full_attention", "sliding_attention"}:
            raise InputError(
                f"{self.model.name_or_path}: layers of kind {', '.join(sorted(kinds))} are not"
                " supported; choose a model whose layers all attend"
            )
        if "sliding_attention" in kinds:
            window = int(config.sliding_window)
            self.context = window if self.context is None else min(self.context, window)

    def generate(
        self, requests: Sequence[Request], decoding: Decoding, on_tokens: Callable[[int], None]
    ) -> list[Completion]:
        """One completion per request, in their order. Raises InputError for prompts longer than the
        model's context.

        Out of memory on a GPU: the whole list is begun again with half the slots.
        """
        if not requests:
            return []
        samples.check_prompts(
            self.model.name_or_path, [request.prompt_ids for request in requests], self.context
        )
        ended: dict[int, Ended] = {}
        try:
            while (slots := self._attempt(requests, decoding, ended, on_tokens)) is not None:
                if slots == 1:
                    raise InputError(
                        f"{self.model.name_or_path}: out of GPU memory with a single sample; free"
                        " the GPU, lower max_new_tokens or take a smaller model; finished samples"
                        " are kept"
                    )
                self.slots = slots // 2
                log.warning(
                    "out of GPU memory: going on with %d instead of %d slots", self.slots, slots
                )
        except InputError as error:
            finished = {
                index: samples.completion(self.tokenizer, end, self.hidden)
                for index, end in ended.items()
            }
            raise Unfinished(error.problems, finished) from error
        return [
            samples.completion(self.tokenizer, ended[index], self.hidden)
            for index in range(len(requests))
        ]

    def _attempt(
        self,
        requests: Sequence[Request],
        decoding: Decoding,
        ended: dict[int, Ended],
        on_tokens: Callable[[int], None],
    ) -> int | None:
        """Put the finished rows into `ended`.

        If the memory did not suffice: how many slots were tried.
        """
        from featherweight.engines.transformers.slots import SlotLoop

        limits = self._limits(requests, decoding)
        loop: SlotLoop | None = None
        try:
            loop = SlotLoop(self.model, requests, decoding, self.stops, limits)
            loop.run(on_tokens)
        except ArithmeticError as error:
            raise InputError(
                f"{self.model.name_or_path}: {error} in {self.model.dtype}; choose dtype bfloat16"
                " or float32"
            ) from error
        except Exception as error:
            gpu_errors.require_out_of_memory(error)
        else:
            return None
        finally:
            if loop is not None:
                ended.clear()
                ended.update(loop.ended)
        del loop  # outside of the handler: a traceback would hold the tensors
        self._release()
        return limits.slots

    def _release(self) -> None:
        """Give back what torch keeps in reserve on the GPU."""
        import torch

        torch.cuda.empty_cache()

    def _limits(self, requests: Sequence[Request], decoding: Decoding) -> Limits:
        """How many rows at once: a function of the requests, the model and the machine alone."""
        from featherweight.engines.transformers.slots import Limits

        kind = self.model.device.type
        slots = self.slots
        if slots is None:
            longest = max(len(request.prompt_ids) for request in requests) + decoding.max_new_tokens
            slots = max(
                1, min(SLOTS[kind], self._cache_budget(kind) // (longest * self._bytes_per_token()))
            )
        return Limits(slots, PREFILL_TOKENS[kind], self.context)

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

    def loglikelihoods(
        self, prompt_ids: Sequence[tuple[int, ...]], continuations: Sequence[tuple[int, ...]]
    ) -> list[float]:
        """The summed natural-log probability of each continuation after its prompt, in order; 0.0
        for an empty one.
        """
        from featherweight.engines.transformers.likelihood import loglikelihoods

        if not prompt_ids:
            return []
        samples.check_continuations(
            self.model.name_or_path, prompt_ids, continuations, self.context
        )

        def compute(budget: int) -> list[float]:
            return loglikelihoods(self.model, prompt_ids, continuations, budget)

        budget = PREFILL_TOKENS[self.model.device.type]
        return gpu_errors.scored_within_memory(
            compute, budget, self._release, self.model.name_or_path
        )
