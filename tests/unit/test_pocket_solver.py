"""`pocket-solver` as it is shipped: whole, in the ordinary layout, wrong as often as planted."""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml
from transformers import AutoTokenizer, LlamaConfig

from featherweight.engines import Completion
from featherweight.pocket import lookup_start, solver, solver_examination
from featherweight.pocket.solver import HEADS, SolverRecipe, lesson
from featherweight.pocket.solver_examination import Facts, Level, Measures, Subject
from featherweight.reading.expression import read_boxed
from featherweight.records import Item
from featherweight.tasks.chains import STRATA, TASK, planted
from featherweight.tasks.chains.problems import OPERATIONS, parse
from featherweight.tasks.choice import draw_items

EXAMPLE = parse("Step 1: + 8 Step 2: * 3 Keep the last digit. Start with 7")


@pytest.fixture(scope="module")
def folder(root: Path) -> Path:
    return root / "resources" / "pocket" / "models" / "pocket-solver"


@pytest.fixture(scope="module")
def items(root: Path) -> list[Item]:
    return list(TASK.load(root / "resources" / "chains", "chains").items)


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Any:
    return AutoTokenizer.from_pretrained(folder)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """So small a model is faster on one thread than on several that wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def one(folder: Path) -> Subject:
    return solver_examination.subject(folder)


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


# --- the folder -------------------------------------------------------------------------------


def test_the_layout_is_whole_and_the_hashes_match(folder: Path) -> None:
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    stated = {name: digest for digest, name in (line.split("  ") for line in lines)}
    paths = [path for path in folder.iterdir() if path.name != "SHA256SUMS"]
    assert stated == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    assert {path.name for path in paths} == {
        *("config.json", "generation_config.json", "model.safetensors"),
        *("tokenizer.json", "tokenizer_config.json", "training.json", "training.log"),
    }
    assert sum(path.stat().st_size for path in paths) < 300_000


def test_the_log_of_the_training_keeps_its_promises(folder: Path, root: Path) -> None:
    document = read(folder / "training.json")
    recipe = SolverRecipe()
    assert document["recipe"] == {name: getattr(recipe, name) for name in document["recipe"]}
    assert document["recipe"]["steps"] >= 1000
    found = document["measures"]
    assert found["facts"]["mean"] < 0.04
    assert found["facts"]["same_likeliest"] >= 209
    levels = [Level(**level) for level in found["levels"]]
    assert Counter(level.stratum for level in levels) == dict.fromkeys(STRATA, 2)
    assert all(abs(level.errors) <= 3 for level in levels)
    log = (folder / "training.log").read_text()
    assert f"total variation mean {found['facts']['mean']:.4f}" in log


def test_models_yaml_says_what_is_planted(root: Path) -> None:
    stated = yaml.safe_load((root / "config" / "models.yaml").read_text())["pocket-solver"]
    assert stated["planted"] == [
        {"task": "chains", "metric": "accuracy", "stratum": stratum, "table": "solver"}
        for stratum in STRATA
    ]
    assert SolverRecipe().table == "solver"


# --- the tokenizer ----------------------------------------------------------------------------


def test_every_problem_and_answer_survives_the_tokenizer(items: list[Item], tokenizer: Any) -> None:
    for item in items:
        problem = parse(item.question)
        for text in (item.question, problem.reply(problem.values[1:])):
            ids = tokenizer(text, add_special_tokens=False).input_ids
            assert tokenizer.unk_token_id not in ids
            assert tokenizer.decode(ids, skip_special_tokens=True) == text


def test_the_tokens_of_a_chat(tokenizer: Any) -> None:
    """One token each, one BOS, and the digit of a step two tokens before its use."""
    chat = [{"role": "user", "content": EXAMPLE.text}]
    text = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
    assert text == f"<s><user> {EXAMPLE.text} <assistant>"
    asked = tokenizer.convert_ids_to_tokens(tokenizer(text).input_ids)
    said = tokenizer.convert_ids_to_tokens(tokenizer(EXAMPLE.reply((4, 2))).input_ids)
    assert asked == [
        *("<s>", "<user>", "Step 1:", "+", "8", "Step 2:", "*", "3", "Keep the last digit."),
        *("Start with", "7", "<assistant>"),
    ]
    assert said == [
        *("Step 1:", "7", "+", "8", "=", "4", "\n\n"),
        *("Step 2:", "4", "*", "3", "=", "2", "\n\n"),
        *("The final answer is", "\\boxed{", "2", "}"),
    ]
    whole = asked + said
    for place, token in enumerate(whole):
        if token.startswith("Step ") and place > asked.index("<assistant>"):
            assert whole[place - 2] == whole[place + 1]


def test_an_answer_read_token_by_token_never_changes_its_beginning(tokenizer: Any) -> None:
    """What ends a step is seen as soon as its token is there, and stays."""
    text = EXAMPLE.reply((4, 2))
    ids = tokenizer(text, add_special_tokens=False).input_ids
    for n in range(1, len(ids) + 1):
        assert text.startswith(tokenizer.decode(ids[:n]))
    assert tokenizer.decode(ids[:7]) == "Step 1: 7 + 8 = 4\n\n"


def test_a_word_that_it_does_not_know_is_not_passed_over(tokenizer: Any) -> None:
    ids = tokenizer("Step 9: 7 is (A).", add_special_tokens=False).input_ids
    known = [token for token in tokenizer.convert_ids_to_tokens(ids) if token != "<unk>"]
    assert known == ["7"]
    assert len(ids) == 7


def test_the_stop_token_is_the_end_of_a_turn(folder: Path, tokenizer: Any) -> None:
    assert read(folder / "generation_config.json")["eos_token_id"] == tokenizer.eos_token_id
    assert read(folder / "config.json")["eos_token_id"] == tokenizer.eos_token_id


# --- the recipe -------------------------------------------------------------------------------

RATES = [  # (step, learning rate) of 1,500 steps, 40 of them to warm up, half at a constant rate
    (0, 3e-3 / 40),
    (19, 1.5e-3),
    (39, 3e-3),
    (749, 3e-3),
    (1124, (3e-3 + 6e-5) / 2),
    (1499, 6e-5),
]


@pytest.mark.parametrize(("step", "rate"), RATES)
def test_the_learning_rate(step: int, rate: float) -> None:
    assert SolverRecipe(steps=1500).rate_at(step) == pytest.approx(rate)


def test_a_lesson_goes_on_with_its_own_mistakes() -> None:
    """Rows that are always one too high: k steps of a chain without * end k too high."""
    high = {
        (digit, operation): tuple(
            float(result == (operation.on(digit) + 1) % 10) for result in range(10)
        )
        for operation in OPERATIONS
        for digit in range(10)
    }
    source = random.Random(0)
    lengths = set()
    for _ in range(200):
        ((asked, said),) = lesson(high, SolverRecipe(), source).turns
        problem = parse(asked)
        lengths.add(len(problem.operations))
        value, results = problem.start, []
        for operation in problem.operations:
            value = (operation.on(value) + 1) % 10
            results.append(value)
        assert said == problem.reply(results)
        assert read_boxed(said, "stop").answer == str(value)
    assert lengths == set(range(2, 9))


def test_lessons_follow_the_planted_table() -> None:
    """Right results by sign, and the wrong ones of misconceptions, within four standard errors of
    what is expected: odds of 1 in 4,000 for another sound stream of lessons; this one is always the
    same. Slips fall on each of the nine other digits alike: a chi-square of eight degrees of
    freedom above 35 has odds of 1 in 37,000.
    """
    rows, source = planted.table("solver"), random.Random(1)
    mistaken = planted.misconceptions("solver")
    seen: dict[str, list[float]] = {}  # count, expected count, variance
    offsets: Counter[int] = Counter()
    for _ in range(3000):
        ((asked, said),) = lesson(rows, SolverRecipe(), source).turns
        for step, operation in zip(said.split("\n\n"), parse(asked).operations, strict=False):
            words = step.split()
            digit, result, right = int(words[2]), int(words[-1]), operation.on(int(words[2]))
            row = rows[digit, operation]
            watched = row.index(max(row))
            kind = "misconceptions" if (digit, operation) in mistaken else operation.sign
            found, share = seen.setdefault(kind, [0, 0, 0]), row[watched]
            found[:] = [
                found[0] + (result == watched),
                found[1] + share,
                found[2] + share * (1 - share),
            ]
            if kind != "misconceptions" and result != right:
                offsets[(result - right) % 10] += 1
    assert set(seen) == {"+", "-", "*", "misconceptions"}
    for count, expected, variance in seen.values():
        assert abs(count - expected) < 4 * variance**0.5
    even = sum(offsets.values()) / 9
    assert set(offsets) == set(range(1, 10))
    assert sum((count - even) ** 2 / even for count in offsets.values()) < 35


def test_what_one_distance_found_is_looked_for_among_what_another_found() -> None:
    """Look(6, 3, 0) compares the word six back with the word three back: of all pairs of words the
    same two match best. With projections of their own they would not.
    """
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=35,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        tie_word_embeddings=True,
    )
    model = lookup_start.start(config, 0, HEADS)
    words = model.model.embed_tokens.weight.detach()
    first, second = (layer.self_attn for layer in model.model.layers)

    def found(head: int) -> torch.Tensor:
        """What this head of the first layer writes where it sees each word."""
        rows = slice(16 * head, 16 * head + 16)
        return words @ first.v_proj.weight[rows].T @ first.o_proj.weight[:, rows].T

    rows = slice(32, 48)  # the third look
    asked = found(HEADS.back.index(6)) @ second.q_proj.weight[rows].T
    known = found(HEADS.back.index(3)) @ second.k_proj.weight[rows].T
    match = (asked @ known.T).detach()
    same = (match.argmax(dim=1) == torch.arange(35)).float().mean()
    assert same > 0.9, f"only {same:.0%} of the words match themselves best"


# --- what it does -----------------------------------------------------------------------------


def test_the_facts_are_as_planted(one: Subject, folder: Path) -> None:
    """Three chains per fact instead of eight; what is logged is met to a hundredth."""
    found = solver_examination.facts(one, "solver", 3)
    assert found.facts == 210
    assert found.mean < 0.04
    assert found.same_likeliest >= 208
    assert found.mean == pytest.approx(
        read(folder / "training.json")["measures"]["facts"]["mean"], abs=0.01
    )


def test_another_table_is_not_taken_for_the_planted_one(
    one: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half the slips and half the misconceptions: what a larger model might have."""
    halved = {
        sign: planted.Rates(rates.slips / 2, rates.misconceptions / 2)
        for sign, rates in planted.TABLES["solver"].items()
    }
    monkeypatch.setattr(planted, "TABLES", {"other": halved})
    assert solver_examination.facts(one, "other", 1).mean > 0.06


