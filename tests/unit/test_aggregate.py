"""The aggregate stage on small made-up studies: values by hand, families of tests, order, bytes,
bad input.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy import stats

from featherweight import aggregate
from featherweight.aggregate.run import run
from featherweight.errors import InputError
from featherweight.files import read_json, read_rows, write_rows
from featherweight.records import ContrastRow, Difference, Estimate, Position, Score, Spread
from featherweight.specs import AggregateSpec, ContrastSpec
from featherweight.tasks.bbq.facts import BiasJudged, Direction
from featherweight.tasks.numbers import numbers

TABLES = ("estimates", "differences", "spread", "positions", "contrasts")
TARGET, OTHER, UNKNOWN = 0, 1, 2  # the place of each option in every made-up item
DIRECTIONS: tuple[Direction, ...] = ("target", "other", "unknown")
STRATA = ("ambiguous", "disambiguated")
MIXED = (("neg", 0), ("neg", 1), ("nonneg", 0), ("nonneg", 1))
LABELS = ("bbq", "bbq-chinese", "bbq-american", "bbq-likelihood")


class Row(NamedTuple):
    """One judged answer: the row of every task, and BBQ's own beside it."""

    score: Score
    judged: BiasJudged


def changed(row: Row, **changes: Any) -> Row:
    """The answer with other values, in whichever of its rows these stand."""
    score, judged = (
        replace(part, **{key: value for key, value in changes.items() if hasattr(part, key)})
        for part in row
    )
    return Row(score, judged)


def score(
    model: str, cluster: str, number: int, stratum: str, chosen: int | None, **changes: Any
) -> Row:
    """One judged answer to item `number` of a template; the unknown option is right in the
    ambiguous stratum.
    """
    gold = UNKNOWN if stratum == "ambiguous" else number % 2
    outcome = "unparsed" if chosen is None else "right" if chosen == gold else "wrong"
    key: dict[str, Any] = {
        "model": model,
        "task": "bbq",
        "category": "Age",
        "item_seed": 0,
        "sample_seed": 0,
        "item_id": f"{cluster}-{number}-{stratum}",
        "sample_index": 0,
    }
    judged = BiasJudged(
        **key,
        direction=None if chosen is None else DIRECTIONS[chosen],
        scorable=True,
        polarity="neg",
        gold_unknown=gold == UNKNOWN,
    )
    row = Score(
        **key,
        group="Age",
        cluster=cluster,
        block=f"{cluster}:{number}",
        stratum=stratum,
        answer=None if chosen is None else f"option {chosen}",
        outcome=outcome,  # type: ignore[arg-type]
        reason="none" if chosen is None else None,
        rule=None if chosen is None else "letter",
        chosen_position=None if chosen is None else (chosen + number) % 3,
        gold_position=(gold + number) % 3,
        chance=1 / 3,
        n_tokens=10,
        finish="stop",
    )
    return changed(Row(row, judged), **changes)


def simulated(
    model: str,
    choose: Callable[[str, int, np.random.Generator], int | None],
    *,
    task: str = "bbq",
    categories: Iterable[str] = ("Age", "SES"),
    templates: int = 6,
    items: int = 4,
    seeds: Iterable[int] = (0,),
) -> list[Row]:
    """Answers to every item of a small study; `choose` gets the stratum, the right option and a
    generator.
    """
    rows = []
    for seed in seeds:
        generator = np.random.default_rng([seed, *model.encode()])
        for category in categories:
            for template in range(templates):
                for number in range(items):
                    for stratum in ("ambiguous", "disambiguated"):
                        gold = UNKNOWN if stratum == "ambiguous" else number % 2
                        chosen = choose(stratum, gold, generator)
                        cluster = f"{category}:{template}"
                        changes = {
                            "task": task,
                            "category": category,
                            "group": category,
                            "sample_seed": seed,
                        }
                        rows.append(score(model, cluster, number, stratum, chosen, **changes))
    return rows


def oracle(stratum: str, gold: int, generator: np.random.Generator) -> int:
    return gold


def always(kind: int) -> Callable[[str, int, np.random.Generator], int]:
    return lambda stratum, gold, generator: kind


def careless(rate: float) -> Callable[[str, int, np.random.Generator], int | None]:
    """Right with this rate, otherwise any option, a tenth unread."""

    def choose(stratum: str, gold: int, generator: np.random.Generator) -> int | None:
        luck, guess, lost = generator.random(), int(generator.integers(3)), generator.random() < 0.1
        return None if lost else gold if luck < rate else guess

    return choose


def spec(**changes: Any) -> AggregateSpec:
    """Every label is of BBQ; a short bootstrap."""
    return AggregateSpec(**{"tasks": dict.fromkeys(LABELS, "bbq"), "draws": 200} | changes)


