"""Workers: limits, ends from outside, the same verdicts in any order, and the cache of verdicts.

No test measures time. What a limit ends must not disturb the pairs beside it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from itertools import combinations, permutations
from pathlib import Path

import pytest

from featherweight.errors import InputError
from featherweight.grading import Grade, Grader, Limits, classes, unreadable
from featherweight.grading.workers import ASLEEP, PROGRAM, TRIES, Died, Job, Judged, Pool, Worker

QUICK = Limits(cpu_seconds=0.5)
TIMES_OUT = r"10^{10^{10^{10}}}"
BOMBS = [
    TIMES_OUT,
    r"9^{9^{9^9}}",
    "(10^9)!",
    "((9!)!)!",
    "(" * 20_000 + "1" + ")" * 20_000,
    r"\frac{1}{" * 1_000 + "2" + "}" * 1_000,
    "7" * 1_000_000,
    r"\sum_{i=1}^{10^9} i",
    r"\prod_{i=1}^{10^9} i",
    r"\binom{10^9}{500000000}",
    "__import__('os').system('touch graded')",
    "a" * 10_000_000,
    "(" * 190 + "1" + ")" * 190,
]
NEIGHBOURS = [(r"\sqrt{8}", r"2\sqrt{2}"), (r"\sqrt{8}", r"2\sqrt{3}")]


def children(pid: int) -> list[int]:
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:  # it has just ended
        return []
    return [int(child) for child in listed.split()]


def workers_below(pid: int) -> list[int]:
    """Processes of ours that grade, the youngest of each worker last.

    The process of the tests may have other children: what another test needed stays.
    """
    workers = [child for child in children(pid) if PROGRAM.encode() in command(child)]
    return [below for child in workers for below in [child, *children(child)]]


def command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has just ended
        return b""


def test_bombs_end_and_their_neighbours_are_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pairs = [pair for bomb in BOMBS for pair in ((r"\sqrt{7}", bomb), *NEIGHBOURS)]
    runs = []
    for _ in range(2):
        with Grader("expression", None, QUICK, workers=2) as grader:
            runs.append(grader.grade(pairs))
    assert runs[0] == runs[1]
    assert [grade.equal for grade in runs[0][1::3]] == [True] * len(BOMBS)
    assert [grade.equal for grade in runs[0][2::3]] == [False] * len(BOMBS)
    assert all(grade.equal is not True for grade in runs[0][::3])
    assert runs[0][0] == Grade(None, "math-verify", "time out")
    assert not (tmp_path / "graded").exists()


def test_memory_is_limited_and_said() -> None:
    """A limit of 30 MiB more than a worker has when it starts: a text of 60 MB does not fit."""
    worker = Worker(Limits())
    worker.ask(Job("2", "3x", "strict"))
    status = Path(f"/proc/{worker._child}/status").read_text(encoding="ascii")
    (peak,) = (int(line.split()[1]) for line in status.splitlines() if line.startswith("VmPeak"))
    worker.end()
    small = Limits(memory_bytes=peak * 1024 + 30 * 1024**2)
    with Grader("expression", None, small, lenient=True) as grader:
        grades = grader.grade([("2", "so " * 20_000_000), ("2", "It is $2$."), ("2", "It is $3$.")])
    assert grades[0] == Grade(None, "math-verify", "memory")
    assert [grade.equal for grade in grades[1:]] == [True, False]


def test_running_out_of_memory_or_stack_passes_every_handler(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Run in a process of its own: math-verify's `except Exception` must not swallow them."""
    program = (
        "from featherweight.grading import judge\n"
        "import math_verify.grader, math_verify.parser, sympy\n"
        "judge.let_limits_through()\n"
        "for error in (MemoryError, RecursionError, ValueError, Exception):\n"
        "    def raises(*_, **__): raise error('made up')\n"
        "    for place, name in ((math_verify.grader, 'simplify'),"
        " (math_verify.parser, 'latex2sympy')):\n"
        "        kept = getattr(place, name)\n"
        "        setattr(place, name, raises)\n"
        "        try: print(judge.equal('a+%s' % name[0], 'b+%s' % error.__name__[0]))\n"
        "        except (MemoryError, RecursionError) as found: print(type(found).__name__)\n"
        "        setattr(place, name, kept)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120
    )
    assert ran.stdout.split() == [
        *("MemoryError", "MemoryError", "RecursionError", "RecursionError"),
        *("False", "False", "False", "False"),
    ]


