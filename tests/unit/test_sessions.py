"""Answers that grow by steps: token for token what one call gives, whatever the steps are."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from featherweight.engines import Completion, Decoding, Request, base, load_engine, sessions
from featherweight.engines.sessions import Branch, RecomputingSession, Session, session
from featherweight.engines.transformers.keeping import KeepingSession
from featherweight.errors import InputError

ROOT = Path(__file__).parents[2]
SAMPLED = Decoding(3.0, 1.0, 0)  # flat enough that another noise gives another token
STREAMS = [3, 14, 159, 2653]


def quiet(count: int) -> None:
    pass


@pytest.fixture(scope="module")
def engine() -> Any:
    folder = ROOT / "resources/pocket/models/pocket-thinker"
    loaded = load_engine("transformers", folder, dtype="float32", threads=1)
    loaded.stops = ()  # type: ignore[attr-defined]  # long answers: more tokens to compare
    return loaded


@pytest.fixture(scope="module")
def prompts(engine: Any) -> list[tuple[int, ...]]:
    texts = ("The late-riser and the", "Who came late?", "Nobody can say", "A")
    return [tuple(engine.tokenizer.encode(text)) for text in texts]


@pytest.fixture(scope="module")
def at_once(engine: Any, prompts: list[tuple[int, ...]]) -> list[Completion]:
    requests = [
        Request(prompt_ids=prompt, stream=stream, max_new_tokens=40)
        for prompt, stream in zip(prompts, STREAMS, strict=True)
    ]
    made: list[Completion] = engine.generate(requests, SAMPLED, quiet)
    assert [len(one.token_ids) for one in made] == [40] * 4
    return made


# tokens that are kept beside the running rows'; None: a session that keeps nothing
BUDGETS = pytest.mark.parametrize("budget", [None, 0, 30, 100_000], ids=lambda n: f"budget {n}")


def opened(engine: Any, budget: int | None, decoding: Decoding = SAMPLED) -> Session:
    if budget is None:
        return RecomputingSession(engine, decoding)
    made = session(engine, decoding, budget=budget)
    assert isinstance(made, KeepingSession)
    return made


def by_steps(
    engine: Any,
    prompts: list[tuple[int, ...]],
    until: tuple[str, ...],
    size: int,
    budget: int | None = None,
) -> tuple[list[Branch], int]:
    """The answers of a session, and in how many steps they came."""
    session = opened(engine, budget)
    branches = session.open(prompts, STREAMS, max_new_tokens=40)
    steps = 0
    while going := [branch for branch in branches if branch.finish == "step"]:
        longer = iter(session.extend(going, until=until, max_step_tokens=size))
        branches = [next(longer) if branch.finish == "step" else branch for branch in branches]
        session.release(going)
        steps += 1
    return branches, steps


@BUDGETS
@pytest.mark.parametrize(
    ("until", "size"),
    [((), 40), ((), 1), ((), 7), ((".",), 40), ((" ", "e"), 3)],
    ids=["one step", "single tokens", "sevens", "sentences", "whichever comes first"],
)
def test_steps_give_token_for_token_what_one_call_gives(
    engine: Any,
    prompts: list[tuple[int, ...]],
    at_once: list[Completion],
    until: tuple[str, ...],
    size: int,
    budget: int | None,
) -> None:
    branches, steps = by_steps(engine, prompts, until, size, budget)
    assert [b.token_ids for b in branches] == [one.token_ids for one in at_once]
    assert [b.text for b in branches] == [one.text for one in at_once]
    assert [b.finish for b in branches] == ["length"] * 4
    assert steps >= 40 / size
    for branch, one in zip(branches, at_once, strict=True):
        assert branch.logprob / 40 == pytest.approx(one.mean_logprob, abs=1e-5)


def test_without_the_step_of_the_noise_the_tokens_would_be_others(
    engine: Any,
    prompts: list[tuple[int, ...]],
    at_once: list[Completion],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The planted fault: every step begins with the noise of step 0, as before `first_step`."""

    def forgetful(**facts: Any) -> Request:
        return base.Request(**facts | {"first_step": 0})

    monkeypatch.setattr(sessions, "Request", forgetful)
    branches, _ = by_steps(engine, prompts, (), 7)
    assert [b.token_ids[:7] for b in branches] == [one.token_ids[:7] for one in at_once]
    assert all(b.token_ids != one.token_ids for b, one in zip(branches, at_once, strict=True))


