"""The rules that decide a claim: each looks at data and returns a verdict with what it saw, without eval.

    reproduced    the data say what the claim says
    partly        they say it for some of what it covers, or too few answers were asked to settle it
    contradicted  they say otherwise
    not tested    this study has no number that the claim is about

A verdict with sources rests on published figures alone (`published_rules`): then "reproduced" says that the source
prints what the claim says, and the page words it "borne out".

A paired difference counts as real where its adjusted p is below 0.05 (Holm over the headline family,
Benjamini-Hochberg over the grid of categories: `Difference.adjustment`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from featherweight.compare import published_rules
from featherweight.compare.claims import Claim
from featherweight.compare.evidence import Evidence
from featherweight.compare.seen import Seen, gap, show, untested
from featherweight.records import Estimate, Verdict

ALPHA = 0.05
ROUNDING = 1e-9


def decide(claim: Claim, evidence: Evidence) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict on one claim, and the published sources that decided it (none: this run's own numbers did)."""
    seen = _RULES[claim.rule](claim.arguments, evidence, claim.unit)
    why = seen.why if claim.note is None else f"{seen.why} Note: {claim.note}"
    verdict = Verdict(
        claim=claim.id,
        article=claim.article,
        text=claim.text,
        article_value=claim.article_value,
        our_value=seen.value,
        our_low=seen.low,
        our_high=seen.high,
        verdict=seen.verdict,
        rule=seen.rule,
        why=why,
    )
    return verdict, seen.sources


class Found(NamedTuple):
    """One of our numbers, or why there is none."""

    estimate: Estimate | None
    value: float | None
    low: float | None
    high: float | None
    missing: str


def _find(selector: Mapping[str, Any], evidence: Evidence, **change: str) -> Found:
    """Look a selection up; a `complement` is one minus the number."""
    wanted = {"group": "all", "policy": None} | dict(selector) | change
    complement = wanted.pop("complement", False)
    model, task = wanted["model"], wanted["task"]
    if model not in evidence.spec["models"]:
        return Found(None, None, None, None, f"the study does not run {model}.")
    if task not in evidence.spec["tasks"]:
        return Found(None, None, None, None, f"the study does not ask the task {task}.")
    if evidence.by_likelihood(task):
        return Found(None, None, None, None, _not_generated(task))
    estimate = evidence.estimate(**wanted)
    if estimate is None or estimate.value is None:
        what = f"{wanted['metric']} of {evidence.label(model)} on {task} ({wanted['group']}, {wanted['condition']})"
        return Found(None, None, None, None, f"there is no estimate of {what}.")
    value, low, high = estimate.value, estimate.low, estimate.high
    if complement:
        value, low, high = 1 - value, None if high is None else 1 - high, None if low is None else 1 - low
    return Found(estimate, value, low, high, "")


def _not_generated(task: str) -> str:
    return f"in this study the answers to {task} are chosen by likelihood; the claim is about generated answers."


def _value_near(arguments: Mapping[str, Any], evidence: Evidence, unit: str) -> Seen:
    stated, tolerance = float(arguments["stated"]), float(arguments["tolerance"])
    rule = f"our value is within {gap(tolerance, unit)} of the stated {show(stated, unit)}"
    found = _find(arguments["estimate"], evidence)
    return _near(found, stated, tolerance, rule, unit)


def _near(found: Found, stated: float, tolerance: float, rule: str, unit: str) -> Seen:
    if found.value is None:
        return untested(rule, found.missing)
    why = f"We measured {_measured(found, unit)}."
    if found.low is None or found.high is None:
        return Seen("partly", rule, f"{why} A number without an interval settles nothing.", found.value)
    verdict: Literal["reproduced", "partly", "contradicted"] = "contradicted"
    if abs(found.value - stated) <= tolerance + ROUNDING:
        verdict = "reproduced"
    elif found.low <= stated + tolerance and found.high >= stated - tolerance:
        verdict = "partly"
    return Seen(verdict, rule, why, found.value, found.low, found.high)


def _measured(found: Found, unit: str) -> str:
    n = "" if found.estimate is None else f", n = {found.estimate.n:,}"
    if found.low is None or found.high is None:
        return f"{show(found.value, unit)} (no interval{n})"
    return f"{show(found.value, unit)} ({show(found.low, unit)} to {show(found.high, unit)}{n})"


