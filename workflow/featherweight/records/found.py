"""What was found: the tables of `aggregate`, and the verdicts of `compare`.

One real row:

    Estimate(model="random", task="mmlu", group="all", stratum="all", metric="accuracy",
             policy="drop", value=0.2534, low=0.2352, high=0.2724, n=2080, n_asked=2080,
             n_clusters=1802, method="cluster jackknife within categories, t", n_questions=1812,
             detectable=0.0266)

`group` and `stratum` are names of the task's, or `ALL`: all of them together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ALL = "all"
# seen elsewhere: another study's figures show it; those of the study that the claim is about are
# not printed
VerdictWord = Literal["reproduced", "partly", "contradicted", "seen elsewhere", "not tested"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """One number with how sure it is.

    Key: (model, task, group, stratum, metric, policy).
    """

    model: str
    task: str
    group: str  # a scored group, or ALL
    stratum: str  # one of the task's strata, or ALL
    metric: str  # accuracy, unparsed, unfinished, chance, or one of the task's own
    policy: str  # for unread answers: drop, wrong, or one of the task's own
    value: float | None  # fraction, in the bounds of the metric
    low: float | None  # bounds of the 95% interval
    high: float | None
    n: int  # answers that the value rests on
    n_asked: int  # answers asked for: questions, times seeds and samples
    n_clusters: int
    method: str  # how the interval was made
    n_questions: int | None = None  # unique questions behind the n answers
    # smallest shift that a test at the 5% level would have noticed with 80% power
    detectable: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One claim of an article, decided by data. Key: claim."""

    claim: str
    article: str
    text: str  # the claim in our words
    article_value: str | None
    our_value: float | None
    our_low: float | None
    our_high: float | None
    verdict: VerdictWord
    rule: str  # the rule that decided, in words
    why: str  # what the rule saw
    note: str | None = None  # what a reader must be told besides


@dataclass(frozen=True, slots=True)
class Citation:
    """A source of published figures."""

    title: str
    address: str | None  # None where the address was not printed in what was read


@dataclass(frozen=True, slots=True)
class VerdictDetails:
    """What a reader of one verdict needs besides its row; claims.json holds them by claim."""

    link: str | None
    topic: str
    unit: str  # of the claim's numbers: percent, score, tokens, times, none
    note: str | None
    sources: tuple[Citation, ...]  # of the published figures that decided; () where none did
    steps: tuple[str, ...]  # what was looked up, and the decision


@dataclass(frozen=True, slots=True)
class KnownValue:
    """A value that is known beforehand beside the measured one: planted.json and controls.json.

    Key: (model, task, group, stratum, metric).
    """

    model: str
    task: str
    group: str
    stratum: str
    metric: str
    what: str  # in words
    at_least: bool  # `expected` is what must be reached, not what must be met
    expected: float | None  # None: chance, where it was not measured
    value: float | None
    low: float | None
    high: float | None
    n: int | None
    n_questions: int | None
    # smallest shift that the test which decides `inside` would have noticed with 80% power
    detectable: float | None
    inside: bool | None  # None: no estimate, or too few answers to tell


@dataclass(frozen=True, slots=True)
class Share:
    """A share of answers with its interval."""

    value: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, slots=True)
class ShareDifference:
    """A paired difference of two shares."""

    value: float
    low: float | None
    high: float | None
    p: float | None
    n: int  # pairs


@dataclass(frozen=True, slots=True)
class WordingLoss:
    """What one model loses of the same questions in two wordings."""

    model: str
    metric: str  # unparsed or unfinished
    first: Share
    second: Share
    difference: ShareDifference | None  # second minus first; None where they were not paired


@dataclass(frozen=True, slots=True)
class WordingLosses:
    """Two task labels that ask the same questions in two wordings; unread.json lists them."""

    task: str  # the task behind both labels
    first: str
    second: str
    wordings: tuple[str, str]
    said: tuple[str, ...]  # which wording loses fewer answers, in words
    rows: tuple[WordingLoss, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """A paired difference of two models. Key: (model, baseline, task, group, stratum, metric).

    With policy "drop" it is over the pairs of answers (the same question, seeds and sample) that
    both models had read; the columns that end in `_asked` are over all pairs that were asked,
    unread answers counted as wrong.
    """

    model: str
    baseline: str
    task: str
    group: str
    stratum: str
    metric: str
    policy: str
    value: float | None  # model minus baseline
    low: float | None
    high: float | None
    p: float | None  # two-sided
    p_adjusted: float | None
    adjustment: str  # "holm" over the headline family (group "all"), "bh" over the category grid
    n: int  # pairs of answers that the difference rests on
    n_clusters: int
    # smallest difference that the design sees with 80% power at the 5% level
    detectable: float | None
    n_questions: int | None = None  # unique questions behind the n pairs
    n_asked: int | None = None  # pairs that were asked for
    value_asked: float | None = None
    low_asked: float | None = None
    high_asked: float | None = None
    p_asked: float | None = None
    p_asked_adjusted: float | None = None  # in a family of its own, corrected as p is
    # the two disagree in what is beyond chance; None: neither is known
    loss_decides: bool | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """How far seeds and items each move a number.

    Key: (model, task, group, stratum, metric).
    """

    model: str
    task: str
    group: str
    stratum: str
    metric: str
    n_seeds: int
    seed_sd: float | None  # standard deviation between seeds; None below two seeds
    item_se: float | None  # clustered standard error between items, within seeds


@dataclass(frozen=True, slots=True)
class Position:
    """How often a letter is chosen, is right, and is chosen rightly.

    Key: (model, task, position).
    """

    model: str
    task: str
    position: int  # 0 = shown as (A)
    n: int  # answers that could be read
    n_chosen: int
    n_gold: int
    accuracy: float | None  # among items whose right answer stands here
    low: float | None
    high: float | None
    n_questions: int | None = None  # unique questions behind the n answers
    n_accuracy: int | None = None  # answers that the accuracy rests on


@dataclass(frozen=True, slots=True)
class ContrastRow:
    """Two sets of one model's answers, compared.

    Key: (model, first, second, stratum_first, stratum_second, metric, group). Two task labels in
    one stratum; or one label twice, in two of its strata: each question against its counterpart.
    `paired`: both sides asked the same questions, and with policy "drop" the difference is over
    the pairs that both had read; then the columns that end in `_asked` are over all.
    """

    model: str
    first: str
    second: str
    stratum_first: str
    stratum_second: str
    metric: str
    policy: str
    value: float | None  # first minus second
    low: float | None
    high: float | None
    p: float | None  # two-sided, not corrected
    n_first: int  # answers that each side's value rests on
    n_second: int
    n_clusters_first: int  # templates
    n_clusters_second: int
    method: str  # clustered by template; by item where a label has one template
    caution: str | None  # what a reader must know about the comparison
    paired: bool | None = None
    n_questions_first: int | None = None  # unique questions behind the answers
    n_questions_second: int | None = None
    value_asked: float | None = None  # None also where the sides are not paired
    low_asked: float | None = None
    high_asked: float | None = None
    p_asked: float | None = None
    loss_decides: bool | None = None
    n_asked: int | None = None  # pairs that were asked for
    group: str = ALL  # a scored group, of two strata of one task; else ALL
