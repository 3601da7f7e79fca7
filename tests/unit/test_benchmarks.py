"""The benchmarks' arithmetic against hand-computed cases, and that they run from the command
line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import coverage_graded
import coverage_together as together
import numpy as np
import pytest
from batch_size import Asked, Change, compare, line
from character_model import write_model
from generation import bound, ways
from generation.work import SHAPES, Work, make_work, prompts_for
from test_exllamav2_engine import pretend

from featherweight.engines import Completion, Request
from featherweight.records import Choices

TWO = Work(prompts=((5,) * 10, (5,) * 4), ends=(3, 1))


def test_work_is_ragged_repeatable_and_a_smaller_one_is_its_beginning() -> None:
    work = make_work(32, 1.0, (16, 128))
    assert work == make_work(32, 1.0, (16, 128))
    assert work.prompts[:8] == make_work(8, 1.0, (16, 128)).prompts
    assert 60 <= min(map(len, work.prompts)) < max(map(len, work.prompts)) <= 200
    assert 16 <= min(work.ends) < max(work.ends) <= 128
    assert [prompts_for(batch) for batch in (1, 4, 16, 256)] == [8, 8, 32, 512]


@pytest.mark.parametrize(
    ("batch", "steps"),
    [
        (1, 4),
        (2, 3),
        (16, 3),
    ],  # one row: 3 + 1 steps; two or more: as many as the longest answer has tokens
)
def test_bytes_of_work_are_weights_per_step_and_cache_per_position(batch: int, steps: int) -> None:
    # Positions read: 11 + 12 + 13 by the first answer, 5 by the second.
    assert bound.work_bytes(TWO, batch, weights=1000, cache_per_token=7) == steps * 1000 + 7 * (
        36 + 5
    )


def test_no_rows_are_no_batch() -> None:
    with pytest.raises(ValueError, match="at least 1 row"):
        bound.work_bytes(TWO, 0, 1, 1)


def test_share_of_the_bound() -> None:
    assert bound.bound_share(read=500, bandwidth=100.0, seconds=5.0) == 1.0
    assert bound.bound_share(read=500, bandwidth=100.0, seconds=20.0) == 0.25


def test_cache_of_the_shapes() -> None:
    assert (
        2 * SHAPES["smollm2-135m"].cache_numbers == 23_040
    )  # bytes: 2 x 30 layers x 3 heads x 64, bfloat16
    assert 2 * SHAPES["qwen2.5-1.5b"].cache_numbers == 28_672


def test_the_study_is_13_200_samples_and_its_seconds_follow() -> None:
    study = bound.SMOL_BUT_MIGHTY
    assert study.samples == 13_200
    assert study.tokens == 3 * 3300 * 60 + 3300 * 450 == 2_079_000
    assert bound.study_seconds(study, 10_000.0, 20.0) == pytest.approx(207.9 + 80)


def test_a_smaller_card_holds_what_its_memory_allows() -> None:
    card = bound.Card("made up", memory=10e9, bandwidth=100e9)
    # 90% of 10 GB, less 1.5 GB of workspace and 3.5 GB of weights, leaves 4 GB: 40 rows of 1000
    # positions of 100 kB.
    assert bound.rows_that_fit(card, 3_500_000_000, 100_000, 1000, 256) == 40
    assert bound.rows_that_fit(card, 3_500_000_000, 100_000, 1000, 16) == 16
    assert bound.rows_that_fit(card, 8_000_000_000, 100_000, 1000, 256) == 0
    # A step reads 3.5 + 4 GB, 75 ms at 100 GB/s: 40 tokens, were the bound reached; half of it at a
    # share of one half.
    assert bound.card_rate(card, 1.0, 40, 3_500_000_000, 100_000, 1000) == pytest.approx(40 / 0.075)
    assert bound.card_rate(card, 0.5, 40, 3_500_000_000, 100_000, 1000) == pytest.approx(20 / 0.075)


@pytest.mark.parametrize("way", ["ours", "exllamav2"])
@pytest.mark.parametrize("batch", [1, 3])
def test_our_engines_end_every_answer_where_it_is_forced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, batch: int
) -> None:
    if way == "exllamav2":
        pretend(monkeypatch)
    folder = write_model(tmp_path, max_position_embeddings=512)
    work = Work(prompts=((1, 9, 8), (1, 7), (1, 9, 8), (1, 6, 5, 9)), ends=(5, 1, 17, 9))
    run = ways.WAYS[way](ways.Setting(folder, "float32", 1, batch))
    assert run(work) == 32
    assert run(Work(work.prompts, (2, 2, 2, 2))) == 8


def completion(text: str, logprob: float = -0.5) -> Completion:
    return Completion(
        text=text, token_ids=tuple(map(ord, text)), finish="stop", mean_logprob=logprob
    )


def test_changes_of_tokens_and_of_answers_are_counted_apart() -> None:
    choices = Choices(context="", question="Who?", options=("he", "she", "unclear"))
    requests = [
        Asked(Request(prompt_ids=(1,), stream=n, max_new_tokens=9), "", choices, (0, 1, 2))
        for n in range(4)
    ]
    first, second, third = (completion(f"({letter})") for letter in "ABC")
    alone = [first, completion("(A)."), third, completion("hm")]
    together = [completion("(A)", -0.25), first, second, completion("hm")]
    # Unchanged but for its log-probability; other tokens, the same answer; another answer; no
    # answer twice.
    assert compare(requests, alone, together) == Change(
        samples=4, tokens=2, answers=1, read=3, logprob=0.25
    )
    assert compare(requests[3:], [completion("hm")], [first]) == Change(1, 1, 1, 0, 0.0)
    with pytest.raises(ValueError, match="no samples"):
        compare([], [], [])


def test_a_line_has_shares_with_intervals() -> None:
    said = line(0.7, Change(samples=20, tokens=12, answers=0, read=19, logprob=2e-7))
    assert "12/20 60.0% [38.7%, 78.1%]" in said  # Wilson 1927, as in stats.intervals
    assert "0/20 0.0% [0.0%, 16.1%]" in said
    assert said.startswith("temperature 0.7")


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(
        command,
        cwd=root,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_batch_sizes_from_the_command_line(root: Path) -> None:
    asked = (
        "--categories",
        "pets",
        "--items",
        "4",
        "--samples",
        "2",
        "--max-new-tokens",
        "4",
        "--batch",
        "5",
    )
    said = run(root, "benchmarks/batch_size.py", *asked)
    assert said.returncode == 0, said.stderr
    lines = said.stdout.splitlines()
    assert "float32" in lines[0]
    assert re.match(r"greedy +0/4 0\.0% ", lines[3])  # in float32 nothing changes
    assert re.match(r"temperature 0\.7 +0/8 0\.0% ", lines[4])
    wrong = run(root, "benchmarks/batch_size.py", *asked[:2], "--items", "3")
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("--categories, --items: pocket/pets: expected 3 prompts")


@pytest.mark.slow
def test_the_ways_to_generate_from_the_command_line(root: Path, tmp_path: Path) -> None:
    said = run(
        root,
        "benchmarks/generate.py",
        "--shape",
        "tiny",
        "--scale",
        "0.1",
        "--batches",
        "1",
        "4",
        "--rounds",
        "1",
        "--folder",
        str(tmp_path),
    )
    assert said.returncode == 0, said.stderr
    assert "does not run here" not in said.stdout
    for name in ("generate", "ours"):
        assert len(re.findall(rf"^{name} .*%", said.stdout, re.MULTILINE)) == 2
    assert re.search(r"16 samples of one prompt .* times cheaper", said.stdout)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["rope_theta"] == 10_000.0
    assert "rope_parameters" not in config


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tiny", "smollm2-135m"])
def test_llama_cpp_reads_the_same_weights(tmp_path: Path, kind: str) -> None:
    pytest.importorskip("gguf")
    pytest.importorskip("llama_cpp")
    import torch
    from generation.folder import GGUF, write_folder
    from generation.llama_cpp_batch import LlamaCpp
    from transformers import AutoModelForCausalLM

    write_folder(tmp_path, kind, torch.float32)
    work = make_work(8, 0.15, (16, 128))
    answers = LlamaCpp(tmp_path / GGUF, 3, 256, 1).run(work, greedy=True)
    model = AutoModelForCausalLM.from_pretrained(str(tmp_path), dtype=torch.float32)
    model.generation_config.eos_token_id = None
    for prompt, end, answer in zip(work.prompts, work.ends, answers, strict=True):
        ids = torch.tensor([prompt])
        made = model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=end
        )
        assert made[0, len(prompt) :].tolist() == answer


def test_a_simulated_study_asks_every_category_alike_and_its_truth_is_what_many_average() -> None:
    """The mean of 400 studies lies within 4 standard errors of the truth: one false alarm in 15,000
    for each number.
    """
    design = together.Design(0.5, 1.0, 3.0, 50)
    generator = np.random.default_rng(8)
    values: dict[str, list[float]] = {}
    for _ in range(400):
        sides = together.draw(design, generator)
        asked = np.bincount(together.STRATA, weights=sides.first[:, 0, 0])
        assert asked.tolist() == [50.0] * 11
        assert np.array_equal(sides.first[:, 0, :1], sides.second[:, 0, :1])
        means = [float(together.ACCURACY.value(side.sum(axis=0))) for side in sides]
        values.setdefault("accuracy", []).append(means[0])
        values.setdefault("difference, accuracy", []).append(means[1] - means[0])
    truths = together.truths(design)
    for number, found in values.items():
        assert abs(np.mean(found) - truths[number]) < 4 * np.std(found) / np.sqrt(len(found)), (
            number
        )


def test_every_number_of_graded_studies_gets_an_interval() -> None:
    for name, study in coverage_graded.studies().items():
        generator = np.random.default_rng(3)
        found = [one for _ in range(20) for one in study(generator)]
        for number in dict.fromkeys(one.number for one in found):
            reaches = [one.reach for one in found if one.number == number]
            assert any(reaches), (name, number)
            assert coverage_graded.share(reaches, found[0].truth)[1] > 0
    assert coverage_graded.passes(4, 2) == pytest.approx([0, 1 / 2, 5 / 6, 1, 1])
    assert coverage_graded.LEVELS.sum() == 500


def test_every_number_over_all_categories_gets_its_coverage() -> None:
    cells = together.simulate(together.Design(0.8, 0.0, 0.0, 50), 20, seed=1)
    assert {cell.number for cell in cells} == set(together.truths(cells[0].design))
    assert all(0.5 < cell.coverage <= 1.0 and cell.width > 0 for cell in cells)
