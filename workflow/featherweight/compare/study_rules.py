"""Rules that this run's own numbers decide: what each looks up in one setting, and what it sees.

Every test returns an `Outcome`: it holds, it does not, the lost answers decide, too few answers
were asked, or the number is not there. Four principles (docs/decisions/0010):

- Equal, near, zero: only where the whole interval lies inside the margin. A value without an
  interval decides nothing.
- Greater: a paired difference with adjusted p below 0.05; else intervals that do not overlap,
  which is right however the two numbers go together.
- Where the paired difference over all that was asked disagrees with that over what both had read,
  the lost answers decide, and the claim is neither shown nor refuted.
- Where one exception would contradict a claim about many settings, the exception must be clear of
  chance among that many: its interval is widened (`factor`, Bonferroni).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from featherweight.compare.look import Look, over_all_asked, sign_of
from featherweight.compare.lookup import Found, interval_of, loss_of, measured, not_asked
from featherweight.compare.seen import show_gap
from featherweight.compare.settings import TOO_FEW, Outcome, State, groups_of
from featherweight.stats.equivalence import (
    Known,
    beside_margin,
    difference_of,
    mean_of,
    widened,
    widest_difference,
    widest_ratio,
)
from featherweight.stats.intervals import Interval

Test = Callable[[Look], Outcome]


def _missing(*found: Found) -> Outcome:
    reasons = [one.missing for one in found if one.missing is not None]
    return Outcome("missing", reasons[0], tuple(one.told for one in found))


def _cautions(*found: Found) -> str:
    return "".join(
        f" {caution}"
        for caution in dict.fromkeys(one.caution for one in found)
        if caution is not None
    )


def _said(state: State, told: str) -> str:
    return f"{told} {TOO_FEW}" if state == "open" else told


def _beside(known: Known, floor: float, ceiling: float, factor: float) -> State:
    """Where an interval lies beside a margin; the widened one decides that it lies outside."""
    if beside_margin(Interval(known.low, known.high), floor, ceiling) == "inside":
        return "holds"
    wide = widened(known, factor)
    return (
        "fails"
        if beside_margin(Interval(wide.low, wide.high), floor, ceiling) == "outside"
        else "open"
    )


def _within(look: Look, floor: float, ceiling: float) -> Outcome:
    found = look.find("estimate")
    if found.known is None:
        return _missing(found)
    state = _beside(found.known, floor, ceiling, look.factor)
    told = _said(state, f"We measured {measured(found, look.unit)}.{_cautions(found)}")
    return Outcome(state, told, (found.told,), found.known)


def value_near(look: Look) -> Outcome:
    """The whole interval lies within a tolerance of the stated value."""
    stated, tolerance = float(look.arguments["stated"]), float(look.arguments["tolerance"])
    return _within(look, stated - tolerance, stated + tolerance)


def value_between(look: Look) -> Outcome:
    """The whole interval lies between two bounds."""
    return _within(look, float(look.arguments["low"]), float(look.arguments["high"]))


def value_above(look: Look) -> Outcome:
    """The whole interval lies above a value."""
    return _one_sided(look, 1.0)


def value_below(look: Look) -> Outcome:
    """The whole interval lies below a value."""
    return _one_sided(look, -1.0)


def _one_sided(look: Look, sign: float) -> Outcome:
    found, stated = look.find("estimate"), float(look.arguments["stated"])
    if found.known is None:
        return _missing(found)
    wide = widened(found.known, look.factor)
    nearest, farthest = (found.known.low, wide.high) if sign > 0 else (found.known.high, wide.low)
    state: State = (
        "holds"
        if sign * (nearest - stated) > 0
        else "fails"
        if sign * (farthest - stated) < 0
        else "open"
    )
    told = _said(state, f"We measured {measured(found, look.unit)}.{_cautions(found)}")
    return Outcome(state, told, (found.told,), found.known)


def greater(look: Look) -> Outcome:
    """A is greater than b beyond chance."""
    first, second = look.find("a"), look.find("b")
    if first.known is None or second.known is None:
        return _missing(first, second)
    sign, how, lost = sign_of(first, second, look)
    state: State = "lost" if lost else "holds" if sign > 0 else "fails" if sign < 0 else "open"
    told = (
        f"{measured(first, look.unit)} against {measured(second, look.unit)};"
        f" {how}.{_cautions(first, second)}"
    )
    return Outcome(state, _said(state, told), (first.told, second.told, how))


def equal(look: Look) -> Outcome:
    """A minus b lies inside the margin with its whole interval."""
    first, second = look.find("a"), look.find("b")
    if (
        first.known is None
        or second.known is None
        or first.estimate is None
        or second.estimate is None
    ):
        return _missing(first, second)
    margin = float(look.arguments["margin"])
    paired = look.evidence.difference(first.estimate, second.estimate)
    lost = ""
    if paired is not None and paired.found.low is not None and paired.found.high is not None:
        difference = Known(paired.found.value, paired.found.low, paired.found.high)
        how, lost = "paired", over_all_asked(paired, look)
    else:
        difference = widest_difference(first.known, second.known)
        how = "end against end, not paired"
    state: State = "lost" if lost else _beside(difference, -margin, margin, look.factor)
    apart = f"{show_gap(difference.value, look.unit)} ({show_gap(difference.low, look.unit)} to "
    apart += f"{show_gap(difference.high, look.unit)}), {how}{lost}"
    told = f"{measured(first, look.unit)} against {measured(second, look.unit)}, apart by {apart}."
    steps = (first.told, second.told, f"difference: {apart}")
    return Outcome(state, _said(state, told + _cautions(first, second)), steps)


def rank_first(look: Look) -> Outcome:
    """The model's number is higher than that of every other, beyond chance."""
    return _ranked(look, 1)


