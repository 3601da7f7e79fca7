"""The sample store: what is written is found again, what is damaged is said and made again, and
only one writes.
"""

from __future__ import annotations

import errno
import json
import logging
import multiprocessing
import os
from pathlib import Path

import pytest

from featherweight import files
from featherweight.engines import Completion
from featherweight.errors import InputError
from featherweight.generate.store import SampleStore, digest, weights_digest

MADE = [Completion("(A)\u2028\n<b>", 4, "stop", -0.125), Completion("", 0, "length", None)]


def reopened(folder: Path) -> SampleStore:
    store = SampleStore(folder)
    store.index()
    return store


def test_what_is_added_is_found_again(tmp_path: Path) -> None:
    store = reopened(tmp_path / "m")
    assert len(store) == 0
    store.add(["k1", "k2"], MADE)
    again = reopened(tmp_path / "m")
    assert [again["k1"], again["k2"]] == MADE == [store["k1"], store["k2"]]
    assert "k3" not in again
    assert [path.suffix for path in (tmp_path / "m").iterdir()] == [".jsonl"]


def test_answers_by_likelihood_stand_beside_generated_ones(tmp_path: Path) -> None:
    """And a generated answer's line is what it was before there were others: an old store is read
    as it is.
    """
    mixed = [*MADE, Completion("(B)", 0, "scored", None, (-3.5, -0.25, None))]
    reopened(tmp_path).add(["k1", "k2", "k3"], mixed)
    (path,) = tmp_path.iterdir()
    first = path.read_bytes().splitlines()[0]
    assert (
        first == b'{"finish":"stop","key":"k1","mean_logprob":-0.125,"n_tokens":4,'
        b'"text":"(A)\xe2\x80\xa8\\n<b>"}'
    )
    again = reopened(tmp_path)
    assert [again[key] for key in ("k1", "k2", "k3")] == mixed


def test_the_same_chunk_is_the_same_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        SampleStore(tmp_path / name).add(["k1", "k2"], MADE)
    (first,), (second,) = list((tmp_path / "a").iterdir()), list((tmp_path / "b").iterdir())
    assert (first.name, first.read_bytes()) == (second.name, second.read_bytes())


GOOD = {"key": "k9", "text": "x", "n_tokens": 1, "finish": "stop", "mean_logprob": None}


@pytest.mark.parametrize(
    "line",
    [
        b"\xff\xfe",
        b"{",
        b"[1, 2]",
        json.dumps(GOOD | {"n_tokens": "1"}).encode(),
        json.dumps(GOOD | {"finish": "boredom"}).encode(),
        json.dumps(GOOD | {"more": 1}).encode(),
        json.dumps(GOOD | {"finish": "scored"}).encode(),
        json.dumps(GOOD | {"option_loglikelihoods": [-1.0, -2.0]}).encode(),
        json.dumps(GOOD | {"finish": "scored", "option_loglikelihoods": [-1.0, "-2.0"]}).encode(),
        json.dumps(GOOD | {"finish": "scored", "option_loglikelihoods": -1.0}).encode(),
        json.dumps({key: value for key, value in GOOD.items() if key != "text"}).encode(),
        b"\x00" * 50,
    ],
)
def test_a_damaged_line_is_said_and_left_out(
    tmp_path: Path, line: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    SampleStore(tmp_path).add(["k1", "k2"], MADE)
    (path,) = tmp_path.iterdir()
    first, second = path.read_bytes().splitlines()
    path.write_bytes(first + b"\n" + line + b"\n")
    assert b"k2" in second
    with caplog.at_level(logging.WARNING, "featherweight"):
        store = reopened(tmp_path)
    assert ("k1" in store, "k2" in store, "k9" in store) == (True, False, False)
    assert [r.getMessage() for r in caplog.records] == [
        f"{path}: 1 damaged lines; these samples are generated again"
    ]


def test_a_torn_file_costs_its_last_line_only(tmp_path: Path) -> None:
    SampleStore(tmp_path).add(["k1", "k2"], MADE)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-20])
    assert len(reopened(tmp_path)) == 1


def test_temporary_files_of_a_killed_run_are_not_read(tmp_path: Path) -> None:
    (tmp_path / ".chunk.jsonl.x7").write_text(json.dumps(GOOD))
    assert len(reopened(tmp_path)) == 0


def test_a_full_disk_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SampleStore(tmp_path)
    store.add(["k1"], MADE[:1])

    def full(source: str, target: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))

    monkeypatch.setattr(files.os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        store.add(["k2"], MADE[1:])
    assert "k2" not in store
    assert len(list(tmp_path.iterdir())) == 1
    assert len(reopened(tmp_path)) == 1


def test_digest_is_canonical_and_weights_are_their_content() -> None:
    assert digest({"b": [1], "a": "ä"}) == digest({"a": "ä", "b": [1]})
    assert digest({"a": 1}) != digest({"a": 2})
    entry = {"bytes": 3, "sha256": "ab"}
    assert weights_digest({"w": entry}) == weights_digest({"w": entry | {"stored": "w.gz"}})
    assert weights_digest({"w": entry}) != weights_digest({"w": {"bytes": 3, "sha256": "ac"}})
    assert weights_digest({"w": entry}) != weights_digest({"v": entry})


def _hold(folder: Path, ready: object, go: object) -> None:
    with SampleStore(folder).locked():
        ready.set()  # type: ignore[attr-defined]
        go.wait(20)  # type: ignore[attr-defined]
        SampleStore(folder).add(["k1"], MADE[:1])


def test_a_second_process_waits_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    context = multiprocessing.get_context("spawn")
    ready, go = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(tmp_path, ready, go))
    other.start()
    try:
        assert ready.wait(20)

        class Release(logging.Handler):
            """Lets the other process go on as soon as this one says that it waits."""

            def emit(self, record: logging.LogRecord) -> None:
                go.set()

        handler = Release()
        logger = logging.getLogger("featherweight")
        logger.addHandler(handler)
        try:
            with caplog.at_level(logging.INFO, "featherweight"), SampleStore(tmp_path).locked():
                assert "k1" in reopened(tmp_path)  # what the other wrote while it held the lock
        finally:
            logger.removeHandler(handler)
        assert caplog.messages == [
            f"{tmp_path}: another process is generating for this model; waiting for it"
        ]
    finally:
        go.set()
        other.join(20)
    assert other.exitcode == 0


def test_a_store_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(InputError, match="cannot be made here"),
        SampleStore(tmp_path / "file" / "m").locked(),
    ):
        pass
