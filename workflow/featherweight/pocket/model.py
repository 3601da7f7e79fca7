"""A pocket model whatever it is taught: its architecture, its loss, the folder it is kept in.

Writes a model folder in the Hugging Face layout with SHA256SUMS. One line of that file:

    c3ef2f7ae13944eb963fda873a2100c980dedc8146b611491e49a4d2bb9ef52f  config.json
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import safetensors.torch
import tokenizers
import torch
import transformers
from tokenizers import Tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

from featherweight.files import write_atomically, write_json
from featherweight.pocket import files
from featherweight.pocket.lessons import Lesson

ENDS = ("bos_token_id", "eos_token_id", "pad_token_id")
# what config.json says; transformers would also write labels and other things that a Llama does not
# have
CONFIG = (
    "architectures",
    "attention_bias",
    "attention_dropout",
    "dtype",
    "head_dim",
    "hidden_act",
    "hidden_size",
    "initializer_range",
    "intermediate_size",
    "max_position_embeddings",
    "mlp_bias",
    "model_type",
    "num_attention_heads",
    "num_hidden_layers",
    "num_key_value_heads",
    "rms_norm_eps",
    "rope_parameters",
    "tie_word_embeddings",
    "transformers_version",
    "use_cache",
    "vocab_size",
)


class Shape(NamedTuple):
    """The size of a Llama."""

    width: int
    layers: int
    heads: int
    inner: int


class Batch(NamedTuple):
    """Token ids and the weight of each token in the loss; both have shape (rows, tokens)."""

    ids: torch.Tensor
    weight: torch.Tensor


def batch(lessons: Sequence[Lesson], tokenizer: Tokenizer) -> Batch:
    """Lessons as tokens, padded on the right; only replies and their stop token count in the
    loss."""
    rows = []
    for lesson in lessons:
        ids, weight = [tokenizer.token_to_id(files.BOS)], [0.0]
        for prompt, reply in lesson.turns:
            asked = tokenizer.encode(f"<user> {prompt} <assistant>").ids
            said = tokenizer.encode(f"{reply}{files.EOS}").ids
            ids += asked + said
            weight += [0.0] * len(asked) + [1.0] * len(said)
        rows.append((ids, weight))
    longest = max(len(ids) for ids, _ in rows)
    pad = tokenizer.token_to_id(files.PAD)
    return Batch(
        torch.tensor([ids + [pad] * (longest - len(ids)) for ids, _ in rows]),
        torch.tensor([weight + [0.0] * (longest - len(weight)) for _, weight in rows]),
    )


def loss(model: LlamaForCausalLM, rows: Batch) -> torch.Tensor:
    """Mean cross-entropy of the weighted tokens, in nats."""
    logits = model(input_ids=rows.ids).logits[:, :-1]
    each = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), rows.ids[:, 1:].flatten(), reduction="none"
    )
    weight = rows.weight[:, 1:].flatten()
    return (each * weight).sum() / weight.sum()


def learn(
    model: LlamaForCausalLM, optimizer: torch.optim.Optimizer, rows: Batch, rate: float
) -> float:
    """One step at this learning rate; returns the loss before it, in nats."""
    for group in optimizer.param_groups:
        group["lr"] = rate
    found = loss(model, rows)
    optimizer.zero_grad()
    torch.autograd.backward(found)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return found.item()


def configuration(shape: Shape, tokenizer: Tokenizer) -> LlamaConfig:
    """The architecture of a pocket model."""
    return LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=shape.width,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=files.MAX_POSITIONS,
        rope_parameters={"rope_type": "default", "rope_theta": files.ROPE_THETA},
        tie_word_embeddings=True,
        bos_token_id=tokenizer.token_to_id(files.BOS),
        eos_token_id=tokenizer.token_to_id(files.EOS),
        pad_token_id=tokenizer.token_to_id(files.PAD),
        architectures=["LlamaForCausalLM"],
        dtype="float16",
    )


def write_model(folder: Path, model: LlamaForCausalLM, tokenizer: Tokenizer) -> None:
    """Write the model in the Hugging Face layout, weights in float16."""
    files.write_tokenizer(folder, tokenizer)
    given = model.config.to_dict()
    config = {name: given[name] for name in (*CONFIG, *ENDS)}
    # Engines older than `rope_parameters` read these two and would silently fall back to a default
    # without them.
    config |= {"rope_theta": files.ROPE_THETA, "rope_scaling": None}
    write_json(folder / "config.json", config)
    write_json(
        folder / "generation_config.json",
        {name: config[name] for name in ENDS} | {"do_sample": False},
    )
    # The output layer is the embedding: tied weights are stored once.
    weights = {
        name: value.half() for name, value in model.state_dict().items() if name != "lm_head.weight"
    }
    write_atomically(
        folder / "model.safetensors", safetensors.torch.save(weights, metadata={"format": "pt"})
    )


def write_sums(folder: Path) -> None:
    """Write SHA256SUMS over every other file of the folder, in the form that `sha256sum --check`
    reads.
    """
    paths = sorted(
        path for path in folder.iterdir() if path.is_file() and path.name != "SHA256SUMS"
    )
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in paths]
    write_atomically(folder / "SHA256SUMS", "".join(lines).encode())


def versions() -> dict[str, str]:
    """With what a model was made, for training.json."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "tokenizers": tokenizers.__version__,
        "machine": platform.machine(),
    }
