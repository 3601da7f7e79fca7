"""The tokenizer of a pocket model, word by word, and its files.

Writes tokenizer.json and tokenizer_config.json with the chat template. One prompt as the template
renders it:

    <s><user> The late-riser and the dawn-walker had a meeting. ... Who came late? <assistant>

The template writes the one BOS; the tokenizer adds none.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

from featherweight.files import write_json
from featherweight.pocket.lessons import ORDINALS
from featherweight.tasks.choice import LETTER, LETTERS
from featherweight.tasks.pocket import POCKET
from featherweight.tasks.pocket.items import Catalogue

PAD, BOS, EOS, UNKNOWN = "<pad>", "<s>", "</s>", "<unk>"
ROLES = ("<system>", "<user>", "<assistant>")
THINK = ("<think>", "</think>")
# A letter in parentheses is one token, so that naming an option is one decision.
PIECE = r"\([A-J]\)|[\w'-]+|[^\w\s]"
MAX_POSITIONS = 512
ROPE_THETA = 10000.0

CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{% for message in messages %}{{ '<' + message['role'] + '> ' + message['content'] + ' ' }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<assistant>' }}{% endif %}"
)


def vocabulary(book: Catalogue) -> list[str]:
    """Every word that the items, the wordings and the thinking can show, in a fixed order."""
    texts = [*book.unknown, *ORDINALS, "Who The the and ? . : ,", LETTER.user, POCKET.user]
    texts += [
        word for groups in book.groups.values() for words in groups.values() for word in words
    ]
    for templates in book.templates.values():
        for template in templates:
            texts += [template.scene, template.negative, template.nonnegative]
    plain = re.sub(r"\{\w+\}", " ", " ".join(texts))
    words = sorted(set(re.findall(PIECE, plain)))
    letters = [f"({letter})" for letter in LETTERS[:4]]
    return [PAD, BOS, EOS, UNKNOWN, *ROLES, *THINK, *letters, *words]


def tokenizer(book: Catalogue) -> Tokenizer:
    """A tokenizer with one token per word; text is put together again with single spaces."""
    made = of_words(vocabulary(book), PIECE)
    made.decoder = decoders.Sequence(
        [decoders.WordPiece(prefix="##", cleanup=True), decoders.Replace(" :", ":")]
    )
    # Not special: what a model thinks stays in the text when special tokens are skipped.
    made.add_tokens([AddedToken(t, special=False) for t in THINK])
    return made


def of_words(words: list[str], piece: str) -> Tokenizer:
    """A tokenizer of these words, found in a text by the pattern `piece`; it has no decoder yet."""
    made = Tokenizer(
        models.WordLevel({word: index for index, word in enumerate(words)}, unk_token=UNKNOWN)
    )
    made.pre_tokenizer = pre_tokenizers.Split(Regex(piece), behavior="removed", invert=True)
    made.add_special_tokens([AddedToken(t, special=True) for t in (PAD, BOS, EOS, UNKNOWN, *ROLES)])
    return made


def write_tokenizer(folder: Path, made: Tokenizer) -> None:
    """Write tokenizer.json and tokenizer_config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    made.save(str(folder / "tokenizer.json"))
    settings: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": BOS,
        "eos_token": EOS,
        "pad_token": PAD,
        "unk_token": UNKNOWN,
        "add_bos_token": False,
        "add_eos_token": False,
        "clean_up_tokenization_spaces": False,
        "model_max_length": MAX_POSITIONS,
        "chat_template": CHAT_TEMPLATE,
    }
    write_json(folder / "tokenizer_config.json", settings)
