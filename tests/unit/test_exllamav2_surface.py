"""The fake and our code against the source of exllamav2 0.3.2, read and never imported."""

from __future__ import annotations

import ast
import inspect
import sys
from pathlib import Path
from typing import Any

import fake_exllamav2
import pytest
import real_exllamav2

from featherweight.engines.exllamav2 import attention as ours
from featherweight.engines.exllamav2 import build
from featherweight.engines.exllamav2.pages import PAGE

SOURCE = real_exllamav2.source()
pytestmark = pytest.mark.skipif(
    SOURCE is None, reason="no source of exllamav2 0.3.2: install it or EXLLAMAV2_SOURCE"
)
CALLED = [
    ("config.py", "ExLlamaV2Config", "__init__"),
    ("config.py", "ExLlamaV2Config", "prepare"),
    ("model.py", "ExLlamaV2", "__init__"),
    ("model.py", "ExLlamaV2", "load"),
    ("model.py", "ExLlamaV2", "forward"),
    ("model.py", "ExLlamaV2", "forward_chunk"),
    ("cache.py", "ExLlamaV2Cache", "__init__"),
    ("cache.py", "ExLlamaV2Cache", "all_tensors"),
    ("generator/dynamic.py", "ExLlamaV2DynamicGenerator", "__init__"),
    ("generator/dynamic.py", "ExLlamaV2DynamicGenerator", "reset_page_table"),
    ("generator/dynamic.py", "ExLlamaV2DynamicGenerator", "enqueue"),
    ("generator/dynamic.py", "ExLlamaV2DynamicGenerator", "iterate_start_jobs"),
    ("generator/dynamic.py", "ExLlamaV2DynamicGenerator", "get_paged_params"),
    ("generator/dynamic.py", "ExLlamaV2DynamicJob", "__init__"),
    ("generator/dynamic.py", "ExLlamaV2DynamicJob", "deallocate_pages"),
]


def tree(name: str) -> ast.Module:
    assert SOURCE is not None
    return ast.parse((Path(SOURCE) / "exllamav2" / name).read_text(encoding="utf-8"))


def test_what_the_package_imports_is_asked_for_beforehand() -> None:
    """All modules but those of its converter and server: what neither Python nor torch brings."""
    assert SOURCE is not None
    package = Path(SOURCE) / "exllamav2"
    names = set()
    for path in package.rglob("*.py"):
        if path.relative_to(package).parts[0] not in {"conversion", "server", "exllamav2_ext"}:
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                names |= (
                    {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
                )
                names |= (
                    {node.module}
                    if isinstance(node, ast.ImportFrom) and node.module and not node.level
                    else set()
                )
    roots = {name.split(".")[0] for name in names} - sys.stdlib_module_names
    assert roots - {"exllamav2", "exllamav2_ext", "torch"} == set(build.IMPORTS)


def defined(name: str, class_name: str) -> ast.ClassDef:
    return next(
        node
        for node in tree(name).body
        if isinstance(node, ast.ClassDef) and node.name == class_name
    )


def theirs(name: str, class_name: str, method: str) -> tuple[list[str], dict[str, Any]]:
    """The parameters' names in order, and the defaults that are plain values."""
    found = [
        n
        for n in defined(name, class_name).body
        if isinstance(n, ast.FunctionDef) and n.name == method
    ]
    arguments = found[-1].args
    names = [argument.arg for argument in arguments.args]
    with_default = names[len(names) - len(arguments.defaults) :]
    pairs = zip(with_default, arguments.defaults, strict=True)
    return names, {key: ast.literal_eval(value) for key, value in pairs}


@pytest.mark.parametrize(("name", "class_name", "method"), CALLED, ids=lambda value: str(value))
def test_the_fake_has_the_packages_signatures(name: str, class_name: str, method: str) -> None:
    names, defaults = theirs(name, class_name, method)
    signature = inspect.signature(getattr(getattr(fake_exllamav2, class_name), method))
    fixed = [
        p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    assert [p.name for p in fixed] == names
    assert {
        p.name: p.default for p in fixed if p.default is not inspect.Parameter.empty
    } == defaults


@pytest.mark.parametrize("function", ["flash_attn_with_kvcache", "flash_attn_func"])
def test_attention_is_called_with_what_ours_takes(function: str) -> None:
    """Every call in attn.py: its keywords are parameters of ours, and what ours needs is given."""
    wanted = inspect.signature(getattr(ours, function)).parameters
    known = {name for name, p in wanted.items() if p.kind is not inspect.Parameter.VAR_KEYWORD}
    needed = {name for name in known if wanted[name].default is inspect.Parameter.empty}
    paths = {"flash_attn_with_kvcache": {"forward_paged"}, "flash_attn_func": {"_attn_flash"}}[
        function
    ]
    methods = [
        n for n in defined("attn.py", "ExLlamaV2Attention").body if isinstance(n, ast.FunctionDef)
    ]
    calls = [
        node
        for method in methods
        if method.name in paths
        for node in ast.walk(method)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == function
    ]
    assert len(calls) == 1
    for call in calls:
        given = [
            *list(wanted)[: len(call.args)],
            *(k.arg for k in call.keywords if k.arg is not None),
        ]
        assert set(given) <= known
        assert needed <= set(given)


def test_the_flags_that_install_sets_are_the_modules() -> None:
    flags = {
        target.id
        for node in tree("attn.py").body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    fake = {name for name in vars(fake_exllamav2.attention_module()) if name.startswith("has_")}
    assert fake <= flags


def test_the_names_that_our_code_reads_are_there() -> None:
    text = {
        name: ast.unparse(tree(name))
        for name in ("generator/dynamic.py", "architecture.py", "config.py")
    }
    assert f"PAGED_PAGE_SIZE = {PAGE}" in text["generator/dynamic.py"]
    for name in (
        "seq.allocated_pages",
        "page.page_index",
        "page.kv_position",
        "page.can_revert",
        "self.held_logits",
        "self.pending_jobs",
        "self.active_jobs",
        "self.max_pages",
        "self.max_batch_size",
        "self.all_pages",
        "page.ref_count",
    ):
        assert name in text["generator/dynamic.py"], name
    assert "self.arch_string = arch_string" in text["architecture.py"]
    assert "eager_attn_only" in text["architecture.py"]
    for name in (
        "model_dir",
        "architecture",
        "max_input_len",
        "max_batch_size",
        "no_flash_attn",
        "eos_token_id",
        "vocab_size",
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
        "head_dim",
        "norm_eps",
        "max_seq_len",
        "rotary_embedding_base",
        "partial_rotary_factor",
        "scale_pos_emb",
        "alt_rope_method",
        "attn_logit_softcapping",
        "yarn_rope_factor",
        "yarn_rope_original_max_position_embeddings",
        "l3_rope_factor",
        "l3_rope_low_freq_factor",
        "l3_rope_high_freq_factor",
        "l3_rope_original_max_position_embeddings",
    ):
        assert f"self.{name} = " in text["config.py"] or f"{name}:" in text["config.py"], name
