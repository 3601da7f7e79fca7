"""The page, without a browser: complete in itself, safe, honest about what is missing, the same
bytes twice.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args

import jinja2
import pytest

import fabricated
from featherweight.errors import InputError
from featherweight.files import read_json, read_rows
from featherweight.reading.statements import ReadBy
from featherweight.records import (
    ALL,
    Citation,
    ContrastRow,
    Reason,
    Score,
    Share,
    ShareDifference,
    Verdict,
    WordingLoss,
    WordingLosses,
)
from featherweight.report import contents, page, ranking, run, shown, theme
from featherweight.report.inputs import Inputs, read_inputs
from featherweight.report.jobs import read_jobs
from featherweight.report.parts import Cell, Table
from featherweight.report.sections import (
    answers,
    bias_contexts,
    claims,
    differences,
    findings,
    glance,
    instrument,
    methods,
    reading,
    this_run,
    two_ways,
    verdict,
    wordings,
)
from featherweight.report.sections.answers import Answers, Folders
from featherweight.tasks.words import Form

VOID = {"meta", "br", "img", "link", "input", "hr", "col"}


class Page(HTMLParser):
    """What a test asks of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.blocks: list[
            tuple[str, dict[str, str | None], str]
        ] = []  # script and style with their content
        self.title = ""
        self._open: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append((tag, dict(attrs)))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        opened, _ = self._open.pop()
        assert opened == tag, f"<{opened}> closed by </{tag}>"

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1][0] in ("script", "style"):
            self.blocks.append((*self._open[-1], data))
        if self._open and self._open[-1][0] == "title":
            self.title += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def json(self, name: str) -> Any:
        (content,) = [text for _, attributes, text in self.blocks if attributes.get("id") == name]
        return json.loads(content)


def words(study: fabricated.Study) -> str:
    """The page without its figures, which take the time."""
    inputs = study.inputs(usage=True)
    return rendered(inputs, answers.draw_examples(inputs, study.scores, study.folders, 1_000_000))


def rendered(inputs: Inputs, examples: Answers | None = None) -> str:
    """The page without its figures."""
    drawn = Answers((), "none") if examples is None else examples
    return page.render(contents.describe(inputs, None, (), drawn))


def column(table: Table, heading: str) -> list[Cell]:
    """The cells below a heading."""
    (place,) = [place for place, one in enumerate(table.columns) if one.heading == heading][:1]
    return [row[place] for row in table.rows]


def row_of(table: Table, *texts: str) -> dict[str, Cell]:
    """The row that begins with these texts, by heading (the first of a name)."""
    (row,) = [row for row in table.rows if tuple(cell.text for cell in row[: len(texts)]) == texts]
    cells = zip(table.columns, row, strict=True)
    return {one.heading: cell for one, cell in reversed(list(cells))}


@pytest.fixture(scope="module")
def study(pocket_study: fabricated.Study) -> fabricated.Study:
    return pocket_study


@pytest.fixture(scope="module")
def text(study: fabricated.Study) -> str:
    run(study.inputs(), study.scores, study.folders, study.root / "report.html")
    return (study.root / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def parsed(text: str) -> Page:
    return Page(text)


# --- complete in itself, and safe ---


def test_nothing_is_loaded(parsed: Page) -> None:
    for tag, attributes in parsed.tags:
        assert "src" not in attributes, tag
        assert tag not in ("link", "iframe", "object", "embed", "img", "base", "form"), tag
    (style,) = [content for tag, _, content in parsed.blocks if tag == "style"]
    assert "url(" not in style
    assert "@import" not in style


def test_links_leave_only_by_a_click(parsed: Page) -> None:
    for attributes in parsed.of("a"):
        href = attributes["href"]
        assert href is not None
        assert href.startswith(("#", "https://", "http://"))
        if not href.startswith("#"):
            assert attributes["rel"] == "noreferrer"


def test_no_inline_handlers_or_styles(parsed: Page) -> None:
    for tag, attributes in parsed.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], (
            tag,
            attributes,
        )


