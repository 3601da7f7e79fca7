"""From messages to the token ids that a model sees. Reads a model's folder, writes nothing.

The tokenizer and its chat template come from the model's own folder, never from the network, and no
code of the folder runs. What a template renders depends on the messages alone: templates that print
today's date get a fixed one.

    render(tokenizer, [{"role": "user", "content": "Who?"}], model)
    -> ('<|user|>Who?<|end|><|assistant|>', (1, 511, 38, 7, 512, 513))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from featherweight.chat.facts import document
from featherweight.errors import InputError, first_line
from featherweight.specs import RenderSpec

# The date that Llama 3.2's template falls back to; every template that asks for today's date gets
# it.
DATE = "26 Jul 2024"
_PLAIN_CLASSES = {"PreTrainedTokenizerFast", "TokenizersBackend"}
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
    try:
        return _tokenizer_class(folder).from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # the parsers below raise whatever they like
        raise InputError(
            f"{folder}: the tokenizer cannot be read ({first_line(error)}); fetch the model's files"
            " again"
        ) from error


def _tokenizer_class(folder: Path) -> Any:
    """What reads this folder: AutoTokenizer, or what it would choose, where that is plain.

    AutoTokenizer imports torch (measured: 3.9 CPU-s against 1.1), and takes this class for a Llama
    whose tokenizer.json says it all.
    """
    stated = document(folder / "tokenizer_config.json")
    plain = (
        (folder / "tokenizer.json").is_file()
        and stated.get("tokenizer_class") in _PLAIN_CLASSES
        and "auto_map" not in stated
        and document(folder / "config.json").get("model_type") == "llama"
    )
    if plain:
        from transformers import PreTrainedTokenizerFast

        return PreTrainedTokenizerFast
    from transformers import AutoTokenizer

    return AutoTokenizer


def render(
    tokenizer: Any, messages: Sequence[Mapping[str, str]], model: RenderSpec
) -> tuple[str, tuple[int, ...]]:
    """The prompt of a chat as text and as token ids, up to where the model's reply begins.

    The model's `prefill` ends every prompt, and is added where it does not yet. `prompt_format` is
    used where the tokenizer has no chat template; the messages replace its "{message}". The prompt
    begins with exactly one BOS where the tokenizer puts one before plain text and at most one
    elsewhere. Raises InputError if there is neither template nor format, or if the template cannot
    be rendered.
    """
    template = getattr(tokenizer, "chat_template", None)
    text = (
        _by_template(tokenizer, template, messages, model)
        if template
        else _by_format(tokenizer, messages, model)
    )
    # Some templates open the thinking by themselves.
    if model.prefill is not None and not text.endswith(model.prefill):
        text += model.prefill
    bos = tokenizer.bos_token
    if bos is not None and _adds_bos(tokenizer) and not text.startswith(bos):
        text = bos + text
    ids = tuple(tokenizer.encode(text, add_special_tokens=False))
    if bos is not None and ids[:2] == (tokenizer.bos_token_id,) * 2:
        raise InputError(
            f"model {model.name}: its prompts begin with {bos!r} twice, expected once; "
            "take it out of the chat template, the prefill or the prompt format"
        )
    return text, ids


def _by_template(
    tokenizer: Any, template: Any, messages: Sequence[Mapping[str, str]], model: RenderSpec
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
            f"model {model.name} at {tokenizer.name_or_path}: its chat template cannot render"
            f" these messages ({first_line(error)}); correct the template, or take a wording"
            " without a system message"
        ) from error
    return text


def _by_format(tokenizer: Any, messages: Sequence[Mapping[str, str]], model: RenderSpec) -> str:
    if model.prompt_format is None:
        raise InputError(
            f"model {model.name} at {tokenizer.name_or_path} has no chat template; "
            "state prompt_format in config/models.yaml"
        )
    said = "\n\n".join(message["content"] for message in messages)
    before, _, cue = model.prompt_format.partition("{message}")
    # A wording that ends in the model's own cue ("Answer:") is not given it a second time.
    return before + said + ("" if cue.strip() and said.endswith(cue.strip()) else cue)


def _adds_bos(tokenizer: Any) -> bool:
    """Whether the tokenizer puts a BOS before plain text by itself."""
    return list(tokenizer.encode("a"))[:1] == [tokenizer.bos_token_id]
