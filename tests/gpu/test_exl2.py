"""EXL2 on a GPU: a model quantised on the spot by exllamav2's own quantiser, against transformers
with equal weights.

The quantiser (conversion/adaptivegptq.py) also gives what the quantised weights stand for;
transformers computes with those, so that what differs is the kernels alone and not the
quantisation.
"""

from __future__ import annotations

import json
import random
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from character_model import CHARACTERS, SPECIAL
from gpu_cases import GREEDY, SAMPLED, made_model, quiet, ragged, request, share, unexplained, words

from featherweight.engines import engine_identity, load_engine
from featherweight.engines.exllamav2 import install

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU"),
]
GROUP = 128  # weights that share a scale


def quantise(source: Path, folder: Path, bits: int) -> tuple[Path, Path]:
    """The model with all linear layers but the head in `bits` bits, and the float16 weights that
    those stand for.
    """
    from exllamav2.conversion.adaptivegptq import AdaptiveGPTQ
    from exllamav2.conversion.qparams import QParams
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(str(source), dtype=torch.float16).to("cuda")
    packed, plain = {}, dict(model.state_dict())
    plain.pop("lm_head.weight")  # tied to the embedding
    settings = QParams(GROUP, [bits], [1], 4)
    for name, layer in model.named_modules():
        if not isinstance(layer, torch.nn.Linear) or name == "lm_head":
            continue
        with (
            torch.inference_mode()
        ):  # as its converter does; its tensors cannot be written to elsewhere
            work = AdaptiveGPTQ(layer)
            work.prepare()
            work.configure(
                settings.group_size, settings.bits, settings.bits_prop, settings.scale_bits
            )
            work.quantize(keep_qweight=True)
            packed |= work.pack(name, settings)
            plain[f"{name}.weight"] = work.quant[work.invperm].T
    exact = {name: value.half().cpu().clone().contiguous() for name, value in plain.items()}
    kept = {
        name: value
        for name, value in exact.items()
        if f"{name.removesuffix('.weight')}.q_weight" not in packed
    }
    tensors = kept | {name: value.cpu().clone().contiguous() for name, value in packed.items()}
    made = []
    for kind, content in (("exl2", tensors), ("plain", exact)):
        shutil.copytree(source, folder / kind, ignore=shutil.ignore_patterns("*.safetensors"))
        save_file(content, folder / kind / "model.safetensors", metadata={"format": "pt"})
        made.append(folder / kind)
    config = json.loads((folder / "exl2" / "config.json").read_text())
    config["quantization_config"] = {
        "quant_method": "exl2",
        "version": "0.3.2",
        "bits": float(bits),
    }
    (folder / "exl2" / "config.json").write_text(json.dumps(config))
    return made[0], made[1]


@pytest.fixture(
    scope="module", params=[("llama", 4), ("qwen2", 6)], ids=["llama-4-bits", "qwen2-6-bits"]
)
def folders(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    kind, bits = request.param
    folder = tmp_path_factory.mktemp(kind)
    install.import_exllamav2()
    begun = time.perf_counter()
    made = quantise(made_model(folder / "source", kind), folder, bits)
    print(f"\nquantised in {time.perf_counter() - begun:.1f} s")  # noqa: T201
    return made


@pytest.fixture(scope="module")
def engine(folders: tuple[Path, Path]) -> Any:
    """Loading includes the self-test: generation against scoring, and scoring without the last
    token.
    """
    return load_engine("exllamav2", folders[0], dtype="auto", threads=None, kept=tuple(SPECIAL))


@pytest.fixture(scope="module")
def reference(folders: tuple[Path, Path]) -> Any:
    return load_engine(
        "transformers", folders[1], dtype="float32", threads=None, kept=tuple(SPECIAL)
    )


def test_the_identity_names_the_bits(engine: Any, folders: tuple[Path, Path]) -> None:
    bits = install.folder_weights(folders[0]).bits
    assert bits is not None
    assert 4 < bits < 8
    print(f"\n{engine.identity}")  # noqa: T201
    assert engine.identity == engine_identity("exllamav2", folders[0], dtype="auto")
    assert f"exl2 {bits:.2f} bits per weight" in engine.identity


def test_the_kernels_compute_what_the_weights_stand_for(engine: Any, reference: Any) -> None:
    """Logits after a prompt of 300 tokens, through scoring, beside transformers in float32 with the
    same weights.
    """
    prompt = words(random.Random(0), 300)
    with torch.inference_mode():
        found = (
            engine.model.forward(torch.tensor([prompt]))[0, -8:, : len(SPECIAL) + len(CHARACTERS)]
            .double()
            .cpu()
        )
        ids = torch.tensor([prompt], device=reference.model.device)
        wanted = reference.model(input_ids=ids).logits[0, -8:].double().cpu()
    error = float((found - wanted).norm() / wanted.norm())
    print(f"\nrelative error of logits {error:.2g}")  # noqa: T201
    assert error < 1e-2


@pytest.mark.parametrize("rows", [1, 64])
def test_greedy_agrees_with_transformers(engine: Any, reference: Any, rows: int) -> None:
    """One row and many take different kernels (q_gemm against reconstruct and cuBLAS above 50
    rows).
    """
    engine.rows = rows
    requests = ragged(64)
    ours, theirs = (
        engine.generate(requests, GREEDY, quiet),
        reference.generate(requests, GREEDY, quiet),
    )
    assert share(f"greedy, {rows} rows", ours, theirs) >= 0.8
    assert unexplained(reference, requests, ours, theirs) <= 0.05


def test_how_far_a_rerun_repeats(engine: Any) -> None:
    """Atomic additions: no promise of equal bits, but answers that part are few."""
    engine.rows = 16
    requests = [request(words(random.Random(n), 60), n) for n in range(64)]
    first = engine.generate(requests, SAMPLED, quiet)
    assert share("a rerun of EXL2", engine.generate(requests, SAMPLED, quiet), first) >= 0.8
