"""The manifest: the same acquisition gives the same bytes, and a later change of any file makes it
stale.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_model import flipped, model_files, write_files

from featherweight.acquire.lock import Lock
from featherweight.acquire.manifest import Manifest, forget_stale, problems, read_manifest, stale
from featherweight.acquire.run import run, run_or_note, verify
from featherweight.acquire.settings import Settings
from featherweight.errors import InputError
from featherweight.specs import Source, read_spec

FILES = {
    name: content
    for name, content in model_files().items()
    if name not in ("README.md", "pytorch_model.bin")
}


def acquire(folder: Path, manifest: Path, **facts: str) -> Manifest:
    tiny = Source(what="model", name="tiny", kind="folder", folder=str(folder), **facts)
    return run(tiny, Lock(manifest.parent / "lock.yaml"), manifest, Settings())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_files(tmp_path / "model", model_files())


@pytest.fixture
def manifest(folder: Path, tmp_path: Path) -> Path:
    acquire(folder, tmp_path / "tiny.json")
    return tmp_path / "tiny.json"


def settle(manifest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the files had been written long before they were hashed, so that they are
    remembered."""
    monkeypatch.setattr("featherweight.acquire.manifest.COARSEST_CLOCK_NS", -(10**12))
    assert stale([manifest], hash_all=True) == []
    monkeypatch.undo()


def test_what_stands_in_a_manifest(folder: Path, manifest: Path) -> None:
    document = json.loads(manifest.read_text())
    assert set(document["files"]) == set(FILES)  # no pickle, no README
    assert document["bytes"] == sum(len(content) for content in FILES.values())
    assert document["folder"] == str(folder)
    assert document["verified"] == "hashed here"
    assert document["chat"]["has_template"] is True
    assert document["chat"]["eos_ids"] == {
        "config": [1],
        "generation_config": [1],
        "tokenizer": [1],
    }
    found = read_manifest(manifest)
    assert found.files["config.json"].bytes == len(FILES["config.json"])


def test_the_same_files_give_the_same_bytes(folder: Path, manifest: Path) -> None:
    before = manifest.read_bytes()
    time.sleep(0.01)
    acquire(folder, manifest)
    assert manifest.read_bytes() == before


def flip(path: Path) -> None:
    path.write_bytes(flipped(path.read_bytes(), 30))