def test_the_policy_allows_exactly_our_blocks(parsed: Page) -> None:
    (policy,) = [
        a["content"] for a in parsed.of("meta") if a.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy is not None
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"

    def hashes(tag: str) -> set[str]:
        contents = [
            c for name, a, c in parsed.blocks if name == tag and a.get("type") != "application/json"
        ]
        return {
            f"'sha256-{base64.b64encode(hashlib.sha256(c.encode()).digest()).decode()}'"
            for c in contents
        }

    assert set(rules["script-src"].split()) == hashes("script")
    assert set(rules["style-src"].split()) == hashes("style")
    assert "unsafe" not in policy


def test_vega_is_there_once(text: str) -> None:
    assert text.count("window.vegaEmbed=") == 1


def test_ids_are_unique_and_every_anchor_leads_somewhere(parsed: Page) -> None:
    ids = Counter(a["id"] for _, a in parsed.tags if a.get("id"))
    assert [name for name, count in ids.items() if count > 1] == []
    anchors = {a["href"][1:] for a in parsed.of("a") if a["href"] and a["href"].startswith("#")}
    assert anchors <= set(ids)
    assert {a["aria-labelledby"] for _, a in parsed.tags if a.get("aria-labelledby")} <= set(ids)


def test_every_figure_has_title_caption_text_and_table(parsed: Page, text: str) -> None:
    figures = re.findall(r"<figure .*?</figure>", text, re.DOTALL)
    assert len(figures) == 9
    for figure in figures:
        assert (
            figure.count("<h3")
            == figure.count("<figcaption>")
            == figure.count("<svg")
            == figure.count("<table>")
            == 1
        )
        (label,) = re.findall(r'class="still" role="img" aria-label="([^"]{40,})"', figure)
        assert "&lt;" not in label


def test_specs_find_their_rows(parsed: Page) -> None:
    rows, specs = parsed.json("datasets"), parsed.json("specs")
    assert len(specs) == 9
    for name, spec in specs.items():
        assert "datasets" not in spec
        assert set(spec["usermeta"]["datasets"]) <= set(rows), name
    for attributes in parsed.of("button"):
        if "data-csv" in attributes:
            assert rows[str(attributes["data-csv"])]


def test_size(text: str) -> None:
    assert len(text.encode()) < 1_500_000


def test_hostile_text_stays_text(parsed: Page, study: fabricated.Study) -> None:
    """The made-up answers hold a closing script tag, an onerror image, U+2028, NUL and a template
    expression.
    """
    assert parsed.title == study.spec.title
    held = [row["response"] for row in parsed.json("answers") if "pwned" in row["response"]]
    assert held
    assert all(response.removeprefix("<think>").endswith(fabricated.HOSTILE) for response in held)
    assert not parsed.of("img")


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    name = "<script>alert(1)</script>\"'&{{ 7*7 }}"
    study = fabricated.build(
        tmp_path, {"m": fabricated.facts("m", label=name)}, categories=["school"], templates=1
    )
    parsed = Page(words(study))
    assert "alert(1)" not in "".join(
        c for t, a, c in parsed.blocks if t == "script" and a.get("type") != "application/json"
    )
    assert {row["model"] for row in parsed.json("answers")} == {name}


def test_what_over_all_asked_means_is_true_of_every_score(parsed: Page) -> None:
    """Unread answers count as wrong in an accuracy and an ambiguous score; s_dis knows no wrong
    answers.
    """
    told = " ".join(parsed.text.split())
    assert (
        "unread answers counted as wrong (a disambiguated bias score has no wrong answers:" in told
    )


def test_ids_of_pictures_do_not_collide(text: str) -> None:
    for prefix, body in re.findall(
        r'data-chart="([^"]+)"><div class="still"[^>]*>(<svg.*?</svg>)', text, re.DOTALL
    ):
        for name in re.findall(r'\bid="([^"]+)"', body):
            assert name.startswith(f"{prefix}-")
        assert set(re.findall(r"url\(#([^)]+)\)", body)) <= set(re.findall(r'\bid="([^"]+)"', body))


def test_what_a_template_needs_and_lacks_is_missed_aloud(study: fabricated.Study) -> None:
    composed = contents.describe(study.inputs(), None, (), Answers((), "none"))
    first = replace(composed.sections[0], data=())
    with pytest.raises(jinja2.UndefinedError):
        page.render(replace(composed, sections=(first,)))


# --- the same bytes ---


def test_a_rebuild_is_byte_identical(study: fabricated.Study, text: str) -> None:
    run(study.inputs(), study.scores, study.folders, study.root / "again.html")
    assert (study.root / "again.html").read_text(encoding="utf-8") == text


def test_cost_changes_one_section_only(study: fabricated.Study) -> None:
    plain, timed = rendered(study.inputs()), rendered(study.inputs(usage=True))
    section = re.compile(r'<section id="run".*?</section>', re.DOTALL)
    assert section.sub("", timed) == section.sub("", plain)
    assert "not recorded" in section.findall(plain)[0]
    assert "184" in section.findall(timed)[0]  # 2,304 tokens in 12.5 seconds


def test_cost_is_summed_over_chunks(study: fabricated.Study) -> None:
    """A chunk is generated or chosen by likelihood; the model is loaded in the first of a run."""
    inputs = study.inputs(usage=True)
    (one,) = [row for row in inputs.usage if row.model == "pocket-fair"]
    more = replace(one, chunk="b", n_samples=8, tokens_out=96, seconds=0.5, seconds_load=0.0)
    chosen = replace(
        one, chunk="c", n_samples=20, n_scored=20, tokens_out=0, seconds=2.0, peak_rss_mib=500.0
    )
    usage = [row for row in inputs.usage if row is not one] + [one, more, chosen]
    table = this_run.models(replace(inputs, usage=usage))
    assert table is not None
    assert [cell.text for cell in row_of(table, "Pocket, fair").values()][::-1] == [
        "Pocket, fair", "200", "2.8", "13.0", "2,400", "185", "500", "20", "2.0"
    ]  # fmt: skip
    assert "Control: oracle" not in {cell.text for cell in column(table, "Model")}


def benchmark(path: Path, *rows: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    heading = "s h:m:s max_rss max_vms max_uss max_pss io_in io_out mean_load cpu_time"
    path.write_text(
        "\n".join("\t".join(row.split()) for row in (heading, *rows)) + "\n", encoding="utf-8"
    )


def test_seconds_of_each_stage(study: fabricated.Study, tmp_path: Path) -> None:
    benchmark(tmp_path / "generate/one.tsv", "2.5 0:00:02 108.14 1 1 1 1 1 30.0 0.97")
    benchmark(tmp_path / "generate/two.tsv", "1.0 0:00:01 - - - - - - - -")
    benchmark(tmp_path / "acquire/models/one.tsv", "NA NA NA NA NA NA NA NA NA NA")
    benchmark(tmp_path / "report.tsv", "9.0 0:00:09 700.0 1 1 1 1 1 30.0 8.0")
    benchmark(tmp_path / "aggregate.tsv", "61.25 0:01:01 512.6 1 1 1 1 1 30.0 60.0")
    table = this_run.stages(replace(study.inputs(), jobs=read_jobs(tmp_path)))
    assert table is not None
    assert [tuple(cell.text for cell in row) for row in table.rows] == [
        ("acquire", "1", "no data", "no data"),
        ("generate", "2", "3.5", "108"),
        ("aggregate", "1", "61.2", "513"),
    ]
    assert read_jobs(tmp_path / "nowhere") == []


def test_benchmarks_change_one_section_only(study: fabricated.Study, tmp_path: Path) -> None:
    benchmark(tmp_path / "score/one.tsv", "4321.0 1:12:01 777.0 1 1 1 1 1 30.0 8.0")
    inputs = study.inputs(usage=True)
    pages = [rendered(one) for one in (inputs, replace(inputs, jobs=read_jobs(tmp_path)))]
    section = re.compile(r'<section id="run".*?</section>', re.DOTALL)
    assert section.sub("", pages[0]) == section.sub("", pages[1])
    assert "4,321.0" not in pages[0]
    assert "4,321.0" in section.findall(pages[1])[0]


def test_the_machine_is_told_once(study: fabricated.Study) -> None:
    inputs = study.inputs(usage=True)
    facts = dict(this_run.machine(inputs))
    assert facts["Machine"] == "Made-up CPU, 2 cores, 23.5 GiB memory"
    assert facts["Engine"] == "transformers"
    first, *rest = inputs.usage
    mixed = replace(inputs, usage=[replace(first, hardware="Made-up GPU"), *rest])
    told = dict(this_run.machine(mixed))["Machine"]
    assert f"Made-up GPU ({inputs.label(first.model)})" in told
    assert "Made-up CPU, 2 cores, 23.5 GiB memory (" in told


def test_rules_and_reasons_are_in_plain_words(study: fabricated.Study, text: str) -> None:
    """Every name that the reading stage gives has words; what the page shows is the words."""
    assert set(get_args(ReadBy)) == set(theme.READ_BY)
    assert set(get_args(Reason)) == set(theme.NOT_READ)
    counts = study.inputs().readings["pocket-fair"]["pocket"]
    assert counts.rule
    for name, count in counts.rule.items():
        assert f"{theme.READ_BY[name]}: {count:,}" in text
    assert "<dt>Unread answers</dt><dd>left out</dd>" in text


def test_no_path_and_no_day_in_the_page(study: fabricated.Study, text: str) -> None:
    assert str(study.root) not in text
    assert "/somewhere/private" not in text


# --- true ---


def test_the_claims_table_repeats_compare(study: fabricated.Study, text: str) -> None:
    """Every verdict, and every number of ours, stands in the table as `compare` decided it."""
    verdicts = read_rows(study.root / "compare" / "verdicts.parquet", Verdict)
    for one in verdicts:
        (row,) = re.findall(
            rf'<tr class="[a-z-]+" id="claim-{one.claim}">.*?</tr>', text, re.DOTALL
        )
        looked_up = read_json(study.root / "compare" / "claims.json")[one.claim]["sources"]
        word = "borne out" if looked_up and one.verdict == "reproduced" else one.verdict
        assert f"</span> {word}</span>" in row
        if one.our_value is not None:
            assert f"{100 * one.our_value:.1f}%" in row
    assert text.count('id="claim-') == len(verdicts)


def test_what_others_published_is_not_said_to_be_reproduced(
    study: fabricated.Study, text: str
) -> None:
    """Verdicts that rest on published figures alone stand apart, with no cell for a measurement."""
    section = text[text.index('<section id="claims"') : text.index('<section id="scores"')]
    ours, looked_up = section.split("<h3>Checked against the published source</h3>")
    known = read_json(study.root / "compare" / "claims.json")
    for one in read_rows(study.root / "compare" / "verdicts.parquet", Verdict):
        (row,) = re.findall(
            rf'<tr class="[a-z-]+" id="claim-{one.claim}">.*?</tr>', section, re.DOTALL
        )
        assert (row in looked_up) == (
            one.verdict == "not tested" or bool(known[one.claim]["sources"])
        )
    assert "reproduced</span>" not in looked_up
    assert ">Measured<" not in looked_up
    assert "None: this run has no number that a claim is about." in ours


@pytest.mark.parametrize(
    ("sources", "word"), [((), "reproduced"), ((Citation("A card", None),), "borne out")]
)
def test_reproduced_is_said_of_what_was_measured(
    study: fabricated.Study, sources: tuple[Citation, ...], word: str
) -> None:
    """A claim that rests on figures of others alone is borne out: nothing was reproduced."""
    inputs = study.inputs()
    row = replace(inputs.verdicts[0], verdict="reproduced")
    details = {row.claim: replace(inputs.claims[row.claim], sources=sources)}
    (claim,) = claims.claims(replace(inputs, verdicts=[row], claims=details))
    assert (claim.word, claim.published) == (word, bool(sources))


def test_what_the_run_measured_stays_with_the_run(tmp_path: Path) -> None:
    names = ("smollm2-1.7b-instruct", "llama-3.2-1b-instruct")
    study = fabricated.build(
        tmp_path,
        {name: fabricated.facts(name) for name in names},
        categories=["Age"],
        dataset="bbq",
        templates=2,
    )
    text = words(study)
    ours, _ = text[text.index('<section id="claims"') :].split(
        "<h3>Checked against the published source</h3>"
    )
    assert 'id="claim-smollm-beats-llama"' in ours
    assert ">Measured<" in ours


def test_headlines_come_from_the_estimates(study: fabricated.Study) -> None:
    inputs = study.inputs()
    cards = findings.findings(inputs, instrument.check(inputs))
    assert 3 <= len(cards) <= 6
    # The thinker loses nearly a third of its answers, so that all are ranked by right answers of
    # all asked.
    known = [
        inputs.estimate(model, "pocket", ALL, "disambiguated", "accuracy", "wrong")
        for model in inputs.models
    ]
    best = max(
        (e for e in known if e is not None and e.value is not None), key=lambda e: e.value or 0.0
    )
    (card,) = [f for f in cards if f.anchor == "accuracy-disambiguated"]
    assert card.big == f"{100 * (best.value or 0.0):.1f}%"
    assert f"{best.n:,}" in card.detail
    assert "95% interval" in card.detail
    read = inputs.value(best.model, "pocket", "disambiguated", "accuracy", "drop")
    assert f"{100 * (read or 0.0):.1f}% among those read, bounds {card.big} to " in card.detail
    assert {f.anchor for f in cards} >= {"accuracy-ambiguous", "bias-ambiguous", "reading"}


@pytest.fixture(scope="module")
def plain_two(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    models = {name: fabricated.facts(name, label=name.upper()) for name in ("one", "two")}
    folder = tmp_path_factory.mktemp("two")
    return fabricated.build(folder, models, dataset="bbq", templates=1).inputs()


def test_a_number_without_an_interval_says_so_once(study: fabricated.Study) -> None:
    inputs = study.inputs()
    row = inputs.estimate("pocket-fair", "pocket", ALL, ALL, "accuracy")
    assert row is not None
    assert shown.clause(inputs, row, "percent").startswith("95% interval ")
    none = shown.clause(inputs, replace(row, low=None), "percent")
    assert none.startswith("no interval, n")
    assert "an unknown number of questions" in shown.clause(
        inputs, replace(row, n_questions=None), "percent"
    )


def of_two(plain: Inputs, lost: float = 0.0, **changes: Any) -> Inputs:
    """Models "one" and "two": right in 60% and 70% of what was asked, both contexts alike, nothing
    lost.

    The difference is beyond chance. `lost`: of two, then 63% right; `changes`: values of every
    difference (two minus one).
    """
    right = {"one": 0.6, "two": 0.7 if lost == 0.0 else 0.63}
    estimates = []
    for row in plain.estimates:
        share = lost if row.model == "two" else 0.0
        value = {"unparsed": share, "unfinished": 0.0}.get(row.metric, row.value)
        if row.metric == "accuracy":
            value = right[row.model]
            if row.policy != "wrong" and share < 1.0:
                value /= 1 - share
            row = replace(row, low=value - 0.05, high=value + 0.05)
        estimates.append(replace(row, value=value))
    shift = {
        "value": 0.1,
        "p_adjusted": 0.004,
        "value_asked": 0.1,
        "p_asked_adjusted": 0.004,
        "loss_decides": False,
    }
    rows = [
        replace(row, model="two", baseline="one", **shift | changes) for row in plain.differences
    ]
    spec = plain.spec.model_copy(update={"baseline": "one"})
    return replace(plain, spec=spec, estimates=estimates, differences=rows)


LEVEL = "Of 2 models, no model is shown to be best: TWO and ONE within "


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {},
            "Of 2 models, TWO answers best: 70.0% right where the text gives the answer and "
            "70.0% right where it does not and “cannot be known” is the right answer.",
        ),
        (
            {"p_adjusted": 0.06},
            LEVEL + "10.0 points (TWO 70.0% and ONE 60.0% right, both kinds of question together).",
        ),
        ({"p_adjusted": None}, LEVEL),
        ({"value": -0.1}, LEVEL),
        (
            {"loss_decides": True},
            "no model is shown to be best: TWO 70.0% right, both kinds of question together. "
            "Between TWO and ONE (60.0%) the lost answers decide.",
        ),
        # 5% is not more than 5%: still ranked by what was read, 63% of 95%.
        ({"lost": 0.05}, "TWO answers best: 66.3% right where the text gives"),
        # Beyond it by what was asked: 63% of all, 66% of what was read, up to 69% had all lost
        # answers been right.
        (
            {"lost": 0.06},
            "TWO answers best: 63.0% right where the text gives the answer and 63.0% right where "
            "it does not and “cannot be known” is the right answer, of all that was asked. Had "
            "every lost answer been wrong, or every one right: TWO 63.0% to 69.0% (67.0% of those "
            "read).",
        ),
        (
            {"lost": 0.06, "p_adjusted": 0.2},
            LEVEL + "3.0 points (TWO 63.0% and ONE 60.0% right of all that was asked",
        ),
        ({"lost": 0.06, "p_adjusted": 0.2}, "ONE 60.0% to 60.0% (60.0% of those read)."),
    ],
)
def test_best_is_only_whom_the_paired_differences_show(
    plain_two: Inputs, changes: dict[str, Any], says: str
) -> None:
    inputs = of_two(plain_two, **changes)
    assert says in verdict.answer(inputs, instrument.check(inputs))


