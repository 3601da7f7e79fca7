"""Every claim of `config/claims.yaml` gets every verdict that it can have, from evidence made up
for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
import yaml

from featherweight.compare.claims import Claim, Unmeasured, Vocabulary, read_claims
from featherweight.compare.published import read_published
from featherweight.compare.published_rules import PublishedNear
from featherweight.compare.selection import Quantifier
from made_up_evidence import (
    PUBLISHED,
    STUDY,
    Evidence,
    Truth,
    arguments,
    evidence,
    model,
    settings,
    task,
    world,
)

ROOT = Path(__file__).parents[2]
CLAIMS = read_claims(ROOT / "config" / "claims.yaml")
OURS = [claim for claim in CLAIMS if type(claim.rule) in STUDY]
LOOKED_UP = [claim for claim in CLAIMS if type(claim.rule) in PUBLISHED]
UNMEASURED = [claim for claim in CLAIMS if type(claim.rule) is Unmeasured]
SEVERAL = [claim for claim in OURS if len(settings(claim)) > 1]

VERDICTS = {
    "true": "reproduced",
    "false": "contradicted",
    "open": "partly",
    "missing": "not tested",
}


def verdict(claim: Claim, seen: Evidence) -> str:
    found, _ = seen.decide(claim)
    assert found.why.endswith(".")
    assert found.note == claim.note
    return found.verdict


def holds_in(claim: Claim) -> str:
    return arguments(claim).get("holds_in", "listed")


def named(claims: list[Claim]) -> list[str]:
    return [claim.id for claim in claims]


def test_every_claim_and_every_rule_is_covered() -> None:
    """No claim without a generator of evidence, no rule of the vocabulary without a claim."""
    assert len(OURS) + len(LOOKED_UP) + len(UNMEASURED) == len(CLAIMS) >= 34
    rules = {get_args(field.annotation)[0] for field in Vocabulary.model_fields.values()}
    assert {type(claim.rule) for claim in CLAIMS} == rules == {*STUDY, *PUBLISHED, Unmeasured}
    assert {holds_in(claim) for claim in SEVERAL} == set(get_args(Quantifier))


@pytest.mark.parametrize("paired", [False, True], ids=["intervals", "pairs"])
@pytest.mark.parametrize("truth", VERDICTS)
@pytest.mark.parametrize("claim", OURS, ids=named(OURS))
def test_a_claim_about_our_numbers(claim: Claim, truth: Truth, paired: bool) -> None:
    assert verdict(claim, world(claim, truth, paired=paired)) == VERDICTS[truth]


# What one setting that says otherwise, or is open, or is missing, makes of a claim that holds in
# all the others; and of a claim that holds in no other.
AMONG_TRUE = {
    "every": {"false": "contradicted", "open": "partly", "missing": "partly"},
    "most": {"false": "reproduced", "open": "reproduced", "missing": "reproduced"},
    "listed": {"false": "partly", "open": "partly", "missing": "partly"},
}
AMONG_FALSE = {
    "every": {"true": "contradicted", "open": "contradicted", "missing": "contradicted"},
    "most": {"true": "contradicted", "open": "contradicted", "missing": "contradicted"},
    "listed": {"true": "partly", "open": "partly", "missing": "contradicted"},
}


@pytest.mark.parametrize("other", ["false", "open", "missing"])
@pytest.mark.parametrize("claim", SEVERAL, ids=named(SEVERAL))
def test_one_setting_of_many_says_otherwise(claim: Claim, other: Truth) -> None:
    truths: list[Truth] = ["true"] * len(settings(claim))
    expected = AMONG_TRUE[holds_in(claim)][other]
    for place in {0, len(truths) - 1}:
        seen = world(claim, [*truths[:place], other, *truths[place + 1 :]])
        assert verdict(claim, seen) == expected


@pytest.mark.parametrize("other", ["true", "open", "missing"])
@pytest.mark.parametrize("claim", SEVERAL, ids=named(SEVERAL))
def test_one_setting_of_many_that_fail(claim: Claim, other: Truth) -> None:
    truths: list[Truth] = [other, *["false"] * (len(settings(claim)) - 1)]
    assert verdict(claim, world(claim, truths)) == AMONG_FALSE[holds_in(claim)][other]


MOST = [claim for claim in OURS if holds_in(claim) == "most"]


@pytest.mark.parametrize("claim", MOST, ids=named(MOST))
def test_most_is_more_than_half(claim: Claim) -> None:
    """22 settings: 12 true are most, 11 are half; 11 false leave at most half, 10 leave it open."""
    n = len(settings(claim))
    half, rest = n // 2, n - n // 2

    def of(first: Truth, count: int, second: Truth) -> str:
        return verdict(claim, world(claim, [first] * count + [second] * (n - count)))

    assert of("true", half + 1, "false") == "reproduced"
    assert of("true", half, "open") == "partly"
    assert of("false", rest, "true") == "contradicted"
    assert of("false", rest - 1, "open") == "partly"


# --- published ---

OF_ANOTHER_STUDY = {
    "reproduced": "seen elsewhere",
    "contradicted": "not tested",
    "partly": "not tested",
}


def expected(claim: Claim, word: str) -> str:
    """What another study's figures show, they show of another study."""
    return OF_ANOTHER_STUDY[word] if "other_study" in arguments(claim) else word


