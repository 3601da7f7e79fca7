"""The answer of the study in a sentence or two: who is shown to be best, or that nobody is.

One real answer:

    Of 4 models, no model is shown to be best: SmolLM2 1.7B and Qwen2.5 1.5B within 1.2 points
    (SmolLM2 1.7B 48.1% and Qwen2.5 1.5B 46.9% right, both kinds of question together).

Every word of it is computed from the estimates and paired differences.
"""

from __future__ import annotations

from collections.abc import Sequence

from featherweight.records import ALL, Estimate
from featherweight.report import ranking, shown, theme
from featherweight.report.inputs import Inputs
from featherweight.report.ranking import Ranking, Standing
from featherweight.report.sections.instrument import Check
from featherweight.report.theme import listed

MOST_UNREAD = 0.5  # where every model loses more of its answers than this, none is called anything
MOST_STRATA = 2  # a headline names each of so many strata; more of them only together


def answers(inputs: Inputs, check: Check) -> tuple[str, ...]:
    """The answer of the study; one for each task where it has several, which then are named."""
    speaks = inputs.models and not inputs.pocket and not inputs.controls_alone
    if not speaks or len(inputs.main_tasks) == 1:
        return (answer(inputs, check),)
    said = ((task, of_task(inputs, task)) for task in inputs.main_tasks if inputs.models_of(task))
    return tuple(f"{inputs.task_label(task)}: {_lowered(words)}" for task, words in said)


def _lowered(words: str) -> str:
    """A sentence after a colon: a model's name at its head keeps its capital."""
    first = words.split(" ", 1)[0]
    return words[:1].lower() + words[1:] if first in ("Of", "No", "None") else words


def answer(inputs: Inputs, check: Check) -> str:
    """The answer of the study in a sentence or two, of its first task where it has several."""
    if not inputs.models and not inputs.controls_alone:
        return "There is no result yet: no model of this study has answered."
    if inputs.pocket or inputs.controls_alone:
        return _instrument_answer(check)
    return of_task(inputs, inputs.main_tasks[0])


def of_task(inputs: Inputs, task: str) -> str:
    """The answer that one task gives."""
    ranked = ranking.ranking(inputs, task)
    if ranked is None or all(_pair(inputs, one.model, task) is None for one in ranked.standings):
        kinds = f" for {inputs.kinds(task)}" if inputs.strata(task) else ""
        return f"No model has an accuracy{kinds}: see which answers could be read, below."
    if inputs.graded(task) and ranked.first.value == 0:
        return _none_right(inputs, task, ranked)
    least = _least_lost(ranked)
    if least is not None and least.lost is not None and least.lost > MOST_UNREAD:
        return (
            "No model can be called the best: of every model's answers most could not be read or"
            f" were cut off ({inputs.label(least.model)}, the most readable:"
            f" {theme.percent(least.lost)})."
        )
    if not any(_beats_chance(inputs, one.model, task) for one in ranked.standings):
        return _no_better_than_chance(inputs, task, ranked)
    if len(ranked.standings) == 1 or ranked.best_is_shown:
        return _ahead(inputs, task, ranked)
    return _level(inputs, task, ranked)


def headline_strata(inputs: Inputs, task: str) -> tuple[str, ...]:
    """The strata that a headline names, in its order; all questions together where there are none,
    or too many.
    """
    known = inputs.strata(task)
    if not known or len(known) > MOST_STRATA:
        return (ALL,)
    first = [stratum for stratum in inputs.words(task).headline if stratum in known]
    return (*first, *(stratum for stratum in known if stratum not in first))


def _together(inputs: Inputs, task: str) -> str:
    """Said after a number over several strata."""
    return f", {inputs.kinds(task)} together" if inputs.strata(task) else ""


def _least_lost(ranked: Ranking) -> Standing | None:
    """Who lost least; None where it is not known of everyone."""
    known = [
        (one.lost, place) for place, one in enumerate(ranked.standings) if one.lost is not None
    ]
    return ranked.standings[min(known)[1]] if len(known) == len(ranked.standings) else None


