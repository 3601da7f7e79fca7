"""How two engines' answers are compared, and model folders as the Hub has them; for tests of
engines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from character_model import CHARACTERS, SPECIAL


def with_the_hubs_keys(folder: Path, theta: float, scaling: dict[str, Any] | None = None) -> Path:
    """Rewrite what transformers 5 saved as the Hub has it: rope_theta and rope_scaling, no
    rope_parameters.
    """
    config = json.loads((folder / "config.json").read_text())
    config.pop("rope_parameters", None)
    config["rope_theta"] = theta
    if scaling is not None:
        config["rope_scaling"] = scaling
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def tokens_of(text: str) -> tuple[int, ...]:
    """The tokens of an answer that kept its special ones, the stop token behind them."""
    pieces = re.findall("|".join(map(re.escape, SPECIAL)) + "|.", text, re.DOTALL)
    return (*([*SPECIAL, *CHARACTERS].index(piece) for piece in pieces), SPECIAL.index("</s>"))


def gaps(
    reference: Any, prompts: Sequence[tuple[int, ...]], ours: Sequence[str], theirs: Sequence[str]
) -> list[float]:
    """For each answer that differs: how far apart its first two different tokens are, in nats, in
    the reference.

    A random model's next tokens are often close; rounding in float16 may then choose the other one,
    and all that follows differs. A difference with a wide gap has another cause.
    """
    found = []
    for prompt, a, b in zip(prompts, map(tokens_of, ours), map(tokens_of, theirs), strict=True):
        if a != b:
            at = next(i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y)
            context = (*prompt, *a[:at])
            x, y = reference.loglikelihoods([context, context], [(a[at],), (b[at],)])
            found.append(abs(x - y))
    return found
