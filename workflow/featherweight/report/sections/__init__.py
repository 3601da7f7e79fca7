"""The sections of the page, one module each: from results to words, charts and tables."""
