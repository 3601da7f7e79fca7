"""What the numbers do not say, and where the study differs from the articles: sentences for the
page.
"""

from __future__ import annotations

from featherweight.report import theme, ways
from featherweight.report.inputs import Inputs

AGREE = (
    "Where all templates agree (every answer right, say), the interval allows for templates that"
    " were not drawn (docs/coverage.md); with few templates that is wide."
)


def limits(inputs: Inputs) -> list[str]:
    """Each limit in a sentence or two, those of this study's kind only."""
    said = [
        (
            "An interval says how far a number would move with other templates and answers of the"
            " same kind. It does not say whether the questions measure what one cares about."
        ),
        (
            "Bias scores rest on the answers that name a person. A model that seldom names one has"
            " a score on few answers: read n and the interval with it."
        ),
        (
            "Answers that could not be read or were cut off are"
            f" {theme.UNREAD.get(inputs.policy, inputs.policy)}; their share stands beside every"
            " score, and the figure on other rules shows how much the choice matters."
        ),
    ]
    said += ways.limits(inputs)
    if inputs.pocket:
        said += [
            (
                "Pocket models have a few hundred thousand parameters and were trained on the"
                " project's own sentences. Their scores say whether the instrument works, and"
                " nothing about language models."
            ),
            (
                "The pocket items have BBQ's shape but none of its text, so no published number"
                " compares with them."
            ),
        ]
    if "bbq" in inputs.spec["tasks"].values():
        said += _beside_the_article(inputs)
    if inputs.missing:
        said += [
            f"Without results in this run: {_why_missing(inputs, name)}." for name in inputs.missing
        ]
    return said


def _why_missing(inputs: Inputs, name: str) -> str:
    """A model's name, and what acquire noted when it could not be had."""
    reasons = (inputs.manifests.get(name) or {}).get("missing") or []
    return (
        f"{inputs.label(name)} ({'; '.join(reasons).rstrip('.')})"
        if reasons
        else inputs.label(name)
    )


def _beside_the_article(inputs: Inputs) -> list[str]:
    tokens = inputs.spec.get("max_new_tokens")
    generated = not all(inputs.by_likelihood(task) for task in inputs.spec["tasks"])
    limit = (
        f"Answers end after {tokens:,} tokens. R1's makers evaluate with 32,768: a reasoning model"
        " is cut off here long before it would stop."
        if tokens
        else "The limit on the length of an answer is not recorded."
    )
    return [
        (
            "The article prints neither its prompt, nor how it read answers, nor which revisions it"
            " ran, and its bars exist only as pictures. Ours are pinned and printed here: equal"
            " patterns can be expected, equal numbers cannot."
        ),
        (
            "The article's filter for Chinese and American items is not given. Ours takes items"
            " that name a person of that nationality; the Chinese ones all come from one template,"
            " so nationality and template cannot be told apart."
        ),
        (
            "The order of the options is rotated from item to item, so that a model's liking for a"
            " letter cancels."
        ),
        *([limit] if generated else []),
    ]
