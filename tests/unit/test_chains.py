"""The chains: what is right, what is planted, and that the closed form is exact."""

from __future__ import annotations

import itertools
import re
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from featherweight.errors import InputError
from featherweight.reading.expression import read_boxed
from featherweight.records import Item
from featherweight.tasks import Asked, task
from featherweight.tasks.chains import PER_LEVEL, STEPS, STRATA, TASK, planted, problems
from featherweight.tasks.chains.problems import FILE, OPERANDS, Operation, Problem, parse
from featherweight.tasks.choice import draw_items

PLUS_8, TIMES_3 = Operation("+", 8), Operation("*", 3)
EXAMPLE = "Step 1: + 8 Step 2: * 3 Keep the last digit. Start with 7"


@pytest.fixture(scope="module")
def folder(root: Path) -> Path:
    return root / "resources" / "chains"


@pytest.fixture(scope="module")
def items(folder: Path) -> list[Item]:
    return list(TASK.load(folder, "chains").items)


def item(problem: Problem) -> Item:
    return Item(
        task="chains",
        item_id="chains-x",
        category="chains",
        cluster="chains:x",
        block="chains:x",
        group="chains",
        stratum=None,
        context="",
        question=problem.text,
        options=None,
        gold=str(problem.values[-1]),
    )


# --- problems ---------------------------------------------------------------------------------


def test_the_shipped_file_is_what_the_constants_make(folder: Path) -> None:
    lines = [",".join(row) for row in (problems.HEADER, *problems.made())]
    assert (folder / FILE).read_text() == "\n".join(lines) + "\n"


def test_every_level_has_as_many_problems_and_none_stands_twice(items: list[Item]) -> None:
    assert len(items) == TASK.categories["chains"] == 2000
    assert Counter(one.stratum for one in items) == dict.fromkeys(STRATA, PER_LEVEL)
    for name in ("item_id", "cluster", "question"):
        assert len({getattr(one, name) for one in items}) == 2000
    for one in items:
        assert one.question.count("Step") == STEPS[one.stratum or ""]


def test_the_right_answer_is_the_last_digit_of_whole_numbers(items: list[Item]) -> None:
    """Worked out without dropping digits on the way, by another reading of the text."""
    for one in items:
        number = int(one.question.split()[-1])
        for sign, operand in re.findall(r": (.) (.)", one.question):
            by = int(operand)
            number = {"+": number + by, "-": number - by, "*": number * by}[sign]
        assert one.gold == str(number % 10)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_draw_has_as_many_of_each_level(items: list[Item], seed: int) -> None:
    drawn = draw_items(items, 150, seed)
    assert Counter(one.stratum for one in drawn) == dict.fromkeys(STRATA, 30)


def test_seeds_draw_different_problems(items: list[Item]) -> None:
    """30 of 400 blocks each: two draws share about two; ten or more happen once in 70,000."""
    first, second = ({one.block for one in draw_items(items, 150, seed)} for seed in (0, 1))
    assert len(first & second) < 10


def test_a_level_can_be_asked_alone(items: list[Item]) -> None:
    assert TASK.matches is not None
    kept = [one for one in items if TASK.matches(one, None, {"level": 4})]
    assert {one.stratum for one in kept} == {"level 4"}
    assert len(kept) == PER_LEVEL
    assert not any(TASK.matches(one, None, {"level": 6}) for one in items)


def test_a_problem_and_its_answer_in_words() -> None:
    problem = Problem(7, (PLUS_8, TIMES_3))
    assert problem.text == EXAMPLE
    assert parse(EXAMPLE) == problem
    assert problem.values == (7, 5, 5)
    assert problem.reply((4, 2)) == (
        "Step 1: 7 + 8 = 4\n\nStep 2: 4 * 3 = 2\n\nThe final answer is \\boxed{ 2 }"
    )


@pytest.mark.parametrize("sign", OPERANDS)
def test_no_operation_makes_two_digits_one(sign: str) -> None:
    """So a wrong digit stays wrong until another mistake."""
    for operand in OPERANDS[sign]:
        assert {Operation(sign, operand).on(digit) for digit in range(10)} == set(range(10))


