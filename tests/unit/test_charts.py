"""The charts say what the tables say, and nothing where there is nothing."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd
import pytest
import vl_convert

import fabricated
from featherweight.compare import run as compare
from featherweight.report import charts, frames, model_charts, theme
from featherweight.report.figures import Figure, _extremes, make_figures, planted_figure
from featherweight.report.inputs import Inputs, read_inputs


def inputs_of(root: Path, folder: Path, *args: Any, **kwargs: Any) -> Inputs:
    study = fabricated.build(folder, *args, **kwargs)
    compare(
        study.spec,
        study.folder("aggregate"),
        root / "config/published",
        root / "config/claims.yaml",
        folder / "compare",
    )
    return read_inputs(
        study.spec, study.folder("aggregate"), folder / "compare", folder / "acquire", study.timings
    )


@pytest.fixture(scope="module")
def pocket(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return inputs_of(
        root, tmp_path_factory.mktemp("pocket"), fabricated.pocket_models(), controls=["oracle"]
    )


@pytest.fixture(scope="module")
def crowd(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """Twelve models, fifteen groups, one template each."""
    models = {f"m{i}": fabricated.facts(f"m{i}", label=f"Model {i}") for i in range(12)}
    groups = [f"Group_{i}" for i in range(15)]
    return inputs_of(
        root,
        tmp_path_factory.mktemp("crowd"),
        models,
        categories=groups,
        dataset="bbq",
        templates=1,
    )


def figure(inputs: Inputs, name: str) -> Figure:
    return next(one for one in make_figures(inputs) if one.id == name)


def marks(svg: str, role: str) -> int:
    return len(re.findall(rf'aria-roledescription="{role}"', svg))


def test_figures_in_reading_order(pocket: Inputs) -> None:
    assert [one.id for one in make_figures(pocket)] == [
        "accuracy-ambig",
        "accuracy-disambig",
        "bias-ambig",
        "bias-disambig",
        "pairs",
        "reading",
        "policies",
        "positions",
    ]


def test_every_figure_has_words_and_numbers(pocket: Inputs, crowd: Inputs) -> None:
    for one in [*make_figures(pocket), *make_figures(crowd), planted_figure(pocket)]:
        assert one is not None
        assert len(one.description) > 40
        assert one.title
        assert one.caption
        assert len(one.table)
        assert "NaN" not in json.dumps(one.chart.to_dict())


def test_one_dot_and_one_bar_per_score(pocket: Inputs) -> None:
    """Four models in four categories: 16 intervals, 16 points, no "no data"."""
    svg = vl_convert.vegalite_to_svg(figure(pocket, "accuracy-ambig").chart.to_dict())
    assert marks(svg, "point") == 16
    assert marks(svg, "rule mark") == 16 + 1  # and the line of chance
    assert "no data" not in svg


def test_controls_are_in_no_chart(pocket: Inputs) -> None:
    for one in make_figures(pocket):
        assert "Control" not in json.dumps(one.chart.to_dict())


def test_many_models_are_facets_of_one_colour(crowd: Inputs) -> None:
    chart = figure(crowd, "accuracy-disambig").chart
    assert isinstance(chart, alt.FacetChart)
    svg = vl_convert.vegalite_to_svg(chart.to_dict())
    assert marks(svg, "point") == 12 * 15


def test_null_is_no_data_and_never_zero() -> None:
    table = frames.frame(
        [
            {
                "model": "A",
                "category": "x",
                "value": None,
                "low": None,
                "high": None,
                "n": 0,
                "shown": "no data",
            },
            {
                "model": "A",
                "category": "y",
                "value": 0.0,
                "low": 0.0,
                "high": 0.1,
                "n": 9,
                "shown": "0.0%",
            },
        ]
    ).assign(interval="")
    for chart in (
        charts.scores(table, pd.DataFrame(), kind="percent", title="Accuracy", description="d"),
        charts.heat(table, description="d"),
    ):
        spec = chart.to_dict()
        rows = next(rows for rows in spec["datasets"].values() if len(rows) == 2)
        assert [row["value"] for row in rows] == [None, 0.0]
        svg = vl_convert.vegalite_to_svg(spec)
        assert svg.count(">no data<") == 1


def test_bias_colours_are_centred_on_zero(pocket: Inputs) -> None:
    spec = figure(pocket, "bias-disambig").chart.to_dict()
    scales = [
        layer["encoding"]["color"]["scale"]
        for layer in spec["layer"]
        if "scale" in layer["encoding"].get("color", {})
    ]
    assert scales == [{"scheme": "purpleorange", "domain": [-1, 1], "domainMid": 0}]


def test_planted_points_and_diagonal(pocket: Inputs) -> None:
    one = planted_figure(pocket)
    assert one is not None
    spec = one.chart.to_dict()
    assert [{"x": 0.0, "y": 0.0}, {"x": 1.0, "y": 1.0}] in spec["datasets"].values()
    assert list(one.table["planted"]) == [0.0, 0.3, 0.8, 0.0]
    assert list(one.table["drawn_at"]) == pytest.approx([0.0, 0.3, 0.8, 0.018])
    assert marks(vl_convert.vegalite_to_svg(spec), "point") == 4


def test_shares_of_answers_add_up(pocket: Inputs) -> None:
    table = frames.reading(pocket, "pocket")
    assert list(table.groupby("model")["value"].sum()) == pytest.approx([1.0] * 4)


def test_published_points_are_only_of_categories_that_were_asked(
    root: Path, tmp_path: Path
) -> None:
    inputs = inputs_of(
        root,
        tmp_path,
        {"m": fabricated.facts("m")},
        categories=["Age", "SES"],
        dataset="bbq",
        templates=1,
    )
    assert set(frames.published_by_category(inputs, "bbq", "ambig")["category"]) == {"Age", "SES"}
    table = frames.pairs(inputs, "bbq")
    drawn = table[(table["model"] == "GPT-4o") & (table["whose"] == "Published")]
    assert dict(zip(drawn["questions"], drawn["value"], strict=True)) == {
        "Ambiguous": 0.97,
        "Disambiguated": 0.72,
    }


def test_every_model_with_the_highest_value_is_named() -> None:
    """Before, one of several equal ones was called the highest."""
    rows = [("A", "River", 0.9), ("A", "Hours", 0.9), ("B", "River", 0.9), ("B", "Hours", 0.2)]
    table = pd.DataFrame(rows, columns=["model", "category", "value"])
    said = "Highest: A on River and A on Hours and B on River, 90.0%; lowest: B on Hours, 20.0%."
    assert _extremes(table, "percent") == said
    fourth = pd.concat([table, pd.DataFrame([("C", "River", 0.9)], columns=table.columns)])
    assert _extremes(fourth, "percent").startswith(
        "Highest: A on River and A on Hours and 2 others, 90.0%; lowest"
    )
    assert (
        _extremes(table[1:].iloc[[0, 2]], "percent")
        == "Highest: A on Hours, 90.0%; lowest: B on Hours, 20.0%."
    )


def test_the_accuracy_of_a_letter_has_its_own_number_of_answers(pocket: Inputs) -> None:
    """Its interval rests on the questions whose right answer stands there: a third, not all that
    could be read.
    """
    shown = figure(pocket, "positions")
    headings = [heading for _, heading in shown.columns]
    place = headings.index("Accuracy where right")
    assert headings[place + 1 : place + 3] == ["Its 95% interval", "Its answers"]
    for _, rows in shown.table.groupby("model"):
        assert rows["n accuracy"].sum() == rows["n"].iloc[0]
        assert (rows["n accuracy"] < rows["n"]).all()


def test_letters_have_room(pocket: Inputs) -> None:
    """At least 20% to 50%, and everything that the table holds."""
    table = frames.positions(pocket, "pocket")
    even = table.assign(**{"value": 0.33, "right here": 0.34})
    assert model_charts._around_a_third(even) == pytest.approx([0.2, 0.5])
    low, high = model_charts._around_a_third(
        even.assign(value=[0.0, 1.0, None] * (len(table) // 3))
    )
    assert (low, high) == pytest.approx((0.0, 1.02))
    svg = vl_convert.vegalite_to_svg(model_charts.positions(even, description="d").to_dict())
    assert ">20%<" in svg
    assert ">0%<" not in svg


def test_altair_guards_against_raw_rows(pocket: Inputs) -> None:
    """Above 5,000 rows `to_dict` refuses: a chart is made of aggregated numbers, never of
    answers."""
    table = pd.concat([frames.positions(pocket, "pocket")] * 500)
    assert len(table) > 5000
    with pytest.raises(alt.MaxRowsError):
        model_charts.positions(table, description="d").to_dict()


def luminance(colour: str) -> float:
    """Relative luminance. Source: WCAG 2.2, definition of relative luminance."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(
    ("colour", "paper"), list(itertools.product(theme.SERIES, ("#ffffff", "#131316")))
)
def test_series_stand_out_on_light_and_dark(colour: str, paper: str) -> None:
    """3:1 is what WCAG 2.2, criterion 1.4.11, asks of graphics."""
    assert contrast(colour, paper) >= 3.0


