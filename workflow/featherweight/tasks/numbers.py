"""What numbers a task has: the columns that are counted, and the measures that are made of them.

Counts are an array (clusters, groups, strata, columns). The first columns are those of every task;
a task's own follow them. A task with numbers of its own is a package with a module `numbers` and a
`NUMBERS` in it; every other one has accuracy, loss and length (`DEFAULT`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A score of a control, over all groups, that its rule determines before anything is run."""

    control: str
    stratum: str  # one of the task's, or ALL
    metric: str
    value: float | Literal["chance"]  # chance: the `chance` estimate of the same answers
    exact: bool  # False: only on average
    # Known on average, it is judged where the interval at 3.29 standard errors reaches at most
    # this far from the value: a tenth of a share's range; 0.2 for a score between -1 and 1.
    reach: float = 0.1
    policy: str | None = None  # known under this policy of the study alone; None: under each
    wordings: tuple[str, ...] | None = None  # known in these wordings alone; None: in each


@dataclass(frozen=True, slots=True, kw_only=True)
class AtLeast:
    """What a model with something planted in it must reach on this task, over all groups."""

    stratum: str
    metric: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """The numbers of a task."""

    # What `compare` asks for (C); the columns and measures are A's.
    metrics: frozenset[str]  # every `Estimate.metric` that the task has, `finished` not among them
    contrasted: frozenset[str]  # those that contrasts are made of
    policies: tuple[str, ...]  # every `Estimate.policy` there is
    words: Mapping[str, str]  # metric -> in a sentence, "the ambiguous bias score"; others: its name
    known: tuple[Known, ...]
    planted_at_least: tuple[AtLeast, ...] = ()