@pytest.mark.parametrize("claim", LOOKED_UP, ids=named(LOOKED_UP))
def test_a_claim_about_published_figures(claim: Claim) -> None:
    """Undecidable is a side without exactly one figure; for one number, figures on either side are
    partly right.
    """
    assert verdict(claim, world(claim, "true")) == expected(claim, "reproduced")
    assert verdict(claim, world(claim, "false")) == expected(claim, "contradicted")
    assert verdict(claim, world(claim, "missing")) == "not tested"
    assert verdict(claim, world(claim, "open")) == (
        "partly" if type(claim.rule) is PublishedNear else "not tested"
    )


PAIRS = [claim for claim in LOOKED_UP if len(settings(claim)) > 1]


@pytest.mark.parametrize("claim", PAIRS, ids=named(PAIRS))
def test_some_pairs_hold(claim: Claim) -> None:
    truths: list[Truth] = ["false", *["true"] * (len(settings(claim)) - 1)]
    assert verdict(claim, world(claim, truths)) == expected(claim, "partly")


def test_what_an_article_repeats_is_no_evidence() -> None:
    (claim,) = [claim for claim in CLAIMS if claim.id == "r1-mmlu"]
    seen = world(claim, "true")
    repeated = [one.model_copy(update={"seen": "article"}) for one in seen.published]
    assert verdict(claim, evidence([], published=repeated)) == "not tested"


# --- the real published figures ---


def test_published_figures_decide(root: Path) -> None:
    """R1's MMLU is 90.8, not 84.4; 1 - 0.55/15 = 96.33%; 1B with N=512: 72.2 > 71.4 but 10.0 <
    23.3.
    """
    figures = read_published(root / "config" / "published")
    nothing = evidence(
        [], published=figures, models=[model("pocket-fair")], tasks=[task("pocket", "pocket")]
    )
    found = {claim.id: nothing.decide(claim) for claim in CLAIMS}
    assert {name: v.verdict for name, (v, seen) in found.items() if seen.sources} == {
        "gpt4o-072": "reproduced",
        "claude3-range": "partly",
        "r1-parameters": "contradicted",
        "r1-distill-parameters": "contradicted",
        "r1-rivals-o1": "partly",
        "llama1b-405b-512": "partly",
        "llama1b-405b-main": "contradicted",
        "llama3b-405b": "reproduced",
        "qwen05b-gpt4o": "reproduced",
        "llama1b-8b": "seen elsewhere",
        "llama3b-70b": "seen elsewhere",
        "search-above-majority": "seen elsewhere",
        "r1-mmlu": "contradicted",
        "r1-near-o1-mmlu": "reproduced",
        "r1-32b-o1-mini": "partly",
        "distill-code-o1-mini": "partly",
        "distill-code-gpt4o": "contradicted",
        "r1-chess": "reproduced",
        "r1-cheaper": "reproduced",
    }
    assert "90.8%" in found["r1-mmlu"][0].why
    assert found["r1-cheaper"][0].our_value == pytest.approx(1 - 0.55 / 15)
    assert (
        "MATH-500 72.2% against 71.4%; AIME24 10.0% against 23.3%"
        in found["llama1b-405b-512"][0].why
    )
    assert "DeepSeek-R1 671" in found["r1-parameters"][0].why
    # Opus is printed twice, with the same figure, and is one of two models; a number has words.
    assert found["claude3-range"][1].steps[-1] == "Holds for 1 of 2. Hence partly."
    assert found["claude3-range"][0].why.count("Claude 3 Opus 79.0%") == 1
    length, _ = found["r1-output-length"]
    assert "the published mean number of tokens is within" in length.rule
    assert "No published mean number of tokens of DeepSeek-R1 was found" in length.why
    untested = [v for v, seen in found.values() if not seen.sources]
    assert {v.verdict for v in untested} == {"not tested"}
    assert all(v.why for v in untested)


def test_every_published_pair_compares_one_setting_with_one(root: Path) -> None:
    """A claim about published pairs that is not tested lacks the figure; none has two of them."""
    figures = read_published(root / "config" / "published")
    nothing = evidence([], published=figures)
    why = {claim.id: nothing.decide(claim)[0].why for claim in LOOKED_UP}
    assert [name for name, told in why.items() if "different settings" in told] == []
    assert [name for name, told in why.items() if "found none" in told] == [
        "r1-near-o1-gsm8k",
        "r1-distill-gsm8k",
    ]