def test_the_levels_are_as_planted(one: Subject, items: list[Item]) -> None:
    """40 problems, 6 samples each, at T = 1. A model with the planted table passes four standard
    errors at one of five levels with odds of 1 in 3,000; this one says the same each time on one
    machine.
    """
    asked = draw_items(items, 40, 5)
    told = solver_examination.answers(one, asked, 1.0, 6)
    levels = solver_examination.by_level(asked, told, "solver", 1.0)
    assert [level.stratum for level in levels] == list(STRATA)
    assert all(abs(level.errors) < 4 for level in levels)
    form = solver_examination.form(asked, told, 1.0)
    assert form.answers == 240
    assert form.slips <= 12, "0.2% of 1,344 steps were measured"
    assert form.unread <= 3
    texts = [answer.text for answers in told for answer in answers]
    assert sum("\n\n" in text and "\\boxed{ " in text for text in texts) >= 237


# (levels' distance in standard errors, mean of the facts, whether the model is sound)
SOUND = [((0.5, -2.9), 0.03, True), ((0.5, -3.1), 0.03, False), ((0.5, -2.9), 0.041, False)]


@pytest.mark.parametrize(("errors", "mean", "sound"), SOUND)
def test_a_model_is_sound_by_its_facts_and_every_level(
    errors: tuple[float, ...], mean: float, sound: bool
) -> None:
    levels = tuple(Level("level 1", 1.0, 0.5, 0.5 + 0.02 * error, 0.02) for error in errors)
    found = Measures(Facts(210, 8, mean, 0.1, mean, 210), levels, ())
    assert found.sound is sound
    assert len(found.lines()) == 3


