"""From a claim to its verdict: the settings that it covers, what the rule saw in each, the sum.

    reproduced      the data say what the claim says
    partly          they say it for some of what it covers, or too few answers settle it, or what
                    was lost decides: over all that was asked the paired difference says otherwise
    contradicted    they say otherwise
    seen elsewhere  figures of another study show it; the study that is meant prints none
    not tested      there is no number that the claim is about

Nothing is evaluated as code. A verdict with sources rests on published figures alone
(`published_rules`): then "reproduced" says that the source prints what the claim says, and the
page words it "borne out". One real one:

    Seen(verdict="contradicted", rule="the published pass@1 is within 1 point of the stated 84.4%",
         why="Published: 90.8% (DeepSeek-R1 paper, Table 4, section 3.1).", value=0.908,
         sources=("r1-paper",), ...)
"""

from __future__ import annotations

from featherweight.compare import published_rules, study_rules
from featherweight.compare.claims import Claim
from featherweight.compare.evidence import Evidence
from featherweight.compare.look import Look
from featherweight.compare.seen import Seen, untested
from featherweight.compare.settings import (
    WORDS,
    Outcome,
    Setting,
    settings,
    summary,
    together,
    verdict_of,
)
from featherweight.compare.wording import words
from featherweight.records import Verdict
from featherweight.stats.equivalence import widening

FEW = 4  # settings whose numbers the verdict tells one by one


def decide(claim: Claim, evidence: Evidence) -> tuple[Verdict, Seen]:
    """The verdict on one claim, and what its rule saw."""
    seen = _seen(claim, evidence)
    why = seen.why if claim.note is None else f"{seen.why} Note: {claim.note}"
    verdict = Verdict(
        claim=claim.id,
        article=claim.article,
        text=claim.text,
        article_value=claim.article_value,
        our_value=seen.value,
        our_low=seen.low,
        our_high=seen.high,
        verdict=seen.verdict,
        rule=seen.rule,
        why=why,
    )
    return verdict, seen


def _seen(claim: Claim, evidence: Evidence) -> Seen:
    if claim.rule == "not_measured":
        return untested("no rule: the study has no such number", str(claim.arguments["why"]))
    if claim.rule in published_rules.RULES:
        return published_rules.RULES[claim.rule](claim.arguments, evidence, claim.unit)
    return _measured(claim, evidence)


def _measured(claim: Claim, evidence: Evidence) -> Seen:
    """What this run's own numbers say, setting by setting."""
    arguments, holds_in = claim.arguments, claim.holds_in
    covered = settings(arguments, evidence)
    rule = words(claim.rule, arguments, evidence, claim.unit)
    if len(covered) > 1:
        share = {"every": "all", "most": "more than half of", "listed": "each of"}[holds_in]
        rule += f", in {share} {len(covered)} settings"
    test = study_rules.TESTS[claim.rule]
    factor = widening(len(covered)) if holds_in == "every" else 1.0
    seen = [
        (
            setting,
            together(
                setting,
                [
                    test(Look(arguments, part, evidence, claim.unit, factor))
                    for part in setting.parts
                ],
            ),
        )
        for setting in covered
    ]
    return _concluded(seen, rule, holds_in)


def _concluded(seen: list[tuple[Setting, Outcome]], rule: str, holds_in: str) -> Seen:
    """One verdict from all settings, with the words for it."""
    steps = tuple(step for setting, outcome in seen for step in _steps(setting, outcome))
    verdict = verdict_of([outcome.state for _, outcome in seen], holds_in)
    if verdict == "not tested":
        return untested(rule, seen[0][1].told, steps)
    hence = (*steps, f"Hence {verdict}.")
    if len(seen) > 1:
        why = summary(seen, holds_in)
        if len(seen) <= FEW:
            why += "".join(f" {setting.name}: {outcome.told}" for setting, outcome in seen)
        return Seen(verdict, rule, why, steps=hence)
    outcome = seen[0][1]
    if outcome.known is None:
        return Seen(verdict, rule, outcome.told, steps=hence)
    value, low, high = outcome.known
    return Seen(verdict, rule, outcome.told, value, low, high, steps=hence)


def _steps(setting: Setting, outcome: Outcome) -> list[str]:
    head = [f"[{setting.name}]"] if setting.name else []
    return [*head, *outcome.steps, f"-> {WORDS[outcome.state]}"]
