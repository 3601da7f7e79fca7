"""Answers by likelihood: the option that the model finds likeliest after the prompt. Nothing is
generated.

What comes back has the shape of a completion, so that store, resume and samples are those of
generated answers. One real answer, to a prompt whose options are "(A)", "(B)", "(C)":

    Completion(text="(B)", token_ids=(), finish="scored", mean_logprob=None,
               option_loglikelihoods=(-4.0931, -0.7012, -1.9337))
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from featherweight.engines import Completion, Engine
from featherweight.errors import InputError
from featherweight.reading.likelihood import likeliest
from featherweight.records import Prompt

LIKELIHOOD_VERSION = 1  # raise it when stored log-likelihoods must not be used any more


def chosen_by_likelihood(prompt: Prompt) -> bool:
    """Whether this prompt's answer is chosen and not generated.

    A control has no likelihoods: its rule answers.
    """
    return prompt.option_ids is not None


def asked(prompt: Prompt) -> dict[str, object]:
    """What decides log-likelihoods beside the model and its engine: no decoding, no noise, no
    sample number.
    """
    return {
        "answers": f"likelihood {LIKELIHOOD_VERSION}",
        "prompt": list(prompt.token_ids),
        "options": list(prompt.options or ()),
        "option_ids": [list(ids) for ids in prompt.option_ids or ()],
    }


def choose(engine: Engine, prompts: Sequence[Prompt]) -> list[Completion]:
    """One answer per prompt, in order; an empty text where two options are equally likely or one is
    impossible.

    Raises InputError for log-likelihoods that are not numbers, as generating does.

    A prompt's options stand side by side in what the engine is asked, so that it may compute their
    prompt once.
    """
    pairs = [(prompt.token_ids, ids) for prompt in prompts for ids in prompt.option_ids or ()]
    values = iter(engine.loglikelihoods([ids for ids, _ in pairs], [ids for _, ids in pairs]))
    return [_answer(prompt, [next(values) for _ in prompt.option_ids or ()]) for prompt in prompts]


def _answer(prompt: Prompt, values: Sequence[float]) -> Completion:
    if any(math.isnan(value) for value in values):
        raise InputError(
            f"{prompt.model}: {prompt.item_id}: the model's log-likelihoods are not numbers in this"
            " number format; choose dtype bfloat16 or float32 (with engine: transformers)"
        )
    finite = tuple(value if math.isfinite(value) else None for value in values)
    position = likeliest(finite)
    text = "" if position is None or prompt.options is None else prompt.options[position]
    return Completion(
        text=text,
        token_ids=(),
        finish="scored",
        mean_logprob=None,
        option_loglikelihoods=finite,
    )
