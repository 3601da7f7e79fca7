"""What a person sees while a model generates: plain lines in a log, a live bar on a terminal."""

from __future__ import annotations

import io
import logging

import pytest

from featherweight.generate import progress
from featherweight.generate.progress import Progress, remaining


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands still until its only entry is changed."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(
    ("done", "total", "seconds", "expected"),
    [(0, 10, 5.0, None), (5, 10, 4.0, 4.0), (10, 10, 4.0, 0.0)],
)
def test_time_that_is_left(done: int, total: int, seconds: float, expected: float | None) -> None:
    assert remaining(done, total, seconds) == expected


def test_a_log_gets_a_plain_line_every_ten_seconds(
    clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "featherweight"), Progress("m", 100, 20) as shown:
        for _ in range(8):
            clock[0] += 3.0
            shown.on_tokens(60)
            shown.on_samples(5)
        shown.from_others(5)
    assert caplog.messages == [
        "m: 35/100 samples (20 from the store), 20 tokens/s, about 52 s left",
        "m: 55/100 samples (20 from the store), 20 tokens/s, about 31 s left",
        "m: 65/100 samples (25 from the store), 20 tokens/s, about 21 s left",
    ]


def test_loading_does_not_count_as_generating(clock: list[float]) -> None:
    shown = Progress("m", 10, 0)
    clock[0] += 50.0
    shown.restart_clock()
    clock[0] += 2.0
    shown.on_tokens(10)
    assert shown.line() == "m: 0/10 samples, 5 tokens/s"


def test_choosing_by_likelihood_does_not_count_as_generating(clock: list[float]) -> None:
    shown = Progress("m", 10, 0)
    clock[0] += 2.0
    shown.on_tokens(10)
    clock[0] += 50.0
    shown.without_tokens(50.0)
    assert shown.line() == "m: 0/10 samples, 5 tokens/s"


class Terminal(io.StringIO):
    """A stream that says that somebody is watching."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar_that_shows_the_same_line(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with Progress("[bold]m", 10, 0) as shown:
        shown.on_tokens(5)
        shown.on_samples(10)
        shown._bar.refresh()
    assert "[bold]m: 10/10 samples" in screen.getvalue()
