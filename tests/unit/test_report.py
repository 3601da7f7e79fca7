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
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args

import jinja2
import pytest

import fabricated
from featherweight.compare import run as compare
from featherweight.errors import InputError
from featherweight.files import read_json, read_rows, write_json
from featherweight.reading.statements import ReadBy
from featherweight.records import ContrastRow, Reason, Score, Verdict
from featherweight.report import (
    build,
    compared,
    describe,
    examples,
    figures,
    findings,
    headline,
    losses,
    provenance,
    ranking,
    run,
    tables,
    theme,
    this_run,
    ways,
)
from featherweight.report.inputs import Inputs, read_inputs
from featherweight.report.jobs import read_jobs

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


def make(
    root: Path, study: fabricated.Study, *, timings: bool = False, output: str = "report.html"
) -> str:
    folder = study.root
    compare(
        study.spec,
        study.folder("aggregate"),
        root / "config/published",
        root / "config/claims.yaml",
        folder / "compare",
    )
    inputs = inputs_of(study, timings=timings)
    run(inputs, study.scores, folders_of(study), folder / output)
    return (folder / output).read_text(encoding="utf-8")


def words(root: Path, study: fabricated.Study) -> str:
    """The page without its figures, which take the time."""
    folder = study.root
    compare(
        study.spec,
        study.folder("aggregate"),
        root / "config/published",
        root / "config/claims.yaml",
        folder / "compare",
    )
    inputs = inputs_of(study, timings=True)
    drawn = examples.draw_examples(inputs, study.scores, folders_of(study), 1_000_000)
    return build.page(describe(inputs) | {"planted": None, "figures": [], "examples": drawn}, [])


def inputs_of(study: fabricated.Study, *, timings: bool = False) -> Inputs:
    folder = study.root
    return read_inputs(
        study.spec,
        folder / "aggregate",
        folder / "compare",
        folder / "acquire",
        study.timings if timings else [],
    )


def folders_of(study: fabricated.Study) -> examples.Folders:
    return examples.Folders(
        study.folder("generate"), study.folder("prompts"), study.folder("items")
    )


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> fabricated.Study:
    return fabricated.build(
        tmp_path_factory.mktemp("pocket"),
        fabricated.pocket_models(),
        controls=["oracle", "always-unknown"],
    )


@pytest.fixture(scope="module")
def text(root: Path, study: fabricated.Study) -> str:
    return make(root, study)


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


# --- complete in itself, and safe ---


def test_nothing_is_loaded(page: Page) -> None:
    for tag, attributes in page.tags:
        assert "src" not in attributes, tag
        assert tag not in ("link", "iframe", "object", "embed", "img", "base", "form"), tag
    (style,) = [content for tag, _, content in page.blocks if tag == "style"]
    assert "url(" not in style
    assert "@import" not in style


def test_links_leave_only_by_a_click(page: Page) -> None:
    for attributes in page.of("a"):
        href = attributes["href"]
        assert href is not None
        assert href.startswith(("#", "https://", "http://"))
        if not href.startswith("#"):
            assert attributes["rel"] == "noreferrer"


def test_no_inline_handlers_or_styles(page: Page) -> None:
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], (
            tag,
            attributes,
        )


