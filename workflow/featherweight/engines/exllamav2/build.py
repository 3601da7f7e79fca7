"""ExLlamaV2's CUDA extension: what building it takes, where it is kept, and what went wrong.

Reads the machine; writes one folder for each Python, torch and kind of GPU, so that another torch
never meets an extension that was not made for it. It lies where torch keeps extensions
(TORCH_EXTENSIONS_DIR, else ~/.cache):

    ~/.cache/torch_extensions/featherweight/exllamav2-0.3.2-py312-torch2.11.0+cu130-sm9.0/
        exllamav2_ext/exllamav2_ext.so    what torch built; imported as it is from then on, without
        ninja
        build.log                         everything that the compilers said
        built                             the seconds that it took; without this file the build goes
        on

The engine calls `make_importable`. To build beforehand, also where no GPU is (H100 and H200 are
9.0):

    TORCH_CUDA_ARCH_LIST=9.0 python -m featherweight.engines.exllamav2.build
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from featherweight.cuda import EXLLAMAV2
from featherweight.errors import InputError

VERSION = EXLLAMAV2
OTHERWISE = "or choose engine: transformers"
EXTENSION = "exllamav2_ext"
# What exllamav2 imports at once beside torch, by module and package; its converter and server need
# more.
IMPORTS = {
    "numpy": "numpy",
    "PIL": "pillow",
    "rich": "rich",
    "safetensors": "safetensors",
    "tokenizers": "tokenizers",
}
SOURCES = 47  # files to compile in 0.3.2 (ext.py:181)
# What torch's headers (ATen/cuda/CUDAContextLight.h) and nvcc's own need; toolkits in parts lack
# some of them.
HEADERS = ("cuda_runtime.h", "crt/host_config.h", "cublas_v2.h", "cusparse.h", "cusolverDn.h")
USUAL_HOME = Path("/usr/local/cuda")
SYSTEM_FOLDERS = (Path("/usr/include"), Path("/usr/local/include"))
MEMORY_EACH = 5 << 29  # bytes that one compiler may need (2.3 GiB at most were measured)
NEWS = 30.0  # seconds between two lines on how far a build is
_WRONG = re.compile(
    r"\berror\b|died due to|cannot find|No space left|Killed|undefined reference", re.IGNORECASE
)
log = logging.getLogger("featherweight")


class Toolkit(NamedTuple):
    """A CUDA toolkit: the folder whose bin/nvcc it is, its release, and where headers may lie."""

    home: Path
    release: str  # "13.0"
    includes: tuple[Path, ...]


def is_prebuilt() -> bool:
    """Whether the compiled part is importable as it is, from a wheel or from an earlier
    `make_importable`.
    """
    return find_spec(EXTENSION) is not None


def root() -> Path:
    """Where torch keeps what it builds."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("TORCH_EXTENSIONS_DIR") or cache / "torch_extensions")


def folder() -> Path:
    """Where the extension for this Python, torch and GPU is kept; TORCH_CUDA_ARCH_LIST, where set,
    names the GPU.
    """
    import torch

    capability = os.environ.get("TORCH_CUDA_ARCH_LIST")
    if not capability:
        kinds = {
            torch.cuda.get_device_capability(index) for index in range(torch.cuda.device_count())
        }
        capability = " ".join(f"{major}.{minor}" for major, minor in sorted(kinds)) or "none"
    python = f"py{sys.version_info.major}{sys.version_info.minor}"
    name = f"exllamav2-{VERSION}-{python}-torch{torch.__version__}-sm{capability}"
    return root() / "featherweight" / re.sub(r"[^\w.+-]+", "_", name)


def is_built() -> bool:
    """Whether `folder` holds a whole extension."""
    place = folder()
    return (place / "built").is_file() and (place / EXTENSION / f"{EXTENSION}.so").is_file()


def import_problems() -> list[str]:
    """Packages that exllamav2 imports and that are not there, one line each: else a long build
    would find it out.
    """
    return [
        f"engine exllamav2: expected the package {package}, which exllamav2 imports, found none; "
        f"pip install {package}, {OTHERWISE}"
        for module, package in IMPORTS.items()
        if find_spec(module) is None
    ]