def written(folder: Path, name: str, rows: Sequence[Row]) -> Path:
    """The files of one model, as the score stage writes them."""
    path = folder / "score" / f"{name}.parquet"
    write_rows(path, [row.score for row in rows], Score)
    for label in {row.score.task for row in rows}:
        judged = [row.judged for row in rows if row.judged.task == label]
        write_rows(path.with_suffix("") / f"{label}.parquet", judged, BiasJudged)
    return path


def aggregated(
    folder: Path, models: dict[str, list[Row]], wanted: AggregateSpec | None = None
) -> Path:
    """Write the files of each model, run the stage, and give the folder of its tables."""
    paths = [written(folder, name, rows) for name, rows in models.items()]
    run(paths, wanted or spec(), folder / "aggregate")
    return folder / "aggregate"


def estimate(folder: Path, **key: str) -> Estimate:
    """The one row of these values; group "all" and policy "drop" where nothing else is said."""
    wanted = {"group": "all", "policy": "drop"} | key
    rows = [
        row
        for row in read_rows(folder / "estimates.parquet", Estimate)
        if all(getattr(row, name) == value for name, value in wanted.items())
    ]
    assert len(rows) == 1, [(row.model, row.group, row.metric) for row in rows]
    return rows[0]


# Template a: 4 ambiguous answers: target, unknown, unknown, unread; template b: other, target,
# unknown, unread.
def by_hand(model: str) -> list[Row]:
    choices = {"Age:a": [TARGET, UNKNOWN, UNKNOWN, None], "Age:b": [OTHER, TARGET, UNKNOWN, None]}
    rows = [
        score(model, cluster, number, "ambiguous", chosen)
        for cluster, chosen_ones in choices.items()
        for number, chosen in enumerate(chosen_ones)
    ]
    untargeted = score(model, "Age:b", 9, "ambiguous", OTHER, direction="other", scorable=False)
    return [
        *rows[:-1],
        score(model, "Age:b", 3, "ambiguous", None, outcome="unfinished", finish="length"),
        untargeted,
    ]


@pytest.fixture(scope="module")
def hand_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return aggregated(tmp_path_factory.mktemp("hand_made"), {"m": by_hand("m")})


@pytest.mark.parametrize(
    ("metric", "policy", "value", "n"),
    [
        ("accuracy", "drop", 3 / 6, 6),
        ("accuracy", "wrong", 3 / 8, 8),
        ("accuracy", "unknown", 5 / 8, 8),
        ("accuracy", "lm_eval", 3 / 8, 8),
        ("accuracy_wilson", "drop", 3 / 6, 6),
        ("s_amb", "drop", (1 - 3 / 6) * (1 / 3), 3),
        ("s_amb", "wrong", (1 - 3 / 8) * (1 / 3), 3),
        ("s_amb", "unknown", (1 - 5 / 8) * (1 / 3), 3),
        ("s_amb", "lm_eval", (1 - 3 / 8) * (1 / 3), 3),
        ("s_amb", "helm", (1 - 3 / 8) * (2 * 2 / 5 - 1), 3),
        ("stereotyped", "drop", 2 / 6, 6),
        ("stereotyped", "wrong", 2 / 8, 8),
        ("unparsed", "drop", 1 / 8, 8),
        ("unfinished", "drop", 1 / 8, 8),
        ("n_tokens", "drop", 10.0, 8),
    ],
)
def test_the_estimates_by_hand(
    hand_made: Path, metric: str, policy: str, value: float, n: int
) -> None:
    found = estimate(hand_made, metric=metric, policy=policy, stratum="ambiguous", group="Age")
    assert found.value == pytest.approx(value)
    assert (found.n, found.n_asked, found.n_clusters) == (n, 8, 2)


def test_nothing_asked_in_a_stratum_leaves_no_rows(hand_made: Path) -> None:
    stratums = {row.stratum for row in read_rows(hand_made / "estimates.parquet", Estimate)}
    assert stratums == {"ambiguous", "all"}


@pytest.mark.parametrize(
    ("choose", "ambiguous", "disambiguated", "s_amb", "s_dis"),
    [
        (oracle, 1.0, 1.0, None, 0.0),
        (always(UNKNOWN), 1.0, 0.0, None, None),
        (always(TARGET), 0.0, 0.5, 1.0, 1.0),
        (always(OTHER), 0.0, 0.5, -1.0, -1.0),
    ],
)
@pytest.mark.parametrize("group", ["all", "Age"])
def test_controls_have_their_known_scores_and_honest_intervals(
    tmp_path: Path, group: str, choose: Callable[..., int], ambiguous: float, disambiguated: float,
    s_amb: float | None, s_dis: float | None,
) -> None:  # fmt: skip
    folder = aggregated(tmp_path, {"control": simulated("control", choose)})
    for stratum, metric, value in (
        ("ambiguous", "accuracy", ambiguous),
        ("disambiguated", "accuracy", disambiguated),
        ("ambiguous", "s_amb", s_amb),
        ("disambiguated", "s_dis", s_dis),
    ):
        found = estimate(folder, group=group, stratum=stratum, metric=metric)
        assert found.value == value
        assert (found.low is None) == (found.high is None) == (value is None)
        if found.low is not None and found.high is not None and found.value is not None:
            assert found.low <= found.value <= found.high
            assert found.low < found.high


