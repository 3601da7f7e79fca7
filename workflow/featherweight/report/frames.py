"""The small table behind each figure: one row per mark, numbers with interval, answers, questions
and unread share.

One real row of `scores(...)`:

    model="Pocket, tilted" category="Village" value=0.71 low=0.64 high=0.77 shown="71.0%"
        interval="64.0% to 77.0%"
    n=148 n_questions=50 asked=150 templates=12 unread=0.013
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from featherweight.records import Estimate
from featherweight.report import theme
from featherweight.report.inputs import Inputs
from featherweight.report.theme import points

Row = dict[str, Any]


def _row(estimate: Estimate | None, kind: str) -> Row:
    """What a mark shows of one estimate; every number null where there is none."""
    if estimate is None:
        empty = dict.fromkeys(("value", "low", "high", "n", "n_questions", "asked", "templates"))
        return empty | {"shown": "no data", "interval": "no interval"}
    return {
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "shown": theme.number(estimate.value, kind),
        "interval": theme.interval(estimate.low, estimate.high, kind),
        "n": estimate.n,
        "n_questions": estimate.n_questions,
        "asked": estimate.n_items,
        "templates": estimate.n_clusters,
    }


def frame(rows: Iterable[Row]) -> pd.DataFrame:
    """Rows as a table in which an unknown is null and a count stays a whole number."""
    table = pd.DataFrame(list(rows))
    for name in ("n", "n_questions", "n accuracy", "asked", "templates"):
        if name in table:
            table[name] = table[name].astype("Int64")
    for name in ("value", "low", "high", "unread"):
        if name in table:
            table[name] = table[name].astype("float64")
    return table


def scores(inputs: Inputs, task: str, condition: str, metric: str) -> pd.DataFrame:
    """One score per model and category."""
    rows = []
    for group in inputs.groups(task):
        for model in inputs.models:
            estimate = inputs.estimate(model, task, group, condition, metric)
            rows.append(
                {"model": inputs.label(model), "category": theme.group_label(group)}
                | _row(estimate, theme.form(metric))
                | {"unread": inputs.unread(model, task, group, condition)}
            )
    return frame(rows)


def published_by_category(inputs: Inputs, task: str, condition: str) -> pd.DataFrame:
    """Published accuracies of single categories that are marked to be drawn."""
    asked = set(inputs.groups(task))
    rows = [
        {
            "model": row["model"],
            "category": theme.group_label(row["category"]),
            "value": float(row["fraction"]),
            "shown": theme.percent(float(row["fraction"])),
            "source": f"{row['title']}, {row['locator']}",
        }
        for row in _drawn(inputs, task, condition)
        if row["category"] in asked and row["comparable"] == "yes"
    ]
    return pd.DataFrame(rows, columns=["model", "category", "value", "shown", "source"])


def _drawn(inputs: Inputs, task: str, condition: str) -> list[Mapping[str, str]]:
    return [
        row
        for row in inputs.published
        if row["task"] == task
        and row["drawn"] == "yes"
        and row["metric"] == "accuracy"
        and row["condition"] == condition
        and row["fraction"]
    ]


def pairs(inputs: Inputs, task: str) -> pd.DataFrame:
    """Ambiguous and disambiguated accuracy of every model, ours and published: always the pair,
    never one alone.
    """
    rows: list[Row] = []
    for model in inputs.models:
        for condition in ("ambig", "disambig"):
            estimate = inputs.estimate(model, task, "all", condition, "accuracy")
            rows.append(
                {
                    "model": inputs.label(model),
                    "whose": "This run",
                    "questions": theme.CONDITIONS[condition],
                }
                | _row(estimate, "percent")
                | {
                    "source": "this run",
                    "unread shown": theme.percent(inputs.unread(model, task, "all", condition)),
                }
            )
    for condition in ("ambig", "disambig"):
        for row in _drawn(inputs, task, condition):
            if row["category"] == "all":
                value = float(row["fraction"])
                rows.append(
                    {
                        "model": _once(row["model"], inputs),
                        "whose": "Published",
                        "questions": theme.CONDITIONS[condition],
                    }
                    | _row(None, "percent")
                    | {
                        "value": value,
                        "shown": theme.percent(value),
                        "source": f"{row['title']}, {row['locator']}",
                    }
                    | {"unread shown": "not published"}
                )
    return frame(rows)


def _once(model: str, inputs: Inputs) -> str:
    """A published model's name, marked where one of ours has the same."""
    return (
        f"{model} (published)" if model in {inputs.label(name) for name in inputs.models} else model
    )


