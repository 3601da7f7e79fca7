"""The machine that generated: for the report's section about its run, and for nothing else.

>>> hardware()
{'processor': 'AMD EPYC 7763 64-Core Processor', 'cores': 2, 'memory_gib': 23.5, 'gpu': None}
"""

from __future__ import annotations

import ctypes
import os
import platform
from pathlib import Path
from typing import Any

import psutil


def hardware() -> dict[str, Any]:
    """Processor, cores that this process may use, memory in GiB, name of the first CUDA GPU; None
    where unknown.
    """
    return {
        "processor": _processor(),
        "cores": (
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        ),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "gpu": _gpu(),
    }


def _processor() -> str | None:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip() or None
    except OSError:
        pass
    return platform.processor() or None


def _gpu() -> str | None:
    """Asked of the driver itself, so that controls need no framework to say where they ran."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
    device, name = ctypes.c_int(0), ctypes.create_string_buffer(100)
    if driver.cuInit(0) != 0 or driver.cuDeviceGet(ctypes.byref(device), 0) != 0:
        return None
    if driver.cuDeviceGetName(name, len(name), device) != 0:
        return None
    return name.value.decode(errors="replace") or None
