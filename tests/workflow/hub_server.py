"""A Hugging Face Hub on loopback: the few endpoints that `huggingface_hub` asks, and faults on
request.

    with serve() as hub:
        commit = hub.add("house/tiny", model_files())
        hub.fail("GET", "model.safetensors", Flip(100))   # the next such request, once
        ... HF_ENDPOINT=hub.url ...
        assert hub.requests("GET", "model.safetensors") == [...]

It also serves plain files below /files/ (a dataset's repository, a mirror). Large files have LARGE
bytes or more.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from tiny_model import flipped

LARGE = 4096


@dataclass(frozen=True)
class Status:
    """Answer with an error."""

    code: int
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""


@dataclass(frozen=True)
class Cut:
    """Promise the whole body, send so many bytes of it, hang up."""

    after: int


@dataclass(frozen=True)
class Stall:
    """Send so many bytes, then nothing until the server ends: for a client that will be killed."""

    after: int


@dataclass(frozen=True)
class Hold:
    """Answer only when `hub.release` is set."""


@dataclass(frozen=True)
class Truncate:
    """Serve the first bytes as if they were all; Content-Length says the same."""

    after: int


@dataclass(frozen=True)
class Flip:
    """Change one bit of the body, at its right length."""

    at: int


@dataclass(frozen=True)
class OtherCommit:
    """Name another commit in X-Repo-Commit."""

    commit: str = "f" * 40


Fault = Status | Cut | Stall | Hold | Truncate | Flip | OtherCommit


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    range: str | None
    authorization: str | None


@dataclass
class Repository:
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    main: str = ""
    gated_for: frozenset[str] | None = None  # tokens with access; None: open


class Hub:
    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.plain: dict[str, bytes] = {}
        self.seen: list[Request] = []
        self.faults: list[tuple[str, str, Fault]] = []
        self.ranges = True
        self.over = threading.Event()
        self.stalled = threading.Event()
        self.release = threading.Event()
        self._server = ThreadingHTTPServer(
            ("127.0.0.1", 0), type("Bound", (Handler,), {"hub": self})
        )
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self.over.set()
        self.release.set()
        self._server.shutdown()
        self._server.server_close()

    def add(
        self, repository: str, files: Mapping[str, bytes], gated_for: frozenset[str] | None = None
    ) -> str:
        """A new commit of a repository; main moves to it. Returns the commit."""
        found = self.repositories.setdefault(repository, Repository())
        commit = hashlib.sha1(
            repr((len(found.commits), sorted(files.items()))).encode()
        ).hexdigest()
        found.commits[commit], found.main, found.gated_for = dict(files), commit, gated_for
        return commit

    def fail(self, method: str, path: str, fault: Fault, times: int = 1) -> None:
        """Let the next requests of this method, whose path ends like this, go wrong."""
        self.faults += [(method, path, fault)] * times

    def requests(self, method: str = "", path: str = "") -> list[Request]:
        return [
            request for request in self.seen if method in request.method and path in request.path
        ]

    def take(self, method: str, path: str) -> Fault | None:
        for index, (wanted, ending, fault) in enumerate(self.faults):
            if wanted == method and path.endswith(ending):
                del self.faults[index]
                return fault
        return None

    def answer(self, path: str, authorization: str | None) -> tuple[bytes, dict[str, str]] | Status:
        """What a Hub without faults says."""
        if path.startswith("/files/"):
            content = self.plain.get(path.removeprefix("/files/"))
            return Status(404, text="Not Found") if content is None else (content, {})
        api = re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+))?", path)
        if api:
            return self._api(api[1], api[2] or "revision", api[3] or "main")
        resolve = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        return (
            self._resolve(*resolve.groups(), authorization)
            if resolve
            else Status(404, text="Not Found")
        )

    def _commit(self, repository: str, revision: str) -> tuple[Repository, str] | Status:
        found = self.repositories.get(repository)
        if found is None:  # the real Hub answers 401 for what does not exist
            return Status(401, {"X-Error-Code": "RepoNotFound"}, "Repository not found")
        commit = found.main if revision == "main" else revision
        if commit not in found.commits:
            return Status(404, {"X-Error-Code": "RevisionNotFound"}, f"Invalid rev id: {revision}")
        return found, commit

    def _api(
        self, repository: str, kind: str, revision: str
    ) -> tuple[bytes, dict[str, str]] | Status:
        known = self._commit(repository, revision)
        if isinstance(known, Status):
            return known
        found, commit = known
        files = found.commits[commit]
        if kind == "tree":
            return json.dumps([listed(name, files[name]) for name in sorted(files)]).encode(), {}
        gated = False if found.gated_for is None else "manual"
        siblings = [{"rfilename": name} for name in sorted(files)]
        facts = {
            "_id": "0",
            "id": repository,
            "sha": commit,
            "gated": gated,
            "private": False,
            "siblings": siblings,
        }
        return (
            json.dumps(
                facts | {"tags": [], "downloads": 0, "likes": 0, "modelId": repository}
            ).encode(),
            {},
        )

    def _resolve(
        self, repository: str, revision: str, name: str, authorization: str | None
    ) -> tuple[bytes, dict[str, str]] | Status:
        known = self._commit(repository, revision)
        if isinstance(known, Status):
            return known
        found, commit = known
        if found.gated_for is not None and authorization is None:
            return Status(
                401,
                {"X-Error-Code": "GatedRepo"},
                "Access to this model is restricted. Please log in.",
            )
        if (
            found.gated_for is not None
            and str(authorization).removeprefix("Bearer ") not in found.gated_for
        ):
            return Status(403, {"X-Error-Code": "GatedRepo"}, "Visit the page to ask for access.")
        content = found.commits[commit].get(name)
        if content is None:
            return Status(
                404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit}, "Entry not found"
            )
        facts = listed(name, content)
        headers = {"X-Repo-Commit": commit, "ETag": f'"{facts["oid"]}"'}
        if "lfs" in facts:
            headers |= {
                "X-Linked-Etag": f'"{facts["lfs"]["oid"]}"',
                "X-Linked-Size": str(len(content)),
            }
        return content, headers


class Handler(BaseHTTPRequestHandler):
    """Answers for a hub, with the faults that were asked for."""

    hub: Hub
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *words: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._serve(body=False)

    def do_GET(self) -> None:
        self._serve(body=True)

    def _serve(self, *, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        asked = self.headers.get("Range"), self.headers.get("Authorization")
        self.hub.seen.append(Request(self.command, path, *asked))
        fault = self.hub.take(self.command, path)
        if isinstance(fault, Status):
            return self._error(fault)
        answer = self.hub.answer(path, asked[1])
        if isinstance(answer, Status):
            return self._error(answer)
        content, headers = answer
        if isinstance(fault, Hold):
            self.hub.stalled.set()
            self.hub.release.wait(30)
        if isinstance(fault, OtherCommit):
            headers["X-Repo-Commit"] = fault.commit
        try:
            self._send(content, headers, fault, body=body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _send(
        self, content: bytes, headers: dict[str, str], fault: Fault | None, *, body: bool
    ) -> None:
        if isinstance(fault, Flip):
            content = flipped(content, fault.at)
        if isinstance(fault, Truncate):
            content = content[: fault.after]
        start = self._range_start(len(content))
        if start is None:
            return self._error(Status(416, text="Range not satisfiable"))
        self.send_response(206 if start else 200)
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        part = content[start:]
        for key, value in {
            **headers,
            "Accept-Ranges": "bytes",
            "Content-Length": str(len(part)),
        }.items():
            self.send_header(key, value)
        self.end_headers()
        if not body:
            return None
        if isinstance(fault, Cut | Stall):
            self.wfile.write(part[: fault.after])
            self.wfile.flush()
            self.close_connection = True
            if isinstance(fault, Stall):
                self.hub.stalled.set()
                self.hub.over.wait(30)
            return None
        self.wfile.write(part)
        return None

    def _range_start(self, length: int) -> int | None:
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if not found or not self.hub.ranges or found[2]:
            return 0
        start = int(found[1])
        return start if start < length else None

    def _error(self, fault: Status) -> None:
        text = json.dumps({"error": fault.text}).encode() if fault.text else b""
        self.send_response(fault.code)
        for key, value in {**fault.headers, "Content-Length": str(len(text))}.items():
            self.send_header(key, value)
        if fault.text:
            self.send_header("Content-Type", "application/json")
            self.send_header("X-Error-Message", fault.text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)


def listed(name: str, content: bytes) -> dict[str, Any]:
    """One entry of a tree listing."""
    git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    entry: dict[str, Any] = {"type": "file", "path": name, "size": len(content), "oid": git}
    if len(content) >= LARGE:
        pointer = {
            "oid": hashlib.sha256(content).hexdigest(),
            "size": len(content),
            "pointerSize": 130,
        }
        entry["lfs"] = pointer
    return entry


@contextmanager
def serve() -> Iterator[Hub]:
    """A hub until the end of the block."""
    hub = Hub()
    try:
        yield hub
    finally:
        hub.close()
