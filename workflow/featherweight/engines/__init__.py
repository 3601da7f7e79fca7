"""Engines: prompts in, completions out. Nothing outside this package knows a framework.

`transformers` runs anywhere, `exllamav2` on a CUDA GPU if it is named, `controls` answer by rule
and need no weights. An engine is chosen by name and loads nothing until the first prompt that is
not in the sample store.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Protocol

from featherweight.errors import InputError
from featherweight.records import Finish, Item

ENGINE_NAMES = ("transformers", "exllamav2", "controls")


@dataclass(frozen=True, slots=True)
class Decoding:
    """How tokens are chosen. temperature 0 is greedy; top_k 0 and top_p 1 switch those cuts off."""

    temperature: float
    top_p: float
    top_k: int
    max_new_tokens: int


@dataclass(frozen=True, slots=True)
class Request:
    """One completion that is wanted.

    `stream` seeds the noise of this sample: a function of (sample_seed, item_id, sample_index)
    alone, so that no batch size and no order of work changes which noise it gets.
    """

    prompt_ids: tuple[int, ...]
    stream: int
    item: Item  # only the controls look at it
    shown_order: tuple[int, ...]
    # its text, for the controls: they have no tokens; None where nobody looks at it
    prompt: str | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """What came back for one request. `text` keeps the tokens that frame thinking."""

    text: str
    n_tokens: int  # generated tokens, the stop token not counted
    finish: Finish
    mean_logprob: float | None  # natural log under the untempered model, mean over generated tokens
    # as in Sample; None: the text was generated
    option_loglikelihoods: tuple[float | None, ...] | None = None


class Unfinished(InputError):
    """Generation broke off: the GPU went away, or not even one sample fits.

    `finished` is what was done, by request.
    """

    def __init__(self, problems: str | Sequence[str], finished: Mapping[int, Completion]) -> None:
        super().__init__(problems)
        self.finished = finished


class Engine(Protocol):
    """What the search strategies and the generate stage rely on."""

    @property
    def identity(self) -> str:
        """Name, version and number format: whatever of the engine may change a token.

        Part of every store key.
        """

    def generate(
        self, requests: Sequence[Request], decoding: Decoding, on_tokens: Callable[[int], None]
    ) -> list[Completion]:
        """One completion per request, in the order of the requests; `on_tokens` hears how many
        tokens were made.

        Raises Unfinished, with what is done, where the GPU does not let it go on.
        """

    def loglikelihoods(
        self, prompt_ids: Sequence[tuple[int, ...]], continuations: Sequence[tuple[int, ...]]
    ) -> list[float]:
        """The summed natural-log probability of each continuation after its prompt, in order."""


def _engine_module(name: str) -> ModuleType:
    if name not in ENGINE_NAMES:
        raise LookupError(f"unknown engine {name!r}: expected one of {', '.join(ENGINE_NAMES)}")
    return import_module(f"featherweight.engines.{name}")


def engine_identity(name: str, folder: Path | None, *, dtype: str) -> str:
    """The identity that the loaded engine would have, found without loading it.

    Raises LookupError as `load_engine`.
    """
    identity: Callable[..., str] = _engine_module(name).identity
    return identity(folder, dtype=dtype)


def engine_device(name: str) -> str:
    """Where this engine computes here: "cpu" or "cuda". Raises LookupError as `load_engine`."""
    device: Callable[[], str] = _engine_module(name).device_kind
    return device()


def load_engine(
    name: str, folder: Path | None, *, dtype: str, threads: int | None, kept: tuple[str, ...] = ()
) -> Engine:
    """Load a model into the engine of this name. Raises LookupError for an unknown engine.

    `folder` holds the model in the Hugging Face layout (None for controls); `dtype` is "float32",
    "bfloat16", "float16" or "auto"; for controls it is the name of the control. `kept` names
    special tokens whose text stays in the answers: the tags of thinking.
    """
    load: Callable[..., Engine] = _engine_module(name).load
    return load(folder, dtype=dtype, threads=threads, kept=kept)
