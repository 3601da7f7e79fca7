"""Sessions that keep caches: the answers of one that keeps nothing, over random trees of branches
and budgets too small for them; and what is computed, and held.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import torch
from character_model import CHARACTERS, SPECIAL, write_model

from featherweight.engines import Decoding, load_engine
from featherweight.engines.sessions import Branch, RecomputingSession, Session, session
from featherweight.engines.transformers import TransformersEngine, keeping, prefixes
from featherweight.engines.transformers.keeping import KeepingSession
from featherweight.engines.transformers.prefixes import Piece, Prefix, Prefixes

SAMPLED = Decoding(2.0, 1.0, 0)  # flat enough that another noise gives another token
SIZE = len(SPECIAL) + len(CHARACTERS)
MUCH = 100_000  # tokens


@pytest.fixture(scope="module", params=["llama", "qwen2"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> TransformersEngine:
    folder = write_model(tmp_path_factory.mktemp(request.param), request.param)
    loaded = load_engine("transformers", folder, dtype="float32", threads=1)
    assert isinstance(loaded, TransformersEngine)
    return loaded


def words(draw: random.Random, count: int) -> tuple[int, ...]:
    return tuple(draw.randrange(5, SIZE) for _ in range(count))


class Grown(NamedTuple):
    """What a random tree came to: branches without their ids, and scores."""

    branches: list[tuple[Any, ...]]
    logprobs: list[float]


def grow(held: Session, seed: int, check: Callable[[], None] = lambda: None) -> Grown:
    """A random tree: which branch is opened, extended, forked, scored and released depends on the
    seed alone.
    """
    draw = random.Random(seed)
    beginning = words(draw, 12)
    prompts = [words(draw, n) for n in (1, 2, 9)]
    prompts += [(*beginning, *words(draw, n)) for n in (3, 20)]
    open_now: list[Branch] = []
    seen: list[tuple[Any, ...]] = []
    logprobs: list[float] = []
    for _ in range(24):
        going = [branch for branch in open_now if branch.finish == "step"]
        doing = draw.choice(("open", "extend", "extend", "extend", "fork", "score", "release"))
        count = draw.randint(1, 5)
        made: list[Branch] = []
        if doing == "open" or not open_now:
            chosen = [draw.choice(prompts) for _ in range(count)]
            made = held.open(chosen, [draw.randrange(50) for _ in chosen], max_new_tokens=40)
        elif doing == "extend" and going:
            some = draw.sample(going, min(count, len(going)))
            until = draw.choice(((), ("a", "e", "(")))
            made = held.extend(some, until=until, max_step_tokens=draw.randint(1, 9))
            if draw.random() < 0.5:
                held.release(some)
                open_now = [branch for branch in open_now if branch not in some]
        elif doing == "fork":
            made = held.fork(draw.choice(open_now), [draw.randrange(50) for _ in range(count)])
        elif doing == "score":
            some = draw.sample(open_now, min(count, len(open_now)))
            logprobs += held.score(some, [words(draw, draw.randint(0, 6)) for _ in some])
        elif doing == "release":
            some = draw.sample(open_now, min(count, len(open_now)))
            held.release(some)
            open_now = [branch for branch in open_now if branch not in some]
        open_now += made
        seen += [(b.prompt_ids, b.token_ids, b.stream, b.text, b.finish) for b in made]
        logprobs += [branch.logprob for branch in made]
        check()
    return Grown(seen, logprobs)


@pytest.mark.parametrize("budget", [0, 25, MUCH])
@pytest.mark.parametrize("seed", range(4))
def test_with_and_without_kept_caches_the_answers_are_the_same(
    engine: TransformersEngine, seed: int, budget: int
) -> None:
    held = session(engine, SAMPLED, budget=budget)
    assert isinstance(held, KeepingSession)

    def bounded() -> None:
        kept = held.prefixes
        pieces = {id(p): p.n for one in kept._held.values() for p in one.pieces}
        assert kept.tokens == sum(pieces.values()) <= budget

    found = grow(held, seed, bounded)
    wanted = grow(RecomputingSession(engine, SAMPLED), seed)
    assert found.branches == wanted.branches
    assert found.logprobs == pytest.approx(wanted.logprobs, abs=1e-4)


@pytest.fixture
def fed(engine: TransformersEngine) -> Iterator[list[int]]:
    """Tokens of each pass."""
    counts: list[int] = []
    hook = engine.model.get_input_embeddings().register_forward_hook(
        lambda module, inputs, output: counts.append(inputs[0].numel())
    )
    yield counts
    hook.remove()


def test_a_step_computes_its_own_tokens_alone(engine: TransformersEngine, fed: list[int]) -> None:
    """Each distinct prompt once, then one token for each that is made; scores only what came
    since.
    """
    draw = random.Random(0)
    first, second = words(draw, 30), words(draw, 30)
    held = session(engine, SAMPLED, budget=MUCH)
    engine.model.eval()
    before, engine.stops = engine.stops, ()
    try:
        branches = held.open([first, second, first], [1, 2, 3], max_new_tokens=40)
        made = held.extend(branches, until=(), max_step_tokens=8)
        assert sum(fed) == 2 * 29 + 3 * 8
        for _ in range(3):
            fed.clear()
            forked = held.fork(made[0], [7])
            branches, made = made, held.extend([*made[1:], *forked], until=(), max_step_tokens=8)
            assert sum(fed) == 3 * 8
            held.release(branches)
        fed.clear()
        (other,) = held.open([made[0].prompt_ids + made[0].token_ids + (9, 9, 9)], [1],
                             max_new_tokens=4)  # fmt: skip
        held.score([made[0], made[0], other], [(5,), (6, 7), (8,)])
        # What other says beyond made[0]: made[0]'s last token and two of the three. Then the last
        # token with all but the last of each continuation, padded.
        assert sum(fed) == 3 + 3 * 2
    finally:
        engine.stops = before


def test_released_branches_hold_nothing(engine: TransformersEngine) -> None:
    held = session(engine, SAMPLED, budget=MUCH)
    assert isinstance(held, KeepingSession)
    opened = held.open([(5, 6, 7, 8)] * 2, [1, 2], max_new_tokens=40)
    made = held.extend(opened, until=(), max_step_tokens=5)
    assert held.prefixes.tokens > 3
    held.score(made, [(9,), (8, 7)])
    held.release(opened)
    held.release(made)
    assert held.prefixes.tokens == 0


def piece(count: int) -> Piece:
    return Piece(count, ((torch.zeros(1, count, 2), torch.zeros(1, count, 2)),))


def test_the_least_recently_used_goes_first_and_shared_pieces_count_once() -> None:
    """Prompt of 4; a and b have 3 more each: 10 tokens in all, the prompt's pieces once."""
    held = Prefixes(10)
    prompt = Prefix((1, 2, 3, 4), (piece(4),))
    a, b = (prompt.longer((1, 2, 3, 4, n, n, n), piece(3)) for n in (5, 6))
    for one in (prompt, a, b):
        held.keep(one)
    assert held.tokens == 10
    assert held.find((1, 2, 3, 4, 5, 5, 5, 9)) is a
    assert held.find((1, 2, 3, 4, 6)) is prompt  # b is longer than what is asked
    assert held.find((2,)).ids == ()
    held.keep(Prefix((7, 7), (piece(2),)))  # b goes: a and the prompt were used since
    assert held.tokens == 9
    assert held.find((1, 2, 3, 4, 6, 6, 6)) is prompt
    held.forget(prompt.ids)
    assert held.tokens == 9  # a still holds the prompt's piece
    held.keep(Prefix(tuple(range(11)), (piece(11),)))  # more than there can be: not kept
    assert held.tokens == 9


