"""The machine that generated, in one line: for the record of what a chunk cost.

hardware()
-> 'AMD EPYC 7763 64-Core Processor, 2 cores, 23.5 GiB of memory, no GPU'
"""

from __future__ import annotations

import os
import platform
from functools import cache
from pathlib import Path

import psutil

from featherweight.cuda import gpu_name


@cache
def hardware() -> str:
    """Processor, cores that this process may use, memory, name of the first CUDA GPU."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = psutil.virtual_memory().total / 2**30
    gpu = gpu_name()
    return (
        f"{_processor()}, {cores} {'core' if cores == 1 else 'cores'}, {memory:.1f} GiB of memory,"
        f" {'no GPU' if gpu is None else gpu}"
    )


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            name = line.partition(":")[2].strip()
            if line.startswith("model name") and name:
                return name
    except OSError:
        pass
    processor = platform.processor()
    return processor if processor else "unknown processor"
