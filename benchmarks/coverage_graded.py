"""How often 95% intervals of graded tasks hold the truth: over all levels, and of pass@k.

Three kinds of studies. MATH-500, 25 or 10 problems of each subject: levels fall as they are in the
subject, a problem's chance of a right answer is Beta around its level's. `chains`, 30 blocks: the
chances are those planted in `pocket-solver`, problem by problem. And 15, 30 or 150 problems whose
chances are Beta, or 0 for a few that nobody solves. The truth is the mean over all problems that
could be drawn. Beside each interval stands what it would be otherwise: every level filled up by
itself, problems alone without levels, or the t interval of a pass@k. Needs no data:

    python benchmarks/coverage_graded.py --repetitions 1000 --seed 1

One line of its table, coverages and mean widths:

    | MATH-500, 25 a subject, 16 samples, accuracy, all | 0.951 | 0.098 | 0.741 | 0.058 |
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from math import comb
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from featherweight.stats import measures
from featherweight.stats.clusters import clustered, interval
from featherweight.stats.counts import N_GENERAL, N_ITEMS, N_RIGHT, WRONG
from featherweight.stats.intervals import Interval
from featherweight.stats.measures import Measure
from featherweight.stats.paired import difference
from featherweight.tasks.chains import STRATA
from featherweight.tasks.chains.planted import planted
from featherweight.tasks.chains.problems import load

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

# MATH-500's problems of level 1 to 5, subject by subject; counted in the file.
LEVELS = np.array(
    [
        [17, 21, 26, 30, 30],
        [2, 7, 4, 13, 12],
        [2, 8, 8, 10, 13],
        [7, 12, 19, 23, 36],
        [5, 10, 16, 19, 12],
        [7, 19, 17, 20, 19],
        [3, 13, 15, 13, 12],
    ]
)
MIX = LEVELS / LEVELS.sum(axis=1, keepdims=True)
RIGHT = np.array([0.95, 0.85, 0.7, 0.5, 0.25])  # the mean of each level
GAIN = 0.3  # of what is missing, by a second model
BLOCKS, CHAINS = 30, Path(__file__).parents[1] / "resources" / "chains"
OVERALL, ALONE = measures.accuracy(WRONG, range(5)), measures.accuracy(WRONG, (0,))
PASS = replace(ALONE, unseen=True)
LOWEST = 0.93
EXTREME = "extreme"  # all but always right except on a rare problem: told, not judged


class Found(NamedTuple):
    """An interval, and what it would be otherwise."""

    number: str
    truth: float
    reach: Interval | None
    otherwise: Interval | None


Study = Callable[[np.random.Generator], Iterator[Found]]


def reached(counts: Floats, measure: Measure, strata: Codes | None = None) -> Interval | None:
    """The interval as `aggregate` makes it."""
    score = clustered(counts, measure, strata)
    return interval(score, bounds=measure.bounds, unseen=measure.unseen)


def counted(right: Floats, samples: int, level: Codes | None = None) -> Floats:
    """Right answers of each problem, in its level, as counts."""
    place = np.zeros(len(right), dtype=np.int64) if level is None else level
    counts = np.zeros((len(right), 1 if level is None else 5, N_GENERAL))
    counts[np.arange(len(right)), place, N_ITEMS] = samples
    counts[np.arange(len(right)), place, N_RIGHT] = right
    return counts


def mathematics(per: int, samples: int) -> Study:
    """Problems drawn one by one within seven subjects, answered by two models."""

    def study(generator: np.random.Generator) -> Iterator[Found]:
        drawn = [np.repeat(np.arange(5), generator.multinomial(per, mix)) for mix in MIX]
        level, subject = np.concatenate(drawn), np.repeat(np.arange(len(MIX)), per)
        chance = generator.beta(3 * RIGHT[level], 3 * (1 - RIGHT[level]))
        first, second = (
            counted(generator.binomial(samples, one), samples, level)
            for one in (chance, chance + GAIN * (1 - chance))
        )
        together, truth = replace(OVERALL, together=tuple(range(5))), MIX.mean(axis=0) @ RIGHT
        ways = [reached(first, measure, subject) for measure in (together, OVERALL)]
        yield Found("accuracy, all", float(truth), *ways)
        for place in (0, 2, 4):
            of_level = reached(first, measures.accuracy(WRONG, (place,)), subject)
            yield Found(f"accuracy, level {place + 1}", float(RIGHT[place]), of_level, None)
        both = [difference(second, first, one, strata=subject) for one in (together, OVERALL)]
        of_two = [Interval(one.low or 0.0, one.high or 0.0) for one in both]
        yield Found("difference, all", float(GAIN * (1 - truth)), *of_two)

    return study


def chains(samples: int, ks: tuple[int, ...]) -> Study:
    """Blocks of five problems, one of each level, answered as planted."""
    chances: list[list[float]] = [[] for _ in STRATA]
    for item in load(CHAINS, "chains").items:
        chances[STRATA.index(item.stratum or "")].append(planted("solver", item, 0.8))
    known = np.array(chances)

    def study(generator: np.random.Generator) -> Iterator[Found]:
        blocks = generator.integers(0, known.shape[1], BLOCKS)
        right = generator.binomial(samples, known[:, blocks])
        level = np.repeat(np.arange(len(STRATA)), BLOCKS)
        counts = counted(right.ravel(), samples, level)
        ways = [reached(counts, OVERALL, strata) for strata in (level, None)]
        yield Found("accuracy, all", float(known.mean()), *ways)
        for k in ks:
            of_k, truths = passes(samples, k)[right], 1 - (1 - known) ** k
            for name, place in (("level 1", [0]), ("level 5", [4]), ("all", [0, 1, 2, 3, 4])):
                counts = counted(samples * of_k[place].ravel(), samples)
                strata = np.repeat(np.arange(len(place)), BLOCKS)
                ways = [reached(counts, measure, strata) for measure in (PASS, ALONE)]
                yield Found(f"pass@{k}, {name}", float(truths[place].mean()), *ways)

    return study


def problems(alpha: float, beta: float, never: float, n: int, samples: int = 16) -> Study:
    """Problems with chances of a Beta, a share of which nobody solves."""
    pool = np.random.default_rng(0).beta(alpha, beta, 1_000_000)
    truths = {k: float((1 - never) * np.mean(1 - (1 - pool) ** k)) for k in (1, 8)}

    def study(generator: np.random.Generator) -> Iterator[Found]:
        chance = generator.beta(alpha, beta, n) * (generator.random(n) >= never)
        right = generator.binomial(samples, chance)
        for k, truth in truths.items():
            counts = counted(samples * passes(samples, k)[right], samples)
            if k == 1:
                yield Found("accuracy", truth, reached(counts, ALONE), reached(counts, PASS))
            else:
                yield Found(f"pass@{k}", truth, reached(counts, PASS), reached(counts, ALONE))

    return study


def passes(samples: int, k: int) -> Floats:
    """pass@k for each number of right samples."""
    return np.array([1 - comb(samples - one, k) / comb(samples, k) for one in range(samples + 1)])


def studies() -> dict[str, Study]:
    """Every design by name."""
    made = {
        f"MATH-500, {per} a subject, {samples} samples": mathematics(per, samples)
        for per, samples in ((25, 1), (25, 4), (25, 16), (10, 4))
    }
    made["chains, 16 samples"] = chains(16, (4, 8, 16))
    made["chains, 64 samples"] = chains(64, (8, 32))
    for alpha, beta, never in ((9, 1, 0), (2, 0.5, 0), (0.5, 0.5, 0), (1, 3, 0), (8, 2, 0.03)):
        for n in (15, 30, 150):
            lost = f", {never:.0%} never" if never else ""
            made[f"Beta({alpha}, {beta}){lost}, {n} problems"] = problems(alpha, beta, never, n)
    for n in (30, 150):
        made[f"{EXTREME}: Beta(200, 1), 2% never, {n} problems"] = problems(200, 1, 0.02, n)
    return made


def share(reaches: list[Interval | None], truth: float) -> tuple[float, float]:
    """How many intervals hold the truth, and their mean width; nan without any."""
    told = [one for one in reaches if one is not None]
    if not told:
        return float("nan"), float("nan")
    held = [one.low - 1e-12 <= truth <= one.high + 1e-12 for one in told]
    return float(np.mean(held)), float(np.mean([one.high - one.low for one in told]))


def main() -> int:
    """Print the table; 1 if an interval of ours covers too little."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    began, lowest = time.process_time(), 1.0
    print("| study, number | truth | coverage | width | otherwise: coverage | width |")
    print("|---|---|---|---|---|---|")
    for place, (name, study) in enumerate(studies().items()):
        generator = np.random.default_rng([arguments.seed, place])
        found: dict[str, list[Found]] = {}
        for _ in range(arguments.repetitions):
            for one in study(generator):
                found.setdefault(one.number, []).append(one)
        for number, every in found.items():
            truth = every[0].truth
            ours = share([one.reach for one in every], truth)
            other = share([one.otherwise for one in every], truth)
            if not name.startswith(EXTREME):
                lowest = min(lowest, ours[0])
            shown = " | ".join("" if np.isnan(x) else f"{x:.3f}" for x in (*ours, *other))
            print(f"| {name}, {number} | {truth:.4f} | {shown} |", flush=True)
    print(f"\nlowest coverage {lowest:.3f}, {time.process_time() - began:.0f} CPU-seconds")
    return int(lowest < LOWEST)


if __name__ == "__main__":
    sys.exit(main())
