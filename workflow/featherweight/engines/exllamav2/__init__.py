"""The GPU engine: ExLlamaV2 0.3.2 behind the engine interface, fed with token ids, drawing with our
own noise.

Reads a model's folder, unquantised (computed in float16) or EXL2-quantised; writes nothing. The
package is archived upstream and pinned; its kernels, cache and job queue are used, its tokenizer,
sampler, stop strings and defaults are not. Attention is flash-attn's or our own
(`attention`), and a self-test against transformers must pass before anything is
generated. Importing this module imports neither exllamav2 nor torch and builds nothing.

    load(Path("models/smollm2-135m"), dtype="auto", threads=None).identity
    -> 'exllamav2 0.3.2, torch 2.13.0+cu130, cuda, float16, paged torch attention 2, sampling 3,
        loop 2'
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featherweight.chat.templates import load_tokenizer
from featherweight.chat.tokens import hidden_ids, stop_ids
from featherweight.engines.back_off import BatchEngine
from featherweight.engines.base import Decoding, OnTokens, Request
from featherweight.engines.decoding_loop import Finished
from featherweight.engines.exllamav2 import guard, install, memory
from featherweight.engines.exllamav2.install import OTHERWISE
from featherweight.errors import InputError, first_line

if TYPE_CHECKING:
    import torch

LOOP_VERSION = 2  # raise it when the schedule changes, and with it the rounding
ROWS = 256  # of one decode step
INPUT_TOKENS = 2048  # of one sequence in one pass (exllamav2's max_input_len)
INPUT_ROWS = 4  # times as many tokens in one pass over several sequences (its max_batch_size)
# of the card less the weights, whoever else uses it; the rest is for logits and passes
CACHE_SHARE = 0.6
DEVICE = "cuda"  # of the reference that the self-test compares with


def device_kind() -> str:
    """Where this engine computes: always "cuda"."""
    return "cuda"


def identity(folder: Path, *, dtype: str) -> str:
    """Whatever of this engine may change a token, bits per weight included.

    Cheap: file headers alone are read.
    """
    from featherweight.engines.versions import SAMPLING_VERSION

    if dtype not in ("auto", "float16"):
        raise InputError(
            f"dtype: engine exllamav2 computes in float16, got {dtype!r}; set dtype to auto,"
            f" {OTHERWISE}"
        )
    weights = install.folder_weights(folder)
    return (
        f"exllamav2 {install.VERSION}, torch {version('torch')}, cuda, {weights.name},"
        f" {install.attention_name()}, sampling {SAMPLING_VERSION}, loop {LOOP_VERSION}"
    )


def load(
    folder: Path, *, dtype: str, threads: int | None, kept: tuple[str, ...] = ()
) -> ExLlamaV2Engine:
    """Load a model and test it.

    Raises InputError for a folder, machine, config or result that is not right.
    """
    name = identity(folder, dtype=dtype)
    package = install.import_exllamav2()
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
    tokenizer = load_tokenizer(folder)
    stops = stop_ids(folder, tokenizer)
    config = guard.read_config(package.ExLlamaV2Config, folder)
    problems = guard.config_problems(config, folder, stops)
    if problems:
        raise InputError(problems)
    # it follows the environment variable that kept flash-attn out of the import
    config.no_flash_attn = False
    config.max_input_len, config.max_batch_size = INPUT_TOKENS, INPUT_ROWS
    positions = min(
        int(config.max_seq_len), guard.attention_window(folder) or int(config.max_seq_len)
    )
    prompt = guard.test_prompt(tokenizer, positions)
    quantised = install.folder_weights(folder).bits is not None
    with memory.explained(folder):
        wanted = (
            None
            if quantised
            else guard.reference_logits(folder, prompt, DEVICE, memory.free_memory())
        )
        engine = ExLlamaV2Engine(
            package,
            _load_weights(package, config, folder),
            tokenizer,
            name=name,
            stops=stops,
            positions=positions,
            hidden=hidden_ids(tokenizer, kept),
        )
        engine.test(prompt, wanted)
    return engine


def _load_weights(package: install.Package, config: Any, folder: Path) -> Any:
    model = package.ExLlamaV2(config)
    try:
        model.load()
    except (
        AssertionError,
        ValueError,
        TypeError,
        KeyError,
    ) as error:  # its loader states what it misses so
        raise InputError(
            f"{folder}: ExLlamaV2 cannot load the weights ({first_line(error)}); fetch the model"
            f" again, {OTHERWISE}"
        ) from error
    return model


class ExLlamaV2Engine(BatchEngine):
    """A loaded model."""

    otherwise = OTHERWISE
    number_formats = " in float16; choose engine: transformers with dtype bfloat16 or float32"

    def __init__(
        self,
        package: install.Package,
        model: Any,
        tokenizer: Any,
        *,
        name: str,
        stops: Sequence[int],
        positions: int,
        hidden: frozenset[int],
    ) -> None:
        from featherweight.engines.exllamav2.pages import PAGE

        self.folder = Path(model.config.model_dir)
        super().__init__(
            tokenizer,
            name=name,
            where=self.folder,
            stops=stops,
            context=positions,
            hidden=hidden,
            rows=ROWS,
        )
        self.package = package
        self.model = model
        self.positions = positions
        self._generator: Any = None
        self._budget = int(CACHE_SHARE * memory.room()) // (PAGE * self._bytes_per_token())  # pages

    def _take_fewer(self, rows: int) -> None:
        self.rows, self._budget = rows, max(1, self._budget // 2)

    def _attempt(
        self,
        rows: int,
        requests: Sequence[Request],
        decoding: Decoding,
        finished: dict[int, Finished],
        on_tokens: OnTokens,
    ) -> None:
        from featherweight.engines.exllamav2.loop import BatchLoop, pages_per_row
        from featherweight.engines.exllamav2.pages import HELD, Limits

        each = pages_per_row(requests, self.positions)
        pages = min((rows + HELD) * each, self._budget)
        loop = BatchLoop(
            self._generator_of(pages),
            self.package.dynamic.ExLlamaV2DynamicJob,
            requests,
            decoding,
            finished,
            stops=self.stops,
            decode=self.decode,
            limits=Limits(rows, INPUT_TOKENS * INPUT_ROWS, self.positions, pages),
        )
        loop.run(on_tokens)

    def _rows_that_fit(self, requests: Sequence[Request]) -> int:
        """Rows of one step at most; how many there are is up to what they hold.

        Raises InputError where not even one row of the longest kind fits.
        """
        from featherweight.engines.exllamav2.loop import pages_per_row
        from featherweight.engines.exllamav2.pages import HELD, PAGE

        each = pages_per_row(requests, self.positions)
        if self._budget < (1 + HELD) * each:
            raise InputError(
                f"{self.folder}: a sample of up to {each * PAGE} tokens needs"
                f" {(1 + HELD) * each} pages of the cache, the GPU has room for"
                f" {self._budget}; lower max_new_tokens or free the GPU, {OTHERWISE}"
            )
        return min(ROWS if self.rows is None else self.rows, len(requests))

    def _generator_of(self, pages: int) -> Any:
        """The generator with a cache of so many pages; the one there is if it is large enough."""
        from featherweight.engines.exllamav2.pages import HELD, PAGE

        tokens = pages * PAGE
        if self._generator is None or self._generator.cache.max_seq_len < tokens:
            self._generator = None
            memory.free_memory()
            cache = self.package.ExLlamaV2Cache(self.model, batch_size=1, max_seq_len=tokens)
            memory.settle()
            # No tokenizer: our step makes no text of tokens. No threads: they would serve the
            # sampler that we replace.
            self._generator = self.package.dynamic.ExLlamaV2DynamicGenerator(
                model=self.model,
                cache=cache,
                tokenizer=None,
                max_batch_size=ROWS + HELD,
                max_q_size=1,
                max_sampling_threads=1,
                paged=True,
                filter_background_eval=False,
            )
        return self._generator

    def _bytes_per_token(self) -> int:
        """Of keys and values over all layers, float16."""
        config = self.model.config
        return int(2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim * 2)

    def test(self, prompt: tuple[int, ...], wanted: torch.Tensor | None) -> None:
        """Compare logits with transformers' (`wanted`); a quantised model's with its own, by
        another path.

        Raises InputError above a relative error of 1e-2.
        """
        from featherweight.engines.exllamav2.loop import first_logits
        from featherweight.engines.exllamav2.pages import HELD, PAGE, Limits
        from featherweight.engines.exllamav2.score import dense_logits

        pages = (1 + HELD) * (len(prompt) // PAGE + 1)
        generator = self._generator_of(pages)
        limits = Limits(1, INPUT_TOKENS * INPUT_ROWS, self.positions, pages)
        paged = first_logits(generator, self.package.dynamic.ExLlamaV2DynamicJob, limits, prompt)
        dense = dense_logits(self.model, [prompt])[0, -guard.PLACES :]
        if wanted is None:  # transformers cannot load EXL2; attention that looks ahead still shows
            earlier = dense_logits(self.model, [prompt[:-1]])[0, 1 - guard.PLACES :]
            pairs = {
                "generation against scoring": (paged, dense[-1]),
                "scoring without the last token": (earlier, dense[:-1]),
            }
        else:
            pairs = {
                "generation against transformers": (paged, wanted[-1]),
                "scoring against transformers": (dense, wanted),
            }
        guard.require_agreement(pairs, self.folder)

    def _score(
        self,
        prompt_ids: Sequence[tuple[int, ...]],
        continuations: Sequence[tuple[int, ...]],
        budget: int,
    ) -> list[float]:
        from featherweight.engines.exllamav2.score import loglikelihoods

        return loglikelihoods(self.model, prompt_ids, continuations, budget=budget)

    def _scored_at_once(self) -> int:
        return INPUT_TOKENS

    def _longest_scored(self) -> int:
        return min(self.positions, INPUT_TOKENS * INPUT_ROWS)

    def _release(self) -> None:
        """Give back the cache for generating; it is made again when it is needed."""
        with memory.explained(self.folder):
            self._generator = None
            memory.free_memory()
