"""What the articles claim, as data: read from `config/claims.yaml` and checked.

One real claim:

    - id: r1-finishes
      article: article-0 topic: finishing text: 54.43% of R1-Distill's answers come to an end
      within 512 tokens; the others are cut off while thinking. article_value: 54.43% rule:
        value_near:
          estimate: {model: deepseek-r1-distill-qwen-1.5b, task: bbq, condition: both, metric:
          finished} stated: 0.5443 tolerance: 0.05

A rule is one of a small fixed vocabulary; nothing in the file is ever evaluated as code. `each`
names settings in which the rule is asked, `holds_in` what they add up to (`settings.py`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from featherweight.compare import vocabulary
from featherweight.compare.lookup import CONDITIONS
from featherweight.compare.settings import QUANTIFIERS
from featherweight.errors import InputError
from featherweight.study.load import nearest, read_document

ARTICLES: Mapping[str, tuple[str, str | None]] = {
    "article-0": (
        "Smol but Mighty (Hugging Face community blog, 4 Feb 2025)",
        "https://huggingface.co/blog/evijit/smollm-deepseek-bias-eval",
    ),
    "article-1": ("Small models outshine larger ones (news article, Feb 2025)", None),
    "article-2": ("Small reasoning models, an overview (syndicated, early 2025)", None),
    "article-3": ("How small models can beat large ones (newsletter, Dec 2024)", None),
}
UNITS = ("percent", "score", "tokens", "times", "none")
TEXTS = ("id", "article", "text", "topic", "article_value", "link", "note", "unit")
OPTIONAL = {"note", "unit", "article_value", "link"}
REQUIRED = {"id", "article", "text", "topic", "rule"}

NEEDED_OF_ESTIMATE = frozenset({"model", "task", "condition", "metric"})
ESTIMATE = NEEDED_OF_ESTIMATE | {"group", "policy"}
NEEDED_OF_PUBLISHED = frozenset({"benchmark", "metric", "model"})
PUBLISHED = NEEDED_OF_PUBLISHED | {"condition", "category", "source", "setting", "locator"}
AXES = frozenset({"model", "task", "group", "condition", "against"})
PUBLISHED_AXES = frozenset({"benchmark", "metric", "model", "against"})
PUBLISHED_PAIRS = frozenset({"published_greater", "published_close", "saving_near"})

_ESTIMATE_RULE = frozenset({"each", "holds_in"})
_CONTRAST = frozenset({"model", "first", "second", "metric", "condition"})

# The arguments of each rule: name -> (required, optional). What is required may stand under `each`.
RULES: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "value_near": (frozenset({"estimate", "stated", "tolerance"}), _ESTIMATE_RULE),
    "value_between": (frozenset({"estimate", "low", "high"}), _ESTIMATE_RULE),
    "value_above": (frozenset({"estimate", "stated"}), _ESTIMATE_RULE),
    "value_below": (frozenset({"estimate", "stated"}), _ESTIMATE_RULE),
    "greater": (frozenset({"a", "b"}), _ESTIMATE_RULE),
    "equal": (frozenset({"a", "b", "margin"}), _ESTIMATE_RULE),
    "rank_first": (frozenset({"estimate", "among"}), _ESTIMATE_RULE),
    "rank_last": (frozenset({"estimate", "among"}), _ESTIMATE_RULE),
    "lower_groups": (frozenset({"estimate", "groups", "than"}), _ESTIMATE_RULE),
    "ratio_between": (frozenset({"a", "b", "low", "high"}), _ESTIMATE_RULE),
    "contrast_near": (_CONTRAST | {"stated", "tolerance"}, _ESTIMATE_RULE),
    "contrast_below": (_CONTRAST, _ESTIMATE_RULE),
    "published_near": (frozenset({"published", "stated", "tolerance"}), frozenset({"of"})),
    "published_greater": (frozenset({"a", "b"}), frozenset({"each", "other_study"})),
    "published_close": (
        frozenset({"a", "b", "tolerance"}),
        frozenset({"each", "or_above", "other_study"}),
    ),
    "saving_near": (frozenset({"a", "b", "stated", "tolerance"}), frozenset({"each"})),
    "not_measured": (frozenset({"why"}), frozenset()),
}


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim and the rule that decides it."""

    id: str
    article: str  # what a reader sees
    link: str | None
    text: str
    topic: str
    unit: str
    article_value: str | None
    note: str | None  # what a reader must be told besides the verdict
    rule: str
    arguments: Mapping[str, Any]

    @property
    def holds_in(self) -> str:
        """What several settings add up to; one setting is the list of one."""
        return str(self.arguments.get("holds_in", "listed"))


