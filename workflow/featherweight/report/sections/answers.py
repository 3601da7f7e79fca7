r"""Answers that a reader may browse: drawn by a stated rule, kept within a size, as text that
nothing interprets.

For each model, task, category, stratum and outcome the answers are put in the order of SHA-256 over
(seed, model, task, item, seeds, sample) and the first few are taken: no one chose them. Reads
scores, samples, prompts, items and their facts. One real example, shortened:

    Example(model="Pocket, tilted", category="Village", questions="All questions", outcome="wrong",
            prompt="<|user|>\n...", response="The manager (A).", read="(A) The manager",
            rule="opens the text", ...)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from featherweight.files import read_rows
from featherweight.records import ALL, Graded, Item, Prompt, Sample, Score
from featherweight.report import theme
from featherweight.report.inputs import Inputs
from featherweight.report.parts import Section
from featherweight.tasks import task as task_named
from featherweight.tasks.choice import LETTERS

SEED = 0
NOT_HERE = "(the text is not on disk)"
LONGEST = 6_000  # characters of one prompt or response that the page holds
END = 2_000  # of these, of a free answer that is cut: its end, where the answer mostly stands
LONGEST_ANSWER = 1_000  # characters of what was read, and of the right answer
Key = tuple[str, str, str, int, int, str]  # of a prompt
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Folders:
    """Where the rows behind an example lie."""

    samples: Path
    prompts: Path
    items: Path


@dataclass(frozen=True)
class Example:
    """One answer as a reader sees it."""

    model: str
    task: str
    category: str
    questions: str
    outcome: str
    item: str
    prompt: str
    response: str
    read: str
    rule: str
    right: str
    facts: tuple[tuple[str, str], ...]  # what the task shows of its item
    length: str
    thinking: str | None = None  # of a free answer, where the model thinks aloud; else None

    @property
    def document(self) -> dict[str, Any]:
        """As the page's script reads it."""
        fields = asdict(self)
        if self.thinking is None:
            del fields["thinking"]
        return fields

    @cached_property
    def json(self) -> str:
        """The same as text."""
        return json.dumps(self.document)


@dataclass(frozen=True, slots=True)
class Answers:
    """The examples, and the rule that drew them in words."""

    rows: tuple[Example, ...]
    rule: str
    stratified: bool = False
    several_tasks: bool = False

    @property
    def documents(self) -> list[dict[str, Any]]:
        """The examples as the page's script reads them."""
        return [row.document for row in self.rows]


class Drawn(NamedTuple):
    """An answer that the rule draws, and its place in the order."""

    rank: str
    score: Score


@dataclass(frozen=True, slots=True)
class Texts:
    """What lies on disk behind the answers that were drawn."""

    samples: Mapping[tuple[Key, int], Sample] = field(default_factory=dict)
    prompts: Mapping[Key, Prompt] = field(default_factory=dict)
    items: Mapping[tuple[str, str], Item] = field(default_factory=dict)
    facts: Mapping[tuple[str, str], Any] = field(default_factory=dict)  # of the task's own record
    grades: Mapping[tuple[Key, int], Graded] = field(default_factory=dict)


def section(answers: Answers) -> Section:
    """The section of answers to browse."""
    return Section("examples", "sections/answers.html.j2", "Read the answers", answers)


def draw_examples(inputs: Inputs, scores: Sequence[Path], folders: Folders, room: int) -> Answers:
    """Draw examples of every model that is not a control, as many per cell as fit into `room`
    characters of JSON.

    `scores` holds one file per model, named after it; what grading adds lies beside it.
    """
    asked = inputs.spec.examples_per_cell
    if asked == 0:
        return Answers((), "This study shows no examples (examples_per_cell: 0).")
    judged = [
        row
        for path in sorted(scores)
        if path.stem in inputs.models
        for row in read_rows(path, Score)
    ]
    drawn = draw(judged, asked)
    beside = {path.stem: path.with_suffix("") for path in scores}
    texts = _texts(inputs, [one.score for one in drawn], folders, beside)
    made = {one.rank: _example(inputs, one.score, texts) for one in drawn}
    per_cell = asked
    kept = made
    while per_cell > 1 and sum(len(row.json) for row in kept.values()) > room:
        per_cell -= 1
        kept = {one.rank: made[one.rank] for one in draw(judged, per_cell)}
    shown = _fitting(kept, room)
    cell = "category, kind of question and outcome" if inputs.stratified else "category and outcome"
    rule = (
        f"Up to {per_cell} answer{'s' if per_cell != 1 else ''} for each model, {cell}: the first"
        f" in the order of SHA-256 over (seed {SEED}, model, task, item, seeds, sample). Nobody"
        f" chose them. {len(shown):,} of {len(judged):,} answers are here."
    )
    if len(shown) < len(kept):
        rule += (
            f" The page has no room for the other {len(kept) - len(shown):,} that this rule draws,"
            " last in the same order."
        )
    places = {inputs.label(name): place for place, name in enumerate(inputs.models)}
    ordered = sorted(
        shown.items(),
        key=lambda pair: (
            places[pair[1].model],
            pair[1].category,
            pair[1].questions,
            pair[1].outcome,
            pair[0],
        ),
    )
    return Answers(tuple(row for _, row in ordered), rule, inputs.stratified, inputs.several_tasks)


