"""Rows that grow: the tokens are those of a cache without bounds, whatever is held, and wherever
rows stand.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import torch
from character_model import CHARACTERS, SPECIAL, write_model

from featherweight.engines import Completion, Decoding, Request, load_engine
from featherweight.engines import transformers as module
from featherweight.engines.decoding_loop import DecodingLoop, InFlight
from featherweight.engines.transformers import TransformersEngine, shelves, slots
from featherweight.engines.transformers.shelves import Shelf, Shelves, Size, rounded
from featherweight.engines.transformers.slots import SlotLoop

SAMPLED = Decoding(2.0, 1.0, 0)  # flat enough that another noise gives another token
STEP = 8  # positions
LONGEST = 40 + 60


def quiet(count: int) -> None:
    pass


def requests(count: int = 14) -> list[Request]:
    """Prompts of 1 to 40 tokens, answers that end after 1 to 60; two samples of every third
    prompt.
    """
    draw = random.Random(3)
    size = len(SPECIAL) + len(CHARACTERS)
    made: list[Request] = []
    for index in range(count):
        prompt = tuple(draw.randrange(5, size) for _ in range(draw.randint(1, 40)))
        if index % 3 == 1:
            prompt = made[-1].prompt_ids
        limit = draw.randint(1, 60)
        made.append(Request(prompt_ids=prompt, stream=90 + index, max_new_tokens=limit))
    return made


@pytest.fixture(scope="module", params=["llama", "qwen2"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> TransformersEngine:
    folder = write_model(tmp_path_factory.mktemp(request.param), request.param)
    loaded = load_engine("transformers", folder, dtype="float32", threads=1)
    assert isinstance(loaded, TransformersEngine)
    loaded.stops = ()  # so that answers are as long as they were asked to be
    return loaded


@pytest.fixture(scope="module")
def unbounded(engine: TransformersEngine) -> list[Completion]:
    """With room for every row at its longest, on one shelf."""
    return engine.generate(requests(), SAMPLED, quiet)


class Watched(NamedTuple):
    """What loops did: the requests that were put back, and positions held in each step."""

    put_back: list[int]
    held: list[int]
    shelves: list[int]


@pytest.fixture
def bounded(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, int, int | None], Watched]:
    """Sets the engine's room (positions), and from how many positions rows stand apart."""

    def set_to(engine: TransformersEngine, positions: int, widest: int | None) -> Watched:
        seen = Watched([], [], [])
        monkeypatch.setattr(module, "CPU_CACHE_BYTES", positions * engine._bytes_per_token())
        monkeypatch.setattr(shelves, "STEP", STEP)
        monkeypatch.setattr(slots, "STEP", STEP)
        monkeypatch.setattr(slots, "NARROW", 4)
        config = engine.model.config
        numbers = 2 * config.num_key_value_heads * config.hidden_size // config.num_attention_heads
        monkeypatch.setattr(slots, "ALONE", 1 if widest is None else widest * numbers)
        if widest is None:
            monkeypatch.setattr(slots, "can_stand_apart", lambda model: False)
        settle, back = Shelves.settle, SlotLoop._put_back

        def settled(self: Shelves, room: int) -> None:
            settle(self, room)
            seen.held.append(sum(one.size.positions for one in self.shelves.values()))
            seen.shelves.append(len([one for one in self.shelves.values() if one.rows]))

        def put_back(self: SlotLoop, row: InFlight) -> None:
            assert row.begun == max(one.begun for one in self.rows)
            assert row.request is not None
            seen.put_back.append(row.request)
            back(self, row)

        monkeypatch.setattr(Shelves, "settle", settled)
        monkeypatch.setattr(SlotLoop, "_put_back", put_back)
        return seen

    return set_to


