"""Everything a rule may look at: our estimates and paired differences, and what was published.

Reads estimates.parquet, differences.parquet and (where there is one) contrasts.parquet of
`aggregate`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from featherweight.compare.published import Published
from featherweight.errors import InputError
from featherweight.files import read_rows
from featherweight.records import ContrastRow, Difference, Estimate

Key = tuple[str, str, str, str, str, str]

# A metric that is one minus another one: what `aggregate` writes as the share of answers that were
# cut off is asked for as the share that came to an end.
COMPLEMENTS: Mapping[str, str] = {"finished": "unfinished"}
CONTEXTS = (  # the context of a contrast that takes disambiguated from ambiguous answers, by block
    "ambig-disambig"
)


class Apart(NamedTuple):
    """A paired difference: value, interval, two-sided p."""

    value: float
    low: float | None
    high: float | None
    p: float


class Paired(NamedTuple):
    """A paired difference over what both sides had read, and beside it over all that was asked."""

    found: Apart
    asked: Apart | None  # None where it was not estimated, and where `found` is it
    loss_decides: bool  # the two disagree
    corrected: bool  # whether p is adjusted for the number of comparisons


@dataclass(frozen=True, slots=True)
class Evidence:
    """Our numbers and the published ones, ready to be looked up."""

    spec: Mapping[str, Any]
    estimates: Mapping[Key, Estimate]  # by model, task, group, condition, metric, policy
    differences: Mapping[
        tuple[str, ...], Difference
    ]  # by model, baseline, task, group, condition, metric, policy
    contrasts: Sequence[ContrastRow]
    published: Sequence[Published]

    @property
    def models(self) -> list[str]:
        """All models, in the order in which `aggregate` wrote them (the study's), missing ones
        last.
        """
        known = self.spec["models"]
        return [
            name
            for name in dict.fromkeys([*(key[0] for key in self.estimates), *known])
            if name in known
        ]

    def estimate(
        self, *, model: str, task: str, group: str, condition: str, metric: str, policy: str | None
    ) -> Estimate | None:
        """The estimate of this key; without a policy the study's is taken, or the one there is."""
        if metric in COMPLEMENTS:
            base = self.estimate(
                model=model,
                task=task,
                group=group,
                condition=condition,
                metric=COMPLEMENTS[metric],
                policy=policy,
            )
            return None if base is None else _complement(base, metric)
        wanted = self.spec["policy"] if policy is None else policy
        found = self.estimates.get((model, task, group, condition, metric, wanted))
        if found is not None or policy is not None:
            return found
        others = [
            e for k, e in self.estimates.items() if k[:5] == (model, task, group, condition, metric)
        ]
        return others[0] if others else None

    def difference(self, first: Estimate, second: Estimate) -> Paired | None:
        """First minus second, paired; None where it was not estimated.

        Two models are paired by question. One model's two contexts are paired by block. Under the
        policy "wrong" it is the difference over all that was asked, which stands beside the
        study's.
        """
        if first.model == second.model:
            return self._contexts(first, second)
        metric = COMPLEMENTS.get(first.metric, first.metric)
        sign = 1.0 if metric == first.metric else -1.0
        for policy in dict.fromkeys((first.policy, self.spec["policy"])):
            where = (first.task, first.group, first.context_condition, metric, policy)
            for sides, turn in (
                ((first.model, second.model), sign),
                ((second.model, first.model), -sign),
            ):
                row = self.differences.get((*sides, *where))
                if row is not None:
                    return _paired(
                        row,
                        turn,
                        (row.p_adjusted, row.p_asked_adjusted),
                        first.policy,
                        corrected=True,
                    )
        return None

    def _contexts(self, first: Estimate, second: Estimate) -> Paired | None:
        """One context of a model minus the other, over all categories or in one; p is that of the
        one comparison.
        """
        sides = (first.context_condition, second.context_condition)
        sign = {("ambig", "disambig"): 1.0, ("disambig", "ambig"): -1.0}.get(sides)
        same = [(e.task, e.group, e.metric, e.policy) for e in (first, second)]
        if sign is None or same[0] != same[1]:
            return None
        for policy in dict.fromkeys((first.policy, self.spec["policy"])):
            wanted = (
                first.model,
                first.task,
                first.task,
                CONTEXTS,
                first.metric,
                first.group,
                policy,
            )
            for row in self.contrasts:
                key = (
                    row.model,
                    row.first,
                    row.second,
                    row.context_condition,
                    row.metric,
                    row.group,
                    row.policy,
                )
                if key == wanted:
                    return _paired(row, sign, (row.p, row.p_asked), first.policy, corrected=False)
        return None

    def by_likelihood(self, task: str) -> bool:
        """Whether the answers to this task were chosen by likelihood; the articles' are
        generated."""
        return bool((self.spec.get("answers") or {}).get(task) == "likelihood")

    def label(self, model: str) -> str:
        """The name that a reader sees."""
        facts = self.spec["models"].get(model) or {}
        return str(facts.get("label") or model)


def _paired(
    row: Difference | ContrastRow,
    sign: float,
    p: tuple[float | None, float | None],
    policy: str,
    *,
    corrected: bool,
) -> Paired | None:
    """A row as first minus second under a policy: as it stands, or its part over all that was
    asked.
    """
    found = _apart((row.value, row.low, row.high), p[0], sign)
    asked = _apart((row.value_asked, row.low_asked, row.high_asked), p[1], sign)
    if policy != row.policy:
        found, asked = (asked if policy == "wrong" else None), None
    if found is None:
        return None
    return Paired(found, asked, row.loss_decides is True and policy == row.policy, corrected)


def _apart(
    known: tuple[float | None, float | None, float | None], p: float | None, sign: float
) -> Apart | None:
    value, low, high = known
    if value is None or p is None:
        return None
    low, high = (low, high) if sign > 0 else (high, low)
    return Apart(
        sign * value, None if low is None else sign * low, None if high is None else sign * high, p
    )


def _complement(base: Estimate, metric: str) -> Estimate:
    """One minus an estimate; its bounds change places."""
    value, low, high = (None if x is None else 1.0 - x for x in (base.value, base.high, base.low))
    return replace(base, metric=metric, value=value, low=low, high=high)


def read_evidence(
    folder: Path, spec: Mapping[str, Any], published: Sequence[Published]
) -> Evidence:
    """Read the aggregate folder. Raises InputError if a file is missing or of another version."""
    problems = [
        f"{folder / name}: expected what `aggregate` writes, found no file; run `aggregate` first"
        for name in ("estimates.parquet", "differences.parquet")
        if not (folder / name).is_file()
    ]
    if problems:
        raise InputError(problems)
    try:
        estimates = read_rows(folder / "estimates.parquet", Estimate)
        differences = read_rows(folder / "differences.parquet", Difference)
        contrasts = folder / "contrasts.parquet"
        between = read_rows(contrasts, ContrastRow) if contrasts.is_file() else []
    except ValueError as error:
        raise InputError(str(error)) from error
    return Evidence(
        spec=spec,
        estimates={
            (e.model, e.task, e.group, e.context_condition, e.metric, e.policy): e
            for e in estimates
        },
        differences={
            (d.model, d.baseline, d.task, d.group, d.context_condition, d.metric, d.policy): d
            for d in differences
        },
        contrasts=between,
        published=list(published),
    )
