"""What a model's folder says of its chat and its limits: template, first and stop tokens, context.

Reads config.json, generation_config.json, tokenizer_config.json, tokenizer.json,
chat_template.jinja. One real result:

    {"has_template": true, "bos": "<s>", "bos_ids": {"config": [1], "generation_config": [1],
     "tokenizer": [1]},
     "eos": "</s>", "eos_ids": {"config": [2], "generation_config": [2], "tokenizer": [2]},
     "stop_ids": [2]}

Nothing is guessed: an id that a file does not give is an empty list.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from featherweight.errors import InputError

Document = dict[str, Any]  # parsed JSON
SOURCES = ("config", "generation_config", "tokenizer")


def read_chat(folder: Path) -> tuple[Document, list[str]]:
    """The chat facts of the model in `folder`, and one sentence per disagreement.

    Raises InputError on broken JSON.
    """
    try:
        return _read_chat(folder)
    except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(
            f"{folder}: expected the files of a tokenizer, got another shape ({error!r})"
        ) from error


def _read_chat(folder: Path) -> tuple[Document, list[str]]:
    config = document(folder / "config.json")
    generation = document(folder / "generation_config.json")
    settings = document(folder / "tokenizer_config.json")
    special = document(folder / "special_tokens_map.json")
    ids = _token_ids(folder, settings)
    begin = _token(settings.get("bos_token") or special.get("bos_token"))
    end = _token(settings.get("eos_token") or special.get("eos_token"))
    bos_ids = {
        "config": stated_ids(config, "bos"),
        "generation_config": stated_ids(generation, "bos"),
        "tokenizer": _known(ids, begin),
    }
    eos_ids = {
        "config": stated_ids(config, "eos"),
        "generation_config": stated_ids(generation, "eos"),
        "tokenizer": _known(ids, end),
    }
    chat = {
        "has_template": _has_template(folder, settings),
        "bos": begin,
        "bos_ids": bos_ids,
        "eos": end,
        "eos_ids": eos_ids,
        "stop_ids": sorted({token for ids in eos_ids.values() for token in ids}),
    }
    return chat, [
        *_disagreements(eos_ids, end),
        *_bos_disagreements(bos_ids, begin),
        *_own_code(config),
    ]


def _disagreements(eos_ids: dict[str, list[int]], token: str | None) -> list[str]:
    """A stop token that one file knows and the file that generation reads does not: a model that
    never stops.
    """
    decides = "generation_config" if eos_ids["generation_config"] else "config"
    stops = set(eos_ids[decides])
    found = []
    if not any(eos_ids.values()):
        found.append("no file names a stop token: every answer will run to the token limit")
    for name in SOURCES:
        extra = [token_id for token_id in eos_ids[name] if token_id not in stops]
        if extra and stops:
            shown = f" ({token!r})" if name == "tokenizer" else ""
            found.append(
                f"stop token: {name} says {_listed(extra)}{shown}, {decides} says"
                f" {_listed(sorted(stops))}; generation stops at any of them"
            )
    return found


def _bos_disagreements(bos_ids: dict[str, list[int]], token: str | None) -> list[str]:
    named = {name: found for name, found in bos_ids.items() if found}
    if len({tuple(found) for found in named.values()}) < 2:
        return []
    said = ", ".join(f"{name} says {_listed(found)}" for name, found in named.items())
    return [f"first token: {said}; the chat template and the tokenizer ({token!r}) decide"]


def _own_code(config: Document) -> list[str]:
    if "auto_map" not in config:
        return []
    return ["config.json names Python code of its own (auto_map): it is neither downloaded nor run"]


def document(path: Path) -> Document:
    """A JSON object, empty if the file is not there. Raises InputError for anything else."""
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise InputError(
            f"{path}: expected JSON, got a damaged file ({error}); fetch it again"
        ) from error
    if not isinstance(found, dict):
        raise InputError(
            f"{path}: expected a JSON object, got {type(found).__name__}; fetch it again"
        )
    return found


def _token_ids(folder: Path, settings: Document) -> dict[str, int]:
    """Token text to id, for added tokens and, where the tokenizer has a plain vocabulary, for
    all."""
    tokenizer = document(folder / "tokenizer.json")
    model = tokenizer.get("model") or {}
    vocabulary = model.get("vocab") or {}
    if isinstance(vocabulary, list):  # unigram: [[piece, score], ...], the id is the position
        vocabulary = {row[0]: index for index, row in enumerate(vocabulary)}
    ids = dict(vocabulary)
    ids.update({entry["content"]: entry["id"] for entry in tokenizer.get("added_tokens") or []})
    for token_id, entry in (settings.get("added_tokens_decoder") or {}).items():
        ids.setdefault(entry["content"], int(token_id))
    return ids


def _token(value: Any) -> str | None:
    return value.get("content") if isinstance(value, dict) else value


def _known(ids: dict[str, int], token: str | None) -> list[int]:
    return [] if token is None or token not in ids else [ids[token]]


def stated_ids(config: Document, which: str) -> list[int]:
    """The ids that a config names for "bos" or "eos"; empty where it names none."""
    value = config.get(f"{which}_token_id")
    return list(value) if isinstance(value, list) else [] if value is None else [value]


def context_limit(folder: Path) -> int | None:
    """Tokens of prompt and answer together that the model was built for; None: not stated."""
    config = document(folder / "config.json")
    limit = config.get("max_position_embeddings", config.get("n_positions"))
    return None if limit is None else int(limit)


def stored_dtype(folder: Path) -> str | None:
    """The number format that the config names for the weights; None where it names none."""
    config = document(folder / "config.json")
    return config.get("dtype", config.get("torch_dtype"))


def _has_template(folder: Path, settings: Document) -> bool:
    return bool(settings.get("chat_template")) or any(
        (folder / name).is_file() for name in ("chat_template.jinja", "chat_template.json")
    )


def _listed(ids: list[int]) -> str:
    return " and ".join(str(token_id) for token_id in ids)
