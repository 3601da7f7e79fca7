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
UNREAD = ("unparsed", "unfinished")  # the two shares that add up to what could not be read
ITSELF = frozenset({*UNREAD, "finished"})
OTHERS: Mapping[str, str] = {  # what becomes of unread answers, by policy
    "drop": "are not in it",
    "wrong": "count as wrong",
    "unknown": "count as the unknown option",
}
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
    return _found(estimate, name, evidence)


def _found(estimate: Estimate, name: str, evidence: Evidence) -> Found:
    if estimate.value is None or estimate.low is None or estimate.high is None:
        reason = f"a value without an interval decides nothing ({name})."
        return Found(estimate, None, reason, f"{name}: {estimate.value}, no interval", None)
    cautions = [] if (lost := loss_of(estimate, evidence)) is None else [lost.told()]
    if estimate.metric.endswith(BY_ITEM):
        cautions.append(
            f"The {estimate.n_clusters} questions are one template: the interval is by question and"
            " cannot know how another template would have come out."
        )
    caution = " ".join(cautions) if cautions else None
    told = (
        f"{name}: {estimate.value:.4g} ({estimate.low:.4g} to {estimate.high:.4g}, n ="
        f" {estimate.n:,}; "
    )
    told += f"{estimate.method}; policy {estimate.policy})"
    return Found(estimate, Known(estimate.value, estimate.low, estimate.high), None, told, caution)


class Loss(NamedTuple):
    """How many answers of a model could be read, and what became of the others."""

    label: str
    read: int
    asked: int
    others: str

    def told(self) -> str:
        """One sentence."""
        return (
            f"Only {self.read:,} of {self.asked:,} answers of {self.label} could be read; the"
            f" others {self.others}."
        )


def loss_of(estimate: Estimate, evidence: Evidence) -> Loss | None:
    """What was lost behind a number; None where little was, or where the number is the loss
    itself."""
    if estimate.metric in ITSELF:
        return None
    read = _read(estimate, evidence)
    if read is None or read >= ENOUGH_READ * estimate.n_items:
        return None
    others = OTHERS.get(estimate.policy, OTHERS["drop"])
    if estimate.metric == "n_tokens":
        others = "count with the length that they had"
    return Loss(evidence.label(estimate.model), read, estimate.n_items, others)


def _read(estimate: Estimate, evidence: Evidence) -> int | None:
    """How many answers of this model, task, group and condition could be read; None where nothing
    says so.
    """
    shares = [
        evidence.estimate(
            model=estimate.model,
            task=estimate.task,
            group=estimate.group,
            condition=estimate.context_condition,
            metric=metric,
            policy=None,
        )
        for metric in UNREAD
    ]
    known = [share.value for share in shares if share is not None and share.value is not None]
    if len(known) == len(UNREAD):
        return round((1.0 - sum(known)) * estimate.n_items)
    return estimate.n if estimate.metric == "accuracy" and estimate.policy == "drop" else None


def not_asked(evidence: Evidence, model: str, task: str) -> str | None:
    """Why the study has no answer of this model to this task; None where it may have."""
    if model not in evidence.spec["models"]:
        return f"the study does not run {model}."
    if task not in evidence.spec["tasks"]:
        return f"the study does not ask the task {task}."
    if evidence.by_likelihood(task):
        return (
            f"in this study the answers to {task} are chosen by likelihood; the claim is about"
            " generated answers."
        )
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
