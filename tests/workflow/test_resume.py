"""The generate stage through its command line: kill -9 and go on, rerun, change something; which
samples are made.
"""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from character_model import write_model

from featherweight.engines.transformers.slots import SlotLoop
from featherweight.errors import InputError
from featherweight.files import read_json, read_rows, write_json, write_rows
from featherweight.generate.lines import usage_of
from featherweight.generate.plan import chunk_spec
from featherweight.generate.run import Counts, Places, Shard, collect, run, run_shard
from featherweight.generate.store import SampleStore
from featherweight.records import Item, Prompt, Sample, Usage
from featherweight.specs import ChunkSpec, GenerateSpec
from featherweight.tasks.bbq.facts import BiasFacts

ROOT = Path(__file__).parents[2]
CATEGORIES = ("one", "two", "three")
PER_CELL = 20


def an_item(category: str, number: int) -> Item:
    return Item(
        task="pocket",
        item_id=f"{category}-{number}",
        category=category,
        cluster=f"{category}:1",
        block=f"{category}:1:{number // 4}",
        group=category,
        stratum="ambiguous",
        context="",
        question="",
        options=("he", "she", "unclear"),
        gold="unclear",
    )


def facts_of(item: Item) -> BiasFacts:
    return BiasFacts(
        task="pocket",
        item_id=item.item_id,
        example_id=1,
        question_index=1,
        polarity="neg",
        target=0,
        unknown=2,
        option_names=("he", "she", "unknown"),
        option_groups=("m", "f", "unknown"),
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


def decoding(temperature: float = 0.9, limit: int = 48, top_p: float = 1.0) -> dict[str, Any]:
    return {"temperature": temperature, "top_p": top_p, "top_k": 0, "max_new_tokens": limit}


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
            folder / "usage.parquet",
        )
        for category in CATEGORIES:
            items = [an_item(category, number) for number in range(PER_CELL)]
            write_rows(self.places.items / f"pocket/{category}/0.parquet", items, Item)
            facts = [facts_of(item) for item in items]
            write_rows(self.places.items / f"pocket/{category}/0.facts.parquet", facts, BiasFacts)
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
            "engine": "transformers",
            "control": None if model else "random",
            "dtype": "float32",
            "decoding": decoding(),
            "samples_per_prompt": 2,
            "thinking": None,
            "chunk": chunk(8),
            "cells": [self.cell(category) for category in CATEGORIES],
            "tasks": dict.fromkeys(("pocket", "again"), "pocket"),
        } | changes

    @staticmethod
    def cell(category: str) -> dict[str, Any]:
        return {"task": "pocket", "category": category, "seed": 4, "item_seed": 0, "sample_seed": 4}

    def run(self) -> Counts:
        return run(GenerateSpec.model_validate(self.spec), self.places, threads=1)

    def usage(self) -> list[Usage]:
        return read_rows(self.places.usage, Usage)

    def command(self, *more: str) -> list[str]:
        names = ("manifest", "items", "prompts", "output", "store", "usage")
        paths = [part for name in names for part in (f"--{name}", str(getattr(self.places, name)))]
        spec = ["--spec", json.dumps(self.spec), "--threads", "1", *more]
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


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("small"), layers=1)


@pytest.fixture
def study(small_model: Path, tmp_path: Path) -> Study:
    """Short answers of a small model: quick."""
    return Study(tmp_path, small_model, decoding=decoding(limit=4))


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


def completions(path: Path) -> list[bytes]:
    """The lines of a chunk, but for its last, which says what it cost."""
    *lines, last = path.read_bytes().splitlines()
    assert usage_of(last) is not None
    return lines