def read_claims(path: Path) -> list[Claim]:
    """Every claim of the file. Raises InputError with every problem at once."""
    if not path.is_file():
        raise InputError(
            f"{path}: expected the articles' claims as YAML, found no file; check --claims"
        )
    raw = read_document(path)
    if not isinstance(raw, list) or not raw:
        raise InputError(f"{path}: expected a list of claims, got {type(raw).__name__}")
    names = [
        entry.get("id", number) if isinstance(entry, dict) else number
        for number, entry in enumerate(raw, 1)
    ]
    problems = [
        f"{path}: claim {name}: {problem}"
        for name, entry in zip(names, raw, strict=True)
        for problem in _problems(entry)
    ]
    twice = [name for name, count in Counter(map(str, names)).items() if count > 1]
    problems += [f"{path}: claim {name}: expected an id of its own, got it twice" for name in twice]
    if problems:
        raise InputError(problems)
    return [_claim(entry) for entry in raw]


def _problems(entry: Any) -> list[str]:
    """What is wrong with one claim."""
    if not isinstance(entry, dict):
        return [f"expected keys and values, got {entry!r}"]
    problems = _keys(entry, REQUIRED, OPTIONAL)
    problems += [
        f"{key}: expected a text, got {entry[key]!r}"
        for key in TEXTS
        if key in entry and not _is_text(entry[key])
    ]
    for key, known in (("article", tuple(ARTICLES)), ("unit", UNITS)):
        if _is_text(entry.get(key)) and entry[key] not in known:
            problems.append(f"{key}: expected one of {', '.join(known)}, got {entry[key]!r}")
    if "rule" not in entry:
        return problems
    rule = entry["rule"]
    if not isinstance(rule, dict) or len(rule) != 1:
        return [*problems, f"rule: expected one rule with its arguments, got {rule!r}"]
    ((name, arguments),) = rule.items()
    if name not in RULES:
        return [*problems, f"rule: unknown rule {name!r}; {nearest(str(name), RULES)}"]
    if not isinstance(arguments, dict):
        expected = ", ".join(sorted(RULES[name][0]))
        return [*problems, f"rule {name}: expected arguments {expected}, got {arguments!r}"]
    return problems + [f"rule {name}: {problem}" for problem in _rule_problems(name, arguments)]


def _keys(
    given: Mapping[str, Any],
    required: frozenset[str] | set[str],
    optional: frozenset[str] | set[str],
) -> list[str]:
    """Keys that are lacking and keys that nobody knows."""
    known = required | optional
    problems = [f"{key}: expected, got nothing" for key in sorted(required - given.keys())]
    unknown = [key for key in given if key not in known]
    return problems + [f"{key}: unknown key; {nearest(str(key), known)}" for key in unknown]


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_text(one) for one in value)


# What each argument must be: a check, and what was expected. Selections and axes have their own.
KINDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(("stated", "low", "high"), (_is_number, "a number")),
    **dict.fromkeys(
        ("tolerance", "margin"), (lambda value: _is_number(value) and value > 0, "a number above 0")
    ),
    **dict.fromkeys(("among", "groups", "than"), (_is_names, "a list of names")),
    **dict.fromkeys(
        ("model", "first", "second", "metric", "why", "other_study"), (_is_text, "a text")
    ),
    "condition": (lambda value: value in tuple(CONDITIONS), f"one of {', '.join(CONDITIONS)}"),
    "holds_in": (lambda value: value in QUANTIFIERS, f"one of {', '.join(QUANTIFIERS)}"),
    "of": (lambda value: value == "parameters_billion", "parameters_billion"),
    "or_above": (lambda value: isinstance(value, bool), "true or false"),
}


def _rule_problems(name: str, arguments: Mapping[str, Any]) -> list[str]:
    """What is wrong with a rule: its form, its words, and what it compares."""
    problems = _argument_problems(name, arguments) + vocabulary.twice(arguments)
    if name not in PUBLISHED_PAIRS | {"published_near"}:
        problems += vocabulary.of_our_numbers(arguments)
    return problems if problems else vocabulary.with_itself(arguments)


