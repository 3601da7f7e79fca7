"""A stand-in for the part of exllamav2 0.3.2 that the engine uses, on a CPU in float32.

Weights are those of a tiny Llama or Qwen2 in the Hugging Face layout; attention goes through
whatever was put into the fake `attn` module, so that the engine's own attention is what is tested.
Names and parameters are those of the real package (tests/unit/test_exllamav2_surface.py compares
them with its source). The page table is the simplest that keeps the real one's promises: full pages
of equal beginnings are shared, all others are a job's own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AutoModelForCausalLM
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

KNOWN = ("LlamaForCausalLM", "Qwen2ForCausalLM")
PAGE = 256


def attention_module() -> ModuleType:
    """`exllamav2.attn` as it is where flash-attn is not installed."""
    module = ModuleType("exllamav2.attn")
    for flag in ("", "_with_paged", "_with_window", "_with_softcap"):
        setattr(module, f"has_flash_attn{flag}", False)
    return module


class ExLlamaV2Config:
    """Reads config.json as 0.3.2 does: old rope keys only, one EOS, unknown architectures as
    Llama."""

    def __init__(self, model_dir: str | None = None) -> None:
        self.model_dir = model_dir
        self.max_input_len, self.max_batch_size, self.no_flash_attn = 2048, 1, True
        self.scale_pos_emb, self.alt_rope_method, self.attn_logit_softcapping = 1.0, None, None

    def prepare(self, no_tensors: bool = False) -> None:
        assert self.model_dir is not None
        read = json.loads((Path(self.model_dir) / "config.json").read_text(encoding="utf-8"))
        self.architecture = read["architectures"][0]
        known = self.architecture in KNOWN
        if not known:
            print(f" !! Warning, unknown architecture: {self.architecture}")  # noqa: T201
        arch = self.architecture if known else "LlamaForCausalLM"
        self.arch = SimpleNamespace(arch_string=arch, lm=SimpleNamespace(eager_attn_only=False))
        eos = read.get("eos_token_id")
        self.eos_token_id = eos[0] if isinstance(eos, list) else eos
        for name in (
            "vocab_size",
            "hidden_size",
            "intermediate_size",
            "num_hidden_layers",
            "num_attention_heads",
        ):
            setattr(self, name, read[name])
        self.num_key_value_heads = read.get("num_key_value_heads", self.num_attention_heads)
        self.head_dim = read.get("head_dim", self.hidden_size // self.num_attention_heads)
        self.norm_eps, self.max_seq_len = read["rms_norm_eps"], read["max_position_embeddings"]
        self.rotary_embedding_base = float(read.get("rope_theta", 10000.0))
        self.partial_rotary_factor = 1.0
        scaling = read.get("rope_scaling") or {}
        if scaling.get("rope_type") == "llama3":
            self.alt_rope_method = "llama3"
            self.l3_rope_factor = scaling["factor"]
            self.l3_rope_low_freq_factor = scaling["low_freq_factor"]
            self.l3_rope_high_freq_factor = scaling["high_freq_factor"]
            self.l3_rope_original_max_position_embeddings = scaling[
                "original_max_position_embeddings"
            ]
        if not no_tensors and not any(Path(self.model_dir).glob("*.safetensors")):
            raise ValueError(f" ## No .safetensors files found in {self.model_dir}")


class ExLlamaV2Cache:
    """`largest` is the room for tokens that the pretended GPU has; None: endless."""

    largest: int | None = None

    def __init__(
        self,
        model: Any,
        batch_size: int = 1,
        max_seq_len: int = -1,
        copy_from: Any = None,
        lazy: bool = False,
        num_key_value_heads: int | None = None,
        fixed_device: int | None = None,
    ) -> None:
        if self.largest is not None and max_seq_len > self.largest:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate a cache")
        self.model, self.max_seq_len, self.batch_size = model, max_seq_len, batch_size
        shape = (batch_size, max_seq_len, model.config.num_key_value_heads, model.config.head_dim)
        self.key_states, self.value_states = (
            [torch.zeros(shape) for _ in model.layers] for _ in range(2)
        )

    def all_tensors(self) -> list[torch.Tensor]:
        return self.key_states + self.value_states


class ExLlamaV2:
    """The model; `passes` records (rows, new tokens) of every pass.

    `fail_at` raises before the pass of that number.
    """

    attn: ModuleType
    fail_at: dict[int, Exception]

    def __init__(
        self, config: ExLlamaV2Config, lazy_load: bool = False, archparams: Any = None
    ) -> None:
        self.config = config
        self.passes: list[tuple[int, int]] = []

    def load(
        self,
        gpu_split: list[float] | None = None,
        lazy: bool = False,
        stats: bool = False,
        callback: Any = None,
        callback_gen: Any = None,
        progress: bool = False,
    ) -> None:
        self.hf = AutoModelForCausalLM.from_pretrained(
            self.config.model_dir, dtype=torch.float32
        ).eval()
        self.layers = self.hf.model.layers

    def _count(self, ids: torch.Tensor) -> None:
        self.passes.append((ids.shape[0], ids.shape[1]))
        error = self.fail_at.pop(len(self.passes), None)
        if error is not None:
            raise error

    def _blocks(self, ids: torch.Tensor, positions: torch.Tensor, attend: Any) -> torch.Tensor:
        x = self.hf.model.embed_tokens(ids)
        cos, sin = self.hf.model.rotary_emb(x, positions)
        for index, layer in enumerate(self.layers):
            y = layer.input_layernorm(x)
            heads = (*ids.shape, -1, self.config.head_dim)
            q, k, v = (
                p(y).view(heads)
                for p in (layer.self_attn.q_proj, layer.self_attn.k_proj, layer.self_attn.v_proj)
            )
            q, k = apply_rotary_pos_emb(q, k, cos, sin, unsqueeze_dim=2)
            x = x + layer.self_attn.o_proj(attend(index, q, k, v).flatten(2))
            x = x + layer.mlp(layer.post_attention_layernorm(x))
        logits: torch.Tensor = self.hf.lm_head(self.hf.model.norm(x))
        padding = -logits.shape[-1] % 32
        return torch.nn.functional.pad(logits, (0, padding), value=-65504.0)

    @torch.inference_mode()
    def forward(
        self,
        input_ids: torch.Tensor,
        cache: Any = None,
        input_mask: Any = None,
        preprocess_only: bool = False,
        last_id_only: bool = False,
        loras: Any = None,
        return_last_state: bool = False,
        position_offsets: Any = None,
        abort_event: Any = None,
        cpu_logits: bool = False,
        **kwargs: Any,
    ) -> torch.Tensor:
        self._count(input_ids)
        assert (
            input_ids.shape[1]
            <= self.config.max_input_len * self.config.max_batch_size // input_ids.shape[0]
        )

        def attend(index: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
            if self.attn.has_flash_attn and not self.config.no_flash_attn:
                return self.attn.flash_attn_func(
                    q, k, v, causal=True, softmax_scale=self.config.head_dim**-0.5
                )
            # the way of 0.3.2 without flash-attn: no mask
            q, k, v = (t.transpose(1, 2) for t in (q, k, v))
            return scaled_dot_product_attention(q, k, v, enable_gqa=True).transpose(1, 2)

        return self._blocks(input_ids, torch.arange(input_ids.shape[1])[None], attend)

    @torch.inference_mode()
    def forward_chunk(
        self,
        input_ids: torch.Tensor,
        cache: Any = None,
        input_mask: Any = None,
        preprocess_only: bool = False,
        last_id_only: bool = False,
        loras: Any = None,
        return_last_state: bool = False,
        position_offsets: Any = None,
        abort_event: Any = None,
        attn_params: Any = None,
        extract_state_indices: Any = None,
        **kwargs: Any,
    ) -> dict[str, torch.Tensor]:
        self._count(input_ids)
        rows, new = input_ids.shape
        assert rows * new <= self.config.max_input_len * self.config.max_batch_size
        lengths, table = attn_params.cache_seqlens, attn_params.block_index
        positions = lengths[:, None] + torch.arange(new)
        assert int(positions.max()) < self.config.max_seq_len  # the tables of sines end there
        assert table.dtype == lengths.dtype == torch.int32

        def attend(index: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
            shape = (-1, PAGE, *k.shape[2:])
            k_cache, v_cache = (
                cache.key_states[index].view(shape),
                cache.value_states[index].view(shape),
            )
            return self.attn.flash_attn_with_kvcache(
                q=q,
                k=k,
                v=v,
                k_cache=k_cache,
                v_cache=v_cache,
                cache_seqlens=lengths,
                block_table=table,
                causal=True,
                softmax_scale=self.config.head_dim**-0.5,
            )

        logits = self._blocks(input_ids, positions, attend)
        return {} if preprocess_only else {"logits": logits}


class _Page:
    def __init__(self, index: int) -> None:
        self.page_index, self.kv_position, self.ref_count, self.can_revert = index, 0, 0, False
        self.phash: Any = None


class ExLlamaV2DynamicJob:
    def __init__(
        self,
        input_ids: torch.Tensor,
        max_new_tokens: int,
        min_new_tokens: int = 0,
        max_skips: int | None = 4,
        gen_settings: Any = None,
        seed: int | None = None,
        stop_conditions: Any = None,
        decode_special_tokens: bool = False,
        return_top_tokens: int = 0,
        return_logits: bool = False,
        return_probs: bool = False,
        filters: Any = None,
        filter_prefer_eos: bool = False,
        token_healing: bool = False,
        identifier: Any = None,
        banned_strings: Any = None,
        embeddings: Any = None,
        **kwargs: Any,
    ) -> None:
        assert input_ids.device.type == "cpu"
        assert input_ids.shape[0] == 1
        self.ids, self.max_new_tokens = tuple(input_ids[0].tolist()), max_new_tokens
        self.sequences = [SimpleNamespace(allocated_pages=[])]
        self.held_logits: Any = "room"

    def hashes(self) -> Iterator[tuple[int, ...]]:
        for page in range((len(self.ids) - 1) // PAGE):
            yield self.ids[: (page + 1) * PAGE]

    def deallocate_pages(self) -> None:
        for page in self.sequences[0].allocated_pages:
            page.ref_count -= 1
            assert page.ref_count >= 0
            if page.ref_count == 0 and page.can_revert:
                page.kv_position = PAGE  # the real page claims its former content again
        self.sequences[0].allocated_pages = []


class ExLlamaV2DynamicGenerator:
    def __init__(
        self,
        model: Any,
        cache: Any,
        tokenizer: Any,
        max_batch_size: int | None = None,
        max_seq_len: int | None = None,
        max_chunk_size: int | None = None,
        max_q_size: int = 8,
        draft_model: Any = None,
        draft_cache: Any = None,
        num_draft_tokens: int = 4,
        use_ngram_draft: bool = False,
        max_ngram: int = 4,
        max_sampling_threads: int = 16,
        min_sampling_threads: int = 3,
        paged: bool = True,
        filter_background_eval: bool = True,
        **kwargs: Any,
    ) -> None:
        assert model.attn.has_flash_attn_with_paged, (
            "Paged attention required Flash Attention 2.5.7 or later"
        )
        assert not model.config.no_flash_attn
        assert cache.batch_size == 1
        assert cache.max_seq_len % PAGE == 0
        assert max_batch_size is not None
        assert (
            max_q_size * max_batch_size <= model.config.max_batch_size * model.config.max_input_len
        )
        self.model, self.cache, self.max_batch_size = model, cache, max_batch_size
        self.pending_jobs: list[Any] = []
        self.active_jobs: list[Any] = []
        self.reset_page_table()

    def reset_page_table(self) -> None:
        self.max_pages = self.cache.max_seq_len // PAGE
        # Handed out from the end, so that a sequence's pages never lie in order.
        self.all_pages = [_Page(index) for index in range(self.max_pages)]

    def enqueue(self, job: Any) -> int:
        self.pending_jobs.append(job)
        return len(self.pending_jobs)

    def iterate_start_jobs(self, results: list[Any]) -> None:
        while self.pending_jobs and len(self.active_jobs) < self.max_batch_size:
            if not self._allocate(self.pending_jobs[0]):
                return
            self.active_jobs.append(self.pending_jobs.pop(0))

    def _allocate(self, job: Any) -> bool:
        total = -(-(len(job.ids) + job.max_new_tokens) // PAGE)
        known = {page.phash: page for page in self.all_pages if page.phash is not None}
        found = [known.get(phash) for phash in job.hashes()]
        taken = {page.page_index for page in found if page is not None}
        free = [
            page for page in self.all_pages if page.ref_count == 0 and page.page_index not in taken
        ]
        if len(free) < total - len(taken):
            return False
        pages = []
        for phash, page in zip(job.hashes(), found, strict=True):
            if page is None:
                page = free.pop()
                page.phash, page.kv_position, page.can_revert = phash, 0, False
            pages.append(page)
        for _ in range(total - len(pages)):
            page = free.pop()
            page.phash, page.kv_position, page.can_revert = None, 0, True
            pages.append(page)
        for page in pages:
            page.ref_count += 1
        job.sequences[0].allocated_pages = pages
        return True

    def get_paged_params(
        self,
        batch_size: int,
        block_index: torch.Tensor,
        cache_seqlens: torch.Tensor,
        q_len: int,
        alt_rope_embed: dict[str, Any] | None = None,
        rope_offsets: torch.Tensor | None = None,
    ) -> Any:
        assert block_index.shape[0] == cache_seqlens.shape[0] == batch_size
        assert int(cache_seqlens.max()) + q_len <= block_index.shape[1] * PAGE
        return SimpleNamespace(block_index=block_index, cache_seqlens=cache_seqlens, q_len=q_len)


def modules() -> dict[str, ModuleType]:
    """What `sys.modules` would hold."""
    top, dynamic, attn = (
        ModuleType("exllamav2"),
        ModuleType("exllamav2.generator.dynamic"),
        attention_module(),
    )
    model = type("ExLlamaV2", (ExLlamaV2,), {"attn": attn, "fail_at": {}})
    cache = type("ExLlamaV2Cache", (ExLlamaV2Cache,), {})
    for name, value in {
        "ExLlamaV2": model,
        "ExLlamaV2Config": ExLlamaV2Config,
        "ExLlamaV2Cache": cache,
    }.items():
        setattr(top, name, value)
    for value in (ExLlamaV2DynamicGenerator, ExLlamaV2DynamicJob):
        setattr(dynamic, value.__name__, value)
    return {"exllamav2": top, "exllamav2.generator.dynamic": dynamic, "exllamav2.attn": attn}
