"""Whether there is a GPU, and the releases that its engine needs, without importing a framework.
Writes nothing.

The Snakefile is read many times, and the preflight asks before anything is fetched; importing torch
takes seconds.

>>> cuda_devices()  # on a machine without one
0
"""

from __future__ import annotations

import ctypes
import re

EXLLAMAV2 = "0.3.2"  # the project is archived; our adapter relies on this version's internals
EXLLAMAV2_TORCH = ((2, 11), (2, 13))  # the oldest and newest torch that the adapter was written for


def _driver() -> ctypes.CDLL | None:
    """The CUDA driver, ready to be asked; None where there is none."""
    for library in ("libcuda.so.1", "nvcuda.dll"):
        try:
            driver = ctypes.CDLL(library)
        except OSError:
            continue
        if driver.cuInit(0) == 0:
            return driver
    return None


def cuda_devices() -> int:
    """How many CUDA GPUs the driver shows to this process; 0 without a driver.

    CUDA_VISIBLE_DEVICES is respected.
    """
    driver, count = _driver(), ctypes.c_int(0)
    if driver is None or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value


def gpu_name() -> str | None:
    """The name of the first CUDA GPU; None where there is none."""
    driver, device, name = _driver(), ctypes.c_int(0), ctypes.create_string_buffer(100)
    if driver is None or driver.cuDeviceGet(ctypes.byref(device), 0) != 0:
        return None
    if driver.cuDeviceGetName(name, len(name), device) != 0:
        return None
    text = name.value.decode(errors="replace")
    return text if text else None


def release_problem(package: str, found: str | None) -> str | None:
    """Which release of "exllamav2" or "torch" engine exllamav2 expects, if it is not the one found;
    None if it is.

    >>> release_problem("torch", "2.10.1+cu128")
    'expected torch 2.11 to 2.13, found 2.10.1+cu128'
    """
    if package == "exllamav2":
        return (
            None
            if found == EXLLAMAV2
            else f"expected the package exllamav2 {EXLLAMAV2}, found {found or 'none'}"
        )
    oldest, newest = EXLLAMAV2_TORCH
    numbers = re.match(r"(\d+)\.(\d+)", found or "")
    if numbers is not None and oldest <= (int(numbers[1]), int(numbers[2])) <= newest:
        return None
    wanted = " to ".join(".".join(map(str, bound)) for bound in EXLLAMAV2_TORCH)
    return f"expected torch {wanted}, found {found or 'none'}"
