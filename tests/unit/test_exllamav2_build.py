"""The extension is built once, in a folder of its own, and whatever keeps it from being built is
one clear line.

The builds here are real processes that import a package `exllamav2` which stands for the real one:
it leaves in torch's folder what torch would leave there, or fails as compilers fail.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import torch

from featherweight.engines.exllamav2 import build
from featherweight.errors import InputError

WAY_OUT = "choose engine: transformers"
COMPILES = """
    import os, pathlib
    place = pathlib.Path(os.environ["TORCH_EXTENSIONS_DIR"]) / "exllamav2_ext"
    place.mkdir(parents=True, exist_ok=True)
    assert not (place / "lock").exists(), "torch would wait for ever"
    assert os.environ["EXLLAMA_NO_FLASH_ATTN"] == "1"
    (place / "exllamav2_ext.so").touch()
    with (place / "builds").open("a") as file:
        file.write(os.environ["MAX_JOBS"] + "\\n")
"""
FAILS = """
    print("[3/48] c++ -MMD -MF ext_norm.o.d -c ext_norm.cpp")
    print("FAILED: [code=1] ext_norm.o")
    print(
        "torch/include/c10/cuda/CUDAMiscFunctions.h:7: fatal error: cublas_v2.h: "
        "No such file or directory"
    )
    print("compilation terminated.")
    raise RuntimeError("Error building extension 'exllamav2_ext'")
"""


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A package `exllamav2` that can be built, and an empty place for extensions; returns the
    package's file.
    """
    file = tmp_path / "packages" / "exllamav2" / "__init__.py"
    file.parent.mkdir(parents=True)
    file.write_text(textwrap.dedent(COMPILES))
    path = os.pathsep.join([str(file.parents[1]), str(Path(build.__file__).parents[2])])
    for name, value in {
        "PYTHONPATH": path,
        "TORCH_EXTENSIONS_DIR": str(tmp_path / "kept"),
        "MAX_JOBS": "3",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TORCH_CUDA_ARCH_LIST", "9.0")
    monkeypatch.setattr(sys, "path", list(sys.path))
    return file


def builds() -> list[str]:
    return (build.folder() / "exllamav2_ext" / "builds").read_text().splitlines()


def test_the_first_use_builds_and_says_so(package: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert not build.is_built()
    build.make_importable()
    assert (
        "building its CUDA extension with 3 compilers at a time, once for this machine and torch"
        in caplog.text
    )
    assert "about 8 minutes with 2 cores, 1 to 3 with 16 (estimated; " in caplog.text
    assert str(build.folder()) in caplog.text
    assert build.is_built()
    assert build.is_prebuilt()  # from now on it is a module like any other
    caplog.clear()
    sys.path.pop(0)
    build.make_importable()
    assert caplog.text == ""
    assert builds() == ["3"]


def test_another_torch_or_gpu_has_a_folder_of_its_own(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build.folder()
    assert first.parent == Path(os.environ["TORCH_EXTENSIONS_DIR"]) / "featherweight"
    assert (
        f"py{sys.version_info[0]}{sys.version_info[1]}-torch{torch.__version__}-sm9.0" in first.name
    )
    monkeypatch.setenv("TORCH_CUDA_ARCH_LIST", "8.0;8.6+PTX")
    second = build.folder()
    assert second.name.endswith("-sm8.0_8.6+PTX")
    monkeypatch.setattr(torch, "__version__", "2.99.0+cu999")
    assert "torch2.99.0+cu999" in build.folder().name
    monkeypatch.delenv("TORCH_CUDA_ARCH_LIST")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setattr(
        torch.cuda, "get_device_capability", lambda index: [(9, 0), (8, 6), (9, 0)][index]
    )
    assert build.folder().name.endswith("-sm8.6_9.0")


def test_a_build_that_was_killed_goes_on(package: Path) -> None:
    """torch's own lock would make every later import wait for a process that is gone."""
    left = build.folder() / "exllamav2_ext" / "lock"
    left.parent.mkdir(parents=True)
    left.touch()
    (left.parent / "exllamav2_ext.so").touch()  # half linked
    assert not build.is_built()
    build.make_importable()
    assert builds() == ["3"]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            FAILS,
            (
                "could not be built (torch/include/c10/cuda/CUDAMiscFunctions.h:7: fatal error:"
                " cublas_v2.h: No such"
            ),
        ),
        (
            "print('nvcc error   : \\'cicc\\' died due to signal 9 (Kill signal)'); raise OSError",
            "died due to signal 9",
        ),
        (
            "import a_package_that_is_missing",
            "could not be built (ModuleNotFoundError: No module named 'a_package",
        ),
        ("raise SystemExit(3)", "could not be built (it said nothing)"),
        ("", "could not be built (it said nothing)"),  # no error, and nothing was made
    ],
)
def test_a_build_that_fails_is_one_line(package: Path, code: str, said: str) -> None:
    package.write_text(textwrap.dedent(code))
    with pytest.raises(InputError) as raised:
        build.make_importable()
    (problem,) = raised.value.problems
    assert said in problem
    assert WAY_OUT in problem
    assert "\n" not in problem
    assert str(build.folder() / "build.log") in problem
    assert not build.is_built()
    package.write_text(textwrap.dedent(COMPILES))
    build.make_importable()  # once it is corrected, the same call goes on
    assert build.is_built()


