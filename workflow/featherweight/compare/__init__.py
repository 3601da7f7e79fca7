"""The stage `compare`: what others published beside what we measured, and what the articles claim, decided by data.

Reads the folder of `aggregate` (estimates, differences, contrasts), `config/published/*.csv` and `config/claims.yaml`.
Writes verdicts.parquet and .csv (one `Verdict` per claim), claims.json (notes, units and, where a verdict rests on
figures of others alone, their sources: such a claim was looked up, not reproduced), published.csv (the published
figures that belong beside this study's, comparable or not, and why), planted.json and controls.json (what was planted
or known beforehand against what was measured). One real row of verdicts.csv, shortened:

    r1-mmlu,article 2,"DeepSeek-R1 scores 0.844 on MMLU",84.4%,0.908,,,contradicted,"...","DeepSeek prints 90.8%"
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import Any

from featherweight.compare.beside import beside
from featherweight.compare.claims import read_claims
from featherweight.compare.evidence import read_evidence
from featherweight.compare.instrument import check_controls, check_planted
from featherweight.compare.published import read_published, write_published
from featherweight.compare.rules import decide
from featherweight.errors import InputError
from featherweight.files import read_spec, write_csv, write_json, write_rows
from featherweight.records import Verdict

log = logging.getLogger(__name__)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the stage's arguments."""
    parser.add_argument("--spec", required=True, help="what is compared: study, models, tasks, policy (JSON)")
    parser.add_argument("--aggregate", type=Path, required=True, metavar="DIR", help="what `aggregate` wrote")
    parser.add_argument("--published", type=Path, required=True, metavar="DIR", help="published figures (CSV files)")
    parser.add_argument("--claims", type=Path, required=True, metavar="FILE", help="what the articles claim (YAML)")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="where the comparison is written")


def main(args: argparse.Namespace) -> None:
    """Run the stage from the command line."""
    run(read_spec(args.spec), args.aggregate, args.published, args.claims, args.output)


def run(spec: dict[str, Any], aggregate: Path, published: Path, claims: Path, output: Path) -> None:
    """Decide every claim and lay published figures beside ours. Raises InputError for files that cannot be used."""
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
    cited = {figure.source: {"title": figure.title, "address": figure.address} for figure in figures}
    write_json(
        output / "claims.json",
        {
            claim.id: {
                "link": claim.link,
                "topic": claim.topic,
                "unit": claim.unit,
                "note": claim.note,
                "sources": [cited[source] for source in sources],
            }
            for claim, (_, sources) in zip(stated, decided, strict=True)
        },
    )
    write_published(output / "published.csv", beside(figures, spec["tasks"], spec.get("answers")))
    planted, controls = check_planted(evidence), check_controls(evidence)
    write_json(output / "planted.json", planted)
    write_json(output / "controls.json", controls)
    counts = {word: sum(v.verdict == word for v in verdicts) for word in dict.fromkeys(v.verdict for v in verdicts)}
    log.info("claims: %s", ", ".join(f"{count} {word}" for word, count in counts.items()) or "none")
    failed = [row for row in [*planted, *controls] if row["inside"] is False]
    for row in failed:
        log.warning(
            "not recovered: %s %s, expected %s, measured %s", row["model"], row["what"], row["expected"], row["value"]
        )