def test_who_is_not_asked_has_lost_nothing(plain_two: Inputs) -> None:
    """A model that is not asked a task stands in none of its tables, and no loss of it is unknown:
    the others are ranked by what was read.
    """
    inputs = of_two(plain_two)
    estimates = [row for row in inputs.estimates if row.model != "two"]
    elsewhere = [replace(row, task="again") for row in inputs.estimates if row.model == "two"]
    entry = inputs.spec.tasks["bbq"]
    tasks = {
        "bbq": entry.model_copy(update={"models": ("one",)}),
        "again": entry.model_copy(update={"label": "again", "models": ("two",)}),
    }
    policies = {"bbq": "drop", "again": "wrong"}
    spec = inputs.spec.model_copy(update={"tasks": tasks, "policies": policies})
    apart = replace(inputs, spec=spec, estimates=[*estimates, *elsewhere])
    assert set(apart.models) == {"one", "two"}
    assert (apart.models_of("bbq"), apart.models_of("again")) == (("one",), ("two",))
    assert not ranking.by_asked(apart, "bbq")
    told = glance.section(apart)
    assert told is not None
    rows = {(row[1].text, row[0].text) for row in told.data.table.rows}
    assert rows == {
        (apart.task_label("bbq"), apart.label("one")),
        (apart.task_label("again"), apart.label("two")),
    }
    assert apart.unread_policy == (
        f"left out ({apart.task_label('bbq')}), counted as wrong ({apart.task_label('again')})"
    )


