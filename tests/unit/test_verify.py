"""Sizes and hashes: what the sentence says for each way in which a file can be wrong."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest

from featherweight.acquire.folder import weights_problem
from featherweight.acquire.verify import Expected, check, difference, digest

# sha256 of "abc": FIPS 180-2, appendix B.1. git's id of the blob "abc": `printf abc | git
# hash-object --stdin`.
ABC_SHA256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
ABC_GIT = "f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f"
EMPTY_SHA256 = (  # the same, of nothing
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)
EMPTY_GIT = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"


@pytest.mark.parametrize(
    ("content", "sha256", "git"), [(b"abc", ABC_SHA256, ABC_GIT), (b"", EMPTY_SHA256, EMPTY_GIT)]
)
def test_digest_is_the_published_one(tmp_path: Path, content: bytes, sha256: str, git: str) -> None:
    (tmp_path / "file").write_bytes(content)
    found = digest(tmp_path / "file")
    assert (found.bytes, found.sha256, found.git_sha1) == (len(content), sha256, git)


def test_a_gz_file_is_hashed_uncompressed(tmp_path: Path) -> None:
    (tmp_path / "file.gz").write_bytes(gzip.compress(b"abc"))
    found = digest(tmp_path / "file.gz")
    assert (found.bytes, found.sha256, found.git_sha1) == (3, ABC_SHA256, None)


def test_a_file_over_several_chunks(tmp_path: Path) -> None:
    content = bytes(range(256)) * 8200  # 2.1 MB: three reads
    (tmp_path / "file").write_bytes(content)
    assert digest(tmp_path / "file").sha256 == hashlib.sha256(content).hexdigest()


DIFFERENCES = [
    (b"abc", Expected(3, ABC_SHA256), None),
    (b"abc", Expected(3, git_sha1=ABC_GIT), None),
    (b"abc", Expected(None), None),
    (b"ab", Expected(3, ABC_SHA256), "F: expected 3 bytes, got 2: the file is truncated"),
    (b"abcd", Expected(3, ABC_SHA256), "F: expected 3 bytes, got 4: the file is too long"),
    (b"abb", Expected(3, ABC_SHA256), f"F: expected sha256 {ABC_SHA256}, got "),
    (b"abb", Expected(3, git_sha1=ABC_GIT), f"F: expected git sha1 {ABC_GIT}, got "),
    (
        b"abb",
        Expected(None, ABC_SHA256),
        "(right length, 3 bytes): the content was changed on the way or on this disk",
    ),
]


@pytest.mark.parametrize(("content", "expected", "sentence"), DIFFERENCES)
def test_difference(
    tmp_path: Path, content: bytes, expected: Expected, sentence: str | None
) -> None:
    (tmp_path / "file").write_bytes(content)
    got = difference("F", expected, digest(tmp_path / "file"))
    assert got is None if sentence is None else got is not None and sentence in got


def test_every_single_flipped_bit_is_found(tmp_path: Path) -> None:
    content = b"weights"
    expected = Expected(len(content), hashlib.sha256(content).hexdigest())
    for bit in range(8 * len(content)):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        (tmp_path / "file").write_bytes(changed)
        assert check(tmp_path / "file", expected)[1] is not None, bit


def test_what_cannot_be_read_is_a_problem_not_an_exception(tmp_path: Path) -> None:
    (tmp_path / "broken.gz").write_bytes(gzip.compress(b"abc" * 100)[:-9])
    (tmp_path / "text.gz").write_bytes(b"not gzip")
    (tmp_path / "folder").mkdir()
    assert check(tmp_path / "none", Expected(3)) == (
        None,
        f"{tmp_path}/none: expected a file, got nothing: never fetched, or removed",
    )
    assert "expected a whole gzip file, got a damaged one" in str(
        check(tmp_path / "broken.gz", Expected(3))[1]
    )
    assert "expected a whole gzip file, got a damaged one" in str(
        check(tmp_path / "text.gz", Expected(3))[1]
    )
    assert "cannot be read: Is a directory" in str(check(tmp_path / "folder", Expected(3))[1])


def test_safetensors_say_themselves_how_long_they_are(tmp_path: Path) -> None:
    from tiny_model import model_files

    whole = model_files()["model.safetensors"]
    path = tmp_path / "model.safetensors"
    for content, sentence in [
        (whole, None),
        (
            whole[:-1],
            (
                f"expected {len(whole):,} bytes (its own header), got {len(whole) - 1:,}; fetch it"
                " again"
            ),
        ),
        (whole + b"x", f"got {len(whole) + 1:,}; fetch it again"),
        (
            whole[:20],
            "expected a safetensors file, got something else or a part of one; fetch it again",
        ),
        (b"", "expected a safetensors file, got something else or a part of one; fetch it again"),
        (
            b"<html>404 Not Found</html>",
            "expected a safetensors file, got something else or a part of one",
        ),
    ]:
        path.write_bytes(content)
        got = weights_problem("model 'x'", path)
        assert got is None if sentence is None else got is not None and sentence in got
