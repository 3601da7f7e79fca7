"""Where everything comes from: versions, commit, revisions and hashes, seeds, published figures.

Nothing here depends on the day, the machine's paths or how long the run took: the page of the same
samples is the same page. Seconds and hardware (`this_run`) stand in a section of their own.
"""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

from featherweight import __version__
from featherweight.grading import LIMITS
from featherweight.records import ALL
from featherweight.report import frames, shown, theme
from featherweight.report.inputs import Inputs, Manifest, PublishedRow
from featherweight.report.parts import Cell, Column, Section, Table
from featherweight.report.sections import two_ways
from featherweight.report.sections.instrument import agree
from featherweight.specs import DecodingSpec, StudiedTask

PACKAGES = (
    "altair",
    "jinja2",
    "numpy",
    "pandas",
    "pyarrow",
    "safetensors",
    "scipy",
    "snakemake",
    "tokenizers",
    "torch",
    "transformers",
    "vl-convert-python",
)
UNKNOWN = "unknown"
Facts = tuple[tuple[str, str], ...]  # names and values


@dataclass(frozen=True, slots=True)
class Pinned:
    """One model or dataset: what is shown of it, and the hash of every file."""

    label: str
    revision: str | None
    facts: Facts
    files: Facts
    missing: bool = False
    why_missing: str | None = None


@dataclass(frozen=True, slots=True)
class PublishedFigure:
    """One row of the published figures that are drawn."""

    model: str
    task: str
    values: tuple[str, ...]  # by column; "": a stratum that the task does not have
    row: PublishedRow


@dataclass(frozen=True, slots=True)
class Methods:
    """Everything that another needs to make the page again."""

    sources: tuple[str, ...]
    cluster: str
    clusters: str
    alike: str | None  # why intervals are clustered so
    agree: str
    command: str
    partial: str | None  # what this run leaves out of the study; the command does not
    facts: Facts
    grading: str | None  # how free answers are read and graded
    readings: Table | None
    models: tuple[Pinned, ...]
    datasets: tuple[Pinned, ...]
    several_published: bool  # whether a row must say of which task it is
    published_columns: tuple[str, ...]
    published: tuple[PublishedFigure, ...]
    versions: Facts


def section(inputs: Inputs) -> Section:
    """The section of methods and provenance."""
    own = (inputs.words(task).source for task in inputs.spec.tasks)
    columns = published_columns(inputs)
    printed = published(inputs, columns)
    told = [place for place in range(len(columns)) if any(one.values[place] for one in printed)]
    data = Methods(
        sources=tuple(dict.fromkeys(source for source in own if source is not None)),
        cluster=inputs.cluster,
        clusters=inputs.clusters,
        alike=_alike(inputs),
        agree=agree(inputs),
        command=f"snakemake --cores all --config study={inputs.spec.study}",
        partial=inputs.spec.partial,
        facts=facts(inputs),
        grading=_grading(inputs),
        readings=readings(inputs),
        models=tuple(_model(inputs, name) for name in inputs.every),
        datasets=tuple(_dataset(inputs, name, one) for name, one in inputs.datasets.items()),
        several_published=len({one.row.task for one in printed}) > 1,
        published_columns=tuple(columns[place] for place in told),
        published=tuple(
            replace(one, values=tuple(one.values[place] for place in told)) for one in printed
        ),
        versions=versions(),
    )
    return Section("methods", "sections/methods.html.j2", "Methods and provenance", data)


def _alike(inputs: Inputs) -> str | None:
    """Why intervals are clustered; nothing to say where each question is a cluster of its own."""
    named = [inputs.words(task).cluster for task in inputs.spec.tasks]
    named = [name for name in dict.fromkeys(named) if name != "question"]
    return f"since questions of one {' or '.join(named)} are alike" if named else None