def test_contrast_at_both_ends() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#777777") == 1.0


@pytest.mark.parametrize("role", ["--ink", "--soft", "--accent", "--good", "--bad", "--warn"])
def test_text_is_readable_on_paper_and_panel(role: str) -> None:
    """4.5:1 is what WCAG 2.2, criterion 1.4.3, asks of text; light colours come first in the file,
    then dark.
    """
    style = (Path(theme.__file__).parent / "report.css").read_text()
    for place in (0, 1):
        text = re.findall(rf"{role}: (#[0-9a-f]{{6}})", style)[place]
        for paper in ("--paper", "--panel"):
            assert contrast(text, re.findall(rf"{paper}: (#[0-9a-f]{{6}})", style)[place]) >= 4.5


@pytest.mark.parametrize(
    ("value", "kind", "shown"),
    [
        (None, "percent", "no data"),
        (0.0, "percent", "0.0%"),
        (1.0, "percent", "100.0%"),
        (None, "score", "no data"),
        (-1.0, "score", "−1.00"),
        (0.001, "score", "0.00"),
        (-0.001, "score", "0.00"),
        (0.126, "score", "+0.13"),
        (1234.4, "tokens", "1,234"),
    ],
)
def test_numbers_as_readers_see_them(value: float | None, kind: str, shown: str) -> None:
    assert theme.number(value, kind) == shown


@pytest.mark.parametrize(
    ("group", "shown"),
    [
        ("all", "All categories"),
        ("Gender_identity (names)", "Gender identity (names)"),
        ("Race_x_SES", "Race × SES"),
        ("school", "School"),
    ],
)
def test_group_labels(group: str, shown: str) -> None:
    assert theme.group_label(group) == shown
