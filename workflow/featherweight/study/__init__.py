"""Study files and the catalogue, from YAML to a checked plan, and from the plan to every spec.

`make_plan` is the way in, `stage_specs` the way out.
"""

from featherweight.study.load import Catalogue, load_catalogue, load_config
from featherweight.study.plan import Plan, make_plan

__all__ = [
    "Catalogue",
    "Plan",
    "load_catalogue",
    "load_config",
    "make_plan",
]
