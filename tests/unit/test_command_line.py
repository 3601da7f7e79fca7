"""One verb per stage, whose help is true; bad input is one line and exit code 2, no traceback."""

from __future__ import annotations

import errno
import os
import re
import types
from pathlib import Path

import pytest

from featherweight import __main__ as command_line
from featherweight import bring, files, score
from featherweight.__main__ import VERBS, main
from featherweight.errors import InputError
from featherweight.specs import DrawSpec, Source

OF_SAMPLES = ["score", "--items", "i", "--output", "o", "--spec", "{}"]
BROUGHT = ["score", "--items", "i", "--output", "o", "--task", "bbq", "--responses", "r"]


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What `--help` prints behind these words, on one line."""
    with pytest.raises(SystemExit) as caught:
        main([*words, "--help"])
    assert caught.value.code == 0
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "grade"])  # it has no rule
def test_every_option_of_a_rule_stands_in_the_help(
    root: Path, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    steps = [(verb, "draw"), (verb, "render")] if verb == "prompts" else [(verb,)]
    known = {option for words in [(verb,), *steps] for option in options(said(capsys, *words))}
    text = (root / "workflow" / "rules" / f"{verb}.smk").read_text()
    commands = "".join(line for line in text.splitlines() if line.lstrip().startswith(('"', 'f"')))
    given = options(commands)
    assert given
    assert given - known == set()


def options(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


def test_score_says_that_it_takes_answers_from_elsewhere(
    capsys: pytest.CaptureFixture[str],
) -> None:
    known = options(said(capsys, "score"))
    assert {"--spec", "--prompts", "--samples"} <= known  # samples of a study
    assert {"--task", "--responses", "--policy", "--skip-invalid", "--answers"} <= known


@pytest.mark.parametrize(("words", "expected"), [(OF_SAMPLES, score), (BROUGHT, bring)])
def test_answers_from_elsewhere_are_not_the_stages(
    monkeypatch: pytest.MonkeyPatch, words: list[str], expected: object
) -> None:
    called = []
    for module in (score, bring):
        monkeypatch.setattr(module, "main", lambda args, module=module: called.append(module))
    assert main(words) == 0
    assert called == [expected]


def test_a_path_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "manifest.json"
    spec = DrawSpec(label="a", task="pocket", count=4, subset=None, draws=(("pets", 0),))
    words = ["prompts", "draw", "--spec", spec.model_dump_json(), "--dataset", str(missing)]
    assert main([*words, "--output", str(tmp_path)]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"error: {missing}: No such file or directory; correct the path, or run the stage that"
        " writes it"
    ]


def test_each_mistake_of_a_spec_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["prompts", "draw", "--dataset", "d", "--output", str(tmp_path), "--spec"]
    assert main([*words, '{"label": 3, "tusk": "pocket", "count": 0, "draws": []}']) == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: --spec: label: expected a valid string, got 3",
        "error: --spec: task: missing key",
        "error: --spec: subset: missing key",
        "error: --spec: tusk: unknown key, got 'pocket'; did you mean 'task'?",
    ]


def test_the_spec_of_another_thing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = Source(what="model", name="x", kind="control").model_dump_json()
    words = ["acquire", "--kind", "dataset", "--output", str(tmp_path / "x.json")]
    assert main([*words, "--spec", spec]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: acquire --kind dataset: expected the spec of a dataset, got that of a model"
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


def standing(folder: Path, kind: str) -> Path:
    """Something in a folder that no file may replace; devices are only ever linked to."""
    path = folder / "taken"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "link to a pipe":
        os.mkfifo(folder / "pipe")
        path.symlink_to(folder / "pipe")
    elif kind == "link to a device":
        path.symlink_to(os.devnull)
    else:
        path.write_text("kept")
        path /= "below"
    return path


@pytest.mark.parametrize(
    "kind", ["folder", "pipe", "link to a pipe", "link to a device", "below a file"]
)
def test_what_is_no_file_is_never_replaced(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = standing(tmp_path, kind)
    before = sorted((one, one.lstat().st_mode) for one in tmp_path.iterdir())
    with pytest.raises(InputError, match="expected a f"):
        files.write_atomically(path, b"new")
    words = ["grade", "--task", "gsm8k", "--responses", str(tmp_path / "none")]
    assert main([*words, "--output", str(path)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith(f"error: {path}: ")
    assert sorted((one, one.lstat().st_mode) for one in tmp_path.iterdir()) == before


@pytest.mark.parametrize("verb", ["aggregate", "prompts", "report", "score"])
def test_every_verb_refuses_a_pipe_before_any_work(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    worked = []
    module = types.SimpleNamespace(
        configure=lambda parser: parser.add_argument("--output", type=Path), main=worked.append
    )
    monkeypatch.setattr(command_line, "_configure", lambda _, parser: module.configure(parser))
    monkeypatch.setattr(command_line, "_module", lambda _: module)
    path = standing(tmp_path, "pipe")
    assert main([verb, "--output", str(path)]) == 2
    assert "which would be replaced" in capsys.readouterr().err
    assert not worked
    assert main([verb, "--output", str(tmp_path)]) == 0
    assert len(worked) == 1


def test_a_failed_rename_names_the_file_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(self: Path, target: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(self), None, str(target))

    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(PermissionError) as caught:
        files.write_atomically(tmp_path / "scores.json", b"{}")
    assert caught.value.filename == str(tmp_path / "scores.json")


@pytest.mark.parametrize(
    ("words", "keeps"),
    [
        (["generate"], True),
        (["grade"], False),
        (["grade", "--cache", "c"], True),
        (["aggregate"], False),
    ],
)
@pytest.mark.parametrize("full", [False, True])
def test_only_what_keeps_its_work_says_so(
    words: list[str],
    keeps: bool,
    full: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stopped(_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device") if full else KeyboardInterrupt

    monkeypatch.setattr(
        command_line, "_configure", lambda _, parser: parser.add_argument("--cache")
    )
    monkeypatch.setattr(command_line, "_module", lambda _: types.SimpleNamespace(main=stopped))
    assert main(words) == (2 if full else 130)
    said = capsys.readouterr().err
    assert ("what was finished is kept" in said) == keeps
    assert ("nothing was kept, the same command begins again" in said) != keeps
