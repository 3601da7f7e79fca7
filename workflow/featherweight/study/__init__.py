"""Study files and the catalogue, from YAML to a checked plan: `make_plan` is the way in, `specs`
the way out.
"""

from featherweight.canonical import digest
from featherweight.study.load import Catalogue, load_catalogue, load_config, load_study, nearest
from featherweight.study.plan import Cell, Plan, make_plan

__all__ = [
    "Catalogue",
    "Cell",
    "Plan",
    "digest",
    "load_catalogue",
    "load_config",
    "load_study",
    "make_plan",
    "nearest",
]
