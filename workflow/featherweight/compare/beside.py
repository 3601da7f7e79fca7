"""Which published figures belong beside a task of the study, and whether the two may be compared.

Nothing is left out silently: a figure that may not be compared stays in the table with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from featherweight.compare.published import Beside, Published

# A dataset of ours beside the benchmark whose figures belong next to it. `pocket` has BBQ's shape
# but its own items.
BENCHMARKS = {
    "bbq": "BBQ",
    "pocket": "BBQ",
    "math500": "MATH-500",
    "aime24": "AIME24",
    "mmlu": "MMLU",
    "gsm8k": "GSM8K",
}
OWN_ITEMS = frozenset({"pocket"})
METRICS = ("accuracy", "bias_score", "pass@1", "majority_vote", "em_maj1@1", "macro_avg/acc")


def beside(
    figures: Iterable[Published], tasks: Mapping[str, str], answers: Mapping[str, str] | None = None
) -> list[Beside]:
    """The figures that belong beside each task.

    `tasks` maps a task's label to its dataset, `answers` to how its answers came about ("generated"
    if not named).
    """
    listed = list(figures)
    rows = []
    for label, dataset in tasks.items():
        for figure in listed:
            if figure.benchmark == BENCHMARKS.get(dataset) and figure.metric in METRICS:
                if (answers or {}).get(label) == "likelihood":
                    comparable, why = (
                        False,
                        "answers chosen by likelihood; how the published ones were is another way",
                    )
                else:
                    comparable, why = _comparable(figure, dataset, subset=label != dataset)
                rows.append(Beside(label, figure, comparable, why))
    return rows


def _comparable(figure: Published, dataset: str, *, subset: bool) -> tuple[bool, str]:
    if dataset in OWN_ITEMS:
        return False, "the project's own items, not BBQ's: shown for scale only"
    if subset:
        return False, "this task is a subset of the benchmark"
    if figure.condition == "unspecified":
        return False, "the source does not say which contexts were asked"
    if figure.seen == "article":
        return False, "an article repeats it; the source's own table was not seen"
    if "third party" in figure.setting:
        return False, "a third party's prompt; prompting moves this benchmark by tens of points"
    if dataset == "bbq" and figure.category not in ("all", ""):
        return True, "same items and formula; the prompt format differs"
    return True, "same benchmark; the prompt is not published, so only large gaps mean anything"
