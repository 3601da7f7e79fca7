"""Prerequisites of ExLlamaV2, with one message per missing piece. Reads a model's folder
and the machine.

Nothing here imports exllamav2 until `import_exllamav2` is called, and nothing is built before that
(the build itself: `build`). One real line:

    engine exllamav2: expected the package exllamav2 0.3.2, found none; pip install -e '.[gpu]', or
        choose
    engine: transformers
"""

from __future__ import annotations

import importlib
import json
import logging
import math
import os
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from safetensors import SafetensorError, safe_open

from featherweight.cuda import release_problem
from featherweight.engines.exllamav2 import build
from featherweight.engines.exllamav2.build import OTHERWISE as OTHERWISE
from featherweight.engines.exllamav2.build import VERSION as VERSION
from featherweight.errors import InputError

# Without any of these a quantised linear layer cannot be loaded (module.py:121; q_perm is computed
# from q_invperm).
QUANTISED_PARTS = ("q_weight", "q_invperm", "q_scale", "q_scale_max", "q_groups")
log = logging.getLogger("featherweight")


class Package(NamedTuple):
    """The parts of exllamav2 that the engine uses (their signatures:
    tests/unit/test_exllamav2_surface.py).
    """

    ExLlamaV2: Any
    ExLlamaV2Config: Any
    ExLlamaV2Cache: Any
    dynamic: Any  # the module exllamav2.generator.dynamic
    attn: ModuleType  # the module exllamav2.attn


def installed_version() -> str | None:
    """The version of the exllamav2 package; None if there is none."""
    try:
        return version("exllamav2")
    except PackageNotFoundError:
        return None


def machine_problems() -> list[str]:
    """Everything that keeps ExLlamaV2 from running on this machine, one line each; imports torch,
    builds nothing.
    """
    found = installed_version()
    problems = []
    if wrong := release_problem("exllamav2", found):
        problems.append(f"engine exllamav2: {wrong}; pip install -e '.[gpu]', {OTHERWISE}")
    if found is not None:
        problems += build.import_problems()
    problems += _torch_problems()
    if found == VERSION and not problems:
        problems += build.problems()
    return problems


def _torch_problems() -> list[str]:
    import torch

    if torch.version.cuda is None:
        return [
            f"engine exllamav2: expected a torch built for CUDA, found {torch.__version__}; install"
            f" PyTorch's CUDA build (envs/gpu.yaml), {OTHERWISE}"
        ]
    if wrong := release_problem("torch", torch.__version__):
        return [f"engine exllamav2: {wrong}; install one of them, {OTHERWISE}"]
    if not torch.cuda.is_available():
        return [
            "engine exllamav2: expected a CUDA GPU, torch finds none; check nvidia-smi and"
            f" CUDA_VISIBLE_DEVICES, {OTHERWISE}"
        ]
    return []


def flash_attention_problem() -> str | None:
    """Why exllamav2 must not look for flash-attn; None if a flash-attn is there that it can use.

    exllamav2 imports `flash_attn` and reads its version (attn.py:36). flash-attn-4 brings a package
    of that name without one, and the import of exllamav2 breaks with an AttributeError.
    """
    if find_spec("flash_attn") is None:
        return "none installed"
    try:
        numbers = tuple(
            int(part) for part in version("flash-attn").split(".")[:3] if part.isdigit()
        )
    except PackageNotFoundError:
        return "flash-attn-4 alone"
    if numbers < (2, 5, 7):
        return f"flash-attn {version('flash-attn')} is older than 2.5.7"
    import torch

    old = not torch.cuda.is_available() or torch.cuda.get_device_capability()[0] < 8
    return "flash-attn needs a GPU of compute capability 8.0" if old else None


def attention_name() -> str:
    """The attention that `import_exllamav2` would use, for the engine's identity; imports no
    exllamav2.
    """
    from featherweight.engines.exllamav2.attention import OUR_ATTENTION

    return OUR_ATTENTION if flash_attention_problem() else f"flash-attn {version('flash-attn')}"


def import_exllamav2() -> Package:
    """The package, with right attention. The first call on a machine builds the extension.

    Raises InputError with every problem of the machine, or with what the import says.
    """
    problems = machine_problems()
    if problems:
        raise InputError(problems)
    from featherweight.engines.exllamav2.attention import install

    reason = flash_attention_problem()
    if reason is not None:
        log.info("exllamav2: attention is computed by torch (%s)", reason)
        os.environ["EXLLAMA_NO_FLASH_ATTN"] = "1"  # read once, when exllamav2.attn is imported
    os.environ["EXLLAMA_NO_XFORMERS"] = "1"  # never used here, and another import that can break
    build.make_importable()
    try:
        names = ("exllamav2", "exllamav2.generator.dynamic", "exllamav2.attn")
        top, dynamic, attn = (importlib.import_module(name) for name in names)
    except Exception as error:  # an undefined symbol, a package that is missing
        raise InputError(_import_failure(error)) from error
    used = install(attn, flash_attention_works=reason is None)
    if used != attention_name():
        raise InputError(
            f"engine exllamav2: expected {attention_name()}, exllamav2 found that it cannot use it;"
            f" reinstall or uninstall flash-attn, {OTHERWISE}"
        )
    return Package(top.ExLlamaV2, top.ExLlamaV2Config, top.ExLlamaV2Cache, dynamic, attn)


