"""Models and datasets that lie in a folder already: which of its files count, are they whole, what
do they hash to.

Reads the folder only, copies nothing. A user's dataset folder may hold `Age.jsonl` or
`Age.jsonl.gz`; sizes and hashes are of the uncompressed bytes.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from featherweight.acquire.lock import Lock, differences, disagreements
from featherweight.acquire.manifest import Manifest, entries
from featherweight.acquire.verify import Digest, digest
from featherweight.chat.facts import read_chat
from featherweight.errors import InputError
from featherweight.specs import Source

# What a model needs: weights as safetensors, JSON, the tokenizer, the chat template. Nothing that
# could carry code.
MODEL_FILES = (
    "*.safetensors",
    "*.json",
    "*.jinja",
    "tokenizer.model",
    "merges.txt",
    "vocab.txt",
    "LICENSE*",
)
PICKLED = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.pickle", "*.ckpt")
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")


def acquire_folder(source: Source, lock: Lock) -> Manifest:
    """The manifest of a model or dataset in a local folder.

    Raises InputError with everything that is wrong.
    """
    folder = existing_folder(source)
    paths = (
        dataset_paths(source, folder, lock)
        if source.what == "dataset"
        else model_paths(source, folder)
    )
    digests = {name: _digest(source, path) for name, path in paths.items()}
    problems = [*disagreements(source, lock), *differences(source, lock, digests)]
    if problems:
        raise InputError(problems)
    entry = lock.entry(source.what, source.name)
    locked = entry is not None and bool(entry.files)
    chat, shown = read_chat(folder) if source.what == "model" else (None, [])
    return Manifest(
        name=source.name,
        what=source.what,
        kind=source.kind,
        repository=source.repository,
        revision=source.revision,
        licence=source.licence,
        folder=folder,
        files=entries(
            digests, {name: path.relative_to(folder).as_posix() for name, path in paths.items()}
        ),
        verified="lock" if locked else "hashed here",
        chat=chat,
        disagreements=tuple(shown),
    )


def existing_folder(source: Source) -> Path:
    """The absolute folder of a source. Raises InputError if none is named or it is not there."""
    option = "model_folders" if source.what == "model" else "datasets"
    if source.folder is None:
        raise InputError(
            f"{source.what} {source.name!r}: expected a folder, got none; name it: "
            f"snakemake --config '{option}={{{source.name}: PATH}}'"
        )
    folder = Path(source.folder).expanduser()
    if not folder.is_dir():
        got = "a file" if folder.exists() else "nothing"
        raise InputError(
            f"{source.what} {source.name!r}: expected a folder at {folder}, got {got};"
            f" correct the path in {option} (config/config.yaml) or in config/{source.what}s.yaml"
        )
    return folder.resolve()


def model_paths(source: Source, folder: Path) -> dict[str, Path]:
    """The files of a model folder that count.

    Raises InputError with everything that is missing from it.
    """
    found = {
        path.name: path
        for pattern in MODEL_FILES
        for path in folder.glob(pattern)
        if path.is_file()
    }
    where = f"model {source.name!r}"
    problems = []
    if "config.json" not in found:
        problems.append(
            f"{where}: expected config.json in {folder}, got none; it must be in the Hugging Face"
            " layout"
        )
    weights = [path for name, path in found.items() if name.endswith(".safetensors")]
    pickles = sorted(path.name for pattern in PICKLED for path in folder.glob(pattern))
    if not weights and pickles:
        problems.append(
            f"{where}: expected weights as .safetensors in {folder}, got {', '.join(pickles)}: a"
            " pickle can run code, so it is not loaded; convert it with safetensors"
        )
    elif not weights:
        problems.append(f"{where}: expected weights as .safetensors in {folder}, got none")
    if not any(name in found for name in TOKENIZERS):
        problems.append(
            f"{where}: expected a tokenizer ({', '.join(TOKENIZERS)}) in {folder}, got none"
        )
    problems += [
        problem for path in weights if (problem := weights_problem(where, path)) is not None
    ]
    problems += _missing_shards(where, folder)
    if not problems:
        problems += template_problems(source, folder)
    if problems:
        raise InputError(problems)
    return found


def template_problems(source: Source, folder: Path) -> list[str]:
    """A model without a chat template needs a `prompt_format`; otherwise nobody said how to talk to
    it.
    """
    chat, _ = read_chat(folder)
    if chat["has_template"] or source.prompt_format is not None:
        return []
    return [
        f"model {source.name!r}: expected a chat template in {folder} (tokenizer_config.json or"
        " chat_template.jinja), got none: a base model; give it a prompt_format in"
        " config/models.yaml"
    ]


def weights_problem(where: str, path: Path) -> str | None:
    """Whether a safetensors file is as long as its own header says: finds a truncated file where no
    hash is known.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        start = stream.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else None
        try:
            header: Any = (
                json.loads(stream.read(length)) if length is not None and length < size else None
            )
            ends = [
                tensor["data_offsets"][1]
                for name, tensor in header.items()
                if name != "__metadata__"
            ]
        except (ValueError, AttributeError, KeyError, TypeError, IndexError):
            return (
                f"{where}: {path}: expected a safetensors file, got something else or a part of"
                " one; fetch it again"
            )
    promised = 8 + int(length or 0) + max(ends, default=0)
    if promised == size:
        return None
    return (
        f"{where}: {path}: expected {promised:,} bytes (its own header), got {size:,}; fetch it"
        " again"
    )


def _missing_shards(where: str, folder: Path) -> list[str]:
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return []
    try:
        named = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        missing = [shard for shard in named if not (folder / shard).is_file()]
    except (ValueError, KeyError, TypeError, AttributeError):
        return [
            f"{where}: {index}: expected JSON with a weight_map, got something else; fetch it again"
        ]
    return [
        f"{where}: {index.name} names {shard}: expected it in {folder}, got nothing"
        for shard in missing
    ]


def dataset_paths(source: Source, folder: Path, lock: Lock) -> dict[str, Path]:
    """Local name to file, plain or .gz.

    Without named files: every file at the top of the folder.
    """
    entry = lock.entry("dataset", source.name)
    names = sorted(source.files) or sorted(entry.files if entry is not None else ())
    if not names:
        found = {
            path.name: path
            for path in sorted(folder.iterdir())
            if path.is_file() and path.name[0] != "."
        }
        if not found:
            raise InputError(
                f"dataset {source.name!r}: expected files in {folder}, got an empty folder"
            )
        return found
    paths, problems = {}, []
    for name in names:
        choices = [folder / name, folder / f"{name}.gz"]
        there = [path for path in choices if path.is_file()]
        if there:
            paths[name] = there[0]
        else:
            problems.append(
                f"dataset {source.name!r}: expected {name} or {name}.gz in {folder}, got neither"
            )
    if problems:
        raise InputError(problems)
    return paths


def _digest(source: Source, path: Path) -> Digest:
    try:
        return digest(path)
    except ValueError as error:
        raise InputError(f"{source.what} {source.name!r}: {error}; fetch it again") from error
    except OSError as error:
        raise InputError(
            f"{source.what} {source.name!r}: {path}: cannot be read: {error.strerror}"
        ) from error
