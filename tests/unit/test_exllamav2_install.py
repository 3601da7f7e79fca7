"""What a machine or a folder lacks is one clear line each, with a way out, and nothing is built to
find it out.
"""

from __future__ import annotations

import json
import struct
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from featherweight.acquire.folder import model_paths
from featherweight.engines.exllamav2 import build, install
from featherweight.engines.exllamav2.attention import OUR_ATTENTION
from featherweight.errors import InputError
from featherweight.specs import Source

WAY_OUT = "choose engine: transformers"


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """A machine that lacks nothing; tests take things away."""
    found: dict[str, Any] = {"modules": {build.EXTENSION, *build.IMPORTS}, "cuda": True}
    monkeypatch.setattr(install, "installed_version", lambda: "0.3.2")
    for module in (install, build):
        monkeypatch.setattr(
            module, "find_spec", lambda name: spec(name) if name in found["modules"] else None
        )
    monkeypatch.setattr(torch, "__version__", "2.13.0+cu130")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: found["cuda"])
    monkeypatch.setattr(
        torch.cuda, "get_device_capability", lambda: found.get("capability", (9, 0))
    )
    for name in ("EXLLAMA_NO_FLASH_ATTN", "EXLLAMA_NO_XFORMERS"):
        monkeypatch.setenv(name, "")
    return found


def spec(name: str) -> SimpleNamespace:
    return SimpleNamespace(origin=f"/wheels/{name}.so")


def test_a_machine_that_lacks_nothing(machine: dict[str, Any]) -> None:
    assert install.machine_problems() == []


@pytest.mark.parametrize("found", [None, "0.3.1"])
def test_no_package_or_another_version(
    machine: dict[str, Any], monkeypatch: pytest.MonkeyPatch, found: Any
) -> None:
    monkeypatch.setattr(install, "installed_version", lambda: found)
    (problem,) = install.machine_problems()
    assert (
        f"expected the package exllamav2 0.3.2, found {found or 'none'}; pip install -e '.[gpu]'"
        in problem
    )
    assert WAY_OUT in problem


def test_packages_that_exllamav2_imports(machine: dict[str, Any]) -> None:
    """Said before a build of minutes, which would end at the import."""
    machine["modules"] -= {"PIL", "rich", build.EXTENSION}
    first, second, *others = install.machine_problems()
    assert (
        "expected the package pillow, which exllamav2 imports, found none; pip install pillow, or"
        " choose" in first
    )
    assert "expected the package rich" in second
    assert others == []  # what the build lacks comes once these are there


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("2.10.1+cu128", "expected torch 2.11 to 2.13, found 2.10.1+cu128"),
        ("2.14.0", "expected torch 2.11 to 2.13, found 2.14.0"),
        ("2.11.0+cu130", None),
        ("2.13.0", None),
    ],
)
def test_a_torch_that_does_not_fit(
    machine: dict[str, Any], monkeypatch: pytest.MonkeyPatch, version: str, said: str | None
) -> None:
    monkeypatch.setattr(torch, "__version__", version)
    problems = install.machine_problems()
    assert bool(problems) == (said is not None)
    assert all(said is not None and said in problem and WAY_OUT in problem for problem in problems)


