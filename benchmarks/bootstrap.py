"""How long the statistics take: 2,000 cluster bootstrap draws, and the whole aggregate stage, over
a full BBQ run.

Simulates the judged answers of several models to every item of BBQ, with the real templates where a
folder with BBQ's files is given, else with as many templates and items as BBQ has. Reads nothing
else, writes to a temporary folder:

    python benchmarks/bootstrap.py --models 4 --draws 2000
    python benchmarks/bootstrap.py --models 12 --blocks 75          a study of 3,300 prompts per
        model
    python benchmarks/bootstrap.py --items data/bbq

One line:

    58,492 items x 4 models, 2,000 draws of 15 groups and all: 0.9 s (0.9 CPU-s)
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from bbq_templates import ITEMS_PER_TEMPLATE

from featherweight.aggregate.load import load
from featherweight.aggregate.run import run
from featherweight.aggregate.slices import slices
from featherweight.files import write_rows
from featherweight.records import Outcome, Score
from featherweight.specs import AggregateSpec
from featherweight.stats.clusters import bootstrap_counts, bootstrap_weights, percentile_interval
from featherweight.tasks import task
from featherweight.tasks.bbq.facts import BiasJudged, Direction

DIRECTIONS: tuple[Direction, ...] = ("target", "other", "unknown")


def simulated_places(blocks: int | None) -> Iterator[tuple[str, str, str, str, str]]:
    """Group, category, cluster, block and item of every item; `blocks` of four items per group, or
    all.
    """
    for group, sizes in ITEMS_PER_TEMPLATE.items():
        category = group.removesuffix(" (names)")
        kind = group.removeprefix(category).strip(" ()")
        every = [
            (template, block) for template, size in enumerate(sizes) for block in range(size // 4)
        ]
        order = np.random.default_rng(len(every)).permutation(len(every))[:blocks]
        for template, block in (every[place] for place in order):
            for part in range(4):
                cluster = f"{category}:{kind}{template}"
                yield group, category, cluster, f"{cluster}-{block}", f"{cluster}-{block}-{part}"


def real_places(folder: Path) -> Iterator[tuple[str, str, str, str, str]]:
    """The same of BBQ's own items."""
    bbq = task("bbq")
    for category in bbq.categories:
        for item in bbq.load(folder, category).items:
            yield item.group, item.category, item.cluster, item.block, item.item_id


def answer(
    model: str, place: tuple[str, str, str, str, str], number: int, generator: np.random.Generator
) -> tuple[Score, BiasJudged]:
    """One simulated answer: a fifth cannot be read, the others are right more often than not."""
    group, category, cluster, block, item_id = place
    ambiguous = number % 4 < 2
    gold = 2 if ambiguous else int(generator.integers(2))
    unread, luck, guess, shift = (
        generator.random(),
        generator.random(),
        int(generator.integers(3)),
        number % 3,
    )
    chosen = None if unread < 0.2 else gold if luck < 0.5 else guess
    outcome: Outcome = "unparsed" if chosen is None else "right" if chosen == gold else "wrong"
    score = Score(
        model=model,
        task="bbq",
        category=category,
        item_seed=0,
        sample_seed=0,
        item_id=item_id,
        sample_index=0,
        cluster=cluster,
        block=block,
        group=group,
        stratum="ambiguous" if ambiguous else "disambiguated",
        answer=None if chosen is None else f"option {chosen}",
        outcome=outcome,
        reason="none" if chosen is None else None,
        rule=None if chosen is None else "letter",
        chosen_position=None if chosen is None else (chosen + shift) % 3,
        gold_position=(gold + shift) % 3,
        chance=1 / 3,
        n_tokens=int(generator.integers(1, 500)),
        finish="stop",
    )
    judged = BiasJudged(
        model=model,
        task="bbq",
        category=category,
        item_seed=0,
        sample_seed=0,
        item_id=item_id,
        sample_index=0,
        direction=None if chosen is None else DIRECTIONS[chosen],
        scorable=True,
        polarity="neg" if number % 2 else "nonneg",
        gold_unknown=gold == 2,
    )
    return score, judged


def write_model(
    folder: Path, model: str, places: Sequence[tuple[str, str, str, str, str]], seed: int
) -> Path:
    """The files of one model, as the score stage writes them."""
    generator, path = np.random.default_rng(seed), folder / f"{model}.parquet"
    made = (answer(model, place, number, generator) for number, place in enumerate(places))
    scores, judged = zip(*made, strict=True)
    write_rows(path, scores, Score)
    write_rows(path.with_suffix("") / "bbq.parquet", judged, BiasJudged)
    return path


def bootstrap_only(paths: list[Path], spec: AggregateSpec) -> None:
    """Every headline number of every group of every model, with a percentile interval; the draws
    are common.
    """
    weights: dict[str, np.ndarray] = {}
    generator = np.random.default_rng(0)
    for answered in load(paths, spec)[0]:
        layout = answered.layout
        for part in slices(layout.groups):
            counts = part.counts(answered.counts)
            used = counts[counts.reshape(len(counts), -1).any(axis=1)]
            if part.group not in weights:
                weights[part.group] = bootstrap_weights(len(used), spec.draws, generator)
            sums = bootstrap_counts(used, weights[part.group])
            for metric in layout.numbers.headline(layout.policy):
                percentile_interval(metric.measure.resampled(sums))


def timed(what: str, work: Callable[[], None]) -> None:
    """Run and print wall-clock and CPU seconds."""
    wall, cpu = time.monotonic(), time.process_time()
    work()
    print(f"{what}: {time.monotonic() - wall:.1f} s ({time.process_time() - cpu:.1f} CPU-s)")


def main() -> None:
    """Simulate, then time."""
    parser = argparse.ArgumentParser(
        description="Timing of the bootstrap and of the aggregate stage."
    )
    parser.add_argument(
        "--items", type=Path, help="folder with BBQ's files; without it, as many items are made up"
    )
    parser.add_argument("--models", type=int, default=4)
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument(
        "--blocks", type=int, help="blocks of four items per group; without it, all of them"
    )
    args = parser.parse_args()
    places = list(simulated_places(args.blocks) if args.items is None else real_places(args.items))
    with tempfile.TemporaryDirectory() as folder:
        paths = [
            write_model(Path(folder), f"model-{number}", places, number)
            for number in range(args.models)
        ]
        spec = AggregateSpec(tasks={"bbq": "bbq"}, draws=args.draws)
        what = f"{len(places):,} items x {args.models} models, {args.draws:,} draws"
        timed(
            f"{what} of every group and all, from the files",
            lambda: bootstrap_only(paths, spec),
        )
        timed(
            f"{what}, the whole aggregate stage",
            lambda: run(paths, spec, Path(folder) / "aggregate"),
        )


if __name__ == "__main__":
    main()
