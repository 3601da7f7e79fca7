"""A task with one template: no clustered interval, and one by item beside it under a name of its
own.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_aggregate import Row, aggregated, simulated

from featherweight.files import read_rows
from featherweight.records import Estimate
from featherweight.stats.intervals import t_quantile


def estimates(folder: Path, rows: list[Row]) -> dict[tuple[str, str, str, str], Estimate]:
    found = read_rows(aggregated(folder, {"m": rows}) / "estimates.parquet", Estimate)
    return {(e.group, e.stratum, e.metric, e.policy): e for e in found}


def guessed(templates: int) -> list[Row]:
    def either(stratum: str, gold: int, generator: np.random.Generator) -> int:
        return int(generator.integers(2))

    return simulated(
        "m", either, templates=templates, items=40, seeds=(0, 1, 2), categories=("Age",)
    )


def test_one_template_by_item(tmp_path: Path) -> None:
    """With as many answers to every item the jackknife's error is that of a mean, here on the logit
    scale.
    """
    rows = guessed(templates=1)
    found = estimates(tmp_path, rows)
    clustered, by_item = (
        found["all", "disambiguated", f"accuracy{end}", "drop"] for end in ("", "_by_item")
    )
    assert (clustered.low, clustered.high, clustered.n_clusters) == (None, None, 1)
    assert (by_item.value, by_item.n, by_item.n_clusters) == (clustered.value, 120, 40)
    asked = [row.score for row in rows if row.score.stratum == "disambiguated"]
    items = sorted({row.item_id for row in asked})
    right = np.array(
        [sum(r.outcome == "right" for r in asked if r.item_id == item) / 3 for item in items]
    )
    error, mean = right.std(ddof=1) / np.sqrt(40), right.mean()
    reach = t_quantile(0.95, 39) * error / (mean * (1 - mean))
    middle = np.log(mean / (1 - mean))
    expected = [1 / (1 + np.exp(-(middle + side * reach))) for side in (-1, 1)]
    assert [by_item.low, by_item.high] == pytest.approx(expected)
    assert by_item.method == "item jackknife, t (one template)"
    of_items = {key[1:3] for key in found if key[2].endswith("_by_item")}
    assert of_items >= {
        ("ambiguous", "s_amb_by_item"),
        ("disambiguated", "s_dis_by_item"),
        ("ambiguous", "accuracy_by_item"),
    }


def test_two_templates_have_none(tmp_path: Path) -> None:
    assert not [
        key for key in estimates(tmp_path, guessed(templates=2)) if key[2].endswith("_by_item")
    ]
