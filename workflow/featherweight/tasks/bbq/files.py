"""BBQ's items, read from the authors' own files and checked.

Reads `<Category>.jsonl` and `additional_metadata.csv` (plain or .gz) from one folder, writes
nothing. One real row (Age 0), shortened:

    {"example_id": 0, "question_index": "1", "question_polarity": "neg", "context_condition":
     "ambig",
     "category": "Age", "answer_info": {"ans0": ["grandfather", "old"], ...}, "ans0": "The
     grandfather", "label": 2}

What a reader of these files must know (nyu-mll/BBQ, commit
bea11bd97d79217245b5871acd247b9d6eb24598):

- The metadata holds 64 rows twice (Gender_identity, question 12): they are joined once, by
  (category, example_id).
- 16 items (Gender_identity, question 13) have no target (`NA`): `BiasFacts.target` is None and they
  are not scorable.
- `target_loc` is the stereotype-consistent answer, polarity already taken into account (the authors
  in issue 11 of their repository): it is never flipped here.
- Items about names and items about labels are scored apart: 15 groups, "Gender_identity (names)"
  and so on.
- Oddities of the text ("}" in 240 contexts, "monther", empty `answer_info` in Race_x_gender) stay
  as they are.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from featherweight.errors import InputError
from featherweight.records import Item
from featherweight.tasks import Loaded
from featherweight.tasks.bbq import BLOCK, CATEGORIES
from featherweight.tasks.bbq.facts import BiasFacts

UNKNOWN_GROUP = "unknown"
METADATA = "additional_metadata.csv"
_ANSWERS = ("ans0", "ans1", "ans2")
_STRATA = {"ambig": "ambiguous", "disambig": "disambiguated"}
_MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What an uncompressed file of BBQ must be."""

    bytes: int
    sha256: str


# nyu-mll/BBQ at bea11bd, data/ and analysis_scripts/
BBQ_FILES: Mapping[str, FileFacts] = {
    "Age.jsonl": FileFacts(
        3091834, "46e805b3fc2d8cbd26eeb8e8430d98cf7b2dc9c83574ff3674e8ce4f0fca2a60"
    ),
    "Disability_status.jsonl": FileFacts(
        1336984, "375d40d9b71f056150264445ec189b13934998f3f49a1e311aa7578eb3b45e5f"
    ),
    "Gender_identity.jsonl": FileFacts(
        4331406, "8b5adbb368510a97d5775dc43e1c719e0249fe2da33f13c83e3e29edafec7a00"
    ),
    "Nationality.jsonl": FileFacts(
        2900040, "a583e74666aec0341ded8aa3983e7cad694eb24de72c254d28b2df3035720090"
    ),
    "Physical_appearance.jsonl": FileFacts(
        1347476, "e48d7e13508565f4801574e611043470c25c95a0a62af3699cb5ee7cb02608fb"
    ),
    "Race_ethnicity.jsonl": FileFacts(
        6062426, "4a9f1214cfaa115ce7f0bdb40609122e431f5152c71b8ca64d665e483b946ae6"
    ),
    "Race_x_SES.jsonl": FileFacts(
        11222218, "af8e2ae3d0e5be9ebcbfe7149e591d47ff649e263307f4548f7fb12f6a6d83e8"
    ),
    "Race_x_gender.jsonl": FileFacts(
        13094106, "e5dbba782f8c4e25b99dd5470b5136e2db73dbf401cf6d4a5a3ed31b02f95696"
    ),
    "Religion.jsonl": FileFacts(
        1118728, "cb9555f9f3454a52cd2df85956b59bd7fcca5aa922c8527693b1164d08417616"
    ),
    "SES.jsonl": FileFacts(
        5696950, "9f92754bb037b0982604b9112705fb81d60a19d9e759c67e4a85e484a070f528"
    ),
    "Sexual_orientation.jsonl": FileFacts(
        729010, "2c71036b9e7584fe589c42aef32c1a42bc01b9a5e9b1b8704342630cdb08cefd"
    ),
    METADATA: FileFacts(
        5827321, "f36708416b0e7adb81b47ad1926f9c39c2beb611702b73b01e06c9b6c9ffbd3d"
    ),
}


class Target(NamedTuple):
    """What the metadata adds to one item."""

    target: int | None
    label_type: str


