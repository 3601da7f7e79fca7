"""Weight matrices in the form that oneDNN multiplies with, packed once instead of in every product
(CPUs only).

torch's own product brings a matrix into that form again each time, which for the few rows of a
decode step costs as much as half the multiplication. Measured on one EPYC core at 16 rows: 53 to 35
ms for all products of SmolLM2-135M in bfloat16, 95 to 58 ms in float32. Below a certain size the
call itself costs more than it saves. Reads, writes nothing.

    pack(model)  # a model of 30 layers with 7 matrices each, and the output matrix
    -> 211
"""

from __future__ import annotations

import platform
from typing import Any

import torch

SMALLEST = 1 << 16  # numbers; a matrix of no more than that stays as it is
# numbers in all large matrices; a smaller model's time is not in its products, and oneDNN costs 8
# MiB
WORTH = 1 << 22
# for which oneDNN is asked to choose the form; within 5% of the best at 1, 16, 64 and 512 rows
_ROWS = 64
_UNCHANGED: tuple[str, list[Any], str] = ("none", [], "")  # nothing is done to the product


class PackedLinear(torch.nn.Module):
    """A linear layer over a packed copy of another's weights; the other may go."""

    def __init__(self, plain: torch.nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = plain.in_features, plain.out_features
        self.bias = plain.bias
        # No buffer: the packed matrix is opaque and cannot be saved or moved.
        self.packed: torch.Tensor = torch.ops.mkldnn._reorder_linear_weight(
            plain.weight.detach(), _ROWS
        )

    @property
    def weight(self) -> torch.Tensor:
        """The matrix as it was, (out_features, in_features), made again at each call."""
        plain: torch.Tensor = self.packed.to_dense()
        return plain

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """The product, (..., in_features) to (..., out_features)."""
        product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(
            rows, self.packed, self.bias, *_UNCHANGED
        )
        return product


def can_pack(dtype: torch.dtype) -> bool:
    """Whether this torch on this machine has such products for the number format."""
    has_them: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if platform.machine().lower() not in ("x86_64", "amd64") or not has_them:
        return False
    names = ("_reorder_linear_weight", "_linear_pointwise")
    if not all(hasattr(torch.ops.mkldnn, name) for name in names):
        return False
    if dtype == torch.bfloat16:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return dtype == torch.float32


def pack(model: Any) -> int:
    """Replace the large linear layers of a model on the CPU by packed ones; returns how many. For
    inference only.

    A model whose large layers hold fewer than `WORTH` numbers stays as it is.
    """
    if model.device.type != "cpu" or not can_pack(model.dtype):
        return 0
    found = [
        (parent, name, layer)
        for parent in model.modules()
        for name, layer in parent.named_children()
        if _is_large(layer, model.dtype)
    ]
    if sum(layer.weight.numel() for _, _, layer in found) < WORTH:
        return 0
    packed = len(found)
    with torch.no_grad():
        while found:  # one by one: a plain layer goes when its packed copy is there
            parent, name, layer = found.pop()
            setattr(parent, name, PackedLinear(layer))
            del layer
    return packed


def _is_large(layer: torch.nn.Module, dtype: torch.dtype) -> bool:
    return (
        type(layer) is torch.nn.Linear
        and layer.weight.numel() > SMALLEST
        and layer.weight.dtype == dtype
    )
