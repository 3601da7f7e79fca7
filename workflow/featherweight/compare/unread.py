"""What a wording loses: unread answers to the same questions, asked in two wordings. No I/O.

One real table of unread.json, shortened to one row and one number of each share; the difference is
`second` minus `first`, paired by question, clustered by template:

    {"task": "pocket", "first": "pocket-letter", "second": "pocket-answer-line",
     "wordings": ["letter", "answer-line"], "said": ["Answers that could not be read: ..."],
     "rows": [{"model": "hesitant", "metric": "unparsed",
               "first": {"value": 0.273, ...}, "second": {"value": 0.039, ...},
               "difference": {"value": -0.234, "low": -0.258, "high": -0.210, "p": 0.0, "n":
               1200}}]}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from featherweight.compare.evidence import Evidence
from featherweight.records import ContrastRow, Estimate

METRICS: Mapping[str, str] = {
    "unparsed": "Answers that could not be read",
    "unfinished": "Answers that were cut off",
}

Row = dict[str, Any]


def by_wording(evidence: Evidence) -> list[dict[str, Any]]:
    """One table for each two task entries that ask the same questions in two wordings."""
    tables = []
    for first, second in evidence.spec["wording_pairs"]:
        wordings = [evidence.spec["wordings"][label] for label in (first, second)]
        rows = [
            row
            for model in evidence.models
            for metric in METRICS
            if (row := _row(evidence, model, metric, first, second)) is not None
        ]
        tables.append(
            {
                "task": evidence.spec["tasks"][first],
                "first": first,
                "second": second,
                "wordings": wordings,
                "rows": rows,
                "said": [
                    line for metric in METRICS if (line := _said(evidence, rows, metric, wordings))
                ],
            }
        )
    return tables


def _row(evidence: Evidence, model: str, metric: str, first: str, second: str) -> Row | None:
    """Both shares of one model and their paired difference; None where one was not asked."""
    shares = [
        evidence.estimate(
            model=model, task=task, group="all", condition="both", metric=metric, policy=None
        )
        for task in (first, second)
    ]
    if shares[0] is None or shares[1] is None:
        return None
    return {
        "model": model,
        "metric": metric,
        "first": _share(shares[0]),
        "second": _share(shares[1]),
        "difference": _difference(evidence.contrasts, model, metric, first, second),
    }


def _share(found: Estimate) -> Row:
    return {"value": found.value, "low": found.low, "high": found.high, "n": found.n}


def _difference(
    rows: Sequence[ContrastRow], model: str, metric: str, first: str, second: str
) -> Row | None:
    """Second minus first, whichever way round it was estimated; None where it was not, or was not
    paired.
    """
    for row in rows:
        if (row.model, row.context_condition, row.metric) != (
            model,
            "both",
            metric,
        ) or not row.paired:
            continue
        if row.value is not None and {row.first, row.second} == {first, second}:
            bounds = (row.low, row.high)
            if row.first == first:  # 0.0 - x makes 0.0 of 0.0; -x would make -0.0
                bounds = (_turned(row.high), _turned(row.low))
            value = row.value if row.first == second else _turned(row.value)
            return {
                "value": value,
                "low": bounds[0],
                "high": bounds[1],
                "p": row.p,
                "n": row.n_first,
            }
    return None


def _turned(value: float | None) -> float | None:
    return None if value is None else 0.0 - value


def _said(evidence: Evidence, rows: Sequence[Row], metric: str, wordings: Sequence[str]) -> str:
    """Which wording loses fewer answers, model by model; beyond chance where the interval leaves
    out 0.
    """
    named: dict[str, list[str]] = {}
    for row in rows:
        if row["metric"] == metric:
            named.setdefault(_direction(row), []).append(evidence.label(row["model"]))
    words = {
        "fewer": f"fewer in {wordings[1]} than in {wordings[0]}",
        "more": f"more in {wordings[1]} than in {wordings[0]}",
        "open": "no difference is shown",
        "none": "none in either wording",
    }
    parts = [f"{words[key]} ({', '.join(named[key])})" for key in words if key in named]
    return f"{METRICS[metric]}: {'; '.join(parts)}" if parts else ""


def _direction(row: Row) -> str:
    if row["first"]["value"] == row["second"]["value"] == 0.0:
        return "none"
    found = row["difference"]
    if (
        found is None
        or found["low"] is None
        or found["high"] is None
        or found["low"] <= 0.0 <= found["high"]
    ):
        return "open"
    return "fewer" if found["high"] < 0.0 else "more"


def lines(evidence: Evidence, tables: Sequence[Mapping[str, Any]]) -> list[str]:
    """The tables as lines for the terminal: what is said, then one line per model and kind of
    loss."""
    found = []
    for one in tables:
        found += [f"{one['second']} against {one['first']}: {line}" for line in one["said"]]
        for row in one["rows"]:
            told = [
                f"{name} {_percent(row[side])}"
                for name, side in zip(one["wordings"], _SIDES, strict=True)
            ]
            found.append(
                f"  {evidence.label(row['model'])}, {row['metric']}: {', '.join(told)};"
                f" {_points(row['difference'])}"
            )
    return found


_SIDES = ("first", "second")


def _percent(share: Row) -> str:
    if share["value"] is None:
        return "no data"
    if share["low"] is None or share["high"] is None:
        return f"{share['value']:.1%} (no interval)"
    return f"{share['value']:.1%} ({share['low']:.1%} to {share['high']:.1%})"


def _points(found: Row | None) -> str:
    if found is None:
        return "no paired difference"
    bounds = "no interval"
    if found["low"] is not None and found["high"] is not None:
        bounds = f"{100 * found['low']:+.1f} to {100 * found['high']:+.1f}"
    return f"{100 * found['value']:+.1f} points ({bounds}), {found['n']:,} pairs"