def problems() -> list[str]:
    """What building the extension lacks, in one line; none where it is installed or built
    already."""
    if is_prebuilt() or is_built():
        return []
    toolkit = find_toolkit()
    lacking = []
    if toolkit is None:
        lacking.append("nvcc (the CUDA toolkit of torch's own CUDA version)")
    elif absent := [
        name for name in HEADERS if not any((path / name).is_file() for path in _places(toolkit))
    ]:
        lacking.append(f"CUDA's headers {', '.join(absent)}")
    if shutil.which(os.environ.get("CXX", "c++")) is None and shutil.which("g++") is None:
        lacking.append("a C++ compiler (g++)")
    if _ninja() is None:
        lacking.append("ninja")
    if not (Path(sysconfig.get_paths()["include"]) / "Python.h").is_file():
        lacking.append("Python.h (python3-dev)")
    if lacking:
        return [
            "engine exllamav2: its extension must be built and this machine lacks"
            f" {', '.join(lacking)}; install that (envs/gpu.yaml), install a prebuilt wheel,"
            f" {OTHERWISE}"
        ]
    return _release_problems(toolkit) if toolkit is not None else []


def _release_problems(toolkit: Toolkit) -> list[str]:
    import torch

    wanted = torch.version.cuda or "none"
    if toolkit.release.split(".")[0] == wanted.split(".")[0]:
        return []
    return [
        f"engine exllamav2: expected nvcc of CUDA {wanted}, which torch {torch.__version__} was"
        f" built with, found {toolkit.release} in {toolkit.home}; name the right one in CUDA_HOME,"
        f" or install a torch for CUDA {toolkit.release}, {OTHERWISE}"
    ]


def find_toolkit() -> Toolkit | None:
    """The CUDA toolkit to build with; None if there is no nvcc.

    torch takes the folder above `which nvcc` for the toolkit's, which is wrong where that is a
    script that calls nvcc elsewhere. So nvcc is asked: `nvcc --dryrun` prints
    TOP=/usr/local/cuda-13.0/bin/.. and where its headers lie.
    """
    homes = [os.environ.get("CUDA_HOME"), os.environ.get("CUDA_PATH")]
    places = [Path(home) / "bin" / "nvcc" for home in homes if home]
    places += [Path(shutil.which("nvcc") or ""), USUAL_HOME / "bin" / "nvcc"]
    nvcc = next((path for path in places if path.is_file()), None)
    if nvcc is None:
        return None
    said, release = (
        _asked(nvcc, *words) for words in (("--dryrun", "-c", "none.cu"), ("--version",))
    )
    top = re.search(r"^#\$ TOP=(\S+)", said, re.MULTILINE)
    home = Path(os.path.normpath(top[1])) if top else nvcc.parent.parent
    if not (home / "bin" / "nvcc").is_file():
        home = nvcc.parent.parent
    own = [Path(os.path.normpath(path)) for path in re.findall(r'"-I([^"]+)"', said)]
    numbers = re.search(r"release (\d+\.\d+)", release)
    folders = [
        home / "include",
        *own,
        *sorted(home.glob("targets/*/include")),
        *_folders_of_torch(),
    ]
    unique = dict.fromkeys(path for path in folders if path.is_dir())
    return Toolkit(home, numbers[1] if numbers else "an unknown version", tuple(unique))