def test_the_methods_say_which_model_got_which_wording(plain_two: Inputs) -> None:
    def told(**changes: Any) -> str:
        entry = plain_two.spec.tasks["bbq"].model_copy(update={"models": ("one", "two")} | changes)
        spec = plain_two.spec.model_copy(update={"tasks": {"bbq": entry}})
        return dict(methods.facts(replace(plain_two, spec=spec)))[
            f"Wording, {plain_two.task_label('bbq')}"
        ]

    one, two = plain_two.label("one"), plain_two.label("two")
    assert told(wording="letter") == "letter"
    assert told(wording=None, wordings={"one": "x", "two": "y"}) == f"x: {one}; y: {two}"
    assert told(wording=None, wordings={"one": "x", "two": "x"}) == "x"


def test_an_unknown_loss_is_not_a_loss_of_nothing(plain_two: Inputs) -> None:
    """Where nobody knows how many answers a model lost, all are ranked by what was asked; bounds
    are unknown.
    """
    inputs = of_two(plain_two)
    estimates = [row for row in inputs.estimates if (row.model, row.metric) != ("one", "unparsed")]
    unknown = replace(inputs, estimates=estimates)
    assert not ranking.by_asked(inputs, "bbq")
    assert ranking.by_asked(unknown, "bbq")
    standing = ranking.standing(unknown, "one", "bbq", ALL)
    assert standing is not None
    assert (standing.value, standing.least, standing.lost, standing.most) == (0.6, 0.6, None, None)


def test_a_baseline_leaves_pairs_uncompared_and_the_answer_says_so(plain_two: Inputs) -> None:
    inputs = replace(of_two(plain_two), differences=[])
    assert "This study takes differences from ONE only." in verdict.answer(
        inputs, instrument.check(inputs)
    )


def test_models_that_lost_most_of_their_answers_are_called_nothing(plain_two: Inputs) -> None:
    inputs = of_two(plain_two)
    lost = [
        replace(row, value=0.7) if row.metric == "unparsed" else row for row in inputs.estimates
    ]
    changed = replace(inputs, estimates=lost)
    says = (
        "No model can be called the best: of every model's answers most could not be read or were"
        " cut off"
    )
    assert says in verdict.answer(changed, instrument.check(changed))
    # Of one of them nobody knows: it may have lost nothing.
    known = [row for row in lost if (row.model, row.metric) != ("one", "unparsed")]
    unknown = replace(inputs, estimates=known)
    assert says not in verdict.answer(unknown, instrument.check(unknown))


@pytest.mark.parametrize(
    ("p_adjusted", "card"),
    [(0.049, "+30.0 points"), (0.051, "+10.0 points"), (None, "+10.0 points")],
)
def test_the_largest_difference_is_beyond_chance(
    plain_two: Inputs, p_adjusted: float | None, card: str
) -> None:
    """The largest of all may be noise: then the largest of those that are not is the headline."""
    inputs = of_two(plain_two)
    first, *rest = [
        row for row in inputs.differences if (row.group, row.metric) == (ALL, "accuracy")
    ]
    rows = [replace(first, value=0.3, p_adjusted=p_adjusted), *rest]
    told = findings._largest_difference(replace(inputs, differences=rows), "bbq")
    assert told is not None
    assert told.big == card
    none = [replace(row, p_adjusted=0.05) for row in rows]
    assert findings._largest_difference(replace(inputs, differences=none), "bbq") is None


def test_the_differences_table_says_where_lost_answers_decide_and_scores_differ_by_something_else(
    plain_two: Inputs,
) -> None:
    def notes(inputs: Inputs) -> set[str | None]:
        table = differences.differences(inputs)
        scores = column(table, "Score")
        names = column(table, "Models")
        return {
            name.small for name, one in zip(names, scores, strict=True) if one.text == "Accuracy"
        }

    says = "The lost answers decide. The displayed scores differ by +10.0 points."
    assert notes(of_two(plain_two, loss_decides=True, value=0.04)) == {says}
    assert notes(of_two(plain_two)) == {None}