def rank_last(look: Look) -> Outcome:
    """The model's number is lower than that of every other, beyond chance."""
    return _ranked(look, -1)


def _ranked(look: Look, side: int) -> Outcome:
    found = look.find("estimate")
    others = {name: look.find("estimate", model=name) for name in look.arguments["among"]}
    known = {name: other for name, other in others.items() if other.known is not None}
    if found.known is None or not known:
        return _missing(found, *others.values())
    compared = {name: sign_of(found, other, look) for name, other in known.items()}
    state = _rank(
        [(side * one.sign, one.lost) for one in compared.values()],
        complete=len(known) == len(others),
    )
    names = {name: look.evidence.label(name) for name in known}
    told = f"{measured(found, look.unit)}; "
    told += "; ".join(
        f"{names[name]} {measured(other, look.unit)}"
        + (f", {compared[name].how}" if compared[name].lost else "")
        for name, other in known.items()
    )
    told += "."
    steps = (found.told, *(f"{other.told}; {compared[name].how}" for name, other in known.items()))
    return Outcome(
        state, _said(state, told + _cautions(found, *known.values())), steps, found.known
    )


def _rank(compared: list[tuple[int, bool]], *, complete: bool) -> State:
    """What comparisons with several others add up to: signs, each with whether lost answers decide
    it.
    """
    if any(sign < 0 for sign, _ in compared):
        return "fails"
    if complete and all(sign > 0 for sign, _ in compared):
        return "holds"
    return "lost" if any(lost for _, lost in compared) else "open"


def lower_groups(look: Look) -> Outcome:
    """The mean of some categories is lower than that of others; categories are independent."""
    means: list[Known] = []
    steps: list[str] = []
    every: list[Found] = []
    for name in ("groups", "than"):
        found = [
            look.find("estimate", group=group)
            for category in look.arguments[name]
            for group in groups_of(category, look.evidence)
        ]
        if any(one.known is None for one in found):
            return _missing(*found)
        every += found
        means.append(_mean_of_categories(look, name))
        steps += [*(one.told for one in found), f"their mean: {interval_of(means[-1], look.unit)}"]
    difference = difference_of(*means)
    wide = widened(difference, look.factor)
    state: State = "holds" if difference.high < 0 else "fails" if wide.low > 0 else "open"
    told = (
        f"{interval_of(means[0], look.unit)} against"
        f" {interval_of(means[1], look.unit)}.{_lost_together(every, look)}"
    )
    return Outcome(state, _said(state, told), tuple(steps))


