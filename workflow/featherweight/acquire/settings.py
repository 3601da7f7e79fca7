"""How a run acquires; what it acquires is a `specs.Source`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """How a run acquires: what is tried first, where things are kept, how patient it is.

    `retries` counts further tries after the first; `backoff` is the wait before the first of them
    in seconds, doubled each time; a server's Retry-After is obeyed up to `longest_wait` seconds.
    """

    mirrors: tuple[str, ...] = ()
    downloads: Path | None = None
    offline: bool = False
    endpoint: str | None = None
    retries: int = 5
    backoff: float = 2.0
    longest_wait: float = 120.0
    timeout: float = 30.0