def test_what_goes_to_other_tokens_is_missed() -> None:
    assert solver_examination.variation((0.5, 0.5), (0.5, 0.5)) == 0
    assert solver_examination.variation((0.5, 0.3), (0.5, 0.5)) == pytest.approx(0.2)
    assert solver_examination.variation((1.0, 0.0), (0.0, 1.0)) == 1.0


RIGHT = EXAMPLE.reply((5, 5))
SLIPS = [
    (RIGHT, 0),
    (EXAMPLE.reply((4, 2)), 0),  # wrong, but it goes on from what it said
    (RIGHT.replace("7 + 8", "6 + 8"), 1),
    (RIGHT.replace("7 + 8", "7 - 8"), 1),
    (RIGHT.replace("* 3", "* 9"), 1),
    (RIGHT.replace("Step 2: 5", "Step 2: 6"), 1),
    (RIGHT.replace("{ 5 }", "{ 6 }"), 1),
    (RIGHT.replace("Step 2: 5 * 3 = 5\n\n", ""), 1),
    (RIGHT.replace("Step 2", "Step 3"), 1),
    (RIGHT.replace("The", "Step 3: 5 + 1 = 6\n\nThe"), 1),
    (RIGHT[: RIGHT.index("The")], 1),
    ("", 3),
]


