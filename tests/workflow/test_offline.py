"""Only `acquire` opens the network: read from the source, and shown by running everything else
without one.

`blocked()` is the environment of a process that fails at its first connection (see
no_network/sitecustomize.py).
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hub_server import Hub, serve
from tiny_model import model_files, write_files

from conftest import SMALL, Checkout
from featherweight.specs import PreflightSpec, Source, read_spec

NO_NETWORK = Path(__file__).parent / "no_network"
PACKAGE = Path(__file__).parents[2] / "workflow" / "featherweight"
# Whatever in the standard library and in our environment opens a connection.
NETWORK = {
    "aiohttp",
    "asyncio",
    "ftplib",
    "h11",
    "http",
    "httpcore",
    "httpcore2",
    "httpx",
    "httpx2",
    "huggingface_hub",
    "imaplib",
    "poplib",
    "requests",
    "smtplib",
    "socket",
    "socketserver",
    "ssl",
    "telnetlib",
    "urllib",
    "urllib3",
    "websockets",
    "xmlrpc",
}


def blocked(**more: str) -> dict[str, str]:
    """An environment in which Python processes cannot connect to anything."""
    path = os.pathsep.join(
        [str(NO_NETWORK), str(PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    return (
        {key: value for key, value in os.environ.items() if key != "HF_HUB_OFFLINE"}
        | {"PYTHONPATH": path}
        | more
    )


def featherweight(*words: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "featherweight", *map(str, words)],
        env=blocked(**more),
        capture_output=True,
        text=True,
        timeout=120,
    )


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_only_acquire_can_open_the_network() -> None:
    opens = {
        path.relative_to(PACKAGE).parts[0]
        for path in PACKAGE.rglob("*.py")
        if imported(path) & NETWORK
    }
    assert opens == {"acquire"}


def test_a_start_of_snakemake_loads_no_network_library() -> None:
    """`stale` runs at every start, also of every cluster job."""
    code = (
        "import sys; from featherweight.acquire.manifest import stale; stale([]);"
        "print(sorted({'huggingface_hub', 'httpx', 'httpx2', 'rich'} & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], env=blocked(), capture_output=True, text=True, timeout=60
    )
    assert run.stdout == "[]\n", run.stderr


CONNECTIONS = [
    "import socket; socket.create_connection(('127.0.0.1', PORT))",
    "import socket; socket.socket().connect(('127.0.0.1', PORT))",
    "import socket; socket.socket().connect_ex(('127.0.0.1', PORT))",
    "import urllib.request; urllib.request.urlopen('http://127.0.0.1:PORT/files/x')",
    "from featherweight.acquire.network import HTTP; HTTP.get('http://127.0.0.1:PORT/files/x')",
    "import asyncio; asyncio.run(asyncio.open_connection('127.0.0.1', PORT))",
]


@pytest.mark.parametrize("code", CONNECTIONS)
def test_the_block_blocks(code: str) -> None:
    """The other tests here rest on this one: every way out of a process is shut."""
    with serve() as hub:
        hub.plain["x"] = b"x"
        real = code.replace("PORT", hub.url.rpartition(":")[2])
        run = subprocess.run(
            [sys.executable, "-c", real], env=blocked(), capture_output=True, text=True, timeout=60
        )
        assert run.returncode == 1
        assert "AssertionError: this process may not open the network, and " in run.stderr
        assert hub.seen == []


@pytest.fixture
def fetched(tmp_path: Path) -> tuple[str, list[str]]:
    """A model of a hub that is gone, in the cache; its spec, and the words of a command that
    acquires it.
    """
    with serve() as hub:
        spec, words = command(hub, hub.add("house/tiny", model_files()), tmp_path)
        run = subprocess.run(
            [sys.executable, "-m", "featherweight", *words],
            env=os.environ | {"HF_ENDPOINT": hub.url, "PYTHONPATH": str(PACKAGE.parent)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert run.returncode == 0, run.stderr
    return spec, words


def command(hub: Hub, commit: str, folder: Path) -> tuple[str, list[str]]:
    tiny = Source(what="model", name="tiny", kind="hub", repository="house/tiny", revision=commit)
    spec = tiny.model_dump_json()
    words = ["acquire", "--kind", "model", "--spec", spec, "--lock", str(folder / "lock.yaml")]
    return spec, [
        *words,
        "--output",
        str(folder / "tiny.json"),
        "--downloads",
        str(folder / "downloads"),
    ]


def test_what_is_here_needs_no_network(fetched: tuple[str, list[str]], tmp_path: Path) -> None:
    before = (tmp_path / "tiny.json").read_bytes()
    run = featherweight(*fetched[1])
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "tiny.json").read_bytes() == before
    tiny = read_spec(fetched[0], Source)
    whole = PreflightSpec(study="s", engine="transformers", models=(tiny,), datasets=())
    spec = whole.model_dump_json()
    preflight = [
        "--lock",
        tmp_path / "lock.yaml",
        "--downloads",
        tmp_path / "downloads",
        "--output",
        tmp_path / "p.json",
    ]
    run = featherweight("acquire", "--preflight", "--spec", spec, *preflight)
    assert run.returncode == 0, run.stderr
    run = featherweight("acquire", "--verify", "--manifest", tmp_path / "tiny.json")
    assert "1 manifest: every file is as it was" in run.stderr
    run = featherweight(
        "acquire", "--bundle", tmp_path / "bundle", "--manifest", tmp_path / "tiny.json"
    )
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("how", ["--offline", "HF_HUB_OFFLINE"])
def test_offline_opens_no_socket(fetched: tuple[str, list[str]], tmp_path: Path, how: str) -> None:
    """Without the block's help: offline stops before the first connection."""
    shutil.rmtree(tmp_path / "downloads")
    words = [*fetched[1], how] if how == "--offline" else fetched[1]
    run = featherweight(*words, **({"HF_HUB_OFFLINE": "1"} if how == "HF_HUB_OFFLINE" else {}))
    assert run.returncode == 2, run.stderr
    assert "error: model 'tiny' (house/tiny): commit " in run.stderr
    assert (
        "offline: nothing is fetched; run `snakemake acquire` on a machine with a network"
        in run.stderr
    )
    assert "AssertionError" not in run.stderr


