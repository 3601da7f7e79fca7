"""What Snakemake measured of each job: its benchmark files, one per job, DIR/STAGE.tsv or below
DIR/STAGE/.

One real file, columns left out:

    s       h:m:s    max_rss  mean_load  cpu_time
    2.37    0:00:02  108.14   30.04      0.97

A number that was not measured is "-" or "NA" there and None here.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Job:
    """Seconds and memory of one job."""

    stage: str
    seconds: float | None
    max_rss: float | None  # MiB


def read_jobs(folder: Path) -> list[Job]:
    """Every measured job, in the order of the files' names; none where the folder is not there."""
    jobs = []
    for path in sorted(folder.rglob("*.tsv")):
        stage = path.relative_to(folder).parts[0].removesuffix(".tsv")
        with path.open(encoding="utf-8", newline="") as stream:
            rows = csv.DictReader(stream, delimiter="\t")
            jobs += [Job(stage, _number(row.get("s")), _number(row.get("max_rss"))) for row in rows]
    return jobs


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