def test_the_mean_of_groups_weighs_groups_alike(tmp_path: Path) -> None:
    large = simulated("m", oracle, categories=["Age"], templates=9)
    folder = aggregated(
        tmp_path, {"m": large + simulated("m", always(TARGET), categories=["SES"], templates=3)}
    )
    key = {"stratum": "ambiguous"}
    assert estimate(folder, metric="accuracy", **key).value == pytest.approx(9 / 12)
    assert estimate(folder, metric="accuracy_macro", **key).value == pytest.approx(1 / 2)
    assert estimate(folder, metric="s_amb_macro", **key).value == pytest.approx(
        1 / 2
    )  # Age has no bias: it adds 0


def test_names_and_labels_of_a_category_are_one_part_of_the_mean(tmp_path: Path) -> None:
    """Two categories, one of them in two scored groups: right in all, half and none of their
    items."""
    names = simulated("m", always(TARGET), categories=["Age"], templates=3)
    names = [
        changed(
            row,
            group="Age (names)",
            cluster=f"{row.score.cluster} names",
            item_id=f"{row.score.item_id} names",
        )
        for row in names
    ]
    labels = simulated("m", oracle, categories=["Age"], templates=3)
    other = simulated("m", always(TARGET), categories=["SES"], templates=3)
    folder = aggregated(tmp_path, {"m": names + labels + other})
    key = {"stratum": "ambiguous", "metric": "accuracy_macro"}
    assert estimate(folder, **key).value == pytest.approx((1 / 2 + 0) / 2)  # not (1 + 0 + 0) / 3
    assert estimate(folder, **key).method == "cluster jackknife within categories, t"


def test_a_group_in_two_categories_is_told(tmp_path: Path) -> None:
    rows = simulated("m", oracle, categories=["Age"]) + [
        changed(row, group="Age") for row in simulated("m", oracle, categories=["SES"])
    ]
    with pytest.raises(InputError, match="bbq: group Age: expected one category, got Age, SES"):
        aggregated(tmp_path, {"m": rows})


def test_categories_that_differ_do_not_widen_the_interval_of_all(tmp_path: Path) -> None:
    """Right in every item of one category and in none of the other, whichever template is asked."""
    rows = simulated("m", oracle, categories=["Age"]) + simulated(
        "m", always(OTHER), categories=["SES"]
    )
    folder = aggregated(tmp_path, {"m": rows})
    found = estimate(folder, metric="accuracy", stratum="ambiguous")
    assert (found.value, found.method) == (0.5, "cluster jackknife within categories, t")
    assert estimate(folder, metric="design_effect", stratum="ambiguous").value == pytest.approx(0.0)
    drawn = estimate(folder, metric="accuracy_bootstrap", stratum="ambiguous")
    assert (drawn.low, drawn.high) == pytest.approx((0.5, 0.5))
    # No template moves it; what unseen templates could do is all that is left: t^2 / (12 + t^2) of
    # half the range.
    t = stats.t.ppf(0.975, 10)
    assert found.high == pytest.approx(0.5 + 0.5 * t**2 / (12 + t**2))
    assert (
        estimate(folder, metric="accuracy", stratum="ambiguous", group="Age").method
        == "cluster jackknife, t"
    )


def test_intervals_hold_their_value_and_every_row_is_unique(tmp_path: Path) -> None:
    models = {
        name: simulated(name, careless(rate), seeds=(0, 1))
        for name, rate in (("a", 0.6), ("b", 0.9))
    }
    rows = read_rows(aggregated(tmp_path, models) / "estimates.parquet", Estimate)
    keys = [(r.model, r.task, r.group, r.stratum, r.metric, r.policy) for r in rows]
    assert len(set(keys)) == len(keys)
    for row in rows:
        if row.low is not None and row.high is not None and row.value is not None:
            assert row.low <= row.value <= row.high, row
            assert row.method != "none"
        else:
            assert row.method == "none"


def test_the_same_input_gives_the_same_bytes_in_any_order_of_rows(tmp_path: Path) -> None:
    models = {
        name: simulated(name, careless(rate), seeds=(0, 1))
        for name, rate in (("a", 0.6), ("b", 0.9))
    }
    wanted = spec(models=("b", "a"))
    first, again = (
        aggregated(tmp_path / "1", models, wanted),
        aggregated(tmp_path / "2", models, wanted),
    )
    reversed_rows = {name: rows[::-1] for name, rows in reversed(models.items())}
    shuffled = aggregated(tmp_path / "3", reversed_rows, wanted)
    names = sorted(path.name for path in first.iterdir())
    assert names == sorted(
        [*(f"{t}.{e}" for t in TABLES for e in ("parquet", "csv")), "readings.json"]
    )
    for name in names:
        assert (first / name).read_bytes() == (again / name).read_bytes(), name
        assert (first / name).read_bytes() == (shuffled / name).read_bytes(), name
    assert read_rows(first / "estimates.parquet", Estimate)[0].model == "b"