def _no_better_than_chance(inputs: Inputs, task: str, ranked: Ranking) -> str:
    stratum = _against_chance(inputs, task)
    there = ranking.ranking(inputs, task, stratum)
    first = ranked.first if there is None else there.first
    within = (
        ""
        if first.low is None
        else f", 95% interval {theme.interval(first.low, first.high, 'percent')}"
    )
    what = "share of right answers of all asked" if ranked.by_asked else "accuracy"
    where = "" if stratum == ALL else f" on {inputs.questions(task, stratum).lower()} questions"
    highest = theme.percent(first.value) if stratum != ALL else _value(inputs, task, first)
    return (
        f"No model is shown to beat chance ({theme.percent(inputs.chance(task, stratum), 0)})"
        f"{where}: the highest {what} is {highest}"
        f" ({inputs.label(first.model)}{within}{_rests_on(inputs, task, [first])})."
        f"{_bounds(inputs, ranked, [first])}"
    )


def _none_right(inputs: Inputs, task: str, ranked: Ranking) -> str:
    of = _estimate(inputs, ranked.first.model, task, ALL)
    problems = "problem" if of is None else f"of {theme.count(of.n_questions)} problems"
    count, least = len(ranked.standings), _least_lost(ranked)
    alone = f"{inputs.label(ranked.first.model)} had not one {problems} right"
    said = alone if count == 1 else f"None of {count} models had one {problems} right"
    if least is None or not least.lost:
        return f"{said}."
    if least.lost >= 1 - theme.ROUNDING:
        whose = "each of its answers" if count == 1 else "each of their answers"
        return f"{said}; {whose} was cut off or could not be read."
    whose = "its answers" if count == 1 else "the answers of each"
    share = theme.share(least.lost)
    lost = share if count == 1 or share.startswith("more") else f"{share} or more"
    return f"{said}; {lost} of {whose} could not be read or were cut off."


def _estimate(inputs: Inputs, model: str, task: str, stratum: str) -> Estimate | None:
    """The accuracy that a model is ranked by."""
    policy = ranking.policy(inputs, task)
    return inputs.estimate(model, task, ALL, stratum, "accuracy", policy)


def _value(inputs: Inputs, task: str, one: Standing, stratum: str = ALL) -> str:
    """What a model is ranked by: a share, of a small graded task how many."""
    estimate = _estimate(inputs, one.model, task, stratum)
    return theme.percent(one.value) if estimate is None else shown.right(inputs, estimate)


def _ahead(inputs: Inputs, task: str, ranked: Ranking) -> str:
    """The one model that is shown to be best, or that is alone."""
    name = inputs.label(ranked.first.model)
    count = len(inputs.models_of(task))
    models = f"Of {count} models, " if count > 1 else ""
    verb = "answers best" if ranked.best_is_shown else "was asked alone"
    values = _pair(inputs, ranked.first.model, task)
    strata = headline_strata(inputs, task)
    if values is None or strata == (ALL,):
        right = f"{_value(inputs, task, ranked.first)} right{_together(inputs, task)}"
        first = _estimate(inputs, ranked.first.model, task, ALL)
        if inputs.graded(task) and first is not None:
            right += f", {shown.clause(inputs, first, 'percent')}"
    else:
        right = listed(
            [
                f"{theme.percent(value)} right {_where(inputs, task, stratum, place > 0)}"
                for place, (stratum, value) in enumerate(zip(strata, values, strict=True))
            ]
        )
    of_all = ", of all that was asked" if ranked.by_asked else ""
    return f"{models}{name} {verb}: {right}{of_all}.{_bounds(inputs, ranked, [ranked.first])}"


def _where(inputs: Inputs, task: str, stratum: str, follows: bool) -> str:
    own = inputs.stratum_words(task, stratum)
    if follows and own.right is not None:
        return own.right
    return f"on {own.title.lower()} questions" if own.where is None else own.where


