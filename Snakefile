"""How far do small language models reason? The whole study, in the order in which data flows.

config/studies/<study>.yaml
    -> acquire -> prompts -> generate -> score -> aggregate -> compare -> report
"""

from snakemake.utils import min_version

min_version("9.12.0")


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/acquire.smk"
include: "workflow/rules/prompts.smk"
include: "workflow/rules/generate.smk"
include: "workflow/rules/score.smk"
include: "workflow/rules/aggregate.smk"
include: "workflow/rules/compare.smk"
include: "workflow/rules/report.smk"


rule all:
    """The report of the configured study; the manifests, so that a changed file is noticed."""
    default_target: True
    input:
        PREFLIGHT,
        MANIFESTS,
        REPORT,