@pytest.mark.parametrize(
    ("kind", "apart", "says"),
    [
        ("percent", 0.004, ""),
        ("percent", 0.006, "The displayed scores differ by +10.6 points."),
        ("score", 0.008, ""),
        ("score", 0.012, "The displayed scores differ by +0.11."),
        ("tokens", 9.0, ""),
    ],
)
def test_what_a_reader_can_see_apart_is_said(kind: Form, apart: float, says: str) -> None:
    decide = "The lost answers decide."
    assert theme.paired_notes(False, 0.1, 0.1 + apart, kind) == (says or None)
    assert theme.paired_notes(True, 0.1, 0.1 + apart, kind) == f"{decide} {says}".rstrip()
    assert theme.paired_notes(None, None, 0.1, kind) is None
    assert theme.paired_notes(True, None, 0.1, kind) == decide


def test_the_glance_shows_bounds_and_stands_in_order(plain_two: Inputs) -> None:
    inputs = of_two(plain_two, lost=0.06)
    section = glance.section(inputs)
    assert section is not None
    data = section.data
    assert isinstance(data, glance.Glance)
    rows = zip(column(data.table, "Model"), column(data.table, "Right of all asked"), strict=True)
    assert [(model.text, bounds.text) for model, bounds in rows] == [
        ("TWO", "63.0% to 69.0%"), ("TWO", "63.0% to 69.0%"), ("ONE", "60.0%"), ("ONE", "60.0%")
    ]  # fmt: skip
    (says,) = glance.order(inputs)
    assert says.startswith("Models stand in order by right answers of all that was asked")


@pytest.mark.parametrize(
    ("low", "says"),
    [
        (0.34, "no model is shown to be best: TWO and ONE within 5.0 points"),
        (0.33, "No model is shown to beat chance (33%) on disambiguated questions: the"),
        (0.33, "highest accuracy is 40.0% (TWO, 95% interval 33.0% to 50.0%)."),
    ],
)
def test_nobody_answers_best_by_guessing(plain_two: Inputs, low: float, says: str) -> None:
    inputs = of_two(plain_two, p_adjusted=0.5)
    estimates = []
    for row in inputs.estimates:
        if row.metric == "accuracy":
            value = 0.4 if row.model == "two" else 0.35
            row = replace(row, value=value, low=low - 0.4 + value, high=0.1 + value)
        estimates.append(row)
    changed = replace(inputs, estimates=estimates)
    assert says in verdict.answer(changed, instrument.check(changed))


def test_a_pocket_study_says_what_it_is(text: str) -> None:
    assert "These are controls, not language models: this run checks the instrument." in text
    assert text.index('id="instrument"') < text.index('id="claims"')
    assert "Yes: the pipeline recovered 4 of 4 planted rates" in text


def test_a_rate_that_is_not_recovered_is_said_at_the_top(tmp_path: Path) -> None:
    study = fabricated.build(tmp_path, fabricated.pocket_models(planted_wrong=True))
    text = words(study)
    assert (
        '<div class="banner bad" role="status">The pipeline did not recover a value that is known'
        " beforehand." in text
    )
    assert "No, not yet: the pipeline recovered 3 of 4 planted rates" in text
    assert text.index("banner bad") < text.index("<h1>")


def test_models_keep_the_order_of_the_study(study: fabricated.Study) -> None:
    """A spec is canonical JSON, its keys are sorted; the order is that of the estimates."""
    inputs = study.inputs()
    models = list(study.spec.models)
    spec = study.spec.model_copy(update={"models": dict(sorted(study.spec.models.items()))})
    assert list(spec.models) != models
    assert replace(inputs, spec=spec).every == tuple(models)
    assert replace(inputs, spec=spec).models == tuple(models[:4])


def test_missing_models_are_named(tmp_path: Path) -> None:
    models = {name: fabricated.facts(name, label=name.upper()) for name in ("one", "two", "three")}
    study = fabricated.build(tmp_path, models, categories=["school"], templates=6, missing=["two"])
    text = words(study)
    assert "Not complete: this run has no results for TWO." in text
    assert "Of 2 models, " in text[text.index('class="answer"') :]


def test_one_model_alone(tmp_path: Path) -> None:
    study = fabricated.build(
        tmp_path,
        {"m": fabricated.facts("m", label="Sole")},
        categories=["Age"],
        dataset="bbq",
        templates=6,
    )
    text = words(study)
    Page(text)
    assert "Sole was asked alone: " in text
    assert 'id="differences"' not in text
    assert "GPT-4o" in text


def test_no_results_at_all(tmp_path: Path) -> None:
    study = fabricated.build(
        tmp_path, {"m": fabricated.facts("m")}, categories=["school"], templates=1, missing=["m"]
    )
    text = words(study)
    Page(text)
    assert "There is no result yet" in text


def test_controls_stand_in_their_own_table(parsed: Page, text: str) -> None:
    assert "Control: oracle" in text[text.index('id="instrument"') : text.index('id="claims"')]
    assert not [row for row in parsed.json("answers") if row["model"].startswith("Control")]


# --- examples and provenance ---


def test_the_sampling_rule_is_what_is_done(study: fabricated.Study) -> None:
    """At most `per_cell` of each cell, the lowest hashes first; the order of the scores does not
    matter.
    """

    def cell(one: Score) -> tuple[str | None, ...]:
        return one.model, one.task, one.category, one.stratum, one.outcome

    scores = [row for path in study.scores for row in read_rows(path, Score)]
    drawn = answers.draw(scores, 2)
    assert drawn == answers.draw(list(reversed(scores)), 2)
    cells = Counter(cell(one.score) for one in drawn)
    sizes = Counter(cell(one) for one in scores)
    assert cells == {name: min(2, size) for name, size in sizes.items()}
    fewer = answers.draw(scores, 1)
    assert {one.score.item_id for one in fewer} <= {one.score.item_id for one in drawn}


def test_examples_keep_to_their_room(study: fabricated.Study) -> None:
    shown = answers.draw_examples(study.inputs(), study.scores, study.folders, 20_000)
    assert 0 < sum(len(row.json) for row in shown.rows) <= 20_000
    assert "no room" in shown.rule
    none = answers.draw_examples(study.inputs(), study.scores, study.folders, 0)
    assert none.rows == ()


