"""Reading log-likelihoods: the option that a model finds likeliest, or why there is none. No I/O.

One real reading, of options shown in the order (1, 2, 0) whose log-likelihoods are -4.1, -0.7 and
-1.9 nats:

    Reading(answer="The nephew", rule="likelihood", reason=None, unfinished=False, chosen=2)

Two equally likely options are no choice (`several`), and a number that is not finite is no
measurement (`none`): both are unread answers. Neither is ever the first option, which numpy's
argmax would make of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from featherweight.records import Reading

RULE: Final = "likelihood"


def likeliest(loglikelihoods: Sequence[float | None]) -> int | None:
    """The position of the greatest log-likelihood; None where two are equally great or any is not
    finite.

    Raises ValueError for no options.
    """
    if not loglikelihoods:
        raise ValueError("there is no option to choose from")
    known = [value for value in loglikelihoods if value is not None and math.isfinite(value)]
    if len(known) < len(loglikelihoods) or known.count(max(known)) > 1:
        return None
    return known.index(max(known))


def read_likelihoods(
    loglikelihoods: Sequence[float | None], order: Sequence[int], options: Sequence[str]
) -> Reading:
    """Which of `options` the log-likelihoods choose.

    They stand by shown position; order[position] = index into `options`. Raises ValueError where
    there is not one for each option.
    """
    if len(loglikelihoods) != len(order):
        raise ValueError(
            f"expected a log-likelihood for each of {len(order)} options, got {len(loglikelihoods)}"
        )
    position = likeliest(loglikelihoods)
    if position is not None:
        chosen = order[position]
        return Reading(options[chosen], RULE, None, chosen=chosen)
    unmeasured = any(value is None or not math.isfinite(value) for value in loglikelihoods)
    return Reading(None, None, "none" if unmeasured else "several")
