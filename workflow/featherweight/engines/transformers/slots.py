"""The decode loop: slots that are refilled as rows finish, over a key-value cache that is written
in place.

Prompts are computed once each, longest first, in groups of similar length, padded on the right (a
causal model never looks to the right, so padding changes nothing). Their keys and values are copied
into the slots of all samples that share the prompt. Every step feeds one token per occupied slot; a
row that ends frees its slot for the next sample, and when no sample waits the last row moves into
the gap, so that no step computes a finished row.

What happens depends on the list of requests and the number of slots alone, never on time. Reads and
writes nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer

from featherweight.engines.base import Decoding, Request
from featherweight.engines.decoding_loop import Decode, DecodingLoop, Finished, InFlight

_SIMILAR = 0.75


class _SlotLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """One layer's keys and values, (slots, heads, capacity, head size), of which a step sees the
    occupied part.
    """

    def __init__(self, place: _Place, like: Any, capacity: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.place = place
        shape = (place.slots, like.keys.shape[1], capacity)
        self.slot_keys: torch.Tensor = like.keys.new_zeros((*shape, like.keys.shape[3]))
        self.slot_values: torch.Tensor = like.values.new_zeros((*shape, like.values.shape[3]))
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write one new position per row, (rows, heads, 1, head size); return what the rows may
        attend to.
        """
        rows, columns, width = self.place.rows, self.place.columns, self.place.width
        self.slot_keys[rows, :, columns] = key_states[:, :, 0]
        self.slot_values[rows, :, columns] = value_states[:, :, 0]
        return self.slot_keys[: len(rows), :, :width], self.slot_values[: len(rows), :, :width]

    def get_seq_length(self) -> int:
        """Positions before this step's."""
        return self.place.width - 1

    def take(self, source: Any, chosen: torch.Tensor, slots: torch.Tensor) -> None:
        """Copy the chosen rows of a computed prompt group into these slots."""
        width = source.keys.shape[2]
        self.slot_keys[slots, :, :width] = source.keys[chosen]
        self.slot_values[slots, :, :width] = source.values[chosen]

    def move(self, source: int, target: int, length: int) -> None:
        """Copy one slot's first `length` positions into another slot."""
        self.slot_keys[target, :, :length] = self.slot_keys[source, :, :length]
        self.slot_values[target, :, :length] = self.slot_values[source, :, :length]


class _Place:
    """Where the current step writes: shared by all layers of a cache."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.rows = torch.empty(0, dtype=torch.long)
        self.columns = torch.empty(0, dtype=torch.long)
        self.width = 0


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
    """Generates in slots; a row's `length` is how many of its slot's positions hold keys."""

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
        prefill_tokens: int,
    ) -> None:
        super().__init__(requests, decoding, finished, stops=stops, decode=decode, context=context)
        self.model = model
        self.device: torch.device = model.device
        missing = [requests[index] for index in self.missing()]
        self.place = _Place(min(slots, len(missing)))
        self.capacity = max(len(one.prompt_ids) + self.limit(one) for one in missing)
        self.rows: list[InFlight | None] = []  # by slot; None: a gap, which the next sample takes
        self.layers: list[_SlotLayer] = []
        self.groups = deque(prompt_groups(requests, self.by_prompt(), prefill_tokens))
        self.waiting: deque[tuple[_Group, int, int]] = deque()  # group, prompt's row in it, request

    def _free(self) -> list[int]:
        gaps = [slot for slot, row in enumerate(self.rows) if row is None]
        return [*gaps, *range(len(self.rows), self.place.slots)]

    def admit(self) -> None:
        """Put waiting samples into free slots, computing further prompts as they are needed; then
        close the gaps.
        """
        while (free := self._free()) and (self.waiting or self.groups):
            if not self.waiting:
                self._prefill(self.groups.popleft())
            group = self.waiting[0][0]
            entering: list[tuple[int, int, int]] = []  # slot, prompt's row, request
            while len(entering) < len(free) and self.waiting and self.waiting[0][0] is group:
                _, row, request = self.waiting.popleft()
                entering.append((free[len(entering)], row, request))
            self._enter(group, entering)
        self._close_gaps()

    def _prefill(self, prompts: list[list[int]]) -> None:
        """Compute a group of prompts and let all their samples wait for slots."""
        ids = [self.requests[indices[0]].prompt_ids for indices in prompts]
        width = max(map(len, ids))
        padded = torch.tensor(
            [[*prompt, *[0] * (width - len(prompt))] for prompt in ids], device=self.device
        )
        last = torch.tensor([len(prompt) - 1 for prompt in ids], device=self.device)
        rows = torch.arange(len(ids), device=self.device)
        cache = DynamicCache(config=self.model.config)
        with logits_at(self.model, rows, last):
            output = self.model(input_ids=padded, past_key_values=cache, use_cache=True)
        group = _Group(layers=list(cache.layers), logits=output.logits[0].float())
        for row, indices in enumerate(prompts):
            self.waiting.extend((group, row, request) for request in indices)

    def _enter(self, group: _Group, entering: list[tuple[int, int, int]]) -> None:
        """Give samples (slot, prompt's row, request) their slots and choose their first tokens."""
        slots = [slot for slot, _, _ in entering]
        self.rows.extend([None] * (max(slots) + 1 - len(self.rows)))
        for slot, _, request in entering:
            length = len(self.requests[request].prompt_ids)
            self.rows[slot] = InFlight(length=length, **self.facts(request))
        picked = torch.tensor([row for _, row, _ in entering], device=self.device)
        if not self.layers:
            self.layers = [_SlotLayer(self.place, layer, self.capacity) for layer in group.layers]
        into = torch.tensor(slots, device=self.device)
        for layer, source in zip(self.layers, group.layers, strict=True):
            layer.take(source, picked, into)
        self._accept(group.logits[picked], slots)

    def _close_gaps(self) -> None:
        """Move the last rows into what gaps are left, so that the occupied slots are the first
        ones.
        """
        while None in self.rows:
            last = self.rows.pop()
            if last is None:
                continue
            gap = self.rows.index(None)
            self.rows[gap] = last
            for layer in self.layers:
                layer.move(len(self.rows), gap, last.length)

    def step(self) -> None:
        """Feed every occupied slot its last token and choose the next one."""
        rows = [row for row in self.rows if row is not None]
        if not rows:
            return
        place = self.place
        place.rows = torch.arange(len(rows), device=self.device)
        place.columns = torch.tensor([row.length for row in rows], device=self.device)
        place.width = max(row.length for row in rows) + 1
        hidden = torch.arange(place.width, device=self.device)[None, :] > place.columns[:, None]
        # An additive mask in the model's own format: attention would otherwise convert it in every
        # layer.
        mask = torch.zeros(hidden.shape, dtype=self.model.dtype, device=self.device).masked_fill(
            hidden, -torch.inf
        )
        output = self.model(
            input_ids=torch.tensor([[row.token] for row in rows], device=self.device),
            position_ids=place.columns[:, None],
            attention_mask=mask[:, None, None, :],
            past_key_values=Cache(layers=list(self.layers)),
            use_cache=True,
        )
        for row in rows:
            row.length += 1
        self._accept(output.logits[:, -1].float(), list(range(len(rows))))

    def _accept(self, logits: torch.Tensor, slots: Sequence[int]) -> None:
        """Choose a token for the row of each slot, and let rows that end leave a gap."""
        rows = [row for slot in slots if (row := self.rows[slot]) is not None]
        for slot, ended in zip(slots, self.accept(logits, rows), strict=True):
            if ended:
                self.rows[slot] = None


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