def test_integers_and_numbers_start_no_worker_and_import_no_sympy() -> None:
    program = (
        "import sys\n"
        "from featherweight.grading import Grader\n"
        "for kind in ('integer', 'number'):\n"
        "    with Grader(kind, None) as grader: grader.grade([('25', '025'), ('7', 'x')])\n"
        "    assert grader._pool is None\n"
        "print({'sympy', 'math_verify', 'antlr4'} & set(sys.modules))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout.strip() == "set()"


def test_verdicts_do_not_depend_on_order_workers_or_history() -> None:
    forms = (r"\sqrt{%d}", r"\frac{x+%d}{2}", r"%d\pi", "x^2-%d", r"\sin %dx", "%d+3i")
    pairs = [
        (form % number, other % (number + 1))
        for number in range(2, 5)
        for form in forms
        for other in forms[:3]
    ] + [(form % 4, (form % 4).replace("x+4", "4+x")) for form in forms]
    with Grader("expression", None) as alone:
        forwards = alone.grade(pairs)
    with Grader("expression", None, workers=3) as several:
        backwards = several.grade(pairs[::-1])
    with Grader("expression", None) as first:
        single = [first.grade([pair])[0] for pair in pairs[::7]]
    assert backwards[::-1] == forwards
    assert single == forwards[::7]


def test_a_worker_that_is_killed_from_outside_is_replaced() -> None:
    """Killed in the midst of a pair: the pair is graded by the next one."""
    done = threading.Event()

    def kill_once() -> None:
        while not done.wait(0.01):
            for pid in workers_below(os.getpid())[-1:]:
                if children(os.getpid()) and pid not in children(os.getpid()):
                    os.kill(pid, signal.SIGKILL)
                    return

    killer = threading.Thread(target=kill_once)
    killer.start()
    try:
        with Grader("expression", None, QUICK) as grader:
            grades = grader.grade([(r"\sqrt{7}", TIMES_OUT), *NEIGHBOURS])
    finally:
        done.set()
        killer.join()
    assert [grade.equal for grade in grades] == [None, True, False]
    assert grades[0].reason == "time out"


class Killed(Worker):
    """A worker that somebody ends with every pair."""

    asked = 0

    def ask(self, job: Job) -> object:  # type: ignore[override]
        self.asked += 1
        raise Died(-signal.SIGKILL)


def test_a_pair_whose_worker_is_killed_each_time_is_named(tmp_path: Path) -> None:
    pool = Pool(QUICK, 1)
    worker = Killed(QUICK)
    pool._free.get()
    pool._free.put(worker)
    with pytest.raises(InputError, match=r"sqrt\{2\}.*ended from outside 3 times"):
        list(pool.judge([Job(r"\sqrt{2}", "x", "strict")]))
    assert worker.asked == TRIES


def test_a_worker_that_sleeps_is_ended_by_the_wall_clock() -> None:
    limits = Limits(wall_seconds=1.0)
    worker = Worker(limits)
    worker.ask(Job(r"\sqrt{8}", r"2\sqrt2", "strict"))
    assert worker._child is not None
    os.kill(worker._child, signal.SIGSTOP)
    with pytest.raises(Died) as died:
        worker.ask(Job(r"\sqrt{8}", r"2\sqrt2", "strict"))
    assert died.value.slept
    assert worker.ask(Job(r"\sqrt{8}", r"2\sqrt2", "strict")).equal is True
    worker.end()


def test_a_worker_that_slept_says_nothing_about_its_pair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sleeps(self: Worker, job: Job) -> Judged:
        raise Died(-signal.SIGKILL, slept=True)

    with monkeypatch.context() as patched:
        patched.setattr(Worker, "ask", sleeps)
        with Grader("expression", tmp_path) as grader:
            assert grader.grade(NEIGHBOURS[:1]) == [Grade(None, ASLEEP, "time out")]
        assert unreadable("expression", [("a", "x+1")], None) == [
            "a: the right answer 'x+1' was not read, because its worker slept until it timed out;"
            " run again"
        ]
    assert list(tmp_path.iterdir()) == []
    with Grader("expression", tmp_path) as grader:
        assert grader.grade(NEIGHBOURS[:1])[0].equal is True
    monkeypatch.setattr(Worker, "ask", lambda *_: Judged(None, "math-verify", "time out"))
    (line,) = unreadable("expression", [("a", "x+1")], None)
    assert "reached a limit" in line
    assert "run again" in line


def test_two_lines_that_come_together_are_two_answers() -> None:
    """A child's end and the next one's start, in one read."""
    process = subprocess.Popen(
        [sys.executable, "-c", 'import os; os.write(1, b\'{"died": -6}\\n{"ready": 7}\\n\')'],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    worker = Worker(Limits())
    worker._process = process
    process.wait()
    assert [worker._line(60.0), worker._line(60.0)] == [b'{"died": -6}', b'{"ready": 7}']
    worker.end()


def test_leaving_a_grader_ends_its_processes() -> None:
    words = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with subprocess.Popen(words, stdin=subprocess.PIPE):  # none of the grader's
        with Grader("expression", None, workers=2) as grader:
            grader.grade([(r"\sqrt{8}", f"{number}x") for number in range(4)])
            alive = workers_below(os.getpid())
            assert alive
        deadline = time.monotonic() + 30  # on a busy machine they are reaped late
        while left := [pid for pid in alive if Path(f"/proc/{pid}").exists()]:
            assert time.monotonic() < deadline, left
            time.sleep(0.02)


def test_verdicts_come_from_the_cache_and_a_time_out_with_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = [*NEIGHBOURS, (r"\sqrt{7}", TIMES_OUT)]
    with Grader("expression", tmp_path, QUICK) as grader:
        first = grader.grade(pairs)
    asked: list[Job] = []

    def ask(self: Worker, job: Job) -> object:
        asked.append(job)
        raise Died(-signal.SIGPROF)

    monkeypatch.setattr(Worker, "ask", ask)
    with Grader("expression", tmp_path, QUICK) as grader:
        assert grader.grade(pairs) == first
    assert asked == []
    with Grader("expression", tmp_path, QUICK._replace(cpu_seconds=0.7)) as grader:
        grader.grade(pairs)
    assert [job.answer for job in asked] == [TIMES_OUT]


def test_damaged_lines_of_the_cache_are_said_and_graded_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Grader("expression", tmp_path) as grader:
        first = grader.grade(NEIGHBOURS)
    (path,) = tmp_path.glob("*.jsonl")
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(NEIGHBOURS)
    turned = [line.replace('"equal":true', '"equal":false') for line in lines]
    assert turned != lines
    broken = ["not JSON", "[1]", "[]", "1", '"a"', "null"]
    path.write_text("\n".join([*turned, *broken]) + "\n", encoding="utf-8")
    for _ in range(2):
        with Grader("expression", tmp_path) as grader:
            assert grader.grade(NEIGHBOURS) == first
    assert [record.getMessage() for record in caplog.records if "damaged" in record.message] == [
        f"{tmp_path}: 7 damaged lines, the first in {path.name}; what they held is graded again"
    ]


def test_whole_lines_beside_a_damaged_one_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Grader("expression", tmp_path) as grader:
        first = grader.grade(NEIGHBOURS)
    (path,) = tmp_path.glob("*.jsonl")
    path.write_text(path.read_text(encoding="utf-8") + "[1]\n", encoding="utf-8")
    monkeypatch.setattr(Worker, "ask", None)
    for _ in range(2):
        with Grader("expression", tmp_path) as grader:
            assert grader.grade(NEIGHBOURS) == first
    assert sorted(one.suffix for one in tmp_path.iterdir()) == [".damaged", ".jsonl"]


def test_a_file_in_the_place_of_the_cache_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cache"
    path.touch()
    for place in (path, path / "below"):
        with (
            pytest.raises(InputError, match="cache is a file; name a folder"),
            Grader("expression", place) as grader,
        ):
            grader.grade(NEIGHBOURS)


def test_several_graders_may_fill_one_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("featherweight.grading.cache._SECONDS", 0.0)  # each verdict at once
    with Grader("expression", tmp_path) as one, Grader("expression", tmp_path) as other:
        first = other.grade(NEIGHBOURS[1:])
        both = one.grade(NEIGHBOURS)
        assert other.grade(NEIGHBOURS) == both
    assert both[1:] == first
    assert len(list(tmp_path.glob("*.jsonl"))) == 2
    monkeypatch.setattr(Worker, "ask", None)
    with Grader("expression", tmp_path) as third:
        assert third.grade(NEIGHBOURS) == both


def test_a_lenient_grade_is_kept_apart(tmp_path: Path) -> None:
    text = r"I think that it is $2\sqrt{2}$."
    with Grader("expression", tmp_path, lenient=True) as lenient:
        assert lenient.grade([(r"\sqrt{8}", text)])[0].equal is True
    with Grader("expression", tmp_path) as strict:
        assert strict.grade([(r"\sqrt{8}", text)])[0].equal is False


def test_equal_answers_share_a_class() -> None:
    answers = ["0.5", None, r"\sqrt{8}", r"\frac12", r"2\sqrt2", "2", "2.0", r"\frac{2}{4}", "x"]
    with Grader("expression", None) as grader:
        found = classes("expression", r"\frac{1}{2}", answers, grader)
    assert found == [0, None, 1, 0, 1, 2, 2, 0, 3]


def test_classes_do_not_depend_on_the_order_of_the_samples() -> None:
    """Every order of samples of which equality by rounding, order or unit is not transitive."""
    several = [
        ["1/3", "0.3333", "0.33333"],
        ["1,2", "(2,1)", "2,1", "(1,2)"],
        [r"\$5", "5", r"5\text{ cm}", r"5\text{ m}"],
    ]
    with Grader("expression", None) as grader:
        for samples in several:
            found = set()
            for order in permutations(range(len(samples))):
                numbers = classes("expression", "7", [samples[place] for place in order], grader)
                assert numbers[0] == 0
                together = sorted(zip(order, numbers, strict=True))
                found.add(tuple(one[1] == other[1] for one, other in combinations(together, 2)))
            assert len(found) == 1
        assert classes("expression", "7", several[0], grader) == [0, 0, 0]


def test_classes_of_numbers() -> None:
    with Grader("integer", None) as grader:
        assert classes("integer", "25", ["7", "025", "07", "25", "x", "x"], grader) == [
            *(0, 1, 0, 1, 2, 2)
        ]


def test_right_answers_that_cannot_be_read_are_named() -> None:
    assert unreadable("integer", [("a", "7"), ("b", "seven")], None) == [
        "b: the right answer 'seven' cannot be read by the grader of integers; correct it or leave"
        " the item out"
    ]
    (line,) = unreadable("expression", [("c", r"\frac{1}{2}"), ("d", r"\frac{1}{")], None)
    assert line.startswith("d: ")
