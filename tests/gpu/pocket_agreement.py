"""How far two engines give the same answers to the same study: of each model, share of equal texts
and of tokens.

    python tests/gpu/pocket_agreement.py RESULTS_OF_ONE RESULTS_OF_ANOTHER

Reads every samples file below both folders' `*/generate`; exits with 1 if fewer than 95% of a
model's answers agree.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow.parquet as parquet


def texts(results: Path) -> dict[str, dict[tuple[str, str], str]]:
    """model -> (file, item and sample) -> text."""
    found: dict[str, dict[tuple[str, str], str]] = {}
    for path in sorted(results.glob("*/generate/**/*.parquet")):
        name = str(path.relative_to(results))
        for row in parquet.read_table(path).to_pylist():
            found.setdefault(row["model"], {})[name, f"{row['item_id']}:{row['sample_index']}"] = (
                row["text"]
            )
    return found


def main() -> int:
    """Print one line for each model."""
    ours, theirs = (texts(Path(argument)) for argument in sys.argv[1:3])
    if not ours or ours.keys() != theirs.keys():
        print(f"expected the same models in both, got {sorted(ours)} and {sorted(theirs)}")  # noqa: T201
        return 2
    worst = 1.0
    for model, answers in ours.items():
        other = theirs[model]
        same = sum(text == other.get(key) for key, text in answers.items()) / max(
            len(answers), len(other)
        )
        print(f"{model}: {same:.2%} of {len(answers)} answers are the same")  # noqa: T201
        worst = min(worst, same)
    return 0 if worst >= 0.95 else 1


if __name__ == "__main__":
    sys.exit(main())