@pytest.mark.parametrize("widest", [None, 16, 24], ids=["one shelf", "apart at 16", "apart at 24"])
@pytest.mark.parametrize("positions", [1, 120, 200, 250], ids=lambda n: f"room {n}")
def test_put_back_or_not_the_tokens_are_the_same(
    engine: TransformersEngine,
    unbounded: list[Completion],
    bounded: Callable[..., Watched],
    positions: int,
    widest: int | None,
) -> None:
    seen = bounded(engine, positions, widest)
    heard: list[int] = []
    made = engine.generate(requests(), SAMPLED, heard.append)
    assert [one.token_ids for one in made] == [one.token_ids for one in unbounded]
    assert [one.finish for one in made] == [one.finish for one in unbounded]
    for ours, theirs in zip(made, unbounded, strict=True):
        assert ours.mean_logprob == pytest.approx(theirs.mean_logprob, abs=1e-5)
    assert sum(heard) == sum(one.n_tokens for one in made)  # none is made twice
    assert seen.put_back
    assert (max(seen.shelves) > 1) == (widest is not None)
    assert max(seen.held) <= max(positions, LONGEST + STEP)


def test_what_happens_is_a_function_of_requests_and_room(
    engine: TransformersEngine, bounded: Callable[..., Watched]
) -> None:
    seen = bounded(engine, 200, 16)
    engine.generate(requests(), SAMPLED, quiet)
    first = [list(part) for part in seen]
    for part in seen:
        part.clear()
    engine.generate(requests(), SAMPLED, quiet)
    assert [list(part) for part in seen] == first


