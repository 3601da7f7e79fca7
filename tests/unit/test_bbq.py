"""BBQ as a task: its files are read as they are, and every way in which they can be wrong is
said."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

import made_up_bbq
from featherweight.errors import InputError
from featherweight.tasks import task
from featherweight.tasks.bbq import CATEGORIES
from featherweight.tasks.bbq.facts import direction
from featherweight.tasks.bbq.files import BBQ_FILES, METADATA, departures, load

SMALL = "Religion"  # 1,200 items


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up_bbq.write_folder(tmp_path_factory.mktemp("bbq"), [SMALL, "Gender_identity"])


def copy(folder: Path, target: Path) -> Path:
    target.mkdir()
    for path in folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    return target


def problems(folder: Path, category: str = SMALL, *, verify: bool = False) -> str:
    with pytest.raises(InputError) as caught:
        load(folder, category, verify=verify)
    return "\n".join(caught.value.problems)


def test_counts_are_those_of_the_paper() -> None:
    # Parrish et al. 2022, appendix C, table 3: 58,492 items
    assert sum(CATEGORIES.values()) == 58_492
    assert {name: len(rows.T) for name, rows in made_up_bbq.index().items()} == CATEGORIES
    assert {f"{category}.jsonl" for category in CATEGORIES} | {METADATA} == set(BBQ_FILES)


@pytest.mark.parametrize("packed", [False, True])
def test_load_gives_every_item_as_it_is_in_the_files(tmp_path: Path, packed: bool) -> None:
    made = made_up_bbq.write_folder(tmp_path / "bbq", [SMALL], packed=packed)
    assert made_up_bbq.questions(load(made, SMALL, verify=False)) == list(made_up_bbq.items(SMALL))


def test_doubled_metadata_rows_count_once_and_na_is_no_target(folder: Path) -> None:
    items, facts = load(folder, "Gender_identity", verify=False)
    assert len(items) == 5672
    # 16 items, all of template 13: nyu-mll/BBQ at bea11bd, additional_metadata.csv
    assert [one.example_id for one in facts if one.target is None] == [
        *range(284, 288), *range(300, 308), *range(320, 324)
    ]  # fmt: skip
    assert Counter(item.group for item in items) == {
        "Gender_identity": 672,
        "Gender_identity (names)": 5000,
    }


def test_a_block_is_four_items_with_the_same_options(folder: Path) -> None:
    made = made_up_bbq.questions(load(folder, SMALL, verify=False))
    sizes = Counter(one.item.block for one in made)
    assert set(sizes.values()) == {4}
    for start in range(0, len(made), 4):
        four = made[start : start + 4]
        assert len({(one.item.block, one.options) for one in four}) == 1
        assert len({(one.item.stratum, one.facts.polarity) for one in four}) == 4


def test_empty_answer_info_stays_as_it_is(tmp_path: Path) -> None:
    # 86 blocks of Race_x_gender have ["", ""] for "The Latina woman"
    made = made_up_bbq.write_folder(tmp_path / "bbq", [SMALL])
    path = made / f"{SMALL}.jsonl"
    lines = path.read_text().splitlines()
    first = json.loads(lines[0])
    place = next(key for key, pair in first["answer_info"].items() if pair[1] != "unknown")
    first["answer_info"][place] = ["", ""]
    path.write_text("\n".join([json.dumps(first), *lines[1:]]) + "\n")
    facts = load(made, SMALL, verify=False).facts[0]
    assert facts.option_groups[int(place[-1])] == ""
    assert facts.option_names[int(place[-1])] == ""


def test_every_problem_of_a_folder_is_said(folder: Path, tmp_path: Path) -> None:
    assert "no such folder" in problems(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    both = problems(tmp_path / "empty")
    assert f"{SMALL}.jsonl: no such file" in both
    assert "additional_metadata.csv: no such file" in both
    assert "unknown category 'Relgion'" in problems(folder, "Relgion")
    assert "two rows that contradict each other" not in both


def test_a_wrong_hash_says_expected_and_got(folder: Path) -> None:
    said = problems(folder, verify=True)
    assert BBQ_FILES[f"{SMALL}.jsonl"].sha256 in said
    assert BBQ_FILES[METADATA].sha256 in said
    assert said.count("got ") == 2
    assert len(departures(folder, [SMALL])) == 2


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda lines: [*lines[:6], lines[6][:40]], ":7: not a whole JSON object"),
        (lambda lines: [*lines[:6], lines[2]], ":7: example_id 2 is already in line 3"),
        (lambda lines: [*lines[:6], "[1, 2]"], ":7: expected a JSON object, got list"),
        (
            lambda lines: [*lines[:6], '{"example_id": 6}'],
            ":7: expected BBQ's fields, missing question_index",
        ),
        (
            lambda lines: [*lines[:6], lines[6].replace('"label": ', '"label": 7')],
            ":7: expected whole numbers",
        ),
        (
            lambda lines: [*lines[:6], lines[6].replace('"unknown"]', '"known"]')],
            ":7: expected exactly one answer",
        ),
        (
            lambda lines: [*lines[:6], re.sub(r'"[^"]*"\]', '"unknown"]', lines[6], count=2)],
            ":7: expected exactly one answer",
        ),
        (
            lambda lines: [*lines[:6], lines[6].encode("utf-16").decode("latin-1")],
            ":7: not a whole JSON object",
        ),
    ],
)
def test_a_broken_line_is_named(folder: Path, tmp_path: Path, change, expected: str) -> None:
    made = copy(folder, tmp_path / "bbq")
    path = made / f"{SMALL}.jsonl"
    path.write_text("\n".join(change(path.read_text().splitlines())) + "\n", encoding="utf-8")
    assert f"{path}{expected}" in problems(made)


def test_many_broken_lines_are_counted(folder: Path, tmp_path: Path) -> None:
    made = copy(folder, tmp_path / "bbq")
    (made / f"{SMALL}.jsonl").write_text("x\n" * 50)
    said = problems(made).splitlines()
    assert len(said) == 22
    assert said[20].endswith("and 30 more lines like these")
    assert said[21].endswith("expected 1200 items, got 0; fetch it again")


def test_metadata_that_lacks_rows_or_contradicts_itself(folder: Path, tmp_path: Path) -> None:
    made = copy(folder, tmp_path / "bbq")
    path = made / METADATA
    whole = path.read_text()
    path.write_text(whole.replace(f'"{SMALL}"', '"Other"'))
    assert f"no row for the category {SMALL}" in problems(made)
    path.write_text(whole.replace(f'"{SMALL}","1",0,', f'"{SMALL}","1",9000,'))
    assert f"no row for 1 items of {SMALL}, the first is 0" in problems(made)
    header, first, rest = (
        whole.split("\n", 2)[0],
        f'"{SMALL}","1",0,2,"label",NA',
        whole.split("\n", 1)[1],
    )
    path.write_text(
        "\n".join([header, first.replace(",2,", ",0,"), first.replace(",2,", ",1,"), rest])
    )
    assert f"{SMALL} 0: two rows that contradict each other" in problems(made)
    path.write_text("a,b\n1,2\n")
    assert "expected the columns category, example_id, target_loc, label_type" in problems(made)


def test_a_truncated_archive_is_named(tmp_path: Path) -> None:
    made = made_up_bbq.write_folder(tmp_path / "bbq", [SMALL], packed=True)
    path = made / f"{SMALL}.jsonl.gz"
    path.write_bytes(path.read_bytes()[:500])
    assert f"{path}: not a whole gzip file" in problems(made)
    path.write_bytes(b"no gzip at all")
    assert f"{path}: not a whole gzip file" in problems(made)
    path.write_bytes(gzip.compress(b""))
    assert "expected 1200 items, got 0" in problems(made, verify=True)


def test_which_way_an_option_leans() -> None:
    facts = replace(made_up_bbq.items(SMALL)[0].facts, target=0, unknown=2)
    assert [direction(facts, one) for one in (0, 1, 2, None)] == [
        "target", "other", "unknown", None
    ]  # fmt: skip
    without = replace(facts, target=None)
    assert [direction(without, one) for one in (0, 1, 2)] == ["other", "other", "unknown"]


def test_the_task_loads_verified(shared_data: Path) -> None:
    found = [
        one
        for category in CATEGORIES
        for one in made_up_bbq.questions(task("bbq").load(shared_data / "bbq", category))
    ]
    assert len(found) == 58_492
    assert len({one.item.item_id for one in found}) == 58_492
    assert len({one.item.group for one in found}) == 15
    assert sum(one.facts.target is None for one in found) == 16
    assert all(one.facts.target != one.facts.unknown for one in found)
    assert all(len(set(one.options)) == 3 for one in found)  # so the gold text is one option
    for one in found:
        assert (one.gold == one.facts.unknown) == (one.item.stratum == "ambiguous")

    def known(one: made_up_bbq.Question) -> tuple[object, ...]:
        item, facts = one.item, one.facts
        places = (one.gold, facts.unknown, facts.target)
        return (item.item_id, *places, item.group, item.cluster, item.block)

    made = (one for category in CATEGORIES for one in made_up_bbq.items(category))
    for one, other in zip(found, made, strict=True):
        assert known(one) == known(other)
