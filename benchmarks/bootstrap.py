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
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from bbq_templates import ITEMS_PER_TEMPLATE

from featherweight.aggregate.answers import load
from featherweight.aggregate.cells import cells, headline
from featherweight.aggregate.run import run
from featherweight.aggregate.spec import Spec
from featherweight.files import write_rows
from featherweight.records import Condition, Item, Outcome, Score
from featherweight.stats.clusters import bootstrap_counts, bootstrap_weights, percentile_interval
from featherweight.tasks import task


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
        items: list[Item] = bbq.load(folder, category)
        for item in items:
            yield item.group, item.category, item.cluster, item.block, item.item_id


def answer(
    model: str, place: tuple[str, str, str, str, str], number: int, generator: np.random.Generator
) -> Score:
    """One simulated answer: a fifth cannot be read, the others are right more often than not."""
    group, category, cluster, block, item_id = place
    condition: Condition = "ambig" if number % 4 < 2 else "disambig"
    gold = 2 if condition == "ambig" else int(generator.integers(2))
    unread, luck, guess, shift = (
        generator.random(),
        generator.random(),
        int(generator.integers(3)),
        number % 3,
    )
    chosen = None if unread < 0.2 else gold if luck < 0.5 else guess
    outcome: Outcome = "unparsed" if chosen is None else "right" if chosen == gold else "wrong"
    return Score(
        model=model,
        task="bbq",
        category=category,
        item_seed=0,
        sample_seed=0,
        item_id=item_id,
        sample_index=0,
        group=group,
        cluster=cluster,
        context_condition=condition,
        question_polarity="neg" if number % 2 else "nonneg",
        gold=gold,
        unknown=2,
        target=0,
        chosen=chosen,
        outcome=outcome,
        reason="none" if chosen is None else None,
        rule=None if chosen is None else "letter",
        chosen_position=None if chosen is None else (chosen + shift) % 3,
        gold_position=(gold + shift) % 3,
        n_tokens=int(generator.integers(1, 500)),
        finish="stop",
        block=block,
    )


def bootstrap_only(paths: list[Path], draws: int) -> None:
    """Every headline number of every group of every model, with a percentile interval; the draws
    are common.
    """
    weights: dict[str, np.ndarray] = {}
    generator = np.random.default_rng(0)
    for answered in load(paths):
        task_counts = answered.counts()
        for cell in cells(answered.groups):
            counts = cell.counts(task_counts)
            used = counts[counts.reshape(len(counts), -1).any(axis=1)]
            if cell.group not in weights:
                weights[cell.group] = bootstrap_weights(len(used), draws, generator)
            sums = bootstrap_counts(used, weights[cell.group])
            for one in headline("drop", has_targets=True):
                percentile_interval(one.measure.resampled(sums))


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
        paths = []
        for number in range(args.models):
            generator = np.random.default_rng(number)
            rows = [
                answer(f"model-{number}", place, place_number, generator)
                for place_number, place in enumerate(places)
            ]
            paths.append(Path(folder) / f"model-{number}.parquet")
            write_rows(paths[-1], rows, Score)
        what = f"{len(places):,} items x {args.models} models, {args.draws:,} draws"
        timed(
            f"{what} of every group and all, from the files",
            lambda: bootstrap_only(paths, args.draws),
        )
        spec = Spec(draws=args.draws)
        timed(
            f"{what}, the whole aggregate stage",
            lambda: run(paths, spec, Path(folder) / "aggregate"),
        )


if __name__ == "__main__":
    main()
