"""From the score files of a study to its tables, in one folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from featherweight.aggregate.contrasts import contrasts
from featherweight.aggregate.differences import differences
from featherweight.aggregate.estimates import estimates
from featherweight.aggregate.load import load
from featherweight.aggregate.positions import positions, readings
from featherweight.aggregate.spread import spread
from featherweight.files import Row, write_csv, write_json, write_rows
from featherweight.records import ContrastRow, Difference, Estimate, Position, Spread
from featherweight.specs import AggregateSpec


def run(paths: Sequence[Path], spec: AggregateSpec, output: Path) -> None:
    """Read the Score rows of all models and write every table. The same input gives the same bytes.

    Raises InputError where a file, the policy, the baseline or a contrast cannot be used; nothing
    is written then.
    """
    everything, rows = load(paths, spec)
    compared = contrasts(everything, spec)
    against = differences(everything, spec)
    _write(output, "estimates", estimates(everything, spec), Estimate)
    _write(output, "differences", against, Difference)
    _write(output, "spread", spread(everything), Spread)
    _write(output, "positions", positions(everything, spec.level), Position)
    _write(output, "contrasts", compared, ContrastRow)
    write_json(output / "readings.json", readings(everything, rows))


def _write(output: Path, name: str, rows: Sequence[Row], record: type[Row]) -> None:
    write_rows(output / f"{name}.parquet", rows, record)
    write_csv(output / f"{name}.csv", rows, record)
