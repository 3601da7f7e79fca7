"""A model in the Hugging Face layout, as small as one can be, and the damage that tests do to
files.
"""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Mapping
from pathlib import Path


def flipped(content: bytes, at: int) -> bytes:
    """The content with one bit changed."""
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def model_files(seed: int = 0, weights: int = 20_000, template: bool = True) -> dict[str, bytes]:
    """A model in the Hugging Face layout, as small as one can be; its weights are noise."""
    header = json.dumps(
        {"w": {"dtype": "U8", "shape": [weights], "data_offsets": [0, weights]}}
    ).encode()
    tensors = struct.pack("<Q", len(header)) + header + random.Random(seed).randbytes(weights)
    vocabulary = {"<s>": 0, "</s>": 1, "a": 2}
    tokenizer = {
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "a"},
        "added_tokens": [],
    }
    settings = {"bos_token": "<s>", "eos_token": "</s>"}
    if template:
        settings["chat_template"] = "{{ messages[0]['content'] }}"
    documents = {
        "config.json": {"model_type": "llama", "bos_token_id": 0, "eos_token_id": 1, "seed": seed},
        "generation_config.json": {"bos_token_id": 0, "eos_token_id": [1]},
        "tokenizer.json": tokenizer,
        "tokenizer_config.json": settings,
    }
    files = {name: json.dumps(document).encode() for name, document in documents.items()}
    return files | {
        "model.safetensors": tensors,
        "README.md": b"never fetched",
        "pytorch_model.bin": b"never fetched",
    }


def write_files(folder: Path, files: Mapping[str, bytes]) -> Path:
    """The files in a folder."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder
