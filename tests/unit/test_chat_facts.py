"""Stop tokens and first tokens: who disagrees is shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from featherweight.chat.facts import read_chat

# What the files of well-known models say (config, generation_config, tokenizer's token and its id),
# and what is shown.
CHATS = [
    # Llama 3.2 Instruct: three stop tokens in both files, the tokenizer's is one of them
    ([7, 8, 9], [7, 8, 9], 9, []),
    # Qwen2.5 Instruct: generation_config adds one
    (9, [9, 7], 9, []),
    # a base model's generation_config beside a chat tokenizer: would never stop
    (
        7,
        7,
        9,
        [
            "stop token: tokenizer says 9 ('</s>'), generation_config says 7; generation stops at"
            " any of them"
        ],
    ),
    (9, None, 9, []),
    (
        8,
        None,
        9,
        ["stop token: tokenizer says 9 ('</s>'), config says 8; generation stops at any of them"],
    ),
    (
        8,
        [9],
        9,
        ["stop token: config says 8, generation_config says 9; generation stops at any of them"],
    ),
    (None, None, None, ["no file names a stop token: every answer will run to the token limit"]),
]


@pytest.mark.parametrize(("config", "generation", "tokenizer", "shown"), CHATS)
def test_stop_tokens_are_cross_checked(
    tmp_path: Path, config: object, generation: object, tokenizer: int | None, shown: list[str]
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"eos_token_id": config}))
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": generation}))
    settings = {"eos_token": {"content": "</s>"}} if tokenizer else {}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    added = [{"id": tokenizer, "content": "</s>"}] if tokenizer else []
    (tmp_path / "tokenizer.json").write_text(
        json.dumps({"model": {"vocab": []}, "added_tokens": added})
    )
    chat, disagreements = read_chat(tmp_path)
    assert disagreements == shown
    named = [found for found in (config, generation, tokenizer) if found is not None]
    assert chat["stop_ids"] == sorted(
        {i for found in named for i in (found if isinstance(found, list) else [found])}
    )


def test_first_and_stop_token_of_the_older_map_of_special_tokens(tmp_path: Path) -> None:
    special = {"bos_token": {"content": "<s>"}, "eos_token": "</s>"}
    (tmp_path / "special_tokens_map.json").write_text(json.dumps(special))
    (tmp_path / "tokenizer.json").write_text(
        json.dumps({"model": {"vocab": {"<s>": 1, "</s>": 2}}, "added_tokens": []})
    )
    chat, _ = read_chat(tmp_path)
    assert (chat["bos"], chat["eos"], chat["stop_ids"]) == ("<s>", "</s>", [2])


def test_first_tokens_and_own_code_are_shown(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(
        json.dumps({"bos_token_id": 1, "eos_token_id": 2, "auto_map": {}})
    )
    (tmp_path / "generation_config.json").write_text(
        json.dumps({"bos_token_id": 5, "eos_token_id": 2})
    )
    assert read_chat(tmp_path)[1] == [
        (
            "first token: config says 1, generation_config says 5; the chat template and the"
            " tokenizer (None) decide"
        ),
        "config.json names Python code of its own (auto_map): it is neither downloaded nor run",
    ]
