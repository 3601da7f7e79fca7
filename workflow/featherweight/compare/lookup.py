"""Looking our numbers up for a rule: from a key to an estimate, or to why there is none.

One real look-up: `find(Key("qwen2.5-1.5b-instruct", "bbq-chinese", "all", "all", "accuracy"),
results)`. The 40 Chinese items are one template, so that `aggregate` has no clustered interval for
them: the one by item is taken, with a caution.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from featherweight.compare.result import Unit, show
from featherweight.compare.selection import Key
from featherweight.records import ALL, Estimate
from featherweight.results import LOSSES, Results
from featherweight.stats.equivalence import Known
from featherweight.tasks.numbers import BY_ITEM, numbers

ENOUGH_READ = 0.95  # of the answers: below it a verdict says how many are missing
# A metric that is one minus another one: what `aggregate` writes as the share of answers that were
# cut off is asked for as the share that came to an end.
COMPLEMENTS: Mapping[str, str] = {"finished": "unfinished"}
LOSS_ITSELF = frozenset({*LOSSES, *COMPLEMENTS})


class Measured(NamedTuple):
    """One of our numbers, with its interval."""

    told: str  # what was looked up and what stands there
    estimate: Estimate
    known: Known
    caution: str | None  # what must be said with the number


class Missing(NamedTuple):
    """No number that could decide anything."""

    told: str  # what was looked up and what stands there
    reason: str  # the end of a sentence


Lookup = Measured | Missing


def find(key: Key, results: Results) -> Lookup:
    """The estimate of a key; where it has no interval, the one by item if there is one."""
    name = (
        f"{key.metric} of {results.label(key.model)}, {key.task}, "
        f"{'all categories' if key.group == ALL else spoken(key.group)}, {questions(key.stratum)}"
    )
    reason = not_asked(results, key.model, key.task)
    if reason is not None:
        return Missing(f"{name}: {reason}", reason)
    estimate = _estimate(key, results)
    if estimate is None or estimate.value is None:
        reason = f"there is no estimate of {name}."
        return Missing(reason, reason)
    if estimate.low is None or estimate.high is None:
        by_item = _estimate(key._replace(metric=key.metric + BY_ITEM), results)
        estimate = estimate if by_item is None else by_item
    if estimate.value is None or estimate.low is None or estimate.high is None:
        reason = f"a value without an interval decides nothing ({name})."
        return Missing(f"{name}: {estimate.value}, no interval", reason)
    told = (
        f"{name}: {estimate.value:.4g} ({estimate.low:.4g} to {estimate.high:.4g}, n ="
        f" {estimate.n:,}; {estimate.method}; policy {estimate.policy})"
    )
    known = Known(estimate.value, estimate.low, estimate.high)
    return Measured(told, estimate, known, _caution(estimate, results))


def _estimate(key: Key, results: Results) -> Estimate | None:
    """The estimate as `aggregate` wrote it, or one minus it, its bounds exchanged."""
    base = results.estimate(*key._replace(metric=COMPLEMENTS.get(key.metric, key.metric)))
    if base is None or key.metric not in COMPLEMENTS:
        return base
    value, low, high = (None if x is None else 1.0 - x for x in (base.value, base.high, base.low))
    return replace(base, metric=key.metric, value=value, low=low, high=high)


def _caution(estimate: Estimate, results: Results) -> str | None:
    loss = loss_of(estimate, results)
    cautions = [] if loss is None else [loss.told()]
    if estimate.metric.endswith(BY_ITEM):
        cautions.append(
            f"The {estimate.n_clusters} questions are one template: the interval is by question and"
            " cannot know how another template would have come out."
        )
    return " ".join(cautions) if cautions else None


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


def loss_of(estimate: Estimate, results: Results) -> Loss | None:
    """What was lost behind a number; None where little was, or the number is the loss itself."""
    if estimate.metric in LOSS_ITSELF:
        return None
    read = _read(estimate, results)
    if read is None or read >= ENOUGH_READ * estimate.n_asked:
        return None
    others = _others(estimate, results)
    return Loss(results.label(estimate.model), read, estimate.n_asked, others)


def _others(estimate: Estimate, results: Results) -> str:
    """What became of the unread answers; a policy of a task's own counts them as its name says."""
    if estimate.metric == "n_tokens":
        return "count with the length that they had"
    if estimate.policy == "wrong":
        return "count as wrong"
    own = {one.name for one in numbers(results.spec.tasks[estimate.task].task).policies}
    if estimate.policy == "drop" or estimate.policy not in own:
        return "are not in it"
    return f"count as {estimate.policy!r}"


def _read(estimate: Estimate, results: Results) -> int | None:
    """How many answers behind a number could be read; None where nothing says so."""
    where = (estimate.model, estimate.task, estimate.group, estimate.stratum)
    unread = results.unread(*where)
    if unread is not None:
        return round((1.0 - unread) * estimate.n_asked)
    return estimate.n if estimate.metric == "accuracy" and estimate.policy == "drop" else None


def not_asked(results: Results, model: str, task: str) -> str | None:
    """Why the study has no answer of this model to this task; None where it may have."""
    if model not in results.spec.models:
        return f"the study does not run {model}."
    if task not in results.spec.tasks:
        return f"the study does not ask the task {task}."
    if not results.asked(model, task):
        return f"the study does not ask {results.label(model)} the task {task}."
    if results.by_likelihood(task):
        return (
            f"in this study the answers to {task} are chosen by likelihood; the claim is about"
            " generated answers."
        )
    return None


def spoken(group: str) -> str:
    """A category's name in a sentence."""
    return group.replace("_", " ")


def questions(stratum: str) -> str:
    """A stratum in a sentence; all of them are all questions."""
    return "all questions" if stratum == ALL else stratum


def with_n(found: Measured, unit: Unit) -> str:
    """The number with its interval and n, as the verdict tells it."""
    value, low, high = (show(one, unit) for one in found.known)
    return f"{value} ({low} to {high}, n = {found.estimate.n:,})"


def interval_of(known: Known, unit: Unit) -> str:
    """A value with its interval."""
    value, low, high = (show(one, unit) for one in known)
    return f"{value} ({low} to {high})"
