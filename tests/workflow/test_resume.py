"""The generate stage through its command line: kill -9 and go on, rerun, change something; which
samples are made.
"""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from character_model import write_model

from featherweight.engines import Completion, Decoding
from featherweight.engines.transformers.slots import SlotLoop
from featherweight.errors import InputError
from featherweight.files import read_json, read_rows, write_json, write_rows
from featherweight.generate.run import Places, run
from featherweight.generate.store import SampleStore
from featherweight.generate.work import portion_for
from featherweight.records import Item, Prompt, Sample

ROOT = Path(__file__).parents[2]
CATEGORIES = ("one", "two", "three")
PER_CELL = 20


def an_item(category: str, number: int) -> Item:
    return Item(
        task="pocket",
        category=category,
        item_id=f"{category}-{number}",
        example_id=number,
        question_index=1,
        cluster=f"{category}:1",
        block=f"{category}:1:{number // 4}",
        context_condition="ambig",
        question_polarity="neg",
        context="",
        question="",
        options=("he", "she", "unclear"),
        option_names=("he", "she", "unknown"),
        option_groups=("m", "f", "unknown"),
        gold=2,
        unknown=2,
        target=0,
        group=category,
        label_type="label",
        stereotyped_groups=("m",),
    )


def a_prompt(item: Item, number: int, tokens: bool) -> Prompt:
    ids = (1, *(5 + (number * 7 + place) % 30 for place in range(3 + number % 9)))
    return Prompt(
        model="tiny",
        task="pocket",
        category=item.category,
        item_seed=0,
        sample_seed=4,
        item_id=item.item_id,
        text=f"prompt {number}",
        token_ids=ids if tokens else (),
        shown_order=(1, 2, 0),
    )


def chunk(size: int, *, across_cells: bool = False) -> dict[str, Any]:
    return {"size": size, "across_cells": across_cells}


class Study:
    """Items, prompts, a manifest and a spec in a folder."""

    def __init__(self, folder: Path, model: Path | None, **changes: Any) -> None:
        self.folder = folder
        self.places = Places(
            folder / "model.json",
            folder / "items",
            folder / "prompts",
            folder / "out",
            folder / "store",
            folder / "t.json",
        )
        for category in CATEGORIES:
            items = [an_item(category, number) for number in range(PER_CELL)]
            write_rows(self.places.items / f"pocket/{category}/0.parquet", items, Item)
            prompts = [
                a_prompt(item, number, model is not None) for number, item in enumerate(items)
            ]
            write_rows(self.places.prompts / f"pocket/{category}/4.parquet", prompts, Prompt)
        files = {"model.safetensors": {"bytes": 1, "sha256": "ab"}}
        where = None if model is None else str(model)
        write_json(
            self.places.manifest,
            {"name": "tiny", "folder": where, "revision": None, "files": files},
        )
        self.spec: dict[str, Any] = {
            "model": "tiny",
            "revision": None,
            "engine": "transformers" if model else "controls",
            "control": None if model else "random",
            "dtype": "float32" if model else "random",
            "decoding": {"temperature": 0.9, "top_p": 1.0, "top_k": 0, "max_new_tokens": 48},
            "samples_per_prompt": 2,
            "thinking": None,
            "chunk": chunk(8),
            "cells": [self.cell(category) for category in CATEGORIES],
        } | changes

    @staticmethod
    def cell(category: str) -> dict[str, Any]:
        return {"task": "pocket", "category": category, "seed": 4, "item_seed": 0, "sample_seed": 4}

    def run(self) -> dict[str, Any]:
        run(self.spec, self.places, threads=1)
        timings: dict[str, Any] = read_json(self.places.timings)
        return timings

    def command(self) -> list[str]:
        names = ("manifest", "items", "prompts", "output", "store", "timings")
        paths = [part for name in names for part in (f"--{name}", str(getattr(self.places, name)))]
        spec = ["--spec", json.dumps(self.spec), "--threads", "1"]
        return [sys.executable, "-m", "featherweight", "generate", *spec, *paths]

    def outputs(self) -> dict[str, bytes]:
        out = self.places.output
        return {
            str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*.parquet"))
        }

    def samples(self) -> list[Sample]:
        return read_rows([self.places.output / name for name in self.outputs()], Sample)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("tiny"), layers=6)