def _argument_problems(name: str, arguments: Mapping[str, Any]) -> list[str]:
    required, optional = RULES[name]
    axes = arguments.get("each", {})
    under_each = set(axes) if isinstance(axes, dict) else set()
    problems = _keys(arguments, required - under_each, optional | (required & under_each))
    for key, (accepts, expected) in KINDS.items():
        if key in arguments and not accepts(arguments[key]):
            problems.append(f"{key}: expected {expected}, got {arguments[key]!r}")
    published = name in PUBLISHED_PAIRS
    for key in ("estimate", "a", "b", "published"):
        if key in arguments:
            brought = under_each | ({"model"} if key == "b" and "against" in under_each else set())
            check = _published_problems if published or key == "published" else _estimate_problems
            problems += _within(key, check(arguments[key], brought))
    if "each" in arguments:
        problems += _within("each", _axes_problems(axes, PUBLISHED_AXES if published else AXES))
        if "against" in under_each and "b" not in arguments:
            problems.append("each: against: expected a rule that compares a with b")
        if not published and "holds_in" not in arguments:
            problems.append(
                f"holds_in: expected beside each, one of {', '.join(QUANTIFIERS)}; got nothing"
            )
    bounds = [arguments[key] for key in ("low", "high") if key in arguments]
    if len(bounds) == 2 and all(map(_is_number, bounds)) and bounds[0] >= bounds[1]:
        problems.append(f"low: expected a number below high, got {bounds[0]} and {bounds[1]}")
    if "holds_in" in arguments and "each" not in arguments:
        problems.append("holds_in: expected `each` beside it, got nothing")
    return problems


def _within(key: str, problems: list[str]) -> list[str]:
    return [f"{key}: {problem}" for problem in problems]


def _estimate_problems(selector: Any, brought: set[str]) -> list[str]:
    """What is wrong with a selection of our numbers; `brought`: the keys that `each` brings."""
    if not isinstance(selector, dict):
        return [f"expected keys and values, got {selector!r}"]
    problems = _keys(selector, NEEDED_OF_ESTIMATE - brought, ESTIMATE)
    wrong = [key for key in selector if key in ESTIMATE and not _is_text(selector[key])]
    problems += [f"{key}: expected a text, got {selector[key]!r}" for key in wrong]
    if _is_text(selector.get("condition")) and selector["condition"] not in CONDITIONS:
        problems.append(
            f"condition: expected one of {', '.join(CONDITIONS)}, got {selector['condition']!r}"
        )
    return problems


def _published_problems(selector: Any, brought: set[str]) -> list[str]:
    """What is wrong with a selection of published figures."""
    if not isinstance(selector, dict):
        return [f"expected keys and values, got {selector!r}"]
    wrong = [
        key
        for key, value in selector.items()
        if key in PUBLISHED and not (_is_text(value) or _is_names(value))
    ]
    problems = [
        f"{key}: expected a text or a list of texts, got {selector[key]!r}" for key in wrong
    ]
    return _keys(selector, NEEDED_OF_PUBLISHED - brought, PUBLISHED) + problems


def _axes_problems(axes: Any, known: frozenset[str]) -> list[str]:
    """What is wrong with the settings."""
    if not isinstance(axes, dict) or not axes:
        return [f"expected settings such as condition: [ambig, disambig], got {axes!r}"]
    problems = _keys(axes, frozenset(), known)
    for axis, values in axes.items():
        if not _is_names(values):
            problems.append(f"{axis}: expected a list of names, got {values!r}")
        elif axis == "condition" and any(value not in CONDITIONS for value in values):
            problems.append(f"condition: expected some of {', '.join(CONDITIONS)}, got {values!r}")
    return problems


def _claim(entry: Mapping[str, Any]) -> Claim:
    ((rule, arguments),) = entry["rule"].items()
    title, link = ARTICLES[entry["article"]]
    return Claim(
        id=entry["id"],
        article=title,
        link=entry.get("link", link),
        text=" ".join(entry["text"].split()),
        topic=entry["topic"],
        unit=entry.get("unit", "percent"),
        article_value=entry.get("article_value"),
        note=None if entry.get("note") is None else " ".join(entry["note"].split()),
        rule=rule,
        arguments=arguments,
    )