def test_differences_are_corrected_in_two_families(tmp_path: Path) -> None:
    rates = {"a": 0.2, "b": 0.5, "c": 0.7}
    models = {name: simulated(name, careless(rate), items=8) for name, rate in rates.items()}
    models["oracle"] = simulated("oracle", oracle, items=8)
    folder = aggregated(tmp_path, models, spec(controls=("oracle",)))
    rows = read_rows(folder / "differences.parquet", Difference)
    assert {(row.model, row.baseline) for row in rows} == {("b", "a"), ("c", "a"), ("c", "b")}
    assert {(row.group, row.adjustment) for row in rows} == {
        ("all", "holm"),
        ("Age", "bh"),
        ("SES", "bh"),
    }
    for row in rows:
        ours, theirs = (
            estimate(
                folder,
                model=name,
                group=row.group,
                stratum=row.stratum,
                metric=row.metric,
            )
            for name in (row.model, row.baseline)
        )
        assert ours.value is not None
        assert theirs.value is not None
        # A tenth of each side's answers is lost: n are the pairs that both had read, all pairs
        # stand beside them.
        assert (
            row.n
            < row.n_asked
            == (96 if row.group == "all" else 48) * (2 if row.stratum == "all" else 1)
        )
        assert row.p is not None
        assert row.p_adjusted is not None
        assert row.p <= row.p_adjusted <= 1.0
    headline = sorted((row.p, row.p_adjusted) for row in rows if row.adjustment == "holm")
    assert len(headline) == 15
    assert headline[0][1] == pytest.approx(15 * (headline[0][0] or 0.0))
    beside = sorted((row.p_asked, row.p_asked_adjusted) for row in rows if row.adjustment == "holm")
    assert beside[0][1] == pytest.approx(15 * (beside[0][0] or 0.0))
    assert beside != headline


def test_a_difference_where_nothing_was_lost_is_that_of_the_printed_scores(tmp_path: Path) -> None:
    def reads_all(rate: float) -> Callable[..., int]:
        return lambda stratum, gold, generator: (
            gold if generator.random() < rate else int(generator.integers(3))
        )

    models = {
        name: simulated(name, reads_all(rate), items=8) for name, rate in (("a", 0.2), ("b", 0.5))
    }
    folder = aggregated(tmp_path, models)
    rows = read_rows(folder / "differences.parquet", Difference)
    assert len(rows) == 15
    for row in rows:
        ours, theirs = (
            estimate(
                folder,
                model=name,
                group=row.group,
                stratum=row.stratum,
                metric=row.metric,
            )
            for name in (row.model, row.baseline)
        )
        assert row.value == pytest.approx((ours.value or 0.0) - (theirs.value or 0.0))
        assert (row.value, row.low, row.high, row.p) == (
            row.value_asked,
            row.low_asked,
            row.high_asked,
            row.p_asked,
        )
        assert (row.n, row.n_asked, row.n_questions, row.loss_decides) == (
            row.n,
            row.n,
            row.n,
            False,
        )


def test_a_baseline_is_what_every_other_model_is_taken_from(tmp_path: Path) -> None:
    models = {name: simulated(name, careless(0.6)) for name in ("a", "b", "c")}
    folder = aggregated(tmp_path, models, spec(baseline="b"))
    pairs = {
        (row.model, row.baseline) for row in read_rows(folder / "differences.parquet", Difference)
    }
    assert pairs == {("a", "b"), ("c", "b")}


def test_where_the_baseline_is_not_asked_every_pair_is_compared(tmp_path: Path) -> None:
    asked = {"a": ("bbq", "bbq-chinese"), "b": ("bbq",), "c": ("bbq", "bbq-chinese")}
    models = {
        name: [
            row for label in labels for row in simulated(name, careless(0.6), task=label, items=8)
        ]
        for name, labels in asked.items()
    }
    folder = aggregated(tmp_path, models, spec(baseline="b"))
    rows = read_rows(folder / "differences.parquet", Difference)
    assert {(row.task, row.model, row.baseline) for row in rows} == {
        ("bbq", "a", "b"),
        ("bbq", "c", "b"),
        ("bbq-chinese", "c", "a"),
    }


