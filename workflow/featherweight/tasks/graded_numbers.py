"""The numbers of a task whose free answers are graded: what n samples are worth besides accuracy.

Of every prompt all samples are looked at together (`stats.best_of`): pass@k and maj@k for k = 2, 4,
.. 256, as far as there are so many samples. Each answer carries its prompt's value, so that the
mean over answers is the mean over prompts: every prompt of a study has as many samples (`score`
refuses others), and the same holds for the accuracy under the policy `wrong`. Under `drop`, where
prompts may keep different numbers of answers, each answer weighs the same. Where a mean is near 1,
nearly every prompt has a pass@k of 1 and what is missing comes from a few that a study need not
have drawn: intervals of pass@k and maj@k allow for those (`Measure.unseen`). Counted from `Graded`
rows:

    answer_class   votes of the majority; None: no vote
    lenient        accuracy_lenient, a whole text without a verdict being wrong
    planted        the mean of what was planted, and above_planted: right minus planted
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from featherweight.records import ALL
from featherweight.stats.best_of import majority_at_k, pass_at_k
from featherweight.stats.counts import (
    DROP,
    N_GENERAL,
    N_ITEMS,
    WRONG,
    Bools,
    Codes,
    Policy,
    Values,
    ratio,
)
from featherweight.stats.measures import SIGNED, Measure
from featherweight.tasks.numbers import (
    ACCURACY,
    Columns,
    KnownScore,
    Metric,
    Numbers,
    Rows,
    equal,
    floats,
    known_everywhere,
)
from featherweight.tasks.rules import UNREAD

KS = (2, 4, 8, 16, 32, 64, 128, 256)
LENIENT, PLANTED, ABOVE_PLANTED = "accuracy_lenient", "planted", "above_planted"
PASSES, MAJORITIES = tuple(f"pass@{k}" for k in KS), tuple(f"maj@{k}" for k in KS)
PROMPT = ("model", "item_seed", "sample_seed", "item_id")  # the key of a prompt within a label

# Where the columns stand that follow those of every task.
LENIENTLY_RIGHT, N_LENIENT, OF_PLANTED, ABOVE, N_PLANTED = range(N_GENERAL, N_GENERAL + 5)
N_AT_K = N_GENERAL + 5  # for each k: answers of prompts with so many samples
PASS_AT_K, MAJORITY_AT_K = N_AT_K + len(KS), N_AT_K + 2 * len(KS)


def graded(strata: tuple[str, ...], controls: Collection[str]) -> Numbers:
    """The numbers of a graded task with these strata and controls."""
    places: dict[str, tuple[int, ...]] = {one: (place,) for place, one in enumerate(strata)}
    places[ALL] = tuple(range(max(1, len(strata))))

    def own(policy: Policy) -> Sequence[Metric]:
        return list(_own(places)) if policy == WRONG else ()

    def bare(policy: Policy) -> Sequence[Metric]:
        return [
            _metric(PLANTED, stratum, policy, _mean(OF_PLANTED, N_PLANTED, of), N_PLANTED, of)
            for stratum, of in places.items()
        ]

    return Numbers(
        strata=strata,
        columns=(
            Columns(("leniently_right", "n_lenient"), "asked", _leniently),
            Columns(("planted", "above_planted", "n_planted"), "asked", _planted),
            Columns(
                tuple(f"{what}@{k}" for what in ("n", "pass", "maj") for k in KS),
                "asked",
                _at_k,
            ),
        ),
        policies=(WRONG, DROP),
        own=own,
        bare=bare,
        series=(PASSES, MAJORITIES),
        known=tuple(one for one in _known(strata or (ALL,)) if one.control in controls),
        words={LENIENT: "the accuracy of whole texts, read leniently"},
    )


def _own(places: dict[str, tuple[int, ...]]) -> Iterator[Metric]:
    for stratum, of in places.items():
        # without a verdict wrong, so over everything that was asked
        lenient = _mean(LENIENTLY_RIGHT, N_ITEMS, of)
        yield _metric(LENIENT, stratum, WRONG, lenient, N_LENIENT, of)
        above = _mean(ABOVE, N_PLANTED, of, SIGNED)
        yield _metric(ABOVE_PLANTED, stratum, WRONG, above, N_PLANTED, of)
        for names, first in ((PASSES, PASS_AT_K), (MAJORITIES, MAJORITY_AT_K)):
            for index, name in enumerate(names):
                among = N_AT_K + index
                measure = replace(_mean(first + index, among, of), unseen=True)
                yield _metric(name, stratum, WRONG, measure, among, of)


def _mean(
    amount: int, among: int, places: Sequence[int], bounds: tuple[float, float] = (0.0, 1.0)
) -> Measure:
    """The sum of one column over that of another, in these strata together."""
    inside = list(places)

    def weight(counts: Values) -> Values:
        weights: Values = counts[..., inside, among].sum(axis=-1)
        return weights

    return Measure(
        value=lambda counts: ratio(counts[..., inside, amount].sum(axis=-1), weight(counts)),
        weight=weight,
        bounds=bounds,
        scale="identity" if bounds == SIGNED else "logit",
    )


def _metric(
    name: str,
    stratum: str,
    policy: Policy,
    measure: Measure,
    rests_on: int,
    places: tuple[int, ...],
) -> Metric:
    inside = list(places)
    return Metric(
        name,
        stratum,
        policy,
        measure,
        lambda counts: counts[..., inside, rests_on].sum(axis=-1),
        places,
        optional=True,
    )


def _beside(rows: Rows) -> pa.Table:
    if rows.judged is None:
        raise ValueError("expected Graded rows beside the scores, got none")
    return rows.judged


def _leniently(rows: Rows) -> Values:
    lenient = floats(_beside(rows), "lenient")
    known = ~np.isnan(lenient)
    return np.column_stack([np.where(known, lenient, 0.0), known])


def _planted(rows: Rows) -> Values:
    planted = floats(_beside(rows), "planted")
    known = ~np.isnan(planted)
    right = equal(rows.scores, "outcome", "right")
    of_known = np.where(known, planted, 0.0)
    return np.column_stack([of_known, np.where(known, right, 0.0) - of_known, known])


def _at_k(rows: Rows) -> Values:
    """For each answer and k: whether its prompt has so many samples, its pass@k and its maj@k."""
    prompt = _prompts(rows.scores)
    right = equal(rows.scores, "outcome", "right")
    n = np.bincount(prompt)
    passes = [pass_at_k(n, np.bincount(prompt[right], minlength=len(n)), k) for k in KS]
    majorities = _majorities(prompt, n, right, floats(_beside(rows), "answer_class"))
    enough = n[:, None] >= np.array(KS)
    values = np.column_stack([enough, np.nan_to_num(np.column_stack([*passes, majorities]))])
    of_answers: Values = values[prompt]
    return of_answers


def _prompts(scores: pa.Table) -> Codes:
    """Numbers the prompts of every model: equal for all samples of one."""
    codes = np.zeros(scores.num_rows, dtype=np.int64)
    for name in PROMPT:
        column = pc.dictionary_encode(scores[name].combine_chunks()).indices.to_numpy()
        codes = np.unique(codes * (int(column.max(initial=0)) + 1) + column, return_inverse=True)[1]
    return np.asarray(codes.ravel(), dtype=np.int64)


def _majorities(prompt: Codes, n: Codes, right: Bools, answer_class: Values) -> Values:
    """maj@k of each prompt. Shape: (prompts, ks). Prompts with the same votes are counted once."""
    votes = ~np.isnan(answer_class)
    key = np.column_stack([prompt[votes], answer_class[votes].astype(np.int64)])
    classes, which, sizes = np.unique(key, axis=0, return_inverse=True, return_counts=True)
    is_right = np.bincount(which.ravel(), weights=right[votes], minlength=len(sizes)) > 0
    ends = np.searchsorted(classes[:, 0], np.arange(len(n) + 1))
    known: dict[tuple[int, tuple[tuple[bool, int], ...]], Values] = {}
    values = np.zeros((len(n), len(KS)))
    for place, (start, end) in enumerate(pairwise(ends.tolist())):
        found = sorted(zip(is_right[start:end].tolist(), sizes[start:end].tolist(), strict=True))
        of_prompt = (int(n[place]), tuple(found))
        if of_prompt not in known:
            best = len(found) - 1 if found and found[-1][0] else None
            known[of_prompt] = majority_at_k([size for _, size in found], best, int(n[place]), KS)
        values[place] = known[of_prompt]
    return values


def _known(strata: Sequence[str]) -> tuple[KnownScore, ...]:
    """What is known of the controls: those of every task, and those that write an answer."""
    rates = UNREAD["hesitant"]
    return (
        *known_everywhere(strata),
        # what it leaves open is wrong, and all the rest right
        *(
            KnownScore(
                "hesitant",
                ALL,
                ACCURACY,
                1.0 - rate,
                exact=False,
                policy=WRONG.name,
                last_line=last_line,
            )
            for last_line, rate in ((False, rates.free), (True, rates.last_line))
        ),
        *(KnownScore("rephrased", stratum, ACCURACY, 1.0, exact=True) for stratum in strata),
        *(KnownScore("near-miss", stratum, ACCURACY, 0.0, exact=True) for stratum in strata),
        KnownScore("near-miss", ALL, "unparsed", 0.0, exact=True),
        KnownScore("unclosed", ALL, "unfinished", 1.0, exact=True),
    )
