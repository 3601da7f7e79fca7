"""What the articles claim, as data: read from `config/claims.yaml` and checked.

One real claim, with its article and the task behind its label:

    articles:
      article-0: {title: "Smol but Mighty (...)", link: "https://huggingface.co/blog/..."}
    tasks: {bbq-chinese: bbq}
    claims:
      r1-finishes:
        article: article-0
        topic: finishing
        text: 54.43% of R1-Distill's answers come to an end within 512 tokens; ...
        article_value: 54.43%
        rule:
          value_near:
            estimate: {model: deepseek-r1-distill-qwen-1.5b, task: bbq, stratum: all,
                metric: finished}
            stated: 0.5443
            tolerance: 0.05

A rule is one of a small fixed vocabulary; nothing in the file is ever evaluated as code. `each`
names settings in which the rule is asked, `holds_in` what they add up to (`settings.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, model_validator

from featherweight.compare.figures import FiguresRule
from featherweight.compare.group_rules import ContrastBelow, ContrastNear, LowerGroups
from featherweight.compare.pair_rules import Equal, Greater, RankFirst, RankLast, RatioBetween
from featherweight.compare.published_rules import (
    PublishedClose,
    PublishedGreater,
    PublishedNear,
    SavingNear,
)
from featherweight.compare.result import Unit
from featherweight.compare.selection import Strict, StudyRule, Text
from featherweight.compare.value_rules import (
    Judging,
    ValueAbove,
    ValueBelow,
    ValueBetween,
    ValueNear,
)
from featherweight.compare.vocabulary import unknown_words
from featherweight.documents import check, nearest, read_document
from featherweight.errors import InputError
from featherweight.tasks import task_names
from featherweight.tasks.numbers import numbers

# In a sentence; what a task calls its own metrics stands in its numbers.
METRICS = {
    "n_tokens": "the number of tokens",
    "finished": "the share of answers that come to an end",
}


class Unmeasured(Strict):
    """No rule decides the claim, because the study has no such number."""

    why: Text


Rule = Judging | FiguresRule | Unmeasured


class Vocabulary(Strict):
    """Every rule there is; a claim has one of them."""

    value_near: ValueNear | None = None
    value_between: ValueBetween | None = None
    value_above: ValueAbove | None = None
    value_below: ValueBelow | None = None
    greater: Greater | None = None
    equal: Equal | None = None
    rank_first: RankFirst | None = None
    rank_last: RankLast | None = None
    lower_groups: LowerGroups | None = None
    ratio_between: RatioBetween | None = None
    contrast_near: ContrastNear | None = None
    contrast_below: ContrastBelow | None = None
    published_near: PublishedNear | None = None
    published_greater: PublishedGreater | None = None
    published_close: PublishedClose | None = None
    saving_near: SavingNear | None = None
    not_measured: Unmeasured | None = None

    @model_validator(mode="after")
    def _one(self) -> Vocabulary:
        if len(self.model_fields_set) != 1 or self.rule is None:
            raise ValueError("expected one rule with its arguments")
        return self

    @property
    def rule(self) -> Rule:
        """The rule of the claim."""
        (name,) = self.model_fields_set
        rule: Rule = getattr(self, name)
        return rule


class Article(Strict):
    """What claims are taken from."""

    title: Text
    link: Text | None = None


class Entry(Strict):
    """One claim as it stands in the file."""

    article: Text
    topic: Text
    text: Text
    rule: Vocabulary
    unit: Unit = "percent"
    article_value: Text | None = None
    link: Text | None = None  # the article's own where it is left out
    note: Text | None = None


class ClaimsFile(Strict):
    """The file: articles, the task behind each label that is not a task's own name, claims."""

    articles: dict[Text, Article]
    tasks: dict[Text, Text] = Field(default_factory=dict)
    claims: dict[Text, Entry] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim and the rule that decides it."""

    id: str
    article: str  # what a reader sees
    link: str | None
    text: str
    topic: str
    unit: Unit
    article_value: str | None
    note: str | None  # what a reader must be told besides the verdict
    rule: Rule
    tasks: Mapping[str, str]  # label -> task, of the labels that the rule names

    def metric(self, name: str) -> str:
        """A metric in a sentence, as its task calls it."""
        words = METRICS | {
            metric: said
            for task in self.tasks.values()
            for metric, said in numbers(task).words.items()
        }
        return words.get(name, name)


def read_claims(path: Path) -> list[Claim]:
    """Every claim of the file. Raises InputError with every problem at once."""
    if not path.is_file():
        raise InputError(
            f"{path}: expected the articles' claims as YAML, found no file; check --claims"
        )
    file = check(read_document(path), ClaimsFile, str(path))
    known = task_names()
    tasks = {name: name for name in known}
    tasks |= {label: task for label, task in file.tasks.items() if task in known}
    problems = [
        f"{path}: tasks.{label}: unknown task {task!r}; {nearest(task, known)}"
        for label, task in file.tasks.items()
        if task not in known
    ]
    for name, entry in file.claims.items():
        where = f"{path}: claims.{name}"
        if entry.article not in file.articles:
            hint = nearest(entry.article, file.articles)
            problems.append(f"{where}.article: unknown {entry.article!r}; {hint}")
        if isinstance(entry.rule.rule, StudyRule):
            problems += [f"{where}.rule: {line}" for line in unknown_words(entry.rule.rule, tasks)]
    if problems:
        raise InputError(problems)
    return [
        _claim(name, entry, file.articles[entry.article], tasks)
        for name, entry in file.claims.items()
    ]


def _claim(name: str, entry: Entry, article: Article, tasks: Mapping[str, str]) -> Claim:
    rule = entry.rule.rule
    named = sorted(rule.labels()) if isinstance(rule, StudyRule) else []
    return Claim(
        id=name,
        article=article.title,
        link=entry.link if entry.link is not None else article.link,
        text=" ".join(entry.text.split()),
        topic=entry.topic,
        unit=entry.unit,
        article_value=entry.article_value,
        note=None if entry.note is None else " ".join(entry.note.split()),
        rule=rule,
        tasks={label: tasks[label] for label in named},
    )
