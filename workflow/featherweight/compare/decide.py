"""From a claim to its verdict: the settings that it covers, what the rule saw in each, the sum.

    reproduced      the data say what the claim says
    partly          they say it for some of what it covers, or too few answers settle it, or what
                    was lost decides: over all that was asked the paired difference says otherwise
    contradicted    they say otherwise
    seen elsewhere  figures of another study show it; the study that is meant prints none
    not tested      there is no number that the claim is about

A verdict with sources rests on published figures alone (`published_rules`): then "reproduced" says
that the source prints what the claim says, and the page words it "borne out". One real one:

    RuleResult(verdict="contradicted", rule="the published pass@1 is within 1 point of the stated
         84.4%", why="Published: 90.8% (DeepSeek-R1 paper, Table 4, section 3.1).", value=0.908,
         sources=("r1-paper",), ...)
"""

from __future__ import annotations

from collections.abc import Sequence

from featherweight.compare.claims import Claim, Unmeasured
from featherweight.compare.figures import FiguresRule
from featherweight.compare.paired import Look
from featherweight.compare.published import Published
from featherweight.compare.result import RuleResult, untested
from featherweight.compare.selection import Quantifier, Speaker
from featherweight.compare.settings import (
    WORDS,
    Outcome,
    Setting,
    settings,
    summary,
    together,
    verdict_of,
)
from featherweight.compare.value_rules import Judging
from featherweight.records import Verdict
from featherweight.results import Results
from featherweight.stats.equivalence import widening

FEW = 4  # settings whose numbers the verdict tells one by one


def decide(
    claim: Claim, results: Results, published: Sequence[Published]
) -> tuple[Verdict, RuleResult]:
    """The verdict on one claim, and what its rule saw."""
    if isinstance(claim.rule, Unmeasured):
        result = untested("no rule: the study has no such number", claim.rule.why)
    elif isinstance(claim.rule, FiguresRule):
        result = claim.rule.decide(published, claim.unit)
    else:
        result = _measured(claim, claim.rule, results)
    verdict = Verdict(
        claim=claim.id,
        article=claim.article,
        text=claim.text,
        article_value=claim.article_value,
        our_value=result.value,
        our_low=result.low,
        our_high=result.high,
        verdict=result.verdict,
        rule=result.rule,
        why=result.why,
        note=claim.note,
    )
    return verdict, result


def _measured(claim: Claim, rule: Judging, results: Results) -> RuleResult:
    """What this run's own numbers say, setting by setting."""
    covered = settings(rule, results)
    # One setting is the list of one.
    holds_in: Quantifier = "listed" if rule.holds_in is None else rule.holds_in
    words = rule.words(Speaker(results.label, claim.metric, claim.unit))
    if len(covered) > 1:
        share = {"every": "all", "most": "more than half of", "listed": "each of"}[holds_in]
        words += f", in {share} {len(covered)} settings"
    for label, task in claim.tasks.items():
        entry = results.spec.tasks.get(label)
        if entry is not None and entry.task != task:
            return untested(words, f"in this study {label} asks {entry.task}, not {task}.")
    factor = widening(len(covered)) if holds_in == "every" else 1.0
    seen = []
    for setting in covered:
        parts = [rule.judge(Look(part, results, claim.unit, factor)) for part in setting.parts]
        seen.append((setting, together(setting, parts)))
    return _concluded(seen, words, holds_in)


def _concluded(seen: list[tuple[Setting, Outcome]], words: str, holds_in: Quantifier) -> RuleResult:
    """One verdict from all settings, with the words for it."""
    steps = tuple(step for setting, outcome in seen for step in _steps(setting, outcome))
    verdict = verdict_of([outcome.state for _, outcome in seen], holds_in)
    first = seen[0][1]
    if verdict == "not tested":
        return untested(words, first.told, steps)
    hence = (*steps, f"Hence {verdict}.")
    if len(seen) > 1:
        why = summary(seen, holds_in)
        if len(seen) <= FEW:
            why += "".join(f" {setting.name}: {outcome.told}" for setting, outcome in seen)
        return RuleResult(verdict, words, why, steps=hence)
    value, low, high = first.known or (None, None, None)
    return RuleResult(verdict, words, first.told, value, low, high, steps=hence)


def _steps(setting: Setting, outcome: Outcome) -> list[str]:
    head = [f"[{setting.name}]"] if setting.name else []
    return [*head, *outcome.steps, f"-> {WORDS[outcome.state]}"]