def _interval_contains(arguments: Mapping[str, Any], evidence: Evidence, unit: str) -> Seen:
    stated = float(arguments["stated"])
    rule = f"our 95% interval holds the stated {show(stated, unit)}"
    found = _find(arguments["estimate"], evidence)
    if found.value is None or found.low is None or found.high is None:
        return untested(rule, found.missing or "the estimate has no interval.")
    inside = found.low <= stated <= found.high
    why = f"We measured {_measured(found, unit)}."
    return Seen("reproduced" if inside else "contradicted", rule, why, found.value, found.low, found.high)


def _interval_above(arguments: Mapping[str, Any], evidence: Evidence, unit: str) -> Seen:
    stated = float(arguments["stated"])
    rule = f"our whole 95% interval lies above {show(stated, unit)}"
    found = _find(arguments["estimate"], evidence)
    if found.value is None or found.low is None or found.high is None:
        return untested(rule, found.missing or "the estimate has no interval.")
    verdict: Literal["reproduced", "partly", "contradicted"] = "partly"
    if found.low > stated:
        verdict = "reproduced"
    elif found.high < stated:
        verdict = "contradicted"
    return Seen(verdict, rule, f"We measured {_measured(found, unit)}.", found.value, found.low, found.high)


def _compared(first: Found, second: Found, evidence: Evidence) -> tuple[int, str]:
    """+1: first is surely greater, -1: surely smaller, 0: the data do not settle it; and how that is known."""
    if first.estimate is None or second.estimate is None or first.value is None or second.value is None:
        return 0, ""
    paired = evidence.difference(first.estimate, second.estimate)
    if paired is not None and first.value == first.estimate.value:
        value, _, _, p = paired
        return (0 if p >= ALPHA else 1 if value > 0 else -1), f"paired difference, adjusted p = {p:.2g}"
    if first.low is None or first.high is None or second.low is None or second.high is None:
        return 0, "no intervals"
    if first.low > second.high:
        return 1, "the intervals do not overlap"
    return (-1, "the intervals do not overlap") if first.high < second.low else (0, "the intervals overlap")


def _greater(arguments: Mapping[str, Any], evidence: Evidence, unit: str) -> Seen:
    a, b = arguments["a"], arguments["b"]
    names = _pair_names(a, b, evidence)
    rule = f"{a['metric']} is greater for {names[0]} than for {names[1]}, and the difference is larger than chance"
    first, second = _find(a, evidence), _find(b, evidence)
    if first.value is None or second.value is None:
        return untested(rule, first.missing or second.missing)
    sign, how = _compared(first, second, evidence)
    why = f"{names[0]}: {_measured(first, unit)}; {names[1]}: {_measured(second, unit)}; {how}."
    verdict: Literal["reproduced", "partly", "contradicted"] = (
        "reproduced" if sign > 0 else "contradicted" if sign < 0 else "partly"
    )
    if sign == 0:
        why += " This many answers do not settle it."
    return Seen(verdict, rule, why, first.value, first.low, first.high)


def _pair_names(a: Mapping[str, Any], b: Mapping[str, Any], evidence: Evidence) -> tuple[str, str]:
    """The two sides, named by what differs between them."""
    if a["model"] != b["model"]:
        return evidence.label(a["model"]), evidence.label(b["model"])
    names = {"ambig": "ambiguous questions", "disambig": "disambiguated questions", "both": "all questions"}
    if a["condition"] != b["condition"]:
        return names[a["condition"]], names[b["condition"]]
    return str(a["task"]), str(b["task"])


def _always_greater(arguments: Mapping[str, Any], evidence: Evidence, unit: str) -> Seen:
    a, b, groups = arguments["a"], arguments["b"], arguments["groups"]
    names = _pair_names(a, b, evidence)
    rule = f"{a['metric']} is greater for {names[0]} than for {names[1]} in every category"
    pairs = [(g, _find(a, evidence, group=g), _find(b, evidence, group=g)) for g in _groups(groups, a, evidence)]
    known = [(g, x, y) for g, x, y in pairs if x.value is not None and y.value is not None]
    if not known:
        missing = [_find(a, evidence).missing, _find(b, evidence).missing]
        return untested(rule, next(filter(None, missing), "there is no category with both numbers."))
    signs = {g: _compared(x, y, evidence)[0] for g, x, y in known}
    higher = [g for g, x, y in known if x.value is not None and y.value is not None and x.value > y.value]
    worse = [g for g, sign in signs.items() if sign < 0]
    surely = sum(sign > 0 for sign in signs.values())
    why = f"Higher in {len(higher)} of {len(known)} categories, {surely} beyond chance."
    if worse:
        return Seen("contradicted", rule, f"{why} Beyond chance the other way in {', '.join(worse)}.")
    return Seen("reproduced" if surely == len(known) == len(pairs) else "partly", rule, why)


