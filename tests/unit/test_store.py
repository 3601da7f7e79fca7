"""The sample store: what is written is found again, whatever is damaged is noticed and made again,
and processes that overlap do not do the same work.
"""

from __future__ import annotations

import errno
import json
import logging
import multiprocessing
import os
import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from featherweight import files
from featherweight.engines import Completion
from featherweight.errors import InputError
from featherweight.files import write_atomically
from featherweight.generate.index import Index
from featherweight.generate.keys import weights_digest
from featherweight.generate.lines import chunk_name, sealed, unsealed
from featherweight.generate.plan import CellPlan, SampleRequest, chunks
from featherweight.generate.store import SampleStore
from featherweight.records import Prompt, Usage
from featherweight.specs import ChunkSpec


def completion(text: str, count: int = 0, **changes: Any) -> Completion:
    made = {"token_ids": tuple(range(count)), "finish": "stop", "mean_logprob": None} | changes
    return Completion(text=text, **made)


MADE = [completion("(A)\u2028\n<b>", 4, mean_logprob=-0.125), completion("", finish="length")]
SCORED = completion("(B)", finish="scored", option_loglikelihoods=(-3.5, -0.25, None))


def cost(chunk: str) -> Usage:
    return Usage(
        model="m",
        chunk=chunk,
        n_requests=1,
        n_samples=2,
        n_scored=0,
        tokens_in=3,
        tokens_out=4,
        seconds=0.5,
        seconds_load=0.25,
        peak_rss_mib=100.0,
        device="cpu",
        engine="an engine",
        threads=None,
        hardware="a machine",
    )


def opened(folder: Path) -> SampleStore:
    store = SampleStore(folder)
    store.open()
    return store


def filled(folder: Path, keys: list[str], made: list[Completion]) -> Path:
    """A store of one chunk; the path of its file."""
    store = opened(folder)
    store.add(keys, made, cost)
    store.index.close()
    return folder / f"{chunk_name(keys)}.jsonl"


def completions(store: SampleStore, *keys: str) -> list[Completion | None]:
    found = [store.get(key) for key in keys]
    return [None if stored is None else stored.completion for stored in found]


def test_what_is_added_is_found_again_with_what_it_cost(tmp_path: Path) -> None:
    store = opened(tmp_path / "m")
    store.add(["k1", "k2", "k3"], [*MADE, SCORED], cost)
    for one in (store, opened(tmp_path / "m")):
        assert completions(one, "k1", "k2", "k3", "k4") == [*MADE, SCORED, None]
        assert one.missing(["k1", "k4", "k3"]) == {"k4"}
        chunk = chunk_name(["k1", "k2", "k3"])
        stored = one.get("k2")
        assert stored is not None
        assert stored.chunk == chunk
        assert one.usage([chunk]) == [cost(chunk)]
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == sorted(
        [f"{chunk}.jsonl", "index.sqlite"]
    )


def test_a_line_is_readable_json(tmp_path: Path) -> None:
    path = filled(tmp_path, ["k1", "k3"], [MADE[0], SCORED])
    first, second, last = (json.loads(line) for line in path.read_bytes().splitlines())
    assert (first["key"], first["text"], first["token_ids"]) == ("k1", MADE[0].text, [0, 1, 2, 3])
    assert "option_loglikelihoods" not in first
    assert second["option_loglikelihoods"] == [-3.5, -0.25, None]
    assert last["usage"]["seconds"] == 0.5
    assert {len(line["sha256"]) for line in (first, second, last)} == {64}


def test_the_same_chunk_is_the_same_file(tmp_path: Path) -> None:
    first, second = (filled(tmp_path / name, ["k1", "k2"], MADE) for name in ("a", "b"))
    assert (first.name, first.read_bytes()) == (second.name, second.read_bytes())


LINE = sealed({"key": "k9", "text": "x", "token_ids": [1], "finish": "stop", "mean_logprob": -0.5})


def test_no_flipped_bit_of_a_line_goes_unnoticed() -> None:
    assert unsealed(LINE) is not None
    for at in range(len(LINE)):
        for bit in range(8):
            damaged = LINE[:at] + bytes([LINE[at] ^ (1 << bit)]) + LINE[at + 1 :]
            assert unsealed(damaged) is None, (at, bit)