def _import_failure(error: Exception) -> str:
    import torch

    place = find_spec(build.EXTENSION)
    where = "" if place is None else f" {place.origin}"
    said = (
        (str(error).strip() or type(error).__name__)
        .splitlines()[0]
        .removeprefix(f"{where.strip()}: ")[:300]
    )
    if "undefined symbol" in str(error):
        return (
            f"engine exllamav2: its compiled extension{where} was made for another torch than"
            f" {torch.__version__} ({said}); remove that so that it is built here, {OTHERWISE}"
        )
    return (
        f"engine exllamav2: the package cannot be imported ({said}); install what is missing, or"
        f" remove the compiled extension{where} so that it is built anew, {OTHERWISE}"
    )


# Bits of the number formats that the parts of a quantised layer are stored in.
_BITS = {"U8": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32}


class Tensor(NamedTuple):
    """One tensor of a weights file, as its table lists it."""

    shape: tuple[int, ...]
    dtype: str

    @property
    def bits(self) -> int:
        """Of the whole tensor."""
        return math.prod(self.shape) * _BITS[self.dtype]


class Weights(NamedTuple):
    """What a folder's weights are: bits per weight of the quantised layers, None for plain ones."""

    bits: float | None

    @property
    def name(self) -> str:
        """For the engine's identity."""
        return "float16" if self.bits is None else f"exl2 {self.bits:.2f} bits per weight, float16"


def folder_weights(folder: Path) -> Weights:
    """What lies in a model's folder, from the headers of its files alone.

    Bits per weight are measured: all stored bits of the quantised layers, scales included, over
    their weights. Raises InputError with every problem: no folder, no weights, shards that are
    named and missing, quantised layers of which a part is missing, a quantisation that is not EXL2,
    a config or an index that is not one.
    """
    if not (folder / "config.json").is_file():
        raise InputError(
            f"{folder}: expected a model folder with config.json; run acquire again or correct the"
            " path"
        )
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise InputError(
            f"{folder}: no *.safetensors file; pickled weights are never loaded, convert them first"
        )
    tensors: dict[str, Tensor] = {}
    problems = _shard_problems(folder)
    for path in files:
        try:
            tensors |= _header(path)
        except (SafetensorError, OSError) as error:
            problems.append(f"{path}: not a whole safetensors file ({error}); fetch it again")
    layers = {key.removesuffix(".q_weight") for key in tensors if key.endswith(".q_weight")}
    for layer in sorted(layers):
        lacking = [part for part in QUANTISED_PARTS if f"{layer}.{part}" not in tensors]
        if lacking:
            problems.append(
                f"{folder}: quantised layer {layer} lacks {', '.join(lacking)}; quantise the model"
                f" again or fetch it again, {OTHERWISE}"
            )
    problems += _quantisation_problems(folder, bool(layers))
    if problems:
        raise InputError(problems)
    return Weights(_bits_per_weight(tensors, layers) if layers else None)


def _shard_problems(folder: Path) -> list[str]:
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return []
    try:
        named = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        missing = sorted(name for name in named if not (folder / name).is_file())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return [f"{index}: not an index of shards ({error}); fetch it again, {OTHERWISE}"]
    return [
        f"{folder}: {name} is named in the index and missing; fetch the model again, {OTHERWISE}"
        for name in missing
    ]


def _header(path: Path) -> dict[str, Tensor]:
    """A safetensors file's table of tensors, without reading them.

    Raises SafetensorError where the file is not as long as its table says.
    """
    with safe_open(path, framework="numpy") as file:
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
        return {
            name: Tensor(tuple(one.get_shape()), one.get_dtype()) for name, one in slices.items()
        }


def _quantisation_problems(folder: Path, exl2: bool) -> list[str]:
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        method = (config.get("quantization_config") or {}).get("quant_method")
    except (ValueError, AttributeError) as error:
        return [f"{path}: not a model's config ({error}); fetch it again, {OTHERWISE}"]
    if method is None or (method == "exl2") == exl2:
        return []
    if method == "exl2":
        return [
            f"{folder}: config.json says exl2 and no file holds a quantised layer: incomplete;"
            f" fetch it again, {OTHERWISE}"
        ]
    return [
        f"{folder}: quant_method {method!r}, expected EXL2 or unquantised weights; take another"
        " file of the model"
    ]


def _bits_per_weight(tensors: Mapping[str, Tensor], layers: set[str]) -> float:
    bits = weights = 0
    for layer in layers:
        bits += sum(tensors[f"{layer}.{part}"].bits for part in QUANTISED_PARTS)
        inputs = tensors[f"{layer}.q_invperm"].shape[0]
        weights += inputs * tensors[f"{layer}.q_weight"].shape[1]
    return bits / weights
