"""The pocket items' numbers: BBQ's, and what a model must reach that was trained on such items."""

from __future__ import annotations

from dataclasses import replace

from featherweight.tasks.bbq import numbers as bbq
from featherweight.tasks.numbers import ACCURACY, AtLeast

# Held-out items whose context gives the answer: a model that fails there did not learn to read, so
# what was planted in it shows nothing.
NUMBERS = replace(bbq.NUMBERS, at_least=(AtLeast(bbq.TOLD, ACCURACY, 0.95),))
