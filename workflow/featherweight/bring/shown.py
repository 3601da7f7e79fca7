"""What a logged prompt showed: the options after letters, and in which order. No I/O.

One real prompt, of Inspect's multiple choice, and what is found in it for the options "The aunt",
"The nephew" and "Not known":

    Question: Who forgot it?

    A) The nephew
    B) Not known
    C) The aunt                 -> ("The nephew", "Not known", "The aunt")

All options must stand after letters of their own, A to the last one, in any order and with any of
the usual marks: "(A) The aunt", "A. The aunt", "A) The aunt", "[A] The aunt", "A: The aunt",
"**A.** The aunt". A text that merely begins like one ("A woman") has no mark after its letter. A
prompt with worked examples shows options several times; the last ones are those of the question.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from featherweight.tasks.choice import LETTERS

_MARK = r"(?<!\w)(?P<letter>[A-Ja-j])(?:\*\*)?(?:[).\]:]|\s[-–](?=\s))(?:\*\*)?\s*"


def shown_after_letters(prompt: str, options: Sequence[str]) -> tuple[str, ...] | None:
    """The options in the order of their letters; None where the prompt does not show all so."""
    by_text = {_folded(option): option for option in options}
    texts = sorted(by_text, key=len, reverse=True)  # the longest first: "The man" begins another
    if not options or len(texts) < len(options) or not all(texts):
        return None
    either = "|".join(r"\s+".join(map(re.escape, text.split())) for text in texts)
    shown = re.compile(rf"{_MARK}(?P<text>{either})(?!['’]?\w)", re.IGNORECASE)
    lettered = [(one["letter"].upper(), _folded(one["text"])) for one in shown.finditer(prompt)]
    wanted = list(LETTERS[: len(options)])
    for end in range(len(lettered), len(options) - 1, -1):
        last = dict(lettered[end - len(options) : end])
        if sorted(last) == wanted and len(set(last.values())) == len(options):
            return tuple(by_text[last[letter]] for letter in wanted)
    return None


def _folded(text: str) -> str:
    """A text without what a template may change: case, spaces, the full stop at its end."""
    return " ".join(text.split()).rstrip(".").casefold()


def text_of(prompt: Any) -> str | None:
    """The text of a logged prompt: a text, a chat as a list of messages, or such a list as JSON.

    A chat's own answers are left out: what a model said about letters, nobody showed it. None where
    there is no text.
    """
    if isinstance(prompt, list) and len(prompt) == 1 and isinstance(prompt[0], str):
        prompt = prompt[0]  # lm-evaluation-harness's JsonChatStr, a named tuple of one text
    if isinstance(prompt, str):
        chat = _chat(prompt)
        return prompt if chat is None else _told(chat)
    return _told(prompt) if isinstance(prompt, list) else None


def _chat(text: str) -> list[Any] | None:
    """The messages of a chat logged as JSON, as for models behind an API; None for other text."""
    if not text.startswith("[{"):
        return None
    try:
        messages = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return messages if all(isinstance(one, dict) and "content" in one for one in messages) else None


def _told(messages: list[Any]) -> str | None:
    """What a chat tells the model; a message's content is a text or a list of parts."""
    texts = []
    for message in messages:
        if not isinstance(message, dict) or message.get("role") == "assistant":
            continue
        content = message.get("content")
        parts = content if isinstance(content, list) else [{"text": content}]
        texts += [
            part["text"]
            for part in parts
            if isinstance(part, dict) and isinstance(part.get("text"), str)
        ]
    return "\n".join(texts) if texts else None