@pytest.fixture
def control(tmp_path: Path) -> Study:
    return Study(tmp_path, None)


OPTIONS = ("(A)", "(B)", "(C)")


def by_likelihood(study: Study, categories: tuple[str, ...] = CATEGORIES) -> Study:
    """The study with answers that are chosen from the tiny model's tokens of "(A)", "(B)" and
    "(C)".
    """
    characters = "abcdefghijklmnopqrstuvwxyzABC(). \n"
    ids = tuple(
        tuple(5 + characters.index(character) for character in option) for option in OPTIONS
    )
    for category in categories:
        path = study.places.prompts / f"pocket/{category}/4.parquet"
        rows = [
            dataclasses.replace(row, options=OPTIONS, option_ids=ids)
            for row in read_rows(path, Prompt)
        ]
        write_rows(path, rows, Prompt)
    return study


def chunk_files(study: Study) -> list[Path]:
    return sorted((study.places.store / "tiny").glob("*.jsonl"))


def killed_after(study: Study, chunks: int) -> int:
    """Run the command, kill -9 it when this many chunk files are there; returns how many there are
    then.
    """
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow"), "OMP_NUM_THREADS": "1"}
    with (study.folder / "log").open("ab") as log:
        process = subprocess.Popen(study.command(), env=environment, stderr=log)
        deadline = time.monotonic() + 120
        while (
            len(chunk_files(study)) < chunks
            and process.poll() is None
            and time.monotonic() < deadline
        ):
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, (study.folder / "log").read_text()
    return len(chunk_files(study))


def test_killed_twice_and_resumed_is_byte_identical_to_undisturbed(
    model: Path, tmp_path: Path
) -> None:
    undisturbed = Study(tmp_path / "a", model)
    assert undisturbed.run()["generated"] == 2 * PER_CELL * len(CATEGORIES)
    disturbed = Study(tmp_path / "b", model)
    first = killed_after(disturbed, 2)
    second = killed_after(disturbed, first + 2)
    assert 2 <= first < second < 15, "15 chunks in all: both kills must fall in the middle"
    timings = disturbed.run()
    assert timings["from_store"] == 8 * second
    assert timings["generated"] == 120 - 8 * second
    assert disturbed.outputs() == undisturbed.outputs()
    assert [p.read_bytes() for p in chunk_files(disturbed)] == [
        p.read_bytes() for p in chunk_files(undisturbed)
    ]
    assert len({sample.text for sample in disturbed.samples()}) > 60


def test_chunks_that_run_across_cells_give_the_same_answers_and_survive_a_kill(
    model: Path, tmp_path: Path
) -> None:
    apart = Study(tmp_path / "a", model)
    apart.run()
    mixed, disturbed = (
        Study(tmp_path / name, model, chunk=chunk(24, across_cells=True))
        for name in ("mixed", "disturbed")
    )
    mixed.run()
    assert [len(path.read_text().splitlines()) for path in chunk_files(mixed)] == [24] * 5, (
        "40 samples per cell"
    )
    assert [(s.item_id, s.text) for s in mixed.samples()] == [
        (s.item_id, s.text) for s in apart.samples()
    ]
    kept = killed_after(disturbed, 3)
    assert 3 <= kept < 5
    assert "pocket/one/4.parquet" in disturbed.outputs(), "this cell ended in the second chunk"
    assert "pocket/three/4.parquet" not in disturbed.outputs()
    assert disturbed.run()["from_store"] == 24 * kept
    assert disturbed.outputs() == mixed.outputs()


@pytest.mark.parametrize(
    ("device", "max_new_tokens", "expected"),
    [
        ("cpu", 512, (64, False)),
        ("cuda", 64, (4096, True)),  # 2**20 / 64 is more than a chunk may be
        ("cuda", 512, (2048, True)),
        ("cuda", 32768, (256, True)),  # never fewer than a GPU's rows
    ],
)
def test_a_gpu_gets_long_lists(
    device: str, max_new_tokens: int, expected: tuple[int, bool]
) -> None:
    decoding = Decoding(0.0, 1.0, 0, max_new_tokens)
    assert portion_for(device, decoding) == expected
    assert portion_for(device, decoding, chunk(3)) == (3, False)


