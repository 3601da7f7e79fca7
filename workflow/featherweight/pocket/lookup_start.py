"""Where the training of a pocket model starts: a small Llama whose attention can already look
things up.

Reads and writes nothing. A model of half a million parameters started from noise learns to look up
who did what only after a long plateau, and on most seeds not within minutes (measured: 2 of about
22 runs did). So the first layer starts with heads that look a few words back, the other layers
with heads that use what these found:

    Look(asked=3, known=0, told=2)   "the word three back was X; find X; take the word two before
        it"  -> the person
    Look(asked=0, known=1, told=0)   "find where this word stood before; take the word after it"
           -> the letter

This is a start, not a hand-made model: no head knows a word, nothing says when to answer "unknown",
and training moves every weight.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from transformers import LlamaConfig, LlamaForCausalLM

SHARPNESS = 8.0  # by how much the logit of the right distance exceeds its neighbours'
# the fastest rotary frequencies tell neighbours apart; slow ones would only add noise
FREQUENCIES = 4
MATCH = 1.5  # gain of queries and keys in heads that find a word
FOUND = 2.0  # how loud what was found one to three words back is, beside the word itself
COPY = 1.0
CONSTANT = 0.35  # the first coordinate of every embedding: what position-only heads read


class Look(NamedTuple):
    """A head that finds words: each field counts words back, 0 is the word itself."""

    asked: int
    known: int
    told: int


class Heads(NamedTuple):
    """The heads that a model starts with."""

    back: tuple[int, ...]  # words back, one head of the first layer each
    looks: tuple[Look, ...]  # one head of every other layer each


READER = Heads(back=(1, 2, 3), looks=(Look(3, 0, 2), Look(0, 1, 0), Look(2, 0, 2)))


class Basis(NamedTuple):
    """How a head that looks back writes: `read` takes a word in, shape (head, width); `found` gives
    it back.
    """

    read: torch.Tensor
    found: torch.Tensor


def start(config: LlamaConfig, seed: int, heads: Heads = READER) -> LlamaForCausalLM:
    """A model in float32 with these heads; everything else is drawn at random from `seed`.

    Raises ValueError for fewer heads than there are looks, or for untied embeddings.
    """
    needed = max(len(heads.back), len(heads.looks))
    if config.num_attention_heads < needed or not config.tie_word_embeddings:
        raise ValueError(
            f"expected tied embeddings and at least {needed} heads, got"
            f" {config.num_attention_heads}"
        )
    torch.manual_seed(seed)
    model = LlamaForCausalLM(config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        words = model.model.embed_tokens.weight
        words.normal_(0.0, config.hidden_size**-0.5, generator=generator)
        words[:, 0] = CONSTANT
        first, *others = (layer.self_attn for layer in model.model.layers)
        bases = _look_back(first, config, words, heads, generator)
        for attention in others:
            _look_up(attention, config, words, heads.looks, bases, generator)
    return model


def _orthogonal(width: int, size: int, generator: torch.Generator) -> torch.Tensor:
    """Orthonormal rows, shape (size, width), that do not read the constant coordinate."""
    drawn: torch.Tensor = torch.linalg.qr(torch.randn(width, size, generator=generator))[
        0
    ].T.contiguous()
    drawn[:, 0] = 0.0
    return drawn


def _look_back(
    attention: Any,
    config: LlamaConfig,
    words: torch.Tensor,
    heads: Heads,
    generator: torch.Generator,
) -> dict[int, Basis]:
    """Make the heads of the first layer look back; returns how each writes what it found."""
    size = config.hidden_size // config.num_attention_heads
    assert config.rope_parameters is not None  # transformers fills it in
    theta = config.rope_parameters["rope_theta"]
    assert isinstance(theta, float)
    turn = theta ** (-torch.arange(FREQUENCIES) / (size // 2))  # radians per word
    seen = (
        words[:, 0] / words.pow(2).mean(dim=1).sqrt()
    ).mean()  # the constant after normalisation
    # The logit for a distance d is amplitude^2 * sum(cos((d - back) * turn)) / sqrt(size): highest
    # at d = back.
    contrast = (1 - torch.cos(turn)).sum()
    amplitude = (SHARPNESS * size**0.5 / contrast).sqrt() / seen
    # What one distance found is looked for among what another found: both must write words alike.
    alike = {look.asked: look.known for look in heads.looks if look.asked > look.known > 0}
    bases: dict[int, Basis] = {}
    for head, back in enumerate(heads.back):
        rows = slice(head * size, (head + 1) * size)
        query, key = attention.q_proj.weight[rows], attention.k_proj.weight[rows]
        query[:FREQUENCIES, 0] += amplitude
        key[:FREQUENCIES, 0] += amplitude * torch.cos(back * turn)
        key[size // 2 : size // 2 + FREQUENCIES, 0] += amplitude * torch.sin(back * turn)
        read, found = (_orthogonal(config.hidden_size, size, generator) for _ in ("read", "found"))
        basis = Basis(bases[alike[back]].read if back in alike else read, found)
        attention.v_proj.weight[rows] = basis.read
        attention.o_proj.weight[:, rows] = basis.found.T * words.std() * FOUND
        bases[back] = basis
    return bases


def _look_up(
    attention: Any,
    config: LlamaConfig,
    words: torch.Tensor,
    looks: tuple[Look, ...],
    bases: dict[int, Basis],
    generator: torch.Generator,
) -> None:
    """Make the first heads of a later layer find words, one `Look` each; the others stay random."""
    size = config.hidden_size // config.num_attention_heads
    for head, look in enumerate(looks):
        rows = slice(head * size, (head + 1) * size)
        basis = bases[look.asked or look.known]
        asked = bases[look.asked].found if look.asked else basis.read
        known = bases[look.known].found if look.known else basis.read
        attention.q_proj.weight[rows] = MATCH * asked
        attention.k_proj.weight[rows] = MATCH * known
        if look.told:
            taken, written = bases[look.told].found, bases[look.told].read
        else:
            taken = written = _orthogonal(config.hidden_size, size, generator)
        attention.v_proj.weight[rows] = taken
        attention.o_proj.weight[:, rows] = written.T * words.std() * COPY