def flip_unseen(path: Path) -> None:
    """A bit changed at the same length, and the modification time set back: only ctime tells."""
    before = path.stat()
    flip(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def replace_by_link(path: Path) -> None:
    target = path.with_name("elsewhere")
    target.write_bytes(flipped(path.read_bytes(), 30))
    path.unlink()
    path.symlink_to(target)


CHANGES: list[tuple[Callable[[Path], None], str]] = [
    (flip, "expected sha256"),
    (flip_unseen, "expected sha256"),
    (truncate, "the file is truncated"),
    (Path.unlink, "expected a file, got nothing: never fetched, or removed"),
    (replace_by_link, "expected sha256"),
]


@pytest.mark.parametrize("remembered", [True, False])
@pytest.mark.parametrize(("change", "sentence"), CHANGES)
def test_every_change_is_noticed_at_the_next_start(
    folder: Path,
    manifest: Path,
    change: Callable[[Path], None],
    sentence: str,
    remembered: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if remembered:
        settle(manifest, monkeypatch)
    assert stale([manifest]) == []
    change(folder / "model.safetensors")
    assert stale([manifest]) == [manifest]
    assert sentence in problems(manifest)[0]
    with pytest.raises(InputError, match="run snakemake again, it fetches only what differs"):
        verify([manifest])


def test_a_stale_manifest_is_forgotten_and_said(folder: Path, manifest: Path) -> None:
    assert forget_stale([manifest]) == []
    assert manifest.exists()
    truncate(folder / "model.safetensors")
    assert forget_stale([manifest]) == [
        f"model 'tiny': {folder}/model.safetensors: expected 20,076 bytes, got 20,075: the file is"
        " truncated; it is looked at again"
    ]
    assert not manifest.exists()
    manifest.write_text("{")
    assert "expected a manifest, got something else" in forget_stale([manifest])[0]


def test_touching_is_no_change(folder: Path, manifest: Path) -> None:
    (folder / "config.json").touch()
    assert stale([manifest]) == []


def test_a_start_hashes_nothing_that_nobody_wrote_to(
    manifest: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(manifest, monkeypatch)
    hashed: list[str] = []

    def watch(path: Path, _: object) -> tuple[None, None]:
        hashed.append(path.name)
        return None, None

    monkeypatch.setattr("featherweight.acquire.manifest.check", watch)
    assert stale([manifest]) == []
    assert hashed == []
    (folder / "config.json").touch()
    assert stale([manifest]) == []
    assert hashed == ["config.json"]
    assert stale([manifest], hash_all=True) == []
    assert len(hashed) == 1 + len(FILES)


def test_what_was_just_written_is_not_remembered(folder: Path, manifest: Path) -> None:
    """A second write within the tick of a coarse clock would show the same times.

    A copy that keeps its time of modification was written just now all the same.
    """
    assert json.loads((manifest.parent / ".tiny.json.seen").read_text()) == {}
    for name in FILES:
        os.utime(folder / name, ns=(0, 0))
    assert stale([manifest], hash_all=True) == []
    assert json.loads((manifest.parent / ".tiny.json.seen").read_text()) == {}


def test_broken_and_absent_manifests(manifest: Path) -> None:
    assert stale([manifest.with_name("none.json")]) == []  # its rule runs anyway
    manifest.write_text("{")
    assert stale([manifest]) == [manifest]
    with pytest.raises(InputError, match=r"got something else .*; delete it and run again"):
        read_manifest(manifest)
    with pytest.raises(
        InputError,
        match="expected a manifest, got nothing; run snakemake, its rule acquire writes it",
    ):
        read_manifest(manifest.with_name("none.json"))
    (manifest.parent / ".tiny.json.seen").write_text("[]")
    assert stale([manifest]) == [manifest]


@pytest.mark.parametrize(
    "name", ["../evil.json", "/etc/evil.json", "a/../../evil.json", "a\\evil.json", ""]
)
def test_a_name_that_leaves_its_folder(manifest: Path, name: str) -> None:
    """The manifest of a mirror is written by somebody else."""
    document = json.loads(manifest.read_text())
    document["files"][name] = document["files"]["config.json"]
    manifest.write_text(json.dumps(document))
    with pytest.raises(InputError, match=r"expected a relative path without '\.\.', got"):
        read_manifest(manifest)


def test_a_file_that_lies_elsewhere(manifest: Path) -> None:
    document = json.loads(manifest.read_text())
    document["files"]["config.json"]["stored"] = "../evil.json"
    manifest.write_text(json.dumps(document))
    with pytest.raises(InputError, match=r"config\.json\.stored: expected a relative path"):
        read_manifest(manifest)


def test_only_a_model_may_be_missing(tmp_path: Path) -> None:
    """With --keep-going the study goes on without a model, never without its questions."""
    lock, output = Lock(tmp_path / "lock.yaml"), tmp_path / "x.json"
    for what, keep_going in (("model", False), ("dataset", True)):
        lost = Source(what=what, name="x", kind="folder")  # type: ignore[arg-type]
        with pytest.raises(InputError, match="expected a folder, got none"):
            run_or_note(lost, lock, output, Settings(), keep_going=keep_going)
        assert not output.exists()
    lost = Source(what="model", name="x", kind="folder")
    run_or_note(lost, lock, output, Settings(), keep_going=True)
    assert "expected a folder, got none" in read_manifest(output).missing[0]


def test_controls_need_no_files(tmp_path: Path) -> None:
    oracle = Source(what="model", name="oracle", kind="control")
    found = run(oracle, Lock(tmp_path / "lock.yaml"), tmp_path / "oracle.json", Settings())
    assert (found.folder, found.files, found.verified) == (None, {}, "nothing to verify")
    assert stale([tmp_path / "oracle.json"]) == []


def without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def only_pickles(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def index_names_more(folder: Path) -> None:
    weights = {"weight_map": {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(weights))


def no_template(folder: Path) -> None:
    (folder / "tokenizer_config.json").write_text("{}")


def odd_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": [3]}}))


def broken_config(folder: Path) -> None:
    (folder / "config.json").write_text("{")


FOLDERS: list[tuple[Callable[[Path], object], list[str]]] = [
    (
        shutil.rmtree,
        [
            "expected a folder at ",
            "got nothing; correct the path in model_folders (config/config.yaml)",
        ],
    ),
    (
        without("config.json"),
        ["expected config.json in ", "got none; it must be in the Hugging Face layout"],
    ),
    (
        without("tokenizer.json"),
        ["expected a tokenizer (tokenizer.json, tokenizer.model, vocab.json, vocab.txt) in"],
    ),
    (
        only_pickles,
        [
            "got pytorch_model.bin: a pickle can run code, so it is not loaded; convert it with"
            " safetensors"
        ],
    ),
    (
        index_names_more,
        ["model.safetensors.index.json names model-00002-of-00002.safetensors: expected it in"],
    ),
    (no_template, ["got none: a base model; give it a prompt_format in config/models.yaml"]),
    (odd_tokenizer, ["expected the files of a tokenizer, got another shape (TypeError("]),
    (broken_config, ["config.json: expected JSON, got a damaged file"]),
    (
        lambda folder: truncate(folder / "model.safetensors"),
        ["bytes (its own header), got 20,075; fetch it again"],
    ),
]


@pytest.mark.parametrize(("change", "sentences"), FOLDERS)
def test_a_folder_that_is_no_model(
    folder: Path, change: Callable[[Path], object], sentences: list[str]
) -> None:
    change(folder)
    with pytest.raises(InputError) as caught:
        acquire(folder, folder.parent / "tiny.json")
    assert [
        problem
        for problem in caught.value.problems
        if all(sentence in problem for sentence in sentences)
    ]
    assert not (folder.parent / "tiny.json").exists()


def test_an_empty_folder_lists_everything(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        acquire(tmp_path, tmp_path / "tiny.json")
    assert len(caught.value.problems) == 3


def test_a_base_model_with_a_prompt_format(folder: Path) -> None:
    no_template(folder)
    found = acquire(folder, folder.parent / "tiny.json", prompt_format="{message}")
    assert found.chat is not None
    assert found.chat["has_template"] is False


def test_a_real_model(shared_data: Path, tmp_path: Path) -> None:
    found = acquire(
        shared_data / "models" / "stories260k", tmp_path / "s.json", prompt_format="{message}"
    )
    assert found.chat is not None
    assert (found.chat["bos"], found.chat["stop_ids"], found.disagreements) == ("<s>", [2], ())
    # Its SOURCE.md gives this hash.
    weights = found.files["model.safetensors"]
    assert weights.sha256 == "407a7c581bdd66972383ce9ad24857713fb98786d06ea564a2fe9b34ebe77dfd"


SPECS = [
    ("{", "--spec: expected JSON, got a text that breaks off at character 1"),
    (
        "none.json",
        (
            "--spec: expected JSON or a file that holds it, got 'none.json' (No such file or"
            " directory)"
        ),
    ),
    ("[]", "--spec: expected keys with values, got list of 0"),
    ('{"name": "x", "kind": "hub"}', "--spec: what: missing key"),
    ('{"what": "model", "name": "../x", "kind": "hub"}', "--spec: name: String should match"),
    (
        '{"what": "model", "name": "x", "kind": "hubs"}',
        "--spec: kind: expected 'hub', 'folder', 'control' or 'https', got 'hubs'; did you mean"
        " 'hub'?",
    ),
    (
        '{"what": "model", "name": "x", "kind": "https"}',
        "kind of a model: expected one of hub, folder, control",
    ),
    (
        '{"what": "model", "name": "x", "kind": "hub"}',
        "model 'x': kind hub needs repository; add what is missing to config/models.yaml",
    ),
    (
        '{"what": "dataset", "name": "x", "kind": "https", "url": ""}',
        "dataset 'x': kind https needs url and files; add what is missing to config/datasets.yaml",
    ),
    (
        '{"what": "model", "name": "x", "kind": "folder", "revision": 3}',
        "--spec: revision: expected a valid string, got 3",
    ),
    (
        '{"what": "dataset", "name": "x", "kind": "folder", "files": {"../x": ""}}',
        "expected a relative path without '..', got '../x'",
    ),
    (
        '{"what": "dataset", "name": "x", "kind": "folder", "files": 3}',
        "--spec: files: expected a valid dictionary, got 3",
    ),
    (
        '{"what": "model", "name": "x", "kind": "folder", "lisence": "MIT"}',
        "--spec: lisence: unknown key, got 'MIT'; did you mean 'licence'?",
    ),
]


@pytest.mark.parametrize(("text", "sentence"), SPECS)
def test_a_spec_that_cannot_be_used(text: str, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        read_spec(text, Source)
    assert any(sentence in problem for problem in caught.value.problems), caught.value.problems
