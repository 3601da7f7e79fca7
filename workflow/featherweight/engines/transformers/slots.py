"""The decode loop: rows that are refilled as they finish, over keys and values that are written in
place.

Prompts are computed once each, longest first, in groups of similar length, padded on the right (a
causal model never looks to the right, so padding changes nothing). Their keys and values are copied
into the places of all samples that share the prompt. Every step feeds one token per row; a row that
ends makes room for the next sample. Where rows stand, and what they hold, is `shelves`.

Rows begin while a tenth of the granted room is left beside what is really held. When it is full,
the youngest row is put back: its place is given away, and it goes on before all that wait, from its
prompt and the tokens that it has, computed as one prompt. What happens depends on the list of
requests, the number of slots and the granted room alone, never on time. Reads and writes nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from transformers.cache_utils import Cache, DynamicCache

from featherweight.engines.base import Decoding, Request
from featherweight.engines.decoding_loop import Decode, DecodingLoop, Finished, InFlight
from featherweight.engines.transformers.shelves import (
    ALONE,
    STEP,
    Shelves,
    Size,
    Step,
    StepLayer,
    attention_over,
    can_stand_apart,
)

_SIMILAR = 0.75
# of the room, for which rows begin; with less, rows that were put back cost more (docs/speed.md)
HELD = 0.9
NARROW = 8  # of the longest row: where room is short, rows wider than such a part stand apart


@dataclass(slots=True)
class _Group:
    """Prompts that were computed together and wait for slots."""

    # transformers' cache layers: keys and values (prompts, heads, longest prompt, head size)
    layers: list[Any]
    logits: torch.Tensor  # (prompts, vocabulary), after each prompt's last token


def prompt_groups(
    requests: Sequence[Request], by_prompt: Sequence[list[int]], budget: int
) -> list[list[list[int]]]:
    """Groups of prompts to compute together; a prompt is the list of requests that share it.

    In the order of `by_prompt`, longest first. A group's prompts times its longest stay within
    `budget` tokens, and none is shorter than `_SIMILAR` of the longest: padding is computed like
    tokens.
    """
    groups: list[list[list[int]]] = []
    longest = 0
    for indices in by_prompt:
        length = len(requests[indices[0]].prompt_ids)
        full = not groups or (len(groups[-1]) + 1) * longest > budget
        if full or length < _SIMILAR * longest:
            groups.append([])
            longest = length
        groups[-1].append(indices)
    return groups


class SlotLoop(DecodingLoop[InFlight]):
    """Generates in slots; a row's `length` is how many positions of it hold keys.

    `slots` is how many rows a step computes at most, `positions` how many all rows together may
    hold. Whatever it is, one row alone goes on.
    """

    def __init__(
        self,
        model: Any,
        requests: Sequence[Request],
        decoding: Decoding,
        finished: dict[int, Finished],
        *,
        stops: Sequence[int],
        decode: Decode,
        context: int | None,
        slots: int,
        positions: int,
        prefill_tokens: int,
    ) -> None:
        super().__init__(requests, decoding, finished, stops=stops, decode=decode, context=context)
        self.model = model
        self.device: torch.device = model.device
        missing = [requests[index] for index in self.missing()]
        self.slots = min(slots, len(missing))
        self.positions = positions
        self.longest = max(len(one.prompt_ids) + self.limit(one) for one in missing)
        self.prefill_tokens = prefill_tokens
        self.shelves: Shelves | None = None  # until the first prompts are computed
        self.reserved = False  # whether one shelf has room for everything
        self.groups = deque(prompt_groups(requests, self.by_prompt(), prefill_tokens))
        self.waiting: deque[tuple[_Group, int, int]] = deque()  # group, prompt's row in it, request

    @property
    def rows(self) -> list[InFlight]:
        """In the order in which a step computes them."""
        return [] if self.shelves is None else self.shelves.rows

    def admit(self) -> None:
        """Let waiting samples begin while there is room, computing prompts as they are needed; rows
        that were put back come first.
        """
        while self.waiting or self.groups:
            again = bool(self.put_back)  # then the first group is one of those
            if again or not self.waiting:
                prompts = self.groups[0]
                if not self._room(1, len(self.ids(prompts[0][0]))):
                    return
                group = self._prefill(self.groups.popleft())
                ready = [(group, row, one) for row, some in enumerate(prompts) for one in some]
                self.waiting = deque([*ready, *self.waiting])
            group = self.waiting[0][0]
            entering: list[tuple[int, int]] = []  # prompt's row, request
            while (
                self.waiting
                and self.waiting[0][0] is group
                and self._room(len(entering) + 1, len(self.ids(self.waiting[0][2])))
            ):
                _, row, request = self.waiting.popleft()
                entering.append((row, request))
            if not entering:
                return
            self._enter(group, entering)

    def _room(self, count: int, length: int) -> bool:
        """Whether so many rows of this length may begin: one always, others while there are slots
        and, beside what they need, a tenth of the room for those that grow.
        """
        running = self.rows
        if count == 1 and not running:
            return True
        if self.shelves is None or len(running) + count > self.slots:
            return False
        fresh = [InFlight(limit=1, length=length, begun=self.begun + 1 + n) for n in range(count)]
        needed = self.shelves.needed([*running, *fresh])
        return needed <= (self.positions if self.reserved else HELD * self.positions)

    def _prefill(self, prompts: list[list[int]]) -> _Group:
        """Compute a group of prompts."""
        ids = [self.ids(indices[0]) for indices in prompts]
        width = max(map(len, ids))
        padded = torch.tensor(
            [[*prompt, *[0] * (width - len(prompt))] for prompt in ids], device=self.device
        )
        last = torch.tensor([len(prompt) - 1 for prompt in ids], device=self.device)
        rows = torch.arange(len(ids), device=self.device)
        cache = DynamicCache(config=self.model.config)
        with logits_at(self.model, rows, last):
            output = self.model(input_ids=padded, past_key_values=cache, use_cache=True)
        if self.shelves is None:
            self.shelves = self._empty_shelves(cache.layers)
        return _Group(layers=list(cache.layers), logits=output.logits[0].float())

    def _empty_shelves(self, layers: Sequence[Any]) -> Shelves:
        """One shelf for good where the room suffices for it and no row becomes much wider than what
        shares a shelf; else shelves that grow. Where room is short rows stand apart earlier: what
        padding holds is lost to other rows.
        """
        keys, values = layers[0].keys, layers[0].values
        numbers = keys.shape[1] * (keys.shape[3] + values.shape[3])
        widest = max(2 * STEP, ALONE // numbers) if can_stand_apart(self.model) else None
        whole = Size(self.slots, self.longest)
        fits = whole.positions <= self.positions
        self.reserved = fits and (widest is None or self.longest <= 2 * widest)
        if self.reserved:
            return Shelves(layers, widest=None, alone=False, least=whole)
        if widest is not None and not fits:
            widest = max(2 * STEP, min(widest, self.longest // NARROW))
        return Shelves(layers, widest=widest, alone=self.device.type == "cpu")

    def _enter(self, group: _Group, entering: list[tuple[int, int]]) -> None:
        """Give samples (prompt's row, request) their places and choose their first tokens."""
        assert self.shelves is not None
        rows = []
        for _, request in entering:
            length = len(self.ids(request))
            rows.append(self.begin_row(request, InFlight))
            rows[-1].length = length
        sources = [row for row, _ in entering]
        self.shelves.enter(rows, group.layers, sources)
        self._accept(group.logits[torch.tensor(sources, device=self.device)], rows)

    def step(self) -> None:
        """Feed every row its last token and choose the next one."""
        if self.shelves is None or not self.rows:
            return
        self._make_room()
        shelves = [shelf for shelf in self.shelves.shelves.values() if shelf.rows]
        step = Step(shelves, self.model.dtype, self.device)
        rows = self.rows
        layers: list[Any] = [StepLayer(step, index) for index in range(len(self.shelves.like))]
        with attention_over(self.model, step):
            output = self.model(
                input_ids=torch.tensor([[row.token] for row in rows], device=self.device),
                position_ids=step.columns[:, None],
                attention_mask=step.mask,
                past_key_values=Cache(layers=layers),
                use_cache=True,
            )
        for row in rows:
            row.length += 1
        self._accept(output.logits[:, -1].float(), rows)

    def _make_room(self) -> None:
        """Let every row grow by one position; where that is too much, put back the youngest."""
        assert self.shelves is not None
        if self.reserved:
            return
        rows = sorted(self.rows, key=lambda row: row.begun)
        while len(rows) > 1 and self.shelves.needed(rows) > self.positions:
            self._put_back(rows.pop())
        self.shelves.settle(self.positions)

    def _put_back(self, row: InFlight) -> None:
        """Give a row's place away; it is the first that goes on when there is room."""
        assert self.shelves is not None
        assert row.request is not None
        self.shelves.drop(row)
        self.put_back[row.request] = row
        self.groups.appendleft([[row.request]])

    def _accept(self, logits: torch.Tensor, rows: Sequence[InFlight]) -> None:
        """Choose a token for each row, and let those that end give back their places."""
        assert self.shelves is not None
        for row, ended in zip(rows, self.accept(logits, rows), strict=True):
            if ended:
                self._leave(row)

    def _leave(self, row: InFlight) -> None:
        """Give back the place of a row that has ended."""
        assert self.shelves is not None
        self.shelves.drop(row)


@contextmanager
def logits_at(model: Any, rows: torch.Tensor, positions: torch.Tensor) -> Iterator[None]:
    """Within this context a forward pass gives the logits of n places only, (1, n, vocabulary).

    Place i is (rows[i], positions[i]). Prompts end at different positions, and the whole vocabulary
    at every position would cost more than all the rest.
    """

    def pick(module: Any, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return (inputs[0][rows, positions][None],)

    handle = model.get_output_embeddings().register_forward_pre_hook(pick)
    try:
        yield
    finally:
        handle.remove()