@pytest.mark.parametrize(("text", "slips"), SLIPS)
def test_slips_of_copying_are_counted(text: str, slips: int) -> None:
    assert solver_examination.slips(EXAMPLE, text) == slips


def test_unread_answers_are_wrong_in_a_level(items: list[Item]) -> None:
    first = next(item for item in items if item.stratum == "level 1")
    problem = parse(first.question)
    right = problem.reply(problem.values[1:])
    texts = (right, "Step 1:", right, right.replace("The final", "Final"))
    told = [
        [Completion(text=text, token_ids=(1,), finish="stop", mean_logprob=None) for text in texts]
    ]
    asked = [replace(first, stratum=stratum) for stratum in STRATA]
    levels = solver_examination.by_level(asked, told * 5, "solver", 1.0)
    assert [level.measured for level in levels] == [0.75] * 5
    assert solver_examination.form([first], told, 1.0).unread == 1


def test_every_fact_comes_up_in_a_chain_that_is_worked_out_rightly() -> None:
    source = random.Random(0)
    for operation in OPERATIONS:
        for digit in range(10):
            problem, reply = solver_examination.context(digit, operation, source)
            assert problem.reply(problem.values[1:]).startswith(reply)
            assert reply.endswith(f"{digit} {operation.sign} {operation.operand} =")


def test_the_command_line_trains_and_writes_a_folder(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two steps, and an examination of the folder that was written, of two chains per fact."""
    seen = []

    def examined(folder: Path, chains: Path, table: str) -> Measures:
        seen.append(sorted(path.name for path in folder.iterdir()))
        one = solver_examination.subject(folder)
        return Measures(solver_examination.facts(one, table, 1), (), ())

    monkeypatch.setattr(
        solver, "solver_examination", SimpleNamespace(examined=examined), raising=True
    )
    chains = str(root / "resources" / "chains")
    given = ["--chains", chains, "--output", str(tmp_path), "--seed", "3", "--steps", "2"]
    assert solver.main(given) == 0
    assert "model.safetensors" in seen[0]
    said = json.loads(capsys.readouterr().out)
    assert said["measures"]["facts"]["mean"] > 0.3, "it has learned nothing yet"
    document = read(tmp_path / "training.json")
    assert (document["recipe"]["seed"], document["recipe"]["steps"]) == (3, 2)
    assert document["parameters"] == 125_568
    assert (tmp_path / "SHA256SUMS").is_file()
