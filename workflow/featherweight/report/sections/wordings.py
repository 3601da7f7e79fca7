"""What two wordings of the same questions lose, as `compare` found it (unread.json), written for
the page.

One real row:

    {"model": "Control: hesitant", "what": "Not readable", "first": ("27.3%", "24.8% to 30.0%"),
     "second": ("3.9%", "3.0% to 5.1%"), "difference": ("−23.4 points", "−25.8 to −21.0 points"),
     "p": "< 0.001", "n": "1,200"}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from featherweight.report import theme
from featherweight.report.inputs import Inputs

Row = dict[str, Any]


def tables(inputs: Inputs) -> list[Row]:
    """One table per pair of wordings: its title (empty where there is one alone), its sentences and
    its rows.
    """
    several = len(inputs.unread_by_wording) > 1
    return [
        {
            "title": (
                f"{inputs.task_label(one['first'])} and {inputs.task_label(one['second'])}"
                if several
                else ""
            ),
            "wordings": one["wordings"],
            "said": [f"{line}." for line in one["said"]],
            "rows": [_row(inputs, row) for row in one["rows"]],
        }
        for one in inputs.unread_by_wording
    ]


def pairs(inputs: Inputs) -> list[frozenset[str]]:
    """The labels of each pair, in no order."""
    return [frozenset((one["first"], one["second"])) for one in inputs.unread_by_wording]


def _row(inputs: Inputs, row: Mapping[str, Any]) -> Row:
    found = row["difference"]
    return {
        "model": inputs.label(row["model"]),
        "what": theme.METRICS[row["metric"]],
        "first": _share(row["first"]),
        "second": _share(row["second"]),
        "difference": (
            ("no data", "") if found is None else (theme.points(found["value"]), _bounds(found))
        ),
        "p": theme.p_value(None if found is None else found["p"]),
        "n": f"{row['first']['n']:,}",
    }


def _share(share: Mapping[str, Any]) -> tuple[str, str]:
    return theme.percent(share["value"]), theme.interval(share["low"], share["high"], "percent")


def _bounds(found: Mapping[str, Any]) -> str:
    if found["low"] is None or found["high"] is None:
        return "no interval"
    return f"{theme.points(found['low']).removesuffix(' points')} to {theme.points(found['high'])}"
