"""Files of made-up problems in the shapes of the real ones, for the tests of the tasks."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]


def write(folder: Path, rows: Sequence[Row | str], *, packed: bool = False) -> Path:
    """The folder of a dataset whose test split has these rows; a text is a line as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    content = "".join(f"{line}\n" for line in lines).encode()
    if packed:
        (folder / "test.jsonl.gz").write_bytes(gzip.compress(content, mtime=0))
    else:
        (folder / "test.jsonl").write_bytes(content)
    return folder


def shared(folder: Path, reshape: Callable[[Row], Row]) -> list[Row]:
    """The rows of a shared copy, each in its authors' shape."""
    lines = gzip.decompress((folder / "test.jsonl.gz").read_bytes()).splitlines()
    return [reshape(json.loads(line)) for line in lines]
