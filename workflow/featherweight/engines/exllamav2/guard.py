"""Two questions before a model may generate: did ExLlamaV2 read its config rightly, and does it
compute rightly?

Reads config.json and generation_config.json as transformers does, and once the weights; writes
nothing. ExLlamaV2 reads a config that lacks the old rope keys as base 10000 without scaling, knows
one EOS, and loads unknown architectures as Llama, all silently. One real line:

    models/tiny/config.json: rope_theta: ExLlamaV2 read 10000.0, transformers reads 500000.0; write
        rope_theta and
    rope_scaling into the file, or choose engine: transformers
"""

from __future__ import annotations

import contextlib
import io
import logging
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featherweight.engines.exllamav2.install import OTHERWISE
from featherweight.errors import InputError, first_line

if TYPE_CHECKING:
    import torch

# relative error of logits; right attention in float16 is near 1e-3, 0.3.2's unmasked attention near
# 0.7
LIMIT = 1e-2
PLACES = 8  # last positions of the test text whose logits are compared
TEST_TOKENS = 300  # more than a page of 256
TEST_TEXT = (
    "A heron stood in the shallow water and waited. The boats had gone out before dawn, and nobody"
    " was on the quay but two children who counted the gulls. Seventeen, said one of them; the"
    " other had counted nineteen. "
)
_OLD_KEYS = "write rope_theta and rope_scaling into the file"
log = logging.getLogger("featherweight")


def read_config(config_class: Any, folder: Path) -> Any:
    """The folder's config as ExLlamaV2 reads it.

    Raises InputError for what it does not know or cannot find.
    """
    config = config_class()
    config.model_dir = str(folder)
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):  # it warns by printing
            config.prepare(no_tensors=True)
            # An architecture that it does not know is loaded as Llama after a printed warning
            # (architecture.py:924).
            if config.arch.arch_string != config.architecture:
                raise InputError(
                    f"{folder}/config.json: ExLlamaV2 does not know the architecture"
                    f" {config.architecture}; choose engine: transformers for this model"
                )
            config.prepare()
    except InputError:
        raise
    except (
        Exception
    ) as error:  # asserts, ValueError, TypeError, KeyError: whatever its reader meets
        raise InputError(
            f"{folder}: ExLlamaV2 cannot read the model ({first_line(error)}); fetch it again,"
            f" {OTHERWISE}"
        ) from error
    return config


def config_problems(read: Any, folder: Path, stops: Sequence[int]) -> list[str]:
    """Where ExLlamaV2 and transformers read the folder's config differently, one line each; empty
    if nowhere.
    """
    from transformers import AutoConfig

    theirs = AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    text = theirs.get_text_config()
    lines = [
        f"{folder}/config.json: {name}: ExLlamaV2 read {ours!r}, transformers reads {wanted!r}; "
        f"{_OLD_KEYS if name.startswith('rope') else 'correct the file'}, {OTHERWISE}"
        for name, ours, wanted in [*_shape_fields(read, text), *_rope_fields(read, text)]
        if not _same(ours, wanted)
    ]
    if read.eos_token_id is not None and read.eos_token_id not in stops:
        lines.append(
            f"{folder}/config.json: eos_token_id: ExLlamaV2 read {read.eos_token_id!r}, our stop"
            f" tokens are {tuple(stops)!r}; correct the file, {OTHERWISE}"
        )
    if read.attn_logit_softcapping or read.arch.lm.eager_attn_only:
        lines.append(
            f"{folder}/config.json: attention with soft caps is not supported; choose engine:"
            " transformers"
        )
    return lines


def _same(ours: Any, wanted: Any) -> bool:
    both = isinstance(ours, (int, float)) and isinstance(wanted, (int, float))
    return math.isclose(ours, wanted, rel_tol=1e-9) if both else bool(ours == wanted)


def _shape_fields(read: Any, text: Any) -> Iterator[tuple[str, Any, Any]]:
    heads = text.num_attention_heads
    yield "vocab_size", read.vocab_size, text.vocab_size
    yield "hidden_size", read.hidden_size, text.hidden_size
    yield "intermediate_size", read.intermediate_size, text.intermediate_size
    yield "num_hidden_layers", read.num_hidden_layers, text.num_hidden_layers
    yield "num_attention_heads", read.num_attention_heads, heads
    yield (
        "num_key_value_heads",
        read.num_key_value_heads,
        getattr(text, "num_key_value_heads", None) or heads,
    )
    yield "head_dim", read.head_dim, getattr(text, "head_dim", None) or text.hidden_size // heads
    yield "max_position_embeddings", read.max_seq_len, text.max_position_embeddings
    if hasattr(text, "rms_norm_eps"):
        yield "rms_norm_eps", read.norm_eps, text.rms_norm_eps
    eos = text.eos_token_id
    yield "eos_token_id (the first)", read.eos_token_id, eos[0] if isinstance(eos, list) else eos


