"""Hardware, seconds and memory: the one section of the page that another run of the same study
changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from featherweight.report.inputs import Inputs

UNKNOWN = "unknown"
STAGES = ("acquire", "prompts", "generate", "score", "aggregate", "compare")


def machine(inputs: Inputs) -> list[tuple[str, str]]:
    """Machine, engine, device and threads as names and values, each distinct value once."""
    timed = [(name, inputs.timings[name]) for name in inputs.every if name in inputs.timings]
    listed = [
        ("Machine", _distinct(inputs, ((name, _hardware(timing)) for name, timing in timed))),
        ("Engine", _distinct(inputs, ((name, _engine(name, timing)) for name, timing in timed))),
        (
            "Device",
            _distinct(
                inputs, ((name, str(timing.get("device") or UNKNOWN)) for name, timing in timed)
            ),
        ),
        (
            "Threads",
            _distinct(inputs, ((name, _count(timing.get("threads"))) for name, timing in timed)),
        ),
    ]
    return [(name, value) for name, value in listed if value]


def _distinct(inputs: Inputs, pairs: Iterable[tuple[str, str]]) -> str:
    """Each value once; where there are several, with the models that it belongs to."""
    owners: dict[str, list[str]] = {}
    for name, value in pairs:
        if value:
            known = inputs.spec["models"][name]
            owners.setdefault(value, []).append(
                "controls" if known.get("control") else inputs.label(name)
            )
    if len(owners) < 2:
        return "".join(owners)
    return "; ".join(
        f"{value} ({' · '.join(dict.fromkeys(names))})" for value, names in owners.items()
    )


def _engine(name: str, timing: Mapping[str, Any]) -> str:
    """The engine's identity; that of a control names the control, which the reader knows
    already."""
    return str(timing.get("engine") or UNKNOWN).removesuffix(f", {name}")


def _hardware(timing: Mapping[str, Any]) -> str:
    """The machine in words; nothing where it was not recorded."""
    found = timing.get("hardware") or {}
    cores, memory = found.get("cores"), found.get("memory_gib")
    parts = [
        found.get("processor"),
        None if cores is None else f"{cores:,} core{'' if cores == 1 else 's'}",
        None if memory is None else f"{memory:,.1f} GiB memory",
        found.get("gpu"),
    ]
    return ", ".join(str(part) for part in parts if part)


def models(inputs: Inputs) -> list[dict[str, str]]:
    """Seconds, tokens and memory of each model's run, as `generate` recorded them."""
    rows = []
    for name in inputs.every:
        timing = inputs.timings.get(name)
        if timing is None:
            continue
        rows.append(
            {
                "model": inputs.label(name),
                "generated": _count(_drawn(timing)),
                "from_store": _count(timing.get("from_store")),
                "load": _seconds(timing.get("seconds_load")),
                "generate": _seconds(timing.get("seconds_generate")),
                "tokens": _count(timing.get("tokens")),
                "rate": _count(timing.get("tokens_per_second")),
                "memory": _count(timing.get("peak_rss_mib")),
                "chosen": _count(timing.get("by_likelihood")),
                "likelihood": _seconds(timing.get("seconds_likelihood")),
            }
        )
    return rows


def _drawn(timing: Mapping[str, Any]) -> float | None:
    """Answers that were generated: those that were made, less those that were chosen by
    likelihood."""
    made = timing.get("generated")
    return None if made is None else made - (timing.get("by_likelihood") or 0)


def by_likelihood(inputs: Inputs) -> bool:
    """Whether any answer of this run was chosen by likelihood."""
    return any(timing.get("by_likelihood") for timing in inputs.timings.values())


def stages(inputs: Inputs) -> list[dict[str, str]]:
    """Jobs, seconds and the largest memory of each stage; the report's own are of an earlier page
    and left out.
    """
    names = dict.fromkeys([*STAGES, *sorted({job.stage for job in inputs.jobs})])
    rows = []
    for name in names:
        jobs = [job for job in inputs.jobs if job.stage == name]
        if not jobs or name == "report":
            continue
        seconds = [job.seconds for job in jobs if job.seconds is not None]
        memory = [job.max_rss for job in jobs if job.max_rss is not None]
        rows.append(
            {
                "stage": name,
                "jobs": f"{len(jobs):,}",
                "seconds": _seconds(sum(seconds) if seconds else None),
                "memory": _count(max(memory) if memory else None),
            }
        )
    return rows


def _count(value: float | None) -> str:
    return "no data" if value is None else f"{value:,.0f}"


def _seconds(value: float | None) -> str:
    return "no data" if value is None else f"{value:,.1f}"
