"""Looking our numbers up for a rule: from a selection to an estimate, or to why there is none.

One real look-up: `find({"model": "qwen2.5-1.5b-instruct", "task": "bbq-chinese", "condition":
"disambig", "metric": "s_dis"}, evidence)`. The 40 Chinese items are one template, so that
`aggregate` has no clustered interval for them: the one by item is taken, with a caution.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from featherweight.compare.evidence import Evidence
from featherweight.compare.seen import show
from featherweight.records import Estimate
from featherweight.stats.equivalence import Known

ENOUGH_READ = 0.95  # of the answers: below it a verdict says how many are missing
BY_ITEM = "_by_item"  # ends the metric of an interval by item (aggregate/one_template.py)
CONDITIONS = {"ambig": "ambiguous", "disambig": "disambiguated", "both": "both contexts"}


class Found(NamedTuple):
    """One of our numbers, or why there is none that can decide anything."""

    estimate: Estimate | None
    known: Known | None  # None where a value or its interval is missing
    missing: str | None  # why `known` is None, as the end of a sentence
    told: str  # what was looked up and what stands there
    caution: str | None  # what must be said with the number


def find(selector: Mapping[str, Any], evidence: Evidence) -> Found:
    """The estimate of a selection; of all categories, by the study's policy, unless it says so."""
    wanted = {"group": "all", "policy": None} | dict(selector)
    model, task = wanted["model"], wanted["task"]
    name = (
        f"{wanted['metric']} of {evidence.label(model)}, {task}, "
        f"{'all categories' if wanted['group'] == 'all' else spoken(wanted['group'])}, "
        f"{CONDITIONS[wanted['condition']]}"
    )
    reason = not_asked(evidence, model, task)
    if reason is not None:
        return Found(None, None, reason, f"{name}: {reason}", None)
    estimate = evidence.estimate(**wanted)
    if estimate is None or estimate.value is None:
        reason = f"there is no estimate of {name}."
        return Found(None, None, reason, reason, None)
    if estimate.low is None or estimate.high is None:
        by_item = evidence.estimate(**wanted | {"metric": wanted["metric"] + BY_ITEM})
        estimate = estimate if by_item is None else by_item
    return _found(estimate, name, evidence.label(model))


def _found(estimate: Estimate, name: str, label: str) -> Found:
    if estimate.value is None or estimate.low is None or estimate.high is None:
        reason = f"a value without an interval decides nothing ({name})."
        return Found(estimate, None, reason, f"{name}: {estimate.value}, no interval", None)
    caution = None
    if estimate.metric == "accuracy" and estimate.n < ENOUGH_READ * estimate.n_items:
        caution = (
            f"Only {estimate.n:,} of {estimate.n_items:,} answers of {label} could be read; the others are not in it."
        )
    if estimate.metric.endswith(BY_ITEM):
        caution = (
            f"The {estimate.n_clusters} questions are one template: the interval is by question and cannot know how "
            "another template would have come out."
        )
    told = f"{name}: {estimate.value:.4g} ({estimate.low:.4g} to {estimate.high:.4g}, n = {estimate.n:,}; "
    told += f"{estimate.method}; policy {estimate.policy})"
    return Found(estimate, Known(estimate.value, estimate.low, estimate.high), None, told, caution)


def not_asked(evidence: Evidence, model: str, task: str) -> str | None:
    """Why the study has no answer of this model to this task; None where it may have."""
    if model not in evidence.spec["models"]:
        return f"the study does not run {model}."
    if task not in evidence.spec["tasks"]:
        return f"the study does not ask the task {task}."
    if evidence.by_likelihood(task):
        return f"in this study the answers to {task} are chosen by likelihood; the claim is about generated answers."
    return None


def spoken(group: str) -> str:
    """A category's name in a sentence."""
    return group.replace("_", " ")


def measured(found: Found, unit: str) -> str:
    """The number with its interval and n, as the verdict tells it."""
    if found.known is None or found.estimate is None:
        return "no data"
    return f"{interval_of(found.known, unit)[:-1]}, n = {found.estimate.n:,})"


def interval_of(known: Known, unit: str) -> str:
    """A value with its interval."""
    return f"{show(known.value, unit)} ({show(known.low, unit)} to {show(known.high, unit)})"
