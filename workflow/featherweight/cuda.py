"""Whether there is a GPU, asked without importing a framework (the Snakefile is read many times). Writes nothing.

>>> cuda_devices()  # on a machine without one
0
"""

from __future__ import annotations

import ctypes


def cuda_devices() -> int:
    """How many CUDA GPUs the driver shows to this process; 0 without a driver. CUDA_VISIBLE_DEVICES is respected."""
    for library in ("libcuda.so.1", "nvcuda.dll"):
        try:
            driver = ctypes.CDLL(library)
        except OSError:
            continue
        count = ctypes.c_int(0)
        if driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0:
            return count.value
    return 0
