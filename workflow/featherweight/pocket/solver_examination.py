"""Whether `pocket-solver` does what was planted: its facts, its copying, its accuracy by level.

Reads a model folder and the problems of `tasks.chains`; writes nothing. The project's own engine
computes everything, in float32 from the weights as they are stored; answers go through the
ordinary reader and grader. One real level:

    Level(stratum="level 1", temperature=0.8, planted=0.742, measured=0.746, standard_error=0.018)

A standard error is that of the samples under the closed form, for these problems.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from featherweight.chat.templates import load_tokenizer
from featherweight.engines import Completion, Decoding, Request
from featherweight.engines.transformers import TransformersEngine, load
from featherweight.grading import Grader
from featherweight.reading.free import read_free
from featherweight.records import Item
from featherweight.tasks.chains import CHAINS, STRATA, TASK
from featherweight.tasks.chains.planted import planted, table
from featherweight.tasks.chains.problems import OPERATIONS, Operation, Problem, draw, parse
from featherweight.tasks.choice import draw_items, messages, stream_seed

PROBLEMS, SAMPLES = 150, 16
TEMPERATURES = (0.8, 1.0)
CONTEXTS = 8  # chains in which each fact is looked at
MAX_NEW_TOKENS = 128  # the longest right answer has 60
BOUND = 0.04  # mean total variation of the facts
ERRORS = 3.0  # standard errors between a level and what was planted
_STEP = re.compile(r"Step (\d+): (\d) ([-+*]) (\d) = (\d)")
_ANSWER = re.compile(r"The final answer is \\boxed\{ (\d) \}")


@dataclass(frozen=True, slots=True)
class Facts:
    """How the model's facts agree with the planted ones; distances are total variations.

    A fact's row is the mean over `contexts` chains; what goes to other tokens counts as missed.
    """

    facts: int
    contexts: int
    mean: float
    highest: float
    mean_in_one_context: float
    same_likeliest: int  # facts whose likeliest result is the planted table's


@dataclass(frozen=True, slots=True)
class Level:
    """The accuracy of one level at one temperature."""

    stratum: str
    temperature: float
    planted: float
    measured: float
    standard_error: float

    @property
    def errors(self) -> float:
        """How many standard errors what was measured lies above what was planted."""
        return (self.measured - self.planted) / self.standard_error


@dataclass(frozen=True, slots=True)
class Form:
    """How well the answers at one temperature keep to the chain that was asked."""

    temperature: float
    answers: int
    steps: int  # asked for, final answers included
    slips: int  # of them not copied, left out, or put elsewhere
    unread: int  # answers in which nothing could be read


@dataclass(frozen=True, slots=True)
class Measures:
    """What was measured of one model."""

    facts: Facts
    levels: tuple[Level, ...]
    forms: tuple[Form, ...]

    @property
    def sound(self) -> bool:
        """Whether the model is what it is said to be."""
        return self.facts.mean < BOUND and all(abs(one.errors) <= ERRORS for one in self.levels)

    def lines(self) -> list[str]:
        """For training.log."""
        facts = self.facts
        return [
            f"facts: total variation mean {facts.mean:.4f}, highest {facts.highest:.3f},"
            f" likeliest result as planted {facts.same_likeliest} of {facts.facts}",
            *(
                f"{one.stratum}, temperature {one.temperature}: planted {one.planted:.3f},"
                f" measured {one.measured:.3f}, {one.errors:+.1f} standard errors"
                for one in self.levels
            ),
            *(
                f"temperature {one.temperature}: {one.slips} slips in {one.steps} steps,"
                f" {one.unread} of {one.answers} answers unread"
                for one in self.forms
            ),
        ]


class Subject(NamedTuple):
    """A loaded model and its tokenizer."""

    engine: TransformersEngine
    tokenizer: Any

    def prompt(self, item_text: str) -> tuple[int, ...]:
        """The token ids of a problem as the study puts it."""
        chat = [{"role": "user", "content": CHAINS.user.format(question=item_text)}]
        ids = self.tokenizer.apply_chat_template(chat, add_generation_prompt=True).input_ids
        return tuple(ids)

    def ids(self, text: str) -> tuple[int, ...]:
        """The token ids of a part of an answer."""
        return tuple(self.tokenizer(text, add_special_tokens=False).input_ids)


def subject(folder: Path) -> Subject:
    """The model in this folder, in float32 on one thread."""
    return Subject(load(folder, dtype="float32", threads=1), load_tokenizer(folder))


def examined(folder: Path, chains: Path, table_name: str) -> Measures:
    """The measures of the model in `folder` against this planted table."""
    one = subject(folder)
    items = draw_items(TASK.load(chains, "chains").items, PROBLEMS, 0)
    levels: list[Level] = []
    forms: list[Form] = []
    for temperature in TEMPERATURES:
        told = answers(one, items, temperature, SAMPLES)
        levels += by_level(items, told, table_name, temperature)
        forms.append(form(items, told, temperature))
    return Measures(facts(one, table_name, CONTEXTS), tuple(levels), tuple(forms))


def before(digit: int, operation: Operation) -> int:
    """The digit that an operation turns into this one; there is exactly one."""
    return next(one for one in range(10) if operation.on(one) == digit)


def context(digit: int, operation: Operation, source: random.Random) -> tuple[Problem, str]:
    """A chain in which this fact comes up, worked out rightly, and its answer up to the fact."""
    steps = source.randint(2, 8)
    place = source.randrange(steps)
    operations = list(draw(steps, source).operations)
    operations[place] = operation
    start = digit
    for earlier in reversed(operations[:place]):
        start = before(start, earlier)
    problem = Problem(start, tuple(operations))
    reply = problem.reply(problem.values[1:])
    step = f"Step {place + 1}: {digit} {operation.sign} {operation.operand} ="
    return problem, reply[: reply.index(step) + len(step)]


def facts(one: Subject, table_name: str, contexts: int) -> Facts:
    """The model's row of each fact beside the planted one."""
    rows = table(table_name)
    asked = [(digit, operation) for operation in OPERATIONS for digit in range(10)]
    prompts = []
    for digit, operation in asked:
        source = random.Random(stream_seed("context", digit, *operation))
        for _ in range(contexts):
            problem, reply = context(digit, operation, source)
            prompts.append(one.prompt(problem.text) + one.ids(reply))
    found = _digits(one, prompts)
    whole, single, same = [], [], 0
    for place, fact in enumerate(asked):
        here = found[place * contexts : (place + 1) * contexts]
        row = [sum(column) / contexts for column in zip(*here, strict=True)]
        whole.append(variation(row, rows[fact]))
        single += [variation(each, rows[fact]) for each in here]
        same += row.index(max(row)) == rows[fact].index(max(rows[fact]))
    return Facts(
        facts=len(asked),
        contexts=contexts,
        mean=sum(whole) / len(whole),
        highest=max(whole),
        mean_in_one_context=sum(single) / len(single),
        same_likeliest=same,
    )


