"""What two wordings lose: the two shares, their paired difference, and a sentence that says no more
than they show.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from featherweight.compare.unread import lines, losses_by_wording
from featherweight.records import ContrastRow, Estimate
from featherweight.results import Results
from made_up_evidence import contrast, estimate, evidence, model, spec, task

TASKS = [task("free", "pocket"), task("line", "pocket", wording="answer-line")]


def share(model: str, task: str, metric: str, value: float, reach: float = 0.02) -> Estimate:
    changes: dict[str, Any] = {"task": task, "metric": metric, "stratum": "all"}
    return estimate(model, value, max(0.0, value - reach), value + reach, **changes)


def told(
    model: str, free: float, line: float, reach: float = 0.02, *, turned: bool = False
) -> tuple[Any, Any]:
    """Both shares of a model, nothing cut off, and the paired differences of both, either way
    round.
    """
    estimates, contrasts = [], []
    for metric, first, second in (("unparsed", free, line), ("unfinished", 0.0, 0.0)):
        estimates += [share(model, "free", metric, first), share(model, "line", metric, second)]
        labels = ("free", "line") if turned else ("line", "free")
        value = first - second if turned else second - first
        row = contrast(value, reach, model=model, first=labels[0], second=labels[1], metric=metric)
        contrasts.append(replace(row, paired=True, n_first=1200, n_second=1200))
    return estimates, contrasts


def made(*models: tuple[list[Estimate], list[ContrastRow]]) -> Results:
    estimates = [one for rows, _ in models for one in rows]
    names = [model(name) for name in dict.fromkeys(one.model for one in estimates)]
    known = spec(names, TASKS, [("free", "line")])
    return Results(known, estimates, contrasts=[one for _, rows in models for one in rows])


@pytest.mark.parametrize("turned", [False, True])
def test_the_difference_is_second_minus_first_whichever_way_it_was_estimated(turned: bool) -> None:
    (table,) = losses_by_wording(made(told("m", 0.30, 0.05, turned=turned)))
    row, cut = table.rows
    assert (row.metric, row.first.value, row.second.value) == ("unparsed", 0.30, 0.05)
    apart = row.difference
    assert (apart.value, apart.low, apart.high) == pytest.approx((-0.25, -0.27, -0.23))
    assert (apart.n, cut.metric) == (1200, "unfinished")
    assert str(cut.difference.value) == "0.0"  # -0.0 would be printed with its sign


@pytest.mark.parametrize(
    ("free", "line", "reach", "said"),
    [
        (0.30, 0.05, 0.02, "fewer in answer-line than in letter (M)"),
        (0.05, 0.30, 0.02, "more in answer-line than in letter (M)"),
        (0.30, 0.05, 0.26, "no difference is shown (M)"),  # as far apart, but by chance
        (0.30, 0.30, 0.02, "no difference is shown (M)"),
        (0.0, 0.0, 0.08, "none in either wording (M)"),
    ],
)
def test_the_sentence_says_what_the_interval_shows(
    free: float, line: float, reach: float, said: str
) -> None:
    (table,) = losses_by_wording(made(told("m", free, line, reach)))
    assert table.said == (
        f"Answers that could not be read: {said}",
        "Answers that were cut off: none in either wording (M)",
    )


def test_each_model_is_named_once_and_in_one_place() -> None:
    (table,) = losses_by_wording(
        made(told("a", 0.3, 0.05), told("b", 0.0, 0.0), told("c", 0.4, 0.1), told("d", 0.1, 0.2))
    )
    assert (
        table.said[0]
        == "Answers that could not be read: fewer in answer-line than in letter (A, C); more in"
        " answer-line than in letter (D); none in either wording (B)"
    )


def test_without_a_paired_difference_there_is_none() -> None:
    estimates, contrasts = told("m", 0.30, 0.05)
    for rows in ([], [replace(row, paired=False) for row in contrasts]):
        found = made((estimates, rows))
        (table,) = losses_by_wording(found)
        assert table.rows[0].difference is None
        assert table.said[0].endswith("no difference is shown (M)")
        assert lines(found, [table])[2].endswith("; no paired difference")


def test_a_model_that_was_asked_in_one_wording_alone_is_left_out() -> None:
    estimates, contrasts = told("m", 0.30, 0.05)
    (table,) = losses_by_wording(made((estimates[::2], contrasts)))
    assert (table.rows, table.said) == ((), ())
    assert losses_by_wording(evidence([]).results) == []


def test_the_lines_of_the_terminal() -> None:
    found = made(told("m", 0.30, 0.05))
    assert lines(found, losses_by_wording(found)) == [
        (
            "line against free: Answers that could not be read: fewer in answer-line than in"
            " letter (M)"
        ),
        "line against free: Answers that were cut off: none in either wording (M)",
        (
            "  M, unparsed: letter 30.0% (28.0% to 32.0%), answer-line 5.0% (3.0% to 7.0%); "
            "-25.0 points (-27.0 to -23.0), 1,200 pairs"
        ),
        (
            "  M, unfinished: letter 0.0% (0.0% to 2.0%), answer-line 0.0% (0.0% to 2.0%); "
            "+0.0 points (-2.0 to +2.0), 1,200 pairs"
        ),
    ]


def test_only_whom_both_asked_in_two_wordings_has_rows() -> None:
    """`own` asks m in the other wording, n in the same one, and o not at all."""
    wordings = {"m": "answer-line", "n": "letter"}
    own = task("line", "pocket", wording=None, models=["m", "n"], wordings=wordings)
    everything = [told(name, 0.30, 0.05) for name in ("m", "n", "o")]
    asked = made(*everything)
    tasks = asked.spec.tasks | {"line": own}
    asked = replace(asked, spec=asked.spec.model_copy(update={"tasks": tasks}))
    (table,) = losses_by_wording(asked)
    assert {row.model for row in table.rows} == {"m"}
    assert table.wordings == ("letter", "each model's own wording")
    assert table.said[0] == (
        "Answers that could not be read: fewer in each model's own wording than in letter (M)"
    )
