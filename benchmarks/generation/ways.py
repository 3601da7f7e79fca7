"""The ways to generate, each in a process of its own, on the same folder of weights.

A way loads the folder and returns a function that does a piece of work and says how many tokens it
made. This module imports no framework until a way is asked for, so that loading and memory are that
way's alone. A process prints one line of JSON, for example

    {"load": 2.31, "cpu": 41.7, "wall": 43.0, "memory": 912.4, "gpu_memory": null, "gpu_used": null,
        "name": "..."}
"""

from __future__ import annotations

import importlib.util
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from generation.work import Work, make_work

Run = Callable[[Work], int]


class Setting(NamedTuple):
    """How a way is run."""

    folder: Path
    dtype: str
    threads: int
    batch: int
    chunk: int | None = None  # requests that ours is given at once; None: all of them
    temperature: float = 0.7  # 0: the likeliest token


def generate(setting: Setting) -> Run:
    """`generate` of transformers, left padded, sorted by length; a row that ended is fed padding
    until all have.
    """
    import torch
    from transformers import StoppingCriteria, StoppingCriteriaList

    model = _plain_model(setting)
    model.generation_config.eos_token_id = None
    drawn: dict[str, Any] = {"do_sample": False}
    if setting.temperature > 0:
        drawn = {"do_sample": True, "temperature": setting.temperature, "top_k": 0}

    class Ends(StoppingCriteria):  # type: ignore[misc]
        def __init__(self, width: int, ends: list[int]) -> None:
            self.width = width
            self.ends = torch.tensor(ends, device=model.device)

        def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
            return input_ids.shape[1] - self.width >= self.ends

    def run(work: Work) -> int:
        order = sorted(range(len(work.prompts)), key=lambda i: len(work.prompts[i]))
        made = 0
        for start in range(0, len(order), setting.batch):
            rows = order[start : start + setting.batch]
            width = max(len(work.prompts[i]) for i in rows)
            ids = torch.tensor(
                [[0] * (width - len(work.prompts[i])) + list(work.prompts[i]) for i in rows]
            )
            mask = torch.tensor(
                [[0] * (width - len(work.prompts[i])) + [1] * len(work.prompts[i]) for i in rows]
            )
            ends = [work.ends[i] for i in rows]
            out = model.generate(
                ids.to(model.device),
                attention_mask=mask.to(model.device),
                **drawn,
                max_new_tokens=max(ends),
                pad_token_id=0,
                stopping_criteria=StoppingCriteriaList([Ends(width, ends)]),
            )
            made += sum(min(end, out.shape[1] - width) for end in ends)
        return made

    return run


def continuous(setting: Setting) -> Run:
    """Continuous batching of transformers, the manager behind `generate_batch`, which takes an end
    per request.
    """
    from transformers import ContinuousBatchingConfig, GenerationConfig

    model = _plain_model(setting)

    def run(work: Work) -> int:
        # Sized for this work: by itself it takes most of the memory that is free, and touching that
        # costs CPU seconds.
        size = ContinuousBatchingConfig(
            num_blocks=2 * len(work.prompts), max_batch_tokens=max(1024, 4 * setting.batch)
        )
        config = GenerationConfig(
            do_sample=setting.temperature > 0,
            temperature=setting.temperature,
            top_k=0,
            max_new_tokens=max(work.ends),
            eos_token_id=-1,
            pad_token_id=0,
        )
        made = 0
        with model.continuous_batching_context_manager(
            config, continuous_batching_config=size, warmup=False
        ) as manager:
            for prompt, end in zip(work.prompts, work.ends, strict=True):
                manager.add_request(list(prompt), max_new_tokens=end)
            for _ in work.prompts:
                made += len(manager.get_result(timeout=600).generated_tokens)
        return made

    return run


def ours(setting: Setting) -> Run:
    """Our transformers engine, through its own interface, with a limit for each request."""
    return _through_the_interface("transformers", setting.dtype, setting)


def exllamav2(setting: Setting) -> Run:
    """Our ExLlamaV2 engine, in float16 on a CUDA GPU, with a limit for each request."""
    return _through_the_interface("exllamav2", "float16", setting)


def _through_the_interface(name: str, dtype: str, setting: Setting) -> Run:
    from featherweight.engines import Decoding, Request, load_engine

    engine: Any = load_engine(name, setting.folder, dtype=dtype, threads=setting.threads)
    engine.stops, engine.rows = (), setting.batch

    def run(work: Work) -> int:
        requests = [
            Request(prompt_ids=prompt, stream=index, max_new_tokens=end)
            for index, (prompt, end) in enumerate(zip(work.prompts, work.ends, strict=True))
        ]
        size = setting.chunk or len(requests)
        lists = (requests[start : start + size] for start in range(0, len(requests), size))
        made = [
            answer
            for some in lists
            for answer in engine.generate(
                some, Decoding(setting.temperature, 1.0, 0), lambda count: None
            )
        ]
        if tuple(answer.n_tokens for answer in made) != work.ends:
            raise SystemExit("an answer has another length than was forced")
        return sum(answer.n_tokens for answer in made)

    return run


