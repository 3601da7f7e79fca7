r"""Chains of digit operations: problems of our own whose every step can be worked out and planted.

`problems` makes and loads them, `planted` knows how often a model that slips is right. A problem,
of level 1, and an answer to it:

    Step 1: + 8 Step 2: * 3 Keep the last digit. Start with 7

    Step 1: 7 + 8 = 5

    Step 2: 5 * 3 = 5

    The final answer is \boxed{ 5 }
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from featherweight.records import Item
from featherweight.specs import Scalar, Wording
from featherweight.tasks import Loaded, Task, graded
from featherweight.tasks.chains.rules import CONTROLS

STEPS = {f"level {level}": steps for level, steps in enumerate((2, 3, 4, 6, 8), start=1)}
STRATA = tuple(STEPS)
PER_LEVEL = 400

CHAINS = Wording(name="chains", user="{question}")


def _load(folder: Path, category: str) -> Loaded:
    from featherweight.tasks.chains.problems import load

    return load(folder, category)


def _planted(table: str, item: Item, temperature: float) -> float:
    from featherweight.tasks.chains.planted import planted

    return planted(table, item, temperature)


def matches(item: Item, facts: Any, subset: Mapping[str, Scalar]) -> bool:
    """Whether an item is of this level, 1 to 5."""
    return item.stratum == f"level {subset['level']}"


TASK = Task(
    name="chains",
    categories={"chains": len(STRATA) * PER_LEVEL},
    wordings=(CHAINS,),
    load=_load,
    block=len(STRATA),
    own_items=True,
    strata=STRATA,
    policies=graded.POLICIES,
    policy=graded.POLICY,
    controls=CONTROLS,
    choices=None,
    read="boxed",
    grading="integer",
    planted=_planted,
    planted_tables=("solver",),
    chance=0.1,
    subset_keys={"level": int},
    matches=matches,
)
