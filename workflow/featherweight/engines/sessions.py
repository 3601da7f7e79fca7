r"""Answers that grow by steps and branch: what a search asks of an engine.

    opened = session(engine, Decoding(0.8, 1.0, 0), budget=100_000)
    (branch,) = opened.open([(1, 511, 38)], [7], max_new_tokens=512)
    (branch,) = opened.extend([branch], until=("\n\n",), max_step_tokens=64)
    branch
    -> Branch(id=1, prompt_ids=(1, 511, 38), stream=7, limit=512, token_ids=(31, 8, 5),
              text="So\n\n", logprob=-0.31, finish="step")

Token ids are the truth: text is made of them and never tokenised again. The noise of a token is
keyed by its branch's stream and its step, so it makes no difference where an answer was cut into
steps, what was computed beside it, or whether its cache was kept. A session may keep the keys and
values of its branches (`transformers/keeping`); the one here keeps nothing and computes a branch's
beginning again at every step. In float32 on a CPU both give the same tokens; in other formats as
far as rounding allows.

Reads and writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Literal, Protocol, runtime_checkable

from featherweight.engines.base import Completion, Decoding, Engine, Request
from featherweight.engines.decoding_loop import check_prompts

# step: it can go on; stop: the model ended its answer; length: its limit or context is reached
StepFinish = Literal["step", "stop", "length"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """An answer as far as it goes. It never changes: extending makes a new branch."""

    id: int  # what a session that keeps caches knows it by
    prompt_ids: tuple[int, ...]
    stream: int
    limit: int  # tokens that the answer may come to
    token_ids: tuple[int, ...] = ()  # of the answer
    text: str = ""  # of the answer
    logprob: float = 0.0  # natural log under the untempered model, summed over the answer
    finish: StepFinish = "step"


class Session(Protocol):
    """Branches of answers, held by an engine until they are released."""

    def open(
        self, prompts: Sequence[tuple[int, ...]], streams: Sequence[int], *, max_new_tokens: int
    ) -> list[Branch]:
        """One branch per prompt and stream, with nothing said yet."""

    def extend(
        self, branches: Sequence[Branch], *, until: tuple[str, ...], max_step_tokens: int
    ) -> list[Branch]:
        """Each branch one step further, in order: to the token with which the step's text contains
        one of `until`, or for `max_step_tokens`. The old branches stay open.

        Raises ValueError for a branch that is finished or released.
        """

    def fork(self, branch: Branch, streams: Sequence[int]) -> list[Branch]:
        """The same answer once per stream, to be extended apart. The old branch stays open."""

    def score(
        self, branches: Sequence[Branch], continuations: Sequence[tuple[int, ...]]
    ) -> list[float]:
        """The natural-log probability of each continuation after its branch: an answer to choose,
        or a reward model's verdict where the engine holds one.
        """

    def release(self, branches: Sequence[Branch]) -> None:
        """Forget these branches; what only they needed can be given back."""


@runtime_checkable
class KeepsCaches(Protocol):
    """An engine that can keep the keys and values of branches."""

    def session(self, decoding: Decoding, budget: int) -> Session:
        """A session that keeps those of at most so many tokens beside the running rows'."""


def session(engine: Engine, decoding: Decoding, *, budget: int) -> Session:
    """A session over this engine: one that keeps the caches of up to `budget` tokens where the
    engine can, else one that computes every beginning again. The answers are the same.
    """
    if isinstance(engine, KeepsCaches):
        return engine.session(decoding, budget)
    return RecomputingSession(engine, decoding)


class RecomputingSession:
    """A session over any engine: keeps no cache, computes what a branch holds at every step."""

    def __init__(self, engine: Engine, decoding: Decoding) -> None:
        self.engine = engine
        self.decoding = decoding
        self._ids = count(1)
        self._open: set[int] = set()

    def open(
        self, prompts: Sequence[tuple[int, ...]], streams: Sequence[int], *, max_new_tokens: int
    ) -> list[Branch]:
        """As `Session.open`. A limit beyond the model's context becomes what is left of it."""
        context = self.engine.context
        check_prompts(self.engine.identity, prompts, context)
        branches = []
        for prompt, stream in zip(prompts, streams, strict=True):
            limit = max_new_tokens
            if context is not None:
                limit = min(limit, context - len(prompt))
            branch = Branch(id=0, prompt_ids=prompt, stream=stream, limit=limit)
            branches.append(self._branch(branch))
        return branches

    def extend(
        self, branches: Sequence[Branch], *, until: tuple[str, ...], max_step_tokens: int
    ) -> list[Branch]:
        """As `Session.extend`."""
        self._require_open(branches)
        over = [branch.id for branch in branches if branch.finish != "step"]
        if over:
            raise ValueError(f"expected branches that can go on, got finished ones: {over}")
        requests = [
            Request(
                prompt_ids=branch.prompt_ids + branch.token_ids,
                stream=branch.stream,
                first_step=len(branch.token_ids),
                max_new_tokens=min(max_step_tokens, branch.limit - len(branch.token_ids)),
                stop_texts=until,
            )
            for branch in branches
        ]
        made = self._generate(requests)
        return [
            self._extended(branch, step, until) for branch, step in zip(branches, made, strict=True)
        ]

    def fork(self, branch: Branch, streams: Sequence[int]) -> list[Branch]:
        """As `Session.fork`."""
        self._require_open([branch])
        return [self._branch(replace(branch, stream=stream)) for stream in streams]

    def score(
        self, branches: Sequence[Branch], continuations: Sequence[tuple[int, ...]]
    ) -> list[float]:
        """As `Session.score`."""
        self._require_open(branches)
        prefixes = [branch.prompt_ids + branch.token_ids for branch in branches]
        return self.engine.loglikelihoods(prefixes, continuations)

    def release(self, branches: Sequence[Branch]) -> None:
        """As `Session.release`."""
        self._require_open(branches)
        self._open -= {branch.id for branch in branches}

    def _generate(self, requests: Sequence[Request]) -> list[Completion]:
        return self.engine.generate(requests, self.decoding, lambda count: None)

    def _extended(self, branch: Branch, step: Completion, until: tuple[str, ...]) -> Branch:
        token_ids = branch.token_ids + step.token_ids
        reached = any(stop in step.text for stop in until)
        finish: StepFinish = "stop" if step.finish == "stop" and not reached else "step"
        if finish == "step" and len(token_ids) >= branch.limit:
            finish = "length"
        logprob = 0.0 if step.mean_logprob is None else step.mean_logprob * step.n_tokens
        return self._branch(
            replace(
                branch,
                token_ids=token_ids,
                text=self.engine.decode(token_ids),
                logprob=branch.logprob + logprob,
                finish=finish,
            )
        )

    def _branch(self, branch: Branch) -> Branch:
        opened = replace(branch, id=next(self._ids))
        self._open.add(opened.id)
        return opened

    def _require_open(self, branches: Sequence[Branch]) -> None:
        closed = [branch.id for branch in branches if branch.id not in self._open]
        if closed:
            raise ValueError(f"expected open branches, got released ones: {closed}")
