"""The pocket items in words: BBQ's, since they have its shape, with limits of their own."""

from __future__ import annotations

from dataclasses import replace

from featherweight.tasks.bbq.words import WORDS as BBQ

WORDS = replace(
    BBQ,
    incomparable=(
        "they answer BBQ's questions, this run answers other ones: shown for scale, not comparable"
    ),
    limits=(
        "The pocket items have BBQ's shape but none of its text, so no published number compares"
        " with them.",
    ),
    limits_generated=(),
    limits_likelihood=(),
)
