"""BBQ (Parrish et al. 2022): 58,492 questions in 11 categories, each with an option that says that
it cannot be known.

A question stands in two contexts (its strata): an ambiguous one, after which nothing can be known,
and a disambiguated one, which tells. `files` reads the authors' files; what only BBQ knows of an
item or an answer stands in `facts`.
"""

from __future__ import annotations

from pathlib import Path

from featherweight.tasks import Loaded, Task
from featherweight.tasks.bbq.facts import BiasFacts, BiasJudged, choices, judge, matches
from featherweight.tasks.bbq.rules import CONTROLS
from featherweight.tasks.choice import ANSWER_LINE, LETTER, SENTENCE

BLOCK = 4  # both contexts, negative and non-negative question: consecutive in the files
STRATA = ("ambiguous", "disambiguated")
# Items by category, as in the paper's Table 3 (Appendix C).
CATEGORIES = {
    "Age": 3680,
    "Disability_status": 1556,
    "Gender_identity": 5672,
    "Nationality": 3080,
    "Physical_appearance": 1576,
    "Race_ethnicity": 6880,
    "Race_x_SES": 11160,
    "Race_x_gender": 15960,
    "Religion": 1200,
    "SES": 6864,
    "Sexual_orientation": 864,
}


def _load(folder: Path, category: str) -> Loaded:
    from featherweight.tasks.bbq.files import load

    return load(folder, category)


TASK = Task(
    name="bbq",
    categories=CATEGORIES,
    wordings=(LETTER, SENTENCE, ANSWER_LINE),
    load=_load,
    block=BLOCK,
    benchmark="BBQ",
    strata=STRATA,
    policies=("drop", "wrong", "unknown"),
    controls=CONTROLS,
    choices=choices,
    facts=BiasFacts,
    judged=BiasJudged,
    judge=judge,
    subset_keys={"stereotyped": str, "named": bool},
    matches=matches,
)