def test_more_rows_run_than_could_be_reserved(
    engine: TransformersEngine, bounded: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lengths spread evenly, with room for two rows at their longest: three times as many run."""
    bounded(engine, 2 * rounded(3 + 120), 16)
    counts: list[int] = []
    step = SlotLoop.step

    def counted(loop: SlotLoop) -> None:
        counts.append(len(loop.rows))
        step(loop)

    monkeypatch.setattr(SlotLoop, "step", counted)
    lengths = [1 + 3 * (23 * n % 40) for n in range(40)]
    asked = [
        Request(prompt_ids=(5 + n % 9, 7, 8), stream=n, max_new_tokens=length)
        for n, length in enumerate([*lengths, 120])
    ]
    engine.generate(asked, SAMPLED, quiet)
    busy = counts[: len(counts) * 3 // 4]  # without the end, when none waits
    assert sum(busy) / len(busy) > 5.5


def test_where_there_is_room_for_all_nothing_is_put_back(
    engine: TransformersEngine, bounded: Callable[..., Watched]
) -> None:
    """Room for exactly the rows at their longest, which is no multiple of a shelf's steps."""
    equal = [
        Request(prompt_ids=(5 + n, 6, 7), stream=n, max_new_tokens=LONGEST - 6) for n in range(6)
    ]
    seen = bounded(engine, 6 * (LONGEST - 3), 60)
    engine.generate(equal, SAMPLED, quiet)
    assert not seen.put_back
    assert not seen.shelves  # nothing ever had to move or grow


FAULTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {}


def fault(plant: Callable[[pytest.MonkeyPatch], None]) -> Callable[[pytest.MonkeyPatch], None]:
    FAULTS[plant.__name__.replace("_", " ")] = plant
    return plant


@fault
def the_noise_is_a_step_late_after_a_restart(patch: pytest.MonkeyPatch) -> None:
    begin = DecodingLoop.begin_row

    def late(self: Any, index: int, row: Any, **facts: Any) -> Any:
        again = index in self.put_back
        made = begin(self, index, row, **facts)
        made.first_step += again
        return made

    patch.setattr(DecodingLoop, "begin_row", late)


@fault
def a_restart_forgets_its_last_token(patch: pytest.MonkeyPatch) -> None:
    ids = DecodingLoop.ids

    def short(self: Any, index: int) -> tuple[int, ...]:
        whole = ids(self, index)
        return whole[:-1] if index in self.put_back and len(whole) > 1 else whole

    patch.setattr(DecodingLoop, "ids", short)


@fault
def a_row_stays_on_its_shelf_for_a_step_too_long(patch: pytest.MonkeyPatch) -> None:
    wanted = Shelf.wanted

    def narrow(self: Shelf, rows: Any, *, tight: bool) -> Size:
        size = wanted(self, rows, tight=tight)
        return Size(size.slots, size.capacity - STEP // 2)

    patch.setattr(Shelf, "wanted", narrow)


@fault
def another_row_moves_into_the_gap(patch: pytest.MonkeyPatch) -> None:
    def drop(self: Shelf, row: InFlight) -> None:
        slot = self.rows.index(row)
        self.rows[slot] = self.rows[-1]
        self.rows.pop()

    patch.setattr(Shelf, "drop", drop)


@fault
def the_oldest_row_is_put_back(patch: pytest.MonkeyPatch) -> None:
    back = SlotLoop._put_back
    patch.setattr(
        SlotLoop,
        "_put_back",
        lambda self, row: back(self, min(self.rows, key=lambda one: one.begun)),
    )


@fault
def wide_rows_attend_to_one_position_less(patch: pytest.MonkeyPatch) -> None:
    init = shelves.Step.__init__

    def short(self: Any, *args: Any) -> None:
        init(self, *args)
        self.widths = [w if i == 0 else w - 1 for i, w in enumerate(self.widths)]

    patch.setattr(shelves.Step, "__init__", short)


@pytest.mark.parametrize("name", FAULTS)
def test_planted_faults_are_seen(
    engine: TransformersEngine,
    unbounded: list[Completion],
    bounded: Callable[..., Watched],
    name: str,
) -> None:
    """Each breaks the test above, by other tokens or by what it asserts on the way."""
    bounded(engine, 200, 16)
    with pytest.MonkeyPatch.context() as patch:
        FAULTS[name](patch)
        try:
            made = engine.generate(requests(), SAMPLED, quiet)
        except (AssertionError, IndexError, RuntimeError):
            return
    assert [one.token_ids for one in made] != [one.token_ids for one in unbounded]


def row(length: int, begun: int) -> InFlight:
    return InFlight(limit=1, length=length, begun=begun)


@pytest.mark.parametrize(
    ("lengths", "alone", "expected"),
    [
        # a shelf of two for 8 positions (7 and the next one), one of 16 for the third
        ((7, 3, 8), True, [Size(2, 8), Size(1, 16)]),
        ((7, 3, 8), False, [Size(2, 8), Size(1, 16)]),
        # on a GPU levels double: up to 8, up to 16, up to 32
        ((8, 15, 16, 31), False, [Size(0, 0), Size(2, 16), Size(2, 32)]),
        ((8, 15, 16, 31), True, [Size(0, 0), Size(1, 16), Size(1, 16), Size(1, 24), Size(1, 32)]),
    ],
)
def test_where_rows_stand(
    monkeypatch: pytest.MonkeyPatch, lengths: tuple[int, ...], alone: bool, expected: list[Size]
) -> None:
    monkeypatch.setattr(shelves, "STEP", STEP)
    rows = [row(length, 1 + n) for n, length in enumerate(lengths)]
    for one in rows:
        one.length = min(one.length, 7)
    layer = type("Layer", (), {})()
    layer.keys = torch.arange(4.0 * 7 * 3).view(4, 1, 7, 3)[: len(rows)]
    layer.values = -layer.keys
    held = Shelves([layer], widest=8, alone=alone)
    held.enter(rows, [layer], range(len(rows)))
    for position in range(max(lengths) + 1):
        for one, length in zip(rows, lengths, strict=True):
            one.length = max(one.length, min(length, position))
        held.settle(1000)
    assert [one.size for one in held.shelves.values()] == expected
    assert held.needed(rows) == sum(size.positions for size in expected)
    for shelf in held.shelves.values():
        for slot, one in enumerate(shelf.rows):
            known = min(7, lengths[one.begun - 1])
            for tensor, source in zip(shelf.tensors[0], (layer.keys, layer.values), strict=True):
                assert torch.equal(tensor[slot, :, :known], source[one.begun - 1, :, :known])


@pytest.fixture(autouse=True)
def attention_is_put_back(engine: TransformersEngine) -> Iterator[None]:
    yield
    assert engine.model.config._attn_implementation == "sdpa"