def test_many_pieces_become_one() -> None:
    one = Prefix((), ())
    for n in range(1, 40):
        some = Piece(1, ((torch.full((1, 1, 2), n), torch.full((1, 1, 2), -n)),))
        one = one.longer(tuple(range(n)), some)
        assert len(one.pieces) <= prefixes.MOST
    room = [[torch.zeros(2, 1, 50, 2), torch.zeros(2, 1, 50, 2)]]
    one.copy_into(room, 1)
    assert room[0][0][1, 0, :40, 0].tolist() == [*range(1, 40), 0]
    assert room[0][1][1, 0, :40, 1].tolist() == [*range(-1, -40, -1), 0]
    assert not room[0][0][0].any()


FAULTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {}


def fault(plant: Callable[[pytest.MonkeyPatch], None]) -> Callable[[pytest.MonkeyPatch], None]:
    FAULTS[plant.__name__.replace("_", " ")] = plant
    return plant


@fault
def another_branch_of_the_same_length_is_found(patch: pytest.MonkeyPatch) -> None:
    find = Prefixes.find

    def stale(self: Prefixes, ids: tuple[int, ...]) -> Prefix:
        same = [one for one in self._held.values() if len(one.ids) == len(ids)]
        return Prefix(ids, same[0].pieces) if same else find(self, ids)

    patch.setattr(Prefixes, "find", stale)


@fault
def what_is_kept_is_the_shelf_itself(patch: pytest.MonkeyPatch) -> None:
    def views(tensors: Any, row: int, first: int, end: int) -> Piece:
        pairs = [(p[0][row, :, first:end], p[1][row, :, first:end]) for p in tensors]
        return Piece(end - first, tuple(pairs))

    patch.setattr(Piece, "of", staticmethod(views))


@fault
def a_beginning_is_kept_under_one_token_more(patch: pytest.MonkeyPatch) -> None:
    longer = Prefix.longer

    def off_by_one(self: Prefix, ids: tuple[int, ...], some: Piece) -> Prefix:
        layers = tuple((k[:, :-1], v[:, :-1]) for k, v in some.layers)
        return longer(self, ids, Piece(some.n - 1, layers) if some.n > 1 else some)

    patch.setattr(Prefix, "longer", off_by_one)


@fault
def a_row_feeds_the_wrong_last_token(patch: pytest.MonkeyPatch) -> None:
    enter = keeping.KeepingLoop._enter

    def wrong(self: Any, group: Any, entering: Any) -> None:
        enter(self, group, entering)
        self.rows[-1].token = 5

    patch.setattr(keeping.KeepingLoop, "_enter", wrong)


@fault
def what_came_since_is_fed_at_the_wrong_position(patch: pytest.MonkeyPatch) -> None:
    after = keeping.after

    def shifted(model: Any, starts: Any, fed: Any, places: Any) -> Any:
        late = [Prefix((*s.ids, 0), s.pieces) if s.ids else s for s in starts]
        return after(model, late, fed, places)

    patch.setattr(keeping, "after", shifted)


@pytest.mark.parametrize("name", FAULTS)
def test_planted_faults_are_seen(engine: TransformersEngine, name: str) -> None:
    """Each gives another tree or other scores, for at least one seed."""
    seen = 0
    for seed in range(3):
        wanted = grow(RecomputingSession(engine, SAMPLED), seed)
        with pytest.MonkeyPatch.context() as patch:
            FAULTS[name](patch)
            found = grow(session(engine, SAMPLED, budget=MUCH), seed)
        seen += found.branches != wanted.branches
        seen += found.logprobs != pytest.approx(wanted.logprobs, abs=1e-4)
    assert seen