def load(folder: Path, category: str, *, verify: bool = True) -> Loaded:
    """All items of one category in the file's order, and the facts of each.

    `verify` compares the uncompressed bytes and the number of items with what is pinned here; the
    form of each item, its id and its row in the metadata are checked in any case. Raises InputError
    with every problem found (at most 20 lines of one file).
    """
    if category not in CATEGORIES:
        raise InputError(
            f"unknown category {category!r} of bbq: expected one of {', '.join(CATEGORIES)}"
        )
    if not folder.is_dir():
        raise InputError(
            f"{folder}: no such folder; expected one with BBQ's {category}.jsonl and {METADATA}"
            " (plain or .gz)"
        )
    problems: list[str] = []
    name = f"{category}.jsonl"
    raw = _content(folder, name, problems, verify=verify)
    metadata_raw = _content(folder, METADATA, problems, verify=verify)
    lines = [] if raw is None else _lines(raw, folder / name, problems)
    targets = (
        {}
        if metadata_raw is None
        else _targets(metadata_raw, folder / METADATA, category, problems)
    )
    if raw is not None and (verify or not lines):
        _check_count(lines, folder / name, category, problems)
    loaded = Loaded((), ()) if problems else _items(lines, targets, category, folder, problems)
    if problems:
        raise InputError(problems)
    return loaded


def departures(folder: Path, categories: Iterable[str]) -> list[str]:
    """One line for every file of these categories, and the metadata, that is not the authors' byte
    by byte.
    """
    problems: list[str] = []
    for name in [*(f"{category}.jsonl" for category in categories), METADATA]:
        _content(folder, name, problems, verify=True)
    return problems


def _content(folder: Path, name: str, problems: list[str], *, verify: bool) -> bytes | None:
    """The uncompressed bytes of `name` or `name`.gz; None (and a problem) where there is no usable
    file.
    """
    plain, packed = folder / name, folder / f"{name}.gz"
    path = plain if plain.is_file() else packed
    if not path.is_file():
        problems.append(
            f"{plain}: no such file, nor {packed.name}; expected BBQ's {name}: run acquire or copy"
            " it there"
        )
        return None
    try:
        content = path.read_bytes() if path is plain else gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        problems.append(f"{path}: not a whole gzip file ({error}); fetch it again")
        return None
    facts = BBQ_FILES[name]
    found = hashlib.sha256(content).hexdigest() if verify else facts.sha256
    if found != facts.sha256:
        problems.append(
            f"{path}: expected sha256 {facts.sha256} ({facts.bytes} bytes uncompressed), got"
            f" {found} ({len(content)} bytes); fetch it again, or switch the check off for a"
            " changed copy"
        )
    return content


def _lines(raw: bytes, path: Path, problems: list[str]) -> list[dict[str, Any]]:
    """The file's objects; a broken line or an id that is there twice is a problem with its line
    number.
    """
    objects: list[dict[str, Any]] = []
    seen: dict[int, int] = {}
    broken: list[str] = []
    for number, line in enumerate(raw.splitlines(), start=1):
        try:
            found = json.loads(line)
            problem = _shape_problem(found)
        except ValueError as error:  # broken JSON, broken UTF-8
            problem = f"not a whole JSON object ({error}); is the file truncated?"
        if problem is None:
            first = seen.setdefault(found["example_id"], number)
            problem = (
                None
                if first == number
                else f"example_id {found['example_id']} is already in line {first}"
            )
        if problem is None:
            objects.append(found)
        else:
            broken.append(f"{path}:{number}: {problem}")
    problems.extend(broken[:_MOST_PROBLEMS])
    if len(broken) > _MOST_PROBLEMS:
        problems.append(f"{path}: and {len(broken) - _MOST_PROBLEMS} more lines like these")
    return objects


