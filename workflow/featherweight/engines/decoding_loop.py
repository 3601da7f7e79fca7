"""The half of a decode loop that all engines share: who waits, who runs, who is finished.

An engine's loop admits waiting samples, computes the logits of one step and gives back what a row
held; the rest is here: the order of the work, each sample's limit, the choice of tokens and where a
sample ends. Rows are admitted while what is really held fits; when memory is full, the youngest row
is put back and goes on later from the tokens that it has, with the same noise. The oldest row is
never put back, so all end. What happens depends on the list of requests, the number of rows and the
memory that was granted, never on time. Reads and writes no files. One finished sample:

    Finished(tokens=[407, 261], logprob=-0.83, finish='stop')
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from featherweight.engines.base import Completion, Decoding, OnTokens, Request
from featherweight.errors import InputError
from featherweight.records import Finish

if TYPE_CHECKING:
    import torch

Decode = Callable[[Sequence[int]], str]  # the text of generated ids, hidden tokens left out


class Finished(NamedTuple):
    """One finished sample: tokens without the stop token, summed log-probability, why it ended."""

    tokens: list[int]
    logprob: float
    finish: Finish

    def completion(self, decode: Decode) -> Completion:
        """What it says."""
        return Completion(
            text=decode(self.tokens),
            token_ids=tuple(self.tokens),
            finish=self.finish,
            mean_logprob=self.logprob / len(self.tokens) if self.tokens else None,
        )


@dataclass(slots=True, eq=False, kw_only=True)
class InFlight:
    """One sample while it is being generated."""

    limit: int  # tokens that it may generate
    request: int | None = None  # index into the list of requests; None: no sample of the list
    stream: int = 0
    first_step: int = 0  # of the noise
    stop_texts: tuple[str, ...] = ()
    begun: int = 0  # how many rows began before it, itself counted: the highest is the youngest
    length: int = 0  # positions whose keys are in the cache
    token: int = 0  # chosen but not yet fed
    tokens: list[int] = field(default_factory=list)
    logprob: float = 0.0

    @property
    def step(self) -> int:
        """The step of the noise that draws the next token."""
        return self.first_step + len(self.tokens)

    def take(
        self, token: int, logprob: float, stops: Collection[int], decode: Decode
    ) -> Finished | None:
        """Add a chosen token; the finished sample if that ends it.

        Raises ArithmeticError if `logprob` is no number.
        """
        if math.isnan(logprob):
            raise ArithmeticError("the model's logits are not numbers")
        if token in stops:
            return Finished(self.tokens, self.logprob, "stop")
        self.token = token
        self.tokens.append(token)
        self.logprob += logprob
        if self.stop_texts:
            text = decode(self.tokens)  # whole: a part of the ids may decode to another text
            if any(stop in text for stop in self.stop_texts):
                return Finished(self.tokens, self.logprob, "stop")
        if len(self.tokens) >= self.limit:
            return Finished(self.tokens, self.logprob, "length")
        return None


Row = TypeVar("Row", bound=InFlight)


class DecodingLoop(ABC, Generic[Row]):
    """Generates what `finished` lacks of a list of requests, and puts it there row by row.

    Whatever is raised, `finished` keeps the samples that were done.
    """

    def __init__(
        self,
        requests: Sequence[Request],
        decoding: Decoding,
        finished: dict[int, Finished],
        *,
        stops: Sequence[int],
        decode: Decode,
        context: int | None,
    ) -> None:
        self.requests = requests
        self.decoding = decoding
        self.finished = finished
        self.stops = frozenset(stops)
        self.decode = decode
        self.context = context
        self.made = 0  # tokens
        self.begun = 0  # rows, those counted twice that began twice
        # rows that were put back, by request: they go on from the tokens that they have
        self.put_back: dict[int, Row] = {}

    def run(self, on_tokens: OnTokens) -> None:
        """Generate everything; `on_tokens` hears the tokens of each step.

        Raises ArithmeticError if the logits are not numbers.
        """
        import torch

        told = 0
        with torch.inference_mode():
            self.begin()
            while len(self.finished) < len(self.requests):
                self.admit()
                self.step()
                on_tokens(self.made - told)
                told = self.made

    def begin(self) -> None:
        """Called once, before the first step."""
        return

    @abstractmethod
    def admit(self) -> None:
        """Let waiting samples begin where there is room."""

    @abstractmethod
    def step(self) -> None:
        """Compute one token of every row."""

    def missing(self) -> list[int]:
        """The requests that are not finished, in their order."""
        return [index for index in range(len(self.requests)) if index not in self.finished]

    def by_prompt(self) -> list[list[int]]:
        """The missing requests, those of one prompt together: longest prompts first, then in the
        order of the requests.
        """
        shared: dict[tuple[int, ...], list[int]] = {}
        for index in self.missing():
            shared.setdefault(self.requests[index].prompt_ids, []).append(index)
        groups = sorted(shared.items(), key=lambda pair: (-len(pair[0]), pair[1][0]))
        return [indices for _, indices in groups]

    def limit(self, request: Request) -> int:
        """How many tokens a request may generate within the model's context."""
        room = request.max_new_tokens
        return room if self.context is None else min(room, self.context - len(request.prompt_ids))

    def ids(self, index: int) -> tuple[int, ...]:
        """What must be in the cache before a request's next token is chosen."""
        prompt = self.requests[index].prompt_ids
        return prompt + tuple(self.put_back[index].tokens) if index in self.put_back else prompt

    def begin_row(self, index: int, row: Callable[..., Row], **facts: Any) -> Row:
        """The row of a request: the one that was put back, or a new one. It is the youngest now."""
        again = self.put_back.pop(index, None)
        made = row(**self.facts(index), **facts) if again is None else again
        self.begun += 1
        made.begun = self.begun
        return made

    def facts(self, index: int) -> dict[str, Any]:
        """The fields of an `InFlight` that the request of this index decides."""
        request = self.requests[index]
        return {
            "limit": self.limit(request),
            "request": index,
            "stream": request.stream,
            "first_step": request.first_step,
            "stop_texts": request.stop_texts,
        }

    def accept(self, logits: torch.Tensor, rows: Sequence[Row]) -> list[bool]:
        """Choose a token for each row; whether each has ended with it."""
        from featherweight.engines.sampling import choose

        chosen = choose(
            logits, [row.stream for row in rows], [row.step for row in rows], self.decoding
        )
        ended = []
        tokens, logprobs = chosen.tokens.tolist(), chosen.logprobs.tolist()
        for row, token, logprob in zip(rows, tokens, logprobs, strict=True):
            done = row.take(token, logprob, self.stops, self.decode)
            self.made += token not in self.stops
            if done is not None:
                assert row.request is not None
                self.finished[row.request] = done
            ended.append(done is not None)
        return ended


def check_prompts(model: object, prompts: Sequence[tuple[int, ...]], context: int | None) -> None:
    """Raises InputError for prompts that leave no room for a token in the model's context,
    ValueError for empty ones.
    """
    lengths = [len(prompt) for prompt in prompts]
    if min(lengths) == 0:
        raise ValueError("a prompt needs at least one token")
    if context is not None and max(lengths) >= context:
        over = sum(length >= context for length in lengths)
        raise InputError(
            f"{model}: {over} of {len(lengths)} prompts exceed the context (longest:"
            f" {max(lengths)} tokens, the model's context: {context}); take shorter prompts or"
            " another model"
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
    lengths = [len(p) + len(c) for p, c in zip(prompts, continuations, strict=False)]
    longest = max(lengths, default=0)
    if context is not None and longest - 1 > context:
        raise InputError(
            f"{model}: a continuation ends {longest} tokens after its prompt's beginning, at most"
            f" {context} can be scored; shorten the prompt"
        )
