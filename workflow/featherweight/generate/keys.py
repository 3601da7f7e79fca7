"""What decides a completion: everything of it goes into the key under which it is stored.

    {"model": "pocket-fair", "revision": null, "files": "3f...", "engine": "transformers 5.23.0,
     ...", "version": 2, "prompt": [1, 511, 38], "decoding": {...}, "stream": 7}

Reads and writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from featherweight.canonical import digest
from featherweight.generate import options
from featherweight.records import Prompt
from featherweight.specs import GenerateSpec

GENERATION_VERSION = 2  # raise it when stored samples must not be used any more


def weights_digest(files: Mapping[str, Mapping[str, Any]]) -> str:
    """One hash for a model's files as its manifest lists them: name and content hash of each,
    nothing else.
    """
    return digest({name: entry["sha256"] for name, entry in files.items()})


class Keys:
    """The keys of one model's completions."""

    def __init__(
        self, spec: GenerateSpec, files: Mapping[str, Mapping[str, Any]], engine: str
    ) -> None:
        self._same = {
            "model": spec.model,
            "revision": spec.revision,
            "files": weights_digest(files),
            "engine": engine,
            "version": GENERATION_VERSION,
        }
        self._drawn = {"decoding": spec.decoding.model_dump()}

    def of(self, prompt: Prompt, stream: int) -> str:
        """The key of one completion; without noise it is the same for every stream."""
        if options.chosen_by_likelihood(prompt):
            return digest(self._same | options.asked(prompt))
        return digest(
            self._same | self._drawn | {"prompt": list(prompt.token_ids), "stream": stream}
        )
