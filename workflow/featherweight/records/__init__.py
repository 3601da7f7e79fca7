"""Every row that lies on disk: its columns, in which order and unit. `files` writes and reads them.

`asked`: items and prompts; `answered`: samples and what they cost; `judged`: scores; `found`: the
tables of `aggregate` and `compare`. What only one benchmark knows stands in a typed table of its
own, in the task's room. Unknown is `None` in Python and null on disk. There are no sentinels.
"""

from featherweight.records.answered import Finish, Sample, Usage
from featherweight.records.asked import Choices, Item, Prompt
from featherweight.records.found import (
    ALL,
    ContrastRow,
    Difference,
    Estimate,
    Position,
    Spread,
    Verdict,
    VerdictWord,
)
from featherweight.records.judged import Outcome, Reading, Reason, Score

__all__ = [
    "ALL",
    "Choices",
    "ContrastRow",
    "Difference",
    "Estimate",
    "Finish",
    "Item",
    "Outcome",
    "Position",
    "Prompt",
    "Reading",
    "Reason",
    "Sample",
    "Score",
    "Spread",
    "Usage",
    "Verdict",
    "VerdictWord",
]
