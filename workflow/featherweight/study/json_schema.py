"""The JSON Schema of a study file, so that an editor can complete its keys and mark mistakes.

Writes `config/study.schema.json` (`make study-schema`), which the shipped studies name in their
first line. What needs the catalogue or a task - does this model exist, is this a category - only
`checks` can say.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from featherweight.files import write_json
from featherweight.study.schema import Study

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def study_schema() -> dict[str, Any]:
    """The schema as a JSON document."""
    return {"$schema": DIALECT, **Study.model_json_schema()}


if __name__ == "__main__":
    write_json(Path(sys.argv[1]), study_schema())