def test_a_stop_text_ends_an_answer_and_stays_in_it(
    engine: Any, prompts: list[tuple[int, ...]], at_once: list[Completion]
) -> None:
    whole = at_once[0]
    stop = whole.text[len(whole.text) // 2 :][:2]  # spans tokens where a word does
    request = Request(
        prompt_ids=prompts[0], stream=STREAMS[0], max_new_tokens=40, stop_texts=("@@", stop)
    )
    (made,) = engine.generate([request], SAMPLED, quiet)
    assert made.finish == "stop"
    assert 0 < made.n_tokens < 40
    assert made.token_ids == whole.token_ids[: made.n_tokens]
    assert stop in made.text
    assert stop not in engine.decode(made.token_ids[:-1])


def test_each_request_has_its_own_limit(
    engine: Any, prompts: list[tuple[int, ...]], at_once: list[Completion]
) -> None:
    limits = [5, 40, 1, 17]
    requests = [
        Request(prompt_ids=prompt, stream=stream, max_new_tokens=limit)
        for prompt, stream, limit in zip(prompts, STREAMS, limits, strict=True)
    ]
    made = engine.generate(requests, SAMPLED, quiet)
    assert [one.token_ids for one in made] == [
        whole.token_ids[:limit] for whole, limit in zip(at_once, limits, strict=True)
    ]


@BUDGETS
def test_a_fork_shares_what_was_said_and_then_goes_its_own_way(
    engine: Any, prompts: list[tuple[int, ...]], at_once: list[Completion], budget: int | None
) -> None:
    session = opened(engine, budget)
    (root,) = session.open(prompts[:1], STREAMS[:1], max_new_tokens=40)
    (begun,) = session.extend([root], until=(), max_step_tokens=10)
    same, other = session.fork(begun, [STREAMS[0], 77])
    ends = session.extend([same, other, begun], until=(), max_step_tokens=30)
    assert [end.token_ids[:10] for end in ends] == [begun.token_ids] * 3
    assert ends[0].token_ids == ends[2].token_ids == at_once[0].token_ids != ends[1].token_ids
    assert len({branch.id for branch in (root, begun, same, other, *ends)}) == 7


@BUDGETS
def test_a_score_is_the_loglikelihood_after_the_branch(
    engine: Any, prompts: list[tuple[int, ...]], at_once: list[Completion], budget: int | None
) -> None:
    session = opened(engine, budget)
    branches = session.open(prompts, STREAMS, max_new_tokens=40)
    begun = session.extend(branches, until=(), max_step_tokens=10)
    rest = [one.token_ids[10:] for one in at_once]
    scores = session.score(begun, rest)
    whole = session.score(branches, [one.token_ids for one in at_once])
    for branch, part, all_of_it, one in zip(begun, scores, whole, at_once, strict=True):
        assert branch.logprob + part == pytest.approx(all_of_it, abs=1e-3)
        assert all_of_it / 40 == pytest.approx(one.mean_logprob, abs=1e-4)


@BUDGETS
def test_the_model_and_its_context_end_a_branch(
    engine: Any, prompts: list[Any], budget: int | None
) -> None:
    session = opened(engine, budget, Decoding(0.0, 1.0, 0))
    (branch,) = session.open(prompts[:1], [0], max_new_tokens=10**6)
    assert branch.limit == engine.context - len(prompts[0])
    before = engine.stops
    (step,) = session.extend([branch], until=(), max_step_tokens=3)
    assert step.finish == "step"
    try:
        engine.stops = (step.token_ids[1],)
        (ended,) = session.extend([branch], until=(), max_step_tokens=3)
    finally:
        engine.stops = before
    assert (ended.finish, ended.token_ids) == ("stop", step.token_ids[:1])
    with pytest.raises(ValueError, match="finished ones"):
        session.extend([ended], until=(), max_step_tokens=3)
    with pytest.raises(InputError, match="1 of 1 prompts exceed the context"):
        session.open([(5,) * engine.context], [0], max_new_tokens=1)


@BUDGETS
def test_a_released_branch_is_gone(engine: Any, prompts: list[Any], budget: int | None) -> None:
    session = opened(engine, budget)
    first, second = session.open(prompts[:2], [1, 2], max_new_tokens=4)
    session.release([first])
    (step,) = session.extend([second], until=(), max_step_tokens=2)
    assert len(step.token_ids) == 2
    for call in (
        lambda: session.extend([first], until=(), max_step_tokens=1),
        lambda: session.fork(first, [1]),
        lambda: session.score([first], [(1,)]),
        lambda: session.release([first]),
    ):
        with pytest.raises(ValueError, match="released ones"):
            call()


@pytest.mark.parametrize(
    "change", [{"max_new_tokens": 0}, {"first_step": -1}, {"stop_texts": ("a", "")}]
)
def test_a_request_that_means_nothing_is_refused(change: dict[str, Any]) -> None:
    request = Request(prompt_ids=(1,), stream=0, max_new_tokens=1)
    with pytest.raises(ValueError, match="expected"):
        dataclasses.replace(request, **change)
