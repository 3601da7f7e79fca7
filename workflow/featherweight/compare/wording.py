"""The rules on our own numbers in words, as the page and `--explain` print them.

One real one, of the claim `r1-finishes`:

    our whole 95% interval lies within 5 points of the stated 54.4%
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from featherweight.compare.evidence import Evidence
from featherweight.compare.lookup import spoken
from featherweight.compare.seen import gap, show

METRICS: Mapping[str, str] = {
    "s_amb": "the ambiguous bias score",
    "s_dis": "the disambiguated bias score",
    "n_tokens": "the number of tokens",
    "finished": "the share of answers that come to an end",
}


def _metric(selector: Mapping[str, Any]) -> str:
    return METRICS.get(selector["metric"], str(selector["metric"]))


def words(rule: str, arguments: Mapping[str, Any], evidence: Evidence, unit: str) -> str:
    """The rule in words, without the settings."""
    label = evidence.label
    sides = partial(_sides, arguments, evidence)

    def names(models: list[str]) -> str:
        return ", ".join(label(name) for name in models)

    said: Mapping[str, Callable[[], str]] = {
        "value_near": lambda: (
            f"our whole 95% interval lies within {gap(arguments['tolerance'], unit)} of the stated "
            f"{show(arguments['stated'], unit)}"
        ),
        "value_between": lambda: (
            f"our whole 95% interval lies between {show(arguments['low'], unit)} and"
            f" {show(arguments['high'], unit)}"
        ),
        "value_above": lambda: (
            f"our whole 95% interval lies above {show(arguments['stated'], unit)}"
        ),
        "value_below": lambda: (
            f"our whole 95% interval lies below {show(arguments['stated'], unit)}"
        ),
        "greater": lambda: (
            f"{_metric(arguments['a'])} is greater for {sides('than for')}, beyond chance"
        ),
        "equal": lambda: (
            f"{_metric(arguments['a'])} of {sides('and')} differs by less than "
            f"{gap(arguments['margin'], unit)}, with the whole 95% interval"
        ),
        "rank_first": lambda: (
            f"{_metric(arguments['estimate'])} of {label(arguments['estimate']['model'])} is"
            f" higher, beyond chance, than that of each of {names(arguments['among'])}"
        ),
        "rank_last": lambda: (
            f"{_metric(arguments['estimate'])} of {label(arguments['estimate']['model'])} is lower,"
            f" beyond chance, than that of each of {names(arguments['among'])}"
        ),
        "lower_groups": lambda: (
            f"the mean {arguments['estimate']['metric']} of {_groups(arguments['groups'])} is"
            f" lower, beyond chance, than that of {_groups(arguments['than'])}"
        ),
        "ratio_between": lambda: (
            f"{_metric(arguments['a'])} of {sides('over that of')} is between"
            f" {show(arguments['low'], unit)} and {show(arguments['high'], unit)}, with the whole"
            " interval"
        ),
        "contrast_near": lambda: (
            f"{_metric(arguments)} differs between {arguments['first']} and {arguments['second']}"
            f" by {gap(arguments['stated'], unit)}, give or take"
            f" {gap(arguments['tolerance'], unit)}, with the whole 95% interval"
        ),
        "contrast_below": lambda: (
            f"{_metric(arguments)} is lower for {arguments['first']} than for"
            f" {arguments['second']}, beyond chance"
        ),
    }
    return said[rule]()


def _groups(categories: list[str]) -> str:
    return ", ".join(spoken(category) for category in categories)


def _sides(arguments: Mapping[str, Any], evidence: Evidence, between: str) -> str:
    """The two sides, named by what differs between them."""
    a, b, label = arguments["a"], arguments["b"], evidence.label
    against = arguments.get("each", {}).get("against")
    if against is not None:
        return f"{label(a['model'])} {between} {' and '.join(label(model) for model in against)}"
    if a.get("model") != b.get("model"):
        return f"{label(a['model'])} {between} {label(b['model'])}"
    names = {
        "ambig": "ambiguous questions",
        "disambig": "disambiguated questions",
        "both": "all questions",
    }
    if a.get("condition") != b.get("condition"):
        return f"{names[a['condition']]} {between} {names[b['condition']]}"
    return f"{a['task']} {between} {b['task']}"