def test_no_cuda(machine: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    machine["cuda"] = False
    (problem,) = install.machine_problems()
    assert "expected a CUDA GPU, torch finds none; check nvidia-smi" in problem
    assert WAY_OUT in problem
    monkeypatch.setattr(torch.version, "cuda", None)
    (problem,) = install.machine_problems()
    assert "expected a torch built for CUDA" in problem
    assert WAY_OUT in problem


def test_everything_that_is_wrong_is_said_at_once(
    machine: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install, "installed_version", lambda: None)
    machine["cuda"] = False
    with pytest.raises(InputError) as raised:
        install.import_exllamav2()
    assert len(raised.value.problems) == 2


def test_what_the_build_lacks_is_said_with_the_rest(
    machine: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the package and torch are right; what can lack: test_exllamav2_build."""
    monkeypatch.setattr(build, "problems", lambda: ["no nvcc"])
    assert install.machine_problems() == ["no nvcc"]
    machine["cuda"] = False
    assert "no nvcc" not in install.machine_problems()


@pytest.mark.parametrize(
    ("version", "capability", "said"),
    [
        (None, (9, 0), "flash-attn-4 alone"),
        ("2.4.3", (9, 0), "older than 2.5.7"),
        ("2.8.3.post2", (7, 5), "compute capability"),
        ("2.8.3.post2", (8, 0), None),
    ],
)
def test_which_flash_attention_is_kept_out(
    machine: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    version: str | None,
    capability: tuple[int, int],
    said: str | None,
) -> None:
    def stated(name: str) -> str:
        if name != "flash-attn" or version is None:
            raise PackageNotFoundError(name)
        return version

    assert install.flash_attention_problem() == "none installed"
    assert install.attention_name() == OUR_ATTENTION
    machine["modules"].add("flash_attn")
    machine["capability"] = capability
    monkeypatch.setattr(install, "version", stated)
    found = install.flash_attention_problem()
    assert (found is None) == (said is None)
    assert said is None or said in str(found)
    assert install.attention_name() == (OUR_ATTENTION if said else f"flash-attn {version}")


class Importer:
    """Stands for import_module: hands out a fake package or raises, and notes the environment at
    that moment.
    """

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.environment: list[tuple[str, str]] = []

    def __call__(self, name: str) -> Any:
        import os

        self.environment.append(
            (os.environ["EXLLAMA_NO_FLASH_ATTN"], os.environ["EXLLAMA_NO_XFORMERS"])
        )
        if self.error is not None:
            raise self.error
        if name == "exllamav2":
            return SimpleNamespace(ExLlamaV2=1, ExLlamaV2Config=2, ExLlamaV2Cache=3)
        module = ModuleType(name)
        module.has_flash_attn_with_paged = False  # type: ignore[attr-defined]
        return module


def test_flash_attention_4_alone_is_hidden_from_the_import(
    machine: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine["modules"].add("flash_attn")
    monkeypatch.setattr(
        install, "version", lambda name: (_ for _ in ()).throw(PackageNotFoundError(name))
    )
    importer = Importer()
    monkeypatch.setattr(install.importlib, "import_module", importer)
    package = install.import_exllamav2()
    assert importer.environment == [("1", "1")] * 3
    assert package.attn.has_flash_attn_with_paged


def test_a_flash_attention_that_exllamav2_cannot_use_is_said(
    machine: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is installed and new enough, but its compiled part is missing: exllamav2 goes on without
    it in silence.
    """
    machine["modules"].add("flash_attn")
    monkeypatch.setattr(install, "version", lambda name: "2.8.3")
    monkeypatch.setattr(install.importlib, "import_module", Importer())
    with pytest.raises(
        InputError, match=r"expected flash-attn 2.8.3, exllamav2 found that it cannot use it"
    ):
        install.import_exllamav2()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            ImportError("/wheels/exllamav2_ext.so: undefined symbol: _ZN3c10"),
            (
                "/wheels/exllamav2_ext.so was made for another torch than 2.13.0+cu130 (undefined"
                " symbol: _ZN3c10)"
            ),
        ),
        (
            ModuleNotFoundError("No module named 'rich'\n"),
            "cannot be imported (No module named 'rich'); install what",
        ),
    ],
)
def test_an_import_that_fails_is_one_line(
    machine: dict[str, Any], monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    monkeypatch.setattr(install.importlib, "import_module", Importer(error))
    with pytest.raises(InputError, match="engine exllamav2: ") as raised:
        install.import_exllamav2()
    (problem,) = raised.value.problems
    assert said in problem
    assert WAY_OUT in problem
    assert "\n" not in problem


def test_nothing_is_imported_to_find_out(machine: dict[str, Any]) -> None:
    install.machine_problems()
    assert not any(name.split(".")[0] == "exllamav2" for name in sys.modules)


SHAPES = {
    "q_weight": [8, 64],
    "q_invperm": [64],
    "q_scale": [2, 8],
    "q_scale_max": [2],
    "q_groups": [4],
}
BYTES = {"q_weight": 4, "q_invperm": 4, "q_scale": 4, "q_scale_max": 2, "q_groups": 2}


def write_tensors(path: Path, tensors: dict[str, tuple[list[int], int]], cut: int = 0) -> None:
    """A safetensors file of zeros: name -> shape and bytes per element; `cut` bytes are missing at
    its end.
    """
    table, at = {}, 0
    for name, (shape, size) in tensors.items():
        count = size
        for length in shape:
            count *= length
        dtype = {1: "U8", 2: "I16", 4: "I32"}[size]
        table[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + count]}
        at += count
    header = json.dumps(table | {"__metadata__": {"format": "pt"}}).encode()
    path.write_bytes((struct.pack("<Q", len(header)) + header + b"\0" * at)[: -cut or None])


