"""Datasets, folders, mirrors and bundles, offline runs, preflight and the lock, against a Hub on
loopback.
"""

# ruff: noqa: F401, F811 - the fixtures come from hub_world, by name
from __future__ import annotations

import gzip
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hub_server import Status, Truncate
from hub_world import (
    FETCHED,
    FILES,
    NAMES,
    REVISION,
    ROWS,
    WEIGHTS,
    WEIGHTS_SHA256,
    World,
    dataset,
    fetch_dataset,
    hub,
    rows,
    rows_lock,
    sums,
    world,
)
from tiny_model import flipped, model_files, write_files

from featherweight.acquire.bundle import write_bundle
from featherweight.acquire.lock import Lock, read_lock
from featherweight.acquire.preflight import engine_problems, preflight
from featherweight.acquire.resolve import write_resolved
from featherweight.acquire.run import note_missing, run
from featherweight.acquire.settings import Settings
from featherweight.acquire.verify import Expected
from featherweight.errors import InputError
from featherweight.specs import PreflightSpec, Source

# --- datasets
# --------------------------------------------------------------------------------------------


def test_a_dataset_from_its_authors(rows: World, caplog: pytest.LogCaptureFixture) -> None:
    found = fetch_dataset(rows, NAMES, rows_lock(rows))
    assert (found.verified, found.revision, found.warnings) == ("lock", REVISION, ())
    assert found.folder == rows.folder / "downloads" / "datasets" / "rows" / REVISION
    asked = len(rows.hub.seen)
    fetch_dataset(rows, NAMES, rows_lock(rows))
    assert len(rows.hub.seen) == asked
    (found.folder / "b.jsonl").write_bytes(b"{}")
    fetch_dataset(rows, NAMES, rows_lock(rows))
    assert [request.path for request in rows.hub.seen[asked:]] == [f"/files/{NAMES['b.jsonl']}"]
    assert (
        "b.jsonl: expected 9 bytes, got 2: the file is truncated; fetching it again" in caplog.text
    )


def test_a_dataset_that_the_lock_does_not_know(rows: World) -> None:
    found = fetch_dataset(rows, NAMES)
    assert found.verified == "hashed here"
    assert found.warnings[0].startswith(
        "config/lock.yaml knows no hash of it: recorded, not verified; `snakemake lock`"
    )


def test_a_dataset_that_is_not_what_the_lock_says(rows: World) -> None:
    other = rows_lock(rows, {**ROWS, "b.jsonl": b'{"b": 3}\n'})
    with pytest.raises(
        InputError,
        match=r"dataset 'rows': b.jsonl: expected sha256 .*, got sha256 .* fetched once more",
    ):
        fetch_dataset(rows, NAMES, other)


def test_a_dataset_cut_resumed_and_refused(rows: World) -> None:
    rows.hub.fail("GET", "a.jsonl", Truncate(1000))
    rows.hub.fail("GET", "b.jsonl", Status(503))
    fetch_dataset(rows, NAMES, rows_lock(rows))
    assert [request.range for request in rows.hub.requests("GET", "a.jsonl")] == [
        None,
        "bytes=1000-",
    ]
    with pytest.raises(
        InputError,
        match=r"dataset 'rows': c.jsonl: got 404: .*/c.jsonl is not there: correct files",
    ):
        fetch_dataset(rows, {"c.jsonl": "c.jsonl"})


def test_a_dataset_that_nobody_pinned(world: World) -> None:
    with pytest.raises(InputError) as caught:
        fetch_dataset(world, {"a": "a"}, url="http://example.org/{revision}/{path}", revision=None)
    assert list(caught.value.problems) == [
        (
            "dataset 'rows': revision: expected a full commit of 40 digits, got none; a branch may"
            " move"
        ),
        "dataset 'rows': url: expected https://..., got 'http://example.org/{revision}/{path}'",
    ]


