r"""Controls of the chains: those of every graded task, and one that guesses.

One real answer, of `random`:

    The final answer is \boxed{ 4 }
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from featherweight.tasks import Asked, Rule, graded


def random(asked: Asked) -> str:
    """Any digit, each as likely: right once in ten."""
    import numpy as np

    digit = int(np.random.default_rng(asked.stream).integers(10))
    return f"The final answer is \\boxed{{ {digit} }}"


CONTROLS: Mapping[str, Rule] = MappingProxyType({**graded.CONTROLS, "random": random})
