"""p values corrected for their number. A test that could not be made (None) stays None and does not
count.

>>> holm([0.01, None, 0.04])
[0.02, None, 0.04]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

LEAST = 1e-250  # stands for a p value of 0, whose multiplier is that of the smallest p value

Correction = Callable[[Sequence[float | None]], list[float | None]]


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down adjustment: controls the chance of any false alarm in the family (Holm
    1979).
    """
    return _adjusted(p_values, "holm")


def benjamini_hochberg(p_values: Sequence[float | None]) -> list[float | None]:
    """Benjamini and Hochberg's adjustment: controls the share of false alarms among the findings
    (1995).
    """
    return _adjusted(p_values, "fdr_bh")


def multipliers(p_values: Sequence[float | None], correct: Correction) -> list[float | None]:
    """What a correction multiplies each p value by, before the product is cut at 1.

    Both corrections are linear up to that cut: a family small enough to stay below it shows what
    they multiply by.
    """
    n = sum(p is not None for p in p_values)
    small = [None if p is None else max(p, LEAST) / n for p in p_values]
    return [
        None if p is None or adjusted is None else adjusted / p
        for p, adjusted in zip(small, correct(small), strict=True)
    ]


def _adjusted(p_values: Sequence[float | None], method: str) -> list[float | None]:
    made = [p for p in p_values if p is not None]
    if any(not 0.0 <= p <= 1.0 for p in made):
        raise ValueError(f"p values: expected numbers between 0 and 1, got {made}")
    if not made:
        return [None] * len(p_values)
    from statsmodels.stats.multitest import multipletests

    corrected = iter(multipletests(made, method=method)[1])
    return [None if p is None else float(next(corrected)) for p in p_values]
