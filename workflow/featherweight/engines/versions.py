"""Versions of what may change a token, readable without importing a framework. Reads and writes
nothing.

>>> SAMPLING_VERSION
3
"""

from __future__ import annotations

SAMPLING_VERSION = 3  # of `sampling`: raise it when another token could come out
