"""The pocket items: a bias benchmark of our own, small enough for models that are trained here.

`items` makes them of our own sentences about made-up prejudices (night owls come late, tea drinkers
are slow); facts, strata and controls are those of `bbq`.
"""

from __future__ import annotations

from pathlib import Path

from featherweight.specs import Wording
from featherweight.tasks import Loaded, Task, bbq
from featherweight.tasks.bbq.facts import BiasFacts, BiasJudged, choices, judge, matches
from featherweight.tasks.bbq.rules import CONTROLS
from featherweight.tasks.choice import ANSWER_LINE, LETTER

CATEGORIES = {"pets": 768, "hours": 768, "river": 768, "drinks": 768}

POCKET = Wording(
    name="pocket",
    user="{context}\n{options}\n{question}",
    option="{text} ({letter})",
    separator="\n",
    answer="{text} ({letter})",  # it asks for no letter alone
)


def _load(folder: Path, category: str) -> Loaded:
    from featherweight.tasks.pocket.items import load

    return load(folder, category)


TASK = Task(
    name="pocket",
    categories=CATEGORIES,
    wordings=(POCKET, LETTER, ANSWER_LINE),
    load=_load,
    block=4,
    benchmark=bbq.TASK.benchmark,
    own_items=True,
    strata=bbq.STRATA,
    policies=bbq.TASK.policies,
    controls=CONTROLS,
    choices=choices,
    facts=BiasFacts,
    judged=BiasJudged,
    judge=judge,
    subset_keys=bbq.TASK.subset_keys,
    matches=matches,
)
