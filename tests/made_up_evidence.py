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
from typing import Any, Literal, NamedTuple

from featherweight.compare import group_rules, pair_rules, published_rules, value_rules
from featherweight.compare.claims import Claim
from featherweight.compare.decide import decide
from featherweight.compare.published import Published
from featherweight.compare.result import RuleResult
from featherweight.records import ContrastRow, Difference, Estimate, Verdict
from featherweight.results import Results
from featherweight.specs import CompareSpec, DrawSpec, PlantedSpec, StudiedModel, StudiedTask

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
        "stratum": "disambiguated",
        "metric": "accuracy",
        "policy": "drop",
        "n": 300,
        "n_asked": 300,
        "n_clusters": 50,
        "method": "made up",
    } | change
    return Estimate(model=model, value=value, low=low, high=high, **known)


class Evidence(NamedTuple):
    """What a claim is decided by."""

    results: Results
    published: Sequence[Published]

    def decide(self, claim: Claim) -> tuple[Verdict, RuleResult]:
        """The verdict on a claim, and what its rule saw."""
        return decide(claim, self.results, self.published)


def model(
    name: str,
    label: str | None = None,
    control: str | None = None,
    planted: Sequence[PlantedSpec] = (),
) -> StudiedModel:
    """A model of a made-up study, called by its name in capitals."""
    return StudiedModel(
        name=name,
        kind="folder" if control is None else "control",
        label=name.upper() if label is None else label,
        control=control,
        planted=tuple(planted),
        parameters_billion=None,
        repository=None,
        revision=None,
        licence=None,
    )


def task(
    label: str,
    of: str = "bbq",
    answers: str = "generated",
    wording: str | None = "letter",
    models: Sequence[str] = (),
    **changes: Any,
) -> StudiedTask:
    """A task entry of a made-up study; without models it asks all of them."""
    return StudiedTask(
        label=label,
        task=of,
        name=of,
        models=tuple(models),
        wording=wording,
        answers=answers,
        categories=(),
        draw=DrawSpec(label=label, task=of, count=None, subset=None, draws=()),
        **changes,
    )


def spec(
    models: Sequence[StudiedModel],
    tasks: Sequence[StudiedTask] = (task("bbq"),),
    wording_pairs: Sequence[tuple[str, str]] = (),
    policy: str = "drop",
) -> CompareSpec:
    """What compare knows of a made-up study."""
    everybody = {"models": tuple(one.name for one in models)}
    return CompareSpec(
        study="made-up",
        title="Made up",
        question="?",
        models={one.name: one for one in models},
        controls=tuple(one.name for one in models if one.control is not None),
        tasks={one.label: one if one.models else one.model_copy(update=everybody) for one in tasks},
        wording_pairs=tuple(wording_pairs),
        contrasts=(),
        policies=dict.fromkeys((one.label for one in tasks), policy),
        baseline=None,
        max_new_tokens=64,
    )


def evidence(
    estimates: Sequence[Estimate],
    *,
    differences: Sequence[Difference] = (),
    contrasts: Sequence[ContrastRow] = (),
    published: Sequence[Published] = (),
    models: Sequence[StudiedModel] | None = None,
    tasks: Sequence[StudiedTask] = (task("bbq"),),
    policy: str = "drop",
) -> Evidence:
    """Evidence of a study that runs every model that has an estimate."""
    named = [model(name) for name in dict.fromkeys(e.model for e in estimates)]
    known = spec(named if models is None else models, tasks, policy=policy)
    return Evidence(Results(known, estimates, differences, contrasts), published)


def difference(value: float, p: float, reach: float = 0.05, **change: Any) -> Difference:
    """Model a minus model b, paired, unless `change` says otherwise."""
    known = {
        "model": "a",
        "baseline": "b",
        "task": "bbq",
        "group": "all",
        "stratum": "disambiguated",
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
        "stratum_first": "all",
        "stratum_second": "all",
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
        "stratum": "",
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
                stratum=known["stratum"],
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
                stratum=known["stratum"],
                **where,
            )
        )

    def evidence(self, claim: Claim) -> Evidence:
        """The evidence, of a study that runs every model and asks every task."""
        named = [e.model for e in self.estimates] + [c.model for c in self.contrasts]
        models = [model(name, name) for name in dict.fromkeys(named or ["nobody"])]
        return evidence(
            self.estimates,
            differences=self.differences,
            contrasts=self.contrasts,
            published=self.published,
            models=models,
            tasks=[task(label) for label in TASKS],
        )


def arguments(claim: Claim) -> dict[str, Any]:
    """The arguments of a claim's rule that were given."""
    return claim.rule.model_dump(exclude_unset=True)


def scored_groups(category: str) -> list[str]:
    """The scored groups of a category."""
    return [category, f"{category} (names)"] if category in HALVED else [category]


def settings(claim: Claim) -> list[list[dict[str, str]]]:
    """What fills the selections, setting by setting: one mapping for each scored group of a halved
    category.
    """
    axes = arguments(claim).get("each", {})
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
    if type(claim.rule) in PUBLISHED:
        PUBLISHED[type(claim.rule)](made, claim, truths)
        return made.evidence(claim)
    every = settings(claim)
    wanted = [truths] * len(every) if isinstance(truths, str) else truths
    for fills, truth in zip(every, wanted, strict=True):
        for part in fills:
            if truth != "missing":
                STUDY[type(claim.rule)](made, claim, part, truth, paired)
    return made.evidence(claim)