def quantised(folder: Path, *, without: str = "", **config: Any) -> Path:
    tensors = {
        f"model.layers.0.mlp.up_proj.{part}": (shape, BYTES[part]) for part, shape in SHAPES.items()
    }
    tensors = {
        name: value for name, value in tensors.items() if not without or not name.endswith(without)
    }
    write_tensors(folder / "model.safetensors", tensors | {"model.norm.weight": ([64], 2)})
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_bits_per_weight_are_measured(tmp_path: Path) -> None:
    """By hand: 8 x 64 x 32 bits of weights, 64 + 16 words of 32, 2 + 4 of 16, over 64 x 64
    weights."""
    weights = install.folder_weights(
        quantised(tmp_path, quantization_config={"quant_method": "exl2", "bits": 4.0})
    )
    assert weights.bits == pytest.approx((8 * 64 * 32 + 80 * 32 + 6 * 16) / 64**2)
    assert weights.name == "exl2 4.65 bits per weight, float16"


def test_plain_weights_have_no_bits(tmp_path: Path) -> None:
    write_tensors(tmp_path / "model.safetensors", {"model.norm.weight": ([64], 2)})
    (tmp_path / "config.json").write_text("{}")
    assert install.folder_weights(tmp_path).bits is None
    assert install.folder_weights(tmp_path).name == "float16"


@pytest.mark.parametrize("part", ["q_invperm", "q_scale", "q_groups"])
def test_a_quantised_layer_that_lacks_a_part(tmp_path: Path, part: str) -> None:
    with pytest.raises(
        InputError, match=f"quantised layer model.layers.0.mlp.up_proj lacks {part}; .*{WAY_OUT}"
    ):
        install.folder_weights(quantised(tmp_path, without=f".{part}"))


def test_a_folder_with_several_problems_says_all_of_them(tmp_path: Path) -> None:
    folder = quantised(tmp_path, without=".q_groups", quantization_config={"quant_method": "gptq"})
    index = {"weight_map": {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    write_tensors(folder / "other.safetensors", {"x": ([64], 4)}, cut=10)
    with pytest.raises(InputError) as raised:
        install.folder_weights(folder)
    said = " | ".join(raised.value.problems)
    assert len(raised.value.problems) == 4
    for part in (
        "model-00002-of-00002.safetensors is named in the index and missing",
        "other.safetensors: not a whole safetensors file (Error while deserializing header",
        "lacks q_groups",
        "quant_method 'gptq', expected EXL2",
    ):
        assert part in said


@pytest.mark.parametrize("content", [b"", b"\0\1", b"\xff" * 40, struct.pack("<Q", 4) + b"nope"])
def test_a_file_that_is_no_safetensors_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(InputError, match="not a whole safetensors file"):
        install.folder_weights(tmp_path)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            '{"quantization_config": {"quant_',
            r"config\.json: not a model's config \(Unterminated string",
        ),
        ("", r"config\.json: not a model's config \(Expecting value"),
        ("[]", r"config\.json: not a model's config \('list' object has no attribute 'get'\)"),
        ('{"quantization_config": "exl2"}', r"config\.json: not a model's config \('str' object"),
        (
            '{"quantization_config": {"quant_method": "exl2"}}',
            r"says exl2 and no file holds a quantised layer: inc",
        ),
    ],
)
def test_a_config_that_is_damaged_or_does_not_fit(tmp_path: Path, config: str, said: str) -> None:
    write_tensors(tmp_path / "model.safetensors", {"model.norm.weight": ([64], 2)})
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(InputError, match=f"{said}.*; fetch it again, or {WAY_OUT}"):
        install.folder_weights(tmp_path)


@pytest.mark.parametrize(
    "index",
    [
        '{"weight_map": {"a"',
        "[]",
        "{}",
        *(f'{{"weight_map": {value}}}' for value in ("[]", "1", '{"a": 3}')),
    ],
)
def test_an_index_that_is_damaged(tmp_path: Path, index: str) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(index)
    with pytest.raises(
        InputError, match=r"index\.json: not an index of shards \(.*; fetch it again, or choose"
    ):
        install.folder_weights(quantised(tmp_path))
    with pytest.raises(InputError) as raised:
        model_paths(Source(what="model", name="m", kind="folder", folder=str(tmp_path)), tmp_path)
    assert any(
        "index.json: expected JSON with a weight_map" in problem
        for problem in raised.value.problems
    )


def test_no_folder_and_no_weights(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected a model folder with config\.json"):
        install.folder_weights(tmp_path / "nowhere")
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").touch()
    with pytest.raises(InputError, match="pickled weights are never loaded"):
        install.folder_weights(tmp_path)
