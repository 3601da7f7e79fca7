r"""The text of an answer as it is read: one turn of it, bounded, without typographic variety.

Pure functions. One real change: `plain` makes "\boxed{**B**}" a line with the box's mark and "(B)".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from featherweight.reading import words

_SINGLE = {
    "\u2018": "'",
    "\u2019": "'",
    "\u02bc": "'",
    "\u201c": '"',
    "\u201d": '"',
    "\u00ab": '"',
    "\u00bb": '"',
    "\u2010": "-",
    "\u2011": "-",
    "\u2012": "-",
    "\u2013": "-",
    "\u2014": "-",
    "\u2212": "-",
    "\u00a0": " ",
    "\u3000": " ",
    "\u202f": " ",
    "\u3002": ".",
    "\uff0c": ",",
    "\u3001": ",",
    "\uff0e": ".",
    "\u300c": '"',
    "\u300d": '"',
    "\u3010": "[",
    "\u3011": "]",
    "\x00": " ",
    "\r": "\n",
    "\u200b": "",
    "\u200c": "",
    "\u200d": "",
    "\u2060": "",
    "\ufeff": "",
    words.BOXED: "",
}
_FULL_WIDTH = re.compile("[\uff01-\uff5e]")
_HALF_WIDTH = {0xFEE0 + code: chr(code) for code in range(0x21, 0x7F)}
_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")

_LATEX = re.compile(
    r"\\(?:text|textbf|textit|mathrm|mathbf|mathit|operatorname)\s?\{([^{}\n]{0,200})\}"
)
_BOX = re.compile(r"\\f?boxed\s?\{([^{}\n]{0,200})\}")
_STRUCK = re.compile(r"~~[^~\n]{1,200}~~")
_TAG = re.compile(r"<[|/a-zA-Z][^<>\n]{0,30}>")
_FRAMED = re.compile(r"(?<![\w*`$\"'])[*_`$\"'\[{]{1,3}[(]?([A-Ja-j])[)]?[*_`$\"'\]}]{1,3}(?!\w)")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_NEGATIVE = re.compile(r"\s*[-\u2212\u2013]\s?\d")  # "-3.2 L": another number than "3.2 L"
_LETTERS = re.compile(r"\s*A(?:,| and | or | & )")  # "A and B": a letter, not an article


def stem(word: str) -> str:
    """The beginning that a word shares with its inflections: "forg" of "forgot" and "forgets"."""
    return word[: max(4, len(word) - 3)]


_END_OF_TURN = re.compile(r"<\|[a-z_]{2,24}\|>|</s>|<eos>|<end_of_turn>")


def first_turn(text: str) -> str:
    """The text up to the mark that ends the model's turn; base models go on after it."""
    if "<" not in text:
        return text
    at = 0
    for found in _END_OF_TURN.finditer(text):
        piece = text[at : found.start()].strip()
        if piece and piece.lower() not in ("assistant", "<s>", "model"):
            return text[: found.start()]
        at = found.end()
    return text


LONGEST = 24_000  # characters; of a longer text the first quarter and the last three are read


def bounded(text: str) -> str:
    """The text, or the beginning and the end of one that is longer than LONGEST."""
    if len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST // 4]}\n{text[-3 * LONGEST // 4 :]}"


_TAIL = re.compile(r"[^\n]{5,120}\Z")


def completed(text: str, options: Sequence[str]) -> str:
    """The text with its last word whole, where it was cut inside the words of one option alone.

    At least five letters and more than half of the option must stand at the text's end; the authors
    of BBQ repair "pantsu" by hand. Anything else is returned as it is.
    """
    ending = text.rstrip(" .\u2026")
    tail = _TAIL.search(ending)
    if tail is None:
        return text
    low = lowered(tail[0])
    begun = [size for option in options if (size := _begun(low, said(option))) > 0]
    if len(begun) != 1:
        return text
    whole = next(said(option) for option in options if _begun(low, said(option)) > 0)
    size = begun[0]
    inside = whole[size - 1 : size + 1].isalnum() and len(whole) > size
    return ending + whole[size:] if inside and 2 * size > len(whole) else text


def said(option: str) -> str:
    """An option without its article, single spaces between its words."""
    whole = " ".join(option.split())
    head, _, rest = whole.partition(" ")
    return rest if rest and head.lower() in words.ARTICLES else whole


def _begun(low: str, option: str) -> int:
    """How many letters of an option the text ends with, at least five; 0 where it begins none."""
    wanted = lowered(option)
    for size in range(min(len(low), len(wanted)), 4, -1):
        if low.endswith(wanted[:size]) and not low[: len(low) - size][-1:].isalnum():
            return size
    return 0


def plain(text: str) -> str:
    """The text with straight quotes, half-width letters, no markup, and framed letters as (X)."""
    text = text.replace("\x00", " ")
    if not text.isascii():
        text = _without_variety(text)
    if "\\" in text:
        text = _BOX.sub(f"\n{words.BOXED} \\1\n", _LATEX.sub(r"\1", text))
    if "~~" in text:
        text = _STRUCK.sub(" ", text)
    if "<" in text:
        text = _TAG.sub("\n", text)
    text = _FRAMED.sub(r"(\1)", text)
    return text.replace("*", "").replace("`", "").replace("\r", "\n").replace("#", "")


def _without_variety(text: str) -> str:
    for sign, usual in _SINGLE.items():
        if sign in text:  # much faster than translate() for a long text
            text = text.replace(sign, usual)
    return text.translate(_HALF_WIDTH) if _FULL_WIDTH.search(text) else text


def lowered(text: str) -> str:
    """The text in lower case, every character where it was."""
    low = text.lower()
    return low if len(low) == len(text) else text.translate(_LOWER)


def tokens(text: str) -> list[str]:
    """The words of an option in lower case."""
    return _WORD.findall(lowered(plain(text)))


def core(text: str) -> list[str]:
    """The words of an option without a leading article; a leading minus stays with its number."""
    words_ = tokens(text)
    if _NEGATIVE.match(text):
        return [f"-{words_[0]}", *words_[1:]]
    article = len(words_) > 1 and words_[0] in words.ARTICLES and not _LETTERS.match(text)
    return words_[1:] if article else words_
