"""The folder of weights that every way reads: made once, in the Hub's layout, with random numbers
in it.

Writes config.json (with the Hub's rope keys: ExLlamaV2 knows no newer ones), safetensors, a
tokenizer of one word per token, and, where the `gguf` package is installed, the same weights as
model.gguf for llama.cpp.
"""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path
from typing import Any

import torch

from generation.work import SHAPES, Shape

GGUF = "model.gguf"


def write_folder(folder: Path, shape_name: str, dtype: torch.dtype) -> dict[str, Any]:
    """Make and save the model; returns what the bound needs and how sharp its predictions are."""
    shape = SHAPES[shape_name]
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = make_model(shape).to(dtype)
    model.save_pretrained(folder)
    _hub_keys(folder, shape.rope_theta)
    _write_tokenizer(folder, shape.vocabulary)
    if all(importlib.util.find_spec(name) for name in ("gguf", "llama_cpp")):
        write_gguf(folder / GGUF, shape, model.state_dict(), dtype)
    return {
        "parameters": sum(tensor.numel() for tensor in model.parameters()),
        "weights": sum(tensor.numel() * tensor.element_size() for tensor in model.parameters()),
        "cache_per_token": shape.cache_numbers * dtype.itemsize,
        "entropy_bits": entropy(model),
    }


def make_model(shape: Shape) -> Any:
    """A model of this shape with random weights, in float32."""
    from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

    sizes = {
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.hidden,
        "intermediate_size": shape.inner,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "max_position_embeddings": 4096,
        "tie_word_embeddings": True,
        "rms_norm_eps": 1e-5,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
        "rope_parameters": {"rope_type": "default", "rope_theta": shape.rope_theta},
    }
    torch.manual_seed(0)
    model: Any = (
        LlamaForCausalLM(LlamaConfig(**sizes))
        if shape.kind == "llama"
        else Qwen2ForCausalLM(Qwen2Config(**sizes))
    )
    model.model.norm.weight.data.fill_(shape.sharpness)
    return model.eval()


def entropy(model: Any) -> float:
    """Bits of the next token at temperature 0.7, mean over a few contexts of random tokens."""
    ids = torch.randint(3, 2000, (8, 32), generator=torch.Generator().manual_seed(0)).to(
        model.device
    )
    with torch.inference_mode():
        logs = (model(ids).logits[:, -1].float() / 0.7).log_softmax(-1)
    return float(-(logs.exp() * logs).sum(-1).mean() / math.log(2))


def _hub_keys(folder: Path, rope_theta: float) -> None:
    config = json.loads((folder / "config.json").read_text())
    config.pop("rope_parameters", None)
    config["rope_theta"] = rope_theta
    config["torch_dtype"] = config.get("dtype")
    (folder / "config.json").write_text(json.dumps(config, indent=2))


def _write_tokenizer(folder: Path, vocabulary: int) -> None:
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

    special = ["<pad>", "<s>", "</s>"]
    words = {
        word: number
        for number, word in enumerate([*special, *(f"w{n}" for n in range(3, vocabulary))])
    }
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<pad>"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens(
        [AddedToken(token, special=True, normalized=False) for token in special]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {
        "bos_token": "<s>",
        "eos_token": "</s>",
        "pad_token": "<pad>",
        "tokenizer_class": "TokenizersBackend",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(names))


# transformers' names of tensors and GGUF's; the layer's number goes between.
_WHOLE = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
}
_LAYER = {
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}  # fmt: skip


def write_gguf(
    path: Path, shape: Shape, tensors: dict[str, torch.Tensor], dtype: torch.dtype
) -> None:
    """The same weights for llama.cpp: matrices in `dtype`, vectors in float32, no tokenizer."""
    import gguf

    kinds = {
        torch.float32: gguf.GGMLQuantizationType.F32,
        torch.float16: gguf.GGMLQuantizationType.F16,
        torch.bfloat16: gguf.GGMLQuantizationType.BF16,
    }
    writer = gguf.GGUFWriter(str(path), shape.kind)
    writer.add_block_count(shape.layers)
    writer.add_context_length(4096)
    writer.add_embedding_length(shape.hidden)
    writer.add_feed_forward_length(shape.inner)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(shape.rope_theta)
    writer.add_rope_dimension_count(shape.hidden // shape.heads)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_tokenizer_model("no_vocab")
    for name, tensor in tensors.items():
        if name == "lm_head.weight":  # tied: llama.cpp takes the embedding
            continue
        found = tensor.detach().cpu()
        if shape.kind == "llama" and ("q_proj" in name or "k_proj" in name):
            found = _interleaved(found, shape.heads if "q_proj" in name else shape.kv_heads)
        if found.dim() == 1:
            writer.add_tensor(_gguf_name(name), found.float().numpy())
        elif dtype == torch.bfloat16:
            raw = found.contiguous().view(torch.uint8).numpy()
            writer.add_tensor(_gguf_name(name), raw, raw_dtype=kinds[dtype])
        else:
            writer.add_tensor(_gguf_name(name), found.numpy(), raw_dtype=kinds[dtype])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _gguf_name(name: str) -> str:
    if name in _WHOLE:
        return _WHOLE[name]
    _, _, layer, inner = name.split(".", 3)
    part, kind = inner.rsplit(".", 1)
    return f"blk.{layer}.{_LAYER[part]}.{kind}"


def _interleaved(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Rows of each head reordered: llama.cpp turns neighbouring pairs in its llama models,
    transformers halves.
    """
    split = weight.view(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:])
    return split.swapaxes(1, 2).reshape(weight.shape).contiguous()
