"""The kept JavaScript of the report: made once, and never anything but what it is."""

from __future__ import annotations

from pathlib import Path

import pytest
import vl_convert

from featherweight.report import bundle
from featherweight.report.bundle import vega_bundle

TEXT = "let vega = 'é';"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One entry for each time that the text was made."""
    times: list[str] = []

    def make() -> str:
        times.append(TEXT)
        return TEXT

    monkeypatch.setattr(vl_convert, "javascript_bundle", make)
    return times


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "featherweight"


def test_it_is_made_once_for_a_release(
    cache: Path, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [vega_bundle(), vega_bundle()] == [TEXT, TEXT]
    assert len(made) == 1
    assert len(list(cache.iterdir())) == 1
    monkeypatch.setattr(bundle, "version", lambda name: "99.0")
    assert vega_bundle() == TEXT
    assert len(made) == 2


@pytest.mark.parametrize("content", [b"", TEXT.encode()[:5], b"evil()", b"\xff"])
def test_what_is_not_the_text_is_made_again(cache: Path, made: list[str], content: bytes) -> None:
    vega_bundle()
    (kept,) = cache.iterdir()
    kept.write_bytes(content)
    assert vega_bundle() == TEXT
    assert kept.read_bytes() == TEXT.encode()
    assert len(made) == 2


def test_without_a_place_to_keep_it_it_is_made_every_time(
    cache: Path, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.write_text("a file where the folder would be")
    assert [vega_bundle(), vega_bundle()] == [TEXT, TEXT]
    assert len(made) == 2


def test_a_relative_cache_folder_is_ignored(
    made: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    vega_bundle()
    assert not (tmp_path / "here").exists()
    assert len(list((tmp_path / "home/.cache/featherweight").iterdir())) == 1