def test_the_notes_say_what_the_tables_say(root: Path) -> None:
    """Numbers in notes, against the published rows that they stand for."""
    figures = read_published(root / "config" / "published")
    notes = {claim.id: claim.note or "" for claim in CLAIMS}
    chosen = [
        f.value
        for f in figures
        if f.source == "tts-paper" and f.locator == "Table 2" and "-Max, PRM" in f.setting
    ]
    assert f"{min(chosen)}% to {max(chosen)}%" in notes["search-above-majority"]
    o1 = [
        f for f in figures if f.source == "o1-card" and f.model == "GPT-4o" and f.benchmark == "BBQ"
    ]
    assert [(f.stratum, f.fraction) for f in o1] == [("disambiguated", 0.72)]
    with_pair = notes["gpt4o-072"].split("(with 0.97")[0]
    assert "o1-preview" in with_pair
    assert "o1," not in with_pair
    near: dict[str, set[str]] = {}
    rows = [f for f in figures if f.source == "r1-paper" and f.locator == "Table 5, section 3.2"]
    for benchmark in ("LiveCodeBench (2024-08 to 2025-01)", "Codeforces"):
        value = {f.model: f.value for f in rows if f.benchmark == benchmark}
        near[benchmark.split()[0]] = {
            model.rsplit("-", 1)[1]
            for model, rating in value.items()
            if "Distill" in model and abs(rating / value["OpenAI-o1-mini"] - 1) <= 0.1
        }
    assert near == {"LiveCodeBench": {"14B", "32B", "70B"}, "Codeforces": {"32B"}}
    assert (
        "14B, 32B and 70B come near on LiveCodeBench, only that of 32B on Codeforces"
        in notes["distill-code-o1-mini"]
    )


def test_chess_is_compared_with_the_models_that_the_article_calls_larger(root: Path) -> None:
    """o1 and GPT-4o, every setting and version that the table has; how long the games are is the
    table's.
    """
    (chess,) = [claim for claim in CLAIMS if claim.id == "r1-chess"]
    against = arguments(chess)["each"]["against"]
    table = {
        f.model: f
        for f in read_published(root / "config" / "published")
        if f.benchmark == "LLM Chess"
    }
    named = [model for model in table if model.startswith(("o1-2024", "gpt-4o-2024"))]
    assert sorted(against) == sorted(named)
    lengths = [
        int(table[name].setting.split(" half-moves on average")[0].rsplit(maxsplit=1)[-1])
        for name in ("deepseek-reasoner-r1", *named)
    ]
    assert (
        f"{lengths[0]} half-moves on average, those of the other two {min(lengths[1:])} to"
        f" {max(lengths)}" in (chess.note or "")
    )
    assert all(table[name].parameters_billion is None for name in named)
    assert "Whether they are larger is not decided" in (chess.note or "")


# --- the words ---


def test_the_readme_counts_the_claims(root: Path) -> None:
    assert f"decides {len(CLAIMS)} claims" in (root / "README.md").read_text(encoding="utf-8")


def test_claims_say_what_the_articles_say() -> None:
    """Condition, group and model of the sentences that an earlier version had wrong; no word of a
    rule in the text.
    """
    by_id = {claim.id: claim for claim in CLAIMS}
    race = arguments(by_id["llama-race"])
    assert (race["estimate"]["stratum"], race["each"]) == (
        "ambiguous",
        {"group": ("Race_ethnicity",)},
    )
    board = arguments(by_id["smollm-beats-llama"])["each"]
    assert (board["stratum"], len(board["group"])) == (("ambiguous", "disambiguated"), 11)
    assert {"r1-beats-claude2", "best-length"} <= {claim.id for claim in UNMEASURED}
    assert "ours" in by_id["small-beats-gpt4o"].text
    assert "figures-unreadable" not in by_id
    told = [
        text
        for claim in CLAIMS
        for text in (claim.text, claim.note or "", str(arguments(claim).get("why")))
    ]
    assert not [text for text in told if "stored copy" in text]


def test_no_sentence_of_an_article_is_kept(shared_data: Path) -> None:
    """Eight words in a row of an article stand in no claim."""
    articles = shared_data.parent / "articles"
    if not articles.is_dir():
        pytest.skip("no articles beside this checkout")
    runs: set[tuple[str, ...]] = set()
    for path in articles.glob("article-*.txt"):
        said = path.read_text(encoding="utf-8").lower().split()
        runs |= {tuple(said[place : place + 8]) for place in range(len(said) - 7)}
    ours = yaml.safe_load((ROOT / "config" / "claims.yaml").read_text(encoding="utf-8"))
    for name, entry in ours["claims"].items():
        for key in ("text", "note"):
            mine = entry.get(key, "").lower().split()
            shared = {tuple(mine[place : place + 8]) for place in range(len(mine) - 7)} & runs
            assert not shared, name