def test_a_dataset_in_a_folder(rows: World, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    write_files(
        folder,
        {"a.jsonl.gz": gzip.compress(ROWS["a.jsonl"]), "b.jsonl": ROWS["b.jsonl"], "notes": b"x"},
    )
    found = fetch_dataset(rows, NAMES, rows_lock(rows), folder=str(folder))
    assert found.verified == "lock"
    assert {name: entry.stored for name, entry in found.files.items()} == {
        "a.jsonl": "a.jsonl.gz",
        "b.jsonl": None,
    }
    assert rows.hub.seen == []
    (folder / "b.jsonl").unlink()
    with pytest.raises(
        InputError, match=r"dataset 'rows': expected b.jsonl or b.jsonl.gz in .*, got neither"
    ):
        fetch_dataset(rows, NAMES, rows_lock(rows), folder=str(folder))


# --- offline, mirrors, bundles
# ---------------------------------------------------------------------------


def test_offline_lists_what_is_missing_and_asks_nobody(rows: World) -> None:
    offline = replace(rows.how, offline=True)
    rows.refused(
        f"model 'tiny' (house/tiny): commit {rows.commit} is not in ",
        ", and offline: nothing is fetched; run `snakemake acquire` on a machine with a network"
        " (offline: false), or name a folder or mirror that has it",
        how=offline,
    )
    problems = rows.refused(
        "offline: nothing is fetched; run `snakemake acquire`", how=offline, lock=rows.locked
    )
    assert len(problems) == len(FETCHED)
    with pytest.raises(InputError) as caught:
        run(dataset(rows, NAMES), rows_lock(rows), rows.folder / "rows.json", offline)
    assert [problem.partition(": not here")[0] for problem in caught.value.problems] == [
        "dataset 'rows': a.jsonl",
        "dataset 'rows': b.jsonl",
    ]
    assert rows.hub.seen == []
    rows.acquire()
    rows.hub.seen.clear()
    rows.acquire(how=offline)
    assert rows.hub.seen == []


def bundle(world: World) -> Path:
    world.acquire()
    fetch_dataset(world, NAMES, rows_lock(world))
    write_bundle(world.folder / "bundle", [world.manifest, world.folder / "rows.json"])
    shutil.rmtree(world.folder / "downloads")
    world.hub.seen.clear()
    return world.folder / "bundle"


def test_a_bundle_is_a_mirror_elsewhere(rows: World, caplog: pytest.LogCaptureFixture) -> None:
    folder = bundle(rows)
    there = Settings(mirrors=(str(folder),), offline=True)
    found = rows.acquire(how=there)
    assert (found.folder, found.verified, found.revision) == (
        folder / "models" / "tiny",
        "mirror manifest",
        rows.commit,
    )
    assert found.warnings[0].startswith(
        "verified against the mirror's own manifest, not against config/lock.yaml"
    )
    assert rows.acquire(how=there, lock=rows.locked).verified == "lock"
    assert (
        run(dataset(rows, NAMES), rows_lock(rows), rows.folder / "rows.json", there).verified
        == "lock"
    )
    assert rows.hub.seen == []
    rows.refused(
        "is not in ", how=there, revision="e" * 40
    )  # a bundle of another commit is no help
    assert f"expected revision {'e' * 40}, got {rows.commit} (" in caplog.text
    assert "; the mirror is passed over" in caplog.text


def test_a_damaged_mirror_is_passed_over(rows: World, caplog: pytest.LogCaptureFixture) -> None:
    folder = bundle(rows)
    weights = folder / "models" / "tiny" / "model.safetensors"
    weights.write_bytes(flipped(WEIGHTS, 99))
    rows.acquire(how=replace(rows.how, mirrors=(str(folder), str(rows.folder / "none"))))
    rows.whole()
    assert (
        f"mirror {folder}: model 'tiny': {weights}: expected sha256 {WEIGHTS_SHA256}, got "
        in caplog.text
    )
    absent = (
        f"mirror {rows.folder / 'none'}: expected a folder, got nothing; correct mirrors in"
        " config/config.yaml"
    )
    assert absent in caplog.text


def test_a_mirror_at_an_address(rows: World) -> None:
    folder = bundle(rows)
    for path in folder.rglob("*"):
        if path.is_file():
            rows.hub.plain[f"mirror/{path.relative_to(folder).as_posix()}"] = path.read_bytes()
    there = replace(rows.how, mirrors=(f"{rows.hub.url}/files/mirror",))
    assert rows.acquire(how=there, lock=rows.locked).verified == "lock"
    assert (
        run(dataset(rows, NAMES), rows_lock(rows), rows.folder / "rows.json", there).verified
        == "lock"
    )
    assert {request.path.split("/")[2] for request in rows.hub.seen} == {"mirror"}
    rows.hub.plain = {}
    shutil.rmtree(rows.folder / "downloads")
    rows.acquire(how=there)  # not in the mirror: from the Hub
    rows.whole()


def test_a_bundle_names_what_could_not_be_had(
    rows: World, caplog: pytest.LogCaptureFixture
) -> None:
    rows.acquire()
    lost = rows.folder / "lost.json"
    note_missing(rows.tiny(name="lost"), lost, ["nobody answered"])
    with caplog.at_level("INFO"):
        write_bundle(rows.folder / "bundle", [rows.manifest, lost])
    assert "model 'lost': could not be downloaded, so it is not in the bundle" in caplog.text
    assert ": 1 models and datasets, " in caplog.text


def test_a_damaged_listing_is_asked_for_again(
    rows: World, caplog: pytest.LogCaptureFixture
) -> None:
    rows.acquire()
    (kept,) = rows.snapshot.parents[1].glob("featherweight-*.json")
    kept.write_text('{"broken')
    rows.acquire()
    rows.whole()
    assert f"{kept} is damaged; asking the Hub again" in caplog.text


def test_a_bundle_of_changed_files(rows: World) -> None:
    rows.acquire()
    (rows.snapshot / "model.safetensors").resolve().write_bytes(b"x")
    with pytest.raises(
        InputError,
        match=r"the file is truncated .*; run snakemake again, it fetches only what differs",
    ):
        write_bundle(rows.folder / "bundle", [rows.manifest])
    assert not (rows.folder / "bundle" / "models" / "tiny.json").exists()
    assert not [*(rows.folder / "bundle").rglob("*.incomplete")]  # nor what was copied of it
    with pytest.raises(
        InputError, match="acquire --bundle: expected manifests, got none in results/"
    ):
        write_bundle(rows.folder / "bundle", [])


# --- preflight
# -------------------------------------------------------------------------------------------


def preflight_spec(*models: Source) -> PreflightSpec:
    return PreflightSpec(study="s", engine="transformers", models=models, datasets=())


def test_preflight_says_everything_at_once(rows: World, monkeypatch: pytest.MonkeyPatch) -> None:
    gated = rows.hub.add("meta/llama", FILES, gated_for=frozenset({"hf_good"}))
    spec = PreflightSpec(
        study="s",
        engine="exllamav2",
        models=(
            rows.tiny(),
            rows.tiny(name="llama", repository="meta/llama", revision=gated, gated=True),
            rows.tiny(name="lost", repository="house/none"),
            rows.tiny(name="loose", revision=None),
            Source(what="model", name="own", kind="folder"),
            Source(what="model", name="oracle", kind="control"),
        ),
        datasets=(dataset(rows, NAMES, url=rows.hub.url + "/files/x"),),
    )
    output = rows.folder / "preflight.json"
    monkeypatch.setattr(
        "featherweight.acquire.preflight.find_spec",
        lambda name: None if name == "exllamav2" else name,
    )
    monkeypatch.setattr("featherweight.acquire.preflight.cuda_devices", lambda: 1)
    with pytest.raises(InputError) as caught:
        preflight(spec, rows.lock, rows.how, output, keep_going=False)
    said = caught.value.problems
    for sentence in (
        "model 'llama' (meta/llama): gated, and nobody is logged in (401): accept the "
        "licence at https://huggingface.co/",
        "model 'lost' (house/none): expected a repository, got 401",
        "model 'loose': expected a pinned revision of house/tiny (a full commit), got none; "
        "run `snakemake lock`",
        "model 'own': expected a folder, got none; name it: "
        "snakemake --config 'model_folders={own: PATH}'",
        "dataset 'rows': a.jsonl: got 404: ",
        "engine 'exllamav2': expected the package exllamav2, got none; install it",
    ):
        assert any(sentence in problem for problem in said), sentence
    assert len(said) == 6
    assert not output.exists()
    assert not rows.hub.requests("GET", "/resolve/")  # nothing was fetched


@pytest.mark.parametrize("devices", [0, 1])
def test_preflight_asks_for_a_gpu_where_the_engine_needs_one(
    monkeypatch: pytest.MonkeyPatch, devices: int
) -> None:
    monkeypatch.setattr("featherweight.acquire.preflight.find_spec", lambda name: name)
    monkeypatch.setattr("featherweight.acquire.preflight.cuda_devices", lambda: devices)
    monkeypatch.setattr(
        "featherweight.acquire.preflight.version", {"exllamav2": "0.3.2", "torch": "2.13.0"}.get
    )
    assert engine_problems("transformers") == []
    said = engine_problems("exllamav2")
    assert len(said) == 1 - devices
    assert all(
        "expected a CUDA GPU, got none" in line and "--config engine=transformers" in line
        for line in said
    )


@pytest.mark.parametrize(
    ("installed", "said"),
    [
        ({"exllamav2": "0.3.2", "torch": "2.11.0+cu130"}, []),
        (
            {"exllamav2": "0.3.1", "torch": "2.13.0"},
            ["expected the package exllamav2 0.3.2, found 0.3.1; install that"],
        ),
        (
            {"exllamav2": "0.2", "torch": "2.14.0a1"},
            [
                "expected torch 2.11 to 2.13, found 2.14.0a1",
                "expected the package exllamav2 0.3.2, found 0.2",
            ],
        ),
    ],
)
def test_preflight_asks_for_the_releases_that_the_engine_needs(
    monkeypatch: pytest.MonkeyPatch, installed: dict[str, str], said: list[str]
) -> None:
    """Before any download; transformers runs with other releases too."""
    monkeypatch.setattr("featherweight.acquire.preflight.find_spec", lambda name: name)
    monkeypatch.setattr("featherweight.acquire.preflight.version", installed.__getitem__)
    monkeypatch.setattr("featherweight.acquire.preflight.cuda_devices", lambda: 1)
    assert engine_problems("transformers") == []
    found = engine_problems("exllamav2")
    assert len(found) == len(said)
    assert all(
        sentence in line and "engine=transformers" in line
        for sentence, line in zip(said, found, strict=True)
    )


def test_preflight_goes_on_with_the_models_that_are_there(
    rows: World, caplog: pytest.LogCaptureFixture
) -> None:
    spec = preflight_spec(rows.tiny(), rows.tiny(name="x", repository="house/none"))
    output = rows.folder / "preflight.json"
    preflight(spec, rows.lock, rows.how, output, keep_going=True)
    rows_found = {row["name"]: row for row in json.loads(output.read_text())["rows"]}
    assert (rows_found["tiny"]["state"], rows_found["x"]["state"]) == ("within reach", "missing")
    assert rows_found["tiny"]["missing_bytes"] == sum(len(FILES[name]) for name in FETCHED)
    assert "house/none does not exist or is private" in caplog.text
    assert "; the rest of the study goes on" in caplog.text
    rows.acquire()
    rows.hub.seen.clear()
    preflight(preflight_spec(rows.tiny()), rows.lock, rows.how, output, keep_going=False)
    assert json.loads(output.read_text())["rows"][0]["state"] == "here"
    assert rows.hub.seen == []


def test_preflight_sees_that_all_together_need_too_much_room(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = preflight_spec(world.tiny(name="one"), world.tiny(name="two"))
    monkeypatch.setattr("featherweight.acquire.store.free_space", lambda folder: 30_000)
    with pytest.raises(
        InputError, match=r"disk of .*: expected 40.8 kB free for one, two, got 30.0 kB; free some"
    ):
        preflight(spec, world.lock, world.how, None, keep_going=True)


# --- the lock
# --------------------------------------------------------------------------------------------


def test_resolving_a_lock(rows: World) -> None:
    sources = [
        rows.tiny(revision=None),
        rows.tiny(name="lost", repository="house/none"),
        rows.tiny(name="oracle", kind="control"),
        dataset(rows, NAMES),
    ]
    write_resolved(sources, rows.lock, rows.how)
    found = read_lock(rows.folder / "lock.yaml")
    assert found.models["tiny"] == replace(rows.locked.models["tiny"], revision=rows.commit)
    assert not rows.hub.requests("GET", "model.safetensors")  # the listing has its sha256
    assert found.datasets["rows"].files == sums(ROWS)
    assert "house/none does not exist or is private" in str(found.models["lost"].unresolved)
    assert not found.models["lost"].files
    before = (rows.folder / "lock.yaml").read_bytes()
    rows.hub.add("house/tiny", model_files(seed=1))  # main moves: the lock does not
    write_resolved(sources, found, rows.how)
    assert (rows.folder / "lock.yaml").read_bytes() == before
    assert rows.acquire(lock=found, revision=None).verified == "lock"


def test_a_commit_cannot_change(rows: World) -> None:
    entry = rows.locked.models["tiny"]
    wrong = replace(entry, files={**entry.files, "model.safetensors": Expected(1, "0" * 64)})
    with pytest.raises(
        InputError,
        match=r"the lock and the Hub differ on commit .*: model.safetensors; a commit cannot",
    ):
        write_resolved([rows.tiny()], replace(rows.locked, models={"tiny": wrong}), rows.how)


def test_a_changed_folder_can_be_locked_again(world: World) -> None:
    write_files(world.folder / "mine", FILES)
    mine = world.tiny(
        name="mine",
        kind="folder",
        folder=str(world.folder / "mine"),
        repository=None,
        revision=None,
    )
    write_resolved([mine], world.lock, world.how)
    (world.folder / "mine" / "config.json").write_bytes(FILES["config.json"] + b"\n")
    with pytest.raises(InputError, match="or run snakemake lock if this one is meant"):
        run(mine, read_lock(world.lock.path), world.folder / "mine.json", world.how)
    write_resolved([mine], read_lock(world.lock.path), world.how)
    assert (
        run(mine, read_lock(world.lock.path), world.folder / "mine.json", world.how).verified
        == "lock"
    )


def test_a_run_is_held_to_the_lock(world: World) -> None:
    other = Lock(
        world.folder / "lock.yaml",
        {"tiny": replace(world.locked.models["tiny"], revision="d" * 40)},
    )
    world.refused(
        f"revision: config/models.yaml says '{world.commit}', ", f"says '{'d' * 40}'", lock=other
    )
