"""The stage `compare`: published figures beside ours, and what the articles claim, decided by data.

Reads the folder of `aggregate` (estimates, differences, contrasts), `config/published/*.csv` and
`config/claims.yaml`. Writes verdicts.parquet and .csv (one `Verdict` per claim), claims.json (for
each claim its note, its unit, the steps to its verdict and, where that rests on figures of others
alone, their sources: such a claim was looked up, not reproduced), published.csv (the published
figures that belong beside this study's, comparable or not, and why), planted.json and
controls.json (what was planted or known beforehand against what was measured), unread.json (what
two wordings of the same questions lose). `--explain CLAIM` prints how a verdict came about. One
real row of verdicts.csv, shortened:

    r1-mmlu,article 2,"DeepSeek-R1 scores 0.844 on MMLU",84.4%,0.908,,,contradicted,
    "...","DeepSeek prints 90.8%"
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

from featherweight.compare.claims import Claim, read_claims
from featherweight.compare.comparable import published_rows
from featherweight.compare.decide import decide
from featherweight.compare.explain import explained
from featherweight.compare.figures import FiguresRule
from featherweight.compare.known import control_scores, planted_values
from featherweight.compare.published import Published, read_published, write_published
from featherweight.compare.result import RuleResult
from featherweight.compare.unread import lines, losses_by_wording
from featherweight.compare.vocabulary import unprinted_words
from featherweight.errors import InputError
from featherweight.files import write_csv, write_json, write_rows
from featherweight.records import Citation, Verdict, VerdictDetails
from featherweight.results import read_results
from featherweight.specs import CompareSpec, read_spec

log = logging.getLogger(__name__)

INPUTS = ("spec", "aggregate", "published", "claims", "output")
Read = TypeVar("Read")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the stage's arguments."""
    parser.add_argument("--spec", help="what is compared: study, models, tasks, policy (JSON)")
    parser.add_argument("--aggregate", type=Path, metavar="DIR", help="what `aggregate` wrote")
    parser.add_argument(
        "--published", type=Path, metavar="DIR", help="published figures (CSV files)"
    )
    parser.add_argument(
        "--claims", type=Path, metavar="FILE", help="what the articles claim (YAML)"
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="where the comparison is written"
    )
    parser.add_argument(
        "--explain", metavar="CLAIM", help="print how a verdict of a finished study came about"
    )
    parser.add_argument(
        "--study", metavar="NAME", help="the study that --explain reads; none if there is only one"
    )
    parser.add_argument(
        "--results", type=Path, default=Path("results"), metavar="DIR", help="where studies lie"
    )


def main(args: argparse.Namespace) -> None:
    """Run the stage from the command line."""
    if args.explain is not None:
        sys.stdout.write(explained(args.explain, args.results, args.study))
        return
    lacking = [f"--{name}" for name in INPUTS if getattr(args, name) is None]
    if lacking:
        raise InputError(
            f"compare: expected {', '.join(lacking)}; or --explain CLAIM to read a finished study"
        )
    run(read_spec(args.spec, CompareSpec), args.aggregate, args.published, args.claims, args.output)


def run(spec: CompareSpec, aggregate: Path, published: Path, claims: Path, output: Path) -> None:
    """Decide every claim, lay published figures beside ours. InputError: files of no use."""
    problems: list[str] = []
    figures = _read(lambda: read_published(published), problems)
    stated = _read(lambda: read_claims(claims), problems)
    results = _read(lambda: read_results(aggregate, spec), problems)
    if figures is not None and stated is not None:
        problems += [
            f"{claims}: claims.{claim.id}.rule: {problem}"
            for claim in stated
            if isinstance(claim.rule, FiguresRule)
            for problem in unprinted_words(claim.rule, figures)
        ]
    if problems or figures is None or stated is None or results is None:
        raise InputError(problems)

    decided = [decide(claim, results, figures) for claim in stated]
    verdicts = [verdict for verdict, _ in decided]
    write_rows(output / "verdicts.parquet", verdicts, Verdict)
    write_csv(output / "verdicts.csv", verdicts, Verdict)
    details = {
        claim.id: asdict(_details(claim, result, figures))
        for claim, (_, result) in zip(stated, decided, strict=True)
    }
    write_json(output / "claims.json", details)
    write_published(output / "published.csv", published_rows(figures, spec))
    planted, controls = list(planted_values(results)), list(control_scores(results))
    write_json(output / "planted.json", [asdict(row) for row in planted])
    write_json(output / "controls.json", [asdict(row) for row in controls])
    losses = losses_by_wording(results)
    write_json(output / "unread.json", [asdict(table) for table in losses])
    log.info("%s", tally(decided))
    for line in lines(results, losses):
        log.info("%s", line)
    for row in [*planted, *controls]:
        if row.inside is False:
            told = (row.model, row.what, row.expected, row.value)
            log.warning("not recovered: %s %s, expected %s, measured %s", *told)


def _read(read: Callable[[], Read], problems: list[str]) -> Read | None:
    """What files hold; None where they are of no use, with the reasons added to `problems`."""
    try:
        return read()
    except InputError as error:
        problems += error.problems
        return None


def _details(claim: Claim, result: RuleResult, figures: Sequence[Published]) -> VerdictDetails:
    """What a reader of one verdict needs besides the row."""
    cited = {figure.source: Citation(figure.title, figure.address) for figure in figures}
    return VerdictDetails(
        link=claim.link,
        topic=claim.topic,
        unit=claim.unit,
        note=claim.note,
        sources=tuple(cited[source] for source in result.sources),
        steps=result.steps,
    )


def tally(decided: Sequence[tuple[Verdict, RuleResult]]) -> str:
    """The verdicts counted, what this run decided apart from what was looked up."""
    tested = [(verdict, result) for verdict, result in decided if verdict.verdict != "not tested"]
    ours = Counter(verdict.verdict for verdict, result in tested if not result.sources)
    others = Counter(
        "borne out" if verdict.verdict == "reproduced" else verdict.verdict
        for verdict, result in tested
        if result.sources
    )
    parts = [
        f"{what}: {', '.join(f'{count} {word}' for word, count in sorted(counts.items()))}"
        for what, counts in (
            ("decided by this run", ours),
            ("looked up in published figures", others),
        )
        if counts
    ]
    untested = len(decided) - len(tested)
    return f"{len(decided)} claims; {'; '.join([*parts, f'{untested} not tested'])}"
