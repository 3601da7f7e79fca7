"""The tables that stand on their own: scores at a glance, controls, claims, differences, seeds, published figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from featherweight.records import Difference
from featherweight.report import theme
from featherweight.report.inputs import Inputs
from featherweight.report.ways import pairs, points

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
    """One row per model, task and context: accuracy, bias, unread share and what they rest on."""
    rows = []
    for task in inputs.spec["tasks"]:
        for model in inputs.models:
            for condition in ("ambig", "disambig"):
                accuracy = inputs.estimate(model, task, "all", condition, "accuracy")
                bias = inputs.estimate(model, task, "all", condition, theme.BIAS_METRIC[condition])
                if accuracy is None and bias is None:
                    continue
                known = accuracy or bias
                assert known is not None
                rows.append(
                    {
                        "model": inputs.label(model),
                        "task": inputs.task_label(task),
                        "questions": theme.CONDITIONS[condition],
                        "accuracy": _shown(accuracy, "percent"),
                        "bias": _shown(bias, "score"),
                        "unread": theme.percent(inputs.unread(model, task, "all", condition)),
                        "n": f"{known.n_items:,}",
                        "templates": f"{known.n_clusters:,}",
                    }
                )
    return rows


def _shown(estimate: Any, kind: str) -> tuple[str, str]:
    if estimate is None or estimate.value is None:
        return "no data", ""
    return theme.number(estimate.value, kind), theme.interval(estimate.low, estimate.high, kind)


def known_values(inputs: Inputs) -> list[Row]:
    """What was planted or known beforehand against what was measured, misses first."""
    rows = []
    for entry in [*inputs.planted, *inputs.controls]:
        kind = theme.form(entry["metric"])
        least = entry["metric"] == "accuracy" and entry["model"] in {row["model"] for row in inputs.planted}
        rows.append(
            {
                "model": inputs.label(entry["model"]),
                "task": inputs.task_label(entry["task"]),
                "questions": theme.CONDITIONS[entry["condition"]],
                "what": theme.METRICS.get(entry["metric"], entry["metric"]),
                "expected": ("at least " if least else "") + theme.number(entry["expected"], kind),
                "measured": theme.number(entry["value"], kind),
                "interval": theme.interval(entry["low"], entry["high"], kind),
                "n": "no data" if entry["n"] is None else f"{entry['n']:,}",
                "unread": theme.percent(inputs.unread(entry["model"], entry["task"], "all", entry["condition"])),
                "inside": entry["inside"],
                "word": {True: "recovered", False: "missed", None: "no data"}[entry["inside"]],
                "symbol": {True: "\N{CHECK MARK}", False: "\N{BALLOT X}", None: "\N{EN DASH}"}[entry["inside"]],
            }
        )
    return sorted(rows, key=lambda row: {False: 0, None: 1, True: 2}[row["inside"]])


def claims(inputs: Inputs) -> list[Row]:
    """Every claim with its verdict, grouped by verdict: contradicted first, not tested last.

    A verdict that rests on figures of others alone says so (`published`): nothing was reproduced, it was looked up.
    """
    rows = []
    for verdict in inputs.verdicts:
        more: Mapping[str, Any] = inputs.claims.get(verdict.claim, {})
        kind = {"score": "score", "tokens": "tokens"}.get(str(more.get("unit", "percent")), "percent")
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
                "word": "borne out" if more.get("sources") and verdict.verdict == "reproduced" else verdict.verdict,
                "interval": theme.interval(verdict.our_low, verdict.our_high, kind)
                if bounds and kind != "tokens"
                else "",
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


def differences(inputs: Inputs) -> list[Row]:
    """Paired differences over all categories, with the smallest one that the design could have seen."""
    shown = set(inputs.models)
    rows = []
    for row in inputs.differences:
        if row.group != "all" or row.policy != inputs.policy or not {row.model, row.baseline} <= shown:
            continue
        if row.metric not in ("accuracy", "s_amb", "s_dis"):
            continue
        write = points if row.metric == "accuracy" else theme.score
        bounds = "no interval"
        if row.low is not None and row.high is not None:
            bounds = f"{write(row.low).removesuffix(' points')} to {write(row.high)}"
        sure = row.p_adjusted is not None and row.p_adjusted < 0.05
        rows.append(
            {
                "model": inputs.label(row.model),
                "baseline": inputs.label(row.baseline),
                "task": inputs.task_label(row.task),
                "questions": theme.CONDITIONS.get(row.context_condition, row.context_condition),
                "what": theme.METRICS[row.metric],
                "value": write(row.value),
                "interval": bounds,
                "p": theme.p_value(row.p_adjusted),
                "sure": "yes" if sure else "no" if row.p_adjusted is not None else "no data",
                "n": f"{row.n:,}",
                "unread": theme.percent(_most_unread(inputs, row)),
                "detectable": write(row.detectable).lstrip("+"),
            }
        )
    return rows


def _most_unread(inputs: Inputs, row: Difference) -> float | None:
    """The larger share of unread answers of the two models: each score of the pair rests on the others."""
    shares = [inputs.unread(name, row.task, row.group, row.context_condition) for name in (row.model, row.baseline)]
    return max((share for share in shares if share is not None), default=None)


def contrasts(inputs: Inputs) -> list[Row]:
    """Differences between two tasks within a model, with the caution that belongs to each pair.

    Two ways of answering the same questions have a table of their own (`ways`).
    """
    rows = []
    apart = {pair.names for pair in pairs(inputs)}
    for row in inputs.contrasts:
        if row.model not in inputs.models or row.policy != inputs.policy or {row.first, row.second} in apart:
            continue
        kind = theme.form(row.metric)
        write = points if kind == "percent" else (lambda value, kind=kind: theme.number(value, kind))
        bounds = "no interval"
        if row.low is not None and row.high is not None:
            bounds = f"{write(row.low).removesuffix(' points')} to {write(row.high)}"
        rows.append(
            {
                "model": inputs.label(row.model),
                "first": row.first,
                "second": row.second,
                "questions": theme.CONDITIONS.get(row.context_condition, row.context_condition),
                "what": theme.METRICS.get(row.metric, row.metric),
                "value": write(row.value),
                "interval": bounds,
                "p": theme.p_value(row.p),
                "n": f"{row.n_first:,} and {row.n_second:,}",
                "templates": f"{row.n_clusters_first:,} and {row.n_clusters_second:,}",
                "caution": row.caution or "",
            }
        )
    return rows


def spread(inputs: Inputs) -> list[Row]:
    """How far seeds and how far items move each score."""
    rows = []
    for row in inputs.spread:
        if row.group != "all" or row.model not in inputs.models or row.metric not in ("accuracy", "s_amb", "s_dis"):
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
                "unread": theme.percent(inputs.unread(row.model, row.task, row.group, row.context_condition)),
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
                    for name, count in sorted((counts.get(key) or {}).items(), key=lambda pair: -pair[1])
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
    """Published accuracies beside our tasks that are drawn in a figure, with source and whether they compare."""
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
