"""What a model thinks aloud, told from what it answers. Reads and writes nothing.

>>> split_thinking("hm</think>(A)", Thinking(open="<think>", close="</think>"), "...<think>")
Reply(thinking='hm', answer='(A)')
"""

from __future__ import annotations

from typing import NamedTuple

from featherweight.specs import Thinking


class Reply(NamedTuple):
    """A reply, taken apart."""

    thinking: str | None  # None: there is none
    answer: str | None  # None: the thinking never ended


def split_thinking(text: str, tags: Thinking | None, prompt: str) -> Reply:
    """What stands before the closing tag, and what stands after it, without tags and outer spaces.

    `tags` None: the model does not think aloud. Thinking that was opened, by the reply or at the
    end of the prompt, and never closed is all thinking and no answer. Without any tag all is
    answer.
    """
    if tags is None:
        return Reply(None, text)
    before, close, after = text.partition(tags.close)
    opened = prompt.rstrip().endswith(tags.open)
    if not close and not opened and tags.open not in text:
        return Reply(None, text)
    thinking = before.strip().removeprefix(tags.open).strip()
    return Reply(thinking, after.strip() if close else None)
