"""The articles' claims as a file: every mistake is one line that names the file and the claim."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import fabricated
from featherweight.compare import run, vocabulary
from featherweight.compare.claims import read_claims
from featherweight.errors import InputError

GOOD_CLAIM = """
id: one
article: article-0
topic: t
text: x
rule: {value_near: {
  estimate: {model: a, task: b, stratum: all, metric: accuracy}, stated: 0.5, tolerance: 0.1}}
"""
BAD_CLAIMS = [
    ("article: article-0", "article: article-9", "article: expected one of article-0, "),
    ("text: x", "colour: red", "text: expected, got nothing"),
    ("text: x", "text: x\nunits: score", "units: unknown key; did you mean 'unit'?"),
    ("text: x", "text: 5", "text: expected a text, got 5"),
    ("text: x", "text: x\nunit: furlong", "unit: expected one of percent, "),
    ("id: one", "id: 1", "id: expected a text, got 1"),
    ("value_near:", "value_nere:", "rule: unknown rule 'value_nere'; did you mean 'value_near'?"),
    (
        "rule: {value_near:",
        "rule: {eval: x, value_near:",
        "rule: expected one rule with its arguments",
    ),
    ("stated: 0.5", "stated: much", "rule value_near: stated: expected a number, got 'much'"),
    ("stated: 0.5", "stated: .nan", "stated: expected a number, got nan"),
    ("stated: 0.5", "stated: true", "stated: expected a number, got True"),
    ("tolerance: 0.1", "tolerance: 0", "tolerance: expected a number above 0, got 0"),
    ("tolerance: 0.1", "low: 0.1, tolerance: 1", "low: unknown key"),
    ("model: a, ", "", "estimate: model: expected, got nothing"),
    ("metric: accuracy", "metric: accuracy, complement: true", "estimate: complement: unknown key"),
    (
        "stratum: all",
        "condition: ambiguous",
        "estimate: condition: expected one of ambig, disambig, both",
    ),
    (
        "estimate: {model: a, task: b, stratum: all, metric: accuracy}",
        "estimate: c",
        "estimate: expected keys and values",
    ),
    (
        "0.1}",
        "0.1, each: {group: [g]}}",
        "holds_in: expected beside each, one of every, most, listed; got nothing",
    ),
    ("0.1}", "0.1, holds_in: most}", "holds_in: expected `each` beside it"),
    (
        "0.1}",
        "0.1, each: {group: [g]}, holds_in: some}",
        "holds_in: expected one of every, most, listed, got 'some'",
    ),
    (
        "0.1}",
        "0.1, each: {groups: [g]}, holds_in: most}",
        "each: groups: unknown key; did you mean 'group'?",
    ),
    (
        "0.1}",
        "0.1, each: {group: g}, holds_in: most}",
        "each: group: expected a list of names, got 'g'",
    ),
    (
        "0.1}",
        "0.1, each: {group: []}, holds_in: most}",
        "each: group: expected a list of names, got []",
    ),
    ("0.1}", "0.1, each: [group], holds_in: most}", "each: expected settings such as"),
    (
        "0.1}",
        "0.1, each: {against: [g]}, holds_in: most}",
        "each: against: expected a rule that compares a with b",
    ),
    (
        "0.1}",
        "0.1, each: {condition: [all]}, holds_in: most}",
        "each: condition: expected some of ambig, ",
    ),
    (
        "metric: accuracy",
        "metric: acuracy",
        "estimate: metric: unknown 'acuracy'; did you mean 'accuracy'?",
    ),
    (
        "metric: accuracy",
        "metric: accuracy, policy: dorp",
        "policy: unknown 'dorp'; did you mean 'drop'?",
    ),
    (
        "task: b, stratum: all, metric: accuracy",
        "task: pocket, stratum: all, metric: accuracy, group: Peets",
        "estimate: group: unknown 'Peets'; did you mean 'pets'?",
    ),
    (
        "task: b, stratum: all, metric: accuracy}, stated: 0.5, tolerance: 0.1}",
        (
            "task: bbq, stratum: all, metric: accuracy}, stated: 1, tolerance: 1, each: {group:"
            " [Aeg]}, holds_in: most}"
        ),
        "each: group: unknown 'Aeg'; did you mean 'Age'?",
    ),
    (
        "0.1}",
        "0.1, each: {group: [g, h, g]}, holds_in: most}",
        "each: group: expected every value once, got 'g' twice",
    ),
]
FIGURE = "{benchmark: b, metric: c, model: d}"
OURS = "{model: a, task: b, stratum: all, metric: accuracy}"
BBQ = "{model: a, task: bbq, stratum: all, metric: accuracy}"
BAD_RULES = [
    (f"value_between: {{estimate: {OURS}, low: 1, high: 0}}", "low: expected a number below high"),
    (f"greater: {{a: {OURS}}}", "rule greater: b: expected, got nothing"),
    (f"rank_first: {{estimate: {OURS}, among: d}}", "among: expected a list of names"),
    (
        "contrast_below: {first: a, second: b, metric: s_dis, condition: x, model: d}",
        "condition: expected one of",
    ),
    (
        "contrast_below: {first: a, second: b, metric: s_dsi, stratum: all, model: d}",
        "metric: unknown 's_dsi'; did",
    ),
    (
        "contrast_below: {first: a, second: a, metric: s_dis, stratum: all, model: d}",
        "got the task a on both",
    ),
    (
        f"greater: {{a: {OURS}, b: {OURS}}}",
        "expected two sides that differ, got model a, task b, condition both, ",
    ),
    (
        f"equal: {{a: {OURS}, b: {OURS[:-1]}, group: all}}, margin: 0.1}}",
        "rule equal: expected two sides that differ",
    ),
    (
        f"ratio_between: {{a: {OURS}, b: {OURS}, low: 0.5, high: 2}}",
        "expected two sides that differ",
    ),
    (
        (
            f"greater: {{a: {OURS}, b: {{task: b, stratum: all, metric: accuracy}}, each:"
            " {against: [d, a]}, holds_in: every}"
        ),
        "expected two sides that differ",
    ),
    (
        f"rank_first: {{estimate: {OURS}, among: [a, d]}}",
        "expected two sides that differ, got the model a on both",
    ),
    (
        f"rank_last: {{estimate: {OURS}, among: [d, d]}}",
        "among: expected every value once, got 'd' twice",
    ),
    (
        f"lower_groups: {{estimate: {OURS}, groups: [g], than: [h, g]}}",
        "got the category g on both",
    ),
    (
        f"lower_groups: {{estimate: {BBQ}, groups: [Aeg], than: [SES]}}",
        "groups: group: unknown 'Aeg'; did you mean",
    ),
    (
        f"lower_groups: {{estimate: {BBQ}, groups: [Age], than: [SSE]}}",
        "than: group: unknown 'SSE'; did you mean 'SES'",
    ),
    (
        f"published_greater: {{a: {FIGURE}, b: {FIGURE}}}",
        "got benchmark b, metric c, model d on both",
    ),
    (
        f"published_close: {{a: {FIGURE}, b: {FIGURE}, tolerance: 1}}",
        "expected two sides that differ",
    ),
    (
        f"published_near: {{published: {FIGURE}, of: size, stated: 1, tolerance: 1}}",
        "of: expected parameters_billion",
    ),
    (
        "published_near: {published: {benchmark: b, metric: 3, model: d}, stated: 1, tolerance: 1}",
        "published: metric: expected a text or a list of texts, got 3",
    ),
    (
        f"published_greater: {{a: {{benchmark: b, metric: c}}, b: {FIGURE}}}",
        "a: model: expected, got nothing",
    ),
    (
        f"published_greater: {{a: {FIGURE}, b: {FIGURE}, each: {{group: [x]}}}}",
        "each: group: unknown key",
    ),
    (
        f"published_close: {{a: {FIGURE}, b: {FIGURE}, or_above: 1, tolerance: 1}}",
        "or_above: expected true or false",
    ),
    ("not_measured: {why: }", "why: expected a text, got None"),
    ("not_measured:", "rule not_measured: expected arguments why, got None"),
]


def claims_file(tmp_path: Path, *texts: str) -> Path:
    path = tmp_path / "claims.yaml"
    path.write_text("".join("- " + text.strip().replace("\n", "\n  ") + "\n" for text in texts))
    return path


@pytest.mark.parametrize(
    ("good", "bad", "said"), BAD_CLAIMS, ids=[c[1][:40] or c[0] for c in BAD_CLAIMS]
)
def test_a_bad_claim_is_one_line(tmp_path: Path, good: str, bad: str, said: str) -> None:
    """One line for each mistake, with file and claim."""
    assert GOOD_CLAIM.count(good) == 1
    path = claims_file(tmp_path, GOOD_CLAIM.replace(good, bad))
    with pytest.raises(InputError) as caught:
        read_claims(path)
    assert [p for p in caught.value.problems if said in p and p.startswith(f"{path}: claim ")]
    assert len(caught.value.problems) == (2 if bad == "colour: red" else 1)


@pytest.mark.parametrize(("rule", "said"), BAD_RULES, ids=[c[0][:50] for c in BAD_RULES])
def test_a_bad_rule_is_one_line(tmp_path: Path, rule: str, said: str) -> None:
    path = claims_file(tmp_path, GOOD_CLAIM[: GOOD_CLAIM.index("rule:")] + f"rule:\n  {rule}")
    with pytest.raises(InputError) as caught:
        read_claims(path)
    assert len(caught.value.problems) == 1
    assert said in caught.value.problems[0]


def test_every_mistake_in_claims_is_told_at_once(tmp_path: Path) -> None:
    bad = GOOD_CLAIM.replace("stated: 0.5", "stated: much").replace("topic: t", "topic:")
    path = claims_file(tmp_path, GOOD_CLAIM, bad)
    with pytest.raises(InputError) as caught:
        read_claims(path)
    assert [p.split(": ", 1)[1] for p in caught.value.problems] == [
        "claim one: topic: expected a text, got None",
        "claim one: rule value_near: stated: expected a number, got 'much'",
        "claim one: expected an id of its own, got it twice",
    ]


def test_a_key_that_stands_twice_in_a_claim_is_refused(tmp_path: Path) -> None:
    """YAML alone would keep the last rule, silently."""
    with pytest.raises(InputError, match="the key 'text' stands twice"):
        read_claims(claims_file(tmp_path, GOOD_CLAIM.replace("text: x", "text: x\ntext: y")))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            {"a": {"metric": "acuracy"}, "b": {"metric": "accuracy"}},
            ["a: metric: unknown 'acuracy'; did you mean"],
        ),
        (
            {"published": {"metric": ["pass@1", "pas@1"]}},
            ["published: metric: unknown 'pas@1'; did you mean 'pass@1'?"],
        ),
        (
            {"a": {}, "b": {}, "each": {"metric": ["price_inptu"]}},
            ["each: metric: unknown 'price_inptu'; did you"],
        ),
        ({"a": {"metric": "accuracy"}, "b": {"metric": "pass@1"}}, []),
    ],
)
def test_a_metric_that_no_published_figure_has(arguments: dict[str, Any], said: list[str]) -> None:
    found = vocabulary.of_published(arguments, frozenset({"accuracy", "pass@1", "price_input"}))
    assert [line[: len(start)] for line, start in zip(found, said, strict=True)] == said


def test_the_stage_refuses_a_metric_that_no_published_figure_has(
    root: Path, tmp_path: Path
) -> None:
    study = fabricated.build(tmp_path / "study", fabricated.pocket_models())
    claim = (
        GOOD_CLAIM[: GOOD_CLAIM.index("rule:")]
        + f"rule:\n  published_near: {{published: {FIGURE}, stated: 1, tolerance: 1}}"
    )
    path = claims_file(tmp_path, claim.replace("metric: c", "metric: acuracy"))
    with pytest.raises(InputError) as caught:
        run(
            study.spec, study.folder("aggregate"), root / "config/published", path, tmp_path / "out"
        )
    assert list(caught.value.problems) == [
        f"{path}: claim one: rule published_near: published: metric: unknown 'acuracy'; did you"
        " mean 'accuracy'?"
    ]


@pytest.mark.parametrize("text", ["", "just words", "a: [", "[]", "- 5", "- [x]"])
def test_a_claims_file_that_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "claims.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match="claims") as caught:
        read_claims(path)
    assert len(caught.value.problems) == 1
