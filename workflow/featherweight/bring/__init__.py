"""Answers and logs of other tools, read and scored as a study's own. No stage imports it."""