def cost(usage: Usage) -> tuple[object, ...]:
    """What of a cost is no matter of time."""
    return usage.chunk, usage.n_requests, usage.n_samples, usage.tokens_in, usage.tokens_out


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
    assert undisturbed.run() == (120, 0)
    disturbed = Study(tmp_path / "b", model)
    first = killed_after(disturbed, 2)
    second = killed_after(disturbed, first + 2)
    assert 2 <= first < second < 15, "15 chunks in all: both kills must fall in the middle"
    assert disturbed.run() == (120 - 8 * second, 8 * second)
    assert disturbed.outputs() == undisturbed.outputs()
    assert {p.name: completions(p) for p in chunk_files(disturbed)} == {
        p.name: completions(p) for p in chunk_files(undisturbed)
    }
    # What the killed runs paid is not lost.
    assert len(disturbed.usage()) == len(undisturbed.usage()) == 15
    assert [cost(one) for one in disturbed.usage()] == [cost(one) for one in undisturbed.usage()]
    assert [one.seconds_load > 0 for one in disturbed.usage()].count(True) == 3
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
    assert [len(completions(path)) for path in chunk_files(mixed)] == [24] * 5, (
        "40 samples per cell"
    )
    assert [(s.item_id, s.text) for s in mixed.samples()] == [
        (s.item_id, s.text) for s in apart.samples()
    ]
    kept = killed_after(disturbed, 3)
    assert 3 <= kept < 5
    assert disturbed.run().from_store == 24 * kept
    assert disturbed.outputs() == mixed.outputs()


@pytest.mark.parametrize(
    ("device", "max_new_tokens", "expected"),
    [
        ("cpu", 4096, (64, True)),  # never fewer than a CPU's slots
        ("cpu", 64, (256, True)),  # four fillings: the slots are refilled
        ("cpu", 8, (512, True)),
        ("cuda", 64, (4096, True)),  # 2**20 / 64 is more than a chunk may be
        ("cuda", 512, (2048, True)),
        ("cuda", 32768, (256, True)),  # never fewer than a GPU's rows
    ],
)
def test_a_list_suits_its_device(
    device: str, max_new_tokens: int, expected: tuple[int, bool]
) -> None:
    size, across_cells = expected
    assert chunk_spec(device, max_new_tokens=max_new_tokens) == ChunkSpec(
        size=size, across_cells=across_cells
    )


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
        calls.append(len(loop.finished))
        if len(loop.finished) >= 4:
            raise RuntimeError("CUDA error: unspecified launch failure")
        accept(loop, *args)

    monkeypatch.setattr(SlotLoop, "_accept", fails_late)
    with pytest.raises(InputError, match=r"the GPU stopped answering .*finished samples are kept"):
        broken.run()
    monkeypatch.undo()
    assert 4 <= calls[-1] < 40
    assert broken.run() == (120 - calls[-1], calls[-1])
    assert [s.text for s in broken.samples()] == [s.text for s in undisturbed.samples()]


def test_an_item_that_two_cells_of_a_chunk_ask_in_the_same_words_is_answered_once(
    study: Study,
) -> None:
    twice = [Study.cell("one"), Study.cell("one") | {"task": "again"}]
    study.spec |= {"chunk": chunk(256, across_cells=True), "cells": twice}
    for folder, name in ((study.places.items, "0.parquet"), (study.places.prompts, "4.parquet")):
        (folder / "again/one").mkdir(parents=True)
        (folder / f"again/one/{name}").write_bytes((folder / f"pocket/one/{name}").read_bytes())
    assert study.run().generated == 2 * PER_CELL
    assert len(study.samples()) == 2 * 2 * PER_CELL


def test_likelihoods_killed_and_resumed_are_byte_identical_too(model: Path, tmp_path: Path) -> None:
    """Both ways in one study: a cell whose answers are chosen, then two whose answers are
    generated.
    """
    undisturbed = by_likelihood(Study(tmp_path / "a", model), ("one",))
    assert undisturbed.run() == (20 + 80, 0)
    assert sum(one.n_scored for one in undisturbed.usage()) == 20
    disturbed = by_likelihood(Study(tmp_path / "b", model), ("one",))
    first = killed_after(disturbed, 1)
    assert 1 <= first < 13, "3 chunks are chosen and 10 generated: the kill must fall in the middle"
    assert disturbed.run().from_store >= 8
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
    lines = [[json.loads(line) for line in completions(path)] for path in chunk_files(study)]
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
        ({"decoding": decoding(0.0, 1, 0.5)}, 0),
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
    assert study.run() == (20, 40)
    costs = study.usage()
    assert [(one.n_samples, one.n_scored, one.tokens_out) for one in costs] == [
        (one.n_samples, one.n_samples, 0) for one in costs
    ]
    assert sum(one.n_samples for one in costs) == 20
    study.spec |= change
    assert study.run().generated == generated


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
        assert study.run() == (1, 19)
    assert "20/20 samples" in caplog.messages[-1]
    assert len({sample.option_loglikelihoods for sample in study.samples()}) == 1


