"""Sizes and hashes: what a file should be, what it is, and the sentence that says so when they
differ.

One real problem:

    downloads/bbq/Age.jsonl: expected sha256 46e805b3..., got 91ab77f0... (right length, 3,091,834
        bytes): the content
    was changed on the way or on this disk

`huggingface_hub` accepts a flipped bit of the right length without a word, so everything is hashed
here.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known of a file beforehand.

    Large files of the Hub have a sha256, small ones a git object id (sha1).
    """

    bytes: int | None
    sha256: str | None = None
    git_sha1: str | None = None


@dataclass(frozen=True, slots=True)
class Digest:
    """What a file is: its length and hashes. For a .gz file these are of the uncompressed bytes."""

    bytes: int
    sha256: str
    git_sha1: str | None


def digest(path: Path) -> Digest:
    """Hash a file in one pass.

    Raises OSError if it cannot be read, ValueError if a .gz file is damaged.
    """
    if path.suffix == ".gz":
        try:
            with gzip.open(path, "rb") as stream:
                return _digest(cast(BinaryIO, stream), None)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(
                f"{path}: expected a whole gzip file, got a damaged one ({error})"
            ) from error
    with path.open("rb") as stream:
        return _digest(stream, path.stat().st_size)


def _digest(stream: BinaryIO, length: int | None) -> Digest:
    """The git object id starts with the length, so it is only made where the length is known
    beforehand.
    """
    sha256, size = hashlib.sha256(), 0
    git = None if length is None else hashlib.sha1(b"blob %d\0" % length, usedforsecurity=False)
    while chunk := stream.read(CHUNK):
        sha256.update(chunk)
        size += len(chunk)
        if git is not None:
            git.update(chunk)
    return Digest(size, sha256.hexdigest(), None if git is None else git.hexdigest())


def difference(where: str, expected: Expected, got: Digest) -> str | None:
    """One sentence on how a file differs from what is expected of it; None where it does not."""
    if expected.bytes is not None and got.bytes != expected.bytes:
        lost = "truncated" if got.bytes < expected.bytes else "too long"
        return f"{where}: expected {expected.bytes:,} bytes, got {got.bytes:,}: the file is {lost}"
    for kind, wanted, found in (
        ("sha256", expected.sha256, got.sha256),
        ("git sha1", expected.git_sha1, got.git_sha1),
    ):
        if wanted is not None and found is not None and wanted != found:
            return (
                f"{where}: expected {kind} {wanted}, got {found} (right length, {got.bytes:,}"
                " bytes): the content was changed on the way or on this disk"
            )
    return None


def check(path: Path, expected: Expected) -> tuple[Digest | None, str | None]:
    """The digest of a file and what is wrong with it; a file that is not there or not readable is a
    problem too.
    """
    try:
        got = digest(path)
    except FileNotFoundError:
        return None, f"{path}: expected a file, got nothing: never fetched, or removed"
    except (OSError, ValueError) as error:
        return None, (
            str(error)
            if isinstance(error, ValueError)
            else f"{path}: cannot be read: {error.strerror}"
        )
    return got, difference(str(path), expected, got)
