"""Weights as they are loaded: the numbers of the files, whole or in parts, and none held longer
than its layer.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from character_model import write_model

from featherweight.engines.transformers.loading import load_model
from featherweight.engines.transformers.packing import can_pack

IDS = torch.tensor([[1, 9, 8, 7]])


def in_parts(folder: Path) -> int:
    """Save a model's weights again, as several files with an index; how many files."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(str(folder))
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="20KB")
    return len(list(folder.glob("*.safetensors")))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@pytest.mark.parametrize("parts", [False, True], ids=["one file", "several"])
@pytest.mark.parametrize("kind", ["llama", "qwen2"])
def test_the_weights_are_those_that_transformers_loads(
    tmp_path: Path, kind: str, parts: bool, tied: bool, dtype: torch.dtype
) -> None:
    from transformers import AutoModelForCausalLM

    folder = write_model(tmp_path, kind, tie_word_embeddings=tied)
    # Beside the weights, as some repositories have them: files that are not the model's.
    (folder / "consolidated.safetensors").write_bytes(b"not these")
    if parts:
        assert in_parts(folder) > 2
    theirs = AutoModelForCausalLM.from_pretrained(str(folder), dtype=dtype)
    ours = load_model(folder, dtype)
    assert ours.dtype == dtype
    assert not ours.training
    assert ours.name_or_path == str(folder)
    wanted = theirs.state_dict()
    assert ours.state_dict().keys() == wanted.keys()
    assert all(torch.equal(tensor, wanted[name]) for name, tensor in ours.state_dict().items())
    assert (ours.lm_head.weight is ours.model.embed_tokens.weight) is tied
    with torch.inference_mode():
        assert torch.equal(ours(IDS).logits, theirs.eval()(IDS).logits)


# Loads and packs as an engine does, in a process that has imported nothing before: what a failed
# import leaves behind holds the frames that asked for it, until garbage is collected.
LOAD = """
import os
import subprocess
import sys
from pathlib import Path
from featherweight.engines.transformers import packing
from featherweight.engines.transformers.loading import gc_paused, load_model

def maps():
    return Path("/proc/self/maps").read_text().count(sys.argv[1])

with gc_paused():
    import torch
    packing.SMALLEST = packing.WORTH = 0
    model = load_model(Path(sys.argv[1]).parent, torch.float32)
    print(maps(), len(model.state_dict()))
    print(packing.pack(model))
    print(maps(), len(model.state_dict()))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/self/maps")
@pytest.mark.skipif(not can_pack(torch.float32), reason="this torch has no packed products here")
def test_a_weight_is_let_go_when_its_packed_copy_is_there(root: Path, tmp_path: Path) -> None:
    """Each tensor has a map of its file of its own; the maps that are left are those of tensors
    that are left.
    """
    folder = write_model(tmp_path, tie_word_embeddings=False)
    run = subprocess.run(
        [sys.executable, "-c", LOAD, str(folder / "model.safetensors")],
        env=os.environ | {"PYTHONPATH": str(root / "workflow")},
        capture_output=True,
        text=True,
        check=True,
    )
    # 7 matrices of each layer and the output matrix are packed; 6 tensors are left.
    assert run.stdout.split() == ["21", "21", "15", "6", "6"]
