"""The words that a claim may use for our numbers, and whether it compares anything with itself.

A misspelt metric, policy or category would find no number, and the claim would say "not tested" as
if the study had not measured it; a selection compared with itself would be reproduced or refuted by
nothing. Both are refused when the file is read. One real line:

    claim s5: rule value_near: estimate: metric: unknown 'acuracy'; did you mean 'accuracy'?
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from featherweight.stats.bias import POLICIES
from featherweight.study.load import nearest
from featherweight.tasks import TASK_NAMES, task

SCORES = ("accuracy", "s_amb", "s_dis", "stereotyped")
SHARES = ("unparsed", "unfinished", "n_tokens")
# What `aggregate` writes (estimates.py), and the complement that `evidence` makes.
METRICS = frozenset(
    {*SCORES, *SHARES, "finished", "accuracy_wilson", "icc", "design_effect"}
    | {f"{score}_macro" for score in (*SCORES, *SHARES)}
    | {
        f"{score}{end}"
        for score in ("accuracy", "s_amb", "s_dis")
        for end in ("_bootstrap", "_by_item")
    }
)
CONTRASTED = frozenset({*SCORES, *SHARES})
ESTIMATE_POLICIES = frozenset({*POLICIES, "lm_eval", "helm"})
ALL = "all"
NAMES = " (names)"
CATEGORIES: Mapping[str, Sequence[str]] = {name: task(name).categories for name in TASK_NAMES}

SELECTIONS = ("estimate", "a", "b")
LISTS = ("among", "groups", "than")


def of_our_numbers(arguments: Mapping[str, Any]) -> list[str]:
    """Words of a rule on this run's own numbers that nobody knows."""
    problems = []
    for name in SELECTIONS:
        selector = arguments.get(name)
        if isinstance(selector, dict):
            problems += [f"{name}: {problem}" for problem in _of_selection(selector)]
    if "first" in arguments and isinstance(arguments.get("metric"), str):
        problems += _unknown("metric", arguments["metric"], CONTRASTED)
    known = _categories(_tasks(arguments))
    if known is not None:
        for where, group in _groups(arguments):
            problems += [f"{where}{problem}" for problem in _unknown("group", group, known)]
    return problems


def of_published(arguments: Mapping[str, Any], metrics: frozenset[str]) -> list[str]:
    """Metrics of a rule on published figures that no published figure has; expects a rule that is
    otherwise whole.
    """
    selectors = [
        (name, arguments[name]) for name in (*SELECTIONS, "published") if name in arguments
    ]
    named = [
        (f"{where}: ", metric)
        for where, selector in [*selectors, ("each", _axes(arguments))]
        for metric in _listed(selector.get("metric", []))
    ]
    return [
        f"{where}{problem}"
        for where, metric in named
        for problem in _unknown("metric", metric, metrics)
    ]


def _listed(value: str | Sequence[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _of_selection(selector: Mapping[str, Any]) -> list[str]:
    problems = []
    for key, known in (("metric", METRICS), ("policy", ESTIMATE_POLICIES)):
        if isinstance(selector.get(key), str):
            problems += _unknown(key, selector[key], known)
    return problems


def _unknown(key: str, word: str, known: frozenset[str]) -> list[str]:
    return [] if word in known else [f"{key}: unknown {word!r}; {nearest(word, known)}"]


def _tasks(arguments: Mapping[str, Any]) -> set[str]:
    """Every task label that a rule names."""
    found = set()
    for name in SELECTIONS:
        selector = arguments.get(name)
        if isinstance(selector, dict) and isinstance(selector.get("task"), str):
            found.add(selector["task"])
    return found | set(_names(_axes(arguments).get("task")))


def _categories(tasks: set[str]) -> frozenset[str] | None:
    """The categories of these tasks; None where one is of a dataset whose categories are not known
    here.
    """
    datasets = {task.split("-")[0] for task in tasks}
    if not datasets or not datasets <= CATEGORIES.keys():
        return None
    found = {category for dataset in datasets for category in CATEGORIES[dataset]}
    return frozenset({ALL, *found} | {category + NAMES for category in found})


def _groups(arguments: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every category that a rule names, and where it stands."""
    for name in SELECTIONS:
        selector = arguments.get(name)
        if isinstance(selector, dict) and isinstance(selector.get("group"), str):
            yield f"{name}: ", selector["group"]
    for name in ("groups", "than"):
        yield from ((f"{name}: ", group) for group in _names(arguments.get(name)))
    yield from (("each: ", group) for group in _names(_axes(arguments).get("group")))


def _axes(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    axes = arguments.get("each", {})
    return axes if isinstance(axes, dict) else {}


def _names(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def twice(arguments: Mapping[str, Any]) -> list[str]:
    """Values that a list names twice: they would count twice."""
    lists = [(f"each: {axis}", values) for axis, values in _axes(arguments).items()]
    lists += [(name, arguments.get(name)) for name in LISTS]
    return [
        f"{where}: expected every value once, got {value!r} twice"
        for where, values in lists
        for value, count in Counter(_names(values)).items()
        if count > 1
    ]


def with_itself(arguments: Mapping[str, Any]) -> list[str]:
    """Whether a rule compares something with itself in one of its settings: one line for the first.

    Expects arguments that are otherwise whole.
    """
    axes = _axes(arguments)
    for values in product(*axes.values()):
        fills = dict(zip(axes, values, strict=True))
        same = _same(arguments, fills)
        if same is not None:
            return [f"expected two sides that differ, got {same} on both"]
    return []


def _same(arguments: Mapping[str, Any], fills: Mapping[str, str]) -> str | None:
    """What stands on both sides in one setting; None where they differ."""
    filled = {key: value for key, value in fills.items() if key != "against"}
    if "a" in arguments and "b" in arguments:
        against = {"model": fills["against"]} if "against" in fills else {}
        first = _whole(filled | dict(arguments["a"]))
        second = _whole(filled | against | dict(arguments["b"]))
        return _told(first) if first == second else None
    if "among" in arguments:
        model = (filled | dict(arguments["estimate"]))["model"]
        return f"the model {model}" if model in arguments["among"] else None
    if "groups" in arguments:
        both = [group for group in arguments["groups"] if group in arguments["than"]]
        return f"the category {both[0]}" if both else None
    if "first" in arguments or "first" in filled:
        tasks = filled | dict(arguments)
        return f"the task {tasks['first']}" if tasks["first"] == tasks["second"] else None
    return None


def _whole(selection: Mapping[str, Any]) -> dict[str, Any]:
    """A selection with what it leaves out: all categories."""
    return {key: value for key, value in selection.items() if (key, value) != ("group", ALL)}


def _told(selection: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in selection.items())