def _fitting(rows: Mapping[str, Example], room: int) -> dict[str, Example]:
    """The rows that fit, first in hash order."""
    kept: dict[str, Example] = {}
    for rank in sorted(rows):
        room -= len(rows[rank].json)
        if room < 0:
            break
        kept[rank] = rows[rank]
    return kept


def draw(scores: Iterable[Score], per_cell: int) -> list[Drawn]:
    """The first `per_cell` answers of each cell in hash order."""
    cells: dict[tuple[str, ...], list[Drawn]] = {}
    for row in scores:
        stratum = ALL if row.stratum is None else row.stratum
        key = (row.model, row.task, row.category, stratum, row.outcome)
        cells.setdefault(key, []).append(Drawn(_rank(row), row))
    return [
        drawn
        for key in sorted(cells)
        for drawn in sorted(cells[key], key=lambda one: one.rank)[:per_cell]
    ]


def _rank(row: Score) -> str:
    key = (SEED, row.model, row.task, row.item_id, row.item_seed, row.sample_seed, row.sample_index)
    return hashlib.sha256("\x1f".join(map(str, key)).encode()).hexdigest()


def _key(row: Score | Sample | Prompt | Graded) -> Key:
    return row.model, row.task, row.category, row.item_seed, row.sample_seed, row.item_id


def _texts(
    inputs: Inputs, scores: Sequence[Score], folders: Folders, judged: Mapping[str, Path]
) -> Texts:
    """Samples, prompts, items and their facts; what is not on disk is not there."""
    keys = {_key(score) for score in scores}
    ids = {(score.task, score.item_id) for score in scores}
    asked = sorted({(score.model, score.task, score.category) for score in scores})
    drawn = sorted({(task, category) for _, task, category in asked})
    return Texts(
        {
            (_key(row), row.sample_index): row
            for cell in asked
            for row in _rows(folders.samples.joinpath(*cell), Sample)
            if _key(row) in keys
        },
        {
            _key(row): row
            for cell in asked
            for row in _rows(folders.prompts.joinpath(*cell), Prompt)
            if _key(row) in keys
        },
        {
            (cell[0], row.item_id): row
            for cell in drawn
            for row in _rows(folders.items.joinpath(*cell), Item)
            if (cell[0], row.item_id) in ids
        },
        {
            (cell[0], row.item_id): row
            for cell in drawn
            for row in _fact_rows(inputs, cell[0], folders.items.joinpath(*cell))
            if (cell[0], row.item_id) in ids
        },
        {
            (_key(row), row.sample_index): row
            for model, task in sorted({(score.model, score.task) for score in scores})
            if inputs.graded(task)
            for row in _grade_rows(judged[model] / f"{task}.parquet")
            if _key(row) in keys
        },
    )


def _fact_rows(inputs: Inputs, task: str, folder: Path) -> Iterable[Any]:
    """Rows of the task's own about the items of a category; none where an example shows none."""
    if inputs.words(task).example_facts is None:
        return ()
    record: Any = task_named(inputs.spec.tasks[task].task).facts
    return _rows(folder, record, ".facts")


def _grade_rows(path: Path) -> Iterable[Graded]:
    """What grading adds, beside the scores; none where it is not on disk."""
    return read_rows(path, Graded) if path.is_file() else ()


def _rows(folder: Path, record: type[Row], kind: str = "") -> Iterable[Row]:
    """Every row of a category: of `0.parquet`, or of `0.facts.parquet` for the kind ".facts"."""
    for path in sorted(folder.glob("*.parquet")):
        if path.stem.removesuffix(kind).isdecimal() and path.stem.endswith(kind):
            yield from read_rows(path, record)


def _example(inputs: Inputs, score: Score, texts: Texts) -> Example:
    sample = texts.samples.get((_key(score), score.sample_index))
    prompt = texts.prompts.get(_key(score))
    item = texts.items.get((score.task, score.item_id))
    free = inputs.graded(score.task)
    response = None if sample is None else _response(sample, prompt)
    thinking = None
    if free and sample is not None and sample.thinking is not None:
        thinking = _ends(sample.thinking)
        response = "[cut off before an answer]" if sample.answer is None else sample.answer
    gold = None if item is None else item.gold
    return Example(
        model=inputs.label(score.model),
        task=inputs.task_label(score.task),
        category=theme.group_label(score.category),
        questions=inputs.questions(score.task, ALL if score.stratum is None else score.stratum),
        outcome=theme.OUTCOMES[score.outcome],
        item=f"{score.item_id}, item seed {score.item_seed}, sample seed {score.sample_seed}",
        prompt=_cut(None if prompt is None else prompt.text),
        response=_ends(response) if free else _cut(response),
        read=_lettered(_short(score.answer), score.chosen_position),
        rule=_how(inputs, score),
        right=NOT_HERE if item is None else _lettered(_short(gold), score.gold_position),
        facts=_grading(inputs, score, texts)
        if free
        else _facts(inputs, score, texts, item, prompt),
        length=_length(score),
        thinking=thinking,
    )


