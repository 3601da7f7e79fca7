"""Prompts as a model sees them: templates, prompt formats, dates, BOS, stop tokens, and which text
is kept.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from character_model import SPECIAL, TEMPLATE, write_tokenizer

from featherweight.chat import templates as chat
from featherweight.chat.thinking import split_thinking
from featherweight.chat.tokens import decode, hidden_ids, stop_ids
from featherweight.errors import InputError
from featherweight.specs import RenderSpec, Thinking

ASKED = [{"role": "user", "content": "who?"}]
FACTS = RenderSpec(
    name="tiny",
    kind="folder",
    prefill=None,
    system=None,
    prompt_format=None,
    thinking=None,
    cells=(),
    tasks={},
)


@pytest.fixture
def tokenizer(tmp_path: Path) -> Any:
    write_tokenizer(tmp_path)
    return chat.load_tokenizer(tmp_path)


def test_template_is_rendered_up_to_the_reply_and_tokenised_once(tokenizer: Any) -> None:
    text, ids = chat.render(tokenizer, [{"role": "user", "content": "ab"}], FACTS)
    assert text == "<s>u: ab\na: "
    assert ids[0] == SPECIAL.index("<s>")
    assert ids.count(SPECIAL.index("<s>")) == 1
    assert len(ids) == 1 + len("u: ab\na: ")


def test_prefill_follows_the_template(tokenizer: Any) -> None:
    text, ids = chat.render(tokenizer, ASKED, FACTS.model_copy(update={"prefill": "<think>\n"}))
    assert text.endswith("a: <think>\n")
    assert SPECIAL.index("<think>") in ids


def test_a_template_that_writes_bos_twice_is_refused(tokenizer: Any) -> None:
    tokenizer.chat_template = "{{ bos_token }}" + TEMPLATE
    with pytest.raises(InputError, match=r"tiny.*'<s>' twice"):
        chat.render(tokenizer, ASKED, FACTS)


@pytest.mark.parametrize(
    ("format_", "expected"),
    [
        ("%d %B %Y", "26 July 2024"),
        ("%Y-%m-%d", "2024-07-26"),
        ("%d %b %Y", "26 Jul 2024"),
        ("%A", "Friday"),
    ],
)
def test_todays_date_is_pinned(tokenizer: Any, format_: str, expected: str) -> None:
    tokenizer.chat_template = f"\n{{{{ strftime_now('{format_}') }}}}|" + TEMPLATE
    assert chat.render(tokenizer, ASKED, FACTS)[0].startswith(f"\n{expected}|")


def test_date_string_is_pinned_as_llama_asks_for_it(tokenizer: Any) -> None:
    tokenizer.chat_template = (
        "{% if not date_string is defined %}{% set date_string = strftime_now('%d %b %Y') %}{%"
        " endif %}Today: {{ date_string }}"
    )
    assert chat.render(tokenizer, ASKED, FACTS)[0] == "Today: 26 Jul 2024"


def test_without_template_the_stated_format_is_used_and_its_absence_said(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, template=None)
    tokenizer = chat.load_tokenizer(tmp_path)
    text, _ = chat.render(
        tokenizer, ASKED, FACTS.model_copy(update={"prompt_format": "{message}\nA:"})
    )
    assert text == "who?\nA:"
    cued = [{"role": "user", "content": "who?\nA:"}]
    assert (
        chat.render(tokenizer, cued, FACTS.model_copy(update={"prompt_format": "{message}\nA:"}))[0]
        == "who?\nA:"
    )  # not "A:\nA:"
    blank = FACTS.model_copy(update={"prompt_format": "{message}\n"})
    assert chat.render(tokenizer, ASKED, blank)[0] == "who?\n"  # a line break is no cue
    with pytest.raises(
        InputError, match=f"model tiny at {tmp_path} has no chat template; state prompt_format"
    ):
        chat.render(tokenizer, ASKED, FACTS)


def test_real_base_model_begins_with_one_bos(shared_data: Path) -> None:
    tokenizer = chat.load_tokenizer(shared_data / "models" / "stories260k")
    text, ids = chat.render(
        tokenizer, ASKED, FACTS.model_copy(update={"prompt_format": "{message}\nAnswer:"})
    )
    assert text == "<s>who?\nAnswer:"
    assert ids.count(1) == 1
    assert ids[0] == 1


def test_a_template_that_refuses_is_one_line(tokenizer: Any) -> None:
    tokenizer.chat_template = "{{ raise_exception('System role not supported') }}"
    with pytest.raises(
        InputError, match=r"cannot render these messages \(System role not supported\)"
    ) as caught:
        chat.render(tokenizer, ASKED, FACTS)
    assert len(caught.value.problems) == 1


def test_a_template_runs_in_a_sandbox(tokenizer: Any) -> None:
    tokenizer.chat_template = "{{ messages.__class__.__mro__[1].__subclasses__() }}"
    with pytest.raises(InputError, match="cannot render"):
        chat.render(tokenizer, ASKED, FACTS)


@pytest.mark.parametrize("content", [None, "not json"], ids=["no tokenizer", "broken tokenizer"])
def test_folder_without_a_readable_tokenizer(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(InputError, match="tokenizer"):
        chat.load_tokenizer(tmp_path)
    with pytest.raises(InputError, match="found nothing"):
        chat.load_tokenizer(tmp_path / "absent")


@pytest.mark.parametrize(
    ("config", "generation", "expected"),
    [
        (None, None, (2,)),
        ({"eos_token_id": 7}, None, (2, 7)),
        ({"eos_token_id": 2}, {"eos_token_id": [9, 2, 11]}, (2, 9, 11)),
        ({"eos_token_id": None}, {"eos_token_id": 5}, (2, 5)),
    ],
)
def test_stop_ids_are_the_union(
    tokenizer: Any, tmp_path: Path, config: Any, generation: Any, expected: tuple[int, ...]
) -> None:
    for name, content in (("config.json", config), ("generation_config.json", generation)):
        if content is not None:
            (tmp_path / name).write_text(json.dumps(content))
    assert stop_ids(tmp_path, tokenizer) == expected


def test_decoded_text_drops_special_tokens_but_not_the_kept_tags(tokenizer: Any) -> None:
    ids = [
        SPECIAL.index("<think>"),
        *tokenizer.encode("so (A)"),
        SPECIAL.index("</think>"),
        SPECIAL.index("</s>"),
    ]
    assert decode(tokenizer, ids, hidden_ids(tokenizer)) == "so (A)"
    kept = hidden_ids(tokenizer, ("<think>", "</think>"))
    assert decode(tokenizer, ids, kept) == "<think>so (A)</think>"


TAGS = Thinking(open="<think>", close="</think>")
OPENS = "<|assistant|>"  # how the prompt ends
OPENED = "<|assistant|><think>\n"


@pytest.mark.parametrize(
    ("text", "prompt", "expected"),
    [
        ("<think>\nhm\n</think>\n\n(A)", OPENS, ("hm", "(A)")),
        ("hm</think>(A)", OPENED, ("hm", "(A)")),
        ("<think>hm", OPENS, ("hm", None)),
        ("hm", OPENED, ("hm", None)),
        ("(A)", OPENS, (None, "(A)")),
        ("hm</think>", OPENED, ("hm", "")),
        ("a</think>b</think>c", OPENED, ("a", "b</think>c")),
        ("", OPENED, ("", None)),
        ("", OPENS, (None, "")),
    ],
)
def test_thinking_and_answer_are_told_apart(
    text: str, prompt: str, expected: tuple[str | None, str | None]
) -> None:
    assert split_thinking(text, TAGS, prompt) == expected


def test_a_model_that_does_not_think_aloud_only_answers() -> None:
    assert split_thinking("(A) </think>", None, OPENED) == (None, "(A) </think>")


def test_a_prefill_is_added_only_where_the_template_did_not_write_it() -> None:
    class Template:
        bos_token = None
        chat_template = "x"
        name_or_path = "m"

        def apply_chat_template(self, messages: object, **_: object) -> str:
            return OPENED

        def encode(self, text: str, **_: object) -> list[int]:
            return [len(text)]

    facts = FACTS.model_copy(update={"prefill": "<think>\n"})
    assert chat.render(Template(), [], facts)[0] == OPENED
    assert (
        chat.render(Template(), [], facts.model_copy(update={"prefill": "Well"}))[0]
        == OPENED + "Well"
    )


def test_a_plain_llama_is_tokenized_without_torch(root: Path) -> None:
    """What AutoTokenizer would choose, found without importing it."""
    from transformers import AutoTokenizer

    folder = root / "resources/pocket/models/pocket-fair"
    expected = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    text = "<s><user> Who came late? <think> hm </think> (A) <assistant>"
    ours = chat.load_tokenizer(folder)
    assert type(ours) is type(expected)
    assert ours.chat_template == expected.chat_template
    assert ours.encode(text, add_special_tokens=False) == expected.encode(
        text, add_special_tokens=False
    )
    program = (
        "import sys; from pathlib import Path; from featherweight.chat.templates import"
        f" load_tokenizer; load_tokenizer(Path({str(folder)!r})); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(
    ("settings", "config"),
    [
        ({"tokenizer_class": "Qwen2Tokenizer"}, {"model_type": "llama"}),
        ({"tokenizer_class": "PreTrainedTokenizerFast"}, {"model_type": "mistral"}),
        ({"tokenizer_class": "PreTrainedTokenizerFast", "auto_map": {}}, {"model_type": "llama"}),
        ({}, {"model_type": "llama"}),
    ],
)
def test_every_other_tokenizer_is_chosen_by_transformers(
    tmp_path: Path, settings: dict[str, object], config: dict[str, object]
) -> None:
    (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert chat._tokenizer_class(tmp_path).__name__ == "AutoTokenizer"