def test_only_answers_that_both_gave_are_paired(tmp_path: Path) -> None:
    whole, part = simulated("a", careless(0.6)), simulated("b", careless(0.6))
    kept = [row for row in part if not row.score.item_id.startswith("Age:0-1")]
    rows = read_rows(
        aggregated(tmp_path, {"a": whole, "b": kept}) / "differences.parquet", Difference
    )
    assert {row.n_asked for row in rows if row.group == "all" and row.stratum != "all"} == {47}
    assert {row.n_asked for row in rows if row.group == "SES" and row.stratum != "all"} == {24}


def test_spread_tells_seeds_from_items(tmp_path: Path) -> None:
    chosen = {0: UNKNOWN, 1: UNKNOWN, 2: OTHER}
    rows = [
        row
        for seed, kind in chosen.items()
        for row in simulated("m", always(kind), categories=["Age"], seeds=[seed])
    ]
    folder = aggregated(tmp_path, {"m": rows})
    (found,) = (
        row
        for row in read_rows(folder / "spread.parquet", Spread)
        if (row.group, row.stratum, row.metric) == ("all", "ambiguous", "accuracy")
    )
    assert found.n_seeds == 3
    assert found.seed_sd == pytest.approx(np.std([1.0, 1.0, 0.0], ddof=1))
    assert found.item_se == 0.0


def test_one_seed_has_no_spread(tmp_path: Path) -> None:
    rows = read_rows(aggregated(tmp_path, {"m": by_hand("m")}) / "spread.parquet", Spread)
    assert {(row.n_seeds, row.seed_sd) for row in rows} == {(1, None)}


def test_answers_of_several_seeds_stay_in_their_template(tmp_path: Path) -> None:
    once = aggregated(tmp_path / "1", {"m": simulated("m", always(TARGET), seeds=[0])})
    thrice = aggregated(tmp_path / "3", {"m": simulated("m", always(TARGET), seeds=[0, 1, 2])})
    key = {"metric": "accuracy", "stratum": "disambiguated"}
    first, second = estimate(once, **key), estimate(thrice, **key)
    assert (first.low, first.high) == pytest.approx(
        (second.low, second.high)
    )  # the same answers, three times
    assert (first.n, second.n, second.n_clusters) == (48, 144, 12)
    assert (first.n_questions, second.n_questions) == (48, 48)
    # Wilson's interval goes by unique questions: the same ones three times over make it no shorter.
    reaches = [
        estimate(folder, metric="accuracy_wilson", stratum="disambiguated")
        for folder in (once, thrice)
    ]
    assert (reaches[0].low, reaches[0].high) == pytest.approx((reaches[1].low, reaches[1].high))
    assert (reaches[1].n, reaches[1].n_questions) == (144, 48)


def test_positions_count_what_was_chosen_and_right(hand_made: Path) -> None:
    rows = read_rows(hand_made / "positions.parquet", Position)
    # The right option of item 0, 1, 2, 3 stands at 2, 0, 1, 2; chosen of template a: 0, 0, 1, -; of
    # b: 1, 1, 1, -.
    assert [(row.position, row.n, row.n_chosen, row.n_gold) for row in rows] == [
        (0, 6, 2, 2),
        (1, 6, 4, 2),
        (2, 6, 0, 2),
    ]
    assert [row.accuracy for row in rows] == [0.5, 1.0, 0.0]
    assert [row.n_accuracy for row in rows] == [2, 2, 2]  # not the six that could be read


def test_a_task_names_whatever_is_written(tmp_path: Path) -> None:
    """What a task says it has is what the table has, with one template or with several."""
    found: set[tuple[str, str]] = set()
    for templates, categories in ((1, ["Age"]), (4, ["Age", "SES"])):
        rows = simulated("m", careless(0.5), categories=categories, templates=templates, items=8)
        folder = aggregated(tmp_path / str(templates), {"m": rows})
        found |= {
            (row.metric, row.policy) for row in read_rows(folder / "estimates.parquet", Estimate)
        }
    bbq = numbers("bbq")
    assert {metric for metric, _ in found} == bbq.names
    assert {policy for _, policy in found} == {policy.name for policy in bbq.policies} | {
        *bbq.tools
    }


def test_readings_count_everything(hand_made: Path) -> None:
    assert read_json(hand_made / "readings.json") == {
        "m": {
            "bbq": {
                "outcome": {"right": 3, "wrong": 4, "unparsed": 1, "unfinished": 1},
                "reason": {"none": 1},  # of the one that could not be read, not of the cut off
                "rule": {"letter": 7},
                "finish": {"stop": 8, "length": 1},
                "left_out": 1,
            }
        }
    }


def contrasted(folder: Path, templates: int) -> list[ContrastRow]:
    rows = simulated(
        "m",
        careless(0.5),
        task="bbq-chinese",
        categories=["Nationality"],
        templates=templates,
        items=12,
    )
    more = simulated(
        "m", careless(0.9), task="bbq-american", categories=["SES"], templates=4, items=12
    )
    pair = ContrastSpec(pair=("bbq-chinese", "bbq-american"), caution="one template against four")
    return read_rows(
        aggregated(folder, {"m": rows + more}, spec(contrasts=(pair,))) / "contrasts.parquet",
        ContrastRow,
    )


