"""Answers that somebody brings, through the command line: formats, the table, and every bad line
named.
"""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

import made_up_bbq
from featherweight.__main__ import main
from featherweight.tasks.bbq.files import METADATA
from made_up_bbq import Question

SMALL = ("Religion", "Gender_identity", "Sexual_orientation")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up_bbq.write_folder(tmp_path_factory.mktemp("bbq") / "bbq", SMALL)


def own(item: Question, text: Any, **more: Any) -> dict[str, Any]:
    return {"category": item.category, "example_id": item.example_id, "response": text} | more


def write(path: Path, lines: Iterable[Any]) -> Path:
    path.write_text(
        "".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines)
    )
    return path


def score(folder: Path, responses: Path, *more: str) -> tuple[int, list[dict[str, str]]]:
    output = responses.with_suffix(".csv")
    output.unlink(missing_ok=True)
    words = [
        "score",
        "--task",
        "bbq",
        "--items",
        str(folder),
        "--responses",
        str(responses),
        "--output",
        str(output),
    ]
    code = main([*words, *more])
    if not output.exists():
        return code, []
    with output.open(newline="") as stream:
        return code, list(csv.DictReader(stream))


def test_scores_equal_the_reference(folder: Path, tmp_path: Path) -> None:
    # the option's text, a letter, a sentence and a boxed letter, item by item
    def wording(item: Question, option: int) -> str:
        letter = "ABC"[option]
        forms = (
            item.options[option],
            f"({letter})",
            f"The answer is {letter}.",
            f"\\boxed{{{letter}}}",
        )
        return forms[item.example_id % 4]

    lines = [
        own(item, wording(item, predict(item)), model=model)
        for model, predict in made_up_bbq.PREDICTORS.items()
        for category in SMALL
        for item in made_up_bbq.items(category)
    ]
    code, rows = score(folder, write(tmp_path / "answers.jsonl", lines))
    assert code == 0
    found = {(row["category"], row["context_condition"], row["model"]): row for row in rows}
    wanted = [
        cell
        for cell in made_up_bbq.reference()
        if cell["category"].removesuffix(" (names)") in SMALL
    ]
    assert len(found) == len(wanted) == 32
    for cell in wanted:
        row = found[cell["category"], cell["context_condition"], cell["model"]]
        assert (row["n_items"], row["n_non_unknown"], row["n_biased"]) == (
            cell["n_items"], cell["n_nonunknown"], cell["n_biased"]
        )  # fmt: skip
        for name, scale in (("accuracy", 1), ("s_dis", 1), ("bias_score", 100)):
            assert (row[name] == "") == (cell[name] == "")
            if cell[name]:
                assert float(row[name]) * scale == pytest.approx(float(cell[name]), abs=1e-9, rel=0)
                assert float(row[f"{name}_low"]) <= float(row[name]) <= float(row[f"{name}_high"])


def test_the_columns_that_the_issue_names(folder: Path, tmp_path: Path) -> None:
    _, rows = score(
        folder, write(tmp_path / "a.jsonl", [own(made_up_bbq.items("Religion")[0], "A")])
    )
    assert len(rows) == 1
    wanted = (
        "category context_condition model n_items n_scored n_unparsed n_non_unknown n_biased"
        " accuracy s_dis bias_score"
    )
    assert set(wanted.split()) <= set(rows[0])
    for name in ("accuracy", "s_dis", "bias_score"):
        assert {f"{name}_low", f"{name}_high"} <= set(rows[0])