def test_the_policy_allows_exactly_our_blocks(page: Page) -> None:
    (policy,) = [
        a["content"] for a in page.of("meta") if a.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy is not None
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"

    def hashes(tag: str) -> set[str]:
        contents = [
            c for name, a, c in page.blocks if name == tag and a.get("type") != "application/json"
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


def test_ids_are_unique_and_every_anchor_leads_somewhere(page: Page) -> None:
    ids = Counter(a["id"] for _, a in page.tags if a.get("id"))
    assert [name for name, count in ids.items() if count > 1] == []
    anchors = {a["href"][1:] for a in page.of("a") if a["href"] and a["href"].startswith("#")}
    assert anchors <= set(ids)
    assert {a["aria-labelledby"] for _, a in page.tags if a.get("aria-labelledby")} <= set(ids)


def test_every_figure_has_title_caption_text_and_table(page: Page, text: str) -> None:
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


def test_specs_find_their_rows(page: Page) -> None:
    rows, specs = page.json("datasets"), page.json("specs")
    assert len(specs) == 9
    for name, spec in specs.items():
        assert "datasets" not in spec
        assert set(spec["usermeta"]["datasets"]) <= set(rows), name
    for attributes in page.of("button"):
        if "data-csv" in attributes:
            assert rows[str(attributes["data-csv"])]


def test_size(text: str) -> None:
    assert len(text.encode()) < 1_500_000


def test_hostile_text_stays_text(page: Page, study: fabricated.Study) -> None:
    """The made-up answers hold a closing script tag, an onerror image, U+2028, NUL and a template
    expression.
    """
    assert page.title == study.spec["title"]
    held = [row["response"] for row in page.json("answers") if "pwned" in row["response"]]
    assert held
    assert all(response.removeprefix("<think>").endswith(fabricated.HOSTILE) for response in held)
    assert not page.of("img")


def test_hostile_names_stay_text(root: Path, tmp_path: Path) -> None:
    name = "<script>alert(1)</script>\"'&{{ 7*7 }}"
    study = fabricated.build(
        tmp_path, {"m": fabricated.facts("m", label=name)}, categories=["school"], templates=1
    )
    page = Page(words(root, study))
    assert "alert(1)" not in "".join(
        c for t, a, c in page.blocks if t == "script" and a.get("type") != "application/json"
    )
    assert {row["model"] for row in page.json("answers")} == {name}


def test_what_over_all_asked_means_is_true_of_every_score(page: Page) -> None:
    """Unread answers count as wrong in an accuracy and an ambiguous score; s_dis knows no wrong
    answers.
    """
    told = " ".join(page.text.split())
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


def test_a_key_that_the_template_needs_is_missed_aloud() -> None:
    with pytest.raises(jinja2.UndefinedError):
        build.page({"title": "x"}, [])


# --- the same bytes ---


def test_a_rebuild_is_byte_identical(root: Path, study: fabricated.Study, text: str) -> None:
    assert make(root, study, output="again.html") == text


def test_timings_change_one_section_only(root: Path, study: fabricated.Study, text: str) -> None:
    timed = make(root, study, timings=True, output="timed.html")
    section = re.compile(r'<section id="run".*?</section>', re.DOTALL)
    assert section.sub("", timed) == section.sub("", text)
    assert "not recorded" in section.findall(text)[0]
    assert "184" in section.findall(timed)[0]


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
    found = this_run.stages(replace(inputs_of(study), jobs=read_jobs(tmp_path)))
    assert [tuple(row.values()) for row in found] == [
        ("acquire", "1", "no data", "no data"),
        ("generate", "2", "3.5", "108"),
        ("aggregate", "1", "61.2", "513"),
    ]
    assert read_jobs(tmp_path / "nowhere") == []


def test_benchmarks_change_one_section_only(
    root: Path, study: fabricated.Study, tmp_path: Path
) -> None:
    benchmark(tmp_path / "score/one.tsv", "4321.0 1:12:01 777.0 1 1 1 1 1 30.0 8.0")
    drawn = examples.Examples([], "none")
    words(root, study)  # writes compare/
    inputs = inputs_of(study, timings=True)
    pages = [
        build.page(describe(one) | {"planted": None, "figures": [], "examples": drawn}, [])
        for one in (inputs, replace(inputs, jobs=read_jobs(tmp_path)))
    ]
    section = re.compile(r'<section id="run".*?</section>', re.DOTALL)
    assert section.sub("", pages[0]) == section.sub("", pages[1])
    assert "4,321.0" not in pages[0]
    assert "4,321.0" in section.findall(pages[1])[0]


def test_the_machine_is_told_once(study: fabricated.Study) -> None:
    inputs = inputs_of(study, timings=True)
    facts = dict(this_run.machine(inputs))
    assert facts["Machine"] == "Made-up CPU, 2 cores, 23.5 GiB memory"
    assert facts["Engine"] == "transformers"
    first = inputs.models[0]
    other = {"processor": None, "cores": 1, "memory_gib": None, "gpu": "Made-up GPU"}
    mixed = replace(
        inputs, timings=dict(inputs.timings) | {first: inputs.timings[first] | {"hardware": other}}
    )
    assert dict(this_run.machine(mixed))["Machine"].startswith(
        "1 core, Made-up GPU (Pocket, fair); Made-up CPU, "
    )
    old = {
        name: {k: v for k, v in timing.items() if k != "hardware"}
        for name, timing in inputs.timings.items()
    }
    assert "Machine" not in dict(this_run.machine(replace(inputs, timings=old)))


def test_rules_and_reasons_are_in_plain_words(text: str) -> None:
    """Every name that the reading stage gives has words; what the page shows is the words."""
    assert set(get_args(ReadBy)) == set(theme.READ_BY)
    assert set(get_args(Reason)) == set(theme.NOT_READ)
    assert f"{theme.READ_BY['mention']}: 10" in text
    assert f"{theme.NOT_READ['empty']}: 2" in text
    assert "<dt>Unread answers</dt><dd>left out</dd>" in text


def test_no_path_and_no_day_in_the_page(study: fabricated.Study, text: str) -> None:
    assert str(study.root) not in text
    assert "/somewhere/private" not in text


# --- true ---


def test_the_claims_table_repeats_compare(study: fabricated.Study, text: str) -> None:
    """Every verdict, and every number of ours, stands in the table as `compare` decided it."""
    verdicts = read_rows(study.root / "compare" / "verdicts.parquet", Verdict)
    for verdict in verdicts:
        (row,) = re.findall(
            rf'<tr class="[a-z-]+" id="claim-{verdict.claim}">.*?</tr>', text, re.DOTALL
        )
        looked_up = read_json(study.root / "compare" / "claims.json")[verdict.claim]["sources"]
        word = "borne out" if looked_up and verdict.verdict == "reproduced" else verdict.verdict
        assert f"</span> {word}</span>" in row
        if verdict.our_value is not None:
            assert f"{100 * verdict.our_value:.1f}%" in row
    assert text.count('id="claim-') == len(verdicts)


def test_what_others_published_is_not_said_to_be_reproduced(
    study: fabricated.Study, text: str
) -> None:
    """Verdicts that rest on published figures alone stand apart, with no cell for a measurement."""
    section = text[text.index('<section id="claims"') : text.index('<section id="scores"')]
    ours, looked_up = section.split("<h3>Checked against the published source</h3>")
    known = read_json(study.root / "compare" / "claims.json")
    for verdict in read_rows(study.root / "compare" / "verdicts.parquet", Verdict):
        (row,) = re.findall(
            rf'<tr class="[a-z-]+" id="claim-{verdict.claim}">.*?</tr>', section, re.DOTALL
        )
        assert (row in looked_up) == (
            verdict.verdict == "not tested" or bool(known[verdict.claim]["sources"])
        )
    assert "reproduced</span>" not in looked_up
    assert ">Measured<" not in looked_up
    assert "None: this run has no number that a claim is about." in ours


def test_what_the_run_measured_stays_with_the_run(root: Path, tmp_path: Path) -> None:
    names = ("smollm2-1.7b-instruct", "llama-3.2-1b-instruct")
    study = fabricated.build(
        tmp_path,
        {name: fabricated.facts(name) for name in names},
        categories=["Age"],
        dataset="bbq",
        templates=2,
    )
    text = words(root, study)
    ours, _ = text[text.index('<section id="claims"') :].split(
        "<h3>Checked against the published source</h3>"
    )
    assert 'id="claim-smollm-beats-llama"' in ours
    assert ">Measured<" in ours


def test_headlines_come_from_the_estimates(study: fabricated.Study) -> None:
    inputs = inputs_of(study)
    found = findings.findings(inputs, findings.check(inputs))
    assert 3 <= len(found) <= 6
    # The thinker loses nearly a third of its answers, so that all are ranked by right answers of
    # all asked.
    known = [
        inputs.estimate(model, "pocket", "all", "disambig", "accuracy", "wrong")
        for model in inputs.models
    ]
    best = max(
        (e for e in known if e is not None and e.value is not None), key=lambda e: e.value or 0.0
    )
    (shown,) = [f for f in found if f.anchor == "accuracy-disambig"]
    assert shown.big == f"{100 * (best.value or 0.0):.1f}%"
    assert f"{best.n:,}" in shown.detail
    assert "95% interval" in shown.detail
    read = inputs.estimate(best.model, "pocket", "all", "disambig", "accuracy", "drop")
    assert read is not None
    assert (
        f"{100 * (read.value or 0.0):.1f}% among those read, bounds {shown.big} to " in shown.detail
    )


def of_two(root: Path, folder: Path, **changes: Any) -> Inputs:
    """Models "one" and "two": right in 60% and 70% of what was asked, both contexts alike, nothing
    lost.

    The difference is beyond chance. `changes`: `lost` of two, then 63% right; and values of every
    difference.
    """
    models = {name: fabricated.facts(name, label=name.upper()) for name in ("one", "two")}
    study = fabricated.build(folder, models, dataset="bbq")
    make(root, study)
    inputs = inputs_of(study)
    lost = changes.pop("lost", 0.0)
    right = {"one": 0.6, "two": 0.7 if lost == 0.0 else 0.63}
    estimates = {}
    for key, found in inputs.estimates.items():
        share = lost if key[0] == "two" else 0.0
        value = {"unparsed": share, "unfinished": 0.0}.get(key[4], found.value)
        if key[4] == "accuracy":
            value = (
                right[key[0]] if key[5] == "wrong" or share == 1.0 else right[key[0]] / (1 - share)
            )
            found = replace(found, low=value - 0.05, high=value + 0.05)
        estimates[key] = replace(found, value=value)
    row = {
        "value": 0.1,
        "p_adjusted": 0.004,
        "value_asked": 0.1,
        "p_asked_adjusted": 0.004,
        "loss_decides": False,
    }
    differences = [replace(found, **row | changes) for found in inputs.differences]
    return replace(inputs, estimates=estimates, differences=differences)


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
    root: Path, tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    inputs = of_two(root, tmp_path, **changes)
    assert says in headline.answer(inputs, findings.check(inputs))


def test_an_unknown_loss_is_not_a_loss_of_nothing(root: Path, tmp_path: Path) -> None:
    """Where nobody knows how many answers a model lost, all are ranked by what was asked; bounds
    are unknown.
    """
    inputs = of_two(root, tmp_path)
    estimates = {
        key: found
        for key, found in inputs.estimates.items()
        if (key[0], key[4]) != ("one", "unparsed")
    }
    unknown = replace(inputs, estimates=estimates)
    assert not ranking.by_asked(inputs, "bbq")
    assert ranking.by_asked(unknown, "bbq")
    standing = ranking.standing(unknown, "one", "bbq", "both")
    assert standing is not None
    assert (standing.value, standing.least, standing.lost, standing.most) == (0.6, 0.6, None, None)


def test_a_baseline_leaves_pairs_uncompared_and_the_answer_says_so(
    root: Path, tmp_path: Path
) -> None:
    inputs = replace(of_two(root, tmp_path), differences=[])
    assert "This study takes differences from ONE only." in headline.answer(
        inputs, findings.check(inputs)
    )


def test_models_that_lost_most_of_their_answers_are_called_nothing(
    root: Path, tmp_path: Path
) -> None:
    inputs = of_two(root, tmp_path)
    lost = {
        key: replace(e, value=0.7) if key[4] == "unparsed" else e
        for key, e in inputs.estimates.items()
    }
    changed = replace(inputs, estimates=lost)
    says = (
        "No model can be called the best: of every model's answers most could not be read or were"
        " cut off"
    )
    assert says in headline.answer(changed, findings.check(changed))


def test_the_differences_table_says_where_lost_answers_decide_and_scores_differ_by_something_else(
    root: Path, tmp_path: Path
) -> None:
    inputs = of_two(root, tmp_path, loss_decides=True, value=0.04)
    rows = [row for row in compared.differences(inputs) if row["what"] == "Accuracy"]
    assert rows
    for row in rows:
        assert (
            row["note"] == "The lost answers decide. The displayed scores differ by +10.0 points."
        )
    plain = of_two(root, tmp_path / "again")
    assert {row["note"] for row in compared.differences(plain) if row["what"] == "Accuracy"} == {""}


@pytest.mark.parametrize(
    ("kind", "apart", "says"),
    [
        ("percent", 0.004, []),
        ("percent", 0.006, ["The displayed scores differ by +10.6 points."]),
        ("score", 0.008, []),
        ("score", 0.012, ["The displayed scores differ by +0.11."]),
        ("tokens", 9.0, []),
    ],
)
def test_what_a_reader_can_see_apart_is_said(kind: str, apart: float, says: list[str]) -> None:
    assert theme.paired_notes(False, 0.1, 0.1 + apart, kind) == says
    assert theme.paired_notes(True, 0.1, 0.1 + apart, kind) == ["The lost answers decide.", *says]
    assert theme.paired_notes(None, None, 0.1, kind) == []


def test_the_glance_shows_bounds_and_stands_in_order(root: Path, tmp_path: Path) -> None:
    rows = tables.glance(of_two(root, tmp_path, lost=0.06))
    assert [(row["model"], row["bounds"]) for row in rows] == [
        ("TWO", "63.0% to 69.0%"), ("TWO", "63.0% to 69.0%"), ("ONE", "60.0%"), ("ONE", "60.0%")
    ]  # fmt: skip
    (says,) = tables.order(of_two(root, tmp_path / "again", lost=0.06))
    assert says.startswith("Models stand in order by right answers of all that was asked")


@pytest.mark.parametrize(
    ("low", "says"),
    [
        (0.34, "no model is shown to be best: two and one within 5.0 points"),
        (
            0.33,
            (
                "No model is shown to do better than a guess among three options where the text"
                " gives the answer: the"
            ),
        ),
        (0.33, "highest accuracy is 40.0% (two, 95% interval 33.0% to 50.0%)."),
    ],
)
def test_nobody_answers_best_by_guessing(root: Path, tmp_path: Path, low: float, says: str) -> None:
    models = {name: fabricated.facts(name, label=name) for name in ("one", "two")}
    study = fabricated.build(tmp_path, models, dataset="bbq")
    make(root, study)
    inputs = inputs_of(study)
    estimates = {}
    for key, found in inputs.estimates.items():
        if key[4] == "accuracy":
            value = 0.4 if key[0] == "two" else 0.35
            found = replace(found, value=value, low=low - 0.4 + value, high=0.1 + value)
        estimates[key] = (
            replace(found, value=0.0) if key[4] in ("unparsed", "unfinished") else found
        )
    changed = replace(inputs, estimates=estimates)
    assert says in headline.answer(changed, findings.check(changed))


def test_a_pocket_study_says_what_it_is(text: str) -> None:
    assert "These are controls, not language models: this run checks the instrument." in text
    assert text.index('id="instrument"') < text.index('id="claims"')
    assert "Yes: the pipeline recovered 4 of 4 planted rates" in text


def test_a_rate_that_is_not_recovered_is_said_at_the_top(root: Path, tmp_path: Path) -> None:
    study = fabricated.build(tmp_path, fabricated.pocket_models(planted_wrong=True))
    text = words(root, study)
    assert (
        '<div class="banner bad" role="status">The pipeline did not recover a value that is known'
        " beforehand." in text
    )
    assert "No, not yet: the pipeline recovered 3 of 4 planted rates" in text
    assert text.index("banner bad") < text.index("<h1>")


def test_models_keep_the_order_of_the_study(study: fabricated.Study) -> None:
    """A spec is canonical JSON, its keys are sorted; the order is that of the estimates."""
    inputs = inputs_of(study)
    spec = dict(study.spec) | {"models": dict(sorted(study.spec["models"].items()))}
    assert list(spec["models"]) != list(study.spec["models"])
    assert replace(inputs, spec=spec).every == list(study.spec["models"])
    assert replace(inputs, spec=spec).models == list(study.spec["models"])[:4]


def test_missing_models_are_named(root: Path, tmp_path: Path) -> None:
    models = {name: fabricated.facts(name, label=name.upper()) for name in ("one", "two", "three")}
    study = fabricated.build(tmp_path, models, categories=["school"], templates=6, missing=["two"])
    text = words(root, study)
    assert "Not complete: this run has no results for TWO." in text
    assert "Of 2 models, " in text[text.index('class="answer"') :]


def test_one_model_alone(root: Path, tmp_path: Path) -> None:
    study = fabricated.build(
        tmp_path,
        {"m": fabricated.facts("m", label="Sole")},
        categories=["Age"],
        dataset="bbq",
        templates=6,
    )
    text = words(root, study)
    Page(text)
    assert "Sole was asked alone: " in text
    assert 'id="differences"' not in text
    assert "GPT-4o" in text


def test_no_results_at_all(root: Path, tmp_path: Path) -> None:
    study = fabricated.build(
        tmp_path, {"m": fabricated.facts("m")}, categories=["school"], templates=1, missing=["m"]
    )
    text = words(root, study)
    Page(text)
    assert "There is no result yet" in text


def test_controls_stand_in_their_own_table(page: Page, text: str) -> None:
    assert "Control: oracle" in text[text.index('id="instrument"') : text.index('id="claims"')]
    assert not [row for row in page.json("answers") if row["model"].startswith("Control")]


# --- examples and provenance ---


def test_the_sampling_rule_is_what_is_done(study: fabricated.Study) -> None:
    """At most `per_cell` of each cell, the lowest hashes first; the order of the scores does not
    matter.
    """
    scores = [row for path in study.scores for row in read_rows(path, Score)]
    drawn = examples.draw(scores, 2)
    assert drawn == examples.draw(list(reversed(scores)), 2)
    cells = Counter((s.model, s.task, s.category, s.context_condition, s.outcome) for _, s in drawn)
    sizes = Counter((s.model, s.task, s.category, s.context_condition, s.outcome) for s in scores)
    assert cells == {cell: min(2, size) for cell, size in sizes.items()}
    assert {s.item_id for _, s in examples.draw(scores, 1)} <= {s.item_id for _, s in drawn}


def test_examples_keep_to_their_room(study: fabricated.Study) -> None:
    found = examples.draw_examples(inputs_of(study), study.scores, folders_of(study), 20_000)
    assert 0 < sum(len(json.dumps(row)) for row in found.rows) <= 20_000
    assert "no room" in found.rule
    none = examples.draw_examples(inputs_of(study), study.scores, folders_of(study), 0)
    assert none.rows == []


def test_a_study_that_wants_no_examples_gets_none(study: fabricated.Study) -> None:
    inputs = replace(inputs_of(study), spec=dict(study.spec) | {"examples_per_cell": 0})
    found = examples.draw_examples(inputs, study.scores, folders_of(study), 1_000_000)
    assert found == examples.Examples([], "This study shows no examples (examples_per_cell: 0).")


def test_an_example_tells_how_it_was_read(page: Page) -> None:
    rows = page.json("answers")
    assert {row["outcome"] for row in rows} == {"right", "wrong", "not readable", "not finished"}
    right = next(row for row in rows if row["outcome"] == "right")
    assert right["read"] == right["right"]
    assert re.match(r"\([ABC]\) ", right["read"])
    cut = next(row for row in rows if row["outcome"] == "not finished")
    assert cut["read"] == "nothing"
    assert re.fullmatch(r"[0-9]+ tokens, cut off at the limit", cut["length"])


def both_ways(study: fabricated.Study, **changes: Any) -> Inputs:
    """The made-up study with a second task: the same estimates, as if its answers had been chosen
    by likelihood.
    """
    found = inputs_of(study)
    spec = dict(found.spec) | {
        "tasks": {"pocket": "pocket", "again": "pocket"},
        "answers": {"pocket": "generated", "again": "likelihood"},
        "wordings": {"pocket": "pocket", "again": "pocket"},
        "draws": {label: {"label": label, "count": 40} for label in ("pocket", "again")},
        "thinking": ["pocket-thinker"],
    }
    again = {
        (key[0], "again", *key[2:]): replace(e, task="again") for key, e in found.estimates.items()
    }
    return replace(found, spec=spec | changes, estimates=dict(found.estimates) | again)  # type: ignore[arg-type]


@pytest.mark.parametrize("turned", [False, True])
def test_two_ways_say_where_lost_answers_decide(study: fabricated.Study, turned: bool) -> None:
    labels, sign = (("pocket", "again"), -1) if turned else (("again", "pocket"), 1)
    row = ContrastRow(
        "pocket-fair",
        *labels,
        "ambig",
        "accuracy",
        "drop",
        sign * 0.1,
        None,
        None,
        0.01,
        40,
        40,
        4,
        4,
        "",
        None,
        paired=True,
        value_asked=-sign * 0.1,
        p_asked=0.01,
        loss_decides=True,
    )
    (table,) = ways.tables(replace(both_ways(study), contrasts=[row]))
    notes = {(r["model"], r["questions"], r["what"]): r["note"] for r in table["rows"]}
    says = "The lost answers decide. The displayed scores differ by +0.0 points."
    assert notes.pop(("Pocket, fair", "Ambiguous", "Accuracy")) == says
    assert set(notes.values()) == {""}


def test_the_two_contexts_have_a_table_of_their_own(study: fabricated.Study) -> None:
    inputs = inputs_of(study)
    sides = [
        inputs.estimate("pocket-tilted", "pocket", "all", c, "accuracy")
        for c in ("ambig", "disambig")
    ]
    shown = (sides[0].value or 0.0) - (sides[1].value or 0.0)  # type: ignore[union-attr]
    row = ContrastRow(
        "pocket-tilted",
        "pocket",
        "pocket",
        "ambig-disambig",
        "accuracy",
        "drop",
        shown,
        None,
        None,
        0.01,
        40,
        40,
        4,
        4,
        "",
        None,
        paired=True,
        n_questions_first=40,
        n_questions_second=40,
        loss_decides=False,
    )
    told = replace(inputs, contrasts=[row, replace(row, group="Village")])
    assert compared.contrasts(told) == []
    (found,) = compared.contexts(told)  # that of a group stands in contrasts.csv alone
    assert (found["model"], found["note"], found["n_questions"]) == (
        "Pocket, tilted",
        "",
        "40 and 40",
    )
    (other,) = compared.contexts(
        replace(inputs, contrasts=[replace(row, value=shown - 0.05, loss_decides=True)])
    )
    assert other["note"].startswith("The lost answers decide. The displayed scores differ by ")


@pytest.mark.parametrize("turned", [False, True])
def test_the_difference_is_by_likelihood_minus_generated_whichever_is_first(
    study: fabricated.Study, turned: bool
) -> None:
    labels, sign = (("pocket", "again"), -1) if turned else (("again", "pocket"), 1)
    low, high = sorted((sign * 0.05, sign * 0.17))
    row = ContrastRow(
        "pocket-fair",
        *labels,
        "ambig",
        "accuracy",
        "drop",
        sign * 0.1,
        low,
        high,
        0.01,
        40,
        40,
        4,
        4,
        "",
        None,
    )
    found = replace(both_ways(study), contrasts=[row])
    (table,) = ways.tables(found)
    rows = {(r["model"], r["questions"], r["what"]): r for r in table["rows"]}
    shown = rows["Pocket, fair", "Ambiguous", "Accuracy"]
    assert (shown["difference"], shown["p"]) == (("+10.0 points", "+5.0 to +17.0 points"), "0.01")
    assert shown["generated"] == shown["likelihood"]
    assert rows["Pocket, fair", "Disambiguated", "Accuracy"]["difference"] == ("no data", "")
    assert (
        compared.contrasts(found) == []
    )  # it is not shown a second time as a difference of subsets
    assert ways.notes(found)[0].endswith("without any thinking: Pocket, thinking aloud.")


def test_only_the_same_questions_are_set_side_by_side(study: fabricated.Study) -> None:
    assert ways.pairs(both_ways(study)) == [ways.Pair("pocket", "again")]
    other = {
        "draws": {
            "pocket": {"label": "pocket", "count": 40},
            "again": {"label": "again", "count": 20},
        }
    }
    assert ways.pairs(both_ways(study, **other)) == []
    assert ways.pairs(both_ways(study, wordings={"pocket": "pocket", "again": "letter"})) == []
    assert (
        ways.pairs(both_ways(study, answers={"pocket": "likelihood", "again": "likelihood"})) == []
    )
    assert ways.pairs(inputs_of(study)) == ways.limits(inputs_of(study)) == []


def two_wordings(study: fabricated.Study) -> Inputs:
    """The made-up study as if its questions had been asked in two wordings."""
    share = {"value": 0.25, "low": 0.2, "high": 0.3, "n": 1200}
    gone = {"value": None, "low": None, "high": None, "n": 0}
    less = {"value": -0.2, "low": -0.25, "high": -0.15, "p": 0.0, "n": 1200}
    rows = [
        {
            "model": "pocket-fair",
            "metric": "unparsed",
            "first": share,
            "second": share | {"value": 0.05},
        },
        {"model": "oracle", "metric": "unfinished", "first": gone, "second": gone},
    ]
    table = {
        "task": "pocket",
        "first": "pocket",
        "second": "again",
        "wordings": ["letter", "answer-line"],
        "said": ["fewer (<b>)"],
        "rows": [rows[0] | {"difference": less}, rows[1] | {"difference": None}],
    }
    return replace(inputs_of(study), unread_by_wording=[table])


def test_two_wordings_have_a_table_of_what_they_lose(study: fabricated.Study) -> None:
    (table,) = losses.tables(two_wordings(study))
    assert (table["title"], table["said"]) == ("", ["fewer (<b>)."])
    first, second = table["rows"]
    assert first == {
        "model": "Pocket, fair",
        "what": "Not readable",
        "first": ("25.0%", "20.0% to 30.0%"),
        "second": ("5.0%", "20.0% to 30.0%"),
        "difference": ("−20.0 points", "−25.0 to −15.0 points"),
        "p": "< 0.001",
        "n": "1,200",
    }
    assert (second["first"], second["difference"], second["p"]) == (
        ("no data", "no interval"), ("no data", ""), "no data"
    )  # fmt: skip
    drawn = examples.Examples([], "none")
    page = build.page(
        describe(two_wordings(study)) | {"planted": None, "figures": [], "examples": drawn}, []
    )
    assert "fewer (&lt;b&gt;)." in page
    assert '<section id="wordings"' in page
    assert '<section id="wordings"' not in build.page(
        describe(inputs_of(study)) | {"planted": None, "figures": [], "examples": drawn}, []
    )


def test_what_wordings_lose_stands_once_on_the_page(study: fabricated.Study) -> None:
    rows = [
        ContrastRow(
            "pocket-fair",
            "again",
            "pocket",
            "both",
            metric,
            "drop",
            0.1,
            0.0,
            0.2,
            0.01,
            40,
            40,
            4,
            4,
            "",
            None,
        )
        for metric in ("accuracy", "unparsed", "unfinished")
    ]
    both = replace(two_wordings(study), contrasts=rows)
    assert [row["what"] for row in compared.contrasts(both)] == ["Accuracy"]
    assert len(compared.contrasts(replace(both, unread_by_wording=()))) == 3


def test_a_study_of_controls_alone_answers_for_the_instrument(study: fabricated.Study) -> None:
    found = inputs_of(study)
    controls = {name: facts for name, facts in found.spec["models"].items() if facts["control"]}
    alone = replace(found, spec=dict(found.spec) | {"models": controls}, planted=[])
    assert (alone.models, alone.controls_alone, found.controls_alone) == ([], True, False)
    told = findings.check(alone)
    assert told.scores_known > 0
    said = (
        f"Yes: the pipeline recovered {told.scores_known} of {told.scores_known} scores that are"
        " known beforehand."
    )
    assert headline.answer(alone, told) == said
    assert "planted" not in said


def test_where_nothing_was_generated_nothing_is_said_to_be_cut_off(study: fabricated.Study) -> None:
    written = inputs_of(study)
    spec = dict(study.spec) | {
        "answers": {"pocket": "likelihood"},
        "wordings": {"pocket": "pocket"},
    }
    chosen = replace(written, spec=spec)
    captions = [
        next(one.caption for one in figures.make_figures(inputs) if one.id == "reading")
        for inputs in (written, chosen)
    ]
    assert captions[0].startswith("All questions. Not finished: no answer within")
    assert (
        captions[1]
        == "All questions. Not readable: two options were equally likely, or a log-likelihood was"
        " not finite."
    )
    lost = [
        next(
            one.detail
            for one in findings.findings(inputs, findings.check(inputs))
            if one.anchor == "reading"
        )
        for inputs in (written, chosen)
    ]
    assert lost[0].startswith("cut off ")
    assert lost[1].startswith("chosen by likelihood, of ")
    assert chosen.task_label("pocket") == "Pocket items, by likelihood"
    facts = dict(provenance.facts(chosen))
    assert facts["Answers, Pocket items, by likelihood"].startswith(
        "the option with the highest log-likelihood"
    )


def test_text_that_is_not_on_disk_is_said(study: fabricated.Study, tmp_path: Path) -> None:
    nowhere = examples.Folders(tmp_path, tmp_path, tmp_path)
    rows = examples.draw_examples(inputs_of(study), study.scores, nowhere, 1_000_000).rows
    assert {row["response"] for row in rows} == {"(the text is not on disk)"}


def test_long_answers_are_cut_and_say_so() -> None:
    cut = examples._cut("x" * 10_000)
    assert cut.startswith("x" * examples.LONGEST)
    assert cut.endswith("[4,000 more characters are in the samples file]")
    assert examples._cut("x" * examples.LONGEST) == "x" * examples.LONGEST


def test_revisions_and_hashes_are_shown(root: Path, tmp_path: Path) -> None:
    study = fabricated.build(
        tmp_path, {"m": fabricated.facts("m")}, categories=["school"], templates=1
    )
    text = words(root, study)
    assert "0123456789abcdef0123456789abcdef01234567" in text
    assert f"sha256 {'ab' * 32}" in text
    assert "c0ffee" in text


def test_commit_is_from_the_spec_or_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert provenance._commit({"commit": "abc", "dirty": True}) == ("abc", True)
    monkeypatch.setattr(provenance, "_git", lambda *_: None)
    assert provenance._commit({}) == ("unknown", False)


def test_tables_of_figures_agree_with_the_estimates(study: fabricated.Study, page: Page) -> None:
    """The CSV that a reader downloads holds the estimates in full precision."""
    inputs = inputs_of(study)
    (name,) = [
        a["data-csv"] for a in page.of("button") if a.get("data-file") == "accuracy-ambig.csv"
    ]
    rows = page.json("datasets")[name]
    assert len(rows) == 16
    for row in rows:
        model = next(m for m in inputs.models if inputs.label(m) == row["model"])
        estimate = inputs.estimate(model, "pocket", row["category"].lower(), "ambig", "accuracy")
        assert estimate is not None
        assert (row["value"], row["low"], row["n"]) == (estimate.value, estimate.low, estimate.n)


def test_missing_files_are_all_named(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_inputs(
            {}, tmp_path / "a", tmp_path / "c", tmp_path / "m", [tmp_path / "t" / "timings.json"]
        )
    assert len(caught.value.problems) == 12


def test_published_table_has_sources(root: Path, tmp_path: Path) -> None:
    study = fabricated.build(
        tmp_path, {"m": fabricated.facts("m")}, categories=["Age"], dataset="bbq", templates=1
    )
    text = words(root, study)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "compare" / "published.csv").read_text())))
    drawn = {row["model"] for row in rows if row["drawn"] == "yes" and row["category"] == "all"}
    section = text[text.index('aria-label="Published figures"') :]
    for model in drawn:
        assert f"<td>{model}</td>" in section


def test_partial_runs_say_so(root: Path, tmp_path: Path) -> None:
    study = fabricated.build(
        tmp_path, {"m": fabricated.facts("m")}, categories=["school"], templates=1
    )
    study.spec["partial"] = "1 of 3 seeds"
    assert "A partial run: 1 of 3 seeds." in words(root, study)


def test_timings_of_a_failed_model_are_absent(root: Path, tmp_path: Path) -> None:
    study = fabricated.build(
        tmp_path,
        {"m": fabricated.facts("m"), "n": fabricated.facts("n")},
        categories=["school"],
        templates=1,
    )
    path = tmp_path / "generate" / "n" / "timings.json"
    write_json(path, read_json(path) | {"tokens_per_second": None, "peak_rss_mib": None})
    text = words(root, study)
    assert ">no data</td>" in text[text.index('id="run"') :]
