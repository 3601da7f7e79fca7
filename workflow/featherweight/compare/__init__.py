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
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from featherweight.compare import published_rules
from featherweight.compare.beside import beside
from featherweight.compare.claims import Claim, read_claims
from featherweight.compare.evidence import read_evidence
from featherweight.compare.explain import explained
from featherweight.compare.instrument import check_controls, check_planted
from featherweight.compare.published import Published, read_published, write_published
from featherweight.compare.rules import decide
from featherweight.compare.seen import Seen
from featherweight.compare.unread import by_wording, lines
from featherweight.compare.vocabulary import of_published
from featherweight.errors import InputError
from featherweight.files import read_spec, write_csv, write_json, write_rows
from featherweight.records import Verdict

log = logging.getLogger(__name__)

INPUTS = ("spec", "aggregate", "published", "claims", "output")


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
    run(read_spec(args.spec), args.aggregate, args.published, args.claims, args.output)


def run(spec: dict[str, Any], aggregate: Path, published: Path, claims: Path, output: Path) -> None:
    """Decide every claim, lay published figures beside ours. InputError: files of no use."""
    problems: list[str] = []
    figures, stated, evidence = [], [], None
    try:
        figures = read_published(published)
    except InputError as error:
        problems += error.problems
    try:
        stated = read_claims(claims)
    except InputError as error:
        problems += error.problems
    problems += _unknown_metrics(claims, stated, figures)
    try:
        evidence = read_evidence(aggregate, spec, figures)
    except InputError as error:
        problems += error.problems
    if problems or evidence is None:
        raise InputError(problems)

    decided = [decide(claim, evidence) for claim in stated]
    verdicts = [verdict for verdict, _ in decided]
    write_rows(output / "verdicts.parquet", verdicts, Verdict)
    write_csv(output / "verdicts.csv", verdicts, Verdict)
    more = {
        claim.id: _more(claim, seen, figures)
        for claim, (_, seen) in zip(stated, decided, strict=True)
    }
    write_json(output / "claims.json", more)
    write_published(output / "published.csv", beside(figures, spec["tasks"], spec.get("answers")))
    planted, controls = check_planted(evidence), check_controls(evidence)
    write_json(output / "planted.json", planted)
    write_json(output / "controls.json", controls)
    unread = by_wording(evidence)
    write_json(output / "unread.json", unread)
    log.info("%s", tally(decided))
    for line in lines(evidence, unread):
        log.info("%s", line)
    for row in [*planted, *controls]:
        if row["inside"] is False:
            log.warning(
                "not recovered: %s %s, expected %s, measured %s",
                row["model"],
                row["what"],
                row["expected"],
                row["value"],
            )


def _unknown_metrics(
    path: Path, claims: Sequence[Claim], figures: Sequence[Published]
) -> list[str]:
    """Metrics of claims about published figures that no figure has; nothing where no figure could
    be read.
    """
    if not figures:
        return []
    known = frozenset(figure.metric for figure in figures)
    return [
        f"{path}: claim {claim.id}: rule {claim.rule}: {problem}"
        for claim in claims
        if claim.rule in published_rules.RULES
        for problem in of_published(claim.arguments, known)
    ]


def _more(claim: Claim, seen: Seen, figures: Sequence[Published]) -> dict[str, Any]:
    """What a reader of one verdict needs besides the row."""
    cited = {
        figure.source: {"title": figure.title, "address": figure.address} for figure in figures
    }
    return {
        "link": claim.link,
        "topic": claim.topic,
        "unit": claim.unit,
        "note": claim.note,
        "sources": [cited[source] for source in seen.sources],
        "steps": list(seen.steps),
    }


def tally(decided: Sequence[tuple[Verdict, Seen]]) -> str:
    """The verdicts counted, what this run decided apart from what was looked up."""
    tested = [(verdict, seen) for verdict, seen in decided if verdict.verdict != "not tested"]
    ours = Counter(verdict.verdict for verdict, seen in tested if not seen.sources)
    others = Counter(
        "borne out" if verdict.verdict == "reproduced" else verdict.verdict
        for verdict, seen in tested
        if seen.sources
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
