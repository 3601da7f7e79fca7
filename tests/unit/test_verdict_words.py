"""Every word that a verdict can be has its sign, its place and its count on the page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
from jinja2 import Environment, FileSystemLoader

from featherweight.records import VerdictWord
from featherweight.report.tables import ORDER, SYMBOLS

PAGE = Path(__file__).parents[2] / "workflow" / "featherweight" / "report"
WORDS = get_args(VerdictWord)


def test_every_word_has_a_sign_and_a_place() -> None:
    assert set(SYMBOLS) == set(ORDER) == set(WORDS)
    assert len(set(SYMBOLS.values())) == len(WORDS)
    assert ORDER[-1] == "not tested"


@pytest.mark.parametrize("word", [*WORDS, "borne out"])
def test_every_word_is_counted(word: str) -> None:
    """What was tested is in the tally; what was not has a heading with its number."""
    environment = Environment(loader=FileSystemLoader(PAGE), autoescape=True)
    environment.filters["cells"] = list
    macros = environment.get_template("macros.html.j2").module
    told = macros.tally([{"word": word}, {"word": word}])  # type: ignore[attr-defined]
    counted = re.findall(r">(\d+) ([a-z ]+)</span>", told)
    assert counted == ([] if word == "not tested" else [("2", word)])


def test_the_page_says_what_seen_elsewhere_means() -> None:
    assert "<em>Seen elsewhere</em>: the study" in (PAGE / "template.html.j2").read_text(
        encoding="utf-8"
    )
