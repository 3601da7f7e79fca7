"""What numbers a task has: the columns that are counted, and the measures that are made of them.

Counts are an array (clusters, groups, strata, columns). The first columns are those of every task;
a task's own follow them. A task with numbers of its own is a package with a module `numbers` and a
`NUMBERS` in it; every other one has accuracy, loss and length (`DEFAULT`).
"""

from __future__ import annotations

# `compare` asks of `Numbers` (A): names, contrasted, policies, tools, known_scores(), at_least,
# and one thing more, how a metric is called in a sentence:
#     words: Mapping[str, str]  # "s_amb": "the ambiguous bias score"; others: by their name