@pytest.mark.parametrize(
    "line",
    [
        b"\xff\xfe",
        b"{",
        b"[1, 2]",
        b"\x00" * 50,
        LINE[:-1],
        LINE[20:],
        LINE.replace(b'"x"', b'"y"'),  # an edited letter
        LINE.replace(b"-0.5", b"-0.4"),
        LINE.replace(b":[1]", b":[1, 2]"),
        LINE.replace(b'"k9"', b'"k1"'),  # the answer to another question
        LINE.replace(b'{"finish"', b'{ "finish"'),  # the same content, in another form
        json.dumps(json.loads(LINE) | {"more": 1}).encode(),
        json.dumps({"key": "k9", "text": "x"}).encode(),  # a line of our first store: no hash
    ],
)
def test_a_damaged_line_is_said_and_left_out(
    tmp_path: Path, line: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = filled(tmp_path, ["k1", "k2"], MADE)
    first, second, last = path.read_bytes().splitlines()
    assert b"k2" in second
    path.write_bytes(b"\n".join([first, line, last]) + b"\n")
    with caplog.at_level(logging.WARNING, "featherweight"):
        store = opened(tmp_path)
    assert store.missing(["k1", "k2", "k9"]) == {"k2", "k9"}
    assert completions(store, "k1") == MADE[:1]
    assert [r.getMessage() for r in caplog.records] == [
        f"{path}: 1 damaged line; samples that stood there are generated again"
    ]


def test_single_flipped_bits_in_a_stored_file_cost_one_sample_each(tmp_path: Path) -> None:
    """300 places drawn at random, the file's size and time as they were: nothing but the hashes
    can tell. Never is another text found.
    """
    keys = [f"k{n}" for n in range(20)]
    made = [completion(f"answer {n}\u00e9", n % 4) for n in range(20)]
    path = filled(tmp_path, keys, made)
    whole, facts = path.read_bytes(), path.stat()
    draw = random.Random(0)
    for _ in range(300):
        at = draw.randrange(len(whole))
        damaged = bytearray(whole)
        damaged[at] ^= 1 << draw.randrange(8)
        path.write_bytes(damaged)
        os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
        store = opened(tmp_path)
        found = completions(store, *keys)
        store.index.close()
        wrong = [n for n in range(20) if found[n] is not None and found[n] != made[n]]
        assert wrong == []
        in_usage = at >= whole.rindex(b"\n", 0, -1)
        between = whole[at : at + 1] == b"\n"  # the index knows where lines begin and end
        assert found.count(None) == (0 if in_usage or between else 1)
        path.write_bytes(whole)
        os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
        Index(tmp_path).read_again(path.name)


def test_a_damaged_sample_that_was_made_again_is_found(tmp_path: Path) -> None:
    path = filled(tmp_path, ["k1", "k2"], MADE)
    path.write_bytes(path.read_bytes().replace(b"(A)", b"(B)"))
    store = opened(tmp_path)
    assert store.missing(["k1", "k2"]) == {"k1"}
    store.add(["k1"], MADE[:1], cost)
    assert completions(opened(tmp_path), "k1", "k2") == MADE


def test_lines_that_moved_behind_the_index_are_found(tmp_path: Path) -> None:
    """An editor that swaps two lines of one length and keeps the file's time."""
    texts = [completion("one", 1), completion("two", 1)]
    path = filled(tmp_path, ["k1", "k2"], texts)
    facts = path.stat()
    first, second, last = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([second, first, last]) + b"\n")
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert completions(opened(tmp_path), "k1", "k2") == texts


def test_a_torn_file_costs_its_last_lines_only(tmp_path: Path) -> None:
    path = filled(tmp_path, ["k1", "k2"], MADE)
    path.write_bytes(path.read_bytes()[:-20])
    store = opened(tmp_path)
    assert store.missing(["k1", "k2"]) == set()
    assert store.usage([path.stem]) == []  # what it cost is unknown
    path.write_bytes(b"\n".join(path.read_bytes().splitlines()[:2])[:-20])
    assert opened(tmp_path).missing(["k1", "k2"]) == {"k2"}


@pytest.mark.parametrize(
    "harm",
    [
        lambda line: line.replace(b'"seconds":0.5', b'"seconds":0.6'),
        lambda line: b"\xff" + line[1:],
        lambda line: line[:-20],
        lambda line: b"",
    ],
    ids=["edited", "first byte", "torn", "missing"],
)
def test_a_damaged_line_of_what_a_chunk_cost_loses_no_sample(
    tmp_path: Path, harm: Any, caplog: pytest.LogCaptureFixture
) -> None:
    path = filled(tmp_path, ["k1", "k2"], MADE)
    *samples, last = path.read_bytes().splitlines()
    assert harm(last) != last
    path.write_bytes(b"\n".join([*samples, harm(last)]) + b"\n")
    with caplog.at_level(logging.WARNING, "featherweight"):
        store = opened(tmp_path)
        assert completions(store, "k1", "k2") == MADE
        assert caplog.messages == []
        assert store.usage([path.stem]) == []
    assert caplog.messages == [
        f"{path}: the last line is damaged or missing; what the chunk cost is lost, its samples"
        " are not"
    ]


