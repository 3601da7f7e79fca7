"""Progress of a generation: a live bar on a terminal, a line every ten seconds in a log.

Writes to stderr only.

One real line:

    pocket-fair: 640/1100 samples (512 from the store), 1840 tokens/s, about 13 s left
"""

from __future__ import annotations

import logging
import sys
import time
from types import TracebackType
from typing import Any

INTERVAL = 10.0  # seconds between plain lines
log = logging.getLogger("featherweight")


def remaining(done: int, total: int, seconds: float) -> float | None:
    """Seconds left at the rate so far; None before anything was generated."""
    return seconds * (total - done) / done if done else None


class Progress:
    """Counts samples and tokens, and shows them. Use as a context manager."""

    def __init__(self, model: str, samples: int, stored: int) -> None:
        self.model = model
        self.samples = samples  # all, those of the store included
        self.stored = stored
        self.made = 0
        self.tokens = 0
        self._aside = 0.0  # seconds in which no tokens are made
        self._start = time.monotonic()
        self._told = self._start
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        if sys.stderr.isatty() and self.samples > self.stored:
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn
            from rich.progress import Progress as Bar

            columns = (TextColumn("{task.description}", markup=False), BarColumn())
            self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task(self.line(), total=self.samples, completed=self.stored)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        log.info("%s", self.line())

    def restart_clock(self) -> None:
        """Start measuring here, once the model is loaded."""
        self._start = time.monotonic()

    def on_tokens(self, count: int) -> None:
        """Some tokens were generated."""
        self.tokens += count
        self._show()

    def without_tokens(self, seconds: float) -> None:
        """Leave these seconds of scoring out of tokens per second."""
        self._aside += seconds

    def on_samples(self, count: int) -> None:
        """Some samples were finished and stored."""
        self.made += count
        self._show()

    def from_others(self, count: int) -> None:
        """Some samples were finished by another process."""
        self.stored += count
        self._show()

    def line(self) -> str:
        """Where things stand, in one line."""
        seconds = time.monotonic() - self._start
        kept = f" ({self.stored} from the store)" if self.stored else ""
        parts = [f"{self.model}: {self.stored + self.made}/{self.samples} samples{kept}"]
        if self.tokens and seconds > self._aside:
            parts.append(f"{self.tokens / (seconds - self._aside):.0f} tokens/s")
        left = remaining(self.made, self.samples - self.stored, seconds)
        if left:
            parts.append(f"about {left:.0f} s left")
        return ", ".join(parts)

    def _show(self) -> None:
        now = time.monotonic()
        if self._bar is not None:
            self._bar.update(self._task, completed=self.stored + self.made, description=self.line())
        elif now - self._told >= INTERVAL:
            self._told = now
            log.info("%s", self.line())
