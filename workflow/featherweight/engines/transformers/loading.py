"""How a model folder becomes a model in memory: on which device, in which number format, from which
files.

Reads a folder in the Hugging Face layout, writes nothing; runs none of the folder's code and loads
no pickled weights.

    >>> number_format(Path("resources/pocket/models/pocket-fair"), "auto", "cpu")
    'float32'
"""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featherweight.chat.facts import stored_dtype
from featherweight.errors import InputError, first_line

if TYPE_CHECKING:
    import torch

FORMATS = ("float32", "bfloat16", "float16")


def device_kind() -> str:
    """Where models are computed: "cuda" where a GPU and a torch for it are there, else "cpu".

    Imports no framework.
    """
    if version("torch").endswith("+cpu"):
        return "cpu"
    from featherweight.cuda import cuda_devices

    return "cuda" if cuda_devices() else "cpu"


def number_format(folder: Path, dtype: str, device: str) -> str:
    """The number format that `dtype` means here. Raises InputError for an unknown one.

    "auto" is the format in which the weights are stored, except that a CPU without bfloat16
    arithmetic, and any CPU for float16, computes in float32.
    """
    if dtype in FORMATS:
        return dtype
    if dtype != "auto":
        raise InputError(
            f"dtype: expected auto, {', '.join(FORMATS)}, got {dtype!r}; correct it in the study"
        )
    stored = stored_dtype(folder)
    if stored not in FORMATS:
        return "float32"
    if device == "cuda" or stored == "float32":
        return stored
    return "bfloat16" if stored == "bfloat16" and _cpu_has_bfloat16() else "float32"


def _cpu_has_bfloat16() -> bool:
    facts = Path("/proc/cpuinfo")
    if not facts.is_file():
        return False
    flags = facts.read_text(encoding="utf-8", errors="replace").split()
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(flags)


@contextmanager
def gc_paused() -> Iterator[None]:
    """Disable the garbage collector while importing; it would scan a million long-lived objects.

    Measured: 1.1 of 4.8 CPU-s.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def load_model(folder: Path, dtype: torch.dtype) -> Any:
    """The model in `folder`, from safetensors only and without code of the folder.

    Where the numbers are stored as `dtype`, the weights are not read yet: each is a map of its
    file, of its own, and is let go as soon as nobody holds it any more. Raises InputError if that
    fails.
    """
    from transformers.utils import logging as their_logging

    their_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        model, report = _read(folder, dtype)
    except MemoryError:
        raise
    except (
        Exception
    ) as error:  # an unknown architecture, a broken file: each library has its own exception
        reason = first_line(error)
        raise InputError(
            f"{folder}: the model cannot be loaded ({reason}); fetch its files again, or choose a"
            " model of an architecture that the installed transformers knows"
        ) from error
    lacking = sorted(report["missing_keys"])
    if lacking:
        raise InputError(
            f"{folder}: {len(lacking)} of the model's tensors are not in its safetensors files"
            f" (first: {lacking[0]}); fetch its files again"
        )
    return model.eval()


def _read(folder: Path, dtype: torch.dtype) -> tuple[Any, dict[str, Any]]:
    """The model, and transformers' report of what it lacks."""
    from transformers import AutoConfig, AutoModelForCausalLM

    trusted: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    wanted: dict[str, Any] = {
        "dtype": dtype,
        "attn_implementation": "sdpa",
        "use_safetensors": True,
        "output_loading_info": True,
    }
    weights = _apart(folder)
    if weights is None:  # transformers says what it misses
        read: Any = AutoModelForCausalLM.from_pretrained
        found: tuple[Any, dict[str, Any]] = read(str(folder), **trusted, **wanted)
        return found
    import torch

    config = AutoConfig.from_pretrained(str(folder), **trusted)
    made: Any = AutoModelForCausalLM.from_config
    with torch.device("meta"):  # a model without numbers, for its class
        kind: Any = type(made(config, trust_remote_code=False))
    model, report = kind.from_pretrained(None, config=config, state_dict=weights, **wanted)
    weights.clear()  # the library's frames may hold it until garbage is collected
    model.name_or_path = str(folder)
    return model, report


def _apart(folder: Path) -> dict[str, Any] | None:
    """A folder's tensors by name, each through a map of its file that is its own; None: no weights
    under the names that transformers looks for.

    transformers maps a file once for all its tensors: each page that was read stays in memory until
    the last of them goes.
    """
    from safetensors import safe_open

    opened: Any = safe_open
    index = folder / "model.safetensors.index.json"
    if (folder / "model.safetensors").is_file():
        files = ["model.safetensors"]
    elif index.is_file():
        files = sorted({*json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()})
    else:
        return None
    found: dict[str, Any] = {}
    for path in (str(folder / name) for name in files):
        with opened(path, framework="pt") as whole:
            names = list(whole.keys())
        found |= {name: opened(path, framework="pt").get_slice(name) for name in names}
    return found


def placed(model: Any, device: str) -> Any:
    """The model on the device. Raises InputError if it does not fit there."""
    try:
        return model.to(device)
    except RuntimeError as error:
        raise InputError(
            f"{model.name_or_path}: cannot be put on the GPU ({first_line(error)}); free its"
            " memory, or hide it (CUDA_VISIBLE_DEVICES=) to compute on the CPU"
        ) from error
