"""What goes wrong with a GPU, the same for every engine: too little memory, a card that went away,
and clear lines.

Reads and writes nothing; imports no framework. One real line:

    the GPU stopped answering (CUDA error: an illegal memory access was encountered); finished
        samples are kept: check
    it with nvidia-smi and run again
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from featherweight.errors import InputError, first_line

LEAST = 64  # tokens at a time; where that is too much, less will not help
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


def scored_within_memory(
    compute: Callable[[int], list[float]],
    budget: int,
    release: Callable[[], object],
    where: object,
    otherwise: str = "",
) -> list[float]:
    """`compute(budget)`, with half as many tokens at a time as often as a GPU's memory runs out.

    `release` gives back what can be had again. Raises InputError where fewer than `LEAST` tokens
    are still too many, and for a GPU that disappeared; other errors stay as they are.
    """
    while True:
        try:
            return compute(budget)
        except InputError:
            raise
        except Exception as error:
            require_out_of_memory(error, otherwise)
            if budget < 2 * LEAST:
                raise InputError(
                    f"{where}: out of GPU memory while likelihoods of {budget} tokens at a time"
                    f" were computed ({first_line(error)}); free the GPU or take a smaller"
                    f" model{otherwise and ', ' + otherwise}; finished samples are kept"
                ) from error
        release()  # outside of the handler: a traceback would hold the tensors
        budget //= 2
        log.warning("out of GPU memory: going on with likelihoods of %d tokens at a time", budget)