def planted(inputs: Inputs) -> pd.DataFrame:
    """Planted against measured stereotype rates; `drawn_at` sets points with the same planted rate
    side by side.
    """
    rows: list[Row] = []
    shared: dict[tuple[str, float], int] = {}
    for entry in inputs.planted:
        if entry["metric"] != "stereotyped":
            continue
        place = shared.setdefault((entry["task"], entry["expected"]), 0)
        shared[(entry["task"], entry["expected"])] += 1
        rows.append(
            {
                "model": inputs.label(entry["model"]),
                "task": inputs.task_label(entry["task"]),
                "planted": entry["expected"],
                "drawn_at": entry["expected"] + 0.018 * place,
                "value": entry["value"],
                "low": entry["low"],
                "high": entry["high"],
                "shown": theme.percent(entry["value"]),
                "interval": theme.interval(entry["low"], entry["high"], "percent"),
                "n": entry["n"],
                "n_questions": entry["n_questions"],
                "noticed": (
                    "no data"
                    if entry["detectable"] is None
                    else points(entry["detectable"]).lstrip("+")
                ),
                "unread shown": theme.percent(
                    inputs.unread(entry["model"], entry["task"], "all", "ambig")
                ),
                "recovered": {True: "yes", False: "no", None: "no data"}[entry["inside"]],
            }
        )
    return frame(rows)


def reading(inputs: Inputs, task: str) -> pd.DataFrame:
    """What became of each model's answers: read, not readable, not finished."""
    rows: list[Row] = []
    for model in inputs.models:
        found = {
            m: inputs.estimate(model, task, "all", "both", m) for m in ("unparsed", "unfinished")
        }
        unread = inputs.unread(model, task, "all", "both")
        for part, metric in (
            ("read", None),
            ("not readable", "unparsed"),
            ("not finished", "unfinished"),
        ):
            estimate = found[metric] if metric else None
            value = None if unread is None else 1 - unread
            cell = (
                _row(estimate, "percent")
                if metric
                else {"value": value, "shown": theme.percent(value)}
            )
            asked = next((e.n_items for e in found.values() if e is not None), None)
            rows.append(
                {"model": inputs.label(model), "answers": part, "low": None, "high": None}
                | cell
                | {"asked": asked}
            )
    return frame(rows)[["model", "answers", "value", "shown", "low", "high", "asked"]]


def policies(inputs: Inputs, task: str, condition: str) -> pd.DataFrame:
    """The bias score of each model under every policy for unread answers and under the definitions
    of other tools.
    """
    metric = theme.BIAS_METRIC[condition]
    rows: list[Row] = []
    for model in inputs.models:
        for policy, words in theme.POLICIES.items():
            estimate = inputs.estimate(model, task, "all", condition, metric, policy)
            accuracy = inputs.estimate(model, task, "all", condition, "accuracy", policy)
            rows.append(
                {"model": inputs.label(model), "rule": words}
                | _row(estimate, "score")
                | {"accuracy": theme.percent(accuracy.value if accuracy else None)}
                | {"unread shown": theme.percent(inputs.unread(model, task, "all", condition))}
            )
    return frame(rows)


def positions(inputs: Inputs, task: str) -> pd.DataFrame:
    """How often each letter is chosen beside how often it is right."""
    rows: list[Row] = []
    for model in inputs.models:
        for row in sorted(
            (p for p in inputs.positions if (p.model, p.task) == (model, task)),
            key=lambda p: p.position,
        ):
            chosen = row.n_chosen / row.n if row.n else None
            gold = row.n_gold / row.n if row.n else None
            rows.append(
                {
                    "model": inputs.label(model),
                    "letter": "ABCDEFGHIJ"[row.position],
                    "value": chosen,
                    "shown": theme.percent(chosen),
                    "right here": gold,
                    "right here, shown": theme.percent(gold),
                    "accuracy": theme.percent(row.accuracy),
                    "interval": theme.interval(row.low, row.high, "percent"),
                    "n": row.n,
                    "n_questions": row.n_questions,
                    "n accuracy": row.n_accuracy,
                    "unread shown": theme.percent(inputs.unread(model, task, "all", "both")),
                }
            )
    return frame(rows)


def categories_in_order(table: pd.DataFrame) -> Sequence[str]:
    """Categories in the order in which the table names them."""
    return list(dict.fromkeys(table["category"]))
