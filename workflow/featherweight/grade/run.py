r"""Reads responses, grades them, writes a CSV with one row for each, in their order.

One real row, of the response "So it is $\boxed{0.5}$." where \frac{1}{2} is right:

    id=test/algebra/1.json model= sample_index= gold=\frac{1}{2} answer=0.5 outcome=right reason=
    rule=box graded_by=number

`rule` says how the answer was read ("given": it came as `answer`), `graded_by` which rule of
grading decided. Texts stand as they came, so that rows can be joined by `id`: a cell that begins
with =, +, - or @ is a text, never a formula; import it so into a spreadsheet. Control characters of
an answer or a right answer are written as `\n`, `\r`, `\x00` and so on, so that a row is a line in
every reader of CSV; of one of more than 1,000 characters the beginning is written.
"""

from __future__ import annotations

import csv
import io
import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from featherweight.errors import InputError
from featherweight.files import check_target, write_atomically
from featherweight.grade.responses import Response, is_control, raise_if_any, read_responses
from featherweight.grading import LIMITS, Grade, Grader, Grading
from featherweight.reading.free import read_free
from featherweight.records import Item, Outcome, Reading, Reason
from featherweight.stats.intervals import wilson
from featherweight.tasks import Task

log = logging.getLogger("featherweight")
_LONGEST_CELL = 1000  # characters
COLUMNS = (
    "id",
    "model",
    "sample_index",
    "gold",
    "answer",
    "outcome",
    "reason",
    "rule",
    "graded_by",
)


class Graded(NamedTuple):
    """One response, read and graded."""

    response: Response
    reading: Reading
    outcome: Outcome
    reason: Reason | None
    graded_by: str | None
    lenient: bool | None


def grade_file(
    task: Task, responses: Path, output: Path, *, workers: int, cache: Path | None, lenient: bool
) -> None:
    """Grade the responses of a file. Raises InputError before anything is written."""
    assert task.grading is not None
    if output.exists() and responses.exists() and output.samefile(responses):
        raise InputError(f"{output}: expected another file than the responses; name another one")
    check_target(output)
    asked = read_responses(responses)
    with Grader(task.grading, cache, workers=workers) as grader:
        _check_golds(responses, asked, grader)
        readings = [_read(task, response) for response in asked]
        grades = _grades(asked, readings, grader)
    loose = _lenient(asked, task.grading, cache, workers) if lenient else [None] * len(asked)
    rows = [
        Graded(response, reading, *_outcome(reading, grade), verdict)
        for response, reading, grade, verdict in zip(asked, readings, grades, loose, strict=True)
    ]
    write_atomically(output, _csv(rows, lenient=lenient))
    log.info("%s: %s", output, _summary(rows))


def _check_golds(path: Path, asked: Sequence[Response], grader: Grader) -> None:
    grades = grader.of_themselves([response.gold for response in asked])
    raise_if_any(
        path,
        [
            (
                one.line,
                f"{one.id!r:.60}: gold {one.gold!r:.60} "
                + (
                    f"is no {grader.kind} that can be read"
                    if grades[one.gold].reason is None
                    else f"reached a limit when it was read ({grades[one.gold].reason}); run again"
                ),
            )
            for one in asked
            if grades[one.gold].equal is not True
        ],
    )


def _read(task: Task, response: Response) -> Reading:
    """What a response states. Where it came from is unknown: it counts as ended by itself."""
    if response.answer is not None:
        if not response.answer.strip():
            return Reading(None, None, "empty")
        return Reading(response.answer, "given", None)
    name = response.id
    item = Item(task.name, name, "", name, name, "", None, "", "", None, response.gold)
    assert task.read is not None
    return read_free(task.read, response.response, item, "stop")


def _grades(
    asked: Sequence[Response], readings: Sequence[Reading], grader: Grader
) -> list[Grade | None]:
    """A grade for each response; None where nothing was read."""
    pairs = [
        None if reading.answer is None else (response.gold, reading.answer)
        for response, reading in zip(asked, readings, strict=True)
    ]
    wanted = list(dict.fromkeys(pair for pair in pairs if pair is not None))
    found = dict(zip(wanted, grader.grade(wanted), strict=True))
    return [None if pair is None else found[pair] for pair in pairs]


def _lenient(
    asked: Sequence[Response], kind: Grading, cache: Path | None, workers: int
) -> list[bool | None]:
    """What a lenient reading of each whole response says; None: no verdict, or no response."""
    pairs = [None if one.response is None else (one.gold, one.response) for one in asked]
    wanted = list(dict.fromkeys(pair for pair in pairs if pair is not None))
    with Grader(kind, cache, workers=workers, lenient=True) as grader:
        found = dict(zip(wanted, grader.grade(wanted), strict=True))
    return [None if pair is None else found[pair].equal for pair in pairs]


def _outcome(reading: Reading, grade: Grade | None) -> tuple[Outcome, Reason | None, str | None]:
    if grade is None:
        return ("unfinished" if reading.unfinished else "unparsed"), reading.reason, None
    if grade.equal is None:
        return "unparsed", grade.reason, grade.rule
    return ("right" if grade.equal else "wrong"), None, grade.rule


def _csv(rows: Sequence[Graded], *, lenient: bool) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, "lenient"] if lenient else COLUMNS)
    for response, reading, outcome, reason, graded_by, loose in rows:
        cells: list[object] = [
            response.id,
            response.model,
            response.sample_index,
            _cell(response.gold),
            _cell(reading.answer),
            outcome,
            reason,
            reading.rule,
            graded_by,
        ]
        if lenient:
            cells.append(None if loose is None else str(loose).lower())
        writer.writerow(cells)
    return text.getvalue().encode()


def _cell(text: str | None) -> str | None:
    """A text on one line, its control characters escaped as Python writes them, and cut."""
    if text is None:
        return None
    line = "".join(repr(sign)[1:-1] if is_control(sign) else sign for sign in text[:_LONGEST_CELL])
    return line if len(text) <= _LONGEST_CELL else f"{line}... ({len(text)} characters)"


def _summary(rows: Sequence[Graded]) -> str:
    counts = Counter(row.outcome for row in rows)
    low, high = wilson(counts["right"], len(rows))
    late = Counter(row.reason for row in rows if row.graded_by and row.reason)
    limits = "".join(
        f"; {number} reached the limit of {LIMITS.cpu_seconds:g} CPU seconds"
        if reason == "time out"
        else f"; {number} reached the limit of {LIMITS.memory_bytes / 2**30:g} GiB"
        for reason, number in sorted(late.items(), key=str)
    )
    return (
        f"{len(rows)} responses: {counts['right']} right, {counts['wrong']} wrong,"
        f" {counts['unparsed']} unparsed, {counts['unfinished']} unfinished; accuracy"
        f" {counts['right'] / len(rows):.4f} (95% interval {low:.4f} to {high:.4f}, by Wilson;"
        f" unparsed and unfinished count as wrong){limits}"
    )
