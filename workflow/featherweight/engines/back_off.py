"""When a GPU's memory runs out: try again with half as much at once. And when the GPU is gone.

Reads and writes nothing; imports no framework. One real line:

    out of GPU memory: continuing with 8 instead of 16 rows; 5 of 40 samples are finished and kept
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from featherweight.chat.tokens import decode
from featherweight.engines.base import Completion, Decoding, OnTokens, Request, Unfinished
from featherweight.engines.decoding_loop import Finished, check_continuations, check_prompts
from featherweight.errors import InputError, first_line

LEAST = 64  # tokens scored at a time; where that is too much, less will not help
log = logging.getLogger("featherweight")


def is_out_of_memory(error: Exception) -> bool:
    """Whether this is torch's own exception, or what cuBLAS or an extension's CUDA code says."""
    said = str(error).lower()
    return (
        type(error).__name__ == "OutOfMemoryError"
        or "out of memory" in said
        or "alloc_failed" in said
    )


def is_gpu_gone(error: Exception) -> bool:
    """Whether the driver stopped answering: every later CUDA call of the process fails too."""
    return type(error).__name__ == "AcceleratorError" or "CUDA" in str(error)


def gpu_gone(error: Exception, otherwise: str = "") -> InputError:
    """The line for a GPU that disappeared; `otherwise`: what else can be done."""
    return InputError(
        f"the GPU stopped answering ({first_line(error)}); finished samples are kept: check it with"
        f" nvidia-smi and run again{otherwise and ', ' + otherwise}"
    )


def require_out_of_memory(error: Exception, otherwise: str = "") -> None:
    """Return if memory ran out. Raises InputError if the GPU disappeared, else the error itself."""
    if is_out_of_memory(error):
        return
    if is_gpu_gone(error):
        raise gpu_gone(error, otherwise) from error
    raise error


class BatchEngine(ABC):
    """A loaded model that computes many rows at once, and fewer when its memory runs out.

    `rows` is how many one step computes at most; None: as many as `_rows_that_fit` says. It shrinks
    when memory runs out. `otherwise` says what else a user can do, `number_formats` what to choose
    where logits are not numbers.
    """

    otherwise = ""
    number_formats = ""

    def __init__(
        self,
        tokenizer: Any,
        *,
        name: str,
        where: object,
        stops: Sequence[int],
        context: int | None,
        hidden: frozenset[int],
        rows: int | None,
    ) -> None:
        self.tokenizer = tokenizer
        self.where = where  # the model, for messages
        self.stops = tuple(stops)
        self.context = context
        self.hidden = hidden
        self.rows = rows
        self._name = name

    @property
    def identity(self) -> str:
        """Name, versions, device and number format."""
        return self._name

    def decode(self, ids: Sequence[int]) -> str:
        """The text of generated ids, the hidden ones left out."""
        return decode(self.tokenizer, ids, self.hidden)

    def generate(
        self, requests: Sequence[Request], decoding: Decoding, on_tokens: OnTokens
    ) -> list[Completion]:
        """One completion per request, in their order. Raises InputError for prompts longer than the
        model's context.

        Out of memory: what is finished is kept, the rest begins again with half the rows and the
        same noise.
        """
        if not requests:
            return []
        check_prompts(self.where, [request.prompt_ids for request in requests], self.context)
        finished: dict[int, Finished] = {}
        try:
            while not self._attempted(requests, decoding, finished, on_tokens):
                self._release()  # outside of the handler: a traceback would hold the tensors
        except InputError as error:
            kept = {index: done.completion(self.decode) for index, done in finished.items()}
            raise Unfinished(error.problems, kept) from error
        return [finished[index].completion(self.decode) for index in range(len(requests))]

    def _attempted(
        self,
        requests: Sequence[Request],
        decoding: Decoding,
        finished: dict[int, Finished],
        on_tokens: OnTokens,
    ) -> bool:
        """Whether the memory sufficed to finish all requests; if not, the next try takes fewer."""
        rows = self._rows_that_fit(requests)
        try:
            self._attempt(rows, requests, decoding, finished, on_tokens)
        except ArithmeticError as error:
            raise InputError(f"{self.where}: {error}{self.number_formats}") from error
        except InputError:
            raise
        except Exception as error:
            require_out_of_memory(error, self.otherwise)
            if rows == 1:
                raise InputError(
                    f"{self.where}: out of GPU memory with a single sample; free the GPU, lower"
                    f" max_new_tokens or take a smaller model{self.otherwise and ', '}"
                    f"{self.otherwise}; finished samples are kept"
                ) from error
            self._take_fewer(rows // 2)
            log.warning(
                "out of GPU memory: continuing with %d instead of %d rows; %d of %d samples are"
                " finished and kept",
                *(rows // 2, rows, len(finished), len(requests)),
            )
            return False
        return True

    def loglikelihoods(
        self, prompt_ids: Sequence[tuple[int, ...]], continuations: Sequence[tuple[int, ...]]
    ) -> list[float]:
        """The summed natural-log probability of each continuation after its prompt, in order; 0.0
        for an empty one.

        Out of memory: all again with half as many tokens at once.
        """
        if not prompt_ids:
            return []
        check_continuations(self.where, prompt_ids, continuations, self._longest_scored())
        budget = self._scored_at_once()
        while True:
            try:
                return self._score(prompt_ids, continuations, budget)
            except InputError:
                raise
            except Exception as error:
                require_out_of_memory(error, self.otherwise)
                if budget < 2 * LEAST:
                    raise InputError(
                        f"{self.where}: out of GPU memory while likelihoods of {budget} tokens at a"
                        f" time were computed ({first_line(error)}); free the GPU or take a smaller"
                        f" model{self.otherwise and ', ' + self.otherwise}; finished samples are"
                        " kept"
                    ) from error
            self._release()  # outside of the handler: a traceback would hold the tensors
            budget //= 2
            log.warning(
                "out of GPU memory: continuing with likelihoods of %d tokens at a time", budget
            )

    def _take_fewer(self, rows: int) -> None:
        self.rows = rows

    def _longest_scored(self) -> int | None:
        """Tokens of a prompt and its continuation that can be scored; None: no limit is known."""
        return self.context

    @abstractmethod
    def _rows_that_fit(self, requests: Sequence[Request]) -> int:
        """How many rows at once: a function of the requests, the model and the machine alone."""

    @abstractmethod
    def _attempt(
        self,
        rows: int,
        requests: Sequence[Request],
        decoding: Decoding,
        finished: dict[int, Finished],
        on_tokens: OnTokens,
    ) -> None:
        """Fill `finished` with what it lacks, computing at most `rows` rows at once."""

    @abstractmethod
    def _score(
        self,
        prompt_ids: Sequence[tuple[int, ...]],
        continuations: Sequence[tuple[int, ...]],
        budget: int,
    ) -> list[float]:
        """The log-likelihoods, with at most `budget` tokens at once."""

    @abstractmethod
    def _scored_at_once(self) -> int:
        """Tokens that one pass of scoring takes."""

    @abstractmethod
    def _release(self) -> None:
        """Give back all memory but the weights'."""
