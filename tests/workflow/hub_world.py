"""What the tests of `acquire` share: a hub with one model, a folder for a run, a dataset; fixtures
by name.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hub_server import Hub, serve
from huggingface_hub import close_session, constants
from tiny_model import model_files

from featherweight.acquire.lock import Entry, Lock
from featherweight.acquire.manifest import Manifest, read_manifest
from featherweight.acquire.run import run
from featherweight.acquire.settings import Settings
from featherweight.acquire.verify import Expected
from featherweight.errors import InputError
from featherweight.specs import Source

FILES = model_files()
FETCHED = sorted(set(FILES) - {"README.md", "pytorch_model.bin"})
WEIGHTS = FILES["model.safetensors"]
WEIGHTS_SHA256 = hashlib.sha256(WEIGHTS).hexdigest()
BIG = 11_000_000
# the library writes in pieces of 10 MiB; what is lost of a piece is fetched again
PIECE = 10_485_760


def sums(files: dict[str, bytes]) -> dict[str, Expected]:
    return {
        name: Expected(len(files[name]), hashlib.sha256(files[name]).hexdigest()) for name in files
    }


@dataclass
class World:
    """A hub with one model, and a folder in which a run keeps its things."""

    hub: Hub
    folder: Path
    commit: str

    @property
    def how(self) -> Settings:
        downloads = self.folder / "downloads"
        return Settings(
            downloads=downloads, endpoint=self.hub.url, backoff=0.01, retries=2, longest_wait=0.5
        )

    @property
    def lock(self) -> Lock:
        return Lock(self.folder / "lock.yaml")

    @property
    def locked(self) -> Lock:
        files = sums({name: FILES[name] for name in FETCHED})
        return Lock(
            self.folder / "lock.yaml",
            {"tiny": Entry("house/tiny", self.commit, "MIT", gated=False, files=files)},
        )

    @property
    def manifest(self) -> Path:
        return self.folder / "tiny.json"

    @property
    def snapshot(self) -> Path:
        return (
            self.folder / "downloads" / "models" / "models--house--tiny" / "snapshots" / self.commit
        )

    def tiny(self, **facts: Any) -> Source:
        known = {
            "name": "tiny",
            "kind": "hub",
            "repository": "house/tiny",
            "revision": self.commit,
            "licence": "MIT",
        }
        return Source(what="model", **(known | facts))

    def acquire(
        self, lock: Lock | None = None, how: Settings | None = None, **facts: Any
    ) -> Manifest:
        return run(self.tiny(**facts), lock or self.lock, self.manifest, how or self.how)

    def refused(self, *sentences: str, **options: Any) -> list[str]:
        """Acquire and be refused; some problem holds all sentences, and no manifest was written."""
        self.manifest.unlink(missing_ok=True)
        with pytest.raises(InputError) as caught:
            self.acquire(**options)
        found = [
            problem
            for problem in caught.value.problems
            if all(sentence in problem for sentence in sentences)
        ]
        assert found, f"none of {caught.value.problems} holds {sentences}"
        assert not self.manifest.exists()
        return list(caught.value.problems)

    def whole(self) -> None:
        """What lies on disk is what the hub has, in a layout that the library itself reads, with
        nothing left over.
        """
        assert sorted(path.name for path in self.snapshot.iterdir()) == FETCHED
        for name in FETCHED:
            assert (self.snapshot / name).read_bytes() == FILES[name]
        assert not list((self.folder / "downloads").rglob("*.incomplete"))
        assert sorted(read_manifest(self.manifest).files) == FETCHED


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    with serve() as hub:
        yield hub
    close_session()


@pytest.fixture
def world(hub: Hub, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> World:
    caplog.set_level(logging.INFO, "featherweight.acquire")
    return World(hub, tmp_path, hub.add("house/tiny", FILES))


ROWS = {"a.jsonl": b'{"a": 1}\n' * 500, "b.jsonl": b'{"b": 2}\n'}
REVISION = "b" * 40


def dataset(world: World, files: dict[str, str], **facts: Any) -> Source:
    known: dict[str, Any] = {
        "name": "rows",
        "kind": "https",
        "revision": REVISION,
        "files": files,
        "repository": "house/rows",
    }
    known["url"] = f"{world.hub.url}/files/{{path}}"
    return Source(what="dataset", **(known | facts))


def rows_lock(world: World, files: dict[str, bytes] = ROWS) -> Lock:
    entry = Entry("house/rows", REVISION, None, gated=False, files=sums(files))
    return Lock(world.folder / "lock.yaml", {}, {"rows": entry})


def fetch_dataset(
    world: World, files: dict[str, str], lock: Lock | None = None, **facts: Any
) -> Manifest:
    return run(
        dataset(world, files, **facts), lock or world.lock, world.folder / "rows.json", world.how
    )


NAMES = {name: f"{REVISION}/data/{name}" for name in ROWS}


@pytest.fixture
def rows(world: World) -> World:
    world.hub.plain |= {path: ROWS[name] for name, path in NAMES.items()}
    return world