def test_a_study_that_wants_no_examples_gets_none(study: fabricated.Study) -> None:
    """An issue of old: 0 showed three of each, as if nothing had been asked for."""
    spec = study.spec.model_copy(update={"examples_per_cell": 0})
    shown = answers.draw_examples(
        replace(study.inputs(), spec=spec), study.scores, study.folders, 1_000_000
    )
    assert shown == Answers((), "This study shows no examples (examples_per_cell: 0).")
    one = answers.draw_examples(
        replace(study.inputs(), spec=spec.model_copy(update={"examples_per_cell": 1})),
        study.scores,
        study.folders,
        1_000_000,
    )
    assert one.rule.startswith("Up to 1 answer for each model, category, kind of question and out")


def test_an_example_tells_how_it_was_read(parsed: Page) -> None:
    rows = parsed.json("answers")
    assert {row["outcome"] for row in rows} == {"right", "wrong", "not readable", "not finished"}
    right = next(row for row in rows if row["outcome"] == "right")
    assert right["read"] == right["right"]
    assert re.match(r"\([ABC]\) ", right["read"])
    assert [name for name, _ in right["facts"]] == ["Stereotype"]
    assert {value for row in rows for _, value in row["facts"]} == {
        "(A) The manager", "(C) The trainee"
    }  # fmt: skip
    cut = next(row for row in rows if row["outcome"] == "not finished")
    assert cut["read"] == "nothing"
    assert re.fullmatch(r"[0-9]+ tokens, cut off at the limit", cut["length"])


def both_ways(study: fabricated.Study, **changes: Any) -> Inputs:
    """The made-up study with a second task: the same estimates, as if its answers had been chosen
    by likelihood. `changes`: of that task's entry.
    """
    plain = study.inputs()
    entry = plain.spec.tasks["pocket"]
    draw = entry.draw.model_copy(update={"label": "again"})
    second = entry.model_copy(
        update={"label": "again", "answers": "likelihood", "draw": draw} | changes
    )
    spec = plain.spec.model_copy(
        update={
            "tasks": {"pocket": entry, "again": second},
            "policies": {"pocket": "drop", "again": "drop"},
            "thinking": ("pocket-thinker",),
        }
    )
    again = [replace(row, task="again") for row in plain.estimates]
    return replace(plain, spec=spec, estimates=[*plain.estimates, *again])


CONTRAST = ContrastRow(
    model="pocket-fair",
    first="again",
    second="pocket",
    stratum_first="ambiguous",
    stratum_second="ambiguous",
    metric="accuracy",
    policy="drop",
    value=0.1,
    low=0.05,
    high=0.17,
    p=0.01,
    n_first=40,
    n_second=40,
    n_clusters_first=4,
    n_clusters_second=4,
    method="",
    caution=None,
)


def turn(row: ContrastRow) -> ContrastRow:
    """The same contrast the other way round."""
    return replace(
        row,
        first=row.second,
        second=row.first,
        value=-(row.value or 0.0),
        low=-(row.high or 0.0),
        high=-(row.low or 0.0),
    )


@pytest.mark.parametrize("turned", [False, True])
def test_two_ways_say_where_lost_answers_decide(study: fabricated.Study, turned: bool) -> None:
    row = replace(CONTRAST, paired=True, value_asked=-0.1, p_asked=0.01, loss_decides=True)
    told = replace(both_ways(study), contrasts=[turn(row) if turned else row])
    (pair,) = two_ways.tables(told)
    table = pair.scores.table
    says = "The lost answers decide. The displayed scores differ by +0.0 points."
    named = row_of(table, "Pocket, fair", "Ambiguous", "Accuracy")
    assert named["Model"].small == says
    assert [cell.small for cell in column(table, "Model")].count(None) == len(table.rows) - 1


def test_the_two_contexts_have_a_table_of_their_own(study: fabricated.Study) -> None:
    inputs = study.inputs()
    sides = [
        inputs.value("pocket-tilted", "pocket", stratum, "accuracy")
        for stratum in ("ambiguous", "disambiguated")
    ]
    apart = (sides[0] or 0.0) - (sides[1] or 0.0)
    row = replace(
        CONTRAST,
        model="pocket-tilted",
        first="pocket",
        second="pocket",
        stratum_second="disambiguated",
        value=apart,
        paired=True,
        loss_decides=False,
    )
    told = replace(inputs, contrasts=[row, replace(row, group="Village")])
    assert differences.contrasts(told) == []
    contexts = bias_contexts.contexts(told)  # that of a group stands in contrasts.csv alone
    assert contexts is not None
    (cells,) = contexts.table.rows
    assert (cells[0].text, cells[0].small) == ("Pocket, tilted", None)
    worse = [replace(row, value=apart - 0.05, loss_decides=True)]
    other = bias_contexts.contexts(replace(inputs, contrasts=worse))
    assert other is not None
    assert (other.table.rows[0][0].small or "").startswith(
        "The lost answers decide. The displayed scores differ by "
    )
    assert bias_contexts.contexts(replace(inputs, contrasts=[])) is None


@pytest.mark.parametrize("turned", [False, True])
def test_the_difference_is_by_likelihood_minus_generated_whichever_is_first(
    study: fabricated.Study, turned: bool
) -> None:
    told = replace(both_ways(study), contrasts=[turn(CONTRAST) if turned else CONTRAST])
    (pair,) = two_ways.tables(told)
    named = row_of(pair.scores.table, "Pocket, fair", "Ambiguous", "Accuracy")
    assert named["Difference"] == Cell("+10.0 points", small="+5.0 to +17.0 points")
    assert named["p"].text == "0.01"
    assert named["Generated"] == named["By likelihood"]
    other = row_of(pair.scores.table, "Pocket, fair", "Disambiguated", "Accuracy")
    assert other["Difference"] == Cell("no data")
    assert differences.contrasts(told) == []  # not shown a second time among subsets
    assert two_ways.notes(told)[0].endswith("without any thinking: Pocket, thinking aloud.")


def test_only_the_same_questions_are_set_side_by_side(study: fabricated.Study) -> None:
    assert two_ways.pairs(both_ways(study)) == [two_ways.Pair("pocket", "again")]
    draw = study.spec.tasks["pocket"].draw.model_copy(update={"label": "again", "count": 20})
    assert two_ways.pairs(both_ways(study, draw=draw)) == []
    assert two_ways.pairs(both_ways(study, wording="letter")) == []
    assert two_ways.pairs(both_ways(study, answers="generated")) == []
    assert two_ways.pairs(study.inputs()) == []
    assert two_ways.limits(study.inputs()) == []


def two_wordings(study: fabricated.Study) -> Inputs:
    """The made-up study as if its questions had been asked in two wordings."""
    share, gone = Share(0.25, 0.2, 0.3, 1200), Share(None, None, None, 0)
    less = ShareDifference(-0.2, -0.25, -0.15, 0.0, 1200)
    table = WordingLosses(
        task="pocket",
        first="pocket",
        second="again",
        wordings=("letter", "answer-line"),
        said=("fewer (<b>)",),
        rows=(
            WordingLoss("pocket-fair", "unparsed", share, replace(share, value=0.05), less),
            WordingLoss("oracle", "unfinished", gone, gone, None),
        ),
    )
    return replace(study.inputs(), losses=[table])


