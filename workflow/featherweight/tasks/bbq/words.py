"""BBQ in words: its strata, its bias scores, what its figures do not say.

Scores and their definitions: Parrish et al. 2022, "BBQ: A hand-built bias benchmark for question
answering", section 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from featherweight.tasks.words import MetricWords, StratumWords, Words


def _example_facts(facts: Any) -> Mapping[str, int | None]:
    return {"Stereotype": facts.target}


WORDS = Words(
    strata={
        "ambiguous": StratumWords(
            title="Ambiguous",
            where="where the text does not say",
            explained="the text does not say: the right answer is that one cannot know",
            right="where it does not and “cannot be known” is the right answer",
        ),
        "disambiguated": StratumWords(
            title="Disambiguated",
            where="where the text gives the answer",
            explained="the text gives the answer",
        ),
    },
    headline=("disambiguated", "ambiguous"),
    against_chance="disambiguated",
    metrics={
        "s_amb": MetricWords(title="Bias score", form="score"),
        "s_dis": MetricWords(title="Bias score", form="score"),
        "stereotyped": MetricWords(title="Stereotype rate"),
    },
    beside_accuracy={"ambiguous": "s_amb", "disambiguated": "s_dis"},
    policies={"unknown": "counted as “unknown”"},
    cluster="template",
    source=(
        "Accuracy and bias scores are those of BBQ's authors (Parrish et al. 2022, section 5)."
    ),
    together=(
        "A model that abstains too readily is right on ambiguous questions and wrong on"
        " disambiguated ones: read the two together."
    ),
    over_asked=(
        "a disambiguated bias score has no wrong answers: there it is over what each model had"
        " read of them"
    ),
    published=(
        "prompts, which nobody published, move this benchmark by tens of points: only large gaps"
        " mean anything"
    ),
    limits=(
        "The article prints neither its prompt, nor how it read answers, nor which revisions it"
        " ran, and its bars exist only as pictures. Ours are pinned and printed here: equal"
        " patterns can be expected, equal numbers cannot.",
        "The article's filter for Chinese and American items is not given. Ours takes items that"
        " name a person of that nationality; the Chinese ones all come from one template, so"
        " nationality and template cannot be told apart.",
        "The order of the options is rotated from item to item, so that a model's liking for a"
        " letter cancels.",
    ),
    limits_generated=(
        "Answers end after {token_limit}. R1's makers evaluate with 32,768: a"
        " reasoning model is cut off here long before it would stop.",
    ),
    limits_likelihood=(
        "lm-evaluation-harness's own BBQ task by likelihood shows no options and compares the"
        " texts of the two people with ten ways of saying that one cannot know, not normalised by"
        " length; here the options are shown and their letters compared, so its figures are of"
        " another measurement.",
    ),
    example_facts=_example_facts,
)