def _level(inputs: Inputs, task: str, ranked: Ranking) -> str:
    """Nobody is shown to be best: who is not shown to be behind, within how many points."""
    near = [one for one in ranked.level if one.model not in ranked.lost_decide]
    torn = [one for one in ranked.level if one.model in ranked.lost_decide]
    among = [ranked.first, *near]
    names = listed([inputs.label(one.model) for one in among])
    gap = ranked.first.value - min(one.value for one in among)
    what = "right of all that was asked" if ranked.by_asked else "right"
    values = listed([f"{inputs.label(one.model)} {_value(inputs, task, one)}" for one in among])
    right = f"{values} {what}{_together(inputs, task)}{_rests_on(inputs, task, among)}"
    said = f"Of {len(inputs.models_of(task))} models, no model is shown to be best: "
    said += f"{names} within {100 * gap:.1f} points ({right})." if near else f"{right}."
    if torn:
        against = listed(
            [f"{inputs.label(one.model)} ({_value(inputs, task, one)})" for one in torn]
        )
        first = inputs.label(ranked.first.model)
        said += f" Between {first} and {against} the lost answers decide."
    if ranked.not_compared and inputs.spec.baseline is not None:
        said += f" This study takes differences from {inputs.label(inputs.spec.baseline)} only."
    return said + _bounds(inputs, ranked, [*among, *torn])


def _rests_on(inputs: Inputs, task: str, among: Sequence[Standing]) -> str:
    """Of how many answers, after the values of a graded task; those of choices stand below."""
    if not inputs.graded(task):
        return ""
    rows = [_estimate(inputs, one.model, task, ALL) for one in among]
    n = shown.rests_on([row for row in rows if row is not None])
    return "" if n is None else f"; {n}"


def _bounds(inputs: Inputs, ranked: Ranking, among: Sequence[Standing]) -> str:
    """What lost answers leave open; nothing where models are not ranked by what was asked, or where
    a study has several tasks: then it stands in the table of all scores.
    """
    if not ranked.by_asked or len(inputs.main_tasks) > 1:
        return ""
    said = [
        f"{inputs.label(one.model)} {theme.percent(one.least)} to {theme.percent(one.most)} "
        f"({theme.percent(one.among_read)} of those read)"
        for one in among
    ]
    return f" Had every lost answer been wrong, or every one right: {'; '.join(said)}."


def _instrument_answer(check: Check) -> str:
    if not check.judged:
        return (
            "Nothing with a known value was measured, so this run says nothing about the"
            " instrument."
        )
    parts = []
    if check.planted_known:
        parts.append(f"{check.planted_found} of {check.planted_known} planted rates")
    if check.scores_known:
        parts.append(
            f"{check.scores_found} of {check.scores_known} scores that are known beforehand"
        )
    counts = " and ".join(parts)
    if check.failed:
        return f"No, not yet: the pipeline recovered {counts}."
    return f"Yes: the pipeline recovered {counts}."


def _against_chance(inputs: Inputs, task: str) -> str:
    """The stratum in which a model must be above chance to be called anything."""
    stratum = inputs.words(task).against_chance
    return stratum if stratum in inputs.strata(task) else ALL


def _beats_chance(inputs: Inputs, model: str, task: str) -> bool:
    """Whether even the lower bound lies above chance; true where nothing can be guessed."""
    stratum = _against_chance(inputs, task)
    chance = inputs.chance(task, stratum)
    if chance is None:
        return True
    own = ranking.standing(inputs, model, task, stratum)
    return own is not None and own.low is not None and own.low > chance


def _pair(inputs: Inputs, model: str, task: str) -> tuple[float, ...] | None:
    """The accuracies of the headline's strata, as models are ranked; None where one is missing."""
    strata = headline_strata(inputs, task)
    known = [ranking.standing(inputs, model, task, stratum) for stratum in strata]
    values = tuple(one.value for one in known if one is not None)
    return values if len(values) == len(strata) else None
