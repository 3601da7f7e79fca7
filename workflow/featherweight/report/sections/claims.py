"""What the articles claim, each with its verdict: contradicted first, not tested last.

A verdict that rests on figures of others alone says so (`published`): nothing was reproduced, it
was looked up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from featherweight.records import Citation, Verdict, VerdictDetails
from featherweight.report import theme
from featherweight.report.inputs import Inputs
from featherweight.report.parts import Section
from featherweight.tasks.words import Form

SYMBOLS = {
    "contradicted": "\N{BALLOT X}",
    "partly": "\N{ALMOST EQUAL TO}",
    "reproduced": "\N{CHECK MARK}",
    "seen elsewhere": "\N{RIGHTWARDS ARROW}",
    "not tested": "\N{EN DASH}",
}  # in the order of the page
FORMS: Mapping[str, Form] = {
    "score": "score",
    "tokens": "tokens",
}  # of a claim's unit; else percent
TALLIED = ("contradicted", "partly", "reproduced", "borne out", "seen elsewhere")


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim as a reader sees it; None: there is nothing to show."""

    id: str
    article: str
    link: str | None
    text: str
    stated: str | None
    measured: str | None
    interval: str | None
    published: bool
    word: str
    symbol: str
    css: str
    why: str
    note: str | None
    rule: str
    sources: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class Tally:
    """How many claims share a verdict."""

    count: int
    word: str
    css: str


@dataclass(frozen=True, slots=True)
class Claims:
    """All claims, by what decided them."""

    measured: tuple[Claim, ...]
    published: tuple[Claim, ...]
    untested: tuple[Claim, ...]
    tally_measured: tuple[Tally, ...]
    tally_published: tuple[Tally, ...]


def section(inputs: Inputs) -> Section:
    """The section of the articles' claims."""
    shown = claims(inputs)
    tested = [row for row in shown if row.css != "not-tested"]
    ours = tuple(row for row in tested if not row.published)
    theirs = tuple(row for row in tested if row.published)
    untested = tuple(row for row in shown if row.css == "not-tested")
    data = Claims(ours, theirs, untested, _tally(ours), _tally(theirs))
    return Section("claims", "sections/claims.html.j2", "The articles' claims", data)


def claims(inputs: Inputs) -> list[Claim]:
    """Every claim with its verdict, in the order of the verdicts."""
    order = list(SYMBOLS)
    rows = sorted(inputs.verdicts, key=lambda row: order.index(row.verdict))
    return [_claim(row, inputs.claims[row.claim]) for row in rows]


def _claim(verdict: Verdict, details: VerdictDetails) -> Claim:
    form: Form = FORMS.get(details.unit, "percent")
    looked_up = bool(details.sources)
    value, low, high = verdict.our_value, verdict.our_low, verdict.our_high
    bounded = low is not None and high is not None and form != "tokens"
    return Claim(
        id=verdict.claim,
        article=verdict.article,
        link=details.link,
        text=verdict.text,
        stated=verdict.article_value,
        measured=None if value is None else theme.number(value, form),
        interval=theme.interval(low, high, form) if bounded else None,
        published=looked_up,
        word=("borne out" if looked_up and verdict.verdict == "reproduced" else verdict.verdict),
        symbol=SYMBOLS[verdict.verdict],
        css=verdict.verdict.replace(" ", "-"),
        why=verdict.why,
        note=verdict.note,
        rule=verdict.rule,
        sources=details.sources,
    )


def _tally(rows: tuple[Claim, ...]) -> tuple[Tally, ...]:
    counts = Counter((row.word, row.css) for row in rows)
    return tuple(
        Tally(count, word, css)
        for shown in TALLIED
        for (word, css), count in counts.items()
        if word == shown
    )
