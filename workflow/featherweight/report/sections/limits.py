"""What the numbers do not say, and where the study differs from the articles: sentences for the
page.
"""

from __future__ import annotations

from featherweight.report.inputs import Inputs
from featherweight.report.parts import Section
from featherweight.report.sections import bias, bias_rules, two_ways


def section(inputs: Inputs) -> Section:
    """The section of the limits; its data are the sentences."""
    return Section("limits", "sections/limits.html.j2", "Limits", limits(inputs))


def limits(inputs: Inputs) -> tuple[str, ...]:
    """Each limit in a sentence or two, those of this study's kind only."""
    said = [
        (
            "An interval says how far a number would move with other"
            f" {inputs.clusters} and answers of the same kind. It does not say whether the"
            " questions measure what one cares about."
        ),
        *bias.limits(inputs),
        (
            f"Answers that could not be read or were cut off are {inputs.unread_policy}; their"
            f" share stands beside every score{bias_rules.limit(inputs)}."
        ),
        *two_ways.limits(inputs),
    ]
    if inputs.pocket:
        said.append(
            "Pocket models have a few hundred thousand parameters and were trained on the"
            " project's own sentences. Their scores say whether the instrument works, and"
            " nothing about language models."
        )
    for task in inputs.spec.tasks:
        own = inputs.words(task)
        said += own.limits
        if not all(inputs.by_likelihood(label) for label in inputs.spec.tasks):
            limit = inputs.token_limit(task)
            said += [one.format(token_limit=limit) for one in own.limits_generated]
    said += [f"Without results in this run: {_missing(inputs, name)}." for name in inputs.missing]
    return tuple(dict.fromkeys(said))


def _missing(inputs: Inputs, name: str) -> str:
    """A model's name, and what acquire noted when it could not be had."""
    manifest = inputs.manifests.get(name)
    if manifest is None or not manifest.missing:
        return inputs.label(name)
    return f"{inputs.label(name)} ({'; '.join(manifest.missing).rstrip('.')})"
