"""Config files that ExLlamaV2 might read otherwise than transformers: its real reader over
hand-made folders.

Whole engines that are refused for their config: test_exllamav2_engine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import real_exllamav2
from character_model import write_model
from test_exllamav2_engine import LLAMA3, rewritten

from featherweight.engines.exllamav2 import guard
from featherweight.errors import InputError

SOURCE = real_exllamav2.source()
needs_source = pytest.mark.skipif(
    SOURCE is None, reason="no source of exllamav2 0.3.2: install it or EXLLAMAV2_SOURCE"
)
LINEAR = {"rope_type": "linear", "factor": 4.0}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 512}
AS_THE_HUB = {"rope_parameters": None, "rope_theta": 10000.0}


@pytest.fixture(scope="module")
def reader() -> Iterator[Any]:
    assert SOURCE is not None
    with pytest.MonkeyPatch.context() as patch:
        yield real_exllamav2.import_on_cpu(patch, SOURCE)["exllamav2"].ExLlamaV2Config


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("plain"), max_position_embeddings=2048)


def with_config(plain: Path, target: Path, **changes: Any) -> Path:
    """The model with other values in config.json; None removes one."""
    folder = rewritten(plain, target / "m", **changes)
    config = {
        key: value
        for key, value in json.loads((folder / "config.json").read_text()).items()
        if value is not None
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@needs_source
@pytest.mark.parametrize(
    ("scaling", "attribute", "said"),
    [
        (
            None,
            "rotary_embedding_base",
            "rope_theta: ExLlamaV2 read 3.0, transformers reads 10000.0",
        ),
        (
            LINEAR,
            "scale_pos_emb",
            "rope_scaling.factor: ExLlamaV2 read 3.0, transformers reads 4.0",
        ),
        (
            YARN,
            "yarn_rope_factor",
            "rope_scaling.factor: ExLlamaV2 read 3.0, transformers reads 4.0",
        ),
        (
            YARN,
            "yarn_rope_original_max_position_embeddings",
            (
                "rope_scaling.original_max_position_embeddings: ExLlamaV2 read 3.0, transformers"
                " reads 512"
            ),
        ),
        (
            LLAMA3,
            "l3_rope_high_freq_factor",
            "rope_scaling.high_freq_factor: ExLlamaV2 read 3.0, transformers reads 4.0",
        ),
    ],
)
def test_the_hubs_rope_keys_are_read_alike(
    reader: Any,
    plain: Path,
    tmp_path: Path,
    scaling: dict[str, Any] | None,
    attribute: str,
    said: str,
) -> None:
    """Both read the same from the file; a number that ExLlamaV2 had read otherwise would be
    named."""
    folder = with_config(plain, tmp_path, **AS_THE_HUB, rope_scaling=scaling)
    read = guard.read_config(reader, folder)
    assert guard.config_problems(read, folder, (2,)) == []
    setattr(read, attribute, 3.0)
    (problem,) = guard.config_problems(read, folder, (2,))
    assert f"config.json: {said}; write rope_theta and rope_scaling into the file" in problem


@needs_source
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"rope_parameters": {**LINEAR, "rope_theta": 10000.0}},
            ["rope_type: ExLlamaV2 read 'default', .* 'linear'"],
        ),
        (
            {"rope_parameters": {**YARN, "rope_theta": 10000.0}},
            ["rope_type: ExLlamaV2 read 'default', .* 'yarn'"],
        ),
        (
            {
                "rope_parameters": {
                    "rope_type": "default",
                    "rope_theta": 10000.0,
                    "partial_rotary_factor": 0.5,
                }
            },
            ["rope partial_rotary_factor: ExLlamaV2 read 1.0, transformers reads 0.5"],
        ),
        ({**AS_THE_HUB, "partial_rotary_factor": 0.5}, []),
        (
            {"attn_logit_softcapping": 30.0},
            ["attention with soft caps is not supported; choose engine: transformers"],
        ),
    ],
)
def test_what_a_config_is_refused_for(
    reader: Any, plain: Path, tmp_path: Path, changes: dict[str, Any], said: list[str]
) -> None:
    folder = with_config(plain, tmp_path, **changes)
    problems = guard.config_problems(guard.read_config(reader, folder), folder, (2,))
    assert len(problems) == len(said), problems
    for problem, pattern in zip(problems, said, strict=True):
        assert re.search(pattern, problem), problem


@needs_source
def test_an_architecture_of_eager_attention_is_refused(reader: Any, plain: Path) -> None:
    read = guard.read_config(reader, plain)
    read.arch.lm.eager_attn_only = True
    (problem,) = guard.config_problems(read, plain, (2,))
    assert "attention with soft caps is not supported" in problem


@needs_source
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"architectures": None}, "'architectures'"),
        (
            {"architectures": ["LlamaForCausalLM"] * 2},
            "Multiple architectures defined in config.json",
        ),
        ({"hidden_size": None}, "hidden_size"),
        ({"hidden_size": "wide"}, "hidden_size"),
        ({"rope_scaling": {**LINEAR, "type": "linear"}}, "has both `type` and `rope_type` subkeys"),
        ({"rope_scaling": {"rope_type": "yarn"}}, "'factor'"),
        ({"num_hidden_layers": 3}, "Could not find model.layers.2"),
    ],
)
def test_what_it_cannot_read_is_one_line(
    reader: Any,
    plain: Path,
    tmp_path: Path,
    changes: dict[str, Any],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = with_config(plain, tmp_path, **changes)
    with pytest.raises(InputError) as raised:
        guard.read_config(reader, folder)
    (problem,) = raised.value.problems
    assert problem.startswith(f"{folder}: ExLlamaV2 cannot read the model (")
    assert said in problem
    assert problem.endswith("; fetch it again, or choose engine: transformers")
    assert "\n" not in problem
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("config", "window"),
    [
        ({"model_type": "llama"}, None),
        ({"model_type": "mistral", "sliding_window": 128}, 128),
        ({"model_type": "mistral", "sliding_window": None}, None),
        ({"model_type": "qwen2", "sliding_window": 4096, "use_sliding_window": False}, None),
        (
            {
                "model_type": "qwen2",
                "sliding_window": 64,
                "use_sliding_window": True,
                "max_window_layers": 1,
            },
            64,
        ),
        (
            {
                "model_type": "qwen2",
                "sliding_window": 64,
                "use_sliding_window": True,
                "max_window_layers": 2,
            },
            None,
        ),
    ],
)
def test_how_far_layers_look_back(
    tmp_path: Path, config: dict[str, Any], window: int | None
) -> None:
    """A window counts where a layer has one: Qwen2 names one that none of its first layers use."""
    (tmp_path / "config.json").write_text(json.dumps({"num_hidden_layers": 2, **config}))
    assert guard.attention_window(tmp_path) == window
