"""Packed linear layers against the plain ones they replace."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from character_model import CHARACTERS, SPECIAL, write_model

from featherweight.engines import Decoding, Request, load_engine
from featherweight.engines.transformers import packing
from featherweight.engines.transformers.packing import SMALLEST, PackedLinear, can_pack, pack

pytestmark = pytest.mark.skipif(
    not can_pack(torch.float32), reason="this torch has no packed products here"
)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rows", [(1,), (16,), (3, 70)])
def test_a_packed_layer_gives_the_plain_product(
    dtype: torch.dtype, bias: bool, rows: tuple[int, ...]
) -> None:
    if not can_pack(dtype):
        pytest.skip("no products in this number format here")
    torch.manual_seed(0)
    plain = torch.nn.Linear(300, 500, bias=bias).to(dtype)
    given = torch.randn(*rows, 300).to(dtype)
    with torch.inference_mode():
        found = PackedLinear(plain)(given)
        exact = torch.nn.functional.linear(
            given.double(),
            plain.weight.double(),
            None if plain.bias is None else plain.bias.double(),
        )
    assert found.dtype == dtype
    assert found.shape == (*rows, 500)
    # Rounding alone: of a sum of 300 products in float32, then once to the number format.
    relative = torch.finfo(dtype).eps
    torch.testing.assert_close(found.double(), exact, rtol=relative, atol=2e-6)


def test_large_matrices_are_packed_and_small_ones_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from featherweight.engines.transformers.loading import load_model

    folder = write_model(tmp_path, hidden_size=64, intermediate_size=256)
    monkeypatch.setattr(
        packing, "SMALLEST", 64 * 256 - 1
    )  # only the three matrices of each feed-forward are larger
    model = load_model(folder, torch.float32)
    monkeypatch.setattr(packing, "WORTH", 6 * 64 * 256 + 1)
    assert pack(model) == 0
    monkeypatch.setattr(packing, "WORTH", 6 * 64 * 256)
    ids = torch.tensor([[1, 9, 8, 7]])
    with torch.inference_mode():
        before = model(ids).logits
        assert pack(model) == 6
        after = model(ids).logits
    assert type(model.model.layers[0].mlp.up_proj) is PackedLinear
    assert type(model.model.layers[0].self_attn.q_proj) is torch.nn.Linear
    torch.testing.assert_close(after, before, rtol=1e-5, atol=1e-5)
    assert pack(model) == 0


def test_a_model_with_packed_layers_says_what_the_plain_one_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "WORTH", 0)
    folder = write_model(tmp_path, "qwen2", hidden_size=128, intermediate_size=SMALLEST // 128 + 16)
    engine = load_engine("transformers", folder, dtype="float32", threads=1)
    assert any(isinstance(layer, PackedLinear) for layer in engine.model.modules())  # type: ignore[attr-defined]
    prompts = [
        (1, *[5 + (7 * n + k) % (len(SPECIAL) + len(CHARACTERS) - 5) for k in range(9)])
        for n in range(6)
    ]
    requests = [
        Request(prompt_ids=prompt, stream=n, max_new_tokens=16) for n, prompt in enumerate(prompts)
    ]
    packed = engine.generate(requests, Decoding(0.0, 1.0, 0), lambda count: None)
    monkeypatch.setattr(packing, "can_pack", lambda dtype: False)
    plain = load_engine("transformers", folder, dtype="float32", threads=1)
    assert not any(isinstance(layer, PackedLinear) for layer in plain.model.modules())  # type: ignore[attr-defined]
    wanted = plain.generate(requests, Decoding(0.0, 1.0, 0), lambda count: None)
    assert [m.text for m in packed] == [m.text for m in wanted]
    assert [m.mean_logprob for m in packed] == pytest.approx(
        [m.mean_logprob for m in wanted], abs=1e-5
    )
