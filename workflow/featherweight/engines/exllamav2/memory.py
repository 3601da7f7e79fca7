"""GPU memory for ExLlamaV2: how much there is and how much is free, and a clear line where weights
do not fit.

Reads the size of a model's files, writes nothing. One real line:

    models/r1: the GPU's memory does not suffice for its weights (3.6 GB) and one pass over them
        (CUDA out of memory.
    ...); free the GPU, take a smaller or a quantised model, or choose engine: transformers
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from featherweight.engines.back_off import require_out_of_memory
from featherweight.engines.exllamav2.install import OTHERWISE
from featherweight.errors import InputError, first_line


def free_memory() -> int:
    """Bytes that are free on the GPU, once torch has given back what it keeps in reserve."""
    import torch

    gc.collect()
    torch.cuda.empty_cache()
    return int(torch.cuda.mem_get_info()[0])


def settle() -> None:
    """Wait for all streams: what was filled on torch's own must be done before ExLlamaV2's stream
    writes there.
    """
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def room() -> int:
    """Bytes of the card less this process's tensors: independent of other processes on the GPU."""
    import torch

    gc.collect()
    return int(torch.cuda.mem_get_info()[1]) - int(torch.cuda.memory_allocated())


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Within this context a lack of memory and a GPU that went away become InputError; all else
    stays as it is.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        require_out_of_memory(error, OTHERWISE)
        size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
        raise InputError(
            f"{folder}: the GPU's memory does not suffice for its weights ({size / 1e9:.1f} GB) and"
            f" one pass over them ({first_line(error)}); free the GPU, take a smaller or a"
            f" quantised model, {OTHERWISE}"
        ) from error
