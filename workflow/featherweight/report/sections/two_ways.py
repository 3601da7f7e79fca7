"""Two ways of answering the same questions, side by side: generated and read, or chosen by
likelihood.

One real row, shortened:

    {"model": "Pocket, thinking aloud", "questions": "Ambiguous", "what": "Accuracy", "generated":
     ("46.7%", ...),
     "likelihood": ("88.0%", ...), "difference": ("+41.3 points", "+30.1 to +52.6 points"), "p": "<
     0.001", ...}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from featherweight.records import ContrastRow, Estimate
from featherweight.report import theme
from featherweight.report.inputs import Inputs
from featherweight.report.theme import points

Row = dict[str, Any]
LETTERS = "ABCDEFGHIJ"
SCORES = (
    ("ambig", "accuracy"),
    ("disambig", "accuracy"),
    ("ambig", "s_amb"),
    ("disambig", "s_dis"),
)


class Pair(NamedTuple):
    """Two task labels that put the same questions in the same words, answered in the two ways."""

    generated: str
    likelihood: str

    @property
    def names(self) -> frozenset[str]:
        """Both labels, in no order."""
        return frozenset(self)


def by_likelihood(inputs: Inputs) -> list[str]:
    """The tasks whose answers were chosen by likelihood."""
    return [label for label in inputs.spec["tasks"] if inputs.by_likelihood(label)]


def pairs(inputs: Inputs) -> list[Pair]:
    """Each task by likelihood beside the first one with the same items and wording whose answers
    were generated.
    """
    found = []
    for chosen in by_likelihood(inputs):
        same = [
            label
            for label in inputs.spec["tasks"]
            if not inputs.by_likelihood(label)
            and _questions(inputs, label) == _questions(inputs, chosen)
        ]
        found += [Pair(label, chosen) for label in same[:1]]
    return found


def _questions(inputs: Inputs, label: str) -> tuple[Any, ...]:
    """What decides which questions a task puts, and in which words."""
    drawn: Mapping[str, Any] = (inputs.spec.get("draws") or {}).get(label) or {}
    return (
        inputs.spec["tasks"][label],
        (inputs.spec.get("wordings") or {}).get(label),
        {key: value for key, value in drawn.items() if key != "label"},
    )


def tables(inputs: Inputs) -> list[Row]:
    """One table per pair: its title (empty where there is one pair alone) and its rows."""
    found = pairs(inputs)
    named = [
        f"{inputs.task_label(pair.generated)} and {inputs.task_label(pair.likelihood)}"
        for pair in found
    ]
    return [
        {
            "title": name if len(found) > 1 else "",
            "rows": _rows(inputs, pair),
            "letters": _letters(inputs, pair),
        }
        for name, pair in zip(named, found, strict=True)
    ]


def _rows(inputs: Inputs, pair: Pair) -> list[Row]:
    """One row per model and score of which there is an estimate."""
    contrasts: Mapping[tuple[str, ...], ContrastRow] = {
        (row.model, row.first, row.second, row.context_condition, row.metric): row
        for row in inputs.contrasts
        if row.policy == inputs.policy
    }
    made = []
    for model in inputs.models:
        for condition, metric in SCORES:
            sides = [inputs.estimate(model, label, "all", condition, metric) for label in pair]
            if None in sides:
                continue
            difference, p = _difference(contrasts, model, pair, condition, metric)
            unread = [
                theme.percent(inputs.unread(model, label, "all", condition)) for label in pair
            ]
            made.append(
                {
                    "model": inputs.label(model),
                    "questions": theme.CONDITIONS[condition],
                    "what": theme.METRICS[metric],
                    "generated": _shown(sides[0]),
                    "likelihood": _shown(sides[1]),
                    "difference": difference,
                    "p": p,
                    "note": _note(contrasts, model, pair, condition, metric, sides),
                    "unread": tuple(unread),
                }
            )
    return made


def _note(
    contrasts: Mapping[tuple[str, ...], ContrastRow],
    model: str,
    pair: Pair,
    condition: str,
    metric: str,
    sides: Sequence[Estimate | None],
) -> str:
    """Where lost answers decide, and where the two scores differ by something else than the paired
    difference.
    """
    found = contrasts.get((model, pair.likelihood, pair.generated, condition, metric))
    sign = 1.0 if found is not None else -1.0
    if found is None:
        found = contrasts.get((model, pair.generated, pair.likelihood, condition, metric))
    if found is None:
        return ""
    generated, chosen = (None if side is None else side.value for side in sides)
    value = None if found.value is None else sign * found.value
    shown = None if generated is None or chosen is None else chosen - generated
    return " ".join(theme.paired_notes(found.loss_decides, value, shown, theme.form(metric)))


def _letters(inputs: Inputs, pair: Pair) -> list[Row]:
    """How often each letter was chosen in either way, and how often it was right: a liking for a
    letter shows here.
    """
    made = []
    for model in inputs.models:
        for label, way in zip(pair, ("generated", "by likelihood"), strict=True):
            found = [
                row for row in inputs.positions if (row.model, row.task) == (model, label) and row.n
            ]
            found.sort(key=lambda row: row.position)
            if found:
                made.append(
                    {
                        "model": inputs.label(model),
                        "way": way,
                        "chosen": _shares([row.n_chosen / row.n for row in found]),
                        "right": _shares([row.n_gold / row.n for row in found]),
                        "n": f"{found[0].n:,}",
                    }
                )
    return made


def _shares(values: Sequence[float]) -> str:
    return " · ".join(
        f"{letter} {theme.percent(value, 0)}"
        for letter, value in zip(LETTERS, values, strict=False)
    )


def _shown(estimate: Estimate | None) -> tuple[str, str]:
    """A score and its interval."""
    if estimate is None or estimate.value is None:
        return "no data", ""
    kind = theme.form(estimate.metric)
    return theme.number(estimate.value, kind), theme.interval(estimate.low, estimate.high, kind)


def _difference(
    contrasts: Mapping[tuple[str, ...], ContrastRow],
    model: str,
    pair: Pair,
    condition: str,
    metric: str,
) -> tuple[tuple[str, str], str]:
    """By likelihood minus generated with its interval, and p; no data where the study names no such
    contrast.
    """
    forward = contrasts.get((model, pair.likelihood, pair.generated, condition, metric))
    found = forward or contrasts.get((model, pair.generated, pair.likelihood, condition, metric))
    if found is None or found.value is None:
        return ("no data", ""), "no data"
    value, low, high = found.value, found.low, found.high
    if forward is None:
        # 0.0 - x makes 0.0 of 0.0; -x would make -0.0, which is printed with its sign.
        value, low, high = (
            0.0 - value,
            None if high is None else 0.0 - high,
            None if low is None else 0.0 - low,
        )
    write = points if metric == "accuracy" else theme.score
    bounds = (
        "no interval"
        if low is None or high is None
        else f"{write(low).removesuffix(' points')} to {write(high)}"
    )
    return (write(value), bounds), theme.p_value(found.p)


# How a task by likelihood was answered; what the options are is among the examples.
HOW = (
    "the option with the highest log-likelihood, summed over its tokens, in the form that the"
    " wording asks for"
)


def notes(inputs: Inputs) -> list[str]:
    """What a reader must know where the two ways stand side by side."""
    thinking = [
        inputs.label(name) for name in inputs.spec.get("thinking") or () if name in inputs.models
    ]
    if not thinking or not by_likelihood(inputs):
        return []
    return [
        "Thinking aloud comes before the answer. By likelihood it is opened and closed again with"
        f" nothing in it, so those scores are without any thinking: {', '.join(thinking)}."
    ]


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
    if any(inputs.spec["tasks"][label] == "bbq" for label in chosen):
        said.append(
            "lm-evaluation-harness's own BBQ task by likelihood shows no options and compares the"
            " texts of the two people with ten ways of saying that one cannot know, not normalised"
            " by length; here the options are shown and their letters compared, so its figures are"
            " of another measurement."
        )
    return said