def test_controls_answer_by_rule_without_engine_and_store(control: Study) -> None:
    """Whichever way they are asked: by likelihood each prompt once."""
    assert control.run() == (120, 0)
    assert not control.places.store.exists()
    assert control.usage() == []
    samples = control.samples()
    assert {sample.text for sample in samples} == {"(A)", "(B)", "(C)"}
    assert {(s.token_ids, s.n_tokens, s.mean_logprob, s.finish) for s in samples} == {
        (None, 1, None, "stop")
    }
    before = {(s.item_id, s.text) for s in samples if s.sample_index == 0}
    for category in CATEGORIES:
        path = control.places.prompts / f"pocket/{category}/4.parquet"
        rows = [dataclasses.replace(row, options=OPTIONS) for row in read_rows(path, Prompt)]
        write_rows(path, rows, Prompt)
    control.spec["samples_per_prompt"] = 4
    assert control.run() == (60, 0)
    assert {(sample.item_id, sample.text) for sample in control.samples()} == before


@pytest.mark.parametrize(("name", "text"), [("oracle", "(B)"), ("first-option", "(A)")])
def test_a_control_sees_the_item_as_it_was_shown(control: Study, name: str, text: str) -> None:
    """Shown in the order (1, 2, 0), the right option, number 2, stands under (B)."""
    control.spec["control"] = name
    control.run()
    assert {sample.text for sample in control.samples()} == {text}


def test_options_that_do_not_fit_behind_a_prompt_are_said(model: Path, tmp_path: Path) -> None:
    """The tiny model sees 256 tokens: a prompt of 253 leaves room for "(A)", one of 254 does
    not."""
    study = by_likelihood(Study(tmp_path, model))
    path = study.places.prompts / "pocket/one/4.parquet"
    rows = read_rows(path, Prompt)
    write_rows(path, [dataclasses.replace(rows[0], token_ids=(1,) * 253), *rows[1:]], Prompt)
    assert study.run().generated == 21
    write_rows(path, [dataclasses.replace(rows[0], token_ids=(1,) * 254), *rows[1:]], Prompt)
    with pytest.raises(
        InputError,
        match=r"1 of 20 prompts exceed .* of 256 tokens \(first: one-0, 254",
    ):
        study.run()


