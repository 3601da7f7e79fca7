"""One command for a machine with a CUDA GPU, with or without a network: what is there, the build,
tests, figures.

    python tests/gpu/check.py [--output FOLDER] [--minutes 9.5] [--only build tests ...] [--wheels
        gpu-wheels]

Needs the repository and Python 3.11 or 3.12 with a CUDA torch; packages that are missing may lie as
wheels in `gpu-wheels` (`make gpu-wheels` fetches them elsewhere). Reads those, writes
FOLDER/figures.txt, part by part, and the report of a pocket model beside it. Each part is a process
with a limit of its own, so that a part that hangs costs no other part's figures. One line of its
end:

    tests: passed, 61.3 s of at most 200
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple, TextIO

ROOT = Path(__file__).parents[2]
WHEELS = Path(__file__).with_name("wheels.txt")
# What must be there, by the machine or by the wheels; all else comes with these or stands in
# wheels.txt.
NEEDED = (
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "numpy",
    "pyarrow",
    "pandas",
    "scipy",
    "statsmodels",
    "psutil",
    "filelock",
    "Jinja2",
    "rich",
    "pillow",
    "pytest",
)
PROGRAMS = {"nvidia-smi": "-L", "nvcc": "--version", "c++": "--version", "ninja": "--version"}
# Not our options for a developer's machine: no xdist, and a warning of another release of torch is
# no failure here.
PYTEST = (
    *("-m", "pytest", "-sv", "-W", "default", "-p", "no:cacheprovider"),
    *("-o", "addopts=", "-o", "faulthandler_timeout=60"),
)
GPU_TESTS = (*PYTEST, "-m", "gpu")
BENCHMARK = ("--shape", "qwen2.5-1.5b", "--dtype", "float16")
BATCH_SIZE = ("--engine", "exllamav2", "--dtype", "float16")
STUDY = ("study=pocket", "models=[pocket-fair,pocket-thinker,always-unknown]", "seeds=[0]")


class Tee:
    """Writes to the screen and to the file at once, line by line."""

    def __init__(self, file: TextIO) -> None:
        self.file = file

    def write(self, text: str) -> int:
        sys.stdout.write(text)
        self.file.write(text)
        self.flush()
        return len(text)

    def flush(self) -> None:
        sys.stdout.flush()
        self.file.flush()


class Part(NamedTuple):
    """One process: its name, the words behind `python`, how many seconds it may take, and whether
    the build must be.
    """

    name: str
    words: tuple[str, ...]
    limit: float
    extension: bool = True


def parts(work: Path) -> list[Part]:
    """In the order of what one would least like to miss; `work` is where studies are run."""
    study = (
        "-m",
        "snakemake",
        "--cores",
        "4",
        "--scheduler",
        "greedy",
        "--nolock",
        "--config",
        *STUDY,
    )
    results = {engine: work / engine for engine in ("exllamav2", "transformers")}
    ours = (*study, "engine=exllamav2", "dtype=float16", f"results={results['exllamav2']}")
    theirs = (
        *study,
        "engine=transformers",
        f"results={results['transformers']}",
    )  # in the study's float32
    return [
        Part("build", ("-m", "featherweight.engines.exllamav2.build"), 330, extension=False),
        Part("tests", (*GPU_TESTS, "tests/gpu/test_exllamav2.py"), 200),
        Part("speed", (*PYTEST, "-m", "slow", "tests/gpu/test_speed.py"), 150),
        Part("exl2", (*GPU_TESTS, "tests/gpu/test_exl2.py"), 100),
        Part("memory", (*GPU_TESTS, "tests/gpu/test_exllamav2_memory.py"), 120),
        Part("pocket", ours, 150),
        Part("pocket-transformers", theirs, 150, extension=False),
        Part("agreement", ("tests/gpu/pocket_agreement.py", *map(str, results.values())), 30),
        Part("benchmark", ("benchmarks/generate.py", *BENCHMARK), 240, extension=False),
        Part("batch-size", ("benchmarks/batch_size.py", *BATCH_SIZE), 120),
        Part(
            "kernel",
            (*PYTEST, "-m", "gpu or slow", "tests/gpu/kernels"),
            90,
            extension=False,
        ),
    ]


def install_wheels(wheels: Path, site: Path) -> None:
    """Put the wheels that were brought into `site`."""
    files = sorted(map(str, wheels.glob("*.whl")))
    if files:
        options = (
            "--quiet",
            "--no-index",
            "--no-deps",
            "--no-compile",
            "--no-cache-dir",
            "--target",
            str(site),
        )
        subprocess.run([sys.executable, "-m", "pip", "install", *options, *files], check=True)


def packages(requirements: Iterable[str]) -> dict[str, tuple[str, str | None]]:
    """Each requirement NAME==VERSION with what is installed."""
    found: dict[str, tuple[str, str | None]] = {}
    for line in requirements:
        name, _, wanted = line.split("#")[0].strip().partition("==")
        if name:
            try:
                found[name] = (wanted, version(name))
            except PackageNotFoundError:
                found[name] = (wanted, None)
    return found


def machine(say: Tee, wheels: Path) -> bool:
    """Say what this machine has and lacks, one line each; whether a GPU can be used at all."""
    print(
        f"python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores",
        file=say,
    )
    for program, word in PROGRAMS.items():
        path = shutil.which(program)
        done = path and subprocess.run(
            [path, word], capture_output=True, text=True, check=False, timeout=60
        )
        said = (done.stdout + done.stderr).strip().splitlines() if done else ["not on the PATH"]
        print(f"{program}: {' | '.join(said[:1] + said[3:4] * (program == 'nvcc'))}", file=say)
    there = packages(NEEDED)
    print(", ".join(f"{name} {found}" for name, (_, found) in there.items() if found), file=say)
    missing = [name for name, (_, found) in there.items() if found is None]
    brought = {
        name: wanted
        for name, (wanted, found) in packages(WHEELS.read_text().splitlines()).items()
        if not found
    }
    if missing:
        print(f"MISSING, nothing runs without: {', '.join(missing)}", file=say)
    if brought:
        lines = ", ".join(f"{name}=={wanted}" for name, wanted in brought.items())
        print(
            "missing, carry as wheels (`make gpu-wheels` elsewhere, then the folder gpu-wheels):"
            f" {lines}",
            file=say,
        )
    if missing:
        return False
    sys.path.insert(0, str(ROOT / "workflow"))
    import torch

    from featherweight.engines.exllamav2 import build, install

    toolkit = build.find_toolkit()
    print(
        f"torch {torch.__version__}, CUDA {torch.version.cuda}, toolkit {toolkit and toolkit[:2]}",
        file=say,
    )
    for archive in wheels.glob("extension*.tar.gz"):  # a build that was brought
        with tarfile.open(archive) as packed:
            packed.extractall(build.root(), filter="data")
    print(
        f"extension: {'built' if build.is_built() else 'to be built'} in {build.folder()}", file=say
    )
    problems = install.machine_problems()
    print(*(problems or ["nothing is missing for engine exllamav2"]), sep="\n", file=say)
    if not torch.cuda.is_available():
        return False
    properties = torch.cuda.get_device_properties(0)
    print(
        f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB, {torch.cuda.device_count()}"
        " in all",
        file=say,
    )
    return True


def run(part: Part, seconds: float, say: Tee) -> str:
    """Run one part, at most so many seconds; what it prints is passed on as it comes.

    Returns how it ended.
    """
    script = ROOT / part.words[0]
    if part.words[0].endswith(".py") and not script.is_file():
        return f"not run: no {part.words[0]}"
    begun, last = time.monotonic(), ""
    late = threading.Event()
    with subprocess.Popen(
        [sys.executable, *part.words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:

        def kill() -> None:
            late.set()
            os.killpg(process.pid, signal.SIGKILL)

        timer = threading.Timer(seconds, kill)
        timer.start()
        assert process.stdout is not None
        try:
            for line in process.stdout:
                say.write(line)
                last = line
            code = process.wait()
        finally:
            timer.cancel()
            if process.poll() is None:
                kill()
    took = f"{time.monotonic() - begun:.1f} s of at most {seconds:.0f}"
    if late.is_set():
        return f"STOPPED at its limit, {took}"
    if (
        code == 0 and " skipped in " in last and " passed" not in last
    ):  # pytest's last line; its exit code is 0
        return f"SKIPPED, {took}"
    return f"passed, {took}" if code == 0 else f"FAILED with code {code}, {took}"


def run_all(args: argparse.Namespace, work: Path, say: Tee) -> dict[str, str] | None:
    """Every part in turn, within the time that there is: how each ended; None where no GPU can be
    used.
    """
    deadline = time.monotonic() + 60 * args.minutes
    site = work / "site"
    install_wheels(args.wheels, site)
    sys.path.insert(0, str(site))
    path = [str(site), str(ROOT / "workflow"), *filter(None, [os.environ.get("PYTHONPATH")])]
    programs = [str(Path(sys.executable).parent), str(site / "bin"), os.environ["PATH"]]
    os.environ |= {
        "PATH": os.pathsep.join(programs),
        "PYTHONPATH": os.pathsep.join(path),
        "PYTHONUNBUFFERED": "1",
    }
    say.write("\n## machine\n")
    if not machine(say, args.wheels) and not args.anyway:
        say.write("no GPU that torch can use: nothing more can be checked here\n")
        return None
    ends: dict[str, str] = {}
    for part in parts(work):
        if args.only and part.name not in args.only:
            continue
        say.write(f"\n## {part.name}: {' '.join(part.words)}\n")
        left = deadline - time.monotonic()
        if left < 5:
            end = "not run: no time is left"
        elif part.extension and not ends.get("build", "passed").startswith("passed"):
            end = "not run: the extension is not there"
        else:
            end = run(part, min(part.limit, left), say)
        ends[part.name] = end
        say.write(f"{part.name}: {end}\n")
    return ends


def main() -> int:
    """Run all parts; 0 if all passed, 1 if one did not, 2 where no GPU can be used."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(os.environ.get("OUTPUT") or ROOT / "results" / "gpu-check"),
    )
    parser.add_argument(
        "--wheels",
        type=Path,
        default=ROOT / "gpu-wheels",
        help="a folder of wheels that were brought",
    )
    parser.add_argument("--minutes", type=float, default=9.5, help="of all parts together")
    parser.add_argument("--only", nargs="+", metavar="PART", help="some of the parts, by name")
    parser.add_argument(
        "--anyway", action="store_true", help="run the parts without a GPU too (a rehearsal)"
    )
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="featherweight-gpu-check-") as folder,
        (args.output / "figures.txt").open("a", encoding="utf-8") as file,
    ):
        say = Tee(file)
        say.write(f"# {time.strftime('%Y-%m-%d %H:%M:%S')} {' '.join(sys.argv)}\n")
        ends = run_all(args, Path(folder), say)
        if ends is None:
            return 2
        for report in Path(folder).glob("*/*/report/report.html"):
            shutil.copy(report, args.output / f"report-{report.parts[-4]}.html")
        say.write("\n## in short\n" + "".join(f"{name}: {end}\n" for name, end in ends.items()))
    return 0 if all(end.startswith("passed") for end in ends.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
