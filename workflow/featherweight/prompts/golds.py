"""Checks that the right answers of a task's items can be graded, before anybody is asked.

Reads the items that `draw` wrote; writes a small document that says how many were checked. A step
of its own, so that editing a rule of grading draws and renders nothing again; `generate` then
reads its store and loads no model. One real document:

    {"label": "math500", "golds": 500}
"""

from __future__ import annotations

from pathlib import Path

from featherweight.errors import InputError
from featherweight.files import read_rows, write_json
from featherweight.grading import unreadable
from featherweight.records import Item
from featherweight.specs import DrawSpec
from featherweight.tasks import task

_MOST_PROBLEMS = 20


def run(spec: DrawSpec, items: Path, output: Path) -> None:
    """Grade every right answer against itself.

    Raises InputError with a line for each that its task's grader cannot read.
    """
    golds = {
        item.item_id: item.gold
        for category, item_seed in spec.draws
        for item in read_rows(items / spec.label / category / f"{item_seed}.parquet", Item)
    }
    kind = task(spec.task).grading
    if kind is not None:
        problems = [f"task {spec.label}: {one}" for one in unreadable(kind, [*golds.items()], None)]
        more = len(problems) - _MOST_PROBLEMS
        if problems:
            raise InputError(
                problems[:_MOST_PROBLEMS] + ([f"and {more} more like these"] if more > 0 else [])
            )
    write_json(output, {"label": spec.label, "golds": len(golds)})
