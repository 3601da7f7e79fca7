"""How a verdict came about: the claim, its rule, every number that was looked up.

    python -m featherweight compare --explain llama-race --study smol-but-mighty

Reads results/<study>/compare/{verdicts.parquet,claims.json}: what is told is what decided, not a
second computation.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

from featherweight.errors import InputError
from featherweight.files import read_json, read_rows
from featherweight.records import Citation, Verdict, VerdictDetails
from featherweight.study.load import nearest

WIDTH = 100


def explained(claim: str, results: Path, study: str | None) -> str:
    """The explanation as lines of text. InputError: no verdicts, or an unknown claim."""
    folder = _folder(results, study)
    try:
        verdicts = {
            verdict.claim: verdict for verdict in read_rows(folder / "verdicts.parquet", Verdict)
        }
    except ValueError as error:
        raise InputError(str(error)) from error
    if claim not in verdicts:
        raise InputError(f"--explain: no claim {claim!r}; {nearest(claim, verdicts)}")
    try:
        known = read_json(folder / "claims.json")[claim]
        cited = [Citation(**source) for source in known["sources"]]
        details = VerdictDetails(**known | {"sources": tuple(cited)})
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{folder / 'claims.json'}: comes from another version; run the study again"
        ) from error
    return _lines(verdicts[claim], details)


def _folder(results: Path, study: str | None) -> Path:
    """The verdicts' folder of the study, or of the only study that there is."""
    finished = sorted(
        path.parent.parent.name for path in results.glob("*/compare/verdicts.parquet")
    )
    if not finished:
        raise InputError(
            f"{results}: expected a study with verdicts, found none; run snakemake --cores all"
            " first"
        )
    if study is None:
        if len(finished) > 1:
            raise InputError(f"--study: expected one of {', '.join(finished)}, got nothing")
        study = finished[0]
    if study not in finished:
        raise InputError(
            f"--study: no verdicts of {study!r} below {results}; {nearest(study, finished)}"
        )
    return results / study / "compare"


def _lines(verdict: Verdict, details: VerdictDetails) -> str:
    value = "" if verdict.article_value is None else f" ({verdict.article_value})"
    paragraphs = [
        ("claim", f"{verdict.claim}: {verdict.text}"),
        ("stated by", f"{verdict.article}{value}"),
        ("rule", verdict.rule),
        *(("looked up" if number == 0 else "", step) for number, step in enumerate(details.steps)),
        ("verdict", f"{verdict.verdict}. {verdict.why}"),
        *([("note", verdict.note)] if verdict.note is not None else []),
        *(("source", source.title) for source in details.sources),
    ]
    return "".join(_paragraph(head, text) for head, text in paragraphs)


def _paragraph(head: str, text: str) -> str:
    lines = textwrap.wrap(text, WIDTH - 11, break_long_words=False, break_on_hyphens=False)
    return "".join(
        f"{head if number == 0 else '':<10} {line}\n" for number, line in enumerate(lines)
    )