def _grading(inputs: Inputs) -> str | None:
    """How free answers are read and graded, in a paragraph; None where every answer is chosen."""
    tasks = inputs.graded_tasks
    if not tasks:
        return None
    return (
        f"{theme.listed(list(map(inputs.task_label, tasks)))}: an answer is first read out of the"
        " text (the last box that is closed, a stated answer, or what the task asks for), its"
        " thinking left aside; then what was read, and nothing else, is graded against the right"
        " answer, by rules of our own and, where these do not decide, by math-verify in worker"
        " processes that can be killed. A pair may cost"
        f" {LIMITS.cpu_seconds:g} seconds of processor time and"
        f" {LIMITS.memory_bytes / 2**30:g} GiB; beyond either it has no grade, counts as not"
        " readable, and says why. Nothing that a model wrote is evaluated. Whatever was not"
        " finished or not read counts as wrong in every headline; accuracy among the answers that"
        " were read stands beside it, and what a lenient grader would have printed is a column and"
        " no more."
    )


def _samples(inputs: Inputs) -> str:
    """How many answers a prompt gets, where that differs, by task."""
    counts = {inputs.spec.samples_of(label) for label in inputs.spec.tasks}
    if len(counts) == 1:
        said = str(*counts)
    else:
        said = ", ".join(
            f"{inputs.spec.samples_of(label)} ({inputs.task_label(label)})"
            for label in inputs.spec.tasks
        )
    several = max(counts) > 1 and two_ways.by_likelihood(inputs)
    return f"{said}{' where they are generated, 1 by likelihood' if several else ''}"


def facts(inputs: Inputs) -> Facts:
    """The study's settings as names and values."""
    spec = inputs.spec
    commit, changed = _commit()
    return (
        ("Study", spec.study),
        (
            "Featherweight",
            f"{__version__}, commit {commit}"
            f"{', with changes that are not committed' if changed else ''}",
        ),
        ("Hash of the study's settings", spec.config_hash),
        ("Engine", spec.engine),
        ("Number format", spec.dtype),
        ("Seeds", ", ".join(map(str, spec.seeds))),
        (
            "Answers per prompt",
            _samples(inputs),
        ),
        ("Unread answers", inputs.unread_policy),
        ("Bootstrap draws", f"{spec.bootstrap_draws:,}"),
        *(
            (f"Wording, {inputs.task_label(label)}", _wording(inputs, entry))
            for label, entry in spec.tasks.items()
        ),
        *(
            (f"Answers, {inputs.task_label(task)}", two_ways.HOW)
            for task in two_ways.by_likelihood(inputs)
        ),
    )


def _wording(inputs: Inputs, entry: StudiedTask) -> str:
    """The wording of a task; where each model has its own, which model got which."""
    if entry.wording is not None:
        return entry.wording
    named: dict[str, list[str]] = {}
    for model in entry.models:
        named.setdefault(entry.wording_of(model), []).append(inputs.label(model))
    if len(named) == 1:
        return next(iter(named))
    return "; ".join(f"{wording}: {', '.join(labels)}" for wording, labels in named.items())


def _commit() -> tuple[str, bool]:
    """The commit of the project's code and whether it was changed since; unknown without git."""
    here = Path(__file__).parent
    commit = _git(here, "rev-parse", "HEAD")
    if commit is None:
        return UNKNOWN, False
    paths = (":/workflow", ":/config")
    return commit, bool(_git(here, "status", "--porcelain", "--untracked-files=no", "--", *paths))


