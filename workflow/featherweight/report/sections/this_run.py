"""Hardware, seconds and memory: the one section of the page that another run of the same study
changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from featherweight.records import Usage
from featherweight.report import theme
from featherweight.report.inputs import Inputs
from featherweight.report.parts import Cell, Column, Section, Table

STAGES = ("acquire", "prompts", "generate", "score", "aggregate", "compare")
GENERATED = (
    "Generated",
    "Seconds, load",
    "Seconds, generate",
    "Tokens",
    "Tokens per second",
    "Peak memory, MiB",
)
BY_LIKELIHOOD = ("Chosen by likelihood", "Seconds, likelihood")


@dataclass(frozen=True, slots=True)
class ThisRun:
    """What a machine needed."""

    machine: tuple[tuple[str, str], ...]
    models: Table | None
    stages: Table | None


def section(inputs: Inputs) -> Section:
    """The last section of the page."""
    data = ThisRun(machine(inputs), models(inputs), stages(inputs))
    return Section("run", "sections/this_run.html.j2", "This run", data)


def machine(inputs: Inputs) -> tuple[tuple[str, str], ...]:
    """Machine, engine, device and threads as names and values, each distinct value once."""
    looks: tuple[tuple[str, Callable[[Usage], str]], ...] = (
        ("Machine", lambda row: row.hardware),
        ("Engine", lambda row: row.engine),
        ("Device", lambda row: row.device),
        ("Threads", lambda row: theme.count(row.threads)),
    )
    listed = [
        (name, _distinct(inputs, ((row.model, look(row)) for row in inputs.usage)))
        for name, look in looks
    ]
    return tuple((name, value) for name, value in listed if value)


def _distinct(inputs: Inputs, pairs: Iterable[tuple[str, str]]) -> str:
    """Each value once; where there are several, with the models that it belongs to."""
    owners: dict[str, list[str]] = {}
    for model, value in pairs:
        if value:
            owners.setdefault(value, []).append(inputs.label(model))
    if len(owners) < 2:
        return "".join(owners)
    return "; ".join(
        f"{value} ({' · '.join(dict.fromkeys(names))})" for value, names in owners.items()
    )


def models(inputs: Inputs) -> Table | None:
    """Seconds, tokens and memory of each model's answers, summed over their chunks; None where
    nothing was recorded.
    """
    rows = {name: [row for row in inputs.usage if row.model == name] for name in inputs.every}
    if not any(rows.values()):
        return None
    chosen = any(row.n_scored for row in inputs.usage)
    headings = (*GENERATED, *(BY_LIKELIHOOD if chosen else ()))
    columns = (Column("Model"), *(Column(heading, number=True) for heading in headings))
    return Table(
        "Seconds and hardware",
        columns,
        tuple(
            (Cell(inputs.label(name)), *_cells(own)[: len(headings)])
            for name, own in rows.items()
            if own
        ),
    )


def _cells(rows: Sequence[Usage]) -> tuple[Cell, ...]:
    """One model's sums; a chunk is either generated or chosen by likelihood."""
    generated = [row for row in rows if not row.n_scored]
    chosen = [row for row in rows if row.n_scored]
    seconds = sum(row.seconds for row in generated)
    tokens = sum(row.tokens_out for row in generated)
    return tuple(
        Cell(text)
        for text in (
            theme.count(sum(row.n_samples for row in generated)),
            _seconds(sum(row.seconds_load for row in rows)),
            _seconds(seconds),
            theme.count(tokens),
            theme.count(tokens / seconds if seconds else None),
            theme.count(max(row.peak_rss_mib for row in rows)),
            theme.count(sum(row.n_scored for row in chosen)),
            _seconds(sum(row.seconds for row in chosen)),
        )
    )


def stages(inputs: Inputs) -> Table | None:
    """Jobs, seconds and the largest memory of each stage; the report's own are of an earlier page
    and left out.
    """
    rows = []
    for name in dict.fromkeys([*STAGES, *sorted({job.stage for job in inputs.jobs})]):
        jobs = [job for job in inputs.jobs if job.stage == name]
        if not jobs or name == "report":
            continue
        seconds = [job.seconds for job in jobs if job.seconds is not None]
        memory = [job.max_rss for job in jobs if job.max_rss is not None]
        rows.append(
            (
                Cell(name),
                Cell(f"{len(jobs):,}"),
                Cell(_seconds(sum(seconds) if seconds else None)),
                Cell(theme.count(max(memory) if memory else None)),
            )
        )
    headings = ("Jobs", "Seconds, all jobs", "Largest memory, MiB")
    columns = (Column("Stage"), *(Column(heading, number=True) for heading in headings))
    return Table("Seconds per stage", columns, tuple(rows)) if rows else None


def _seconds(value: float | None) -> str:
    return theme.NO_DATA if value is None else f"{value:,.1f}"
