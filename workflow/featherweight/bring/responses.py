"""Answers from elsewhere: recognises a file's format and reads JSON lines of our own form.

Three formats are told apart by what is in the file, never by its name:

- JSON lines with `category`, `example_id`, `response` and optionally `model`, `shown_order` (which
  option stood at which place, as indices into BBQ's) and `finish` ("length": cut off by the token
  limit). One real line:

      {"category": "Age", "example_id": 12, "response": "(B) The nephew", "model": "my-model"}

- the sample log of lm-evaluation-harness and the log of Inspect (`harness_logs`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from featherweight.bring import harness_logs
from featherweight.bring.response import Answers, Problems, Response
from featherweight.errors import InputError

WANTED = ("category", "example_id", "response")
_FINISHES = ("stop", "length", "forced")


def read_answers(path: Path, problems: Problems) -> Answers:
    """The answers in a file.

    What is wrong with single lines goes to `problems`; a file of no known form raises.
    """
    if not path.is_file():
        raise InputError(
            f"{path}: no such file; expected the answers to score, one JSON object per line"
        )
    content = path.read_bytes()
    if content[:2] == b"PK":
        return harness_logs.inspect_archive(content, str(path), problems)
    if not content.strip():
        raise InputError(
            f"{path}: the file is empty; expected one JSON object per line with {', '.join(WANTED)}"
        )
    whole = _whole_document(content)
    if whole is not None:
        if harness_logs.is_inspect(whole):
            return harness_logs.inspect_log(whole, str(path), problems)
        if not isinstance(whole, dict) or not _looks_like_a_line(whole):
            raise InputError(_not_lines(path, whole))
    lines = list(_lines(content, path, problems))
    if not lines:
        problems.raise_if_any([_expected(path)])
    if harness_logs.is_lm_eval(lines[0][1]):
        return harness_logs.lm_eval_log(lines, problems)
    responses = [
        response
        for where, line in lines
        if (response := _response(where, line, problems)) is not None
    ]
    _check_models(responses, problems)
    return Answers("JSON lines", responses)


def _expected(path: Path) -> str:
    return (
        f"{path}: expected one JSON object per line with {', '.join(WANTED)}, a sample log of"
        " lm-evaluation-harness (--log_samples) or a log of Inspect"
    )


def _not_lines(path: Path, whole: Any) -> str:
    got = (
        f"a JSON array of {len(whole)} values"
        if isinstance(whole, list)
        else f"one JSON {type(whole).__name__}"
    )
    return f"{_expected(path)}, got {got}; write one object per line"


def _whole_document(content: bytes) -> Any:
    """The file as one JSON document; None for JSON lines."""
    first = content.lstrip()[:1]
    if first not in b"{[":
        return None
    if first == b"{" and _parses(content.lstrip().split(b"\n", 1)[0]) and b"\n" in content.strip():
        return None  # the first line is an object of its own
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _parses(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _looks_like_a_line(whole: dict[str, Any]) -> bool:
    return bool(set(WANTED) & set(whole)) or harness_logs.is_lm_eval(whole)


def _lines(content: bytes, path: Path, problems: Problems) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            parsed = json.loads(line)
        except (ValueError, RecursionError) as error:
            shown = line[:40].decode("utf-8", errors="replace")
            problems.add(where, f"expected a JSON object, got {shown!r} ({error})")
            continue
        if isinstance(parsed, dict):
            yield where, parsed
        else:
            problems.add(where, f"expected a JSON object, got a JSON {type(parsed).__name__}")


def _response(where: str, line: dict[str, Any], problems: Problems) -> Response | None:
    """One line of our own form, or None (and every problem it has)."""
    wrong = [f"{key} is missing" for key in WANTED if key not in line]
    if "category" in line and not isinstance(line["category"], str):
        wrong.append(f"category: expected a text, got {_said(line['category'])}")
    number = line.get("example_id")
    if "example_id" in line and (not isinstance(number, int) or isinstance(number, bool)):
        wrong.append(f"example_id: expected a whole number, got {_said(number)}")
    if "response" in line and not isinstance(line["response"], str):
        hint = '; write "" where a model said nothing' if line["response"] is None else ""
        wrong.append(f"response: expected a text, got {_said(line['response'])}{hint}")
    if "model" in line and (not isinstance(line["model"], str) or not line["model"]):
        wrong.append(f"model: expected a name, got {_said(line['model'])}")
    order = line.get("shown_order")
    if order is not None and not (
        isinstance(order, list) and sorted(map(str, order)) == ["0", "1", "2"]
    ):
        wrong.append(
            f"shown_order: expected the numbers 0, 1 and 2 in some order, got {_said(order)}"
        )
    if line.get("finish", "stop") not in _FINISHES:
        wrong.append(f"finish: expected one of {', '.join(_FINISHES)}, got {_said(line['finish'])}")
    if wrong:
        problems.add(where, "; ".join(wrong))
        return None
    return Response(
        model=line.get("model"),
        category=line["category"],
        example_id=line["example_id"],
        text=line["response"],
        where=where,
        order=None if order is None else tuple(int(place) for place in order),
        finish=line.get("finish", "stop"),
    )


def _said(value: Any) -> str:
    """A value as it stands in JSON, shortened."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _check_models(responses: list[Response], problems: Problems) -> None:
    """Either every line names its model or none does."""
    named = [response for response in responses if response.model is not None]
    if not named or len(named) == len(responses):
        return
    for response in responses:
        if response.model is None:
            problems.add(
                response.where,
                f"no model, but {named[0].where} has model {named[0].model!r}: name it in every"
                " line",
            )
