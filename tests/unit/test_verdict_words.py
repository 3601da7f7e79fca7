"""Every word that a verdict can be has its sign, its place and its count on the page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from featherweight.records import Verdict, VerdictDetails, VerdictWord
from featherweight.records.found import Citation
from featherweight.report.sections.claims import SYMBOLS, TALLIED, _claim, _tally

SECTIONS = Path(__file__).parents[2] / "workflow" / "featherweight" / "report" / "sections"
WORDS = get_args(VerdictWord)
VERDICT = Verdict("c", "article", "text", None, 0.5, 0.4, 0.6, "partly", "rule", "why", "note")
DETAILS = VerdictDetails(None, "topic", "percent", "note", (), ())
LOOKED_UP = replace(DETAILS, sources=(Citation("A paper", None),))


def test_every_word_has_a_sign_and_a_place() -> None:
    assert set(SYMBOLS) == set(WORDS)
    assert len(set(SYMBOLS.values())) == len(WORDS)
    assert [*SYMBOLS][-1] == "not tested"


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("details", [DETAILS, LOOKED_UP], ids=["measured", "looked up"])
def test_every_word_is_counted(word: VerdictWord, details: VerdictDetails) -> None:
    """What was tested is in the tally; what was not has a heading with its number."""
    shown = _claim(replace(VERDICT, verdict=word), details)
    told = [(one.count, one.word) for one in _tally((shown, shown))]
    if word == "not tested":
        assert told == []
    elif word == "reproduced" and details is LOOKED_UP:
        assert told == [(2, "borne out")]
    else:
        assert told == [(2, word)]
    assert {one for _, one in told} <= set(TALLIED)


def test_the_page_says_what_seen_elsewhere_means() -> None:
    page = (SECTIONS / "claims.html.j2").read_text(encoding="utf-8")
    assert "<em>Seen elsewhere</em>: the study" in page
