"""A session of the transformers engine that keeps the keys and values of its branches.

    session = engine.session(Decoding(0.8, 1.0, 0), budget=100_000)

What is kept is `prefixes`; a step is the loop of `slots`, whose rows here begin from what is kept
and leave behind what they made. A beginning that is not there, or only in part, is computed from
its token ids first. So a step computes its own tokens alone, and one whose beginning had to go
computes that again: the answers are the same. Reads and writes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from transformers.cache_utils import DynamicCache

from featherweight.engines.base import Completion, Decoding, Request
from featherweight.engines.decoding_loop import InFlight, check_continuations
from featherweight.engines.sessions import Branch, RecomputingSession
from featherweight.engines.transformers.likelihood import in_float32
from featherweight.engines.transformers.prefixes import NOTHING, Piece, Prefix, Prefixes
from featherweight.engines.transformers.slots import SlotLoop, logits_at

if TYPE_CHECKING:
    from featherweight.engines.transformers import TransformersEngine

Tokens = tuple[int, ...]


@dataclass(slots=True, eq=False, kw_only=True)
class KeptRow(InFlight):
    """A row and the beginning that it came from."""

    start: Prefix


@torch.inference_mode()
def after(
    model: Any, starts: Sequence[Prefix], fed: Sequence[Tokens], places: Sequence[tuple[int, int]]
) -> tuple[list[Piece], torch.Tensor]:
    """Feed each row some tokens after its beginning: what came to its cache, and the logits at
    these (row, place of the fed tokens), (places, vocabulary).
    """
    device = model.device
    past, new = max(len(start.ids) for start in starts), max(map(len, fed))
    cache: Any = DynamicCache(config=model.config)
    arguments: dict[str, Any] = {}
    if past:
        held = next(start for start in starts if start.ids).pieces[0].layers
        for index, pair in enumerate(held):
            shape = (len(starts), pair[0].shape[0], past)
            empty = [one.new_zeros((*shape, one.shape[2])) for one in pair]
            cache.update(empty[0], empty[1], index)
        filled = [[layer.keys, layer.values] for layer in cache.layers]
        for row, start in enumerate(starts):
            start.copy_into(filled, row)
        before = torch.tensor([len(start.ids) for start in starts], device=device)[:, None]
        steps = torch.arange(new, device=device)
        seen = torch.cat(
            [
                (torch.arange(past, device=device) < before)[:, None].expand(-1, new, -1),
                (steps[None, :] <= steps[:, None]).expand(len(starts), -1, -1),
            ],
            dim=2,
        )
        mask = torch.zeros(seen.shape, dtype=model.dtype, device=device)
        arguments["attention_mask"] = mask.masked_fill(~seen, -torch.inf)[:, None]
        arguments["position_ids"] = before + steps
    ids = torch.tensor([[*some, *[0] * (new - len(some))] for some in fed], device=device)
    rows, at = torch.tensor(places, device=device).T
    with logits_at(model, rows, at), in_float32(model.get_output_embeddings()):
        output = model(input_ids=ids, past_key_values=cache, use_cache=True, **arguments)
    tensors = [[layer.keys, layer.values] for layer in cache.layers]
    pieces = [Piece.of(tensors, row, past, past + len(some)) for row, some in enumerate(fed)]
    return pieces, output.logits[0].float()


def grouped(sizes: Sequence[int], budget: int) -> list[list[int]]:
    """Places of the list to compute together, widest first, within so many tokens with padding."""
    groups: list[list[int]] = []
    widest = 0
    for index in sorted(range(len(sizes)), key=lambda index: -sizes[index]):
        if not groups or (len(groups[-1]) + 1) * widest > budget:
            groups.append([])
            widest = sizes[index]
        groups[-1].append(index)
    return groups


def held(model: Any, prefixes: Prefixes, wanted: Sequence[Tokens], budget: int) -> list[Prefix]:
    """These beginnings with their keys and values: what is kept, and the rest computed and kept."""
    made = {ids: prefixes.find(ids) for ids in wanted}
    lacking = [ids for ids, found in made.items() if len(found.ids) < len(ids)]
    for group in grouped([len(ids) for ids in lacking], budget):
        some = [lacking[index] for index in group]
        starts = [made[ids] for ids in some]
        fed = [ids[len(start.ids) :] for ids, start in zip(some, starts, strict=True)]
        pieces, _ = after(model, starts, fed, [(0, 0)])
        for ids, start, piece in zip(some, starts, pieces, strict=True):
            made[ids] = start.longer(ids, piece)
            prefixes.keep(made[ids])
    return [made[ids] for ids in wanted]


class KeepingLoop(SlotLoop):
    """Rows begin from beginnings that are kept, and what they come to is kept in turn."""

    def __init__(self, *args: Any, prefixes: Prefixes, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.prefixes = prefixes

    def _prefill(self, prompts: list[list[int]]) -> Any:
        """The beginnings of a group of prompts, all but the last token, which a step feeds."""
        wanted = [self.ids(indices[0])[:-1] for indices in prompts]
        found = held(self.model, self.prefixes, wanted, self.prefill_tokens)
        if self.shelves is None:
            self.shelves = self._empty_shelves(_shapes(self.model, found))
        return found

    def _enter(self, group: Any, entering: list[tuple[int, int]]) -> None:
        assert self.shelves is not None
        rows = []
        for prompt, request in entering:
            last = self.ids(request)[-1]
            row = self.begin_row(request, KeptRow, start=group[prompt])
            assert isinstance(row, KeptRow)
            row.start, row.length, row.token = group[prompt], len(group[prompt].ids), last
            rows.append(row)
        self.shelves.begin(rows, [row.start.copy_into for row in rows])

    def _leave(self, row: InFlight) -> None:
        """Keep what the row has come to; its last token has often not been fed."""
        assert self.shelves is not None
        assert isinstance(row, KeptRow)
        assert row.request is not None
        ids = (self.requests[row.request].prompt_ids + tuple(row.tokens))[: row.length]
        shelf = self.shelves.shelf_of(row)
        first = len(row.start.ids)
        piece = Piece.of(shelf.tensors, shelf.rows.index(row), first, row.length)
        self.prefixes.keep(row.start.longer(ids, piece))
        super()._leave(row)


def _shapes(model: Any, found: Sequence[Prefix]) -> list[Any]:
    """Layers of a cache, for their shapes."""
    if all(not one.ids for one in found):
        pieces, _ = after(model, [NOTHING], [(0,)], [(0, 0)])
        layers = pieces[0].layers
    else:
        layers = next(one for one in found if one.ids).pieces[0].layers
    return [_Layer(keys[None], values[None]) for keys, values in layers]


@dataclass(frozen=True, slots=True)
class _Layer:
    keys: torch.Tensor
    values: torch.Tensor


class KeepingSession(RecomputingSession):
    """As `Session`. `budget` is how many tokens' keys and values it keeps beside those of the rows
    that are running.
    """

    engine: TransformersEngine

    def __init__(self, engine: TransformersEngine, decoding: Decoding, budget: int) -> None:
        super().__init__(engine, decoding)
        self.prefixes = Prefixes(budget)
        self._users: Counter[Tokens] = Counter()  # open branches that say this

    def _generate(self, requests: Sequence[Request]) -> list[Completion]:
        with self.engine.keeping(self.prefixes):
            return self.engine.generate(requests, self.decoding, lambda count: None)

    def score(
        self, branches: Sequence[Branch], continuations: Sequence[tuple[int, ...]]
    ) -> list[float]:
        """As `Session.score`: only what came since is computed, and kept but for the
        continuation.
        """
        self._require_open(branches)
        whole = [branch.prompt_ids + branch.token_ids for branch in branches]
        if not whole:
            return []
        check_continuations(self.engine.where, whole, continuations, self.engine.context)
        sums = [0.0] * len(whole)
        asked = [index for index, ids in enumerate(continuations) if ids]
        sizes = [len(whole[index]) + len(continuations[index]) for index in asked]
        for group in grouped(sizes, self.engine.prefill_tokens):
            some = [asked[index] for index in group]
            self._score([whole[i] for i in some], [continuations[i] for i in some], sums, some)
        return sums

    def _score(
        self,
        whole: Sequence[Tokens],
        continuations: Sequence[Tokens],
        sums: list[float],
        indices: Sequence[int],
    ) -> None:
        engine = self.engine
        wanted = [ids[:-1] for ids in whole]
        starts = held(engine.model, self.prefixes, wanted, engine.prefill_tokens)
        fed = [(ids[-1], *more[:-1]) for ids, more in zip(whole, continuations, strict=True)]
        places = [(row, at) for row, some in enumerate(fed) for at in range(len(some))]
        _, logits = after(engine.model, starts, fed, places)
        logprobs = logits.log_softmax(dim=-1)
        read = [token for more in continuations for token in more]
        values = logprobs[range(len(read)), read].tolist()
        for (row, _), value in zip(places, values, strict=True):
            sums[indices[row]] += value

    def release(self, branches: Sequence[Branch]) -> None:
        """As `Session.release`."""
        super().release(branches)
        for branch in branches:
            ids = branch.prompt_ids + branch.token_ids
            self._users[ids] -= 1
            if not self._users[ids]:
                del self._users[ids]
                self.prefixes.forget(ids)
                self.prefixes.forget(ids[:-1])

    def _branch(self, branch: Branch) -> Branch:
        opened = super()._branch(branch)
        self._users[opened.prompt_ids + opened.token_ids] += 1
        return opened