def _groups(listed: Any, selector: Mapping[str, Any], evidence: Evidence) -> list[str]:
    """The categories that are named, or every one that was measured."""
    if listed != "all":
        return [str(group) for group in listed]
    task = selector["task"]
    return sorted({key[2] for key in evidence.estimates if key[1] == task and key[2] != "all"})


def _rank_first(arguments: Mapping[str, Any], evidence: Evidence, unit: str) -> Seen:
    """One selection against the same selection with another model (`over: model`) or another metric, group or task."""
    selector, over = arguments["estimate"], arguments.get("over", "model")
    name = _name(selector[over], over, evidence)
    rule = f"{selector['metric']} is highest for {name} among {len(arguments['among']) + 1}"
    found = _find(selector, evidence)
    if found.value is None:
        return untested(rule, found.missing)
    others = {name: _find(selector, evidence, **{over: name}) for name in arguments["among"] if name != selector[over]}
    known = {name: other for name, other in others.items() if other.value is not None}
    if not known:
        return untested(rule, "nothing of what it is compared with was measured.")
    signs = {name: _compared(found, other, evidence)[0] for name, other in known.items()}
    better = [_name(name, over, evidence) for name, sign in signs.items() if sign < 0]
    why = f"{_name(selector[over], over, evidence)}: {_measured(found, unit)}; "
    why += "; ".join(f"{_name(name, over, evidence)}: {_measured(other, unit)}" for name, other in known.items()) + "."
    if better:
        return Seen("contradicted", rule, why, found.value, found.low, found.high)
    sure = len(known) == len(others) and all(sign > 0 for sign in signs.values())
    return Seen("reproduced" if sure else "partly", rule, why, found.value, found.low, found.high)


def _name(value: str, over: str, evidence: Evidence) -> str:
    return evidence.label(value) if over == "model" else value.replace("_", " ")


def _contrast_near(arguments: Mapping[str, Any], evidence: Evidence, unit: str) -> Seen:
    """The difference between two tasks within one model, beside what was stated."""
    stated, tolerance = float(arguments["stated"]), float(arguments["tolerance"])
    first, second, metric = arguments["first"], arguments["second"], arguments["metric"]
    rule = f"{metric} differs between {first} and {second} by {gap(stated, unit)}, give or take {gap(tolerance, unit)}"
    for task in (first, second):
        if evidence.by_likelihood(task):
            return untested(rule, _not_generated(task))
    wanted = (arguments["model"], metric, arguments.get("condition", "both"))
    for row in evidence.contrasts:
        if (row.model, row.metric, row.context_condition) != wanted or row.value is None:
            continue
        if (row.first, row.second) == (first, second):
            return _near(Found(None, row.value, row.low, row.high, ""), stated, tolerance, rule, unit)
        if (row.first, row.second) == (second, first):
            low, high = (None if bound is None else -bound for bound in (row.high, row.low))
            return _near(Found(None, -row.value, low, high, ""), stated, tolerance, rule, unit)
    if arguments["model"] not in evidence.spec["models"]:
        return untested(rule, f"the study does not run {arguments['model']}.")
    return untested(rule, f"there is no contrast of {metric} between {first} and {second}.")


def _not_measured(arguments: Mapping[str, Any], evidence: Evidence, unit: str) -> Seen:
    return untested("no rule: the study has no such number", str(arguments["why"]))


_RULES: Mapping[str, Callable[[Mapping[str, Any], Evidence, str], Seen]] = {
    "value_near": _value_near,
    "interval_contains": _interval_contains,
    "interval_above": _interval_above,
    "greater": _greater,
    "always_greater": _always_greater,
    "rank_first": _rank_first,
    "contrast_near": _contrast_near,
    "not_measured": _not_measured,
    **published_rules.RULES,
}
