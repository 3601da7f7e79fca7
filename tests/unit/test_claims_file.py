"""The articles' claims as a file: every mistake is one line that names the file and the claim."""

from __future__ import annotations

from pathlib import Path

import pytest

from featherweight.compare import run
from featherweight.compare.claims import read_claims
from featherweight.compare.figures import FiguresRule
from featherweight.compare.vocabulary import unprinted_words
from featherweight.errors import InputError
from made_up_evidence import figure, spec

SELECTED = "{model: a, task: bbq, stratum: all, metric: accuracy}"
GOOD = f"""
articles: {{article-0: {{title: An article}}}}
tasks: {{bbq-part: bbq}}
claims:
  one:
    article: article-0
    topic: t
    text: x
    rule: {{value_near: {{
      estimate: {SELECTED}, stated: 0.5, tolerance: 0.1}}}}
"""
NEAR = "claims.one.rule.value_near"
BAD_CLAIMS = [
    ("article: article-0", "article: article-9", "claims.one.article: unknown 'article-9'; did"),
    ("text: x", "colour: red", "claims.one.text: missing key"),
    ("text: x", "text: x\n    units: score", "claims.one.units: unknown key, got 'score'; did you"),
    ("text: x", "text: 5", "claims.one.text: expected a valid string, got 5"),
    ("text: x", "text: ' '", "claims.one.text: expected a text, got ' '"),
    ("text: x", "text: x\n    unit: furlong", "claims.one.unit: expected 'percent', "),
    ("bbq-part: bbq", "bbq-part: bqb", "tasks.bbq-part: unknown task 'bqb'; did you mean 'bbq'?"),
    ("title: An article", "name: A", "articles.article-0.title: missing key"),
    ("value_near:", "value_nere:", "rule.value_nere: unknown key, got dict of 3; did you mean 'v"),
    ("rule: {value_near:", "rule: {eval: x, value_near:", "claims.one.rule.eval: unknown key"),
    (
        "rule: {value_near:",
        "rule: {not_measured: {why: x}, value_near:",
        "claims.one.rule: expected one rule with its arguments",
    ),
    ("stated: 0.5", "stated: much", f"{NEAR}.stated: expected a valid number, got 'much'"),
    ("stated: 0.5", "stated: .nan", f"{NEAR}.stated: expected a finite number, got nan"),
    ("stated: 0.5", "stated: true", f"{NEAR}.stated: expected a valid number, got True"),
    ("tolerance: 0.1", "tolerance: 0", f"{NEAR}.tolerance: expected greater than 0, got 0"),
    ("tolerance: 0.1", "low: 0.1, tolerance: 1", f"{NEAR}.low: unknown key"),
    ("model: a, ", "", f"{NEAR}: model: expected in the selection or under `each`"),
    ("metric: accuracy", "metric: accuracy, half: 1", f"{NEAR}.estimate.half: unknown key"),
    ("stratum: all", "condition: both", f"{NEAR}.estimate.condition: unknown key"),
    (SELECTED, "c", f"{NEAR}.estimate: expected keys with values, got 'c'"),
    ("0.1}", "0.1, each: {group: [g]}}", f"{NEAR}: each, holds_in: expected both of them or none"),
    ("0.1}", "0.1, holds_in: most}", f"{NEAR}: each, holds_in: expected both of them or none"),
    ("0.1}", "0.1, each: {group: [g]}, holds_in: some}", f"{NEAR}.holds_in: expected 'every', "),
    (
        "0.1}",
        "0.1, each: {groups: [g]}, holds_in: most}",
        f"{NEAR}.each.groups: expected 'model', ",
    ),
    ("0.1}", "0.1, each: {group: g}, holds_in: most}", f"{NEAR}.each.group: expected a valid "),
    ("0.1}", "0.1, each: {group: []}, holds_in: most}", "expected at least one name"),
    ("0.1}", "0.1, each: [group], holds_in: most}", f"{NEAR}.each: expected a valid "),
    (
        "0.1}",
        "0.1, each: {against: [g]}, holds_in: most}",
        f"{NEAR}: each: against: expected a rule that compares a with b",
    ),
    (
        "0.1}",
        "0.1, each: {group: [g, h, g]}, holds_in: most}",
        f"{NEAR}.each.group: expected every value once, got 'g' twice",
    ),
    # The words of the task that is asked:
    ("metric: accuracy", "metric: acuracy", "metric: unknown 'acuracy' of bbq; did you mean 'acc"),
    (
        "metric: accuracy",
        "metric: accuracy, policy: dorp",
        "policy: unknown 'dorp' of bbq; did you",
    ),
    ("stratum: all", "stratum: ambigous", "stratum: unknown 'ambigous' of bbq; did you mean 'ambi"),
    (
        "task: bbq, stratum: all",
        "task: mmlu, stratum: ambiguous",
        "stratum: unknown 'ambiguous' of",
    ),
    (
        "task: bbq, stratum: all, metric: accuracy",
        "task: mmlu, stratum: all, metric: s_amb",
        "of mm",
    ),
    (
        "task: bbq, stratum",
        "task: bbq-prat, stratum",
        "unknown 'bbq-prat'; did you mean 'bbq-part'",
    ),
    (
        "metric: accuracy",
        "metric: accuracy, group: Aeg",
        "group: unknown 'Aeg' of bbq; did you mean",
    ),
    (
        f"{SELECTED}, stated: 0.5, tolerance: 0.1",
        f"{SELECTED}, stated: 1, tolerance: 1, each: {{group: [Age, SSE]}}, holds_in: most",
        "claims.one.rule: group: unknown 'SSE' of bbq; did you mean 'SES'?",
    ),
]
FIGURE = "{benchmark: b, metric: c, model: d}"
CONTRAST = "first: bbq, second: bbq-part, metric: s_dis, stratum: all, model: d"
BAD_RULES = [
    (
        f"value_between: {{estimate: {SELECTED}, low: 1, high: 0}}",
        "low: expected a number below hi",
    ),
    (f"ratio_between: {{a: {SELECTED}, b: {SELECTED}, low: 1, high: 1}}", "expected"),
    (f"greater: {{a: {SELECTED}}}", "rule.greater.b: missing key"),
    (f"rank_first: {{estimate: {SELECTED}, among: d}}", "rank_first.among: expected a valid tuple"),
    (
        f"contrast_below: {{{CONTRAST.replace('s_dis', 's_dsi')}}}",
        "rule: metric: unknown 's_dsi' of bbq; did you mean 's_dis'?",
    ),
    (  # written by item, never contrasted
        f"contrast_below: {{{CONTRAST.replace('s_dis', 's_dis_by_item')}}}",
        "rule: metric: unknown 's_dis_by_item' of bbq",
    ),
    (
        f"contrast_below: {{{CONTRAST.replace('bbq-part', 'bbq')}}}",
        "two sides that differ, both are",
    ),
    (
        f"greater: {{a: {SELECTED}, b: {SELECTED}}}",
        "expected two sides that differ, both are model a, task bbq, metric accuracy",
    ),
    (
        f"equal: {{a: {SELECTED}, b: {SELECTED[:-1]}, group: all}}, margin: 0.1}}",
        "rule.equal: expected two sides that differ",
    ),
    (
        f"ratio_between: {{a: {SELECTED}, b: {SELECTED}, low: 0.5, high: 2}}",
        "expected two sides that differ",
    ),
    (
        (
            f"greater: {{a: {SELECTED}, b: {{task: bbq, stratum: all, metric: accuracy}}, each:"
            " {against: [d, a]}, holds_in: every}"
        ),
        "expected two sides that differ",
    ),
    (
        f"greater: {{a: {SELECTED}, b: {SELECTED}, each: {{against: [d]}}, holds_in: every}}",
        "each: against: expected b without a model of its own",
    ),
    (
        f"rank_first: {{estimate: {SELECTED}, among: [a, d]}}",
        "two sides that differ, both are mode",
    ),
    (
        f"rank_last: {{estimate: {SELECTED}, among: [d, d]}}",
        "expected every value once, got 'd'",
    ),
    (
        f"lower_groups: {{estimate: {SELECTED}, groups: [Age], than: [SES, Age]}}",
        "both are model a, task bbq, group Age, metric accuracy",
    ),
    (
        f"lower_groups: {{estimate: {SELECTED}, groups: [Aeg], than: [SES]}}",
        "group: unknown 'Aeg' of bbq; did you mean 'Age'?",
    ),
    (f"published_greater: {{a: {FIGURE}, b: {FIGURE}}}", "both are benchmark b, metric c, model d"),
    (f"published_close: {{a: {FIGURE}, b: {FIGURE}, tolerance: 1}}", "two sides that differ"),
    (
        f"published_near: {{published: {FIGURE}, of: size, stated: 1, tolerance: 1}}",
        "of: expected 'parameters_billion'",
    ),
    (
        "published_near: {published: {benchmark: b, metric: 3, model: d}, stated: 1, tolerance: 1}",
        "published_near.published.metric: expected a valid tuple, got 3",
    ),
    (
        f"published_greater: {{a: {{benchmark: b, metric: c}}, b: {FIGURE}}}",
        "published_greater: model: expected in the selection or under `each`",
    ),
    (
        f"published_greater: {{a: {FIGURE}, b: {FIGURE}, each: {{group: [x]}}}}",
        "published_greater.each.group: expected 'benchmark', ",
    ),
    (
        f"published_close: {{a: {FIGURE}, b: {FIGURE}, or_above: 1, tolerance: 1}}",
        "or_above: expected a valid boolean",
    ),
    ("not_measured: {why: }", "not_measured.why: expected a valid string, got None"),
    ("not_measured:", "claims.one.rule: expected one rule with its arguments"),
]


