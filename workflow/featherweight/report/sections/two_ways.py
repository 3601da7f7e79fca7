"""Two ways of answering the same questions, side by side: generated and read, or chosen by
likelihood.

One real row, shortened:

    Pocket, thinking aloud | All questions | Accuracy | 46.7% | 88.0% | +41.3 points (+30.1 to +52.6
    points) | < 0.001 | ...
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from featherweight.records import ALL, ContrastRow
from featherweight.report import shown, theme
from featherweight.report.inputs import Inputs
from featherweight.report.parts import Cell, Column, Section, Table, Titled, numeric
from featherweight.specs import DrawSpec
from featherweight.tasks.choice import LETTERS
from featherweight.tasks.words import Form

# How a task by likelihood was answered; what the options are is among the examples.
HOW = (
    "the option with the highest log-likelihood, summed over its tokens, in the form that the"
    " wording asks for"
)
LETTER_COLUMNS = (
    Column("Model"),
    Column("Answers"),
    Column("Chosen"),
    Column("Right"),
    Column("n", number=True),
)


class Pair(NamedTuple):
    """Two task labels that put the same questions in the same words, answered in the two ways."""

    generated: str
    likelihood: str

    @property
    def names(self) -> frozenset[str]:
        """Both labels, in no order."""
        return frozenset(self)


@dataclass(frozen=True, slots=True)
class PairTables:
    """The tables of one pair."""

    scores: Titled
    letters: Table | None


@dataclass(frozen=True, slots=True)
class TwoWays:
    """All pairs of the study."""

    pairs: tuple[PairTables, ...]
    notes: tuple[str, ...]
    unread: str


def section(inputs: Inputs) -> Section | None:
    """The section; None where no questions were answered in both ways."""
    made = tables(inputs)
    if not made:
        return None
    asked = [label for pair in pairs(inputs) for label in pair]
    data = TwoWays(made, notes(inputs), inputs.unread_in(asked))
    return Section("ways", "sections/two_ways.html.j2", "Two ways of answering", data)


def by_likelihood(inputs: Inputs) -> list[str]:
    """The tasks whose answers were chosen by likelihood."""
    return [label for label in inputs.spec.tasks if inputs.by_likelihood(label)]


def pairs(inputs: Inputs) -> list[Pair]:
    """Each task by likelihood beside the first one with the same items and wording whose answers
    were generated.
    """
    made = []
    for chosen in by_likelihood(inputs):
        same = [
            label
            for label in inputs.spec.tasks
            if not inputs.by_likelihood(label)
            and _questions(inputs, label) == _questions(inputs, chosen)
        ]
        made += [Pair(label, chosen) for label in same[:1]]
    return made


def _questions(inputs: Inputs, label: str) -> tuple[str, str | None, DrawSpec]:
    """What decides which questions a task puts, and in which words."""
    entry = inputs.spec.tasks[label]
    return entry.task, entry.wording, entry.draw.model_copy(update={"label": ""})


def tables(inputs: Inputs) -> tuple[PairTables, ...]:
    """The tables of each pair; with a title where there are several."""
    known = pairs(inputs)
    made = []
    for pair in known:
        name = f"{inputs.task_label(pair.generated)} and {inputs.task_label(pair.likelihood)}"
        title = name if len(known) > 1 else None
        label = f"Two ways of answering{'' if title is None else f': {title}'}"
        made.append(PairTables(Titled(_scores(inputs, pair, label), title), _letters(inputs, pair)))
    return tuple(made)


def _scores(inputs: Inputs, pair: Pair, label: str) -> Table:
    """One row per model and score of which there is an estimate."""
    columns = (
        Column("Model", css="who"),
        *shown.questions_column(inputs),
        Column("Score", css="keep"),
        *numeric("Generated", "By likelihood", "Difference", "p", "Unread"),
    )
    rows = (
        _row(inputs, pair, model, stratum, metric)
        for model in inputs.models
        for stratum, metric in _scores_of(inputs, pair.generated)
    )
    return Table(label, columns, tuple(row for row in rows if row is not None), css="stack long")


def _scores_of(inputs: Inputs, task: str) -> Iterator[tuple[str, str]]:
    """(stratum, metric): the accuracies, then the task's own numbers."""
    strata = inputs.shown(task)
    yield from ((stratum, "accuracy") for stratum in strata)
    for stratum in strata:
        metric = inputs.beside_accuracy(task, stratum)
        if metric is not None:
            yield stratum, metric


