"""What a person did that cannot work: one clear line per problem, no traceback.

One real line:

    config/studies/laptop.yaml: decoding.temprature: unknown key, got 0.7; did you mean
        'temperature'?
"""

from __future__ import annotations

from collections.abc import Sequence


class InputError(Exception):
    """Input that cannot be used.

    Each problem says where, what was expected, what was found and what to do.
    """

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems: tuple[str, ...] = (
            (problems,) if isinstance(problems, str) else tuple(problems)
        )
        super().__init__("\n".join(self.problems))


def first_line(error: Exception) -> str:
    """What an exception says, short enough for one line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300].strip(" #")
