"""What can be wrong on this disk, and with several processes that fetch the same model."""

# ruff: noqa: F401, F811 - the fixtures come from hub_world, by name
from __future__ import annotations

import errno
import json
import logging
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hub_server import Hold, Hub, Stall
from hub_world import BIG, PIECE, WEIGHTS_SHA256, World, hub, world
from tiny_model import flipped, model_files

from featherweight.acquire.manifest import stale
from featherweight.acquire.verify import Expected

# --- what is wrong on this disk
# --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
@pytest.mark.parametrize("damage", ["flip", "truncate", "remove", "remove the blob"])
def test_damage_is_noticed_at_the_next_start_and_repaired_alone(
    world: World, caplog: pytest.LogCaptureFixture, name: str, damage: str
) -> None:
    """The library notices none of it and makes no request."""
    world.acquire()
    blob = (world.snapshot / name).resolve()
    if damage == "flip":
        blob.write_bytes(flipped(blob.read_bytes(), 7))
    elif damage == "truncate":
        blob.write_bytes(blob.read_bytes()[:-1])
    elif damage == "remove":
        (world.snapshot / name).unlink()
    else:
        blob.unlink()
    assert stale([world.manifest]) == [world.manifest]
    world.hub.seen.clear()
    caplog.clear()
    world.acquire()
    world.whole()
    assert stale([world.manifest]) == []
    assert {request.path.rpartition("/")[2] for request in world.hub.seen} == {name}
    # its blob was still there, and right
    assert len(world.hub.requests("GET")) == (0 if damage == "remove" else 1)
    if damage in ("flip", "truncate"):
        assert "; fetching it again" in caplog.text


def test_what_a_killed_download_left_is_removed(world: World) -> None:
    blobs = world.folder / "downloads" / "models" / "models--house--tiny" / "blobs"
    blobs.mkdir(parents=True)
    old, alive = (
        blobs / f"{'1' * 64}.0a1b2c3d.incomplete",
        blobs / f"{'2' * 64}.0a1b2c3d.incomplete",
    )
    for path in (old, alive):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    world.acquire()
    assert not old.exists()
    assert alive.exists()  # another program may be writing it


def test_a_full_disk(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("featherweight.acquire.network.http_get", full)
    world.refused(
        "config.json: the disk is full: ",
        " left, the file needs ",
        "free some, or keep downloads elsewhere "
        "(--config downloads=FOLDER); what is here already is kept and continued",
    )
    assert not list((world.folder / "downloads").rglob("*.incomplete"))


def test_a_disk_that_would_be_full(world: World) -> None:
    entry = world.locked.models["tiny"]
    huge = replace(
        entry, files={**entry.files, "model.safetensors": Expected(10**18, WEIGHTS_SHA256)}
    )
    world.refused(
        "expected 1000000000.0 GB free in ", lock=replace(world.locked, models={"tiny": huge})
    )
    assert world.hub.seen == []


def test_a_folder_that_may_not_be_written(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("featherweight.acquire.network.http_get", forbidden)
    world.refused("config.json: cannot be written to ", ": Permission denied")


# --- several processes, killed ones
# ----------------------------------------------------------------------


def process(world: World, name: str = "tiny") -> subprocess.Popen[str]:
    words = [
        "acquire",
        "--kind",
        "model",
        "--spec",
        world.tiny().model_dump_json(),
        "--lock",
        str(world.folder / "lock.yaml"),
    ]
    words += [
        "--output",
        str(world.folder / f"{name}.json"),
        "--downloads",
        str(world.folder / "downloads"),
    ]
    path = os.pathsep.join(
        [str(Path(__file__).parents[2] / "workflow"), os.environ.get("PYTHONPATH", "")]
    )
    return subprocess.Popen(
        [sys.executable, "-m", "featherweight", *words, "--backoff", "0.05"],
        env=os.environ | {"HF_ENDPOINT": world.hub.url, "PYTHONPATH": path},
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_runs_at_once(world: World) -> None:
    world.hub.fail("GET", "model.safetensors", Hold())
    with process(world) as first:
        assert world.hub.stalled.wait(30)
        with process(world, "second") as second:
            assert second.stderr is not None
            said = iter(second.stderr.readline, "")
            assert any(
                "model 'tiny' (house/tiny): another run is fetching it; waiting for that" in line
                for line in said
            )
            world.hub.release.set()
            assert second.wait(30) == 0
            assert second.stderr.read()
        assert first.stderr is not None
        first.stderr.read()
        assert first.wait(30) == 0
    world.whole()
    assert len(world.hub.requests("GET", "model.safetensors")) == 1
    assert world.manifest.read_bytes() == (world.folder / "second.json").read_bytes()


def test_a_killed_download_goes_on(
    hub: Hub, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The library starts again from zero and leaves the part behind."""
    caplog.set_level(logging.INFO, "featherweight.acquire")
    files = model_files(weights=BIG)
    world = World(hub, tmp_path, hub.add("house/tiny", files))
    hub.fail("GET", "model.safetensors", Stall(PIECE + 5000))
    with process(world) as killed:
        assert hub.stalled.wait(30)
        end = time.monotonic() + 30
        while (
            not any(part.stat().st_size >= PIECE for part in tmp_path.rglob("*.incomplete"))
            and time.monotonic() < end
        ):
            time.sleep(0.02)
        killed.kill()
        assert killed.stderr is not None
        killed.stderr.read()
    assert not world.manifest.exists()
    hub.seen.clear()
    world.acquire()
    assert (world.snapshot / "model.safetensors").read_bytes() == files["model.safetensors"]
    assert [request.range for request in hub.requests("GET", "model.safetensors")] == [
        f"bytes={PIECE}-"
    ]
    assert "model.safetensors: continuing at 10.5 MB" in caplog.text
    assert not hub.requests("GET", "/config.json")
    assert not list(tmp_path.rglob("*.incomplete"))


def test_a_part_of_something_else_is_not_kept(world: World) -> None:
    """A part is continued on trust, so its whole is hashed; the second try starts from nothing."""
    part = (
        world.folder
        / "downloads"
        / "models"
        / "models--house--tiny"
        / "blobs"
        / f"{WEIGHTS_SHA256}.incomplete"
    )
    part.parent.mkdir(parents=True)
    part.write_bytes(b"?" * 5000)
    world.acquire()
    world.whole()
    assert [request.range for request in world.hub.requests("GET", "model.safetensors")] == [
        "bytes=5000-",
        None,
    ]
    part.write_bytes(b"?" * 30_000)  # longer than the file can be
    (world.snapshot / "model.safetensors").resolve().unlink()
    world.acquire()
    world.whole()
