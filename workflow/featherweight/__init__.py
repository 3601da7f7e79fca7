"""Featherweight: how far do small language models reason? A study that anyone can rerun, read and
trust.

Importing this package imports no stage, opens no file and no socket; each stage is a module of its
own (`featherweight.acquire`, `.prompts`, `.generate`, `.score`, `.aggregate`, `.compare`,
`.report`).
"""

__version__ = "0.1.0"