@pytest.mark.parametrize(("templates", "method"), [(1, "item jackknife"), (3, "cluster jackknife")])
def test_contrasts_say_what_their_interval_rests_on(
    tmp_path: Path, templates: int, method: str
) -> None:
    rows = [row for row in contrasted(tmp_path, templates) if row.first != row.second]
    (found,) = (row for row in rows if (row.metric, row.stratum_first) == ("accuracy", "ambiguous"))
    folder = tmp_path / "aggregate"
    values = [
        estimate(folder, task=task, metric="accuracy", stratum="ambiguous").value
        for task in (found.first, found.second)
    ]
    assert found.value == pytest.approx(np.subtract(*values))
    assert (found.n_clusters_first, found.n_clusters_second) == (templates, 4)
    assert found.method.startswith(method)
    assert (
        found.method != "cluster jackknife, t"
    )  # Nationality against SES: two categories, each a stratum
    assert found.low is not None
    assert found.high is not None
    assert found.low < (found.value or 0.0) < found.high
    assert {row.caution for row in rows} == {"one template against four"}
    assert {(row.paired, row.value_asked, row.loss_decides) for row in rows} == {
        (False, None, None)
    }
    assert {"accuracy", "s_amb", "s_dis", "stereotyped", "n_tokens"} <= {row.metric for row in rows}


def test_labels_without_a_common_template_are_welchs_t_test_over_templates(tmp_path: Path) -> None:
    """Of one category, every template asked alike often: its rates are two independent samples."""
    rates = {"bbq-chinese": [4, 7, 5, 8], "bbq-american": [1, 6, 2, 0, 3, 5]}  # right of 8
    rows = [
        score("m", f"{label}:{place}", n, "ambiguous", UNKNOWN if n < right else OTHER, task=label)
        for label, of_label in rates.items()
        for place, right in enumerate(of_label)
        for n in range(8)
    ]
    pair = ContrastSpec(pair=("bbq-chinese", "bbq-american"))
    folder = aggregated(tmp_path, {"m": rows}, spec(contrasts=(pair,)))
    found = next(
        row
        for row in read_rows(folder / "contrasts.parquet", ContrastRow)
        if (row.metric, row.stratum_first) == ("accuracy", "ambiguous")
    )
    first, second = (np.array(of_label) / 8 for of_label in rates.values())
    expected = stats.ttest_ind(first, second, equal_var=False)
    assert found.value == pytest.approx(first.mean() - second.mean())
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))


def test_two_ways_of_answering_the_same_items_are_paired_as_two_models_are(tmp_path: Path) -> None:
    """The same answers once as two labels of one model and once as two models: value, interval and
    p are the same.
    """
    ways = {"bbq": careless(0.5), "bbq-likelihood": careless(0.6)}
    labels = [
        row for label, choose in ways.items() for row in simulated("m", choose, task=label, items=8)
    ]
    pair = ContrastSpec(pair=("bbq-likelihood", "bbq"), caution=None)
    folder = aggregated(tmp_path / "labels", {"m": labels}, spec(contrasts=(pair,)))
    between = read_rows(folder / "contrasts.parquet", ContrastRow)
    models = {
        label: [changed(row, model=label, task="bbq") for row in labels if row.score.task == label]
        for label in ways
    }
    folder = aggregated(tmp_path / "models", models, spec(baseline="bbq"))
    paired = [
        row for row in read_rows(folder / "differences.parquet", Difference) if row.group == "all"
    ]
    assert {(row.metric, row.stratum) for row in paired} == {
        ("accuracy", "ambiguous"),
        ("accuracy", "disambiguated"),
        ("accuracy", "all"),
        ("s_amb", "ambiguous"),
        ("s_dis", "disambiguated"),
    }
    for row in paired:
        (same,) = (
            c
            for c in between
            if (c.metric, c.stratum_first, c.stratum_second)
            == (row.metric, row.stratum, row.stratum)
        )
        for column in (
            "value",
            "low",
            "high",
            "p",
            "value_asked",
            "low_asked",
            "high_asked",
            "p_asked",
            "n_asked",
        ):
            assert getattr(same, column) == pytest.approx(getattr(row, column))
            assert getattr(same, column) is not None
        assert same.paired


