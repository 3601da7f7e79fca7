"""Keys and values of running rows, on shelves that grow as the answers do.

A shelf is a pair of tensors per layer for rows of a similar width. Short rows stand together,
padded to the widest of them; a row that has outgrown them stands alone (on a CPU), or with others
of up to twice its width (on a GPU, where a call of attention is a launch). So no short row attends
over the width of the longest, and no room is held for tokens that were not made. Linear layers see
all rows at once; only attention goes from shelf to shelf. Reads and writes nothing.

On a CPU a call of attention costs about as much as reading 50,000 numbers (12 to 18 us against 0.27
ns a number: one Xeon core, float32, heads of 32 to 128). So a row that holds `ALONE` numbers per
layer pays a tenth of its attention for a call of its own, a wider one less; among rows whose widths
are spread evenly padding costs half of it.

    Shelves(layers, widest=1365, alone=True).needed(rows of 900, 700 and 1400 positions)
    -> 3584  # 2 * 1024 + 1536
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers.cache_utils import DynamicLayer
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from featherweight.engines.decoding_loop import InFlight

# copies keys and values into a slot of these tensors, by layer
CopyInto = Callable[[Sequence[Sequence[torch.Tensor]], int], None]
STEP = 256  # positions by which a shelf grows
ALONE = 1 << 19  # numbers per layer from which a row stands alone
_ATTENTION = "featherweight_shelves"


def rounded(positions: int) -> int:
    """The capacity of a shelf that holds so many positions."""
    return -(-positions // STEP) * STEP


class Size(NamedTuple):
    """How large a shelf is."""

    slots: int
    capacity: int  # positions of each slot

    @property
    def positions(self) -> int:
        """Of all its slots."""
        return self.slots * self.capacity


EMPTY = Size(0, 0)


@dataclass(slots=True, eq=False)
class Shelf:
    """Rows that attend together: row i has slot i of every tensor."""

    like: list[tuple[torch.Tensor, torch.Tensor]]  # by layer: heads, head size and format
    least: Size = EMPTY
    size: Size = EMPTY
    rows: list[InFlight] = field(default_factory=list)
    # by layer: keys and values, each (slots, heads, capacity, head size)
    tensors: list[list[torch.Tensor]] = field(default_factory=list)

    def wanted(self, rows: Sequence[InFlight], *, tight: bool) -> Size:
        """The size for the next step of these rows; if it need not be tight, slots are given back
        a quarter at a time.
        """
        slots, width = len(rows), max((row.length + 1 for row in rows), default=0)
        if not tight and slots <= self.size.slots < 4 * slots / 3:
            slots, width = self.size.slots, max(width, self.size.capacity)
        if width <= self.least.capacity:
            return Size(max(slots, self.least.slots), self.least.capacity)
        return Size(max(slots, self.least.slots), rounded(width))

    def resize(self, size: Size) -> None:
        """Make room or give it back: layer by layer, so that only one layer is held twice."""
        if size == self.size:
            return
        slots, capacity = min(size.slots, self.size.slots), min(size.capacity, self.size.capacity)
        for index, pair in enumerate(self.like):
            made = [
                one.new_zeros((size.slots, one.shape[1], size.capacity, one.shape[3]))
                for one in pair
            ]
            if index == len(self.tensors):
                self.tensors.append(made)
                continue
            for new, old in zip(made, self.tensors[index], strict=True):
                new[:slots, :, :capacity] = old[:slots, :, :capacity]
            self.tensors[index] = made
        self.size = size

    def drop(self, row: InFlight) -> None:
        """Forget a row; the last one moves into its slot."""
        slot, last = self.rows.index(row), self.rows.pop()
        if last is not row:
            self.rows[slot] = last
            for one in (tensor for pair in self.tensors for tensor in pair):
                one[slot, :, : last.length] = one[len(self.rows), :, : last.length]


class Shelves:
    """All running rows of a loop.

    `widest` is up to how many positions rows share the first shelf (None: any number), `alone`
    whether wider ones stand alone. `least` is a size that the first shelf has from the beginning.
    """

    def __init__(
        self, layers: Sequence[Any], *, widest: int | None, alone: bool, least: Size = EMPTY
    ) -> None:
        self.like = [(layer.keys[:0], layer.values[:0]) for layer in layers]
        self.widest = widest
        self.alone = alone
        self.shelves: dict[int, Shelf] = {0: Shelf(self.like, least)}

    @property
    def rows(self) -> list[InFlight]:
        """In the order in which a step computes them."""
        return [row for shelf in self.shelves.values() for row in shelf.rows]

    def place(self, row: InFlight) -> int:
        """The number of the shelf on which the row's next step is computed."""
        if self.widest is None or row.length < self.widest:
            return 0
        if self.alone:
            return row.begun
        return (row.length // self.widest).bit_length()

    def _by_place(self, rows: Sequence[InFlight]) -> dict[int, list[InFlight]]:
        placed: dict[int, list[InFlight]] = {0: []}
        for row in rows:
            placed.setdefault(self.place(row), []).append(row)
        return placed

    def _shelf(self, place: int) -> Shelf:
        return self.shelves[place] if place in self.shelves else Shelf(self.like)

    def needed(self, rows: Sequence[InFlight], *, tight: bool = True) -> int:
        """Positions that are held during the next step of these rows."""
        placed = self._by_place(rows)
        return sum(
            self._shelf(at).wanted(some, tight=tight).positions for at, some in placed.items()
        )

    def enter(
        self, rows: Sequence[InFlight], layers: Sequence[Any], sources: Sequence[int]
    ) -> None:
        """Take in rows that were computed elsewhere: as rows `sources` of these layers."""
        tensors = [[layer.keys, layer.values] for layer in layers]
        source = dict(zip(map(id, rows), sources, strict=True))
        for place, some in self._by_place(rows).items():
            self._add(place, some, tensors, [source[id(row)] for row in some])

    def settle(self, positions: int) -> None:
        """Move rows that have outgrown their shelf, then give every shelf the size that the next
        step needs; no spare slots if that is more than so many positions.
        """
        for place, rows in self._by_place(self.rows).items():
            coming = [row for row in rows if row not in self._shelf(place).rows]
            for shelf in list(self.shelves.values()):
                leaving = [row for row in coming if row in shelf.rows]
                slots = [shelf.rows.index(row) for row in leaving]
                self._add(place, leaving, shelf.tensors, slots)
                for row in leaving:
                    shelf.drop(row)
        tight = self.needed(self.rows, tight=False) > positions
        self.shelves = {at: one for at, one in sorted(self.shelves.items()) if one.rows or at == 0}
        for shelf in self.shelves.values():
            shelf.resize(shelf.wanted(shelf.rows, tight=tight))

    def begin(self, rows: Sequence[InFlight], copies: Sequence[CopyInto]) -> None:
        """Take in rows whose keys and values each of these functions copies into a slot."""
        copy = dict(zip(map(id, rows), copies, strict=True))
        for place, some in self._by_place(rows).items():
            shelf = self.shelves.setdefault(place, self._shelf(place))
            shelf.resize(shelf.wanted([*shelf.rows, *some], tight=False))
            for row in some:
                copy[id(row)](shelf.tensors, len(shelf.rows))
                shelf.rows.append(row)

    def shelf_of(self, row: InFlight) -> Shelf:
        """Where a row stands."""
        return next(shelf for shelf in self.shelves.values() if row in shelf.rows)

    def drop(self, row: InFlight) -> None:
        """Forget a row."""
        self.shelf_of(row).drop(row)

    def _add(
        self,
        place: int,
        rows: Sequence[InFlight],
        tensors: Sequence[Sequence[torch.Tensor]],
        sources: Sequence[int],
    ) -> None:
        if not rows:
            return
        shelf = self.shelves.setdefault(place, self._shelf(place))
        first, width = len(shelf.rows), max(row.length for row in rows)
        shelf.resize(shelf.wanted([*shelf.rows, *rows], tight=False))
        chosen = torch.tensor(sources, device=self.like[0][0].device)
        for into, pair in zip(shelf.tensors, tensors, strict=True):
            for new, old in zip(into, pair, strict=True):
                new[first : first + len(rows), :, :width] = old[:, :, :width][chosen]
        shelf.rows += rows


class _Parts(list[torch.Tensor]):
    """What the rows of a step may attend to, shelf by shelf, in place of one tensor of all rows."""

    masks: Sequence[torch.Tensor | None]


class Step:
    """What all layers of one step have in common: where each shelf's rows write and read."""

    def __init__(self, shelves: Sequence[Shelf], dtype: torch.dtype, device: torch.device) -> None:
        self.shelves = shelves
        self.counts = [len(shelf.rows) for shelf in shelves]
        self.widths = [max(row.length for row in shelf.rows) + 1 for shelf in shelves]
        self.slots = [torch.arange(count, device=device) for count in self.counts]
        self.columns = torch.tensor(
            [row.length for shelf in shelves for row in shelf.rows], device=device
        )
        self.parts = torch.split(self.columns, self.counts)
        self.masks: list[torch.Tensor | None] = []
        for width, columns in zip(self.widths, self.parts, strict=True):
            hidden = torch.arange(width, device=device)[None, :] > columns[:, None]
            # An additive mask in the model's own format: attention would otherwise convert it in
            # every layer.
            mask = torch.zeros(hidden.shape, dtype=dtype, device=device)
            mask = mask.masked_fill(hidden, -torch.inf)[:, None, None, :]
            # A row that stands alone has nothing to hide.
            self.masks.append(mask if len(columns) > 1 or len(shelves) == 1 else None)

    @property
    def mask(self) -> torch.Tensor:
        """What the model is told: the mask of the only shelf; of several, something that it hands
        on unread.
        """
        mask = self.masks[0]
        if mask is None or len(self.masks) > 1:
            return self.columns.new_zeros((1, 1, 1, 1), dtype=torch.float32)
        return mask


class StepLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """One layer of a step, as transformers sees its cache."""

    def __init__(self, step: Step, index: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.step = step
        self.index = index
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Any, Any]:
        """Write one new position per row, (rows, heads, 1, head size); return what the rows may
        attend to.
        """
        step, both = self.step, []
        for kind, states in enumerate((key_states, value_states)):
            parts = _Parts()
            parts.masks = step.masks
            first = 0
            for at, shelf in enumerate(step.shelves):
                tensor, end = shelf.tensors[self.index][kind], first + step.counts[at]
                tensor[step.slots[at], :, step.parts[at]] = states[first:end, :, 0]
                parts.append(tensor[: step.counts[at], :, : step.widths[at]])
                first = end
            both.append(parts if len(parts) > 1 else parts[0])
        return both[0], both[1]

    def get_seq_length(self) -> int:
        """Positions before this step's."""
        return max(self.step.widths) - 1


def _attend(
    module: Any,
    query: torch.Tensor,
    key: _Parts,
    value: _Parts,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of one new position per row, (rows, heads, 1, head size), shelf by shelf.

    Raises ValueError for what plain attention does not have, as transformers does.
    """
    odd = [name for name in ("softcap", "s_aux", "position_bias") if others.get(name) is not None]
    if odd:
        raise ValueError(f"attention with {', '.join(odd)} is not supported")
    found, first = [], 0
    for keys, values, mask in zip(key, value, key.masks, strict=True):
        rows, heads = keys.shape[:2]
        # The query heads that share a key head stand in one matrix, so that no key is copied.
        grouped = query[first : first + rows].reshape(rows, heads, -1, query.shape[-1])
        out = scaled_dot_product_attention(grouped, keys, values, attn_mask=mask, scale=scaling)
        found.append(out.reshape(rows, 1, -1, values.shape[-1]))
        first += rows
    return torch.cat(found), None


ALL_ATTENTION_FUNCTIONS.register(_ATTENTION, _attend)


def can_stand_apart(model: Any) -> bool:
    """Whether the model calls attention by name, so that ours can take its place."""
    return bool(model._can_set_attn_implementation())


@contextmanager
def attention_over(model: Any, step: Step) -> Iterator[None]:
    """Within this context the model attends shelf by shelf, if there are several."""
    if len(step.shelves) == 1:
        yield
        return
    configs = {id(one.config): one.config for one in model.modules() if hasattr(one, "config")}
    before = [(config, config._attn_implementation) for config in configs.values()]
    try:
        for config in configs.values():
            config._attn_implementation_internal = _ATTENTION
        yield
    finally:
        for config, name in before:
            config._attn_implementation_internal = name
