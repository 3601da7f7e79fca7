"""What a reading is worth.

One real pair, of a model that was cut off while it was thinking:

    outcome(Reading(None, None, "none", unfinished=True), "Smarthouse")
    -> "unfinished"
"""

from __future__ import annotations

from featherweight.records import Outcome, Reading


def outcome(reading: Reading, gold: str) -> Outcome:
    """What a reading is worth beside the right answer: right, wrong, unparsed or unfinished."""
    if reading.answer is not None:
        return "right" if reading.answer == gold else "wrong"
    return "unfinished" if reading.unfinished else "unparsed"
