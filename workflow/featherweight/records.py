"""Every row that lies on disk: what its columns are, in which order and unit. `files` writes and
reads them.

One real row of `Sample`:

    Sample(model="pocket-fair", task="pocket", category="school", item_seed=0, sample_seed=0,
           item_id="school-12-0003-ambig-neg", sample_index=0, text="Nobody can say (C).",
           thinking=None,
           answer="Nobody can say (C).", n_prompt_tokens=41, n_tokens=6, finish="stop",
           mean_logprob=-0.0132,
           option_loglikelihoods=None)

Unknown is `None` in Python and null on disk. There are no sentinels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Condition = Literal["ambig", "disambig"]
Polarity = Literal["neg", "nonneg"]
Finish = Literal[
    "stop", "length", "forced", "scored"
]  # forced: we ended the thinking; scored: nothing was generated
Outcome = Literal["right", "wrong", "unparsed", "unfinished"]
Reason = Literal["empty", "refuses", "several", "none"]
# seen elsewhere: another study's figures show it; those of the study that the claim is about are
# not printed
VerdictWord = Literal["reproduced", "partly", "contradicted", "seen elsewhere", "not tested"]


@dataclass(frozen=True, slots=True)
class Item:
    """What a dataset says about one multiple-choice question. Key: (task, item_id)."""

    task: str
    category: str
    item_id: str
    example_id: int
    question_index: int
    cluster: (
        str  # template: "<category>:<question_index>", the unit that intervals are clustered by
    )
    block: (
        str  # the four items that share people, order and names: "<category>:<question_index>:<n>"
    )
    context_condition: Condition
    question_polarity: Polarity
    context: str
    question: str
    options: tuple[str, ...]  # in the dataset's order
    option_names: tuple[str, ...]  # the short text of each option ("grandfather")
    option_groups: tuple[
        str, ...
    ]  # the group of each option ("old"); "unknown" for the unknown option
    gold: int  # index into options
    unknown: int  # index into options of the "cannot be known" option
    # index of the stereotype-consistent answer, already adjusted for polarity; None: not scorable
    target: int | None
    group: str  # the scored group: category, or "category (names)"
    label_type: Literal["label", "name"]
    stereotyped_groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prompt:
    """One rendered prompt. Key: (model, task, category, item_seed, sample_seed, item_id)."""

    model: str
    task: str
    category: str
    item_seed: int
    sample_seed: int
    item_id: str
    text: str  # as the model sees it, chat template applied
    token_ids: tuple[int, ...]  # the whole prompt; exactly one BOS where the tokenizer has one
    shown_order: tuple[int, ...]  # shown_order[position] = index into Item.options
    options: tuple[str, ...] | None = (
        None  # by shown position: the answers to choose from; None: one is generated
    )
    option_ids: tuple[tuple[int, ...], ...] | None = (
        None  # their tokens after the prompt; None also for controls
    )


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer, generated or chosen by likelihood.

    Key: (model, task, category, item_seed, sample_seed, item_id, sample_index). Seconds are
    deliberately not here: samples are the reproducible artefact and must be byte-identical after a
    resume.
    """

    model: str
    task: str
    category: str
    item_seed: int
    sample_seed: int
    item_id: str
    sample_index: int
    text: str  # everything that was generated, special tokens of the thinking kept
    thinking: str | None  # what stands before </think>; None where the model does not think aloud
    answer: str | None  # what stands after it; None where the thinking never ended
    n_prompt_tokens: int
    n_tokens: int  # generated, the stop token not counted
    finish: Finish
    mean_logprob: (
        float | None
    )  # natural log, mean over generated tokens; None for controls and where none was made
    # By shown position: natural log of the probability of all tokens of the option; None inside:
    # not a finite number.
    option_loglikelihoods: tuple[float | None, ...] | None = None  # None: the answer was generated


@dataclass(frozen=True, slots=True)
class Score:
    """One sample, read and judged, with what the aggregation needs of its item.

    Key: that of Sample.
    """

    model: str
    task: str
    category: str
    item_seed: int
    sample_seed: int
    item_id: str
    sample_index: int
    group: str
    cluster: str
    context_condition: Condition
    question_polarity: Polarity
    gold: int
    unknown: int
    target: int | None
    chosen: int | None  # index into Item.options, rotation undone; None: no answer could be read
    outcome: Outcome
    reason: Reason | None  # why there is no answer; None where there is one
    rule: str | None  # which reading rule found the answer
    chosen_position: int | None  # 0 = shown as (A)
    gold_position: int | None
    n_tokens: int
    finish: Finish
    block: str  # of the item: what shares people, order and names


@dataclass(frozen=True, slots=True)
class Estimate:
    """One number with how sure it is.

    Key: (model, task, group, context_condition, metric, policy).
    """

    model: str
    task: str
    group: str  # a scored group, or "all": every group of the task together
    context_condition: str  # "ambig", "disambig" or "both"
    metric: str  # accuracy, s_dis, s_amb, unparsed, unfinished, ...
    policy: str  # drop, wrong, unknown, lm_eval, helm
    value: float | None  # fraction; s_dis and s_amb in [-1, 1]
    low: float | None  # bounds of the 95% interval
    high: float | None
    n: int  # answers that the value rests on
    n_items: int  # answers asked for: questions, times seeds and samples
    n_clusters: int
    method: str  # how the interval was made
    n_questions: int | None = None  # unique questions behind the n answers
    detectable: float | None = (
        None  # smallest shift that a test at the 5% level would have noticed with 80% power
    )


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


@dataclass(frozen=True, slots=True)
class Difference:
    """A paired difference of two models. Key: (model, baseline, task, group, condition, metric).

    With policy "drop" it is over the pairs of answers (the same question, seeds and sample) that
    both models had read; the columns that end in `_asked` are over all pairs that were asked,
    unread answers counted as wrong.
    """

    model: str
    baseline: str
    task: str
    group: str
    context_condition: str
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
    detectable: (
        float | None
    )  # smallest difference that the design sees with 80% power at the 5% level
    n_questions: int | None = None  # unique questions behind the n pairs
    n_asked: int | None = None  # pairs that were asked for
    value_asked: float | None = None
    low_asked: float | None = None
    high_asked: float | None = None
    p_asked: float | None = None
    p_asked_adjusted: float | None = None  # in a family of its own, corrected as p is
    loss_decides: bool | None = (
        None  # the two disagree in what is beyond chance; None: neither is known
    )


@dataclass(frozen=True, slots=True)
class Spread:
    """How far seeds and items each move a number.

    Key: (model, task, group, context_condition, metric).
    """

    model: str
    task: str
    group: str
    context_condition: str
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
    """Two sets of one model's answers, compared. Key: (model, first, second, context_condition,
    metric, group).

    Two task labels; or one task twice, with the context "ambig-disambig": each question without the
    sentence that decides it, against itself with that sentence. `paired`: both sides asked the same
    questions, and with policy "drop" the difference is over the pairs that both had read; then the
    columns that end in `_asked` are over all.
    """

    model: str
    first: str
    second: str
    context_condition: str
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
    group: str = "all"  # a scored group, of the two contexts of one task; else all of them
