"""From messages to the token ids that a model sees, and where its answers end. Reads a model's
folder, writes nothing.

The tokenizer and its chat template come from the model's own folder, never from the network, and no
code of the folder runs. What a template renders depends on the messages alone: templates that print
today's date get a fixed one.

    >>> facts = {"name": "m", "prefill": None, "prompt_format": None}
    >>> render(tokenizer, [{"role": "user", "content": "Who?"}], facts)
    ('<|user|>Who?<|end|><|assistant|>', (1, 511, 38, 7, 512, 513))
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from featherweight.errors import InputError, first_line

# The date that Llama 3.2's template falls back to; every template that asks for today's date gets
# it.
DATE = "26 Jul 2024"
_CODES = {
    "%-d": "26",
    "%-m": "7",
    "%d": "26",
    "%m": "07",
    "%Y": "2024",
    "%y": "24",
    "%B": "July",
    "%b": "Jul",
    "%A": "Friday",
    "%a": "Fri",
    "%j": "208",
    "%H": "12",
    "%I": "12",
    "%M": "00",
    "%S": "00",
    "%p": "PM",
}
# A macro of that name hides transformers' clock. The empty expression at its end keeps Jinja from
# trimming more.
_PINNED_CLOCK = (
    "{%- macro strftime_now(format) -%}{{- format"
    + "".join(f'|replace("{code}", "{value}")' for code, value in _CODES.items())
    + " -}}{%- endmacro %}{{ '' }}"
)


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer in `folder`. Raises InputError if there is none or it cannot be read."""
    if not folder.is_dir():
        raise InputError(
            f"{folder}: expected a model folder, found nothing; run acquire again or correct the"
            " path"
        )
    if not any(
        (folder / name).is_file() for name in ("tokenizer.json", "tokenizer.model", "vocab.json")
    ):
        raise InputError(
            f"{folder}: no tokenizer (expected tokenizer.json); copy it from the model's repository"
            " into the folder"
        )
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # the parsers below raise whatever they like
        raise InputError(
            f"{folder}: the tokenizer cannot be read ({first_line(error)}); fetch the model's files"
            " again"
        ) from error


def render(
    tokenizer: Any, messages: Sequence[Mapping[str, str]], facts: Mapping[str, Any]
) -> tuple[str, tuple[int, ...]]:
    """The prompt of a chat as text and as token ids, up to where the model's reply begins.

    `facts` holds the model's "name" and, optionally, "prefill" (text that ends every prompt; added
    where it does not yet) and "prompt_format" ("{message}" is replaced by the messages; used where
    the tokenizer has no chat template). The prompt begins with exactly one BOS where the tokenizer
    puts one before plain text and at most one elsewhere. Raises InputError if there is neither
    template nor format, or if the template cannot be rendered.
    """
    template = getattr(tokenizer, "chat_template", None)
    text = (
        _by_template(tokenizer, template, messages, facts)
        if template
        else _by_format(tokenizer, messages, facts)
    )
    prefill = facts.get("prefill") or ""
    if not text.endswith(prefill):  # some templates open the thinking by themselves
        text += prefill
    bos = tokenizer.bos_token
    if bos is not None and _adds_bos(tokenizer) and not text.startswith(bos):
        text = bos + text
    ids = tuple(tokenizer.encode(text, add_special_tokens=False))
    if bos is not None and ids[:2] == (tokenizer.bos_token_id,) * 2:
        raise InputError(
            f"model {facts['name']}: its prompts begin with {bos!r} twice, expected once; "
            "take it out of the chat template, the prefill or the prompt format"
        )
    return text, ids


def _by_template(
    tokenizer: Any, template: Any, messages: Sequence[Mapping[str, str]], facts: Mapping[str, Any]
) -> str:
    if isinstance(template, dict):
        template = template.get("default") or next(iter(template.values()))
    pinned = _PINNED_CLOCK + template if "strftime_now" in template else template
    try:
        text: str = tokenizer.apply_chat_template(
            [dict(message) for message in messages],
            chat_template=pinned,
            add_generation_prompt=True,
            tokenize=False,
            date_string=DATE,
        )
    except Exception as error:  # a template may raise anything; it is the model folder's own text
        raise InputError(
            f"model {facts['name']} at {tokenizer.name_or_path}: its chat template cannot render"
            f" these messages ({first_line(error)}); correct the template, or take a wording"
            " without a system message"
        ) from error
    return text


def _by_format(
    tokenizer: Any, messages: Sequence[Mapping[str, str]], facts: Mapping[str, Any]
) -> str:
    wanted = facts.get("prompt_format")
    if wanted is None:
        raise InputError(
            f"model {facts['name']} at {tokenizer.name_or_path} has no chat template; "
            "state prompt_format in config/models.yaml"
        )
    return str(wanted).replace("{message}", "\n\n".join(message["content"] for message in messages))


def _adds_bos(tokenizer: Any) -> bool:
    """Whether the tokenizer puts a BOS before plain text by itself."""
    return list(tokenizer.encode("a"))[:1] == [tokenizer.bos_token_id]


def stop_ids(folder: Path, tokenizer: Any) -> tuple[int, ...]:
    """Every token id that ends an answer, sorted: those of config.json, generation_config.json and
    the tokenizer.

    The three often disagree (a chat model's template ends a turn with another token than its config
    names), so all of them stop. Raises InputError for a file that is not JSON.
    """
    found: set[int] = set()
    for name in ("config.json", "generation_config.json"):
        stated = _document(folder / name).get("eos_token_id")
        found |= {stated} if isinstance(stated, int) else set(stated or ())
    if tokenizer.eos_token_id is not None:
        found.add(int(tokenizer.eos_token_id))
    return tuple(sorted(found))


def context_limit(folder: Path) -> int | None:
    """How many tokens, prompt and answer together, the model was built for; None where its config
    does not say.
    """
    config = _document(folder / "config.json")
    limit = config.get("max_position_embeddings", config.get("n_positions"))
    return None if limit is None else int(limit)


def stored_dtype(folder: Path) -> str | None:
    """The number format that the config names for the weights; None where it does not say."""
    config = _document(folder / "config.json")
    return config.get("dtype", config.get("torch_dtype"))


def _document(path: Path) -> dict[str, Any]:
    """A JSON object, empty if the file is not there."""
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(
            f"{path}: expected JSON, got something else ({error}); fetch the model again"
        ) from error
    return content if isinstance(content, dict) else {}


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


class Spoken(NamedTuple):
    """A reply, taken apart."""

    thinking: str | None
    answer: str | None


def split_thinking(text: str, tags: Mapping[str, Any] | None, prompt: str) -> Spoken:
    """What stands before the closing tag, and what stands after it; the tags themselves and outer
    spaces are left out.

    `tags` are {"open", "close"}; None: the model does not think aloud. Thinking that was opened, by
    the reply or at the end of the prompt, and never closed is all thinking and no answer (None).
    Without any tag all is answer.
    """
    if tags is None:
        return Spoken(None, text)
    before, close, after = text.partition(tags["close"])
    opened = prompt.rstrip().endswith(tags["open"])
    if not close and not opened and tags["open"] not in text:
        return Spoken(None, text)
    thinking = before.strip().removeprefix(tags["open"]).strip()
    return Spoken(thinking, after.strip() if close else None)
