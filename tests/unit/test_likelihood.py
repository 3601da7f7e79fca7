"""Answers by likelihood: which option is chosen, by which tokens, from a model's own numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from character_model import write_tokenizer

from featherweight.chat.options import before_answer, option_ids
from featherweight.chat.templates import load_tokenizer
from featherweight.engines import Completion, load_engine
from featherweight.errors import InputError
from featherweight.files import read_rows, write_json, write_rows
from featherweight.generate.options import asked, choose
from featherweight.prompts.render import run as render
from featherweight.reading.likelihood import likeliest, read_likelihoods
from featherweight.records import Item, Prompt, Sample
from featherweight.score.run import read, score
from featherweight.specs import AskedTask, Cell, RenderSpec, Thinking
from featherweight.tasks import Loaded, task
from featherweight.tasks.choice import ANSWER_LINE, LETTER, SENTENCE, answers
from featherweight.tasks.pocket import POCKET

TEXTS = ("no", "yes", "maybe")


def pocket_items(category: str) -> Loaded:
    return task("pocket").load(Path(__file__).parents[2] / "resources/pocket", category)


NAN, INFINITE = math.nan, math.inf
LETTERS = ("(A)", "(B)", "(C)")

# (log-likelihoods by shown position, position, reason where there is none)
CHOICES: list[tuple[tuple[float | None, ...], int | None, str | None]] = [
    ((-1.0, -2.0, -3.0), 0, None),
    ((-3.0, -1.0, -2.0), 1, None),
    ((-2.0, -3.0, -1.0), 2, None),
    ((-5.0, -5.0, -1.0), 2, None),  # a tie below the top decides nothing
    ((-1.0, -1.0, -3.0), None, "several"),
    ((-3.0, -1.0, -1.0), None, "several"),
    ((-1.0, -1.0, -1.0), None, "several"),
    ((0.0, -0.0, -1.0), None, "several"),
    ((NAN, -1.0, -2.0), None, "none"),
    ((-1.0, -2.0, NAN), None, "none"),
    ((-1.0, -2.0, -INFINITE), None, "none"),
    ((INFINITE, -2.0, -3.0), None, "none"),
    ((None, -1.0, -2.0), None, "none"),
    ((-1.0, None, -1.0), None, "none"),
]


@pytest.mark.parametrize(("values", "position", "reason"), CHOICES)
def test_the_likeliest_option_or_why_there_is_none(
    values: tuple[float | None, ...], position: int | None, reason: str | None
) -> None:
    assert likeliest(values) == position
    order = (2, 0, 1)
    reading = read_likelihoods(values, order, TEXTS)
    assert reading.chosen == (None if position is None else order[position])
    assert reading.answer == (None if position is None else TEXTS[order[position]])
    assert (reading.reason, reading.unfinished) == (reason, False)
    assert reading.rule == (None if position is None else "likelihood")


def test_a_value_is_needed_for_each_option() -> None:
    with pytest.raises(ValueError, match="no option"):
        likeliest(())
    with pytest.raises(ValueError, match="each of 3 options, got 2"):
        read_likelihoods((-1.0, -2.0), (0, 1, 2), TEXTS)


# --- the tokens of an option
# --------------------------------------------------------------------------------------


def byte_level(folder: Path, texts: Sequence[str], merges_of: Sequence[str]) -> Any:
    """A byte-level BPE tokeniser of GPT-2's kind, with the named strings as tokens of their own."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=600, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(
        [*texts, *[word for word in merges_of for _ in range(50)]], trainer
    )
    tokenizer.add_special_tokens([AddedToken("<|end|>", special=True, normalized=False)])
    return saved(tokenizer, folder)


