"""Made-up evidence for claims: estimates, paired differences, contrasts and published figures, in
rows of `records`.

`Truth` says what a world must look like for a claim: `true`, `false`, `open` (too few answers:
intervals reach across what decides) or `missing`. `world` makes such evidence for any claim of
`config/claims.yaml`, from its rule alone and without any code of `compare` that decides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Literal

from featherweight.compare.claims import Claim
from featherweight.compare.evidence import Evidence
from featherweight.compare.published import Published
from featherweight.records import ContrastRow, Difference, Estimate

Truth = Literal["true", "false", "open", "missing"]

HALVED = (
    "Gender_identity",
    "Race_ethnicity",
    "Race_x_SES",
    "Race_x_gender",
)  # scored in two halves
TASKS = ("bbq", "bbq-chinese", "bbq-american")


def estimate(
    model: str,
    value: float | None,
    low: float | None = None,
    high: float | None = None,
    **change: Any,
) -> Estimate:
    """An estimate of disambiguated accuracy over all categories, unless `change` says otherwise."""
    known = {
        "task": "bbq",
        "group": "all",
        "context_condition": "disambig",
        "metric": "accuracy",
        "policy": "drop",
        "n": 300,
        "n_items": 300,
        "n_clusters": 50,
        "method": "made up",
    } | change
    return Estimate(model=model, value=value, low=low, high=high, **known)


def evidence(
    estimates: Sequence[Estimate],
    *,
    differences: Sequence[Difference] = (),
    contrasts: Sequence[ContrastRow] = (),
    published: Sequence[Published] = (),
    models: dict[str, Any] | None = None,
    tasks: dict[str, str] | None = None,
    answers: dict[str, str] | None = None,
) -> Evidence:
    """Evidence of a study that runs every model that has an estimate."""
    names = list(dict.fromkeys(e.model for e in estimates))
    return Evidence(
        spec={
            "policy": "drop",
            "models": models or {name: {"label": name.upper()} for name in names},
            "tasks": tasks or {"bbq": "bbq"},
            "answers": answers or {},
            "wording_pairs": [],
        },
        estimates={
            (e.model, e.task, e.group, e.context_condition, e.metric, e.policy): e
            for e in estimates
        },
        differences={
            (d.model, d.baseline, d.task, d.group, d.context_condition, d.metric, d.policy): d
            for d in differences
        },
        contrasts=contrasts,
        published=published,
    )


def difference(value: float, p: float, reach: float = 0.05, **change: Any) -> Difference:
    """Model a minus model b, paired, unless `change` says otherwise."""
    known = {
        "model": "a",
        "baseline": "b",
        "task": "bbq",
        "group": "all",
        "context_condition": "disambig",
        "metric": "accuracy",
        "policy": "drop",
    } | change
    return Difference(
        value=value,
        low=value - reach,
        high=value + reach,
        p=p / 2,
        p_adjusted=p,
        adjustment="holm",
        n=300,
        n_clusters=50,
        detectable=0.08,
        **known,
    )


def contrast(value: float, reach: float, **change: Any) -> ContrastRow:
    """One task minus another within model a, unless `change` says otherwise."""
    known = {
        "model": "a",
        "first": "x",
        "second": "y",
        "context_condition": "both",
        "metric": "n_tokens",
        "policy": "drop",
        "value": value,
        "low": value - reach,
        "high": value + reach,
        "p": 0.01,
        "n_first": 40,
        "n_second": 40,
        "n_clusters_first": 3,
        "n_clusters_second": 3,
        "method": "made up",
        "caution": None,
    } | change
    return ContrastRow(**known)


def figure(value: float, **change: Any) -> Published:
    """A published figure."""
    known = {
        "benchmark": "B",
        "metric": "accuracy",
        "condition": "",
        "category": "all",
        "model": "m",
        "organisation": "",
        "parameters_billion": None,
        "value_high": None,
        "unit": "percent",
        "setting": "",
        "source": "paper",
        "locator": "Table 1",
        "seen": "source",
        "drawn": False,
        "short": "a paper",
        "title": "A paper",
        "address": None,
    } | change
    return Published(value=value, **known)


@dataclass
class World:
    """Rows that are gathered for one claim."""

    estimates: list[Estimate] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    contrasts: list[ContrastRow] = field(default_factory=list)
    published: list[Published] = field(default_factory=list)

    def number(self, selector: Mapping[str, Any], value: float, reach: float) -> None:
        """An estimate that a selection picks out; what comes to an end is written as what does
        not."""
        known = {"group": "all", "policy": "drop"} | dict(selector)
        metric, low, high = known["metric"], value - reach, value + reach
        if metric == "finished":
            metric, value, low, high = "unfinished", 1 - value, 1 - high, 1 - low
        self.estimates.append(
            estimate(
                known["model"],
                value,
                low,
                high,
                task=known["task"],
                group=known["group"],
                context_condition=known["condition"],
                metric=metric,
                policy=known["policy"],
            )
        )

    def pair(
        self,
        first: Mapping[str, Any],
        second: Mapping[str, Any],
        value: float,
        p: float,
        reach: float,
    ) -> None:
        """The paired difference of two selections that differ in the model alone."""
        known = {"group": "all", "policy": "drop"} | dict(first)
        where = {key: known[key] for key in ("task", "group", "metric", "policy")}
        self.differences.append(
            difference(
                value,
                p,
                reach,
                model=first["model"],
                baseline=second["model"],
                context_condition=known["condition"],
                **where,
            )
        )

    def evidence(self, claim: Claim) -> Evidence:
        """The evidence, of a study that runs every model and asks every task."""
        named = [e.model for e in self.estimates] + [c.model for c in self.contrasts]
        models = {name: {"label": name} for name in named} or {"nobody": {}}
        return evidence(
            self.estimates,
            differences=self.differences,
            contrasts=self.contrasts,
            published=self.published,
            models=models,
            tasks=dict.fromkeys(TASKS, "bbq"),
        )


def scored_groups(category: str) -> list[str]:
    """The scored groups of a category."""
    return [category, f"{category} (names)"] if category in HALVED else [category]


def settings(claim: Claim) -> list[list[dict[str, str]]]:
    """What fills the selections, setting by setting: one mapping for each scored group of a halved
    category.
    """
    axes = claim.arguments.get("each", {})
    found = []
    for values in product(*axes.values()):
        fills = dict(zip(axes, values, strict=True))
        halves = scored_groups(fills["group"]) if "group" in fills else [None]
        found.append([fills if half is None else fills | {"group": half} for half in halves])
    return found


def world(claim: Claim, truths: Sequence[Truth] | Truth, *, paired: bool = False) -> Evidence:
    """Evidence in which a claim is true, false, open or missing: in all its settings, or setting by
    setting.
    """
    made = World()
    if claim.rule in PUBLISHED:
        PUBLISHED[claim.rule](made, claim, truths)
        return made.evidence(claim)
    every = settings(claim)
    wanted = [truths] * len(every) if isinstance(truths, str) else truths
    for fills, truth in zip(every, wanted, strict=True):
        for part in fills:
            if truth != "missing":
                STUDY[claim.rule](made, claim, part, truth, paired)
    return made.evidence(claim)


def _selection(claim: Claim, name: str, fills: Mapping[str, str]) -> dict[str, str]:
    brought = {key: value for key, value in fills.items() if key != "against"}
    if name == "b" and "against" in fills:
        brought["model"] = fills["against"]
    return brought | dict(claim.arguments[name])


def _inside(floor: float, ceiling: float, truth: Truth) -> tuple[float, float]:
    """A value and its reach, for an interval that must lie between two bounds."""
    middle, half = (floor + ceiling) / 2, (ceiling - floor) / 2
    return {
        "true": (middle, 0.4 * half),
        "false": (middle + 6 * half, half),
        "open": (middle, 2 * half),
    }[truth]


def _near(made: World, claim: Claim, fills: Mapping[str, str], truth: Truth, paired: bool) -> None:
    stated, tolerance = claim.arguments["stated"], claim.arguments["tolerance"]
    made.number(
        _selection(claim, "estimate", fills),
        *_inside(stated - tolerance, stated + tolerance, truth),
    )


def _between(
    made: World, claim: Claim, fills: Mapping[str, str], truth: Truth, paired: bool
) -> None:
    bounds = claim.arguments["low"], claim.arguments["high"]
    made.number(_selection(claim, "estimate", fills), *_inside(*bounds, truth))


def _beyond(side: int) -> Callable[..., None]:
    def make(
        made: World, claim: Claim, fills: Mapping[str, str], truth: Truth, paired: bool
    ) -> None:
        stated = claim.arguments["stated"]
        value, reach = {"true": (0.2, 0.1), "false": (-0.2, 0.05), "open": (0.02, 0.1)}[truth]
        made.number(_selection(claim, "estimate", fills), stated + side * value, reach)

    return make


def _compare(
    made: World, first: dict[str, str], second: dict[str, str], truth: Truth, paired: bool
) -> None:
    """First above second.

    Where the two are paired, their intervals overlap and only the pairs tell.
    """
    if paired and first["model"] != second["model"]:
        made.number(first, 0.6, 0.2)
        made.number(second, 0.6, 0.2)
        made.pair(
            first,
            second,
            *{"true": (0.3, 0.001), "false": (-0.3, 0.001), "open": (0.3, 0.06)}[truth],
            0.1,
        )
        return
    made.number(first, 0.6, 0.02)
    made.number(second, *{"true": (0.3, 0.02), "false": (0.9, 0.02), "open": (0.6, 0.1)}[truth])


def _greater(
    made: World, claim: Claim, fills: Mapping[str, str], truth: Truth, paired: bool
) -> None:
    _compare(made, _selection(claim, "a", fills), _selection(claim, "b", fills), truth, paired)


def _equal(made: World, claim: Claim, fills: Mapping[str, str], truth: Truth, paired: bool) -> None:
    first, second = _selection(claim, "a", fills), _selection(claim, "b", fills)
    margin = claim.arguments["margin"]
    apart, reach = _inside(-margin, margin, truth)
    if paired:
        made.number(first, 0.6, 0.3)
        made.number(second, 0.6, 0.3)
        made.pair(first, second, apart, 0.5, reach)
    else:
        made.number(first, 0.6, 0.1 * margin)
        made.number(second, 0.6 - apart, reach - 0.1 * margin)


def _ranked(side: int) -> Callable[..., None]:
    def make(
        made: World, claim: Claim, fills: Mapping[str, str], truth: Truth, paired: bool
    ) -> None:
        first = _selection(claim, "estimate", fills)
        for name in claim.arguments["among"]:
            sides = (first, first | {"model": name})
            _compare(made, *(sides if side > 0 else sides[::-1]), truth, paired)

    return make


def _lower(made: World, claim: Claim, fills: Mapping[str, str], truth: Truth, paired: bool) -> None:
    values = {"true": (0.4, 0.8, 0.05), "false": (0.8, 0.4, 0.05), "open": (0.6, 0.65, 0.3)}[truth]
    for name, value in zip(("groups", "than"), values[:2], strict=True):
        for category in claim.arguments[name]:
            for group in scored_groups(category):
                made.number(
                    _selection(claim, "estimate", fills) | {"group": group}, value, values[2]
                )


def _ratio(made: World, claim: Claim, fills: Mapping[str, str], truth: Truth, paired: bool) -> None:
    low, high = claim.arguments["low"], claim.arguments["high"]
    ratio, reach = {
        "true": (math.sqrt(low * high), 0.01),
        "false": (low / 3, 0.01),
        "open": (low, 0.2),
    }[truth]
    made.number(_selection(claim, "a", fills), 300.0, 3.0)
    made.number(_selection(claim, "b", fills), 300.0 / ratio, reach * 300.0 / ratio)


def _contrast_near(
    made: World, claim: Claim, fills: Mapping[str, str], truth: Truth, paired: bool
) -> None:
    stated, tolerance = claim.arguments["stated"], claim.arguments["tolerance"]
    _contrast(made, claim, fills, *_inside(stated - tolerance, stated + tolerance, truth))


def _contrast_below(
    made: World, claim: Claim, fills: Mapping[str, str], truth: Truth, paired: bool
) -> None:
    _contrast(
        made, claim, fills, *{"true": (-0.3, 0.1), "false": (0.3, 0.1), "open": (-0.05, 0.1)}[truth]
    )


def _contrast(
    made: World, claim: Claim, fills: Mapping[str, str], value: float, reach: float
) -> None:
    known = dict(fills) | {
        key: claim.arguments[key] for key in ("model", "condition") if key in claim.arguments
    }
    where = {key: claim.arguments[key] for key in ("first", "second", "metric")}
    made.contrasts.append(
        contrast(value, reach, model=known["model"], context_condition=known["condition"], **where)
    )


STUDY: Mapping[str, Callable[..., None]] = {
    "value_near": _near,
    "value_between": _between,
    "value_above": _beyond(1),
    "value_below": _beyond(-1),
    "greater": _greater,
    "equal": _equal,
    "rank_first": _ranked(1),
    "rank_last": _ranked(-1),
    "lower_groups": _lower,
    "ratio_between": _ratio,
    "contrast_near": _contrast_near,
    "contrast_below": _contrast_below,
}


def _chosen(selector: Mapping[str, Any]) -> dict[str, str]:
    """One value for every key of a selection of published figures."""
    return {key: value[0] if isinstance(value, list) else value for key, value in selector.items()}


def _published_near(made: World, claim: Claim, truth: Truth) -> None:
    """`open`: one figure is near and another one is not."""
    stated, tolerance = claim.arguments["stated"], claim.arguments["tolerance"]
    near, far = stated + 0.5 * tolerance, stated - 3 * tolerance
    for value in {"true": [near], "false": [far], "open": [near, far], "missing": []}[truth]:
        if "of" in claim.arguments:
            made.published.append(
                figure(1.0, parameters_billion=value, **_chosen(claim.arguments["published"]))
            )
        else:
            scale, unit = (100, "percent") if claim.unit == "percent" else (1, claim.unit)
            made.published.append(
                figure(scale * value, unit=unit, **_chosen(claim.arguments["published"]))
            )


def _published_pairs(first: float, second: Mapping[str, float]) -> Callable[..., None]:
    """Pairs by their truth; `open`: the second side was printed twice, in different settings."""

    def make(made: World, claim: Claim, truths: Sequence[Truth] | Truth) -> None:
        every = settings(claim)
        wanted = [truths] * len(every) if isinstance(truths, str) else truths
        seen: set[tuple[tuple[str, str], ...]] = set()
        for (fills,), truth in zip(every, wanted, strict=True):
            if truth == "missing":
                continue
            for name, value in (("a", first), ("b", second["true" if truth == "open" else truth])):
                selection = _chosen(_selection(claim, name, fills))
                if tuple(selection.items()) not in seen:
                    made.published.append(figure(value, **selection))
                seen.add(tuple(selection.items()))
            if truth == "open":
                made.published.append(figure(value, **{"setting": "another"} | selection))

    return make


def _one_truth(make: Callable[[World, Claim, Truth], None]) -> Callable[..., None]:
    def many(made: World, claim: Claim, truths: Sequence[Truth] | Truth) -> None:
        make(made, claim, truths if isinstance(truths, str) else truths[0])

    return many


PUBLISHED: Mapping[str, Callable[..., None]] = {
    "published_near": _one_truth(_published_near),
    "published_greater": _published_pairs(60.0, {"true": 50.0, "false": 70.0}),
    "published_close": _published_pairs(40.0, {"true": 40.2, "false": 80.0}),
    "saving_near": _published_pairs(0.4, {"true": 10.0, "false": 0.8}),
}