def test_two_at_once_build_once(package: Path) -> None:
    package.write_text(textwrap.dedent(COMPILES) + "import time; time.sleep(4)\n")
    code = (
        "import logging, sys; logging.basicConfig(); from"
        " featherweight.engines.exllamav2 import build; build.make_importable();"
        " print(build.is_prebuilt())"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=120) for process in both]
    assert [out for out, _ in said] == ["True\n"] * 2, said
    assert builds() == ["3"]
    assert sum("building its CUDA extension" in error for _, error in said) == 1
    assert sum("another process is building its extension" in error for _, error in said) == 1


def test_a_place_that_cannot_be_written(
    package: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path / "file" / "below"))
    with pytest.raises(
        InputError, match=f"cannot be kept there .*TORCH_EXTENSIONS_DIR, or {WAY_OUT}"
    ):
        build.make_importable()


@pytest.fixture
def toolkit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A CUDA toolkit in parts, behind a script `nvcc` on the PATH; the headers of its libraries are
    torch's.
    """
    home = tmp_path / "cuda-13.0"
    for name in ("cuda_runtime.h", "crt/host_config.h"):
        (home / "include" / name).parent.mkdir(parents=True, exist_ok=True)
        (home / "include" / name).touch()
    of_torch = tmp_path / "nvidia" / "cu13" / "include"
    of_torch.mkdir(parents=True)
    for name in build.HEADERS:
        if "/" not in name:
            (of_torch / name).touch()
    tools = tmp_path / "tools"
    for path, text in {
        home / "bin" / "nvcc": (
            "case $1 in --version) echo 'Cuda compilation tools, release 13.0, V13.0.88';; *) echo"
            f" '#$ TOP={home}/bin/..' >&2; echo '#$ INCLUDES=\"-I{home}/bin/../include\"' >&2;;"
            " esac"
        ),
        tools / "nvcc": f'exec {home}/bin/nvcc "$@"',
        tools / "c++": "",
        tools / "ninja": "",
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    (tmp_path / "Python.h").touch()
    monkeypatch.setenv("PATH", str(tools))
    for name in ("CUDA_HOME", "CUDA_PATH", "CXX", "CPATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(build, "_folders_of_torch", lambda: [of_torch])
    monkeypatch.setattr(build, "SYSTEM_FOLDERS", ())
    monkeypatch.setattr(build, "USUAL_HOME", tmp_path / "nowhere")
    monkeypatch.setattr(build.sysconfig, "get_paths", lambda: {"include": str(tmp_path)})
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path / "kept"))
    monkeypatch.setenv("TORCH_CUDA_ARCH_LIST", "9.0")
    return home


def test_the_toolkit_is_the_one_that_nvcc_names(toolkit: Path) -> None:
    """torch itself would take the folder above the script `nvcc`, and miss every header."""
    found = build.find_toolkit()
    assert found is not None
    assert (found.home, found.release) == (toolkit, "13.0")
    assert build.problems() == []
    of_torch = toolkit.parent / "nvidia" / "cu13" / "include"
    made = build.environment()
    assert made["CUDA_HOME"] == str(toolkit)
    assert made["CPATH"] == f"{toolkit / 'include'}:{of_torch}"  # the toolkit's own first


def test_a_whole_toolkit_needs_no_headers_of_torch(
    toolkit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in build.HEADERS:
        (toolkit / "include" / name).touch()
    monkeypatch.setenv("CPATH", "/mine")
    assert build.environment()["CPATH"] == f"/mine:{toolkit / 'include'}"


def test_what_the_user_names_comes_first(toolkit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = toolkit.parent / "other"
    (other / "bin").mkdir(parents=True)
    (other / "bin" / "nvcc").write_text("#!/bin/sh\necho 'release 12.8, V12.8.1'\n")
    (other / "bin" / "nvcc").chmod(0o755)
    monkeypatch.setenv("CUDA_HOME", str(other))
    found = build.find_toolkit()
    assert found is not None
    assert (found.home, found.release) == (other, "12.8")


def test_a_compiler_of_another_cuda(toolkit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    (problem,) = build.problems()
    assert "expected nvcc of CUDA 12.8" in problem
    assert f"found 13.0 in {toolkit}; name the right one in CUDA_HOME" in problem
    assert WAY_OUT in problem
    monkeypatch.setattr(torch.version, "cuda", "13.2")
    assert build.problems() == []  # one of the same major release builds


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("tools/nvcc", "lacks nvcc (the CUDA toolkit"),
        ("tools/c++", "lacks a C++ compiler"),
        ("Python.h", "lacks Python.h"),
        ("nvidia/cu13/include/cublas_v2.h", "lacks CUDA's headers cublas_v2.h"),
        ("cuda-13.0/include/crt/host_config.h", "lacks CUDA's headers crt/host_config.h"),
    ],
)
def test_what_is_missing_is_named(toolkit: Path, missing: str, said: str, tmp_path: Path) -> None:
    (tmp_path / missing).unlink()
    (problem,) = build.problems()
    assert said in problem
    assert WAY_OUT in problem


def test_the_command_builds_where_no_gpu_is(
    toolkit: Path, package: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with caplog.at_level(logging.INFO):
        assert build.main() == 0
        assert f"its extension is in {build.folder() / 'exllamav2_ext'}" in caplog.text
        monkeypatch.setattr(sys, "path", sys.path[1:])
        monkeypatch.setattr(build, "is_built", lambda: False)
        (toolkit.parent / "Python.h").unlink()
        monkeypatch.setitem(build.IMPORTS, "no_such_module", "no-such-package")
        assert build.main() == 2
    assert "lacks Python.h" in caplog.text
    assert "expected the package no-such-package, which exllamav2 imports" in caplog.text


def test_ninja_may_be_a_package(
    toolkit: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A Python that is called by its path has its packages' programs nowhere on the PATH."""
    (tmp_path / "tools" / "ninja").rename(tmp_path / "ninja-elsewhere")
    monkeypatch.setattr(build, "find_spec", lambda name: None)
    assert "lacks ninja" in build.problems()[0]
    package = tmp_path / "packages" / "ninja"
    (package / "bin").mkdir(parents=True)
    (tmp_path / "ninja-elsewhere").rename(package / "bin" / "ninja")
    (package / "__init__.py").write_text(f"BIN_DIR = {str(package / 'bin')!r}\n")
    monkeypatch.syspath_prepend(str(package.parent))
    monkeypatch.delitem(sys.modules, "ninja", raising=False)
    monkeypatch.setattr(build, "find_spec", lambda name: name if name == "ninja" else None)
    assert build.problems() == []
    assert build.environment()["PATH"].split(os.pathsep)[-1] == str(package / "bin")


