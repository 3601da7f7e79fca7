"""One sample while an engine generates it, whatever computes its logits: whether it fits, its
tokens, its end.

Reads and writes nothing; imports no framework. One finished sample:

    Ended(tokens=[407, 261], logprob=-0.83, finish='stop')
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from featherweight.chat import templates as chat
from featherweight.engines import Completion
from featherweight.errors import InputError
from featherweight.records import Finish


class Ended(NamedTuple):
    """One finished sample: its tokens without the stop token, their summed log-probabilities, and
    why it ended.
    """

    tokens: list[int]
    logprob: float
    finish: Finish


@dataclass(slots=True, eq=False, kw_only=True)
class Begun:
    """One sample while it is being generated."""

    limit: int  # tokens that it may generate
    stream: int = 0
    length: int = 0  # positions whose keys are in the cache
    token: int = 0  # chosen but not yet fed
    tokens: list[int] = field(default_factory=list)
    logprob: float = 0.0

    def take(self, token: int, logprob: float, stops: Collection[int]) -> Ended | None:
        """Add a chosen token; the finished sample if that ends it.

        Raises ArithmeticError if `logprob` is no number.
        """
        if math.isnan(logprob):
            raise ArithmeticError("the model's logits are not numbers")
        if token in stops:
            return Ended(self.tokens, self.logprob, "stop")
        self.token = token
        self.tokens.append(token)
        self.logprob += logprob
        return (
            Ended(self.tokens, self.logprob, "length") if len(self.tokens) >= self.limit else None
        )


def completion(tokenizer: Any, end: Ended, hidden: frozenset[int]) -> Completion:
    """What a finished sample says, the `hidden` tokens left out."""
    count = len(end.tokens)
    return Completion(
        text=chat.decode(tokenizer, end.tokens, hidden),
        n_tokens=count,
        finish=end.finish,
        mean_logprob=end.logprob / count if count else None,
    )


def check_prompts(model: object, prompts: Sequence[tuple[int, ...]], context: int | None) -> None:
    """Raises InputError for prompts that leave no room for a token in the model's context,
    ValueError for empty.
    """
    lengths = [len(prompt) for prompt in prompts]
    if min(lengths) == 0:
        raise ValueError("a prompt needs at least one token")
    if context is not None and max(lengths) >= context:
        over = sum(length >= context for length in lengths)
        raise InputError(
            f"{model}: {over} of {len(lengths)} prompts do not fit (longest: {max(lengths)} tokens,"
            f" the model's context: {context}); take shorter prompts or another model"
        )


def check_continuations(
    model: object,
    prompts: Sequence[tuple[int, ...]],
    continuations: Sequence[tuple[int, ...]],
    context: int | None,
) -> None:
    """Raises InputError for a continuation that ends outside of the model's context, else as
    `check_prompts`.
    """
    check_prompts(model, prompts, context)
    # The last token is never fed, so it may stand one behind the context. Lists of unequal length
    # are refused later.
    longest = (
        max(len(p) + len(c) for p, c in zip(prompts, continuations, strict=False))
        if continuations
        else 0
    )
    if context is not None and longest - 1 > context:
        raise InputError(
            f"{model}: a continuation ends {longest} tokens after its prompt's beginning, at most"
            f" {context} can be scored; shorten the prompt"
        )