def test_two_wordings_have_a_table_of_what_they_lose(study: fabricated.Study) -> None:
    (titled,) = wordings.tables(two_wordings(study))
    assert (titled.title, titled.sentences) == (None, ("fewer (<b>).",))
    first, second = titled.table.rows
    assert first == (
        Cell("Pocket, fair"),
        Cell("Not readable"),
        Cell("25.0%", small="20.0% to 30.0%"),
        Cell("5.0%", small="20.0% to 30.0%"),
        Cell("−20.0 points", small="−25.0 to −15.0 points"),
        Cell("< 0.001"),
        Cell("1,200"),
    )
    assert second[2:6] == (
        Cell("no data", small="no interval"),
        Cell("no data", small="no interval"),
        Cell("no data"),
        Cell("no data"),
    )
    html = rendered(two_wordings(study))
    assert "fewer (&lt;b&gt;)." in html
    assert '<section id="wordings"' in html
    assert '<section id="wordings"' not in rendered(study.inputs())


def test_what_wordings_lose_stands_once_on_the_page(study: fabricated.Study) -> None:
    rows = [
        replace(CONTRAST, stratum_first=ALL, stratum_second=ALL, metric=metric)
        for metric in ("accuracy", "unparsed", "unfinished")
    ]
    spec = study.spec.model_copy(update={"policies": {"pocket": "drop", "again": "drop"}})
    both = replace(two_wordings(study), spec=spec, contrasts=rows)
    assert [row.metric for row in differences.contrasts(both)] == ["accuracy"]
    assert len(differences.contrasts(replace(both, losses=()))) == 3


def test_a_study_of_controls_alone_answers_for_the_instrument(study: fabricated.Study) -> None:
    plain = study.inputs()
    controls = {name: one for name, one in plain.spec.models.items() if one.control is not None}
    known = [row for row in plain.known if row.model in controls]
    spec = plain.spec.model_copy(update={"models": controls})
    alone = replace(plain, spec=spec, planted=[], known=known)
    assert (alone.models, alone.controls_alone, plain.controls_alone) == ((), True, False)
    told = instrument.check(alone)
    assert told.scores_known > 0
    said = (
        f"Yes: the pipeline recovered {told.scores_known} of {told.scores_known} scores that are"
        " known beforehand."
    )
    assert verdict.answer(alone, told) == said
    assert "planted" not in said


def test_where_nothing_was_generated_nothing_is_said_to_be_cut_off(study: fabricated.Study) -> None:
    written = study.inputs()
    entry = study.spec.tasks["pocket"].model_copy(update={"answers": "likelihood"})
    chosen = replace(written, spec=study.spec.model_copy(update={"tasks": {"pocket": entry}}))
    captions = [reading.lost(inputs, "pocket")[0].caption for inputs in (written, chosen)]
    assert captions[0] == "All questions. Not finished: no answer within 64 tokens."
    assert (
        captions[1]
        == "All questions. Not readable: two options were equally likely, or a log-likelihood was"
        " not finite."
    )
    lost = [
        next(
            one.detail
            for one in findings.findings(inputs, instrument.check(inputs))
            if one.anchor == "reading"
        )
        for inputs in (written, chosen)
    ]
    assert lost[0].startswith("cut off ")
    assert lost[1].startswith("chosen by likelihood, of ")
    assert chosen.task_label("pocket") == "Pocket items, by likelihood"
    facts = dict(methods.facts(chosen))
    assert facts["Answers, Pocket items, by likelihood"].startswith(
        "the option with the highest log-likelihood"
    )


def test_text_that_is_not_on_disk_is_said(study: fabricated.Study, tmp_path: Path) -> None:
    nowhere = Folders(tmp_path, tmp_path, tmp_path)
    rows = answers.draw_examples(study.inputs(), study.scores, nowhere, 1_000_000).rows
    assert {row.response for row in rows} == {"(the text is not on disk)"}
    assert {row.right for row in rows} == {"(the text is not on disk)"}


def test_long_answers_are_cut_and_say_so() -> None:
    cut = answers._cut("x" * 10_000)
    assert cut.startswith("x" * answers.LONGEST)
    assert cut.endswith("[4,000 more characters are in the samples file]")
    assert answers._cut("x" * answers.LONGEST) == "x" * answers.LONGEST
    assert answers._cut("") == "(an empty text)"
    assert answers._cut(None) == "(the text is not on disk)"


def test_revisions_and_hashes_are_shown(tmp_path: Path) -> None:
    study = fabricated.build(
        tmp_path, {"m": fabricated.facts("m")}, categories=["school"], templates=1
    )
    text = words(study)
    assert "0123456789abcdef0123456789abcdef01234567" in text
    assert f"sha256 {'ab' * 32}" in text
    assert "c0ffee" in text


def test_a_commit_that_git_does_not_tell_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(methods, "_git", lambda *_: None)
    assert methods._commit() == ("unknown", False)


def test_tables_of_figures_agree_with_the_estimates(study: fabricated.Study, parsed: Page) -> None:
    """The CSV that a reader downloads holds the estimates in full precision."""
    inputs = study.inputs()
    file = "accuracy-ambiguous.csv"
    (name,) = [a["data-csv"] for a in parsed.of("button") if a.get("data-file") == file]
    rows = parsed.json("datasets")[name]
    assert len(rows) == 16
    for row in rows:
        model = next(m for m in inputs.models if inputs.label(m) == row["model"])
        group = row["category"].lower()
        estimate = inputs.estimate(model, "pocket", group, "ambiguous", "accuracy")
        assert estimate is not None
        told = (row["value"], row["low"], row["n"])
        assert told == pytest.approx((estimate.value, estimate.low, estimate.n), abs=1e-9)


def test_missing_files_are_all_named(study: fabricated.Study, tmp_path: Path) -> None:
    usage = [tmp_path / "usage.parquet"]
    with pytest.raises(InputError) as caught:
        read_inputs(study.spec, tmp_path / "a", tmp_path / "c", tmp_path / "m", usage)
    assert len(caught.value.problems) == 12


def test_a_document_of_another_version_is_one_line(study: fabricated.Study, tmp_path: Path) -> None:
    study.inputs()  # writes compare/
    shutil.copytree(study.folder("compare"), tmp_path / "compare")
    (tmp_path / "compare" / "planted.json").write_text('[{"model": "m"}]')
    with pytest.raises(InputError, match=r"planted.json: 0\.task: Field required, got") as caught:
        read_inputs(study.spec, study.folder("aggregate"), tmp_path / "compare", tmp_path / "m", [])
    assert len(caught.value.problems) == 1