def _row(
    inputs: Inputs, pair: Pair, model: str, stratum: str, metric: str
) -> tuple[Cell, ...] | None:
    generated, chosen = (
        inputs.estimate(model, label, ALL, stratum, metric) for label in (pair[0], pair[1])
    )
    if generated is None or chosen is None:
        return None
    own = inputs.metric_words(pair.generated, metric)
    unread = [theme.percent(inputs.unread(model, label, ALL, stratum)) for label in pair]
    contrast = inputs.contrast(
        model,
        pair.likelihood,
        pair.generated,
        metric,
        (stratum, stratum),
        policy=inputs.policy(pair.likelihood),
    )
    note = None if contrast is None else shown.contrast_note(inputs, contrast)
    difference, p = _difference(contrast, own.form)
    return (
        Cell(inputs.label(model), small=note),
        *shown.questions_cell(inputs, pair.generated, stratum),
        Cell(own.title),
        shown.cell(generated, own.form),
        shown.cell(chosen, own.form),
        difference,
        Cell(p),
        Cell(unread[0], small=unread[1]),
    )


def _difference(contrast: ContrastRow | None, form: Form) -> tuple[Cell, str]:
    """By likelihood minus generated, and p; no data where the study names no such contrast."""
    if contrast is None or contrast.value is None:
        return Cell(theme.NO_DATA), theme.NO_DATA
    value, low, high = contrast.value, contrast.low, contrast.high
    return shown.difference_cell(value, low, high, form), theme.p_value(contrast.p)


def _letters(inputs: Inputs, pair: Pair) -> Table | None:
    """How often each letter was chosen in either way, and how often it was right: a liking for a
    letter shows here.
    """
    rows = []
    for model in inputs.models:
        for label, way in zip(pair, ("generated", "by likelihood"), strict=True):
            known = sorted(
                (row for row in inputs.positions if (row.model, row.task) == (model, label)),
                key=lambda row: row.position,
            )
            known = [row for row in known if row.n]
            if known:
                rows.append(
                    (
                        Cell(inputs.label(model)),
                        Cell(way),
                        Cell(_shares([row.n_chosen / row.n for row in known])),
                        Cell(_shares([row.n_gold / row.n for row in known])),
                        Cell(f"{known[0].n:,}"),
                    )
                )
    if not rows:
        return None
    return Table("Which letters were chosen in either way", LETTER_COLUMNS, tuple(rows))


def _shares(values: Sequence[float]) -> str:
    return " · ".join(
        f"{letter} {theme.percent(value, 0)}"
        for letter, value in zip(LETTERS, values, strict=False)
    )


def notes(inputs: Inputs) -> tuple[str, ...]:
    """What a reader must know where the two ways stand side by side."""
    thinking = [inputs.label(name) for name in inputs.spec.thinking if name in inputs.models]
    if not thinking or not by_likelihood(inputs):
        return ()
    return (
        "Thinking aloud comes before the answer. By likelihood it is opened and closed again with"
        f" nothing in it, so those scores are without any thinking: {', '.join(thinking)}.",
    )


def limits(inputs: Inputs) -> list[str]:
    """Sentences for the page's limits; none where every answer was generated."""
    chosen = by_likelihood(inputs)
    if not chosen:
        return []
    names = ", ".join(inputs.task_label(label) for label in chosen)
    said = [
        (
            f"By likelihood ({names}) nothing is generated: the answer is the option with the"
            " highest log-likelihood after the prompt. Two equally likely options are no answer. A"
            " model that would have written something else, or nothing that can be read, answers"
            " too: the two ways differ in which questions a score rests on as well. The controls"
            " answer by rule either way."
        ),
        *notes(inputs),
    ]
    for label in chosen:
        said += inputs.words(label).limits_likelihood
    return list(dict.fromkeys(said))