def test_a_damaged_sample_is_said_also_where_the_cost_is_damaged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = filled(tmp_path, ["k1", "k2"], MADE)
    first, second, last = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([first, second[:-1], last[:-1]]) + b"\n")
    with caplog.at_level(logging.WARNING, "featherweight"):
        assert opened(tmp_path).missing(["k1", "k2"]) == {"k2"}
    assert caplog.messages == [
        f"{path}: 2 damaged lines; samples that stood there are generated again"
    ]


def test_temporary_files_of_a_killed_run_are_not_read(tmp_path: Path) -> None:
    (tmp_path / ".chunk.jsonl.x7").write_bytes(LINE)
    (tmp_path / ".chunk.jsonl").write_bytes(LINE)
    assert opened(tmp_path).missing(["k9"]) == {"k9"}


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b"not a database" * 1000),
        lambda path: path.write_bytes(path.read_bytes()[:5000] + b"\xff" * 3000),
        lambda path: path.write_bytes(b""),
    ],
    ids=["deleted", "another file", "damaged", "emptied"],
)
def test_the_index_is_made_again_from_the_files(tmp_path: Path, harm: Any) -> None:
    keys = [f"k{n}" for n in range(200)]
    filled(tmp_path, keys, [completion(str(n)) for n in range(200)])
    harm(tmp_path / "index.sqlite")
    assert [one and one.text for one in completions(opened(tmp_path), *keys)] == [
        str(n) for n in range(200)
    ]


def test_the_index_is_never_trusted_over_a_record(tmp_path: Path) -> None:
    """Rows that send one key to another's record."""
    path = filled(tmp_path, ["k1", "k2"], [completion("one", 1), completion("two", 1)])
    database = sqlite3.connect(tmp_path / "index.sqlite")
    rows = dict(database.execute("SELECT key, offset FROM places"))
    database.execute("UPDATE places SET offset = ? WHERE key = 'k1'", (rows["k2"],))
    database.commit()
    database.close()
    store = opened(tmp_path)
    assert [one and one.text for one in completions(store, "k1", "k2")] == ["one", "two"]
    path.unlink()
    assert opened(tmp_path).missing(["k1", "k2"]) == {"k1", "k2"}


def test_where_no_index_can_lie_on_disk_it_lies_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(tmp_path, ["k1", "k2"], MADE)
    real = sqlite3.connect

    def connect(place: Any, **options: Any) -> Any:
        if place != ":memory:":
            raise sqlite3.OperationalError("disk I/O error")
        return real(place, **options)

    monkeypatch.setattr("featherweight.generate.index.sqlite3.connect", connect)
    store = opened(tmp_path)
    assert completions(store, "k1", "k2") == MADE
    store.add(["k3"], [SCORED], cost)
    assert completions(store, "k3") == [SCORED]


def test_a_folder_in_the_place_of_the_index_is_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    filled(tmp_path, ["k1", "k2"], MADE)
    (tmp_path / "index.sqlite").unlink()
    (tmp_path / "index.sqlite").mkdir()
    with caplog.at_level(logging.WARNING, "featherweight"):
        store = opened(tmp_path)
    assert completions(store, "k1", "k2") == MADE
    store.add(["k3"], [SCORED], cost)
    assert completions(store, "k3") == [SCORED]
    assert (tmp_path / "index.sqlite").is_dir()
    assert len(caplog.messages) == 1
    assert "index.sqlite: unable to open database file" in caplog.messages[0]


def rows_and_files(folder: Path) -> tuple[int, set[str]]:
    """How many places an index holds, and the files it knows."""
    database = sqlite3.connect(folder / "index.sqlite")
    (rows,) = database.execute("SELECT count(*) FROM places").fetchone()
    names = {name for (name,) in database.execute("SELECT name FROM files")}
    database.close()
    return rows, names


