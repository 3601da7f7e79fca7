"""Which sections a page has, in which order: those that the study's tasks have numbers for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from featherweight.report import page
from featherweight.report.inputs import Inputs
from featherweight.report.page import Banner, Drawn, Page
from featherweight.report.parts import Figure, Section
from featherweight.report.sections import (
    accuracy,
    answers,
    bias,
    bias_rules,
    claims,
    differences,
    findings,
    glance,
    graded,
    graded_figures,
    instrument,
    limits,
    methods,
    planted_figures,
    reading,
    this_run,
    two_ways,
    wordings,
)
from featherweight.report.sections.answers import Answers, Folders
from featherweight.report.sections.instrument import Check

FigureMaker = Callable[[Inputs, str], list[Figure]]
# The figures of a task, in reading order; each says for itself whether the task has its numbers.
FIGURES: tuple[FigureMaker, ...] = (
    accuracy.figures,
    bias.figures,
    accuracy.together,
    reading.lost,
    bias_rules.figures,
    reading.positions,
)


@dataclass(frozen=True, slots=True)
class Gallery:
    """The figures of all tasks."""

    figures: tuple[Drawn, ...]


def compose(inputs: Inputs, scores: Sequence[Path], folders: Folders) -> Page:
    """The page of a study."""
    planted = planted_figures.rates(inputs)
    first = None if planted is None else page.draw(planted)
    drawn = tuple(page.draw(figure) for figure in figures(inputs))
    every = (*(() if first is None else (first,)), *drawn)
    examples = answers.draw_examples(inputs, scores, folders, page.room(every))
    return describe(inputs, first, drawn, examples)


def figures(inputs: Inputs) -> list[Figure]:
    """Every figure that the study has data for but that of planted rates."""
    if not inputs.models:
        return []
    chosen = [task for task in inputs.main_tasks if not inputs.graded(task)]
    made = [
        figure
        for task in chosen
        if inputs.groups(task) and inputs.models_of(task)
        for make in FIGURES
        for figure in make(inputs, task)
    ]
    for task in inputs.graded_tasks:
        if inputs.models_of(task):
            made += graded_figures.figures(inputs, task)
    made += planted_figures.levels(inputs)
    return [figure for figure in made if len(figure.table)]


def describe(
    inputs: Inputs, planted: Drawn | None, drawn: Sequence[Drawn], examples: Answers
) -> Page:
    """The page around figures and examples that are there already."""
    check = instrument.check(inputs)
    known = [*(() if planted is None else (planted,)), *_of(drawn, "instrument")]
    checked = instrument.section(inputs, check, known)
    early = inputs.pocket or inputs.controls_alone or check.failed
    sections = (
        findings.section(inputs, check),
        checked if early else None,
        claims.section(inputs),
        glance.section(inputs),
        graded.section(inputs, _of(drawn, "graded")),
        two_ways.section(inputs),
        wordings.section(inputs),
        _gallery(_of(drawn, "figures")),
        differences.section(inputs),
        None if early else checked,
        answers.section(examples),
        limits.section(inputs),
        methods.section(inputs),
        this_run.section(inputs),
    )
    return Page(
        study=inputs.spec.study,
        title=inputs.spec.title,
        question=inputs.spec.question,
        banners=banners(inputs, check),
        sections=tuple(section for section in sections if section is not None),
        figures=(*(() if planted is None or checked is None else (planted,)), *drawn),
        answers=examples.documents,
    )


def _of(drawn: Sequence[Drawn], section: str) -> list[Drawn]:
    """The figures that a section shows."""
    return [one for one in drawn if one.figure.section == section]


def _gallery(drawn: Sequence[Drawn]) -> Section | None:
    if not drawn:
        return None
    links = tuple((one.figure.id, one.figure.title) for one in drawn)
    data = Gallery(tuple(drawn))
    return Section("figures", "sections/figures.html.j2", "Figures", data, links)


def banners(inputs: Inputs, check: Check) -> tuple[Banner, ...]:
    """What nobody may overlook."""
    made = []
    if check.failed:
        values = "a value that is" if check.missed == 1 else f"{check.missed} values that are"
        made.append(
            Banner(
                "bad",
                f"The pipeline did not recover {values} known beforehand. "
                "Do not trust the numbers below before the reason is found.",
            )
        )
    if inputs.missing:
        names = ", ".join(inputs.label(name) for name in inputs.missing)
        made.append(Banner("warn", f"Not complete: this run has no results for {names}."))
    if inputs.spec.partial is not None:
        made.append(Banner("warn", f"A partial run: {inputs.spec.partial}."))
    if inputs.pocket or inputs.controls_alone:
        made.append(
            Banner(
                "info",
                "These are controls, not language models: this run checks the instrument.",
            )
        )
    return tuple(made)
