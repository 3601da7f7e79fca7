"""What a person did that cannot work ends in one line and exit code 2, never in a traceback."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from featherweight import files
from featherweight.__main__ import main


def test_a_path_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "manifest.json"
    words = [
        "prompts",
        "draw",
        "--spec",
        "{}",
        "--dataset",
        str(missing),
        "--output",
        str(tmp_path),
    ]
    assert main(words) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"error: {missing}: No such file or directory; correct the path, or run the stage that"
        " writes it"
    ]


def test_a_full_disk_names_the_file_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fdopen", full)
    with pytest.raises(OSError, match="No space left") as caught:
        files.write_atomically(tmp_path / "scores.json", b"{}")
    assert caught.value.filename == str(tmp_path / "scores.json")
    assert list(tmp_path.iterdir()) == []
