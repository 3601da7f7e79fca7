r"""Responses from elsewhere: JSON lines, checked. Reads one file.

A line has `id` and `gold`, and either `response`, a text to be read, or `answer`, what was read of
one already; optionally `model` and `sample_index`. Two real lines:

    {"id": "test/algebra/1.json", "gold": "\\frac{1}{2}", "response": "So it is $\\boxed{0.5}$."}
    {"id": "test/algebra/2.json", "gold": "5", "answer": "x=5", "model": "a", "sample_index": 3}

An id or a model with a control character (a line break, a tab, NUL) is refused: rows are joined by
them, and few tools read such a cell back as it was.
"""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any, NamedTuple

from featherweight.errors import InputError

MOST_PROBLEMS = 20
_TEXTS = ("id", "gold", "response", "answer", "model")
_KEYS = (*_TEXTS, "sample_index")
_WIDE = (b"\xff\xfe", b"\xfe\xff")  # how UTF-16 and UTF-32 begin


class Response(NamedTuple):
    """One line. Exactly one of `response` and `answer` is not None."""

    line: int  # from 1
    id: str
    gold: str
    response: str | None
    answer: str | None
    model: str | None
    sample_index: int | None


class _Bad(Exception):
    """A line that cannot be used, and why."""


def read_responses(path: Path) -> list[Response]:
    """The responses of a file, in order. Raises InputError with a line for each bad one."""
    if not path.is_file():
        state = "no such file" if not path.exists() else "a folder, a device or a pipe"
        raise InputError(
            f"{path}: {state}; expected the responses to grade, a file with one JSON object per"
            " line"
        )
    found, problems = [], []
    content = path.read_bytes()
    if content.startswith(_WIDE) or content.startswith(b"\x00\x00\xfe\xff"):
        raise InputError(f"{path}: expected UTF-8, got UTF-16 or UTF-32; save it as UTF-8")
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            found.append(_response(number, line))
        except _Bad as bad:
            problems.append((number, str(bad)))
    raise_if_any(path, problems)
    if not found:
        raise InputError(
            f"{path}: the file is empty; expected one JSON object per line with id, gold, and"
            " response or answer"
        )
    return found


def raise_if_any(path: Path, problems: list[tuple[int, str]]) -> None:
    """Raise InputError with one line for each (line number, problem), the first of many."""
    listed = [f"{path}:{number}: {problem}" for number, problem in problems[:MOST_PROBLEMS]]
    if len(problems) > MOST_PROBLEMS:
        listed.append(f"{path}: and {len(problems) - MOST_PROBLEMS} more lines with problems")
    if listed:
        raise InputError(listed)


def _response(number: int, line: bytes) -> Response:
    document = _document(line)
    unknown = [key for key in document if key not in _KEYS]
    if unknown:
        raise _Bad(f"{unknown[0]!r:.60}: unknown key, expected some of {', '.join(_KEYS)}")
    for key in _TEXTS:
        _check_text(document, key)
    for key in ("id", "gold"):
        if not document.get(key, "").strip():
            state = "is empty" if key in document else "is missing"
            raise _Bad(f"{key} {state}; expected a text")
    for key in ("id", "model"):
        _check_controls(document, key)
    if document.get("model") == "":
        raise _Bad("model is empty; expected a name, or no such key")
    if ("response" in document) == ("answer" in document):
        both = "both" if "answer" in document else "neither"
        raise _Bad(f"expected either response or answer, got {both}")
    index = document.get("sample_index")
    if "sample_index" in document and (type(index) is not int or index < 0):
        raise _Bad(f"sample_index: expected a whole number from 0, got {_said(index)}")
    return Response(
        number,
        document["id"],
        document["gold"],
        document.get("response"),
        document.get("answer"),
        document.get("model"),
        index,
    )


def _document(line: bytes) -> dict[str, Any]:
    try:
        text = line.decode("utf-8-sig")
        document = json.loads(text, object_pairs_hook=_once)
    except UnicodeDecodeError as error:
        raise _Bad(
            f"expected UTF-8, got byte 0x{line[error.start]:02x} ({error.reason})"
        ) from error
    except (ValueError, RecursionError) as error:
        raise _Bad(f"expected a JSON object, got {text[:40]!r} ({error})") from error
    if not isinstance(document, dict):
        raise _Bad(f"expected a JSON object, got {_said(document)}")
    return document


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys are all different."""
    document = dict(pairs)
    if len(document) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Bad(f"{twice!r:.60} stands there twice; expected each key once")
    return document


def _check_text(document: dict[str, Any], key: str) -> None:
    if key not in document:
        return
    value = document[key]
    if not isinstance(value, str):
        raise _Bad(f"{key}: expected a text, got {_said(value)}; write it in quotes")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise _Bad(f"{key}: half of a character (a lone surrogate) at {error.start}") from error


def _check_controls(document: dict[str, Any], key: str) -> None:
    for at, sign in enumerate(document.get(key, "")):
        if is_control(sign):
            raise _Bad(
                f"{key}: the control character {sign!r} at {at}; expected a name on one line"
            )


def is_control(sign: str) -> bool:
    """Whether a character breaks lines or has no picture (Cc, and Unicode's line separators)."""
    return unicodedata.category(sign) in ("Cc", "Zl", "Zp")


def _said(value: Any) -> str:
    """A value as it stands in JSON, shortened."""
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