def test_what_the_index_held_of_replaced_and_removed_files_goes(tmp_path: Path) -> None:
    path = filled(tmp_path, ["k1", "k2"], MADE)
    other = filled(tmp_path, ["k3"], [SCORED])
    for _ in range(3):
        Index(tmp_path).read_again(path.name)  # a new number for the same file
    assert rows_and_files(tmp_path) == (2 + 1 + 3 * 2, {path.name, other.name})
    opened(tmp_path).index.close()
    assert rows_and_files(tmp_path) == (3, {path.name, other.name})
    path.write_bytes(LINE + b"\n")
    opened(tmp_path).index.close()
    assert rows_and_files(tmp_path) == (2, {path.name, other.name})
    other.unlink()
    opened(tmp_path).index.close()
    assert rows_and_files(tmp_path) == (1, {path.name})
    assert completions(opened(tmp_path), "k1", "k3", "k9")[:2] == [None, None]


def test_a_file_of_another_process_is_noticed(tmp_path: Path) -> None:
    ours, theirs = opened(tmp_path), opened(tmp_path)
    ours.notice(["k1", "k2"])  # not there yet
    theirs.add(["k1", "k2"], MADE, cost)
    ours.notice(["k1", "k2"])
    assert completions(ours, "k1", "k2") == MADE
    write_atomically(tmp_path / "by-hand.jsonl", LINE + b"\n")
    assert ours.missing(["k9"]) == {"k9"}
    ours.index.refresh()
    assert ours.missing(["k9"]) == set()


def test_a_file_that_grew_is_read_again_when_the_store_is_opened(tmp_path: Path) -> None:
    path = filled(tmp_path, ["k1"], MADE[:1])
    path.write_bytes(path.read_bytes() + LINE + b"\n")
    assert opened(tmp_path).missing(["k9"]) == set()


def test_a_full_disk_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(tmp_path)
    store.add(["k1"], MADE[:1], cost)

    def full(source: str, target: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))

    monkeypatch.setattr(files.os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        store.add(["k2"], MADE[1:], cost)
    assert len(list(tmp_path.glob("*.jsonl*"))) == 1
    assert opened(tmp_path).missing(["k1", "k2"]) == {"k2"}


def test_weights_are_their_content() -> None:
    entry = {"bytes": 3, "sha256": "ab"}
    assert weights_digest({"w": entry}) == weights_digest({"w": entry | {"stored": "w.gz"}})
    assert weights_digest({"w": entry}) != weights_digest({"w": {"bytes": 3, "sha256": "ac"}})
    assert weights_digest({"w": entry}) != weights_digest({"v": entry})


def cell(path: str, keys: str) -> CellPlan:
    """A cell of one sample of each prompt, under these keys."""
    prompts = [Prompt("m", "t", "c", 0, 0, key, "Who?", (1,), None, None, None) for key in keys]
    return CellPlan(path, tuple(SampleRequest(one, 0, 0, one.item_id) for one in prompts))


@pytest.mark.parametrize("across_cells", [False, True])
def test_each_key_stands_in_the_first_chunk_that_has_it(across_cells: bool) -> None:
    """Else two shards would generate the same sample."""
    cells = [cell("x", "abca"), cell("y", "bd")]
    made = chunks(cells, ChunkSpec(size=2, across_cells=across_cells))
    assert ["".join(one.key for one in chunk) for chunk in made] == ["ab", "c", "d"]


def _hold(folder: Path, ready: Any, go: Any) -> None:
    store = opened(folder)
    with store.claimed(["k1"]) as mine:
        assert mine
        ready.set()
        go.wait(20)
        store.add(["k1"], MADE[:1], cost)


def test_a_claim_keeps_others_from_the_same_chunk_alone(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready, go = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(tmp_path, ready, go))
    other.start()
    store = opened(tmp_path)
    try:
        assert ready.wait(20)
        with store.claimed(["k1"]) as mine:
            assert not mine
        with store.claimed(["k2"]) as mine:
            assert mine
    finally:
        go.set()
        other.join(20)
    assert other.exitcode == 0
    with store.claimed(["k1"]) as mine:
        assert mine
        store.notice(["k1"])
        assert store.missing(["k1"]) == set()
    assert list((tmp_path / "claims").iterdir()) == []


def test_the_claim_of_a_process_that_was_killed_is_free(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready, go = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(tmp_path, ready, go))
    other.start()
    assert ready.wait(20)
    other.kill()
    other.join(20)
    assert len(list((tmp_path / "claims").iterdir())) == 1
    with opened(tmp_path).claimed(["k1"]) as mine:
        assert mine


def test_a_store_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be made here"):
        opened(tmp_path / "file" / "m")