def test_an_extension_that_is_there_needs_no_compiler(
    toolkit: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "tools" / "c++").unlink()
    assert build.problems()
    monkeypatch.setattr(build, "is_built", lambda: True)
    assert build.problems() == []


def test_as_many_compilers_as_fit(toolkit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    def available(gibibytes: int) -> Any:
        return lambda: type("Memory", (), {"available": gibibytes << 30})

    monkeypatch.delenv("MAX_JOBS", raising=False)
    monkeypatch.setattr(build.os, "sched_getaffinity", lambda process: set(range(16)))
    for gibibytes, wanted in ((128, "16"), (11, "4"), (1, "1")):
        monkeypatch.setattr(psutil, "virtual_memory", available(gibibytes))
        assert build.environment()["MAX_JOBS"] == wanted
    monkeypatch.setenv("MAX_JOBS", "7")
    assert build.environment()["MAX_JOBS"] == "7"


def test_half_a_minute_without_news_is_not_silent(
    package: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    package.write_text(
        textwrap.dedent(COMPILES) + "(place / 'a.o').touch(); import time; time.sleep(1.5)\n"
    )
    monkeypatch.setattr(build, "NEWS", 0.1)
    with caplog.at_level(logging.INFO):
        build.make_importable()
    assert f"1 of {build.SOURCES} files compiled" in caplog.text