def test_a_gpu_that_goes_away_takes_no_finished_sample_with_it(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed, broken = (
        Study(tmp_path / "a", model),
        Study(tmp_path / "b", model, chunk=chunk(40)),
    )
    undisturbed.run()
    accept, calls = SlotLoop._accept, []

    def fails_late(loop: SlotLoop, *args: Any) -> None:
        calls.append(len(loop.ended))
        if len(loop.ended) >= 4:
            raise RuntimeError("CUDA error: unspecified launch failure")
        accept(loop, *args)

    monkeypatch.setattr(SlotLoop, "_accept", fails_late)
    with pytest.raises(InputError, match=r"the GPU stopped answering .*finished samples are kept"):
        broken.run()
    monkeypatch.undo()
    assert 4 <= calls[-1] < 40
    timings = broken.run()
    assert timings["from_store"] == calls[-1]
    assert timings["generated"] == 120 - calls[-1]
    assert [s.text for s in broken.samples()] == [s.text for s in undisturbed.samples()]


def test_an_item_that_two_cells_of_a_chunk_ask_in_the_same_words_is_answered_once(
    tmp_path: Path,
) -> None:
    twice = [Study.cell("one"), Study.cell("one") | {"task": "again"}]
    study = Study(tmp_path, None, chunk=chunk(256, across_cells=True), cells=twice)
    for folder, name in ((study.places.items, "0.parquet"), (study.places.prompts, "4.parquet")):
        (folder / "again/one").mkdir(parents=True)
        (folder / f"again/one/{name}").write_bytes((folder / f"pocket/one/{name}").read_bytes())
    assert study.run()["generated"] == 2 * PER_CELL
    assert len(study.samples()) == 2 * 2 * PER_CELL


def test_likelihoods_killed_and_resumed_are_byte_identical_too(model: Path, tmp_path: Path) -> None:
    """Both ways in one study: a cell whose answers are chosen, then two whose answers are
    generated.
    """
    undisturbed = by_likelihood(Study(tmp_path / "a", model), ("one",))
    made = undisturbed.run()
    assert (made["generated"], made["by_likelihood"], made["from_store"]) == (20 + 80, 20, 0)
    disturbed = by_likelihood(Study(tmp_path / "b", model), ("one",))
    first = killed_after(disturbed, 1)
    assert 1 <= first < 13, "3 chunks are chosen and 10 generated: the kill must fall in the middle"
    assert disturbed.run()["from_store"] >= 8
    assert disturbed.outputs() == undisturbed.outputs()
    chosen = [sample for sample in undisturbed.samples() if sample.finish == "scored"]
    assert [sample.category for sample in chosen] == ["one"] * PER_CELL
    for sample in chosen:
        values = sample.option_loglikelihoods or ()
        assert (
            sample.text == sample.answer == OPTIONS[max(range(3), key=lambda place: values[place])]
        )
        assert (sample.n_tokens, sample.mean_logprob, sample.thinking, sample.sample_index) == (
            0,
            None,
            None,
            0,
        )
    assert all(
        s.option_loglikelihoods is None for s in undisturbed.samples() if s.category != "one"
    )


def test_a_chunk_holds_answers_of_one_way(model: Path, tmp_path: Path) -> None:
    """Across cells too: 20 are chosen (one per prompt), then 80 are generated (two per prompt), 25
    at most at once.
    """
    study = by_likelihood(
        Study(tmp_path / "a", model, chunk=chunk(25, across_cells=True)), ("one",)
    )
    study.run()
    lines = [
        [json.loads(line) for line in path.read_text().splitlines()] for path in chunk_files(study)
    ]
    assert (
        sorted(len({"option_loglikelihoods" in line for line in chunk}) for chunk in lines)
        == [1] * 5
    )
    assert sorted(map(len, lines)) == [8, 20, 24, 24, 24]
    apart = by_likelihood(Study(tmp_path / "b", model), ("one",))
    apart.run()
    assert [(s.item_id, s.text) for s in study.samples()] == [
        (s.item_id, s.text) for s in apart.samples()
    ]


@pytest.mark.parametrize(
    ("change", "generated"),
    [
        ({}, 0),
        ({"samples_per_prompt": 3}, 0),
        ({"decoding": {"temperature": 0.0, "top_p": 0.5, "top_k": 9, "max_new_tokens": 1}}, 0),
        ({"cells": [Study.cell("one"), Study.cell("two") | {"sample_seed": 5}]}, 0),
        ({"revision": "abc"}, 20),
    ],
    ids=["nothing", "samples per prompt", "decoding", "sample seed", "revision"],
)
def test_nothing_of_a_likelihood_is_drawn(
    model: Path, tmp_path: Path, change: dict[str, Any], generated: int
) -> None:
    """The three categories ask the same 20 prompts: without noise an answer to one is the answer to
    all.
    """
    study = by_likelihood(Study(tmp_path, model))
    first = study.run()
    assert (first["generated"], first["from_store"]) == (20, 40)
    assert (first["by_likelihood"], first["tokens"], first["tokens_per_second"]) == (20, 0, None)
    assert first["seconds_likelihood"] > 0 == first["seconds_generate"]
    study.spec |= change
    assert study.run()["generated"] == generated


def test_items_that_are_one_to_the_model_are_computed_once(
    model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    study = by_likelihood(Study(tmp_path, model, cells=[Study.cell("one")]))
    path = study.places.prompts / "pocket/one/4.parquet"
    rows = read_rows(path, Prompt)
    write_rows(
        path, [dataclasses.replace(row, token_ids=rows[0].token_ids) for row in rows], Prompt
    )
    with caplog.at_level("INFO", "featherweight"):
        made = study.run()
    assert (made["generated"], made["from_store"]) == (1, 19)
    assert "20/20 samples" in caplog.messages[-1]
    assert len({sample.option_loglikelihoods for sample in study.samples()}) == 1


def test_controls_answer_by_rule_whichever_way(control: Study) -> None:
    """A control sees the same item; its rule's answer is in the store already."""
    control.spec["samples_per_prompt"] = 1
    control.run()
    before = {(sample.item_id, sample.text) for sample in control.samples()}
    for category in CATEGORIES:
        path = control.places.prompts / f"pocket/{category}/4.parquet"
        write_rows(
            path,
            [dataclasses.replace(row, options=OPTIONS) for row in read_rows(path, Prompt)],
            Prompt,
        )
    control.spec["samples_per_prompt"] = 4
    again = control.run()
    assert (again["generated"], again["by_likelihood"], again["from_store"]) == (0, 0, 60)
    assert {(sample.item_id, sample.text) for sample in control.samples()} == before


def test_options_that_do_not_fit_behind_a_prompt_are_said(model: Path, tmp_path: Path) -> None:
    """The tiny model sees 256 tokens: a prompt of 253 leaves room for "(A)", one of 254 does
    not."""
    study = by_likelihood(Study(tmp_path, model))
    path = study.places.prompts / "pocket/one/4.parquet"
    rows = read_rows(path, Prompt)
    write_rows(path, [dataclasses.replace(rows[0], token_ids=(1,) * 253), *rows[1:]], Prompt)
    assert study.run()["generated"] == 21
    write_rows(path, [dataclasses.replace(rows[0], token_ids=(1,) * 254), *rows[1:]], Prompt)
    with pytest.raises(InputError, match=r"1 of 20 prompts do not fit \(first: one-0, 254 tokens"):
        study.run()


def test_nothing_missing_generates_nothing_and_loads_nothing(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = Study(tmp_path, model)
    first = study.run()
    before = study.outputs()
    assert first["tokens"] == sum(sample.n_tokens for sample in study.samples())
    assert first["tokens_per_second"] > 0

    def load(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("loaded although nothing was missing")

    monkeypatch.setattr("featherweight.generate.run.load_engine", load)
    again = study.run()
    assert (again["generated"], again["from_store"], again["tokens"]) == (0, 120, 0)
    assert again["tokens_per_second"] is None
    assert again["engine"] == first["engine"]
    assert study.outputs() == before


def test_samples_carry_their_cell_and_nothing_that_changes(control: Study) -> None:
    control.run()
    samples = control.samples()
    assert len(samples) == 120
    first = samples[0]
    assert (first.model, first.task, first.item_seed, first.sample_seed) == ("tiny", "pocket", 0, 4)
    assert {sample.sample_index for sample in samples} == {0, 1}
    assert {sample.text for sample in samples} == {"(A)", "(B)", "(C)"}


@pytest.mark.parametrize(
    ("change", "generated"),
    [
        ({}, 0),
        ({"chunk": chunk(3)}, 0),
        ({"chunk": chunk(50, across_cells=True)}, 0),
        ({"thinking": {"open": "<think>", "close": "</think>"}}, 0),
        ({"cells": [Study.cell("one")]}, 0),
        ({"samples_per_prompt": 3}, 60),
        ({"decoding": {"temperature": 0.5, "top_p": 1.0, "top_k": 0, "max_new_tokens": 48}}, 120),
        ({"dtype": "first-option"}, 120),
        ({"revision": "abc"}, 120),
        ({"cells": [Study.cell("one"), Study.cell("two") | {"sample_seed": 5}]}, 40),
    ],
    ids=[
        "nothing",
        "chunk",
        "mixed",
        "tags",
        "fewer cells",
        "one more sample",
        "temperature",
        "engine",
        "revision",
        "a seed",
    ],
)
def test_only_what_a_change_touches_is_generated(
    control: Study, change: dict[str, Any], generated: int
) -> None:
    control.run()
    control.spec |= change
    assert control.run()["generated"] == generated


def test_other_weights_or_another_prompt_are_generated_again(control: Study) -> None:
    control.run()
    path = control.places.prompts / "pocket/one/4.parquet"
    rows = read_rows(path, Prompt)
    write_rows(path, [dataclasses.replace(rows[0], text="otherwise"), *rows[1:]], Prompt)
    assert control.run()["generated"] == 2
    manifest = read_json(control.places.manifest)
    manifest["files"]["model.safetensors"]["sha256"] = "cd"
    write_json(control.places.manifest, manifest)
    assert control.run()["generated"] == 120


def test_a_damaged_chunk_is_made_again(control: Study, caplog: pytest.LogCaptureFixture) -> None:
    control.run()
    before = control.outputs()
    damaged = chunk_files(control)[3]
    lines = damaged.read_bytes().splitlines(keepends=True)
    damaged.write_bytes(b"".join([*lines[:2], b"garbage\n", *lines[3:]]))
    assert control.run()["generated"] == 1
    assert control.outputs() == before
    assert any("1 damaged lines" in message for message in caplog.messages)


def test_a_deleted_output_costs_no_sample(control: Study) -> None:
    control.run()
    before = control.outputs()
    (control.places.output / "pocket/two/4.parquet").unlink()
    assert control.run()["generated"] == 0
    assert control.outputs() == before


def test_a_full_disk_says_what_is_kept(control: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    real = SampleStore.add

    def add(store: SampleStore, keys: list[str], made: list[Completion]) -> None:
        if len(store) >= 16:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "chunk")
        real(store, keys, made)

    monkeypatch.setattr(SampleStore, "add", add)
    with pytest.raises(
        InputError, match="no space left on the disk; 16 finished samples are kept"
    ) as caught:
        control.run()
    assert len(caught.value.problems) == 1
    monkeypatch.undo()
    assert control.run()["from_store"] == 16


def test_prompts_that_do_not_fit_are_all_said_before_any_work(model: Path, tmp_path: Path) -> None:
    study = Study(tmp_path, model)
    for category in ("one", "three"):
        path = study.places.prompts / f"pocket/{category}/4.parquet"
        rows = read_rows(path, Prompt)
        write_rows(path, [dataclasses.replace(rows[0], token_ids=(1,) * 300), *rows[1:]], Prompt)
    with pytest.raises(
        InputError, match=r"1 of 20 prompts do not fit \(first: one-0, 300 tokens"
    ) as caught:
        study.run()
    assert len(caught.value.problems) == 2
    assert study.outputs() == {}


def test_prompts_of_another_draw_are_refused(control: Study) -> None:
    path = control.places.items / "pocket/one/0.parquet"
    write_rows(path, read_rows(path, Item)[5:], Item)
    with pytest.raises(InputError, match=r"5 are not there .first: one-0."):
        control.run()


def test_a_model_that_is_not_there_gives_empty_files(control: Study) -> None:
    for category in CATEGORIES:
        write_rows(control.places.prompts / f"pocket/{category}/4.parquet", [], Prompt)
    control.spec["engine"] = "transformers"
    control.spec["dtype"] = "auto"
    assert control.run()["generated"] == 0
    assert control.samples() == []
    assert len(control.outputs()) == len(CATEGORIES)
