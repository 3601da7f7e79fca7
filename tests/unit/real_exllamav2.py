"""The real exllamav2 0.3.2 on a CPU: all of its Python, with torch in place of the few CUDA
functions that it calls.

Only what an unquantised Llama or Qwen2 needs: the norm, rotary embedding and reading of tensors.
Everything else (its config, loader, layers, cache, attention paths, generator, jobs, page table) is
the package's own code. Its source is found where the package is installed, or in the folder that
the environment variable EXLLAMAV2_SOURCE names.
"""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

VERSION = "0.3.2"


def source() -> Path | None:
    """The folder that holds the package folder `exllamav2`; None if there is none of the right
    version.
    """
    named = os.environ.get("EXLLAMAV2_SOURCE")
    if named is None:
        try:
            named = str(distribution("exllamav2").locate_file(""))
        except PackageNotFoundError:
            return None
    version = Path(named) / "exllamav2" / "version.py"
    return (
        Path(named)
        if version.is_file() and VERSION in version.read_text(encoding="utf-8")
        else None
    )


def rms_norm(x: torch.Tensor, weight: torch.Tensor, out: torch.Tensor, eps: float) -> None:
    y = x.float()
    out.copy_(y * torch.rsqrt(y.square().mean(-1, keepdim=True) + eps) * weight.float())


def rope_(
    x: torch.Tensor,
    sin: torch.Tensor,
    cos: torch.Tensor,
    past_len: int,
    heads: int,
    size: int,
    offsets: torch.Tensor,
    neox: bool,
) -> None:
    """In place on (rows, new, heads, size); a row's first position is `past_len` plus its offset,
    if there are any.
    """
    assert neox
    first = (
        torch.zeros(x.shape[0], dtype=torch.long)
        if offsets.device.type == "meta"
        else offsets.long().view(-1)
    )
    positions = past_len + first[:, None] + torch.arange(x.shape[1])
    half = x.float()
    turned = torch.cat((-half[..., size // 2 :], half[..., : size // 2]), dim=-1)
    c, s = (table[0, 0][positions][:, :, None].float() for table in (cos, sin))
    x.copy_(half * c + turned * s)


def stloader_read(filename: str, offset: int, size: int, target: torch.Tensor) -> None:
    with Path(filename).open("rb") as file:
        file.seek(offset)
        data = bytearray(file.read(size))
    target.copy_(torch.frombuffer(data, dtype=target.dtype).view(target.shape))


def stay(tensor: Any, device: Any, non_blocking: bool = False) -> Any:
    return tensor


def own(name: str) -> bool:
    return name.split(".")[0] == "exllamav2"


def imported(patch: pytest.MonkeyPatch, folder: Path) -> dict[str, ModuleType]:
    """The package's modules; `patch` undoes the import."""
    for name in filter(own, list(sys.modules)):
        patch.delitem(sys.modules, name)
    patch.syspath_prepend(str(folder))
    pil, image = (
        ModuleType("PIL"),
        ModuleType("PIL.Image"),
    )  # for its vision models, which nothing here uses
    image.Image = pil.Image = image  # type: ignore[attr-defined]
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as meanwhile:
        warnings.simplefilter("ignore")
        meanwhile.setitem(sys.modules, "PIL", pil)
        meanwhile.setitem(sys.modules, "PIL.Image", image)
        importlib.import_module("exllamav2.generator.dynamic")
    found = {name: module for name, module in sys.modules.items() if own(name)}
    for name, module in found.items():
        del sys.modules[name]
        patch.setitem(sys.modules, name, module)
    return found


def import_on_cpu(patch: pytest.MonkeyPatch, folder: Path) -> dict[str, ModuleType]:
    """The package's modules on a machine without a GPU and without the extension; `patch` undoes
    everything.
    """
    extension = ModuleType("exllamav2_ext")
    for function in (rms_norm, rope_, stloader_read):
        setattr(extension, function.__name__, function)
    patch.setitem(sys.modules, extension.__name__, extension)
    for name in ("EXLLAMA_NO_FLASH_ATTN", "EXLLAMA_NO_XFORMERS"):
        patch.setenv(name, "1")
    found = imported(patch, folder)
    replaced = {
        "_torch_device": lambda index: "cpu",
        "safe_move_tensor": stay,
        "set_device_streams": lambda: None,
    }
    for module in found.values():
        for name, value in replaced.items():
            if hasattr(module, name):
                patch.setattr(module, name, value)
    patch.setitem(found["exllamav2.device"].global_streams, 0, None)  # its stream on the GPU
    patch.setattr(torch.cuda, "synchronize", lambda: None)
    return found
