"""Tasks whose answers are written freely and graded: what was asked, who is right how often, and
what became of the rest.

One real row of a block's table, of AIME24:

    Qwen2.5-1.5B | 7 of 30 (23.3%, 9.9% to 42.3%) | 7 of 25 (28.0%, ...) | 30.0% | 3.3% | 13.3%
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from featherweight.records import ALL, Estimate
from featherweight.report import shown, theme
from featherweight.report.inputs import Inputs
from featherweight.report.page import Drawn
from featherweight.report.parts import Cell, Column, Section, Table, numeric
from featherweight.report.sections import graded_figures
from featherweight.tasks import task as task_of


@dataclass(frozen=True, slots=True)
class Block:
    """One graded task."""

    id: str
    title: str
    asked: tuple[str, ...]  # what was put, in sentences
    figures: tuple[Drawn, ...]
    scores: Table
    groups: Table | None  # accuracy by category


@dataclass(frozen=True, slots=True)
class Graded:
    """All graded tasks of the study."""

    blocks: tuple[Block, ...]
    lenient: bool  # whether a lenient grade stands beside the others


def section(inputs: Inputs, drawn: Sequence[Drawn]) -> Section | None:
    """The section; None where no model was asked a graded task. `drawn`: its figures."""
    tasks = [task for task in inputs.graded_tasks if inputs.models_of(task)]
    if not tasks:
        return None
    blocks = tuple(_block(inputs, task, drawn) for task in tasks)
    lenient = any(inputs.measures(task, "accuracy_lenient") for task in tasks)
    links = tuple((one.id, one.title) for one in blocks)
    data = Graded(blocks, lenient)
    return Section("math", "sections/graded.html.j2", "Mathematics", data, links)


def _block(inputs: Inputs, task: str, drawn: Sequence[Drawn]) -> Block:
    own = {f"{shown.block(task)}-{name}" for name in ("accuracy", "levels", "draws", "reading")}
    return Block(
        id=shown.block(task),
        title=inputs.task_label(task),
        asked=asked(inputs, task),
        figures=tuple(one for one in drawn if one.figure.id in own),
        scores=scores(inputs, task),
        groups=by_group(inputs, task),
    )


def asked(inputs: Inputs, task: str) -> tuple[str, ...]:
    """What was put to whom, in sentences."""
    models = inputs.models_of(task)
    count = inputs.problems(task)
    groups, levels = inputs.groups(task), inputs.strata(task)
    said = "An unknown number of problems"
    if count is not None:
        whole = _whole(inputs, task)
        of = "" if whole is None or whole <= count else f" of {whole:,}"
        said = f"{count:,}{of} problems"
    if len(groups) > 1:
        said += f" in {len(groups)} categories"
    if levels:
        said += f", {len(levels)} levels"
    each = _answers_each(inputs, task)
    said += "" if each is None else f", {each}"
    made = [f"{said}.", *_subset(inputs, task)]
    wordings = inputs.wordings(task)
    if len(wordings) == 1:
        made.append(f"Wording: {next(iter(wordings))}.")
    else:
        told = [f"{name} ({', '.join(map(inputs.label, who))})" for name, who in wordings.items()]
        made.append(f"Wordings: {'; '.join(told)}.")
    if len(models) < len(inputs.models):
        made.append(f"Asked of {theme.listed([inputs.label(one) for one in models])} alone.")
    return tuple(made)


def _whole(inputs: Inputs, task: str) -> int | None:
    """How many problems a subset was drawn from; None where that is not known, where no problem was
    left out, or where a number of them was drawn."""
    entry = inputs.spec.tasks[task]
    if entry.draw.subset is None or entry.draw.count is not None:
        return None
    sizes = [task_of(entry.task).categories[category] for category in entry.categories]
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None


def _subset(inputs: Inputs, task: str) -> tuple[str, ...]:
    """Which problems were left out, in a sentence; nothing where all could be drawn."""
    subset = inputs.spec.tasks[task].draw.subset
    if not subset:
        return ()
    named = [
        f"of {name} {value}"
        if not isinstance(value, bool)
        else f"{'with' if value else 'without'} a {name}"
        for name, value in sorted(subset.items(), key=lambda pair: isinstance(pair[1], bool))
    ]
    return (f"Only problems {theme.listed(named)}; the others were left out.",)


def _answers_each(inputs: Inputs, task: str) -> str | None:
    """How many answers each problem got; where seeds put some of them again, each prompt."""
    rows = [inputs.estimate(one, task, ALL, ALL, "accuracy") for one in inputs.models_of(task)]
    known = {(row.n_asked, row.n_questions) for row in rows if row is not None}
    if len(known) != 1:
        return None
    (asked_for, questions) = known.pop()
    each = inputs.spec.samples_of(task)
    if asked_for == each * (questions or 0):
        return "one answer to each" if each == 1 else f"{each} answers to each"
    again = asked_for > each * (questions or asked_for)
    more = "; some problems came up under more than one seed" if again else ""
    return f"{asked_for:,} answers, {each} to each prompt{more}"


def scores(inputs: Inputs, task: str) -> Table:
    """Accuracy by three ways of counting, what was lost, and how long answers are."""
    lenient = inputs.measures(task, "accuracy_lenient")
    planted = inputs.measures(task, "planted")
    columns = (
        Column("Model", css="who"),
        *numeric("Accuracy", "Of those read"),
        *(numeric("Lenient") if lenient else ()),
        *(numeric("Planted") if planted else ()),
        *numeric("Not readable", "Not finished", "Tokens", "Answers"),
    )
    rows = tuple(
        _scores_row(inputs, model, task, lenient, planted)
        for model in graded_figures.in_order(inputs, task)
    )
    return Table(f"{inputs.task_label(task)}: scores", columns, rows, css="stack")


def _scores_row(
    inputs: Inputs, model: str, task: str, lenient: bool, planted: bool
) -> tuple[Cell, ...]:
    def look(metric: str, policy: str | None = None) -> Estimate | None:
        return inputs.estimate(model, task, ALL, ALL, metric, policy)

    accuracy = look("accuracy")
    return (
        Cell(inputs.label(model)),
        shown.accuracy_cell(inputs, accuracy),
        shown.accuracy_cell(inputs, look("accuracy", "drop")),
        *((shown.accuracy_cell(inputs, look("accuracy_lenient")),) if lenient else ()),
        *((_plain(look("planted"), "none"),) if planted else ()),
        _plain(look("unparsed")),
        _plain(look("unfinished")),
        Cell(theme.number(inputs.value(model, task, ALL, "n_tokens"), "tokens")),
        Cell(theme.NO_DATA if accuracy is None else f"{accuracy.n_asked:,}"),
    )


def _plain(estimate: Estimate | None, missing: str = theme.NO_DATA) -> Cell:
    if estimate is None or estimate.value is None:
        return Cell(missing)
    return Cell(theme.percent(estimate.value))


def by_group(inputs: Inputs, task: str) -> Table | None:
    """Accuracy by group, a column for each model; None where there is one group."""
    groups, models = inputs.groups(task), graded_figures.in_order(inputs, task)
    if len(groups) < 2:
        return None
    columns = (
        Column("Category", css="who"),
        *numeric(*map(inputs.label, models)),
        *numeric("Problems"),
    )
    rows = tuple(
        (
            Cell(theme.group_label(group)),
            *(
                shown.accuracy_cell(inputs, inputs.estimate(model, task, group, ALL, "accuracy"))
                for model in models
            ),
            Cell(theme.count(inputs.problems(task, group=group))),
        )
        for group in groups
    )
    css = "stack long" if len(models) <= theme.MANY else ""
    return Table(f"{inputs.task_label(task)}: accuracy by category", columns, rows, css=css)