def test_nothing_missing_generates_nothing_and_loads_nothing(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert study.run() == (120, 0)
    before, costs = study.outputs(), study.usage()
    assert sum(one.tokens_out for one in costs) == sum(s.n_tokens for s in study.samples())
    assert sum(one.n_samples for one in costs) == 120
    assert len({one.chunk for one in costs}) == len(costs) == 15
    assert all(one.seconds > 0 for one in costs)
    prompts = {s.n_prompt_tokens for s in study.samples()}
    assert min(prompts) * 4 <= min(one.tokens_in for one in costs)  # 4 prompts of 2 samples each

    def load(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("loaded although nothing was missing")

    monkeypatch.setattr("featherweight.generate.fill.load_engine", load)
    assert study.run() == (0, 120)
    assert study.outputs() == before
    assert study.usage() == costs


def test_samples_carry_their_cell_and_their_tokens(study: Study) -> None:
    study.run()
    samples = study.samples()
    assert len(samples) == 120
    first = samples[0]
    assert (first.model, first.task, first.item_seed, first.sample_seed) == ("tiny", "pocket", 0, 4)
    assert {sample.sample_index for sample in samples} == {0, 1}
    assert all(len(s.token_ids or ()) == s.n_tokens for s in samples)
    assert len({s.token_ids for s in samples}) > 60


@pytest.mark.parametrize(
    ("change", "generated"),
    [
        ({}, 0),
        ({"chunk": chunk(3)}, 0),
        ({"chunk": chunk(50, across_cells=True)}, 0),
        ({"thinking": {"open": "<think>", "close": "</think>"}}, 0),
        ({"cells": [Study.cell("one")]}, 0),
        ({"samples_per_prompt": 3}, 60),
        ({"decoding": decoding(0.5, 4)}, 120),
        ({"dtype": "bfloat16"}, 120),
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
    study: Study, change: dict[str, Any], generated: int
) -> None:
    study.run()
    study.spec |= change
    assert study.run().generated == generated


def test_other_weights_or_another_prompt_are_generated_again(study: Study) -> None:
    study.run()
    path = study.places.prompts / "pocket/one/4.parquet"
    rows = read_rows(path, Prompt)
    write_rows(path, [dataclasses.replace(rows[0], token_ids=(7, 7)), *rows[1:]], Prompt)
    assert study.run().generated == 2
    manifest = read_json(study.places.manifest)
    manifest["files"]["model.safetensors"]["sha256"] = "cd"
    write_json(study.places.manifest, manifest)
    assert study.run().generated == 120


def test_a_damaged_chunk_is_made_again(study: Study, caplog: pytest.LogCaptureFixture) -> None:
    study.run()
    before = [(s.item_id, s.token_ids) for s in study.samples()]
    damaged = chunk_files(study)[3]
    lines = damaged.read_bytes().splitlines(keepends=True)
    damaged.write_bytes(b"".join([*lines[:2], b"garbage\n", *lines[3:]]))
    assert study.run().generated == 1
    assert [(s.item_id, s.token_ids) for s in study.samples()] == before
    assert any("1 damaged line;" in message for message in caplog.messages)


def test_a_deleted_output_costs_no_sample(study: Study) -> None:
    study.run()
    before = study.outputs()
    (study.places.output / "pocket/two/4.parquet").unlink()
    assert study.run().generated == 0
    assert study.outputs() == before


def test_a_full_disk_says_what_is_kept(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    real = SampleStore.add

    def add(store: SampleStore, *chunk: Any) -> None:
        if len(chunk_files(study)) >= 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "chunk")
        real(store, *chunk)

    monkeypatch.setattr(SampleStore, "add", add)
    with pytest.raises(
        InputError, match="no space left on the disk; finished samples are kept in"
    ) as caught:
        study.run()
    assert len(caught.value.problems) == 1
    monkeypatch.undo()
    assert study.run().from_store == 16


def test_prompts_that_do_not_fit_are_all_said_before_any_work(model: Path, tmp_path: Path) -> None:
    study = Study(tmp_path, model)
    for category in ("one", "three"):
        path = study.places.prompts / f"pocket/{category}/4.parquet"
        rows = read_rows(path, Prompt)
        write_rows(path, [dataclasses.replace(rows[0], token_ids=(1,) * 300), *rows[1:]], Prompt)
    with pytest.raises(
        InputError,
        match=r"1 of 20 prompts exceed .* of 256 tokens \(first: one-0, 300",
    ) as caught:
        study.run()
    assert len(caught.value.problems) == 2
    assert study.outputs() == {}


def test_prompts_of_another_draw_are_refused(control: Study) -> None:
    path = control.places.items / "pocket/one/0.parquet"
    write_rows(path, read_rows(path, Item)[5:], Item)
    with pytest.raises(InputError, match=r"5 are not there .first: one-0."):
        control.run()


def test_a_model_that_is_not_there_gives_empty_files(study: Study) -> None:
    for category in CATEGORIES:
        write_rows(study.places.prompts / f"pocket/{category}/4.parquet", [], Prompt)
    manifest = read_json(study.places.manifest)
    write_json(study.places.manifest, manifest | {"folder": None, "missing": True})
    assert study.run() == (0, 0)
    assert study.samples() == []
    assert study.usage() == []
    assert len(study.outputs()) == len(CATEGORIES)


def test_shards_fill_one_store_and_are_collected(study: Study, tmp_path: Path) -> None:
    """Each shard takes every third chunk; together they give the same bytes as one job."""
    whole = Study(tmp_path / "whole", Path(read_json(study.places.manifest)["folder"]))
    whole.spec["decoding"] = study.spec["decoding"]
    whole.run()
    spec = GenerateSpec.model_validate(study.spec)
    done = [tmp_path / f"{number}.json" for number in range(3)]
    for number in (2, 0, 1):
        made = run_shard(spec, study.places, Shard(number, 3), done[number], threads=1)
        assert made == (40, 0)
        assert study.outputs() == {}
    for some in (done[:2], [done[0], done[1], done[1]]):  # one is missing, however many are given
        with pytest.raises(InputError, match=f"expected all shards of one engine, got {len(some)}"):
            collect(spec, study.places, some)
    collect(spec, study.places, done)
    assert study.outputs() == whole.outputs()
    assert [cost(one) for one in study.usage()] == [cost(one) for one in whole.usage()]
    assert [one.seconds_load > 0 for one in study.usage()].count(True) == 3
    write_json(done[1], read_json(done[1]) | {"engine": "another"})
    with pytest.raises(InputError, match="got 3 of another and transformers"):
        collect(spec, study.places, done)


def test_collecting_needs_every_sample_and_no_engine(study: Study, tmp_path: Path) -> None:
    spec = GenerateSpec.model_validate(study.spec)
    done = tmp_path / "done.json"
    run_shard(spec, study.places, Shard(0, 1), done, threads=1)
    study.spec["dtype"] = "bfloat16"  # what this machine would compute in decides nothing
    collect(GenerateSpec.model_validate(study.spec), study.places, [done])
    chunk_files(study)[0].unlink()
    with pytest.raises(InputError, match="are not there or were damaged; generate again"):
        collect(spec, study.places, [done])


def test_shards_by_their_command_line(study: Study, tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow")}

    def call(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(study.command(*more), env=environment, capture_output=True, text=True)

    done = [str(tmp_path / f"{number}.json") for number in range(2)]
    for number in range(2):
        made = call("--shard", f"{number}/2", "--done", done[number])
        assert made.returncode == 0, made.stderr
    made = call("--collect", *done)
    assert made.returncode == 0, made.stderr
    assert len(study.samples()) == 120
    for wrong in ("2/2", "-1/2", "one", "1/"):
        made = call(f"--shard={wrong}", "--done", done[0])
        assert (made.returncode, made.stderr.count("\n")) == (2, 1)
        assert "--shard: expected I/N with I from 0 to N - 1" in made.stderr
    assert "--shard: expected --done FILE" in call("--shard", "0/2").stderr


def test_two_processes_share_one_models_work(model: Path, tmp_path: Path) -> None:
    """No chunk twice, and both have the whole study in the end."""
    alone, shared = Study(tmp_path / "a", model), Study(tmp_path / "b", model)
    alone.run()
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow"), "OMP_NUM_THREADS": "1"}
    logs = [tmp_path / f"log-{number}" for number in range(2)]
    both = [
        subprocess.Popen(
            shared.command("--log", str(log)), env=environment, stderr=subprocess.DEVNULL
        )
        for log in logs
    ]
    assert [process.wait(timeout=240) for process in both] == [0, 0]
    last = [log.read_text().splitlines()[-1] for log in logs]
    made = [120 - int(part[1]) for line in last if (part := re.search(r"\((\d+) from", line))]
    assert (len(made), sum(made)) == (2, 120), "each sample was generated once, by one of the two"
    assert min(made) >= 8, "both took part"
    assert len(chunk_files(shared)) == 15
    assert shared.outputs() == alone.outputs()


def test_what_a_killed_process_claimed_is_generated_by_the_next(
    model: Path, tmp_path: Path
) -> None:
    """Also a claim that it held a moment longer than it took to store the chunk."""
    study = Study(tmp_path, model)
    kept = killed_after(study, 2)
    claims = study.places.store / "tiny/claims"
    (claims / chunk_files(study)[0].stem).touch()
    assert study.run() == (120 - 8 * kept, 8 * kept)
    assert list(claims.iterdir()) == []