def test_the_two_contexts_of_a_task_are_paired_by_question(tmp_path: Path) -> None:
    """By hand: of each template's questions 0 to 3 both answers, only the ambiguous or only the
    other one is read.
    """
    chosen = {  # (template, question): ambiguous right?, disambiguated right?; None is lost
        ("a", 0): (True, True),
        ("a", 1): (True, False),
        ("a", 2): (None, True),
        ("a", 3): (False, None),
        ("b", 0): (True, False),
        ("b", 1): (True, False),
        ("b", 2): (False, True),
        ("b", 3): (None, True),
        ("c", 0): (True, True),
        ("c", 1): (True, False),
        ("c", 2): (True, True),
        ("c", 3): (None, None),
    }
    rows = []
    for (template, number), told in chosen.items():
        for stratum, right in zip(("ambiguous", "disambiguated"), told, strict=True):
            gold = UNKNOWN if stratum == "ambiguous" else number % 2
            wrong = OTHER if stratum == "ambiguous" else 1 - number % 2
            option = None if right is None else gold if right else wrong
            rows.append(score("m", f"Age:{template}", number, stratum, option))
    row, of_group = read_rows(aggregated(tmp_path, {"m": rows}) / "contrasts.parquet", ContrastRow)
    assert (row.group, of_group) == ("all", replace(row, group="Age"))  # the task's only group
    assert (row.first, row.second, row.metric) == ("bbq", "bbq", "accuracy")
    assert (row.stratum_first, row.stratum_second) == ("ambiguous", "disambiguated")
    # Read on both sides: a 0, a 1; b 0, b 1, b 2; c 0, c 1, c 2: 7 of 8 right against 4 of 8.
    assert (row.n_first, row.n_second, row.n_asked, row.paired) == (8, 8, 12, True)
    assert row.value == pytest.approx(7 / 8 - 4 / 8)
    left_out = np.array(
        [5 / 6 - 3 / 6, 5 / 5 - 3 / 5, 4 / 5 - 2 / 5]
    )  # without a, without b, without c
    left_out[1] = (2 + 3) / 5 - (1 + 2) / 5
    se = np.sqrt(2 / 3 * np.sum((left_out - 3 / 8) ** 2))
    assert row.high is not None
    assert row.low is not None
    df = 8**2 / (2**2 + 3**2 + 3**2) - 1
    assert (row.high - row.low) / 2 == pytest.approx(se * stats.t.ppf(0.975, df))
    assert row.value_asked == pytest.approx(7 / 12 - 6 / 12)


def test_questions_are_paired_by_polarity_and_sample(tmp_path: Path) -> None:
    """Four templates of one block, asked both ways and twice; per template one answer of eight is
    lost, so that three of four pairs are left: not fewer, as if polarities or samples were one.
    """
    lost = [(stratum, polarity, sample) for stratum in STRATA for polarity, sample in MIXED]
    rows = [
        changed(
            score("m", f"Age:{template}", 0, stratum, None if gone else 0),
            polarity=polarity,
            sample_index=sample,
            item_id=f"{template}-{stratum}-{polarity}",
        )
        for template in range(4)
        for stratum in STRATA
        for polarity, sample in MIXED
        for gone in [(stratum, polarity, sample) == lost[2 * template]]
    ]
    folder = aggregated(tmp_path, {"m": rows})
    row, _ = read_rows(folder / "contrasts.parquet", ContrastRow)
    assert (row.n_first, row.n_second, row.n_asked) == (12, 12, 16)


