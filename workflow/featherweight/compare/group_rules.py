"""Rules on the categories of one model, and on two tasks that it was asked.

One real rule, of the claim `american-longer`: the number of tokens differs between bbq-american and
bbq-chinese by 130 tokens, give or take 60 tokens, with the whole 95% interval.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from featherweight.compare.lookup import (
    Lookup,
    Measured,
    Missing,
    interval_of,
    loss_of,
    not_asked,
    questions,
    spoken,
)
from featherweight.compare.paired import Look, of_row, over_all_asked
from featherweight.compare.selection import (
    Fills,
    Key,
    Names,
    Selection,
    Speaker,
    Text,
)
from featherweight.compare.settings import Outcome, State, groups_of
from featherweight.compare.value_rules import Judging, Near, missing, said
from featherweight.stats.equivalence import Known, difference_of, mean_of, widened


class LowerGroups(Judging):
    """The mean of some categories is lower than that of others; categories are independent."""

    estimate: Selection
    groups: Names
    than: Names

    def looked_up(self, fills: Fills) -> list[Key]:
        """The number of every category, by the category's own name."""
        return [self.estimate.key(fills, group=name) for name in (*self.groups, *self.than)]

    def judge(self, look: Look) -> Outcome:
        """The difference of the two means."""
        means: list[Known] = []
        steps: list[str] = []
        every: list[Measured] = []
        for categories in (self.groups, self.than):
            by_category = [self._category(name, look) for name in categories]
            found = [one for several in by_category for one in several]
            if any(isinstance(one, Missing) for one in found):
                return missing(*found)
            known = [
                [one for one in several if isinstance(one, Measured)] for several in by_category
            ]
            means.append(mean_of([mean_of([one.known for one in several]) for several in known]))
            every += [one for several in known for one in several]
            steps += [one.told for one in found]
            steps.append(f"their mean: {interval_of(means[-1], look.unit)}")
        apart = difference_of(*means)
        wide = widened(apart, look.factor)
        state: State = "holds" if apart.high < 0 else "fails" if wide.low > 0 else "open"
        first, second = (interval_of(mean, look.unit) for mean in means)
        told = f"{first} against {second}.{_lost_together(every, look)}"
        return Outcome(state, said(state, told), tuple(steps))

    def _category(self, category: str, look: Look) -> list[Lookup]:
        """The numbers of all scored groups of a category."""
        groups = groups_of(category, look.results)
        return [look.find(self.estimate.key(look.fills, group=group)) for group in groups]

    def words(self, speak: Speaker) -> str:
        """The rule in words."""
        groups, than = (", ".join(map(spoken, names)) for names in (self.groups, self.than))
        metric = speak.metric(self.estimate.metric)
        return f"the mean {metric} of {groups} is lower, beyond chance, than that of {than}"


def _lost_together(found: Sequence[Measured], look: Look) -> str:
    """What several categories of one model lost, as a sentence; "" where each lost little."""
    losses = [loss_of(one.estimate, look.results) for one in found]
    known = [loss for loss in losses if loss is not None]
    if not known:
        return ""
    read, asked = sum(loss.read for loss in known), sum(loss.asked for loss in known)
    count = "one group" if len(known) == 1 else f"{len(known)} groups"
    return f" In the {count} that lost many: {known[0]._replace(read=read, asked=asked).told()}"


class Contrast(Judging):
    """The difference between two tasks within one model."""

    first: Text
    second: Text
    metric: Text
    model: Text | None = None
    stratum: Text | None = None

    def looked_up(self, fills: Fills) -> list[Key]:
        """The numbers of both tasks; what is judged is their difference as it was estimated."""
        both = Selection(metric=self.metric, model=self.model, stratum=self.stratum)
        return [both.key(fills, task=task) for task in (self.first, self.second)]

    def judge(self, look: Look) -> Outcome:
        """The difference, unless the lost answers decide."""
        first, second = self.looked_up(look.fills)
        for key in (first, second):
            reason = not_asked(look.results, key.model, key.task)
            if reason is not None:
                return Outcome("missing", reason, (reason,))
        name = (
            f"{self.metric} of {look.results.label(first.model)}, {first.task} minus"
            f" {second.task}, {questions(first.stratum)}"
        )
        strata = (first.stratum, second.stratum)
        row = look.results.contrast(first.model, first.task, second.task, self.metric, strata)
        if row is None or row.value is None:
            reason = f"there is no contrast of {name}."
            return Outcome("missing", reason, (reason,))
        if row.low is None or row.high is None:
            reason = f"a value without an interval decides nothing ({name})."
            return Outcome("missing", reason, (reason,))
        known = Known(row.value, row.low, row.high)
        paired = of_row(row, row.policy)
        lost = "" if paired is None else over_all_asked(paired, look)
        state: State = "lost" if row.loss_decides is True else self.state(known, look.factor)
        shown = interval_of(known, look.unit)
        told = said(state, f"We measured a difference of {shown}{lost}.")
        return Outcome(state, told, (f"{name} ({row.method}): {shown}{lost}",), known)

    @abstractmethod
    def state(self, known: Known, factor: float) -> State:
        """Whether the difference is as stated."""


class ContrastNear(Near, Contrast):
    """The difference between two tasks lies near the stated one with its whole interval."""

    def words(self, speak: Speaker) -> str:
        """The rule in words."""
        return (
            f"{speak.metric(self.metric)} differs between {self.first} and {self.second} by"
            f" {speak.gap(self.stated)}, give or take {speak.gap(self.tolerance)}, with the whole"
            " 95% interval"
        )


class ContrastBelow(Contrast):
    """The first task's number is lower than the second's, beyond chance."""

    def state(self, known: Known, factor: float) -> State:
        """Below, above or across zero."""
        if known.high < 0:
            return "holds"
        return "fails" if widened(known, factor).low > 0 else "open"

    def words(self, speak: Speaker) -> str:
        """The rule in words."""
        return (
            f"{speak.metric(self.metric)} is lower for {self.first} than for {self.second}, beyond"
            " chance"
        )
