r"""What tasks with graded answers share: their wordings, their policy, their controls.

A control answers as a model would, with a sentence or two and a box, so that reading and grading
are tested together. One real answer, of `rephrased` to an item whose right answer is
`\frac{3}{4}`:

    I write down what is given and work it out step by step.

    Therefore, the final answer is $\boxed{\frac{6}{8}}$.

What they score is known: `oracle` and `rephrased` have every answer right, `near-miss` reads well
and has none right, `unclosed` never finishes, `hesitant` gives no answer at a planted rate.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from featherweight.specs import Wording
from featherweight.tasks import Asked, Rule
from featherweight.tasks.rules import UNREAD

# --- wordings --------------------------------------------------------------------------------
# Braces that a reader shall see are doubled in `user`, which is filled in, and not in `system`.

POLICY = "wrong"  # who gives no answer that can be read has not solved the problem
POLICIES = (POLICY, "drop")

BOXED = Wording(
    name="boxed",
    user=(
        "{question}\n\nSolve the problem step by step and put the final answer, and nothing else,"
        " within \\boxed{{}}."
    ),
)

# The first article's system message: huggingface/search-and-learn (Apache-2.0) at
# 027a727e98ac33893160d0ed473cc6f879236e01, src/sal/config.py, `system_prompt`; the recipes for
# Llama leave it as it is, compute-optimal-tts asks Llama 3 in the same words.
SEARCH_AND_LEARN = Wording(
    name="search-and-learn",
    system=(
        "Solve the following math problem efficiently and clearly:\n\n"
        "- For simple problems (2 steps or fewer):\n"
        "Provide a concise solution with minimal explanation.\n\n"
        "- For complex problems (3 steps or more):\n"
        "Use this step-by-step format:\n\n"
        "## Step 1: [Concise description]\n[Brief explanation and calculations]\n\n"
        "## Step 2: [Concise description]\n[Brief explanation and calculations]\n\n"
        "...\n\n"
        "Regardless of the approach, always conclude with:\n\n"
        "Therefore, the final answer is: $\\boxed{answer}$. I hope it is correct.\n\n"
        "Where [answer] is just the final number or expression that solves the problem."
    ),
    user="{question}",
)

# QwenLM/Qwen2.5-Math@a45202bd16f1ec06f433442dc1152d0074773465, README.md: as a system message.
QWEN = Wording(
    name="qwen",
    system="Please reason step by step, and put your final answer within \\boxed{}.",
    user="{question}",
)

# deepseek-ai/DeepSeek-R1@00f3296a14392e787d4138b5a0d8ce0e55a25b23, README.md, "Usage
# Recommendations": no system message, and this sentence in the prompt of a mathematical problem.
# SmolLM2's makers ask in the same words: huggingface/smollm at
# c5525272e1183ba19ea3ab9d76f2498a3e00b729, text/evaluation/tasks.py, `prompt_math`.
DEEPSEEK = Wording(
    name="deepseek",
    user="{question}\nPlease reason step by step, and put your final answer within \\boxed{{}}.",
)

# In the form in which GSM8K's own solutions end.
HASHES = Wording(
    name="hashes",
    user=(
        "{question}\n\nSolve the problem step by step. End with a line that holds #### and then the"
        " final number, and nothing else."
    ),
)

WORDINGS = (BOXED, SEARCH_AND_LEARN, QWEN, DEEPSEEK)

# --- controls --------------------------------------------------------------------------------

_STEPS = "I write down what is given and work it out step by step."
_LOST = "I write down what is given, and from there I do not see how to go on."

_WHOLE = re.compile(r"-?[0-9]+")
_DECIMAL = re.compile(r"-?[0-9]*\.[0-9]+")
_FRACTION = re.compile(r"(-?)\\[dt]?frac\{([0-9]+)\}\{([0-9]+)\}")
_WORD = re.compile(r"\\text\{[^{}]*\}|[A-Za-z]{2,}")
_DIGITS = re.compile(r"[0-9]+")


def oracle(asked: Asked) -> str:
    """The right answer as the dataset writes it."""
    return _boxed(asked.item.gold)


def rephrased(asked: Asked) -> str:
    """The right answer in one of its other forms, each as likely."""
    return _boxed(_one_of(other_forms(asked.item.gold), asked.stream))


def near_miss(asked: Asked) -> str:
    """An answer that is almost the right one, one of several, each as likely."""
    return _boxed(_one_of(near_misses(asked.item.gold), asked.stream))


def unclosed(asked: Asked) -> str:
    """The right answer in a box that is never closed."""
    return f"{_STEPS}\n\nTherefore, the final answer is $\\boxed{{{asked.item.gold}"


def hesitant(asked: Asked) -> str:
    """The right answer; at the planted rate none at all."""
    import numpy as np

    rate = UNREAD["hesitant"].under(asked.prompt)
    if np.random.default_rng(asked.stream).random() < rate:
        return _LOST
    return _boxed(asked.item.gold)


CONTROLS: Mapping[str, Rule] = MappingProxyType(
    {
        "oracle": oracle,
        "rephrased": rephrased,
        "near-miss": near_miss,
        "unclosed": unclosed,
        "hesitant": hesitant,
    }
)


def other_forms(gold: str) -> tuple[str, ...]:
    """Ways to write a right answer that are equal to it by any fair grading."""
    forms = [f" {gold} ", f"{gold}."]
    if _WHOLE.fullmatch(gold):
        number = int(gold)
        forms += [str(number), f"{number:,}"]
        forms += [f"0{gold}"] if number >= 0 else []
    elif _DECIMAL.fullmatch(gold):
        forms += [f"{gold}0"]
    elif found := _FRACTION.fullmatch(gold):
        sign, top, bottom = found[1], int(found[2]), int(found[3])
        forms += [f"{sign}\\frac{{{2 * top}}}{{{2 * bottom}}}", f"{sign}{top}/{bottom}"]
    elif not _WORD.fullmatch(gold):
        forms += [f"\\displaystyle {gold}"]
        forms += [gold.replace("^\\circ", "^{\\circ}")] if "^\\circ" in gold else []
        forms += [gold.replace("\\frac", "\\dfrac")] if "\\frac" in gold else []
        forms += [gold.replace("\\left", "").replace("\\right", "")] if "\\left" in gold else []
    return tuple(form for form in dict.fromkeys(forms) if form != gold)


def near_misses(gold: str) -> tuple[str, ...]:
    """Answers that are almost the right one and not equal to it by any fair grading."""
    if _WHOLE.fullmatch(gold):
        number = int(gold)
        return (str(number + 1), str(number - 1), str(10 * number + 1))
    if found := _FRACTION.fullmatch(gold):
        sign, top, bottom = found[1], int(found[2]), int(found[3])
        return (
            f"{sign}\\frac{{{top + 1}}}{{{bottom}}}",
            f"{'' if sign else '-'}\\frac{{{top}}}{{{bottom}}}",
        )
    if _WORD.fullmatch(gold):
        return (gold[:-1] + "ish}",) if gold.endswith("}") else (f"{gold}ish",)
    if _DIGITS.search(gold):
        return (_DIGITS.sub(lambda run: str(int(run[0]) + 1), gold, count=1),)
    return (f"{gold} + 1",)


def _boxed(answer: str) -> str:
    return f"{_STEPS}\n\nTherefore, the final answer is $\\boxed{{{answer}}}$."


def _one_of(forms: Sequence[str], stream: int) -> str:
    import numpy as np

    return forms[int(np.random.default_rng(stream).integers(len(forms)))]
