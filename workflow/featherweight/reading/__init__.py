"""From the text of an answer to what it states. Pure functions; `choice` is the way in for options.

A room of its own, so that editing the reader reruns `score` and what follows, never `generate`.
"""

from __future__ import annotations

from featherweight.records import Outcome, Reading


def outcome(reading: Reading, gold: str) -> Outcome:
    """What a reading is worth beside the right answer: right, wrong, unparsed or unfinished."""
    if reading.answer is not None:
        return "right" if reading.answer == gold else "wrong"
    return "unfinished" if reading.unfinished else "unparsed"