def claims_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "claims.yaml"
    path.write_text(text)
    return path


def problems_of(path: Path) -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        read_claims(path)
    return tuple(caught.value.problems)


def test_the_good_claim_is_one(tmp_path: Path) -> None:
    (claim,) = read_claims(claims_file(tmp_path, GOOD))
    assert (claim.id, claim.article, claim.tasks) == ("one", "An article", {"bbq": "bbq"})


@pytest.mark.parametrize(
    ("good", "bad", "said"), BAD_CLAIMS, ids=[c[1][:40] or c[0] for c in BAD_CLAIMS]
)
def test_a_bad_claim_is_one_line(tmp_path: Path, good: str, bad: str, said: str) -> None:
    """One line for each mistake, with file and claim."""
    assert GOOD.count(good) == 1
    path = claims_file(tmp_path, GOOD.replace(good, bad))
    problems = problems_of(path)
    assert [line for line in problems if said in line and line.startswith(f"{path}: ")]
    assert len(problems) == (2 if bad in ("colour: red", "name: A") else 1)


@pytest.mark.parametrize(("rule", "said"), BAD_RULES, ids=[c[0][:50] for c in BAD_RULES])
def test_a_bad_rule_is_one_line(tmp_path: Path, rule: str, said: str) -> None:
    path = claims_file(tmp_path, GOOD[: GOOD.index("rule:")] + f"rule:\n      {rule}")
    (line,) = problems_of(path)
    assert line.startswith(f"{path}: claims.one.rule")
    assert said in line