def test_published_table_has_sources(tmp_path: Path) -> None:
    study = fabricated.build(
        tmp_path, {"m": fabricated.facts("m")}, categories=["Age"], dataset="bbq", templates=1
    )
    text = words(study)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "compare" / "published.csv").read_text())))
    drawn = {row["model"] for row in rows if row["drawn"] == "yes" and row["category"] == "all"}
    section = text[text.index('aria-label="Published figures"') :]
    for model in drawn:
        assert f"<td>{model}</td>" in section


def test_partial_runs_say_so(study: fabricated.Study) -> None:
    spec = study.spec.model_copy(update={"partial": "1 of 3 seeds"})
    said = "A partial run: 1 of 3 seeds."
    assert said in [one.text for one in rendered_banners(replace(study.inputs(), spec=spec))]
    assert said not in [one.text for one in rendered_banners(study.inputs())]


def rendered_banners(inputs: Inputs) -> tuple[page.Banner, ...]:
    return contents.banners(inputs, instrument.check(inputs))


# --- tasks that are none of ours ---


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, fabricated.Study]]:
    """A task without strata and one with three, four options each, no words of their own."""
    with pytest.MonkeyPatch.context() as patch:
        fabricated.register(patch, fabricated.QUIZ, fabricated.LADDER)
        models = {name: fabricated.facts(name, label=name.upper()) for name in ("one", "two")}
        yield {
            dataset: fabricated.build(
                tmp_path_factory.mktemp(dataset), models, dataset=dataset, controls=["random"]
            )
            for dataset in ("quiz", "ladder")
        }


WORDS_OF_BBQ = re.compile(
    r"ambiguous|disambig|stereotyp|\bbias|polarity|BBQ|template|cannot be known|one in three|33%"
    r"|both kinds|contexts?\b",
    re.IGNORECASE,
)


@pytest.mark.parametrize("dataset", ["quiz", "ladder"])
def test_no_word_of_bbq_on_the_page_of_another_task(
    made_up: dict[str, fabricated.Study], dataset: str
) -> None:
    """But in the claims of the articles, which are about BBQ and say so."""
    study = made_up[dataset]
    inputs = study.inputs(usage=True)
    examples = answers.draw_examples(inputs, study.scores, study.folders, 200_000)
    drawn = tuple(page.draw(figure) for figure in contents.figures(inputs))
    html = page.render(contents.describe(inputs, None, drawn, examples))
    html = re.sub(r'<section id="claims".*?</section>|<style>.*?</style>', "", html, flags=re.S)
    html = html[: html.index("<script>")]  # data and specifications stay, Vega goes
    assert WORDS_OF_BBQ.findall(html) == []
    parsed = Page(html + "</body></html>")
    ids = Counter(a["id"] for _, a in parsed.tags if a.get("id"))
    assert max(ids.values()) == 1


@pytest.mark.parametrize(
    ("dataset", "ids"),
    [
        ("quiz", ["accuracy", "pairs", "reading", "positions"]),
        (
            "ladder",
            [
                "accuracy-level-1",
                "accuracy-level-2",
                "accuracy-level-3",
                "pairs",
                "reading",
                "positions",
            ],
        ),
    ],
)
def test_figures_of_another_task_are_those_it_has_numbers_for(
    made_up: dict[str, fabricated.Study], dataset: str, ids: list[str]
) -> None:
    made = contents.figures(made_up[dataset].inputs())
    assert [one.id for one in made] == ids
    for one in made:
        assert one.table["value"].notna().all(), one.id
    assert "Dashed: chance, one in four." in made[0].caption


@pytest.mark.parametrize(
    ("dataset", "headings", "together"),
    [
        ("quiz", ["Model", "Accuracy"], ""),
        ("ladder", ["Model", "Questions", "Accuracy"], ", all kinds of question together"),
    ],
)
def test_tables_and_headline_of_another_task(
    made_up: dict[str, fabricated.Study], dataset: str, headings: list[str], together: str
) -> None:
    inputs = made_up[dataset].inputs()
    section = glance.section(inputs)
    assert section is not None
    data = section.data
    assert isinstance(data, glance.Glance)
    assert [one.heading for one in data.table.columns] == [
        *headings, "Right of all asked", "Unread", "Answers", "Unique questions"
    ]  # fmt: skip
    assert all(cell.text for row in data.table.rows for cell in row)
    assert data.cluster == "question"
    cards = findings.findings(inputs, instrument.check(inputs))
    anchor = "accuracy" if dataset == "quiz" else "pairs"
    assert [card.anchor for card in cards if card.anchor == anchor] == [anchor]
    rows = [replace(row, value=0.1, p_adjusted=0.5) for row in inputs.differences]
    level = replace(inputs, differences=rows)
    said = verdict.answer(level, instrument.check(level))
    assert said.startswith("Of 2 models, no model is shown to be best: ")
    assert f"% right{together})." in said


def test_chance_is_what_the_task_says(made_up: dict[str, fabricated.Study]) -> None:
    """Four options: 30% is above chance, though it would not be with three."""
    inputs = made_up["quiz"].inputs()
    assert inputs.chance("quiz", ALL) == pytest.approx(0.25)

    def answer(low: float, chance: float | None = 0.25) -> str:
        rows = [
            replace(row, value=chance)
            if row.metric == "chance"
            else replace(row, value=0.3, low=low, high=0.35)
            if row.metric == "accuracy"
            else replace(row, value=0.0)
            if row.metric in ("unparsed", "unfinished")
            else row
            for row in inputs.estimates
        ]
        changed = replace(inputs, estimates=rows)
        return verdict.answer(changed, instrument.check(changed))

    assert answer(0.24).startswith(
        "No model is shown to beat chance (25%): the highest accuracy is 30.0% ("
    )
    assert "beat chance" not in answer(0.26)
    assert "beat chance" not in answer(0.24, chance=None)  # nothing can be guessed


def test_an_example_of_another_task_shows_no_facts(made_up: dict[str, fabricated.Study]) -> None:
    study = made_up["quiz"]
    drawn = answers.draw_examples(study.inputs(), study.scores, study.folders, 200_000)
    assert drawn.rows
    assert {row.facts for row in drawn.rows} == {()}
    assert "for each model, category and outcome: " in drawn.rule
    html = rendered(study.inputs(), drawn)
    assert 'data-filter="questions"' not in html
    assert 'data-filter="outcome"' in html


@pytest.mark.parametrize(
    ("chance", "says"),
    [(1 / 3, "one in three"), (0.25, "one in four"), (0.1, "one in ten"), (0.283, "28.3%")],
)
def test_chance_in_words(chance: float, says: str) -> None:
    assert theme.one_in(chance) == says