WRONG_ROWS = [
    ("0000-1,", "0000-3,", "row 1: expected an id like 0000-1 that ends with the level"),
    ("with 1,3", "with 1,4", "row 1: expected the answer 3"),
    ("with 1,3", "with 1,03", "row 1: expected the answer 3"),
    ("Step 1: + 8", "Step 2: + 8", "row 1: expected a chain like"),
    ("Step 2: * 7", "Step 2: * 2", "row 1: expected a chain like"),
    ("with 1,3", "with 1,3,3", "row 1: expected 3 fields, got 4"),
    ("id,problem", "id,question", "expected the columns id, problem, answer"),
    (
        "0001-1,Step 1: - 1 Step 2: + 8 Keep the last digit. Start with 8,5",
        "0001-1,Step 1: + 8 Step 2: * 7 Keep the last digit. Start with 1,3",
        "expected 2000 different problems, got 2000 rows, 1 of them repeated",
    ),
]


@pytest.mark.parametrize(("old", "new", "message"), WRONG_ROWS)
def test_a_wrong_row_is_named(
    folder: Path, tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = (folder / FILE).read_text()
    assert old in text
    (tmp_path / FILE).write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        TASK.load(tmp_path, "chains")
    assert len(caught.value.problems) == 1


def test_a_file_that_is_not_there_and_one_that_breaks_off(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        TASK.load(tmp_path, "chains")
    shutil.copy(folder / FILE, tmp_path)
    lines = (tmp_path / FILE).read_text().splitlines(keepends=True)
    (tmp_path / FILE).write_text("".join(lines[:-5]))
    with pytest.raises(InputError, match="expected 2000 different problems, got 1995 rows"):
        TASK.load(tmp_path, "chains")
    (tmp_path / FILE).write_text("")
    with pytest.raises(InputError, match="expected the columns"):
        TASK.load(tmp_path, "chains")


# --- planted tables ---------------------------------------------------------------------------


def test_the_table_is_as_its_rates_say() -> None:
    rows = planted.table("solver")
    assert len(rows) == 210
    assert all(sum(row) == pytest.approx(1) for row in rows.values())
    mistaken = planted.misconceptions("solver")
    # .03 of 90, .06 of 90, .14 of 30
    assert Counter(operation.sign for _, operation in mistaken) == {"+": 3, "-": 5, "*": 4}
    for (digit, operation), row in rows.items():
        right = row[operation.on(digit)]
        others = [one for result, one in enumerate(row) if result != operation.on(digit)]
        if (digit, operation) in mistaken:
            assert (right, max(others)) == (0.35, 0.55)
            assert sorted(others)[:-1] == [pytest.approx(0.10 / 8)] * 8
        else:
            missed = {"+": 0.12, "-": 0.18, "*": 0.30}[operation.sign]
            assert right == pytest.approx(1 - missed)
            assert others == [pytest.approx(missed / 9)] * 9


def by_paths(rows: planted.Table, problem: Problem) -> list[float]:
    """The probability of each final digit as a sum over every path of digits."""
    found = [0.0] * 10
    for path in itertools.product(range(10), repeat=len(problem.operations)):
        weight, value = 1.0, problem.start
        for operation, result in zip(problem.operations, path, strict=True):
            weight *= rows[value, operation][result]
            value = result
        found[value] += weight
    return found


@pytest.mark.parametrize("temperature", [0.8, 1.0])
def test_the_closed_form_is_the_sum_over_all_paths(items: list[Item], temperature: float) -> None:
    """100 or 1,000 paths each; among these problems are some with misconceptions."""
    rows = {
        fact: planted.tempered(row, temperature) for fact, row in planted.table("solver").items()
    }
    short = [one for one in items if one.stratum in ("level 1", "level 2")]
    for one in short[::20]:
        expected = by_paths(rows, parse(one.question))
        assert planted.distribution("solver", one, temperature) == pytest.approx(expected)
        assert planted.planted("solver", one, temperature) == pytest.approx(expected[int(one.gold)])


def test_a_chain_worked_out_by_hand() -> None:
    """No fact of + 1 or + 3 is misconceived: both steps right, or one of nine pairs of slips."""
    assert not {Operation("+", 1), Operation("+", 3)} & {
        operation for _, operation in planted.misconceptions("solver")
    }
    one = item(Problem(6, (Operation("+", 1), Operation("+", 3))))
    assert planted.planted("solver", one, 1.0) == pytest.approx(0.88**2 + 9 * (0.12 / 9) ** 2)


def test_both_ends_of_a_table(items: list[Item]) -> None:
    exact = {
        (digit, operation): tuple(float(result == operation.on(digit)) for result in range(10))
        for digit, operation in planted.table("solver")
    }
    even = dict.fromkeys(exact, (0.1,) * 10)
    for one in items[:100]:
        problem = parse(one.question)
        assert planted.through(exact, problem)[int(one.gold)] == 1.0
        assert planted.through(even, problem) == pytest.approx([0.1] * 10)


def test_both_ends_of_the_temperature(items: list[Item]) -> None:
    """At 0 an answer is certain, and wrong where a misconception leads it astray; far up, any
    digit is as likely.
    """
    greedy = [planted.planted("solver", one, 0.0) for one in items]
    assert set(greedy) == {0.0, 1.0}
    for one in items[:50]:
        problem = parse(one.question)
        astray = any(
            fact in planted.misconceptions("solver")
            for fact in zip(problem.values, problem.operations, strict=False)
        )
        assert astray or planted.planted("solver", one, 0.0) == 1.0
        assert planted.planted("solver", one, 1e-3) == pytest.approx(
            planted.planted("solver", one, 0.0)
        )
        assert planted.planted("solver", one, 1e6) == pytest.approx(0.1, abs=1e-4)


TEMPERED = [  # of a row with .88 and nine times .12/9
    (1.0, 0.88),
    (0.5, 0.88**2 / (0.88**2 + 9 * (0.12 / 9) ** 2)),
    (2.0, 0.88**0.5 / (0.88**0.5 + 9 * (0.12 / 9) ** 0.5)),
    (0.0, 1.0),
]


@pytest.mark.parametrize(("temperature", "right"), TEMPERED)
def test_temperature_acts_on_each_row(temperature: float, right: float) -> None:
    row = planted.tempered((0.88, *[0.12 / 9] * 9), temperature)
    assert row[0] == pytest.approx(right)
    assert row[1:] == pytest.approx([(1 - right) / 9] * 9)
    assert planted.tempered((0.5, 0.5, 0.0), temperature) == (0.5, 0.5, 0.0)


def test_longer_chains_are_harder(items: list[Item]) -> None:
    means = [
        sum(planted.planted("solver", one, 0.8) for one in items if one.stratum == stratum) / 400
        for stratum in STRATA
    ]
    assert means == sorted(means, reverse=True)
    assert 0.3 < means[-1] < means[0] < 0.8


def test_every_table_can_be_named_in_models_yaml() -> None:
    assert TASK.planted_tables == tuple(planted.TABLES)


def test_what_has_no_closed_form_is_refused(items: list[Item]) -> None:
    with pytest.raises(LookupError, match="no planted table 'other': expected one of solver"):
        planted.planted("other", items[0], 1.0)
    with pytest.raises(ValueError, match="expected a chain like"):
        planted.planted("solver", replace(items[0], question="What is 7 + 8?"), 1.0)


# --- controls ---------------------------------------------------------------------------------


def said(control: str, one: Item, stream: int = 0) -> str | None:
    text = task("chains").controls[control](Asked(one, None, None, one.question, stream))
    return read_boxed(text, "stop").answer


def test_the_oracle_says_the_right_digit(items: list[Item]) -> None:
    assert all(said("oracle", one) == one.gold for one in items)


def test_the_random_control_says_each_digit_as_often(items: list[Item]) -> None:
    """2,000 draws, 200 of each digit expected, standard deviation 13.4: 70 off would happen once in
    a million runs if the streams changed; they do not.
    """
    digits = Counter(said("random", one, stream) for stream, one in enumerate(items))
    assert set(digits) == set(map(str, range(10)))
    assert all(abs(n - 200) < 70 for n in digits.values())
