"""The page in a real browser: every chart draws under the strict policy, nothing is loaded, it also
works small.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import fabricated
import made_up_mathematics
from featherweight.report import run
from featherweight.report.page import source_hash

pytestmark = pytest.mark.browser
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--virtual-time-budget=15000",
)


@pytest.fixture(scope="session")
def chromium() -> str:
    found = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    if found is None:
        pytest.skip("no chromium here")
    return found


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    study = fabricated.build(folder, fabricated.pocket_models(), controls=["oracle"])
    run(study.inputs(usage=True), study.scores, study.folders, folder / "r.html")
    return folder / "r.html"


@pytest.fixture(scope="module")
def mathematics(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Choices and graded tasks, models that are asked some of them only."""
    folder = tmp_path_factory.mktemp("mathematics")
    pocket = fabricated.pocket_models()
    asks = {
        "pocket": (*pocket, "strong", "oracle"),
        "sums": ("solver", "strong", "oracle"),
        "olympiad": ("strong", "thinker"),
    }
    with pytest.MonkeyPatch.context() as patch:
        fabricated.register(patch, made_up_mathematics.SUMS, made_up_mathematics.OLYMPIAD)
        study = made_up_mathematics.build(
            folder,
            pocket | made_up_mathematics.models(),
            asks,
            controls=["oracle"],
            samples=2,
            hostile=True,
        )
        run(study.inputs(usage=True), study.scores, study.folders, folder / "r.html")
    return folder / "r.html"


def dump(chromium: str, page: Path, tmp_path: Path) -> str:
    """The page's DOM after its scripts ran."""
    done = subprocess.run(
        [chromium, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return done.stdout


def state(dom: str) -> dict[str, str]:
    """The data-* attributes of <html>."""
    (opening,) = re.findall(r"^<html[^>]*>", dom, re.MULTILINE)[:1]
    return dict(re.findall(r'data-([a-z]+)="([^"]*)"', opening))


def test_every_chart_is_live_without_a_violation(
    chromium: str, report: Path, tmp_path: Path
) -> None:
    dom = dump(chromium, report, tmp_path)
    found = state(dom)
    assert (found["charts"], found["errors"], found["ready"]) == ("9", "0", "yes")
    assert (
        "<title>Does the instrument work?</title>" in dom
    )  # the hostile answers tried to change it
    assert 'id="browser" hidden' not in dom
    assert re.search(r'<span id="place"[^>]*>1 of \d+</span>', dom)


def test_without_the_interpreter_the_policy_stops_vega(
    chromium: str, report: Path, tmp_path: Path
) -> None:
    """The counter-check: had the policy no teeth, or the page no `ast: true`, this would draw."""
    weak = tmp_path / "weak.html"
    text = report.read_text(encoding="utf-8")
    (script,) = re.findall(r"<script>(// Draws the live charts.*?)</script>", text, re.DOTALL)
    changed = script.replace("ast: true", "ast: false")
    assert changed != script
    allowed, own = (
        source_hash(script).replace("'", "&#39;"),
        source_hash(changed).replace("'", "&#39;"),
    )
    assert allowed in text
    weak.write_text(text.replace(script, changed).replace(allowed, own), encoding="utf-8")
    dom = dump(chromium, weak, tmp_path)
    assert state(dom)["charts"] == "0"
    assert int(state(dom)["errors"]) > 0
    assert dom.count('class="still"') == 9  # the static pictures stay


def test_mathematics_draws_live_and_its_answers_stay_text(
    chromium: str, mathematics: Path, tmp_path: Path
) -> None:
    """Gold, answers and steps of a hostile model stand in the browser as text."""
    dom = dump(chromium, mathematics, tmp_path)
    found = state(dom)
    drawn = dom.count('class="chart')
    assert (found["charts"], found["errors"], found["ready"]) == (str(drawn), "0", "yes")
    assert drawn == 17  # nine of choices; of each graded task three, levels, and what was planted
    assert "<title>Who can add?</title>" in dom
    assert 'data-filter="task"' in dom
    assert re.search(r'<span id="place"[^>]*>1 of \d+</span>', dom)


@pytest.mark.parametrize("which", ["report", "mathematics"])
def test_a_phone_scrolls_no_page_sideways(
    chromium: str, which: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Measured in a frame of 390 pixels, since the browser's own window cannot be made that
    narrow."""
    page: Path = request.getfixturevalue(which)
    text = page.read_text(encoding="utf-8")
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text, count=1)
    end = text.rindex("</body>")
    probe = (
        "<script>setTimeout(() => parent.postMessage(document.documentElement.scrollWidth, '*'),"
        " 9000)</script>"
    )
    (tmp_path / "inner.html").write_text(text[:end] + probe + text[end:], encoding="utf-8")
    outer = tmp_path / "outer.html"
    outer.write_text(
        '<iframe src="inner.html" style="width:390px;height:2000px;border:0"></iframe><p'
        ' id="width"></p><script>onmessage = (e) => {'
        " document.getElementById('width').textContent = e.data; }</script>"
    )
    (width,) = re.findall(r'<p id="width">(\d*)</p>', dump(chromium, outer, tmp_path))
    assert 300 < int(width) <= 390
