"""Rules that published figures alone decide: what an article says of somebody else's number.

A pair compares one setting with one setting: a selection that finds several figures, or none,
decides nothing. Several pairs are several facts: where some hold and some do not, the claim is
partly right. One real pair of selections, the small model with search against the large one
without, on each of two benchmarks:

    a: {metric: accuracy, model: Llama-3.2-1B-Instruct, source: tts-paper, locator: Table 3,
        setting: "compute-optimal TTS, N=512"}
    b: {metric: pass@1, model: Llama-3.1-405B-Instruct, source: tts-paper, locator: Table 3}
    each: {benchmark: [MATH-500, AIME24]}
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

from featherweight.compare.evidence import Evidence
from featherweight.compare.published import Published
from featherweight.compare.seen import Seen, gap, show, untested
from featherweight.records import VerdictWord

ROUNDING = 1e-9
PARAMETERS = "parameters_billion"
METRICS: Mapping[str, str] = {"mean_tokens": "mean number of tokens"}
NO_BENCHMARK = frozenset({"R1 output length", "API price"})


class Pair(NamedTuple):
    """Two published figures that a rule compares."""

    first: Published
    second: Published


def _select(selector: Mapping[str, Any], evidence: Evidence) -> list[Published]:
    """Every figure that matches a selection; what an article repeats is no evidence for it."""
    wanted = {key: value if isinstance(value, list) else [value] for key, value in selector.items()}
    return [
        figure
        for figure in evidence.published
        if figure.seen != "article"
        and all(getattr(figure, key) in values for key, values in wanted.items())
    ]


def _size(figure: Published) -> float:
    return figure.value if figure.fraction is None else figure.fraction


def _unit(figure: Published) -> str:
    return "none" if figure.fraction is None else "percent"


def _value(figure: Published) -> str:
    return show(_size(figure), _unit(figure))


def _sources(figures: Sequence[Published]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(figure.source for figure in figures))


def _judge(held: int, of: int) -> VerdictWord:
    if held == of:
        return "reproduced"
    return "partly" if held else "contradicted"


def _near(arguments: Mapping[str, Any], evidence: Evidence, unit: str) -> Seen:
    """Every published figure of a selection lies within a tolerance of the stated value."""
    stated, tolerance = float(arguments["stated"]), float(arguments["tolerance"])
    selector = arguments["published"]
    of_size = arguments.get("of") == PARAMETERS
    what = "number of parameters in billions" if of_size else _spoken(selector["metric"])
    rule = (
        f"the published {what} is within {gap(tolerance, unit)} of the stated {show(stated, unit)}"
    )
    figures = _select(selector, evidence)
    found = [
        (figure.parameters_billion if of_size else _size(figure), figure) for figure in figures
    ]
    known = [(value, figure) for value, figure in found if value is not None]
    if not known:
        models = selector["model"] if isinstance(selector["model"], list) else [selector["model"]]
        name = f"{what} of {', '.join(models)}{_on(selector['benchmark'])}"
        return untested(
            rule, f"no published {name} was found, so the claim has nothing to rest on."
        )
    places: dict[tuple[str, float], list[str]] = {}  # a figure that several sources print is one
    for value, figure in known:
        places.setdefault((figure.model, round(value, 9)), []).append(
            f"{figure.short}, {figure.locator}"
        )
    told = [
        f"{model} {show(value, unit)} ({'; '.join(dict.fromkeys(where))})"
        for (model, value), where in places.items()
    ]
    near = [abs(value - stated) <= tolerance + ROUNDING for _, value in places]
    verdict = _judge(sum(near), len(near))
    return Seen(
        verdict,
        rule,
        f"Published: {'; '.join(told)}.",
        known[0][0] if unit == "percent" else None,
        sources=_sources([figure for _, figure in known]),
        steps=(
            *(f"{line} -> {_yes(held, 'near')}" for line, held in zip(told, near, strict=True)),
            _hence(near, verdict),
        ),
    )


def _yes(held: bool, word: str) -> str:
    return word if held else f"not {word}"


def _hence(held: Sequence[bool], verdict: VerdictWord) -> str:
    return f"Holds for {sum(held)} of {len(held)}. Hence {verdict}."


def _selections(arguments: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The selections of a and b for every combination of the axes; `against` is b's model."""
    axes = arguments.get("each", {})
    for values in product(*axes.values()):
        fills = dict(zip(axes, values, strict=True))
        against = {"model": fills.pop("against")} if "against" in fills else {}
        yield fills | dict(arguments["a"]), fills | against | dict(arguments["b"])


def _pairs(arguments: Mapping[str, Any], evidence: Evidence) -> list[Pair] | str:
    """The figures of every pair, or why there is a pair without exactly one figure on each side."""
    found = []
    for sides in _selections(arguments):
        figures = []
        for selector in sides:
            selected = _select(selector, evidence)
            if len(selected) != 1:
                what = (
                    f"{_spoken(selector['metric'])} of"
                    f" {selector['model']}{_on(selector['benchmark'])}"
                )
                got = "none" if not selected else f"{len(selected)} in different settings"
                return f"expected one published {what}, found {got}."
            figures += selected
        found.append(Pair(*figures))
    return found


def _spoken(metric: str | list[str]) -> str:
    return _words(metric) if isinstance(metric, str) else " or ".join(map(_words, metric))