def _rope_fields(read: Any, text: Any) -> Iterator[tuple[str, Any, Any]]:
    rope = getattr(text, "rope_parameters", None) or {}
    kind = rope.get("rope_type", "default")
    method = read.alt_rope_method or ("linear" if read.scale_pos_emb != 1.0 else "default")
    yield "rope_theta", read.rotary_embedding_base, rope.get("rope_theta")
    yield "rope_scaling.rope_type", "longrope" if method == "su" else method, kind
    yield (
        "rope partial_rotary_factor",
        read.partial_rotary_factor,
        rope.get("partial_rotary_factor", 1.0),
    )
    if kind != method:
        return
    scaled = {
        "linear": {"factor": "scale_pos_emb"},
        "yarn": {
            "factor": "yarn_rope_factor",
            "original_max_position_embeddings": "yarn_rope_original_max_position_embeddings",
        },
        "llama3": {
            "factor": "l3_rope_factor",
            "low_freq_factor": "l3_rope_low_freq_factor",
            "high_freq_factor": "l3_rope_high_freq_factor",
            "original_max_position_embeddings": "l3_rope_original_max_position_embeddings",
        },
    }
    for key, attribute in scaled.get(kind, {}).items():
        yield f"rope_scaling.{key}", getattr(read, attribute), rope.get(key)


def attention_window(folder: Path) -> int | None:
    """How far the model's layers look back where that is limited; beyond it ExLlamaV2 would attend
    to too much.
    """
    from transformers import AutoConfig

    text = AutoConfig.from_pretrained(
        str(folder), local_files_only=True, trust_remote_code=False
    ).get_text_config()
    kinds = set(getattr(text, "layer_types", None) or [])
    window = getattr(text, "sliding_window", None)
    return None if window is None or (kinds and "sliding_attention" not in kinds) else int(window)


def test_prompt(tokenizer: Any, positions: int) -> tuple[int, ...]:
    """Token ids of an ordinary text, longer than a page of the cache where the model's context
    allows.
    """
    once = list(tokenizer.encode(TEST_TEXT, add_special_tokens=False))
    wanted = min(TEST_TOKENS, positions - 2)
    return tuple((once * (wanted // len(once) + 1))[:wanted])


def reference_logits(
    folder: Path, prompt: tuple[int, ...], device: str, free_bytes: int
) -> torch.Tensor:
    """The logits by transformers at the prompt's last `PLACES` positions, (places, vocabulary) in
    float32 on the CPU.

    In float32 where that takes less than half of the free memory, else in float16.
    """
    import torch

    from featherweight.engines.transformers.loading import load_model

    stored = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    model = load_model(folder, torch.float32 if 4 * stored < free_bytes else torch.float16).to(
        device
    )
    with torch.inference_mode():
        ids = torch.tensor([prompt], device=device)
        logits: torch.Tensor = model(input_ids=ids, use_cache=False, logits_to_keep=PLACES).logits[
            0
        ]
        return logits.float().cpu()


def relative_error(found: torch.Tensor, wanted: torch.Tensor) -> float:
    """The norm of the difference over the norm of `wanted`; not a number if `found` has such
    values.
    """
    found, wanted = found.double().cpu(), wanted.double().cpu()
    return float((found - wanted).norm() / wanted.norm())


def require_agreement(pairs: dict[str, tuple[torch.Tensor, torch.Tensor]], folder: Path) -> None:
    """Compare found with wanted logits, by what was compared.

    Raises InputError above `LIMIT`, for NaN too.
    """
    lines = []
    for what, (found, wanted) in pairs.items():
        error = relative_error(found, wanted)
        log.info("exllamav2: self-test of %s: %s, relative error %.2g", folder.name, what, error)
        if not error <= LIMIT:
            lines.append(
                f"{folder}: self-test failed: {what}: relative error {error:.2g}, expected at most"
                f" {LIMIT}; nothing was generated: choose engine: transformers, and report your"
                " exllamav2, torch and flash-attn"
            )
    if lines:
        raise InputError(lines)
