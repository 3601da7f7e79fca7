r"""From the answers that an item allows to the tokens by which a model would give them after its
prompt.

Reads and writes nothing. What a model has read stays as it is for generation: the prompt's tokens
are fixed, and an option is made of the tokens that would follow them.

    prompt = ("... <assistant>", (1, 511, 5))
    option_ids(tokenizer, "pocket-fair", *prompt, ("Nobody can say (A)", ...))
    -> ((24, 72, 266, 9), ...)

Two things decide whether that is what the model would write. A space comes first where the prompt
ends in plain text ("Answer:"), and none after a line break or a special token. And text and option
are tokenised together, because a tokeniser may do otherwise with an option alone (SentencePiece
puts a space before it); where that changes the prompt's own last tokens (GPT-2's "\n\n" before a
word), the option is tokenised after a line break.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from featherweight.errors import InputError
from featherweight.specs import Thinking


def before_answer(tokenizer: Any, text: str, tags: Thinking | None) -> tuple[str, tuple[int, ...]]:
    r"""The prompt `text` up to where the answer begins, and its tokens. Without `tags` that is the
    prompt as it is.

    The thinking of a model that thinks aloud is opened and closed again, with nothing thought:
    "<think>\n\n</think>\n\n" is what the makers of R1 saw it write where it skips its thinking (the
    model card of DeepSeek-R1), and what Qwen3's template writes to switch it off.
    """
    if tags is not None:
        bare = text.rstrip()
        opened = bare if bare.endswith(tags.open) else text + tags.open
        text = f"{opened}\n\n{tags.close}\n\n"
    return text, _encode(tokenizer, text)


def option_ids(
    tokenizer: Any, name: str, text: str, ids: Sequence[int], options: Sequence[str]
) -> tuple[tuple[int, ...], ...]:
    """The tokens of each option after the prompt `text`, whose tokens are `ids`. No special token
    is added.

    Raises InputError where the tokeniser can write an option in no way that leaves the prompt's
    tokens alone.
    """
    gap = "" if text[-1:].isspace() or _is_special(tokenizer, ids[-1]) else " "
    return tuple(
        _continuation(tokenizer, name, (text, tuple(ids)), gap + option) for option in options
    )


def _is_special(tokenizer: Any, number: int) -> bool:
    token = tokenizer.added_tokens_decoder.get(number)
    return token is not None and bool(token.special)


def _continuation(
    tokenizer: Any, name: str, prompt: tuple[str, tuple[int, ...]], option: str
) -> tuple[int, ...]:
    line_break = ("\n", _encode(tokenizer, "\n"))
    for text, ids in (prompt, line_break):
        whole = _encode(tokenizer, text + option)
        if whole[: len(ids)] == ids and len(whole) > len(ids):
            return whole[len(ids) :]
    raise InputError(
        f"model {name} at {tokenizer.name_or_path}: the tokenizer merges {option!r} with the end of"
        " the prompt, so it cannot be scored on its own; correct the model's prompt_format or"
        " prefill, or ask for answers: generated"
    )


def _encode(tokenizer: Any, text: str) -> tuple[int, ...]:
    return tuple(tokenizer.encode(text, add_special_tokens=False))
