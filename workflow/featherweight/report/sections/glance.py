"""The tables that stand on their own: scores at a glance, controls, claims, seeds, published
figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from featherweight.report import ranking, theme
from featherweight.report.inputs import Inputs
from featherweight.report.ranking import Standing
from featherweight.report.theme import points

Row = dict[str, Any]
SYMBOLS = {
    "reproduced": "\N{CHECK MARK}",
    "partly": "\N{ALMOST EQUAL TO}",
    "contradicted": "\N{BALLOT X}",
    "seen elsewhere": "\N{RIGHTWARDS ARROW}",
    "not tested": "\N{EN DASH}",
}
ORDER = ("contradicted", "partly", "reproduced", "seen elsewhere", "not tested")


def glance(inputs: Inputs) -> list[Row]:
    """One row per model, task and context: accuracy, bias, what was lost and what it leaves open,
    what they rest on.

    The models of a task stand in the order of their accuracy over both contexts, or of right
    answers of all asked.
    """
    rows = []
    for task in inputs.spec["tasks"]:
        ranked = ranking.ranking(inputs, task)
        order = [] if ranked is None else [one.model for one in ranked.standings]
        for model in dict.fromkeys([*order, *inputs.models]):
            rows += [
                row
                for condition in ("ambig", "disambig")
                if (row := _at_a_glance(inputs, task, model, condition))
            ]
    return rows


def _at_a_glance(inputs: Inputs, task: str, model: str, condition: str) -> Row | None:
    accuracy = inputs.estimate(model, task, "all", condition, "accuracy")
    bias = inputs.estimate(model, task, "all", condition, theme.BIAS_METRIC[condition])
    known = bias if accuracy is None else accuracy
    if known is None:
        return None
    stands = ranking.standing(inputs, model, task, condition)
    return {
        "model": inputs.label(model),
        "task": inputs.task_label(task),
        "questions": theme.CONDITIONS[condition],
        "accuracy": _shown(accuracy, "percent"),
        "bounds": "no data" if stands is None else _bounds(stands),
        "bias": _shown(bias, "score"),
        "unread": theme.percent(inputs.unread(model, task, "all", condition)),
        "n": f"{known.n:,}",
        "asked": f"of {known.n_items:,} asked",
        "n_questions": count(known.n_questions),
        "templates": f"{known.n_clusters:,}",
    }


def order(inputs: Inputs) -> list[str]:
    """By what the models stand in order, for each task that has any."""
    words = {
        True: (
            "by right answers of all that was asked, since a model lost more than 5% of its answers"
        ),
        False: "by accuracy over both kinds of question",
    }
    tasks = [task for task in inputs.spec["tasks"] if ranking.ranking(inputs, task) is not None]
    kinds = {task: ranking.by_asked(inputs, task) for task in tasks}
    if len(set(kinds.values())) == 1:
        return [f"Models stand in order {words[kinds[tasks[0]]]}."]
    return [
        f"{inputs.task_label(task)}: models stand in order {words[kind]}."
        for task, kind in kinds.items()
    ]


def _bounds(stands: Standing) -> str:
    if stands.least is None or stands.most is None:
        return "no data"
    same = theme.percent(stands.least) == theme.percent(stands.most)
    return (
        theme.percent(stands.least)
        if same
        else f"{theme.percent(stands.least)} to {theme.percent(stands.most)}"
    )


def count(number: int | None) -> str:
    """A number of questions or answers; "no data" where it is not known."""
    return "no data" if number is None else f"{number:,}"


def _shown(estimate: Any, kind: str) -> tuple[str, str]:
    if estimate is None or estimate.value is None:
        return "no data", ""
    return theme.number(estimate.value, kind), theme.interval(estimate.low, estimate.high, kind)


def known_values(inputs: Inputs) -> list[Row]:
    """What was planted or known beforehand against what was measured, misses first."""
    rows = []
    for entry in [*inputs.planted, *inputs.controls]:
        kind = theme.form(entry["metric"])
        least = entry["metric"] == "accuracy" and entry["model"] in {
            row["model"] for row in inputs.planted
        }
        rows.append(
            {
                "model": inputs.label(entry["model"]),
                "task": inputs.task_label(entry["task"]),
                "questions": theme.CONDITIONS[entry["condition"]],
                "what": theme.METRICS.get(entry["metric"], entry["metric"]),
                "expected": ("at least " if least else "") + theme.number(entry["expected"], kind),
                "measured": theme.number(entry["value"], kind),
                "interval": theme.interval(entry["low"], entry["high"], kind),
                "n": count(entry["n"]),
                "n_questions": count(entry["n_questions"]),
                "noticed": _noticed(entry),
                "unread": theme.percent(
                    inputs.unread(entry["model"], entry["task"], "all", entry["condition"])
                ),
                "inside": entry["inside"],
                "word": {True: "recovered", False: "missed", None: "no data"}[entry["inside"]],
                "symbol": {True: "\N{CHECK MARK}", False: "\N{BALLOT X}", None: "\N{EN DASH}"}[
                    entry["inside"]
                ],
            }
        )
    return sorted(rows, key=lambda row: {False: 0, None: 1, True: 2}[row["inside"]])


def _noticed(entry: Mapping[str, Any]) -> str:
    """The smallest shift from a planted rate that the run would have noticed; other scores must
    match or be reached.
    """
    if entry["metric"] != "stereotyped":
        return ""
    return points(entry["detectable"]).lstrip("+")


def claims(inputs: Inputs) -> list[Row]:
    """Every claim with its verdict, grouped by verdict: contradicted first, not tested last.

    A verdict that rests on figures of others alone says so (`published`): nothing was reproduced,
    it was looked up.
    """
    rows = []
    for verdict in inputs.verdicts:
        more: Mapping[str, Any] = inputs.claims.get(verdict.claim, {})
        kind = {"score": "score", "tokens": "tokens"}.get(
            str(more.get("unit", "percent")), "percent"
        )
        measured = "" if verdict.our_value is None else theme.number(verdict.our_value, kind)
        bounds = verdict.our_low is not None and verdict.our_high is not None
        rows.append(
            {
                "id": verdict.claim,
                "article": verdict.article,
                "link": more.get("link"),
                "text": verdict.text,
                "stated": verdict.article_value or "",
                "measured": measured,
                "published": bool(more.get("sources")),
                "word": (
                    "borne out"
                    if more.get("sources") and verdict.verdict == "reproduced"
                    else verdict.verdict
                ),
                "interval": (
                    theme.interval(verdict.our_low, verdict.our_high, kind)
                    if bounds and kind != "tokens"
                    else ""
                ),
                "verdict": verdict.verdict,
                "symbol": SYMBOLS[verdict.verdict],
                "css": verdict.verdict.replace(" ", "-"),
                "sources": more.get("sources") or [],
                "rule": verdict.rule,
                "why": verdict.why.split(" Note: ", 1)[0],
                "note": verdict.why.split(" Note: ", 1)[1] if " Note: " in verdict.why else "",
            }
        )
    return sorted(rows, key=lambda row: ORDER.index(row["verdict"]))


def spread(inputs: Inputs) -> list[Row]:
    """How far seeds and how far items move each score."""
    rows = []
    for row in inputs.spread:
        if (
            row.group != "all"
            or row.model not in inputs.models
            or row.metric not in ("accuracy", "s_amb", "s_dis")
        ):
            continue
        kind = theme.form(row.metric)
        write = points if kind == "percent" else theme.score
        rows.append(
            {
                "model": inputs.label(row.model),
                "task": inputs.task_label(row.task),
                "questions": theme.CONDITIONS.get(row.context_condition, row.context_condition),
                "what": theme.METRICS[row.metric],
                "seeds": f"{row.n_seeds}",
                "seed_sd": write(row.seed_sd).lstrip("+"),
                "item_se": write(row.item_se).lstrip("+"),
                "unread": theme.percent(
                    inputs.unread(row.model, row.task, row.group, row.context_condition)
                ),
            }
        )
    return rows


def readings(inputs: Inputs) -> list[Row]:
    """By which rule each model's answers were read, why others were not, and how answers ended."""
    rows = []
    for model in inputs.models:
        for task, counts in (inputs.readings.get(model) or {}).items():
            reasons = theme.NOT_CHOSEN if inputs.by_likelihood(task) else theme.NOT_READ
            known = {"rule": theme.READ_BY, "reason": reasons, "finish": theme.ENDED}
            words = {
                key: "; ".join(
                    f"{names.get(name, name)}: {count:,}"
                    for name, count in sorted(
                        (counts.get(key) or {}).items(), key=lambda pair: -pair[1]
                    )
                )
                for key, names in known.items()
            }
            rows.append(
                {
                    "model": inputs.label(model),
                    "task": inputs.task_label(task),
                    "rules": words["rule"] or "none",
                    "reasons": words["reason"] or "none",
                    "finish": words["finish"],
                }
            )
    return rows


def published(inputs: Inputs) -> list[Row]:
    """Published accuracies beside our tasks that are drawn in a figure, with source and whether
    they compare.
    """
    rows: dict[tuple[str, str, str], Row] = {}
    for row in inputs.published:
        if row["drawn"] != "yes" or row["category"] != "all" or row["metric"] != "accuracy":
            continue
        if row["task"] not in inputs.main_tasks:  # figures are drawn of these
            continue
        key = (row["model"], row["title"], row["task"])
        entry = rows.setdefault(
            key,
            {
                "model": row["model"],
                "ambig": "no data",
                "disambig": "no data",
                "setting": row["setting"],
                "source": f"{row['title']}, {row['locator']}",
                "address": row["address"],
                "comparable": row["comparable"],
                "why": row["why"],
            },
        )
        if row["condition"] in entry and row["fraction"]:
            entry[row["condition"]] = theme.percent(float(row["fraction"]))
    return list(rows.values())