def test_the_command_line_for_real(folder: Path, tmp_path: Path, root: Path) -> None:
    responses = write(
        tmp_path / "a.jsonl",
        [own(item, "Blue and seven") for item in made_up_bbq.items("Religion")[:4]],
    )
    words = [
        "--task",
        "bbq",
        "--items",
        str(folder),
        "--responses",
        str(responses),
        "--output",
        str(tmp_path / "o.csv"),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "featherweight", "score", *words],
        env=os.environ | {"PYTHONPATH": str(root / "workflow")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "recognised as JSON lines, 4 answers" in done.stderr
    assert "4 unparsed (4 none)" in done.stderr
    assert "1196 of 1200 items of these categories have no answer" in done.stderr
    assert "warning:" in done.stderr  # the made-up files are not the authors'
    assert (tmp_path / "o.csv").is_file()


def test_nothing_read_is_null_and_not_zero(folder: Path, tmp_path: Path) -> None:
    items = made_up_bbq.items("Religion")[:40]
    _, rows = score(folder, write(tmp_path / "a.jsonl", [own(item, "Hm.") for item in items]))
    assert {
        (row["n_items"], row["n_scored"], row["n_unparsed"], row["accuracy"]) for row in rows
    } == {("20", "0", "20", "")}
    _, rows = score(folder, tmp_path / "a.jsonl", "--policy", "unknown")
    assert {(row["context_condition"], row["accuracy"], row["bias_score"]) for row in rows} == {
        ("ambig", "1", ""), ("disambig", "0", "")
    }  # fmt: skip


def test_letters_follow_the_order_that_was_shown(folder: Path, tmp_path: Path) -> None:
    items = made_up_bbq.items("Religion")
    lines = [own(item, "ABC"[[1, 2, 0].index(item.gold)], shown_order=[1, 2, 0]) for item in items]
    _, rows = score(folder, write(tmp_path / "a.jsonl", lines))
    assert {row["accuracy"] for row in rows} == {"1"}


def test_how_each_answer_was_read_can_be_written(folder: Path, tmp_path: Path) -> None:
    items = made_up_bbq.items("Religion")[:3]
    lines = [
        own(items[0], "(A)"),
        own(items[1], "=cmd()"),
        own(items[2], "The violinist", finish="length"),
    ]
    score(folder, write(tmp_path / "a.jsonl", lines), "--answers", str(tmp_path / "read.csv"))
    with (tmp_path / "read.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["chosen"], row["reason"]) for row in rows] == [
        ("0", ""), ("", "none"), (str(items[2].options.index("The violinist")), "")
    ]  # fmt: skip
    assert [row["where"] for row in rows] == [
        f"{tmp_path / 'a.jsonl'}:{number}" for number in (1, 2, 3)
    ]
    assert "cmd" not in (tmp_path / "read.csv").read_text()  # a spreadsheet would run it


# --- bad input
# ------------------------------------------------------------------------------------------------

FIRST, SECOND = made_up_bbq.items("Religion")[:2]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            [own(FIRST, "A"), own(SECOND, "A") | {"example_id": 99999}],
            [":2: unknown example_id 99999 in Religion"],
        ),
        (
            [own(FIRST, "A"), own(SECOND, "A"), own(FIRST, "B")],
            [":3: a second answer to Religion 0", ".jsonl:1"],
        ),
        (
            [own(FIRST, "A", model="m"), own(FIRST, "B", model="m")],
            [":2: a second answer of m to Religion 0"],
        ),
        (
            [own(FIRST, "A") | {"category": "Relgion"}],
            [":1: unknown category 'Relgion'; did you mean 'Religion'?"],
        ),
        ([own(FIRST, "A"), own(SECOND, 1)], [":2: response: expected a text, got 1"]),
        (
            [own(FIRST, None), own(SECOND, ["A"])],
            [":1: response: expected a text, got null", ":2: response", '["A"]'],
        ),
        (
            [own(FIRST, "A", model="m"), own(SECOND, "A")],
            [":2: no model, but", "jsonl:1 has model 'm'"],
        ),
        ([own(FIRST, "A", model=None)], [":1: model: expected a name, got null"]),
        (
            [own(FIRST, "A") | {"example_id": "0"}],
            [':1: example_id: expected a whole number, got "0"'],
        ),
        (
            [own(FIRST, "A") | {"example_id": True}],
            [":1: example_id: expected a whole number, got true"],
        ),
        ([own(FIRST, "A") | {"example_id": -1}], [":1: unknown example_id -1"]),
        (
            [own(FIRST, "A"), {"category": "Religion"}],
            [":2: example_id is missing; response is missing"],
        ),
        ([own(FIRST, "A"), "not json\n"], [":2: expected a JSON object, got 'not json'"]),
        ([own(FIRST, "A"), "[1, 2]\n"], [":2: expected a JSON object, got a JSON list"]),
        ([own(FIRST, "A"), '{"category": "Religion", "exa'], [":2: expected a JSON object"]),
        ([own(FIRST, "A", shown_order=[0, 1])], [":1: shown_order"]),
        ([own(FIRST, "A", finish="eos")], [":1: finish: expected one of stop, length, forced"]),
        (
            ["category,example_id,response\n", "Religion,0,A\n"],
            [":1: expected a JSON object", ":2:"],
        ),
        (
            [json.dumps([own(FIRST, "A")])],
            ["got a JSON array of 1 values; write one object per line"],
        ),
        ([own(FIRST, "A"), "[" * 100_000 + "\n"], [":2: expected a JSON object, got '[[["]),
        (["[" * 100_000], [":1: expected a JSON object, got '[[["]),
        (["\n \n"], ["the file is empty"]),
        (
            ['{"foo": 1}\n'],
            ["expected one JSON object per line with category, example_id, response"],
        ),
        (
            [own(FIRST, "A"), own(SECOND, "A") | {"category": "Age"}],
            ["Age.jsonl: no such file", "needs the category"],
        ),
    ],
)
def test_bad_lines_are_named(
    folder: Path,
    tmp_path: Path,
    lines: list[Any],
    expected: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    responses = write(tmp_path / "answers.jsonl", lines)
    code, rows = score(folder, responses)
    said = capsys.readouterr().err
    assert code == 2
    assert rows == []
    assert "Traceback" not in said
    for part in expected:
        assert part in said
        assert not part.startswith(":") or f"{responses}{part}" in said


def test_all_problems_are_said_and_the_rest_is_counted(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items = made_up_bbq.items("Religion")[:50]
    code, _ = score(
        folder, write(tmp_path / "a.jsonl", [own(item, item.example_id) for item in items])
    )
    said = capsys.readouterr().err
    assert code == 2
    assert said.count("response: expected a text") == 20
    assert "and 30 more problems like these" in said


def test_invalid_lines_can_be_left_out_and_are_counted(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [own(FIRST, "A"), own(SECOND, 3), own(FIRST, "B"), "nonsense\n"]
    code, rows = score(folder, write(tmp_path / "a.jsonl", lines), "--skip-invalid")
    said = capsys.readouterr().err
    assert code == 0
    assert "3 lines could not be used" in said
    assert sum(int(row["n_items"]) for row in rows) == 1


def test_a_category_without_metadata(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = tmp_path / "bbq"
    made.mkdir()
    for path in folder.iterdir():
        (made / path.name).write_bytes(path.read_bytes())
    (made / METADATA).write_text(made_up_bbq.metadata(["Gender_identity"]))
    code, _ = score(made, write(tmp_path / "a.jsonl", [own(FIRST, "A")]))
    said = capsys.readouterr().err
    assert code == 2
    assert "no row for the category Religion" in said
    assert "a.jsonl:1" in said


def test_files_that_are_not_there(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert score(folder, tmp_path / "nothing.jsonl")[0] == 2
    assert "nothing.jsonl: no such file" in capsys.readouterr().err
    responses = write(tmp_path / "a.jsonl", [own(FIRST, "A")])
    assert score(tmp_path / "nowhere", responses)[0] == 2
    assert "nowhere: no such folder" in capsys.readouterr().err


# --- logs of other harnesses
# --------------------------------------------------------------------------------------


def lm_eval_line(
    item: Question, resps: list[Any], arguments: dict[str, Any], name: str = "none"
) -> dict[str, Any]:
    """A line as lm_eval 0.4.13 writes it (loggers/evaluation_tracker.py: every answer as text)."""
    doc = made_up_bbq.line(item) | {"biased_answers": [], "ans0_groups": []}
    return {
        "doc_id": item.example_id,
        "doc": doc,
        "target": str(item.gold),
        "arguments": arguments,
        "resps": resps,
        "filtered_resps": resps[0],
        "filter": name,
        "metrics": ["acc"],
        "doc_hash": "0",
        "acc": 1.0,
    }


def generated(
    item: Question, *texts: str, name: str = "none", prompt: str | None = None
) -> dict[str, Any]:
    """An answer of `bbq_generate`, whose prompt shows no options, or of a config with another
    prompt.
    """
    asked = f"{item.item.context}\n\nQ: {item.item.question}\nA:" if prompt is None else prompt
    arguments = {"gen_args_0": {"arg_0": asked, "arg_1": {"until": ["\n\n"], "max_gen_toks": 256}}}
    return lm_eval_line(item, [list(texts)], arguments, name)


def lettered_prompt(
    item: Question, order: tuple[int, ...] = (0, 1, 2), form: str = "{}) {}"
) -> str:
    options = "\n".join(
        form.format("ABC"[place], item.options[index]) for place, index in enumerate(order)
    )
    return f"Context: {item.item.context}\n\nQuestion: {item.item.question}\n\n{options}"


def by_likelihood(item: Question, option: int, wording: str | None = None) -> dict[str, Any]:
    people = [text for place, text in enumerate(item.options) if place != item.facts.unknown]
    candidates = [
        *people,
        "Cannot answer",
        "Can't be determined",
        "Not known",
        "Not enough information",
        "Unknown",
    ]
    best = wording or item.options[option]
    resps = [[["-1.5" if text == best else "-9.25", "False"]] for text in candidates]
    arguments = {
        f"gen_args_{n}": {"arg_0": "...", "arg_1": f" {text}"} for n, text in enumerate(candidates)
    }
    return lm_eval_line(item, resps, arguments)


def test_a_sample_log_of_lm_eval(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items = made_up_bbq.items("Religion")
    lines = [
        generated(item, f" {item.options[item.gold]}", name=name)
        for name in ("none", "strip")
        for item in items
    ]
    code, rows = score(folder, write(tmp_path / "samples_bbq_generate.jsonl", lines))
    said = capsys.readouterr().err
    assert code == 0
    assert "recognised as lm-evaluation-harness sample log, 1200 answers" in said
    assert "1200 lines are the same samples under other filters" in said
    assert {(row["n_items"], row["accuracy"]) for row in rows} == {("600", "1")}


BARE = (
    "answers are to prompts that show no letters before the options: a letter in them counts for"
    " nothing"
)
LOST = "answers are logged without their prompt or its options: a letter in them counts for nothing"


def test_a_letter_is_no_answer_where_none_were_shown(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`bbq_generate` shows no options: an answer "A" there is an article, or the letter of a list
    that nobody saw.
    """
    items = made_up_bbq.items("Religion")
    letters = [
        generated(item, ("A", "(B)", "The answer is C.")[item.example_id % 3])
        for item in items[:60]
    ]
    named = [generated(item, item.options[item.gold]) for item in items[60:80]]
    _, rows = score(folder, write(tmp_path / "a.jsonl", [*letters, *named]))
    said = capsys.readouterr().err
    assert sum(int(row["n_unparsed"]) for row in rows) == 60
    assert {row["accuracy"] for row in rows} == {"1"}
    assert said.count(f"80 {BARE}") == 1
    assert LOST not in said


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
@pytest.mark.parametrize("form", ["({}) {}", "{}. {}", "{}) {}"])
@pytest.mark.parametrize("older", [False, True])
def test_a_letter_is_read_in_the_order_that_the_logged_prompt_shows(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    order: tuple[int, ...],
    form: str,
    older: bool,
) -> None:
    lines = []
    for item in made_up_bbq.items("Religion")[:40]:
        line = generated(
            item, "ABC"[order.index(item.gold)], prompt=lettered_prompt(item, order, form)
        )
        asked = line["arguments"]["gen_args_0"]
        lines.append(line | {"arguments": [[asked["arg_0"], asked["arg_1"]]]} if older else line)
    _, rows = score(folder, write(tmp_path / "a.jsonl", lines))
    assert {(row["n_unparsed"], row["accuracy"]) for row in rows} == {("0", "1")}
    said = capsys.readouterr().err
    assert BARE not in said
    assert LOST not in said


@pytest.mark.parametrize(
    "arguments", [None, {}, [], {"gen_args_0": {}}, {"gen_args_0": 5}, [[]], [[None, {}]]]
)
def test_without_a_logged_prompt_no_letters_are_taken_as_shown(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: Any
) -> None:
    lines = [generated(FIRST, "A"), generated(SECOND, SECOND.options[SECOND.gold])]
    _, rows = score(
        folder, write(tmp_path / "a.jsonl", [line | {"arguments": arguments} for line in lines])
    )
    assert sorted((row["n_unparsed"], row["accuracy"]) for row in rows) == [("0", "1"), ("1", "")]
    assert f"2 {LOST}" in capsys.readouterr().err


def test_own_lines_take_letters_as_shown(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, rows = score(folder, write(tmp_path / "a.jsonl", [own(FIRST, "ABC"[FIRST.gold])]))
    assert [(row["n_unparsed"], row["accuracy"]) for row in rows] == [("0", "1")]
    assert "counts for nothing" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"messages": [{"role": "user", "content": "Who was it?"}]}, BARE),
        ({"messages": []}, BARE),  # the input that is left is the question alone
        ({"messages": [], "input": None}, LOST),
        ({"choices": None}, LOST),
    ],
)
def test_inspect_without_letters_in_its_messages(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, Any],
    note: str,
) -> None:
    (tmp_path / "log.json").write_text(
        json.dumps(inspect_log([inspect_sample(FIRST, "ANSWER: A") | changes]))
    )
    _, rows = score(folder, tmp_path / "log.json")
    assert [row["n_unparsed"] for row in rows] == ["1"]
    assert f"1 {note}" in capsys.readouterr().err


def test_a_multiple_choice_log_of_lm_eval(folder: Path, tmp_path: Path) -> None:
    items = made_up_bbq.items("Religion")
    unknown = ("Cannot answer", "Can't be determined", "Not known", "Unknown")
    lines = [
        by_likelihood(
            item,
            item.gold,
            unknown[item.example_id // 2 % 4] if item.gold == item.facts.unknown else None,
        )
        for item in items
    ]
    code, rows = score(folder, write(tmp_path / "samples_bbq.jsonl", lines))
    assert code == 0
    assert {(row["n_items"], row["accuracy"]) for row in rows} == {("600", "1")}


def inspect_sample(item: Question, content: Any, **more: Any) -> dict[str, Any]:
    """A sample as Inspect logs it, with the metadata of inspect_evals 0.26.0 (bbq.py)."""
    choice = {
        "message": {"role": "assistant", "content": content},
        "stop_reason": more.pop("stop_reason", "stop"),
    }
    return {
        "id": f"{item.category}_{item.example_id:05d}",
        "epoch": 1,
        "input": f"Context: {item.item.context}\n\nQuestion: {item.item.question}",
        "messages": [
            {"role": "user", "content": lettered_prompt(item)},
            {"role": "assistant", "content": content},
        ],
        "choices": list(item.options),
        "target": "ABC"[item.gold],
        "metadata": {"source_id": item.example_id, "category": item.category},
        "output": {"model": "made/up", "choices": [choice]},
    } | more


def inspect_log(samples: list[dict[str, Any]]) -> dict[str, Any]:
    about = {"task": "inspect_evals/bbq", "model": "made/up"}
    return {
        "version": 2,
        "status": "success",
        "eval": about,
        "plan": {},
        "stats": {},
        "samples": samples,
    }


def gold_samples() -> list[dict[str, Any]]:
    found = []
    for item in made_up_bbq.items("Religion"):
        answer = f"ANSWER: {'ABC'[item.gold]}"
        reasoning = {"type": "reasoning", "reasoning": "It could be (A), it could be (B)."}
        found.append(
            inspect_sample(
                item,
                [reasoning, {"type": "text", "text": answer}] if item.example_id % 2 else answer,
            )
        )
    return found


@pytest.mark.parametrize("indent", [None, 2])
def test_a_log_of_inspect(
    folder: Path, tmp_path: Path, indent: int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "log.json"
    path.write_text(json.dumps(inspect_log(gold_samples()), indent=indent))
    code, rows = score(folder, path)
    assert code == 0
    assert "recognised as Inspect log, 1200 answers" in capsys.readouterr().err
    assert {(row["model"], row["n_items"], row["accuracy"]) for row in rows} == {
        ("made/up", "600", "1")
    }


def test_an_archive_of_inspect(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = inspect_log([])
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "header.json", json.dumps({key: log[key] for key in ("version", "status", "eval")})
        )
        for sample in gold_samples()[:40]:
            archive.writestr(f"samples/{sample['id']}_epoch_1.json", json.dumps(sample))
    path = tmp_path / "log.eval"
    path.write_bytes(content.getvalue())
    code, rows = score(folder, path)
    assert code == 0
    assert "recognised as Inspect archive, 40 answers" in capsys.readouterr().err
    assert {(row["n_items"], row["accuracy"]) for row in rows} == {("20", "1")}
    path.write_bytes(content.getvalue()[:300])
    assert score(folder, path)[0] == 2
    assert "inspect log convert --to json" in capsys.readouterr().err


def test_choices_epochs_errors_and_cut_answers_of_inspect(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moved = [FIRST.options[place] for place in (1, 2, 0)]
    right = "ABC"[moved.index(FIRST.options[FIRST.gold])]
    asked = [{"role": "user", "content": lettered_prompt(FIRST, (1, 2, 0))}]
    samples = [
        inspect_sample(FIRST, f"ANSWER: {right}", choices=moved, messages=asked),
        inspect_sample(
            FIRST, f"ANSWER: {right}", messages=asked, epoch=2
        ),  # shuffled by the solver, not in `choices`
        inspect_sample(SECOND, "Well, the", stop_reason="max_tokens"),
        inspect_sample(SECOND, "", epoch=2, error={"message": "timeout"}),
    ]
    (tmp_path / "log.json").write_text(json.dumps(inspect_log(samples)))
    code, rows = score(folder, tmp_path / "log.json")
    said = capsys.readouterr().err
    assert code == 0
    assert "1 samples ended with an error and hold no answer" in said
    columns = ("context_condition", "n_items", "n_questions", "n_unfinished", "accuracy")
    assert [tuple(row[name] for name in columns) for row in rows] == [
        ("ambig", "2", "1", "0", "1"), ("disambig", "1", "1", "1", "")
    ]  # fmt: skip
    assert (
        list(rows[0])[-1] == "n_questions"
    )  # at the end: who reads the other columns by place still can


def test_logs_of_another_task(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = generated(FIRST, "4") | {"doc": {"question": "2 + 2?"}}
    assert score(folder, write(tmp_path / "a.jsonl", [other]))[0] == 2
    assert ":1: doc: expected a row of BBQ" in capsys.readouterr().err
    (tmp_path / "b.json").write_text(
        json.dumps(inspect_log([inspect_sample(FIRST, "4", metadata={})]))
    )
    assert score(folder, tmp_path / "b.json")[0] == 2
    assert "is this another task's log?" in capsys.readouterr().err
    strange = generated(FIRST, "A")
    strange["doc"]["ans0"] = "Somebody else"
    assert score(folder, write(tmp_path / "c.jsonl", [strange]))[0] == 2
    assert ":1: expected the options" in capsys.readouterr().err
    empty = inspect_log([])
    (tmp_path / "d.json").write_text(json.dumps(empty))
    assert score(folder, tmp_path / "d.json")[0] == 2
    assert "holds no samples" in capsys.readouterr().err
    numbered = generated(FIRST, "A")
    numbered["doc"]["example_id"] = "x"
    assert score(folder, write(tmp_path / "e.jsonl", [numbered]))[0] == 2
    assert ':1: doc: example_id: expected a whole number, got "x"' in capsys.readouterr().err
    (tmp_path / "f.json").write_text(json.dumps(inspect_log([5])))
    assert score(folder, tmp_path / "f.json")[0] == 2
    assert "sample 5: expected a sample as a JSON object, got 5" in capsys.readouterr().err
