"""What was answered, and what it cost.

One real row of each:

    Sample(model="pocket-fair", task="mmlu", category="human_aging", item_seed=0, sample_seed=0,
           item_id="human_aging-test-0008", sample_index=0, text="is is is..", thinking=None,
           answer="is is is..", token_ids=(166, 166, 166, 14, 14), n_prompt_tokens=45, n_tokens=5,
           finish="stop", mean_logprob=-0.4847, option_loglikelihoods=None)
    Usage(model="pocket-fair", chunk="5d2a...", n_requests=64, n_samples=64, tokens_in=2624,
          tokens_out=384, seconds=0.41, seconds_load=0.0, device="cpu",
          engine="transformers 5.23.0, ...")

Seconds are deliberately not in a sample: samples are the reproducible artefact and must be
byte-identical after a resume.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# forced: we ended the thinking; scored: nothing was generated
Finish = Literal["stop", "length", "forced", "scored"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer, generated or chosen by likelihood.

    Key: (model, task, category, item_seed, sample_seed, item_id, sample_index).
    """

    model: str
    task: str
    category: str
    item_seed: int
    sample_seed: int
    item_id: str
    sample_index: int
    text: str  # everything that was generated, special tokens of the thinking kept
    thinking: str | None  # what stands before </think>; None where the model does not think aloud
    answer: str | None  # what stands after it; None where the thinking never ended
    token_ids: tuple[int, ...] | None  # generated, without the stop token; None: a rule answered
    n_prompt_tokens: int
    n_tokens: int  # generated, the stop token not counted
    finish: Finish
    # Natural log, mean over generated tokens; None for controls and where none was generated.
    mean_logprob: float | None
    # By shown position: natural log of the probability of all tokens of the option; None inside:
    # not a finite number. None: the answer was generated.
    option_loglikelihoods: tuple[float | None, ...] | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What one chunk of completions cost. Key: (model, chunk); lies in the store beside them."""

    model: str
    chunk: str
    n_requests: int
    n_samples: int  # completions that it brought
    n_scored: int  # of these: chosen by likelihood, not generated
    tokens_in: int
    tokens_out: int
    seconds: float  # wall seconds of generating or scoring
    seconds_load: float  # of loading the model; in the first chunk of a process, 0.0 in the others
    peak_rss_mib: float
    device: str
    engine: str
    threads: int | None
    hardware: str
