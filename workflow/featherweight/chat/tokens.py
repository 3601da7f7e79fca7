"""Which tokens end an answer, and which are left out of its text. Reads a model's folder.

stop_ids(Path("resources/pocket/models/pocket-fair"), tokenizer)
-> (2,)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from featherweight.chat.facts import document, stated_ids


def stop_ids(folder: Path, tokenizer: Any) -> tuple[int, ...]:
    """Every token id that ends an answer, sorted: of config, generation_config and tokenizer.

    The three often disagree (a chat model's template ends a turn with another token than its config
    names), so all of them stop. Raises InputError for a file that is not JSON.
    """
    ends: set[int] = set()
    for name in ("config.json", "generation_config.json"):
        ends |= set(stated_ids(document(folder / name), "eos"))
    if tokenizer.eos_token_id is not None:
        ends.add(int(tokenizer.eos_token_id))
    return tuple(sorted(ends))


def hidden_ids(tokenizer: Any, kept: Sequence[str] = ()) -> frozenset[int]:
    """The special tokens that are left out of an answer's text: all but those whose text is in
    `kept`.
    """
    return frozenset(
        number
        for number, token in tokenizer.added_tokens_decoder.items()
        if token.special and token.content not in kept
    )


def decode(tokenizer: Any, ids: Sequence[int], hidden: frozenset[int]) -> str:
    """The text of generated ids without the `hidden` ones."""
    text: str = tokenizer.decode(
        [number for number in ids if number not in hidden],
        skip_special_tokens=False,
        clean_up_tokenization_spaces=False,
    )
    return text
