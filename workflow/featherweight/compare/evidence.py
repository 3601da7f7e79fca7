"""Everything a rule may look at: our estimates and paired differences, and what was published.

Reads estimates.parquet, differences.parquet and (where there is one) contrasts.parquet of `aggregate`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from featherweight.compare.published import Published
from featherweight.errors import InputError
from featherweight.files import read_rows
from featherweight.records import ContrastRow, Difference, Estimate

Key = tuple[str, str, str, str, str, str]

# A metric that is one minus another one: what `aggregate` writes as the share of answers that were cut off is asked
# for as the share that came to an end.
COMPLEMENTS: Mapping[str, str] = {"finished": "unfinished"}
CONTEXTS = "ambig-disambig"  # the context of a contrast that takes disambiguated from ambiguous answers, by block


@dataclass(frozen=True, slots=True)
class Evidence:
    """Our numbers and the published ones, ready to be looked up."""

    spec: Mapping[str, Any]
    estimates: Mapping[Key, Estimate]  # by model, task, group, condition, metric, policy
    differences: Mapping[tuple[str, ...], Difference]  # by model, baseline, task, group, condition, metric, policy
    contrasts: Sequence[ContrastRow]
    published: Sequence[Published]

    @property
    def models(self) -> list[str]:
        """All models, in the order in which `aggregate` wrote them (the study's), missing ones last."""
        known = self.spec["models"]
        return [name for name in dict.fromkeys([*(key[0] for key in self.estimates), *known]) if name in known]

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
        others = [e for k, e in self.estimates.items() if k[:5] == (model, task, group, condition, metric)]
        return others[0] if others else None

    def difference(self, first: Estimate, second: Estimate) -> tuple[float, float | None, float | None, float] | None:
        """First minus second, paired: value, bounds and adjusted two-sided p; None where it was not estimated.

        Two models are paired by question. One model's two contexts are paired by block, where `aggregate` did so.
        """
        if first.model == second.model:
            return self._contexts(first, second)
        metric = COMPLEMENTS.get(first.metric, first.metric)
        where = (first.task, first.group, first.context_condition, metric, first.policy)
        found = self.differences.get((first.model, second.model, *where))
        sign = 1.0 if metric == first.metric else -1.0
        if found is None:
            found, sign = self.differences.get((second.model, first.model, *where)), -sign
        if found is None or found.value is None or found.p_adjusted is None:
            return None
        bounds = [None if b is None else sign * b for b in (found.low, found.high)]
        low, high = bounds if sign > 0 else bounds[::-1]
        return sign * found.value, low, high, found.p_adjusted

    def _contexts(self, first: Estimate, second: Estimate) -> tuple[float, float | None, float | None, float] | None:
        """One context of a model minus the other, over all categories; p is that of the one comparison."""
        sides = (first.context_condition, second.context_condition)
        sign = {("ambig", "disambig"): 1.0, ("disambig", "ambig"): -1.0}.get(sides)
        same = [(e.task, e.group, e.metric, e.policy) for e in (first, second)]
        if sign is None or same[0] != same[1] or first.group != "all":
            return None
        wanted = (first.model, first.task, first.task, CONTEXTS, first.metric, first.policy)
        for row in self.contrasts:
            key = (row.model, row.first, row.second, row.context_condition, row.metric, row.policy)
            if key == wanted and row.value is not None and row.p is not None:
                bounds = [None if b is None else sign * b for b in (row.low, row.high)]
                low, high = bounds if sign > 0 else bounds[::-1]
                return sign * row.value, low, high, row.p
        return None

    def by_likelihood(self, task: str) -> bool:
        """Whether the answers to this task were chosen by likelihood; the articles' are generated."""
        return bool((self.spec.get("answers") or {}).get(task) == "likelihood")

    def label(self, model: str) -> str:
        """The name that a reader sees."""
        facts = self.spec["models"].get(model) or {}
        return str(facts.get("label") or model)


def _complement(base: Estimate, metric: str) -> Estimate:
    """One minus an estimate; its bounds change places."""
    value, low, high = (None if x is None else 1.0 - x for x in (base.value, base.high, base.low))
    return replace(base, metric=metric, value=value, low=low, high=high)


def read_evidence(folder: Path, spec: Mapping[str, Any], published: Sequence[Published]) -> Evidence:
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
        estimates={(e.model, e.task, e.group, e.context_condition, e.metric, e.policy): e for e in estimates},
        differences={
            (d.model, d.baseline, d.task, d.group, d.context_condition, d.metric, d.policy): d for d in differences
        },
        contrasts=between,
        published=list(published),
    )