def _digits(one: Subject, prompts: Sequence[tuple[int, ...]]) -> list[list[float]]:
    """The probability of each digit after each prompt."""
    import numpy as np

    digits = [one.ids(str(digit)) for digit in range(10)]
    found = one.engine.loglikelihoods(
        [prompt for prompt in prompts for _ in digits], [digit for _ in prompts for digit in digits]
    )
    probabilities: list[list[float]] = np.exp(np.reshape(found, (-1, 10))).tolist()
    return probabilities


def variation(row: Sequence[float], planted_row: Sequence[float]) -> float:
    """Half the summed distance; what `row` lacks to 1 went to tokens that are no digit."""
    apart = sum(abs(a - b) for a, b in zip(row, planted_row, strict=True))
    return (apart + 1 - sum(row)) / 2


def answers(
    one: Subject, items: Sequence[Item], temperature: float, samples: int
) -> list[list[Completion]]:
    """What the model writes to each item, so many times."""
    requests = [
        Request(
            prompt_ids=one.prompt(messages(item, CHAINS, None)[-1]["content"]),
            stream=stream_seed("sample", 0, item.item_id, index),
            max_new_tokens=MAX_NEW_TOKENS,
        )
        for item in items
        for index in range(samples)
    ]
    found = one.engine.generate(requests, Decoding(temperature, 1.0, 0), lambda tokens: None)
    return [found[start : start + samples] for start in range(0, len(found), samples)]


def read(item: Item, completion: Completion) -> str | None:
    """The answer as the study reads it; None where nothing can be read."""
    assert TASK.read is not None
    return read_free(TASK.read, completion.text, item, completion.finish).answer


def by_level(
    items: Sequence[Item],
    told: Sequence[Sequence[Completion]],
    table_name: str,
    temperature: float,
) -> list[Level]:
    """Planted and measured accuracy of each level, every sample graded, unread ones wrong."""
    assert TASK.grading is not None
    given = [
        (item, answer)
        for item, completions in zip(items, told, strict=True)
        for answer in (read(item, one) for one in completions)
    ]
    with Grader(TASK.grading, cache=None) as grader:
        grades = grader.grade([(item.gold, answer) for item, answer in given if answer is not None])
    verdicts = iter(grades)
    right = [answer is not None and next(verdicts).equal is True for _, answer in given]
    levels = []
    for stratum in STRATA:
        own = [
            verdict
            for (item, _), verdict in zip(given, right, strict=True)
            if item.stratum == stratum
        ]
        rates = [
            planted(table_name, item, temperature) for item, _ in given if item.stratum == stratum
        ]
        n = len(own)
        levels.append(
            Level(
                stratum=stratum,
                temperature=temperature,
                planted=sum(rates) / n,
                measured=sum(own) / n,
                standard_error=sum(rate * (1 - rate) for rate in rates) ** 0.5 / n,
            )
        )
    return levels


def slips(problem: Problem, text: str) -> int:
    """Steps, the final answer one of them, that do not go on as the problem and the answer say."""
    *steps, last = text.split("\n\n")
    value, missed = problem.start, max(0, len(steps) - len(problem.operations))
    for number, operation in enumerate(problem.operations, start=1):
        found = _STEP.fullmatch(steps[number - 1]) if number <= len(steps) else None
        wanted = (str(number), str(value), operation.sign, str(operation.operand))
        missed += found is None or found.groups()[:4] != wanted
        value = value if found is None else int(found[5])
    answer = _ANSWER.fullmatch(last)
    return missed + (answer is None or int(answer[1]) != value)


def form(items: Sequence[Item], told: Sequence[Sequence[Completion]], temperature: float) -> Form:
    """How well all these answers keep to their chains."""
    problems = [parse(item.question) for item in items]
    pairs = [
        (item, one) for item, completions in zip(items, told, strict=True) for one in completions
    ]
    return Form(
        temperature=temperature,
        answers=len(pairs),
        steps=sum(
            (len(problem.operations) + 1) * len(completions)
            for problem, completions in zip(problems, told, strict=True)
        ),
        slips=sum(
            slips(problem, one.text)
            for problem, completions in zip(problems, told, strict=True)
            for one in completions
        ),
        unread=sum(read(item, one) is None for item, one in pairs),
    )