def llama_cpp(setting: Setting) -> Run:
    """llama.cpp on the same weights as GGUF, with as many sequences at once, refilled as they
    end."""
    from generation.folder import GGUF
    from generation.llama_cpp_batch import LlamaCpp

    model = LlamaCpp(setting.folder / GGUF, setting.batch, 1024, setting.threads)
    return lambda work: sum(map(len, model.run(work)))


def _plain_model(setting: Setting) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    load: Any = AutoModelForCausalLM.from_pretrained
    model = load(
        str(setting.folder), dtype=getattr(torch, setting.dtype), attn_implementation="sdpa"
    )
    return model.to("cuda" if torch.cuda.is_available() else "cpu").eval()


WAYS: dict[str, Callable[[Setting], Run]] = {
    "generate": generate,
    "ours": ours,
    "generate_batch": continuous,
    "llama.cpp": llama_cpp,
    "exllamav2": exllamav2,
}


def measure(way: str, setting: Setting, work: Work, repeats: int) -> dict[str, Any]:
    """Load, warm up, do the work `repeats` times; the best turn by CPU seconds, or by wall seconds
    on a GPU.
    """
    start = time.perf_counter()
    run = WAYS[way](setting)
    _wait()
    load = time.perf_counter() - start
    warm = make_work(min(4, len(work.prompts)), 0.1, (16, 128))
    run(work if _on_gpu() else warm)
    turns = [_turn(run, work) for _ in range(repeats)]
    best = min(turns, key=lambda turn: turn["wall" if _on_gpu() else "cpu"])
    return {"load": load, **best, **_memory()}


def _turn(run: Run, work: Work) -> dict[str, float]:
    _wait()
    cpu, wall = time.process_time(), time.perf_counter()
    made = run(work)
    _wait()
    if made != work.tokens:
        raise SystemExit(f"expected {work.tokens} tokens, got {made}: the ways cannot be compared")
    return {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}


def _torch() -> Any:
    """Torch where the way has imported it; llama.cpp's does not."""
    return sys.modules.get("torch")


def _on_gpu() -> bool:
    return _torch() is not None and bool(_torch().cuda.is_available())


def _wait() -> None:
    if _on_gpu():
        _torch().cuda.synchronize()


def _memory() -> dict[str, float | None]:
    """Peak MiB of this process, and on a GPU of torch's tensors, and what the whole card has in
    use.
    """
    if not _on_gpu():
        return {"memory": peak_mib(), "gpu_memory": None, "gpu_used": None}
    cuda = _torch().cuda
    free, total = cuda.mem_get_info()
    return {
        "memory": peak_mib(),
        "gpu_memory": cuda.max_memory_allocated() / 2**20,
        "gpu_used": (total - free) / 2**20,
    }


def peak_mib() -> float:
    """Peak resident memory of this process since it was started."""
    status = Path("/proc/self/status")
    if (
        status.is_file()
    ):  # getrusage's figure would begin with that of the process that started this one
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1 << 20 if sys.platform == "darwin" else 1 << 10
    )


def bandwidth(threads: int) -> dict[str, Any]:
    """Bytes per second that the memory delivers: the better of a large copy (read and write
    counted) and a read.

    On a CPU per second that this process computed, as the ways are timed: others on the machine
    take their turns.
    """
    import torch

    torch.set_num_threads(threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    numbers = (4 << 30 if device == "cuda" else 512 << 20) // 4
    source = torch.ones(numbers, device=device)
    target = torch.empty_like(source)
    size = source.numel() * source.element_size()
    tries = {"copy": (lambda: target.copy_(source), 2 * size), "read": (lambda: source.sum(), size)}
    found = {}
    for name, (work, moved) in tries.items():
        turns = []
        for _ in range(6):
            _wait()
            cpu, wall = time.process_time(), time.perf_counter()
            work()
            _wait()
            turns.append(
                (time.process_time() - cpu) / threads
                if device == "cpu"
                else time.perf_counter() - wall
            )
        found[name] = moved / min(turns)
    return {"bytes_per_second": max(found.values()), **found}


def prefill(setting: Setting, tokens: int, samples: int = 16) -> dict[str, Any]:
    """Seconds until the first token of all: `samples` samples of one prompt against as many prompts
    of that length.
    """
    run = ours(setting)
    prompt = tuple(3 + (7 * place) % 1990 for place in range(tokens))
    seconds = {}
    for name, prompts in {
        "shared": (prompt,) * samples,
        "alone": tuple((3 + index, *prompt[1:]) for index in range(samples)),
    }.items():
        work = Work(prompts, (1,) * samples)
        run(work)
        turns = [_turn(run, work) for _ in range(3)]
        seconds[name] = min(turn["wall" if _on_gpu() else "cpu"] for turn in turns)
    return {
        **seconds,
        "tokens": tokens,
        "samples": samples,
        "ratio": seconds["alone"] / seconds["shared"],
    }


def installed(way: str) -> bool:
    """Whether this way can run here at all. Imports nothing large."""
    needs = {"llama.cpp": ("llama_cpp", "gguf"), "exllamav2": ("exllamav2",)}
    return all(importlib.util.find_spec(name) is not None for name in needs.get(way, ()))
