"""What can go wrong while a model is fetched, against a Hub on loopback that injects it.

What `huggingface_hub` 2.4.0 itself does in each case was measured beforehand; the comments say
where it is silent.
"""

# ruff: noqa: F401, F811 - the fixtures come from hub_world, by name
from __future__ import annotations

import hashlib
import socket
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hub_server import Cut, Flip, Hub, OtherCommit, Status, Truncate
from hub_world import (
    BIG,
    FETCHED,
    FILES,
    PIECE,
    WEIGHTS,
    WEIGHTS_SHA256,
    World,
    fetch_dataset,
    hub,
    rows,
    world,
)
from huggingface_hub import snapshot_download
from tiny_model import flipped, model_files

from featherweight.acquire.verify import Expected

# --- what goes right
# -------------------------------------------------------------------------------------


def test_a_pinned_revision_is_fetched_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.hub.add("house/tiny", model_files(seed=1))  # main moves on
    found = world.acquire()
    world.whole()
    assert (found.revision, found.verified) == (world.commit, "hub listing")
    assert (
        "verified against the Hub's own listing, not against config/lock.yaml; `snakemake lock`"
        " writes" in caplog.text
    )
    asked = len(world.hub.seen)
    assert world.acquire() == found
    assert len(world.hub.seen) == asked  # not one request
    library = snapshot_download(
        "house/tiny",
        revision=world.commit,
        cache_dir=world.folder / "downloads" / "models",
        local_files_only=True,
        allow_patterns=FETCHED,
    )
    assert Path(library) == world.snapshot


def test_a_locked_model_needs_no_listing(world: World) -> None:
    assert world.acquire(lock=world.locked).verified == "lock"
    world.whole()
    assert not world.hub.requests(path="/api/")
    assert not world.hub.requests(path="pytorch_model.bin")


def test_the_lock_pins_what_the_config_does_not(world: World) -> None:
    assert world.acquire(lock=world.locked, revision=None).revision == world.commit


def test_what_another_program_fetched_is_used(world: World) -> None:
    cache = world.folder / "downloads" / "models"
    snapshot_download(
        "house/tiny",
        revision=world.commit,
        cache_dir=cache,
        endpoint=world.hub.url,
        allow_patterns=FETCHED,
    )
    world.hub.seen.clear()
    world.acquire(lock=world.locked)
    assert world.hub.seen == []


# --- what goes wrong on the way
# --------------------------------------------------------------------------


