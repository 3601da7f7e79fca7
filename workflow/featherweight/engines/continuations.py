"""Which logits the likelihoods of continuations need, each computed once, by any engine.

Multiple choice asks for several continuations of one prompt. What a model must be shown is the
prompt with all but the last token of the continuation: for answers of one token that is the prompt
alone, so all of them are read off one place. A sequence with which another one begins costs nothing
more, and longer continuations of one prompt stand side by side behind it as branches, where an
engine can keep them from seeing each other. Reads and writes nothing.

    >>> rows([(1, 403), (1, 403)], [(407, 9), (261,)], widest=4096)
    [Row(tokens=(1, 403, 407), parts=(2, 1), readouts=(Readout(place=1, token=407, continuation=0),
     ...))]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

_PLACES = 512  # places of one group: logits over the whole vocabulary that are held at once

Tokens = tuple[int, ...]


class Readout(NamedTuple):
    """A log-probability to read: of `token` after `place` of a row, as part of `continuation`."""

    place: int
    token: int
    continuation: int


@dataclass(frozen=True, slots=True)
class Row:
    """One prompt and the branches behind it. `parts` are their lengths, the prompt's first."""

    tokens: Tokens
    parts: tuple[int, ...]
    readouts: tuple[Readout, ...]

    @property
    def branches(self) -> bool:
        """Whether there are several, so that plain causal attention would show one of them
        another."""
        return len(self.parts) > 2


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that are computed together, longest first."""

    rows: tuple[Row, ...]

    def padded(self) -> list[list[int]]:
        """Token ids (rows, longest), padded on the right, where a causal model does not look."""
        width = len(self.rows[0].tokens)
        return [[*row.tokens, *[0] * (width - len(row.tokens))] for row in self.rows]

    def places(self) -> list[tuple[int, int]]:
        """Where logits are needed: (row, place) in order, each once."""
        return sorted(
            {(index, one.place) for index, row in enumerate(self.rows) for one in row.readouts}
        )


def loglikelihoods(
    prompts: Sequence[Tokens],
    continuations: Sequence[Tokens],
    compute: Callable[[Group], Iterable[torch.Tensor]],
    *,
    budget: int,
    widest: int,
) -> list[float]:
    """The summed natural-log probability of each continuation after its prompt, in order; 0.0 for
    an empty one.

    `compute` gives the logits of a group's places, (places, vocabulary) and in their order, in one
    tensor or several; the log-softmax over them is taken in float32, the sums in float64. At most
    `budget` tokens, padding counted, are computed at once (a longer row by itself). `widest` is the
    longest row that may have branches, 0 for an engine that cannot compute them. Raises ValueError
    for lists of different length or an empty prompt.
    """
    if len(prompts) != len(continuations):
        raise ValueError(
            f"expected one continuation per prompt, got {len(prompts)} and {len(continuations)}"
        )
    if any(not prompt for prompt in prompts):
        raise ValueError("a continuation needs a prompt of at least one token")
    sums = [0.0] * len(prompts)
    with torch.inference_mode():
        for group in groups(rows(prompts, continuations, widest), budget):
            number = {place: at for at, place in enumerate(group.places())}
            asked = sorted(
                (number[index, one.place], one)
                for index, row in enumerate(group.rows)
                for one in row.readouts
            )
            begin = 0
            for logits in compute(group):
                here = [(at - begin, one) for at, one in asked if begin <= at < begin + len(logits)]
                values = logits.float().log_softmax(dim=-1)[
                    [at for at, _ in here], [one.token for _, one in here]
                ]
                for (_, one), value in zip(here, values.tolist(), strict=True):
                    sums[one.continuation] += value
                begin += len(logits)
    return sums


def rows(prompts: Sequence[Tokens], continuations: Sequence[Tokens], widest: int) -> list[Row]:
    """What must be computed for these continuations; empty ones need nothing."""
    by_prompt: dict[Tokens, list[tuple[Tokens, list[int]]]] = {}
    for tokens, served in _inputs(prompts, continuations):
        by_prompt.setdefault(prompts[served[0]], []).append((tokens, served))
    found = []
    for prompt, inputs in by_prompt.items():
        together: list[tuple[Tokens, list[int]]] = []
        length = len(prompt)
        for tokens, served in inputs:
            if together and length + len(tokens) - len(prompt) > widest:
                found.append(_row(len(prompt), together, prompts, continuations))
                together, length = [], len(prompt)
            together.append((tokens, served))
            length += len(tokens) - len(prompt)
        found.append(_row(len(prompt), together, prompts, continuations))
    return found


def _inputs(
    prompts: Sequence[Tokens], continuations: Sequence[Tokens]
) -> list[tuple[Tokens, list[int]]]:
    """Distinct sequences with the continuations that each serves; one with which another begins is
    part of that one.
    """
    # Nothing follows the last token, so no model needs to see it.
    whole = {
        i: (*p, *c)[:-1] for i, (p, c) in enumerate(zip(prompts, continuations, strict=True)) if c
    }
    found: list[tuple[Tokens, list[int]]] = []
    for index in sorted(
        whole, key=lambda i: whole[i], reverse=True
    ):  # a beginning follows what begins with it
        tokens = whole[index]
        if found and found[-1][0][: len(tokens)] == tokens:
            found[-1][1].append(index)
        else:
            found.append((tokens, [index]))
    return found


def _row(
    shared: int,
    inputs: Sequence[tuple[Tokens, list[int]]],
    prompts: Sequence[Tokens],
    continuations: Sequence[Tokens],
) -> Row:
    """One row of sequences that have their first `shared` tokens in common."""
    tokens = list(inputs[0][0][:shared])
    parts, readouts = [shared], []
    for whole, served in inputs:
        ahead = len(tokens) - shared  # tokens of the branches before this one
        for index in served:
            first = len(prompts[index]) - 1
            for position, token in enumerate(continuations[index], start=first):
                readouts.append(
                    Readout(position if position < shared else position + ahead, token, index)
                )
        tokens += whole[shared:]
        parts.append(len(whole) - shared)
    return Row(tuple(tokens), tuple(parts), tuple(readouts))


def groups(rows: Sequence[Row], budget: int) -> list[Group]:
    """Rows to compute together: those with branches apart, longest first, within `budget` tokens,
    padding counted.
    """
    made: list[list[Row]] = []
    longest = places = 0
    for row in sorted(rows, key=lambda row: (row.branches, -len(row.tokens), row.tokens)):
        own = len({one.place for one in row.readouts})
        places += own
        full = not made or (len(made[-1]) + 1) * longest > budget or places > _PLACES
        if full or row.branches != made[-1][0].branches:
            made.append([])
            longest, places = len(row.tokens), own
        made[-1].append(row)
    return [Group(tuple(group)) for group in made]