def _selection(claim: Claim, name: str, fills: Mapping[str, str]) -> dict[str, str]:
    brought = {key: value for key, value in fills.items() if key != "against"}
    if name == "b" and "against" in fills:
        brought["model"] = fills["against"]
    return brought | dict(arguments(claim)[name])


def _inside(floor: float, ceiling: float, truth: Truth) -> tuple[float, float]:
    """A value and its reach, for an interval that must lie between two bounds."""
    middle, half = (floor + ceiling) / 2, (ceiling - floor) / 2
    return {
        "true": (middle, 0.4 * half),
        "false": (middle + 6 * half, half),
        "open": (middle, 2 * half),
    }[truth]


def _near(made: World, claim: Claim, fills: Mapping[str, str], truth: Truth, paired: bool) -> None:
    stated, tolerance = arguments(claim)["stated"], arguments(claim)["tolerance"]
    made.number(
        _selection(claim, "estimate", fills),
        *_inside(stated - tolerance, stated + tolerance, truth),
    )


def _between(
    made: World, claim: Claim, fills: Mapping[str, str], truth: Truth, paired: bool
) -> None:
    bounds = arguments(claim)["low"], arguments(claim)["high"]
    made.number(_selection(claim, "estimate", fills), *_inside(*bounds, truth))


def _beyond(side: int) -> Callable[..., None]:
    def make(
        made: World, claim: Claim, fills: Mapping[str, str], truth: Truth, paired: bool
    ) -> None:
        stated = arguments(claim)["stated"]
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
    margin = arguments(claim)["margin"]
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
        for name in arguments(claim)["among"]:
            sides = (first, first | {"model": name})
            _compare(made, *(sides if side > 0 else sides[::-1]), truth, paired)

    return make


def _lower(made: World, claim: Claim, fills: Mapping[str, str], truth: Truth, paired: bool) -> None:
    values = {"true": (0.4, 0.8, 0.05), "false": (0.8, 0.4, 0.05), "open": (0.6, 0.65, 0.3)}[truth]
    for name, value in zip(("groups", "than"), values[:2], strict=True):
        for category in arguments(claim)[name]:
            for group in scored_groups(category):
                made.number(
                    _selection(claim, "estimate", fills) | {"group": group}, value, values[2]
                )


def _ratio(made: World, claim: Claim, fills: Mapping[str, str], truth: Truth, paired: bool) -> None:
    low, high = arguments(claim)["low"], arguments(claim)["high"]
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
    stated, tolerance = arguments(claim)["stated"], arguments(claim)["tolerance"]
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
        key: arguments(claim)[key] for key in ("model", "stratum") if key in arguments(claim)
    }
    where = {key: arguments(claim)[key] for key in ("first", "second", "metric")}
    made.contrasts.append(
        contrast(
            value,
            reach,
            model=known["model"],
            stratum_first=known["stratum"],
            stratum_second=known["stratum"],
            **where,
        )
    )


STUDY: Mapping[type, Callable[..., None]] = {
    value_rules.ValueNear: _near,
    value_rules.ValueBetween: _between,
    value_rules.ValueAbove: _beyond(1),
    value_rules.ValueBelow: _beyond(-1),
    pair_rules.Greater: _greater,
    pair_rules.Equal: _equal,
    pair_rules.RankFirst: _ranked(1),
    pair_rules.RankLast: _ranked(-1),
    group_rules.LowerGroups: _lower,
    pair_rules.RatioBetween: _ratio,
    group_rules.ContrastNear: _contrast_near,
    group_rules.ContrastBelow: _contrast_below,
}


def _chosen(selector: Mapping[str, Any]) -> dict[str, str]:
    """One value for every key of a selection of published figures."""
    return {
        key: value[0] if isinstance(value, list | tuple) else value
        for key, value in selector.items()
    }


def _published_near(made: World, claim: Claim, truth: Truth) -> None:
    """`open`: one figure is near and another one is not."""
    stated, tolerance = arguments(claim)["stated"], arguments(claim)["tolerance"]
    near, far = stated + 0.5 * tolerance, stated - 3 * tolerance
    for value in {"true": [near], "false": [far], "open": [near, far], "missing": []}[truth]:
        if "of" in arguments(claim):
            made.published.append(
                figure(1.0, parameters_billion=value, **_chosen(arguments(claim)["published"]))
            )
        else:
            scale, unit = (100, "percent") if claim.unit == "percent" else (1, claim.unit)
            made.published.append(
                figure(scale * value, unit=unit, **_chosen(arguments(claim)["published"]))
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


PUBLISHED: Mapping[type, Callable[..., None]] = {
    published_rules.PublishedNear: _one_truth(_published_near),
    published_rules.PublishedGreater: _published_pairs(60.0, {"true": 50.0, "false": 70.0}),
    published_rules.PublishedClose: _published_pairs(40.0, {"true": 40.2, "false": 80.0}),
    published_rules.SavingNear: _published_pairs(0.4, {"true": 10.0, "false": 0.8}),
}