def _git(folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 and done.stdout.strip() else None


def versions() -> Facts:
    """Python and the packages that can change a number or a picture."""
    known = [("python", platform.python_version())]
    for name in PACKAGES:
        try:
            known.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            continue
    return tuple(known)


def readings(inputs: Inputs) -> Table | None:
    """By which rule each model's answers were read, why others were not, and how answers ended."""
    rows = []
    for model in inputs.models:
        for task, counts in inputs.readings.get(model, {}).items():
            reasons = inputs.why_unread(task)
            rows.append(
                (
                    Cell(inputs.label(model)),
                    *shown.task_cell(inputs, task),
                    Cell(_counted(counts.rule, inputs.read_by(task)) or "none"),
                    Cell(_counted(counts.reason, reasons) or "none"),
                    Cell(_counted(counts.finish, theme.ENDED)),
                )
            )
    if not rows:
        return None
    several = (Column("Task"),) if inputs.several_tasks else ()
    headings = ("Read by the rule", "Not read, because", "Ended")
    columns = (Column("Model"), *several, *(Column(heading) for heading in headings))
    return Table("How answers were read", columns, tuple(rows))


def _counted(counts: Mapping[str, int], words: Mapping[str, str]) -> str:
    ordered = sorted(counts.items(), key=lambda pair: -pair[1])
    return "; ".join(f"{words.get(name, name)}: {count:,}" for name, count in ordered)


def _model(inputs: Inputs, name: str) -> Pinned:
    known = inputs.spec.models[name]
    manifest = inputs.manifests.get(name, Manifest())
    repository = known.repository if manifest.repository is None else manifest.repository
    revision = known.revision if manifest.revision is None else manifest.revision
    decoding = inputs.spec.decoding.get(name)
    listed = (
        ("Name", f"{name} ({known.kind})"),
        ("Repository", repository),
        ("Revision", revision),
        ("Licence", known.licence),
        ("Parameters", _size(known.parameters_billion)),
        ("Decoding", None if decoding is None else _decoding(decoding)),
    )
    return Pinned(
        label=inputs.label(name),
        revision=revision,
        facts=tuple((key, value) for key, value in listed if value is not None),
        files=_files(manifest),
        missing=name in inputs.missing,
        why_missing="; ".join(manifest.missing) if manifest.missing else None,
    )


def _size(billion: float | None) -> str | None:
    if billion is None:
        return None
    return f"{billion * 1000:,.3g} M" if billion < 0.1 else f"{billion:.3g} B"


def _decoding(decoding: DecodingSpec) -> str:
    values = sorted(decoding.model_dump().items())
    return ", ".join(f"{key.replace('_', ' ')} {value:g}" for key, value in values)


def _files(manifest: Manifest) -> Facts:
    return tuple(
        (file, UNKNOWN if entry.sha256 is None else entry.sha256)
        for file, entry in sorted(manifest.files.items())
    )


def _dataset(inputs: Inputs, name: str, manifest: Manifest) -> Pinned:
    """A dataset under the name that a reader knows."""
    names = [entry.name for entry in inputs.spec.tasks.values() if entry.task == name]
    listed = (("Licence", manifest.licence), ("Verified against", manifest.verified))
    return Pinned(
        label=(names or [name])[0],
        revision=manifest.revision,
        facts=tuple((key, value) for key, value in listed if value is not None),
        files=_files(manifest),
    )


def published_columns(inputs: Inputs) -> tuple[str, ...]:
    """The strata that published figures are told of, as headings."""
    return tuple(
        dict.fromkeys(
            title for task in _with_figures(inputs) for title in _own_columns(inputs, task)
        )
    )


def _with_figures(inputs: Inputs) -> tuple[str, ...]:
    """The tasks that have figures of their own."""
    return tuple(dict.fromkeys([*inputs.main_tasks, *inputs.graded_tasks]))


def _own_columns(inputs: Inputs, task: str) -> tuple[str, ...]:
    """Those that the figures of one task can have."""
    return tuple(
        "Accuracy" if stratum == ALL else inputs.questions(task, stratum)
        for stratum in inputs.summed_up(task)
    )


def published(inputs: Inputs, columns: tuple[str, ...]) -> tuple[PublishedFigure, ...]:
    """Published accuracies beside our tasks that are drawn in a figure, with source and whether
    they compare.
    """
    first: dict[tuple[str, str, str], PublishedRow] = {}
    values: dict[tuple[str, str, str], dict[str, str]] = {}
    for row in inputs.published:
        if row.task not in _with_figures(inputs):
            continue
        if row.category != ALL or row not in frames.drawn(inputs, row.task, row.stratum):
            continue
        key = (row.model, row.title, row.task)
        first.setdefault(key, row)
        title = "Accuracy" if row.stratum == ALL else inputs.questions(row.task, row.stratum)
        known = values.setdefault(key, dict.fromkeys(_own_columns(inputs, row.task), theme.NO_DATA))
        known[title] = shown.published(inputs, row.task, row.fraction)
    return tuple(
        PublishedFigure(
            row.model,
            inputs.task_label(row.task),
            tuple(values[key].get(column, "") for column in columns),
            row,
        )
        for key, row in first.items()
    )
