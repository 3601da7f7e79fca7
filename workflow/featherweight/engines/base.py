"""What an engine is asked and what it gives back. Reads and writes nothing, imports no framework.

    Request(prompt_ids=(1, 511, 38), stream=7, max_new_tokens=64)
    -> Completion(text="Nobody can say (C).", token_ids=(31, 8, 40, 22, 9, 4), finish="stop",
                  mean_logprob=-0.0132, option_loglikelihoods=None)

A request holds no item, no right answer and no text of its prompt: an engine cannot look at them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from featherweight.errors import InputError
from featherweight.records import Finish

OnTokens = Callable[[int], None]  # hears how many tokens were made


@dataclass(frozen=True, slots=True)
class Decoding:
    """How tokens are chosen. temperature 0 is greedy; top_k 0 and top_p 1 switch those cuts off."""

    temperature: float
    top_p: float
    top_k: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One completion to make.

    `stream` and the step decide the noise of a token, whatever it is computed together with. A
    request that continues an answer after k tokens has them at the end of its prompt and
    `first_step` k: its tokens are drawn as one longer request would have drawn them.

    The answer also ends with the token with which its own decoded text comes to contain one of
    `stop_texts`. That token stays in the ids, and with it the stop text in the text: a continuation
    goes on from the ids, so nothing may be cut from them.
    """

    prompt_ids: tuple[int, ...]
    stream: int
    max_new_tokens: int
    first_step: int = 0
    stop_texts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError for limits and stop texts that mean nothing."""
        if self.max_new_tokens < 1 or self.first_step < 0:
            raise ValueError(
                "expected max_new_tokens of 1 or more and first_step of 0 or more, got"
                f" {self.max_new_tokens} and {self.first_step}"
            )
        if "" in self.stop_texts:
            raise ValueError("stop_texts: expected texts, got an empty one")


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What came back for one request. `text` keeps the tokens that frame thinking."""

    text: str
    token_ids: tuple[int, ...]  # generated, without the stop token
    finish: Finish
    mean_logprob: float | None  # natural log under the untempered model, mean over generated tokens
    # as in Sample; None: the text was generated
    option_loglikelihoods: tuple[float | None, ...] | None = None

    @property
    def n_tokens(self) -> int:
        """Generated tokens, the stop token not counted."""
        return len(self.token_ids)


class Unfinished(InputError):
    """Generation broke off: the GPU went away, or not even one sample fits.

    `finished` holds what was done, by index of the request.
    """

    def __init__(self, problems: str | Sequence[str], finished: Mapping[int, Completion]) -> None:
        super().__init__(problems)
        self.finished = finished


class Engine(Protocol):
    """What sessions, the search strategies and the generate stage rely on."""

    @property
    def identity(self) -> str:
        """Name, version and number format: whatever of the engine may change a token.

        Part of every store key.
        """

    @property
    def context(self) -> int | None:
        """Tokens of prompt and answer together that the model was built for; None: unknown."""

    def decode(self, ids: Sequence[int]) -> str:
        """The text of generated ids, as completions have it."""

    def generate(
        self, requests: Sequence[Request], decoding: Decoding, on_tokens: OnTokens
    ) -> list[Completion]:
        """One completion per request, in the order of the requests.

        Raises Unfinished, with what is done, where the GPU does not let it go on.
        """

    def loglikelihoods(
        self, prompt_ids: Sequence[tuple[int, ...]], continuations: Sequence[tuple[int, ...]]
    ) -> list[float]:
        """The summed natural-log probability of each continuation after its prompt, in order."""
