"""How often two models are called equal: at the margin, where they are not, and at 0, where they
are.

Two models answer the same items of BBQ's real templates; in each template the second one's chance
of a right answer is the first one's plus a shift whose mean over templates is the true difference.
The paired difference has the clustered t interval of `stats.paired`; it is called equal where the
whole interval lies inside the margin. Called equal at the margin is a false alarm: two one-sided
tests at 5% each allow 0.05. Needs no data:

    python benchmarks/equivalence.py --repetitions 4000 --seed 1

One line of its table, all templates of all groups as one set, 1,650 items, margin 5 points:

    | all | 1650 | 5 | 0.050 | 0.022 | 0.794 | 0.649 |
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from bbq_templates import ITEMS_PER_TEMPLATE

from featherweight.stats import measures
from featherweight.stats.counts import DROP, N_GENERAL, N_ITEMS, N_RIGHT
from featherweight.stats.equivalence import beside_margin
from featherweight.stats.intervals import Interval
from featherweight.stats.paired import difference

LEVELS = (0.9, 0.95)
BASE = 0.6  # the mean chance of a right answer
BETWEEN = 0.1  # standard deviation of that chance between templates
APART = 0.05  # standard deviation between templates of the difference of the two models

Floats = npt.NDArray[np.float64]


class Design(NamedTuple):
    """What is simulated: a group's templates (or all), answers of each model, the margin."""

    group: str
    n: int
    margin: float


DESIGNS = (
    *(Design(group, 150, 0.1) for group in ("Age", "Race_ethnicity", "Sexual_orientation")),
    *(Design("all", n, 0.05) for n in (550, 1650, 3300)),
)


def draw(design: Design, true: float, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """The counts of both models per template. Shape of each: (templates, 1 stratum, columns)."""
    groups = ITEMS_PER_TEMPLATE if design.group == "all" else [design.group]
    sizes = np.array([items for group in groups for items in ITEMS_PER_TEMPLATE[group]])
    items = generator.multivariate_hypergeometric(sizes, min(design.n, int(sizes.sum())))
    chance = BASE + BETWEEN * generator.standard_normal(len(sizes))
    shift = true + APART * generator.standard_normal(len(sizes))
    sides = []
    for rate in (chance + shift, chance):
        counts = np.zeros((len(sizes), 1, N_GENERAL))
        counts[:, 0, N_ITEMS] = items
        counts[:, 0, N_RIGHT] = generator.binomial(items, np.clip(rate, 0.0, 1.0))
        sides.append(counts)
    return sides[0], sides[1]


def called_equal(design: Design, true: float, repetitions: int, seed: int) -> list[float]:
    """The share of runs that call the two models equal, at each level."""
    key = [seed, *design.group.encode(), design.n, round(1000 * true)]
    generator = np.random.default_rng(key)
    measure = measures.accuracy(DROP, (0,))
    equal = np.zeros(len(LEVELS))
    for _ in range(repetitions):
        first, second = draw(design, true, generator)
        for place, level in enumerate(LEVELS):
            found = difference(first, second, measure, level)
            if found.low is not None and found.high is not None:
                reach = Interval(found.low, found.high)
                equal[place] += beside_margin(reach, -design.margin, design.margin) == "inside"
    return [float(share) for share in equal / repetitions]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repetitions", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    print("| templates | answers | margin, points | at the margin, 90% | 95% | at 0, 90% | 95% |")
    print("|---|---|---|---|---|---|---|")
    for design in DESIGNS:
        shares = [
            share
            for true in (design.margin, 0.0)
            for share in called_equal(design, true, args.repetitions, args.seed)
        ]
        numbers = " | ".join(f"{share:.3f}" for share in shares)
        print(f"| {design.group} | {design.n} | {100 * design.margin:g} | {numbers} |", flush=True)


if __name__ == "__main__":
    main()