def test_a_cut_transfer_goes_on_where_it_was(
    hub: Hub, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = model_files(weights=BIG)
    world = World(hub, tmp_path, hub.add("house/tiny", files))
    world.hub.fail("GET", "model.safetensors", Cut(PIECE + 5000))
    world.acquire()
    assert (world.snapshot / "model.safetensors").read_bytes() == files["model.safetensors"]
    assert [request.range for request in world.hub.requests("GET", "model.safetensors")] == [
        None,
        f"bytes={PIECE}-",
    ]
    assert "model 'tiny' (house/tiny): model.safetensors: Error while downloading" in caplog.text
    assert "Trying to resume download" in caplog.text


def test_a_server_that_cannot_continue(world: World) -> None:
    world.hub.ranges = False
    world.hub.fail("GET", "model.safetensors", Cut(5000))
    world.acquire()
    world.whole()


def test_a_flipped_bit_is_fetched_once_more(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """The library accepts it without a word and names the blob after the promised hash."""
    world.hub.fail("GET", "model.safetensors", Flip(500))
    world.acquire()
    world.whole()
    wrong = hashlib.sha256(flipped(WEIGHTS, 500)).hexdigest()
    assert (
        f"model 'tiny' (house/tiny): model.safetensors: expected sha256 {WEIGHTS_SHA256}, got"
        f" {wrong} (right length, 20,076 bytes): the content was changed on the way or on this"
        " disk; deleted, fetching it once more" in caplog.text
    )


def test_a_bit_flipped_twice_is_reported_with_both_hashes(world: World) -> None:
    world.hub.fail("GET", "model.safetensors", Flip(500))
    world.hub.fail("GET", "model.safetensors", Flip(600))
    first, second = (hashlib.sha256(flipped(WEIGHTS, at)).hexdigest() for at in (500, 600))
    world.refused(
        f"model.safetensors: expected sha256 {WEIGHTS_SHA256} (20,076 bytes), got sha256 {first}"
        f" (20,076 bytes) and, fetched once more, {second} (20,076 bytes):"
        f" {world.hub.url}/house/tiny/resolve/{world.commit}/",
        "model.safetensors serves other bytes than were promised; nothing was kept",
    )
    assert not (world.snapshot / "model.safetensors").exists()
    assert not list((world.folder / "downloads").rglob("*.incomplete"))
    world.acquire()  # and the next run has only that file to fetch
    assert len(world.hub.requests("GET", "/config.json")) == 1


def test_a_small_file_is_held_to_its_git_hash(world: World) -> None:
    world.hub.fail("GET", "/config.json", Flip(3), times=2)
    world.refused(
        "config.json: expected git sha1 ",
        "fetched once more, ",
        "serves other bytes than were promised",
    )


def test_a_truncated_answer_goes_on(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.hub.fail("GET", "model.safetensors", Truncate(5000))
    world.acquire()
    world.whole()
    assert (
        "the transfer was cut: expected 20,076 bytes, got 5,000; waiting 0.01 s, then try 2 of 3"
        in caplog.text
    )
    assert "model.safetensors: continuing at 5.0 kB" in caplog.text


def test_an_answer_from_another_commit(world: World) -> None:
    """The library accepts it: two snapshot folders appear."""
    world.hub.fail("HEAD", "/config.json", OtherCommit())
    world.refused(
        f"config.json: asked for commit {world.commit}, the server answered with {'f' * 40}:"
        " nothing of it is used; a mirror or proxy in between may be stale: go around it"
        " (HF_ENDPOINT), or try again later"
    )
    assert not world.snapshot.exists()


def test_another_hash_is_seen_before_anything_is_fetched(world: World) -> None:
    entry = world.locked.models["tiny"]
    wanted = Expected(len(WEIGHTS), "0" * 64)
    other = replace(entry, files={**entry.files, "model.safetensors": wanted})
    world.refused(
        f"model.safetensors: expected sha256 {'0' * 64}, the server promises {WEIGHTS_SHA256}:"
        " nothing is fetched; correct the revision in config/models.yaml, or run `snakemake lock`"
        " if the other file is meant",
        lock=replace(world.locked, models={"tiny": other}),
    )
    assert not world.hub.requests("GET", "model.safetensors")


# --- what a server says
# ----------------------------------------------------------------------------------


LIMIT = Status(429, {"Retry-After": "0"}, "Too many requests")
PASSING = [
    (
        "HEAD",
        "model.safetensors",
        LIMIT,
        "HOST answers 429 (Too many requests); waiting 0 s, then try 2 of 3",
    ),
    # The library itself waits here, a second longer than it was asked to.
    (
        "GET",
        "model.safetensors",
        LIMIT,
        "model.safetensors: Rate limited. Waiting 1.0s before retry [Retry 1/5].",
    ),
    (
        "GET",
        "COMMIT",
        Status(500, text="Internal"),
        "HOST answers 500 (Internal); waiting 0.01 s, then try 2 of 3",
    ),
    # The library gives up at once here.
    (
        "GET",
        "model.safetensors",
        Status(503),
        "model.safetensors: HOST answers 503; waiting 0.01 s, then try 2 of 3",
    ),
    (
        "HEAD",
        "/config.json",
        Status(502),
        "config.json: HOST answers 502; waiting 0.01 s, then try 2 of 3",
    ),
]


@pytest.mark.parametrize(("method", "path", "fault", "sentence"), PASSING)
def test_a_fault_that_passes(
    world: World,
    caplog: pytest.LogCaptureFixture,
    method: str,
    path: str,
    fault: Status,
    sentence: str,
) -> None:
    world.hub.fail(method, path.replace("COMMIT", world.commit), fault)
    world.acquire()
    world.whole()
    assert sentence.replace("HOST", world.hub.url.removeprefix("http://")) in caplog.text


def test_retry_after_is_obeyed_up_to_a_limit(world: World) -> None:
    world.hub.fail("HEAD", "model.safetensors", Status(429, {"Retry-After": "3600"}))
    began = time.monotonic()
    world.acquire()
    assert 0.5 <= time.monotonic() - began < 5


def test_a_fault_that_stays(world: World) -> None:
    world.hub.fail("GET", "model.safetensors", Status(503), times=3)
    world.refused(
        "model.safetensors: 127.0.0.1:",
        " answers 503, 3 times; try again later; what is here already is kept",
    )
    world.acquire()
    assert len(world.hub.requests("GET", "/config.json")) == 1  # what was there was kept


def test_a_listing_that_fails_and_then_does_not(world: World) -> None:
    world.hub.fail("GET", f"/revision/{world.commit}", Status(500, text="Internal"), times=2)
    world.acquire()
    world.whole()


def test_nobody_listens(world: World) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    problems = world.refused(
        f"model 'tiny' (house/tiny): no answer from 127.0.0.1:{port} ([Errno 111] Connection"
        " refused), 3 times; check the network; without one: --config offline=true, with a folder"
        " or mirror that has the files",
        how=replace(world.how, endpoint=f"http://127.0.0.1:{port}"),
    )
    assert len(problems) == 1


REFUSALS = [
    (
        {"repository": "house/none"},
        [
            "model 'tiny' (house/none): expected a repository, got 401: house/none does not exist "
            "or is private (the Hub does not say which): correct repository in config/models.yaml, "
            "or set HF_TOKEN to a token that may read it"
        ],
    ),
    (
        {"revision": "a" * 40},
        [
            f"model 'tiny' (house/tiny): expected commit {'a' * 40}, got 404: it is not in "
            "house/tiny: correct revision in config/models.yaml, or run `snakemake lock`"
        ],
    ),
    (
        {"revision": None},
        [
            "model 'tiny': expected a pinned revision of house/tiny (a full commit), "
            "got none; run `snakemake lock` on a machine with a network: it asks the Hub and writes"
        ],
    ),
]


@pytest.mark.parametrize(("facts", "sentences"), REFUSALS)
def test_refusals(world: World, facts: dict[str, Any], sentences: list[str]) -> None:
    world.refused(*sentences, **facts)
    assert not world.hub.requests("GET", "/resolve/")


STATUSES = [
    (
        Status(401, text="Invalid credentials in Authorization header"),
        "got 401: HF_TOKEN is not (or no longer) valid",
    ),
    (
        Status(403, text="Forbidden"),
        "got 403: HF_TOKEN may not read house/tiny: give the token that right, or visit ",
    ),
    (
        Status(404, {"X-Error-Code": "EntryNotFound"}),
        "though the lock names it: run `snakemake lock`",
    ),
    (
        Status(418, text="teapot"),
        "answers 418 (teapot), 1 time; check the address in config/ and the network's proxy",
    ),
]


@pytest.mark.parametrize(("fault", "sentence"), STATUSES)
def test_other_statuses(world: World, fault: Status, sentence: str) -> None:
    world.hub.fail("HEAD", "/config.json", fault)
    world.refused("config.json", sentence, lock=world.locked)


def test_gated(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = world.hub.add("meta/llama", FILES, gated_for=frozenset({"hf_good"}))
    facts = {
        "repository": "meta/llama",
        "revision": commit,
        "gated": True,
        "alternative": "smollm2",
    }
    world.refused(
        "model 'tiny' (meta/llama): config.json: gated, and nobody is logged in (401): accept the"
        " licence at https://huggingface.co/meta/llama, then set HF_TOKEN to a token of that"
        " account; or take the ungated 'smollm2' in its place",
        **facts,
    )
    monkeypatch.setenv("HF_TOKEN", "hf_bad")
    world.refused(
        "gated, and the account of HF_TOKEN has no access (403): accept the licence at ",
        "https://huggingface.co/meta/llama with that account and wait for its approval",
        **facts,
    )
    monkeypatch.setenv("HF_TOKEN", "hf_good")
    world.acquire(**facts)
    monkeypatch.delenv("HF_TOKEN")
    world.acquire(**facts)  # what is here needs no token


def test_the_token_goes_to_the_hub_only(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    world.acquire()
    assert {request.authorization for request in world.hub.requests(path="/resolve/")} == {
        "Bearer hf_secret"
    }
    world.hub.seen.clear()
    world.hub.plain["data/x.jsonl"] = b"{}"
    fetch_dataset(world, {"x.jsonl": "data/x.jsonl"})
    assert [request.authorization for request in world.hub.seen] == [None]


def test_only_pickles(world: World) -> None:
    commit = world.hub.add(
        "house/pickled",
        {name: FILES[name] for name in ("config.json", "tokenizer.json", "pytorch_model.bin")},
    )
    world.refused(
        "expected weights as .safetensors, got pytorch_model.bin: a pickle can run code, so it is"
        " not fetched; choose another model",
        repository="house/pickled",
        revision=commit,
    )
