"""Published figures: data with a source, read from `config/published/*.csv`.

One real line of mmlu.csv:

    MMLU,pass@1,,all,DeepSeek-R1,DeepSeek,671,90.8,,percent,...,r1-paper,"Table 4, section 3.1",...

Values stay in their source's unit on disk; `fraction` turns percent and fraction into one scale
when asked.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from featherweight.compare.selection import Strict, Text
from featherweight.documents import check
from featherweight.errors import InputError
from featherweight.files import write_atomically
from featherweight.records import ALL
from featherweight.tasks import task, task_names

SOURCE_COLUMNS = ("source", "short", "title", "address", "address_seen")
OF_SOURCE = ("short", "title", "address")
UNSPECIFIED = "unspecified"  # the source does not say which stratum was asked
TOP = {"percent": 100.0, "fraction": 1.0}  # beyond it a value has another unit

Finite = Annotated[float, Field(allow_inf_nan=False)]
MayBeEmpty = Annotated[Finite | None, BeforeValidator(lambda text: None if text == "" else text)]


class Published(Strict):
    """One figure that somebody printed, with where it stands; the columns of a file, in order."""

    benchmark: Text
    metric: Text
    stratum: str  # of the task beside it, all or unspecified; "" where the benchmark has none
    category: str
    model: Text
    organisation: str
    parameters_billion: MayBeEmpty
    value: Finite
    value_high: MayBeEmpty  # the upper end where a range was printed
    unit: Text
    setting: str
    source: str  # an id in sources.csv
    locator: Text
    # "source": read there; "transcription": somebody's copy of the table; "article": an article
    # repeats it
    seen: Literal["source", "transcription", "article"]
    drawn: bool  # drawn in figures
    short: str = ""  # the source's name in running text
    title: str = ""
    address: str | None = None  # None where the address was not printed in what was read

    @property
    def fraction(self) -> float | None:
        """The value as a fraction; None where it is no share."""
        return {"percent": self.value / 100, "fraction": self.value}.get(self.unit)

    @field_validator("stratum")
    @classmethod
    def _of_the_benchmark(cls, stratum: str, info: ValidationInfo) -> str:
        known = _strata().get(info.data.get("benchmark", ""), ("",))
        if stratum not in known:
            raise ValueError(f"expected one of {', '.join(one or 'nothing' for one in known)}")
        return stratum

    @field_validator("unit")
    @classmethod
    def _fits_the_value(cls, unit: str, info: ValidationInfo) -> str:
        value = info.data.get("value")
        if value is not None and unit in TOP and abs(value) > TOP[unit]:
            raise ValueError(f"the value {value:g} is beyond {TOP[unit]:g}; is the unit right?")
        return unit


COLUMNS = tuple(name for name in Published.model_fields if name not in OF_SOURCE)


@cache
def _strata() -> dict[str, tuple[str, ...]]:
    """By benchmark, what a figure's stratum may be; a benchmark that is not here has none."""
    tasks = [task(name) for name in task_names()]
    return {
        one.benchmark: (*one.strata, ALL, UNSPECIFIED, "")
        for one in tasks
        if one.benchmark is not None and one.strata
    }


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """A published figure that belongs beside one of the study's tasks."""

    task: str
    figure: Published
    comparable: bool
    why: str


def read_published(folder: Path) -> list[Published]:
    """Every figure below `folder`, in the order of file names and lines.

    Raises InputError naming file and line.
    """
    if not folder.is_dir():
        raise InputError(
            f"{folder}: expected a folder with published figures as CSV, found none; check"
            " --published"
        )
    problems: list[str] = []
    sources = {
        row["source"]: row for _, row in _lines(folder / "sources.csv", SOURCE_COLUMNS, problems)
    }
    figures = []
    for path in sorted(folder.glob("*.csv")):
        if path.name == "sources.csv":
            continue
        for number, row in _lines(path, COLUMNS, problems):
            try:
                figures.append(_figure(row, sources, f"{path}:{number}"))
            except InputError as error:
                problems += error.problems
    if problems:
        raise InputError(problems)
    if not figures:
        raise InputError(f"{folder}: expected at least one published figure, found none")
    return figures


def _lines(
    path: Path, columns: Sequence[str], problems: list[str]
) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV with the number of the line that each begins on; what is wrong is added to
    `problems`.
    """
    if not path.is_file():
        problems.append(f"{path}: expected a CSV file, found none")
        return []
    reader = csv.reader(io.StringIO(path.read_text(encoding="utf-8")))
    header = next(reader, [])
    if tuple(header) != tuple(columns):
        problems.append(
            f"{path}:1: expected the columns {', '.join(columns)}, got"
            f" {', '.join(header) or 'none'}"
        )
        return []
    rows, number = [], reader.line_num + 1
    for cells in reader:
        if len(cells) == len(columns):
            rows.append((number, dict(zip(columns, cells, strict=True))))
        else:
            problems.append(f"{path}:{number}: expected {len(columns)} fields, got {len(cells)}")
        number = reader.line_num + 1
    return rows


def _figure(row: dict[str, str], sources: dict[str, dict[str, str]], where: str) -> Published:
    """One figure with its source. Raises InputError."""
    figure = check(row, Published, where)
    source = sources.get(figure.source)
    if source is None:
        raise InputError(
            f"{where}: source: expected an id of sources.csv, got {figure.source!r}; add it there"
        )
    address = source["address"] if source["address_seen"] == "yes" and source["address"] else None
    cited = {"short": source["short"], "title": source["title"], "address": address}
    return figure.model_copy(update=cited)


def write_published(path: Path, rows: Iterable[PublishedRow]) -> None:
    """Write figures beside tasks as CSV; an unknown is an empty field."""
    sink = io.StringIO()
    names = ("task", "comparable", "why", "fraction", *Published.model_fields)
    writer = csv.DictWriter(sink, names, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        figure = {name: _cell(value) for name, value in row.figure.model_dump().items()}
        ours = {"task": row.task, "comparable": _cell(row.comparable), "why": row.why}
        writer.writerow(ours | {"fraction": _cell(row.figure.fraction)} | figure)
    write_atomically(path, sink.getvalue().encode())


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.10g}"
    return "" if value is None else str(value)
