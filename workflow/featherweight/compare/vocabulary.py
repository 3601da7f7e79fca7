"""The words that a claim may use for our numbers: those of the task that it asks.

A misspelt metric, policy, stratum or category would find no number, and the claim would say "not
tested" as if the study had not measured it; so it is refused when the file is read. One real line:

    claims.s5.rule: metric: unknown 'acuracy' of bbq; did you mean 'accuracy'?
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from featherweight.compare.figures import FiguresRule
from featherweight.compare.group_rules import Contrast
from featherweight.compare.lookup import COMPLEMENTS
from featherweight.compare.published import Published
from featherweight.compare.selection import Key, StudyRule
from featherweight.documents import nearest
from featherweight.records import ALL
from featherweight.tasks import task as task_of
from featherweight.tasks.numbers import numbers


def unknown_words(rule: StudyRule, tasks: Mapping[str, str]) -> list[str]:
    """Words of a rule on our numbers that its tasks do not have, each once."""
    keys = [key for fills in rule.settings() for key in rule.looked_up(fills)]
    contrasted = isinstance(rule, Contrast)
    return list(dict.fromkeys(line for key in keys for line in _of_key(key, tasks, contrasted)))


def _of_key(key: Key, tasks: Mapping[str, str], contrasted: bool) -> Iterator[str]:
    if key.task not in tasks:
        yield f"task: unknown {key.task!r}; {nearest(key.task, tasks)}; or add it under `tasks`"
        return
    task, of = task_of(tasks[key.task]), numbers(tasks[key.task])
    policies = {policy.name for policy in of.policies} | set(of.tools)
    known: dict[str, tuple[str | None, Iterable[str]]] = {
        "metric": (key.metric, of.contrasted if contrasted else of.names | COMPLEMENTS.keys()),
        "policy": (key.policy, policies),
        "stratum": (key.stratum, {ALL, *task.strata}),
        # a scored group is called by its category, with what sets it apart in brackets behind
        "group": (key.group.split(" (")[0], {ALL, *task.categories}),
    }
    for name, (word, words) in known.items():
        if word is not None and word not in words:
            yield f"{name}: unknown {word!r} of {task.name}; {nearest(word, words)}"


def unprinted_words(rule: FiguresRule, figures: Sequence[Published]) -> list[str]:
    """Metrics and strata of a rule on published figures that no published figure has."""
    metrics, strata = {one.metric for one in figures}, {one.stratum for one in figures}
    known = {"metric": metrics, "stratum": strata - {""}}
    return [
        f"{where}: {column}: unknown {word!r}; {nearest(word, known[column])}"
        for where, column, word in rule.named()
        if word not in known[column]
    ]