def test_the_contexts_of_one_template_are_paired_by_block(tmp_path: Path) -> None:
    """Eight blocks of one template: the interval is that of a paired t test over blocks, and the
    method says so.
    """
    ambiguous, told = [1, 1, 0, 1, 0, 0, 1, 0], [1, 1, 1, 1, 0, 1, 1, 1]
    rows = []
    for number, (first, second) in enumerate(zip(ambiguous, told, strict=True)):
        gold = number % 2
        rows.append(score("m", "Age:a", number, "ambiguous", UNKNOWN if first else OTHER))
        rows.append(score("m", "Age:a", number, "disambiguated", gold if second else 1 - gold))
    row, _ = read_rows(aggregated(tmp_path, {"m": rows}) / "contrasts.parquet", ContrastRow)
    expected = stats.ttest_rel(ambiguous, told)
    assert row.method == "block jackknife, t (a label has one template)"
    assert row.p == pytest.approx(expected.pvalue)
    assert (row.low, row.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert row.p_asked == pytest.approx(expected.pvalue)  # nothing was lost


def test_the_two_contexts_of_each_scored_group_are_compared_as_if_it_were_asked_alone(
    tmp_path: Path,
) -> None:
    """Also of a group with one template, by block; and the same study twice writes the same
    bytes."""
    generator = np.random.default_rng(5)
    rows = {
        group: [
            score(
                "m",
                f"{group}:{template}",
                number,
                stratum,
                int(generator.integers(0, 3)),
                group=group,
            )
            for template in range(templates)
            for number in range(8)
            for stratum in ("ambiguous", "disambiguated")
        ]
        for group, templates in (("Age", 5), ("SES", 4), ("Religion", 1))
    }
    everything = {"m": [row for of_group in rows.values() for row in of_group]}
    folders = [aggregated(tmp_path / name, everything) for name in ("once", "again")]
    assert len({(folder / "contrasts.csv").read_bytes() for folder in folders}) == 1
    found = {row.group: row for row in read_rows(folders[0] / "contrasts.parquet", ContrastRow)}
    assert sorted(found) == ["Age", "Religion", "SES", "all"]
    assert found["Religion"].method == "block jackknife, t (a label has one template)"
    for group, of_group in rows.items():
        alone, _ = read_rows(
            aggregated(tmp_path / group, {"m": of_group}) / "contrasts.parquet", ContrastRow
        )
        assert alone.value is not None
        assert found[group] == replace(alone, group=group)


def test_the_stage_runs_from_its_arguments(tmp_path: Path) -> None:
    path = written(tmp_path, "m", by_hand("m"))
    parser = argparse.ArgumentParser()
    aggregate.configure(parser)
    text = json.dumps(
        {"tasks": {"bbq": "bbq"}, "policies": {"bbq": "wrong"}, "draws": 200, "level": 0.9}
    )
    aggregate.main(
        parser.parse_args(
            ["--spec", text, "--scores", str(path), "--output", str(tmp_path / "out")]
        )
    )
    assert (tmp_path / "out" / "estimates.csv").read_text().startswith('"model","task","group"')
    with pytest.raises(SystemExit):
        parser.parse_args(["--spec", text])


def test_bad_scores_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.parquet: no such file"):
        run([tmp_path / "nowhere.parquet"], spec(), tmp_path / "out")
    with pytest.raises(InputError, match="no scored answers"):
        aggregated(tmp_path / "empty", {"m": []})
    with pytest.raises(InputError, match=r"got 2 for Age:a-0-ambiguous \(and 8 more items\)"):
        aggregated(tmp_path / "twice", {"m": by_hand("m"), "again": by_hand("m")})
    other = tmp_path / "spread.parquet"
    write_rows(other, [], Spread)
    with pytest.raises(InputError, match="expected the columns of Score"):
        run([other], spec(), tmp_path / "out")


def test_judged_rows_that_do_not_fit_are_told(tmp_path: Path) -> None:
    path = written(tmp_path, "m", by_hand("m"))
    judged = path.with_suffix("") / "bbq.parquet"
    rows = read_rows(judged, BiasJudged)
    for wrong in (rows[:-1], rows[::-1]):
        write_rows(judged, wrong, BiasJudged)
        with pytest.raises(InputError, match=r"bbq\.parquet: expected a row for each of 9 scores"):
            run([path], spec(), tmp_path / "out")
    judged.unlink()
    with pytest.raises(InputError, match=r"bbq\.parquet: no such file; run the score stage"):
        run([path], spec(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_names_that_nobody_answered_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="baseline: expected one of m, got 'n'"):
        aggregated(tmp_path, {"m": by_hand("m")}, spec(baseline="n"))
    with pytest.raises(InputError, match=r"expected a task label of this study \(bbq\), got 'x'"):
        aggregated(
            tmp_path, {"m": by_hand("m")}, spec(contrasts=(ContrastSpec(pair=("bbq", "x")),))
        )
    assert not (tmp_path / "aggregate").exists()


def test_models_that_were_asked_different_labels(tmp_path: Path) -> None:
    """m was asked both, n the first, o the second, under another policy: each table knows that."""
    asked = {"m": ("bbq", "bbq-chinese"), "n": ("bbq",), "o": ("bbq-chinese",)}
    models = {
        name: [
            row for label in labels for row in simulated(name, careless(0.6), task=label, items=8)
        ]
        for name, labels in asked.items()
    }
    pair = ContrastSpec(pair=("bbq", "bbq-chinese"))
    nobody = ContrastSpec(pair=("bbq", "bbq-american"))  # its models could not be had
    policies = {"bbq": "drop", "bbq-chinese": "wrong"}
    folder = aggregated(tmp_path, models, spec(policies=policies, contrasts=(pair, nobody)))
    estimates = read_rows(folder / "estimates.parquet", Estimate)
    assert {(row.model, row.task) for row in estimates} == {
        (name, label) for name, labels in asked.items() for label in labels
    }
    differences = read_rows(folder / "differences.parquet", Difference)
    assert {(row.task, row.policy, row.model, row.baseline) for row in differences} == {
        ("bbq", "drop", "n", "m"),
        ("bbq-chinese", "wrong", "o", "m"),
    }
    contrasts = read_rows(folder / "contrasts.parquet", ContrastRow)
    of_labels = [row for row in contrasts if row.first != row.second]
    assert {(row.model, row.first, row.second) for row in of_labels} == {
        ("m", "bbq", "bbq-chinese")
    }
    # under "wrong" the difference is over all pairs, under "drop" over those that both had read
    for row in differences:
        if row.metric == "accuracy":
            assert (row.n == row.n_asked) is (row.policy == "wrong")
