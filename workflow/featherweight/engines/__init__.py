"""Engines: prompts in, completions out. Nothing outside of this package knows a framework.

`transformers` runs anywhere, `exllamav2` on a CUDA GPU if it is named. An engine is chosen by name
and loads nothing until the first prompt that is not in the sample store. Extending answers step by
step is `sessions`, over any engine.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

from featherweight.engines.base import (
    Completion,
    Decoding,
    Engine,
    OnTokens,
    Request,
    Unfinished,
)

__all__ = [
    "ENGINE_NAMES",
    "Completion",
    "Decoding",
    "Engine",
    "OnTokens",
    "Request",
    "Unfinished",
    "engine_device",
    "engine_identity",
    "load_engine",
]

ENGINE_NAMES = ("transformers", "exllamav2")


def _engine_module(name: str) -> ModuleType:
    if name not in ENGINE_NAMES:
        raise LookupError(f"unknown engine {name!r}: expected one of {', '.join(ENGINE_NAMES)}")
    return import_module(f"featherweight.engines.{name}")


def engine_identity(name: str, folder: Path, *, dtype: str) -> str:
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
    name: str, folder: Path, *, dtype: str, threads: int | None, kept: tuple[str, ...] = ()
) -> Engine:
    """Load a model into the engine of this name. Raises LookupError for an unknown engine.

    `folder` holds the model in the Hugging Face layout; `dtype` is "float32", "bfloat16", "float16"
    or "auto". `kept` names special tokens whose text stays in the answers: the tags of thinking.
    """
    load: Callable[..., Engine] = _engine_module(name).load
    return load(folder, dtype=dtype, threads=threads, kept=kept)
