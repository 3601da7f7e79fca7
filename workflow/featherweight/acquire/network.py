"""The only door to the network: one download that resumes, waits, verifies and says what it does.

HTTP itself is `huggingface_hub`'s (`http_get`: streaming, Range, redirects, proxies); it loses a
download that was killed, gives up at a 503 on GET and hashes nothing (huggingface_hub 2.4.0,
`file_download.py`), so those three are here. One real line:

    model 'smol': model.safetensors: the server answers 503; waiting 2 s, then try 2 of 6
"""

from __future__ import annotations

import email.utils
import errno
import importlib
import logging
import os
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, TypeVar, cast
from urllib.parse import urlsplit

from huggingface_hub import get_session
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import disable_progress_bars, hf_raise_for_status  # type: ignore[attr-defined]

from featherweight.acquire.progress import Counted, Progress, size
from featherweight.acquire.settings import Settings
from featherweight.acquire.verify import Digest, Expected, difference, digest
from featherweight.errors import InputError

LOG = logging.getLogger("featherweight.acquire")
WORTH_ANOTHER_TRY = (408, 416, 429, 500, 502, 503, 504)
# The library that huggingface_hub fetches with: httpx2 for its release 2, httpx for 1 (which a
# machine that brings its own packages may have).
HTTP = importlib.import_module(HfHubHTTPError.__bases__[0].__module__)
FULL = (errno.ENOSPC, errno.EDQUOT)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Remote:
    """One file to fetch.

    `where` begins every message about it; `explain` says what an HTTP status means there.
    """

    where: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    explain: Callable[[HfHubHTTPError], str | None] = lambda error: None


def refuse_offline(where: str, how: Settings) -> None:
    """Raise before a socket is opened."""
    if how.offline:
        raise InputError(f"{where}: not here, and offline: nothing is fetched; {fetch_command()}")


def fetch_command() -> str:
    """What fetches everything that a study misses."""
    return (
        "run `snakemake acquire` on a machine with a network (offline: false), or name a folder or"
        " mirror that has it"
    )


def fetch_verified(remote: Remote, final: Path, expected: Expected, how: Settings) -> Digest:
    """Fetch a file to `final`, whole and verified, or not at all. A wrong hash is tried once more
    from the start.

    A part that an interrupted run left is continued. Raises InputError with what was expected and
    what came twice.
    """
    refuse_offline(remote.where, how)
    part = final.with_name(f"{final.name}.incomplete")
    part.parent.mkdir(parents=True, exist_ok=True)
    first: str | None = None
    while True:
        _download(remote, part, expected, how)
        got = digest(part)
        problem = difference(remote.where, expected, got)
        if problem is None:
            part.replace(final)
            return got
        part.unlink()
        came = f"{got.sha256} ({got.bytes:,} bytes)"
        if first is not None:
            raise InputError(
                f"{remote.where}: expected {_promise(expected)}, got sha256 {first} and, fetched"
                f" once more, {came}: {remote.url} serves other bytes than were promised; nothing"
                " was kept; go around a mirror or proxy that stands in between; if the source"
                " really changed, decide by `snakemake lock`"
            )
        first = came
        LOG.warning("%s; deleted, fetching it once more", problem)


def _promise(expected: Expected) -> str:
    length = "" if expected.bytes is None else f" ({expected.bytes:,} bytes)"
    return (
        f"sha256 {expected.sha256}{length}"
        if expected.sha256
        else f"git sha1 {expected.git_sha1}{length}"
    )


def _download(remote: Remote, part: Path, expected: Expected, how: Settings) -> None:
    def once() -> None:
        part.touch()
        if expected.bytes is not None and part.stat().st_size > expected.bytes:
            part.write_bytes(b"")
        with part.open("r+b") as stream:
            have = stream.seek(0, os.SEEK_END)
            if have:
                LOG.info("%s: continuing at %s", remote.where, size(have))
            with Progress(remote.where, expected.bytes, have) as progress:
                # Compressed on the way, a Range would count other bytes than ours.
                headers = {"Accept-Encoding": "identity"} | remote.headers
                temporary = cast(BinaryIO, Counted(stream, progress))
                http_get(
                    remote.url,
                    temporary,
                    resume_size=have,
                    headers=headers,
                    expected_size=expected.bytes,
                )

    def forget_part(error: Exception) -> None:
        if isinstance(error, HfHubHTTPError) and error.response.status_code == 416:
            part.unlink(missing_ok=True)

    try:
        patiently(once, remote.where, how, remote.explain, forget_part)
    except OSError as error:
        if error.errno not in FULL:
            raise InputError(
                f"{remote.where}: cannot be written to {part.parent}: {error.strerror}"
            ) from error
        free = shutil.disk_usage(part.parent).free
        raise InputError(
            f"{remote.where}: the disk is full: {part.parent} has {size(free)} left, the file needs"
            f" {'more' if expected.bytes is None else size(expected.bytes)}; free some, or keep"
            " downloads elsewhere (--config downloads=FOLDER); what is here already is kept and"
            " continued"
        ) from error
    finally:
        if part.exists() and part.stat().st_size == 0 and expected.bytes != 0:
            part.unlink()