def _shape_problem(found: Any) -> str | None:
    """What an item's object lacks, or None."""
    if not isinstance(found, dict):
        return f"expected a JSON object, got {type(found).__name__}"
    wanted = (
        "example_id",
        "question_index",
        "question_polarity",
        "context_condition",
        "answer_info",
    )
    missing = [
        key
        for key in (*wanted, "additional_metadata", "context", "question", *_ANSWERS, "label")
        if key not in found
    ]
    if missing:
        return f"expected BBQ's fields, missing {', '.join(missing)}"
    if not isinstance(found["example_id"], int) or found["label"] not in (0, 1, 2):
        return (
            f"expected whole numbers in example_id and label, got {found['example_id']!r} and"
            f" {found['label']!r}"
        )
    info = found["answer_info"]
    pairs: list[Any] = [info.get(key) for key in _ANSWERS] if isinstance(info, dict) else []
    if not pairs or not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        return (
            f"expected answer_info with two texts for each of {', '.join(_ANSWERS)}, got"
            f" {info!r:.80}"
        )
    if [pair[1] for pair in pairs].count(UNKNOWN_GROUP) != 1:
        return f"expected exactly one answer of the group {UNKNOWN_GROUP!r} in answer_info"
    return None


def _check_count(
    lines: list[dict[str, Any]], path: Path, category: str, problems: list[str]
) -> None:
    expected = CATEGORIES[category]
    if len(lines) != expected:
        problems.append(f"{path}: expected {expected} items, got {len(lines)}; fetch it again")


def _targets(raw: bytes, path: Path, category: str, problems: list[str]) -> dict[int, Target]:
    """example_id -> target and label type of one category; rows that are there twice count once."""
    columns = ["category", "example_id", "target_loc", "label_type"]
    try:
        found = pa_csv.read_csv(
            io.BytesIO(raw),
            parse_options=pa_csv.ParseOptions(
                newlines_in_values=True
            ),  # full_cond holds line breaks
            convert_options=pa_csv.ConvertOptions(
                include_columns=columns,
                column_types={
                    "category": pa.string(),
                    "example_id": pa.int64(),
                    "target_loc": pa.int64(),
                },
                null_values=["NA"],
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        problems.append(f"{path}: expected the columns {', '.join(columns)} as CSV, got: {error}")
        return {}
    targets: dict[int, Target] = {}
    for row in found.filter(pc.equal(found["category"], category)).to_pylist():
        one = Target(row["target_loc"], row["label_type"])
        if targets.setdefault(row["example_id"], one) != one:
            problems.append(
                f"{path}: {category} {row['example_id']}: two rows that contradict each other"
            )
    if not targets:
        problems.append(f"{path}: no row for the category {category}; expected one row per item")
    return targets


def _items(
    lines: list[dict[str, Any]],
    targets: dict[int, Target],
    category: str,
    folder: Path,
    problems: list[str],
) -> Loaded:
    lost = [line["example_id"] for line in lines if line["example_id"] not in targets]
    if lost:
        problems.append(
            f"{folder / METADATA}: no row for {len(lost)} items of {category}, the first is"
            f" {lost[0]}"
        )
        return Loaded((), ())
    pairs = [
        _item(line, targets[line["example_id"]], category, block=position // BLOCK)
        for position, line in enumerate(lines)
    ]
    return Loaded([item for item, _ in pairs], [facts for _, facts in pairs])


def _item(
    line: dict[str, Any], more: Target, category: str, *, block: int
) -> tuple[Item, BiasFacts]:
    info = [line["answer_info"][key] for key in _ANSWERS]
    groups = tuple(pair[1] for pair in info)
    options = tuple(line[key] for key in _ANSWERS)
    number, template = line["example_id"], int(line["question_index"])
    item_id, cluster = f"{category}-{number:05d}", f"{category}:{template}"
    item = Item(
        task="bbq",
        item_id=item_id,
        category=category,
        cluster=cluster,
        block=f"{cluster}:{block}",
        group=f"{category} (names)" if more.label_type == "name" else category,
        stratum=_STRATA[line["context_condition"]],
        context=line["context"],
        question=line["question"],
        options=options,
        gold=options[line["label"]],
    )
    facts = BiasFacts(
        task="bbq",
        item_id=item_id,
        example_id=number,
        question_index=template,
        polarity=line["question_polarity"],
        target=more.target,
        unknown=groups.index(UNKNOWN_GROUP),
        option_names=tuple(pair[0] for pair in info),
        option_groups=groups,
        label_type="name" if more.label_type == "name" else "label",
        stereotyped_groups=tuple(line["additional_metadata"]["stereotyped_groups"]),
    )
    return item, facts
