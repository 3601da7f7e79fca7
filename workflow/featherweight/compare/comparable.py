"""Which published figures belong beside a task of the study, and whether the two may be compared.

Nothing is left out silently: a figure that may not be compared stays in the table with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence

from featherweight.compare.published import UNSPECIFIED, Published, PublishedRow
from featherweight.records import ALL
from featherweight.specs import CompareSpec, StudiedTask
from featherweight.tasks import Task, task

METRICS = ("accuracy", "bias_score", "pass@1", "majority_vote", "em_maj1@1", "macro_avg/acc")


def published_rows(figures: Sequence[Published], spec: CompareSpec) -> list[PublishedRow]:
    """The figures that belong beside each task of the study."""
    rows = []
    for entry in spec.tasks.values():
        asked = task(entry.task)
        for figure in figures:
            if figure.benchmark == asked.benchmark and figure.metric in METRICS:
                reason = _not_comparable(figure, entry, asked)
                why = _comparable(figure) if reason is None else reason
                rows.append(PublishedRow(entry.label, figure, reason is None, why))
    return rows


def _not_comparable(figure: Published, entry: StudiedTask, asked: Task) -> str | None:
    """Why a figure may not be compared with a task's numbers; None where it may."""
    reasons = (
        (
            entry.answers == "likelihood",
            "answers chosen by likelihood; how the published ones were is another way",
        ),
        (
            asked.own_items,
            f"the project's own items, not {asked.benchmark}'s: shown for scale only",
        ),
        (
            entry.label != entry.task or entry.draw.subset is not None,
            "this task is a subset of the benchmark",
        ),
        (
            figure.stratum == UNSPECIFIED,
            "the source does not say which strata were asked",
        ),
        (
            figure.seen == "article",
            "an article repeats it; the source's own table was not seen",
        ),
        (
            "third party" in figure.setting,
            "a third party's prompt; prompting moves this benchmark by tens of points",
        ),
    )
    return next((why for applies, why in reasons if applies), None)


def _comparable(figure: Published) -> str:
    if figure.category not in (ALL, ""):
        return "same items and formula; the prompt format differs"
    return "same benchmark; the prompt is not published, so only large gaps mean anything"
