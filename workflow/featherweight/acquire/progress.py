"""How far a download is: a bar with bytes and rate on a terminal, a line now and then in a log.

One real line of a log:

    dataset 'bbq': Race_x_gender.jsonl: 5.2 of 13.1 MB, 2.6 MB/s
"""

from __future__ import annotations

import logging
import sys
import time
from contextlib import ExitStack
from types import TracebackType
from typing import IO, Any

LOG = logging.getLogger("featherweight.acquire")
SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """Follows one file. `total` is its length in bytes, None where nobody knows it."""

    def __init__(self, label: str, total: int | None, start: int) -> None:
        self._label, self._total, self._start = label, total, start
        self._began = self._last_line = time.monotonic()
        self._stack = ExitStack()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                DownloadColumn,
                TextColumn,
                TimeRemainingColumn,
                TransferSpeedColumn,
            )
            from rich.progress import Progress as Bars

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                DownloadColumn(),
                TransferSpeedColumn(),
            )
            console = Console(stderr=True)
            self._bar = self._stack.enter_context(
                Bars(*columns, TimeRemainingColumn(), console=console, transient=True)
            )
            self._task = self._bar.add_task(self._label, total=self._total, completed=self._start)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def at(self, position: int) -> None:
        """Bytes received so far, including any resumed part."""
        if self._bar is not None:
            self._bar.update(self._task, completed=position)
            return
        now = time.monotonic()
        if now - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = now
            LOG.info("%s: %s", self._label, self.line(position, now - self._began))

    def line(self, position: int, seconds: float) -> str:
        """What a log says: bytes here, bytes in all, bytes per second of this try."""
        rate = (position - self._start) / seconds if seconds > 0 else 0.0
        of = "" if self._total is None else f" of {size(self._total)}"
        return f"{size(position)}{of}, {size(rate)}/s"


class Counted:
    """A file that tells `Progress` where it is; has what `huggingface_hub` needs of a file."""

    def __init__(self, stream: IO[bytes], progress: Progress) -> None:
        self._stream, self._progress = stream, progress

    def write(self, chunk: bytes) -> int:
        """Write and tell."""
        written = self._stream.write(chunk)
        self._progress.at(self._stream.tell())
        return written

    def tell(self) -> int:
        """The position in bytes."""
        return self._stream.tell()

    def seek(self, offset: int, whence: int = 0) -> int:
        """Seek; huggingface_hub rewinds when the server ignores Range."""
        return self._stream.seek(offset, whence)

    def truncate(self, length: int | None = None) -> int:
        """Truncate here."""
        return self._stream.truncate(length)


def size(count: float) -> str:
    """Bytes for a person: 812.3 kB, 3.4 GB (powers of 1000)."""
    for unit in ("B", "kB", "MB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
