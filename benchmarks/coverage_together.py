"""How often 95% intervals over BBQ's eleven categories hold the truth: "all", macro means,
differences, contrasts.

A study asks n ambiguous questions of every category, drawn in blocks from the real numbers of items
per template. Categories are fixed: each has its own median template, at even steps on the logit,
the same in every repetition. Templates are drawn: normal on the logit around their category's
median. A second model shares half of each template's deviation in variance; each side loses a tenth
of its answers, and all numbers are of the pairs that both had read. "Subsets" sets every second
template of one category against the others, as a contrast of two task labels does; a paired
contrast is computed as a difference of models is. The truth is the mean over all templates that
could be written, every category with the weight that the study gives it. Needs no data:

    python benchmarks/coverage_together.py --repetitions 2000 --seed 1

One line of its tables, the coverage of each number; the last is that of clusters alone, without
strata:

    | 0.5, sd 1, steps 3, n 50 | 0.950 | 0.949 | 0.954 | 0.948 | 0.954 | 0.954 | 0.955 | 0.958 |
        0.978 |
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from bbq_templates import ITEMS_PER_TEMPLATE
from coverage import BIASED, mean_over_templates, share_holding
from scipy.special import expit, logit

from featherweight.stats import measures
from featherweight.stats.clusters import clustered, interval
from featherweight.stats.counts import DROP, N_ITEMS, N_RIGHT, N_UNREAD
from featherweight.stats.intervals import Interval
from featherweight.stats.measures import Measure, mean_of_parts
from featherweight.stats.paired import difference
from featherweight.tasks.bbq.bias import (
    AMBIGUOUS,
    N_BIASED,
    N_NON_UNKNOWN,
    s_amb_measure,
    s_dis_measure,
)
from featherweight.tasks.bbq.numbers import NUMBERS

RIGHTS = (0.5, 0.8)  # the share of right answers of the median template of the middle category
SPREADS = (0.0, 1.0, 2.0)  # of templates within a category, on the logit
STEPS = (0.0, 3.0)  # from the lowest category to the highest, on the logit
SIZES = (50, 150)  # ambiguous questions per category
GAIN = 0.5  # of the second side, on the logit
SHARED = 0.5  # of a template's variance is common to both sides
LOST = 0.1  # of each side's answers
LOWEST, HIGHEST = 0.93, 0.97

CATEGORIES = sorted({group.removesuffix(" (names)") for group in ITEMS_PER_TEMPLATE})
BLOCKS = {
    category: np.array([
        size // 4
        for group, sizes in ITEMS_PER_TEMPLATE.items()
        if group.removesuffix(" (names)") == category
        for size in sizes
    ])
    for category in CATEGORIES
}  # fmt: skip
STRATA = np.repeat(np.arange(len(CATEGORIES)), [len(blocks) for blocks in BLOCKS.values()])
APART = np.arange(len(STRATA)) % 2  # a contrast of two sets of items: every second template

Floats = npt.NDArray[np.float64]


class Design(NamedTuple):
    """What is simulated."""

    right: float
    spread: float
    steps: float
    n: int

    @property
    def name(self) -> str:
        """As a table writes it."""
        return f"{self.right}, sd {self.spread:g}, steps {self.steps:g}, n {self.n}"

    def medians(self, gain: float = 0.0) -> Floats:
        """The median template of each category, on the logit."""
        found: Floats = (
            logit(self.right) + gain + self.steps * np.linspace(-0.5, 0.5, len(CATEGORIES))
        )
        return found

    def means(self, gain: float = 0.0) -> Floats:
        """The share of right answers in each category, over all templates."""
        return np.array(
            [mean_over_templates(expit(median), self.spread) for median in self.medians(gain)]
        )


class Sides(NamedTuple):
    """Counts per template of two sides, of the pairs that both had read.

    Shape: (templates, 2 strata of items, columns).
    """

    first: Floats
    second: Floats


def draw(design: Design, generator: np.random.Generator) -> Sides:
    """One study: the ambiguous answers of two models."""
    items = np.concatenate(
        [
            2 * generator.multivariate_hypergeometric(blocks, design.n // 2)
            for blocks in BLOCKS.values()
        ]
    )
    common, *own = generator.standard_normal((3, len(STRATA)))
    read = generator.binomial(items, (1.0 - LOST) ** 2)
    found = []
    for gain, deviation in zip((0.0, GAIN), own, strict=True):
        noise = np.sqrt(SHARED) * common + np.sqrt(1.0 - SHARED) * deviation
        right = generator.binomial(
            read, expit(design.medians(gain)[STRATA] + design.spread * noise)
        )
        lean = expit(logit(BIASED) + design.spread * generator.standard_normal(len(STRATA)))
        counts = np.zeros((len(STRATA), 2, len(NUMBERS.over)))
        columns = (
            (N_ITEMS, items),
            (N_UNREAD, items - read),
            (N_RIGHT, right),
            (N_NON_UNKNOWN, read - right),
        )
        for column, values in columns:
            counts[:, AMBIGUOUS, column] = values
        counts[:, AMBIGUOUS, N_BIASED] = generator.binomial(read - right, lean)
        found.append(counts)
    return Sides(found[0], found[1])


def truths(design: Design) -> dict[str, float]:
    """What each number is of, over all templates; every category is asked the same number of
    questions.
    """
    means, other = design.means(), design.means(GAIN)
    lean = 2.0 * mean_over_templates(BIASED, design.spread) - 1.0
    return {
        "accuracy": float(means.mean()),
        "s_DIS": lean,
        "s_AMB": float((1.0 - means.mean()) * lean),
        "macro accuracy": float(means.mean()),
        "macro s_AMB": float((1.0 - means.mean()) * lean),
        "difference, accuracy": float(other.mean() - means.mean()),
        "difference, s_AMB": float((means.mean() - other.mean()) * lean),
        "subsets, accuracy": 0.0,
        "accuracy, clusters alone": float(means.mean()),
    }


ACCURACY, S_DIS, S_AMB = (
    measures.accuracy(DROP, (AMBIGUOUS,)),
    s_dis_measure(AMBIGUOUS),
    s_amb_measure(DROP),
)


def by_category(counts: Floats) -> Floats:
    """The same counts with an axis of categories. Shape: (templates, categories, 2, columns)."""
    wide = np.zeros((len(STRATA), len(CATEGORIES), *counts.shape[1:]))
    wide[np.arange(len(STRATA)), STRATA] = counts
    return wide


def reached(sides: Sides) -> Iterator[tuple[str, Interval | None]]:
    """Every interval of one simulated study."""

    def of_one(
        measure: Measure, counts: Floats, strata: npt.NDArray[np.int64] | None
    ) -> Interval | None:
        return interval(
            clustered(counts, measure, strata), bounds=measure.bounds, scale=measure.scale
        )

    def of_two(
        first: Floats, second: Floats, measure: Measure, strata: npt.NDArray[np.int64]
    ) -> Interval | None:
        found = difference(first, second, measure, strata=strata)
        return None if found.low is None or found.high is None else Interval(found.low, found.high)

    first, second = sides
    for name, measure in (("accuracy", ACCURACY), ("s_DIS", S_DIS), ("s_AMB", S_AMB)):
        yield name, of_one(measure, first, STRATA)
    wide = by_category(first)
    yield "macro accuracy", of_one(mean_of_parts(ACCURACY), wide, STRATA)
    yield "macro s_AMB", of_one(mean_of_parts(S_AMB), wide, STRATA)
    yield "difference, accuracy", of_two(second, first, ACCURACY, STRATA)
    yield "difference, s_AMB", of_two(second, first, S_AMB, STRATA)
    one_category = np.isin(STRATA, CATEGORIES.index("Nationality"))
    parts = [first * (one_category & (place == APART))[:, None, None] for place in (0, 1)]
    yield "subsets, accuracy", of_two(parts[0], parts[1], ACCURACY, 2 * STRATA + APART)
    yield "accuracy, clusters alone", of_one(ACCURACY, first, None)


class Cell(NamedTuple):
    """How often an interval held the truth in one design, and its mean width."""

    design: Design
    number: str
    coverage: float
    width: float


def simulate(design: Design, repetitions: int, seed: int) -> list[Cell]:
    """The coverage of every number in one design."""
    key = [
        seed,
        round(100 * design.right),
        round(10 * design.spread),
        round(10 * design.steps),
        design.n,
    ]
    generator = np.random.default_rng(key)
    found: dict[str, list[Interval]] = {}
    for _ in range(repetitions):
        for number, reach in reached(draw(design, generator)):
            if reach is not None:
                found.setdefault(number, []).append(reach)
    return [
        Cell(design, number, share_holding(found[number], truth), mean_width(found[number]))
        for number, truth in truths(design).items()
    ]


def mean_width(intervals: Sequence[Interval]) -> float:
    """The mean width of intervals."""
    return float(np.mean([one.high - one.low for one in intervals]))


def designs() -> list[Design]:
    """Every combination."""
    return [
        Design(right, sd, steps, n)
        for right in RIGHTS
        for sd in SPREADS
        for steps in STEPS
        for n in SIZES
    ]


def print_table(cells: Sequence[Cell], title: str, value: Callable[[Cell], float]) -> None:
    """One line per design, one column per number."""
    numbers = list(dict.fromkeys(cell.number for cell in cells))
    print(f"\n### {title}\n\n| design | " + " | ".join(numbers) + " |")
    print("|---" * (1 + len(numbers)) + "|")
    for design in dict.fromkeys(cell.design for cell in cells):
        line = [value(cell) for cell in cells if cell.design == design]
        print(f"| {design.name} | " + " | ".join(f"{one:.3f}" for one in line) + " |")


def main() -> int:
    """Run every design and print it as Markdown.

    1 where an interval covers less than 0.93 or more than 0.97.
    """
    parser = argparse.ArgumentParser(description="Coverage of 95% intervals over BBQ's categories.")
    parser.add_argument(
        "--repetitions", type=int, default=2000, help="simulated studies per design"
    )
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    start = time.process_time()
    cells = [cell for design in designs() for cell in simulate(design, args.repetitions, args.seed)]
    within = [cell for cell in cells if not cell.number.endswith("alone")]
    outside = [cell for cell in within if not LOWEST <= cell.coverage <= HIGHEST]
    print_table(cells, "Coverage", lambda cell: cell.coverage)
    print_table(cells, "Mean width", lambda cell: cell.width)
    print(f"\nOutside {LOWEST} to {HIGHEST}: {len(outside)} of {len(within)}.")
    for cell in outside:
        print(f"- {cell.number}: {cell.coverage:.3f} ({cell.design.name})")
    print(
        f"\n{args.repetitions} repetitions per design, {time.process_time() - start:.0f}"
        " CPU-seconds"
    )
    return 1 if outside else 0


if __name__ == "__main__":
    sys.exit(main())
