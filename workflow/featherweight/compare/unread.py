"""What a wording loses: unread answers to the same questions, asked in two wordings. No I/O.

One real table of unread.json, shortened; the difference is `second` minus `first`, paired by
question, clustered by template:

    WordingLosses(task="pocket", first="pocket-letter", second="pocket-answer-line",
                  wordings=("letter", "answer-line"), said=("Answers that could not be read: ...",),
                  rows=(WordingLoss(model="hesitant", metric="unparsed", first=Share(0.273, ...),
                                    second=Share(0.039, ...),
                                    difference=ShareDifference(-0.234, -0.258, -0.210, 0.0, 1200)),
                        ...))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from featherweight.records import (
    ALL,
    Estimate,
    Share,
    ShareDifference,
    WordingLoss,
    WordingLosses,
)
from featherweight.results import Results
from featherweight.specs import StudiedTask

METRICS: Mapping[str, str] = {
    "unparsed": "Answers that could not be read",
    "unfinished": "Answers that were cut off",
}


def losses_by_wording(results: Results) -> list[WordingLosses]:
    """One table for each two task entries that ask the same questions in two wordings."""
    tables = []
    for first, second in results.spec.wording_pairs:
        entries = (results.spec.tasks[first], results.spec.tasks[second])
        wordings = (_called(entries[0]), _called(entries[1]))
        rows = [
            row
            for model in results.every
            if _differ(model, *entries)
            for metric in METRICS
            if (row := _row(results, model, metric, first, second)) is not None
        ]
        said = [_said(results, rows, metric, wordings) for metric in METRICS]
        tables.append(
            WordingLosses(
                task=entries[0].task,
                first=first,
                second=second,
                wordings=wordings,
                said=tuple(line for line in said if line is not None),
                rows=tuple(rows),
            )
        )
    return tables


def _called(entry: StudiedTask) -> str:
    """What a table calls the wording of an entry."""
    return "each model's own wording" if entry.wording is None else entry.wording


def _differ(model: str, first: StudiedTask, second: StudiedTask) -> bool:
    """Whether both entries ask a model, in two wordings."""
    both = model in first.models and model in second.models
    return both and first.wording_of(model) != second.wording_of(model)


def _row(results: Results, model: str, metric: str, first: str, second: str) -> WordingLoss | None:
    """Both shares of one model and their paired difference; None where one was not asked."""
    one = results.estimate(model, first, ALL, ALL, metric)
    other = results.estimate(model, second, ALL, ALL, metric)
    if one is None or other is None:
        return None
    row = results.contrast(model, second, first, metric)
    difference = None
    if row is not None and row.paired and row.value is not None:
        difference = ShareDifference(row.value, row.low, row.high, row.p, row.n_first)
    return WordingLoss(model, metric, _share(one), _share(other), difference)


def _share(estimate: Estimate) -> Share:
    return Share(estimate.value, estimate.low, estimate.high, estimate.n)


def _said(
    results: Results, rows: Sequence[WordingLoss], metric: str, wordings: tuple[str, str]
) -> str | None:
    """Which wording loses fewer answers, model by model, beyond chance; None without any row."""
    named: dict[str, list[str]] = {}
    for row in rows:
        if row.metric == metric:
            named.setdefault(_direction(row), []).append(results.label(row.model))
    words = {
        "fewer": f"fewer in {wordings[1]} than in {wordings[0]}",
        "more": f"more in {wordings[1]} than in {wordings[0]}",
        "open": "no difference is shown",
        "none": "none in either wording",
    }
    parts = [f"{words[key]} ({', '.join(named[key])})" for key in words if key in named]
    return f"{METRICS[metric]}: {'; '.join(parts)}" if parts else None


def _direction(row: WordingLoss) -> str:
    """Beyond chance where the interval leaves out 0."""
    if row.first.value == row.second.value == 0.0:
        return "none"
    apart = row.difference
    if apart is None or apart.low is None or apart.high is None or apart.low <= 0.0 <= apart.high:
        return "open"
    return "fewer" if apart.high < 0.0 else "more"


def lines(results: Results, tables: Sequence[WordingLosses]) -> list[str]:
    """The tables as lines for the terminal: the sentences, then one line per model and loss."""
    told = []
    for one in tables:
        told += [f"{one.second} against {one.first}: {line}" for line in one.said]
        for row in one.rows:
            first, second = one.wordings
            told.append(
                f"  {results.label(row.model)}, {row.metric}: {first} {_percent(row.first)},"
                f" {second} {_percent(row.second)}; {_points(row.difference)}"
            )
    return told


def _percent(share: Share) -> str:
    if share.value is None:
        return "no data"
    if share.low is None or share.high is None:
        return f"{share.value:.1%} (no interval)"
    return f"{share.value:.1%} ({share.low:.1%} to {share.high:.1%})"


def _points(apart: ShareDifference | None) -> str:
    if apart is None:
        return "no paired difference"
    bounds = "no interval"
    if apart.low is not None and apart.high is not None:
        bounds = f"{100 * apart.low:+.1f} to {100 * apart.high:+.1f}"
    return f"{100 * apart.value:+.1f} points ({bounds}), {apart.n:,} pairs"