def _grading(inputs: Inputs, score: Score, texts: Texts) -> tuple[tuple[str, str], ...]:
    """By which rule an answer was graded, and what else is known of it."""
    grade = texts.grades.get((_key(score), score.sample_index))
    if grade is None:
        return (("Grading rule", NOT_HERE),)
    rule = grade.graded_by
    known = [
        ("Grading rule", "nothing to grade" if rule is None else theme.GRADED_BY.get(rule, rule)),
    ]
    if task_named(inputs.spec.tasks[score.task].task).grading == "expression":  # of no other kind
        known.append(("A lenient grader", theme.LENIENT[grade.lenient]))
    if score.answer is not None and score.reason is not None:
        known.insert(0, ("No grade", theme.NOT_GIVEN.get(score.reason, score.reason)))
    if grade.planted is not None:
        known.append(("Planted: right in", theme.percent(grade.planted)))
    return tuple(known)


def _lettered(text: str | None, position: int | None) -> str:
    """An answer with the letter under which it was shown."""
    if text is None:
        return "nothing"
    return text if position is None else f"({LETTERS[position]}) {text}"


def _facts(
    inputs: Inputs, score: Score, texts: Texts, item: Item | None, prompt: Prompt | None
) -> tuple[tuple[str, str], ...]:
    """What the task shows of an item besides."""
    shown = inputs.words(score.task).example_facts
    known = texts.facts.get((score.task, score.item_id))
    if shown is None or known is None or item is None or item.options is None:
        return ()
    order = None if prompt is None else prompt.shown_order
    return tuple(
        (
            name,
            "none"
            if index is None
            else _lettered(item.options[index], None if order is None else order.index(index)),
        )
        for name, index in shown(known).items()
    )


def _response(sample: Sample, prompt: Prompt | None) -> str:
    """What was generated; where nothing was, the options with their log-likelihoods, one on each
    line.
    """
    values = sample.option_loglikelihoods
    if values is None:
        return sample.text
    known = () if prompt is None or prompt.options is None else prompt.options
    names = [known[place] if place < len(known) else LETTERS[place] for place in range(len(values))]
    lines = [
        f"{name}   "
        f" {'no finite value' if value is None else f'{value:.4f}'.replace('-', theme.MINUS)}"
        for name, value in zip(names, values, strict=True)
    ]
    return "\n".join(["[nothing was generated: log-likelihood of each option, in nats]", *lines])


def _length(score: Score) -> str:
    """How long an answer was and how it ended."""
    if score.finish == "scored":
        return theme.ENDED["scored"]
    ended = "stopped by itself" if score.finish == "stop" else theme.ENDED[score.finish]
    return f"{score.n_tokens} tokens, {ended}"


def _how(inputs: Inputs, score: Score) -> str:
    """By which rule an answer was read, or why it was not, in plain words."""
    if score.rule is not None:
        return inputs.read_by(score.task).get(score.rule, score.rule)
    words = inputs.why_unread(score.task)
    cut_off = inputs.graded(score.task) and score.outcome == "unfinished"
    if score.reason is None or cut_off:
        return f"none ({theme.OUTCOMES[score.outcome]})"
    return f"none ({words.get(score.reason, score.reason)})"


def _short(text: str | None) -> str | None:
    """An answer as the page holds it: all of it, but of what nobody reads."""
    if text is None or len(text) <= LONGEST_ANSWER:
        return text
    rest = len(text) - LONGEST_ANSWER
    return f"{text[:LONGEST_ANSWER]} [{rest:,} more characters]"


def _ends(text: str | None) -> str:
    """A free text as the page holds it: where it is too long, its beginning and its end."""
    if text is None or len(text) <= LONGEST:
        return _cut(text)
    rest = len(text) - LONGEST
    return (
        f"{text[: LONGEST - END]}\n\n[{rest:,} more characters are in the samples file]\n\n"
        f"{text[-END:]}"
    )


def _cut(text: str | None) -> str:
    """A text as the page holds it."""
    if text is None:
        return NOT_HERE
    if not text:
        return "(an empty text)"
    rest = len(text) - LONGEST
    if rest <= 0:
        return text
    return f"{text[:LONGEST]}\n[{rest:,} more characters are in the samples file]"