def _asked(nvcc: Path, *words: str) -> str:
    try:
        done = subprocess.run(
            [nvcc, *words], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout + done.stderr


def _folders_of_torch() -> list[Path]:
    """Headers in the CUDA packages that pip installs beside torch: nvidia/cu13/include, or one for
    each library.
    """
    spec = find_spec("nvidia")
    places = [Path(place) for place in spec.submodule_search_locations or []] if spec else []
    return [path for place in places for path in sorted(place.glob("*/include"))]


def _places(toolkit: Toolkit) -> tuple[Path, ...]:
    return (*toolkit.includes, *SYSTEM_FOLDERS)


def _ninja() -> Path | None:
    """The program ninja: on the PATH, or in its package, for a Python that was called by its path
    alone.
    """
    found = shutil.which("ninja")
    if found is None and find_spec("ninja") is not None:
        found = shutil.which("ninja", path=import_module("ninja").BIN_DIR)
    return None if found is None else Path(found)


def environment() -> dict[str, str]:
    """The environment of a build.

    What the user set stays: CUDA_HOME, CPATH, MAX_JOBS, TORCH_CUDA_ARCH_LIST.
    """
    import psutil

    made = {
        "EXLLAMA_NO_FLASH_ATTN": "1",
        "EXLLAMA_NO_XFORMERS": "1",
        "TORCH_EXTENSIONS_DIR": str(folder()),
    }
    toolkit, ninja = find_toolkit(), _ninja()
    if toolkit is not None:
        made["CUDA_HOME"] = str(toolkit.home)
        needed: list[str] = []
        missing = set(HEADERS)
        for path in _places(
            toolkit
        ):  # the toolkit's own come first, so that its headers are of one release
            if here := {name for name in missing if (path / name).is_file()}:
                missing -= here
                needed += [] if path in SYSTEM_FOLDERS else [str(path)]
        made["CPATH"] = os.pathsep.join([*filter(None, [os.environ.get("CPATH")]), *needed])
    if ninja is not None:
        made["PATH"] = os.pathsep.join([os.environ.get("PATH", os.defpath), str(ninja.parent)])
    fit = max(1, psutil.virtual_memory().available // MEMORY_EACH)
    made.setdefault(
        "MAX_JOBS", os.environ.get("MAX_JOBS") or str(min(len(os.sched_getaffinity(0)), fit))
    )
    return os.environ | made


def make_importable() -> None:
    """Make the extension importable; the first call on a machine builds it, which takes minutes and
    says so.

    Raises InputError if it cannot be built. A build that was killed goes on where it was.
    """
    if is_prebuilt():
        return
    place = folder()
    if not is_built():
        try:
            place.mkdir(parents=True, exist_ok=True)
            with _alone(place):
                if not is_built():
                    _build(place)
        except OSError as error:
            raise InputError(
                f"engine exllamav2: {place}: its extension cannot be kept there"
                f" ({error.strerror or error}); name another folder in TORCH_EXTENSIONS_DIR,"
                f" {OTHERWISE}"
            ) from error
    sys.path.insert(0, str(place / EXTENSION))


@contextlib.contextmanager
def _alone(place: Path) -> Iterator[None]:
    lock = FileLock(place / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.warning(
            "exllamav2: another process is building its extension in %s; waiting for it", place
        )
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _build(place: Path) -> None:
    """Import exllamav2 in a process of its own, which builds; log progress every 30 seconds."""
    # A build that was killed leaves this file, and torch would wait for its owner forever
    # (utils/file_baton.py).
    (place / EXTENSION / "lock").unlink(missing_ok=True)
    variables = environment()
    log.warning(
        "exllamav2: building its CUDA extension with %s compilers at a time, once for this machine"
        " and torch: about 8 minutes with 2 cores, 1 to 3 with 16 (estimated; MAX_JOBS changes it);"
        " it is kept in %s",
        *(variables["MAX_JOBS"], place),
    )
    begun = time.monotonic()
    with (place / "build.log").open("w", encoding="utf-8") as said:
        command = [sys.executable, "-c", "import exllamav2"]
        with subprocess.Popen(
            command, env=variables, stdout=said, stderr=subprocess.STDOUT
        ) as process:
            try:
                while process.poll() is None:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(timeout=NEWS)
                        break
                    done = len(list((place / EXTENSION).glob("*.o")))
                    log.info("exllamav2: %d of %d files compiled", done, SOURCES)
            finally:
                process.terminate()
    if process.returncode != 0 or not (place / EXTENSION / f"{EXTENSION}.so").is_file():
        raise InputError(_failure(place))
    seconds = time.monotonic() - begun
    (place / "built").write_text(f"{seconds:.0f} s\n", encoding="utf-8")
    log.info("exllamav2: its extension is built, in %.0f s", seconds)


def _failure(place: Path) -> str:
    lines = (place / "build.log").read_text(encoding="utf-8", errors="replace").splitlines()
    commands = ("FAILED", "RuntimeError: Error building", "subprocess.CalledProcessError")
    telling = [line for line in lines if _WRONG.search(line) and not line.startswith(commands)]
    said = next(
        iter(telling or [line for line in lines[::-1] if line.strip()]), "it said nothing"
    ).strip()
    return (
        f"engine exllamav2: its extension could not be built ({said[-300:]}); all that the"
        f" compilers said: {place / 'build.log'}; correct that and try again, what is compiled is"
        f" kept, {OTHERWISE}"
    )


def main() -> int:
    """Build it now."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        lacks = [*import_problems(), *problems()]
        if lacks:
            raise InputError(lacks)
        make_importable()
    except InputError as error:
        log.error("%s", error)
        return 2
    log.info("exllamav2: its extension is in %s", find_spec(EXTENSION).origin)  # type: ignore[union-attr]
    return 0


if __name__ == "__main__":
    sys.exit(main())