def test_every_mistake_in_claims_is_told_at_once(tmp_path: Path) -> None:
    bad = GOOD[GOOD.index("  one:") :].replace("one:", "two:")
    bad = bad.replace("stated: 0.5", "stated: much").replace("topic: t", "topic:")
    path = claims_file(tmp_path, GOOD.replace("text: x", "text: 5") + bad.lstrip("\n"))
    assert [line.split(": ")[1] for line in problems_of(path)] == [
        "claims.one.text",
        "claims.two.topic",
        "claims.two.rule.value_near.stated",
    ]


@pytest.mark.parametrize("again", ["text: y", "rule: {not_measured: {why: x}}"])
def test_a_key_that_stands_twice_is_refused(tmp_path: Path, again: str) -> None:
    """YAML alone would keep the last one, silently."""
    path = claims_file(tmp_path, GOOD.replace("text: x", f"text: x\n    {again}"))
    assert f"duplicate key '{again.split(':')[0]}'" in problems_of(path)[0]


def test_a_claim_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = claims_file(tmp_path, GOOD + GOOD[GOOD.index("  one:") :])
    assert "duplicate key 'one'" in problems_of(path)[0]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (
            f"published_near: {{published: {FIGURE}, stated: 1, tolerance: 1}}",
            ["published: metric: unknown 'c'; did you mean 'acc'?"],
        ),
        (
            (
                "published_greater: {a: {benchmark: b, metric: [pass@1, pas@1], model: d},"
                " b: {benchmark: b, metric: acc, model: e}}"
            ),
            ["a: metric: unknown 'pas@1'; did you mean 'pass@1'?"],
        ),
        (
            (
                "saving_near: {a: {benchmark: b, model: d}, b: {benchmark: b, model: e}, stated: 1,"
                " tolerance: 1, each: {metric: [price_inptu]}}"
            ),
            ["each: metric: unknown 'price_inptu'; did you mean 'price_input'?"],
        ),
        (
            (
                "published_near: {published: {benchmark: b, metric: acc, model: d, stratum: both},"
                " stated: 1, tolerance: 1}"
            ),
            ["published: stratum: unknown 'both'; expected one of all"],
        ),
        (
            (
                "published_greater: {a: {benchmark: b, metric: acc, model: d, stratum: all},"
                " b: {benchmark: b, metric: pass@1, model: e}}"
            ),
            [],
        ),
    ],
)
def test_a_metric_that_no_published_figure_has(tmp_path: Path, rule: str, said: list[str]) -> None:
    path = claims_file(tmp_path, GOOD[: GOOD.index("rule:")] + f"rule:\n      {rule}")
    (claim,) = read_claims(path)
    assert isinstance(claim.rule, FiguresRule)
    figures = [figure(1.0, metric=name) for name in ("acc", "pass@1", "price_input")]
    figures.append(figure(1.0, metric="acc", stratum="all", benchmark="BBQ"))
    assert unprinted_words(claim.rule, figures) == said


def test_the_stage_refuses_a_metric_that_no_published_figure_has(
    root: Path, tmp_path: Path
) -> None:
    rule = f"published_near: {{published: {FIGURE}, stated: 1, tolerance: 1}}"
    text = GOOD[: GOOD.index("rule:")] + f"rule:\n      {rule}"
    path = claims_file(tmp_path, text.replace("metric: c", "metric: acuracy"))
    with pytest.raises(InputError) as caught:
        run(spec([]), tmp_path, root / "config/published", path, tmp_path / "out")
    assert caught.value.problems[-1] == (
        f"{path}: claims.one.rule: published: metric: unknown 'acuracy'; did you mean 'accuracy'?"
    )


@pytest.mark.parametrize(
    "text", ["", "just words", "a: [", "[]", "- 5", "articles: {}\nclaims: {}", "articles: 5"]
)
def test_a_claims_file_that_is_none(tmp_path: Path, text: str) -> None:
    path = claims_file(tmp_path, text)
    assert all(line.startswith(str(path)) for line in problems_of(path))


def test_no_file_of_claims(tmp_path: Path) -> None:
    assert "found no file; check --claims" in problems_of(tmp_path / "claims.yaml")[0]