def patiently(
    action: Callable[[], T],
    where: str,
    how: Settings,
    explain: Callable[[HfHubHTTPError], str | None] = lambda error: None,
    between: Callable[[Exception], None] = lambda error: None,
) -> T:
    """Do something over the network; wait and try again where that can help. Raises InputError
    where it cannot.

    OSErrors that have nothing to do with the network are left as they are.
    """
    _speak_through_our_log(where)
    tries = how.retries + 1
    for number in range(1, tries + 1):
        try:
            return action()
        except (HfHubHTTPError, HTTP.HTTPError, OSError) as error:
            short = _reason(error)
            if short is None:
                raise
            explained = explain(error) if isinstance(error, HfHubHTTPError) else None
            if explained is not None:
                raise InputError(f"{where}: {explained}") from error
            if number == tries or not _may_pass(error):
                raise InputError(_give_up(where, short, number, error)) from error
            between(error)
            wait = _wait(error, number, how)
            LOG.warning(
                "%s: %s; waiting %.3g s, then try %d of %d", where, short, wait, number + 1, tries
            )
            time.sleep(wait)
    raise AssertionError("unreachable: the last try returns or raises")


def _give_up(where: str, short: str, tries: int, error: Exception) -> str:
    advice = (
        "try again later"
        if _may_pass(error)
        else "check the address in config/ and the network's proxy"
    )
    if isinstance(error, HTTP.TransportError):
        advice = (
            "check the network; without one: --config offline=true, with a folder or mirror that"
            " has the files"
        )
    return (
        f"{where}: {short}, {tries} {'time' if tries == 1 else 'times'}; {advice}; what is here"
        " already is kept"
    )


def _reason(error: Exception) -> str | None:
    """What happened, in a few words; None for an error that is not the network's."""
    if isinstance(error, HfHubHTTPError):
        said = error.server_message
        host = urlsplit(str(error.response.url)).netloc
        return f"{host} answers {error.response.status_code}" + (
            f" ({' '.join(said.split())[:200]})" if said else ""
        )
    if isinstance(error, HTTP.HTTPError):
        try:
            host = urlsplit(str(error.request.url)).netloc
        except RuntimeError:
            host = "the server"
        return f"no answer from {host} ({str(error) or type(error).__name__})"
    if "Consistency check failed" in str(error):
        wanted, came = (
            re.findall(r"of size (\d+)", str(error))[0],
            re.findall(r"has size (\d+)", str(error))[0],
        )
        return f"the transfer was cut: expected {int(wanted):,} bytes, got {int(came):,}"
    return None


def _may_pass(error: Exception) -> bool:
    return not isinstance(error, HfHubHTTPError) or error.response.status_code in WORTH_ANOTHER_TRY


def _wait(error: Exception, number: int, how: Settings) -> float:
    """Seconds until the next try: what the server asks for, else doubling."""
    if isinstance(error, HfHubHTTPError):
        asked = error.response.headers.get("Retry-After")
        if asked is not None and (seconds := _seconds(asked)) is not None:
            return min(seconds, how.longest_wait)
    return float(min(how.backoff * 2 ** (number - 1), how.longest_wait))


def _seconds(asked: str) -> float | None:
    if asked.isdigit():
        return float(asked)
    try:
        return max(
            0.0, (email.utils.parsedate_to_datetime(asked) - datetime.now(UTC)).total_seconds()
        )
    except (TypeError, ValueError):
        return None


class _Relay(logging.Handler):
    """What the library says of its own waits goes where our lines go, with the file's name before
    it.
    """

    def __init__(self, where: str) -> None:
        super().__init__()
        self._where = where

    def emit(self, record: logging.LogRecord) -> None:
        LOG.log(record.levelno, "%s: %s", self._where, " ".join(record.getMessage().split()))


def _speak_through_our_log(where: str) -> None:
    disable_progress_bars()
    logging.getLogger(HTTP.__name__).setLevel(logging.WARNING)  # it would name every request
    library = logging.getLogger("huggingface_hub")
    library.handlers[:] = [_Relay(where)]
    library.propagate = False


def reachable(remote: Remote, how: Settings) -> None:
    """Raise InputError unless the server would give this file: its first bytes are asked for, its
    body is not read.
    """
    refuse_offline(remote.where, how)

    def ask() -> None:
        with get_session().stream(
            "GET", remote.url, headers={"Range": "bytes=0-0"}, timeout=how.timeout
        ) as response:
            hf_raise_for_status(response)

    patiently(ask, remote.where, how, remote.explain)