def _lost_together(found: list[Found], look: Look) -> str:
    """What was lost in several categories of one model, as one sentence; nothing where each lost
    little.
    """
    losses = [loss_of(one.estimate, look.evidence) for one in found if one.estimate is not None]
    known = [loss for loss in losses if loss is not None]
    if not known:
        return ""
    read, asked = sum(loss.read for loss in known), sum(loss.asked for loss in known)
    where = (
        "the one group that lost many"
        if len(known) == 1
        else f"the {len(known)} groups that lost many"
    )
    return f" In {where}: {known[0]._replace(read=read, asked=asked).told()}"


def _mean_of_categories(look: Look, name: str) -> Known:
    """The mean over categories of the mean over each category's halves."""
    categories = []
    for category in look.arguments[name]:
        halves = [
            look.find("estimate", group=group).known for group in groups_of(category, look.evidence)
        ]
        categories.append(mean_of([half for half in halves if half is not None]))
    return mean_of(categories)


def ratio_between(look: Look) -> Outcome:
    """A over b lies between two bounds, end against end."""
    first, second = look.find("a"), look.find("b")
    if first.known is None or second.known is None:
        return _missing(first, second)
    ratio = widest_ratio(first.known, second.known)
    tokens = f"{measured(first, 'tokens')} against {measured(second, 'tokens')}"
    if ratio is None:
        return Outcome(
            "missing", f"a ratio needs numbers above 0 ({tokens}).", (first.told, second.told)
        )
    state = _beside(ratio, float(look.arguments["low"]), float(look.arguments["high"]), look.factor)
    told = f"{interval_of(ratio, look.unit)}: {tokens}.{_cautions(first, second)}"
    return Outcome(
        state,
        _said(state, told),
        (first.told, second.told, f"ratio: {interval_of(ratio, look.unit)}"),
    )


def _contrast(look: Look) -> tuple[Known | None, str]:
    """The first task minus the second within one model, and what was looked up or is missing."""
    wanted = dict(look.fills) | dict(look.arguments)
    first, second, condition = wanted["first"], wanted["second"], wanted["condition"]
    model, metric = wanted["model"], wanted["metric"]
    for task in (first, second):
        reason = not_asked(look.evidence, model, task)
        if reason is not None:
            return None, reason
    name = f"{metric} of {look.evidence.label(model)}, {first} minus {second}, {condition}"
    for row in look.evidence.contrasts:
        if (row.model, row.metric, row.context_condition) != (model, metric, condition):
            continue
        sign = {(first, second): 1.0, (second, first): -1.0}.get((row.first, row.second))
        if sign is None or row.value is None:
            continue
        if row.low is None or row.high is None:
            return None, f"a value without an interval decides nothing ({name})."
        low, high = sorted((sign * row.low, sign * row.high))
        return Known(sign * row.value, low, high), f"{name} ({row.method})"
    return None, f"there is no contrast of {name}."


def contrast_near(look: Look) -> Outcome:
    """The difference between two tasks lies near the stated one with its whole interval."""
    known, told = _contrast(look)
    if known is None:
        return Outcome("missing", told, (told,))
    stated, tolerance = float(look.arguments["stated"]), float(look.arguments["tolerance"])
    state = _beside(known, stated - tolerance, stated + tolerance, look.factor)
    seen = interval_of(known, look.unit)
    return Outcome(
        state, _said(state, f"We measured a difference of {seen}."), (f"{told}: {seen}",), known
    )


def contrast_below(look: Look) -> Outcome:
    """The first task's number is lower than the second's, beyond chance."""
    known, told = _contrast(look)
    if known is None:
        return Outcome("missing", told, (told,))
    state: State = (
        "holds" if known.high < 0 else "fails" if widened(known, look.factor).low > 0 else "open"
    )
    seen = interval_of(known, look.unit)
    return Outcome(
        state, _said(state, f"We measured a difference of {seen}."), (f"{told}: {seen}",), known
    )


TESTS: Mapping[str, Test] = {
    "value_near": value_near,
    "value_between": value_between,
    "value_above": value_above,
    "value_below": value_below,
    "greater": greater,
    "equal": equal,
    "rank_first": rank_first,
    "rank_last": rank_last,
    "lower_groups": lower_groups,
    "ratio_between": ratio_between,
    "contrast_near": contrast_near,
    "contrast_below": contrast_below,
}
