"""Published figures: data with a source, read from `config/published/*.csv`.

One real line of bbq.csv:

    BBQ,accuracy,disambiguated,all,GPT-4o,OpenAI,,0.72,,fraction,"OpenAI internal BBQ run, prompt
    and sample size not stated",gpt-4.5-card,"Table 5, section 3.1.4",source,yes

Values stay in their source's unit on disk; `fraction` turns percent and fraction into one scale
when asked.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path

from featherweight.errors import InputError
from featherweight.files import write_atomically
from featherweight.records import ALL
from featherweight.tasks import task, task_names

SOURCE_COLUMNS = ("source", "short", "title", "address", "address_seen")
YES_NO = ("yes", "no")
SEEN = ("source", "transcription", "article")
UNSPECIFIED = "unspecified"  # the source does not say which stratum was asked


@dataclass(frozen=True, slots=True)
class Published:
    """One figure that somebody printed, with where it stands."""

    benchmark: str
    metric: str
    stratum: str  # of the task beside it, all or unspecified; "" where the benchmark has none
    category: str
    model: str
    organisation: str
    parameters_billion: float | None
    value: float
    value_high: float | None  # the upper end where a range was printed
    unit: str
    setting: str
    source: str  # an id in sources.csv
    locator: str
    # "source": read there; "transcription": somebody's copy of the table; "article": an article
    # repeats it
    seen: str
    drawn: bool  # drawn in figures
    short: str  # the source's name in running text
    title: str
    address: str | None  # None where the address was not printed in what was read

    @property
    def fraction(self) -> float | None:
        """The value as a fraction; None where it is no share."""
        return {"percent": self.value / 100, "fraction": self.value}.get(self.unit)


COLUMNS = tuple(
    field.name for field in fields(Published) if field.name not in ("short", "title", "address")
)


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
            wrong = _problems(row, sources)
            problems += [f"{path}:{number}: {problem}" for problem in wrong]
            if not wrong:
                figures.append(_figure(row, sources[row["source"]]))
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


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _problems(row: dict[str, str], sources: dict[str, dict[str, str]]) -> list[str]:
    """What is wrong with one row."""
    problems = [
        f"{name}: expected a text, got an empty field"
        for name in ("benchmark", "metric", "model", "unit", "locator")
        if not row[name].strip()
    ]
    if _number(row["value"]) is None:
        problems.append(f"value: expected a number, got {row['value']!r}")
    for name in ("value_high", "parameters_billion"):
        if row[name] and _number(row[name]) is None:
            problems.append(f"{name}: expected a number or nothing, got {row[name]!r}")
    strata = _strata().get(row["benchmark"], ("",))
    for name, allowed in (("drawn", YES_NO), ("seen", SEEN), ("stratum", strata)):
        if row[name] not in allowed:
            problems.append(
                f"{name}: expected one of {', '.join(a or 'nothing' for a in allowed)}, got"
                f" {row[name]!r}"
            )
    if row["source"] not in sources:
        problems.append(
            f"source: expected an id of sources.csv, got {row['source']!r}; add it there"
        )
    value = _number(row["value"])
    top = {"percent": 100.0, "fraction": 1.0}.get(row["unit"])
    if value is not None and top is not None and abs(value) > top:
        problems.append(
            f"value: {row['value']} is beyond {top:g} for unit {row['unit']!r}; is the unit right?"
        )
    return problems


@cache
def _strata() -> dict[str, tuple[str, ...]]:
    """By benchmark, what a figure's stratum may be; a benchmark that is not here has none."""
    tasks = [task(name) for name in task_names()]
    return {
        one.benchmark: (*one.strata, ALL, UNSPECIFIED, "")
        for one in tasks
        if one.benchmark is not None and one.strata
    }


def _figure(row: dict[str, str], source: dict[str, str]) -> Published:
    seen = source["address_seen"] == "yes" and source["address"]
    return Published(
        benchmark=row["benchmark"],
        metric=row["metric"],
        stratum=row["stratum"],
        category=row["category"],
        model=row["model"],
        organisation=row["organisation"],
        parameters_billion=_number(row["parameters_billion"]),
        value=float(row["value"]),
        value_high=_number(row["value_high"]),
        unit=row["unit"],
        setting=row["setting"],
        source=row["source"],
        locator=row["locator"],
        seen=row["seen"],
        drawn=row["drawn"] == "yes",
        short=source["short"],
        title=source["title"],
        address=source["address"] if seen else None,
    )


def write_published(path: Path, rows: Iterable[PublishedRow]) -> None:
    """Write figures beside tasks as CSV; an unknown is an empty field."""
    sink = io.StringIO()
    names = ("task", "comparable", "why", "fraction", *(field.name for field in fields(Published)))
    writer = csv.DictWriter(sink, names, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        figure = {name: _cell(value) for name, value in asdict(row.figure).items()}
        ours = {"task": row.task, "comparable": _cell(row.comparable), "why": row.why}
        writer.writerow(ours | {"fraction": _cell(row.figure.fraction)} | figure)
    write_atomically(path, sink.getvalue().encode())


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.10g}"
    return "" if value is None else str(value)
