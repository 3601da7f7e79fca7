"""Rules that compare numbers with each other: two models or strata, or one model with several.

One real rule, of the claim `r1-on-par`: accuracy of R1-Distill and SmolLM2 and Qwen2.5 differs by
less than 5 points, with the whole 95% interval.
"""

from __future__ import annotations

from featherweight.compare.lookup import Measured, Missing, interval_of, with_n
from featherweight.compare.paired import Look, difference, over_all_asked, sign_of
from featherweight.compare.result import show_gap
from featherweight.compare.selection import (
    Fills,
    Key,
    Margin,
    Names,
    PairRule,
    Selection,
    Speaker,
)
from featherweight.compare.settings import Outcome, State
from featherweight.compare.value_rules import Bounds, Judging, beside, cautions, missing, said
from featherweight.stats.equivalence import Known, widest_difference, widest_ratio


class Greater(PairRule, Judging):
    """A is greater than b beyond chance."""

    def judge(self, look: Look) -> Outcome:
        """The sign of the difference."""
        first, second = map(look.find, self.looked_up(look.fills))
        if isinstance(first, Missing) or isinstance(second, Missing):
            return missing(first, second)
        sign, how, lost = sign_of(first, second, look)
        state: State = "lost" if lost else "holds" if sign > 0 else "fails" if sign < 0 else "open"
        told = f"{with_n(first, look.unit)} against {with_n(second, look.unit)}; {how}."
        steps = (first.told, second.told, how)
        return Outcome(state, said(state, told + cautions(first, second)), steps)

    def words(self, speak: Speaker) -> str:
        """The rule in words."""
        sides = self.sides(speak, "than for")
        return f"{speak.metric(self.a.metric)} is greater for {sides}, beyond chance"


class Equal(PairRule, Judging):
    """A minus b lies inside the margin with its whole interval."""

    margin: Margin

    def judge(self, look: Look) -> Outcome:
        """The interval of the difference beside the margin."""
        first, second = map(look.find, self.looked_up(look.fills))
        if isinstance(first, Missing) or isinstance(second, Missing):
            return missing(first, second)
        apart, how, lost = self._apart(first, second, look)
        state: State = "lost" if lost else beside(apart, -self.margin, self.margin, look.factor)
        gaps = [show_gap(one, look.unit) for one in apart]
        told = f"{gaps[0]} ({gaps[1]} to {gaps[2]}), {how}"
        steps = (first.told, second.told, f"difference: {told}")
        both = f"{with_n(first, look.unit)} against {with_n(second, look.unit)}, apart by "
        return Outcome(state, said(state, f"{both}{told}.{cautions(first, second)}"), steps)

    def _apart(self, first: Measured, second: Measured, look: Look) -> tuple[Known, str, bool]:
        """The difference, how it was taken, and whether the lost answers decide."""
        paired = difference(first.estimate, second.estimate, look.results)
        if paired is None or paired.read.low is None or paired.read.high is None:
            return (
                widest_difference(first.known, second.known),
                "end against end, not paired",
                False,
            )
        apart = Known(paired.read.value, paired.read.low, paired.read.high)
        return apart, f"paired{over_all_asked(paired, look)}", paired.loss_decides

    def words(self, speak: Speaker) -> str:
        """The rule in words."""
        return (
            f"{speak.metric(self.a.metric)} of {self.sides(speak, 'and')} differs by less than"
            f" {speak.gap(self.margin)}, with the whole 95% interval"
        )


class Ranked(Judging):
    """One model against each of several others, beyond chance."""

    estimate: Selection
    among: Names

    def looked_up(self, fills: Fills) -> list[Key]:
        """The model's number, then those of the others."""
        others = [self.estimate.key(fills, model=name) for name in self.among]
        return [self.estimate.key(fills), *others]

    def _ranked(self, look: Look, side: int) -> Outcome:
        found, *others = map(look.find, self.looked_up(look.fills))
        rivals = zip(self.among, others, strict=True)
        known = {name: one for name, one in rivals if isinstance(one, Measured)}
        if isinstance(found, Missing) or not known:
            return missing(found, *others)
        compared = {name: sign_of(found, other, look) for name, other in known.items()}
        signs = [side * one.sign for one in compared.values()]
        lost = any(one.lost for one in compared.values())
        state: State = "lost" if lost else "open"
        if any(sign < 0 for sign in signs):
            state = "fails"
        elif len(known) == len(others) and all(sign > 0 for sign in signs):
            state = "holds"
        told = "; ".join(
            f"{look.results.label(name)} {with_n(other, look.unit)}"
            + (f", {compared[name].how}" if compared[name].lost else "")
            for name, other in known.items()
        )
        told = f"{with_n(found, look.unit)}; {told}.{cautions(found, *known.values())}"
        steps = [f"{other.told}; {compared[name].how}" for name, other in known.items()]
        return Outcome(state, said(state, told), (found.told, *steps), found.known)

    def _words(self, speak: Speaker, how: str) -> str:
        model = "each model" if self.estimate.model is None else speak.label(self.estimate.model)
        return (
            f"{speak.metric(self.estimate.metric)} of {model} is {how}, beyond chance, than that of"
            f" each of {speak.labels(self.among)}"
        )


class RankFirst(Ranked):
    """The model's number is higher than that of every other, beyond chance."""

    def judge(self, look: Look) -> Outcome:
        """Against each of the others."""
        return self._ranked(look, 1)

    def words(self, speak: Speaker) -> str:
        """The rule in words."""
        return self._words(speak, "higher")


class RankLast(Ranked):
    """The model's number is lower than that of every other, beyond chance."""

    def judge(self, look: Look) -> Outcome:
        """Against each of the others."""
        return self._ranked(look, -1)

    def words(self, speak: Speaker) -> str:
        """The rule in words."""
        return self._words(speak, "lower")


class RatioBetween(PairRule, Judging, Bounds):
    """A over b lies between two bounds, end against end."""

    def judge(self, look: Look) -> Outcome:
        """The widest ratio beside the bounds."""
        first, second = map(look.find, self.looked_up(look.fills))
        if isinstance(first, Missing) or isinstance(second, Missing):
            return missing(first, second)
        ratio = widest_ratio(first.known, second.known)
        both = f"{with_n(first, 'tokens')} against {with_n(second, 'tokens')}"
        if ratio is None:
            reason = f"a ratio needs numbers above 0 ({both})."
            return Outcome("missing", reason, (first.told, second.told))
        state = beside(ratio, self.low, self.high, look.factor)
        told = f"{interval_of(ratio, look.unit)}: {both}.{cautions(first, second)}"
        steps = (first.told, second.told, f"ratio: {interval_of(ratio, look.unit)}")
        return Outcome(state, said(state, told), steps)

    def words(self, speak: Speaker) -> str:
        """The rule in words."""
        return (
            f"{speak.metric(self.a.metric)} of {self.sides(speak, 'over that of')} is between"
            f" {speak.show(self.low)} and {speak.show(self.high)}, with the whole interval"
        )
