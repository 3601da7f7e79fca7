"""The charts say what the tables say, and nothing where there is nothing."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import replace
from pathlib import Path

import altair as alt
import pandas as pd
import pytest
import vl_convert

import fabricated
from featherweight.report import charts, contents, frames, model_charts, theme
from featherweight.report.inputs import Inputs
from featherweight.report.parts import Figure
from featherweight.report.sections import planted_figures
from featherweight.report.sections.accuracy import extremes
from featherweight.tasks.words import Form


@pytest.fixture(scope="module")
def pocket(pocket_study: fabricated.Study) -> Inputs:
    return pocket_study.inputs()


@pytest.fixture(scope="module")
def made(pocket: Inputs) -> dict[str, Figure]:
    """The figures of the pocket study, in reading order."""
    return {one.id: one for one in contents.figures(pocket)}


def crowd_of(folder: Path, models: int, groups: int, dataset: str) -> Inputs:
    """Many models or groups, one template each."""
    names = {f"m{i}": fabricated.facts(f"m{i}", label=f"Model {i}") for i in range(models)}
    categories = [f"Group_{i}" for i in range(groups)]
    return fabricated.build(
        folder, names, categories=categories, dataset=dataset, templates=1
    ).inputs()


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Figure]:
    """Six models, five groups."""
    inputs = crowd_of(tmp_path_factory.mktemp("crowd"), 6, 5, "bbq")
    return {one.id: one for one in contents.figures(inputs)}


def marks(svg: str, role: str) -> int:
    return len(re.findall(rf'aria-roledescription="{role}"', svg))


def test_figures_in_reading_order(made: dict[str, Figure]) -> None:
    assert list(made) == [
        "accuracy-ambiguous",
        "accuracy-disambiguated",
        "bias-ambiguous",
        "bias-disambiguated",
        "pairs",
        "reading",
        "policies",
        "positions",
    ]


def test_every_figure_has_words_and_numbers(
    pocket: Inputs, made: dict[str, Figure], crowd: dict[str, Figure]
) -> None:
    for one in [*made.values(), *crowd.values(), planted_figures.rates(pocket)]:
        assert one is not None
        assert len(one.description) > 40
        assert one.title
        assert one.caption
        assert len(one.table)
        assert "NaN" not in json.dumps(one.chart.to_dict())


def test_one_dot_and_one_bar_per_score(made: dict[str, Figure]) -> None:
    """Four models in four categories: 16 intervals, 16 points, no "no data"."""
    svg = vl_convert.vegalite_to_svg(made["accuracy-ambiguous"].chart.to_dict())
    assert marks(svg, "point") == 16
    assert marks(svg, "rule mark") == 16 + 1  # and the line of chance
    assert "no data" not in svg


def test_controls_are_in_no_chart(made: dict[str, Figure]) -> None:
    for one in made.values():
        assert "Control" not in json.dumps(one.chart.to_dict())


def test_many_models_are_facets_of_one_colour(crowd: dict[str, Figure]) -> None:
    chart = crowd["accuracy-disambiguated"].chart
    assert isinstance(chart, alt.FacetChart)
    svg = vl_convert.vegalite_to_svg(chart.to_dict())
    assert marks(svg, "point") == 6 * 5


@pytest.mark.parametrize(("models", "least", "most"), [(2, 16, 30), (4, 30, 44)])
def test_fifty_seven_groups_stand_close_and_apart(models: int, least: int, most: int) -> None:
    """Rows as tall as their marks need: 8 pixels a model, and room between two groups."""
    rows = [
        {"model": f"M{i}", "category": f"Subject {j}", "value": 0.5, "low": 0.4, "high": 0.6}
        for j in range(57)
        for i in range(models)
    ]
    table = frames.frame(rows).assign(shown="50.0%", interval="", n=9, n_questions=9, clusters=9)
    spec = charts.scores(
        table,
        pd.DataFrame(),
        form="percent",
        title="Accuracy",
        at=0.25,
        clusters=None,
        description="d",
    ).to_dict()
    assert least <= spec["height"] / 57 <= most
    svg = vl_convert.vegalite_to_svg(spec)
    assert all(f">Subject {place}<" in svg for place in range(57))  # no name is left out


def test_many_models_and_many_groups_are_a_heat_map(tmp_path: Path) -> None:
    """Facets of 57 groups would be metres long: one row a group, one column a model instead."""
    with pytest.MonkeyPatch.context() as patch:
        fabricated.register(patch, fabricated.QUIZ)
        inputs = crowd_of(tmp_path, 5, 30, "quiz")
        accuracy = contents.figures(inputs)[0]
    assert isinstance(accuracy.chart, alt.LayerChart)
    svg = vl_convert.vegalite_to_svg(accuracy.chart.to_dict())
    assert marks(svg, "rect mark") == 5 * 30
    assert (accuracy.fits, accuracy.least_width) == (True, 170 + 92 * 5)


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
        charts.scores(
            table,
            pd.DataFrame(),
            form="percent",
            title="Accuracy",
            at=None,
            clusters=None,
            description="d",
        ),
        charts.heat(table, form="score", title="t", clusters="Templates", description="d"),
    ):
        spec = chart.to_dict()
        rows = next(rows for rows in spec["datasets"].values() if len(rows) == 2)
        assert [row["value"] for row in rows] == [None, 0.0]
        svg = vl_convert.vegalite_to_svg(spec)
        assert svg.count(">no data<") == 1


def test_bias_colours_are_centred_on_zero(made: dict[str, Figure]) -> None:
    spec = made["bias-disambiguated"].chart.to_dict()
    scales = [
        layer["encoding"]["color"]["scale"]
        for layer in spec["layer"]
        if "scale" in layer["encoding"].get("color", {})
    ]
    assert scales == [{"scheme": "purpleorange", "domain": [-1, 1], "domainMid": 0}]


def test_planted_points_and_diagonal(pocket: Inputs) -> None:
    one = planted_figures.rates(pocket)
    assert one is not None
    spec = one.chart.to_dict()
    assert [{"x": 0.0, "y": 0.0}, {"x": 1.0, "y": 1.0}] in spec["datasets"].values()
    assert list(one.table["planted"]) == [0.0, 0.3, 0.8, 0.0]
    assert list(one.table["drawn_at"]) == pytest.approx([0.0, 0.3, 0.8, 0.018])
    assert marks(vl_convert.vegalite_to_svg(spec), "point") == 4


def test_shares_of_answers_add_up(pocket: Inputs) -> None:
    table = frames.reading(pocket, "pocket")
    assert list(table.groupby("model")["value"].sum()) == pytest.approx([1.0] * 4)


def test_published_points_are_only_of_categories_that_were_asked(tmp_path: Path) -> None:
    inputs = fabricated.build(
        tmp_path,
        {"m": fabricated.facts("m")},
        categories=["Age", "SES"],
        dataset="bbq",
        templates=1,
    ).inputs()
    by_category = frames.published_by_category(inputs, "bbq", "ambiguous")
    assert set(by_category["category"]) == {"Age", "SES"}
    beside = [row.model_copy(update={"comparable": False}) for row in inputs.published]
    none = frames.published_by_category(replace(inputs, published=beside), "bbq", "ambiguous")
    assert none.empty
    table = frames.pairs(inputs, "bbq")
    drawn = table[(table["model"] == "GPT-4o") & (table["whose"] == "Published")]
    assert dict(zip(drawn["questions"], drawn["value"], strict=True)) == {
        "Ambiguous": 0.97,
        "Disambiguated": 0.72,
    }


def test_every_model_with_the_highest_value_is_named(pocket: Inputs) -> None:
    """Before, one of several equal ones was called the highest."""

    def said(table: pd.DataFrame) -> str:
        return extremes(pocket, "pocket", "accuracy", table)

    rows = [("A", "River", 0.9), ("A", "Hours", 0.9), ("B", "River", 0.9), ("B", "Hours", 0.2)]
    table = pd.DataFrame(rows, columns=["model", "category", "value"])
    assert said(table) == (
        "Highest: A on River and A on Hours and B on River, 90.0%; lowest: B on Hours, 20.0%."
    )
    fourth = pd.concat([table, pd.DataFrame([("C", "River", 0.9)], columns=table.columns)])
    assert said(fourth).startswith("Highest: A on River and A on Hours and 2 others, 90.0%; lowest")
    assert said(table[1:].iloc[[0, 2]]) == "Highest: A on Hours, 90.0%; lowest: B on Hours, 20.0%."
    assert said(table[:2]) == "Every value is 90.0%."
    assert said(table[:1]) == "90.0%."
    assert said(table.assign(value=float("nan"))) == "There is no data."


def test_the_accuracy_of_a_letter_has_its_own_number_of_answers(made: dict[str, Figure]) -> None:
    """Its interval rests on the questions whose right answer stands there: a third, not all that
    could be read.
    """
    shown = made["positions"]
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
    assert model_charts.shares_drawn(even) == pytest.approx([0.2, 0.5])
    four = pd.DataFrame({"letter": list("ABCD"), "value": 0.25, "right here": 0.25})
    assert model_charts.shares_drawn(four) == pytest.approx([0.1, 0.45])
    low, high = model_charts.shares_drawn(
        even.assign(value=[0.0, 1.0, float("nan")] * (len(table) // 3))
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
def test_numbers_as_readers_see_them(value: float | None, kind: Form, shown: str) -> None:
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
