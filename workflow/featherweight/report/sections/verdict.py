"""The answer of the study in a sentence or two: who is shown to be best, or that nobody is.

One real answer:

    Of 4 models, no model is shown to be best: SmolLM2 1.7B and Qwen2.5 1.5B within 1.2 points
    (SmolLM2 1.7B 48.1% and Qwen2.5 1.5B 46.9% right, both kinds of question together).

Every word of it is computed from the estimates and paired differences.
"""

from __future__ import annotations

from collections.abc import Sequence

from featherweight.report import ranking, theme
from featherweight.report.findings import Check
from featherweight.report.inputs import Inputs
from featherweight.report.ranking import Ranking, Standing

MOST_UNREAD = 0.5  # where every model loses more of its answers than this, none is called anything
GUESS = 1 / 3  # every task so far has three options


def answer(inputs: Inputs, found: Check) -> str:
    """The answer of the study in a sentence or two."""
    if not inputs.models and not inputs.controls_alone:
        return "There is no result yet: no model of this study has answered."
    if inputs.pocket or inputs.controls_alone:
        return _instrument_answer(found)
    task = inputs.main_tasks[0]
    ranked = ranking.ranking(inputs, task)
    if ranked is None or all(_pair(inputs, one.model, task) is None for one in ranked.standings):
        return (
            "No model has an accuracy for both kinds of question: see which answers could be read,"
            " below."
        )
    lost = [one.lost for one in ranked.standings if one.lost is not None]
    if len(lost) == len(ranked.standings) and min(lost) > MOST_UNREAD:
        least = min(ranked.standings, key=lambda one: 1.0 if one.lost is None else one.lost)
        return (
            "No model can be called the best: of every model's answers most could not be read or"
            f" were cut off ({inputs.label(least.model)}, the most readable:"
            f" {theme.percent(least.lost)})."
        )
    if not any(_beats_a_guess(inputs, one.model, task) for one in ranked.standings):
        return _no_better_than_a_guess(inputs, task, ranked)
    if len(ranked.standings) == 1 or ranked.best_is_shown:
        return _ahead(inputs, task, ranked)
    return _level(inputs, ranked)


def _no_better_than_a_guess(inputs: Inputs, task: str, ranked: Ranking) -> str:
    told = ranking.ranking(inputs, task, "disambig")
    first = ranked.first if told is None else told.first
    within = (
        ""
        if first.low is None
        else f", 95% interval {theme.interval(first.low, first.high, 'percent')}"
    )
    what = "share of right answers of all asked" if ranked.by_asked else "accuracy"
    return (
        "No model is shown to do better than a guess among three options where the text gives the"
        f" answer: the highest {what} is {theme.percent(first.value)}"
        f" ({inputs.label(first.model)}{within}).{_bounds(inputs, ranked, [first])}"
    )


def _ahead(inputs: Inputs, task: str, ranked: Ranking) -> str:
    """The one model that is shown to be best, or that is alone."""
    pair, name = _pair(inputs, ranked.first.model, task), inputs.label(ranked.first.model)
    models = f"Of {len(inputs.models)} models, " if len(inputs.models) > 1 else ""
    verb = "answers best" if ranked.best_is_shown else "was asked alone"
    if pair is None:
        shown = f"{theme.percent(ranked.first.value)} right"
    else:
        shown = (
            f"{theme.percent(pair[1])} right where the text gives the answer and"
            f" {theme.percent(pair[0])} right where it does not and “cannot be known” is the right"
            " answer"
        )
    of_all = ", of all that was asked" if ranked.by_asked else ""
    return f"{models}{name} {verb}: {shown}{of_all}.{_bounds(inputs, ranked, [ranked.first])}"


def _level(inputs: Inputs, ranked: Ranking) -> str:
    """Nobody is shown to be best: who is not shown to be behind, within how many points."""
    near = [one for one in ranked.level if one.model not in ranked.lost_decide]
    torn = [one for one in ranked.level if one.model in ranked.lost_decide]
    among = [ranked.first, *near]
    names = _listed([inputs.label(one.model) for one in among])
    gap = ranked.first.value - min(one.value for one in among)
    what = "right of all that was asked" if ranked.by_asked else "right"
    values = _listed([f"{inputs.label(one.model)} {theme.percent(one.value)}" for one in among])
    said = f"Of {len(inputs.models)} models, no model is shown to be best: "
    if near:
        said += (
            f"{names} within {100 * gap:.1f} points ({values} {what}, both kinds of question"
            " together)."
        )
    else:
        said += f"{values} {what}, both kinds of question together."
    if torn:
        against = _listed(
            [f"{inputs.label(one.model)} ({theme.percent(one.value)})" for one in torn]
        )
        first = inputs.label(ranked.first.model)
        said += f" Between {first} and {against} the lost answers decide."
    if ranked.not_compared and inputs.spec["baseline"] is not None:
        said += f" This study takes differences from {inputs.label(inputs.spec['baseline'])} only."
    return said + _bounds(inputs, ranked, [*among, *torn])


def _bounds(inputs: Inputs, ranked: Ranking, among: Sequence[Standing]) -> str:
    """What lost answers leave open; nothing where models are not ranked by what was asked."""
    if not ranked.by_asked:
        return ""
    told = [
        f"{inputs.label(one.model)} {theme.percent(one.least)} to {theme.percent(one.most)} "
        f"({theme.percent(one.among_read)} of those read)"
        for one in among
    ]
    return f" Had every lost answer been wrong, or every one right: {'; '.join(told)}."


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _instrument_answer(found: Check) -> str:
    if not found.judged:
        return (
            "Nothing with a known value was measured, so this run says nothing about the"
            " instrument."
        )
    parts = []
    if found.planted_known:
        parts.append(f"{found.planted_found} of {found.planted_known} planted rates")
    if found.scores_known:
        parts.append(
            f"{found.scores_found} of {found.scores_known} scores that are known beforehand"
        )
    counts = " and ".join(parts)
    if found.failed:
        return f"No, not yet: the pipeline recovered {counts}."
    return f"Yes: the pipeline recovered {counts}."


def _beats_a_guess(inputs: Inputs, model: str, task: str) -> bool:
    """Whether even the lower bound lies above a guess, where the text gives the answer."""
    found = ranking.standing(inputs, model, task, "disambig")
    return found is not None and found.low is not None and found.low > GUESS


def _pair(inputs: Inputs, model: str, task: str) -> tuple[float, float] | None:
    """Ambiguous and disambiguated accuracy, as models are ranked."""
    pair = [ranking.standing(inputs, model, task, condition) for condition in ("ambig", "disambig")]
    values = [one.value for one in pair if one is not None]
    return (values[0], values[1]) if len(values) == 2 else None