def test_folders_need_no_network(tmp_path: Path) -> None:
    write_files(tmp_path / "model", model_files())
    folder = str(tmp_path / "model")
    spec = Source(what="model", name="tiny", kind="folder", folder=folder).model_dump_json()
    places = ["--lock", tmp_path / "lock.yaml", "--output", tmp_path / "tiny.json"]
    run = featherweight("acquire", "--kind", "model", "--spec", spec, *places)
    assert run.returncode == 0, run.stderr
    assert "model 'tiny': 5 files, 20.4 kB in " in run.stderr


@pytest.mark.slow
def test_every_later_stage_runs_without_a_network(checkout: Checkout) -> None:
    """Everything after acquire is thrown away and made again by processes that cannot connect."""
    results = checkout.folder / "results" / "pocket"
    kept = ["score/pocket-fair.parquet", "aggregate/estimates.parquet"]
    before = {name: checkout.file(name).read_bytes() for name in kept}
    for path in results.iterdir():
        if path.name != "acquire" and path.is_dir():
            shutil.rmtree(path)
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "snakemake",
            "--cores",
            "2",
            "--config",
            *(f"{key}={value}" for key, value in SMALL.items()),
        ],
        cwd=checkout.folder,
        env=blocked(PYTHONPATH=f"{NO_NETWORK}{os.pathsep}{checkout.folder / 'workflow'}"),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr[-4000:]
    assert {name: checkout.file(name).read_bytes() for name in kept} == before
    assert checkout.file("report/report.html").stat().st_size > 100_000
