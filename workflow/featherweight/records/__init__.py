"""Every row that lies on disk: its columns, in which order and unit. `files` writes and reads them.

`asked`: items and prompts; `answered`: samples and what they cost; `judged`: scores; `found`: the
tables of `aggregate` and `compare`. What only one benchmark knows stands in a typed table of its
own, in the task's room. Unknown is `None` in Python and null on disk. There are no sentinels.
"""

from featherweight.records.answered import Finish, Sample, Usage
from featherweight.records.asked import Choices, Item, Prompt
from featherweight.records.found import (
    ALL,
    Citation,
    ContrastRow,
    Difference,
    Estimate,
    KnownValue,
    Position,
    Share,
    ShareDifference,
    Spread,
    Verdict,
    VerdictDetails,
    VerdictWord,
    WordingLoss,
    WordingLosses,
)
from featherweight.records.judged import (
    FreeReader,
    Graded,
    Grading,
    Outcome,
    Reading,
    Reason,
    Score,
)

__all__ = [
    "ALL",
    "Choices",
    "Citation",
    "ContrastRow",
    "Difference",
    "Estimate",
    "Finish",
    "FreeReader",
    "Graded",
    "Grading",
    "Item",
    "KnownValue",
    "Outcome",
    "Position",
    "Prompt",
    "Reading",
    "Reason",
    "Sample",
    "Score",
    "Share",
    "ShareDifference",
    "Spread",
    "Usage",
    "Verdict",
    "VerdictDetails",
    "VerdictWord",
    "WordingLoss",
    "WordingLosses",
]
