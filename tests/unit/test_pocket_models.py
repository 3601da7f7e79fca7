"""The pocket models as they are shipped: whole, small, in the ordinary layout, and able to read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from transformers import AutoTokenizer

from featherweight.pocket import examination
from featherweight.pocket.training import MODELS
from featherweight.tasks.choice import ANSWER_LINE, LETTER, messages, shown_order
from featherweight.tasks.pocket import CATEGORIES, POCKET
from featherweight.tasks.pocket.items import load

LAYOUT = {
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
}


@pytest.fixture(params=list(MODELS))
def folder(request: pytest.FixtureRequest, root: Path) -> Path:
    return root / "resources" / "pocket" / "models" / str(request.param)


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_layout_is_whole_and_small(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    assert names == LAYOUT | {"training.json", "training.log", "SHA256SUMS"}
    assert sum(path.stat().st_size for path in folder.iterdir()) < 1_000_000


def test_the_hashes_match(folder: Path) -> None:
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    stated = {name: digest for digest, name in (line.split("  ") for line in lines)}
    assert stated == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.name != "SHA256SUMS"
    }


def test_old_and_new_engines_read_the_same_rotary_base(folder: Path) -> None:
    config = read(folder / "config.json")
    assert config["rope_parameters"]["rope_theta"] == config["rope_theta"] == 10000.0
    assert config["rope_scaling"] is None
    assert "rope_scaling" in config


def test_a_rendered_chat_has_exactly_one_bos_and_no_unknown_word(folder: Path, root: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for category in CATEGORIES:
        for item in load(root / "resources" / "pocket", category).items[::31]:
            for wording in (POCKET, LETTER):
                chat = messages(item, wording, (0, 1, 2))
                text = tokenizer.apply_chat_template(
                    chat, add_generation_prompt=True, tokenize=False
                )
                for special in (True, False):
                    ids = tokenizer(text, add_special_tokens=special).input_ids
                    assert ids.count(tokenizer.bos_token_id) == 1
                    assert ids[0] == tokenizer.bos_token_id
                    assert tokenizer.unk_token_id not in ids


def test_the_words_of_answer_line_are_not_all_known(folder: Path, root: Path) -> None:
    """Why no pocket model stands in the study `wordings`: what is demanded of it would be an
    unknown word.
    """
    tokenizer = AutoTokenizer.from_pretrained(folder)
    item = load(root / "resources" / "pocket", "pets").items[0]
    chat = messages(item, ANSWER_LINE, (0, 1, 2))
    assert (
        tokenizer.unk_token_id
        in tokenizer.apply_chat_template(chat, add_generation_prompt=True).input_ids
    )


def test_the_stop_token_is_the_end_of_a_turn(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert read(folder / "generation_config.json")["eos_token_id"] == tokenizer.eos_token_id
    assert read(folder / "config.json")["eos_token_id"] == tokenizer.eos_token_id
    chat = [
        {"role": "user", "content": "Who was quiet?"},
        {"role": "assistant", "content": "Not known (C)."},
    ]
    assert tokenizer.apply_chat_template(chat, tokenize=False).endswith("Not known (C). </s>")


def test_text_survives_the_tokenizer(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    text = "<think> First: Who was quiet? The cat-sitter. </think> The cat-sitter (B)."
    assert tokenizer.decode(tokenizer(text).input_ids, skip_special_tokens=True) == text


def test_the_log_of_the_training_keeps_its_promises(folder: Path, root: Path) -> None:
    document = read(folder / "training.json")
    planted = document["recipe"]["planted"]
    assert planted == MODELS[folder.name][0]
    stated = yaml.safe_load((root / "config" / "models.yaml").read_text())[folder.name]
    stereotyped = [p["value"] for p in stated["planted"] if p["metric"] == "stereotyped"]
    assert stereotyped == [planted]
    assert len(document["measures"]) == 4
    for measures in document["measures"].values():
        assert measures["accuracy"] >= 0.95
        assert measures["low"] <= planted <= measures["high"]


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Half a million parameters are faster on one thread than on several that wait for each
    other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("name", list(MODELS))
def test_a_model_reads_and_has_its_habit(name: str, root: Path) -> None:
    """80 items through the chat template and greedy generation: the same answers each time on one
    machine.

    With the measured accuracies (0.99 and more), other rounding on another machine would have to
    cost a tenth of the 32 to 40 facts to fail: at 1% each, the odds are below 1 in 2,000.
    """
    templates = root / "resources" / "pocket"
    items = examination.drawn(templates, (7,), 20)
    found = examination.answers(templates / "models" / name, items)
    assert all(answer.order == shown_order(answer.item, 7) for answer in found)
    done = [answer for answer in found if answer.finished]
    facts = [answer for answer in done if answer.item.stratum == "disambiguated"]
    guesses = [answer for answer in done if answer.item.stratum == "ambiguous"]
    assert min(len(facts), len(guesses)) >= 20
    right = sum(examination.chosen(answer) == answer.item.gold_index for answer in facts)
    assert right / len(facts) >= 0.9
    # In an ambiguous item a pocket model names the target or the unknown option, never the other
    # person.
    other = [a for a in guesses if examination.chosen(a) not in (a.facts.target, a.facts.unknown)]
    assert len(other) <= 2


def test_only_the_thinker_thinks_and_is_sometimes_cut_off(root: Path) -> None:
    for name, (_, cut_off) in MODELS.items():
        measures = read(root / "resources" / "pocket" / "models" / name / "training.json")[
            "measures"
        ]["all"]
        if cut_off is None:
            assert measures["cut_off"] == 0.0
            assert measures["tokens"] < 10
        else:
            assert 0.15 <= measures["cut_off"] <= 0.30
            assert measures["tokens"] > 15