def _on(benchmark: str) -> str:
    """Where a figure was measured; nothing for what was not measured on a benchmark."""
    return "" if benchmark in NO_BENCHMARK else f" on {benchmark}"


def _head(pairs: Sequence[Pair]) -> str:
    """What all pairs have in common: who against whom, on what."""
    who = {pair.first.model for pair in pairs}
    whom = {pair.second.model for pair in pairs}
    where = {pair.first.benchmark for pair in pairs}
    first, second = pairs[0]
    said = [first.model] if len(who) == 1 else []
    if len(whom) == 1:
        said.append(f"against {second.model}")
    if len(where) == 1:
        said.append(f"on {first.benchmark}")
    if who == whom:
        said.append(f"with {_words(first.metric)} against {_words(second.metric)}")
    return " ".join(said)


def _words(metric: str) -> str:
    return METRICS.get(metric, metric.replace("_", " "))


def _each(pairs: Sequence[Pair]) -> list[str]:
    """Every pair by what it differs in from the others."""
    several = {
        "where": len({pair.first.benchmark for pair in pairs}) > 1,
        "who": len({pair.first.model for pair in pairs}) > 1,
        "whom": len({pair.second.model for pair in pairs}) > 1,
    }
    told = []
    for first, second in pairs:
        names = [first.benchmark] if several["where"] else []
        names += [first.model] if several["who"] else []
        other = f"{second.model} " if several["whom"] and second.model != first.model else ""
        told.append(f"{' '.join([*names, _value(first)])} against {other}{_value(second)}")
    return told


def _printed(pairs: Sequence[Pair]) -> str:
    """Where the figures stand, each place once."""
    places = dict.fromkeys(f"{figure.short}, {figure.locator}" for pair in pairs for figure in pair)
    return "; ".join(places)


def _compare(
    arguments: Mapping[str, Any],
    evidence: Evidence,
    rule: str,
    word: str,
    holds: Callable[[Pair], bool],
) -> Seen:
    """Every pair judged by `holds`; what another study shows can only be seen elsewhere."""
    pairs = _pairs(arguments, evidence)
    if isinstance(pairs, str):
        return untested(rule, pairs)
    held = [holds(pair) for pair in pairs]
    verdict = _judge(sum(held), len(held))
    told = _each(pairs)
    head = f"{_head(pairs)} ({_printed(pairs)})"
    steps = (head, *(f"{line} -> {_yes(yes, word)}" for line, yes in zip(told, held, strict=True)))
    why = f"{head}: {'; '.join(told)}."
    if len(told) > 1:
        why = f"Holds for {sum(held)} of {len(held)}: {why}"
    other = arguments.get("other_study")
    if other is not None:
        if verdict != "reproduced":
            lacking = (
                f"{why} {other} They do not show it, which says nothing about the study that is"
                " meant."
            )
            return untested(rule, lacking, steps)
        verdict, why = "seen elsewhere", f"{why} {other}"
    used = _sources([figure for pair in pairs for figure in pair])
    return Seen(verdict, rule, why, sources=used, steps=(*steps, _hence(held, verdict)))


def _greater(arguments: Mapping[str, Any], evidence: Evidence, unit: str) -> Seen:
    rule = "in every published pair of figures the first is greater"
    return _compare(
        arguments, evidence, rule, "greater", lambda pair: _size(pair.first) > _size(pair.second)
    )


def _close(arguments: Mapping[str, Any], evidence: Evidence, unit: str) -> Seen:
    """Within a share of the second figure; where `or_above`, anything above is as good."""
    tolerance, or_above = float(arguments["tolerance"]), arguments.get("or_above") is True
    word = "near or above" if or_above else "near"
    rule = f"in every published pair the first is within {tolerance:.0%} of the second"
    rule = f"{rule}, or above it" if or_above else rule

    def holds(pair: Pair) -> bool:
        apart = _size(pair.first) / _size(pair.second) - 1.0
        return apart >= -tolerance - ROUNDING and (or_above or apart <= tolerance + ROUNDING)

    return _compare(arguments, evidence, rule, word, holds)


def _saving(arguments: Mapping[str, Any], evidence: Evidence, unit: str) -> Seen:
    stated, tolerance = float(arguments["stated"]), float(arguments["tolerance"])
    rule = (
        f"one minus the ratio of list prices is within {gap(tolerance, unit)} of"
        f" {show(stated, unit)}"
    )
    pairs = _pairs(arguments, evidence)
    if isinstance(pairs, str):
        return untested(rule, pairs)
    savings = [1 - pair.first.value / pair.second.value for pair in pairs]
    told = [
        f"1 - {pair.first.value:g} / {pair.second.value:g} = {show(saving, unit)} "
        f"({pair.first.metric.replace('_', ' ')})"
        for pair, saving in zip(pairs, savings, strict=True)
    ]
    near = [abs(saving - stated) <= tolerance + ROUNDING for saving in savings]
    verdict = _judge(sum(near), len(near))
    used = _sources([figure for pair in pairs for figure in pair])
    steps = (
        *(f"{line} -> {_yes(yes, 'near')}" for line, yes in zip(told, near, strict=True)),
        _hence(near, verdict),
    )
    return Seen(verdict, rule, f"{'; '.join(told)}.", savings[0], sources=used, steps=steps)


RULES: Mapping[str, Callable[[Mapping[str, Any], Evidence, str], Seen]] = {
    "published_near": _near,
    "published_greater": _greater,
    "published_close": _close,
    "saving_near": _saving,
}
