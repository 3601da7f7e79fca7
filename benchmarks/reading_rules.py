"""Which rules of the reader are needed: leave one out at a time, count the readings that change.

Reads `tests/cases/reading.json`, `tests/cases/answers.jsonl` (labelled answers to items of BBQ) and
BBQ's files, prints a table. A rule is one alternative of a `Rule` of `reading/words.py` or
`reading/abstentions.py`, or a pattern of theirs that has no alternatives of its own.

    python benchmarks/reading_rules.py --items BBQ_FOLDER
    python benchmarks/reading_rules.py --items BBQ_FOLDER --agreement

One line of the table: how many right readings a rule makes, how many it spoils.

    | CHOOSING 2: pick(?:ed)? | 4 | 0 |
"""

from __future__ import annotations

import argparse
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from featherweight.bring.rescore import read_whole
from featherweight.reading import abstentions, context, forms, statements, words
from featherweight.records import Choices, Finish, Reading, Reason
from featherweight.tasks.bbq.facts import choices
from featherweight.tasks.bbq.files import load

CASES = Path(__file__).parent.parent / "tests" / "cases"
NEVER = re.compile(r"(?!)")


class Case(NamedTuple):
    """An answer, what was asked, the option that a person reads in it, or why none is."""

    kind: str
    text: str
    choices: Choices
    order: tuple[int, ...]
    finish: Finish
    label: int | None
    reason: Reason | None = None  # None: any


def labelled(items: Path) -> Iterator[Case]:
    """The labelled answers to items of BBQ."""
    known: dict[str, dict[int, Choices]] = {}
    for line in (CASES / "answers.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        category = row["category"]
        if category not in known:
            pairs = zip(*load(items, category, verify=False), strict=True)
            known[category] = {facts.example_id: choices(item, facts) for item, facts in pairs}
        kind = f"{row['set']}{'' if row['seen'] else ', unseen'}"
        asked = known[category][row["example_id"]]
        yield Case(kind, row["text"], asked, tuple(row["order"]), row["finish"], row["label"])


def made_up() -> Iterator[Case]:
    """The hand-made cases."""
    for row in json.loads((CASES / "reading.json").read_text(encoding="utf-8")):
        text = row["text"]
        if isinstance(text, dict):
            text = text["unit"] * text["times"] + text["after"]
        if text is not None:
            order = tuple(row["order"])
            finish = row.get("finish", "stop")
            yield Case(
                "made up", text, _choices(row), order, finish, row["expected"], row["reason"]
            )


def _choices(row: dict[str, Any]) -> Choices:
    unknown = row["unknown"]
    return Choices(
        context="",
        question=row["question"],
        options=tuple(row["options"]),
        names=tuple(row["option_names"]),
        groups=tuple("unknown" if at == unknown else str(at) for at in range(3)),
        abstention=unknown,
    )


def readings(cases: Sequence[Case]) -> list[Reading]:
    """What is read in each case."""
    return [
        read_whole(case.text, case.choices, case.order, case.finish, lettered=True)
        for case in cases
    ]


def fits(reading: Reading, case: Case) -> bool:
    """Whether a reading is the case's."""
    return reading.chosen == case.label and case.reason in (None, reading.reason)


def rules() -> Iterator[tuple[str, ModuleType, str, re.Pattern[str]]]:
    """(name, module, the pattern's name in it, the pattern without the rule) of every rule."""
    for module in (words, abstentions):
        named = vars(module).copy()
        made = {rule.compiled(): name for name, rule in named.items() if _is_rule(rule)}
        for name, value in named.items():
            if not isinstance(value, re.Pattern):
                continue
            if value not in made:
                yield name, module, name, NEVER
                continue
            rule = named[made[value]]
            for at, alternative in enumerate(rule.alternatives):
                rest = rule.alternatives[:at] + rule.alternatives[at + 1 :]
                without = rule._replace(alternatives=rest).compiled()
                yield f"{made[value]} {at + 1}: {alternative[:60]}", module, name, without


def _is_rule(value: object) -> bool:
    return isinstance(value, words.Rule)


def left_out(
    module: ModuleType, name: str, without: re.Pattern[str], cases: Sequence[Case]
) -> list[Reading]:
    """The readings where a pattern of a module is another one."""
    readers = (module, context, forms, statements)
    homes = [home for home in readers if hasattr(home, name)]
    kept = getattr(module, name)
    try:
        for home in homes:
            setattr(home, name, without)
        return readings(cases)
    finally:
        for home in homes:
            setattr(home, name, kept)


def agreement(cases: Sequence[Case]) -> None:
    """Print the share of agreeing and of false readings of each set, and by what was answered."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for case, reading in zip(cases, readings(cases), strict=True):
        read = reading.chosen
        what = (
            "nobody"
            if case.label is None
            else "unknown"
            if case.label == case.choices.abstention
            else "a person"
        )
        for key in (case.kind, f"{case.kind}: {what}"):
            counts[key][0] += 1
            counts[key][1] += read == case.label
            counts[key][2] += read is not None and read != case.label
    print("| answers | n | agree | read falsely |\n|---|---|---|---|")
    for key, (n, agree, false) in sorted(counts.items()):
        print(f"| {key} | {n} | {agree / n:.1%} | {false / n:.1%} |")


def main() -> None:
    """Print the table of rules, or of agreement."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=Path, required=True, help="a folder with BBQ's files")
    parser.add_argument(
        "--agreement", action="store_true", help="how well the reader agrees with the labels"
    )
    asked = parser.parse_args()
    cases = [*made_up(), *labelled(asked.items)]
    if asked.agreement:
        agreement(cases)
        return
    before = readings(cases)
    print("| rule | needed by | spoils |\n|---|---|---|")
    for name, module, pattern, without in rules():
        after = left_out(module, pattern, without, cases)
        right = [
            (fits(old, case), fits(new, case))
            for old, new, case in zip(before, after, cases, strict=True)
        ]
        needed = sum(old and not new for old, new in right)
        spoils = sum(new and not old for old, new in right)
        print(f"| {name.replace('|', '¦')} | {needed} | {spoils} |", flush=True)


if __name__ == "__main__":
    main()
