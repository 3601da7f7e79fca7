"""The sections of the page: one module each, from the study's results to words, charts and tables."""
