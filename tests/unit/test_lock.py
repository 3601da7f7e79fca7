"""The lock file: read and written the same, its mistakes are clear, and a run is held to it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import yaml

from featherweight.acquire.folder import acquire_folder
from featherweight.acquire.lock import (
    Entry,
    Lock,
    differences,
    disagreements,
    locked_facts,
    read_lock,
    write_lock,
)
from featherweight.acquire.resolve import resolve_lock
from featherweight.acquire.settings import Settings
from featherweight.acquire.verify import Digest, Expected
from featherweight.errors import InputError
from featherweight.specs import Source
from featherweight.study import make_plan, stage_specs
from featherweight.tasks import catalogue

A, B = "a" * 64, "b" * 64
COMMIT = "c" * 40
ENTRY = Entry("house/tiny", COMMIT, "MIT", gated=False, files={"x.json": Expected(3, A)})


def test_written_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "lock.yaml"
    waiting = Entry("house/other", None, None, gated=True, unresolved="nobody asked yet")
    write_lock(path, {"tiny": ENTRY, "other": waiting}, {"data": ENTRY})
    assert read_lock(path) == Lock(path, {"other": waiting, "tiny": ENTRY}, {"data": ENTRY})
    before = path.read_bytes()
    write_lock(path, {"other": waiting, "tiny": ENTRY}, {"data": ENTRY})
    assert path.read_bytes() == before  # no order of work shows
    assert (
        f"      x.json: {{bytes: 3, sha256: {A}}}\n" in before.decode()
    )  # one line of a diff per file


def test_only_the_own_entry_counts(tmp_path: Path) -> None:
    path = tmp_path / "lock.yaml"
    write_lock(path, {"tiny": ENTRY}, {})
    before = locked_facts(read_lock(path), "model", "tiny")
    assert A in before
    write_lock(path, {"tiny": ENTRY, "other": ENTRY}, {"tiny": ENTRY})
    assert locked_facts(read_lock(path), "model", "tiny") == before
    assert locked_facts(read_lock(path), "model", "none") == ""


def test_the_shipped_lock_invents_nothing(root: Path) -> None:
    lock = read_lock(root / "config" / "lock.yaml")
    facts = {
        "model": yaml.safe_load((root / "config" / "models.yaml").read_text()),
        "dataset": yaml.safe_load((root / "config" / "datasets.yaml").read_text()),
    }
    for what, kind in (("model", "hub"), ("dataset", "https")):
        for name, fact in facts[what].items():
            if fact["kind"] != kind:
                continue
            entry = lock.entry("model" if what == "model" else "dataset", name)
            assert entry is not None, f"{name} is not in the lock"
            assert (entry.repository, entry.licence) == (fact["repository"], fact["licence"]), name
            assert entry.revision == fact["revision"] or fact["revision"] is None, name
            assert bool(entry.files) != bool(entry.unresolved), name
    bbq = lock.datasets["bbq"].files
    assert len(bbq) == 12
    assert (
        sum(expected.bytes or 0 for expected in bbq.values()) == 56_758_499
    )  # the source's column, added


def test_bbq_on_disk_is_what_the_lock_says(root: Path, shared_data: Path) -> None:
    config = {"study": "bbq-check", "datasets": {"bbq": str(shared_data / "bbq")}}
    plan = make_plan(config, root / "config", catalogue())
    bbq = stage_specs.acquire_dataset(plan, "bbq")
    manifest = acquire_folder(bbq, read_lock(root / "config" / "lock.yaml"))
    assert manifest.verified == "lock"
    assert manifest.files["Age.jsonl"].stored == "Age.jsonl.gz"


# What stands in the file, and a part of the sentence that says what is wrong.
BROKEN = [
    ("models: [", "not YAML"),
    ("models: {}\nmodels: {}", "duplicate key 'models'"),
    ("- 1", "got list of 1; run snakemake lock"),
    ("model: {}", "model: unknown key, got dict of 0; did you mean 'models'?; run snakemake lock"),
    (
        f"models: {{tiny: {{files: {{../x: {{bytes: 3, sha256: {A}}}}}}}}}",
        "expected a relative path without '..', got",
    ),
    (
        "models: {tiny: 3}",
        "models.tiny: expected keys with values, got 3; run snakemake lock",
    ),
    (
        "models: {tiny: {revision: main, unresolved: x}}",
        "models.tiny.revision: String should match pattern '^[0-9a-f]{40}$', got 'main'",
    ),
    (
        "models: {tiny: {revision: null}}",
        "models.tiny: expected files with their sha256, or unresolved with the reason",
    ),
    (
        "models: {tiny: {files: {x: {bytes: 3}}}}",
        "models.tiny.files.x.sha256: missing key; run snakemake lock",
    ),
    (
        f"models: {{tiny: {{files: {{x: {{bytes: -1, sha256: {A}}}}}}}}}",
        "models.tiny.files.x.bytes: expected greater than or equal to 0, got -1",
    ),
]


@pytest.mark.parametrize(("text", "sentence"), BROKEN)
def test_a_broken_lock(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "lock.yaml").write_text(text)
    with pytest.raises(InputError) as caught:
        read_lock(tmp_path / "lock.yaml")
    assert sentence in str(caught.value)
    assert str(tmp_path / "lock.yaml") in str(caught.value)


def test_all_problems_of_a_lock_at_once(tmp_path: Path) -> None:
    (tmp_path / "lock.yaml").write_text("models: {a: 1, b: 2}\ndatasets: {c: 3}\nrest: {}")
    with pytest.raises(InputError) as caught:
        read_lock(tmp_path / "lock.yaml")
    assert len(caught.value.problems) == 4


def test_no_lock_locks_nothing(tmp_path: Path) -> None:
    assert read_lock(tmp_path / "none.yaml") == Lock(tmp_path / "none.yaml")


def test_config_and_lock_must_name_the_same() -> None:
    lock = Lock(Path("lock.yaml"), {"tiny": ENTRY})
    tiny = Source(what="model", name="tiny", kind="hub", repository="house/tiny", revision=COMMIT)
    assert disagreements(tiny, lock) == []
    assert disagreements(tiny.model_copy(update={"revision": None}), lock) == []
    other = tiny.model_copy(update={"repository": "house/big", "revision": "d" * 40})
    assert disagreements(other, lock) == [
        (
            "model 'tiny': repository: config/models.yaml says 'house/big', lock.yaml says"
            " 'house/tiny'; correct the one that is wrong, or run snakemake lock"
        ),
        (
            f"model 'tiny': revision: config/models.yaml says '{'d' * 40}', lock.yaml says"
            f" '{COMMIT}'; correct the one that is wrong, or run snakemake lock"
        ),
    ]


def test_what_differs_from_the_lock() -> None:
    lock = Lock(Path("lock.yaml"), {"tiny": ENTRY})
    tiny = Source(what="model", name="tiny", kind="folder")
    assert differences(tiny, lock, {"x.json": Digest(3, A, None)}) == []
    assert differences(tiny, lock, {"x.json": Digest(3, B, None)}) == [
        f"model 'tiny': x.json: expected sha256 {A}, got {B} (right length, 3 bytes): the content"
        " was changed on the way or on this disk; lock.yaml decides: fetch the right file, or run"
        " snakemake lock if this one is meant"
    ]
    assert differences(tiny, lock, {"y.json": Digest(3, B, None)}) == [
        f"model 'tiny': x.json: expected a file (3 bytes, sha256 {A}), got nothing",
        (
            "model 'tiny': y.json: got a file that lock.yaml does not know; remove it or run"
            " snakemake lock"
        ),
    ]
    assert differences(tiny, Lock(Path("lock.yaml")), {"y.json": Digest(3, B, None)}) == []


FORMS = Entry(
    "house/sums",
    COMMIT,
    "MIT",
    gated=False,
    files={"x.json": Expected(3, A)},
    also={"copy": {"x.json": Expected(5, B)}},
)
SUMS = Source(
    what="dataset", name="sums", kind="https", url="https://x/{path}", files={"x.json": "x"}
)


def test_another_form_of_the_same_items_is_written_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "lock.yaml"
    write_lock(path, {}, {"sums": FORMS})
    assert read_lock(path) == Lock(path, {}, {"sums": FORMS})


def test_files_are_whole_in_one_form_or_refused() -> None:
    lock = Lock(Path("lock.yaml"), {}, {"sums": FORMS})
    assert differences(SUMS, lock, {"x.json": Digest(3, A, None)}) == []
    assert differences(SUMS, lock, {"x.json": Digest(5, B, None)}) == []
    decides = "lock.yaml decides: fetch the right file, or run snakemake lock if this one is meant"
    assert differences(SUMS, lock, {"x.json": Digest(5, A, None)}) == [
        f"dataset 'sums': x.json: expected sha256 {B}, got {A} (right length, 5 bytes): the content"
        f" was changed on the way or on this disk; {decides}"
    ]
    assert differences(SUMS, lock, {"x.json": Digest(4, A, None)}) == [
        f"dataset 'sums': x.json: expected 3 bytes, got 4: the file is too long; {decides}"
    ]
    assert differences(SUMS, lock, {"x.json": Digest(5, B, None), "y": Digest(1, A, None)})


def mathematics(root: Path, shared_data: Path, name: str) -> Source:
    facts = yaml.safe_load((root / "config" / "datasets.yaml").read_text())[name]
    told = {key: facts[key] for key in ("repository", "revision", "url", "licence", "files")}
    return Source(what="dataset", name=name, kind="https", folder=str(shared_data / name), **told)


@pytest.mark.parametrize("name", ["gsm8k", "math500", "aime24"])
def test_mathematics_on_disk_is_what_the_lock_says(
    root: Path, shared_data: Path, name: str, tmp_path: Path
) -> None:
    """The project's copies are compressed and in a form of their own; one bit more is refused."""
    lock = read_lock(root / "config" / "lock.yaml")
    source = mathematics(root, shared_data, name)
    manifest = acquire_folder(source, lock)
    assert (manifest.verified, manifest.files["test.jsonl"].stored) == ("lock", "test.jsonl.gz")
    spoilt = gzip.decompress((shared_data / name / "test.jsonl.gz").read_bytes()) + b"\n"
    (tmp_path / "test.jsonl").write_bytes(spoilt)
    with pytest.raises(InputError, match=r"test.jsonl: expected [0-9,]+ bytes, .*lock.yaml decid"):
        acquire_folder(source.model_copy(update={"folder": str(tmp_path)}), lock)


def test_locking_from_another_form_keeps_the_files_that_are_fetched(
    root: Path, shared_data: Path
) -> None:
    lock = read_lock(root / "config" / "lock.yaml")
    source = mathematics(root, shared_data, "aime24")
    assert resolve_lock([source], lock, Settings()).datasets == lock.datasets