def sentencepiece(folder: Path) -> Any:
    """A tokeniser that puts a space before a text, as SentencePiece does, and writes spaces as
    U+2581.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="first")
    trainer = trainers.BpeTrainer(
        vocab_size=80, initial_alphabet=list("(ABC)\n:."), show_progress=False
    )
    tokenizer.train_from_iterator(["Who is it? Answer: (A)", "The cat. (B) (C) (A)"] * 20, trainer)
    return saved(tokenizer, folder)


def without_words(folder: Path) -> Any:
    """A tokeniser that cuts nowhere, and has learnt that a line break or a colon and an opening
    bracket are one.
    """
    from tokenizers import Tokenizer, models

    letters = [*"(ABC)\n:.whoa", "\n(", ":("]
    merges = [("\n", "("), (":", "(")]
    return saved(
        Tokenizer(models.BPE({letter: n for n, letter in enumerate(letters)}, merges)), folder
    )


def saved(tokenizer: Any, folder: Path) -> Any:
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "TokenizersBackend"})
    tokenizer.save(str(folder / "tokenizer.json"))
    return load_tokenizer(folder)


def made(
    tokenizer: Any, text: str, options: Sequence[str] = LETTERS
) -> tuple[list[str], list[list[str]]]:
    """The prompt's tokens and each option's, as text."""
    ids = tuple(tokenizer.encode(text, add_special_tokens=False))
    found = option_ids(tokenizer, "m", text, ids, options)
    back = tokenizer.convert_ids_to_tokens
    return back(list(ids)), [back(list(one)) for one in found]


def test_a_bracket_and_a_letter_may_be_one_token_and_may_be_two(tmp_path: Path) -> None:
    """Llama 3 and Qwen 2.5 write "(A)" as "(A" and ")", GPT-2 and SmolLM2 as three tokens; a
    mixture is no trouble.
    """
    apart = byte_level(tmp_path / "apart", ["Answer with the letter."], [])
    assert made(apart, "Who?\n")[1] == [["(", "A", ")"], ["(", "B", ")"], ["(", "C", ")"]]
    tokenizer = load_tokenizer(Path(__file__).parents[2] / "resources/pocket/models/pocket-fair")
    assert made(tokenizer, "<s><user> Who? <assistant>")[1] == [["(A)"], ["(B)"], ["(C)"]]


def test_a_space_comes_first_only_where_the_prompt_ends_in_plain_text(tmp_path: Path) -> None:
    tokenizer = byte_level(tmp_path, ["Who is it? Answer: (A)"] * 30, [])
    space = "\u0120"  # how byte-level tokens write a space
    assert "".join(made(tokenizer, "Answer:")[1][0]) == f"{space}(A)"
    assert "".join(made(tokenizer, "Answer:\n")[1][0]) == "(A)"
    assert "".join(made(tokenizer, "Answer: ")[1][0]) == "(A)"
    assert "".join(made(tokenizer, "Answer:<|end|>")[1][0]) == "(A)"


def test_line_breaks_that_split_before_a_word_leave_the_prompt_alone(tmp_path: Path) -> None:
    """GPT-2's pattern takes two line breaks as one piece at the end of a text and as two before a
    word.
    """
    tokenizer = byte_level(tmp_path, [], ["\n\n"])
    whole = tokenizer.encode("Who?\n\n(A)", add_special_tokens=False)
    prompt, options = made(tokenizer, "Who?\n\n")
    assert prompt[-1] == "\u010a\u010a"
    assert tokenizer.convert_ids_to_tokens(whole)[-5:] == [
        "\u010a",
        "\u010a",
        "(",
        "A",
        ")",
    ]  # not what was asked
    assert options[0] == ["(", "A", ")"]


def test_no_space_that_only_the_tokeniser_adds(tmp_path: Path) -> None:
    tokenizer = sentencepiece(tmp_path)
    assert tokenizer.convert_ids_to_tokens(tokenizer.encode("(A)"))[0].startswith("\u2581")
    assert "".join(made(tokenizer, "Who?\n")[1][1]) == "(B)"
    assert "".join(made(tokenizer, "Answer:")[1][1]) == "\u2581(B)"


def test_a_real_sentencepiece_tokeniser(shared_data: Path) -> None:
    tokenizer = load_tokenizer(shared_data / "models" / "stories260k")
    assert made(tokenizer, "<s>Who?\nAnswer:")[1] == [
        ["\u2581", "(", letter, ")"] for letter in "ABC"
    ]
    assert made(tokenizer, "<s>Who?\n")[1] == [["(", letter, ")"] for letter in "ABC"]


def test_an_answer_that_melts_into_the_prompt_is_refused(tmp_path: Path) -> None:
    tokenizer = without_words(tmp_path)
    with pytest.raises(
        InputError, match=r"model m .* merges '\(A\)' with the end of the prompt"
    ) as caught:
        made(tokenizer, "who\n")
    assert len(caught.value.problems) == 1
    assert made(tokenizer, "who\n", ("A.", "B."))[1] == [["A", "."], ["B", "."]]


def test_the_form_of_an_answer_is_the_wordings() -> None:
    item = pocket_items("pets").items[0]
    assert item.options is not None
    order = (1, 2, 0)
    assert answers(item, LETTER, order) == ("(A)", "(B)", "(C)")
    assert answers(item, SENTENCE, order) == ("A.", "B.", "C.")
    assert answers(item, ANSWER_LINE, order) == ("ANSWER: A", "ANSWER: B", "ANSWER: C")
    shown = [item.options[index] for index in order]
    whole = tuple(f"{text} ({letter})" for text, letter in zip(shown, "ABC", strict=True))
    assert answers(item, POCKET, order) == whole


# --- thinking
# ------------------------------------------------------------------------------------------------

TAGS = Thinking(open="<think>", close="</think>")


@pytest.mark.parametrize(
    ("text", "tags", "expected"),
    [
        ("<s>u: ab\na: ", None, "<s>u: ab\na: "),
        (
            "<s>u: ab\na: <think>\n",
            TAGS,
            "<s>u: ab\na: <think>\n\n</think>\n\n",
        ),  # R1: its template opens it
        ("<s>u: ab\na: <think>", TAGS, "<s>u: ab\na: <think>\n\n</think>\n\n"),
        ("<s>u: ab\na: ", TAGS, "<s>u: ab\na: <think>\n\n</think>\n\n"),  # the model would open it
    ],
)
def test_thinking_is_closed_before_the_answer(
    tmp_path: Path, text: str, tags: Thinking | None, expected: str
) -> None:
    write_tokenizer(tmp_path)
    tokenizer = load_tokenizer(tmp_path)
    found, ids = before_answer(tokenizer, text, tags)
    assert found == expected
    assert ids == tuple(tokenizer.encode(expected, add_special_tokens=False))
    option = tuple(tokenizer.encode("(A)", add_special_tokens=False))
    assert option_ids(tokenizer, "m", found, ids, ["(A)"]) == (option,)


# --- a model's own numbers
# ----------------------------------------------------------------------------------------


class Told:
    """An engine that finds a continuation as likely as it is told, and remembers what it was
    asked."""

    identity = "told 1"

    def __init__(self, values: dict[tuple[tuple[int, ...], tuple[int, ...]], float]) -> None:
        self.values = values
        self.asked: list[tuple[tuple[int, ...], tuple[int, ...]]] = []

    def generate(self, *_: Any) -> list[Completion]:
        raise AssertionError("nothing is generated")

    def loglikelihoods(
        self, prompt_ids: Sequence[tuple[int, ...]], continuations: Sequence[tuple[int, ...]]
    ) -> list[float]:
        self.asked += zip(prompt_ids, continuations, strict=True)
        return [self.values[pair] for pair in zip(prompt_ids, continuations, strict=True)]


def prompt(ids: tuple[int, ...], order: tuple[int, ...] = (1, 2, 0)) -> Prompt:
    return Prompt(
        "m", "t", "pets", 0, 0, f"i{ids[0]}", "Who?", ids, order, LETTERS, ((7,), (8, 9), (8, 5))
    )


def test_each_prompt_gets_its_own_likeliest_option() -> None:
    first, second, third = prompt((1, 2)), prompt((3,)), prompt((4, 4, 4))
    given = {first: (-2.5, -0.5, -1.0), second: (-1.0, -1.0, -9.0), third: (-INFINITE, -1.0, -2.0)}
    pairs = [(p.token_ids, ids) for p in given for ids in p.option_ids or ()]
    told = Told(
        dict(zip(pairs, [value for values in given.values() for value in values], strict=True))
    )
    found = choose(told, [first, second, third])
    assert [answer.text for answer in found] == ["(B)", "", ""]
    assert [answer.option_loglikelihoods for answer in found] == [
        (-2.5, -0.5, -1.0), (-1.0, -1.0, -9.0), (None, -1.0, -2.0)
    ]  # fmt: skip
    assert {(answer.n_tokens, answer.finish, answer.mean_logprob) for answer in found} == {
        (0, "scored", None)
    }
    assert [ids for ids, _ in told.asked] == [(1, 2)] * 3 + [(3,)] * 3 + [
        (4, 4, 4)
    ] * 3  # a prompt's options together


def test_numbers_that_are_none_end_the_run_as_they_do_when_answers_are_generated() -> None:
    broken = prompt((1, 2))
    values = zip(broken.option_ids or (), (-1.0, NAN, -2.0), strict=True)
    told = Told({(broken.token_ids, ids): value for ids, value in values})
    with pytest.raises(
        InputError,
        match="log-likelihoods are not numbers in this number format; choose dtype bfloat16",
    ):
        choose(told, [broken])


def test_what_decides_a_likelihood_is_in_its_key() -> None:
    base = prompt((1, 2))
    same = replace(base, sample_seed=5, item_seed=3, task="other", shown_order=(0, 1, 2))
    assert asked(same) == asked(base)
    for other in (
        replace(base, token_ids=(1, 3)),
        replace(base, option_ids=((7,), (8, 9), (8, 6))),
        replace(base, options=("A", "B", "C")),
    ):
        assert asked(other) != asked(base)


def test_a_sample_is_judged_by_its_likelihoods_and_not_by_its_text() -> None:
    item, facts = (rows[0] for rows in pocket_items("pets"))
    order = (1, 2, 0)
    sample = Sample(
        model="m",
        task="pocket",
        category="pets",
        item_seed=0,
        sample_seed=0,
        item_id=item.item_id,
        sample_index=0,
        text="nonsense",
        thinking=None,
        answer="nonsense",
        token_ids=(),
        n_prompt_tokens=9,
        n_tokens=0,
        finish="scored",
        mean_logprob=None,
        option_loglikelihoods=(-3.0, -1.0, -2.0),
    )
    row = score(sample, item, read(sample, task("pocket"), item, facts, order), order)
    assert item.options is not None
    assert (row.answer, row.chosen_position) == (item.options[2], 1)
    assert (row.rule, row.finish) == ("likelihood", "scored")
    assert row.outcome == ("right" if item.gold_index == 2 else "wrong")
    tied = replace(sample, option_loglikelihoods=(-1.0, -1.0, -2.0))
    row = score(tied, item, read(tied, task("pocket"), item, facts, order), order)
    assert (row.answer, row.outcome, row.reason, row.rule) == (None, "unparsed", "several", None)


def rendered(
    root: Path, folder: Path, model: str, thinking: Thinking | None, count: int
) -> list[Prompt]:
    """Prompts of a pocket model whose answers come from likelihood, through the prompts stage."""
    cell = Cell(task="pocket", category="hours", seed=0, item_seed=0, sample_seed=0)
    write_rows(folder / "items" / cell.items_path, pocket_items("hours").items[:count], Item)
    manifest = {"folder": str(root / "resources/pocket/models" / model), "files": {}, "missing": []}
    write_json(folder / "m.json", manifest)
    spec = RenderSpec(
        name=model,
        kind="folder",
        prefill=None,
        system=None,
        prompt_format=None,
        thinking=thinking,
        cells=(cell,),
        tasks={"pocket": AskedTask(task="pocket", wording="pocket", answers="likelihood")},
    )
    render(spec, folder / "m.json", folder / "items", folder / "out")
    return read_rows(folder / "out" / cell.path, Prompt)


@pytest.mark.parametrize(("model", "thinking"), [("pocket-tilted", None), ("pocket-thinker", TAGS)])
def test_choices_are_those_of_plain_transformers(
    root: Path, tmp_path: Path, model: str, thinking: Thinking | None
) -> None:
    """Each option after its prompt in a forward pass of its own, and the greatest sum of
    log-softmax.
    """
    import torch
    from transformers import AutoModelForCausalLM

    prompts = rendered(root, tmp_path, model, thinking, 48)
    folder = root / "resources/pocket/models" / model
    plain = AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.float32).eval()
    found = choose(load_engine("transformers", folder, dtype="float32", threads=1), prompts)
    chosen = set()
    for asking, answer in zip(prompts, found, strict=True):
        assert asking.text.endswith("<think>\n\n</think>\n\n" if thinking else "<assistant>")
        values = []
        for option in asking.option_ids or ():
            with torch.inference_mode():
                logprobs = (
                    plain(torch.tensor([asking.token_ids + option])).logits[0].log_softmax(-1)
                )
            start = len(asking.token_ids) - 1
            values.append(
                sum(float(logprobs[start + place, token]) for place, token in enumerate(option))
            )
        assert answer.option_loglikelihoods == pytest.approx(values, abs=1e-3)
        best = max(range(3), key=lambda place: values[place])
        assert answer.text == (asking.options or ())[best]
        chosen.add(best)
    assert chosen == {0, 1, 2}


def test_a_planted_rate_shows_in_the_likelihoods_too(root: Path, tmp_path: Path) -> None:
    """A pocket model's greedy answer is its likeliest (in a run of 400 items: 400 times the same
    option).
    """
    from featherweight.engines import Decoding, Request
    from featherweight.reading.choice import read_answer

    prompts = rendered(root, tmp_path, "pocket-biased", None, 96)
    known = {
        item.item_id: task("pocket").choices(item, facts)  # type: ignore[misc]
        for item, facts in zip(*pocket_items("hours"), strict=True)
    }
    engine = load_engine(
        "transformers", root / "resources/pocket/models/pocket-biased", dtype="float32", threads=1
    )
    requests = [Request(prompt_ids=one.token_ids, stream=0, max_new_tokens=16) for one in prompts]
    written = engine.generate(requests, Decoding(0.0, 1.0, 0), lambda count: None)
    for asking, text, answer in zip(prompts, written, choose(engine, prompts), strict=True):
        choices, values = known[asking.item_id], answer.option_loglikelihoods or ()
        order = asking.shown_order
        assert order is not None
        likeliest_one = read_likelihoods(values, order, choices.options)
        assert read_answer(text.text, choices, order).answer == likeliest_one.answer
